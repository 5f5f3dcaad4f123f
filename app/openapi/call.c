/* See call.h. */
#include "openapi/call.h"

#include "http/route.h"

#include <string.h>

bool call_evaluates_conditions(const struct route *route)
{
    return (route->versioned && !route->creates) || route->shape == REPLY_FILE;
}

bool call_has_parameter(const struct route *route, const char *name)
{
    const struct field *field = route->query;
    while (field && field->name && strcmp(field->name, name) != 0) {
        field++;
    }
    return field && field->name;
}

bool call_supports_idempotency(const struct route *route)
{
    return route->permission && route->method == METHOD_POST && !route->secret;
}
