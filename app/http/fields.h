/*
 * Fields: parses a JSON body or a query into values, and writes values as JSON, as a field map
 * describes (base/field.h). Invalid values result in one ERR_VALIDATION that names every invalid
 * field.
 */
#ifndef HTTP_FIELDS_H
#define HTTP_FIELDS_H

#include "base/error.h"
#include "base/field.h"
#include "base/jsonw.h"

struct arena;

/* Parses a JSON object (RFC 8259). ERR_INVALID_JSON if the text is not JSON, has a repeated name or
 * invalid UTF-8, or is nested too deeply. `values_r` is parallel to the field map. */
struct error *fields_read_json(struct arena *arena, const struct field *fields, const char *text,
                               size_t length, struct value **values_r) MUST_CHECK;

/* Parses a body that is a single JSON value, not an object. */
struct error *fields_read_bare(struct arena *arena, const struct field *field, const char *text,
                               size_t length, struct value **values_r) MUST_CHECK;

/* Parses a query, or a body, in application/x-www-form-urlencoded format. */
struct error *fields_read_query(struct arena *arena, const struct field *fields, const char *query,
                                struct value **values_r) MUST_CHECK;

/* Parses a query, ignoring parameters that the field map does not contain. */
struct error *fields_read_open_query(struct arena *arena, const struct field *fields,
                                     const char *query, struct value **values_r) MUST_CHECK;

/* Writes one JSON object. Omits secret and internal fields, and optional fields without a value;
 * other fields without a value are null. */
void fields_write(struct jsonw *json, const char *key, const struct field *fields,
                  const struct value *values);

/* Writes an item of a list. Like fields_write(), but omits the fields that are not selected.
 * `selected` is parallel to the field map; NULL: all are. */
void fields_write_item(struct jsonw *json, const struct field *fields, const struct value *values,
                       const bool *selected);

/* Writes an object that contains a list, the field with FIELD_ITEMS. Like fields_write(), but omits
 * fields of the items that are not selected, and adds the JSON `explain`; NULL: none. */
void fields_write_listing(struct jsonw *json, const struct field *fields,
                          const struct value *values, const bool *selected, const char *explain);

#endif
