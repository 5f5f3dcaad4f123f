/*
 * Connection: one bound LDAP connection a worker, made on first use and kept.
 *
 * Servers are tried in the order of LDAP_SERVER, those that failed lately last. No call waits for
 * longer than it has time left. Failures are remembered by all processes together (circuit.h), and
 * a refused password ends the attempt at once: every further try would count towards the lock-out
 * of the service account.
 */
#include "directory/connection.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "directory/cache.h"
#include "directory/circuit.h"
#include "directory/controller.h"
#include "directory/deadline.h"
#include "directory/directory.h"
#include "directory/settings.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* One domain controller of LDAP_SERVER. */
struct server {
    char *uri;    /* malloc */
    bool avoided; /* the circuit avoided it when this attempt to connect began */
};

struct directory {
    const struct config *config;
    struct circuit *circuit; /* of these settings; shared by all processes */
    struct server *servers;
    size_t server_count;
    LDAP *ldap;          /* NULL: not connected */
    size_t server;       /* index of the server that it is connected to */
    uint64_t generation; /* number of connections made so far */
    int64_t answered_at; /* steady clock: last answer on this connection */
    int64_t return_at;   /* steady clock: when to go back to a server before it */
    struct deadline deadline;
    struct cache cache;
};

enum {
    RETURN_US = 60 * US_PER_S,
};

/* --- life ------------------------------------------------------------------------------------ */

static void read_servers(struct directory *directory)
{
    const char *at = directory->config->ldap_server, *name;
    size_t length;
    directory->servers = must_alloc(CIRCUIT_CONTROLLERS * sizeof *directory->servers);
    while (directory->server_count < CIRCUIT_CONTROLLERS &&
           settings_next_server(&at, &name, &length)) {
        char *uri = controller_uri(directory->config, name, length);
        if (uri) {
            directory->servers[directory->server_count++].uri = uri;
        } else {
            log_error("LDAP_SERVER: \"%.*s\" is not a host", (int)length, name);
        }
    }
}

struct directory *directory_new(const struct config *config)
{
    struct directory *directory = must_alloc(sizeof *directory);
    directory->config = config;
    directory->deadline.connect_us = config->ldap_connect_timeout_ms * US_PER_MS;
    directory->deadline.answer_us = config->ldap_timeout_ms * US_PER_MS;
    controller_listen();
    read_servers(directory);
    directory->circuit = circuit_get(config, directory->server_count);
    return directory;
}

void directory_free(struct directory **directory)
{
    if (!*directory) {
        return;
    }
    connection_drop(*directory);
    cache_free(&(*directory)->cache);
    for (size_t i = 0; i < (*directory)->server_count; i++) {
        free((*directory)->servers[i].uri);
    }
    free((*directory)->servers);
    free(*directory);
    *directory = NULL;
}

/* --- state ----------------------------------------------------------------------------------- */

const struct config *connection_config(const struct directory *directory)
{
    return directory->config;
}

struct circuit *connection_circuit(const struct directory *directory)
{
    return directory->circuit;
}

size_t connection_server_count(const struct directory *directory)
{
    return directory->server_count;
}

const char *connection_server_uri(const struct directory *directory, size_t index)
{
    return directory->servers[index].uri;
}

size_t connection_server(const struct directory *directory)
{
    return directory->server;
}

LDAP *connection_ldap(const struct directory *directory)
{
    return directory->ldap;
}

uint64_t connection_generation(const struct directory *directory)
{
    return directory->generation;
}

void *connection_cache(struct directory *directory, const struct cache_kind *kind)
{
    return cache_get(&directory->cache, kind);
}

struct controller_attempt connection_attempt(struct directory *directory, struct arena *arena,
                                             size_t index)
{
    return (struct controller_attempt){
        .config = directory->config,
        .circuit = directory->circuit,
        .deadline = &directory->deadline,
        .arena = arena,
        .uri = directory->servers[index].uri,
        .index = index,
    };
}

/* --- time ------------------------------------------------------------------------------------ */

void connection_begin(struct directory *directory)
{
    deadline_begin(&directory->deadline);
}

void connection_alive(struct directory *directory)
{
    int64_t now = clock_steady_us();
    directory->answered_at = now;
    circuit_answered(directory->circuit, directory->server, now);
    deadline_extend(&directory->deadline, now);
}

struct deadline *connection_deadline(struct directory *directory)
{
    return &directory->deadline;
}

/* --- connecting ------------------------------------------------------------------------------ */

enum controller_result connection_try(struct directory *directory, struct arena *arena,
                                      size_t index, const char **cause_r)
{
    int64_t began = clock_steady_us();
    const struct controller_attempt attempt = connection_attempt(directory, arena, index);
    enum controller_result result = controller_connect(&attempt, &directory->ldap, cause_r);
    int64_t now = clock_steady_us();
    switch (result) {
    case CONTROLLER_CONNECTED:
        directory->server = index;
        directory->generation++;
        directory->answered_at = now;
        directory->return_at = now + RETURN_US;
        circuit_connected(directory->circuit, index, now);
        break;
    case CONTROLLER_SILENT: /* nothing is to be said of one that had little time left */
        if (now - began >= directory->deadline.connect_us / 2) {
            circuit_failed(directory->circuit, index, now, true);
        }
        break;
    case CONTROLLER_FAILED:
        circuit_failed(directory->circuit, index, now, false);
        break;
    case CONTROLLER_NOT_TRIED:
    case CONTROLLER_REFUSES_CREDENTIALS:
        break;
    }
    return result;
}

static enum controller_result connect_to(struct directory *directory, struct arena *arena,
                                         size_t index, const char **cause_r)
{
    enum controller_result result = connection_try(directory, arena, index, cause_r);
    if (result == CONTROLLER_CONNECTED) {
        log_info("directory: connected to %s", directory->servers[index].uri);
    } else {
        log_error("directory: %s", *cause_r);
    }
    return result;
}

/* True if there is reason to go on to another server: not if all would refuse the password, and
 * each try counts. */
static bool goes_on(const struct directory *directory, enum controller_result result)
{
    bool refused = result == CONTROLLER_REFUSES_CREDENTIALS &&
                   circuit_gate(directory->circuit, clock_steady_us()) == CIRCUIT_REFUSED;
    return result != CONTROLLER_CONNECTED && !refused;
}

/* One round over the servers that are, or are not, avoided at the moment. */
static enum controller_result connect_round(struct directory *directory, struct arena *arena,
                                            bool avoided, const char **cause_r)
{
    enum controller_result result = CONTROLLER_FAILED;
    for (size_t i = 0; i < directory->server_count && goes_on(directory, result); i++) {
        if (directory->servers[i].avoided == avoided &&
            clock_steady_us() < directory->deadline.call) {
            result = connect_to(directory, arena, i, cause_r);
        }
    }
    return result;
}

static enum controller_result connect_in_order(struct directory *directory, struct arena *arena,
                                               int64_t now, const char **cause_r)
{
    for (size_t i = 0; i < directory->server_count; i++) {
        directory->servers[i].avoided = circuit_avoids(directory->circuit, i, now);
    }
    enum controller_result result = connect_round(directory, arena, false, cause_r);
    return goes_on(directory, result) ? connect_round(directory, arena, true, cause_r) : result;
}

static struct error *connect_any(struct directory *directory, struct arena *arena)
{
    int64_t now = clock_steady_us();
    const char *cause = "no time was left to connect";
    const char *base = directory->config->ldap_base_dn;
    if (!directory->server_count) {
        return error_new(arena, ERR_DIRECTORY_UNAVAILABLE, "LDAP_SERVER is not configured");
    }
    if (directory_check_dn(base, strlen(base)) != FAULT_NONE) {
        return error_new(arena, ERR_DIRECTORY_UNAVAILABLE, "LDAP_BASE_DN is no DN");
    }
    switch (circuit_gate(directory->circuit, now)) {
    case CIRCUIT_OPEN:
        return error_new(arena, ERR_DIRECTORY_UNAVAILABLE,
                         "no controller served a moment ago: why is in the log above");
    case CIRCUIT_REFUSED:
        return error_new(arena, ERR_DIRECTORY_CREDENTIALS,
                         "the bind of LDAP_BIND_DN was refused: why is in the log above");
    case CIRCUIT_CLOSED:
        break;
    }
    enum controller_result result = connect_in_order(directory, arena, now, &cause);
    if (result == CONTROLLER_CONNECTED) {
        return NULL;
    }
    return error_new(arena,
                     result == CONTROLLER_REFUSES_CREDENTIALS ? ERR_DIRECTORY_CREDENTIALS
                                                              : ERR_DIRECTORY_UNAVAILABLE,
                     "%s", cause);
}

/* --- keeping --------------------------------------------------------------------------------- */

void connection_drop(struct directory *directory)
{
    cache_end_connection(&directory->cache);
    if (directory->ldap) {
        ldap_unbind_ext(directory->ldap, NULL, NULL);
        directory->ldap = NULL;
    }
}

void connection_avoid(struct directory *directory)
{
    circuit_busy(directory->circuit, directory->server, clock_steady_us());
    connection_drop(directory);
}

void connection_unanswered(struct directory *directory, int64_t asked)
{
    if (!circuit_unanswered(directory->circuit, directory->server, asked, clock_steady_us())) {
        log_info("directory: %s answers others", directory->servers[directory->server].uri);
    }
    connection_drop(directory);
}

/* Nothing is outstanding, so whatever there is to read is a notice of disconnection (RFC 4511
 * 4.4.1) or the end. */
static bool still_alive(const struct directory *directory)
{
    int fd = -1;
    if (ldap_get_option(directory->ldap, LDAP_OPT_DESC, &fd) != LDAP_OPT_SUCCESS || fd < 0) {
        return false;
    }
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN | POLLRDHUP};
    int ready;
    do {
        ready = poll(&poll_fd, 1, 0);
    } while (ready < 0 && errno == EINTR);
    return ready == 0;
}

/* Whether the kept connection is to be left for another: its server was found silent since it has
 * answered here, or one before it serves again. */
static bool is_to_leave(const struct directory *directory)
{
    const struct circuit *circuit = directory->circuit;
    int64_t now = clock_steady_us();
    return circuit_silent_since(circuit, directory->server, directory->answered_at) ||
           (now > directory->return_at && circuit_serves_before(circuit, directory->server, now));
}

struct error *connection_get(struct directory *directory, struct arena *arena, LDAP **ldap_r)
{
    if (directory->ldap && (is_to_leave(directory) || !still_alive(directory))) {
        connection_drop(directory);
    }
    if (!directory->ldap) {
        struct error *error = connect_any(directory, arena);
        if (error) {
            return error;
        }
    }
    *ldap_r = directory->ldap;
    return NULL;
}
