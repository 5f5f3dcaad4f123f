/* The check of DATABASE_URL for PostgreSQL. Private to store/. */
#ifndef STORE_POSTGRES_SETTINGS_H
#define STORE_POSTGRES_SETTINGS_H

#include "base/buffer.h"
#include "base/config.h"

#include <stdbool.h>

/* Appends a line to `faults` for each error in DATABASE_URL. Returns false if there is any error.
 */
bool postgres_settings_check(const struct config *config, struct buffer *faults);

#endif
