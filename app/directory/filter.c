/*
 * See filter.h.
 *
 * An LDAP filter is true, false or undefined (RFC 4511 4.5.1.7). A comparison with a value that
 * does not fit the syntax of the attribute is undefined, and so is its negation. The server never
 * sees such a value: a comparison that is false for every value becomes a filter that matches
 * nothing.
 *
 * A comparison of an absent attribute is false, and its negation true. A negation that needs a
 * value is combined with "(attribute=*)": for example `enabled eq true` tests that a bit is not
 * set.
 *
 * For a caller that does not see all entries, a value that refers to a hidden entry is absent. So a
 * comparison with a hidden entry is false, as with one that does not exist. A filter cannot tell an
 * entry with only hidden values from one with visible values, so `pr` is not supported for links.
 */
#include "directory/filter.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/entry.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/primary.h"
#include "directory/query.h"
#include "query/filter.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* Matching rules for bits (MS-ADTS 3.1.1.3.4.4): all bits of the mask are set; at least one is. */
#define ALL_BITS ":1.2.840.113556.1.4.803:="
#define ANY_BIT ":1.2.840.113556.1.4.804:="

#define MATCH_ALL "(objectClass=*)"
#define MATCH_NONE "(!(objectClass=*))"

struct compiler {
    struct directory *directory;
    struct arena *arena;
    struct buffer out;
};

static void append_present(struct compiler *compiler, const struct field *field)
{
    buffer_format(&compiler->out, "(%s=*)", field->attribute);
}

/* --- errors ----------------------------------------------------------------------------------- */

static struct error *term_fault(struct arena *arena, const struct filter *term, enum fault_id fault,
                                const char *more)
{
    return error_field(arena, "filter", fault,
                       arena_format(arena, "%zu" FAULT_ARGUMENT_END "%s%s", term->position, more,
                                    term->field->name));
}

static struct error *operator_fault(struct arena *arena, const struct filter *term)
{
    return term_fault(
        arena, term, FAULT_FILTER_OPERATOR,
        arena_format(arena, "%s" FAULT_ARGUMENT_END, filter_operator_name(term->operator)));
}

static struct error *not_filterable_error(struct arena *arena, const struct filter *term)
{
    return error_detail(error_new(arena, ERR_NOT_FILTERABLE, NULL), term->field->name,
                        FAULT_FILTER_COMPUTED, arena_format(arena, "%zu", term->position));
}

/* --- text ------------------------------------------------------------------------------------- */

/* Appends a comparison with text. No attribute has an empty value, but every value contains, begins
 * with and ends with an empty text. A text of spaces is empty, because the directory ignores spaces
 * at both ends of a text; Samba would find nothing. */
static void append_text_comparison(struct compiler *compiler, const struct filter *term)
{
    struct buffer *out = &compiler->out;
    const char *attribute = term->field->attribute;
    const char *text = names_filter_value(compiler->arena, term->value.string.bytes);
    if (!text[strspn(text, " ")]) {
        if (term->operator== FILTER_EQUAL) {
            buffer_add_string(out, MATCH_NONE);
        } else {
            append_present(compiler, term->field);
        }
        return;
    }
    const char *before =
        term->operator== FILTER_CONTAINS || term->operator== FILTER_ENDS_WITH ? "*" : "";
    const char *after =
        term->operator== FILTER_CONTAINS || term->operator== FILTER_STARTS_WITH ? "*" : "";
    buffer_format(out, "(%s=%s%s%s)", attribute, before, text, after);
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* An interval of the integers that an attribute may have. */
struct range {
    int64_t from, until; /* both included; empty if from > until */
};

/* Returns the integers for which a comparison is true. */
static struct range compared_range(enum filter_operator operator, int64_t number)
{
    static const struct range none = {1, 0};
    switch (operator) {
    case FILTER_EQUAL:
        return (struct range){number, number};
    case FILTER_GREATER_EQUAL:
        return (struct range){number, INT64_MAX};
    case FILTER_LESS_EQUAL:
        return (struct range){INT64_MIN, number};
    case FILTER_GREATER:
        return number < INT64_MAX ? (struct range){number + 1, INT64_MAX} : none;
    case FILTER_LESS:
        return number > INT64_MIN ? (struct range){INT64_MIN, number - 1} : none;
    default:
        return none;
    }
}

/* Appends a filter for the entries whose attribute is in the range and between `min` and `max`, the
 * bounds of the attribute's syntax. */
static void append_range(struct compiler *compiler, const struct field *field, struct range range,
                         int64_t min, int64_t max)
{
    struct buffer *out = &compiler->out;
    const char *attribute = field->attribute;
    if (range.from > max || range.until < min || range.from > range.until) {
        buffer_add_string(out, MATCH_NONE);
    } else if (range.from <= min && range.until >= max) {
        append_present(compiler, field);
    } else if (range.from == range.until) {
        buffer_format(out, "(%s=%" PRId64 ")", attribute, range.from);
    } else if (range.until >= max) {
        buffer_format(out, "(%s>=%" PRId64 ")", attribute, range.from);
    } else if (range.from <= min) {
        buffer_format(out, "(%s<=%" PRId64 ")", attribute, range.until);
    } else {
        buffer_format(out, "(&(%s>=%" PRId64 ")(%s<=%" PRId64 "))", attribute, range.from,
                      attribute, range.until);
    }
}

/* Attributes of CODEC_INTEGER have the syntax Integer, 32 bits (MS-ADTS 3.1.1.2.2.2). */
static void append_integer(struct compiler *compiler, const struct filter *term)
{
    append_range(compiler, term->field, compared_range(term->operator, term->value.integer),
                 INT32_MIN, INT32_MAX);
}

/* Appends a test of the bits of the field's mask. */
static void append_bits(struct compiler *compiler, const struct filter *term)
{
    const struct field *field = term->field;
    bool set = field->codec == CODEC_BITS_SET;
    const char *rule = set ? ALL_BITS : ANY_BIT;
    if (term->value.boolean == set) {
        buffer_format(&compiler->out, "(%s%s%" PRId64 ")", field->attribute, rule, field->mask);
    } else {
        buffer_format(&compiler->out, "(&(%s=*)(!(%s%s%" PRId64 ")))", field->attribute,
                      field->attribute, rule, field->mask);
    }
}

/* --- times ------------------------------------------------------------------------------------ */

static int64_t floor_divide(int64_t number, int64_t divisor)
{
    return number / divisor - (number % divisor < 0);
}

/* Appends "20261120123456.0Z". */
static void append_generalized_time(struct buffer *out, int64_t second)
{
    time_t time = second;
    struct tm tm = {0};
    (void)gmtime_r(&time, &tm);
    buffer_format(out, "%04d%02d%02d%02d%02d%02d.0Z", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                  tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* Seconds since 1970 of 1601-01-01, before which the directory has no times (MS-ADTS
 * 3.1.1.2.2.2.9), and of the last second of the year 9999. */
static const int64_t first_second = INT64_C(-11644473600), last_second = INT64_C(253402300799);

/* Appends a comparison with a generalized time, whose precision is a second. */
static void append_time(struct compiler *compiler, const struct filter *term)
{
    struct buffer *out = &compiler->out;
    const char *attribute = term->field->attribute;
    struct range ms = compared_range(term->operator, term->value.integer);
    int64_t until = floor_divide(ms.until, MS_PER_S);
    int64_t from = ms.from == INT64_MIN ? INT64_MIN : -floor_divide(-ms.from, MS_PER_S);
    if (from > until || from > last_second || until < first_second) {
        buffer_add_string(out, MATCH_NONE);
        return;
    }
    bool has_from = from > first_second, has_until = until < last_second;
    if (!has_from && !has_until) {
        append_present(compiler, term->field);
        return;
    }
    if (from == until) {
        buffer_format(out, "(%s=", attribute);
    } else {
        buffer_format(out, "(%s%s=", attribute, has_from ? ">" : "<");
    }
    append_generalized_time(out, has_from ? from : until);
    buffer_add_char(out, ')');
}

/* Appends a comparison with a FILETIME, which has the precision of 100 ns: a millisecond is an
 * interval of 10,000 values. The values 0 and those after the last time mean "never". */
static void append_filetime(struct compiler *compiler, const struct filter *term)
{
    struct range ms = compared_range(term->operator, term->value.integer);
    struct range range = {1, CODEC_FILETIME_LAST};
    if (term->operator!= FILTER_PRESENT && ms.from> INT64_MIN && codec_filetime(ms.from) > 1) {
        range.from = codec_filetime(ms.from);
    }
    if (term->operator!= FILTER_PRESENT && ms.until<INT64_MAX) {
        range.until = codec_filetime(ms.until + 1) - 1;
    }
    if (range.from > range.until) {
        buffer_add_string(&compiler->out, MATCH_NONE);
        return;
    }
    buffer_format(&compiler->out, "(&(%s>=%" PRId64 ")(%s<=%" PRId64 "))", term->field->attribute,
                  range.from, term->field->attribute, range.until);
}

/* --- scopes of groups ------------------------------------------------------------------------- */

/* True if the comparison is true of the text. All of it is ASCII. */
static bool compare_ascii(const struct filter *term, const char *text)
{
    const char *value = term->operator== FILTER_PRESENT ? "" : term->value.string.bytes;
    size_t length = strlen(text), sought = strlen(value);
    switch (term->operator) {
    case FILTER_PRESENT:
        return true;
    case FILTER_EQUAL:
        return !strcasecmp(text, value);
    case FILTER_CONTAINS:
        return strcasestr(text, value);
    case FILTER_STARTS_WITH:
        return !strncasecmp(text, value, sought);
    case FILTER_ENDS_WITH:
        return sought <= length && !strcasecmp(text + length - sought, value);
    default:
        return false;
    }
}

/* Appends a filter for the groups of the scopes for which the comparison is true. If groupType has
 * several of the bits, the last one in this table decides, as in entry.c. */
static void append_scope(struct compiler *compiler, const struct filter *term)
{
    static const struct {
        const char *name;
        int64_t bit, higher;
    } scopes[] = {
        {"global", GROUP_GLOBAL, GROUP_DOMAIN_LOCAL | GROUP_UNIVERSAL},
        {"domain_local", GROUP_DOMAIN_LOCAL, GROUP_UNIVERSAL},
        {"universal", GROUP_UNIVERSAL, 0},
    };
    struct buffer *out = &compiler->out;
    buffer_add_string(out, "(|" MATCH_NONE);
    for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++) {
        if (!compare_ascii(term, scopes[i].name)) {
            continue;
        }
        buffer_format(out, "(&(groupType" ALL_BITS "%" PRId64 ")", scopes[i].bit);
        if (scopes[i].higher) {
            buffer_format(out, "(!(groupType" ANY_BIT "%" PRId64 "))", scopes[i].higher);
        }
        buffer_add_char(out, ')');
    }
    buffer_add_char(out, ')');
}

/* --- kinds of members ------------------------------------------------------------------------- */

#define MACHINE_FILTER "(sAMAccountType=805306369)" /* SAM_MACHINE_ACCOUNT: MS-SAMR 2.2.1.9 */
#define FOREIGN_FILTER "(objectClass=foreignSecurityPrincipal)"
#define CONTACT_FILTER "(objectClass=contact)"

/* Appends a filter for the objects of the kinds for which the comparison is true. */
static void append_kind(struct compiler *compiler, const struct filter *term)
{
    static const struct {
        const char *name, *filter;
    } kinds[] = {
        {"user", DIRECTORY_USER_FILTER},
        {"group", DIRECTORY_GROUP_FILTER},
        {"computer", DIRECTORY_COMPUTER_FILTER},
        {"contact", CONTACT_FILTER},
        {"service_account", "(&" MACHINE_FILTER "(!(objectCategory=computer)))"},
        {"foreign", FOREIGN_FILTER},
        {"other", "(!(|" DIRECTORY_USER_FILTER DIRECTORY_GROUP_FILTER CONTACT_FILTER MACHINE_FILTER
                      FOREIGN_FILTER "))"},
    };
    struct buffer *out = &compiler->out;
    buffer_add_string(out, "(|" MATCH_NONE);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (compare_ascii(term, kinds[i].name)) {
            buffer_add_string(out, kinds[i].filter);
        }
    }
    buffer_add_char(out, ')');
}

/* --- identifiers and links -------------------------------------------------------------------- */

static struct error *append_guid(struct compiler *compiler, const struct filter *term)
{
    const char *octets = names_filter_guid(compiler->arena, term->value.string.bytes);
    if (!octets) {
        return term_fault(compiler->arena, term, FAULT_FILTER_TYPE_GUID, "");
    }
    buffer_format(&compiler->out, "(objectGUID=%s)", octets);
    return NULL;
}

/* Normalizes the DN of a term. */
static struct error *read_dn(const struct compiler *compiler, const struct filter *term,
                             const char **dn_r)
{
    *dn_r = names_normalize(compiler->arena, term->value.string.bytes);
    return *dn_r && **dn_r ? NULL : term_fault(compiler->arena, term, FAULT_FILTER_TYPE_DN, "");
}

/* Appends "(attribute=DN)". */
static struct error *append_dn(struct compiler *compiler, const struct filter *term,
                               const char *attribute)
{
    const char *dn;
    struct error *error = read_dn(compiler, term, &dn);
    if (!error) {
        buffer_format(&compiler->out, "(%s=%s)", attribute,
                      names_filter_value(compiler->arena, dn));
    }
    return error;
}

/* Reads attributes of the object to which a term refers. *raw_r has none if the object is not below
 * `base`, does not exist or cannot be read. */
static struct error *read_named_object(const struct compiler *compiler, const struct filter *term,
                                       const char *base, char **attributes, struct raw_entry *raw_r)
{
    const char *dn;
    *raw_r = (struct raw_entry){0};
    struct error *error = read_dn(compiler, term, &dn);
    if (error || !names_is_within(dn, base)) {
        return error;
    }
    error = query_object(compiler->directory, compiler->arena, dn, attributes, raw_r);
    return error && (error->id == ERR_NOT_FOUND || error->id == ERR_DIRECTORY_INVALID) ? NULL
                                                                                       : error;
}

/* Appends a filter for the accounts that belong to a group: directly, or as their primary group,
 * which may be anywhere in the domain. */
static struct error *append_membership(struct compiler *compiler, const struct filter *term)
{
    char *attributes[] = {"objectSid", "groupType", NULL};
    const char *base = connection_config(compiler->directory)->ldap_base_dn;
    const char *domain = names_domain(compiler->arena, base);
    struct raw_entry group;
    struct error *error =
        read_named_object(compiler, term, domain ? domain : base, attributes, &group);
    int64_t rid = error ? 0 : primary_group_rid(compiler->arena, &group);
    if (error || !rid) {
        return error ? error : append_dn(compiler, term, "memberOf");
    }
    buffer_format(&compiler->out, "(|(primaryGroupID=%" PRId64 ")", rid);
    error = append_dn(compiler, term, "memberOf");
    buffer_add_char(&compiler->out, ')');
    return error;
}

/* Appends a filter for the groups to which an object belongs: directly, or as its primary group. */
static struct error *append_member(struct compiler *compiler, const struct filter *term)
{
    char *attributes[] = {"objectSid", "primaryGroupID", NULL};
    struct raw_entry account;
    const char *sid;
    int64_t rid;
    struct error *error = read_named_object(
        compiler, term, connection_config(compiler->directory)->ldap_base_dn, attributes, &account);
    const struct attribute *id = error ? NULL : attribute_get(&account, "objectSid");
    if (error || !id || !codec_sid(compiler->arena, id->values, &sid) ||
        !attribute_integer(&account, "primaryGroupID", &rid)) {
        return error ? error : append_dn(compiler, term, "member");
    }
    buffer_format(&compiler->out, "(|(objectSid=%s)", codec_sid_sibling(compiler->arena, sid, rid));
    error = append_dn(compiler, term, "member");
    buffer_add_char(&compiler->out, ')');
    return error;
}

/* Sets *hidden_r if the caller does not see the object that a term names, as if it did not exist.
 * Searches for the object, because the directory compares DNs by rules of its own. */
static struct error *check_link_visible(const struct compiler *compiler, const struct filter *term,
                                        bool *hidden_r)
{
    char *none[] = {LDAP_NO_ATTRS, NULL};
    LDAPControl *controls[] = {&query_one_domain_control, NULL};
    const char *dn;
    struct answer answer;
    struct error *error = read_dn(compiler, term, &dn);
    *hidden_r = false;
    if (error || caller_sees_all(compiler->directory)) {
        return error;
    }
    const struct query search = {
        .base = connection_config(compiler->directory)->ldap_base_dn,
        .scope = LDAP_SCOPE_SUBTREE,
        .filter = names_filter_dn(compiler->arena, dn),
        .attributes = none,
        .controls = controls,
    };
    error = query_visible(compiler->directory, compiler->arena, &search, &answer);
    *hidden_r = !error && answer.count != 1;
    return error;
}

/* Appends a comparison with an identifier of an object. It supports `eq` only; the caller has
 * replaced `ne`. */
static struct error *append_identifier(struct compiler *compiler, const struct filter *term)
{
    bool hidden = false;
    if (term->operator!= FILTER_EQUAL) {
        return operator_fault(compiler->arena, term);
    }
    struct error *error =
        entry_is_link(term->field) ? check_link_visible(compiler, term, &hidden) : NULL;
    if (error || hidden) {
        buffer_add_string(&compiler->out, MATCH_NONE);
        return error;
    }
    switch (term->field->codec) {
    case CODEC_DN:
        return append_dn(compiler, term, "distinguishedName");
    case CODEC_GUID:
        return append_guid(compiler, term);
    case CODEC_LINK:
    case CODEC_LINKS:
    case CODEC_REFERENCE:
        return append_dn(compiler, term, term->field->attribute);
    case CODEC_MEMBERSHIPS:
        return append_membership(compiler, term);
    case CODEC_MEMBERS:
        return append_member(compiler, term);
    default:
        return not_filterable_error(compiler->arena, term);
    }
}

/* --- terms ------------------------------------------------------------------------------------ */

/* Appends a filter for the entries that have a value of the field. */
static struct error *append_presence(struct compiler *compiler, const struct filter *term)
{
    if (entry_is_link(term->field) && !caller_sees_all(compiler->directory)) {
        return operator_fault(compiler->arena, term); /* no filter excludes hidden values */
    }
    switch (term->field->codec) {
    case CODEC_DN:
    case CODEC_KIND:
        buffer_add_string(&compiler->out, MATCH_ALL);
        return NULL;
    case CODEC_SCOPE:
        append_scope(compiler, term);
        return NULL;
    case CODEC_MEMBERSHIPS:
        buffer_add_string(&compiler->out, "(|(memberOf=*)(primaryGroupID=*))");
        return NULL;
    case CODEC_FILETIME:
        append_filetime(compiler, term);
        return NULL;
    case CODEC_LIST:
        return not_filterable_error(compiler->arena, term);
    case CODEC_MEMBERS: /* no attribute of a group shows that it is a primary group */
        return operator_fault(compiler->arena, term);
    default:
        append_present(compiler, term->field);
        return NULL;
    }
}

/* Appends a term other than `pr` and `ne`. */
static struct error *append_comparison(struct compiler *compiler, const struct filter *term)
{
    switch (term->field->codec) {
    case CODEC_TEXT:
        append_text_comparison(compiler, term);
        return NULL;
    case CODEC_INTEGER:
        append_integer(compiler, term);
        return NULL;
    case CODEC_BITS_SET:
    case CODEC_BITS_CLEAR:
        append_bits(compiler, term);
        return NULL;
    case CODEC_TIME:
        append_time(compiler, term);
        return NULL;
    case CODEC_FILETIME:
        append_filetime(compiler, term);
        return NULL;
    case CODEC_TRUTH:
        buffer_format(&compiler->out, "(%s=%s)", term->field->attribute,
                      term->value.boolean ? "TRUE" : "FALSE");
        return NULL;
    case CODEC_SCOPE:
        append_scope(compiler, term);
        return NULL;
    case CODEC_KIND:
        append_kind(compiler, term);
        return NULL;
    case CODEC_LIST:
        return not_filterable_error(compiler->arena, term);
    default:
        return append_identifier(compiler, term);
    }
}

/* True if the attribute of the field exists in the directory, and is not computed when it is read
 * (MS-ADTS 3.1.1.4.5): a filter on such an attribute finds nothing. */
static bool is_stored(const struct field *field)
{
    static const char *const constructed[] = {"msDS-User-Account-Control-Computed",
                                              "msDS-UserPasswordExpiryTimeComputed"};
    for (size_t i = 0; field->attribute && i < sizeof constructed / sizeof *constructed; i++) {
        if (!strcasecmp(field->attribute, constructed[i])) {
            return false;
        }
    }
    return field->codec != CODEC_NONE;
}

static struct error *append_term(struct compiler *compiler, const struct filter *term)
{
    if (!is_stored(term->field)) {
        return not_filterable_error(compiler->arena, term);
    }
    if (term->operator== FILTER_PRESENT) {
        return append_presence(compiler, term);
    }
    if (term->operator!= FILTER_NOT_EQUAL) {
        return append_comparison(compiler, term);
    }
    struct filter equal = *term;
    equal.operator= FILTER_EQUAL;
    buffer_add_string(&compiler->out, "(!");
    struct error *error = append_comparison(compiler, &equal);
    buffer_add_char(&compiler->out, ')');
    return error;
}

/* --- nodes ------------------------------------------------------------------------------------ */

static struct error *append_node(struct compiler *compiler, const struct filter *node);

/* Appends the operands of a node of this kind. A chain such as "a and b and c" becomes one list. */
static struct error *append_operands(struct compiler *compiler, const struct filter *node,
                                     enum filter_kind kind)
{
    if (node->kind != kind) {
        return append_node(compiler, node);
    }
    struct error *error = append_operands(compiler, node->left, kind);
    return error ? error : append_operands(compiler, node->right, kind);
}

static struct error *append_node(struct compiler *compiler, const struct filter *node)
{
    if (node->kind == FILTER_TERM) {
        return append_term(compiler, node);
    }
    buffer_add_string(&compiler->out, node->kind == FILTER_NOT   ? "(!"
                                      : node->kind == FILTER_AND ? "(&"
                                                                 : "(|");
    struct error *error = node->kind == FILTER_NOT ? append_node(compiler, node->left)
                                                   : append_operands(compiler, node, node->kind);
    buffer_add_char(&compiler->out, ')');
    return error;
}

struct error *directory_filter_compile(struct directory *directory, struct arena *arena,
                                       const struct filter *filter, const char **text_r)
{
    struct compiler compiler = {.directory = directory, .arena = arena, .out.arena = arena};
    struct error *error = append_node(&compiler, filter);
    *text_r = compiler.out.bytes;
    return error;
}
