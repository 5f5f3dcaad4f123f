/*
 * Parses XML responses of S3 with expat: lists (ListBucketResult) and errors (Error).
 *
 * The storage is not trusted with the memory of the service. Bodies have a limited size (s3.c), the
 * parser rejects deep nesting and document types (and so entities), and stores at most TEXT_MAX
 * bytes of a text. A list must be complete to be valid, because the catalog check treats objects
 * that are not listed as lost.
 */
#include "objects/s3.h"

#include "base/arena.h"
#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <expat.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEPTH_MAX = 8,
    TEXT_MAX = 4096,  /* a key has at most 1,024 bytes, and three times as many when encoded */
    LOGGED_MAX = 200, /* bytes of a message in the log */
};

enum element {
    ELEMENT_OTHER,
    ELEMENT_ERROR,
    ELEMENT_CODE,
    ELEMENT_MESSAGE,
    ELEMENT_REQUEST_ID,
    ELEMENT_LIST,
    ELEMENT_TRUNCATED,
    ELEMENT_TOKEN,
    ELEMENT_CONTENTS,
    ELEMENT_KEY,
    ELEMENT_SIZE,
    ELEMENT_MODIFIED,
};

/* The XML elements that are parsed, each with its parent element. All others are ignored. */
static const struct {
    enum element parent;
    const char *name;
    enum element element;
} elements[] = {
    {ELEMENT_OTHER, "Error", ELEMENT_ERROR},
    {ELEMENT_ERROR, "Code", ELEMENT_CODE},
    {ELEMENT_ERROR, "Message", ELEMENT_MESSAGE},
    {ELEMENT_ERROR, "RequestId", ELEMENT_REQUEST_ID},
    {ELEMENT_OTHER, "ListBucketResult", ELEMENT_LIST},
    {ELEMENT_LIST, "IsTruncated", ELEMENT_TRUNCATED},
    {ELEMENT_LIST, "NextContinuationToken", ELEMENT_TOKEN},
    {ELEMENT_LIST, "Contents", ELEMENT_CONTENTS},
    {ELEMENT_CONTENTS, "Key", ELEMENT_KEY},
    {ELEMENT_CONTENTS, "Size", ELEMENT_SIZE},
    {ELEMENT_CONTENTS, "LastModified", ELEMENT_MODIFIED},
};

struct response_parser {
    XML_Parser expat;
    struct arena *arena;
    enum element path[DEPTH_MAX + 1]; /* open elements; path[0] is outside of the root */
    size_t depth;
    char text[TEXT_MAX + 1]; /* text of the innermost element, as far as it was read */
    size_t length;
    bool is_invalid;
    struct s3_failure *failure;
    /* The following members are used only for lists. */
    struct s3_page *page;
    bool is_list, truncated;
    const char *token;
    struct object_info info;
    bool is_own, has_key, has_size, has_time; /* state of the current object */
};

static void reject_response(struct response_parser *parser)
{
    parser->is_invalid = true;
    XML_StopParser(parser->expat, XML_FALSE);
}

/* --- objects of a list ------------------------------------------------------------------------ */

static int digit_value(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* Decodes %XX in a key (encoding-type=url) in place. Some servers do not encode the slash. */
static void decode_percent(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++, to++) {
        *to = *from;
        if (*from == '%' && isxdigit((unsigned char)from[1]) && isxdigit((unsigned char)from[2]) &&
            strncmp(from, "%00", 3) != 0) {
            *to = (char)(digit_value(from[1]) * 16 + digit_value(from[2]));
            from += 2;
        }
    }
    *to = '\0';
}

static void read_key(struct response_parser *parser)
{
    const char *prefix = parser->page->prefix;
    size_t length = strlen(prefix);
    decode_percent(parser->text);
    const char *name = parser->text + length;
    parser->has_key = true;
    parser->is_own = !strncmp(parser->text, prefix, length) && storage_is_key(name);
    if (parser->is_own) {
        memcpy(parser->info.key, name, sizeof parser->info.key);
    }
}

/* Appends the current object to the page, if it is the service's own. */
static void add_object(struct response_parser *parser)
{
    struct s3_page *page = parser->page;
    if (!parser->has_key || !parser->has_size || !parser->has_time) {
        reject_response(parser);
    } else if (parser->is_own) {
        if (page->count == page->max || strcmp(parser->info.key, page->last) <= 0) {
            reject_response(parser);
            return;
        }
        memcpy(page->last, parser->info.key, sizeof page->last);
        page->infos[page->count++] = parser->info;
    }
}

/* --- callbacks of expat ----------------------------------------------------------------------- */

static void on_start(void *state, const char *name, const char **attributes)
{
    struct response_parser *parser = state;
    (void)attributes;
    if (parser->depth == DEPTH_MAX) {
        reject_response(parser);
        return;
    }
    enum element parent = parser->path[parser->depth], element = ELEMENT_OTHER;
    bool inside = parser->depth == 0 || parent != ELEMENT_OTHER;
    for (size_t i = 0; inside && i < sizeof elements / sizeof *elements; i++) {
        if (elements[i].parent == parent && !strcmp(elements[i].name, name)) {
            element = elements[i].element;
        }
    }
    parser->path[++parser->depth] = element;
    parser->length = 0;
    if (element == ELEMENT_CONTENTS) {
        parser->info = (struct object_info){0};
        parser->is_own = parser->has_key = parser->has_size = parser->has_time = false;
    }
    parser->is_list = parser->is_list || element == ELEMENT_LIST;
}

static void on_text(void *state, const char *text, int length)
{
    struct response_parser *parser = state;
    if (parser->path[parser->depth] == ELEMENT_OTHER) {
        return;
    }
    if ((size_t)length > TEXT_MAX - parser->length) {
        reject_response(parser);
        return;
    }
    memcpy(parser->text + parser->length, text, (size_t)length);
    parser->length += (size_t)length;
}

/* Returns a copy of the current text, truncated for the log. */
static const char *copy_for_log(struct response_parser *parser)
{
    size_t length = parser->length < LOGGED_MAX ? parser->length : LOGGED_MAX;
    while (length < parser->length && ((unsigned char)parser->text[length] & 0xC0) == 0x80) {
        length--; /* does not cut off a part of a UTF-8 character */
    }
    return arena_copy(parser->arena, parser->text, length);
}

static void end_list_element(struct response_parser *parser, enum element element)
{
    switch (element) {
    case ELEMENT_TRUNCATED:
        parser->truncated = !strcmp(parser->text, "true");
        break;
    case ELEMENT_TOKEN:
        parser->token = arena_string(parser->arena, parser->text);
        break;
    case ELEMENT_KEY:
        read_key(parser);
        break;
    case ELEMENT_SIZE: {
        char *end = NULL;
        errno = 0;
        parser->info.size = strtoll(parser->text, &end, 10);
        parser->has_size = isdigit((unsigned char)*parser->text) && !*end && !errno;
        break;
    }
    case ELEMENT_MODIFIED: {
        struct clock_span span = {0};
        parser->has_time = clock_parse_time(parser->text, &span);
        parser->info.modified_ms = span.from_ms;
        break;
    }
    case ELEMENT_CONTENTS:
        add_object(parser);
        break;
    default:
        break;
    }
}

static void end_error_element(struct response_parser *parser, enum element element)
{
    switch (element) {
    case ELEMENT_CODE:
        parser->failure->code = copy_for_log(parser);
        break;
    case ELEMENT_MESSAGE:
        parser->failure->message = copy_for_log(parser);
        break;
    case ELEMENT_REQUEST_ID:
        parser->failure->request_id = copy_for_log(parser);
        break;
    default:
        break;
    }
}

static void on_end(void *state, const char *name)
{
    struct response_parser *parser = state;
    (void)name;
    enum element element = parser->path[parser->depth--];
    parser->text[parser->length] = '\0';
    if (parser->page) {
        end_list_element(parser, element);
    } else {
        end_error_element(parser, element);
    }
    parser->length = 0;
}

/* Rejects document types, which could define entities. */
static void on_document_type(void *state, const char *name, const char *system_id,
                             const char *public_id, int has_internal_subset)
{
    (void)name, (void)system_id, (void)public_id, (void)has_internal_subset;
    reject_response(state);
}

static bool parse_response(struct response_parser *parser, const struct buffer *body)
{
    parser->expat = XML_ParserCreate("UTF-8");
    if (!parser->expat) {
        abort(); /* out of memory */
    }
    XML_SetUserData(parser->expat, parser);
    XML_SetElementHandler(parser->expat, on_start, on_end);
    XML_SetCharacterDataHandler(parser->expat, on_text);
    XML_SetStartDoctypeDeclHandler(parser->expat, on_document_type);
    enum XML_Status status = XML_Parse(parser->expat, body->bytes, (int)body->length, XML_TRUE);
    XML_ParserFree(parser->expat);
    return status == XML_STATUS_OK && !parser->is_invalid;
}

/* --- the public functions --------------------------------------------------------------------- */

void s3_read_failure(struct arena *arena, const struct buffer *body, struct s3_failure *failure_r)
{
    static const struct s3_failure unknown = {"", "", ""};
    struct response_parser *parser = arena_alloc(arena, sizeof *parser);
    *failure_r = unknown;
    parser->arena = arena;
    parser->failure = failure_r;
    if (!body->length || !parse_response(parser, body)) {
        *failure_r = unknown;
    }
}

bool s3_read_list(struct arena *arena, const struct buffer *body, struct s3_page *page)
{
    struct response_parser *parser = arena_alloc(arena, sizeof *parser);
    parser->arena = arena;
    parser->page = page;
    page->next = NULL;
    if (!body->length || !parse_response(parser, body) || !parser->is_list ||
        (parser->truncated && (!parser->token || !*parser->token))) {
        return false;
    }
    page->next = parser->truncated ? parser->token : NULL;
    return true;
}
