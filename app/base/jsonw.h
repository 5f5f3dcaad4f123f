/*
 * JSON, written (RFC 8259; json-c reads it). The writer appends to a buffer and sets the commas;
 * the caller closes what it opens. `key` is NULL inside arrays and for the outermost value. Bytes
 * that are no UTF-8 become U+FFFD, so that a log line or an answer is valid whatever a client or a
 * server sent.
 */
#ifndef BASE_JSONW_H
#define BASE_JSONW_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jsonw {
    struct buffer *out;
    bool comma; /* a value stands before the next one */
};

void jsonw_open_object(struct jsonw *json, const char *key);
void jsonw_close_object(struct jsonw *json);
void jsonw_open_array(struct jsonw *json, const char *key);
void jsonw_close_array(struct jsonw *json);

/* NULL text becomes null. */
void jsonw_string(struct jsonw *json, const char *key, const char *text);
void jsonw_bytes(struct jsonw *json, const char *key, const char *bytes, size_t length);
void jsonw_integer(struct jsonw *json, const char *key, int64_t integer);

/* A number with `scale` decimal places, 0 to 9, of an integer without the point: 1230 is 12.30. */
void jsonw_decimal(struct jsonw *json, const char *key, int64_t integer, int scale);

void jsonw_boolean(struct jsonw *json, const char *key, bool boolean);
void jsonw_null(struct jsonw *json, const char *key);

/* A value that is JSON already, as it is. */
void jsonw_raw(struct jsonw *json, const char *key, const char *text);

/* Milliseconds since the epoch, as the contract writes times. */
void jsonw_time(struct jsonw *json, const char *key, int64_t wall_ms);

#endif
