/* Names of the unique indexes that SQLite's messages describe. Private to store/. */
#ifndef STORE_SQLITE_INDEX_H
#define STORE_SQLITE_INDEX_H

#include <stdbool.h>

struct arena;

/* Returns the name of the index, TABLE_COLUMN_COLUMN, from the message "UNIQUE constraint failed:
 * TABLE.COLUMN, TABLE.COLUMN"; TABLE_pkey if a primary key was violated. */
const char *sqlite_index_name(struct arena *arena, const char *message, bool primary_key);

#endif
