/*
 * Unrecorded: the service without audit rows. A baseline of `make bench` that shows their cost. It
 * is linked with all objects of the service, and its recorder takes the place of the one of
 * rest/audit.c (see the Makefile).
 */
#include "rest/audit.h"

static void begin(struct request *request)
{
    (void)request;
}

static struct error *end(struct request *request, struct error *error, bool repeated)
{
    (void)request;
    (void)repeated;
    return error;
}

static void reject(struct request *request, const struct error *error)
{
    (void)request;
    (void)error;
}

const struct router_recorder audit_recorder = {begin, end, reject};
