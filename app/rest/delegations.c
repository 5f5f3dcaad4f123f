/* See delegations.h. */
#include "rest/delegations.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/fold.h"
#include "base/folded.h"
#include "base/jsonw.h"
#include "base/right.h"
#include "directory/directory.h"
#include "rest/rows.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

enum { RULES_FIRST = 16 }; /* initial capacity of a growing array of rules */

struct delegations {
    const struct config *config;
    struct store *store;
    struct directory *directory;
    struct arena *arena; /* holds the rules; NULL: not read yet */
    int64_t version;     /* of the rules in memory */
    struct directory_rule *rules;
    size_t count;
    struct arena *scopes_arena;
    struct directory_object *scopes; /* sorted by GUID; NULL: not read */
    int64_t scopes_until;            /* steady clock: end of validity of the scopes */
};

struct delegations *delegations_new(const struct config *config, struct store *store,
                                    struct directory *directory)
{
    struct delegations *delegations = base_alloc(sizeof *delegations);
    *delegations = (struct delegations){.config = config, .store = store, .directory = directory};
    return delegations;
}

static void forget_scopes(struct delegations *delegations)
{
    arena_free(&delegations->scopes_arena);
    delegations->scopes = NULL;
    delegations->scopes_until = 0;
}

static void forget_rules(struct delegations *delegations)
{
    forget_scopes(delegations);
    arena_free(&delegations->arena);
    delegations->rules = NULL;
    delegations->count = 0;
}

void delegations_free(struct delegations **delegations)
{
    if (*delegations) {
        forget_rules(*delegations);
        free(*delegations);
        *delegations = NULL;
    }
}

/* --- the form of the database ---------------------------------------------------------------- */

const char *delegations_join_fields(struct arena *arena, const char *const *fields, size_t count)
{
    struct buffer joined = {.arena = arena};
    for (size_t i = 0; i < count; i++) {
        buffer_format(&joined, "%s%s", i ? "\n" : "", fields[i]);
    }
    return joined.bytes;
}

const char *const *delegations_split_fields(struct arena *arena, const char *joined,
                                            size_t *count_r)
{
    size_t count = 1;
    *count_r = 0;
    if (!joined) {
        return NULL;
    }
    for (const char *at = joined; *at; at++) {
        count += *at == '\n';
    }
    const char **fields = arena_array(arena, count + 1, sizeof *fields);
    char *rest = arena_string(arena, joined);
    for (char *field; (field = strsep(&rest, "\n"));) {
        fields[(*count_r)++] = field;
    }
    return fields;
}

const char *const *delegations_right_names(struct arena *arena, unsigned rights, size_t *count_r)
{
    const char **names = arena_array(arena, RIGHT_COUNT + 1, sizeof *names);
    *count_r = 0;
    for (enum right right = 0; right < RIGHT_COUNT; right++) {
        if (rights & RIGHT_BIT(right)) {
            names[(*count_r)++] = right_names[right];
        }
    }
    return names;
}

const char *delegations_fold(struct arena *arena, const struct delegation_texts *texts)
{
    size_t count;
    const char *const *rights = delegations_right_names(arena, texts->rights, &count);
    const char *const names[] = {"principal", "principal_name", "scope", "created_by"};
    const char *const values[] = {texts->principal, texts->principal_name, texts->scope,
                                  texts->created_by};
    struct buffer text = {.arena = arena};
    struct jsonw json = {.out = &text};
    jsonw_open_object(&json, NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (values[i]) {
            jsonw_string(&json, names[i], fold_text(arena, values[i]));
        }
    }
    jsonw_string(&json, "rights",
                 folded_lines(arena, delegations_join_fields(arena, rights, count)));
    jsonw_string(&json, "fields", folded_lines(arena, texts->fields));
    jsonw_close_object(&json);
    return text.bytes;
}

/* --- the rules ------------------------------------------------------------------------------- */

static struct directory_rule read_rule(struct arena *arena, const struct store_query *query)
{
    const char *fields = store_text(query, SQL_DELEGATIONS_RULES_FIELDS, NULL);
    size_t count;
    return (struct directory_rule){
        .id = store_integer(query, SQL_DELEGATIONS_RULES_ID),
        .principal_sid =
            arena_string(arena, store_text(query, SQL_DELEGATIONS_RULES_PRINCIPAL_SID, NULL)),
        .scope_guid =
            arena_string(arena, store_text(query, SQL_DELEGATIONS_RULES_SCOPE_GUID, NULL)),
        .rights = (unsigned)store_integer(query, SQL_DELEGATIONS_RULES_RIGHTS) & RIGHT_ALL,
        .fields = delegations_split_fields(arena, fields, &count),
    };
}

/* Replaces the rules in memory by those of the database. */
static struct error *reload_rules(struct delegations *delegations, struct arena *arena)
{
    struct store_query *query = store_query(delegations->store, arena, SQL_DELEGATIONS_RULES);
    size_t size = 0;
    struct error *error;
    bool row;
    forget_rules(delegations);
    delegations->arena = arena_new();
    while (!(error = store_next(query, &row)) && row) {
        if (delegations->count == size) {
            size_t larger = size ? 2 * size : RULES_FIRST;
            struct directory_rule *rules = arena_array(delegations->arena, larger, sizeof *rules);
            if (size) {
                memcpy(rules, delegations->rules, size * sizeof *rules);
            }
            delegations->rules = rules;
            size = larger;
        }
        struct directory_rule rule = read_rule(delegations->arena, query);
        delegations->rules[delegations->count] = rule;
        delegations->count += rule.rights != 0; /* a rule without known rights gives nothing */
    }
    if (error) {
        forget_rules(delegations);
    }
    return error;
}

/* Reads the version before the rules: rules that change in between are read once more later. */
static struct error *update_rules(struct delegations *delegations, struct arena *arena)
{
    int64_t version = 0;
    struct error *error =
        rows_read_number(store_query(delegations->store, arena, SQL_DELEGATIONS_VERSION), &version);
    if (error || (delegations->arena && version == delegations->version)) {
        return error;
    }
    error = reload_rules(delegations, arena);
    delegations->version = version;
    return error;
}

struct error *delegations_read(struct delegations *delegations, struct arena *arena,
                               struct directory_rule **rules_r, size_t *count_r)
{
    struct error *error = update_rules(delegations, arena);
    if (error) {
        return error;
    }
    *count_r = delegations->count;
    *rules_r = arena_array(arena, delegations->count + 1, sizeof **rules_r);
    if (delegations->count) {
        memcpy(*rules_r, delegations->rules, delegations->count * sizeof **rules_r);
    }
    return NULL;
}

static bool has_sid(const char *const *sids, const char *sid)
{
    while (*sids && strcmp(*sids, sid) != 0) {
        sids++;
    }
    return *sids;
}

unsigned delegations_rights(const struct directory_rule *rules, size_t count,
                            const char *const *sids)
{
    unsigned rights = 0;
    for (size_t i = 0; i < count; i++) {
        if (has_sid(sids, rules[i].principal_sid)) {
            rights |= rules[i].rights | RIGHT_BIT(RIGHT_READ);
        }
    }
    return rights;
}

static int compare_sids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct delegation_membership delegations_membership(struct arena *arena,
                                                    const struct directory_rule *rules,
                                                    size_t count, const char *const *sids)
{
    const char **principals = arena_array(arena, count + 1, sizeof *principals);
    const char **other = arena_array(arena, count + 1, sizeof *other);
    struct buffer own = {.arena = arena};
    size_t others = 0;
    for (size_t i = 0; i < count; i++) {
        principals[i] = rules[i].principal_sid;
    }
    qsort(principals, count, sizeof *principals, compare_sids);
    buffer_add_string(&own, "");
    for (size_t i = 0; i < count; i++) {
        if (i && !strcmp(principals[i], principals[i - 1])) {
            continue;
        }
        if (has_sid(sids, principals[i])) {
            buffer_format(&own, "%s%s ", own.length ? "" : " ", principals[i]);
        } else {
            other[others++] = principals[i];
        }
    }
    return (struct delegation_membership){own.bytes, other};
}

struct error *delegations_read_own(struct delegations *delegations, struct arena *arena,
                                   const char *const *sids, const char **own_r)
{
    struct error *error = update_rules(delegations, arena);
    if (!error) {
        *own_r = delegations_membership(arena, delegations->rules, delegations->count, sids).own;
    }
    return error;
}

/* --- scopes ---------------------------------------------------------------------------------- */

/* Reads the scopes of the rules from the directory. */
static struct error *locate_scopes(struct delegations *delegations, struct arena *arena,
                                   const struct directory_rule *rules, size_t count,
                                   struct directory_object **scopes_r)
{
    struct directory_object *scopes = arena_array(arena, count + 1, sizeof *scopes);
    for (size_t i = 0; i < count; i++) {
        scopes[i].guid = rules[i].scope_guid;
    }
    *scopes_r = scopes;
    return directory_locate(delegations->directory, arena, scopes, count);
}

static void set_scopes(struct directory_rule *rules, size_t count,
                       const struct directory_object *scopes)
{
    for (size_t i = 0; i < count; i++) {
        const struct directory_object *scope =
            directory_located(scopes, count, rules[i].scope_guid);
        rules[i].scope_dn = scope ? scope->dn : NULL;
    }
}

/* Copies the scopes to an arena of their own, which lives until they are read again. */
static void keep_scopes(struct delegations *delegations, const struct directory_object *scopes)
{
    struct arena *arena = delegations->scopes_arena = arena_new();
    delegations->scopes = arena_array(arena, delegations->count + 1, sizeof *scopes);
    for (size_t i = 0; i < delegations->count; i++) {
        delegations->scopes[i] = (struct directory_object){
            .guid = arena_string(arena, scopes[i].guid),
            .dn = scopes[i].dn ? arena_string(arena, scopes[i].dn) : NULL,
        };
    }
    delegations->scopes_until =
        clock_steady_us() + delegations->config->ldap_login_cache_s * US_PER_S;
}

/* Reads the scopes of the rules in memory, unless they were read recently. */
static struct error *update_scopes(struct delegations *delegations, struct arena *arena)
{
    struct directory_object *scopes;
    if (delegations->scopes && delegations->scopes_until > clock_steady_us()) {
        return NULL;
    }
    forget_scopes(delegations);
    struct error *error =
        locate_scopes(delegations, arena, delegations->rules, delegations->count, &scopes);
    if (!error) {
        keep_scopes(delegations, scopes);
    }
    return error;
}

struct error *delegations_locate(struct delegations *delegations, struct arena *arena, bool fresh,
                                 struct directory_rule *rules, size_t count)
{
    struct directory_object *scopes;
    struct error *error = fresh ? locate_scopes(delegations, arena, rules, count, &scopes)
                                : update_scopes(delegations, arena);
    if (!error) {
        set_scopes(rules, count, fresh ? scopes : delegations->scopes);
    }
    return error;
}
