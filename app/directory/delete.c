/*
 * Delete: deletes objects, alone or together with the objects below them.
 *
 * No object may be protected, so all objects below are listed and examined first. Then the tree
 * delete control (MS-ADTS 3.1.1.3.4.1.15) deletes all of them in one operation; Samba does so
 * completely or not at all. The control requires a right of its own (Delete Tree). If the service
 * account lacks it, or the controller does not know the control, the objects are deleted one by
 * one, the deepest first. If a later one of them is refused, the error names the deleted ones.
 */
#include "directory/delete.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/error.h"
#include "directory/attribute.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
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

/* Sends a deletion. `answer_r` is the answer if there is no error. */
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

/* Returns the error of an answer to a deletion; NULL if it was carried out. */
static struct error *check_deletion(struct directory *directory, struct arena *arena,
                                    const char *guid_dn, const struct answer *answer)
{
    if (answer->code == LDAP_SUCCESS) {
        return NULL;
    }
    struct error *error = result_error(arena, answer, NULL, "delete");
    if (error->id == ERR_HAS_PRIMARY_MEMBERS) {
        primary_name_members(directory, arena, guid_dn, error);
    }
    return error;
}

static struct error *delete_object(struct directory *directory, struct arena *arena,
                                   const char *guid)
{
    const char *guid_dn = query_guid_dn(arena, guid);
    struct answer answer;
    struct error *error = run_deletion(directory, arena, guid_dn, NULL, &answer);
    return error ? error : check_deletion(directory, arena, guid_dn, &answer);
}

/* Fails if the object is the base DN or is protected. */
static struct error *check_deletable(struct directory *directory, struct arena *arena,
                                     const struct directory_entry *entry)
{
    struct target target;
    struct error *error = protected_check_base(directory, arena, entry->dn);
    if (!error) {
        error = protected_read(directory, arena, entry->guid, false, &target);
    }
    return error ? error : protected_check_controller(directory, arena, &target);
}

struct error *directory_delete(struct directory *directory, struct arena *arena,
                               const struct directory_entry *entry)
{
    connection_begin_call(directory);
    struct error *error = check_deletable(directory, arena, entry);
    return error ? error : delete_object(directory, arena, entry->guid);
}

/* --- the objects below ----------------------------------------------------------------------- */

/* An object below another one. */
struct object {
    const char *dn, *guid;
    size_t depth; /* number of components of the DN */
};

struct tree {
    struct object *objects; /* without the object on top */
    size_t count;
};

/* Lists the objects below an object, at most one more than DIRECTORY_TREE_MAX. */
static struct error *list_tree(struct directory *directory, struct arena *arena,
                               const char *top_guid, struct tree *tree_r)
{
    char *attributes[] = {"objectGUID", NULL};
    LDAPControl *controls[] = {&query_one_domain_control, NULL};
    const struct query search = {
        .base = query_guid_dn(arena, top_guid),
        .scope = LDAP_SCOPE_SUBTREE,
        .attributes = attributes,
        .size_limit = DIRECTORY_TREE_MAX + 2, /* the object on top and one too many */
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
    *tree_r = (struct tree){.objects = arena_array(arena, answer.count, sizeof *tree_r->objects)};
    for (size_t i = 0; i < answer.count; i++) {
        struct object *object = &tree_r->objects[tree_r->count];
        const struct attribute *guid = attribute_get(&answer.entries[i], "objectGUID");
        object->dn = answer.entries[i].dn;
        if (!guid || !codec_guid(arena, guid->values, &object->guid)) {
            return error_new(arena, ERR_INTERNAL, "%s has no objectGUID", object->dn);
        }
        tree_r->count += strcmp(object->guid, top_guid) != 0;
    }
    return NULL;
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

/* Fails if an object of the tree is protected; the detail names the object and the reason. */
static struct error *check_tree(struct directory *directory, struct arena *arena,
                                const struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        const struct object *object = &tree->objects[i];
        struct target target;
        struct error *error = protected_read(directory, arena, object->guid, false, &target);
        if (error && error->id == ERR_NOT_FOUND) {
            continue; /* deleted meanwhile */
        }
        if (error && error->details) {
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

/* Returns the error after some objects of the tree were deleted: it names them. */
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

/* Deletes the objects of the tree, the deepest first, and then the object on top. */
static struct error *delete_one_by_one(struct directory *directory, struct arena *arena,
                                       const char *top_guid, const struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        tree->objects[i].depth = names_depth(tree->objects[i].dn);
    }
    qsort(tree->objects, tree->count, sizeof *tree->objects, compare_depths);
    for (size_t i = 0; i < tree->count; i++) {
        struct error *error = delete_object(directory, arena, tree->objects[i].guid);
        if (error && error->id != ERR_NOT_FOUND) { /* if not found, deleted meanwhile */
            return report_deleted_part(arena, tree, i, error);
        }
    }
    struct error *error = delete_object(directory, arena, top_guid);
    return error ? report_deleted_part(arena, tree, tree->count, error) : NULL;
}

/* Deletes the tree in one operation, or one by one if the controller refuses the control. */
static struct error *delete_tree(struct directory *directory, struct arena *arena,
                                 const char *top_guid, const struct tree *tree)
{
    LDAPControl control = {.ldctl_oid = TREE_DELETE_OID, .ldctl_iscritical = 1};
    LDAPControl *controls[] = {&control, NULL};
    const char *guid_dn = query_guid_dn(arena, top_guid);
    struct answer answer;
    struct error *error = run_deletion(directory, arena, guid_dn, controls, &answer);
    if (error) {
        return error;
    }
    return answer.code == LDAP_UNAVAILABLE_CRITICAL_EXTENSION ||
                   answer.code == LDAP_INSUFFICIENT_ACCESS
               ? delete_one_by_one(directory, arena, top_guid, tree)
               : check_deletion(directory, arena, guid_dn, &answer);
}

static const char *const *list_dns(struct arena *arena, const struct tree *tree)
{
    const char **dns = arena_array(arena, tree->count + 1, sizeof *dns);
    for (size_t i = 0; i < tree->count; i++) {
        dns[i] = tree->objects[i].dn;
    }
    return dns;
}

struct error *directory_delete_tree(struct directory *directory, struct arena *arena,
                                    const struct directory_entry *entry,
                                    const char *const **below_r)
{
    struct tree tree = {0};
    connection_begin_call(directory);
    struct error *error = check_deletable(directory, arena, entry);
    if (!error) {
        error = list_tree(directory, arena, entry->guid, &tree);
    }
    if (!error && tree.count > DIRECTORY_TREE_MAX) {
        error = error_new(arena, ERR_NOT_EMPTY, "more than %d objects below", DIRECTORY_TREE_MAX);
    }
    if (!error) {
        error = check_tree(directory, arena, &tree);
    }
    if (!error) {
        error = tree.count ? delete_tree(directory, arena, entry->guid, &tree)
                           : delete_object(directory, arena, entry->guid);
    }
    *below_r = !error && tree.count ? list_dns(arena, &tree) : NULL;
    return error;
}
