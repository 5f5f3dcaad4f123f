/*
 * Phone: finds telephone numbers in texts, and writes their digits in common forms.
 *
 * A Russian number (in this file: any number with the country code +7, which Kazakhstan has too) is
 * stored as "+79161234567" and "89161234567", a number of another country as "+4930123456",
 * "004930123456" and "8104930123456". So the digits of any part of a number are a part of a stored
 * form. A long number without a prefix probably begins with a country code, and is stored only with
 * "+".
 *
 * All texts must be results of spelling_unify().
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

/* Reads groups of digits from a text that begins with a digit or "+". White space, brackets,
 * hyphens and dots separate the groups; any other character ends them. Returns the text after them.
 */
const char *phone_read_groups(struct arena *arena, const char *text, struct phone_groups *groups_r);

/* True if the group `from` may begin with the digit before a national Russian number: the country
 * code 7, or 8 as in calls within Russia. */
bool phone_may_be_russian(const struct phone_groups *groups, size_t from);

/* Returns how many groups, beginning with `from`, form a complete Russian number: 11 digits that
 * begin with 7 or 8, or 10 digits without "+" that begin with 3, 4 or 9 (or with 7 or 8, if no
 * group follows). 0 if they form none. */
size_t phone_count_russian(const struct phone_groups *groups, size_t from);

/* Returns the digits of `count` groups, beginning with `from`. */
char *phone_join_digits(struct arena *arena, const struct phone_groups *groups, size_t from,
                        size_t count);

/* Appends each telephone number of a text in all of its forms. Groups that form no complete number
 * are appended without their separators, unless it is a single group. Writes `before` in front of
 * each appended number. */
void phone_add(struct buffer *out, const char *text, const char *before);

#endif
