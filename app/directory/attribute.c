/* Attribute: finds attributes of a raw entry by their names. */
#include "directory/attribute.h"

#include "directory/codec.h"

#include <string.h>

const struct attribute *attribute_get(const struct raw_entry *raw, const char *name)
{
    size_t length = strcspn(name, ";");
    for (size_t i = 0; i < raw->count; i++) {
        const struct attribute *attribute = &raw->attributes[i];
        if (attribute->count && strlen(attribute->name) == length &&
            !strncasecmp(attribute->name, name, length)) {
            return attribute;
        }
    }
    return NULL;
}

bool attribute_integer(const struct raw_entry *raw, const char *name, int64_t *value_r)
{
    const struct attribute *attribute = attribute_get(raw, name);
    return attribute && codec_integer(attribute->values, value_r);
}

bool attribute_has_class(const struct raw_entry *raw, const char *class)
{
    const struct attribute *classes = attribute_get(raw, "objectClass");
    for (size_t i = 0; classes && i < classes->count; i++) {
        if (!strcasecmp(classes->values[i].bv_val, class)) {
            return true;
        }
    }
    return false;
}
