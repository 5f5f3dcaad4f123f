/* See key_strength.h. */
#include "base/key_strength.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

enum {
    DIFFERENT_MIN = 8, /* characters; 32 random hexadecimal digits have at least as many */
    FREQUENT_MAX = 2,  /* one character may be half of the key: chance gives none so many */
    PAIRS_COMPARED = 128,
};

static bool is_periodic(const char *key, size_t length)
{
    for (size_t period = 1; period <= length / 2; period++) {
        if (!memcmp(key, key + period, length - period)) {
            return true;
        }
    }
    return false;
}

/* True if most characters follow the one before by the same step, as in "0123456789". */
static bool is_run(const char *key, size_t length)
{
    size_t same = 0;
    for (size_t i = 2; i < length; i++) {
        same += key[i] - key[i - 1] == key[i - 1] - key[i - 2];
    }
    return 2 * same > length;
}

/* True if more than half of the adjacent pairs of characters occur earlier in the key, as in a
 * word that is repeated with small changes. Compares only the first 128 pairs, because a long
 * random key repeats some by chance. */
static bool repeats_itself(const char *key, size_t length)
{
    size_t pairs = length - 1 < PAIRS_COMPARED ? length - 1 : PAIRS_COMPARED, repeated = 0;
    for (size_t i = 1; i < pairs; i++) {
        bool found = false;
        for (size_t before = 0; before < i && !found; before++) {
            found = !memcmp(key + before, key + i, 2);
        }
        repeated += found;
    }
    return 2 * repeated > pairs;
}

const char *key_weakness(const char *key)
{
    size_t length = strlen(key), different = 0, frequent = 0;
    size_t counts[UCHAR_MAX + 1] = {0};
    if (length < KEY_BYTES_MIN) {
        return "must have at least 32 bytes in production";
    }
    for (size_t i = 0; i < length; i++) {
        size_t count = ++counts[(unsigned char)key[i]];
        different += count == 1;
        frequent = count > frequent ? count : frequent;
    }
    if (different < DIFFERENT_MIN || frequent * FREQUENT_MAX > length) {
        return "has too few different characters; make one with: openssl rand -hex 32";
    }
    if (is_periodic(key, length) || is_run(key, length) || repeats_itself(key, length)) {
        return "repeats itself or follows a pattern; make one with: openssl rand -hex 32";
    }
    return NULL;
}
