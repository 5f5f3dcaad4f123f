/*
 * Fuzzes the detection of macros in Word documents of both formats. Any file is read without a
 * fault. Macros are found only in a file that begins like an archive or a compound file. An archive
 * is free of macros only if its parts fill it up to the directory, in order, and one of them is
 * [Content_Types].xml.
 */
#include "files/archive.h"
#include "files/compound_file.h"
#include "files/docx.h"
#include "fuzz.h"

#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

/* Returns a file with these bytes; the same descriptor is reused each time. */
static int write_document(const uint8_t *data, size_t size)
{
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("macros", MFD_CLOEXEC);
    }
    FUZZ_CHECK(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
    FUZZ_CHECK(pwrite(fd, data, size, 0) == (ssize_t)size);
    return fd;
}

static void check_archive(struct arena *arena, int fd, int64_t size)
{
    struct archive archive;
    bool clear = false, types = false;
    int64_t behind = 0;
    FUZZ_CHECK(!archive_read(arena, fd, size, &archive, &clear) && clear);
    for (size_t i = 0; i < archive.count; i++) {
        const struct archive_part *part = &archive.parts[i];
        FUZZ_CHECK(part->header >= behind && part->header - behind <= 24);
        FUZZ_CHECK(part->content > part->header && part->packed >= 0);
        behind = part->content + part->packed;
        types |= part->name_length == 19 && !strncasecmp(part->name, "[Content_Types].xml", 19);
    }
    FUZZ_CHECK(types && behind < size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    bool in_docx = true, in_doc = true;
    int fd = write_document(data, size);
    FUZZ_CHECK(!docx_has_macros(arena, fd, (int64_t)size, &in_docx));
    FUZZ_CHECK(!compound_file_has_macros(arena, fd, (int64_t)size, &in_doc));
    FUZZ_CHECK(!in_docx || !memcmp(data, "PK\003\004", 4));
    FUZZ_CHECK(!in_doc || (size >= 128 && data[0] == 0xD0 && data[1] == 0xCF));
    if (!in_docx && size >= 22 && !memcmp(data, "PK\003\004", 4)) {
        check_archive(arena, fd, (int64_t)size);
    }
    arena_free(&arena);
    return 0;
}
