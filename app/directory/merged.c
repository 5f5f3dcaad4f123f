/* See merged.h. */
#include "directory/merged.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/config.h"
#include "base/field.h"
#include "base/fold.h"
#include "base/utf8.h"
#include "directory/attribute.h"
#include "directory/cache.h"
#include "directory/caller.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/entry.h"
#include "directory/operation.h"
#include "directory/order.h"
#include "directory/query.h"
#include "directory/result.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

enum {
    CACHED_ORDERS = 16,
    CACHED_ENTRIES_MAX = 50000, /* of one order: 0.8 MB */
    GUID_BYTES = 16,
    READ_AT_ONCE = 100, /* entries of one search */
    FIRST_KEYS = 256,   /* initial capacity */
};

/* --- cached orders ---------------------------------------------------------------------------- */

struct guid {
    unsigned char bytes[GUID_BYTES];
};

/* The entries of a list in their order. */
struct cached_order {
    char *key;          /* from malloc(); what the list is; NULL: unused entry */
    struct guid *guids; /* from malloc() */
    size_t count;
    int64_t usn; /* highestCommittedUSN before the entries were read; valid while unchanged */
};

struct order_cache {
    struct cached_order orders[CACHED_ORDERS];
    size_t next; /* index of the next order to replace */
};

static void clear_cached_order(struct cached_order *order)
{
    free(order->key);
    free(order->guids);
    *order = (struct cached_order){0};
}

static void clear_order_cache(void *data)
{
    struct order_cache *cache = data;
    for (size_t i = 0; i < CACHED_ORDERS; i++) {
        clear_cached_order(&cache->orders[i]);
    }
}

static const struct cache_kind order_cache_kind = {
    .size = sizeof(struct order_cache),
    .clear = clear_order_cache,
    .of_connection = true, /* another controller has other numbers */
};

static struct cached_order *find_cached_order(struct order_cache *cache, const char *key)
{
    for (size_t i = 0; i < CACHED_ORDERS; i++) {
        struct cached_order *known = &cache->orders[i];
        if (known->key && !strcmp(known->key, key)) {
            return known;
        }
    }
    return NULL;
}

/* Caches the order; replaces the oldest one if the cache is full. */
static void cache_order(struct order_cache *cache, const char *key, int64_t usn,
                        const struct guid *guids, size_t count)
{
    struct cached_order *known = find_cached_order(cache, key);
    struct guid *copy = count <= CACHED_ENTRIES_MAX ? calloc(count + 1, sizeof *copy) : NULL;
    if (!usn || !copy) {
        free(copy);
        return;
    }
    if (!known) {
        known = &cache->orders[cache->next];
        cache->next = (cache->next + 1) % CACHED_ORDERS;
    }
    clear_cached_order(known);
    if (count) {
        memcpy(copy, guids, count * sizeof *copy);
    }
    *known =
        (struct cached_order){.key = base_strdup(key), .guids = copy, .count = count, .usn = usn};
}

/* Returns the text that identifies the list. */
static const char *format_order_key(struct arena *arena, const struct merged_list *list)
{
    struct buffer key = {.arena = arena};
    buffer_format(&key, "%s %d %s", list->order->attribute, list->scope, list->filter);
    for (size_t i = 0; i < list->order->count; i++) {
        buffer_format(&key, "\n%s", list->order->parts[i]);
    }
    for (size_t i = 0; i < list->places_count; i++) {
        buffer_format(&key, "\n%s", list->places[i]);
    }
    return key.bytes;
}

/* --- sorting ---------------------------------------------------------------------------------- */

/* An entry with its sort key: memcmp() of two keys gives their order. */
struct keyed_entry {
    struct guid guid;
    const unsigned char *key;
    size_t length;
};

struct keyed_entries {
    struct arena *arena;
    const char *attribute; /* to sort by */
    enum codec codec;      /* of the attribute */
    struct keyed_entry *items;
    size_t count, size;
};

static void add_keyed_entry(struct keyed_entries *set, const struct keyed_entry *entry)
{
    if (set->count == set->size) {
        size_t size = set->size ? 2 * set->size : FIRST_KEYS;
        struct keyed_entry *items = arena_array(set->arena, size, sizeof *items);
        if (set->count) {
            memcpy(items, set->items, set->count * sizeof *items);
        }
        set->items = items;
        set->size = size;
    }
    set->items[set->count++] = *entry;
}

/* Encodes a number so that memcmp() compares it. */
static size_t encode_number_key(struct arena *arena, int64_t number, const unsigned char **key_r)
{
    uint64_t bits = (uint64_t)number ^ (UINT64_C(1) << 63);
    unsigned char *key = arena_alloc(arena, sizeof bits);
    for (size_t i = 0; i < sizeof bits; i++) {
        key[i] = (unsigned char)(bits >> (8 * (sizeof bits - 1 - i)));
    }
    *key_r = key;
    return sizeof bits;
}

/* Computes the sort key of a value by the syntax of its attribute. */
static void compute_key(const struct keyed_entries *set, const struct berval *value,
                        struct keyed_entry *entry)
{
    int64_t number;
    bool is_number = set->codec == CODEC_TIME ? codec_time(value, &number)
                     : set->codec == CODEC_INTEGER || set->codec == CODEC_FILETIME
                         ? codec_integer(value, &number)
                         : false;
    if (is_number) {
        entry->length = encode_number_key(set->arena, number, &entry->key);
    } else if (set->codec != CODEC_GUID && utf8_valid(value->bv_val, value->bv_len)) {
        entry->length = fold_sort_key(set->arena, value->bv_val, &entry->key);
    } else {
        entry->key = (const unsigned char *)value->bv_val;
        entry->length = value->bv_len;
    }
}

static void visit_keyed_entry(void *context, const struct raw_entry *raw)
{
    struct keyed_entries *set = context;
    const struct attribute *guid = attribute_get(raw, "objectGUID");
    const struct attribute *value = attribute_get(raw, set->attribute);
    const struct berval dn = {strlen(raw->dn), (char *)raw->dn};
    struct keyed_entry entry = {0};
    if (!guid || guid->values->bv_len != GUID_BYTES) {
        return;
    }
    memcpy(entry.guid.bytes, guid->values->bv_val, GUID_BYTES);
    if (set->codec == CODEC_DN) {
        compute_key(set, &dn, &entry);
    } else if (value) {
        compute_key(set, value->values, &entry);
    }
    add_keyed_entry(set, &entry);
}

/* Entries without a value are last. */
static int compare_keyed_entries(const void *a, const void *b)
{
    const struct keyed_entry *left = a, *right = b;
    size_t common = left->length < right->length ? left->length : right->length;
    int order = !left->key - !right->key;
    if (!order && left->key && right->key) {
        order = memcmp(left->key, right->key, common);
    }
    if (!order) {
        order = (left->length > right->length) - (left->length < right->length);
    }
    return order ? order : memcmp(left->guid.bytes, right->guid.bytes, GUID_BYTES);
}

static int compare_reversed(const void *a, const void *b)
{
    return compare_keyed_entries(b, a);
}

/* --- reading the order ------------------------------------------------------------------------ */

/* The entries of a list in their order. */
struct sequence {
    const struct guid *guids;
    size_t count;
};

/* Returns the error of a failed search for the sort keys. */
static struct error *keys_error(struct arena *arena, const struct merged_list *list,
                                struct error *error)
{
    return error->id == ERR_DIRECTORY_LIMIT && list->query->filter
               ? error_new(arena, ERR_FILTER_TOO_COSTLY, "%s", error->cause)
               : error;
}

/* Reads the sort keys of the entries that match the filter, and sorts them. */
static struct error *read_sort_keys(struct directory *directory, const struct merged_list *list,
                                    const char *filter, struct keyed_entries *set)
{
    bool descending = *set->attribute == '-';
    set->attribute += descending;
    char *attributes[] = {"objectGUID", arena_string(set->arena, set->attribute), NULL};
    struct query search = {
        .scope = list->scope,
        .filter = filter,
        .attributes = attributes,
        .until = list->until,
    };
    struct error *error = NULL;
    for (size_t i = 0; !error && i < list->places_count; i++) {
        search.base = list->places[i];
        error = query_all(directory, set->arena, &search, visit_keyed_entry, set);
        if (error && error->id == ERR_NOT_FOUND) {
            error = NULL; /* the place was deleted, moved or renamed meanwhile */
        }
    }
    if (set->count) {
        qsort(set->items, set->count, sizeof *set->items,
              descending ? compare_reversed : compare_keyed_entries);
    }
    return error ? keys_error(set->arena, list, error) : NULL;
}

static void append_keyed(struct arena *arena, struct sequence *sequence,
                         const struct keyed_entries *set)
{
    struct guid *guids = arena_array(arena, sequence->count + set->count, sizeof *guids);
    if (sequence->count) {
        memcpy(guids, sequence->guids, sequence->count * sizeof *guids);
    }
    for (size_t i = 0; i < set->count; i++) {
        guids[sequence->count + i] = set->items[i].guid;
    }
    *sequence = (struct sequence){guids, sequence->count + set->count};
}

/* Reads the order of the list: one part after the other. */
static struct error *read_order(struct directory *directory, struct arena *arena,
                                const struct merged_list *list, struct sequence *sequence_r)
{
    size_t parts = list->order->count ? list->order->count : 1;
    *sequence_r = (struct sequence){0};
    for (size_t i = 0; i < parts; i++) {
        struct keyed_entries set = {
            .arena = arena, .attribute = list->order->attribute, .codec = list->order->codec};
        const char *filter =
            list->order->count ? arena_format(arena, "(&%s%s)", list->filter, list->order->parts[i])
                               : list->filter;
        struct error *error = read_sort_keys(directory, list, filter, &set);
        if (error) {
            return error;
        }
        append_keyed(arena, sequence_r, &set);
    }
    return NULL;
}

/* Takes the order from the cache if that is up to date, else reads it. */
static struct error *get_order(struct directory *directory, struct arena *arena,
                               const struct merged_list *list, struct sequence *sequence_r)
{
    const char *key = format_order_key(arena, list);
    int64_t usn;
    struct error *error = query_highest_usn(directory, arena, &usn);
    if (error) {
        return error;
    }
    /* query_highest_usn() may have opened another connection */
    struct order_cache *cache = connection_cache(directory, &order_cache_kind);
    const struct cached_order *known = find_cached_order(cache, key);
    uint64_t generation = connection_generation(directory);
    if (known && usn && known->usn == usn) {
        *sequence_r = (struct sequence){known->guids, known->count};
        return NULL;
    }
    error = read_order(directory, arena, list, sequence_r);
    if (!error && connection_generation(directory) == generation) {
        cache_order(cache, key, usn, sequence_r->guids, sequence_r->count);
    }
    return error;
}

/* --- the page --------------------------------------------------------------------------------- */

/* Returns a filter that matches these entries. */
static const char *format_guids(struct arena *arena, const struct guid *guids, size_t count)
{
    struct buffer filter = {.arena = arena};
    buffer_add_string(&filter, "(|");
    for (size_t i = 0; i < count; i++) {
        buffer_add_string(&filter, "(objectGUID=");
        for (size_t k = 0; k < GUID_BYTES; k++) {
            buffer_format(&filter, "\\%02x", guids[i].bytes[k]);
        }
        buffer_add_char(&filter, ')');
    }
    buffer_add_char(&filter, ')');
    return filter.bytes;
}

static bool has_guid_bytes(const struct raw_entry *raw, const struct guid *guid)
{
    const struct attribute *value = attribute_get(raw, "objectGUID");
    return value && value->values->bv_len == GUID_BYTES &&
           !memcmp(value->values->bv_val, guid->bytes, GUID_BYTES);
}

/* Adds the entries of the answer that the caller still sees to the page, in the order of the
 * GUIDs. */
static void add_in_order(const struct directory *directory, const struct answer *answer,
                         const struct guid *guids, size_t count, struct raw_entry *raws,
                         size_t *raws_count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < answer->count; k++) {
            const struct raw_entry *raw = &answer->entries[k];
            if (has_guid_bytes(raw, &guids[i]) && caller_sees(directory, raw->dn)) {
                raws[(*raws_count)++] = *raw;
            }
        }
    }
}

/* Reads the entries with these GUIDs, as many searches as they need. */
static struct error *read_entries(struct directory *directory, struct arena *arena,
                                  const struct merged_list *list, const struct sequence *wanted,
                                  struct raw_entry *raws, size_t *raws_count)
{
    LDAPControl *controls[] = {&query_one_domain_control, NULL};
    for (size_t at = 0; at < wanted->count; at += READ_AT_ONCE) {
        size_t some = wanted->count - at < READ_AT_ONCE ? wanted->count - at : READ_AT_ONCE;
        struct answer answer;
        const struct query search = {
            .base = connection_config(directory)->ldap_base_dn,
            .scope = LDAP_SCOPE_SUBTREE,
            .filter = format_guids(arena, wanted->guids + at, some),
            .attributes =
                entry_attributes(arena, list->class->fields, ENTRY_WHOLE, list->query->selected),
            .controls = controls,
        };
        struct error *error = query_run(directory, arena, &search, &answer);
        if (!error && answer.code != LDAP_SUCCESS) {
            error = result_error(arena, &answer, list->class->fields, "list");
        }
        if (error) {
            return error;
        }
        add_in_order(directory, &answer, wanted->guids + at, some, raws, raws_count);
    }
    return NULL;
}

/* Returns the part of the list that is the page. */
static struct sequence cut_page(struct arena *arena, const struct sequence *all,
                                const struct directory_list_query *query)
{
    size_t skip = (uint64_t)query->skip < all->count ? (size_t)query->skip : all->count;
    size_t left = all->count - skip;
    size_t count = (uint64_t)query->limit < left ? (size_t)query->limit : left;
    struct guid *guids = arena_array(arena, count, sizeof *guids);
    for (size_t i = 0; i < count; i++) {
        guids[i] = all->guids[skip + i];
    }
    return (struct sequence){guids, count};
}

struct error *merged_read(struct directory *directory, struct arena *arena,
                          const struct merged_list *list, struct directory_page *page_r)
{
    struct sequence all = {0};
    *page_r = (struct directory_page){.base = connection_config(directory)->ldap_base_dn,
                                      .filter = list->filter,
                                      .one_level = list->query->one_level};
    struct error *error = get_order(directory, arena, list, &all);
    if (error) {
        return error;
    }
    const struct sequence page = cut_page(arena, &all, list->query);
    struct raw_entry *raws = arena_array(arena, page.count, sizeof *raws);
    size_t count = 0;
    page_r->total = (int64_t)all.count;
    error = read_entries(directory, arena, list, &page, raws, &count);
    if (error) {
        return error;
    }
    struct directory_entry **entries = arena_array(arena, count, sizeof *entries);
    page_r->entries = entries;
    page_r->count = count;
    return entry_decode_all(directory, arena, list->class, list->query->selected, raws, count,
                            entries);
}
