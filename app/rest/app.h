/*
 * App: the dependencies of handlers, and typed access to what http/ passes on without knowing its
 * type. Each worker has one instance, which service/ initializes.
 */
#ifndef REST_APP_H
#define REST_APP_H

#include "auth/principal.h"
#include "base/config.h"
#include "http/request.h"

struct delegations;
struct directory;
struct directory_caller;
struct objects;
struct store;

struct app {
    const struct config *config;
    struct directory *directory;
    struct store *store;
    struct objects *objects;
    struct delegations *delegations;
    /* caller of the directory in the current request; NULL: the request does not use the
     * directory */
    struct directory_caller *caller;
    enum pool_id pool; /* pool of this worker */
};

/* Returns the dependencies of the worker that handles the request. */
static inline struct app *app_of(const struct request *request)
{
    return request->app;
}

/* Returns the caller of the request; NULL if it is anonymous. */
static inline const struct principal *app_principal(const struct request *request)
{
    return request->principal;
}

#endif
