/*
 * API key: a credential of a program. A key belongs to the user who made it. It has the rights that
 * this user has at the time of each call, limited to its scopes (base/scope.h).
 *
 * A secret is "kontora_", 34 random characters (202 bits) and a checksum of 6 characters: the
 * CRC-32 of the random characters, in base 62. So scanners find a secret in a text, and a mistyped
 * one is rejected without a query. The checksum protects nothing else.
 *
 * Only the SHA-256 digest of a secret is stored, in a unique index: the secret has enough entropy
 * that no salt is needed, and the search needs no comparison in constant time, because nobody can
 * choose the digest of a guess. A rotated key has two secrets until the end of the overlap.
 */
#ifndef AUTH_API_KEY_H
#define AUTH_API_KEY_H

#include "auth/principal.h"
#include "base/clock.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;

enum {
    API_KEY_LENGTH = 48,        /* characters of a secret */
    API_KEY_PREFIX_LENGTH = 12, /* characters of it that are stored, to recognize the key */
    API_KEYS_MAX = 100,         /* keys of one user */
};

/* How long the row of an expired key is kept: its last use may still matter. */
#define API_KEY_KEPT_MS (INT64_C(90) * MS_PER_DAY)

/* True if a bearer token is meant as an API key. */
bool api_key_is_meant(const char *token);

/* True if the token has the format and the checksum of a secret. */
bool api_key_is_well_formed(const char *token);

/* Returns a new secret. */
const char *api_key_generate(struct arena *arena) __attribute__((returns_nonnull));

/* Returns the digest of a secret, as it is stored. */
const unsigned char *api_key_digest(struct arena *arena, const char *secret)
    __attribute__((returns_nonnull));

/* Returns the first characters of a secret. */
const char *api_key_prefix(struct arena *arena, const char *secret)
    __attribute__((returns_nonnull));

/* A key that was found by its secret, with its maker. */
struct api_key {
    struct principal_key key;
    const char *subject;                 /* principal id of the maker */
    int64_t account_id, organization_id; /* 0: none */
    const char *username, *email, *name; /* of the maker; email may be NULL */
    enum role role;                      /* in the organization now; ROLE_NONE without one */
};

/* Finds the key of a secret. ERR_INVALID_TOKEN if there is none, without a query if the secret is
 * not well-formed; ERR_TOKEN_EXPIRED if the key has expired. */
struct error *api_key_find(struct store *store, struct arena *arena, const char *secret,
                           int64_t now_ms, struct api_key *key_r) MUST_CHECK;

/* Inside store_write(): stores the digest of a new current secret of a key. */
struct error *api_key_add_secret(struct store *store, struct arena *arena, int64_t id,
                                 const char *secret) MUST_CHECK;

/* Returns the column `folded` of a key (base/folded.h). */
const char *api_key_folded(struct arena *arena, const char *name, const char *scopes,
                           const char *prefix, const char *username)
    __attribute__((returns_nonnull));

/* Logs a warning that names the keys whose secret is older than a year. */
struct error *api_key_warn_of_old(struct store *store, struct arena *arena,
                                  int64_t now_ms) MUST_CHECK;

#endif
