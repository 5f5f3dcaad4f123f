/*
 * Fuzzes the search for macros in documents of Word, of both formats. Whatever the file is, it is read without
 * a fault. A compound file is found to have macros only if it holds a name of theirs, and an archive that
 * is no document never is.
 */
#include "collection/compound_file.h"
#include "collection/docx.h"
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

/* A file of these bytes, the same one each time. */
static int file_of(const uint8_t *data, size_t size)
{
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("macros", MFD_CLOEXEC);
    }
    FUZZ_CHECK(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
    FUZZ_CHECK(pwrite(fd, data, size, 0) == (ssize_t)size);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    bool in_docx = true, in_doc = true;
    int fd = file_of(data, size);
    FUZZ_CHECK(!docx_has_macros(arena, fd, (int64_t)size, &in_docx));
    FUZZ_CHECK(!compound_file_has_macros(arena, fd, (int64_t)size, &in_doc));
    FUZZ_CHECK(!in_docx || !memcmp(data, "PK\003\004", 4));
    FUZZ_CHECK(!in_doc || (size >= 128 && data[0] == 0xD0 && data[1] == 0xCF));
    arena_free(&arena);
    return 0;
}
