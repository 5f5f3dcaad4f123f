/*
 * Names: parses and formats distinguished names (RFC 4514) and escapes filter values (RFC 4515).
 *
 * libldap parses and formats the DNs. A DN of a client is formatted again from its parsed form, so
 * that the DN that was checked is the one that is sent.
 */
#include "directory/names.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/fold.h"
#include "base/utf8.h"
#include "directory/directory.h"

#include <ctype.h>
#include <ldap.h>
#include <stdlib.h>
#include <string.h>

enum {
    ACCOUNT_NAME_DELETE = 0x7F,
    FIRST_PRINTABLE = 0x20,
    LAST_OF_ONE_UNIT = 0xFFFF, /* the last character that is one unit of UTF-16 */
};

/* --- formatting ------------------------------------------------------------------------------ */

/* Copies a text that libldap allocated into the arena and frees it. NULL if `code` is a failure. */
static const char *move_to_arena(struct arena *arena, int code, struct berval *text)
{
    const char *copy = NULL;
    if (code == LDAP_SUCCESS && text->bv_val) {
        copy = arena_copy(arena, text->bv_val, text->bv_len);
    }
    ldap_memfree(text->bv_val);
    return copy;
}

const char *names_rdn(struct arena *arena, const char *attribute, const char *value)
{
    LDAPAVA part = {
        .la_attr = {.bv_len = strlen(attribute), .bv_val = arena_string(arena, attribute)},
        .la_value = {.bv_len = strlen(value), .bv_val = arena_string(arena, value)},
        .la_flags = LDAP_AVA_STRING,
    };
    LDAPAVA *rdn[] = {&part, NULL};
    struct berval text = {0};
    int code = ldap_rdn2bv(rdn, &text, LDAP_DN_FORMAT_LDAPV3);
    return move_to_arena(arena, code, &text);
}

/* --- parsing --------------------------------------------------------------------------------- */

/* Replaces escapes that libldap rejects by pairs of hexadecimal digits: Samba escapes more
 * characters with a backslash ("\?") than RFC 4514 allows. Returns a malloc'd copy. */
static char *convert_escapes(const char *dn)
{
    struct buffer text = {0};
    for (const char *at = dn; *at; at++) {
        if (*at == '\\' && at[1] && !strchr("\\\"+,;<>=# ", at[1]) &&
            !isxdigit((unsigned char)at[1])) {
            at++;
            buffer_format(&text, "\\%02X", (unsigned char)*at);
        } else if (*at == '\\' && at[1]) {
            buffer_add(&text, at++, 2);
        } else {
            buffer_add_char(&text, *at);
        }
    }
    return text.bytes;
}

/* fold_compose() or fold_decompose() */
typedef char *text_form(struct arena *arena, const char *text);

static LDAPDN parse_dn(const char *dn)
{
    LDAPDN parsed = NULL;
    char *text = convert_escapes(dn);
    int code = ldap_str2dn(text ? text : "", &parsed, LDAP_DN_FORMAT_LDAPV3);
    free(text);
    return code == LDAP_SUCCESS ? parsed : NULL;
}

/* Replaces the values that are text by one of their normalization forms. */
static void convert_values(struct arena *arena, LDAPDN dn, text_form *form)
{
    for (size_t i = 0; dn[i]; i++) {
        for (size_t k = 0; dn[i][k]; k++) {
            struct berval *value = &dn[i][k]->la_value;
            if (utf8_valid(value->bv_val, value->bv_len) &&
                !memchr(value->bv_val, '\0', value->bv_len)) {
                const char *text = form(arena, arena_copy(arena, value->bv_val, value->bv_len));
                ldap_memfree(value->bv_val);
                ber_str2bv(text, 0, 1, value);
            }
        }
    }
}

/* Parses a DN and formats it again; converts its values if `form` is set. */
static const char *reformat_dn(struct arena *arena, const char *dn, text_form *form)
{
    LDAPDN parsed = parse_dn(dn);
    struct berval text = {0};
    if (!parsed) {
        return NULL;
    }
    if (form) {
        convert_values(arena, parsed, form);
    }
    int code = ldap_dn2bv(parsed, &text, LDAP_DN_FORMAT_LDAPV3);
    ldap_dnfree(parsed);
    return move_to_arena(arena, code, &text);
}

const char *names_normalize(struct arena *arena, const char *dn)
{
    return reformat_dn(arena, dn, NULL);
}

const char *names_parent(struct arena *arena, const char *dn)
{
    LDAPDN parsed = parse_dn(dn);
    struct berval text = {0};
    if (!parsed) {
        return NULL;
    }
    int code = parsed[0] && parsed[1] ? ldap_dn2bv(parsed + 1, &text, LDAP_DN_FORMAT_LDAPV3)
                                      : LDAP_NO_SUCH_OBJECT;
    ldap_dnfree(parsed);
    return move_to_arena(arena, code, &text);
}

const char *names_first_rdn(struct arena *arena, const char *dn)
{
    LDAPDN parsed = parse_dn(dn);
    struct berval text = {0};
    if (!parsed) {
        return NULL;
    }
    int code = ldap_rdn2bv(parsed[0], &text, LDAP_DN_FORMAT_LDAPV3);
    ldap_dnfree(parsed);
    return move_to_arena(arena, code, &text);
}

const char *names_first_value(struct arena *arena, const char *dn)
{
    LDAPDN parsed = parse_dn(dn);
    const char *value = NULL;
    if (parsed && parsed[0]) {
        const LDAPAVA *first = parsed[0][0];
        const struct berval *text = &first->la_value;
        if (!(first->la_flags & LDAP_AVA_BINARY) && utf8_valid(text->bv_val, text->bv_len)) {
            value = arena_copy(arena, text->bv_val, text->bv_len);
        }
    }
    ldap_dnfree(parsed);
    return value;
}

bool names_parse_extended(struct arena *arena, const char *text, const char **guid_r,
                          const char **dn_r)
{
    static const char begin[] = "<GUID=";
    const char *first = text + strlen(begin), *end = NULL;
    if (strncmp(text, begin, strlen(begin)) != 0 || !(end = strchr(first, '>'))) {
        return false;
    }
    char *guid = arena_copy(arena, first, (size_t)(end - first));
    for (char *at = guid; *at; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    const char *dn = end + 1;
    while (!strncmp(dn, ";<", 2) && (end = strchr(dn, '>'))) {
        dn = end + 1;
    }
    *guid_r = guid;
    *dn_r = *dn == ';' ? dn + 1 : dn;
    return true;
}

/* --- comparing ------------------------------------------------------------------------------- */

/* Compares two valid texts. */
typedef bool text_comparison(struct arena *arena, const char *a, const char *b);

/* True if the forms of both texts by fold_text() are equal. */
static bool have_equal_forms(struct arena *arena, const char *a, const char *b)
{
    return !strcmp(fold_text(arena, a), fold_text(arena, b));
}

static bool compare_texts(const struct berval *a, const struct berval *b, text_comparison *equal)
{
    struct arena *arena = arena_new();
    bool result = equal(arena, arena_copy(arena, a->bv_val, a->bv_len),
                        arena_copy(arena, b->bv_val, b->bv_len));
    arena_free(&arena);
    return result;
}

static bool is_ascii_value(const struct berval *value)
{
    for (size_t i = 0; i < value->bv_len; i++) {
        if (value->bv_val[i] & 0x80 || !value->bv_val[i]) {
            return false;
        }
    }
    return true;
}

/* Compares two values. Values that are not text equal nothing. */
static bool equals_value(const struct berval *a, const struct berval *b, text_comparison *equal)
{
    if (a->bv_len == b->bv_len && is_ascii_value(a) && is_ascii_value(b)) {
        return !a->bv_len || !strncasecmp(a->bv_val, b->bv_val, a->bv_len);
    }
    return utf8_valid(a->bv_val, a->bv_len) && utf8_valid(b->bv_val, b->bv_len) &&
           !memchr(a->bv_val, '\0', a->bv_len) && !memchr(b->bv_val, '\0', b->bv_len) &&
           compare_texts(a, b, equal);
}

static bool equals_rdn(LDAPRDN a, LDAPRDN b, text_comparison *equal)
{
    size_t i = 0;
    for (; a[i] && b[i]; i++) {
        if (!equals_value(&a[i]->la_attr, &b[i]->la_attr, equal) ||
            !equals_value(&a[i]->la_value, &b[i]->la_value, equal)) {
            return false;
        }
    }
    return !a[i] && !b[i];
}

static size_t count_rdns(LDAPDN dn)
{
    size_t count = 0;
    while (dn && dn[count]) {
        count++;
    }
    return count;
}

/* True if the last components of `dn` are those of `base`. */
static bool has_base(LDAPDN dn, LDAPDN base, text_comparison *equal)
{
    size_t length = count_rdns(dn), base_length = count_rdns(base);
    if (length < base_length) {
        return false;
    }
    for (size_t i = 0; i < base_length; i++) {
        if (!equals_rdn(dn[length - base_length + i], base[i], equal)) {
            return false;
        }
    }
    return true;
}

/* True if `a` equals `b` or, if `below`, is below it. */
static bool compare_dns(const char *a, const char *b, bool below, text_comparison *equal)
{
    LDAPDN left = parse_dn(a), right = parse_dn(b);
    bool result = left && right && has_base(left, right, equal) &&
                  (below || count_rdns(left) == count_rdns(right));
    ldap_dnfree(left);
    ldap_dnfree(right);
    return result;
}

bool names_equal(const char *a, const char *b)
{
    return compare_dns(a, b, false, fold_equals_case);
}

bool names_is_within(const char *dn, const char *base)
{
    return compare_dns(dn, base, true, fold_equals_case);
}

bool names_may_equal(const char *a, const char *b)
{
    return compare_dns(a, b, false, have_equal_forms);
}

bool names_may_be_within(const char *dn, const char *base)
{
    return compare_dns(dn, base, true, have_equal_forms);
}

size_t names_depth(const char *dn)
{
    LDAPDN parsed = parse_dn(dn);
    size_t depth = count_rdns(parsed);
    ldap_dnfree(parsed);
    return depth;
}

/* --- the domain ------------------------------------------------------------------------------ */

const char *names_domain(struct arena *arena, const char *dn)
{
    while (dn && strncasecmp(dn, "DC=", strlen("DC=")) != 0) {
        dn = names_parent(arena, dn);
    }
    return dn;
}

const char *names_system(struct arena *arena, const char *dn)
{
    const char *domain = names_domain(arena, dn);
    return domain ? arena_format(arena, "CN=System,%s", domain) : NULL;
}

/* --- filters --------------------------------------------------------------------------------- */

const char *names_filter_value(struct arena *arena, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    struct buffer out = {.arena = arena};
    for (const char *at = text; *at; at++) {
        unsigned char byte = (unsigned char)*at;
        if (strchr("\\*()", *at) || byte < FIRST_PRINTABLE || byte == ACCOUNT_NAME_DELETE) {
            const char escaped[] = {'\\', digits[byte >> 4], digits[byte & 0xF]};
            buffer_add(&out, escaped, sizeof escaped);
        } else {
            buffer_add_char(&out, *at);
        }
    }
    return out.bytes ? out.bytes : "";
}

/* Adds a text to an array of `count` distinct texts, unless the array has it already. Returns the
 * new number of texts. */
static size_t add_name_form(const char **forms, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(forms[i], text)) {
            return count;
        }
    }
    forms[count] = text;
    return count + 1;
}

/* Returns a filter that matches any of the forms. */
static const char *format_any_form(struct arena *arena, const char *attribute,
                                   const char *const *forms, size_t count)
{
    struct buffer filter = {.arena = arena};
    for (size_t i = 0; i < count; i++) {
        buffer_format(&filter, "%s(%s=%s)", count > 1 && !i ? "(|" : "", attribute,
                      names_filter_value(arena, forms[i]));
    }
    buffer_add_string(&filter, count > 1 ? ")" : "");
    return filter.bytes;
}

const char *names_filter_equal(struct arena *arena, const char *attribute, const char *text)
{
    const char *forms[4];
    size_t count = add_name_form(forms, 0, text);
    const char *visible = fold_compose(arena, utf8_normalize_blanks(arena, text));
    count = add_name_form(forms, count, fold_compose(arena, text));
    count = add_name_form(forms, count, fold_decompose(arena, text));
    count = add_name_form(forms, count, *visible ? visible : text);
    return format_any_form(arena, attribute, forms, count);
}

const char *names_filter_dn(struct arena *arena, const char *dn)
{
    static text_form *const conversions[] = {NULL, fold_compose, fold_decompose};
    const char *forms[sizeof conversions / sizeof *conversions];
    size_t count = 0;
    for (size_t i = 0; i < sizeof conversions / sizeof *conversions; i++) {
        const char *form = reformat_dn(arena, dn, conversions[i]);
        if (!form || !*form) {
            return NULL;
        }
        count = add_name_form(forms, count, form);
    }
    return format_any_form(arena, "distinguishedName", forms, count);
}

/* MS-DTYP 2.3.4: the first three fields are little-endian. */
const char *names_filter_guid(struct arena *arena, const char *text)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    /* index of the first of the two digits of each octet */
    static const unsigned char digits[] = {6,  4,  2,  0,  11, 9,  16, 14,
                                           19, 21, 24, 26, 28, 30, 32, 34};
    struct buffer out = {.arena = arena};
    for (size_t i = 0; i < sizeof form; i++) {
        if (form[i] == 'x' ? !isxdigit((unsigned char)text[i]) : text[i] != form[i]) {
            return NULL;
        }
    }
    for (size_t i = 0; i < sizeof digits; i++) {
        buffer_format(&out, "\\%.2s", text + digits[i]);
    }
    return out.bytes;
}

/* --- checks for field maps ------------------------------------------------------------------- */

enum fault_id directory_check_dn(const char *text, size_t length)
{
    if (!length || strlen(text) != length || !utf8_valid(text, length)) {
        return FAULT_NOT_DN;
    }
    LDAPDN parsed = parse_dn(text);
    bool is_dn = parsed && parsed[0];
    ldap_dnfree(parsed);
    return is_dn ? FAULT_NONE : FAULT_NOT_DN;
}

enum fault_id directory_check_account_name(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < FIRST_PRINTABLE || byte == ACCOUNT_NAME_DELETE ||
            strchr(DIRECTORY_ACCOUNT_NAME_INVALID, text[i])) {
            return FAULT_ACCOUNT_NAME;
        }
    }
    return !length || text[length - 1] == '.' ? FAULT_ACCOUNT_NAME : FAULT_NONE;
}

enum fault_id directory_check_user_name(const char *text, size_t length)
{
    return fold_has_ascii_variant(text, length) ? FAULT_NOT_USERNAME
                                                : directory_check_account_name(text, length);
}

/* Returns the number of bytes of the longest beginning with at most `units_max` UTF-16 units. */
static size_t measure_beginning(const char *text, size_t units_max)
{
    size_t length = strlen(text), end = 0, units = 0;
    for (size_t at = 0; at < length; end = at) {
        units += utf8_next(text, length, &at) > LAST_OF_ONE_UNIT ? 2 : 1;
        if (units > units_max) {
            break;
        }
    }
    return end;
}

char *names_derive_account(struct arena *arena, const char *name, size_t units_max)
{
    char *account = fold_compose(arena, utf8_normalize_blanks(arena, name));
    account[measure_beginning(account, units_max)] = '\0';
    for (size_t at = 0;
         (at += strcspn(account + at, DIRECTORY_ACCOUNT_NAME_INVALID)), account[at];) {
        account[at] = '_';
    }
    size_t length = strlen(account);
    if (account[length - 1] == '.') {
        account[length - 1] = '_';
    }
    return account;
}

enum fault_id directory_check_principal_name(const char *text, size_t length)
{
    const char *at = memchr(text, '@', length);
    bool again = at && memchr(at + 1, '@', length - (size_t)(at + 1 - text));
    return again || (length && text[length - 1] == '\\') || fold_has_ascii_variant(text, length)
               ? FAULT_PRINCIPAL_NAME
               : FAULT_NONE;
}
