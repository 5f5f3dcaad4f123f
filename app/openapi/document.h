/* Document: the OpenAPI document that is being written, and the helpers that its parts share. */
#ifndef OPENAPI_DOCUMENT_H
#define OPENAPI_DOCUMENT_H

#include "base/field.h"
#include "base/jsonw.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct openapi_settings;
struct resource;

/* A document that is being written. */
struct document {
    struct jsonw json;
    struct arena *arena;
    const struct resource *resources;
    const struct openapi_settings *settings;
};

/* A text in the document's language. */
const char *document_text(const struct document *document, const struct text *text);

/* A reference to a component: "#/components/KIND/NAME". */
void document_reference(struct document *document, const char *key, const char *kind,
                        const char *name);

/* Names of components that have been written. */
struct document_names {
    const char **list;
    size_t count, size;
};

/* Adds `name`, which must outlive the document, to the names. False if it was added before. */
bool document_is_new(struct document *document, struct document_names *names, const char *name);

/* Name of the component that describes a WWW-Authenticate header which may be absent. */
#define OPENAPI_OPTIONAL_CHALLENGE "WWW-Authenticate-Optional"

#endif
