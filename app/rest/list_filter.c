/* See list_filter.h. */
#include "rest/list_filter.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/folded.h"
#include "base/jsonw.h"
#include "rest/app.h"
#include "rest/authorization.h"

#include <string.h>

const struct value *list_filter_parameter(const struct request *request, const char *name)
{
    const struct field *query = request->route->query;
    for (size_t i = 0; query && query[i].name; i++) {
        if (!strcmp(query[i].name, name) && request->query[i].state == VALUE_SET) {
            return &request->query[i];
        }
    }
    return NULL;
}

struct error *list_filter_read(struct request *request, const struct field *fields,
                               const struct filter **filter_r)
{
    const struct value *text = list_filter_parameter(request, "filter");
    *filter_r = NULL;
    return text ? filter_parse(request->arena, text->string.bytes, fields, filter_r) : NULL;
}

struct error *list_filter_read_explain(struct request *request, bool *explain_r)
{
    const struct value *value = list_filter_parameter(request, "explain");
    const struct principal *principal = app_principal(request);
    *explain_r = value && value->boolean;
    bool permitted = authorization_permits(principal, PERMIT_ADDRESSES) ||
                     authorization_permits(principal, PERMIT_DIRECTORY_WRITE) ||
                     authorization_permits(principal, PERMIT_MANAGE);
    return !*explain_r || permitted ? NULL : error_new(request->arena, ERR_FORBIDDEN, NULL);
}

/* --- columns ---------------------------------------------------------------------------------- */

static const struct list_column *find_own_column(const struct list *list, const struct field *field)
{
    const struct list_column *column = list->columns;
    while (column && column->field && strcmp(column->field, field->name) != 0) {
        column++;
    }
    return column && column->field ? column : NULL;
}

const char *list_filter_value(struct arena *arena, const struct list *list,
                              const struct field *field)
{
    const struct list_column *own = find_own_column(list, field);
    return own && own->value ? own->value : arena_format(arena, "%s.%s", list->alias, field->name);
}

/* Finds the SQL of a field: see struct store_filter. `columns` is a struct list. */
static void find_filter_column(const void *columns, struct arena *arena, const struct field *field,
                               struct store_filter_column *column_r)
{
    const struct list *list = columns;
    const struct list_column *own = find_own_column(list, field);
    *column_r = (struct store_filter_column){
        .value = list_filter_value(arena, list, field),
        .key = own ? own->key : NULL,
        .time = own ? own->time : NULL,
    };
    if (folded_has_field(field) || field->type == FIELD_STRINGS) {
        column_r->folded = own && own->folded ? own->folded : column_r->value;
    }
}

/* Returns the key of a field that begins an index; NULL if there is none. */
static const struct list_key *find_indexed_key(const struct list *list, const struct field *field)
{
    const struct list_key *key = list->keys;
    while (key->name && (strcmp(key->name, field->name) != 0 || (key->uses & LIST_UNINDEXED))) {
        key++;
    }
    return key->name ? key : NULL;
}

/* Returns the index of an equality. */
static enum store_filter_index find_equality_index(const struct list *list,
                                                   const struct list_key *key)
{
    return !strcmp(key->column, list->id) || (key->uses & LIST_NARROW) ? STORE_INDEX_NARROW
           : key->uses & LIST_SORT                                     ? STORE_INDEX_DISTINCT
                                                                       : STORE_INDEX_COMMON;
}

/* Implements find_index() of struct store_filter. `columns` is a struct list. */
static enum store_filter_index find_filter_index(const void *columns, const struct field *field,
                                                 enum filter_operator operator)
{
    const struct list *list = columns;
    const struct list_column *own = find_own_column(list, field);
    const struct list_key *key = find_indexed_key(list, field);
    bool is_equality = operator== FILTER_EQUAL, has_column = own && own->key;
    if (!key || (!is_equality && operator<FILTER_GREATER)) {
        return STORE_INDEX_NONE;
    }
    if (field->type == FIELD_STRING && !has_column && !(field->choices && is_equality)) {
        return STORE_INDEX_NONE;
    }
    return is_equality               ? find_equality_index(list, key)
           : folded_has_field(field) ? STORE_INDEX_NONE
                                     : STORE_INDEX_RANGE;
}

bool list_filter_has_index(struct arena *arena, const struct list *list,
                           const struct filter *filter)
{
    const struct store_filter compiler = {
        .arena = arena, .find_index = find_filter_index, .columns = list};
    return store_filter_find_index(&compiler, filter) != STORE_INDEX_NONE;
}

const char *list_filter_compile(const struct list *list, struct store_filter compiler,
                                const struct filter *filter, bool *hides_scope_r)
{
    compiler.find = find_filter_column;
    compiler.find_index = find_filter_index;
    compiler.columns = list;
    compiler.scope = list->scope;
    return store_filter_compile(&compiler, filter, hides_scope_r);
}

/* --- limits and explanations ------------------------------------------------------------------ */

int64_t list_filter_deadline(const struct request *request)
{
    return clock_steady_us() + app_of(request)->config->filter_timeout_ms * US_PER_MS;
}

const char *list_filter_explain(struct arena *arena, const char *statement,
                                const char *const *parameters, size_t count)
{
    struct buffer text = {.arena = arena};
    struct jsonw json = {.out = &text};
    jsonw_open_object(&json, NULL);
    jsonw_string(&json, "sql", statement);
    jsonw_open_array(&json, "parameters");
    for (size_t i = 0; i < count; i++) {
        jsonw_string(&json, NULL, parameters[i]);
    }
    jsonw_close_array(&json);
    jsonw_close_object(&json);
    return text.bytes;
}
