/* Failures: the error replies of a call in the document. */
#ifndef OPENAPI_FAILURES_H
#define OPENAPI_FAILURES_H

#include "base/error.h"

#include <stddef.h>

struct document;
struct route;

struct failure {
    int status;
    const char *code, *message;
    enum error_id id; /* ERR_COUNT: sent by nginx only */
};

enum { FAILURES_MAX = 64 };

/* The failures of a call, ordered by status. */
struct failures {
    struct failure list[FAILURES_MAX];
    size_t count;
};

/* Collects the failures of a call: declared by its route, implied by the router, or sent by
 * nginx. */
void failures_collect(const struct document *document, const struct route *route,
                      struct failures *failures);

/* Writes the response for the status of the failure at index `at`, with all failures of this
 * status. Returns the index of the first failure with another status. */
size_t failures_write_status(struct document *document, const struct route *route,
                             const struct failures *failures, size_t at);

/* Writes the members of components.responses. */
void failures_write(struct document *document);

#endif
