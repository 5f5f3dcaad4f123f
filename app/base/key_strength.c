/* See key_strength.h. */
#include "base/key_strength.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

enum {
    /* fewest different characters of a key; 32 random hexadecimal digits have more */
    DIFFERENT_MIN = 8,
    SHARE_DIVISOR = 2, /* one character may fill at most a half of a key */
    PAIRS_COMPARED = 128,
};

/* True if the key repeats a sequence that is at most half as long as the key. */
static bool is_periodic(const char *key, size_t length)
{
    for (size_t period = 1; period <= length / 2; period++) {
        if (!memcmp(key, key + period, length - period)) {
            return true;
        }
    }
    return false;
}

/* True if most characters differ from their predecessor by the same step, as in "0123456789". */
static bool is_sequence(const char *key, size_t length)
{
    size_t same = 0;
    for (size_t i = 2; i < length; i++) {
        same += key[i] - key[i - 1] == key[i - 1] - key[i - 2];
    }
    return 2 * same > length;
}

/* True if more than half of the pairs of adjacent characters occur earlier in the key, as in a word
 * that is repeated with small changes. Examines only the first 128 pairs, because long random keys
 * repeat some pairs by chance. */
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

const char *key_strength_find_weakness(const char *key)
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
    if (different < DIFFERENT_MIN || frequent * SHARE_DIVISOR > length) {
        return "has too few different characters; generate a key with: openssl rand -hex 32";
    }
    if (is_periodic(key, length) || is_sequence(key, length) || repeats_itself(key, length)) {
        return "is repetitive or follows a pattern; generate a key with: openssl rand -hex 32";
    }
    return NULL;
}
