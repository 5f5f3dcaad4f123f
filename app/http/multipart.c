/*
 * See multipart.h.
 *
 * A delimiter is CR LF "--" boundary, also at the beginning of the body, where nothing stands before it:
 * the buffer begins with a CR LF of ours. What is in front of the first delimiter (the preamble) and
 * behind the last one (the epilogue) means nothing.
 */
#include "http/multipart.h"

#include "base/arena.h"
#include "base/utf8.h"

#include <string.h>
#include <strings.h>

enum { DELIMITER_MAX = 4 + MULTIPART_BOUNDARY_MAX };

enum state {
    IN_PREAMBLE,
    IN_PART,
    BEHIND_PART, /* at the delimiter that ends it */
    AT_END,      /* the last delimiter has come */
};

struct multipart {
    struct arena *arena;
    struct request_body input;
    bool input_ended;
    enum state state;
    size_t parts, header_left;
    char delimiter[DELIMITER_MAX + 1];
    size_t delimiter_length;
    size_t begin, end; /* of the bytes in the buffer that have not been handed out */
    char buffer[MULTIPART_BUFFER];
};

static struct error *invalid(const struct multipart *form, const char *why)
{
    return error_new(form->arena, ERR_INVALID_MULTIPART, "%s", why);
}

/* --- the buffer ------------------------------------------------------------------------------ */

static size_t held(const struct multipart *form)
{
    return form->end - form->begin;
}

/* Fills the buffer behind what it holds, which moves to its beginning. */
static void fill(struct multipart *form)
{
    memmove(form->buffer, form->buffer + form->begin, held(form));
    form->end -= form->begin;
    form->begin = 0;
    if (!form->input_ended) {
        size_t room = sizeof form->buffer - form->end;
        size_t got = form->input.read(form->input.source, form->buffer + form->end, room);
        form->input_ended = !got;
        form->end += got;
    }
}

/* Makes sure that `length` bytes are held. */
static struct error *need(struct multipart *form, size_t length)
{
    while (held(form) < length) {
        if (form->input_ended) {
            return invalid(form, "the body was cut off");
        }
        fill(form);
    }
    return NULL;
}

/* --- opening --------------------------------------------------------------------------------- */

static bool is_form(const char *content_type)
{
    static const char form[] = "multipart/form-data";
    const char *rest = content_type + strspn(content_type, " \t");
    size_t length = strlen(form);
    return !strncasecmp(rest, form, length) && strchr("; \t", rest[length]);
}

/* RFC 2046 5.1.1 */
static bool is_boundary(const struct parameter *boundary)
{
    static const char characters[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        "'()+_,-./:=? ";
    return boundary->length && boundary->length <= MULTIPART_BOUNDARY_MAX &&
           strspn(boundary->bytes, characters) == boundary->length &&
           boundary->bytes[boundary->length - 1] != ' ';
}

struct error *multipart_open(struct request *request, struct multipart **form_r)
{
    const char *content_type = request->headers.content_type;
    struct parameter boundary;
    if (!is_form(content_type)) {
        return error_new(request->arena, ERR_UNSUPPORTED_MEDIA_TYPE, NULL);
    }
    struct multipart *form = arena_alloc(request->arena, sizeof *form);
    form->arena = request->arena;
    form->input = request->input;
    if (!parameters_find(request->arena, content_type, "boundary", &boundary) ||
        !is_boundary(&boundary)) {
        return invalid(form, "no boundary, or one that is none");
    }
    memcpy(form->delimiter, "\r\n--", 4);
    memcpy(form->delimiter + 4, boundary.bytes, boundary.length);
    form->delimiter_length = 4 + boundary.length;
    memcpy(form->buffer, "\r\n", 2);
    form->end = 2;
    form->header_left = MULTIPART_HEADER_MAX;
    *form_r = form;
    return NULL;
}

/* Where the delimiter begins, NULL if it is not whole in these bytes. Few of them are CR, which is found at
 * the speed of memory. */
static const char *find_delimiter(const struct multipart *form, const char *bytes, size_t length)
{
    const char *end = bytes + length;
    while ((size_t)(end - bytes) >= form->delimiter_length &&
           (bytes = memchr(bytes, '\r', (size_t)(end - bytes) - form->delimiter_length + 1))) {
        if (!memcmp(bytes, form->delimiter, form->delimiter_length)) {
            return bytes;
        }
        bytes++;
    }
    return NULL;
}

/* --- bytes ----------------------------------------------------------------------------------- */

/* Bytes up to the next delimiter, as many as are here; 0 if that comes first. */
static struct error *read_bytes(struct multipart *form, const char **bytes_r, size_t *length_r)
{
    for (;;) {
        const char *bytes = form->buffer + form->begin;
        const char *found = find_delimiter(form, bytes, held(form));
        /* The last few may be the beginning of a delimiter. */
        size_t tail = form->delimiter_length - 1;
        size_t length = found ? (size_t)(found - bytes) : held(form) > tail ? held(form) - tail : 0;
        if (length || found) {
            *bytes_r = bytes;
            *length_r = length;
            form->begin += length;
            return NULL;
        }
        if (form->input_ended) {
            return invalid(form, "the body was cut off");
        }
        fill(form);
    }
}

struct error *multipart_read(struct multipart *form, const char **bytes_r, size_t *length_r)
{
    *length_r = 0;
    if (form->state != IN_PART) {
        return NULL;
    }
    struct error *error = read_bytes(form, bytes_r, length_r);
    if (!error && !*length_r) {
        form->state = BEHIND_PART;
    }
    return error;
}

/* Passes over what is left of the preamble, or of a part. */
static struct error *skip(struct multipart *form)
{
    const char *bytes;
    size_t length = 1;
    struct error *error = NULL;
    while (!error && length && form->state != BEHIND_PART) {
        error = read_bytes(form, &bytes, &length);
    }
    return error;
}

/* --- header lines ---------------------------------------------------------------------------- */

/* Takes one line off the buffer, without its CR LF. */
static struct error *read_line(struct multipart *form, const char **line_r)
{
    const char *end = NULL;
    for (size_t looked_at = 0; !end;) {
        end = memmem(form->buffer + form->begin + looked_at, held(form) - looked_at, "\r\n", 2);
        if (!end && held(form) > form->header_left) {
            return invalid(form, "the headers of parts are too long");
        }
        if (!end) {
            looked_at = held(form) ? held(form) - 1 : 0;
            struct error *error = need(form, held(form) + 1);
            if (error) {
                return error;
            }
        }
    }
    size_t length = (size_t)(end - (form->buffer + form->begin));
    if (length + 2 > form->header_left || memchr(end - length, '\0', length)) {
        return invalid(form, "the headers of parts are too long, or hold NUL");
    }
    *line_r = arena_copy(form->arena, end - length, length);
    form->begin += length + 2;
    form->header_left -= length + 2;
    return NULL;
}

/* Undoes what forms write in place of a quote, or of what would end a line. Other percent signs stand
 * for themselves: nobody encodes those. */
static struct parameter unescape(struct arena *arena, const struct parameter *name)
{
    char *text = arena_copy(arena, name->bytes, name->length);
    size_t length = 0;
    for (const char *at = text; at < text + name->length; at++) {
        int byte = *at == '%' ? parameters_hex(at + 1) : -1;
        bool escaped = byte == '"' || byte == 0x7F || (byte >= 0 && byte < ' ');
        text[length++] = (char)(escaped ? byte : *at);
        at += escaped ? 2 : 0;
    }
    text[length] = '\0';
    return (struct parameter){text, length};
}

static struct error *read_disposition(const struct multipart *form, const char *field,
                                      struct multipart_part *part)
{
    struct parameter value;
    if (strncasecmp(field, "form-data", strlen("form-data")) != 0 ||
        !parameters_find(form->arena, field, "name", &value)) {
        return invalid(form, "a part without a name");
    }
    part->name = unescape(form->arena, &value);
    part->is_file = true;
    if (parameters_find_extended(form->arena, field, "filename", &part->file_name)) {
        return NULL;
    }
    part->is_file = parameters_find(form->arena, field, "filename", &value);
    if (part->is_file) {
        part->file_name = unescape(form->arena, &value);
    }
    return NULL;
}

/* The header of a part: Content-Disposition matters, what a client says of the type does not. */
static struct error *read_header(struct multipart *form, struct multipart_part *part)
{
    static const char disposition[] = "Content-Disposition:";
    const char *line = "", *field = NULL;
    struct error *error;
    while (!(error = read_line(form, &line)) && *line) {
        if (!strncasecmp(line, disposition, strlen(disposition))) {
            if (field) {
                return invalid(form, "a part with two names");
            }
            field = line + strlen(disposition);
            field += strspn(field, " \t");
        }
    }
    if (error) {
        return error;
    }
    return field ? read_disposition(form, field, part) : invalid(form, "a part without a name");
}

/* --- parts ----------------------------------------------------------------------------------- */

/* Passes over the epilogue: whoever answers has the whole body behind it. */
static void skip_epilogue(struct multipart *form)
{
    while (!form->input_ended) {
        form->begin = form->end;
        fill(form);
    }
}

/* Takes the delimiter off, at which the buffer stands, and what ends its line. */
static struct error *read_delimiter(struct multipart *form)
{
    const char *line = "";
    struct error *error = need(form, form->delimiter_length + 2);
    if (error) {
        return error;
    }
    form->begin += form->delimiter_length;
    if (!memcmp(form->buffer + form->begin, "--", 2)) {
        form->state = AT_END;
        skip_epilogue(form);
        return NULL;
    }
    error = read_line(form, &line);
    if (!error && line[strspn(line, " \t")]) {
        error = invalid(form, "something behind a delimiter");
    }
    if (!error && ++form->parts > MULTIPART_PARTS_MAX) {
        error = invalid(form, "too many parts");
    }
    form->state = IN_PART;
    return error;
}

struct error *multipart_next(struct multipart *form, struct multipart_part *part_r, bool *found_r)
{
    *found_r = false;
    *part_r = (struct multipart_part){0};
    if (form->state == AT_END) {
        return NULL;
    }
    struct error *error = skip(form);
    if (!error) {
        error = read_delimiter(form);
    }
    if (error || form->state == AT_END) {
        return error;
    }
    *found_r = true;
    return read_header(form, part_r);
}
