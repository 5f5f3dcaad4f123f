/* See entry_revert.h. */
#include "rest/entry_revert.h"

#include "base/arena.h"
#include "directory/deleted.h"
#include "directory/names.h"
#include "directory/own_groups.h"
#include "directory/photo.h"
#include "directory/sequence.h"
#include "http/audit.h"
#include "rest/entries.h"
#include "rest/entry_values.h"
#include "rest/restoration.h"
#include "rest/revert.h"

#include <string.h>

/* the beginning of the action that restores a deleted entry; a revert creates entries only by a
 * restore, too */
static const char restore_verb[] = "restore_";
static const char member_field[] = "member", groups_field[] = "memberOf", null_text[] = "null";

/* A recorded change of a membership. */
struct recorded_membership {
    const char *group;                  /* objectGUID */
    const char *member;                 /* objectGUID; the DN of a member that cannot be read */
    const struct changed_field *change; /* of the field `member` of the group */
    bool was_added, is_undone;
};

/* An entry whose recorded changes are reverted. */
struct reverted_entry {
    struct recorded_entry recorded;
    struct directory_entry *entry;     /* as it is now */
    struct directory_changes *changes; /* NULL: the entry is deleted */
    struct directory_guard guard;
    struct arena *arena;
};

/* A revert of one audit row. */
struct entry_reversal {
    struct request *request;
    struct directory *directory;
    struct arena *arena;
    const struct recorded_changes *recorded;
    struct reverted_entry *entries;
    size_t entries_count;
    struct recorded_membership *memberships;
    size_t memberships_count;
    struct error *rejection; /* ERR_CHANGED_SINCE with its details; NULL: nothing has changed */
};

/* --- the recorded changes --------------------------------------------------------------------- */

/* True if the recorded field is one membership: `member` and `memberOf` of created and deleted
 * entries are lists. */
static bool is_one_membership(const struct changed_field *change, const char *field)
{
    return !strcmp(change->field, field) && (*change->before == '"' || *change->after == '"');
}

/* Adds the membership at an index of the recorded changes. Returns the number of changes that
 * describe it: its member follows, unless it cannot be read. */
static size_t add_recorded_membership(struct entry_reversal *reversal, size_t index)
{
    const struct changeset *changes = &reversal->recorded->changes;
    const struct changed_field *change = &changes->items[index], *next = change + 1;
    bool was_added = *change->after == '"';
    bool has_member = index + 1 < changes->count && is_one_membership(next, groups_field);
    reversal->memberships[reversal->memberships_count++] = (struct recorded_membership){
        .group = change->id,
        .member = has_member ? next->id
                             : entry_values_text(reversal->arena,
                                                 was_added ? change->after : change->before),
        .change = change,
        .was_added = was_added,
    };
    return has_member ? 2 : 1;
}

/* Finds or adds the entry of a recorded change. Returns NULL if its kind is not known. */
static struct reverted_entry *find_reverted_entry(struct entry_reversal *reversal,
                                                  const struct changed_field *change)
{
    for (size_t i = 0; i < reversal->entries_count; i++) {
        if (!strcmp(reversal->entries[i].recorded.guid, change->id)) {
            return &reversal->entries[i];
        }
    }
    const struct route *route =
        revert_find_route(reversal->request, change->resource, entry_revert);
    if (!route) {
        return NULL;
    }
    struct reverted_entry *entry = &reversal->entries[reversal->entries_count++];
    entry->arena = reversal->arena;
    entry->recorded = (struct recorded_entry){
        .entries = route->description,
        .guid = change->id,
        .fields = arena_array(reversal->arena, reversal->recorded->changes.count,
                              sizeof *entry->recorded.fields),
    };
    return entry;
}

static struct error *add_recorded_field(struct entry_reversal *reversal,
                                        const struct changed_field *change)
{
    struct reverted_entry *entry = find_reverted_entry(reversal, change);
    if (!entry) {
        return revert_impossible(reversal->arena, "changes", FAULT_NO_REVERT);
    }
    struct recorded_entry *recorded = &entry->recorded;
    recorded->fields[recorded->count++] = change;
    if (!strcmp(change->field, "dn") && !strcmp(change->before, null_text)) {
        const char *action = reversal->recorded->action;
        recorded->kind = RECORDED_CREATION;
        recorded->is_restored = !strncmp(action, AUDIT_REVERT, strlen(AUDIT_REVERT)) ||
                                !strncmp(action, restore_verb, strlen(restore_verb));
    } else if (!strcmp(change->field, "dn") && !strcmp(change->after, null_text)) {
        recorded->kind = RECORDED_DELETION;
    }
    return NULL;
}

/* Sorts the recorded changes into entries and memberships. */
static struct error *read_recorded(struct entry_reversal *reversal)
{
    const struct changeset *changes = &reversal->recorded->changes;
    struct arena *arena = reversal->arena;
    struct error *error = NULL;
    reversal->entries = arena_array(arena, changes->count, sizeof *reversal->entries);
    reversal->memberships = arena_array(arena, changes->count, sizeof *reversal->memberships);
    for (size_t i = 0; i < changes->count && !error;) {
        const struct changed_field *change = &changes->items[i];
        if (!change->id || !names_filter_guid(arena, change->id)) {
            return revert_impossible(reversal->arena, "changes", FAULT_NOT_RECORDED);
        }
        if (is_one_membership(change, member_field)) {
            i += add_recorded_membership(reversal, i);
        } else {
            error = add_recorded_field(reversal, change);
            i++;
        }
    }
    return error;
}

/* Returns the error of a planned change; NULL if it can be made. *needed_r is false if there is
 * nothing to change. */
static struct error *check_planned_change(struct error *error, bool *needed_r)
{
    *needed_r = error && error->id == ERR_DRY_RUN;
    return *needed_r ? NULL : error;
}

/* --- memberships ------------------------------------------------------------------------------ */

/* Undoes the recorded change of a membership, or makes it again. */
static struct error *change_recorded_membership(const struct entry_reversal *reversal,
                                                const struct recorded_membership *recorded,
                                                bool again)
{
    struct request *request = reversal->request;
    const struct directory_membership membership = {
        .group = recorded->group,
        .member = recorded->member,
        .member_filter = "(objectClass=*)",
        .identifier_filter = "(objectClass=*)",
        .removes_any_value = true,
        .belonging = recorded->was_added == again ? DIRECTORY_MEMBER : DIRECTORY_NO_MEMBER,
    };
    struct directory_entry *group, *member;
    struct error *error =
        directory_change_member(reversal->directory, reversal->arena, &membership, &group, &member);
    if (!strcasecmp(recorded->group, reversal->recorded->object_id)) {
        request->object_dn = group->dn;
        request->member_dn = member->dn;
    }
    return error;
}

static struct error *plan_membership_change(struct entry_reversal *reversal,
                                            const struct recorded_membership *recorded)
{
    bool needed;
    struct error *error =
        check_planned_change(change_recorded_membership(reversal, recorded, false), &needed);
    bool is_missing = error && error->id == ERR_NOT_FOUND;
    if (is_missing || (!error && !needed)) {
        entry_values_reject(reversal->arena, member_field,
                            is_missing || recorded->was_added ? null_text
                                                              : recorded->change->before,
                            &reversal->rejection);
        return NULL;
    }
    return error;
}

/* --- entries ---------------------------------------------------------------------------------- */

static struct error *check_read_version(void *context, const char *version)
{
    const struct reverted_entry *entry = context;
    return strcmp(version, entry->entry->version) != 0
               ? error_new(entry->arena, ERR_CHANGED_SINCE, NULL)
               : NULL;
}

/* True if the recorded changes have this membership of the created entry. */
static bool is_recorded_membership(const struct entry_reversal *reversal, const char *group,
                                   const char *member)
{
    for (size_t i = 0; i < reversal->memberships_count; i++) {
        const struct recorded_membership *membership = &reversal->memberships[i];
        if (!strcasecmp(membership->group, group) && !strcasecmp(membership->member, member)) {
            return true;
        }
    }
    return false;
}

/* Rejects memberships that the created entry has got since. */
static struct error *compare_groups(struct entry_reversal *reversal,
                                    const struct reverted_entry *reverted)
{
    struct arena *arena = reversal->arena;
    struct directory_own_groups groups;
    struct error *error = directory_read_own_groups(reversal->directory, arena, reverted->entry,
                                                    DIRECTORY_OWN_DIRECT, &groups);
    for (size_t i = 0; !error && i < groups.count; i++) {
        const struct directory_own_group *group = &groups.list[i];
        if (!group->guid ||
            !is_recorded_membership(reversal, group->guid, reverted->recorded.guid)) {
            const struct field field = {.name = groups_field, .type = FIELD_STRING};
            struct value value;
            field_set_string(&value, group->dn);
            entry_values_reject(arena, groups_field, changeset_format_value(arena, &field, &value),
                                &reversal->rejection);
        }
    }
    if (!error && groups.has_hidden) {
        entry_values_reject(arena, groups_field, NULL, &reversal->rejection);
    }
    return error;
}

/* Rejects members that the created group has got since. */
static void compare_created_members(struct entry_reversal *reversal,
                                    const struct reverted_entry *reverted)
{
    const struct field *field = reverted->recorded.entries->class->fields;
    const struct value *members = reverted->entry->values;
    size_t recorded = 0;
    for (; field->name && field->codec != CODEC_MEMBERS; field++) {
        members++;
    }
    for (size_t i = 0; i < reversal->memberships_count; i++) {
        recorded += !strcasecmp(reversal->memberships[i].group, reverted->recorded.guid);
    }
    if (field->name && members->state == VALUE_SET && members->strings.count > recorded) {
        entry_values_reject(reversal->arena, member_field,
                            changeset_format_value(reversal->arena, field, members),
                            &reversal->rejection);
    }
}

/* Rejects a photo that the created user has got since. */
static struct error *compare_photo(struct entry_reversal *reversal,
                                   const struct reverted_entry *reverted)
{
    struct directory_photo photo;
    if (!reverted->recorded.entries->ends_sessions || reverted->recorded.is_restored) {
        return NULL;
    }
    struct error *error = directory_photo_read(reversal->directory, reversal->arena,
                                               reverted->recorded.guid, NULL, &photo);
    if (!error && photo.bytes) {
        entry_values_reject(reversal->arena, "photo", "\"(JPEG)\"", &reversal->rejection);
    }
    return error;
}

/* Compares a created entry with its recorded values. */
static struct error *compare_created_entry(struct entry_reversal *reversal,
                                           const struct reverted_entry *reverted)
{
    struct error *error = entry_values_compare(reversal->request, &reverted->recorded,
                                               reverted->entry, &reversal->rejection);
    if (!error) {
        error = compare_groups(reversal, reverted);
    }
    compare_created_members(reversal, reverted);
    return error ? error : compare_photo(reversal, reverted);
}

/* Changes the entry, or deletes it. */
static struct error *write_entry(const struct entry_reversal *reversal,
                                 const struct reverted_entry *reverted,
                                 struct directory_entry **changed_r)
{
    const struct directory_class *class = reverted->recorded.entries->class;
    return reverted->changes ? directory_update(reversal->directory, reversal->arena, class,
                                                reverted->entry, reverted->changes, changed_r)
                             : directory_delete(reversal->directory, reversal->arena,
                                                reverted->entry, &reverted->guard);
}

/* Reads the entry, compares it with the recorded values, and prepares the inverse change. */
static struct error *prepare_entry(struct entry_reversal *reversal, struct reverted_entry *reverted)
{
    struct request *request = reversal->request;
    const struct recorded_entry *recorded = &reverted->recorded;
    const struct directory_class *class = recorded->entries->class;
    struct error *error = directory_find(reversal->directory, reversal->arena, class,
                                         recorded->guid, NULL, &reverted->entry);
    if (error && error->id == ERR_NOT_FOUND) {
        entry_values_reject(reversal->arena, "dn", null_text, &reversal->rejection);
        return NULL;
    }
    if (error) {
        return error;
    }
    if (!strcasecmp(recorded->guid, reversal->recorded->object_id)) {
        request->object_dn = reverted->entry->dn;
        request->subject =
            fields_string(class->fields, reverted->entry->values, class->name_attribute);
    }
    if (recorded->kind == RECORDED_CREATION) {
        reverted->guard = (struct directory_guard){class, check_read_version, reverted};
        return compare_created_entry(reversal, reverted);
    }
    reverted->changes = directory_changes_new(reversal->arena);
    error = entry_values_set_previous(request, recorded, reverted->changes);
    directory_change_condition(reverted->changes, check_read_version, reverted);
    return error ? error
                 : entry_values_compare(request, recorded, reverted->entry, &reversal->rejection);
}

static struct error *plan_entry_change(struct entry_reversal *reversal,
                                       struct reverted_entry *reverted)
{
    struct directory_entry *changed;
    bool needed;
    struct error *error = prepare_entry(reversal, reverted);
    return error || reversal->rejection
               ? error
               : check_planned_change(write_entry(reversal, reverted, &changed), &needed);
}

/* True if the change ends the sessions of a user, like the same change by another call. */
static bool ends_sessions(const struct recorded_entry *recorded)
{
    const struct changed_field *enabled = entry_values_find(recorded, "enabled");
    bool disables = enabled && !strcmp(enabled->before, "false");
    return recorded->entries->ends_sessions &&
           (recorded->kind == RECORDED_CREATION || disables ||
            entry_values_find(recorded, "must_change_password"));
}

static struct error *make_entry_change(const struct entry_reversal *reversal,
                                       const struct reverted_entry *reverted)
{
    struct request *request = reversal->request;
    struct directory_entry *changed = NULL;
    struct error *error = write_entry(reversal, reverted, &changed);
    if ((!error || error_may_follow_change(error)) && ends_sessions(&reverted->recorded)) {
        entries_end_sessions(request, reverted->recorded.guid);
    }
    if (!error && changed && strcmp(changed->dn, reverted->entry->dn) != 0) {
        request->moved_dn = changed->dn;
    }
    return error;
}

/* --- the sequence ----------------------------------------------------------------------------- */

/* Plans all changes: the memberships in the reverse order, then the entries. */
static struct error *plan_reversal(struct entry_reversal *reversal)
{
    struct error *error = NULL;
    for (size_t i = reversal->memberships_count; i > 0 && !error; i--) {
        error = plan_membership_change(reversal, &reversal->memberships[i - 1]);
    }
    for (size_t i = reversal->entries_count; i > 0 && !error; i--) {
        error = plan_entry_change(reversal, &reversal->entries[i - 1]);
    }
    return error ? error : reversal->rejection;
}

/* Makes the memberships again that were undone before `error`, and returns that error. If that
 * fails, returns ERR_PARTIALLY_APPLIED with the groups. */
static struct error *roll_back_memberships(const struct entry_reversal *reversal,
                                           struct error *error)
{
    struct error *partial = NULL;
    for (size_t i = 0; i < reversal->memberships_count; i++) {
        const struct recorded_membership *membership = &reversal->memberships[i];
        if (!membership->is_undone || !change_recorded_membership(reversal, membership, true)) {
            continue;
        }
        if (!partial) {
            partial = error_new(reversal->arena, ERR_PARTIALLY_APPLIED, "%s",
                                error->cause ? error->cause : "a later change failed");
        }
        error_detail(partial, NULL, FAULT_NONE, membership->group);
    }
    return partial ? partial : error;
}

static struct error *make_reversal(struct entry_reversal *reversal)
{
    struct error *error = NULL;
    for (size_t i = reversal->memberships_count; i > 0 && !error; i--) {
        struct recorded_membership *membership = &reversal->memberships[i - 1];
        error = change_recorded_membership(reversal, membership, false);
        membership->is_undone = !error;
    }
    for (size_t i = reversal->entries_count; i > 0 && !error; i--) {
        error = make_entry_change(reversal, &reversal->entries[i - 1]);
    }
    bool rolls_back = error && error->id != ERR_RESULT_UNREAD && !error_may_follow_change(error);
    return rolls_back ? roll_back_memberships(reversal, error) : error;
}

static struct error *run_reversal(struct entry_reversal *reversal)
{
    struct directory_sequence *sequence =
        directory_sequence_plan(reversal->directory, reversal->arena);
    struct error *error = plan_reversal(reversal);
    if (!error) {
        error = directory_sequence_announce(sequence);
    }
    if (!error) {
        error = make_reversal(reversal);
    }
    directory_sequence_end(sequence);
    return error;
}

/* --- deletions -------------------------------------------------------------------------------- */

/* Restores the deleted entry with its recorded values, which contain its memberships. */
static struct error *restore_entry(struct entry_reversal *reversal)
{
    const struct recorded_entry *recorded = &reversal->entries->recorded;
    struct directory *directory = reversal->directory;
    struct directory_deleted deleted;
    struct directory_restored restored;
    struct directory_restoration restoration = {
        .class = recorded->entries->class,
        .guid = recorded->guid,
        .changes = directory_changes_new(reversal->arena),
    };
    if (reversal->entries_count > 1) {
        return revert_impossible(reversal->arena, "changes", FAULT_DELETED_TREE);
    }
    struct error *error =
        directory_find_restorable(directory, reversal->arena, recorded->guid, &deleted);
    if (error && error->id == ERR_NOT_FOUND) { /* the directory does not keep it any more */
        error = error_new(reversal->arena, ERR_NOT_RESTORABLE, NULL);
    } else if (!error && deleted.dn) {
        error = directory_not_deleted_error(reversal->arena, deleted.dn);
    }
    if (!error) {
        error = restoration_fill(directory, reversal->arena,
                                 restoration_recorded_image(reversal->arena, restoration.class,
                                                            recorded->guid,
                                                            &reversal->recorded->changes),
                                 &restoration);
    }
    if (!error) {
        error = directory_restore(directory, reversal->arena, &restoration, &restored);
    }
    if (!error) {
        reversal->request->object_dn = restored.entry->dn;
    }
    return error;
}

static bool is_deletion(const struct entry_reversal *reversal)
{
    for (size_t i = 0; i < reversal->entries_count; i++) {
        if (reversal->entries[i].recorded.kind == RECORDED_DELETION) {
            return true;
        }
    }
    return false;
}

struct error *entry_revert(struct request *request, const struct recorded_changes *recorded)
{
    struct entry_reversal reversal = {
        .request = request,
        .directory = app_of(request)->directory,
        .arena = request->arena,
        .recorded = recorded,
    };
    struct error *error = read_recorded(&reversal);
    if (error) {
        return error;
    }
    request->object_guid = recorded->object_id;
    return is_deletion(&reversal) ? restore_entry(&reversal) : run_reversal(&reversal);
}
