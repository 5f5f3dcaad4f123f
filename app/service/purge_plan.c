/* See purge_plan.h. */
#include "service/purge_plan.h"

#include "auth/api_key.h"
#include "auth/throttle.h"
#include "rest/idempotency.h"
#include "tokens/verify.h"

static const struct purge_kind sessions = {"sessions", SQL_SESSIONS_PURGE, 0};
static const struct purge_kind refresh_tokens = {"refresh_tokens", SQL_REFRESH_TOKENS_PURGE, 0};
static const struct purge_kind login_failures = {"login_failures", SQL_LOGIN_FAILURES_PURGE,
                                                 THROTTLE_FORGOTTEN_MS};
static const struct purge_kind login_sources = {"login_sources", SQL_LOGIN_SOURCES_PURGE,
                                                THROTTLE_SOURCES_KEPT_MS};
static const struct purge_kind idempotency_keys = {"idempotency_keys", SQL_IDEMPOTENCY_KEYS_PURGE,
                                                   IDEMPOTENCY_KEPT_MS};
static const struct purge_kind invitations = {"invitations", SQL_INVITATIONS_PURGE, 0};
static const struct purge_kind email_links = {"email_links", SQL_EMAIL_LINKS_PURGE, 0};
static const struct purge_kind api_keys = {"api_keys", SQL_API_KEYS_PURGE, API_KEY_KEPT_MS};
static const struct purge_kind api_key_secrets = {"api_key_secrets", SQL_API_KEY_SECRETS_PURGE, 0};

static const struct purge_kind *const purged_kinds[] = {
    &sessions,
    &refresh_tokens,
    &login_failures,
    &login_sources,
    &idempotency_keys,
    &tokens_purge_kind,
    &invitations,
    &email_links,
    &api_keys,
    &api_key_secrets,
    NULL,
};

/* Statements that set times that lie in the future, because the clock was set back since, to the
 * current time. */
static const enum sql_statement clamps[] = {
    SQL_IDEMPOTENCY_KEYS_CLAMP,
    SQL_PENDING_OBJECTS_CLAMP,
    SQL_LOGIN_SOURCES_CLAMP,
};

/* Statements that correct rows whose time of issue is in the future, because the clock was set back
 * since: each row gets its intended lifetime, counted from now. Not in this list: login_failures,
 * whose delays are corrected when they are read (auth/throttle.c); access tokens, which end with
 * their session; signed URLs (resources/files.c); API keys, whose time of expiry clients choose.
 * Tokens of POST /app/token may be shortened too, because the reply that issued them promised a
 * lifetime in minutes and not a time of expiry. */
static const struct purge_expiry expiries[] = {
    {SQL_SESSIONS_AHEAD, SQL_SESSIONS_SHORTEN},
    {SQL_REFRESH_TOKENS_AHEAD, SQL_REFRESH_TOKENS_SHORTEN},
    {SQL_TOKENS_AHEAD, SQL_TOKENS_SHORTEN},
    {SQL_INVITATIONS_AHEAD, SQL_INVITATIONS_SHORTEN},
    {SQL_EMAIL_LINKS_AHEAD, SQL_EMAIL_LINKS_SHORTEN},
    {SQL_API_KEY_SECRETS_AHEAD, SQL_API_KEY_SECRETS_SHORTEN},
};

const struct purge_plan purge_plan = {
    .kinds = purged_kinds,
    .clamps = clamps,
    .expiries = expiries,
    .clamp_count = sizeof clamps / sizeof *clamps,
    .expiry_count = sizeof expiries / sizeof *expiries,
};
