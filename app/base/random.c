/* See random.h. */
#include "base/random.h"

#include "base/arena.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void random_bytes(unsigned char *bytes, size_t count)
{
    /* getrandom() never returns a part of up to 256 bytes. It fails with EINTR only if a signal
     * arrives before the kernel's generator is initialized. */
    while (getrandom(bytes, count, 0) != (ssize_t)count) {
        if (errno != EINTR) {
            log_error("random: getrandom failed: %s", strerror(errno));
            abort();
        }
    }
}

void random_format_hex(const unsigned char *bytes, size_t count, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * count] = '\0';
}

static unsigned take_byte(struct random_source *source)
{
    if (!source->left) {
        random_bytes(source->bytes, sizeof source->bytes);
        source->left = sizeof source->bytes;
    }
    return source->bytes[--source->left];
}

/* Discards bytes at or above the largest multiple of the count, because byte % count would not be
 * uniformly distributed with them. */
static void pick_characters(struct random_source *source, char *text, size_t count,
                            const char *alphabet, unsigned alphabet_count)
{
    enum { VALUES = 256 };
    for (size_t made = 0; made < count;) {
        unsigned byte = take_byte(source);
        if (byte < VALUES - VALUES % alphabet_count) {
            text[made++] = alphabet[byte % alphabet_count];
        }
    }
}

void random_digits(struct random_source *source, char *text, size_t count, unsigned base)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    pick_characters(source, text, count, digits, base);
}

void random_characters(struct random_source *source, char *text, size_t count, const char *alphabet)
{
    pick_characters(source, text, count, alphabet, (unsigned)strlen(alphabet));
}

char *random_id(char id[RANDOM_ID_SIZE])
{
    unsigned char bytes[RANDOM_ID_BYTES];
    random_bytes(bytes, sizeof bytes);
    random_format_hex(bytes, sizeof bytes, id);
    return id;
}

char *random_hex(struct arena *arena, size_t count)
{
    unsigned char *bytes = arena_alloc(arena, count);
    char *text = arena_alloc(arena, 2 * count + 1);
    random_bytes(bytes, count);
    random_format_hex(bytes, count, text);
    return text;
}
