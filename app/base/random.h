/* Random: random bytes, identifiers and digits from getrandom(2). */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

struct arena;

enum {
    RANDOM_ID_BYTES = 16,
    RANDOM_ID_SIZE = 2 * RANDOM_ID_BYTES + 1, /* hexadecimal digits and a NUL */
};

/* Writes 128 random bits as 32 hexadecimal digits and a NUL. Returns `id`. This and all other
 * functions abort if getrandom(2) fails. */
char *random_id(char id[RANDOM_ID_SIZE]);

/* Writes `count` random bytes; at most 256. */
void random_bytes(unsigned char *bytes, size_t count);

/* Returns `count` random bytes, at most 256, as hexadecimal digits and a NUL. */
char *random_hex(struct arena *arena, size_t count) __attribute__((returns_nonnull));

/* A reserve of random bytes, which saves system calls. Must be zero-initialized. */
struct random_source {
    unsigned char bytes[64];
    size_t left; /* unused bytes */
};

/* Writes `count` random, uniformly distributed digits of a base from 2 to 62. Digits above 9 are
 * upper-case, then lower-case letters. Does not write a NUL. */
void random_digits(struct random_source *source, char *text, size_t count, unsigned base);

/* Writes `count` random, uniformly distributed characters of an alphabet of 1 to 256. Writes no
 * NUL. */
void random_characters(struct random_source *source, char *text, size_t count,
                       const char *alphabet);

/* Writes `count` bytes as 2 × `count` hexadecimal digits and a NUL. */
void random_format_hex(const unsigned char *bytes, size_t count, char *text);

#endif
