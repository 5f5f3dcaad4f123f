/*
 * See multipart.h.
 *
 * A delimiter is CR LF "--" boundary. The first delimiter may begin the body without CR LF;
 * therefore the buffer initially contains CR LF. The text before the first delimiter (preamble) and
 * after the last one (epilogue) is ignored.
 */
#include "http/multipart.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "http/encoded_word.h"
#include "http/transfer.h"

#include <string.h>
#include <strings.h>

static const char blanks[] = " \t";

enum { DELIMITER_MAX = 4 + MULTIPART_BOUNDARY_MAX };

enum state {
    IN_PREAMBLE,
    IN_PART,
    BEHIND_PART, /* the position is at the delimiter after the part */
    AT_END,      /* the position is behind the last delimiter */
};

struct multipart {
    struct arena *arena;
    struct request_body input;
    bool input_ended;
    enum state state;
    size_t parts, header_left;
    struct transfer transfer; /* decodes the content of the part */
    char delimiter[DELIMITER_MAX + 1];
    size_t delimiter_length;
    size_t begin, end; /* range of the buffered bytes that have not been consumed */
    char buffer[MULTIPART_BUFFER];
};

static struct error *new_invalid_form(const struct multipart *form, const char *why)
{
    return error_new(form->arena, ERR_INVALID_MULTIPART, "%s", why);
}

/* --- the buffer ------------------------------------------------------------------------------ */

static size_t buffered_length(const struct multipart *form)
{
    return form->end - form->begin;
}

/* Moves the buffered bytes to the beginning of the buffer and reads more behind them. */
static void fill_buffer(struct multipart *form)
{
    memmove(form->buffer, form->buffer + form->begin, buffered_length(form));
    form->end -= form->begin;
    form->begin = 0;
    if (!form->input_ended) {
        size_t space = sizeof form->buffer - form->end;
        size_t length = form->input.read(form->input.source, form->buffer + form->end, space);
        form->input_ended = !length;
        form->end += length;
    }
}

/* Reads until at least `length` bytes are buffered. */
static struct error *ensure_buffered(struct multipart *form, size_t length)
{
    while (buffered_length(form) < length) {
        if (form->input_ended) {
            return new_invalid_form(form, "the body is incomplete");
        }
        fill_buffer(form);
    }
    return NULL;
}

/* --- opening --------------------------------------------------------------------------------- */

static bool is_multipart_type(const char *content_type)
{
    static const char form[] = "multipart/form-data";
    const char *rest = content_type + strspn(content_type, blanks);
    size_t length = strlen(form);
    return !strncasecmp(rest, form, length) && strchr("; \t", rest[length]);
}

/* True if the boundary consists of printable ASCII characters and does not end with a space. RFC
 * 2046 5.1.1 allows fewer of them, but real senders use others: "*****", "{GUID}". Refuses quotes
 * and backslashes, which senders escape in different ways. */
static bool is_valid_boundary(const struct parameter *boundary)
{
    for (size_t i = 0; i < boundary->length; i++) {
        char c = boundary->bytes[i];
        if (c < ' ' || c > '~' || c == '"' || c == '\\') {
            return false;
        }
    }
    return boundary->length && boundary->length <= MULTIPART_BOUNDARY_MAX &&
           boundary->bytes[boundary->length - 1] != ' ';
}

struct error *multipart_open(struct request *request, struct multipart **form_r)
{
    const char *content_type = request->headers.content_type;
    struct parameter boundary;
    if (!is_multipart_type(content_type)) {
        return error_new(request->arena, ERR_UNSUPPORTED_MEDIA_TYPE, NULL);
    }
    struct multipart *form = arena_alloc(request->arena, sizeof *form);
    form->arena = request->arena;
    form->input = request->input;
    if (!parameters_find(request->arena, content_type, "boundary", &boundary) ||
        !is_valid_boundary(&boundary)) {
        return new_invalid_form(form, "missing or invalid boundary");
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

/* Finds a complete delimiter; NULL if there is none. Searches for CR first, which is rare, so that
 * memchr() skips most bytes fast. */
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

/* --- content of parts ------------------------------------------------------------------------ */

/* Returns the buffered bytes up to the next delimiter, reading more if necessary. *length_r is 0 if
 * the delimiter comes next. */
static struct error *read_content(struct multipart *form, char **bytes_r, size_t *length_r)
{
    for (;;) {
        char *bytes = form->buffer + form->begin;
        const char *found = find_delimiter(form, bytes, buffered_length(form));
        /* The last bytes may be the beginning of a delimiter. */
        size_t tail = form->delimiter_length - 1;
        size_t rest = buffered_length(form) > tail ? buffered_length(form) - tail : 0;
        size_t length = found ? (size_t)(found - bytes) : rest;
        if (length || found) {
            *bytes_r = bytes;
            *length_r = length;
            form->begin += length;
            return NULL;
        }
        if (form->input_ended) {
            return new_invalid_form(form, "the body is incomplete");
        }
        fill_buffer(form);
    }
}

/* Reads the next bytes of the part and decodes them in the buffer. *length_r can be 0 before the
 * end of the part, too: then the state is still IN_PART. */
static struct error *read_decoded_content(struct multipart *form, const char **bytes_r,
                                          size_t *length_r)
{
    char *bytes;
    size_t length;
    struct error *error = read_content(form, &bytes, &length);
    if (error) {
        return error;
    }
    form->state = length ? IN_PART : BEHIND_PART;
    *bytes_r = bytes;
    bool valid = length ? transfer_decode(&form->transfer, bytes, length, length_r)
                        : transfer_is_complete(&form->transfer);
    return valid ? NULL : error_new(form->arena, ERR_PART_ENCODING, NULL);
}

struct error *multipart_read(struct multipart *form, const char **bytes_r, size_t *length_r)
{
    struct error *error = NULL;
    *length_r = 0;
    while (!error && !*length_r && form->state == IN_PART) {
        error = read_decoded_content(form, bytes_r, length_r);
    }
    return error;
}

/* Skips the rest of the preamble or of the part. */
static struct error *skip_content(struct multipart *form)
{
    char *bytes;
    size_t length = 1;
    struct error *error = NULL;
    while (!error && length && form->state != BEHIND_PART) {
        error = read_content(form, &bytes, &length);
    }
    return error;
}

/* --- header lines ---------------------------------------------------------------------------- */

/* Reads one header line and removes it from the buffer. *line_r has no CR LF. */
static struct error *read_header_line(struct multipart *form, const char **line_r)
{
    const char *end = NULL;
    for (size_t searched = 0; !end;) {
        end = memmem(form->buffer + form->begin + searched, buffered_length(form) - searched,
                     "\r\n", 2);
        if (!end && buffered_length(form) > form->header_left) {
            return new_invalid_form(form, "the headers of parts are too long");
        }
        if (!end) {
            searched = buffered_length(form) ? buffered_length(form) - 1 : 0;
            struct error *error = ensure_buffered(form, buffered_length(form) + 1);
            if (error) {
                return error;
            }
        }
    }
    size_t length = (size_t)(end - (form->buffer + form->begin));
    if (length + 2 > form->header_left || memchr(end - length, '\0', length)) {
        return new_invalid_form(form, "the headers of parts are too long or contain NUL");
    }
    *line_r = arena_copy(form->arena, end - length, length);
    form->begin += length + 2;
    form->header_left -= length + 2;
    return NULL;
}

static bool is_at_blank(const struct multipart *form)
{
    return form->buffer[form->begin] == ' ' || form->buffer[form->begin] == '\t';
}

/* Reads one header field of a part. Joins folded lines with one space (RFC 9112 5.2). *field_r is
 * empty at the end of the header. */
static struct error *read_header_field(struct multipart *form, const char **field_r)
{
    struct buffer field = {.arena = form->arena};
    const char *line = "";
    struct error *error = read_header_line(form, &line);
    buffer_add_string(&field, line);
    while (!error && *line && !(error = ensure_buffered(form, 1)) && is_at_blank(form)) {
        error = read_header_line(form, &line);
        buffer_add_char(&field, ' ');
        buffer_add_string(&field, line + strspn(line, blanks));
    }
    *field_r = field.bytes;
    return error;
}

/* Sets *value_r to the value of a header field if it has this name. Returns false if the part has
 * two such fields. */
static bool take_header_value(const char *field, const char *name, const char **value_r)
{
    size_t length = strlen(name);
    if (strncasecmp(field, name, length) != 0 || field[length] != ':') {
        return true;
    }
    bool first = !*value_r;
    *value_r = field + length + 1 + strspn(field + length + 1, blanks);
    return first;
}

/* Decodes a name: browsers percent-encode quotes and control characters in names, and no other
 * characters. Any other percent sign stands for itself. */
static struct parameter decode_form_name(struct arena *arena, const struct parameter *name)
{
    char *text = arena_copy(arena, name->bytes, name->length);
    size_t length = 0;
    for (const char *at = text; at < text + name->length; at++) {
        int byte = *at == '%' ? parameters_parse_hex(at + 1) : -1;
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
        return new_invalid_form(form, "part without a name");
    }
    part->name = decode_form_name(form->arena, &value);
    part->is_file = true;
    if (parameters_find_extended(form->arena, field, "filename", &part->file_name)) {
        return NULL;
    }
    part->is_file = parameters_find(form->arena, field, "filename", &value);
    if (part->is_file && !encoded_word_decode(form->arena, &value, &part->file_name)) {
        part->file_name = decode_form_name(form->arena, &value);
    }
    return NULL;
}

/* Reads the header of a part. Uses Content-Disposition and Content-Transfer-Encoding. Ignores
 * Content-Type, because the client's type is not trusted, and all other fields (RFC 7578 4.8). */
static struct error *read_part_header(struct multipart *form, struct multipart_part *part)
{
    const char *field = "", *disposition = NULL, *encoding = NULL;
    struct error *error;
    while (!(error = read_header_field(form, &field)) && *field) {
        if (!take_header_value(field, "Content-Disposition", &disposition) ||
            !take_header_value(field, "Content-Transfer-Encoding", &encoding)) {
            return new_invalid_form(form, "part with two header fields of one name");
        }
    }
    if (error) {
        return error;
    }
    if (!transfer_begin(&form->transfer, encoding ? encoding : "")) {
        return error_new(form->arena, ERR_PART_ENCODING, "unknown Content-Transfer-Encoding");
    }
    return disposition ? read_disposition(form, disposition, part)
                       : new_invalid_form(form, "part without a name");
}

/* --- parts ----------------------------------------------------------------------------------- */

/* Reads the delimiter at the current position, and the rest of its line. */
static struct error *read_delimiter(struct multipart *form)
{
    const char *line = "";
    struct error *error = ensure_buffered(form, form->delimiter_length + 2);
    if (error) {
        return error;
    }
    form->begin += form->delimiter_length;
    if (!memcmp(form->buffer + form->begin, "--", 2)) {
        form->state = AT_END;
        while (!form->input_ended) { /* reads the whole body before the reply is sent */
            form->begin = form->end;
            fill_buffer(form);
        }
        return NULL;
    }
    error = read_header_line(form, &line);
    if (!error && line[strspn(line, blanks)]) {
        error = new_invalid_form(form, "text after a delimiter");
    }
    if (!error && ++form->parts > MULTIPART_PARTS_MAX) {
        error = new_invalid_form(form, "too many parts");
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
    struct error *error = skip_content(form);
    if (!error) {
        error = read_delimiter(form);
    }
    if (error || form->state == AT_END) {
        return error;
    }
    *found_r = true;
    return read_part_header(form, part_r);
}
