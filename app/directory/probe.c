/*
 * Probe: the housekeeper (the process for periodic jobs) connects to each controller in turn and
 * records the result in the circuit. So failover to another controller, and the return to the
 * preferred one, happen without a client waiting for a timeout, and the health of all controllers
 * is known without a request.
 */
#include "directory/probe.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "directory/cache.h"
#include "directory/circuit.h"
#include "directory/connection.h"
#include "directory/controller.h"
#include "directory/measure.h"
#include "directory/service.h"
#include "directory/user_attributes.h"

#include <ldap.h>

enum {
    INTERVAL_US = 5 * US_PER_S,  /* interval between two probes of a controller */
    OPEN_INTERVAL_US = US_PER_S, /* the same while no controller serves; also the pause between
                                    two calls of directory_probe() */
};

struct probed_server {
    int64_t probed_at;   /* steady clock; 0: never */
    bool failure_logged; /* the failure of this controller was logged */
};

struct probed_servers {
    struct probed_server servers[CIRCUIT_CONTROLLERS];
};

static void clear_probed_servers(void *data)
{
    *(struct probed_servers *)data = (struct probed_servers){0};
}

static const struct cache_kind probed_servers_kind = {
    .size = sizeof(struct probed_servers),
    .clear = clear_probed_servers,
};

/* Reads from the controller that was just connected, and closes the connection. */
static bool probe_read(struct directory *directory, struct arena *arena, const char **cause_r)
{
    int64_t asked = clock_steady_us();
    const struct controller_attempt attempt =
        connection_attempt(directory, arena, connection_server_index(directory));
    int code = controller_read_root(&attempt, connection_ldap(directory));
    if (code == LDAP_SUCCESS) {
        connection_record_answer(directory);
        struct error *error =
            service_warn_if_administrator(directory, arena); /* repeated until it succeeds */
        if (error) {
            log_debug("directory: cannot look up LDAP_BIND_DN: %s",
                      error->cause ? error->cause : "");
        }
        error = user_attributes_warn(directory, arena);
        if (error) {
            log_debug("directory: cannot read the schema: %s", error->cause ? error->cause : "");
        }
        connection_drop(directory);
        return true;
    }
    *cause_r =
        arena_format(arena, "%s: cannot read the rootDSE: %s", attempt.uri, ldap_err2string(code));
    if (code == LDAP_TIMEOUT) {
        connection_record_timeout(directory, asked);
    } else {
        circuit_record_failure(attempt.circuit, attempt.index, clock_steady_us(), false);
        connection_drop(directory);
    }
    return false;
}

static void probe_server(struct directory *directory, struct probed_server *server, size_t index)
{
    struct arena *arena = arena_new();
    const char *cause = "";
    int64_t began = clock_steady_us();
    connection_begin_call(directory);
    bool serves = connection_connect(directory, arena, index, &cause) == CONTROLLER_CONNECTED &&
                  probe_read(directory, arena, &cause);
    int64_t took = clock_steady_us() - began;
    measure_operation("probe", began, serves ? NULL : "lost");
    circuit_record_probe(connection_circuit(directory), index, serves ? took : -1, clock_wall_ms());
    if (!serves && !server->failure_logged) { /* logs changes of the state, not every probe */
        log_error("directory: %s", cause);
    } else if (serves && server->failure_logged) {
        log_info("directory: %s serves again", connection_server_uri(directory, index));
    }
    server->failure_logged = !serves;
    arena_free(&arena);
}

int64_t directory_probe(struct directory *directory)
{
    int64_t now = clock_steady_us();
    enum circuit_gate gate = circuit_gate(connection_circuit(directory), now);
    int64_t interval = gate == CIRCUIT_CLOSED ? INTERVAL_US : OPEN_INTERVAL_US;
    struct probed_servers *known = connection_cache(directory, &probed_servers_kind);
    size_t count = connection_server_count(directory);
    struct probed_server *next = known->servers;
    if (!count) {
        return INT64_MAX;
    }
    for (size_t i = 1; i < count; i++) {
        next = known->servers[i].probed_at < next->probed_at ? &known->servers[i] : next;
    }
    if (gate == CIRCUIT_REFUSED || now < next->probed_at + interval) {
        return now + OPEN_INTERVAL_US;
    }
    next->probed_at = now;
    probe_server(directory, next, (size_t)(next - known->servers));
    return count > 1 ? clock_steady_us() : now + OPEN_INTERVAL_US;
}

void directory_health(const struct directory *directory, struct directory_health *health_r)
{
    static const enum directory_state states[] = {
        [CIRCUIT_UNKNOWN] = DIRECTORY_UNKNOWN,
        [CIRCUIT_DOWN] = DIRECTORY_DOWN,
        [CIRCUIT_UP] = DIRECTORY_UP,
    };
    const struct circuit *circuit = connection_circuit(directory);
    *health_r = (struct directory_health){.latency_us = -1};
    if (!connection_server_count(directory)) {
        return;
    }
    health_r->state = states[circuit_state(circuit)];
    health_r->open = circuit_gate(circuit, clock_steady_us()) != CIRCUIT_CLOSED;
    health_r->latency_us = circuit_latency(circuit);
    health_r->checked_ms = circuit_last_probe_ms(circuit);
    for (size_t i = 0; i < connection_server_count(directory); i++) {
        enum circuit_state state = circuit_controller_state(circuit, i);
        health_r->up += state == CIRCUIT_UP;
        health_r->down += state == CIRCUIT_DOWN;
        health_r->unknown += state == CIRCUIT_UNKNOWN;
    }
}
