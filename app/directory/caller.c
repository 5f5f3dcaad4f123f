/* Caller: the rights that changes require, and the checks of the caller. */
#include "directory/caller.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/field.h"
#include "base/fold.h"
#include "base/right.h"
#include "directory/account.h"
#include "directory/changes.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/identity.h"
#include "directory/names.h"

#include <string.h>

/* --- the needs of changes --------------------------------------------------------------------- */

/* The fields that set bits of userAccountControl, which has no field of its own. */
static const struct {
    int64_t bits;
    const char *field;
} account_bits[] = {
    {ACCOUNT_PASSWORD_NEVER_EXPIRES, "passwordNeverExpires"},
    {ACCOUNT_SMARTCARD_REQUIRED, "smartcardRequired"},
};

/* The attributes that are written together with the attribute of a field. */
static const struct {
    const char *attribute, *field;
} further_attributes[] = {
    {"co", "c"},
    {"countryCode", "c"},
};

struct needed_fields {
    const char **names;
    size_t count;
};

static void need_field(struct caller_need *need, struct needed_fields *fields, const char *name)
{
    need->rights |= RIGHT_BIT(RIGHT_UPDATE);
    fields->names[fields->count++] = name;
}

/* Returns the name of the field that writes the attribute; the name of the attribute if no field
 * does. */
static const char *choose_field_name(const struct directory_class *class, const char *attribute)
{
    for (size_t i = 0; i < sizeof further_attributes / sizeof *further_attributes; i++) {
        if (!strcasecmp(further_attributes[i].attribute, attribute)) {
            return further_attributes[i].field;
        }
    }
    for (const struct field *field = class->writable; field && field->name; field++) {
        /* a field without an attribute has the name of its attribute */
        if (!strcasecmp(field->attribute ? field->attribute : field->name, attribute)) {
            return field->name;
        }
    }
    return attribute;
}

/* Adds what the change of one attribute requires. */
static void need_attribute(struct caller_need *need, struct needed_fields *fields,
                           const struct directory_class *class, const char *attribute)
{
    if (!strcasecmp(attribute, "pwdLastSet")) {
        need->rights |= RIGHT_BIT(RIGHT_RESET_PASSWORD);
    } else if (!strcasecmp(attribute, "lockoutTime")) {
        need->rights |= RIGHT_BIT(RIGHT_UNLOCK);
    } else {
        need_field(need, fields, choose_field_name(class, attribute));
    }
}

static void need_account_bits(struct caller_need *need, struct needed_fields *fields, int64_t bits)
{
    if (bits & ACCOUNT_DISABLED) {
        need->rights |= RIGHT_BIT(RIGHT_ENABLE);
        bits &= ~ACCOUNT_DISABLED;
    }
    for (size_t i = 0; i < sizeof account_bits / sizeof *account_bits; i++) {
        if (bits & account_bits[i].bits) {
            need_field(need, fields, account_bits[i].field);
            bits &= ~account_bits[i].bits;
        }
    }
    if (bits) {
        need_field(need, fields, "userAccountControl");
    }
}

struct caller_need caller_need_of(struct arena *arena, const struct directory_class *class,
                                  const struct directory_changes *changes)
{
    enum { FURTHER = 8 }; /* the name, bits of userAccountControl, and the final NULL */
    struct caller_need need = {0};
    struct needed_fields fields = {0};
    size_t count = FURTHER;
    for (const struct change *change = changes->first; change; change = change->next) {
        count++;
    }
    fields.names = arena_array(arena, count, sizeof *fields.names);
    for (const struct change *change = changes->first; change; change = change->next) {
        need_attribute(&need, &fields, class, change->attribute);
    }
    need_account_bits(&need, &fields, changes->set_bits | changes->clear_bits);
    if (changes->password) {
        need.rights |= RIGHT_BIT(RIGHT_RESET_PASSWORD);
    }
    if (changes->name) {
        need_field(&need, &fields, choose_field_name(class, class->rdn_attribute));
    }
    if (changes->parent_dn) {
        need.rights |= RIGHT_BIT(RIGHT_MOVE);
    }
    need.fields = fields.names;
    return need;
}

/* --- checks ----------------------------------------------------------------------------------- */

static struct error *report_missing_right(struct arena *arena, const char *field, enum right right)
{
    struct error *error = error_new(arena, ERR_FORBIDDEN, "no right %s", right_names[right]);
    return error_detail(error, field, FAULT_NO_RIGHT, right_names[right]);
}

static bool has_field(const char *const *fields, const char *name)
{
    for (; *fields; fields++) {
        if (!strcmp(*fields, name)) {
            return true;
        }
    }
    return false;
}

/* True if the rule permits changes of the field. */
static bool permits_field(const struct directory_rule *rule, const char *name)
{
    return (rule->rights & RIGHT_BIT(RIGHT_UPDATE)) &&
           (!rule->fields || has_field(rule->fields, name));
}

static void record_rule(struct directory_caller *caller, int64_t id)
{
    for (size_t i = 0; i < caller->used_count; i++) {
        if (caller->used[i] == id) {
            return;
        }
    }
    if (caller->used_count < DIRECTORY_RULES_USED_MAX) {
        caller->used[caller->used_count++] = id;
    }
}

/* True if the caller has the right on an entry with this DN; records the rule. */
static bool has_right(struct directory_caller *caller, const char *dn, enum right right)
{
    if (!(caller->limit & RIGHT_BIT(right))) {
        return false;
    }
    for (size_t i = 0; !caller->administrator && i < caller->own_count; i++) {
        const struct directory_rule *rule = caller->own[i];
        bool implied = right == RIGHT_READ && rule->rights;
        if ((implied || (rule->rights & RIGHT_BIT(right))) && caller_rule_applies(rule, dn)) {
            record_rule(caller, rule->id);
            return true;
        }
    }
    return caller->administrator;
}

/* True if the caller may change the field of an entry with this DN; records the rule. */
static bool has_field_right(struct directory_caller *caller, const char *dn, const char *field)
{
    for (size_t i = 0; !caller->administrator && i < caller->own_count; i++) {
        if (permits_field(caller->own[i], field) && caller_rule_applies(caller->own[i], dn)) {
            record_rule(caller, caller->own[i]->id);
            return true;
        }
    }
    return caller->administrator;
}

/* Checks the rights and fields at one place. */
static struct error *check_rights(struct directory_caller *caller, struct arena *arena,
                                  const char *dn, const struct caller_need *need)
{
    for (enum right right = 0; right < RIGHT_COUNT; right++) {
        bool by_field = right == RIGHT_UPDATE && need->fields && *need->fields;
        if (!(need->rights & RIGHT_BIT(right))) {
            continue; /* a rule that is not needed is not recorded */
        }
        if (by_field ? !(caller->limit & RIGHT_BIT(right)) : !has_right(caller, dn, right)) {
            return report_missing_right(arena, "rights", right);
        }
    }
    for (const char *const *field = need->fields; field && *field; field++) {
        if (!has_field_right(caller, dn, *field)) {
            return report_missing_right(arena, *field, RIGHT_UPDATE);
        }
    }
    return NULL;
}

/* True if the entry with this DN is the scope of a delegation or has one below it. */
static bool holds_scope(const struct directory_caller *caller, const char *dn)
{
    for (size_t i = 0; i < caller->rules_count; i++) {
        const char *scope = caller->rules[i].scope_dn;
        if (scope && names_may_be_within(scope, dn)) {
            return true;
        }
    }
    return false;
}

struct error *caller_check(struct directory *directory, struct arena *arena, const char *dn,
                           const struct caller_need *need, bool changes_dn)
{
    struct directory_caller *caller = caller_restricted(directory);
    if (!caller) {
        return NULL;
    }
    if (changes_dn && !caller->administrator && holds_scope(caller, dn)) {
        struct error *error = error_new(arena, ERR_FORBIDDEN, "%s holds a scope", dn);
        return error_detail(error, "rights", FAULT_HOLDS_SCOPE, NULL);
    }
    return check_rights(caller, arena, dn, need);
}

/* True if the caller has every right of the rule on entries with this DN. */
static bool covers_rule(const struct directory_caller *caller, const struct directory_rule *rule,
                        const char *dn)
{
    unsigned missing = (rule->rights | RIGHT_BIT(RIGHT_READ)) & ~caller_rights_at(caller, dn);
    if (missing) {
        return false;
    }
    bool updates = !caller->administrator && (rule->rights & RIGHT_BIT(RIGHT_UPDATE));
    bool all_fields = false;
    for (size_t i = 0; i < caller->own_count; i++) {
        const struct directory_rule *own = caller->own[i];
        all_fields |=
            (own->rights & RIGHT_BIT(RIGHT_UPDATE)) && !own->fields && caller_rule_applies(own, dn);
    }
    if (!updates || all_fields || !rule->fields) {
        return !updates || all_fields;
    }
    for (const char *const *field = rule->fields; *field; field++) {
        bool has = false;
        for (size_t i = 0; !has && i < caller->own_count; i++) {
            has = permits_field(caller->own[i], *field) && caller_rule_applies(caller->own[i], dn);
        }
        if (!has) {
            return false;
        }
    }
    return true;
}

/* Fails if a rule of the caller gives more rights at the new place than it has at the old one. */
static struct error *check_no_gain(const struct directory_caller *caller, struct arena *arena,
                                   const char *old_dn, const char *new_dn)
{
    for (size_t i = 0; !caller->administrator && i < caller->own_count; i++) {
        const struct directory_rule *rule = caller->own[i];
        if (caller_rule_applies(rule, new_dn) && !caller_rule_applies(rule, old_dn) &&
            !covers_rule(caller, rule, old_dn)) {
            struct error *error =
                error_new(arena, ERR_FORBIDDEN, "the move would give the caller more rights");
            return error_detail(error, "parent_dn", FAULT_GAINS_RIGHTS, NULL);
        }
    }
    return NULL;
}

/* True if a new entry with this DN would become LDAP_ADMIN_GROUP, which is a DN or a name, or a
 * unit above it. The group may not exist yet. Active Directory ignores accents when it searches for
 * the name. */
static bool matches_admin_group(const struct directory *directory, struct arena *arena,
                                const char *dn)
{
    const char *admin = connection_config(directory)->ldap_admin_group;
    const char *name = names_first_value(arena, dn);
    bool is_dn = strchr(admin, '=') && directory_check_dn(admin, strlen(admin)) == FAULT_NONE;
    if (!*admin) {
        return false;
    }
    return is_dn ? names_may_be_within(admin, dn) : name && fold_may_equal(arena, name, admin);
}

struct error *caller_check_new_dn(struct directory *directory, struct arena *arena,
                                  const char *old_dn, const char *new_dn,
                                  const struct caller_need *need)
{
    struct directory_caller *caller = caller_restricted(directory);
    if (!caller) {
        return NULL;
    }
    if (matches_admin_group(directory, arena, new_dn)) {
        return error_detail(
            error_new(arena, ERR_FORBIDDEN, "%s would become LDAP_ADMIN_GROUP or hold it", new_dn),
            "rights", FAULT_ADMIN_GROUP, NULL);
    }
    struct error *error = check_rights(caller, arena, new_dn, need);
    return error || !old_dn ? error : check_no_gain(caller, arena, old_dn, new_dn);
}

/* --- more rights ------------------------------------------------------------------------------ */

struct error *caller_compare(struct directory *directory, struct arena *arena, const char *sid,
                             bool *has_more_r)
{
    const struct directory_caller *caller = caller_restricted(directory);
    const char *administrators;
    *has_more_r = false;
    if (!caller) {
        return NULL;
    }
    struct error *error = identity_administrators(directory, arena, &administrators);
    *has_more_r = !error && administrators && !strcmp(sid, administrators);
    for (size_t i = 0; !error && !*has_more_r && i < caller->rules_count; i++) {
        const struct directory_rule *rule = &caller->rules[i];
        *has_more_r = rule->scope_dn && !strcmp(rule->principal_sid, sid) &&
                      !covers_rule(caller, rule, rule->scope_dn);
    }
    return error;
}
