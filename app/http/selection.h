/*
 * Selection: ?fields= selects the fields that the items of a list have.
 *
 * The field that identifies an item is always selected: `id`, else `objectGUID`, else the first
 * field of the map. Fields with FIELD_ON_REQUEST are selected only by their names.
 */
#ifndef HTTP_SELECTION_H
#define HTTP_SELECTION_H

#include "base/error.h"
#include "http/request.h"
#include "http/route.h"

/* Returns the field map of the items of a list: of a route with the shape of a list, or of the
 * member with FIELD_ITEMS of a record. NULL if the reply is not a list. */
const struct field *selection_items(const struct route *route);

/* Returns the field of the map that identifies an item. */
const struct field *selection_key(const struct field *items) __attribute__((returns_nonnull));

/* Sets request->selected, from the parsed query. ERR_VALIDATION for an unknown field; the error
 * lists the available ones. */
struct error *selection_read(struct request *request) MUST_CHECK;

#endif
