/*
 * Modify: creates, changes and moves objects. Deletions are in delete.c.
 *
 * Requests address objects by their GUID, so that a concurrent rename cannot redirect a change to
 * another object; those of delegates use the DN that was checked (protected.h). If the connection
 * is lost, a write may have been carried out, so it is repeated with care: after "already exists",
 * an addition checks whether the object is its own; a move reads where the object is before it is
 * repeated; a modify operation replaces values and can be repeated as it is. If it exchanges values
 * instead, because the change has a condition, a repetition that fails reads the object, because
 * the first attempt may have succeeded.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/error.h"
#include "base/fold.h"
#include "base/log.h"
#include "base/right.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/changes.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/controller.h"
#include "directory/directory.h"
#include "directory/entry.h"
#include "directory/entry_lock.h"
#include "directory/find.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/protected.h"
#include "directory/query.h"
#include "directory/result.h"
#include "directory/taken.h"

#include <ldap.h>
#include <string.h>
#include <unistd.h>

enum {
    /* maximum number of attempts while other clients change the same entry */
    SWAP_TRIES = 20,
    BACKOFF_US = 1000,          /* maximum wait after the first attempt; grows with each attempt */
    CLOCK_SLACK_MS = 60 * 1000, /* maximum difference between our clock and the controller's */
};

/* --- requests -------------------------------------------------------------------------------- */

struct write {
    const char *dn;
    LDAPMod **mods;     /* attributes of an addition or changes of a modify */
    const char *rdn;    /* new RDN of a move */
    const char *parent; /* new parent of a move; NULL: unchanged */
};

static int send_add(LDAP *ldap, const void *request, int *message_id_r)
{
    const struct write *write = request;
    return ldap_add_ext(ldap, write->dn, write->mods, NULL, NULL, message_id_r);
}

static int send_modify(LDAP *ldap, const void *request, int *message_id_r)
{
    const struct write *write = request;
    return ldap_modify_ext(ldap, write->dn, write->mods, NULL, NULL, message_id_r);
}

static int send_rename(LDAP *ldap, const void *request, int *message_id_r)
{
    const struct write *write = request;
    return ldap_rename(ldap, write->dn, write->rdn, write->parent, 1, NULL, NULL, message_id_r);
}

/* Active Directory accepts passwords only over encrypted connections. Fails before the password is
 * sent in clear text. */
static struct error *check_password_encryption(const struct directory *directory,
                                               struct arena *arena,
                                               const struct directory_changes *changes)
{
    if (changes->password && !controller_encrypts(connection_config(directory))) {
        return error_new(arena, ERR_PASSWORD_NEEDS_TLS, NULL);
    }
    return NULL;
}

/* --- add ------------------------------------------------------------------------------------- */

/* Sets *ours_r to true if the object at `dn` was created by our addition, which began at `began`
 * (wall clock) and whose answer was lost. */
static struct error *check_added_by_us(struct directory *directory, struct arena *arena,
                                       const char *dn, const struct directory_changes *changes,
                                       int64_t began, bool *ours_r)
{
    char *attributes[] = {"sAMAccountName", "whenCreated", NULL};
    const char *wanted = changes_text(changes, "sAMAccountName");
    struct raw_entry raw = {0};
    int64_t created;
    *ours_r = false;
    struct error *error = query_object(directory, arena, dn, attributes, &raw);
    if (error) {
        return error->id == ERR_NOT_FOUND ? NULL : error;
    }
    const struct attribute *name = attribute_get(&raw, "sAMAccountName");
    const struct attribute *when = attribute_get(&raw, "whenCreated");
    *ours_r = when && codec_time(when->values, &created) && created >= began - CLOCK_SLACK_MS &&
              (!wanted || (name && !strcmp(name->values->bv_val, wanted)));
    return NULL;
}

static struct error *create_entry(struct directory *directory, struct arena *arena,
                                  const struct directory_class *class, const struct write *write,
                                  const struct directory_changes *changes)
{
    const struct operation operation = {OPERATION_ADD, "add", send_add, write};
    struct answer answer;
    int64_t began = clock_wall_ms();
    struct error *error = operation_repeat(directory, arena, &operation, &answer);
    if (error) {
        return error;
    }
    bool ours = answer.code == LDAP_SUCCESS;
    if (answer.repeated && answer.code == LDAP_ALREADY_EXISTS) {
        error = check_added_by_us(directory, arena, write->dn, changes, began, &ours);
    }
    if (error) {
        return result_connection_lost(arena, &operation, error->cause);
    }
    return ours ? NULL : result_error(arena, &answer, class->fields, operation.name);
}

struct error *directory_add(struct directory *directory, struct arena *arena,
                            const struct directory_class *class, const char *name,
                            const char *parent_dn, const struct directory_changes *changes,
                            struct directory_entry **entry_r)
{
    static const struct caller_need need = {.rights = RIGHT_BIT(RIGHT_CREATE)};
    struct write write = {0};
    const char *parent = NULL;
    connection_begin_call(directory);
    struct error *error = check_password_encryption(directory, arena, changes);
    if (!error) {
        error = changes_to_entry(changes, arena, class, &write.mods);
    }
    if (!error) {
        error = query_parent(directory, arena, parent_dn, class->parent_field, &parent);
    }
    if (error) {
        return error;
    }
    const char *rdn = names_rdn(arena, class->rdn_attribute, fold_compose(arena, name));
    if (!rdn) {
        return error_new(arena, ERR_DIRECTORY_INVALID, "cannot encode the name as a DN");
    }
    write.dn = arena_format(arena, "%s,%s", rdn, parent);
    error = caller_check_new_dn(directory, arena, NULL, write.dn, &need);
    if (!error) {
        error = taken_find_similar(directory, arena, class, changes, NULL);
    }
    if (error) {
        return error;
    }
    error = create_entry(directory, arena, class, &write, changes);
    return error ? taken_explain(directory, arena, class, changes, NULL, write.dn, error)
                 : find_result(directory, arena, class, write.dn, entry_r);
}

/* --- move ------------------------------------------------------------------------------------ */

/* A move of an object; all DNs are in the directory's spelling. */
struct move {
    const char *guid_dn;
    const char *address; /* see protected_address() */
    const char *old_dn, *old_rdn, *old_parent;
    const char *rdn, *parent;
    bool done;
};

/* Reads the DN of an object and its userAccountControl. */
static struct error *read_dn_and_control(struct directory *directory, struct arena *arena,
                                         const char *guid_dn, const char **dn_r, int64_t *control_r)
{
    char *attributes[] = {"userAccountControl", NULL};
    struct raw_entry raw = {0};
    struct error *error = query_object(directory, arena, guid_dn, attributes, &raw);
    if (error) {
        return error;
    }
    const struct attribute *attribute = attribute_get(&raw, "userAccountControl");
    *dn_r = raw.dn;
    *control_r = 0;
    if (attribute && !codec_integer(attribute->values, control_r)) {
        return error_new(arena, ERR_INTERNAL, "userAccountControl is not a number");
    }
    return NULL;
}

/* True if the DN consists of this RDN and this parent. */
static bool has_place(struct arena *arena, const char *dn, const char *rdn, const char *parent)
{
    const char *first = names_first_rdn(arena, dn);
    const char *rest = names_parent(arena, dn);
    return first && rest && !strcmp(first, rdn) && names_equal(rest, parent);
}

/* Renames and moves the object. If the answer is lost, repeats the request unless the object has
 * already moved. */
static struct error *rename_object(struct directory *directory, struct arena *arena,
                                   const struct directory_class *class, const struct move *move,
                                   const char *rdn, const char *parent)
{
    const struct write write = {.dn = move->address, .rdn = rdn, .parent = parent};
    const struct operation operation = {OPERATION_RENAME, "rename", send_rename, &write};
    struct answer answer;
    struct error *error = operation_run(directory, arena, &operation, &answer);
    if (!error && answer.lost) {
        const char *dn;
        int64_t control;
        error = read_dn_and_control(directory, arena, move->guid_dn, &dn, &control);
        if (error) {
            return result_connection_lost(arena, &operation, error->cause);
        }
        if (has_place(arena, dn, rdn, parent)) {
            return NULL;
        }
        error = operation_run(directory, arena, &operation, &answer);
    }
    if (error) {
        return error;
    }
    if (answer.lost) {
        return result_connection_lost(arena, &operation, NULL);
    }
    return answer.code == LDAP_SUCCESS ? NULL
                                       : result_error(arena, &answer, class->fields, "rename");
}

/* Computes the RDN and the parent after the changes. */
static struct error *plan_move(struct directory *directory, struct arena *arena,
                               const struct directory_class *class,
                               const struct directory_changes *changes, struct move *move)
{
    struct error *error = NULL;
    if (changes->parent_dn) {
        error = query_parent(directory, arena, changes->parent_dn, "parent_dn", &move->parent);
    }
    if (error) {
        return error;
    }
    move->old_rdn = names_first_rdn(arena, move->old_dn);
    move->old_parent = names_parent(arena, move->old_dn);
    move->rdn =
        changes->name ? names_rdn(arena, class->rdn_attribute, changes->name) : move->old_rdn;
    if (!move->parent) {
        move->parent = move->old_parent;
    }
    if (!move->old_rdn || !move->old_parent || !move->rdn) {
        return error_new(arena, ERR_INTERNAL, "cannot parse the DN of the object");
    }
    return NULL;
}

/* Fails if the service account must not create objects of the class below the old parent: then it
 * could not move the object back. */
static struct error *check_way_back(struct directory *directory, struct arena *arena,
                                    const struct directory_class *class, const struct move *move)
{
    char *attributes[] = {"allowedChildClassesEffective", NULL};
    struct raw_entry parent = {0};
    size_t last = 0;
    if (names_equal(move->parent, move->old_parent)) {
        return NULL;
    }
    struct error *error = query_object(directory, arena, move->old_parent, attributes, &parent);
    if (error) {
        return error;
    }
    while (class->object_classes[last + 1]) {
        last++;
    }
    const struct attribute *classes = attribute_get(&parent, attributes[0]);
    for (size_t i = 0; classes && i < classes->count; i++) {
        if (!strcasecmp(classes->values[i].bv_val, class->object_classes[last])) {
            return NULL;
        }
    }
    error = error_new(arena, ERR_DIRECTORY_FORBIDDEN, "no right to create a %s below %s again",
                      class->object_classes[last], move->old_parent);
    return error_detail(error, NULL, FAULT_NONE, move->old_parent);
}

/* Moves the object. If there are other changes, checks first that the directory will not refuse
 * them for a name of another object, and that the move can be rolled back if it refuses them for
 * another reason. */
static struct error *begin_move(struct directory *directory, struct arena *arena,
                                const struct directory_class *class,
                                const struct directory_entry *entry,
                                const struct directory_changes *changes, const struct move *move)
{
    struct error *error = taken_find(directory, arena, class, changes, entry->guid);
    if (!error && changes_modify(changes)) {
        error = check_way_back(directory, arena, class, move);
    }
    if (error) {
        return error;
    }
    error = rename_object(directory, arena, class, move, move->rdn, move->parent);
    return error ? taken_explain(directory, arena, class, changes, entry->guid,
                                 arena_format(arena, "%s,%s", move->rdn, move->parent), error)
                 : NULL;
}

/* Rolls the move back after `error`, and returns that error. If the rollback fails, returns
 * ERR_PARTIALLY_APPLIED with the new DN. */
static struct error *undo_move(struct directory *directory, struct arena *arena,
                               const struct directory_class *class, const struct move *move,
                               struct error *error)
{
    const char *now = arena_format(arena, "%s,%s", move->rdn, move->parent);
    if (error->id == ERR_OUTCOME_UNKNOWN) {
        /* The modify may have succeeded: then rolling back the move would undo only half. */
        return error_detail(error, NULL, FAULT_NONE, now);
    }
    struct error *again =
        rename_object(directory, arena, class, move, move->old_rdn, move->old_parent);
    if (!again) {
        return error;
    }
    if (again->id == ERR_NOT_FOUND) { /* deleted by another client: nothing to roll back */
        return again;
    }
    struct error *partial = error_new(
        arena, ERR_PARTIALLY_APPLIED, "%s; cannot roll back the move: %s",
        error->cause ? error->cause : "the change failed", again->cause ? again->cause : "unknown");
    return error_detail(partial, NULL, FAULT_NONE, now);
}

/* --- modify ---------------------------------------------------------------------------------- */

/* True if the changes remove an attribute. The entry must then be read again, because the
 * directory refuses to remove an attribute that the entry does not have. */
static bool clears_attribute(const struct directory_changes *changes)
{
    for (const struct change *change = changes->first; change; change = change->next) {
        if (!change->text) {
            return true;
        }
    }
    return false;
}

/* Backs off with jitter, so that two processes that change the same entry do not stay in step. */
static void back_off(int tries)
{
    int64_t most_us = (int64_t)BACKOFF_US * (tries + 1);
    usleep((useconds_t)(clock_steady_us() % most_us));
}

/* A change of an object; its lock is held. */
struct update {
    struct directory *directory;
    struct arena *arena;
    const struct directory_class *class;
    const struct directory_entry *entry; /* as the caller has read it */
    const struct directory_changes *changes;
    const char *guid_dn;
    const char *address; /* of the object to modify, see protected_address() */
    struct changes_base base;
};

/* Evaluates the condition for an object that was read by find_version(). */
static struct error *evaluate_condition(const struct update *update, const struct raw_entry *raw)
{
    const struct directory_changes *changes = update->changes;
    return changes->condition(
        changes->condition_context,
        find_compute_version(update->directory, update->arena, update->class, raw));
}

/* Removes the values that the caller does not see from the attributes that the changes clear: they
 * are absent already. */
static void hide_cleared_values(const struct update *update, struct raw_entry *raw)
{
    const struct raw_entry *visible =
        entry_without_hidden(update->directory, update->arena, update->class, raw);
    for (const struct change *change = update->changes->first; change; change = change->next) {
        for (size_t i = 0; !change->text && i < raw->count; i++) {
            if (!strcasecmp(raw->attributes[i].name, change->attribute)) {
                raw->attributes[i] = visible->attributes[i];
            }
        }
    }
}

/* Reads the attributes that the version of the object consists of or that the changes set. */
static struct error *read_exact(const struct update *update, struct raw_entry *raw_r)
{
    struct error *error =
        find_version(update->directory, update->arena, update->class, update->guid_dn,
                     changes_attributes(update->changes, update->arena), raw_r);
    if (!error) {
        hide_cleared_values(update, raw_r);
    }
    return error;
}

/* If the changes have a condition, reads the object, evaluates the condition, and lets the
 * modifications delete exactly the values that were read. */
static struct error *begin_conditional(struct update *update)
{
    if (!update->changes->condition) {
        return NULL;
    }
    struct raw_entry *raw = arena_alloc(update->arena, sizeof *raw);
    update->base.exact = raw;
    struct error *error = read_exact(update, raw);
    return error ? error : evaluate_condition(update, raw);
}

/* Like begin_conditional(), after the object may have changed: reads it again, and evaluates the
 * condition for its current version. */
static struct error *renew_exact(struct update *update)
{
    const struct raw_entry *before = update->base.exact;
    struct raw_entry *now = arena_alloc(update->arena, sizeof *now);
    struct error *error = read_exact(update, now);
    if (error) {
        return error;
    }
    now->dn = before->dn; /* this change itself may have moved the object */
    update->base.exact = now;
    return evaluate_condition(update, now);
}

/* Reads userAccountControl right before it is written. If userAccountControl has changed since the
 * condition was evaluated, evaluates the condition again, because Samba does not compare the old
 * value. */
static struct error *read_control(struct update *update)
{
    const char *dn;
    int64_t seen;
    if (!changes_write_control(update->changes)) {
        return NULL;
    }
    struct error *error = read_dn_and_control(update->directory, update->arena, update->guid_dn,
                                              &dn, &update->base.account_control);
    bool changed = !error && update->base.exact &&
                   attribute_integer(update->base.exact, "userAccountControl", &seen) &&
                   seen != update->base.account_control;
    return changed ? renew_exact(update) : error;
}

/* Reads again the values of the entry that the changes depend on, after another client has changed
 * the entry. */
static struct error *read_changed_entry(struct update *update)
{
    struct directory_entry *now = NULL;
    if (!clears_attribute(update->changes)) {
        return NULL;
    }
    struct error *error = find_entry(update->directory, update->arena, update->class,
                                     update->guid_dn, ENTRY_WITHOUT_LINKS, &now);
    if (!error) {
        update->base.values = now->values;
    }
    return error;
}

/* Handles the refusal of a modify operation with a condition. Returns ERR_PRECONDITION_FAILED if
 * the object no longer satisfies the condition. Otherwise returns NULL, and *again_r is true if the
 * operation must be tried again, false if an attempt whose answer was lost has succeeded.
 * An attempt has succeeded if the object is as required now and was not before: a password cannot
 * be read. */
static struct error *handle_refused_exchange(struct update *update,
                                             const struct operation *operation,
                                             const struct answer *answer, bool *again_r)
{
    bool held_before = changes_hold(update->changes, update->base.exact);
    struct error *error = renew_exact(update);
    *again_r = false;
    if (answer->repeated && !held_before && changes_hold(update->changes, update->base.exact)) {
        return NULL;
    }
    if (error) {
        return answer->repeated ? result_connection_lost(update->arena, operation, error->cause)
                                : error;
    }
    *again_r = answer->code == LDAP_NO_SUCH_ATTRIBUTE || answer->code == LDAP_TYPE_OR_VALUE_EXISTS;
    return *again_r ? NULL
                    : result_error(update->arena, answer, update->class->fields, operation->name);
}

/* Sends one modify operation with all changes. If userAccountControl or a value that the changes
 * depend on has changed since it was read, reads the entry again and repeats the operation. */
static struct error *apply_changes(struct update *update)
{
    struct answer answer = {.kind = OPERATION_MODIFY, .diagnostic = ""};
    bool again = true;
    for (int tries = 0; again && tries < SWAP_TRIES; tries++) {
        struct write write = {.dn = update->address};
        const struct operation operation = {OPERATION_MODIFY, "modify", send_modify, &write};
        struct error *error = tries ? read_changed_entry(update) : NULL;
        if (!error) {
            error = read_control(update);
        }
        if (error) {
            return answer.repeated ? result_connection_lost(update->arena, &operation, error->cause)
                                   : error;
        }
        error = changes_to_mods(update->changes, update->arena, update->class, &update->base,
                                &write.mods);
        if (error || !write.mods) {
            return error;
        }
        error = operation_repeat(update->directory, update->arena, &operation, &answer);
        if (error || answer.code == LDAP_SUCCESS) {
            return error;
        }
        again = answer.code == LDAP_NO_SUCH_ATTRIBUTE;
        if (update->base.exact) {
            error = handle_refused_exchange(update, &operation, &answer, &again);
            if (error || !again) {
                return error;
            }
        }
        back_off(tries);
    }
    return result_error(update->arena, &answer, update->class->fields, "modify");
}

/* Writes the bits of userAccountControl again. If they are still set, writes nothing and sets
 * *held_r. */
static struct error *repeat_control(struct update *update, bool *held_r)
{
    struct write write = {.dn = update->address};
    const struct operation operation = {OPERATION_MODIFY, "modify", send_modify, &write};
    struct answer answer;
    const char *dn;
    struct error *error = read_dn_and_control(update->directory, update->arena, update->guid_dn,
                                              &dn, &update->base.account_control);
    if (error) {
        return error;
    }
    write.mods =
        changes_to_control_mods(update->changes, update->arena, update->base.account_control);
    *held_r = !write.mods;
    if (*held_r) {
        return NULL;
    }
    log_warning("directory: another client has overwritten userAccountControl of %s: repeating the "
                "change",
                update->entry->dn);
    error = operation_repeat(update->directory, update->arena, &operation, &answer);
    bool tried = error || answer.code == LDAP_SUCCESS || answer.code == LDAP_NO_SUCH_ATTRIBUTE;
    return tried ? error
                 : result_error(update->arena, &answer, update->class->fields, operation.name);
}

/* Verifies userAccountControl after it was written, and writes it again if another host or program
 * has overwritten it with an older value, which Samba does not detect. All changes were made by
 * now, so errors say that the outcome is unknown or unread, never that nothing was changed. */
static struct error *confirm_control(struct update *update)
{
    for (int tries = 0; changes_write_control(update->changes) && tries < SWAP_TRIES; tries++) {
        bool held = false;
        struct error *error = repeat_control(update, &held);
        if (error) {
            return error_new(update->arena, ERR_RESULT_UNREAD, "%s",
                             error->cause ? error->cause : "not found");
        }
        if (held) {
            return NULL;
        }
        back_off(tries);
    }
    return changes_write_control(update->changes)
               ? error_new(update->arena, ERR_OUTCOME_UNKNOWN,
                           "other clients keep overwriting userAccountControl")
               : NULL;
}

/* Moves the object, if the changes move it, and changes its attributes. */
static struct error *apply_update(struct update *update)
{
    struct directory *directory = update->directory;
    struct arena *arena = update->arena;
    const struct directory_changes *changes = update->changes;
    const struct directory_entry *entry = update->entry;
    struct move move = {.guid_dn = update->guid_dn};
    bool moves = changes->name || changes->parent_dn;
    const struct caller_need need = caller_need_of(arena, update->class, changes);
    struct target target = {0};
    struct error *error = moves ? protected_check_base(directory, arena, entry->dn) : NULL;
    if (!error) {
        error = protected_read(directory, arena, entry->guid,
                               moves ? PROTECTED_MOVE : PROTECTED_MODIFY, &need, &target);
        move.old_dn = target.dn;
    }
    if (!error) {
        move.address = protected_address(directory, arena, entry->guid, &target);
    }
    if (!error) {
        error = protected_check_controller(directory, arena, &target);
    }
    if (!error) {
        error = taken_find_similar(directory, arena, update->class, changes, entry->guid);
    }
    if (!error && moves) {
        error = plan_move(directory, arena, update->class, changes, &move);
    }
    if (!error && moves) {
        error = caller_check_new_dn(directory, arena, move.old_dn,
                                    arena_format(arena, "%s,%s", move.rdn, move.parent), &need);
    }
    if (!error) {
        error = begin_conditional(update);
    }
    if (!error && moves && !has_place(arena, move.old_dn, move.rdn, move.parent)) {
        error = begin_move(directory, arena, update->class, entry, changes, &move);
        move.done = !error;
    }
    if (error) {
        return error;
    }
    if (move.done) {
        target.dn = arena_format(arena, "%s,%s", move.rdn, move.parent);
        move.address = protected_address(directory, arena, entry->guid, &target);
    }
    update->address = move.address;
    update->base.account_control = target.account_control;
    error = apply_changes(update);
    if (error && move.done) {
        error = undo_move(directory, arena, update->class, &move, error);
    }
    return error ? taken_explain(directory, arena, update->class, changes, entry->guid, NULL, error)
                 : confirm_control(update);
}

struct error *directory_update(struct directory *directory, struct arena *arena,
                               const struct directory_class *class,
                               const struct directory_entry *entry,
                               const struct directory_changes *changes,
                               struct directory_entry **entry_r)
{
    struct update update = {
        .directory = directory,
        .arena = arena,
        .class = class,
        .entry = entry,
        .changes = changes,
        .guid_dn = query_guid_dn(arena, entry->guid),
        .base = {.values = entry->values},
    };
    struct entry_lock lock;
    struct error *error = check_password_encryption(directory, arena, changes);
    if (!error) {
        error = entry_lock_acquire(directory, arena, entry->guid, &lock);
    }
    if (error) {
        return error;
    }
    error = apply_update(&update);
    if (!error) {
        error = find_result(directory, arena, class, update.guid_dn, entry_r);
    }
    entry_lock_release(&lock);
    return error;
}
