/*
 * Account: users whose password hashes are stored in the database, and their organizations. User
 * names and email addresses are unique: no two have the same form (fold_address()). Passwords are
 * stored as bcrypt hashes.
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
    const char *password_hash;   /* NULL: no password: login is not possible */
    int64_t credentials_version; /* incremented with each new password */
    int64_t verified_ms;         /* for account_insert(): when the address was verified; 0: never */
};

/* Field check: FAULT_NONE if the password is within bcrypt's limit of 72 bytes. */
enum fault_id account_check_password(const char *text, size_t length);

/* Field check: FAULT_NONE if the text looks like an email address: a local part, '@' and a domain.
 * Blanks, special characters and variants of ASCII (fold_has_ascii_variant()) are not allowed. Only
 * a message sent to the address can verify it. */
enum fault_id account_check_email(const char *text, size_t length);

/* Finds an account by login name, which is an email address if it contains '@'. *account_r is NULL
 * if there is none. */
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

/* Inside store_write(): inserts an account and sets its id. ERR_ALREADY_EXISTS, with the field in
 * its details, if the user name or the address is taken. */
struct error *account_insert(struct store *store, struct arena *arena, struct account *account,
                             int64_t now_ms) MUST_CHECK;

struct organization {
    int64_t id;
    const char *name, *currency;
};

/* Inside store_write(): inserts an organization with its owner, and sets its id. */
struct error *account_insert_organization(struct store *store, struct arena *arena,
                                          struct organization *organization, int64_t owner_id,
                                          int64_t now_ms) MUST_CHECK;

/* --- addresses ------------------------------------------------------------------------------- */

/* Inside store_write(): marks the address as verified, unless it is already. ERR_NOT_FOUND if
 * the account does not exist or has no address. */
struct error *account_verify_email(struct store *store, struct arena *arena, int64_t id,
                                   int64_t now_ms) MUST_CHECK;

/*
 * Inside store_write(): removes an unverified address from the account that holds it, and ends the
 * sessions of that account, so that a user who has verified the address can register it. The
 * account keeps its roles and its data. *released_r is its id, or 0 if no account holds the address
 * unverified.
 */
struct error *account_release_email(struct store *store, struct arena *arena, const char *email,
                                    int64_t now_ms, int64_t *released_r) MUST_CHECK;

/* --- the default organization ---------------------------------------------------------------- */

/* Returns the account's default organization, for which its access tokens are issued. It is stored
 * with the account, and only the account itself changes it. 0 if there is none, or if the account
 * is no longer a member of it. */
struct error *account_default_organization(struct store *store, struct arena *arena, int64_t id,
                                           int64_t *organization_r) MUST_CHECK;

/* Inside store_write(). ERR_VALIDATION if the account is not a member of the organization. */
struct error *account_set_default_organization(struct store *store, struct arena *arena, int64_t id,
                                               int64_t organization_id) MUST_CHECK;

/* Inside store_write(): sets the default organization of an account that has none. */
struct error *account_init_default_organization(struct store *store, struct arena *arena,
                                                int64_t id, int64_t organization_id) MUST_CHECK;

/* Inside store_write(): if this organization is the account's default one, the account has no
 * default organization any more. No other organization becomes the default: only the account
 * itself decides where its data is stored. */
struct error *account_clear_default_organization(struct store *store, struct arena *arena,
                                                 int64_t id, int64_t organization_id) MUST_CHECK;

#endif
