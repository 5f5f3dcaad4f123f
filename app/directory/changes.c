/*
 * Changes: collects the changes that a resource makes to one object, and converts them to LDAP
 * modifications. The strings belong to the caller and must outlive the set. Nothing here is logged,
 * because a set may contain a password.
 */
#include "directory/changes.h"

#include "base/arena.h"
#include "base/field.h"
#include "base/fold.h"
#include "directory/codec.h"
#include "directory/directory.h"

#include <inttypes.h>
#include <string.h>

enum {
    /* bits of userAccountControl: MS-ADTS 2.2.16 */
    NORMAL_ACCOUNT = 0x200,
    WORKSTATION_TRUST_ACCOUNT = 0x1000,
    EXTRA_MODS = 6, /* besides the modifications of the list `first`: objectClass, unicodePwd,
                       two for userAccountControl, and the final NULL */
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
static void put_change(struct directory_changes *changes, const char *attribute, const char *text)
{
    for (struct change *change = changes->first; change; change = change->next) {
        if (!strcasecmp(change->attribute, attribute)) {
            change->text = text;
            return;
        }
    }
    struct change *change = arena_alloc(changes->arena, sizeof *change);
    *change = (struct change){.attribute = attribute, .text = text};
    *changes->end = change;
    changes->end = &change->next;
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
    case CODEC_LINK:
        return convert_field_text(arena, field, value->string.bytes);
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
            put_change(changes, fields[i].attribute,
                       encode_value(changes->arena, &fields[i], &values[i]));
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

bool changes_modify(const struct directory_changes *changes)
{
    return changes->first || changes->password || changes->set_bits || changes->clear_bits;
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
        size++;
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
    for (const char *const *name = class->object_classes; *name; name++) {
        if (!strcasecmp(*name, "user")) {
            control = NORMAL_ACCOUNT;
        } else if (!strcasecmp(*name, "computer")) {
            control = WORKSTATION_TRUST_ACCOUNT; /* comes after "user", its superclass */
        }
    }
    return control;
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
        bool bound = field->attribute && (is_writable(field) || field->codec == CODEC_REFERENCE);
        if (bound && values[i].state != VALUE_ABSENT && !strcasecmp(field->attribute, attribute)) {
            return values[i].state == VALUE_SET &&
                   (field->type != FIELD_STRINGS || values[i].strings.count);
        }
    }
    return true;
}

struct error *changes_to_mods(const struct directory_changes *changes, struct arena *arena,
                              const struct directory_class *class, const struct value *values,
                              int64_t before, LDAPMod ***mods_r)
{
    struct mods mods = allocate_mods(changes, arena);
    struct error *error = NULL;
    if (changes->password) {
        error = add_mod_password(&mods, LDAP_MOD_REPLACE, changes->password);
    }
    /* This modification follows that of the password, because an account without a password cannot
     * be enabled. It is a compare-and-swap: the server rejects the deletion (16) if the value is no
     * longer `before`. */
    int64_t after = changes_account_control(changes, before);
    if (after != before) {
        add_mod_integer(&mods, LDAP_MOD_DELETE, account_control, before);
        add_mod_integer(&mods, LDAP_MOD_ADD, account_control, after);
    }
    for (const struct change *change = changes->first; change; change = change->next) {
        if (change->text) {
            add_mod_text(&mods, LDAP_MOD_REPLACE, change->attribute, change->text);
        } else if (may_have_value(class, values, change->attribute)) {
            /* A replacement with no values would succeed even if the attribute did not exist (RFC
             * 4511 4.6), but Samba rejects such a replacement of userPrincipalName. */
            add_mod(&mods, LDAP_MOD_DELETE, change->attribute, NULL);
        }
    }
    *mods_r = mods.count ? mods.items : NULL;
    return error;
}
