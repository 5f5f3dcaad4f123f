/* See phone.h. */
#include "rest/phone.h"

#include "base/arena.h"

#include <ctype.h>
#include <string.h>

enum {
    /* numbers of digits */
    RUSSIAN_DIGITS = 11,                  /* Russian number, with the first digit 7 or 8 */
    NATIONAL_DIGITS = RUSSIAN_DIGITS - 1, /* Russian number without that digit */
    INTERNATIONAL_MIN = 10,               /* number with a country code */
    INTERNATIONAL_MAX = 15,               /* ITU-T E.164 */
};

static const char separators[] = " ()-.";

static bool is_ascii_digit(char character)
{
    return isdigit((unsigned char)character) != 0;
}

const char *phone_read_groups(struct arena *arena, const char *text, struct phone_groups *groups_r)
{
    *groups_r = (struct phone_groups){.plus = *text == '+'};
    text += groups_r->plus;
    size_t longest = strspn(text, "0123456789 ()-.");
    groups_r->list = arena_array(arena, longest / 2 + 1, sizeof *groups_r->list);
    while (text += strspn(text, separators), is_ascii_digit(*text)) {
        size_t length = strspn(text, "0123456789");
        groups_r->list[groups_r->count].digits = text;
        groups_r->list[groups_r->count++].length = length;
        text += length;
    }
    return text;
}

bool phone_may_be_russian(const struct phone_groups *groups, size_t from)
{
    const char *digits = groups->list[from].digits;
    if (from || !groups->plus) {
        return *digits == '7' || *digits == '8';
    }
    /* Some people write +8 instead of +7. No country has the code +83 or +89. */
    return *digits == '7' ||
           (*digits == '8' && (groups->list[from].length == 1 || strchr("39", digits[1])));
}

size_t phone_count_russian(const struct phone_groups *groups, size_t from)
{
    bool national = from || !groups->plus;
    char first = *groups->list[from].digits;
    size_t digits = 0;
    for (size_t i = from; i < groups->count && digits <= RUSSIAN_DIGITS; i++) {
        digits += groups->list[i].length;
        if (digits == RUSSIAN_DIGITS && phone_may_be_russian(groups, from)) {
            return i + 1 - from;
        }
        /* A national number begins with 3, 4 or 9, or with 7 or 8 if no further group follows. */
        if (digits == NATIONAL_DIGITS && national &&
            (strchr("349", first) || (strchr("78", first) && i + 1 == groups->count))) {
            return i + 1 - from;
        }
    }
    return 0;
}

char *phone_join_digits(struct arena *arena, const struct phone_groups *groups, size_t from,
                        size_t count)
{
    struct buffer digits = {.arena = arena};
    buffer_add(&digits, "", 0);
    for (size_t i = from; i < from + count; i++) {
        buffer_add(&digits, groups->list[i].digits, groups->list[i].length);
    }
    return digits.bytes;
}

/* Appends the Russian numbers among the groups. Returns true if all groups form one such number. */
static bool add_russian(struct buffer *out, const struct phone_groups *groups, const char *before)
{
    size_t begin = 0; /* the first group after the last number */
    for (size_t from = 0, step; from < groups->count; from += step) {
        bool may_begin = from == begin || groups->list[from].length >= NATIONAL_DIGITS;
        size_t count = may_begin ? phone_count_russian(groups, from) : 0;
        step = count ? count : 1;
        if (count) {
            const char *digits = phone_join_digits(out->arena, groups, from, count);
            digits += strlen(digits) - NATIONAL_DIGITS;
            buffer_format(out, "%s+7%s%s8%s", before, digits, before, digits);
            begin = from + count;
        } else if (groups->plus && !from) {
            return false; /* a number of another country */
        }
    }
    return begin == groups->count && phone_count_russian(groups, 0) == groups->count;
}

/* Returns the digits after 00 or 8 10, the prefixes of international calls; NULL if the digits
 * begin with neither. */
static const char *skip_international_prefix(const char *digits)
{
    size_t length = strlen(digits);
    if (!strncmp(digits, "00", 2) && length >= INTERNATIONAL_MIN) {
        return digits + 2;
    }
    return !strncmp(digits, "810", 3) && length >= INTERNATIONAL_MIN + 3 ? digits + 3 : NULL;
}

static void add_groups(struct buffer *out, const struct phone_groups *groups, const char *before)
{
    if (!groups->count || add_russian(out, groups, before)) {
        return;
    }
    const char *digits = phone_join_digits(out->arena, groups, 0, groups->count);
    const char *foreign = groups->plus ? digits : skip_international_prefix(digits);
    size_t length = strlen(digits);
    if (foreign) {
        buffer_format(out, "%s+%s%s00%s%s810%s", before, foreign, before, foreign, before, foreign);
    } else if (length > NATIONAL_DIGITS && length <= INTERNATIONAL_MAX && !strchr("078", *digits)) {
        buffer_format(out, "%s+%s", before, digits); /* probably begins with a country code */
    } else if (groups->count > 1) {
        buffer_format(out, "%s%s", before, digits);
    }
}

void phone_add(struct buffer *out, const char *text, const char *before)
{
    while (*(text += strcspn(text, "+0123456789"))) {
        struct phone_groups groups;
        text = phone_read_groups(out->arena, text, &groups);
        add_groups(out, &groups, before);
    }
}
