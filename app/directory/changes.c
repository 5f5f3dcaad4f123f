/*
 * Changes: collects the changes that a resource makes to one object, and converts them to LDAP
 * modifications. The strings belong to the caller and must outlive the set. Nothing here is logged,
 * because a set may contain a password.
 */
#include "directory/changes.h"

#include "base/arena.h"
#include "base/field.h"
#include "base/fold.h"
#include "directory/attribute.h"
#include "directory/codec.h"
#include "directory/directory.h"
#include "directory/names.h"

#include <inttypes.h>
#include <string.h>

enum {
    /* bits of userAccountControl: MS-ADTS 2.2.16 */
    NORMAL_ACCOUNT = 0x200,
    WORKSTATION_TRUST_ACCOUNT = 0x1000,
    MODS_OF_CHANGE = 2, /* deletion of the old value and addition of the new one */
    EXTRA_MODS = 5,     /* besides the list `first`: objectClass, unicodePwd, two for
                           userAccountControl, and the final NULL */
};

static const char account_control[] = "userAccountControl";

struct directory_changes *directory_changes_new(struct arena *arena)
{
    struct directory_changes *changes = arena_alloc(arena, sizeof *changes);
    changes->arena = arena;
    changes->end = &changes->first;
    return changes;
}

/* --- collecting changes ---------------------------------------------------------------------- */

/* Adds a change, or replaces an earlier change of the same attribute. */
static struct change *put_change(struct directory_changes *changes, const char *attribute,
                                 const char *text)
{
    for (struct change *change = changes->first; change; change = change->next) {
        if (!strcasecmp(change->attribute, attribute)) {
            change->text = text;
            return change;
        }
    }
    struct change *change = arena_alloc(changes->arena, sizeof *change);
    *change = (struct change){.attribute = attribute, .text = text};
    *changes->end = change;
    changes->end = &change->next;
    return change;
}

/* Converts names to NFC. Samba compares code points, so it would not recognize a taken name in
 * another normalization form. */
static const char *convert_field_text(struct arena *arena, const struct field *field,
                                      const char *text)
{
    return field->flags & FIELD_VISIBLE ? fold_compose(arena, text) : text;
}

/* True if values of the field can be written to its attribute. */
static bool is_writable(const struct field *field)
{
    switch (field->codec) {
    case CODEC_TEXT:
    case CODEC_LINK:
    case CODEC_INTEGER:
    case CODEC_TIME:
    case CODEC_FILETIME:
    case CODEC_TRUTH:
    case CODEC_LIST:
    case CODEC_REFERENCE:
        return true;
    default:
        return false;
    }
}

/* Returns the value in the encoding of the attribute. NULL clears the attribute. */
static const char *encode_value(struct arena *arena, const struct field *field,
                                const struct value *value)
{
    if (value->state != VALUE_SET) {
        return field->codec == CODEC_FILETIME ? "0" : NULL; /* 0: never */
    }
    switch (field->codec) {
    case CODEC_TEXT:
        return convert_field_text(arena, field, value->string.bytes);
    case CODEC_LINK:
    case CODEC_REFERENCE:
        return value->string.bytes;
    case CODEC_TIME:
        return codec_format_time(arena, value->integer);
    case CODEC_FILETIME:
        return codec_format_filetime(arena, value->integer);
    case CODEC_TRUTH:
        return value->boolean ? "TRUE" : "FALSE";
    case CODEC_LIST:
        return codec_format_list(arena, value->strings.items, value->strings.count);
    default:
        return arena_format(arena, "%" PRId64, value->integer);
    }
}

void directory_change_fields(struct directory_changes *changes, const struct field *fields,
                             struct value *values)
{
    for (size_t i = 0; fields[i].name; i++) {
        if (is_writable(&fields[i]) && values[i].state != VALUE_ABSENT) {
            const char *text = encode_value(changes->arena, &fields[i], &values[i]);
            struct change *change = put_change(changes, fields[i].attribute, text);
            change->is_reference =
                fields[i].codec == CODEC_REFERENCE || fields[i].codec == CODEC_LINK;
        }
    }
}

void directory_change_text(struct directory_changes *changes, const char *attribute,
                           const char *text)
{
    put_change(changes, attribute, text);
}

void directory_change_password(struct directory_changes *changes, const char *password)
{
    changes->password = password;
}

void directory_change_account_control(struct directory_changes *changes, int64_t mask, bool set)
{
    changes->set_bits = set ? changes->set_bits | mask : changes->set_bits & ~mask;
    changes->clear_bits = set ? changes->clear_bits & ~mask : changes->clear_bits | mask;
}

void directory_change_condition(struct directory_changes *changes, directory_condition *condition,
                                void *context)
{
    changes->condition = condition;
    changes->condition_context = context;
}

void directory_change_place(struct directory_changes *changes, const char *name,
                            const char *parent_dn)
{
    changes->name = name ? fold_compose(changes->arena, name) : NULL;
    changes->parent_dn = parent_dn;
}

const char *changes_text(const struct directory_changes *changes, const char *attribute)
{
    for (const struct change *change = changes->first; change; change = change->next) {
        if (!strcasecmp(change->attribute, attribute)) {
            return change->text;
        }
    }
    return NULL;
}

bool changes_write_control(const struct directory_changes *changes)
{
    return changes->set_bits || changes->clear_bits;
}

bool changes_modify(const struct directory_changes *changes)
{
    return changes->first || changes->password || changes_write_control(changes);
}

int64_t changes_account_control(const struct directory_changes *changes, int64_t before)
{
    return (before | changes->set_bits) & ~changes->clear_bits;
}

/* --- converting to modifications ------------------------------------------------------------- */

/* An array of modifications for libldap, NULL-terminated and large enough for all changes. */
struct mods {
    struct arena *arena;
    LDAPMod **items;
    size_t count;
};

static struct mods allocate_mods(const struct directory_changes *changes, struct arena *arena)
{
    size_t size = EXTRA_MODS;
    for (const struct change *change = changes->first; change; change = change->next) {
        size += MODS_OF_CHANGE;
    }
    return (struct mods){arena, arena_array(arena, size, sizeof(LDAPMod *)), 0};
}

static void add_mod(struct mods *mods, int operation, const char *attribute, struct berval **values)
{
    LDAPMod *mod = arena_alloc(mods->arena, sizeof *mod);
    mod->mod_op = operation | LDAP_MOD_BVALUES;
    mod->mod_type = arena_string(mods->arena, attribute);
    mod->mod_vals.modv_bvals = values;
    mods->items[mods->count++] = mod;
}

static void add_mod_bytes(struct mods *mods, int operation, const char *attribute, char *bytes,
                          size_t length)
{
    struct berval **values = arena_array(mods->arena, 2, sizeof *values);
    values[0] = arena_alloc(mods->arena, sizeof **values);
    *values[0] = (struct berval){.bv_len = length, .bv_val = bytes};
    add_mod(mods, operation, attribute, values);
}

static void add_mod_text(struct mods *mods, int operation, const char *attribute, const char *text)
{
    add_mod_bytes(mods, operation, attribute, arena_string(mods->arena, text), strlen(text));
}

static void add_mod_integer(struct mods *mods, int operation, const char *attribute,
                            int64_t integer)
{
    add_mod_text(mods, operation, attribute, arena_format(mods->arena, "%" PRId64, integer));
}

static struct error *add_mod_password(struct mods *mods, int operation, const char *password)
{
    struct berval value;
    if (!codec_password(mods->arena, password, &value)) {
        return error_field(mods->arena, "password", FAULT_INVALID_UTF8, NULL);
    }
    add_mod_bytes(mods, operation, "unicodePwd", value.bv_val, value.bv_len);
    return NULL;
}

static void add_mod_object_classes(struct mods *mods, const char *const *names)
{
    size_t count = 0;
    while (names[count]) {
        count++;
    }
    struct berval **values = arena_array(mods->arena, count + 1, sizeof *values);
    for (size_t i = 0; i < count; i++) {
        values[i] = arena_alloc(mods->arena, sizeof **values);
        *values[i] = (struct berval){.bv_len = strlen(names[i]),
                                     .bv_val = arena_string(mods->arena, names[i])};
    }
    add_mod(mods, LDAP_MOD_ADD, "objectClass", values);
}

/* Returns userAccountControl of a new object of the class; 0 if it is not an account. */
static int64_t new_account_control(const struct directory_class *class)
{
    int64_t control = 0;
    for (const char *const *name = class->object_classes; name && *name; name++) {
        if (!strcasecmp(*name, "user")) {
            control = NORMAL_ACCOUNT;
        } else if (!strcasecmp(*name, "computer")) {
            control = WORKSTATION_TRUST_ACCOUNT; /* comes after "user", its superclass */
        }
    }
    return control;
}

bool changes_is_account_class(const struct directory_class *class)
{
    return new_account_control(class) != 0;
}

struct error *changes_to_entry(const struct directory_changes *changes, struct arena *arena,
                               const struct directory_class *class, LDAPMod ***mods_r)
{
    struct mods mods = allocate_mods(changes, arena);
    struct error *error = NULL;
    add_mod_object_classes(&mods, class->object_classes);
    for (const struct change *change = changes->first; change; change = change->next) {
        /* The server sets the naming attribute from the RDN. */
        if (change->text && strcasecmp(change->attribute, class->rdn_attribute) != 0) {
            add_mod_text(&mods, LDAP_MOD_ADD, change->attribute, change->text);
        }
    }
    int64_t control = new_account_control(class);
    if (control) {
        add_mod_integer(&mods, LDAP_MOD_ADD, account_control,
                        changes_account_control(changes, control));
    }
    if (changes->password) {
        error = add_mod_password(&mods, LDAP_MOD_ADD, changes->password);
    }
    *mods_r = mods.items;
    return error;
}

/* True if the entry had a value of the attribute, or if the attribute was not read. */
static bool may_have_value(const struct directory_class *class, const struct value *values,
                           const char *attribute)
{
    for (size_t i = 0; class->fields[i].name; i++) {
        const struct field *field = &class->fields[i];
        bool bound = field->attribute && is_writable(field);
        if (bound && values[i].state != VALUE_ABSENT && !strcasecmp(field->attribute, attribute)) {
            return values[i].state == VALUE_SET &&
                   (field->type != FIELD_STRINGS || values[i].strings.count);
        }
    }
    return true;
}

/* True for the attribute of a list, which may have a value without names: that is read as an empty
 * list. */
static bool is_list_attribute(const struct directory_class *class, const char *attribute)
{
    const struct field *field = class->fields;
    while (field->name &&
           (field->codec != CODEC_LIST || strcasecmp(field->attribute, attribute) != 0)) {
        field++;
    }
    return field->name;
}

/* Changes an attribute regardless of its old value. */
static void add_mod_replacement(struct mods *mods, const struct directory_class *class,
                                const struct value *values, const struct change *change)
{
    if (change->text) {
        add_mod_text(mods, LDAP_MOD_REPLACE, change->attribute, change->text);
    } else if (may_have_value(class, values, change->attribute)) {
        /* A replacement with no values would succeed even if the attribute did not exist (RFC 4511
         * 4.6), but Samba rejects such a replacement of userPrincipalName. */
        add_mod(mods, LDAP_MOD_DELETE, change->attribute, NULL);
    } else if (is_list_attribute(class, change->attribute)) {
        add_mod(mods, LDAP_MOD_REPLACE, change->attribute, NULL);
    }
}

/* True if the attribute has the value that the change sets and no other; if the change clears it,
 * true if it has none. */
static bool is_changed_already(const struct attribute *attribute, const struct change *change)
{
    if (!change->text || !attribute) {
        return !change->text && !attribute;
    }
    size_t length = strlen(change->text);
    const struct berval *value = attribute->values;
    bool same = value->bv_len == length && !memcmp(value->bv_val, change->text, length);
    return attribute->count == 1 &&
           (same || (change->is_reference && names_equal(value->bv_val, change->text)));
}

/* Adds the deletion of exactly these values. */
static void add_mod_old_values(struct mods *mods, const char *name,
                               const struct attribute *attribute)
{
    struct berval **values = arena_array(mods->arena, attribute->count + 1, sizeof *values);
    for (size_t i = 0; i < attribute->count; i++) {
        values[i] = &attribute->values[i];
    }
    add_mod(mods, LDAP_MOD_DELETE, name, values);
}

/* True for attributes whose values are commands, such as pwdLastSet = -1: they can only be
 * replaced. */
static bool is_command_attribute(const char *name)
{
    return !strcasecmp(name, "pwdLastSet") || !strcasecmp(name, "lockoutTime");
}

/* Changes an attribute if it has exactly the values that were read. */
static void add_mod_exchange(struct mods *mods, const struct raw_entry *raw,
                             const struct change *change)
{
    const struct attribute *old = attribute_get(raw, change->attribute);
    if (is_changed_already(old, change)) {
        return;
    }
    if (old) {
        add_mod_old_values(mods, change->attribute, old);
    }
    if (change->text) {
        add_mod_text(mods, LDAP_MOD_ADD, change->attribute, change->text);
    }
}

static void add_control_mods(struct mods *mods, const struct directory_changes *changes,
                             int64_t before)
{
    int64_t after = changes_account_control(changes, before);
    if (after != before) {
        add_mod_integer(mods, LDAP_MOD_DELETE, account_control, before);
        add_mod_integer(mods, LDAP_MOD_ADD, account_control, after);
    }
}

LDAPMod **changes_to_control_mods(const struct directory_changes *changes, struct arena *arena,
                                  int64_t before)
{
    struct mods mods = allocate_mods(changes, arena);
    add_control_mods(&mods, changes, before);
    return mods.count ? mods.items : NULL;
}

struct error *changes_to_mods(const struct directory_changes *changes, struct arena *arena,
                              const struct directory_class *class, const struct changes_base *base,
                              LDAPMod ***mods_r)
{
    struct mods mods = allocate_mods(changes, arena);
    struct error *error = NULL;
    if (changes->password) {
        error = add_mod_password(&mods, LDAP_MOD_REPLACE, changes->password);
    }
    /* This modification follows that of the password, because an account without a password cannot
     * be enabled. */
    add_control_mods(&mods, changes, base->account_control);
    for (const struct change *change = changes->first; change; change = change->next) {
        if (base->exact && !is_command_attribute(change->attribute)) {
            add_mod_exchange(&mods, base->exact, change);
        } else {
            add_mod_replacement(&mods, class, base->values, change);
        }
    }
    *mods_r = mods.count ? mods.items : NULL;
    return error;
}

char **changes_attributes(const struct directory_changes *changes, struct arena *arena)
{
    size_t count = 1;
    for (const struct change *change = changes->first; change; change = change->next) {
        count++;
    }
    char **attributes = arena_array(arena, count, sizeof *attributes);
    count = 0;
    for (const struct change *change = changes->first; change; change = change->next) {
        attributes[count++] = arena_string(arena, change->attribute);
    }
    return attributes;
}

/* --- checking the result --------------------------------------------------------------------- */

bool changes_hold(const struct directory_changes *changes, const struct raw_entry *raw)
{
    int64_t control = 0;
    if (changes_write_control(changes) && (!attribute_integer(raw, account_control, &control) ||
                                           changes_account_control(changes, control) != control)) {
        return false;
    }
    for (const struct change *change = changes->first; change; change = change->next) {
        if (!is_command_attribute(change->attribute) &&
            !is_changed_already(attribute_get(raw, change->attribute), change)) {
            return false;
        }
    }
    return true;
}
