/*
 * OpenAPI: writes the document that describes the API (OpenAPI 3.1, JSON Schema 2020-12) from the
 * routes and field maps that the router uses. It also documents what the router does for every
 * route.
 */
#ifndef OPENAPI_OPENAPI_H
#define OPENAPI_OPENAPI_H

#include "base/buffer.h"
#include "base/config.h"
#include "base/field.h"
#include "http/route.h"

struct openapi_settings {
    const char *title;
    const char *description; /* description of the service; "": the default text */
    const char *version;
    enum config_language language;
};

/* Appends the document: one JSON object and a line break. */
void openapi_write(struct buffer *out, const struct resource *resources,
                   const struct openapi_settings *settings);

#endif
