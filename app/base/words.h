/*
 * Words: splits a text into its words, for searches and for the texts that are searched.
 *
 * Separators are white space of any kind (Unicode property White_Space), brackets, quotation marks,
 * commas, semicolons and other punctuation that ends a phrase. A dash, an apostrophe, a period and
 * a colon belong to a word only between two of its characters: "Анна-Мария", "O'Brien" and
 * "petrov.i" are one word each, but the words of "Петров — И." are "Петров" and "И". Symbols ("@",
 * "_", "+", "%", "*") belong to the word next to them, but are not a word by themselves: "C++" is a
 * word, "|" is not.
 *
 * Words are in the normal form NFC and have no invisible characters (Unicode property
 * Default_Ignorable_Code_Point: U+00AD, U+200B, U+FEFF ...), so that texts that look alike have
 * equal words. They are not case-folded.
 */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* An iterator over the words of a text. words_begin() sets all members. */
struct words {
    char *text; /* in the arena; words_next() writes the NUL after each word */
    size_t length, at;
};

/* Begins an iteration over the words of a text, which must be valid UTF-8. */
void words_begin(struct words *words_r, struct arena *arena, const char *text);

/* Returns the next word, which lives as long as the arena; NULL after the last one. */
const char *words_next(struct words *words);

/* True if NFD may replace or move the character: true for letters with an accent, such as й and ё,
 * and for combining accents. */
bool words_is_accented(int32_t character);

#endif
