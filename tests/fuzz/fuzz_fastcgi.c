/*
 * Fuzzes the parser of FastCGI records: the first byte determines the size of the pieces in which
 * the rest arrives. The size makes no difference, pieces of content lie within the bytes, and
 * nothing is returned after an end.
 */
#include "base/fastcgi.h"
#include "fuzz.h"

/* Returns everything that was parsed, and the last event. */
static struct buffer read_records(struct arena *arena, const char *bytes, size_t length,
                                  size_t size)
{
    struct fastcgi_reader reader = {0};
    struct buffer params = {.arena = arena}, out = {.arena = arena};
    enum fastcgi_event event = FASTCGI_MORE;
    for (size_t at = 0; at < length && event == FASTCGI_MORE; at += size) {
        size_t left = length - at < size ? length - at : size, piece_length;
        const char *next = bytes + at, *end = next + left, *piece;
        while ((event = fastcgi_next(&reader, &next, &left, &piece, &piece_length)) !=
                   FASTCGI_MORE &&
               event != FASTCGI_END && event != FASTCGI_MALFORMED) {
            FUZZ_CHECK(next + left == end);
            if (event != FASTCGI_PARAMS_END) {
                FUZZ_CHECK(piece >= bytes + at && piece_length && piece + piece_length <= next);
                buffer_add(event == FASTCGI_BODY_BYTES ? &out : &params, piece, piece_length);
            }
        }
        FUZZ_CHECK(event != FASTCGI_MORE || !left);
    }
    FUZZ_CHECK(reader.finished == (event == FASTCGI_END || event == FASTCGI_MALFORMED));
    FUZZ_CHECK(event != FASTCGI_END || reader.params_end);
    buffer_add(&out, params.bytes ? params.bytes : "", params.length);
    buffer_format(&out, " %d %d", (int)event, reader.id);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size) {
        return 0;
    }
    struct arena *arena = arena_new();
    const char *bytes = (const char *)data + 1;
    struct buffer whole = read_records(arena, bytes, size - 1, size);
    struct buffer pieces = read_records(arena, bytes, size - 1, (size_t)data[0] % 16 + 1);
    FUZZ_CHECK(whole.length == pieces.length && !memcmp(whole.bytes, pieces.bytes, whole.length));
    (void)!fastcgi_inspect_request(bytes, size - 1);
    arena_free(&arena);
    return 0;
}
