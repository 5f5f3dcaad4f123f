/* See language.h. */
#include "http/language.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const tags[LANGUAGE_COUNT] = {"ru", "en"};

/* The language of ours that a range such as "en-GB" stands for; "*" stands for the standard. */
static int match(const char *range, size_t length, enum config_language standard)
{
    if (length == 1 && *range == '*') {
        return (int)standard;
    }
    for (int i = 0; i < LANGUAGE_COUNT; i++) {
        size_t tag = strlen(tags[i]);
        if (length >= tag && !strncasecmp(range, tags[i], tag) &&
            (length == tag || range[tag] == '-')) {
            return i;
        }
    }
    return -1;
}

/* The weight of "en;q=0.5", in thousandths. */
static int weight(const char *range, size_t length)
{
    const char *q = memmem(range, length, "q=", 2);
    if (!q) {
        return 1000;
    }
    double value = strtod(q + 2, NULL);
    return value >= 0 && value <= 1 ? (int)(value * 1000) : 0;
}

enum config_language language_choose(const char *accept_language, enum config_language standard)
{
    enum config_language best = standard;
    int best_weight = 0;
    for (const char *range = accept_language; *range;) {
        range += strspn(range, " \t,");
        size_t length = strcspn(range, ",");
        int language = match(range, strcspn(range, " \t;,"), standard);
        int here = weight(range, length);
        if (language >= 0 && here > best_weight) {
            best = (enum config_language)language;
            best_weight = here;
        }
        range += length;
    }
    return best;
}
