/*
 * Deleted: lists and finds the deleted objects of the directory. restore.c restores them.
 *
 * The directory keeps deleted objects in CN=Deleted Objects of the domain until the tombstone
 * lifetime has passed, and shows them only to searches with the control show-deleted (MS-ADTS
 * 3.1.1.3.4.1.14). It cannot search for their former places, so this reads all of them and selects
 * those that the caller sees.
 */
#include "directory/deleted.h"

#include "base/arena.h"
#include "base/fold.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/connection.h"
#include "directory/deleted_object.h"
#include "directory/directory.h"
#include "directory/name_search.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/query.h"

#include <stdlib.h>
#include <string.h>

#define KINDS_FILTER                                                                               \
    "(&(isDeleted=TRUE)(|(objectClass=user)(objectClass=group)(objectClass=organizationalUnit)"    \
    "(objectClass=container)))"

/* --- rights ----------------------------------------------------------------------------------- */

static struct error *report_no_right(struct arena *arena, const char *container)
{
    struct error *error =
        error_new(arena, ERR_DIRECTORY_FORBIDDEN,
                  "LDAP_BIND_DN may not list %s: see \"Rights in the directory\"", container);
    return error_detail(error, NULL, FAULT_NONE, container);
}

/* Fails if the service account cannot see deleted objects. A search by an account without the right
 * finds nothing, so this reads the container itself. */
static struct error *check_right(struct directory *directory, struct arena *arena,
                                 const char *container)
{
    char *attributes[] = {"objectGUID", NULL};
    const struct query search = {
        .base = container,
        .scope = LDAP_SCOPE_BASE,
        .attributes = attributes,
        .controls = deleted_object_controls,
    };
    struct answer answer;
    struct error *error = query_run(directory, arena, &search, &answer);
    if (error) {
        return error;
    }
    bool readable = answer.code == LDAP_SUCCESS && answer.count &&
                    attribute_get(&answer.entries[0], "objectGUID");
    return readable ? NULL : report_no_right(arena, container);
}

/* --- the list --------------------------------------------------------------------------------- */

static struct error *read_deleted_objects(struct directory *directory, const char *container,
                                          const struct name_search *words,
                                          struct deleted_objects *objects)
{
    static const char *const searched[] = {"name", "msDS-LastKnownRDN", "sAMAccountName", NULL};
    const char *filter =
        name_search_filter(objects->arena, KINDS_FILTER, searched, words, NAME_SEARCH_WORDS_MAX);
    return deleted_object_read_all(directory, container, filter, objects);
}

/* Returns the folded text with е for each ё, which a search does not distinguish. */
static const char *fold_searched(struct arena *arena, const char *text)
{
    static const char yo[] = "ё", ye[] = "е";
    char *folded = fold_text(arena, text);
    for (char *at = strstr(folded, yo); at; at = strstr(at, yo)) {
        memcpy(at, ye, strlen(ye)); /* both have two bytes */
    }
    return folded;
}

static bool contains_folded(struct arena *arena, const char *text, const char *word)
{
    return text && strstr(fold_searched(arena, text), fold_searched(arena, word));
}

/* True if the name or the account name has each of the words. The attribute `name` of a deleted
 * object contains more than its former name. */
static bool matches_words(struct arena *arena, const struct name_search *words,
                          const struct deleted_object *object)
{
    for (size_t i = 0; i < words->count; i++) {
        if (!contains_folded(arena, object->name, words->words[i]) &&
            !contains_folded(arena, object->account, words->words[i])) {
            return false;
        }
    }
    return true;
}

static struct directory_deleted describe_object(const struct deleted_object *object, bool has_bin)
{
    return (struct directory_deleted){
        .guid = object->guid,
        .dn = object->exists ? object->dn : NULL,
        .name = object->name,
        .kind = object->kind,
        .account = object->account,
        .parent_dn = object->place.parent_dn,
        .parent_exists = object->place.parent_exists,
        .deleted_at = object->deleted_at,
        .is_recycled = object->is_recycled && has_bin,
    };
}

/* The newest deletion is first. */
static int compare_deleted(const void *a, const void *b)
{
    const struct directory_deleted *left = a, *right = b;
    int order = (left->deleted_at < right->deleted_at) - (left->deleted_at > right->deleted_at);
    return order ? order : strcmp(left->guid, right->guid);
}

/* Selects the objects of the listed kinds that the caller sees. */
static struct error *select_visible(struct directory *directory, const char *container,
                                    const struct deleted_objects *objects,
                                    const struct name_search *words, bool has_bin,
                                    struct directory_deleted *items, size_t *count_r)
{
    struct arena *arena = objects->arena;
    struct deleted_places places = {.container = container};
    *count_r = 0;
    for (size_t i = 0; i < objects->count; i++) {
        struct deleted_object object;
        if (!deleted_object_decode(arena, &objects->items[i], &object) || !object.kind ||
            !matches_words(arena, words, &object)) {
            continue;
        }
        struct error *error =
            deleted_object_locate(directory, arena, &places, &objects->items[i], &object.place);
        if (error) {
            return error;
        }
        if (deleted_object_is_visible(directory, arena, &object)) {
            items[(*count_r)++] = describe_object(&object, has_bin);
        }
    }
    return NULL;
}

struct error *directory_list_deleted(struct directory *directory, struct arena *arena,
                                     const char *search, struct directory_deleted **items_r,
                                     size_t *count_r)
{
    struct deleted_objects objects = {.arena = arena};
    struct name_search words;
    bool has_bin;
    name_search_parse(&words, arena, search);
    connection_begin_call(directory);
    const char *container = deleted_object_container(directory, arena);
    struct error *error = check_right(directory, arena, container);
    if (!error) {
        error = deleted_object_find_bin(directory, arena, &has_bin);
    }
    if (!error) {
        error = read_deleted_objects(directory, container, &words, &objects);
    }
    if (error) {
        return error;
    }
    *items_r = arena_array(arena, objects.count, sizeof **items_r);
    error = select_visible(directory, container, &objects, &words, has_bin, *items_r, count_r);
    if (!error && *count_r) {
        qsort(*items_r, *count_r, sizeof **items_r, compare_deleted);
    }
    return error;
}

struct error *directory_not_deleted_error(struct arena *arena, const char *dn)
{
    return deleted_object_not_deleted(arena, dn);
}

struct error *directory_find_restorable(struct directory *directory, struct arena *arena,
                                        const char *guid, struct directory_deleted *deleted_r)
{
    struct raw_entry raw;
    struct deleted_object object;
    connection_begin_call(directory);
    struct error *error = check_right(directory, arena, deleted_object_container(directory, arena));
    if (!error) {
        error = deleted_object_find(directory, arena, guid, &raw, &object);
    }
    if (!error) {
        *deleted_r = describe_object(&object, false);
    }
    return error;
}
