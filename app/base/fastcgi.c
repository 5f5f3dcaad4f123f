/* See fastcgi.h. */
#include "base/fastcgi.h"

#include <string.h>

enum {
    VERSION = 1,
    ROLE_RESPONDER = 1,
    BEGIN_SIZE = 8, /* content length of BEGIN_REQUEST */
    BYTE_BITS = 8,
    BYTE_MAX = 0xff,
};

/* Offsets in the header of a record. */
enum { AT_VERSION, AT_TYPE, AT_ID, AT_LENGTH = 4, AT_PADDING = 6 };

/* --- parsing --------------------------------------------------------------------------------- */

static unsigned read_two_bytes(const unsigned char *bytes)
{
    return (unsigned)bytes[0] << BYTE_BITS | bytes[1];
}

/* True if a record of this type and request id is allowed in the current state. */
static bool is_expected_record(const struct fastcgi_reader *reader, unsigned type, unsigned id)
{
    if (type == FASTCGI_BEGIN_REQUEST) {
        return !reader->id && id && reader->content == BEGIN_SIZE;
    }
    return reader->id && id == reader->id &&
           type == (reader->params_end ? FASTCGI_STDIN : FASTCGI_PARAMS);
}

/* Interprets a complete header. An empty record ends its stream (PARAMS or STDIN). */
static enum fastcgi_event parse_header(struct fastcgi_reader *reader)
{
    const unsigned char *header = reader->header;
    unsigned id = read_two_bytes(header + AT_ID);
    reader->content = read_two_bytes(header + AT_LENGTH);
    reader->padding = header[AT_PADDING];
    if (header[AT_VERSION] != VERSION || !is_expected_record(reader, header[AT_TYPE], id)) {
        reader->finished = true;
        return FASTCGI_MALFORMED;
    }
    reader->id = (uint16_t)id;
    if (reader->content) {
        return FASTCGI_MORE;
    }
    if (reader->params_end) {
        reader->finished = true;
        return FASTCGI_END;
    }
    reader->params_end = true;
    return FASTCGI_PARAMS_END;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Copies the available bytes of a header. Returns true if the header is complete. */
static bool collect_header(struct fastcgi_reader *reader, const char **bytes, size_t *length)
{
    size_t taken = min_size(*length, FASTCGI_HEADER_SIZE - reader->header_length);
    memcpy(reader->header + reader->header_length, *bytes, taken);
    *bytes += taken;
    *length -= taken;
    reader->header_length = (reader->header_length + taken) % FASTCGI_HEADER_SIZE;
    return taken && !reader->header_length;
}

enum fastcgi_event fastcgi_next(struct fastcgi_reader *reader, const char **bytes, size_t *length,
                                const char **piece_r, size_t *piece_length_r)
{
    while (*length && !reader->finished) {
        size_t taken = min_size(*length, reader->content ? reader->content : reader->padding);
        if (reader->content) {
            reader->content -= taken;
            *piece_r = *bytes;
            *piece_length_r = taken;
            *bytes += taken;
            *length -= taken;
            if (reader->header[AT_TYPE] != FASTCGI_BEGIN_REQUEST) {
                return reader->params_end ? FASTCGI_BODY_BYTES : FASTCGI_PARAMS_BYTES;
            }
        } else if (reader->padding) {
            reader->padding -= taken;
            *bytes += taken;
            *length -= taken;
        } else if (collect_header(reader, bytes, length)) {
            enum fastcgi_event event = parse_header(reader);
            if (event != FASTCGI_MORE) {
                return event;
            }
        }
    }
    return reader->finished && *length ? FASTCGI_MALFORMED : FASTCGI_MORE;
}

enum fastcgi_event fastcgi_inspect_request(const char *bytes, size_t length)
{
    struct fastcgi_reader reader = {0};
    enum fastcgi_event event;
    const char *piece;
    size_t piece_length;
    do {
        event = fastcgi_next(&reader, &bytes, &length, &piece, &piece_length);
    } while (event != FASTCGI_MORE && event != FASTCGI_END && event != FASTCGI_MALFORMED);
    return reader.params_end && event != FASTCGI_END ? FASTCGI_PARAMS_END : event;
}

/* --- writing --------------------------------------------------------------------------------- */

void fastcgi_add_header(struct buffer *out, enum fastcgi_type type, uint16_t id, size_t length)
{
    const char header[FASTCGI_HEADER_SIZE] = {
        VERSION,
        (char)type,
        (char)(id >> BYTE_BITS),
        (char)(id & BYTE_MAX),
        (char)(length >> BYTE_BITS & BYTE_MAX),
        (char)(length & BYTE_MAX),
        0,
        0,
    };
    buffer_add(out, header, sizeof header);
}

void fastcgi_add_param(struct buffer *params, const char *name, const char *value)
{
    buffer_add_char(params, (char)strlen(name));
    buffer_add_char(params, (char)strlen(value));
    buffer_add_string(params, name);
    buffer_add_string(params, value);
}

void fastcgi_add_request(struct buffer *out, uint16_t id, const struct buffer *params)
{
    static const char begin[BEGIN_SIZE] = {0, ROLE_RESPONDER};
    fastcgi_add_header(out, FASTCGI_BEGIN_REQUEST, id, sizeof begin);
    buffer_add(out, begin, sizeof begin);
    for (size_t at = 0; at < params->length;) {
        size_t length = min_size(params->length - at, FASTCGI_CONTENT_MAX);
        fastcgi_add_header(out, FASTCGI_PARAMS, id, length);
        buffer_add(out, params->bytes + at, length);
        at += length;
    }
    fastcgi_add_header(out, FASTCGI_PARAMS, id, 0);
}
