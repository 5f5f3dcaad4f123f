/* See random.h. */
#include "base/random.h"

#include "base/arena.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void fill(unsigned char *bytes, size_t count)
{
    /* Up to 256 bytes come whole or not at all; only a signal before the pool is seeded fails. */
    while (getrandom(bytes, count, 0) != (ssize_t)count) {
        if (errno != EINTR) {
            log_error("getrandom: %s", strerror(errno));
            abort();
        }
    }
}

void random_format(const unsigned char *bytes, size_t count, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * count] = '\0';
}

static unsigned next_byte(struct random_source *source)
{
    if (!source->left) {
        fill(source->bytes, sizeof source->bytes);
        source->left = sizeof source->bytes;
    }
    return source->bytes[--source->left];
}

/* A byte that is beyond the greatest multiple of the base would make some digits likelier than
 * others, and is thrown away. */
void random_digits(struct random_source *source, char *text, size_t count, unsigned base)
{
    enum { VALUES = 256 };
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (size_t made = 0; made < count;) {
        unsigned byte = next_byte(source);
        if (byte < VALUES - VALUES % base) {
            text[made++] = digits[byte % base];
        }
    }
}

void random_bytes(unsigned char *bytes, size_t count)
{
    fill(bytes, count);
}

char *random_id(char id[RANDOM_ID_SIZE])
{
    unsigned char bytes[RANDOM_ID_BYTES];
    fill(bytes, sizeof bytes);
    random_format(bytes, sizeof bytes, id);
    return id;
}

char *random_hex(struct arena *arena, size_t count)
{
    unsigned char *bytes = arena_alloc(arena, count);
    char *text = arena_alloc(arena, 2 * count + 1);
    fill(bytes, count);
    random_format(bytes, count, text);
    return text;
}
