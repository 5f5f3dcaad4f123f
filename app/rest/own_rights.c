/* See own_rights.h. */
#include "rest/own_rights.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/right.h"
#include "base/scope.h"
#include "directory/directory.h"
#include "rest/app.h"
#include "rest/authorization.h"
#include "rest/delegations.h"

const struct field own_rights_fields[] = {
    {.name = "id",
     .type = FIELD_INTEGER,
     .flags = FIELD_NULLABLE,
     .about = {"Идентификатор делегирования; null: права администратора",
               "The id of the delegation; null: the rights of an administrator"},
     .example = "42"},
    {.name = "scope",
     .type = FIELD_STRING,
     .format = "dn",
     .about = {"DN области: права действуют на этот объект и на все объекты под ним",
               "The DN of the scope: the rights apply to this entry and to those below it"},
     .example = "\"OU=Staff,DC=kontora,DC=test\""},
    {.name = "rights",
     .type = FIELD_STRINGS,
     .choices = right_names,
     .about = {"Права", "The rights"},
     .example = "[\"read\",\"update\"]"},
    {.name = "fields",
     .type = FIELD_STRINGS,
     .flags = FIELD_NULLABLE,
     .about = {"Поля, которые разрешает изменять право update; null: все",
               "The fields that the right `update` permits to change; null: all"},
     .example = "null"},
    {.name = NULL},
};

/* Copies the texts of the rule, which live only until the rules are read again. */
static struct value *describe_own_rights(struct arena *arena, const struct directory_rule *rule,
                                         unsigned rights)
{
    struct value *record = arena_array(arena, fields_count(own_rights_fields), sizeof *record);
    size_t count;
    const char *const *names = delegations_right_names(arena, rights, &count);
    if (rule->id) {
        field_set_integer(fields_get(own_rights_fields, record, "id"), rule->id);
    }
    field_set_string(fields_get(own_rights_fields, record, "scope"),
                     arena_string(arena, rule->scope_dn));
    field_set_strings(fields_get(own_rights_fields, record, "rights"), names, count);
    if (rule->fields) {
        for (count = 0; rule->fields[count];) {
            count++;
        }
        names = delegations_split_fields(arena, delegations_join_fields(arena, rule->fields, count),
                                         &count);
        field_set_strings(fields_get(own_rights_fields, record, "fields"), names, count);
    }
    return record;
}

/* Finds the delegations of a directory user whose scopes exist. */
static struct error *find_own_rules(struct request *request, const char *guid,
                                    struct directory_rule **rules_r, size_t *count_r)
{
    const struct app *app = request->app;
    struct directory_identity identity;
    size_t all = 0;
    *count_r = 0;
    struct error *error =
        directory_identify(app->directory, request->arena, guid, false, &identity);
    if (!error) {
        error = delegations_read(app->delegations, request->arena, rules_r, &all);
    }
    if (!error && delegations_rights(*rules_r, all, identity.sids)) {
        error = delegations_locate(app->delegations, request->arena, false, *rules_r, all);
    }
    for (size_t i = 0; !error && i < all; i++) {
        const struct directory_rule *rule = &(*rules_r)[i];
        if (rule->scope_dn && delegations_rights(rule, 1, identity.sids)) {
            (*rules_r)[(*count_r)++] = *rule;
        }
    }
    return error;
}

void own_rights_set(struct request *request, struct value *value)
{
    const struct app *app = request->app;
    const struct principal *principal = request->principal;
    const char *guid = principal_guid(principal->id);
    struct directory_rule all = {.scope_dn = app->config->ldap_base_dn, .rights = RIGHT_ALL};
    struct directory_rule *rules = &all;
    bool is_administrator = authorization_permits(principal, PERMIT_DIRECTORY_WRITE);
    size_t count = is_administrator && *all.scope_dn ? 1 : 0;
    if (guid && !count && find_own_rules(request, guid, &rules, &count)) {
        return;
    }
    unsigned limit = principal->key.id ? scope_rights(principal->key.scopes) : RIGHT_ALL;
    struct value **records = arena_array(request->arena, count + 1, sizeof *records);
    size_t shown = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned rights = rules[i].rights & limit;
        if (rights) {
            records[shown++] = describe_own_rights(request->arena, &rules[i], rights);
        }
    }
    field_set_records(value, records, shown);
}

bool own_rights_reads(const struct request *request, const struct value *delegations)
{
    return app_of(request)->config->directory_readers == READERS_ALL ||
           delegations->state != VALUE_SET || delegations->records.count;
}
