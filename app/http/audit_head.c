/* See audit_head.h. */
#include "http/audit_head.h"

#include "base/jsonw.h"
#include "base/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* No line of a request begins like this: the value is the first member, and lines of requests have
 * no member of this name. */
static const char beginning[] = "{\"kind\":\"audit.head\",\"timestamp\":\"";

static const char hexadecimal_digits[] = "0123456789abcdef";

void audit_head_format(const struct audit_head *head, struct buffer *line)
{
    struct jsonw json = {.out = line};
    jsonw_open_object(&json, NULL);
    jsonw_string(&json, "kind", "audit.head");
    jsonw_string(&json, "timestamp", head->timestamp);
    jsonw_integer(&json, "position", head->position);
    jsonw_integer(&json, "audit_id", head->audit_id);
    jsonw_string(&json, "chain_tag", head->chain_tag);
    jsonw_close_object(&json);
    buffer_add_char(line, '\n');
}

/* Skips an expected text. */
static bool skip_text(const char **at, const char *text)
{
    size_t length = strlen(text);
    bool found = !strncmp(*at, text, length);
    *at += found ? length : 0;
    return found;
}

static bool parse_head_number(const char **at, int64_t *number_r)
{
    char *end;
    errno = 0;
    *number_r = strtoll(*at, &end, DECIMAL);
    bool parsed = end != *at && !errno && *number_r >= 0;
    *at = end;
    return parsed;
}

/* Copies the characters up to a quotation mark, if there are `min` to `size` - 1 of them. */
static bool parse_characters(const char **at, char *text, size_t min, size_t size)
{
    size_t length = strcspn(*at, "\"");
    if (length < min || length >= size) {
        return false;
    }
    memcpy(text, *at, length);
    text[length] = '\0';
    *at += length;
    return true;
}

bool audit_head_parse(const char *line, struct audit_head *head_r)
{
    *head_r = (struct audit_head){0};
    return skip_text(&line, beginning) &&
           parse_characters(&line, head_r->timestamp, 1, CLOCK_TEXT_SIZE) &&
           skip_text(&line, "\",\"position\":") && parse_head_number(&line, &head_r->position) &&
           skip_text(&line, ",\"audit_id\":") && parse_head_number(&line, &head_r->audit_id) &&
           skip_text(&line, ",\"chain_tag\":\"") &&
           parse_characters(&line, head_r->chain_tag, AUDIT_HEAD_TAG_SIZE - 1,
                            AUDIT_HEAD_TAG_SIZE) &&
           strspn(head_r->chain_tag, hexadecimal_digits) == AUDIT_HEAD_TAG_SIZE - 1 &&
           skip_text(&line, "\"}");
}
