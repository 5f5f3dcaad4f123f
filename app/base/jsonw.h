/*
 * JSON writer (RFC 8259; json-c is the parser). Appends to a buffer and inserts the commas; the
 * caller closes each object and array that it opens. `key` is NULL inside arrays and for the
 * outermost value. Bytes that are not valid UTF-8 are replaced by U+FFFD, so that replies and log
 * lines are valid JSON for any input.
 */
#ifndef BASE_JSONW_H
#define BASE_JSONW_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jsonw {
    struct buffer *out;
    bool comma; /* the next value must be preceded by a comma */
};

void jsonw_open_object(struct jsonw *json, const char *key);
void jsonw_close_object(struct jsonw *json);
void jsonw_open_array(struct jsonw *json, const char *key);
void jsonw_close_array(struct jsonw *json);

/* Writes `text` as a string; NULL as null. */
void jsonw_string(struct jsonw *json, const char *key, const char *text);
void jsonw_bytes(struct jsonw *json, const char *key, const char *bytes, size_t length);
void jsonw_integer(struct jsonw *json, const char *key, int64_t integer);

/* Writes the number integer / 10^scale with `scale` (0 to 9) decimal places: 1230 with scale 2 is
 * written as 12.30. */
void jsonw_decimal(struct jsonw *json, const char *key, int64_t integer, int scale);

void jsonw_boolean(struct jsonw *json, const char *key, bool boolean);
void jsonw_null(struct jsonw *json, const char *key);

/* Writes `text`, which is JSON, unchanged. */
void jsonw_raw(struct jsonw *json, const char *key, const char *text);

/* Writes a time, given in milliseconds since the epoch, in the format of clock_format(). */
void jsonw_time(struct jsonw *json, const char *key, int64_t wall_ms);

#endif
