/* See document.h. */
#include "openapi/document.h"

#include "base/arena.h"
#include "openapi/openapi.h"

#include <string.h>

const char *document_text(const struct document *document, const struct text *text)
{
    return document->settings->language == LANGUAGE_EN ? text->en : text->ru;
}

void document_write_reference(struct document *document, const char *key, const char *kind,
                              const char *name)
{
    struct jsonw *json = &document->json;
    jsonw_open_object(json, key);
    jsonw_string(json, "$ref", arena_format(document->arena, "#/components/%s/%s", kind, name));
    jsonw_close_object(json);
}

bool document_add_name(struct document *document, struct document_names *names, const char *name)
{
    enum { NAMES_MIN = 64 };
    for (size_t i = 0; i < names->count; i++) {
        if (!strcmp(names->list[i], name)) {
            return false;
        }
    }
    if (names->count == names->size) {
        names->size = names->size ? 2 * names->size : NAMES_MIN;
        const char **list = arena_array(document->arena, names->size, sizeof *list);
        if (names->count) {
            memcpy(list, names->list, names->count * sizeof *list);
        }
        names->list = list;
    }
    names->list[names->count++] = name;
    return true;
}
