/*
 * Field maps and JSON: reads a body or a query into values, and writes values out, as the rows of a
 * map say (base/field.h). What does not fit is one ERR_VALIDATION that names every offending field.
 */
#ifndef HTTP_FIELDS_H
#define HTTP_FIELDS_H

#include "base/error.h"
#include "base/field.h"
#include "base/jsonw.h"

struct arena;

/* Reads a JSON object (RFC 8259). ERR_INVALID_JSON if it is no JSON: also for repeated names, bytes
 * that are no UTF-8, and nesting deeper than any body of ours. `values_r` is parallel to the map.
 */
struct error *fields_read_json(struct arena *arena, const struct field *fields, const char *text,
                               size_t length, struct value **values_r) MUST_CHECK;

/* The same of a body that is no object, but the value of one field. */
struct error *fields_read_bare(struct arena *arena, const struct field *field, const char *text,
                               size_t length, struct value **values_r) MUST_CHECK;

/* Reads an application/x-www-form-urlencoded query, or body. */
struct error *fields_read_query(struct arena *arena, const struct field *fields, const char *query,
                                struct value **values_r) MUST_CHECK;

/* Writes one object; fields that are secret are left out, absent ones are null unless
 * they are optional. */
void fields_write(struct jsonw *json, const char *key, const struct field *fields,
                  const struct value *values);

#endif
