/*
 * File list: the pages of a list of files, in the order of their names, or, of those that were searched for,
 * in the order in which they came. A page by a cursor costs the same at any depth.
 */
#ifndef FILES_LISTING_H
#define FILES_LISTING_H

#include "http/reply.h"
#include "http/request.h"

extern const struct field file_list_query[];
extern const struct schema file_list_schema;

/* Serves a route of this query and this reply. */
struct error *file_list(struct request *request, struct reply *reply) MUST_CHECK;

#endif
