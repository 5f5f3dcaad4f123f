/* See language.h. */
#include "http/language.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

const char *const language_tags[LANGUAGE_COUNT] = {"ru", "en"};

enum {
    WEIGHT_FULL = 1000,
    MALFORMED = -1,
};

/* How much a language is wanted, and how early in the field that is said. */
struct preference {
    int weight; /* thousandths; MALFORMED: not said */
    int place;
};

/* Whether a range such as "en-GB" names the language. */
static bool names(const char *range, size_t length, const char *tag)
{
    size_t tag_length = strlen(tag);
    return length >= tag_length && !strncasecmp(range, tag, tag_length) &&
           (length == tag_length || range[tag_length] == '-');
}

/* The number of a weight, RFC 9110 12.4.2: 0 or 1, and up to three decimals, which behind 1 are 0. Moves
 * past it. */
static int take_number(const char **at)
{
    if (**at != '0' && **at != '1') {
        return MALFORMED;
    }
    int weight = *(*at)++ == '1' ? WEIGHT_FULL : 0;
    if (**at != '.') {
        return weight;
    }
    ++*at;
    for (int unit = WEIGHT_FULL / 10; unit && isdigit((unsigned char)**at); unit /= 10) {
        weight += (*(*at)++ - '0') * unit;
    }
    return weight <= WEIGHT_FULL ? weight : MALFORMED;
}

/* The weight of what stands behind a range's name, ";q=0.5" with spaces around the semicolon or nothing,
 * as far as the next comma. There is no other parameter. */
static int take_weight(const char *at)
{
    int weight = WEIGHT_FULL;
    at += strspn(at, " \t");
    if (*at == ';') {
        at += 1 + strspn(at + 1, " \t");
        if (strncasecmp(at, "q=", 2) != 0) {
            return MALFORMED;
        }
        at += 2;
        weight = take_number(&at);
        at += strspn(at, " \t");
    }
    return *at && *at != ',' ? MALFORMED : weight;
}

/* What the field says of a language. */
static struct preference preference_of(const char *field, const char *tag)
{
    struct preference named = {MALFORMED, INT_MAX}, any = {0, INT_MAX};
    int place = 0;
    for (const char *range = field; *range; place++) {
        range += strspn(range, " \t,");
        size_t length = strcspn(range, " \t;,");
        int weight = take_weight(range + length);
        if (names(range, length, tag) && weight > named.weight) {
            named = (struct preference){weight, place};
        } else if (length == 1 && *range == '*' && weight > any.weight) {
            any.weight = weight;
        }
        range += strcspn(range, ",");
    }
    return named.weight >= 0 ? named : any;
}

enum config_language language_choose(const char *accept_language, enum config_language standard)
{
    enum config_language best = standard;
    struct preference best_preference = preference_of(accept_language, language_tags[standard]);
    for (int i = 0; i < LANGUAGE_COUNT; i++) {
        struct preference here = preference_of(accept_language, language_tags[i]);
        bool sooner = here.weight > 0 && here.weight == best_preference.weight &&
                      here.place < best_preference.place;
        if (here.weight > best_preference.weight || sooner) {
            best = (enum config_language)i;
            best_preference = here;
        }
    }
    return best;
}
