/* User sessions: ends the sessions of directory users whose accounts were changed. */
#ifndef REST_USER_SESSIONS_H
#define REST_USER_SESSIONS_H

struct directory_entry;
struct request;

/* Ends the sessions of a user at once. If that fails, the housekeeper (the process for periodic
 * jobs) ends them later; the reply is a success all the same, because the directory was changed.
 * Commits at once: a worker of the pool `directory` serves one request at a time, so that no other
 * request is committed with it. */
void user_sessions_end(struct request *request, const struct directory_entry *entry);

#endif
