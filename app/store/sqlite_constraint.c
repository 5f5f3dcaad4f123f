/* See sqlite_constraint.h. */
#include "store/sqlite_constraint.h"

#include "base/buffer.h"

#include <sqlite3.h>
#include <string.h>

/* Returns the error of a violated unique index. From the message "UNIQUE constraint failed:
 * TABLE.COLUMN, TABLE.COLUMN", derives the name of the index, TABLE_COLUMN_COLUMN. */
static struct error *translate_unique_violation(struct arena *arena, int code, const char *message)
{
    const char *list = strstr(message, ": ");
    list = list ? list + strlen(": ") : message;
    size_t table = strcspn(list, ".");
    struct buffer name = {.arena = arena};
    buffer_add(&name, list, table);
    if (code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_ROWID) {
        buffer_add_string(&name, "_pkey");
        return error_new(arena, ERR_CONSTRAINT_UNIQUE, "%s", name.bytes);
    }
    for (const char *column = list; (column = strchr(column, '.')) != NULL;) {
        column++;
        buffer_add_char(&name, '_');
        buffer_add(&name, column, strcspn(column, ","));
    }
    return error_new(arena, ERR_CONSTRAINT_UNIQUE, "%s", name.bytes);
}

struct error *sqlite_constraint_error(struct arena *arena, int code, const char *message)
{
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return translate_unique_violation(arena, code, message);
    case SQLITE_CONSTRAINT_FOREIGNKEY:
    case SQLITE_CONSTRAINT_TRIGGER: /* SQLite implements ON DELETE RESTRICT as a trigger */
        return error_new(arena, ERR_CONSTRAINT_REFERENCE, "%s", "");
    default:
        return error_new(arena, ERR_INTERNAL, "SQLite: %s", message);
    }
}
