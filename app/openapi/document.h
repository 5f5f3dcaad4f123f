/* Document: state of the OpenAPI document that is being written, and functions that its parts
 * share. */
#ifndef OPENAPI_DOCUMENT_H
#define OPENAPI_DOCUMENT_H

#include "base/field.h"
#include "base/jsonw.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct openapi_settings;
struct resource;

/* State of the document that is being written. */
struct document {
    struct jsonw json;
    struct arena *arena;
    const struct resource *resources;
    const struct openapi_settings *settings;
};

/* Returns a text in the language of the document. */
const char *document_text(const struct document *document, const struct text *text);

/* Writes a reference to a component: {"$ref": "#/components/KIND/NAME"}. */
void document_write_reference(struct document *document, const char *key, const char *kind,
                              const char *name);

/* Names of components that have been written. */
struct document_names {
    const char **list;
    size_t count, size;
};

/* Adds `name`, which must outlive the document, to the names. Returns false if it is there
 * already. */
bool document_add_name(struct document *document, struct document_names *names, const char *name);

/* Name of the component that describes an optional WWW-Authenticate header. */
#define OPENAPI_OPTIONAL_CHALLENGE "WWW-Authenticate-Optional"

#endif
