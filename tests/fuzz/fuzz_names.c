/*
 * Fuzzes distinguished names and filter values. The input is two lines: a name, and a text that
 * becomes the value of a component and of a filter.
 */
#include "fuzz.h"

#include "base/utf8.h"
#include "directory/directory.h"
#include "directory/names.h"

#include <ctype.h>
#include <ldap.h>

/* Checks that the first component and the parent together are the whole DN. */
static void check_dn_parts(struct arena *arena, const char *dn, const char *normal, bool textual)
{
    const char *first = names_first_rdn(arena, dn), *parent = names_parent(arena, dn);
    FUZZ_CHECK(first && *first);
    if (!parent) {
        FUZZ_CHECK(!strcmp(first, normal));
        return;
    }
    FUZZ_CHECK(!strcmp(arena_format(arena, "%s,%s", first, parent), normal));
    FUZZ_CHECK(names_depth(parent) + 1 == names_depth(dn));
    FUZZ_CHECK(!textual || names_is_within(dn, parent));
    FUZZ_CHECK(!names_equal(dn, parent) && !names_is_within(parent, dn));
}

/* Normalizing a name must be idempotent and must not change its meaning. */
static void check_dn(struct arena *arena, const char *dn)
{
    const char *normal = names_normalize(arena, dn);
    bool taken = directory_check_dn(dn, strlen(dn)) == FAULT_NONE;
    /* Hexadecimal values may be any bytes; a name that libldap cannot write is not accepted as a
     * DN. */
    if (!taken || !normal || strchr(normal, '#')) {
        (void)names_parent(arena, dn);
        (void)names_first_rdn(arena, dn);
        (void)names_is_within(dn, dn);
        return;
    }
    FUZZ_CHECK(names_depth(dn) > 0 && names_depth(normal) == names_depth(dn));
    const char *again = names_normalize(arena, normal);
    FUZZ_CHECK(again && !strcmp(again, normal));
    bool textual = names_equal(dn, dn); /* false for values that are not text */
    FUZZ_CHECK(!textual || (names_equal(dn, normal) && names_is_within(normal, dn)));
    check_dn_parts(arena, dn, normal, textual);
}

/* A component keeps its value, whatever it contains, and never becomes two components. */
static void check_rdn(struct arena *arena, const char *value)
{
    const char *rdn = names_rdn(arena, "CN", value);
    FUZZ_CHECK(rdn || !utf8_valid(value, strlen(value)));
    if (!rdn) {
        return;
    }
    LDAPDN parsed = NULL;
    const char *dn = arena_format(arena, "%s,DC=kontora,DC=test", rdn);
    FUZZ_CHECK(ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS);
    FUZZ_CHECK(parsed[0] && parsed[1] && parsed[2] && !parsed[3]);
    FUZZ_CHECK(parsed[0][0] && !parsed[0][1]);
    FUZZ_CHECK(parsed[0][0]->la_value.bv_len == strlen(value));
    FUZZ_CHECK(!strlen(value) || !memcmp(parsed[0][0]->la_value.bv_val, value, strlen(value)));
    ldap_dnfree(parsed);
    FUZZ_CHECK(!utf8_valid(value, strlen(value)) || names_is_within(dn, "dc=KONTORA,dc=test"));
    FUZZ_CHECK(!names_is_within("DC=kontora,DC=test", dn));
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *found = c ? strchr(digits, c) : NULL;
    FUZZ_CHECK(found);
    return (int)(found - digits);
}

/* RFC 4515 3: the escaped text has no special characters, and unescaping it restores the text. */
static void check_filter(struct arena *arena, const char *text)
{
    const char *escaped = names_filter_value(arena, text);
    FUZZ_CHECK(!strpbrk(escaped, "*()"));
    for (; *escaped; escaped++, text++) {
        char c = *escaped;
        if (c == '\\') {
            c = (char)(hex_digit(escaped[1]) * 16 + hex_digit(escaped[2]));
            escaped += 2;
        }
        FUZZ_CHECK(c == *text);
    }
    FUZZ_CHECK(!*text);
}

/* Checks that only a text of 36 characters is a GUID, and that each of its 16 octets is escaped. */
static void check_guid(struct arena *arena, const char *text)
{
    enum { GUID_CHARACTERS = 36, GUID_OCTETS = 16 };
    const char *escaped = names_filter_guid(arena, text);
    FUZZ_CHECK(!escaped || strlen(text) == GUID_CHARACTERS);
    FUZZ_CHECK(!escaped || strlen(escaped) == 3 * (size_t)GUID_OCTETS);
    for (; escaped && *escaped; escaped += 3) {
        FUZZ_CHECK(*escaped == '\\' && isxdigit((unsigned char)escaped[1]) &&
                   isxdigit((unsigned char)escaped[2]));
    }
}

/* The parts of an extended DN are in the text, and its GUID has no end of another part. */
static void check_extended(struct arena *arena, const char *text)
{
    const char *guid, *dn;
    if (names_parse_extended(arena, text, &guid, &dn)) {
        FUZZ_CHECK(!strchr(guid, '>') && strcasestr(text, guid));
        FUZZ_CHECK(strlen(guid) + strlen(dn) + strlen("<GUID=>") <= strlen(text));
        FUZZ_CHECK(!strcmp(text + strlen(text) - strlen(dn), dn));
    }
}

/* An account name that is derived from a name with a visible character is a valid one. */
static void check_account_name(struct arena *arena, const char *text)
{
    enum { UNITS = 15 };
    char *name = utf8_trim(arena, text, utf8_valid(text, strlen(text)) ? strlen(text) : 0);
    for (char *at = name; *at; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7F) {
            *at = '_'; /* control characters are refused before */
        }
    }
    if (*name) {
        const char *account = names_derive_account(arena, name, UNITS);
        FUZZ_CHECK(utf8_utf16_units(account, strlen(account)) <= UNITS);
        FUZZ_CHECK(directory_check_account_name(account, strlen(account)) == FAULT_NONE);
    }
}

/* The domain of a DN begins with "DC=", and so does the parent of its CN=System. */
static void check_domain(struct arena *arena, const char *dn)
{
    const char *domain = names_domain(arena, dn), *system = names_system(arena, dn);
    FUZZ_CHECK(!domain == !system);
    FUZZ_CHECK(!domain || !strncasecmp(domain, "DC=", strlen("DC=")));
    FUZZ_CHECK(!system || !strncmp(system, "CN=System,DC=", strlen("CN=System,DC=")) ||
               strncmp(domain, "DC=", strlen("DC=")) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *text = fuzz_string(data, size), *rest = text;
    const char *dn = fuzz_line(&rest), *value = rest ? rest : "";
    check_dn(arena, dn);
    check_domain(arena, dn);
    check_rdn(arena, value);
    check_filter(arena, value);
    check_guid(arena, value);
    check_extended(arena, value);
    check_account_name(arena, value);
    (void)directory_check_account_name(value, strlen(value));
    free(text);
    arena_free(&arena);
    return 0;
}
