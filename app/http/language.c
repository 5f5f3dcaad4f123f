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

/* Weight of a language in Accept-Language, and the position of the range that sets it. */
struct preference {
    int weight; /* weight in thousandths; MALFORMED: the header does not name the language */
    int position;
};

/* True if a range such as "en-GB" names the language `tag` or a variant of it. */
static bool is_range_of(const char *range, size_t length, const char *tag)
{
    size_t tag_length = strlen(tag);
    return length >= tag_length && !strncasecmp(range, tag, tag_length) &&
           (length == tag_length || range[tag_length] == '-');
}

/* Parses a weight (RFC 9110 12.4.2) and moves *at past it: 0 or 1, then up to three decimals, which
 * are zero after 1. Returns thousandths, or MALFORMED. */
static int parse_weight(const char **at)
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

/* Parses the weight after a language range: ";q=0.5" with optional spaces, up to the next comma.
 * Without it the weight is 1. Any other parameter is malformed. */
static int parse_weight_parameter(const char *at)
{
    int weight = WEIGHT_FULL;
    at += strspn(at, " \t");
    if (*at == ';') {
        at += 1 + strspn(at + 1, " \t");
        if (strncasecmp(at, "q=", 2) != 0) {
            return MALFORMED;
        }
        at += 2;
        weight = parse_weight(&at);
        at += strspn(at, " \t");
    }
    return *at && *at != ',' ? MALFORMED : weight;
}

/* Returns the preference for a language, taken from a range that names it, or else from "*". */
static struct preference find_preference(const char *field, const char *tag)
{
    struct preference named = {MALFORMED, INT_MAX}, any = {0, INT_MAX};
    int position = 0;
    for (const char *range = field; *range; position++) {
        range += strspn(range, " \t,");
        size_t length = strcspn(range, " \t;,");
        int weight = parse_weight_parameter(range + length);
        if (is_range_of(range, length, tag) && weight > named.weight) {
            named = (struct preference){weight, position};
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
    struct preference best_preference = find_preference(accept_language, language_tags[standard]);
    for (int i = 0; i < LANGUAGE_COUNT; i++) {
        struct preference preference = find_preference(accept_language, language_tags[i]);
        bool is_earlier = preference.weight > 0 && preference.weight == best_preference.weight &&
                          preference.position < best_preference.position;
        if (preference.weight > best_preference.weight || is_earlier) {
            best = (enum config_language)i;
            best_preference = preference;
        }
    }
    return best;
}
