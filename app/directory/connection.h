/*
 * Connection: the one bound LDAP connection of a worker. Only connection.c sees the members of
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

/* Every public function calls it first: from now on, the call may wait for the two configured
 * timeouts together. */
void connection_begin(struct directory *directory);

/* Returns the kept connection unless it must be replaced, else a new one. */
struct error *connection_get(struct directory *directory, struct arena *arena,
                             LDAP **ldap_r) MUST_CHECK;

/* Closes it; the next connection_get() makes another. */
void connection_drop(struct directory *directory);

/* The controller says that it cannot serve: drops the connection, and other servers are tried
 * first. */
void connection_avoid(struct directory *directory);

/* A request sent at `asked` (steady clock) was not answered in time: drops the connection, and
 * marks the controller as silent for all processes unless it has answered another since. */
void connection_unanswered(struct directory *directory, int64_t asked);

/* Connects to one server and notes the result in the circuit. The cause is for the log. */
enum controller_result connection_try(struct directory *directory, struct arena *arena,
                                      size_t index, const char **cause_r) MUST_CHECK;

/* An answer came, so the controller serves: extends the deadline of the call. */
void connection_alive(struct directory *directory);

/* --- state ----------------------------------------------------------------------------------- */

const struct config *connection_config(const struct directory *directory);
struct circuit *connection_circuit(const struct directory *directory);
struct deadline *connection_deadline(struct directory *directory);

/* The servers of LDAP_SERVER, and the index of the one that is, or was last, connected. */
size_t connection_server_count(const struct directory *directory);
const char *connection_server_uri(const struct directory *directory, size_t index);
size_t connection_server(const struct directory *directory);

/* The live connection; NULL: none. */
LDAP *connection_ldap(const struct directory *directory);

/* The number of connections made so far: changes with each new one. */
uint64_t connection_generation(const struct directory *directory);

/* The data of a kind that is remembered about this directory: cache.h. */
void *connection_cache(struct directory *directory, const struct cache_kind *kind)
    __attribute__((returns_nonnull));

/* The arguments for another connection to a server. */
struct controller_attempt connection_attempt(struct directory *directory, struct arena *arena,
                                             size_t index);

#endif
