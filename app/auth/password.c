/* See password.h. */
#include "auth/password.h"

#include "base/arena.h"
#include "base/background.h"
#include "base/clock.h"
#include "base/number.h"

#include <crypt.h>
#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

bool password_secrets_equal(const char *one, const char *other)
{
    /* Compare digests, so that the time does not depend on the length of the secret either. */
    unsigned char digest[SHA256_DIGEST_LENGTH], other_digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)one, strlen(one), digest);
    SHA256((const unsigned char *)other, strlen(other), other_digest);
    return CRYPTO_memcmp(digest, other_digest, sizeof digest) == 0;
}

enum { UNIT_COST = 12 };

/* Moving average of the time of a hash of UNIT_COST. It rises faster than it falls: if the estimate
 * were too low, too many clients would be admitted to the queue and time out. */
static int64_t average_us;

/* Converts the time of a hash of cost `from` to cost `to`: each increment doubles the work. */
static int64_t scale_time(int64_t us, int64_t from, int64_t to)
{
    return to < from ? us >> (from - to) : us << (to - from);
}

/* Updates the average with the time of a hash. The time is scaled to UNIT_COST, because
 * password_complete_work() computes hashes of lower costs. */
static void update_average(const char *stored, int64_t us)
{
    enum { DIVISOR_RISING = 2, DIVISOR_FALLING = 8 };
    int64_t cost = password_cost(stored);
    us = cost ? scale_time(us, cost, UNIT_COST) : us;
    int64_t divisor = us > average_us ? DIVISOR_RISING : DIVISOR_FALLING;
    average_us = average_us ? average_us + (us - average_us) / divisor : us;
}

int64_t password_hash_time_us(int64_t cost)
{
    return scale_time(average_us, UNIT_COST, cost);
}

/* Hashes a password with the method, cost and salt of the stored hash. NULL on failure. The caller
 * frees *data_r with wipe_crypt_data(). */
static const char *hash_like(const char *stored, const char *password, struct crypt_data **data_r)
{
    *data_r = base_alloc(sizeof **data_r); /* 32 KiB: too much for a stack frame */
    int64_t began = clock_steady_us();
    background_begin();
    const char *hash = crypt_r(password, stored, *data_r);
    background_end();
    update_average(stored, clock_steady_us() - began);
    return hash && *hash != '*' ? hash : NULL;
}

static void wipe_crypt_data(struct crypt_data *data)
{
    OPENSSL_cleanse(data, sizeof *data);
    free(data);
}

bool password_verify(const char *stored, const char *password)
{
    if (*stored != '$') {
        return password_secrets_equal(stored, password);
    }
    struct crypt_data *data;
    const char *hash = hash_like(stored, password, &data);
    bool same = hash && password_secrets_equal(stored, hash);
    wipe_crypt_data(data);
    return same;
}

bool password_hash_usable(const char *stored)
{
    if (*stored != '$') {
        return true;
    }
    struct crypt_data *data;
    const char *hash = hash_like(stored, "", &data);
    bool whole = hash && strlen(hash) == strlen(stored);
    wipe_crypt_data(data);
    return whole;
}

const char *password_hash(struct arena *arena, const char *password, int64_t cost)
{
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (!crypt_gensalt_rn("$2b$", (unsigned long)cost, NULL, 0, setting, sizeof setting)) {
        return NULL;
    }
    struct crypt_data *data;
    const char *hash = hash_like(setting, password, &data);
    const char *copy = hash ? arena_string(arena, hash) : NULL;
    wipe_crypt_data(data);
    return copy;
}

int64_t password_cost(const char *stored)
{
    enum { COST_MAX = 31 };
    bool is_bcrypt = stored[0] == '$' && stored[1] == '2' && stored[2] && stored[3] == '$' &&
                     isdigit((unsigned char)stored[4]) && isdigit((unsigned char)stored[5]) &&
                     stored[6] == '$';
    int64_t cost = is_bcrypt ? (stored[4] - '0') * DECIMAL + stored[5] - '0' : 0;
    return cost <= COST_MAX ? cost : 0;
}

const char *password_dummy_hash(int64_t cost)
{
    /* 22 characters of salt, and 31 of a hash that no password produces. */
    static char hash[] = "$2b$00$......................"
                         "...............................";
    hash[4] = (char)('0' + cost / 10);
    hash[5] = (char)('0' + cost % 10);
    return hash;
}

void password_estimate(int64_t cost)
{
    enum { CHEAP = 6 }; /* a cost that takes a few milliseconds */
    int64_t cheap = cost < CHEAP ? cost : CHEAP;
    average_us = 0;
    (void)password_verify(password_dummy_hash(cheap), "");
}

/* Each increment of the cost doubles the work. So the verified hash of cost `done`, together with
 * one hash of each cost from `done` to `cost` - 1, takes as long as one hash of `cost`. */
void password_complete_work(const char *password, int64_t done, int64_t cost)
{
    if (!done) {
        (void)password_verify(password_dummy_hash(cost), password);
    }
    for (; done && done < cost; done++) {
        (void)password_verify(password_dummy_hash(done), password);
    }
}
