/*
 * Restore: restores a deleted object and its memberships.
 *
 * A restore is one modify operation that removes isDeleted, sets the DN and writes the other values
 * back (MS-ADTS 3.1.1.5.3.7): all of that or nothing. Memberships are values of other objects, so
 * each is an operation of its own after that (rejoin.c). All steps are one sequence (sequence.h). A
 * call that ends between them is continued by the next one.
 *
 * Without the Recycle Bin, the directory has removed most values of the object, its password among
 * them. An account without a password is disabled. That is an operation of its own too, because
 * Samba cannot change userAccountControl while it restores an object.
 *
 * A restore must not give the caller more rights than a creation. The object itself may have more
 * rights than the caller: by its SID, by the SIDs that it had before, or by the groups that the
 * Recycle Bin gives back to it.
 */
#include "base/arena.h"
#include "base/config.h"
#include "base/fold.h"
#include "base/right.h"
#include "directory/account.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/changes.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/deleted.h"
#include "directory/deleted_object.h"
#include "directory/directory.h"
#include "directory/entry_lock.h"
#include "directory/find.h"
#include "directory/intent.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/plan.h"
#include "directory/predict.h"
#include "directory/protected.h"
#include "directory/query.h"
#include "directory/rejoin.h"
#include "directory/result.h"
#include "directory/sequence.h"
#include "directory/sid.h"
#include "directory/taken.h"

#include <inttypes.h>
#include <ldap.h>
#include <string.h>

/* A restore. */
struct restore {
    struct directory *directory;
    struct arena *arena;
    const struct directory_restoration *wanted;
    struct raw_entry raw;
    struct deleted_object object;
    const char *guid_dn, *parent, *new_dn;
    int64_t account_control; /* userAccountControl; 0: none */
    bool keeps_all;
    bool disables; /* the account is disabled after the restore */
};

/* --- the place -------------------------------------------------------------------------------- */

static struct error *report_deleted_parent(const struct restore *restore)
{
    const char *dn = restore->object.place.parent_dn;
    return error_detail(error_new(restore->arena, ERR_NOT_RESTORABLE, NULL), "parent_dn",
                        FAULT_PARENT_DELETED, dn ? dn : "");
}

static struct error *choose_restored_parent(struct restore *restore)
{
    const struct deleted_place *place = &restore->object.place;
    const char *wanted = restore->wanted->parent_dn;
    if (!wanted && !place->parent_exists) {
        return report_deleted_parent(restore);
    }
    struct error *error =
        query_parent(restore->directory, restore->arena, wanted ? wanted : place->parent_dn,
                     "parent_dn", &restore->parent);
    return error && error->id == ERR_PARENT_NOT_FOUND && !wanted ? report_deleted_parent(restore)
                                                                 : error;
}

static struct error *choose_place(struct restore *restore)
{
    struct arena *arena = restore->arena;
    const char *name = restore->wanted->name;
    const char *rdn =
        name ? names_rdn(arena, restore->wanted->class->rdn_attribute, fold_compose(arena, name))
             : restore->object.rdn;
    if (!rdn) {
        return error_new(arena, ERR_DIRECTORY_INVALID, "cannot encode the name as a DN");
    }
    struct error *error = choose_restored_parent(restore);
    if (!error) {
        restore->new_dn = arena_format(arena, "%s,%s", rdn, restore->parent);
    }
    return error;
}

/* --- rights ----------------------------------------------------------------------------------- */

/* Fails if the object is the scope of a delegation, which would have effect again. */
static struct error *check_scopes(const struct restore *restore)
{
    const struct directory_caller *caller = caller_restricted(restore->directory);
    if (!caller || caller->administrator) {
        return NULL;
    }
    for (size_t i = 0; i < caller->rules_count; i++) {
        if (!strcasecmp(caller->rules[i].scope_guid, restore->object.guid)) {
            struct error *error =
                error_new(restore->arena, ERR_FORBIDDEN, "%s is a scope", restore->object.dn);
            return error_detail(error, "rights", FAULT_HOLDS_SCOPE, NULL);
        }
    }
    return NULL;
}

/* Fails if the SID is privileged, or has more rights than the caller. */
static struct error *check_sid(const struct restore *restore, const char *sid)
{
    struct directory *directory = restore->directory;
    struct arena *arena = restore->arena;
    bool refuses = connection_config(directory)->directory_protected == PROTECTED_REFUSE ||
                   caller_restricted(directory);
    bool has_more;
    if (refuses && sid_is_privileged(sid)) {
        return error_detail(error_new(arena, ERR_PROTECTED_OBJECT, "%s", sid), NULL, FAULT_NONE,
                            sid);
    }
    struct error *error = caller_compare(directory, arena, sid, &has_more);
    return error || !has_more
               ? error
               : error_detail(error_new(arena, ERR_FORBIDDEN, "%s has more rights", sid), "rights",
                              FAULT_MORE_RIGHTS, NULL);
}

static struct error *check_sids(const struct restore *restore, const char *name)
{
    const struct attribute *sids = attribute_get(&restore->raw, name);
    for (size_t i = 0; sids && i < sids->count; i++) {
        const char *sid;
        struct error *error =
            codec_sid(restore->arena, &sids->values[i], &sid)
                ? check_sid(restore, sid)
                : error_new(restore->arena, ERR_PROTECTED_OBJECT, "%s is malformed", name);
        if (error) {
            return error;
        }
    }
    return NULL;
}

/* Fails if the object would be a member of a protected group again, or of one that has more rights
 * than the caller. */
static struct error *check_kept_group(const struct restore *restore, const char *dn)
{
    static const struct caller_need no_need = {0};
    char *attributes[] = {"objectGUID", NULL};
    struct raw_entry group = {0};
    struct target target;
    const char *guid;
    struct error *error = query_object(restore->directory, restore->arena, dn, attributes, &group);
    if (error) {
        return error->id == ERR_NOT_FOUND ? NULL : error;
    }
    const struct attribute *value = attribute_get(&group, "objectGUID");
    if (!value || !codec_guid(restore->arena, value->values, &guid)) {
        return error_new(restore->arena, ERR_PROTECTED_OBJECT, "%s is unreadable", dn);
    }
    return protected_read(restore->directory, restore->arena, guid, PROTECTED_MODIFY, &no_need,
                          &target);
}

/* Checks the primary group, which memberOf does not contain. */
static struct error *check_kept_primary_group(const struct restore *restore)
{
    const struct attribute *sid = attribute_get(&restore->raw, "objectSid");
    const char *text;
    int64_t rid;
    if (!attribute_integer(&restore->raw, "primaryGroupID", &rid)) {
        return NULL;
    }
    if (!sid || !codec_sid(restore->arena, sid->values, &text)) {
        return error_new(restore->arena, ERR_PROTECTED_OBJECT, "the SID is unreadable");
    }
    const char *group = codec_sid_sibling(restore->arena, text, rid);
    return check_kept_group(restore, arena_format(restore->arena, "<SID=%s>", group));
}

/* Fails if the object is marked as protected, and the caller must not change such objects. */
static struct error *check_kept_marks(const struct restore *restore)
{
    struct directory *directory = restore->directory;
    const struct attribute *critical = attribute_get(&restore->raw, "isCriticalSystemObject");
    int64_t count = 0;
    bool marked = (attribute_integer(&restore->raw, "adminCount", &count) && count == 1) ||
                  (critical && !strcasecmp(critical->values->bv_val, "TRUE"));
    bool refuses = connection_config(directory)->directory_protected == PROTECTED_REFUSE ||
                   caller_restricted(directory);
    return marked && refuses
               ? error_new(restore->arena, ERR_PROTECTED_OBJECT, "marked as protected")
               : NULL;
}

static struct error *check_kept_groups(const struct restore *restore)
{
    const struct attribute *groups = attribute_get(&restore->raw, "memberOf");
    struct error *error = check_kept_marks(restore);
    if (!error) {
        error = check_kept_primary_group(restore);
    }
    if (!error && groups && groups->next) {
        error = error_new(restore->arena, ERR_PROTECTED_OBJECT, "too many groups to check");
    }
    for (size_t i = 0; !error && groups && i < groups->count; i++) {
        error = check_kept_group(restore, groups->values[i].bv_val);
    }
    return error;
}

/* Checks the rights of the caller at the new place, and that it gains none by the restore. */
static struct error *check_restore_rights(const struct restore *restore)
{
    static const struct caller_need need = {.rights = RIGHT_BIT(RIGHT_CREATE)};
    const struct deleted_object *object = &restore->object;
    const struct target target = {.dn = object->dn, .account_control = restore->account_control};
    const char *old_dn =
        object->place.ancestor_dn
            ? arena_format(restore->arena, "%s,%s", object->rdn, object->place.ancestor_dn)
            : NULL;
    struct error *error =
        caller_check_new_dn(restore->directory, restore->arena, old_dn, restore->new_dn, &need);
    if (!error) {
        error = check_scopes(restore);
    }
    if (!error) {
        error = protected_check_controller(restore->directory, restore->arena, &target);
    }
    if (!error) {
        error = check_sids(restore, "objectSid");
    }
    if (!error) {
        error = check_sids(restore, "sIDHistory");
    }
    return error ? error : check_kept_groups(restore);
}

/* --- the values ------------------------------------------------------------------------------- */

/* Removes a userPrincipalName that another account has by now from the values to write back. */
static struct error *drop_taken_principal(const struct restore *restore)
{
    static const char attribute[] = "userPrincipalName";
    struct directory_changes *changes = restore->wanted->changes;
    struct directory_changes *only = directory_changes_new(restore->arena);
    const char *principal = changes_text(changes, attribute);
    if (!principal) {
        return NULL;
    }
    directory_change_text(only, attribute, principal);
    struct error *error = taken_find(restore->directory, restore->arena, restore->wanted->class,
                                     only, restore->object.guid);
    if (!error || error->id != ERR_ALREADY_EXISTS) {
        return error;
    }
    directory_change_text(changes, attribute, NULL);
    return NULL;
}

/* Adds the account name to the values. Fails if the name is taken: the
 * directory does not compare the kept name of a deleted object with those of others. */
static struct error *complete_values(const struct restore *restore)
{
    const struct directory_restoration *wanted = restore->wanted;
    const char *account = wanted->account ? wanted->account : restore->object.account;
    struct error *error = drop_taken_principal(restore);
    if (error) {
        return error;
    }
    if (account) {
        directory_change_text(wanted->changes, "sAMAccountName", account);
    }
    error = taken_find(restore->directory, restore->arena, wanted->class, wanted->changes,
                       restore->object.guid);
    return error ? error
                 : taken_find_similar(restore->directory, restore->arena, wanted->class,
                                      wanted->changes, restore->object.guid);
}

/* --- the operation ---------------------------------------------------------------------------- */

struct reanimation {
    const char *dn;
    LDAPMod **mods;
    LDAPControl **controls; /* NULL: none */
};

static int send_reanimation(LDAP *ldap, const void *request, int *message_id_r)
{
    const struct reanimation *reanimation = request;
    return ldap_modify_ext(ldap, reanimation->dn, reanimation->mods, reanimation->controls, NULL,
                           message_id_r);
}

/* Returns the modifications that restore the object. */
static struct error *build_mods(const struct restore *restore, LDAPMod ***mods_r)
{
    enum { OWN_MODS = 2 };
    struct arena *arena = restore->arena;
    const struct directory_class *class = restore->wanted->class;
    struct value *none = arena_array(arena, fields_count(class->fields), sizeof *none);
    const struct changes_base base = {.values = none, .account_control = restore->account_control};
    LDAPMod **more = NULL, *own = arena_array(arena, OWN_MODS, sizeof *own);
    struct berval *dn = arena_alloc(arena, sizeof *dn), **dns = arena_array(arena, 2, sizeof *dns);
    size_t count = 0;
    for (size_t i = 0; class->fields[i].name; i++) {
        none[i].state = VALUE_NULL; /* the directory has removed them */
    }
    struct error *error = changes_to_mods(restore->wanted->changes, arena, class, &base, &more);
    while (!error && more && more[count]) {
        count++;
    }
    *dn = (struct berval){strlen(restore->new_dn), arena_string(arena, restore->new_dn)};
    dns[0] = dn;
    own[0] = (LDAPMod){.mod_op = LDAP_MOD_DELETE | LDAP_MOD_BVALUES, .mod_type = "isDeleted"};
    own[1] = (LDAPMod){.mod_op = LDAP_MOD_REPLACE | LDAP_MOD_BVALUES,
                       .mod_type = "distinguishedName",
                       .mod_vals.modv_bvals = dns};
    LDAPMod **mods = arena_array(arena, OWN_MODS + count + 1, sizeof *mods);
    for (size_t i = 0; i < OWN_MODS + count; i++) {
        mods[i] = i < OWN_MODS ? &own[i] : more[i - OWN_MODS];
    }
    *mods_r = mods;
    return error;
}

/* True if the object is at its new place, after an answer was lost. */
static struct error *check_restored(const struct restore *restore, bool *restored_r)
{
    char *attributes[] = {LDAP_NO_ATTRS, NULL};
    struct raw_entry now = {0};
    struct error *error =
        query_object(restore->directory, restore->arena, restore->guid_dn, attributes, &now);
    *restored_r = !error && names_equal(now.dn, restore->new_dn);
    return error && error->id == ERR_NOT_FOUND ? NULL : error;
}

/* Announces the restore. */
static struct error *announce_restore(const struct restore *restore, LDAPMod **mods)
{
    struct arena *arena = restore->arena;
    const struct plan_restore plan = {
        .addition = {restore->wanted->class, restore->new_dn,
                     names_first_value(arena, restore->new_dn), restore->wanted->changes, mods},
        .guid = restore->object.guid,
        .deleted_dn = restore->object.dn,
        .deleted_at = restore->object.deleted_at,
    };
    struct error *error =
        predict_addition(restore->directory, arena, &plan.addition, restore->parent);
    return error ? error : intent_announce(restore->directory, arena, plan_restore(arena, &plan));
}

static struct error *send_restore(const struct restore *restore)
{
    /* Samba does not restore an object that is addressed by its GUID; the DN of a deleted object
     * contains the GUID and does not change */
    struct reanimation reanimation = {.dn = restore->object.dn,
                                      .controls = deleted_object_controls};
    const struct operation operation = {OPERATION_MODIFY, "restore", send_reanimation,
                                        &reanimation};
    struct answer answer = {0};
    struct error *error = build_mods(restore, &reanimation.mods);
    if (!error) {
        error = announce_restore(restore, reanimation.mods);
    }
    if (!error) {
        error = operation_repeat(restore->directory, restore->arena, &operation, &answer);
    }
    if (error || answer.code == LDAP_SUCCESS) {
        return error;
    }
    bool restored = false;
    if (answer.repeated) {
        error = check_restored(restore, &restored);
    }
    if (error) {
        return result_connection_lost(restore->arena, &operation, error->cause);
    }
    if (restored) {
        return NULL;
    }
    error = result_error(restore->arena, &answer, restore->wanted->class->fields, operation.name);
    return taken_explain(restore->directory, restore->arena, restore->wanted->class,
                         restore->wanted->changes, restore->object.guid, restore->new_dn, error);
}

/* --- accounts without a password -------------------------------------------------------------- */

/* True if the account is to be disabled: it is enabled, and has no password. */
static bool must_disable(const struct restore *restore)
{
    const struct directory_restoration *wanted = restore->wanted;
    int64_t set_at;
    bool has_password = attribute_integer(&restore->raw, "pwdLastSet", &set_at) && set_at;
    bool is_enabled = restore->account_control && !(restore->account_control & ACCOUNT_DISABLED);
    return is_enabled && !restore->keeps_all &&
           (!wanted->continues || (!has_password && !wanted->was_changed));
}

/* Announces that the account is disabled. */
static struct error *announce_disabling(const struct restore *restore,
                                        const struct directory_changes *changes, LDAPMod **mods)
{
    static const char attribute[] = "userAccountControl";
    struct arena *arena = restore->arena;
    const char *text = arena_format(arena, "%" PRId64, restore->account_control);
    struct berval value = {strlen(text), arena_string(arena, text)};
    struct attribute control = {.name = attribute, .values = &value, .count = 1};
    const char *dn = names_spell(arena, restore->new_dn);
    const struct raw_entry before = {dn, &control, 1};
    const struct plan_update plan = {
        .class = restore->wanted->class,
        .guid = restore->object.guid,
        .dn = dn,
        .changes = changes,
        .before = &before,
        .account_control = restore->account_control,
        .mods = mods,
    };
    return intent_announce(restore->directory, arena,
                           plan_update(restore->directory, arena, &plan));
}

static struct error *disable_account(const struct restore *restore)
{
    struct directory_changes *changes = directory_changes_new(restore->arena);
    directory_change_account_control(changes, ACCOUNT_DISABLED, true);
    const struct reanimation change = {
        .dn = restore->guid_dn,
        .mods = changes_to_control_mods(changes, restore->arena, restore->account_control)};
    const struct operation operation = {OPERATION_MODIFY, "modify", send_reanimation, &change};
    struct answer answer = {0};
    struct error *error = announce_disabling(restore, changes, change.mods);
    if (!error) {
        error = operation_repeat(restore->directory, restore->arena, &operation, &answer);
    }
    bool done = !error && (answer.code == LDAP_SUCCESS ||
                           (answer.repeated && answer.code == LDAP_NO_SUCH_ATTRIBUTE));
    return error || done ? error
                         : result_error(restore->arena, &answer, restore->wanted->class->fields,
                                        operation.name);
}

/* --- one object ------------------------------------------------------------------------------- */

/* Reads the object. */
static struct error *read_object(struct restore *restore)
{
    const struct directory_restoration *wanted = restore->wanted;
    struct error *error = deleted_object_find(restore->directory, restore->arena, wanted->guid,
                                              &restore->raw, &restore->object);
    if (error) {
        return error;
    }
    const struct attribute *control = attribute_get(&restore->raw, "userAccountControl");
    if (control && !codec_integer(control->values, &restore->account_control)) {
        return error_new(restore->arena, ERR_INTERNAL, "userAccountControl is not a number");
    }
    restore->guid_dn = query_guid_dn(restore->arena, restore->object.guid);
    return restore->object.exists && !wanted->continues
               ? deleted_object_not_deleted(restore->arena, restore->object.dn)
               : NULL;
}

/* Checks everything that can be checked, and completes the values. */
static struct error *prepare_restore(struct restore *restore)
{
    /* a deleted object keeps its category only in the Recycle Bin (MS-ADTS 3.1.1.5.5.1.1) */
    restore->keeps_all = attribute_get(&restore->raw, "objectCategory");
    struct error *error = choose_place(restore);
    if (!error) {
        error = check_restore_rights(restore);
    }
    return error ? error : complete_values(restore);
}

/* Checks the rights of the caller on an object that an earlier call has restored. */
static struct error *prepare_continuation(struct restore *restore)
{
    static const struct caller_need need = {.rights = RIGHT_BIT(RIGHT_CREATE)};
    struct target target;
    restore->new_dn = restore->object.dn;
    restore->parent = names_parent(restore->arena, restore->new_dn);
    struct error *error = protected_read(restore->directory, restore->arena, restore->object.guid,
                                         PROTECTED_MODIFY, &need, &target);
    return error ? error
                 : deleted_object_find_bin(restore->directory, restore->arena, &restore->keeps_all);
}

/* Returns the error of a step; NULL if it was only planned. */
static struct error *drop_planned_error(struct error *error)
{
    return error && error->id == ERR_DRY_RUN ? NULL : error;
}

/* Restores the object without its memberships, or plans that. */
static struct error *restore_locked_object(struct restore *restore)
{
    struct error *error = read_object(restore);
    if (error) {
        return error;
    }
    if (restore->object.exists) {
        error = prepare_continuation(restore);
    } else {
        error = prepare_restore(restore);
        error = error ? error : drop_planned_error(send_restore(restore));
    }
    restore->disables = !error && must_disable(restore);
    if (!restore->disables) {
        return error;
    }
    error = drop_planned_error(disable_account(restore));
    return error ? error_new(restore->arena, ERR_PARTIALLY_APPLIED,
                             "restored; cannot disable the account: %s",
                             error->cause ? error->cause : "unknown")
                 : NULL;
}

static struct error *restore_object(struct restore *restore)
{
    struct entry_lock lock;
    connection_begin_call(restore->directory);
    struct error *error =
        entry_lock_acquire(restore->directory, restore->arena, restore->wanted->guid, &lock);
    if (error) {
        return error;
    }
    error = restore_locked_object(restore);
    entry_lock_release(&lock); /* a change of a membership acquires the lock of the group */
    return error;
}

/* --- restores --------------------------------------------------------------------------------- */

/* Plans the restore of the object and of its memberships. */
static struct error *plan_steps(struct restore *restore, const struct directory_sequence *sequence,
                                struct rejoin *rejoin)
{
    struct error *error = restore_object(restore);
    if (error || restore->keeps_all) {
        return error;
    }
    const struct rejoin_object object = {
        .guid = restore->object.guid,
        .kind = restore->object.kind,
        .dn = names_spell(restore->arena, restore->new_dn),
        .exists = restore->object.exists,
    };
    *rejoin = rejoin_new(restore->directory, restore->arena, restore->wanted, &object);
    return rejoin_plan(rejoin, sequence);
}

/* Returns ERR_PARTIALLY_APPLIED for the error of a step after the object was restored. Its details
 * are the DNs of the object and of the memberships that are missing. */
static struct error *report_partial_restore(const struct restore *restore,
                                            const struct rejoin *rejoin, const struct error *error)
{
    size_t count;
    struct error *partial =
        error_new(restore->arena, ERR_PARTIALLY_APPLIED, "restored; the next step failed: %s",
                  error->cause ? error->cause : "unknown");
    const struct directory_unrestored *missing = rejoin_missing(rejoin, &count);
    error_detail(partial, NULL, FAULT_NONE, restore->new_dn);
    for (size_t i = 0; i < count; i++) {
        error_detail(partial, NULL, FAULT_NONE, missing[i].dn);
    }
    return partial;
}

/* Makes the steps that were planned. */
static struct error *make_steps(struct restore *restore, struct rejoin *rejoin)
{
    struct error *error = restore_object(restore);
    if (error && error->id != ERR_PARTIALLY_APPLIED) {
        return error;
    }
    if (error) {
        rejoin_give_up(rejoin, error);
    } else {
        error = rejoin_make(rejoin);
    }
    return error ? report_partial_restore(restore, rejoin, error) : NULL;
}

static struct error *run_restore(struct restore *restore, struct rejoin *rejoin)
{
    struct directory_sequence *sequence =
        directory_sequence_plan(restore->directory, restore->arena);
    struct error *error = plan_steps(restore, sequence, rejoin);
    if (!error) {
        error = directory_sequence_announce(sequence);
    }
    if (!error) {
        error = make_steps(restore, rejoin);
    }
    directory_sequence_end(sequence);
    return error;
}

struct error *directory_restore(struct directory *directory, struct arena *arena,
                                const struct directory_restoration *restoration,
                                struct directory_restored *restored_r)
{
    struct restore restore = {.directory = directory, .arena = arena, .wanted = restoration};
    struct rejoin rejoin = {.directory = directory, .arena = arena};
    *restored_r = (struct directory_restored){0};
    struct error *error = run_restore(&restore, &rejoin);
    restored_r->missing = rejoin_missing(&rejoin, &restored_r->missing_count);
    if (error) {
        return error;
    }
    restored_r->parent_dn = restore.parent;
    restored_r->keeps_all = restore.keeps_all;
    restored_r->was_enabled =
        restore.account_control &&
        (restoration->continues || !(restore.account_control & ACCOUNT_DISABLED));
    connection_begin_call(directory);
    return find_result(directory, arena, restoration->class, restore.guid_dn, &restored_r->entry);
}
