/*
 * Query: searches that return raw entries: one object by its name or DN, all objects that match a
 * filter, and parents that clients refer to. find.c decodes entries, list.c reads pages of lists.
 */
#include "directory/query.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/field.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/result.h"

#include <string.h>
#include <sys/time.h>

enum {
    PAGE_SIZE = 1000,  /* default MaxPageSize of a controller */
    MATCHES_MAX = 100, /* maximum number of objects of one name that ERR_AMBIGUOUS lists */
};

/* --- searching ------------------------------------------------------------------------------- */

LDAPControl query_one_domain_control = {.ldctl_oid = LDAP_CONTROL_X_DOMAIN_SCOPE};

static void release_query_control(void *control)
{
    ldap_control_free(control);
}

void query_defer_control(struct arena *arena, LDAPControl *control)
{
    arena_defer(arena, release_query_control, control);
}

static int send_search(LDAP *ldap, const void *request, int *message_id_r)
{
    const struct query *search = request;
    int64_t left = search->until ? search->until - clock_steady_us() : 0;
    struct timeval limit = {.tv_sec = left > 0 ? (left + US_PER_S - 1) / US_PER_S : 1};
    return ldap_search_ext(ldap, search->base, search->scope,
                           search->filter ? search->filter : "(objectClass=*)", search->attributes,
                           0, search->controls, NULL, search->until ? &limit : NULL,
                           search->size_limit, message_id_r);
}

struct error *query_run(struct directory *directory, struct arena *arena,
                        const struct query *search, struct answer *answer_r)
{
    const struct operation operation = {OPERATION_SEARCH, "search", send_search, search,
                                        search->until};
    return operation_repeat(directory, arena, &operation, answer_r);
}

struct error *query_object(struct directory *directory, struct arena *arena, const char *dn,
                           char **attributes, struct raw_entry *raw_r)
{
    const struct query search = {.base = dn, .scope = LDAP_SCOPE_BASE, .attributes = attributes};
    struct answer answer;
    struct error *error = query_run(directory, arena, &search, &answer);
    if (error) {
        return error;
    }
    if (answer.code != LDAP_SUCCESS) {
        return result_error(arena, &answer, NULL, "read");
    }
    if (!answer.count) {
        return error_new(arena, ERR_NOT_FOUND, "%s is not visible to LDAP_BIND_DN", dn);
    }
    *raw_r = answer.entries[0];
    return NULL;
}

const char *query_guid_dn(struct arena *arena, const char *guid)
{
    return arena_format(arena, "<GUID=%s>", guid);
}

struct error *query_missing_base_error(struct arena *arena, const struct answer *answer)
{
    return error_new(arena, ERR_DIRECTORY_UNAVAILABLE, "LDAP_BASE_DN cannot be read: %s",
                     *answer->diagnostic ? answer->diagnostic : ldap_err2string(answer->code));
}

/* --- changes of the directory ---------------------------------------------------------------- */

struct error *query_highest_usn(struct directory *directory, struct arena *arena, int64_t *usn_r)
{
    char *attributes[] = {"highestCommittedUSN", NULL};
    struct raw_entry root = {0};
    struct error *error = query_object(directory, arena, "", attributes, &root);
    *usn_r = 0;
    if (error) {
        return error->id == ERR_DIRECTORY_UNAVAILABLE || error->id == ERR_DIRECTORY_CREDENTIALS
                   ? error
                   : NULL;
    }
    const struct attribute *usn = attribute_get(&root, "highestCommittedUSN");
    if (usn && !codec_integer(usn->values, usn_r)) {
        *usn_r = 0;
    }
    return NULL;
}

/* --- paged searches -------------------------------------------------------------------------- */

/* Reads the cookie for the next page; empty after the last page. False if the answer has no valid
 * paged results control. */
static bool read_cookie(struct arena *arena, LDAP *ldap, const struct answer *answer,
                        struct berval *cookie)
{
    LDAPControl *control = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, answer->controls, NULL);
    struct berval read = {0};
    ber_int_t estimate;
    *cookie = (struct berval){0};
    if (!control ||
        ldap_parse_pageresponse_control(ldap, control, &estimate, &read) != LDAP_SUCCESS) {
        return false;
    }
    if (read.bv_len) {
        *cookie = (struct berval){read.bv_len, arena_copy(arena, read.bv_val, read.bv_len)};
    }
    ldap_memfree(read.bv_val);
    return true;
}

/* Reads one page (RFC 2696). `cookie` is empty for the first page and is replaced by the cookie for
 * the next one. Cookies are valid on one connection only: if it is lost between two pages, the
 * search fails. */
static struct error *search_page(struct directory *directory, struct arena *arena,
                                 const struct query *search, struct berval *cookie,
                                 struct answer *answer)
{
    LDAP *ldap;
    struct error *error = connection_get(directory, arena, &ldap);
    if (error) {
        return error;
    }
    LDAPControl *controls[] = {NULL, &query_one_domain_control, NULL};
    struct query page = *search;
    page.controls = controls;
    if (ldap_create_page_control(ldap, PAGE_SIZE, cookie, 1, &controls[0]) != LDAP_SUCCESS) {
        return error_new(arena, ERR_INTERNAL, "search: cannot encode the paged results control");
    }
    query_defer_control(arena, controls[0]);
    error = query_run(directory, arena, &page, answer);
    if (error) {
        return error;
    }
    if (answer->code != LDAP_SUCCESS) {
        return result_error(arena, answer, NULL, "search");
    }
    if (!read_cookie(arena, connection_ldap(directory), answer, cookie)) {
        return error_new(arena, ERR_INTERNAL,
                         "search: the answer has no valid paged results control");
    }
    return NULL;
}

struct error *query_all(struct directory *directory, struct arena *arena,
                        const struct query *search, query_visitor *visit, void *context)
{
    struct berval cookie = {0};
    uint64_t generation = 0;
    do {
        struct answer answer = {0};
        struct error *error = search_page(directory, arena, search, &cookie, &answer);
        if (error) {
            return error;
        }
        if (generation && generation != connection_generation(directory)) {
            return error_new(arena, ERR_DIRECTORY_UNAVAILABLE,
                             "search: the connection was lost between two pages");
        }
        generation = connection_generation(directory);
        for (size_t i = 0; i < answer.count; i++) {
            visit(context, &answer.entries[i]);
        }
    } while (cookie.bv_len);
    return NULL;
}

/* --- CN=System -------------------------------------------------------------------------------- */

bool query_is_below_system(const struct directory *directory, struct arena *arena, const char *dn)
{
    const char *system = names_system(arena, connection_config(directory)->ldap_base_dn);
    return system && names_may_be_within(dn, system) && !names_may_equal(dn, system);
}

/* True if the DN is CN=System or below it. */
static bool is_within_system(const struct directory *directory, struct arena *arena, const char *dn)
{
    const char *system = names_system(arena, connection_config(directory)->ldap_base_dn);
    return system && names_may_be_within(dn, system);
}

/* Removes the objects below CN=System from the answer. */
static void drop_system_entries(const struct directory *directory, struct arena *arena,
                                struct answer *answer)
{
    size_t kept = 0;
    for (size_t i = 0; i < answer->count; i++) {
        if (!query_is_below_system(directory, arena, answer->entries[i].dn)) {
            answer->entries[kept++] = answer->entries[i];
        }
    }
    answer->count = kept;
}

/* --- what the caller sees --------------------------------------------------------------------- */

struct error *query_all_visible(struct directory *directory, struct arena *arena,
                                const struct query *search, query_visitor *visit, void *context)
{
    size_t count;
    const char *const *places = caller_places(directory, arena, search->base, &count);
    struct query part = *search;
    struct error *error = NULL;
    for (size_t i = 0; !error && i < count; i++) {
        part.base = places[i];
        error = query_all(directory, arena, &part, visit, context);
        if (error && error->id == ERR_NOT_FOUND && part.base != search->base) {
            error = NULL; /* the place was deleted, moved or renamed meanwhile */
        }
    }
    return error;
}

/* The entries of a search that the caller sees. */
struct visible_entries {
    const struct directory *directory;
    struct arena *arena;
    bool outside_system;
    struct raw_entry *entries;
    size_t count;
};

/* Keeps the entry if the caller sees it, up to MATCHES_MAX entries. */
static void visit_if_visible(void *context, const struct raw_entry *raw)
{
    struct visible_entries *found = context;
    bool omitted =
        found->outside_system && query_is_below_system(found->directory, found->arena, raw->dn);
    if (found->count < MATCHES_MAX && !omitted && caller_sees(found->directory, raw->dn)) {
        found->entries[found->count++] = *raw;
    }
}

/* Reads the attributes of the only entry that was found. */
static struct error *read_only_match(struct directory *directory, struct arena *arena,
                                     const struct query *search, struct answer *answer)
{
    struct query one = *search;
    one.base = answer->entries->dn;
    one.scope = LDAP_SCOPE_BASE;
    struct error *error = query_run(directory, arena, &one, answer);
    if (!error && answer->code == LDAP_NO_SUCH_OBJECT) { /* deleted or moved meanwhile */
        *answer = (struct answer){.code = LDAP_SUCCESS, .diagnostic = ""};
    }
    return error;
}

/* Searches below `base` for the DNs, drops those that the caller does not see, and reads the entry
 * if one is left. So a hidden entry costs the same one search as an absent one. */
static struct error *search_several_places(struct directory *directory, struct arena *arena,
                                           const struct query *search, bool outside_system,
                                           struct answer *answer_r)
{
    char *none[] = {LDAP_NO_ATTRS, NULL};
    struct query dns = *search;
    struct visible_entries found = {directory, arena, outside_system,
                                    arena_array(arena, MATCHES_MAX, sizeof *found.entries), 0};
    dns.attributes = none;
    dns.size_limit = 0; /* no limit: the server would count hidden entries, too */
    struct error *error = query_all(directory, arena, &dns, visit_if_visible, &found);
    *answer_r = (struct answer){
        .code = LDAP_SUCCESS, .diagnostic = "", .entries = found.entries, .count = found.count};
    if (error && error->id == ERR_NOT_FOUND) {
        answer_r->code = LDAP_NO_SUCH_OBJECT;
        return NULL;
    }
    bool wants_more = found.count == 1 && strcmp(search->attributes[0], LDAP_NO_ATTRS) != 0;
    return error || !wants_more ? error : read_only_match(directory, arena, search, answer_r);
}

/* Runs a search for entries that the caller sees. */
static struct error *search_visible(struct directory *directory, struct arena *arena,
                                    const struct query *search, bool outside_system,
                                    struct answer *answer_r)
{
    size_t count;
    const char *const *places = caller_places(directory, arena, search->base, &count);
    struct query one = *search;
    *answer_r = (struct answer){.code = LDAP_SUCCESS, .diagnostic = ""};
    if (!count) {
        return NULL;
    }
    if (count > 1) {
        return search_several_places(directory, arena, search, outside_system, answer_r);
    }
    one.base = places[0];
    struct error *error = query_run(directory, arena, &one, answer_r);
    bool gone = answer_r->code == LDAP_NO_SUCH_OBJECT || answer_r->code == LDAP_REFERRAL;
    if (!error && gone && one.base != search->base) {
        *answer_r = (struct answer){.code = LDAP_SUCCESS, .diagnostic = ""};
    }
    if (!error && outside_system) {
        drop_system_entries(directory, arena, answer_r);
    }
    return error;
}

struct error *query_visible(struct directory *directory, struct arena *arena,
                            const struct query *search, struct answer *answer_r)
{
    return search_visible(directory, arena, search, false, answer_r);
}

/* --- parents --------------------------------------------------------------------------------- */

/* Fails if the DN of a client is invalid or outside the base DN. */
static struct error *check_managed_dn(const struct directory *directory, struct arena *arena,
                                      const char *dn, const char *field)
{
    const char *normal = names_normalize(arena, dn);
    if (!normal || !*normal) {
        return error_field(arena, field, FAULT_NOT_DN, NULL);
    }
    if (!names_is_within(normal, connection_config(directory)->ldap_base_dn)) {
        return error_field(arena, field, FAULT_OUTSIDE_BASE_DN, NULL);
    }
    return NULL;
}

/* Searches instead of reading, because the directory compares DNs by rules of its own, and a DN
 * below the base DN can belong to another naming context (CN=Configuration), which searches do not
 * cover. */
struct error *query_managed_dn(struct directory *directory, struct arena *arena, const char *dn,
                               const char *field, const char **found_r)
{
    struct error *error = check_managed_dn(directory, arena, dn, field);
    if (error) {
        return error;
    }
    char *attributes[] = {LDAP_NO_ATTRS, NULL};
    LDAPControl *controls[] = {&query_one_domain_control, NULL};
    const struct query search = {
        .base = connection_config(directory)->ldap_base_dn,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = names_filter_dn(arena, dn),
        .attributes = attributes,
        .controls = controls,
    };
    struct answer answer;
    error = query_visible(directory, arena, &search, &answer);
    if (error) {
        return error;
    }
    if (answer.code == LDAP_NO_SUCH_OBJECT || answer.code == LDAP_REFERRAL) {
        return query_missing_base_error(arena, &answer);
    }
    if (answer.code != LDAP_SUCCESS) {
        return result_error(arena, &answer, NULL, "search for the parent");
    }
    if (answer.count != 1) {
        return error_new(arena, ERR_PARENT_NOT_FOUND, "%s does not exist", dn);
    }
    *found_r = answer.entries->dn;
    return NULL;
}

struct error *query_parent(struct directory *directory, struct arena *arena, const char *dn,
                           const char *field, const char **parent_r)
{
    if (is_within_system(directory, arena, dn)) {
        return error_field(arena, field, FAULT_WITHIN_SYSTEM, NULL);
    }
    struct error *error = query_managed_dn(directory, arena, dn, field, parent_r);
    /* The directory compares names more loosely than names_may_be_within(): it ignores accents, and
     * accepts the OID of an attribute. */
    return !error && is_within_system(directory, arena, *parent_r)
               ? error_field(arena, field, FAULT_WITHIN_SYSTEM, NULL)
               : error;
}

/* --- searches by name ------------------------------------------------------------------------ */

struct error *query_only_entry(struct arena *arena, const struct answer *answer,
                               const struct field *fields, const char *name,
                               struct raw_entry **raw_r)
{
    if (answer->count > 1) {
        struct error *error =
            error_new(arena, ERR_AMBIGUOUS, "%zu objects are called \"%s\"", answer->count, name);
        for (size_t i = 0; i < answer->count; i++) {
            error_detail(error, NULL, FAULT_NONE, answer->entries[i].dn);
        }
        return error;
    }
    if (answer->code != LDAP_SUCCESS) {
        return result_error(arena, answer, fields, "search");
    }
    if (!answer->count) {
        return error_new(arena, ERR_NOT_FOUND, NULL);
    }
    *raw_r = answer->entries;
    return NULL;
}

/* Returns the filter that matches an object by its objectGUID or DN; NULL if `name` is neither, or
 * is a DN outside of the base DN. */
static const char *format_identifier_filter(const struct directory *directory, struct arena *arena,
                                            const char *name)
{
    const char *guid = names_filter_guid(arena, name);
    if (guid) {
        return arena_format(arena, "(objectGUID=%s)", guid);
    }
    const char *dn = strchr(name, '=') ? names_normalize(arena, name) : NULL;
    return dn && names_is_within(dn, connection_config(directory)->ldap_base_dn)
               ? names_filter_dn(arena, name)
               : NULL;
}

/* Returns the filter that matches the names of a machine account, see struct directory_class. */
static const char *format_machine_filter(struct arena *arena, const char *name)
{
    size_t length = strlen(name);
    bool complete = length && name[length - 1] == '$';
    const char *account = complete ? name : arena_format(arena, "%s$", name);
    return arena_format(arena, "(|%s%s)", names_filter_equal(arena, "sAMAccountName", account),
                        names_filter_equal(arena, "cn", name));
}

/* Returns the filter that matches the wanted object. The name comes first, because Samba
 * evaluates the first index that it can use. *is_identifier_r is true if the name may also be a
 * GUID or DN. */
static const char *format_name_filter(const struct directory *directory, struct arena *arena,
                                      const struct query_by_name *wanted, bool *is_identifier_r)
{
    const char *named = wanted->machine_names
                            ? format_machine_filter(arena, wanted->name)
                            : names_filter_equal(arena, wanted->attribute, wanted->name);
    const char *by_name = arena_format(arena, "(&%s%s)", named, wanted->filter);
    const char *by_identifier =
        wanted->identifier_filter ? format_identifier_filter(directory, arena, wanted->name) : NULL;
    *is_identifier_r = by_identifier;
    return by_identifier ? arena_format(arena, "(|%s(&%s%s))", by_name, by_identifier,
                                        wanted->identifier_filter)
                         : by_name;
}

struct error *query_name(struct directory *directory, struct arena *arena,
                         const struct query_by_name *wanted, struct raw_entry **raw_r)
{
    bool is_identifier;
    struct answer answer;
    LDAPControl *controls[] = {&query_one_domain_control, NULL};
    struct query search = {
        .base = connection_config(directory)->ldap_base_dn,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = format_name_filter(directory, arena, wanted, &is_identifier),
        .attributes = wanted->attributes,
        /* Entries below CN=System do not count, but the server does not know that. */
        .size_limit = wanted->outside_system ? 0 : MATCHES_MAX,
        .controls = controls,
    };
    struct error *error = NULL;
    if (wanted->parent_dn) {
        search.scope = LDAP_SCOPE_ONELEVEL;
        error = query_managed_dn(directory, arena, wanted->parent_dn, "parent_dn", &search.base);
    }
    bool outside_system = wanted->outside_system && !wanted->parent_dn && !is_identifier;
    if (!error) {
        error = search_visible(directory, arena, &search, outside_system, &answer);
    }
    if (error) {
        return error;
    }
    if (answer.code == LDAP_NO_SUCH_OBJECT || answer.code == LDAP_REFERRAL) {
        return wanted->parent_dn ? error_new(arena, ERR_PARENT_NOT_FOUND, "%s", answer.diagnostic)
                                 : query_missing_base_error(arena, &answer);
    }
    return query_only_entry(arena, &answer, NULL, wanted->name, raw_r);
}

struct error *query_user(struct directory *directory, struct arena *arena, const char *name,
                         const char *parent_dn, char **attributes, struct raw_entry **raw_r)
{
    const struct query_by_name wanted = {
        .attribute = "sAMAccountName",
        .name = name,
        .filter = DIRECTORY_USER_FILTER,
        .identifier_filter = DIRECTORY_USER_FILTER,
        .parent_dn = parent_dn,
        .attributes = attributes,
    };
    return query_name(directory, arena, &wanted, raw_r);
}
