/*
 * Session watch: the periodic job that ends sessions which are no longer valid. The housekeeper
 * (proc/housekeeper.h) runs it.
 *
 * At the start it ends sessions that the configuration no longer permits: those of a local
 * administrator whose name or password has changed, and those with tokens of another
 * JWT_SECRET_KEY.
 *
 * Every LDAP_LOGIN_CACHE_S seconds, but at most every five seconds, it reads each directory user
 * with a live session once, in batches. It ends the sessions of users who are deleted, disabled or
 * expired, whose password was set after the login, or who are no longer members of
 * LDAP_ADMIN_GROUP or of a group by which a delegation gave them rights in the session. A lockout
 * after failed logins does not end sessions, because anybody can cause it. While the directory or
 * the database is unavailable, no session is ended.
 */
#ifndef SERVICE_SESSION_WATCH_H
#define SERVICE_SESSION_WATCH_H

#include <stdint.h>

struct config;
struct directory;
struct store;

struct session_watch;

/* Takes ownership of `directory`. The configuration and the store must outlive the watch. */
struct session_watch *session_watch_new(const struct config *config, struct store *store,
                                        struct directory *directory)
    __attribute__((returns_nonnull));
void session_watch_free(struct session_watch **watch);

/* Checks a batch of users. Returns the time of the next call, on the steady clock. */
int64_t session_watch_run(struct session_watch *watch);

#endif
