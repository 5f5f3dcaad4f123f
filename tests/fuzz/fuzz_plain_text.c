/*
 * Fuzzes the detection of plain text: the first byte determines the size of the pieces in which the
 * rest arrives. The size makes no difference. A text that contains NUL is UTF-16: it consists of
 * whole units, of which none is NUL.
 */
#include "files/text.h"
#include "fuzz.h"

static bool is_text(const char *bytes, size_t length, size_t piece)
{
    struct file_text text = {0};
    for (size_t at = 0; at < length; at += piece) {
        if (!file_text_add(&text, bytes + at, length - at < piece ? length - at : piece)) {
            return false;
        }
    }
    return file_text_is_complete(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) {
        return 0;
    }
    const char *bytes = (const char *)data + 1;
    size_t length = size - 1;
    bool whole = is_text(bytes, length, size);
    bool utf16 = length >= 2 && (!memcmp(bytes, "\xff\xfe", 2) || !memcmp(bytes, "\xfe\xff", 2));
    FUZZ_CHECK(is_text(bytes, length, *data % 150 + 1) == whole);
    if (whole && (utf16 || memchr(bytes, '\0', length))) {
        FUZZ_CHECK(length % 2 == 0);
        for (size_t i = 0; i < length; i += 2) {
            FUZZ_CHECK(bytes[i] || bytes[i + 1]);
        }
    }
    return 0;
}
