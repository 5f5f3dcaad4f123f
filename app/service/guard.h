/*
 * Guard: decides for the router who a caller is, what the caller may do, how often, and whether
 * there is space for it. It knows auth, directory and the settings.
 */
#ifndef SERVICE_GUARD_H
#define SERVICE_GUARD_H

#include "http/router.h"

extern const struct router_guard guard;

#endif
