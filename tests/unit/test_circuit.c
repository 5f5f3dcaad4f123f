/* Circuit breaker: the health of domain controllers that all processes share. The tests pass
 * their own times. */
#include "unit.h"

#include "base/config.h"
#include "directory/circuit.h"

#include <sys/wait.h>

enum {
    SECOND = 1000 * 1000,
    START = 1000 * SECOND,
    BIND_TIMEOUT = 3 * SECOND,
};

static int settings_count; /* gives each test its own settings */

static struct config next_settings(void)
{
    return (struct config){
        .ldap_server = "",
        .ldap_tls_ca_file = "",
        .ldap_bind_dn = "",
        .ldap_bind_password = "",
        .ldap_base_dn = "",
        .ldap_port = ++settings_count,
    };
}

static struct circuit *new_circuit(size_t count)
{
    struct config config = next_settings();
    return circuit_get(&config, count);
}

static void each_configuration_has_its_own_circuit(void **state)
{
    (void)state;
    struct config config = next_settings(), changed = config;
    struct circuit *circuit = circuit_get(&config, 1);
    circuit_record_failure(circuit, 0, START, false);
    assert_ptr_equal(circuit_get(&config, 1), circuit);
    const char **texts[] = {&changed.ldap_server, &changed.ldap_tls_ca_file, &changed.ldap_bind_dn,
                            &changed.ldap_bind_password, &changed.ldap_base_dn};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        *texts[i] = "other";
        struct circuit *another = circuit_get(&changed, 1);
        assert_ptr_not_equal(another, circuit);
        assert_int_equal(circuit_state(another), CIRCUIT_UNKNOWN);
        *texts[i] = "";
    }
    assert_ptr_equal(circuit_get(&changed, 1), circuit);
    assert_int_equal(circuit_state(circuit), CIRCUIT_DOWN);
}

/* A fixed number of settings is kept; the oldest are evicted first. */
static void circuits_of_oldest_configurations_are_evicted(void **state)
{
    (void)state;
    struct config old = next_settings(), now = next_settings();
    circuit_record_failure(circuit_get(&old, 1), 0, START, false);
    circuit_record_failure(circuit_get(&now, 1), 0, START, false);
    for (int i = 0; i < 7; i++) {
        new_circuit(1);
    }
    assert_int_equal(circuit_state(circuit_get(&now, 1)), CIRCUIT_DOWN);
    assert_int_equal(circuit_state(circuit_get(&old, 1)), CIRCUIT_UNKNOWN);
}

static void circuit_is_open_while_all_controllers_are_down(void **state)
{
    (void)state;
    struct circuit *circuit = new_circuit(2);
    assert_int_equal(circuit_gate(circuit, START), CIRCUIT_CLOSED);
    circuit_record_failure(circuit, 0, START, false);
    assert_int_equal(circuit_gate(circuit, START + 1), CIRCUIT_CLOSED);
    circuit_record_failure(circuit, 1, START, true);
    assert_int_equal(circuit_gate(circuit, START + 1), CIRCUIT_OPEN);
    assert_int_equal(circuit_state(circuit), CIRCUIT_DOWN);
    circuit_record_connection(circuit, 1, START + 2);
    assert_int_equal(circuit_gate(circuit, START + 3), CIRCUIT_CLOSED);
    assert_int_equal(circuit_state(circuit), CIRCUIT_UP);
    assert_int_equal(circuit_controller_state(circuit, 0), CIRCUIT_DOWN);
    assert_int_equal(circuit_controller_state(circuit, 1), CIRCUIT_UP);
}

/* The circuit must close even if the housekeeper has exited and nobody probes. */
static void circuit_closes_if_probes_stop(void **state)
{
    (void)state;
    struct circuit *circuit = new_circuit(1);
    circuit_record_failure(circuit, 0, START, false);
    assert_int_equal(circuit_gate(circuit, START + 119 * SECOND), CIRCUIT_OPEN);
    assert_int_equal(circuit_gate(circuit, START + 121 * SECOND), CIRCUIT_CLOSED);
    assert_int_equal(circuit_state(circuit), CIRCUIT_DOWN);
}

static void recently_failed_controller_is_avoided(void **state)
{
    (void)state;
    struct circuit *circuit = new_circuit(2);
    assert_false(circuit_is_avoided(circuit, 0, START));
    circuit_record_failure(circuit, 0, START, false);
    assert_true(circuit_is_avoided(circuit, 0, START + 9 * SECOND));
    assert_false(circuit_is_avoided(circuit, 0, START + 11 * SECOND));
    assert_false(circuit_is_avoided(circuit, 1, START));
    circuit_record_connection(circuit, 0, START + SECOND);
    assert_false(circuit_is_avoided(circuit, 0, START + 2 * SECOND));
}

static void busy_controller_is_avoided_but_not_down(void **state)
{
    (void)state;
    struct circuit *circuit = new_circuit(1);
    circuit_record_connection(circuit, 0, START);
    circuit_record_busy(circuit, 0, START + 1);
    assert_true(circuit_is_avoided(circuit, 0, START + 2));
    assert_int_equal(circuit_gate(circuit, START + 2), CIRCUIT_CLOSED);
    assert_int_equal(circuit_state(circuit), CIRCUIT_UP);
}

static void timeouts_are_distinguished_from_other_failures(void **state)
{
    (void)state;
    struct circuit *circuit = new_circuit(1);
    circuit_record_failure(circuit, 0, START, false);
    assert_false(circuit_was_silent_since(circuit, 0, START - SECOND));
    circuit_record_failure(circuit, 0, START + SECOND, true);
    assert_true(circuit_was_silent_since(circuit, 0, START));
    assert_false(circuit_was_silent_since(circuit, 0, START + 2 * SECOND));
}

static void slow_request_does_not_fail_a_controller_that_answers_others(void **state)
{
    (void)state;
    struct circuit *circuit = new_circuit(1);
    circuit_record_connection(circuit, 0, START);
    circuit_record_answer(circuit, 0, START + 2 * SECOND);
    assert_false(circuit_record_timeout(circuit, 0, START + SECOND, START + 4 * SECOND));
    assert_int_equal(circuit_gate(circuit, START + 5 * SECOND), CIRCUIT_CLOSED);
    assert_true(circuit_record_timeout(circuit, 0, START + 3 * SECOND, START + 6 * SECOND));
    assert_int_equal(circuit_gate(circuit, START + 7 * SECOND), CIRCUIT_OPEN);
    assert_true(circuit_was_silent_since(circuit, 0, START + 3 * SECOND));
}

static void connection_returns_only_to_a_controller_known_to_work(void **state)
{
    (void)state;
    struct circuit *circuit = new_circuit(3);
    /* the state of the first two is unknown */
    assert_false(circuit_has_better_controller(circuit, 2, START));
    circuit_record_failure(circuit, 0, START, true);
    assert_false(circuit_has_better_controller(circuit, 2, START + 11 * SECOND));
    circuit_record_connection(circuit, 1, START);
    assert_true(circuit_has_better_controller(circuit, 2, START + SECOND));
    assert_false(circuit_has_better_controller(circuit, 1, START + SECOND));
    /* the last success is too old */
    assert_false(circuit_has_better_controller(circuit, 2, START + 16 * SECOND));
    circuit_record_busy(circuit, 1, START + SECOND);
    assert_false(circuit_has_better_controller(circuit, 2, START + 2 * SECOND));
    circuit_record_connection(circuit, 0, START + 3 * SECOND);
    assert_true(circuit_has_better_controller(circuit, 1, START + 4 * SECOND));
}

/* --- service account -------------------------------------------------------------------------- */

static void one_process_tests_the_bind_while_others_wait(void **state)
{
    (void)state;
    struct circuit *circuit = new_circuit(1);
    assert_int_equal(circuit_bind(circuit, 0, START, BIND_TIMEOUT), CIRCUIT_BIND_ALLOWED);
    assert_int_equal(circuit_bind(circuit, 0, START + 1, BIND_TIMEOUT), CIRCUIT_BIND_WAIT);
    circuit_record_bind_success(circuit, 0, START + 2);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(circuit_bind(circuit, 0, START + 3, BIND_TIMEOUT), CIRCUIT_BIND_ALLOWED);
    }
    int64_t late = START + 20 * SECOND; /* the password may have been changed since */
    assert_int_equal(circuit_bind(circuit, 0, late, BIND_TIMEOUT), CIRCUIT_BIND_ALLOWED);
    assert_int_equal(circuit_bind(circuit, 0, late, BIND_TIMEOUT), CIRCUIT_BIND_WAIT);
    circuit_record_bind_unknown(circuit);
    assert_int_equal(circuit_bind(circuit, 0, late, BIND_TIMEOUT), CIRCUIT_BIND_ALLOWED);
}

static void crashed_bind_attempt_blocks_others_only_for_the_timeout(void **state)
{
    (void)state;
    struct circuit *circuit = new_circuit(1);
    assert_int_equal(circuit_bind(circuit, 0, START, BIND_TIMEOUT), CIRCUIT_BIND_ALLOWED);
    assert_int_equal(circuit_bind(circuit, 0, START + BIND_TIMEOUT - 1, BIND_TIMEOUT),
                     CIRCUIT_BIND_WAIT);
    assert_int_equal(circuit_bind(circuit, 0, START + BIND_TIMEOUT, BIND_TIMEOUT),
                     CIRCUIT_BIND_ALLOWED);
}

static void rejected_binds_back_off_exponentially(void **state)
{
    (void)state;
    static const int64_t pauses[] = {5, 10, 20, 40, 60, 60};
    struct circuit *circuit = new_circuit(1);
    int64_t now = START;
    circuit_record_connection(circuit, 0, now);
    for (size_t i = 0; i < COUNT_OF(pauses); i++) {
        assert_int_equal(circuit_bind(circuit, 0, now, BIND_TIMEOUT), CIRCUIT_BIND_ALLOWED);
        assert_int_not_equal(circuit_bind(circuit, 0, now, BIND_TIMEOUT), CIRCUIT_BIND_ALLOWED);
        circuit_record_bind_refusal(circuit, 0, now);
        now += pauses[i] * SECOND;
        assert_int_equal(circuit_gate(circuit, now - 1), CIRCUIT_REFUSED);
        assert_int_equal(circuit_bind(circuit, 0, now - 1, BIND_TIMEOUT), CIRCUIT_BIND_REFUSED);
        assert_int_equal(circuit_gate(circuit, now), CIRCUIT_CLOSED);
        assert_int_equal(circuit_state(circuit), CIRCUIT_DOWN);
    }
    assert_int_equal(circuit_bind(circuit, 0, now, BIND_TIMEOUT), CIRCUIT_BIND_ALLOWED);
    circuit_record_bind_success(circuit, 0, now);
    assert_int_equal(circuit_gate(circuit, now), CIRCUIT_CLOSED);
    assert_int_equal(circuit_state(circuit), CIRCUIT_UP);
    assert_int_equal(circuit_bind(circuit, 0, now, BIND_TIMEOUT), CIRCUIT_BIND_ALLOWED);
    circuit_record_bind_refusal(circuit, 0, now);
    assert_int_equal(circuit_gate(circuit, now + pauses[0] * SECOND),
                     CIRCUIT_CLOSED); /* the pause starts at five seconds again */
}

/* A controller whose replica of the directory is behind must not disable the controllers that
 * work. */
static void single_controller_that_rejects_binds_is_avoided(void **state)
{
    (void)state;
    struct circuit *circuit = new_circuit(2);
    circuit_record_connection(circuit, 0, START);
    circuit_record_bind_success(circuit, 0, START);
    assert_int_equal(circuit_bind(circuit, 1, START + 1, BIND_TIMEOUT), CIRCUIT_BIND_ALLOWED);
    circuit_record_bind_refusal(circuit, 1, START + 2);
    assert_int_equal(circuit_gate(circuit, START + 3), CIRCUIT_CLOSED);
    assert_int_equal(circuit_state(circuit), CIRCUIT_UP);
    assert_true(circuit_is_avoided(circuit, 1, START + 3));
    assert_int_equal(circuit_bind(circuit, 1, START + 3, BIND_TIMEOUT), CIRCUIT_BIND_REFUSED);
    assert_int_equal(circuit_bind(circuit, 0, START + 3, BIND_TIMEOUT), CIRCUIT_BIND_ALLOWED);
    /* The controller that accepted the bind now rejects it too: the password is wrong. */
    circuit_record_bind_refusal(circuit, 0, START + 4);
    assert_int_equal(circuit_gate(circuit, START + 5), CIRCUIT_REFUSED);
}

/* Many processes try at the same time; they share the circuit in shared memory. */
static void only_one_of_many_processes_tries_a_rejected_bind(void **state)
{
    (void)state;
    enum { PROCESSES = 16 };
    circuit_share();
    struct circuit *circuit = new_circuit(1);
    int allowed = 0, status;
    fflush(NULL);
    for (int i = 0; i < PROCESSES; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            enum circuit_bind turn = circuit_bind(circuit, 0, START, BIND_TIMEOUT);
            if (turn == CIRCUIT_BIND_ALLOWED) {
                circuit_record_bind_refusal(circuit, 0, START);
            }
            _exit(turn == CIRCUIT_BIND_ALLOWED);
        }
    }
    while (wait(&status) > 0) {
        assert_true(WIFEXITED(status));
        allowed += WEXITSTATUS(status);
    }
    assert_int_equal(allowed, 1);
    assert_int_equal(circuit_gate(circuit, START + 4 * SECOND), CIRCUIT_REFUSED);
    assert_int_equal(circuit_gate(circuit, START + 6 * SECOND), CIRCUIT_CLOSED);
}

/* --- probes ----------------------------------------------------------------------------------- */

static void reported_latency_is_that_of_the_first_available_controller(void **state)
{
    (void)state;
    struct circuit *circuit = new_circuit(2);
    assert_true(circuit_latency(circuit) == -1 && circuit_last_probe_ms(circuit) == 0);
    circuit_record_connection(circuit, 1, START);
    circuit_record_probe(circuit, 1, 300, 7);
    circuit_record_failure(circuit, 0, START, false);
    circuit_record_probe(circuit, 0, -1, 8);
    assert_true(circuit_latency(circuit) == 300 && circuit_last_probe_ms(circuit) == 8);
    circuit_record_connection(circuit, 0, START + 1);
    circuit_record_probe(circuit, 0, 200, 9);
    assert_true(circuit_latency(circuit) == 200 && circuit_last_probe_ms(circuit) == 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_configuration_has_its_own_circuit),
        cmocka_unit_test(circuits_of_oldest_configurations_are_evicted),
        cmocka_unit_test(circuit_is_open_while_all_controllers_are_down),
        cmocka_unit_test(circuit_closes_if_probes_stop),
        cmocka_unit_test(recently_failed_controller_is_avoided),
        cmocka_unit_test(busy_controller_is_avoided_but_not_down),
        cmocka_unit_test(timeouts_are_distinguished_from_other_failures),
        cmocka_unit_test(slow_request_does_not_fail_a_controller_that_answers_others),
        cmocka_unit_test(connection_returns_only_to_a_controller_known_to_work),
        cmocka_unit_test(one_process_tests_the_bind_while_others_wait),
        cmocka_unit_test(crashed_bind_attempt_blocks_others_only_for_the_timeout),
        cmocka_unit_test(rejected_binds_back_off_exponentially),
        cmocka_unit_test(single_controller_that_rejects_binds_is_avoided),
        cmocka_unit_test(only_one_of_many_processes_tries_a_rejected_bind),
        cmocka_unit_test(reported_latency_is_that_of_the_first_available_controller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
