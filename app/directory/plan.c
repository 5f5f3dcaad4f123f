/* See plan.h. */
#include "directory/plan.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/field.h"
#include "directory/attribute.h"
#include "directory/changes.h"
#include "directory/codec.h"
#include "directory/directory.h"
#include "directory/entry.h"
#include "directory/names.h"

#include <inttypes.h>
#include <string.h>

enum {
    COMPUTED_LOCKED = 0x10, /* UF_LOCKOUT of msDS-User-Account-Control-Computed: MS-ADTS 2.2.16 */
    EXTRA_ATTRIBUTES = 6,   /* besides those of the changes, with the final NULL */
};

static const char password_attribute[] = "unicodePwd", last_set[] = "pwdLastSet",
                  lockout_time[] = "lockoutTime", bad_count[] = "badPwdCount",
                  account_control[] = "userAccountControl",
                  computed_control[] = "msDS-User-Account-Control-Computed";

/* --- building an intent ---------------------------------------------------------------------- */

static struct directory_intent_entry *add_entry(struct arena *arena,
                                                struct directory_intent *intent,
                                                const struct directory_intent_entry *content)
{
    struct directory_intent_entry **end = &intent->entries;
    while (*end) {
        end = &(*end)->next;
    }
    *end = arena_alloc(arena, sizeof **end);
    **end = *content;
    return *end;
}

static void append_record(struct arena *arena, struct directory_intent *intent,
                          const struct ldif_record *content)
{
    struct ldif_record **end = &intent->records;
    while (*end) {
        end = &(*end)->next;
    }
    *end = arena_alloc(arena, sizeof **end);
    **end = *content;
}

static enum ldif_modification_kind modification_kind(const LDAPMod *mod)
{
    switch (mod->mod_op & LDAP_MOD_OP) {
    case LDAP_MOD_DELETE:
        return LDIF_DELETE_VALUES;
    case LDAP_MOD_REPLACE:
        return LDIF_REPLACE_VALUES;
    default:
        return LDIF_ADD_VALUES;
    }
}

static size_t count_values(const LDAPMod *mod)
{
    size_t count = 0;
    while (mod->mod_vals.modv_bvals && mod->mod_vals.modv_bvals[count]) {
        count++;
    }
    return count;
}

/* Converts the modifications. Those of passwords lose their values. */
static struct ldif_modification *convert_mods(struct arena *arena, LDAPMod **mods)
{
    struct ldif_modification *first = NULL, **end = &first;
    for (; mods && *mods; mods++) {
        const LDAPMod *mod = *mods;
        struct ldif_modification *item = *end = arena_alloc(arena, sizeof *item);
        end = &item->next;
        item->kind = modification_kind(mod);
        item->attribute = mod->mod_type;
        item->secret = !strcasecmp(mod->mod_type, password_attribute);
        item->count = item->secret ? 0 : count_values(mod);
        struct ldif_value *values = arena_array(arena, item->count, sizeof *values);
        for (size_t i = 0; i < item->count; i++) {
            const struct berval *value = mod->mod_vals.modv_bvals[i];
            values[i] = (struct ldif_value){value->bv_val, value->bv_len};
        }
        item->values = values;
    }
    return first;
}

static void add_password_field(struct arena *arena, struct directory_intent_entry *entry,
                               const struct directory_changes *changes)
{
    if (changes->password) {
        plan_add_secret(arena, entry, "password");
    }
}

/* --- attributes before and after ------------------------------------------------------------- */

/* Returns a copy with room for `more` attributes. */
static struct raw_entry *copy_raw_entry(struct arena *arena, const struct raw_entry *raw,
                                        size_t more)
{
    struct raw_entry *copy = arena_alloc(arena, sizeof *copy);
    *copy = (struct raw_entry){
        raw->dn, arena_array(arena, raw->count + more, sizeof *copy->attributes), raw->count};
    for (size_t i = 0; i < raw->count; i++) {
        copy->attributes[i] = raw->attributes[i];
    }
    return copy;
}

/* Sets an attribute of an entry that has room for it; NULL removes the attribute. */
static void set_attribute(struct arena *arena, struct raw_entry *raw, const char *name,
                          const char *text)
{
    size_t i = 0;
    while (i < raw->count && strcasecmp(raw->attributes[i].name, name) != 0) {
        i++;
    }
    struct attribute *attribute = &raw->attributes[i];
    *attribute = (struct attribute){.name = name};
    raw->count += i == raw->count;
    if (text) {
        attribute->values = arena_alloc(arena, sizeof *attribute->values);
        *attribute->values = (struct berval){strlen(text), arena_string(arena, text)};
        attribute->count = 1;
    }
}

static size_t count_changes(const struct directory_changes *changes)
{
    size_t count = 0;
    for (const struct change *change = changes->first; change; change = change->next) {
        count++;
    }
    return count;
}

/* --- adding an entry ------------------------------------------------------------------------- */

/* Returns the entry with the attributes of the addition, except for the password and the time at
 * which it was set. */
static struct raw_entry *create_raw_entry(struct arena *arena, const struct plan_addition *addition,
                                          const char *dn)
{
    size_t count = 0;
    while (addition->mods[count]) {
        count++;
    }
    struct raw_entry *raw = copy_raw_entry(arena, &(struct raw_entry){.dn = dn}, count + 1);
    for (size_t i = 0; i < count; i++) {
        const LDAPMod *mod = addition->mods[i];
        if (!strcasecmp(mod->mod_type, password_attribute) ||
            !strcasecmp(mod->mod_type, last_set)) {
            continue;
        }
        struct attribute *attribute = &raw->attributes[raw->count++];
        *attribute = (struct attribute){.name = mod->mod_type, .count = count_values(mod)};
        attribute->values = arena_array(arena, attribute->count, sizeof *attribute->values);
        for (size_t k = 0; k < attribute->count; k++) {
            attribute->values[k] = *mod->mod_vals.modv_bvals[k];
        }
    }
    set_attribute(arena, raw, addition->class->rdn_attribute, addition->name);
    return raw;
}

const struct directory_intent *plan_addition(struct arena *arena,
                                             const struct plan_addition *addition)
{
    struct directory_intent *intent = arena_alloc(arena, sizeof *intent);
    const struct directory_class *class = addition->class;
    const char *dn = names_spell(arena, addition->dn);
    const struct directory_intent_entry content = {
        .change = DIRECTORY_ENTRY_CREATED, .kind = plan_kind_of_class(class), .dn = dn};
    struct directory_intent_entry *entry = add_entry(arena, intent, &content);
    const struct raw_entry *after = create_raw_entry(arena, addition, dn);
    plan_add_values(arena, entry, class, NULL, after);
    plan_add_unbound_values(arena, entry, class, addition->changes, NULL, after);
    const char *text = changes_text(addition->changes, last_set);
    bool must_change = text && !strcmp(text, "0");
    plan_add_field(arena, entry, "must_change_password", "null",
                   plan_json_truth(text ? &must_change : NULL));
    add_password_field(arena, entry, addition->changes);
    const struct ldif_record record = {
        .change = LDIF_ADD, .dn = dn, .modifications = convert_mods(arena, addition->mods)};
    append_record(arena, intent, &record);
    return intent;
}

const struct directory_intent *plan_restore(struct arena *arena, const struct plan_restore *restore)
{
    struct directory_intent *intent =
        (struct directory_intent *)plan_addition(arena, &restore->addition);
    const struct ldif_record record = {.change = LDIF_MODIFY,
                                       .dn = restore->deleted_dn,
                                       .modifications =
                                           convert_mods(arena, restore->addition.mods)};
    char deleted_at[CLOCK_TEXT_SIZE];
    clock_format(restore->deleted_at, deleted_at);
    intent->entries->guid = restore->guid;
    plan_add_field(arena, intent->entries, "deleted_at", plan_json_text(arena, deleted_at), "null");
    intent->records = NULL;
    append_record(arena, intent, &record);
    return intent;
}

/* --- changing an entry ----------------------------------------------------------------------- */

/* Adds the attribute unless the list has it. */
static void add_attribute_name(struct arena *arena, char **names, const char *name)
{
    while (*names && strcasecmp(*names, name) != 0) {
        names++;
    }
    *names = *names ? *names : arena_string(arena, name);
}

char **plan_update_attributes(struct arena *arena, const struct directory_changes *changes)
{
    size_t size = count_changes(changes) + EXTRA_ATTRIBUTES;
    char **names = arena_array(arena, size, sizeof *names);
    for (const struct change *change = changes->first; change; change = change->next) {
        add_attribute_name(arena, names, change->attribute);
    }
    add_attribute_name(arena, names, account_control); /* an empty list would request all */
    if (changes->password) {
        add_attribute_name(arena, names, last_set);
    }
    if (changes_text(changes, lockout_time)) {
        add_attribute_name(arena, names, computed_control);
        add_attribute_name(arena, names, bad_count);
    }
    return names;
}

/* Sets the attributes that the directory changes with lockoutTime (MS-SAMR 3.1.1.8.5). */
static void apply_unlock(struct arena *arena, struct raw_entry *after)
{
    int64_t bits;
    if (attribute_integer(after, computed_control, &bits)) {
        set_attribute(arena, after, computed_control,
                      arena_format(arena, "%" PRId64, bits & ~(int64_t)COMPUTED_LOCKED));
    }
    if (attribute_get(after, bad_count)) {
        set_attribute(arena, after, bad_count, "0");
    }
}

/* Sets the attributes of the entry as they are after the changes. */
static void apply_planned_changes(struct arena *arena, const struct plan_update *update,
                                  struct raw_entry *after)
{
    for (const struct change *change = update->changes->first; change; change = change->next) {
        set_attribute(arena, after, change->attribute, change->text);
    }
    if (changes_write_control(update->changes)) {
        int64_t control = changes_account_control(update->changes, update->account_control);
        set_attribute(arena, after, account_control, arena_format(arena, "%" PRId64, control));
    }
    if (changes_text(update->changes, lockout_time)) {
        apply_unlock(arena, after);
    }
}

/* Adds the field that says if the password must be changed, and removes the time at which it was
 * set from both sides unless it is known: a new password sets it to the time of the write. */
static void plan_obligation(struct arena *arena, const struct plan_update *update,
                            struct directory_intent_entry *entry, struct raw_entry *before,
                            struct raw_entry *after)
{
    const char *text = changes_text(update->changes, last_set);
    int64_t time;
    bool had_to = attribute_integer(before, last_set, &time) && !time;
    bool must = text && !strcmp(text, "0");
    if (text || update->changes->password) {
        plan_add_field(arena, entry, "must_change_password", plan_json_truth(&had_to),
                       plan_json_truth(&must));
        if (!must) {
            set_attribute(arena, before, last_set, NULL);
            set_attribute(arena, after, last_set, NULL);
        }
    }
}

/* Adds the new name and the new parent, and the record of the move. */
static void plan_new_place(struct arena *arena, const struct plan_update *update,
                           struct directory_intent *intent, struct directory_intent_entry *entry)
{
    const char *old_parent = names_parent(arena, update->dn);
    bool moves = !old_parent || !names_equal(old_parent, update->parent);
    plan_add_field(arena, entry, "parent_dn", plan_json_text(arena, old_parent),
                   plan_json_text(arena, moves ? update->parent : old_parent));
    const struct ldif_record record = {.change = LDIF_RENAME,
                                       .dn = update->dn,
                                       .rdn = update->rdn,
                                       .parent = moves ? update->parent : NULL};
    append_record(arena, intent, &record);
}

/* Sets the DN and the attribute of the RDN on both sides. */
static void set_places(struct arena *arena, const struct plan_update *update, const char *new_dn,
                       struct raw_entry *before, struct raw_entry *after)
{
    before->dn = after->dn = update->dn;
    if (new_dn) {
        after->dn = new_dn;
        set_attribute(arena, before, update->class->rdn_attribute,
                      names_first_value(arena, update->dn));
        set_attribute(arena, after, update->class->rdn_attribute, names_first_value(arena, new_dn));
    }
}

const struct directory_intent *plan_update(const struct directory *directory, struct arena *arena,
                                           const struct plan_update *update)
{
    struct directory_intent *intent = arena_alloc(arena, sizeof *intent);
    const char *new_dn =
        update->rdn ? names_spell(arena, arena_format(arena, "%s,%s", update->rdn, update->parent))
                    : NULL;
    const struct directory_intent_entry content = {.change = DIRECTORY_ENTRY_CHANGED,
                                                   .kind = plan_kind_of_class(update->class),
                                                   .guid = update->guid,
                                                   .dn = update->dn,
                                                   .new_dn = new_dn};
    struct directory_intent_entry *entry = add_entry(arena, intent, &content);
    size_t more = count_changes(update->changes) + EXTRA_ATTRIBUTES;
    const struct raw_entry *visible =
        entry_without_hidden(directory, arena, update->class, update->before);
    struct raw_entry *before = copy_raw_entry(arena, visible, more);
    struct raw_entry *after = copy_raw_entry(arena, visible, more);
    apply_planned_changes(arena, update, after);
    set_places(arena, update, new_dn, before, after);
    if (new_dn) {
        plan_new_place(arena, update, intent, entry);
    }
    plan_obligation(arena, update, entry, before, after);
    plan_add_values(arena, entry, update->class, before, after);
    plan_add_unbound_values(arena, entry, update->class, update->changes, before, after);
    add_password_field(arena, entry, update->changes);
    if (update->mods) {
        const struct ldif_record record = {.change = LDIF_MODIFY,
                                           .dn = new_dn ? new_dn : update->dn,
                                           .modifications = convert_mods(arena, update->mods)};
        append_record(arena, intent, &record);
    }
    return intent;
}

const struct directory_intent *plan_value(struct arena *arena, const struct plan_value *value)
{
    struct directory_intent *intent = arena_alloc(arena, sizeof *intent);
    const struct directory_intent_entry content = {.change = DIRECTORY_ENTRY_CHANGED,
                                                   .kind = value->kind,
                                                   .guid = value->guid,
                                                   .dn = value->dn};
    struct directory_intent_entry *entry = add_entry(arena, intent, &content);
    plan_add_field(arena, entry, value->field, plan_json_bytes(arena, value->before),
                   plan_json_bytes(arena, value->after));
    const struct ldif_record record = {
        .change = LDIF_MODIFY, .dn = value->dn, .modifications = convert_mods(arena, value->mods)};
    append_record(arena, intent, &record);
    return intent;
}

/* --- memberships ----------------------------------------------------------------------------- */

/* Adds the field with the DN that a list gets or loses. */
static void add_membership_field(struct arena *arena, struct directory_intent_entry *entry,
                                 const char *name, const char *dn, bool adds)
{
    const char *json = plan_json_text(arena, dn);
    plan_add_field(arena, entry, name, adds ? "null" : json, adds ? json : "null");
}

const struct directory_intent *plan_membership(struct arena *arena,
                                               const struct plan_membership *membership)
{
    struct directory_intent *intent = arena_alloc(arena, sizeof *intent);
    const struct directory_intent_entry group = {.change = DIRECTORY_ENTRY_CHANGED,
                                                 .kind = "group",
                                                 .guid = membership->group_guid,
                                                 .dn = membership->group_dn};
    add_membership_field(arena, add_entry(arena, intent, &group), "member", membership->member_dn,
                         membership->adds);
    if (membership->member_kind) {
        const struct directory_intent_entry member = {.change = DIRECTORY_ENTRY_CHANGED,
                                                      .kind = membership->member_kind,
                                                      .guid = membership->member_guid,
                                                      .dn = membership->member_dn,
                                                      .is_consequence = true};
        add_membership_field(arena, add_entry(arena, intent, &member), "memberOf",
                             membership->group_dn, membership->adds);
    }
    struct ldif_value *value = arena_alloc(arena, sizeof *value);
    *value = (struct ldif_value){membership->member_dn, strlen(membership->member_dn)};
    struct ldif_modification *item = arena_alloc(arena, sizeof *item);
    *item =
        (struct ldif_modification){.kind = membership->adds ? LDIF_ADD_VALUES : LDIF_DELETE_VALUES,
                                   .attribute = "member",
                                   .values = value,
                                   .count = 1};
    const struct ldif_record record = {
        .change = LDIF_MODIFY, .dn = membership->group_dn, .modifications = item};
    append_record(arena, intent, &record);
    return intent;
}

/* --- deletions ------------------------------------------------------------------------------- */

static void plan_deleted_entry(const struct directory *directory, struct arena *arena,
                               const struct plan_deletion *deletion,
                               struct directory_intent *intent)
{
    const struct directory_intent_entry content = {.change = DIRECTORY_ENTRY_DELETED,
                                                   .kind = deletion->kind,
                                                   .guid = deletion->guid,
                                                   .dn = deletion->dn};
    struct directory_intent_entry *entry = add_entry(arena, intent, &content);
    if (deletion->class && deletion->before) {
        plan_add_values(arena, entry, deletion->class,
                        entry_without_hidden(directory, arena, deletion->class, deletion->before),
                        NULL);
    } else {
        plan_add_field(arena, entry, "dn", plan_json_text(arena, deletion->dn), "null");
    }
}

const struct directory_intent *plan_deletions(const struct directory *directory,
                                              struct arena *arena,
                                              const struct plan_deletion *deletions, size_t count)
{
    struct directory_intent *intent = arena_alloc(arena, sizeof *intent);
    for (size_t i = 0; i < count; i++) {
        plan_deleted_entry(directory, arena, &deletions[i], intent);
    }
    for (size_t i = 1; i <= count; i++) { /* the first one is deleted last */
        const struct ldif_record record = {.change = LDIF_DELETE, .dn = deletions[i % count].dn};
        append_record(arena, intent, &record);
    }
    return intent;
}
