/*
 * Connection: one bound LDAP connection a worker, made on first use and kept (see internal.h).
 *
 * Servers are tried in the order of LDAP_SERVER, those that failed lately last. No call waits for
 * longer than it has time left. Failures are remembered for a moment (struct refusal), and a
 * refused password ends the attempt at once: every further try would count towards the lock-out of
 * the service account.
 */
#include "directory/internal.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MS_US = 1000,
    SECOND_US = 1000 * MS_US,
    UNAVAILABLE_PAUSE_US = SECOND_US,
    REFUSED_PAUSE_US = 5 * SECOND_US,
    REFUSED_PAUSE_MAX_US = 60 * SECOND_US,
    AVOID_US = 10 * SECOND_US,
    RETURN_US = 60 * SECOND_US,
};

/* --- life ------------------------------------------------------------------------------------ */

static void read_servers(struct directory *directory)
{
    static const char separators[] = ", \t";
    const char *text = directory->config->ldap_server;
    directory->servers = must_alloc((strlen(text) + 1) * sizeof *directory->servers);
    for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
        size_t length = strcspn(text, separators);
        char *uri = controller_uri(directory->config, text, length);
        if (uri) {
            directory->servers[directory->server_count++].uri = uri;
        } else {
            log_error("LDAP_SERVER: \"%.*s\" is not a host", (int)length, text);
        }
        text += length;
    }
}

struct directory *directory_new(const struct config *config)
{
    struct directory *directory = must_alloc(sizeof *directory);
    directory->config = config;
    controller_listen();
    read_servers(directory);
    return directory;
}

void directory_free(struct directory **directory)
{
    if (!*directory) {
        return;
    }
    connection_drop(*directory);
    identity_forget(*directory);
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
    int64_t until = clock_steady_us() + operation_timeout_us(directory);
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

static enum controller_result connect_to(struct directory *directory, struct arena *arena,
                                         size_t index, const char **cause_r)
{
    struct controller *server = &directory->servers[index];
    enum controller_result result =
        controller_connect(directory, arena, server->uri, &directory->ldap, cause_r);
    switch (result) {
    case SERVER_CONNECTED:
        server->avoid_until = 0;
        directory->server = index;
        directory->generation++;
        directory->return_at = clock_steady_us() + RETURN_US;
        directory->refusal = (struct refusal){0};
        log_info("directory: connected to %s", server->uri);
        break;
    case SERVER_FAILED:
        server->avoid_until = clock_steady_us() + AVOID_US;
        log_error("directory: %s", *cause_r);
        break;
    case SERVER_REFUSES_CREDENTIALS:
        log_error("directory: %s", *cause_r);
        break;
    }
    return result;
}

/* One round over the servers that are, or are not, avoided at the moment. */
static enum controller_result connect_round(struct directory *directory, struct arena *arena,
                                            bool avoided, const char **cause_r)
{
    enum controller_result result = SERVER_FAILED;
    for (size_t i = 0; i < directory->server_count && result == SERVER_FAILED; i++) {
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
        directory->servers[i].avoided = directory->servers[i].avoid_until > now;
    }
    enum controller_result result = connect_round(directory, arena, false, cause_r);
    return result == SERVER_FAILED ? connect_round(directory, arena, true, cause_r) : result;
}

/* Keeps the failure, to answer it again until the pause is over. */
static struct error *refuse(struct directory *directory, struct arena *arena, enum error_id id,
                            const char *cause)
{
    struct refusal *refusal = &directory->refusal;
    int64_t pause = UNAVAILABLE_PAUSE_US;
    if (id == ERR_DIRECTORY_CREDENTIALS) {
        bool again = refusal->id == id && refusal->pause;
        pause = again ? 2 * refusal->pause : REFUSED_PAUSE_US;
        pause = pause < REFUSED_PAUSE_MAX_US ? pause : REFUSED_PAUSE_MAX_US;
    }
    refusal->id = id;
    refusal->pause = pause;
    refusal->until = clock_steady_us() + pause;
    snprintf(refusal->cause, sizeof refusal->cause, "%s", cause);
    return error_new(arena, id, "%s", refusal->cause);
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
    if (directory->refusal.until > now) {
        return error_new(arena, directory->refusal.id, "%s", directory->refusal.cause);
    }
    switch (connect_in_order(directory, arena, now, &cause)) {
    case SERVER_CONNECTED:
        return NULL;
    case SERVER_REFUSES_CREDENTIALS:
        return refuse(directory, arena, ERR_DIRECTORY_CREDENTIALS, cause);
    case SERVER_FAILED:
        break;
    }
    return refuse(directory, arena, ERR_DIRECTORY_UNAVAILABLE, cause);
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
    directory->servers[directory->server].avoid_until = clock_steady_us() + AVOID_US;
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

struct error *connection_get(struct directory *directory, struct arena *arena, LDAP **ldap_r)
{
    bool come_back = directory->server > 0 && clock_steady_us() > directory->return_at;
    if (directory->ldap && (come_back || !still_alive(directory))) {
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
