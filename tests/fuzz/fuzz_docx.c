/*
 * Fuzzes the look into archives that may be documents of Word. Whatever the file is, it is read without a
 * fault, and what is taken for a document begins as an archive does and names both of its parts.
 */
#include "files/docx.h"
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

static bool holds(const uint8_t *data, size_t size, const char *text)
{
    return memmem(data, size, text, strlen(text));
}

/* A file of these bytes, the same one each time. */
static int file_of(const uint8_t *data, size_t size)
{
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("document", MFD_CLOEXEC);
    }
    FUZZ_CHECK(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
    FUZZ_CHECK(pwrite(fd, data, size, 0) == (ssize_t)size);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    bool fits = true;
    FUZZ_CHECK(!docx_check(arena, file_of(data, size), (int64_t)size, &fits));
    FUZZ_CHECK(!fits ||
               (!memcmp(data, "PK\003\004", 4) && holds(data, size, "PK\005\006") &&
                holds(data, size, "[Content_Types].xml") && holds(data, size, "word/document")));
    arena_free(&arena);
    return 0;
}
