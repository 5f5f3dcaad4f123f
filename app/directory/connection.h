/*
 * Connection: the bound LDAP connection of a worker. Only connection.c accesses the members of
 * struct directory.
 */
#ifndef DIRECTORY_CONNECTION_H
#define DIRECTORY_CONNECTION_H

#include "base/error.h"
#include "directory/controller.h"

#include <ldap.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct cache_kind;
struct circuit;
struct config;
struct deadline;
struct directory;
struct directory_caller;

/* Starts the deadline of a call. Every public function of the folder calls it first; all requests
 * of the call together may take LDAP_CONNECT_TIMEOUT_MS + LDAP_TIMEOUT_MS. */
void connection_begin_call(struct directory *directory);

/* Returns the open connection if it is still usable, else connects. */
struct error *connection_get(struct directory *directory, struct arena *arena,
                             LDAP **ldap_r) MUST_CHECK;

/* Closes the connection; the next connection_get() opens a new one. */
void connection_drop(struct directory *directory);

/* Call it if the controller answers that it cannot serve: drops the connection, and tries other
 * servers first for some seconds. */
void connection_avoid_server(struct directory *directory);

/* Call it if a request sent at `asked` (steady clock) timed out: drops the connection, and marks
 * the controller as silent for all processes unless it answered another request in the meantime. */
void connection_record_timeout(struct directory *directory, int64_t asked);

/* Connects to one server and records the result in the circuit. *cause_r is the cause of a failure,
 * for the log. */
enum controller_result connection_connect(struct directory *directory, struct arena *arena,
                                          size_t index, const char **cause_r) MUST_CHECK;

/* Call it for each answer: records that the controller serves, and extends the deadline of the
 * call. */
void connection_record_answer(struct directory *directory);

/* --- state ----------------------------------------------------------------------------------- */

/* The caller of the current request (caller.h); NULL: none. */
struct directory_caller *connection_caller(const struct directory *directory);
void connection_set_caller(struct directory *directory, struct directory_caller *caller);

const struct config *connection_config(const struct directory *directory);
struct circuit *connection_circuit(const struct directory *directory);
struct deadline *connection_deadline(struct directory *directory);

/* The servers of LDAP_SERVER, in order. */
size_t connection_server_count(const struct directory *directory);
const char *connection_server_uri(const struct directory *directory, size_t index);

/* Returns the index of the server that is connected, or was last. */
size_t connection_server_index(const struct directory *directory);

/* Returns the open connection, or NULL. */
LDAP *connection_ldap(const struct directory *directory);

/* Returns the number of connections opened so far, which identifies the current one. */
uint64_t connection_generation(const struct directory *directory);

/* Returns the cached data of this kind; see cache.h. */
void *connection_cache(struct directory *directory, const struct cache_kind *kind)
    __attribute__((returns_nonnull));

/* Returns the parameters for a further connection to a server. */
struct controller_attempt connection_attempt(struct directory *directory, struct arena *arena,
                                             size_t index);

#endif
