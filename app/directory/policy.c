/* See policy.h. The domain and a password settings object have the same rules in attributes of
 * different names (MS-SAMR 3.1.1.5, MS-ADA2). */
#include "directory/policy.h"

#include "base/arena.h"
#include "base/clock.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/domain.h"
#include "directory/query.h"

#include <stddef.h>
#include <string.h>

enum {
    FILETIME_PER_MS = 10 * 1000,
    PASSWORD_COMPLEX = 0x1, /* bit of pwdProperties */
};

static const int64_t span_max_ms = INT64_C(100) * 365 * 24 * 3600 * MS_PER_S;

enum rule_kind {
    RULE_NUMBER,
    RULE_COMPLEXITY,
    RULE_SPAN,
    RULE_LIMITED_SPAN, /* 0 and the longest span mean "never" */
};

/* One rule: where it is in the domain, in a password settings object and in struct
 * directory_policy. */
struct rule {
    const char *of_domain, *of_object; /* attributes; NULL: does not have the rule */
    enum rule_kind kind;
    size_t member;
};

#define AT(member) offsetof(struct directory_policy, member)

static const struct rule rules[] = {
    {NULL, "msDS-PasswordSettingsPrecedence", RULE_NUMBER, AT(precedence)},
    {"minPwdLength", "msDS-MinimumPasswordLength", RULE_NUMBER, AT(min_length)},
    {"pwdHistoryLength", "msDS-PasswordHistoryLength", RULE_NUMBER, AT(history_length)},
    {"pwdProperties", "msDS-PasswordComplexityEnabled", RULE_COMPLEXITY, AT(complexity)},
    {"minPwdAge", "msDS-MinimumPasswordAge", RULE_SPAN, AT(min_age_ms)},
    {"maxPwdAge", "msDS-MaximumPasswordAge", RULE_LIMITED_SPAN, AT(max_age_ms)},
    {"lockoutThreshold", "msDS-LockoutThreshold", RULE_NUMBER, AT(lockout_threshold)},
    {"lockoutDuration", "msDS-LockoutDuration", RULE_LIMITED_SPAN, AT(lockout_duration_ms)},
    {"lockOutObservationWindow", "msDS-LockoutObservationWindow", RULE_SPAN, AT(lockout_window_ms)},
};

enum { RULES = sizeof rules / sizeof *rules };

/* --- decoding -------------------------------------------------------------------------------- */

/* Converts a time span of Active Directory, which is a negative multiple of 100 ns. */
static int64_t convert_span_to_ms(int64_t span)
{
    int64_t ms = span > INT64_MIN ? -(span / FILETIME_PER_MS) : span_max_ms;
    return ms < 0 ? 0 : ms < span_max_ms ? ms : span_max_ms;
}

static int64_t *rule_value(const struct rule *rule, struct directory_policy *policy)
{
    return (int64_t *)(void *)((char *)policy + rule->member);
}

static int64_t convert_rule(enum rule_kind kind, int64_t number)
{
    bool is_span = kind == RULE_SPAN || kind == RULE_LIMITED_SPAN;
    if (kind == RULE_LIMITED_SPAN && (number == 0 || number == INT64_MIN)) {
        return DIRECTORY_SPAN_NEVER;
    }
    if (kind == RULE_COMPLEXITY) {
        return (number & PASSWORD_COMPLEX) != 0;
    }
    return is_span ? convert_span_to_ms(number) : number;
}

/* Returns the value of a rule. A password settings object has a boolean for the complexity. */
static int64_t decode_rule(const struct rule *rule, const struct raw_entry *raw, bool of_domain)
{
    const char *name = of_domain ? rule->of_domain : rule->of_object;
    const struct attribute *attribute = name ? attribute_get(raw, name) : NULL;
    int64_t number;
    if (attribute && !of_domain && rule->kind == RULE_COMPLEXITY) {
        return !strcmp(attribute->values->bv_val, "TRUE");
    }
    return attribute && attribute_integer(raw, name, &number) ? convert_rule(rule->kind, number)
                                                              : DIRECTORY_RULE_UNKNOWN;
}

void policy_decode(const struct raw_entry *raw, bool of_domain, struct directory_policy *policy_r)
{
    *policy_r = (struct directory_policy){0};
    for (size_t i = 0; i < RULES; i++) {
        *rule_value(&rules[i], policy_r) = decode_rule(&rules[i], raw, of_domain);
    }
}

/* --- reading --------------------------------------------------------------------------------- */

const char *policy_dn(const char *domain_dn, const struct raw_entry *account)
{
    const struct attribute *object = account ? attribute_get(account, "msDS-ResultantPSO") : NULL;
    return object ? object->values->bv_val : domain_dn;
}

struct error *policy_read(struct directory *directory, struct arena *arena, const char *domain_dn,
                          const struct raw_entry *account, struct directory_policy *policy_r)
{
    const char *dn = policy_dn(domain_dn, account);
    bool of_domain = dn == domain_dn;
    char *attributes[RULES + 2] = {"cn"};
    size_t count = 1;
    for (size_t i = 0; i < RULES; i++) {
        const char *name = of_domain ? rules[i].of_domain : rules[i].of_object;
        if (name) {
            attributes[count++] = (char *)name;
        }
    }
    struct raw_entry raw = {0};
    struct error *error = query_object(directory, arena, dn, attributes, &raw);
    if (error && error->id != ERR_NOT_FOUND && error->id != ERR_DIRECTORY_FORBIDDEN) {
        return error;
    }
    const struct attribute *name = attribute_get(&raw, "cn");
    policy_decode(&raw, of_domain, policy_r);
    policy_r->is_fine_grained = !of_domain;
    if (of_domain || caller_sees(directory, dn)) {
        policy_r->dn = dn;
    }
    if (!of_domain && policy_r->dn) {
        policy_r->name = name ? name->values->bv_val : dn;
    }
    return NULL;
}

bool directory_policy_is_known(const struct directory_policy *policy)
{
    struct directory_policy copy = *policy;
    for (size_t i = 0; i < RULES; i++) {
        bool is_needed = policy->is_fine_grained || rules[i].of_domain;
        if (is_needed && *rule_value(&rules[i], &copy) == DIRECTORY_RULE_UNKNOWN) {
            return false;
        }
    }
    return true;
}

struct error *directory_read_policy(struct directory *directory, struct arena *arena,
                                    const struct directory_entry *user,
                                    struct directory_policy *policy_r)
{
    char *attributes[] = {"msDS-ResultantPSO", NULL};
    const struct domain *domain;
    struct raw_entry account = {0};
    connection_begin_call(directory);
    struct error *error = domain_get(directory, arena, &domain);
    if (!error && user) {
        error =
            query_object(directory, arena, query_guid_dn(arena, user->guid), attributes, &account);
    }
    return error
               ? error
               : policy_read(directory, arena, arena_string(arena, domain->dn), &account, policy_r);
}
