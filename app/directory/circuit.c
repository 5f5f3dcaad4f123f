/* Circuit: implements the shared states of the controllers with atomics, without locks. */
#include "directory/circuit.h"

#include "base/backoff.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/shared.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

enum {
    AVOID_US = 10 * US_PER_S,
    /* After a failure, the circuit stays open for this time if no further probe ends. Probes of
     * sixteen silent controllers one after the other take less time. */
    OPEN_US = 120 * US_PER_S,
    FRESH_US = 15 * US_PER_S, /* age up to which a state is reliable: three probe intervals */
    REFUSED_PAUSE_MAX_US = 60 * US_PER_S,
    SETTINGS = 8, /* number of circuits that are kept; a reload uses two */
};

static const struct backoff refused_backoff = {.first = INT64_C(5) * US_PER_S,
                                               .max = REFUSED_PAUSE_MAX_US};

typedef _Atomic int64_t shared_time;

struct controller_facts {
    shared_time good;     /* last successful connection */
    shared_time failed;   /* last failed connection or timeout */
    shared_time silent;   /* last timeout */
    shared_time answered; /* last answer to any process */
    shared_time avoid_until;
    /* duration of the last probe, microseconds; -1: it failed; 0: none yet */
    _Atomic int64_t latency;
    shared_time accepted; /* last successful bind as the service account */
    shared_time refused;  /* last refused bind */
    /* no bind to this controller before that time, because only it refuses the account */
    shared_time refused_until;
};

struct circuit {
    _Atomic uint64_t key;      /* digest of the settings; 0: free */
    _Atomic uint64_t sequence; /* order of use: the lowest is replaced next */
    _Atomic uint64_t count;    /* number of controllers */
    struct controller_facts controllers[CIRCUIT_CONTROLLERS];
    shared_time accepted;      /* last successful bind as the service account */
    shared_time try_until;     /* end of one process's permission to bind; 0: none */
    shared_time refused_until; /* no bind before that time */
    _Atomic int64_t refusals;  /* consecutive refused binds; 0: the account is not refused */
    _Atomic int64_t checked;   /* last probe, wall clock in ms */
};

struct circuits {
    struct circuit of[SETTINGS];
};

static struct circuits own_circuits; /* used without circuit_share(), as in unit programs */
static struct circuits *circuits = &own_circuits;

void circuit_share(void)
{
    circuits = shared_alloc(sizeof *circuits);
}

/* --- a circuit for each set of settings ------------------------------------------------------ */

/* Returns a hash (FNV-1a) that identifies a set of directory settings; never 0. */
static uint64_t digest_settings(const struct config *config)
{
    static const uint64_t prime = 1099511628211U;
    uint64_t hash = 14695981039346656037U;
    struct buffer text = {0};
    buffer_format(&text, "%s\n%s\n%s\n%s\n%s\n%" PRId64 " %d %d %" PRId64 " %" PRId64,
                  config->ldap_server, config->ldap_tls_ca_file, config->ldap_bind_dn,
                  config->ldap_bind_password, config->ldap_base_dn, config->ldap_port,
                  config->ldap_use_ssl, config->ldap_start_tls, config->ldap_connect_timeout_ms,
                  config->ldap_timeout_ms);
    for (size_t i = 0; i < text.length; i++) {
        hash = (hash ^ (unsigned char)text.bytes[i]) * prime;
    }
    buffer_free(&text);
    return hash ? hash : 1;
}

/* Adding a circuit needs no lock: the master looks up new settings before it forks workers with
 * them, so only the master adds. */
struct circuit *circuit_get(const struct config *config, size_t count)
{
    uint64_t key = digest_settings(config);
    struct circuit *oldest = &circuits->of[0];
    uint64_t sequence = 0;
    for (size_t i = 0; i < SETTINGS; i++) {
        struct circuit *circuit = &circuits->of[i];
        sequence = circuit->sequence > sequence ? circuit->sequence : sequence;
        oldest = circuit->sequence < oldest->sequence ? circuit : oldest;
    }
    for (size_t i = 0; i < SETTINGS; i++) {
        if (circuits->of[i].key == key) {
            if (circuits->of[i].sequence < sequence) { /* becomes the last circuit to be replaced */
                circuits->of[i].sequence = sequence + 1;
            }
            return &circuits->of[i];
        }
    }
    memset((void *)oldest, 0, sizeof *oldest);
    oldest->count = count;
    oldest->sequence = sequence + 1;
    oldest->key = key;
    return oldest;
}

/* --- controllers ----------------------------------------------------------------------------- */

void circuit_record_connection(struct circuit *circuit, size_t index, int64_t now)
{
    struct controller_facts *facts = &circuit->controllers[index];
    facts->good = now;
    facts->answered = now;
    facts->avoid_until = 0;
}

void circuit_record_answer(struct circuit *circuit, size_t index, int64_t now)
{
    atomic_store_explicit(&circuit->controllers[index].answered, now, memory_order_relaxed);
}

void circuit_record_failure(struct circuit *circuit, size_t index, int64_t now, bool silent)
{
    struct controller_facts *facts = &circuit->controllers[index];
    facts->failed = now;
    facts->avoid_until = now + AVOID_US;
    if (silent) {
        facts->silent = now;
    }
}

bool circuit_record_timeout(struct circuit *circuit, size_t index, int64_t asked, int64_t now)
{
    if (circuit->controllers[index].answered > asked) {
        return false;
    }
    circuit_record_failure(circuit, index, now, true);
    return true;
}

void circuit_record_busy(struct circuit *circuit, size_t index, int64_t now)
{
    circuit->controllers[index].avoid_until = now + AVOID_US;
}

bool circuit_is_avoided(const struct circuit *circuit, size_t index, int64_t now)
{
    return circuit->controllers[index].avoid_until > now;
}

bool circuit_was_silent_since(const struct circuit *circuit, size_t index, int64_t since)
{
    return circuit->controllers[index].silent > since;
}

bool circuit_has_better_controller(const struct circuit *circuit, size_t index, int64_t now)
{
    for (size_t i = 0; i < index; i++) {
        if (circuit_controller_state(circuit, i) == CIRCUIT_UP &&
            circuit->controllers[i].good > now - FRESH_US && !circuit_is_avoided(circuit, i, now)) {
            return true;
        }
    }
    return false;
}

/* --- the circuit ----------------------------------------------------------------------------- */

enum circuit_gate circuit_gate(const struct circuit *circuit, int64_t now)
{
    if (circuit->refusals && circuit->refused_until > now) {
        return CIRCUIT_REFUSED;
    }
    for (size_t i = 0; i < circuit->count; i++) {
        if (circuit_controller_state(circuit, i) != CIRCUIT_DOWN ||
            circuit->controllers[i].failed <= now - OPEN_US) {
            return CIRCUIT_CLOSED;
        }
    }
    return circuit->count ? CIRCUIT_OPEN : CIRCUIT_CLOSED;
}

enum circuit_state circuit_controller_state(const struct circuit *circuit, size_t index)
{
    int64_t good = circuit->controllers[index].good;
    int64_t failed = circuit->controllers[index].failed;
    if (!good && !failed) {
        return CIRCUIT_UNKNOWN;
    }
    return failed > good ? CIRCUIT_DOWN : CIRCUIT_UP;
}

enum circuit_state circuit_state(const struct circuit *circuit)
{
    enum circuit_state best = CIRCUIT_DOWN;
    if (circuit->refusals) {
        return CIRCUIT_DOWN;
    }
    for (size_t i = 0; i < circuit->count; i++) {
        enum circuit_state state = circuit_controller_state(circuit, i);
        if (state == CIRCUIT_UP) {
            return CIRCUIT_UP;
        }
        best = state == CIRCUIT_UNKNOWN ? CIRCUIT_UNKNOWN : best;
    }
    return best;
}

/* --- the service account --------------------------------------------------------------------- */

/* Reserves the permission to bind if its last holder's time is over. Only one process succeeds. */
static bool reserve_bind(shared_time *until, int64_t now, int64_t timeout_us)
{
    int64_t over = *until;
    return over <= now && atomic_compare_exchange_strong(until, &over, now + timeout_us);
}

enum circuit_bind circuit_bind(struct circuit *circuit, size_t index, int64_t now,
                               int64_t timeout_us)
{
    if (circuit->controllers[index].refused_until > now) {
        return CIRCUIT_BIND_REFUSED;
    }
    if (circuit->refusals) {
        return reserve_bind(&circuit->refused_until, now, timeout_us) ? CIRCUIT_BIND_ALLOWED
                                                                      : CIRCUIT_BIND_REFUSED;
    }
    int64_t accepted = circuit->accepted;
    if (accepted && accepted > now - FRESH_US) {
        return CIRCUIT_BIND_ALLOWED;
    }
    if (!reserve_bind(&circuit->try_until, now, timeout_us)) {
        return CIRCUIT_BIND_WAIT;
    }
    if (circuit->refusals) { /* another process was refused by the controller in the meantime */
        circuit->try_until = 0;
        return CIRCUIT_BIND_REFUSED;
    }
    return CIRCUIT_BIND_ALLOWED;
}

void circuit_record_bind_success(struct circuit *circuit, size_t index, int64_t now)
{
    circuit->controllers[index].accepted = now;
    circuit->controllers[index].refused_until = 0;
    circuit->refusals = 0;
    circuit->accepted = now;
    circuit->try_until = 0;
}

/* True if another controller accepted the service account recently and has not refused it since. */
static bool others_accept_bind(const struct circuit *circuit, size_t index, int64_t now)
{
    for (size_t i = 0; i < circuit->count; i++) {
        const struct controller_facts *facts = &circuit->controllers[i];
        if (i != index && facts->accepted && facts->accepted > now - FRESH_US &&
            facts->accepted > facts->refused) {
            return true;
        }
    }
    return false;
}

void circuit_record_bind_refusal(struct circuit *circuit, size_t index, int64_t now)
{
    struct controller_facts *facts = &circuit->controllers[index];
    facts->refused = now;
    if (others_accept_bind(circuit, index, now)) {
        facts->refused_until = now + REFUSED_PAUSE_MAX_US;
        facts->avoid_until = facts->refused_until;
        facts->failed = now;
        circuit->try_until = 0;
        return;
    }
    int64_t refusals = circuit->refusals + 1;
    circuit->refused_until = now + backoff_delay(&refused_backoff, refusals);
    circuit->refusals = refusals;
    circuit->accepted = 0;
    circuit->try_until = 0;
}

void circuit_record_bind_unknown(struct circuit *circuit)
{
    circuit->try_until = 0;
}

/* --- probes ---------------------------------------------------------------------------------- */

void circuit_record_probe(struct circuit *circuit, size_t index, int64_t latency_us,
                          int64_t wall_ms)
{
    circuit->controllers[index].latency = latency_us;
    circuit->checked = wall_ms;
}

int64_t circuit_latency(const struct circuit *circuit)
{
    for (size_t i = 0; i < circuit->count; i++) {
        int64_t latency = circuit->controllers[i].latency;
        if (latency > 0 && circuit_controller_state(circuit, i) == CIRCUIT_UP) {
            return latency;
        }
    }
    return -1;
}

int64_t circuit_last_probe_ms(const struct circuit *circuit)
{
    return circuit->checked;
}
