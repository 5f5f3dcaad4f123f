/* See random.h. */
#include "base/random.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

char *random_id(char id[RANDOM_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[RANDOM_ID_SIZE / 2];
    /* Up to 256 bytes come whole or not at all; only a signal before the pool is seeded fails. */
    while (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        if (errno != EINTR) {
            log_error("getrandom: %s", strerror(errno));
            abort();
        }
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        id[2 * i] = digits[bytes[i] >> 4];
        id[2 * i + 1] = digits[bytes[i] & 15];
    }
    id[RANDOM_ID_SIZE - 1] = '\0';
    return id;
}
