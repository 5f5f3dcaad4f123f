/*
 * Lists of files, page by page, in the order of their names. Files found by words or by a tag are
 * in the order of their upload. A page after a cursor takes the same time at any depth.
 */
#ifndef FILES_LISTING_H
#define FILES_LISTING_H

#include "http/reply.h"
#include "http/request.h"

extern const struct field file_listing_query[];
extern const struct schema file_listing_schema;

/* Handles a route that has this query map and this reply schema. */
struct error *file_listing_reply(struct request *request, struct reply *reply) MUST_CHECK;

#endif
