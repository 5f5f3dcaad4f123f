/* Names: builds, parses, compares and escapes distinguished names and filter values. */
#ifndef DIRECTORY_NAMES_H
#define DIRECTORY_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* Returns the RDN "ATTRIBUTE=value", escaped (RFC 4514); NULL if libldap cannot encode it. */
const char *names_rdn(struct arena *arena, const char *attribute, const char *value);

/* Parses a DN and formats it again, so that the DN that was checked is the one that is sent. NULL
 * if it is not a DN. */
const char *names_normalize(struct arena *arena, const char *dn);

/* Returns the DN without its first component; NULL if that leaves nothing. */
const char *names_parent(struct arena *arena, const char *dn);

/* Returns the first component of the DN (its RDN); NULL if it is not a DN. */
const char *names_first_rdn(struct arena *arena, const char *dn);

/* Returns the value of the first component of the DN, without escapes; NULL if it is not a DN or
 * the value is not text. */
const char *names_first_value(struct arena *arena, const char *dn);

/* Splits an extended DN (MS-ADTS 3.1.1.3.4.1.5), "<GUID=…>;<SID=…>;CN=…", into the GUID in lower
 * case and the DN. False if it does not begin with a GUID. */
bool names_parse_extended(struct arena *arena, const char *text, const char **guid_r,
                          const char **dn_r);

/* True if both are the same DN for every directory: values differ in case and normalization only
 * (fold_equals_case()). Use these two for what is permitted. */
bool names_equal(const char *a, const char *b);

/* True if `dn` is `base` or below it. */
bool names_is_within(const char *dn, const char *base);

/* True if a directory may take both for the same DN: their values are equal as names (fold_text()).
 * Use these two for what is forbidden. Active Directory ignores more, such as accents (MS-ADTS
 * 6.5). So check the DN that it returns, not the one that a client sent. */
bool names_may_equal(const char *a, const char *b);
bool names_may_be_within(const char *dn, const char *base);

/* Returns the DN of the domain of this DN: its last components, which begin with "DC=". NULL if it
 * has none. */
const char *names_domain(struct arena *arena, const char *dn);

/* Returns the DN of CN=System in the domain of this DN. The directory keeps its own objects there,
 * and no object can be moved out of it. NULL if the DN is in no domain. */
const char *names_system(struct arena *arena, const char *dn);

/* Returns the number of components of the DN; 0 if it is not a DN. */
size_t names_depth(const char *dn);

/* Returns an account name that is derived from another name: normalized, cut to `units_max` UTF-16
 * units, with "_" for each character that directory_check_account_name() refuses. The name must be
 * valid UTF-8 and have a visible character. */
char *names_derive_account(struct arena *arena, const char *name, size_t units_max)
    __attribute__((returns_nonnull));

/* Escapes a value for use in a filter (RFC 4515 3). */
const char *names_filter_value(struct arena *arena, const char *text);

/* Returns a filter "(attribute=text)" that also matches other spellings of the name: both
 * normalization forms, and the name without invisible characters. Active Directory ignores these
 * differences itself, Samba does not. */
const char *names_filter_equal(struct arena *arena, const char *attribute, const char *text);

/* Returns a filter that matches the object with this DN, in any normalization form; NULL if it is
 * not a DN. */
const char *names_filter_dn(struct arena *arena, const char *dn);

/* Returns the octets of a GUID ("a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11"), escaped for use in a
 * filter of objectGUID; NULL if the text is not a GUID. */
const char *names_filter_guid(struct arena *arena, const char *text);

#endif
