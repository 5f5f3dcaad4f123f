/*
 * Fuzzes the parser of multipart forms: the first byte determines the size of the pieces in which
 * the body arrives, the rest of the first line is the boundary, and the rest of the input is the
 * body. The size makes no difference, names are within their limits, and the content that is read
 * is not longer than the body.
 */
#include "fuzz.h"
#include "http/multipart.h"

struct source {
    const uint8_t *bytes;
    size_t length, at, piece;
};

static size_t read_piece(void *context, char *bytes, size_t size)
{
    struct source *source = context;
    size_t left = source->length - source->at;
    size_t length = source->piece < size ? source->piece : size;
    length = length < left ? length : left;
    if (length) {
        memcpy(bytes, source->bytes + source->at, length);
    }
    source->at += length;
    return length;
}

/* Returns everything that was parsed, and whether parsing failed. */
static struct buffer read_form(struct arena *arena, const char *boundary, struct source source)
{
    struct request request = {
        .arena = arena,
        .headers = {.content_type =
                        arena_format(arena, "multipart/form-data; boundary=\"%s\"", boundary)},
        .input = {read_piece, &source},
    };
    struct buffer out = {.arena = arena};
    struct multipart *form;
    struct multipart_part part;
    bool found = true;
    size_t parts = 0, content = 0;
    struct error *error = multipart_open(&request, &form);
    while (!error && !(error = multipart_next(form, &part, &found)) && found) {
        const char *bytes;
        size_t length;
        FUZZ_CHECK(++parts <= MULTIPART_PARTS_MAX);
        /* A character of one byte has up to three bytes in UTF-8. */
        FUZZ_CHECK(part.name.length + part.file_name.length <= (size_t)3 * MULTIPART_HEADER_MAX);
        FUZZ_CHECK(part.is_file || !part.file_name.length);
        buffer_format(&out, "%zu %zu:", part.name.length, part.file_name.length);
        while (!(error = multipart_read(form, &bytes, &length)) && length) {
            buffer_add(&out, bytes, length);
            content += length;
        }
    }
    FUZZ_CHECK(!error || error->id == ERR_INVALID_MULTIPART || error->id == ERR_PART_ENCODING);
    FUZZ_CHECK(content <= source.length);
    if (error && error->id == ERR_PART_ENCODING) {
        buffer_clear(&out); /* the caller may have read the content before the fault */
    }
    buffer_add_string(&out, error ? "error" : "end");
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line_end = size ? memchr(data, '\n', size) : NULL;
    if (!line_end) {
        return 0;
    }
    struct arena *arena = arena_new();
    size_t piece = (size_t)data[0] % 64 + 1;
    char *boundary = fuzz_string(data + 1, line_end > data ? (size_t)(line_end - data - 1) : 0);
    size_t length = (size_t)(data + size - line_end - 1);
    struct source source = {line_end + 1, length, 0, piece},
                  whole = {line_end + 1, length, 0, size};
    struct buffer one = read_form(arena, boundary, source);
    struct buffer other = read_form(arena, boundary, whole);
    FUZZ_CHECK(one.length == other.length && !memcmp(one.bytes, other.bytes, one.length));
    free(boundary);
    arena_free(&arena);
    return 0;
}
