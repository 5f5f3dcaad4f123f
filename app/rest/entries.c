/* See entries.h. */
#include "rest/entries.h"

#include "auth/auth.h"
#include "base/arena.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "query/filter.h"
#include "rest/authorization.h"
#include "rest/paging.h"

#include <string.h>

/* --- field maps ------------------------------------------------------------------------------- */

static const char scope_one[] = "one", scope_subtree[] = "subtree";
static const char *const scope_choices[] = {scope_one, scope_subtree, NULL};

const struct field entries_list_query[] = {
    {.name = "search",
     .type = FIELD_STRING,
     .max = PAGING_SEARCH_MAX,
     .about = {"Слова или части слов из имени, имени учётной записи, адреса почты или описания "
               "в любом порядке",
               "Words, or parts of words, of the name, the account name, the email address or the "
               "description, in any order"},
     .example = "\"иван петров\""},
    QUERY_SKIP,
    QUERY_LIMIT(LIMIT_STANDARD),
    QUERY_FIELDS,
    {.name = "sort",
     .type = FIELD_STRING,
     .min = 1,
     .max = 200,
     .about = {"Порядок: одно поле элементов, например `whenCreated`, "
               "кроме вычисляемых и списков; «-» перед полем — "
               "по убыванию: `-whenCreated`",
               "The order: one field of the items such as `whenCreated`, except computed ones and "
               "lists; '-' is descending: `-whenCreated`"},
     .example = "null"},
    QUERY_FILTER,
    QUERY_EXPLAIN,
    ENTRY_PARENT("parent_dn", 0, "\"DC=kontora,DC=test\""),
    {.name = "scope",
     .type = FIELD_STRING,
     .choices = scope_choices,
     .about = {"one: только объекты непосредственно под parent_dn (по умолчанию, если он указан); "
               "subtree: и все объекты ниже",
               "one: only objects directly below parent_dn (the default if it is specified); "
               "subtree: all objects below, too"},
     .example = "\"subtree\""},
    {.name = NULL},
};

const struct field entries_place_query[] = {
    ENTRY_PARENT("parent_dn", 0, "\"OU=Staff,DC=kontora,DC=test\""),
    {.name = NULL},
};

const struct field entries_delete_tree_query[] = {
    ENTRY_PARENT("parent_dn", 0, "\"OU=Staff,DC=kontora,DC=test\""),
    ENTRY_BOOLEAN("children", "Удалить также вложенные объекты (не более 200)",
                  "Delete the objects below as well (at most 200)", "true"),
    {.name = NULL},
};

#define PATH_NAME(name_, ru_, en_, example_)                                                       \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = FIELD_REQUIRED, .about = {(ru_), (en_)},   \
        .example = (example_)                                                                      \
    }

const struct field entries_path[] = {
    PATH_NAME("username", "Имя учётной записи (sAMAccountName), objectGUID или DN",
              "The account name (sAMAccountName), the objectGUID or the DN", "\"i.petrov\""),
    PATH_NAME("group", "Название группы (cn), objectGUID или DN",
              "The name of the group (cn), its objectGUID or its DN", "\"all-staff\""),
    PATH_NAME("computer",
              "Имя компьютера (cn или sAMAccountName, с $ или без него), objectGUID или DN",
              "The name of the computer (cn or sAMAccountName, with or without $), its objectGUID "
              "or its DN",
              "\"pc-017\""),
    PATH_NAME("name", "Название, objectGUID или DN", "The name, the objectGUID or the DN",
              "\"sales\""),
    PATH_NAME("cn", "Название, objectGUID или DN", "The name, the objectGUID or the DN",
              "\"Users\""),
    {.name = NULL},
};

const enum error_id entries_list_errors[] = {
    ENTRIES_UNAVAILABLE_ERRORS, ERR_DIRECTORY_REFUSED, ERR_DIRECTORY_LIMIT, ERR_PARENT_NOT_FOUND,
    ERR_NOT_FILTERABLE,         ERR_FILTER_TOO_COSTLY, ERR_SORT_TOO_COSTLY, ERR_COUNT};
const enum error_id entries_read_errors[] = {ENTRIES_FIND_ERRORS, ERR_COUNT};
const enum error_id entries_create_errors[] = {ENTRIES_CHANGE_ERRORS, ERR_COUNT};
const enum error_id entries_update_errors[] = {ENTRIES_UPDATE_ERRORS, ERR_PROTECTED_OBJECT,
                                               ERR_PARTIALLY_APPLIED, ERR_COUNT};
const enum error_id entries_delete_errors[] = {ENTRIES_UPDATE_ERRORS, ERR_PROTECTED_OBJECT,
                                               ERR_NOT_EMPTY, ERR_HAS_PRIMARY_MEMBERS, ERR_COUNT};
const enum error_id entries_delete_tree_errors[] = {ENTRIES_UPDATE_ERRORS, ERR_PROTECTED_OBJECT,
                                                    ERR_HAS_CHILDREN,      ERR_HAS_PRIMARY_MEMBERS,
                                                    ERR_PARTIALLY_APPLIED, ERR_COUNT};
const enum error_id entries_member_errors[] = {ENTRIES_CHANGE_ERRORS, ERR_PROTECTED_OBJECT,
                                               ERR_PRIMARY_GROUP, ERR_OVERLOADED, ERR_COUNT};

/* --- reading ---------------------------------------------------------------------------------- */

static const struct entries *route_entries(const struct request *request)
{
    return request->route->description;
}

/* Finds the entry that the path names: the last segment, unless the route says otherwise. The
 * directory ignores case and outer spaces in names, so the request's subject becomes the name as
 * the directory spells it. */
struct error *entries_find(struct request *request, struct directory_entry **entry_r)
{
    const struct directory_class *class = route_entries(request)->class;
    bool reads = request->method == METHOD_GET;
    const char *placeholder = request->route->resource;
    const char *name = placeholder ? request_path_value(request, placeholder)
                                   : request->segments[request->segments_count - 1];
    struct error *error = (reads ? directory_find : directory_find_target)(
        app_of(request)->directory, request->arena, class, name,
        request_query_string(request, "parent_dn"), entry_r);
    if (!error) {
        request->subject = fields_string(class->fields, (*entry_r)->values, class->name_attribute);
        request->object_dn = (*entry_r)->dn;
    }
    return error;
}

/* Reads ?sort=, which names one field. */
static struct error *read_list_sort(const struct request *request, const struct field *fields,
                                    struct directory_list_query *query)
{
    const char *sort = request_query_string(request, "sort");
    if (!sort) {
        return NULL;
    }
    query->descending = *sort == '-';
    sort += query->descending;
    const struct field *field = fields;
    while (field->name && (strcmp(field->name, sort) != 0 || !directory_is_sortable(field))) {
        field++;
    }
    query->sort = field;
    return field->name ? NULL
                       : error_field(request->arena, "sort", FAULT_NOT_ONE_OF,
                                     directory_sortable_fields(request->arena, fields));
}

struct error *entries_read_filter(const struct request *request, const struct field *fields,
                                  const struct filter **filter_r)
{
    const char *filter = request_query_string(request, "filter");
    if (request_query_boolean(request, "explain") &&
        !authorization_permits(request->principal, PERMIT_DIRECTORY_WRITE)) {
        return error_new(request->arena, ERR_FORBIDDEN, NULL);
    }
    return filter ? filter_parse(request->arena, filter, fields, filter_r) : NULL;
}

static struct error *read_list_query(const struct request *request,
                                     struct directory_list_query *query)
{
    const struct field *fields = route_entries(request)->class->fields;
    const char *scope = request_query_string(request, "scope");
    *query = (struct directory_list_query){
        .search = request_query_string(request, "search"),
        .parent_dn = request_query_string(request, "parent_dn"),
        .selected = request->selected,
        .skip = request_query_integer(request, "skip"),
        .limit = request_query_integer(request, "limit"),
    };
    query->one_level = scope ? !strcmp(scope, scope_one) : query->parent_dn != NULL;
    return error_merge(read_list_sort(request, fields, query),
                       entries_read_filter(request, fields, &query->filter));
}

const char *entries_explain(struct arena *arena, const struct directory_page *page)
{
    struct buffer text = {.arena = arena};
    struct jsonw json = {.out = &text};
    jsonw_open_object(&json, NULL);
    jsonw_string(&json, "base", page->base);
    jsonw_string(&json, "scope", page->one_level ? scope_one : scope_subtree);
    jsonw_string(&json, "filter", page->filter);
    jsonw_close_object(&json);
    return text.bytes;
}

struct error *entries_list(struct request *request, struct reply *reply)
{
    struct directory_list_query query;
    struct directory_page page;
    struct error *error = read_list_query(request, &query);
    if (!error) {
        error = directory_list(app_of(request)->directory, request->arena,
                               route_entries(request)->class, &query, &page);
    }
    if (error) {
        return error;
    }
    struct value **items = arena_array(request->arena, page.count, sizeof *items);
    for (size_t i = 0; i < page.count; i++) {
        items[i] = page.entries[i]->values;
    }
    reply_list(reply, items, page.count, page.total, query.skip, query.limit);
    if (request_query_boolean(request, "explain")) {
        reply->explain = entries_explain(request->arena, &page);
    }
    return NULL;
}

struct error *entries_get(struct request *request, struct reply *reply)
{
    struct directory_entry *entry;
    struct error *error = entries_find(request, &entry);
    return error ? error : reply_conditional_text(request, reply, entry->values, entry->version);
}

/* --- conditions ------------------------------------------------------------------------------- */

static struct error *check_entry_version(void *context, const char *version)
{
    const struct request *request = context;
    return reply_check_conditions_text(request, version);
}

void entries_set_condition(struct request *request, struct directory_changes *changes)
{
    if (reply_has_conditions(request)) {
        directory_change_condition(changes, check_entry_version, request);
    }
}

const struct directory_guard *entries_guard(struct request *request,
                                            const struct directory_class *class)
{
    if (!reply_has_conditions(request)) {
        return NULL;
    }
    struct directory_guard *guard = arena_alloc(request->arena, sizeof *guard);
    *guard = (struct directory_guard){class, check_entry_version, request};
    return guard;
}

/* --- changes ---------------------------------------------------------------------------------- */

/* Resolves the references of the request body to other entries, if the resource has any. */
static struct error *resolve_references(struct request *request)
{
    entries_resolve *resolve = route_entries(request)->resolve;
    return resolve ? resolve(request) : NULL;
}

/* Returns the changes that the request body requires. `more` adds those of the resource. */
static struct directory_changes *new_body_changes(struct request *request, entries_change *more)
{
    struct directory_changes *changes = directory_changes_new(request->arena);
    directory_change_fields(changes, request->route->body->fields, request->body);
    if (more) {
        more(request, changes);
    }
    return changes;
}

struct error *entries_create(struct request *request, struct reply *reply)
{
    const struct entries *entries = route_entries(request);
    const struct directory_class *class = entries->class;
    /* entries->create() may replace it, if the body does not have the complete name */
    request->subject = request_body_string(request, class->name_attribute);
    struct error *error = resolve_references(request);
    if (error) {
        return error;
    }
    struct directory_changes *changes = new_body_changes(request, entries->create);
    struct directory_entry *entry;
    error = directory_add(app_of(request)->directory, request->arena, class,
                          request_body_string(request, entries->rdn_field),
                          request_body_string(request, class->parent_field), changes, &entry);
    if (!error) {
        request->object_dn = entry->dn;
        reply_created(request, reply, request->route->pattern, request->subject);
        reply_versioned_text(request, reply, entry->values, entry->version);
    }
    return error;
}

struct error *entries_update(struct request *request, struct reply *reply)
{
    const struct entries *entries = route_entries(request);
    struct directory_entry *entry;
    struct error *error = entries_find(request, &entry);
    if (!error) {
        error = resolve_references(request);
    }
    if (error) {
        return error;
    }
    const struct directory_entry *before = entry;
    struct directory_changes *changes = new_body_changes(request, entries->update);
    directory_change_place(changes, request_body_string(request, entries->rdn_field),
                           request_body_string(request, "parent_dn"));
    entries_set_condition(request, changes);
    error = directory_update(app_of(request)->directory, request->arena, entries->class, entry,
                             changes, &entry);
    if (entries->updated && (!error || error_may_follow_change(error))) {
        entries->updated(request, before);
    }
    if (!error) {
        if (strcmp(entry->dn, request->object_dn) != 0) {
            request->moved_dn = entry->dn;
        }
        reply_versioned_text(request, reply, entry->values, entry->version);
    }
    return error;
}

/* Returns the error for an entry that has objects below it. The detail contains their number, and
 * names the parameter `children` if the call accepts it. Returns `error` itself if the objects
 * cannot be counted, for example because the service account cannot see them. */
static struct error *explain_not_empty(const struct request *request,
                                       const struct directory_entry *entry, bool accepts_children,
                                       bool with_children, struct error *error)
{
    struct arena *arena = request->arena;
    size_t count;
    if (directory_count_below(app_of(request)->directory, arena, entry, &count) || !count) {
        return error;
    }
    bool many = count > DIRECTORY_TREE_MAX;
    const char *number = arena_format(arena, "%zu", many ? DIRECTORY_TREE_MAX : count);
    if (!accepts_children) {
        return error_detail(error, route_entries(request)->rdn_field, FAULT_OBJECTS_WITHIN,
                            many ? arena_format(arena, "> %s", number) : number);
    }
    if (many) {
        return error_detail(error, "children", FAULT_TOO_MANY_BELOW, number);
    }
    if (with_children) { /* the directory has found other objects below */
        return error;
    }
    struct error *explained = error_new(arena, ERR_HAS_CHILDREN, "%s", error->cause);
    return error_detail(explained, "children", FAULT_OBJECTS_BELOW, number);
}

/* The reply is a success all the same, because the directory was changed. Commits at once: a worker
 * of the pool `directory` serves one request at a time, so that no other request is committed with
 * it. */
void entries_end_sessions(struct request *request, const char *guid)
{
    struct store *store = app_of(request)->store;
    struct error *error = auth_end_sessions(store, request->arena, guid);
    struct error *commit = store_group_commit(store, request->arena);
    auth_after_commit();
    error = error ? error : commit;
    if (error) {
        log_warning("sessions: cannot end the sessions of a changed user: %s", error->cause);
    }
}

/* Ends the sessions of the users that were deleted. `guid` is NULL if the entry on top is none. */
static void end_deleted_sessions(struct request *request, const char *guid,
                                 const struct directory_below *below)
{
    if (guid) {
        entries_end_sessions(request, guid);
    }
    for (const char *const *user = below->user_guids; user && *user; user++) {
        entries_end_sessions(request, *user);
    }
}

static struct error *delete_entry(struct request *request, struct reply *reply,
                                  bool accepts_children)
{
    const struct entries *entries = route_entries(request);
    struct directory *directory = app_of(request)->directory;
    struct directory_entry *entry;
    struct error *error = entries_find(request, &entry);
    if (error) {
        return error;
    }
    const struct directory_guard *guard = entries_guard(request, entries->class);
    bool with_children = accepts_children && request_query_boolean(request, "children");
    struct directory_below below = {0};
    error = with_children ? directory_delete_tree(directory, request->arena, entry, guard, &below)
                          : directory_delete(directory, request->arena, entry, guard);
    request->deleted_dns = below.dns;
    if (!error || error_may_follow_change(error)) {
        end_deleted_sessions(request, entries->ends_sessions ? entry->guid : NULL, &below);
    }
    if (error) {
        return error->id == ERR_NOT_EMPTY
                   ? explain_not_empty(request, entry, accepts_children, with_children, error)
                   : error;
    }
    reply_no_content(reply);
    return NULL;
}

struct error *entries_delete(struct request *request, struct reply *reply)
{
    return delete_entry(request, reply, false);
}

struct error *entries_delete_tree(struct request *request, struct reply *reply)
{
    return delete_entry(request, reply, true);
}

/* --- members ---------------------------------------------------------------------------------- */

struct error *entries_change_member(struct request *request,
                                    const struct directory_membership *membership,
                                    struct directory_entry **group_r,
                                    struct directory_entry **member_r)
{
    struct error *error = directory_change_member(app_of(request)->directory, request->arena,
                                                  membership, group_r, member_r);
    request->object_dn = (*group_r)->dn;
    request->member_dn = (*member_r)->dn;
    return error;
}
