/* See call.h. */
#include "openapi/call.h"

#include "http/route.h"

bool call_evaluates_conditions(const struct route *route)
{
    return (route->versioned && !route->creates) || route->shape == REPLY_FILE;
}

bool call_supports_idempotency(const struct route *route)
{
    return route->permission && route->method == METHOD_POST && !route->secret;
}
