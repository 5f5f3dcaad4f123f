/*
 * Folded texts: the column `folded` of a table, by which filters compare texts without regard to
 * case. It holds a JSON object with the folded form (fold_text()) of each text of the row. Absent
 * texts have no member. The forms change with fold_version().
 */
#ifndef BASE_FOLDED_H
#define BASE_FOLDED_H

#include "base/field.h"

struct arena;

/* True if the values of the field have folded forms: it is a text that clients know, without fixed
 * choices. Dates and times are compared as they are. */
bool folded_has_field(const struct field *field);

/* Returns the object of the values of a field map. */
const char *folded_of_values(struct arena *arena, const struct field *fields,
                             const struct value *values) __attribute__((returns_nonnull));

/* Returns the object of pairs of a name and a text. A NULL text is absent. */
#define folded_of_texts(arena_, ...)                                                               \
    folded_of_pairs((arena_), (const char *const[]){__VA_ARGS__, NULL})

/* Returns the object of an array of pairs, which ends with NULL in the place of a name. */
const char *folded_of_pairs(struct arena *arena, const char *const *pairs)
    __attribute__((returns_nonnull));

/* Returns the object of parallel arrays of names and texts. */
const char *folded_of_arrays(struct arena *arena, const char *const *names,
                             const char *const *texts, size_t count)
    __attribute__((returns_nonnull));

/* Returns the folded form of several texts, which are separated by newlines: each one has a newline
 * on both sides. "" if there are none; `lines` may be NULL. */
const char *folded_lines(struct arena *arena, const char *lines) __attribute__((returns_nonnull));

#endif
