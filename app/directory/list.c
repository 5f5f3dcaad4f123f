/*
 * List: a page of many objects.
 *
 * A list is a virtual list view over a server-side sort (draft-ietf-ldapext-ldapv3-vlv-09, RFC
 * 2891): the directory counts and sorts, and sends the page that was asked for and nothing else.
 *
 * Sorting is what costs: 10,000 objects take Samba 250 ms, a page of ten out of them 2 ms. So the
 * context with which the server lets us come back to a view is kept, as state of the connection.
 * It is used only while highestCommittedUSN of the rootDSE (MS-ADTS 3.1.1.3.2.4), which every write
 * to the directory moves, is what it was before the view was made: a page is never older than the
 * request for it.
 */
#include "base/arena.h"
#include "base/buffer.h"
#include "base/config.h"
#include "base/error.h"
#include "directory/attribute.h"
#include "directory/cache.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/entry.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/query.h"
#include "directory/result.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

/* What a page is asked for by. */
struct page_request {
    const struct directory_class *class;
    const char *filter;
    int64_t skip, limit;
};

/* What the server says of the view that a page is cut out of. */
struct view {
    ber_int_t target; /* the position of the first entry that was sent, from 1 */
    ber_int_t total;
    struct berval *context; /* released with the arena; may be NULL */
};

/* --- views that are remembered --------------------------------------------------------------- */

enum { KNOWN_VIEWS = 4 }; /* Samba keeps ten a connection */

/* A list that the server has sorted and can return more pages of. */
struct known_view {
    char *key;     /* malloc; its filter and order; NULL: free */
    char *context; /* malloc; the server's name for it, `length` bytes */
    size_t length;
    int64_t usn; /* highestCommittedUSN before it was made: it is valid as long as that stays */
};

struct known_views {
    struct known_view views[KNOWN_VIEWS];
    size_t next; /* the next one to replace */
};

static void clear_view(struct known_view *known)
{
    free(known->key);
    free(known->context);
    *known = (struct known_view){0};
}

static void clear_views(void *data)
{
    struct known_views *known = data;
    for (size_t i = 0; i < KNOWN_VIEWS; i++) {
        clear_view(&known->views[i]);
    }
}

static const struct cache_kind views_kind = {
    .size = sizeof(struct known_views),
    .clear = clear_views,
    .of_connection = true,
};

/* A filter and an order: what makes a view. */
static const char *view_key(struct arena *arena, const struct page_request *page)
{
    return arena_format(arena, "%s %s", page->class->sort_attribute, page->filter);
}

static struct known_view *find_view(struct known_views *views, const char *key)
{
    for (size_t i = 0; i < KNOWN_VIEWS; i++) {
        struct known_view *known = &views->views[i];
        if (known->key && !strcmp(known->key, key)) {
            return known;
        }
    }
    return NULL;
}

/* Keeps the view's newest context; the oldest view goes when there is no place. */
static void remember_view(struct known_views *views, const char *key, int64_t usn,
                          const struct view *view)
{
    struct known_view *known = find_view(views, key);
    if (!known) {
        known = &views->views[views->next];
        views->next = (views->next + 1) % KNOWN_VIEWS;
    }
    clear_view(known);
    if (usn && view->context && view->context->bv_len) {
        char *context = must_alloc(view->context->bv_len);
        memcpy(context, view->context->bv_val, view->context->bv_len);
        *known = (struct known_view){must_string(key), context, view->context->bv_len, usn};
    }
}

/* highestCommittedUSN, 0 if it cannot be read: then nothing is remembered. */
static struct error *read_usn(struct directory *directory, struct arena *arena, int64_t *usn_r)
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

/* --- asking ---------------------------------------------------------------------------------- */

static const char *list_filter(struct arena *arena, const struct directory_class *class,
                               const char *search)
{
    if (!search || !*search) {
        return class->filter;
    }
    const char *value = names_filter_value(arena, search);
    struct buffer filter = {.arena = arena};
    buffer_format(&filter, "(&%s(|", class->filter);
    for (const char *const *attribute = class->searched; *attribute; attribute++) {
        buffer_format(&filter, "(%s=*%s*)", *attribute, value);
    }
    buffer_add_string(&filter, "))");
    return filter.bytes;
}

static void release_control(void *control)
{
    ldap_control_free(control);
}

static void release_bytes(void *bytes)
{
    ber_bvfree(bytes);
}

/* Critical: an unsorted list would have no pages. */
static LDAPControl *sort_control(struct arena *arena, LDAP *ldap, const char *attribute)
{
    LDAPSortKey **keys = NULL;
    LDAPControl *control = NULL;
    char *text = arena_string(arena, attribute);
    if (ldap_create_sort_keylist(&keys, text) == LDAP_SUCCESS &&
        ldap_create_sort_control(ldap, keys, 1, &control) == LDAP_SUCCESS) {
        arena_defer(arena, release_control, control);
    }
    ldap_free_sort_keylist(keys);
    return control;
}

/* The entry at skip + 1, and limit - 1 after it. */
static LDAPControl *view_control(struct arena *arena, LDAP *ldap, const struct page_request *page,
                                 const struct known_view *known)
{
    struct berval context = {0};
    LDAPVLVInfo view = {
        .ldvlv_version = 1,
        .ldvlv_after_count = (ber_int_t)(page->limit - 1),
        .ldvlv_offset = (ber_int_t)(page->skip < INT32_MAX - 1 ? page->skip + 1 : INT32_MAX),
    };
    LDAPControl *control = NULL;
    if (known) {
        context = (struct berval){.bv_len = known->length, .bv_val = known->context};
        view.ldvlv_context = &context;
    }
    if (ldap_create_vlv_control(ldap, &view, &control) == LDAP_SUCCESS) {
        arena_defer(arena, release_control, control);
    }
    return control;
}

/* The search for a page, in a view that is known or (NULL) in a new one. */
static struct error *ask_page(struct directory *directory, struct arena *arena,
                              const struct page_request *page, const struct known_view *known,
                              struct answer *answer)
{
    LDAP *ldap;
    struct error *error = connection_get(directory, arena, &ldap);
    if (error) {
        return error;
    }
    LDAPControl *controls[] = {sort_control(arena, ldap, page->class->sort_attribute),
                               view_control(arena, ldap, page, known), &query_one_domain, NULL};
    if (!controls[0] || !controls[1]) {
        return error_new(arena, ERR_INTERNAL, "list: the controls cannot be encoded");
    }
    const struct query search = {
        .base = connection_config(directory)->ldap_base_dn,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = page->filter,
        .attributes = entry_attributes(arena, page->class->fields, ENTRY_WHOLE),
        .controls = controls,
    };
    return query_run(directory, arena, &search, answer);
}

static struct error *read_view(struct arena *arena, LDAP *ldap, const struct answer *answer,
                               struct view *view_r)
{
    LDAPControl *control = ldap_control_find(LDAP_CONTROL_VLVRESPONSE, answer->controls, NULL);
    int code = LDAP_OTHER;
    *view_r = (struct view){0};
    bool parsed =
        control && ldap_parse_vlvresponse_control(ldap, control, &view_r->target, &view_r->total,
                                                  &view_r->context, &code) == LDAP_SUCCESS;
    if (view_r->context) {
        arena_defer(arena, release_bytes, view_r->context);
    }
    if (!parsed || code != LDAP_SUCCESS) {
        return error_new(arena, ERR_INTERNAL, "list: no virtual list view in the answer");
    }
    return NULL;
}

/* The page, from the known view if it is as new as the directory and the server still has it. */
static struct error *ask_page_anyhow(struct directory *directory, struct arena *arena,
                                     const struct page_request *page, struct answer *answer,
                                     struct view *view)
{
    struct known_views *views = connection_cache(directory, &views_kind);
    const char *key = view_key(arena, page);
    int64_t usn;
    *answer = (struct answer){.code = LDAP_OTHER, .diagnostic = ""};
    struct error *error = read_usn(directory, arena, &usn);
    uint64_t generation = connection_generation(directory);
    const struct known_view *known = find_view(views, key);
    bool reuse = !error && known && usn && known->usn == usn;
    if (reuse) {
        error = ask_page(directory, arena, page, known, answer);
    }
    if (!error && answer->code != LDAP_SUCCESS) {
        error = ask_page(directory, arena, page, NULL, answer);
    }
    if (!error && answer->code == LDAP_SUCCESS) {
        error = read_view(arena, connection_ldap(directory), answer, view);
    }
    if (!error && answer->code == LDAP_SUCCESS && connection_generation(directory) == generation) {
        remember_view(views, key, usn, view);
    }
    return error;
}

/* --- answering ------------------------------------------------------------------------------- */

static struct error *decode_page(struct directory *directory, struct arena *arena,
                                 const struct directory_class *class, const struct answer *answer,
                                 struct directory_page *page)
{
    struct directory_entry **entries = arena_array(arena, answer->count, sizeof *entries);
    page->entries = entries;
    page->count = answer->count;
    return entry_decode_all(directory, arena, class, answer->entries, answer->count, entries);
}

struct error *directory_list(struct directory *directory, struct arena *arena,
                             const struct directory_class *class, const char *search, int64_t skip,
                             int64_t limit, struct directory_page *page_r)
{
    const struct page_request page = {class, list_filter(arena, class, search), skip, limit};
    struct answer answer;
    struct view view = {0};
    *page_r = (struct directory_page){0};
    connection_begin(directory);
    struct error *error = ask_page_anyhow(directory, arena, &page, &answer, &view);
    if (error) {
        return error;
    }
    if (answer.code == LDAP_NO_SUCH_OBJECT || answer.code == LDAP_REFERRAL) {
        return query_no_base(arena, &answer);
    }
    if (answer.code != LDAP_SUCCESS) {
        return result_error(arena, &answer, class->fields, "list");
    }
    page_r->total = view.total;
    /* Beyond the end the server goes back to the last entry: that is not what was asked for. */
    if (view.target != skip + 1) {
        return NULL;
    }
    return decode_page(directory, arena, class, &answer, page_r);
}
