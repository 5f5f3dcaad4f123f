/* See optional.h. */
#include "directory/optional.h"

#include "base/arena.h"
#include "directory/attribute.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/query.h"

#include <string.h>

static bool has_text_value(const struct raw_entry *raw, const char *attribute, const char *text)
{
    const struct attribute *values = attribute_get(raw, attribute);
    for (size_t i = 0; values && i < values->count; i++) {
        if (!strcasecmp(values->values[i].bv_val, text)) {
            return true;
        }
    }
    return false;
}

struct error *directory_read_optional(struct directory *directory, struct arena *arena,
                                      const struct directory_entry *entry, const char *attribute,
                                      struct directory_optional *found_r)
{
    static const char possible[] = "allowedAttributes";
    char *attributes[] = {arena_string(arena, possible), arena_string(arena, attribute), NULL};
    struct raw_entry raw = {0};
    connection_begin_call(directory);
    struct error *error =
        query_object(directory, arena, query_guid_dn(arena, entry->guid), attributes, &raw);
    if (!error) {
        *found_r = (struct directory_optional){
            .exists = has_text_value(&raw, possible, attribute),
            .is_true = has_text_value(&raw, attribute, "TRUE"),
        };
    }
    return error;
}
