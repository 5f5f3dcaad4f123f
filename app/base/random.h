/* Random: unguessable identifiers from the kernel, and bytes as text. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

struct arena;

enum {
    RANDOM_ID_BYTES = 16,
    RANDOM_ID_SIZE = 2 * RANDOM_ID_BYTES + 1, /* as text */
};

/* 128 bits of getrandom(2) as 32 hexadecimal digits and a NUL. Ends the process if the kernel has
 * none to give. Returns `id`. */
char *random_id(char id[RANDOM_ID_SIZE]);

/* Bytes of getrandom(2), at most 256. */
void random_bytes(unsigned char *bytes, size_t count);

/* The same of `count` bytes, at most 256. */
char *random_hex(struct arena *arena, size_t count) __attribute__((returns_nonnull));

/* Bytes of getrandom(2) that are fetched together and used one after the other; begins as zeros. */
struct random_source {
    unsigned char bytes[64];
    size_t left;
};

/* As many digits, each of them as likely as any other: of base 10 0 to 9, of base 62 letters too
 * (5.95 bits a digit). No NUL is put behind them. */
void random_digits(struct random_source *source, char *text, size_t count, unsigned base);

/* Bytes as twice as many hexadecimal digits and a NUL. */
void random_format(const unsigned char *bytes, size_t count, char *text);

#endif
