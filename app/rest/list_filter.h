/*
 * Filters of lists: reads ?filter= and compiles it for the columns of a list. Private to
 * rest/lists.c and to the lists of files.
 */
#ifndef REST_LIST_FILTER_H
#define REST_LIST_FILTER_H

#include "http/request.h"
#include "rest/lists.h"
#include "store/filter.h"

/* Returns the value of a query parameter that the call may not have; NULL: absent. */
const struct value *list_filter_parameter(const struct request *request, const char *name);

/* Reads ?filter=; NULL: none. */
struct error *list_filter_read(struct request *request, const struct field *fields,
                               const struct filter **filter_r) MUST_CHECK;

/* Reads ?explain=. ERR_FORBIDDEN unless the caller is the local administrator, or an OWNER or ADMIN
 * of the organization. */
struct error *list_filter_read_explain(struct request *request, bool *explain_r) MUST_CHECK;

/* Returns SQL of the value of a field. */
const char *list_filter_value(struct arena *arena, const struct list *list,
                              const struct field *field) __attribute__((returns_nonnull));

/* True if an index finds the rows that pass the filter. */
bool list_filter_has_index(const struct list *list, const struct filter *filter);

/* Returns the condition. `compiler` has the members `store`, `arena` and those of parameters. */
const char *list_filter_compile(const struct list *list, struct store_filter compiler,
                                const struct filter *filter) __attribute__((returns_nonnull));

/* Returns the time by which a list with a filter must have its rows: see store_set_deadline(). */
int64_t list_filter_deadline(const struct request *request);

/* Returns the JSON of a statement and its parameters, for ?explain=. */
const char *list_filter_explain(struct arena *arena, const char *statement,
                                const char *const *parameters, size_t count)
    __attribute__((returns_nonnull));

#endif
