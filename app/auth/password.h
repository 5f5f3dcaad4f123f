/* Password: hashes passwords with crypt(5), and compares secrets in constant time. */
#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* bcrypt uses this many bytes of a password and ignores further ones. */
enum { PASSWORD_BYTES_MAX = 72 };

/* True if the texts are equal. The time does not depend on their content. */
bool password_secrets_equal(const char *one, const char *other);

/* True if `password` matches the stored one, which is a hash of crypt(5) if it starts with '$'
 * ("$2b$…" is bcrypt), and plain text otherwise. */
bool password_verify(const char *stored, const char *password);

/* True if passwords can be verified against the stored one: it is plain text or a complete hash. */
bool password_hash_usable(const char *stored);

/* Returns a bcrypt hash with a new salt; NULL on failure. Each increment of `cost` doubles the
 * work. */
const char *password_hash(struct arena *arena, const char *password, int64_t cost);

/* Returns a hash that no password matches, and that takes as long to verify as any hash of this
 * cost: for user names that do not exist. */
const char *password_dummy_hash(int64_t cost);

/* Estimates the time of a hash of this cost by measuring a cheaper one. Later hashes refine it. */
void password_estimate(int64_t cost);

/* Returns the average time of a hash of this cost in this process, in microseconds; 0 before the
 * first hash or estimate. */
int64_t password_hash_time_us(int64_t cost);

/* Returns the cost of a bcrypt hash, at most 31; 0 if the text is not a bcrypt hash. */
int64_t password_cost(const char *stored);

/*
 * Completes the work of a failed verification, so that both together take as long as one hash of
 * `cost`. `done` is the cost of the hash that was verified; 0 if none was, because no account has
 * the name.
 */
void password_complete_work(const char *password, int64_t done, int64_t cost);

#endif
