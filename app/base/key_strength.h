/* Key strength: detects keys that are not random, such as passwords and repeated words, by simple
 * statistics. */
#ifndef BASE_KEY_STRENGTH_H
#define BASE_KEY_STRENGTH_H

#include <stddef.h>

/* RFC 7518 3.2 requires an HS256 key to be at least as long as the hash. */
enum { KEY_BYTES_MIN = 32 };

/*
 * Returns NULL if the key looks random; otherwise a message for the administrator that follows the
 * name of the setting ("must have …"). Accepts random bytes, hexadecimal digits and base64; rejects
 * a repeated letter or word and sequences such as "abcdef…". Cannot prove that a key is random.
 */
const char *key_strength_find_weakness(const char *key);

#endif
