/* Schemas: writes field maps as JSON Schema, with examples. */
#ifndef OPENAPI_SCHEMAS_H
#define OPENAPI_SCHEMAS_H

struct document;
struct field;
struct route;
struct schema;

/* Use of a field map. A body or a parameter has validation rules; a reply contains all fields. An
 * item of a list contains the selected fields (http/selection.h). */
enum use { USE_BODY, USE_PARAMETER, USE_REPLY, USE_ITEM };

/* Writes the schema of one field, with its description. */
void schemas_write_field(struct document *document, const char *key, const struct field *field,
                         enum use use);

/* Write the schema of an object, and an example object made from the examples of its fields. */
void schemas_write_object(struct document *document, const char *key, const struct field *fields,
                          enum use use);
void schemas_write_example(struct document *document, const char *key, const struct field *fields,
                           enum use use);

/* Returns the example of a field without quotation marks; NULL if it has none. */
const char *schemas_example_text(struct document *document, const struct field *field);

/* Writes the schema of the items of a list: a complete object, or its selected fields. */
void schemas_write_items(struct document *document, const char *key, const struct schema *schema);

/* Returns the name of the schema of a route's reply; for an array, the schema of its items. NULL if
 * the reply has no schema. */
const char *schemas_reply_name(struct document *document, const struct route *route);

/* Writes an example of a route's reply. */
void schemas_write_reply_example(struct document *document, const char *key,
                                 const struct route *route);

/* Writes the members of components.schemas. */
void schemas_write(struct document *document);

#endif
