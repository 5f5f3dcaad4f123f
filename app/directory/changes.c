/*
 * Changes: what shall be changed of one object, gathered by a resource and turned into LDAP
 * modifications. The strings are the caller's and must live as long as the set; a set may hold a
 * password, so nothing here is ever logged.
 */
#include "directory/changes.h"

#include "base/arena.h"
#include "base/field.h"
#include "directory/codec.h"
#include "directory/directory.h"

#include <inttypes.h>
#include <string.h>

enum {
    NORMAL_ACCOUNT = 0x200, /* of userAccountControl: MS-ADTS 2.2.16 */
    MODS_BESIDE = 6,        /* objectClass, two for userAccountControl, unicodePwd, the end */
};

static const char account_control[] = "userAccountControl";

struct directory_changes *directory_changes_new(struct arena *arena)
{
    struct directory_changes *changes = arena_alloc(arena, sizeof *changes);
    changes->arena = arena;
    changes->end = &changes->first;
    return changes;
}

/* --- gathered -------------------------------------------------------------------------------- */

/* The last word about an attribute counts. */
static void put(struct directory_changes *changes, const char *attribute, const char *text)
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

void directory_change_fields(struct directory_changes *changes, const struct field *fields,
                             struct value *values)
{
    for (size_t i = 0; fields[i].name; i++) {
        bool is_text = fields[i].codec == CODEC_TEXT;
        if ((!is_text && fields[i].codec != CODEC_INTEGER) || values[i].state == VALUE_ABSENT) {
            continue;
        }
        const char *text = NULL;
        if (values[i].state == VALUE_SET) {
            text = is_text ? values[i].string.bytes
                           : arena_format(changes->arena, "%" PRId64, values[i].integer);
        }
        put(changes, fields[i].attribute, text);
    }
}

void directory_change_text(struct directory_changes *changes, const char *attribute,
                           const char *text)
{
    put(changes, attribute, text);
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
    changes->name = name;
    changes->parent_dn = parent_dn;
}

int64_t changes_account_control(const struct directory_changes *changes, int64_t before)
{
    return (before | changes->set_bits) & ~changes->clear_bits;
}

/* --- as modifications ------------------------------------------------------------------------ */

/* Where libldap's arrays grow. */
struct mods {
    struct arena *arena;
    LDAPMod **items;
    size_t count;
};

static struct mods mods_new(const struct directory_changes *changes, struct arena *arena)
{
    size_t size = MODS_BESIDE;
    for (const struct change *change = changes->first; change; change = change->next) {
        size++;
    }
    return (struct mods){arena, arena_array(arena, size, sizeof(LDAPMod *)), 0};
}

static void add_values(struct mods *mods, int operation, const char *attribute,
                       struct berval **values)
{
    LDAPMod *mod = arena_alloc(mods->arena, sizeof *mod);
    mod->mod_op = operation | LDAP_MOD_BVALUES;
    mod->mod_type = arena_string(mods->arena, attribute);
    mod->mod_vals.modv_bvals = values;
    mods->items[mods->count++] = mod;
}

static void add_bytes(struct mods *mods, int operation, const char *attribute, char *bytes,
                      size_t length)
{
    struct berval **values = arena_array(mods->arena, 2, sizeof *values);
    values[0] = arena_alloc(mods->arena, sizeof **values);
    *values[0] = (struct berval){.bv_len = length, .bv_val = bytes};
    add_values(mods, operation, attribute, values);
}

static void add_text(struct mods *mods, int operation, const char *attribute, const char *text)
{
    add_bytes(mods, operation, attribute, arena_string(mods->arena, text), strlen(text));
}

static void add_integer(struct mods *mods, int operation, const char *attribute, int64_t integer)
{
    add_text(mods, operation, attribute, arena_format(mods->arena, "%" PRId64, integer));
}

static struct error *add_password(struct mods *mods, int operation, const char *password)
{
    struct berval value;
    if (!codec_password(mods->arena, password, &value)) {
        return error_field(mods->arena, "password", FAULT_INVALID_UTF8, NULL);
    }
    add_bytes(mods, operation, "unicodePwd", value.bv_val, value.bv_len);
    return NULL;
}

static void add_object_classes(struct mods *mods, const char *const *names)
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
    add_values(mods, LDAP_MOD_ADD, "objectClass", values);
}

/* Whether an object is an account, and so has a userAccountControl. */
static bool is_account(const struct directory_class *class)
{
    for (const char *const *name = class->object_classes; *name; name++) {
        if (!strcasecmp(*name, "user")) {
            return true;
        }
    }
    return false;
}

struct error *changes_to_entry(const struct directory_changes *changes, struct arena *arena,
                               const struct directory_class *class, LDAPMod ***mods_r)
{
    struct mods mods = mods_new(changes, arena);
    struct error *error = NULL;
    add_object_classes(&mods, class->object_classes);
    for (const struct change *change = changes->first; change; change = change->next) {
        /* The server takes the naming attribute from the name. */
        if (change->text && strcasecmp(change->attribute, class->rdn_attribute) != 0) {
            add_text(&mods, LDAP_MOD_ADD, change->attribute, change->text);
        }
    }
    if (is_account(class)) {
        add_integer(&mods, LDAP_MOD_ADD, account_control,
                    changes_account_control(changes, NORMAL_ACCOUNT));
    }
    if (changes->password) {
        error = add_password(&mods, LDAP_MOD_ADD, changes->password);
    }
    *mods_r = mods.items;
    return error;
}

/* Compare and swap: the modification fails (16) if the value is not the one that was read. */
static void add_account_control(struct mods *mods, int64_t before, int64_t after)
{
    if (before != after) {
        add_integer(mods, LDAP_MOD_DELETE, account_control, before);
        add_integer(mods, LDAP_MOD_ADD, account_control, after);
    }
}

/* Whether the entry had a value of the attribute; also if nothing is known of it. */
static bool had_value(const struct directory_class *class, const struct value *values,
                      const char *attribute)
{
    for (size_t i = 0; class->fields[i].name; i++) {
        const char *bound = class->fields[i].attribute;
        if (bound && class->fields[i].codec == CODEC_TEXT && !strcasecmp(bound, attribute)) {
            return values[i].state == VALUE_SET;
        }
    }
    return true;
}

struct error *changes_to_mods(const struct directory_changes *changes, struct arena *arena,
                              const struct directory_class *class, const struct value *values,
                              int64_t before, LDAPMod ***mods_r)
{
    struct mods mods = mods_new(changes, arena);
    struct error *error = NULL;
    if (changes->password) {
        error = add_password(&mods, LDAP_MOD_REPLACE, changes->password);
    }
    /* After the password: an account without one cannot be enabled. */
    add_account_control(&mods, before, changes_account_control(changes, before));
    for (const struct change *change = changes->first; change; change = change->next) {
        if (change->text) {
            add_text(&mods, LDAP_MOD_REPLACE, change->attribute, change->text);
        } else if (had_value(class, values, change->attribute)) {
            /* Not a replacement by nothing, which would do without looking (RFC 4511 4.6): Samba
             * refuses it for userPrincipalName. */
            add_values(&mods, LDAP_MOD_DELETE, change->attribute, NULL);
        }
    }
    *mods_r = mods.count ? mods.items : NULL;
    return error;
}
