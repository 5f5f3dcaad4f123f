/* Key strength: refuses keys that a person made up, by simple measures of how varied their bytes
 * are. */
#ifndef BASE_KEY_STRENGTH_H
#define BASE_KEY_STRENGTH_H

#include <stddef.h>

/* RFC 7518 3.2 requires an HS256 key to be at least as long as the hash. */
enum { KEY_BYTES_MIN = 32 };

/*
 * Returns NULL if the key may be a random one, else a sentence for the administrator without its
 * subject ("must have …"). Random bytes, hexadecimal digits and base64 pass; one letter repeated, a
 * repeated word, and runs such as "abcdef…" do not. The measure cannot prove that a key is random.
 */
const char *key_weakness(const char *key);

#endif
