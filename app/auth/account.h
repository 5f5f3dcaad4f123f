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
    int64_t credentials_version; /* counts the passwords that it has had */
};

/* Whether bcrypt takes all of a password: it has 72 bytes and no NUL. A check of field maps. */
enum fault_id account_check_password(const char *text, size_t length);

/* An address: something, '@', a domain; no spaces. More is proved by sending to it. A check of field
 * maps. */
enum fault_id account_check_email(const char *text, size_t length);

/* The account of a login name, which is an email address if it holds '@'; NULL: nobody's. */
struct error *account_find(struct store *store, struct arena *arena, const char *name,
                           struct account **account_r) MUST_CHECK;

struct error *account_get(struct store *store, struct arena *arena, int64_t id,
                          struct account **account_r) MUST_CHECK;

/* Inside store_write(): adds an account, whose id is set. ERR_ALREADY_EXISTS, with the field that is
 * taken in its details. */
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

/* The organization that an account's token is for if nothing else is said: its first; 0: none. */
struct error *account_first_organization(struct store *store, struct arena *arena, int64_t id,
                                         int64_t *organization_r) MUST_CHECK;

#endif
