/*
 * Connection: one bound LDAP connection a worker, made on first use and kept (see internal.h).
 *
 * Servers are tried in the order of LDAP_SERVER, those that failed lately last. No call waits for
 * longer than it has time left. Failures are remembered by all processes together (circuit.h), and
 * a refused password ends the attempt at once: every further try would count towards the lock-out
 * of the service account.
 */
#include "directory/internal.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum {
    MS_US = 1000,
    SECOND_US = 1000 * MS_US,
    RETURN_US = 60 * SECOND_US,
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
    identity_forget(*directory);
    domain_forget(*directory);
    lockout_forget(*directory);
    free((*directory)->service_guid);
    for (size_t i = 0; i < (*directory)->server_count; i++) {
        free((*directory)->servers[i].uri);
    }
    for (size_t i = 0; i < PRIMARY_GROUPS; i++) {
        free((*directory)->primary_groups[i].sid);
        free((*directory)->primary_groups[i].dn);
    }
    free((*directory)->servers);
    free(*directory);
    *directory = NULL;
}

/* --- time ------------------------------------------------------------------------------------ */

static int64_t connect_timeout_us(const struct directory *directory)
{
    return directory->config->ldap_connect_timeout_ms * MS_US;
}

static int64_t operation_timeout_us(const struct directory *directory)
{
    return directory->config->ldap_timeout_ms * MS_US;
}

void connection_begin(struct directory *directory)
{
    directory->deadline =
        clock_steady_us() + connect_timeout_us(directory) + operation_timeout_us(directory);
}

void connection_alive(struct directory *directory)
{
    int64_t now = clock_steady_us();
    int64_t until = now + operation_timeout_us(directory);
    directory->answered_at = now;
    circuit_answered(directory->circuit, directory->server, now);
    if (until > directory->deadline) {
        directory->deadline = until;
    }
}

/* At most `timeout`, but not beyond the call's deadline. */
static int64_t expect(struct directory *directory, int64_t timeout)
{
    int64_t now = clock_steady_us();
    int64_t left = directory->deadline - now;
    int64_t patience = left < timeout ? left : timeout;
    if (patience < 1) {
        patience = 1;
    }
    directory->io_deadline = now + patience;
    return patience;
}

int64_t connection_expect(struct directory *directory)
{
    return expect(directory, operation_timeout_us(directory));
}

int64_t connection_expect_connect(struct directory *directory)
{
    return expect(directory, connect_timeout_us(directory));
}

bool connection_encrypted(const struct directory *directory)
{
    return directory->config->ldap_use_ssl || directory->config->ldap_start_tls;
}

/* --- connecting ------------------------------------------------------------------------------ */

enum controller_result connection_try(struct directory *directory, struct arena *arena,
                                      size_t index, const char **cause_r)
{
    int64_t began = clock_steady_us();
    enum controller_result result =
        controller_connect(directory, arena, index, &directory->ldap, cause_r);
    int64_t now = clock_steady_us();
    switch (result) {
    case SERVER_CONNECTED:
        directory->server = index;
        directory->generation++;
        directory->answered_at = now;
        directory->return_at = now + RETURN_US;
        circuit_connected(directory->circuit, index, now);
        break;
    case SERVER_SILENT: /* nothing is to be said of one that had little time left */
        if (now - began >= connect_timeout_us(directory) / 2) {
            circuit_failed(directory->circuit, index, now, true);
        }
        break;
    case SERVER_FAILED:
        circuit_failed(directory->circuit, index, now, false);
        break;
    case SERVER_NOT_TRIED:
    case SERVER_REFUSES_CREDENTIALS:
        break;
    }
    return result;
}

static enum controller_result connect_to(struct directory *directory, struct arena *arena,
                                         size_t index, const char **cause_r)
{
    enum controller_result result = connection_try(directory, arena, index, cause_r);
    if (result == SERVER_CONNECTED) {
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
    bool refused = result == SERVER_REFUSES_CREDENTIALS &&
                   circuit_gate(directory->circuit, clock_steady_us()) == CIRCUIT_REFUSED;
    return result != SERVER_CONNECTED && !refused;
}

/* One round over the servers that are, or are not, avoided at the moment. */
static enum controller_result connect_round(struct directory *directory, struct arena *arena,
                                            bool avoided, const char **cause_r)
{
    enum controller_result result = SERVER_FAILED;
    for (size_t i = 0; i < directory->server_count && goes_on(directory, result); i++) {
        if (directory->servers[i].avoided == avoided && clock_steady_us() < directory->deadline) {
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
    if (result == SERVER_CONNECTED) {
        return NULL;
    }
    return error_new(arena,
                     result == SERVER_REFUSES_CREDENTIALS ? ERR_DIRECTORY_CREDENTIALS
                                                          : ERR_DIRECTORY_UNAVAILABLE,
                     "%s", cause);
}

/* --- keeping --------------------------------------------------------------------------------- */

void connection_drop(struct directory *directory)
{
    list_forget(directory);
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
