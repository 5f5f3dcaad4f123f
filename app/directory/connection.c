/*
 * Connection: keeps one bound LDAP connection for each worker, opened on first use.
 *
 * Tries the servers in the order of LDAP_SERVER, but those that failed recently last. Each attempt
 * ends at the deadline of the call. Failures are shared with all processes (circuit.h). If the
 * service account is refused, no further server is tried: each failed bind counts towards the
 * lockout of that account.
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
    char *uri;    /* from malloc() */
    bool avoided; /* circuit_is_avoided() when the current attempt to connect began */
};

struct directory {
    const struct config *config;
    struct circuit *circuit; /* shared by all processes with these settings */
    struct server *servers;
    size_t server_count;
    LDAP *ldap;          /* NULL: not connected */
    size_t server;       /* index of the server that is connected, or was last */
    uint64_t generation; /* number of connections opened so far */
    int64_t answered_at; /* steady clock: last answer on this connection */
    /* steady clock: when to return to a server that precedes this one in LDAP_SERVER */
    int64_t return_at;
    struct deadline deadline;
    struct cache cache;
    struct directory_caller *caller; /* of the current request; NULL: none */
};

enum {
    RETURN_US = 60 * US_PER_S, /* shortest stay on a server before returning to a preceding one */
};

/* --- creating and freeing -------------------------------------------------------------------- */

static void parse_servers(struct directory *directory)
{
    const char *at = directory->config->ldap_server, *name;
    size_t length;
    directory->servers = base_alloc(CIRCUIT_CONTROLLERS * sizeof *directory->servers);
    while (directory->server_count < CIRCUIT_CONTROLLERS &&
           settings_next_server(&at, &name, &length)) {
        char *uri = controller_uri(directory->config, name, length);
        if (uri) {
            directory->servers[directory->server_count++].uri = uri;
        } else {
            log_error("directory: LDAP_SERVER: \"%.*s\" is not a host", (int)length, name);
        }
    }
}

struct directory *directory_new(const struct config *config)
{
    struct directory *directory = base_alloc(sizeof *directory);
    directory->config = config;
    directory->deadline.connect_us = config->ldap_connect_timeout_ms * US_PER_MS;
    directory->deadline.answer_us = config->ldap_timeout_ms * US_PER_MS;
    controller_capture_tls_errors();
    parse_servers(directory);
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

struct directory_caller *connection_caller(const struct directory *directory)
{
    return directory->caller;
}

void connection_set_caller(struct directory *directory, struct directory_caller *caller)
{
    directory->caller = caller;
}

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

size_t connection_server_index(const struct directory *directory)
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

/* --- deadline -------------------------------------------------------------------------------- */

void connection_begin_call(struct directory *directory)
{
    deadline_begin(&directory->deadline);
}

void connection_record_answer(struct directory *directory)
{
    int64_t now = clock_steady_us();
    directory->answered_at = now;
    circuit_record_answer(directory->circuit, directory->server, now);
    deadline_extend(&directory->deadline, now);
}

struct deadline *connection_deadline(struct directory *directory)
{
    return &directory->deadline;
}

/* --- connecting ------------------------------------------------------------------------------ */

enum controller_result connection_connect(struct directory *directory, struct arena *arena,
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
        circuit_record_connection(directory->circuit, index, now);
        break;
    case CONTROLLER_SILENT: /* a timeout is inconclusive if little time was left for the attempt */
        if (now - began >= directory->deadline.connect_us / 2) {
            circuit_record_failure(directory->circuit, index, now, true);
        }
        break;
    case CONTROLLER_FAILED:
        circuit_record_failure(directory->circuit, index, now, false);
        break;
    case CONTROLLER_NOT_TRIED:
    case CONTROLLER_REFUSES_CREDENTIALS:
        break;
    }
    return result;
}

/* True if another server is to be tried. False if the connection is open, or if the service account
 * is refused, because other servers would refuse it too. */
static bool should_try_next(const struct directory *directory, enum controller_result result)
{
    bool refused = result == CONTROLLER_REFUSES_CREDENTIALS &&
                   circuit_gate(directory->circuit, clock_steady_us()) == CIRCUIT_REFUSED;
    return result != CONTROLLER_CONNECTED && !refused;
}

/* Tries the servers that are avoided (or those that are not) until one connects. */
static enum controller_result connect_first_of(struct directory *directory, struct arena *arena,
                                               bool avoided, const char **cause_r)
{
    enum controller_result result = CONTROLLER_FAILED;
    for (size_t i = 0; i < directory->server_count && should_try_next(directory, result); i++) {
        if (directory->servers[i].avoided != avoided ||
            clock_steady_us() >= directory->deadline.call) {
            continue;
        }
        result = connection_connect(directory, arena, i, cause_r);
        if (result == CONTROLLER_CONNECTED) {
            log_info("directory: connected to %s", directory->servers[i].uri);
        } else {
            log_error("directory: %s", *cause_r);
        }
    }
    return result;
}

/* Tries all servers, the avoided ones last. */
static enum controller_result connect_in_order(struct directory *directory, struct arena *arena,
                                               int64_t now, const char **cause_r)
{
    for (size_t i = 0; i < directory->server_count; i++) {
        directory->servers[i].avoided = circuit_is_avoided(directory->circuit, i, now);
    }
    enum controller_result result = connect_first_of(directory, arena, false, cause_r);
    return should_try_next(directory, result) ? connect_first_of(directory, arena, true, cause_r)
                                              : result;
}

/* Connects to one of the servers if the circuit is closed. */
static struct error *connect_any(struct directory *directory, struct arena *arena)
{
    int64_t now = clock_steady_us();
    const char *cause = "no time was left to connect";
    const char *base = directory->config->ldap_base_dn;
    if (!directory->server_count) {
        return error_new(arena, ERR_DIRECTORY_UNAVAILABLE, "LDAP_SERVER is not configured");
    }
    if (directory_check_dn(base, strlen(base)) != FAULT_NONE) {
        return error_new(arena, ERR_DIRECTORY_UNAVAILABLE, "LDAP_BASE_DN is not a DN");
    }
    switch (circuit_gate(directory->circuit, now)) {
    case CIRCUIT_OPEN:
        return error_new(arena, ERR_DIRECTORY_UNAVAILABLE,
                         "no controller served a moment ago: see the previous log lines");
    case CIRCUIT_REFUSED:
        return error_new(arena, ERR_DIRECTORY_CREDENTIALS,
                         "the bind as LDAP_BIND_DN was refused: see the previous log lines");
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

/* --- keeping and dropping the connection ----------------------------------------------------- */

void connection_drop(struct directory *directory)
{
    cache_clear_connection(&directory->cache);
    if (directory->ldap) {
        ldap_unbind_ext(directory->ldap, NULL, NULL);
        directory->ldap = NULL;
    }
}

void connection_avoid_server(struct directory *directory)
{
    circuit_record_busy(directory->circuit, directory->server, clock_steady_us());
    connection_drop(directory);
}

void connection_record_timeout(struct directory *directory, int64_t asked)
{
    if (!circuit_record_timeout(directory->circuit, directory->server, asked, clock_steady_us())) {
        log_info("directory: %s answered another request meanwhile: keeping it in use",
                 directory->servers[directory->server].uri);
    }
    connection_drop(directory);
}

/* True if nothing is readable. No request is pending, so readable data is a notice of disconnection
 * (RFC 4511 4.4.1) or the end of the stream. */
static bool is_connection_open(const struct directory *directory)
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

struct error *connection_get(struct directory *directory, struct arena *arena, LDAP **ldap_r)
{
    const struct circuit *circuit = directory->circuit;
    int64_t now = clock_steady_us();
    bool silent = circuit_was_silent_since(circuit, directory->server, directory->answered_at);
    bool returns = /* true: time to return to a server that precedes this one in LDAP_SERVER */
        now > directory->return_at &&
        circuit_has_better_controller(circuit, directory->server, now);
    if (directory->ldap && (silent || returns || !is_connection_open(directory))) {
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
