/* See folded.h. */
#include "base/folded.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/fold.h"
#include "base/jsonw.h"

#include <string.h>

bool folded_has_field(const struct field *field)
{
    static const char *const ordered[] = {"date", "date-time", "moment"};
    for (size_t i = 0; field->format && i < sizeof ordered / sizeof *ordered; i++) {
        if (!strcmp(field->format, ordered[i])) {
            return false;
        }
    }
    return field->type == FIELD_STRING && !field->choices &&
           !(field->flags & (FIELD_SECRET | FIELD_INTERNAL | FIELD_NOT_FILTERABLE));
}

static void add_folded_text(struct jsonw *json, const char *name, const char *text)
{
    if (text) {
        jsonw_string(json, name, fold_text(json->out->arena, text));
    }
}

const char *folded_of_values(struct arena *arena, const struct field *fields,
                             const struct value *values)
{
    struct buffer text = {.arena = arena};
    struct jsonw json = {.out = &text};
    jsonw_open_object(&json, NULL);
    for (size_t i = 0; fields[i].name; i++) {
        if (folded_has_field(&fields[i]) && values[i].state == VALUE_SET) {
            add_folded_text(&json, fields[i].name, values[i].string.bytes);
        }
    }
    jsonw_close_object(&json);
    return text.bytes;
}

const char *folded_of_pairs(struct arena *arena, const char *const *pairs)
{
    struct buffer text = {.arena = arena};
    struct jsonw json = {.out = &text};
    jsonw_open_object(&json, NULL);
    for (; pairs[0]; pairs += 2) {
        add_folded_text(&json, pairs[0], pairs[1]);
    }
    jsonw_close_object(&json);
    return text.bytes;
}

const char *folded_of_arrays(struct arena *arena, const char *const *names,
                             const char *const *texts, size_t count)
{
    struct buffer text = {.arena = arena};
    struct jsonw json = {.out = &text};
    jsonw_open_object(&json, NULL);
    for (size_t i = 0; i < count; i++) {
        add_folded_text(&json, names[i], texts[i]);
    }
    jsonw_close_object(&json);
    return text.bytes;
}

const char *folded_lines(struct arena *arena, const char *lines)
{
    struct buffer folded = {.arena = arena};
    char *rest = arena_string(arena, lines ? lines : "");
    buffer_add_string(&folded, "");
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (*line) {
            buffer_format(&folded, "%s%s", folded.length ? "" : "\n", fold_text(arena, line));
            buffer_add_char(&folded, '\n');
        }
    }
    return folded.bytes;
}
