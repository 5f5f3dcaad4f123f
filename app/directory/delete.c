/*
 * Delete: deletes objects, alone or together with the objects below them.
 *
 * No object may be protected, so all objects below are listed and examined first. Then they are
 * deleted one by one, the deepest first, because the directory then refuses to delete an object
 * with objects below it that were not examined: new ones, or ones that the service account cannot
 * list.
 *
 * This is not one operation. So Kontora first tries to delete the object on top by itself: the
 * directory must refuse that because of the objects below, and for no other reason, such as missing
 * rights or members of a primary group. If it refuses a later object nevertheless, the error names
 * the deleted ones.
 *
 * If the service account lacks the right to delete one of the objects, the rest is deleted with the
 * tree delete control (MS-ADTS 3.1.1.3.4.1.15), which requires one right to the object on top
 * (Delete Tree). The objects are listed and examined again immediately before. The control also
 * deletes the objects that the service account cannot list.
 */
#include "directory/delete.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/error.h"
#include "base/right.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/entry_lock.h"
#include "directory/find.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/primary.h"
#include "directory/protected.h"
#include "directory/query.h"
#include "directory/result.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#define TREE_DELETE_OID "1.2.840.113556.1.4.805" /* LDAP_SERVER_TREE_DELETE_OID */

/* --- one object ------------------------------------------------------------------------------ */

struct deletion {
    const char *dn;
    LDAPControl **controls; /* NULL: none */
};

static int send_delete(LDAP *ldap, const void *request, int *message_id_r)
{
    const struct deletion *deletion = request;
    return ldap_delete_ext(ldap, deletion->dn, deletion->controls, NULL, message_id_r);
}

/* Sends a delete request. *answer_r is the response if there is no error. */
static struct error *run_deletion(struct directory *directory, struct arena *arena,
                                  const char *guid_dn, LDAPControl **controls,
                                  struct answer *answer_r)
{
    const struct deletion deletion = {guid_dn, controls};
    const struct operation operation = {OPERATION_DELETE, "delete", send_delete, &deletion};
    struct error *error = operation_repeat(directory, arena, &operation, answer_r);
    if (!error && answer_r->repeated && answer_r->code == LDAP_NO_SUCH_OBJECT) {
        answer_r->code = LDAP_SUCCESS; /* the first attempt was carried out */
    }
    return error;
}

/* Returns the error of the response to a delete request; NULL if the object was deleted. */
static struct error *check_deletion(struct directory *directory, struct arena *arena,
                                    const char *address, const struct answer *answer)
{
    if (answer->code == LDAP_SUCCESS) {
        return NULL;
    }
    struct error *error = result_error(arena, answer, NULL, "delete");
    if (error->id == ERR_HAS_PRIMARY_MEMBERS) {
        primary_name_members(directory, arena, address, error);
    }
    return error;
}

static struct error *delete_object(struct directory *directory, struct arena *arena,
                                   const char *address)
{
    struct answer answer;
    struct error *error = run_deletion(directory, arena, address, NULL, &answer);
    return error ? error : check_deletion(directory, arena, address, &answer);
}

/* The right that a deletion requires of the caller, on each object. */
static const struct caller_need deletion_need = {.rights = RIGHT_BIT(RIGHT_DELETE)};

/* Fails if the object is the base DN or is protected, or the caller must not delete it. *address_r
 * addresses it in the deletion. */
static struct error *check_deletable(struct directory *directory, struct arena *arena,
                                     const struct directory_entry *entry, const char **address_r)
{
    struct target target;
    struct error *error = protected_check_base(directory, arena, entry->dn);
    if (!error) {
        error = protected_read(directory, arena, entry->guid, PROTECTED_DELETE, &deletion_need,
                               &target);
    }
    if (error) {
        return error;
    }
    *address_r = protected_address(directory, arena, entry->guid, &target);
    return protected_check_controller(directory, arena, &target);
}

/* --- the objects below ----------------------------------------------------------------------- */

/* An object below another one. */
struct object {
    const char *dn, *guid;
    const char *address; /* see protected_address() */
    size_t depth;        /* number of components of the DN */
    bool is_user;
};

struct tree {
    const char *top_address; /* of the root */
    struct object *objects;  /* the objects below the root, without the root */
    size_t count;
    size_t attempted; /* the first objects, which were deleted or may have been */
};

/* Lists the objects below an object, at most one more than DIRECTORY_TREE_MAX. */
static struct error *list_tree(struct directory *directory, struct arena *arena,
                               const char *top_guid, struct tree *tree_r)
{
    char *attributes[] = {"objectGUID", "objectClass", NULL};
    LDAPControl *controls[] = {&query_one_domain_control, NULL};
    const struct query search = {
        .base = query_guid_dn(arena, top_guid),
        .scope = LDAP_SCOPE_SUBTREE,
        .attributes = attributes,
        .size_limit = DIRECTORY_TREE_MAX + 2, /* the root, and one object too many */
        .controls = controls,
    };
    struct answer answer;
    struct error *error = query_run(directory, arena, &search, &answer);
    if (error) {
        return error;
    }
    if (answer.code != LDAP_SUCCESS && answer.code != LDAP_SIZELIMIT_EXCEEDED) {
        return result_error(arena, &answer, NULL, "search");
    }
    *tree_r = (struct tree){.top_address = tree_r->top_address,
                            .objects = arena_array(arena, answer.count, sizeof *tree_r->objects)};
    for (size_t i = 0; i < answer.count; i++) {
        struct object *object = &tree_r->objects[tree_r->count];
        const struct attribute *guid = attribute_get(&answer.entries[i], "objectGUID");
        object->dn = answer.entries[i].dn;
        object->is_user = attribute_has_class(&answer.entries[i], "user");
        if (!guid || !codec_guid(arena, guid->values, &object->guid)) {
            return error_new(arena, ERR_INTERNAL, "%s has no objectGUID", object->dn);
        }
        tree_r->count += strcmp(object->guid, top_guid) != 0;
    }
    /* A controller can have a lower limit (MaxPageSize), with which it omits objects. */
    return answer.code == LDAP_SUCCESS || tree_r->count > DIRECTORY_TREE_MAX
               ? NULL
               : result_error(arena, &answer, NULL, "search");
}

struct error *directory_count_below(struct directory *directory, struct arena *arena,
                                    const struct directory_entry *entry, size_t *count_r)
{
    struct tree tree = {0};
    connection_begin_call(directory);
    struct error *error = list_tree(directory, arena, entry->guid, &tree);
    *count_r = tree.count;
    return error;
}

/* Fails if an object of the tree is protected or has more rights than the caller; the detail names
 * the object and the reason. Sets the addresses of the objects. */
static struct error *check_tree(struct directory *directory, struct arena *arena,
                                const struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        struct object *object = &tree->objects[i];
        struct target target = {.dn = object->dn};
        struct error *error = protected_read(directory, arena, object->guid, PROTECTED_DELETE,
                                             &deletion_need, &target);
        object->address = protected_address(directory, arena, object->guid, &target);
        if (error && error->id == ERR_NOT_FOUND) {
            continue; /* deleted meanwhile */
        }
        if (error && error->details && error->details->argument) {
            error->details->argument =
                arena_format(arena, "%s: %s", object->dn, error->details->argument);
        }
        if (error) {
            return error;
        }
    }
    return NULL;
}

/* --- deleting a tree ------------------------------------------------------------------------- */

static int compare_depths(const void *a, const void *b)
{
    const struct object *left = a, *right = b;
    return (left->depth < right->depth) - (left->depth > right->depth);
}

/* Sorts the objects, the deepest first. */
static void sort_tree(struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        tree->objects[i].depth = names_depth(tree->objects[i].dn);
    }
    if (tree->count) {
        qsort(tree->objects, tree->count, sizeof *tree->objects, compare_depths);
    }
}

/* Returns the error after the first objects of the tree were deleted: it names them. */
static struct error *report_deleted_part(struct arena *arena, const struct tree *tree,
                                         size_t deleted, struct error *error)
{
    if (!deleted) {
        return error;
    }
    if (error->id != ERR_OUTCOME_UNKNOWN) {
        error = error_new(arena, ERR_PARTIALLY_APPLIED, "%s",
                          error->cause ? error->cause : "the deletion failed");
    }
    for (size_t i = 0; i < deleted; i++) {
        error_detail(error, NULL, FAULT_NONE, tree->objects[i].dn);
    }
    return error;
}

/* Lists the objects below, and fails if there are too many or if one of them is protected. */
static struct error *read_tree(struct directory *directory, struct arena *arena,
                               const char *top_guid, struct tree *tree_r)
{
    struct error *error = list_tree(directory, arena, top_guid, tree_r);
    if (!error && tree_r->count > DIRECTORY_TREE_MAX) {
        error = error_new(arena, ERR_NOT_EMPTY, "more than %d objects below", DIRECTORY_TREE_MAX);
    }
    if (!error) {
        error = check_tree(directory, arena, tree_r);
    }
    if (!error) {
        sort_tree(tree_r);
    }
    return error;
}

/* Replaces the objects after the first `deleted` ones by those that are below the top now. */
static struct error *read_rest(struct directory *directory, struct arena *arena,
                               const char *top_guid, size_t deleted, struct tree *tree)
{
    struct tree rest = {.top_address = tree->top_address};
    struct error *error = read_tree(directory, arena, top_guid, &rest);
    if (error) {
        return error;
    }
    struct object *objects = arena_array(arena, deleted + rest.count, sizeof *objects);
    for (size_t i = 0; i < deleted + rest.count; i++) {
        objects[i] = i < deleted ? tree->objects[i] : rest.objects[i - deleted];
    }
    *tree = (struct tree){tree->top_address, objects, deleted + rest.count, deleted};
    return NULL;
}

/* Deletes what is left of the tree in one operation, after the directory has refused to delete the
 * next object with the error `refusal`. */
static struct error *delete_rest(struct directory *directory, struct arena *arena,
                                 const char *top_guid, size_t deleted, struct tree *tree,
                                 struct error *refusal)
{
    LDAPControl control = {.ldctl_oid = TREE_DELETE_OID, .ldctl_iscritical = 1};
    LDAPControl *controls[] = {&control, NULL};
    struct answer answer;
    struct error *error = read_rest(directory, arena, top_guid, deleted, tree);
    if (error) {
        return error;
    }
    tree->attempted = tree->count;
    error = run_deletion(directory, arena, tree->top_address, controls, &answer);
    if (error || answer.code == LDAP_SUCCESS) {
        return error;
    }
    tree->attempted = deleted;
    return answer.code == LDAP_UNAVAILABLE_CRITICAL_EXTENSION ||
                   answer.code == LDAP_INSUFFICIENT_ACCESS
               ? refusal
               : check_deletion(directory, arena, tree->top_address, &answer);
}

/* Deletes one object more of the tree, or the object on top after all others. If the service
 * account must not delete it, deletes all that is left; then *all_r is true. */
static struct error *delete_next(struct directory *directory, struct arena *arena,
                                 const char *top_guid, struct tree *tree, bool *all_r)
{
    size_t deleted = tree->attempted;
    bool is_top = deleted == tree->count;
    const char *address = is_top ? tree->top_address : tree->objects[deleted].address;
    tree->attempted += !is_top;
    struct error *error = delete_object(directory, arena, address);
    if (error && error->id == ERR_NOT_FOUND && !is_top) { /* deleted meanwhile */
        error = NULL;
    }
    *all_r = !error && is_top;
    if (error && error->id == ERR_DIRECTORY_FORBIDDEN) {
        tree->attempted = deleted;
        error = delete_rest(directory, arena, top_guid, deleted, tree, error);
        *all_r = !error;
    }
    if (error && error->id != ERR_OUTCOME_UNKNOWN) {
        tree->attempted = deleted;
    }
    return error ? report_deleted_part(arena, tree, deleted, error) : NULL;
}

/* Tries to delete the object on top by itself. Returns ERR_NOT_EMPTY if nothing but the objects
 * below it forbids that. */
static struct error *delete_top(struct directory *directory, struct arena *arena,
                                const char *top_guid, struct tree *tree)
{
    struct error *error = delete_object(directory, arena, tree->top_address);
    return error && error->id == ERR_DIRECTORY_FORBIDDEN
               ? delete_rest(directory, arena, top_guid, 0, tree, error)
               : error;
}

static struct error *delete_tree(struct directory *directory, struct arena *arena,
                                 const char *top_guid, struct tree *tree)
{
    struct error *error = delete_top(directory, arena, top_guid, tree);
    if (!error || error->id != ERR_NOT_EMPTY || !tree->count) {
        return error;
    }
    bool all = false;
    do {
        error = delete_next(directory, arena, top_guid, tree, &all);
    } while (!error && !all);
    return error;
}

/* Returns the objects that were deleted with the object on top, or may have been. */
static struct directory_below list_attempted(struct arena *arena, const struct tree *tree)
{
    const char **dns = arena_array(arena, tree->attempted + 1, sizeof *dns);
    const char **users = arena_array(arena, tree->attempted + 1, sizeof *users);
    size_t users_count = 0;
    for (size_t i = 0; i < tree->attempted; i++) {
        dns[i] = tree->objects[i].dn;
        if (tree->objects[i].is_user) {
            users[users_count++] = tree->objects[i].guid;
        }
    }
    return (struct directory_below){tree->attempted ? dns : NULL, users_count ? users : NULL};
}

/* --- deletions ------------------------------------------------------------------------------- */

/* Deletes the entry, which may have objects below, if the guard permits that. */
static struct error *delete_with_tree(struct directory *directory, struct arena *arena,
                                      const struct directory_entry *entry,
                                      const struct directory_guard *guard, struct tree *tree)
{
    struct error *error = check_deletable(directory, arena, entry, &tree->top_address);
    if (!error) {
        error = read_tree(directory, arena, entry->guid, tree);
    }
    if (!error) {
        error = find_check_guard(directory, arena, query_guid_dn(arena, entry->guid), guard);
    }
    return error ? error : delete_tree(directory, arena, entry->guid, tree);
}

/* Deletes the entry, which must have no objects below, if the guard permits that. */
static struct error *delete_alone(struct directory *directory, struct arena *arena,
                                  const struct directory_entry *entry,
                                  const struct directory_guard *guard)
{
    const char *address;
    struct error *error = check_deletable(directory, arena, entry, &address);
    if (!error) {
        error = find_check_guard(directory, arena, query_guid_dn(arena, entry->guid), guard);
    }
    return error ? error : delete_object(directory, arena, address);
}

/* Acquires the lock of the entry if there is a guard. */
static struct error *lock_for_guard(struct directory *directory, struct arena *arena,
                                    const struct directory_entry *entry,
                                    const struct directory_guard *guard, struct entry_lock *lock_r)
{
    connection_begin_call(directory);
    return guard ? entry_lock_acquire(directory, arena, entry->guid, lock_r) : NULL;
}

struct error *directory_delete(struct directory *directory, struct arena *arena,
                               const struct directory_entry *entry,
                               const struct directory_guard *guard)
{
    struct entry_lock lock;
    struct error *error = lock_for_guard(directory, arena, entry, guard, &lock);
    if (error) {
        return error;
    }
    error = delete_alone(directory, arena, entry, guard);
    if (guard) {
        entry_lock_release(&lock);
    }
    return error;
}

struct error *directory_delete_tree(struct directory *directory, struct arena *arena,
                                    const struct directory_entry *entry,
                                    const struct directory_guard *guard,
                                    struct directory_below *below_r)
{
    struct tree tree = {0};
    struct entry_lock lock;
    *below_r = (struct directory_below){0};
    struct error *error = lock_for_guard(directory, arena, entry, guard, &lock);
    if (error) {
        return error;
    }
    error = delete_with_tree(directory, arena, entry, guard, &tree);
    if (guard) {
        entry_lock_release(&lock);
    }
    *below_r = list_attempted(arena, &tree);
    return error;
}
