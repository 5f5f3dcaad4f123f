/* Call: properties that follow from the row of a route. */
#ifndef OPENAPI_CALL_H
#define OPENAPI_CALL_H

#include <stdbool.h>

struct route;

/* True if the call evaluates If-Match and If-None-Match. */
bool call_evaluates_conditions(const struct route *route);

/* True if the call can be repeated under an Idempotency-Key. */
bool call_takes_key(const struct route *route);

#endif
