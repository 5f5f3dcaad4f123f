/*
 * Account: people who log in with a password that is kept here, and the organizations they belong
 * to. Names and addresses are unique whatever their case; passwords are kept as bcrypt hashes.
 */
#ifndef AUTH_ACCOUNT_H
#define AUTH_ACCOUNT_H

#include "auth/principal.h"
#include "base/error.h"
#include "store/store.h"

struct arena;

struct account {
    int64_t id;
    const char *username, *email, *name;
    const char *password_hash;   /* NULL: no password, so nobody logs in */
    int64_t credentials_version; /* incremented with each new password */
    int64_t verified_ms; /* of an account to insert: when the address was proved; 0: unproven */
};

/* Whether bcrypt takes all of a password: it has 72 bytes and no NUL. A check of field maps. */
enum fault_id account_check_password(const char *text, size_t length);

/* True if a character outside of ASCII would be folded into it, as the Kelvin sign into a k: such a
 * name would pass for another one that does not look it up by folding, such as the directory's. */
bool account_name_is_ambiguous(const char *text, size_t length);

/* An address: something, '@', a domain; no spaces. More is proved by sending to it. A check of
 * field maps. */
enum fault_id account_check_email(const char *text, size_t length);

/* The account of a login name, which is an email address if it holds '@'; NULL: nobody's. */
struct error *account_find(struct store *store, struct arena *arena, const char *name,
                           struct account **account_r) MUST_CHECK;

struct error *account_get(struct store *store, struct arena *arena, int64_t id,
                          struct account **account_r) MUST_CHECK;

/* Returns the highest cost among the bcrypt hashes of all passwords; 0 if there are none. */
struct error *account_highest_cost(struct store *store, struct arena *arena,
                                   int64_t *cost_r) MUST_CHECK;

/* Inside store_write(): replaces the hash of the account; a no-op if the password has been
 * changed since the account was read. */
struct error *account_rehash(struct store *store, struct arena *arena,
                             const struct account *account, const char *hash) MUST_CHECK;

/* Inside store_write(): adds an account, whose id is set. ERR_ALREADY_EXISTS, with the field that
 * is taken in its details. */
struct error *account_insert(struct store *store, struct arena *arena, struct account *account,
                             int64_t now_ms) MUST_CHECK;

struct organization {
    int64_t id;
    const char *name, *currency;
};

/* Inside store_write(): adds an organization, whose id is set, with its owner. */
struct error *organization_insert(struct store *store, struct arena *arena,
                                  struct organization *organization, int64_t owner_id,
                                  int64_t now_ms) MUST_CHECK;

/* --- addresses ------------------------------------------------------------------------------- */

/* Inside store_write(): marks the address as verified, unless it is already. ERR_NOT_FOUND if
 * the account does not exist or has no address. */
struct error *account_verify_email(struct store *store, struct arena *arena, int64_t id,
                                   int64_t now_ms) MUST_CHECK;

/*
 * Inside store_write(): takes an address from an account that never proved it, and ends that
 * account's sessions, for somebody who did prove it. The account keeps its roles and its data.
 * *released_r is its id, 0 if no account held the address without a proof.
 */
struct error *account_release_email(struct store *store, struct arena *arena, const char *email,
                                    int64_t now_ms, int64_t *released_r) MUST_CHECK;

/* --- the default organization ---------------------------------------------------------------- */

/* The organization that an account's token is for. It is stored state of the account, which the
 * account alone changes; 0: none, also when the account is not a member of it any more. */
struct error *account_default_organization(struct store *store, struct arena *arena, int64_t id,
                                           int64_t *organization_r) MUST_CHECK;

/* Inside store_write(). ERR_VALIDATION if the account is not a member of the organization. */
struct error *account_set_default_organization(struct store *store, struct arena *arena, int64_t id,
                                               int64_t organization_id) MUST_CHECK;

/* Inside store_write(): sets the default organization of an account that has none. */
struct error *account_init_default_organization(struct store *store, struct arena *arena,
                                                int64_t id, int64_t organization_id) MUST_CHECK;

/* Inside store_write(): the account has no default organization any more if it was this one. No
 * other one takes its place: nobody but the account may choose where its data is stored. */
struct error *account_clear_default_organization(struct store *store, struct arena *arena,
                                                 int64_t id, int64_t organization_id) MUST_CHECK;

#endif
