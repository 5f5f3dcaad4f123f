/* Password: comparison of secrets in constant time, and hashes of crypt(5). */
#ifndef AUTH_PASSWORD_H
#define AUTH_PASSWORD_H

#include <stdbool.h>
#include <stdint.h>

struct arena;

/* What bcrypt takes of a password; the rest would be ignored. */
enum { PASSWORD_BYTES_MAX = 72 };

/* Whether two texts are the same, in a time that depends on neither's content. */
bool secret_equal(const char *one, const char *other);

/* Whether `password` is the one that is stored: as a hash of crypt(5) if that starts with '$'
 * ("$2b$…" is bcrypt), else as it is. */
bool password_verify(const char *stored, const char *password);

/* Whether passwords can be verified against what is stored: it is plain, or a whole hash. */
bool password_hash_usable(const char *stored);

/* A bcrypt hash with a fresh salt; `cost` doubles the work with each step. NULL if it fails. */
const char *password_hash(struct arena *arena, const char *password, int64_t cost);

/* A hash that no password fits, and that takes as long to verify as one of this cost: for names that
 * nobody has. */
const char *password_nobodys(int64_t cost);

/* Estimates the time of a hash of this cost from that of a cheaper one; later hashes correct it. */
void password_estimate(int64_t cost);

/* Returns the average time of a hash of this cost in this process, in microseconds; 0 before the
 * first hash or estimate. */
int64_t password_hash_us(int64_t cost);

/* Returns the cost of a bcrypt hash, at most 31; 0 if the text is not a bcrypt hash. */
int64_t password_cost(const char *stored);

/*
 * Does the rest of the work of a failed verification, so that both together cost as much as one
 * hash of `cost`. `done` is the cost of the hash that was verified; 0 if none was, because no
 * account has the name.
 */
void password_complete_work(const char *password, int64_t done, int64_t cost);

#endif
