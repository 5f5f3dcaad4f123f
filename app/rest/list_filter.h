/*
 * Filters of lists: reads ?filter= and compiles it for the columns of a list. Private to
 * rest/lists.c and to the lists of files.
 */
#ifndef REST_LIST_FILTER_H
#define REST_LIST_FILTER_H

#include "http/request.h"
#include "rest/lists.h"
#include "store/filter.h"

/* Returns the value of a query parameter; NULL if it is absent, or if the call does not have it. */
const struct value *list_filter_parameter(const struct request *request, const char *name);

/* Reads ?filter=; *filter_r is NULL if there is none. */
struct error *list_filter_read(struct request *request, const struct field *fields,
                               const struct filter **filter_r) MUST_CHECK;

/* Reads ?explain=. ERR_FORBIDDEN unless the caller is the local administrator, or an OWNER or ADMIN
 * of the organization. */
struct error *list_filter_read_explain(struct request *request, bool *explain_r) MUST_CHECK;

/* Returns the SQL expression of a field's value. */
const char *list_filter_value(struct arena *arena, const struct list *list,
                              const struct field *field) __attribute__((returns_nonnull));

/* True if the engine can find the rows that pass the filter by indexes. */
bool list_filter_has_index(struct arena *arena, const struct list *list,
                           const struct filter *filter);

/* Returns the filter as a condition on the columns of the list. *hides_scope_r: see store/filter.h.
 * The caller has set the members of `compiler` except `find`, `find_index`, `columns` and `scope`.
 */
const char *list_filter_compile(const struct list *list, struct store_filter compiler,
                                const struct filter *filter, bool *hides_scope_r)
    __attribute__((returns_nonnull));

/* Returns the deadline of a list with a filter, for store_set_deadline(). */
int64_t list_filter_deadline(const struct request *request);

/* Returns the JSON of a statement and its parameters, for ?explain=. */
const char *list_filter_explain(struct arena *arena, const char *statement,
                                const char *const *parameters, size_t count)
    __attribute__((returns_nonnull));

#endif
