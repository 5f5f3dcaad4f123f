/*
 * What S3 says, in XML, read by expat: lists (ListBucketResult) and errors (Error).
 *
 * The other side is not trusted with our memory: a body is bounded before it comes here, what nests
 * deeper than any answer or has a document type (and so entities) is refused, and a text is kept to
 * TEXT_MAX bytes. A list decides what counts as lost, so it is believed only if it is whole.
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
    TEXT_MAX = 4096, /* a key has at most 1,024 bytes, encoded three times as many */
    SHOWN_MAX = 200, /* of a message */
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

/* What stands where; anything else is passed over. */
static const struct {
    enum element parent;
    const char *name;
    enum element element;
} places[] = {
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

struct reading {
    XML_Parser parser;
    struct arena *arena;
    enum element path[DEPTH_MAX + 1]; /* path[0] is outside of the root */
    size_t depth;
    char text[TEXT_MAX + 1]; /* of the innermost element, as far as it has come */
    size_t length;
    bool bad;
    struct s3_failure *failure;
    /* of a list */
    struct s3_page *page;
    bool is_list, truncated;
    const char *token;
    struct object_info info;
    bool is_ours, has_key, has_size, has_time; /* of this object */
};

static void refuse(struct reading *reading)
{
    reading->bad = true;
    XML_StopParser(reading->parser, XML_FALSE);
}

/* --- objects of a list ----------------------------------------------------------------------- */

static int hex_value(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* Keys come with %XX (encoding-type=url), some with the slash and some without. */
static void decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++, to++) {
        *to = *from;
        if (*from == '%' && isxdigit((unsigned char)from[1]) && isxdigit((unsigned char)from[2]) &&
            strncmp(from, "%00", 3) != 0) {
            *to = (char)(hex_value(from[1]) * 16 + hex_value(from[2]));
            from += 2;
        }
    }
    *to = '\0';
}

static void take_key(struct reading *reading)
{
    const char *prefix = reading->page->prefix;
    size_t length = strlen(prefix);
    decode(reading->text);
    const char *name = reading->text + length;
    reading->has_key = true;
    reading->is_ours = !strncmp(reading->text, prefix, length) && storage_is_key(name);
    if (reading->is_ours) {
        memcpy(reading->info.key, name, sizeof reading->info.key);
    }
}

static void take_size(struct reading *reading)
{
    char *end = NULL;
    errno = 0;
    reading->info.size = strtoll(reading->text, &end, 10);
    reading->has_size = isdigit((unsigned char)*reading->text) && !*end && !errno;
}

static void take_time(struct reading *reading)
{
    struct clock_span span = {0};
    reading->has_time = clock_parse_time(reading->text, &span);
    reading->info.modified_ms = span.from_ms;
}

static void begin_object(struct reading *reading)
{
    reading->info = (struct object_info){0};
    reading->is_ours = reading->has_key = reading->has_size = reading->has_time = false;
}

static void end_object(struct reading *reading)
{
    struct s3_page *page = reading->page;
    if (!reading->has_key || !reading->has_size || !reading->has_time) {
        refuse(reading);
    } else if (reading->is_ours) {
        if (page->count == page->max || strcmp(reading->info.key, page->last) <= 0) {
            refuse(reading);
            return;
        }
        memcpy(page->last, reading->info.key, sizeof page->last);
        page->infos[page->count++] = reading->info;
    }
}

/* --- what expat calls ------------------------------------------------------------------------ */

static void on_start(void *state, const char *name, const char **attributes)
{
    struct reading *reading = state;
    (void)attributes;
    if (reading->depth == DEPTH_MAX) {
        refuse(reading);
        return;
    }
    enum element parent = reading->path[reading->depth], element = ELEMENT_OTHER;
    bool inside = reading->depth == 0 || parent != ELEMENT_OTHER;
    for (size_t i = 0; inside && i < sizeof places / sizeof *places; i++) {
        if (places[i].parent == parent && !strcmp(places[i].name, name)) {
            element = places[i].element;
        }
    }
    reading->path[++reading->depth] = element;
    reading->length = 0;
    if (element == ELEMENT_CONTENTS) {
        begin_object(reading);
    }
    reading->is_list = reading->is_list || element == ELEMENT_LIST;
}

static void on_text(void *state, const char *text, int length)
{
    struct reading *reading = state;
    if (reading->path[reading->depth] == ELEMENT_OTHER) {
        return;
    }
    if ((size_t)length > TEXT_MAX - reading->length) {
        refuse(reading);
        return;
    }
    memcpy(reading->text + reading->length, text, (size_t)length);
    reading->length += (size_t)length;
}

static const char *shown(struct reading *reading)
{
    size_t length = reading->length < SHOWN_MAX ? reading->length : SHOWN_MAX;
    while (length < reading->length && ((unsigned char)reading->text[length] & 0xC0) == 0x80) {
        length--; /* not in the middle of a character */
    }
    return arena_copy(reading->arena, reading->text, length);
}

static void end_of_list(struct reading *reading, enum element element)
{
    switch (element) {
    case ELEMENT_TRUNCATED:
        reading->truncated = !strcmp(reading->text, "true");
        break;
    case ELEMENT_TOKEN:
        reading->token = arena_string(reading->arena, reading->text);
        break;
    case ELEMENT_KEY:
        take_key(reading);
        break;
    case ELEMENT_SIZE:
        take_size(reading);
        break;
    case ELEMENT_MODIFIED:
        take_time(reading);
        break;
    case ELEMENT_CONTENTS:
        end_object(reading);
        break;
    default:
        break;
    }
}

static void end_of_failure(struct reading *reading, enum element element)
{
    switch (element) {
    case ELEMENT_CODE:
        reading->failure->code = shown(reading);
        break;
    case ELEMENT_MESSAGE:
        reading->failure->message = shown(reading);
        break;
    case ELEMENT_REQUEST_ID:
        reading->failure->request_id = shown(reading);
        break;
    default:
        break;
    }
}

static void on_end(void *state, const char *name)
{
    struct reading *reading = state;
    (void)name;
    enum element element = reading->path[reading->depth--];
    reading->text[reading->length] = '\0';
    if (reading->page) {
        end_of_list(reading, element);
    } else {
        end_of_failure(reading, element);
    }
    reading->length = 0;
}

/* Entities would come next. */
static void on_document_type(void *state, const char *name, const char *system_id,
                             const char *public_id, int has_internal_subset)
{
    (void)name, (void)system_id, (void)public_id, (void)has_internal_subset;
    refuse(state);
}

static bool parse(struct reading *reading, const struct buffer *body)
{
    reading->parser = XML_ParserCreate("UTF-8");
    if (!reading->parser) {
        abort(); /* out of memory */
    }
    XML_SetUserData(reading->parser, reading);
    XML_SetElementHandler(reading->parser, on_start, on_end);
    XML_SetCharacterDataHandler(reading->parser, on_text);
    XML_SetStartDoctypeDeclHandler(reading->parser, on_document_type);
    enum XML_Status status = XML_Parse(reading->parser, body->bytes, (int)body->length, XML_TRUE);
    XML_ParserFree(reading->parser);
    return status == XML_STATUS_OK && !reading->bad;
}

/* --- the public functions -------------------------------------------------------------------- */

void s3_read_failure(struct arena *arena, const struct buffer *body, struct s3_failure *failure_r)
{
    static const struct s3_failure unknown = {"", "", ""};
    struct reading *reading = arena_alloc(arena, sizeof *reading);
    *failure_r = unknown;
    reading->arena = arena;
    reading->failure = failure_r;
    if (!body->length || !parse(reading, body)) {
        *failure_r = unknown;
    }
}

bool s3_read_list(struct arena *arena, const struct buffer *body, struct s3_page *page)
{
    struct reading *reading = arena_alloc(arena, sizeof *reading);
    reading->arena = arena;
    reading->page = page;
    page->next = NULL;
    if (!body->length || !parse(reading, body) || !reading->is_list ||
        (reading->truncated && (!reading->token || !*reading->token))) {
        return false;
    }
    page->next = reading->truncated ? reading->token : NULL;
    return true;
}
