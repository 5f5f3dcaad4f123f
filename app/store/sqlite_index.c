/* See sqlite_index.h. */
#include "store/sqlite_index.h"

#include "base/buffer.h"

#include <string.h>

const char *sqlite_index_name(struct arena *arena, const char *message, bool primary_key)
{
    const char *list = strstr(message, ": ");
    list = list ? list + strlen(": ") : message;
    struct buffer name = {.arena = arena};
    buffer_add(&name, list, strcspn(list, "."));
    if (primary_key) {
        buffer_add_string(&name, "_pkey");
        return name.bytes;
    }
    for (const char *column = list; (column = strchr(column, '.')) != NULL;) {
        column++;
        buffer_add_char(&name, '_');
        buffer_add(&name, column, strcspn(column, ","));
    }
    return name.bytes;
}
