/*
 * OpenAPI: the document that describes the service (OpenAPI 3.1, with JSON Schema 2020-12), written
 * from the same rows of routes and field maps that the router works by. What the router implies of a
 * row, the document says of it.
 */
#ifndef OPENAPI_OPENAPI_H
#define OPENAPI_OPENAPI_H

#include "base/buffer.h"
#include "base/config.h"
#include "base/field.h"
#include "http/route.h"

struct openapi_settings {
    const char *title;
    const char *description; /* of the service; empty: ours */
    const char *version;
    enum config_language language;
};

/* Appends the document, one JSON object, and a line break. */
void openapi_write(struct buffer *out, const struct resource *resources,
                   const struct openapi_settings *settings);

#endif
