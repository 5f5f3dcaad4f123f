/*
 * Session watch: the housekeeper's part in ending sessions.
 *
 * When it starts, it ends the sessions that the configuration no longer admits: of a local
 * administrator with another name or password, and with tokens of another JWT_SECRET_KEY.
 *
 * Every LDAP_LOGIN_CACHE_S seconds, at least five, it reads each directory user with a live session
 * once, a few at a time, and ends the sessions of those who are deleted, disabled or expired, whose
 * password was set after the login, or who have left LDAP_ADMIN_GROUP. A user who is locked by
 * failed logins keeps them: anybody can cause that. While the directory or the database is down,
 * nothing is ended.
 */
#ifndef SERVICE_SESSION_WATCH_H
#define SERVICE_SESSION_WATCH_H

#include <stdint.h>

struct config;
struct directory;
struct store;

struct session_watch;

/* Takes over `directory`. The configuration and the store must outlive the watch. */
struct session_watch *session_watch_new(const struct config *config, struct store *store,
                                        struct directory *directory)
    __attribute__((returns_nonnull));
void session_watch_free(struct session_watch **watch);

/* Checks a batch of users. Returns when to be called again, of the steady clock. */
int64_t session_watch_run(struct session_watch *watch);

#endif
