/* See ldif.h. */
#include "directory/ldif.h"

#include "base/base64.h"
#include "base/buffer.h"

#include <string.h>

enum {
    COLUMNS = 76,
    FIRST_NON_ASCII = 0x80,
};

/* --- lines ----------------------------------------------------------------------------------- */

/* True if the value may stand in a line as it is: it is a SAFE-STRING of the RFC, and no space at
 * its end could get lost. */
static bool is_safe_value(const char *bytes, size_t length)
{
    if (length && (*bytes == ' ' || *bytes == ':' || *bytes == '<' || bytes[length - 1] == ' ')) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (!byte || byte == '\n' || byte == '\r' || byte >= FIRST_NON_ASCII) {
            return false;
        }
    }
    return true;
}

/* Appends the line, which is ASCII, folded: each further line begins with a space. */
static void add_folded_line(struct buffer *out, const struct buffer *line)
{
    size_t room = COLUMNS;
    for (size_t at = 0; at < line->length;) {
        size_t left = line->length - at, part = left < room ? left : room;
        buffer_add_string(out, at ? "\n " : "");
        buffer_add(out, line->bytes + at, part);
        at += part;
        room = COLUMNS - 1;
    }
    buffer_add_char(out, '\n');
}

/* Appends "NAME: VALUE", or "NAME:: BASE64". `prefix` is "# " in a comment. */
static void add_value_line(struct buffer *out, const char *prefix, const char *name,
                           const char *bytes, size_t length)
{
    struct buffer line = {.arena = out->arena};
    buffer_add_string(&line, prefix);
    buffer_add_string(&line, name);
    if (!length) {
        buffer_add_char(&line, ':');
    } else if (is_safe_value(bytes, length)) {
        buffer_add_string(&line, ": ");
        buffer_add(&line, bytes, length);
    } else {
        buffer_add_string(&line, ":: ");
        base64_add(&line, bytes, length);
    }
    add_folded_line(out, &line);
    buffer_free(&line);
}

static void add_text_line(struct buffer *out, const char *prefix, const char *name,
                          const char *text)
{
    add_value_line(out, prefix, name, text, strlen(text));
}

/* --- records --------------------------------------------------------------------------------- */

static const char comment_prefix[] = "# ";

static void add_secret_comment(struct buffer *out, const struct ldif_modification *modification)
{
    buffer_add_string(out, comment_prefix);
    buffer_add_string(out, modification->attribute);
    buffer_add_string(out, " is set to a value that is not part of this file\n");
}

static void add_values(struct buffer *out, const struct ldif_modification *modification)
{
    for (size_t i = 0; i < modification->count; i++) {
        add_value_line(out, "", modification->attribute, modification->values[i].bytes,
                       modification->values[i].length);
    }
}

static void add_new_attributes(struct buffer *out, const struct ldif_record *record)
{
    for (const struct ldif_modification *item = record->modifications; item; item = item->next) {
        if (item->secret) {
            add_secret_comment(out, item);
        } else {
            add_values(out, item);
        }
    }
}

static void add_modifications(struct buffer *out, const struct ldif_record *record)
{
    static const char *const kinds[] = {
        [LDIF_ADD_VALUES] = "add",
        [LDIF_DELETE_VALUES] = "delete",
        [LDIF_REPLACE_VALUES] = "replace",
    };
    for (const struct ldif_modification *item = record->modifications; item; item = item->next) {
        if (item->secret) {
            add_secret_comment(out, item);
            continue;
        }
        add_text_line(out, "", kinds[item->kind], item->attribute);
        add_values(out, item);
        buffer_add_string(out, "-\n");
    }
}

static void add_new_place(struct buffer *out, const struct ldif_record *record)
{
    add_text_line(out, "", "newrdn", record->rdn);
    add_text_line(out, "", "deleteoldrdn", "1");
    if (record->parent) {
        add_text_line(out, "", "newsuperior", record->parent);
    }
}

/* True if the record has nothing to apply, because all values are secret. */
static bool is_secret_record(const struct ldif_record *record)
{
    const struct ldif_modification *item = record->modifications;
    while (item && item->secret) {
        item = item->next;
    }
    return record->change == LDIF_MODIFY && !item;
}

static void add_record(struct buffer *out, const struct ldif_record *record)
{
    static const char *const changes[] = {
        [LDIF_ADD] = "add",
        [LDIF_MODIFY] = "modify",
        [LDIF_RENAME] = "modrdn",
        [LDIF_DELETE] = "delete",
    };
    const char *prefix = is_secret_record(record) ? comment_prefix : "";
    buffer_add_char(out, '\n');
    add_text_line(out, prefix, "dn", record->dn);
    add_text_line(out, prefix, "changetype", changes[record->change]);
    switch (record->change) {
    case LDIF_ADD:
        add_new_attributes(out, record);
        break;
    case LDIF_MODIFY:
        add_modifications(out, record);
        break;
    case LDIF_RENAME:
        add_new_place(out, record);
        break;
    case LDIF_DELETE:
        break;
    }
}

void ldif_write(struct buffer *out, const struct ldif_record *records)
{
    if (!out->length) {
        buffer_add_string(out, "version: 1\n");
    }
    for (const struct ldif_record *record = records; record; record = record->next) {
        add_record(out, record);
    }
}
