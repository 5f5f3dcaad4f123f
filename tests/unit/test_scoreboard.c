/* Scoreboard: slots are assigned and released, and the state of a process ends with it. */
#include "unit.h"

#include "base/scoreboard.h"

enum { CORE, AUTH };

static void assert_count(unsigned group, int64_t processes, int64_t busy, int64_t connections)
{
    struct scoreboard_count count = scoreboard_count(group);
    assert_int_equal(count.processes, processes);
    assert_int_equal(count.busy, busy);
    assert_int_equal(count.connections, connections);
}

/* All functions must work without a scoreboard, as in unit programs and commands. */
static void processes_are_not_counted_without_a_scoreboard(void **state)
{
    (void)state;
    assert_int_equal(scoreboard_assign_slot(CORE), 0);
    scoreboard_set_slot(0);
    scoreboard_set_busy(true);
    scoreboard_release_slot(0);
    assert_count(CORE, 0, 0, 0);
}

static void process_groups_are_counted_separately(void **state)
{
    (void)state;
    scoreboard_share();
    size_t one = scoreboard_assign_slot(CORE), two = scoreboard_assign_slot(AUTH);
    scoreboard_set_slot(one);
    scoreboard_set_busy(true);
    scoreboard_set_connections(7);
    assert_count(CORE, 1, 1, 7);
    assert_count(AUTH, 1, 0, 0);
    scoreboard_set_busy(false);
    assert_count(CORE, 1, 0, 7);
    scoreboard_release_slot(one);
    scoreboard_release_slot(two);
    assert_count(CORE, 0, 0, 0);
}

/* The state of a killed worker must not be attributed to its successor. */
static void reused_scoreboard_slot_starts_empty(void **state)
{
    (void)state;
    scoreboard_share();
    size_t place = scoreboard_assign_slot(CORE);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        scoreboard_set_slot(place);
        scoreboard_set_connections(3);
        scoreboard_set_busy(true);
        (void)raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_count(CORE, 1, 1, 3);
    scoreboard_release_slot(place);
    assert_count(CORE, 0, 0, 0);
    assert_int_equal(scoreboard_assign_slot(AUTH), place);
    assert_count(AUTH, 1, 0, 0);
}

static void assert_uploads(struct scoreboard_upload of, int64_t subject, int64_t organization)
{
    struct scoreboard_uploads count = scoreboard_count_uploads(of);
    assert_int_equal(count.subject, subject);
    assert_int_equal(count.organization, organization);
}

/* The master releases the slot of a killed worker, and with it the worker's upload. */
static void upload_is_not_counted_after_its_process_ended(void **state)
{
    const struct scoreboard_upload vera = {1, 7}, mallory = {2, 7}, alone = {3, 0};
    (void)state;
    scoreboard_share();
    size_t places[] = {scoreboard_assign_slot(CORE), scoreboard_assign_slot(CORE),
                       scoreboard_assign_slot(CORE)};
    scoreboard_set_slot(places[0]);
    scoreboard_set_upload(vera);
    scoreboard_set_slot(places[1]);
    scoreboard_set_upload(mallory);
    scoreboard_set_slot(places[2]);
    scoreboard_set_upload(alone);
    assert_uploads(vera, 1, 2);
    assert_uploads(alone, 1, 0);
    scoreboard_release_slot(places[1]);
    assert_uploads(mallory, 0, 1);
    assert_int_equal(scoreboard_assign_slot(CORE), places[1]);
    assert_uploads(mallory, 0, 1);
    scoreboard_set_slot(places[0]);
    scoreboard_set_upload((struct scoreboard_upload){0});
    assert_uploads(vera, 0, 0);
}

static void processes_beyond_the_scoreboard_slots_are_not_counted(void **state)
{
    (void)state;
    /* Two configurations with the maximum number of workers. */
    enum { ENOUGH = 4 * 2 * 256, MORE = 10000 };
    scoreboard_share();
    int64_t given = 0;
    for (int i = 0; i < MORE; i++) {
        given += scoreboard_assign_slot(CORE) != 0;
    }
    assert_true(given >= ENOUGH && given < MORE);
    assert_count(CORE, given, 0, 0);
    scoreboard_set_slot(scoreboard_assign_slot(CORE));
    scoreboard_set_busy(true);
    assert_count(CORE, given, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_are_not_counted_without_a_scoreboard),
        cmocka_unit_test(process_groups_are_counted_separately),
        cmocka_unit_test(reused_scoreboard_slot_starts_empty),
        cmocka_unit_test(upload_is_not_counted_after_its_process_ended),
        cmocka_unit_test(processes_beyond_the_scoreboard_slots_are_not_counted),
    };
    return cmocka_run_group_tests_name("scoreboard", tests, NULL, NULL);
}
