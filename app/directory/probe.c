/*
 * Probe: the housekeeper asks each controller in turn whether it serves, on a connection of its
 * own, and notes the answer in the circuit. So a controller is left, and returned to, without a
 * client that waits to find out; and what all controllers are like is known without asking them.
 */
#include "directory/internal.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"

enum {
    SECOND_US = 1000 * 1000,
    INTERVAL_US = 5 * SECOND_US,
    OPEN_INTERVAL_US =
        SECOND_US, /* while none serves; and as often it is looked whether one does */
};

/* Once after a start, with the first controller that serves; an attempt that fails is repeated with
 * the next probe. */
static void judge_service(struct directory *directory, struct arena *arena)
{
    struct error *error = directory->service_judged ? NULL : service_warn(directory, arena);
    if (error) {
        log_debug("directory: cannot look up LDAP_BIND_DN: %s", error->cause ? error->cause : "");
    }
}

static bool reads_root(struct directory *directory, struct arena *arena, const char **cause_r)
{
    int64_t asked = clock_steady_us();
    int code = controller_read_root(directory, arena, directory->ldap);
    if (code == LDAP_SUCCESS) {
        connection_alive(directory);
        judge_service(directory, arena);
        connection_drop(directory);
        return true;
    }
    *cause_r = arena_format(arena, "%s: it is bound, and reading fails: %s",
                            directory->servers[directory->server].uri, ldap_err2string(code));
    if (code == LDAP_TIMEOUT) {
        connection_unanswered(directory, asked);
    } else {
        circuit_failed(directory->circuit, directory->server, clock_steady_us(), false);
        connection_drop(directory);
    }
    return false;
}

/* The log gets every change, and not every probe. */
static void log_change(struct controller *server, bool serves, const char *cause)
{
    if (!serves && !server->failure_logged) {
        log_error("directory: %s", cause);
    } else if (serves && server->failure_logged) {
        log_info("directory: %s serves again", server->uri);
    }
    server->failure_logged = !serves;
}

static void probe(struct directory *directory, size_t index)
{
    struct arena *arena = arena_new();
    const char *cause = "";
    int64_t began = clock_steady_us();
    connection_begin(directory);
    bool serves = connection_try(directory, arena, index, &cause) == SERVER_CONNECTED &&
                  reads_root(directory, arena, &cause);
    int64_t took = clock_steady_us() - began;
    measure_operation("probe", began, serves ? NULL : "lost");
    circuit_probed(directory->circuit, index, serves ? took : -1, clock_wall_ms());
    log_change(&directory->servers[index], serves, cause);
    arena_free(&arena);
}

int64_t directory_probe(struct directory *directory)
{
    int64_t now = clock_steady_us();
    enum circuit_gate gate = circuit_gate(directory->circuit, now);
    int64_t interval = gate == CIRCUIT_CLOSED ? INTERVAL_US : OPEN_INTERVAL_US;
    struct controller *next = directory->servers;
    if (!directory->server_count) {
        return INT64_MAX;
    }
    for (size_t i = 1; i < directory->server_count; i++) {
        next = directory->servers[i].probed_at < next->probed_at ? &directory->servers[i] : next;
    }
    if (gate == CIRCUIT_REFUSED || now < next->probed_at + interval) {
        return now + OPEN_INTERVAL_US;
    }
    next->probed_at = now;
    probe(directory, (size_t)(next - directory->servers));
    return directory->server_count > 1 ? clock_steady_us() : now + OPEN_INTERVAL_US;
}

void directory_health(const struct directory *directory, struct directory_health *health_r)
{
    static const enum directory_state states[] = {
        [CIRCUIT_UNKNOWN] = DIRECTORY_UNKNOWN,
        [CIRCUIT_DOWN] = DIRECTORY_DOWN,
        [CIRCUIT_UP] = DIRECTORY_UP,
    };
    const struct circuit *circuit = directory->circuit;
    *health_r = (struct directory_health){.latency_us = -1};
    if (!directory->server_count) {
        return;
    }
    health_r->state = states[circuit_state(circuit)];
    health_r->open = circuit_gate(circuit, clock_steady_us()) != CIRCUIT_CLOSED;
    health_r->latency_us = circuit_latency(circuit);
    health_r->checked_ms = circuit_checked(circuit);
    for (size_t i = 0; i < directory->server_count; i++) {
        enum circuit_state state = circuit_controller_state(circuit, i);
        health_r->up += state == CIRCUIT_UP;
        health_r->down += state == CIRCUIT_DOWN;
        health_r->unknown += state == CIRCUIT_UNKNOWN;
    }
}
