/* Call: properties of an API call that follow from its route. */
#ifndef OPENAPI_CALL_H
#define OPENAPI_CALL_H

#include <stdbool.h>

struct route;

/* True if the call evaluates If-Match and If-None-Match. */
bool call_evaluates_conditions(const struct route *route);

/* True if the call has the query parameter. */
bool call_has_parameter(const struct route *route, const char *name);

/* True if the call supports Idempotency-Key. */
bool call_supports_idempotency(const struct route *route);

#endif
