/*
 * Fold: forms of texts, by which names and addresses are compared and sorted. Texts that look the
 * same to people have equal forms.
 *
 * ICU (International Components for Unicode) computes the forms, so they depend on its version.
 * Compare a stored form only with forms of the same fold_version().
 */
#ifndef BASE_FOLD_H
#define BASE_FOLD_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* Opens ICU's tables, so that the first request does not wait for them. Call it before fork().
 * Optional: the other functions open the tables on first use. */
void fold_prepare(void);

/* Returns the version of the forms, such as "1 icu 72.1 unicode 15.0 collation 153.120": the
 * versions of Kontora's own rules, of ICU, of Unicode and of the collation data. */
const char *fold_version(void) __attribute__((returns_nonnull));

/* Returns the folded form of a name; NULL for NULL. Two names are the same if their folded forms
 * are equal. The form is NFKC_Casefold (Unicode Standard 3.13, D147), which ignores case,
 * normalization and invisible characters. White space of any kind becomes one space; spaces at both
 * ends are removed. The text must be valid UTF-8. To fold a form again, or to normalize a text
 * before it is folded, does not change the result. */
char *fold_text(struct arena *arena, const char *text);

/* Like fold_text(), but also converts the domain after "@" to its Unicode form (UTS 46,
 * nontransitional), so that xn--e1aybc.example equals тест.example, and keeps ß in the part before
 * "@", because strasse@a.example is another mailbox than straße@a.example. Folds a text without "@"
 * as a name. Use it for email addresses, and for all names that are used for a login. */
char *fold_address(struct arena *arena, const char *address);

/* Returns the address with its domain in the ASCII form (UTS 46), such as x@xn--e1aybc.example.
 * NULL if it has no domain that can have this form. */
char *fold_encode_address(struct arena *arena, const char *address);

/* Return the text in normalization form C (NFC) or D (NFD) of UAX 15. Other programs may have
 * stored the same text in either form. The text must be valid UTF-8. */
char *fold_compose(struct arena *arena, const char *text) __attribute__((returns_nonnull));
char *fold_decompose(struct arena *arena, const char *text) __attribute__((returns_nonnull));

/* True if the texts differ at most in normalization and in the case of single letters. Unlike
 * fold_text(), it distinguishes ² from 2 and ß from ss, as systems that compare code points do. The
 * texts must be valid UTF-8. */
bool fold_equals_case(struct arena *arena, const char *a, const char *b);

/* True if the texts differ at most in what fold_text() ignores, in accents and in the forms of
 * letters, such as o and ø: two names that a directory may take for the same one. The texts must be
 * valid UTF-8. */
bool fold_may_equal(struct arena *arena, const char *a, const char *b);

/* True if the text contains a variant of an ASCII character, such as a full-width letter, the
 * Kelvin sign or a dotless i. Systems that compare code points treat such a name as different from
 * the ASCII name. The text must be valid UTF-8. */
bool fold_has_ascii_variant(const char *text, size_t length);

enum { FOLD_SORT_KEY_MAX = 1000 };

/* Computes the sort key of a text by the Unicode collation algorithm (UTS 10), with the root
 * collation of CLDR: memcmp() of two keys gives the order of their texts. Returns the length, at
 * most FOLD_SORT_KEY_MAX: longer keys are truncated. The key is allocated in the arena. */
size_t fold_sort_key(struct arena *arena, const char *text, const unsigned char **key_r);

/* Compares two texts in the order of their sort keys. Returns a number less than, equal to or
 * greater than 0; 0 only for the same bytes. The texts need no NUL. */
int fold_compare(const char *a, size_t a_length, const char *b, size_t b_length);

#endif
