/*
 * Spelling: converts texts to one common spelling. A search finds a text, whichever spelling of it
 * was stored or typed, because both are converted.
 */
#ifndef BASE_SPELLING_H
#define BASE_SPELLING_H

struct arena;

/*
 * Returns fold_text() of the text, with all characters of a kind replaced by one character; NULL
 * for NULL. The kinds are:
 *
 *   -   hyphens and dashes of any kind (U+2010, U+2011, U+2013, U+2014, U+2212 …)
 *   '   apostrophes of any kind (U+2019, U+02BC, U+00B4, "`" …)
 *   0-9 decimal digits of any script
 *   ( ) brackets of any kind, and quotation marks that Unicode classifies as brackets
 *   ,   other punctuation that separates words: quotation marks, : ; / | \ * % # № ! ? …
 *
 * fold_text() has already replaced white space by spaces. The characters @ . _ + &, letters and
 * other symbols are not replaced. The text must be valid UTF-8.
 */
char *spelling_unify(struct arena *arena, const char *text);

/* Returns the Unicode form of a domain (UTS 46, nontransitional): decodes the labels that begin
 * with "xn--". NULL if the domain is invalid. */
const char *spelling_unicode_domain(struct arena *arena, const char *domain);

/* Returns the ASCII form of a domain: encodes each label that has non-ASCII characters as "xn--…".
 * NULL if the domain is invalid. */
const char *spelling_ascii_domain(struct arena *arena, const char *domain);

#endif
