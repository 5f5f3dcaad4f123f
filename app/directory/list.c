/*
 * List: reads one page of a sorted list of objects.
 *
 * Uses a virtual list view over a server-side sort (draft-ietf-ldapext-ldapv3-vlv-09, RFC 2891):
 * the directory counts and sorts the objects and sends only the requested page.
 *
 * Sorting is expensive: Samba needs 250 ms to sort 10,000 objects, but 2 ms to send ten of them. So
 * the context ID with which the server continues a sorted view is cached for the connection. It is
 * used only while highestCommittedUSN of the rootDSE (MS-ADTS 3.1.1.3.2.4), which every write to
 * the directory increases, has the value that it had before the view was created. So a page never
 * shows a state of the directory before the request.
 */
#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/error.h"
#include "directory/attribute.h"
#include "directory/cache.h"
#include "directory/caller.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/entry.h"
#include "directory/filter.h"
#include "directory/merged.h"
#include "directory/name_search.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/order.h"
#include "directory/query.h"
#include "directory/result.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

/* The parameters of a page. */
struct page_request {
    const struct directory_class *class;
    const struct directory_list_query *query;
    const char *base, *filter;
    const char *sort; /* attribute to sort by, with "-" in front for the descending order */
    int64_t until;    /* deadline of searches with ?filter=, see struct operation; 0: none */
};

/* The server's description of the sorted view that a page belongs to. */
struct view {
    ber_int_t target; /* position of the first entry of the page, from 1 */
    ber_int_t total;
    struct berval *context; /* context ID, freed with the arena; may be NULL */
};

/* --- cached views ---------------------------------------------------------------------------- */

enum { CACHED_VIEWS = 8 }; /* Samba keeps ten for each connection */

/* A sorted view of which the server can return more pages. */
struct cached_view {
    char *key;     /* from malloc(); order, base, scope and filter; NULL: unused entry */
    char *filter;  /* from malloc(); the filter as sent: excludes the objects that the list omits */
    char *context; /* from malloc(); the server's context ID, `length` bytes */
    size_t length;
    int64_t usn; /* highestCommittedUSN before the view was created; valid while unchanged */
};

struct view_cache {
    struct cached_view views[CACHED_VIEWS];
    size_t next; /* index of the next view to replace */
};

static void clear_cached_view(struct cached_view *known)
{
    free(known->key);
    free(known->filter);
    free(known->context);
    *known = (struct cached_view){0};
}

static void clear_view_cache(void *data)
{
    struct view_cache *known = data;
    for (size_t i = 0; i < CACHED_VIEWS; i++) {
        clear_cached_view(&known->views[i]);
    }
}

static const struct cache_kind view_cache_kind = {
    .size = sizeof(struct view_cache),
    .clear = clear_view_cache,
    .of_connection = true,
};

static struct cached_view *find_cached_view(struct view_cache *views, const char *key)
{
    for (size_t i = 0; i < CACHED_VIEWS; i++) {
        struct cached_view *known = &views->views[i];
        if (known->key && !strcmp(known->key, key)) {
            return known;
        }
    }
    return NULL;
}

/* Caches the newest context ID of a view; replaces the oldest view if the cache is full. */
static void cache_view(struct view_cache *views, const char *key, const char *filter, int64_t usn,
                       const struct view *view)
{
    struct cached_view *known = find_cached_view(views, key);
    if (!known) {
        known = &views->views[views->next];
        views->next = (views->next + 1) % CACHED_VIEWS;
    }
    clear_cached_view(known);
    if (usn && view->context && view->context->bv_len) {
        char *context = base_alloc(view->context->bv_len);
        memcpy(context, view->context->bv_val, view->context->bv_len);
        *known = (struct cached_view){base_strdup(key), base_strdup(filter), context,
                                      view->context->bv_len, usn};
    }
}

/* --- searching ------------------------------------------------------------------------------- */

/* Adds an object below CN=System to the list of objects to omit. */
static void visit_system_object(void *context, const struct raw_entry *raw)
{
    struct buffer *omitted = context;
    const struct attribute *guid = attribute_get(raw, "objectGUID");
    if (!guid) {
        return;
    }
    buffer_add_string(omitted, "(objectGUID=");
    for (size_t i = 0; i < guid->values->bv_len; i++) {
        buffer_format(omitted, "\\%02x", (unsigned char)guid->values->bv_val[i]);
    }
    buffer_add_char(omitted, ')');
}

/* Extends the filter so that it does not match objects below CN=System, if the class omits them. A
 * filter cannot select objects by their place, so it names them. */
static struct error *omit_system_objects(struct directory *directory, struct arena *arena,
                                         const struct page_request *page, const char **filter_r)
{
    const char *system = names_system(arena, page->base);
    char *attributes[] = {"objectGUID", NULL};
    struct buffer omitted = {.arena = arena};
    const struct query search = {
        .base = system,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = arena_format(arena, "(&%s(!(distinguishedName=%s)))", page->filter,
                               names_filter_value(arena, system ? system : "")),
        .attributes = attributes,
        .until = page->until,
    };
    *filter_r = page->filter;
    if (!page->class->outside_system || page->query->one_level || !system ||
        !names_may_be_within(system, page->base) || names_equal(system, page->base)) {
        return NULL;
    }
    struct error *error = query_all(directory, arena, &search, visit_system_object, &omitted);
    if (error && error->id == ERR_DIRECTORY_LIMIT && page->query->filter) {
        return error_new(arena, ERR_FILTER_TOO_COSTLY, "%s", error->cause);
    }
    if (error) {
        return error->id == ERR_NOT_FOUND ? NULL : error;
    }
    if (omitted.length) {
        *filter_r = arena_format(arena, "(&%s(!(|%s)))", page->filter, omitted.bytes);
    }
    return NULL;
}

static void release_context(void *context)
{
    ber_bvfree(context);
}

/* Returns a critical control, so that the server fails rather than send an unsorted list. */
static LDAPControl *create_sort_control(struct arena *arena, LDAP *ldap, const char *attribute)
{
    LDAPSortKey **keys = NULL;
    LDAPControl *control = NULL;
    char *text = arena_string(arena, attribute);
    if (ldap_create_sort_keylist(&keys, text) == LDAP_SUCCESS &&
        ldap_create_sort_control(ldap, keys, 1, &control) == LDAP_SUCCESS) {
        query_defer_control(arena, control);
    }
    ldap_free_sort_keylist(keys);
    return control;
}

/* Requests the entry at position skip + 1 and limit - 1 entries after it. */
static LDAPControl *create_view_control(struct arena *arena, LDAP *ldap,
                                        const struct page_request *page,
                                        const struct cached_view *known)
{
    struct berval context = {0};
    LDAPVLVInfo view = {
        .ldvlv_version = 1,
        .ldvlv_after_count = (ber_int_t)(page->query->limit - 1),
        .ldvlv_offset =
            (ber_int_t)(page->query->skip < INT32_MAX - 1 ? page->query->skip + 1 : INT32_MAX),
    };
    LDAPControl *control = NULL;
    if (known) {
        context = (struct berval){.bv_len = known->length, .bv_val = known->context};
        view.ldvlv_context = &context;
    }
    if (ldap_create_vlv_control(ldap, &view, &control) == LDAP_SUCCESS) {
        query_defer_control(arena, control);
    }
    return control;
}

/* Searches for a page in a cached view or, if `known` is NULL, in a new one. */
static struct error *search_view_page(struct directory *directory, struct arena *arena,
                                      const struct page_request *page,
                                      const struct cached_view *known, struct answer *answer)
{
    LDAP *ldap;
    struct error *error = connection_get(directory, arena, &ldap);
    if (error) {
        return error;
    }
    LDAPControl *controls[] = {create_sort_control(arena, ldap, page->sort),
                               create_view_control(arena, ldap, page, known),
                               &query_one_domain_control, NULL};
    if (!controls[0] || !controls[1]) {
        return error_new(arena, ERR_INTERNAL, "list: cannot encode the controls");
    }
    const struct query search = {
        .base = page->base,
        .scope = page->query->one_level ? LDAP_SCOPE_ONELEVEL : LDAP_SCOPE_SUBTREE,
        .filter = page->filter,
        .attributes =
            entry_attributes(arena, page->class->fields, ENTRY_WHOLE, page->query->selected),
        .controls = controls,
        .until = page->until,
    };
    return query_run(directory, arena, &search, answer);
}

/* Reads the server's view control from the answer. */
static struct error *parse_view(struct arena *arena, LDAP *ldap, const struct answer *answer,
                                struct view *view_r)
{
    LDAPControl *control = ldap_control_find(LDAP_CONTROL_VLVRESPONSE, answer->controls, NULL);
    int code = LDAP_OTHER;
    *view_r = (struct view){0};
    bool parsed =
        control && ldap_parse_vlvresponse_control(ldap, control, &view_r->target, &view_r->total,
                                                  &view_r->context, &code) == LDAP_SUCCESS;
    if (view_r->context) {
        arena_defer(arena, release_context, view_r->context);
    }
    if (!parsed || code != LDAP_SUCCESS) {
        return error_new(arena, ERR_INTERNAL, "list: the answer has no view control");
    }
    return NULL;
}

/* Reads the page from the cached view if that is up to date and the server still has it, else from
 * a new view. */
static struct error *search_page_cached(struct directory *directory, struct arena *arena,
                                        const struct page_request *page, struct answer *answer,
                                        struct view *view)
{
    struct view_cache *views = connection_cache(directory, &view_cache_kind);
    const char *key = arena_format(arena, "%s %s %d %s", page->sort, page->base,
                                   page->query->one_level, page->filter);
    int64_t usn;
    *answer = (struct answer){.code = LDAP_OTHER, .diagnostic = ""};
    struct error *error = query_highest_usn(directory, arena, &usn);
    uint64_t generation = connection_generation(directory);
    const struct cached_view *known = find_cached_view(views, key);
    bool reuse = !error && known && usn && known->usn == usn;
    struct page_request sent = *page;
    if (reuse) {
        sent.filter = arena_string(arena, known->filter);
        error = search_view_page(directory, arena, &sent, known, answer);
    } else if (!error) {
        error = omit_system_objects(directory, arena, page, &sent.filter);
    }
    if (!error && answer->code != LDAP_SUCCESS) {
        error = search_view_page(directory, arena, &sent, NULL, answer);
    }
    if (!error && answer->code == LDAP_SUCCESS) {
        error = parse_view(arena, connection_ldap(directory), answer, view);
    }
    if (!error && answer->code == LDAP_SUCCESS && connection_generation(directory) == generation) {
        cache_view(views, key, sent.filter, usn, view);
    }
    return error;
}

/* Returns the error of a failed search for a page. */
static struct error *page_error(struct arena *arena, const struct page_request *page,
                                const struct answer *answer)
{
    switch (answer->code) {
    case LDAP_NO_SUCH_OBJECT:
    case LDAP_REFERRAL:
        return page->query->parent_dn
                   ? error_new(arena, ERR_PARENT_NOT_FOUND, "%s", answer->diagnostic)
                   : query_missing_base_error(arena, answer);
    case LDAP_TIMELIMIT_EXCEEDED:
    case LDAP_SIZELIMIT_EXCEEDED:
    case LDAP_ADMINLIMIT_EXCEEDED:
        if (page->query->filter) {
            return error_new(arena, ERR_FILTER_TOO_COSTLY, "list: LDAP result %d: %s", answer->code,
                             answer->diagnostic);
        }
        break;
    default:
        break;
    }
    struct error *error = result_error(arena, answer, page->class->fields, "list");
    bool refused = error->id == ERR_DIRECTORY_LIMIT || error->id == ERR_DIRECTORY_REFUSED ||
                   answer->code == LDAP_INAPPROPRIATE_MATCHING;
    return page->query->sort && refused ? error_new(arena, ERR_SORT_TOO_COSTLY, "%s", error->cause)
                                        : error;
}

/* True if the list is empty because the only place of the caller was deleted, moved or renamed
 * meanwhile. */
static bool is_place_gone(const struct directory *directory, const struct page_request *page,
                          const struct answer *answer)
{
    return answer->code == LDAP_NO_SUCH_OBJECT && !page->query->parent_dn &&
           !caller_sees(directory, connection_config(directory)->ldap_base_dn);
}

static struct error *read_page(struct directory *directory, struct arena *arena,
                               const struct page_request *page, struct directory_page *page_r)
{
    struct answer answer;
    struct view view = {0};
    *page_r = (struct directory_page){0};
    struct error *error = search_page_cached(directory, arena, page, &answer, &view);
    if (error) {
        return error;
    }
    if (is_place_gone(directory, page, &answer)) {
        return NULL;
    }
    if (answer.code != LDAP_SUCCESS) {
        return page_error(arena, page, &answer);
    }
    *page_r = (struct directory_page){.total = view.total,
                                      .base = page->base,
                                      .filter = page->filter,
                                      .one_level = page->query->one_level};
    /* Beyond the end of the list the server sends the last entry instead. */
    if (view.target != page->query->skip + 1) {
        return NULL;
    }
    struct directory_entry **entries = arena_array(arena, answer.count, sizeof *entries);
    page_r->entries = entries;
    page_r->count = answer.count;
    return entry_decode_all(directory, arena, page->class, page->query->selected, answer.entries,
                            answer.count, entries);
}

/* --- lists ------------------------------------------------------------------------------------ */

/* The searches of a list: the compiled filter, the words of ?search= and the order. */
struct list_search {
    struct page_request page;
    const char *filter; /* without the words of the search */
    struct name_search words;
    struct order order;
    bool is_merged; /* from the places of a caller that does not see page.base, see merged.h */
    const char *const *places;
    size_t places_count;
};

/* Returns those of the places that are directly below the base DN. */
static const char *const *select_top_places(struct arena *arena, const char *base,
                                            const char *const *places, size_t *count)
{
    const char **kept = arena_array(arena, *count, sizeof *kept);
    size_t kept_count = 0;
    for (size_t i = 0; i < *count; i++) {
        if (names_depth(places[i]) == names_depth(base) + 1) {
            kept[kept_count++] = places[i];
        }
    }
    *count = kept_count;
    return kept;
}

/* Limits the list to the places of a caller that does not see the base DN. A single place needs no
 * merging: the list searches below it. */
static void choose_places(struct directory *directory, struct arena *arena,
                          struct list_search *list)
{
    const char *base = list->page.base;
    size_t count;
    if (caller_sees(directory, base)) {
        return;
    }
    const char *const *places = caller_places(directory, arena, base, &count);
    if (count == 1 && !list->page.query->one_level) {
        list->page.base = places[0];
        return;
    }
    list->places =
        list->page.query->one_level ? select_top_places(arena, base, places, &count) : places;
    list->places_count = count;
    list->is_merged = true;
}

/* Sets the base, the order and the deadline of the searches, and compiles the filter. */
static struct error *prepare_list(struct directory *directory, struct arena *arena,
                                  struct list_search *list)
{
    const struct config *config = connection_config(directory);
    const struct directory_list_query *query = list->page.query;
    const char *compiled;
    list->page.base = config->ldap_base_dn;
    list->filter = list->page.class->filter;
    name_search_parse(&list->words, arena, query->search);
    struct error *error = order_prepare(directory, arena, list->page.class, query, &list->order);
    list->page.sort = list->order.attribute;
    if (!error && query->parent_dn) {
        error = query_managed_dn(directory, arena, query->parent_dn, "parent_dn", &list->page.base);
    }
    if (!error) {
        choose_places(directory, arena, list);
    }
    if (error || !query->filter) {
        return error;
    }
    list->page.until = clock_steady_us() + config->filter_timeout_ms * US_PER_MS;
    error = directory_filter_compile(directory, arena, query->filter, &compiled);
    list->filter = arena_format(arena, "(&%s%s)", list->filter, compiled);
    return error;
}

static void append_page(struct arena *arena, struct directory_page *page,
                        const struct directory_page *more)
{
    struct directory_entry **entries =
        arena_array(arena, page->count + more->count, sizeof *entries);
    for (size_t i = 0; i < page->count; i++) {
        entries[i] = page->entries[i];
    }
    for (size_t i = 0; i < more->count; i++) {
        entries[page->count + i] = more->entries[i];
    }
    page->entries = entries;
    page->count += more->count;
    page->total += more->total;
}

/* Reads a page of a list that consists of parts. Reads from each part the entries that belong to
 * the page, and adds up the totals of the parts. */
static struct error *read_parts(struct directory *directory, struct arena *arena,
                                const struct page_request *whole, const struct order *order,
                                struct directory_page *page_r)
{
    *page_r = (struct directory_page){
        .base = whole->base, .filter = whole->filter, .one_level = whole->query->one_level};
    for (size_t i = 0; i < order->count; i++) {
        struct directory_list_query query = *whole->query;
        struct page_request part = *whole;
        struct directory_page read;
        int64_t left = query.limit - (int64_t)page_r->count;
        query.skip = query.skip > page_r->total ? query.skip - page_r->total : 0;
        query.limit = left ? left : 1;
        part.query = &query;
        part.filter = arena_format(arena, "(&%s%s)", whole->filter, order->parts[i]);
        struct error *error = read_page(directory, arena, &part, &read);
        if (error) {
            return error;
        }
        read.count = left ? read.count : 0;
        append_page(arena, page_r, &read);
    }
    return NULL;
}

/* Reads the page of the entries that match the first `words` words of the search. */
static struct error *read_list(struct directory *directory, struct arena *arena,
                               struct list_search *list, size_t words,
                               struct directory_page *page_r)
{
    list->page.filter =
        name_search_filter(arena, list->filter, list->page.class->searched, &list->words, words);
    if (list->is_merged) {
        const struct merged_list merged = {
            .class = list->page.class,
            .query = list->page.query,
            .places = list->places,
            .places_count = list->places_count,
            .scope = list->page.query->one_level ? LDAP_SCOPE_BASE : LDAP_SCOPE_SUBTREE,
            .filter = list->page.filter,
            .order = &list->order,
            .until = list->page.until,
        };
        return merged_read(directory, arena, &merged, page_r);
    }
    return list->order.count ? read_parts(directory, arena, &list->page, &list->order, page_r)
                             : read_page(directory, arena, &list->page, page_r);
}

struct error *directory_list(struct directory *directory, struct arena *arena,
                             const struct directory_class *class,
                             const struct directory_list_query *query,
                             struct directory_page *page_r)
{
    struct list_search list = {.page = {.class = class, .query = query}};
    connection_begin_call(directory);
    struct error *error = prepare_list(directory, arena, &list);
    if (!error) {
        error = read_list(directory, arena, &list, NAME_SEARCH_WORDS_MAX, page_r);
    }
    if (!error && !page_r->total && list.words.count > NAME_SEARCH_FIRST_WORDS) {
        error = read_list(directory, arena, &list, NAME_SEARCH_FIRST_WORDS, page_r);
    }
    return error;
}
