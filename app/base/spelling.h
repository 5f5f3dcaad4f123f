/*
 * Spelling: one spelling for what people type in several ways, for searches and for the texts that
 * they search.
 */
#ifndef BASE_SPELLING_H
#define BASE_SPELLING_H

struct arena;

/* Returns fold_text() with one character for each of these kinds; NULL for NULL:
 *
 *   -   hyphens and dashes of any kind (U+2010, U+2011, U+2013, U+2014, U+2212 …)
 *   '   apostrophes of any kind (U+2019, U+02BC, U+00B4, "`" …)
 *   0-9 decimal digits of any script
 *   ( ) brackets of any kind, and quotation marks that Unicode counts among them
 *   ,   other punctuation that separates words: quotation marks, : ; / | \ * % # № ! ? …
 *
 * White space is a space already. The characters @ . _ + & stay, like letters and other symbols.
 * The text must be valid UTF-8. */
char *spelling_unify(struct arena *arena, const char *text);

/* Returns the Unicode form of a domain (UTS 46, nontransitional), of which any label may be in the
 * form xn--; NULL if it is not a valid domain. */
const char *spelling_unicode_domain(struct arena *arena, const char *domain);

/* Returns the form of a domain in which each label with other characters than ASCII begins with
 * xn--; NULL if it is not a valid domain. */
const char *spelling_ascii_domain(struct arena *arena, const char *domain);

#endif
