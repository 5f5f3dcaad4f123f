/*
 * Name search: builds the LDAP filter of ?search= for lists of directory entries.
 *
 * An entry matches if each word of the search is a part of one of its searched attributes. So the
 * order of the words does not matter, and they may be in different attributes: "Иван Петров" finds
 * the surname "Петров" with the given name "Иван". A telephone number is one word.
 *
 * Directories ignore case. Samba distinguishes ё from е, and Active Directory does not (MS-ADTS
 * 6.5). So a word with one of these letters is searched for in several spellings.
 */
#ifndef DIRECTORY_NAME_SEARCH_H
#define DIRECTORY_NAME_SEARCH_H

#include <stddef.h>

struct arena;

enum {
    NAME_SEARCH_WORDS_MAX = 12,       /* later words are ignored */
    NAME_SEARCH_CHARACTERS_MAX = 256, /* of all words; later characters are ignored */
    NAME_SEARCH_FIRST_WORDS = 3,      /* the words that decide if no entry has all words */
};

/* The words of a search. */
struct name_search {
    const char *words[NAME_SEARCH_WORDS_MAX];
    size_t count; /* 0: finds all entries */
};

/* Reads the words of a text, which must be valid UTF-8. There are none if the text is NULL or has
 * only white space and invisible characters. A text of only punctuation and symbols, such as "(",
 * is one word. */
void name_search_parse(struct name_search *search_r, struct arena *arena, const char *text);

/* Returns a filter (RFC 4515) for the entries that match the filter `entries` and the first `count`
 * words in the attributes, a list that ends with NULL. */
const char *name_search_filter(struct arena *arena, const char *entries,
                               const char *const *attributes, const struct name_search *search,
                               size_t count);

#endif
