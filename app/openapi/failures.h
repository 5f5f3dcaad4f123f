/* Failures: the errors that a call may return. */
#ifndef OPENAPI_FAILURES_H
#define OPENAPI_FAILURES_H

#include "base/error.h"

#include <stddef.h>

struct document;
struct route;

struct failure {
    int status;
    const char *code, *message;
    enum error_id id; /* ERR_COUNT: nginx's own */
};

enum { FAILURES_MAX = 64 };

/* The failures of a call, ordered by status. */
struct failures {
    struct failure list[FAILURES_MAX];
    size_t count;
};

void failures_find(const struct document *document, const struct route *route,
                   struct failures *failures);

/* The answer with the status of the failure at `at` and of those that follow with the same; returns
 * where the next begin. */
size_t failures_write_status(struct document *document, const struct route *route,
                             const struct failures *failures, size_t at);

/* The members of components.responses. */
void failures_write(struct document *document);

#endif
