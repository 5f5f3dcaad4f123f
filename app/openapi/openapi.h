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

#include <stdbool.h>

/* Meaning of the permission numbers in route rows, which auth/ defines and service/ passes in. */
struct openapi_permissions {
    const struct text *about; /* by number: who has it */
    unsigned principal;       /* what everybody has who is somebody */
    bool (*of_organization)(unsigned permission);
};

struct openapi_settings {
    const char *title;
    const char *description; /* of the service; empty: ours */
    const char *version;
    enum config_language language;
    struct openapi_permissions permissions;
};

/* Appends the document, one JSON object, and a line break. */
void openapi_write(struct buffer *out, const struct resource *resources,
                   const struct openapi_settings *settings);

#endif
