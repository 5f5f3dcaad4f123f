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

#include <stdbool.h>

/* Meaning of the permission numbers in routes. auth/ defines them and service/ passes their
 * description in. */
struct openapi_permissions {
    const struct text *about; /* by permission number: who may make the call */
    unsigned principal;       /* permission of every authenticated caller */
    /* True if the permission refers to the organization that X-Organization-ID selects. */
    bool (*of_organization)(unsigned permission);
};

struct openapi_settings {
    const char *title;
    const char *description; /* description of the service; "": the default text */
    const char *version;
    enum config_language language;
    struct openapi_permissions permissions;
};

/* Appends the document: one JSON object and a line break. */
void openapi_write(struct buffer *out, const struct resource *resources,
                   const struct openapi_settings *settings);

#endif
