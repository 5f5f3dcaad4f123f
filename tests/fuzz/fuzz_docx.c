/*
 * Fuzzes the check of archives that may be Word documents. Any file is read without a fault, and a
 * file accepted as a document begins like an archive and names both required parts, in any case.
 */
#include "files/docx.h"
#include "fuzz.h"

#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

static bool contains(const uint8_t *data, size_t size, const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i + length <= size; i++) {
        if (!strncasecmp((const char *)data + i, text, length)) {
            return true;
        }
    }
    return false;
}

/* Returns a file with these bytes; the same descriptor is reused each time. */
static int write_document(const uint8_t *data, size_t size)
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
    FUZZ_CHECK(!docx_check(arena, write_document(data, size), (int64_t)size, &fits));
    FUZZ_CHECK(!fits || (!memcmp(data, "PK\003\004", 4) && contains(data, size, "PK\005\006") &&
                         contains(data, size, "[Content_Types].xml") &&
                         contains(data, size, "word/document")));
    arena_free(&arena);
    return 0;
}
