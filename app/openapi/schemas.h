/* Schemas: field maps as JSON Schema, and their examples. */
#ifndef OPENAPI_SCHEMAS_H
#define OPENAPI_SCHEMAS_H

struct document;
struct field;
struct route;

/* The use of a map: a body or a parameter has rules, an answer has all its fields. */
enum use { USE_BODY, USE_PARAMETER, USE_REPLY };

/* One field, with what it is about. */
void schemas_write_field(struct document *document, const char *key, const struct field *field,
                         enum use use);

/* An object; and its example, put together from those of its fields. */
void schemas_write_object(struct document *document, const char *key, const struct field *fields,
                          enum use use);
void schemas_write_example(struct document *document, const char *key, const struct field *fields,
                           enum use use);

/* Returns the example of a field without quotation marks; NULL if it has none. */
const char *schemas_example_text(struct document *document, const struct field *field);

/* The name of the schema of what a route answers; of an array, that of its items; NULL if it has
 * none. */
const char *schemas_reply_name(struct document *document, const struct route *route);
void schemas_write_reply_example(struct document *document, const char *key,
                                 const struct route *route);

/* The members of components.schemas. */
void schemas_write(struct document *document);

#endif
