/* See language.h. */
#include "http/language.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const tags[LANGUAGE_COUNT] = {"ru", "en"};

enum { WEIGHT_FULL = 1000 };

/* How much a language is wanted, and how early in the field that is said. */
struct preference {
    int weight; /* thousandths; -1: not said */
    int place;
};

/* Whether a range such as "en-GB" names the language. */
static bool names(const char *range, size_t length, const char *tag)
{
    size_t tag_length = strlen(tag);
    return length >= tag_length && !strncasecmp(range, tag, tag_length) &&
           (length == tag_length || range[tag_length] == '-');
}

/* The weight of "en;q=0.5"; there is no other parameter. */
static int weight(const char *range, size_t length)
{
    const char *equals = memchr(range, '=', length);
    if (!equals) {
        return WEIGHT_FULL;
    }
    double value = strtod(equals + 1, NULL);
    return value >= 0 && value <= 1 ? (int)(value * WEIGHT_FULL + 0.5) : 0;
}

/* What the field says of a language; "*" is for those that it does not name. */
static struct preference preference_of(const char *field, const char *tag)
{
    struct preference named = {-1, INT_MAX}, any = {0, INT_MAX};
    int place = 0;
    for (const char *range = field; *range; place++) {
        range += strspn(range, " \t,");
        size_t length = strcspn(range, ",");
        size_t name_length = strcspn(range, " \t;,");
        struct preference here = {weight(range, length), place};
        if (names(range, name_length, tag) && here.weight > named.weight) {
            named = here;
        } else if (name_length == 1 && *range == '*' && here.weight > any.weight) {
            any = here;
        }
        range += length;
    }
    return named.weight >= 0 ? named : any;
}

enum config_language language_choose(const char *accept_language, enum config_language standard)
{
    enum config_language best = standard;
    struct preference best_preference = preference_of(accept_language, tags[standard]);
    for (int i = 0; i < LANGUAGE_COUNT; i++) {
        struct preference here = preference_of(accept_language, tags[i]);
        bool sooner = here.weight > 0 && here.weight == best_preference.weight &&
                      here.place < best_preference.place;
        if (here.weight > best_preference.weight || sooner) {
            best = (enum config_language)i;
            best_preference = here;
        }
    }
    return best;
}
