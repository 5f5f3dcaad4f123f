/*
 * Fold: forms of a text that are equal, or sorted side by side, where people see the same text.
 *
 * ICU (International Components for Unicode) computes all forms, and they change with its version,
 * which fold_version() names. Compare a stored form only with forms of the same version.
 */
#ifndef BASE_FOLD_H
#define BASE_FOLD_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* Opens ICU's tables, so that no request waits for that. Call it before fork(). Optional: the other
 * functions open what they need. */
void fold_prepare(void);

/* Returns the version of all forms, such as "1 icu 72.1 unicode 15.0 collation 153.120": of
 * Kontora's own rules, of ICU, of Unicode and of the collation data. */
const char *fold_version(void) __attribute__((returns_nonnull));

/* Returns the form that decides if two names are the same: NFKC_Casefold (Unicode Standard 3.13,
 * D147), which ignores case, normalization and invisible characters. White space of any kind
 * becomes a space, and is removed at both ends. NULL for NULL. The text must be valid UTF-8. The
 * form of a form, and of any normalization of the text, is the same form. */
char *fold_text(struct arena *arena, const char *text);

/* Like fold_text(), for an email address: the domain is in its Unicode form (UTS 46,
 * nontransitional), so that xn--e1aybc.example equals тест.example. A text without "@" is folded as
 * a name. The form of any name or address that is used for a login is fold_address(). */
char *fold_address(struct arena *arena, const char *address);

/* Return valid text in the normalization forms C and D (UAX 15), in which other programs may have
 * stored it. */
char *fold_compose(struct arena *arena, const char *text) __attribute__((returns_nonnull));
char *fold_decompose(struct arena *arena, const char *text) __attribute__((returns_nonnull));

/* True if valid text has a non-ASCII character that is a variant of ASCII: a full-width letter, the
 * Kelvin sign, a dotless i. Systems that do not fold take such a name for another one. */
bool fold_has_ascii_variant(const char *text, size_t length);

enum { FOLD_SORT_KEY_MAX = 1000 };

/* Computes the sort key of a text by the Unicode collation algorithm (UTS 10), with the root
 * collation of CLDR: memcmp() of two keys gives the order of their texts. Returns the length, at
 * most FOLD_SORT_KEY_MAX: longer keys are cut. The key is allocated in the arena. */
size_t fold_sort_key(struct arena *arena, const char *text, const unsigned char **key_r);

/* Compares two texts in the order of their sort keys. Returns a number less than, equal to or
 * greater than 0; 0 only for the same bytes. The texts need no NUL. */
int fold_compare(const char *a, size_t a_length, const char *b, size_t b_length);

#endif
