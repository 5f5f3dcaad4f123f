/*
 * Phone: telephone numbers in texts, by their digits.
 *
 * A number is stored in its common forms: one of +7 (Russia and Kazakhstan) as "+79161234567" and
 * "89161234567", another one as "+4930123456", "004930123456" and "8104930123456". So the digits of
 * any part of it are a part of a stored form. A long number without a prefix is stored only with
 * "+".
 *
 * All texts are those of spelling_unify().
 */
#ifndef REST_PHONE_H
#define REST_PHONE_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

/* Groups of digits that may be one telephone number. */
struct phone_groups {
    struct {
        const char *digits;
        size_t length;
    } * list;
    size_t count;
    bool plus; /* "+" stands before the first group */
};

/* Reads the groups that begin at a digit or at "+": digits with white space, brackets, hyphens and
 * dots between them, up to the next "+". Returns the text after them. */
const char *phone_read_groups(struct arena *arena, const char *text, struct phone_groups *groups_r);

/* True if the digit before a national number of +7 may begin the group: 7, or 8 as in calls from
 * Russia. */
bool phone_may_be_russian(const struct phone_groups *groups, size_t from);

/* Returns how many groups, beginning with `from`, are a whole number of +7: 11 digits that begin
 * with 7 or 8, or 10 digits without "+" that begin with 3, 4 or 9 (in the last group also with 7 or
 * 8). 0 if there is no such number. */
size_t phone_count_russian(const struct phone_groups *groups, size_t from);

/* Returns the digits of `count` groups. */
char *phone_join_digits(struct arena *arena, const struct phone_groups *groups, size_t from,
                        size_t count);

/* Appends the telephone numbers of a text, each in all of its forms, and the digits of other groups
 * without their separators. Writes `before` in front of each. A short group alone is not added. */
void phone_add(struct buffer *out, const char *text, const char *before);

#endif
