/*
 * Guard: authenticates and authorizes each request for the router, applies its rate limits, and
 * checks the free space.
 */
#ifndef SERVICE_GUARD_H
#define SERVICE_GUARD_H

#include "http/router.h"

extern const struct router_guard guard;

#endif
