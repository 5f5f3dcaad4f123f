/* See fastcgi.h. */
#include "base/fastcgi.h"

#include <string.h>

enum {
    VERSION = 1,
    ROLE_RESPONDER = 1,
    BEGIN_SIZE = 8, /* content of BEGIN_REQUEST */
    BYTE_BITS = 8,
    BYTE_MAX = 0xff,
};

/* Places in a record's header. */
enum { AT_VERSION, AT_TYPE, AT_ID, AT_LENGTH = 4, AT_PADDING = 6 };

/* --- reading --------------------------------------------------------------------------------- */

static unsigned two_bytes(const unsigned char *bytes)
{
    return (unsigned)bytes[0] << BYTE_BITS | bytes[1];
}

/* True if a record of this type may come now. */
static bool is_expected(const struct fastcgi_reader *reader, unsigned type, unsigned id)
{
    if (type == FASTCGI_BEGIN_REQUEST) {
        return !reader->id && id && reader->content == BEGIN_SIZE;
    }
    return reader->id && id == reader->id &&
           type == (reader->params_end ? FASTCGI_STDIN : FASTCGI_PARAMS);
}

static enum fastcgi_event fail(struct fastcgi_reader *reader)
{
    reader->finished = true;
    return FASTCGI_MALFORMED;
}

/* A header is complete. An empty record ends its stream. */
static enum fastcgi_event begin_record(struct fastcgi_reader *reader)
{
    const unsigned char *header = reader->header;
    unsigned id = two_bytes(header + AT_ID);
    reader->content = two_bytes(header + AT_LENGTH);
    reader->padding = header[AT_PADDING];
    if (header[AT_VERSION] != VERSION || !is_expected(reader, header[AT_TYPE], id)) {
        return fail(reader);
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

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Takes what there is of a header; true if it is complete. */
static bool take_header(struct fastcgi_reader *reader, const char **bytes, size_t *length)
{
    size_t taken = smaller(*length, FASTCGI_HEADER_SIZE - reader->header_length);
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
        size_t taken = smaller(*length, reader->content ? reader->content : reader->padding);
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
        } else if (take_header(reader, bytes, length)) {
            enum fastcgi_event event = begin_record(reader);
            if (event != FASTCGI_MORE) {
                return event;
            }
        }
    }
    return reader->finished && *length ? FASTCGI_MALFORMED : FASTCGI_MORE;
}

enum fastcgi_event fastcgi_look_at_request(const char *bytes, size_t length)
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
        size_t length = smaller(params->length - at, FASTCGI_CONTENT_MAX);
        fastcgi_add_header(out, FASTCGI_PARAMS, id, length);
        buffer_add(out, params->bytes + at, length);
        at += length;
    }
    fastcgi_add_header(out, FASTCGI_PARAMS, id, 0);
}
