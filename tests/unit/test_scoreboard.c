/* Scoreboard: places are given and taken back, and what a process was doing ends with it. */
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

/* As in unit programs, and in commands. */
static void without_a_board_nothing_is_noted(void **state)
{
    (void)state;
    assert_int_equal(scoreboard_give(CORE), 0);
    scoreboard_enter(0);
    scoreboard_set_busy(true);
    scoreboard_take_back(0);
    assert_count(CORE, 0, 0, 0);
}

static void groups_are_counted_apart(void **state)
{
    (void)state;
    scoreboard_share();
    size_t one = scoreboard_give(CORE), two = scoreboard_give(AUTH);
    scoreboard_enter(one);
    scoreboard_set_busy(true);
    scoreboard_set_connections(7);
    assert_count(CORE, 1, 1, 7);
    assert_count(AUTH, 1, 0, 0);
    scoreboard_set_busy(false);
    assert_count(CORE, 1, 0, 7);
    scoreboard_take_back(one);
    scoreboard_take_back(two);
    assert_count(CORE, 0, 0, 0);
}

/* What a worker was doing when it was killed is not what its successor does. */
static void a_place_is_given_anew_and_empty(void **state)
{
    (void)state;
    scoreboard_share();
    size_t place = scoreboard_give(CORE);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        scoreboard_enter(place);
        scoreboard_set_connections(3);
        scoreboard_set_busy(true);
        (void)raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_count(CORE, 1, 1, 3);
    scoreboard_take_back(place);
    assert_count(CORE, 0, 0, 0);
    assert_int_equal(scoreboard_give(AUTH), place);
    assert_count(AUTH, 1, 0, 0);
}

static void assert_uploads(struct scoreboard_upload of, int64_t subject, int64_t organization)
{
    struct scoreboard_uploads count = scoreboard_count_uploads(of);
    assert_int_equal(count.subject, subject);
    assert_int_equal(count.organization, organization);
}

/* The master takes the place of a killed worker back, and with it the upload that it took. */
static void an_upload_ends_with_its_process(void **state)
{
    const struct scoreboard_upload vera = {1, 7}, mallory = {2, 7}, alone = {3, 0};
    (void)state;
    scoreboard_share();
    size_t places[] = {scoreboard_give(CORE), scoreboard_give(CORE), scoreboard_give(CORE)};
    scoreboard_enter(places[0]);
    scoreboard_set_upload(vera);
    scoreboard_enter(places[1]);
    scoreboard_set_upload(mallory);
    scoreboard_enter(places[2]);
    scoreboard_set_upload(alone);
    assert_uploads(vera, 1, 2);
    assert_uploads(alone, 1, 0);
    scoreboard_take_back(places[1]);
    assert_uploads(mallory, 0, 1);
    assert_int_equal(scoreboard_give(CORE), places[1]);
    assert_uploads(mallory, 0, 1);
    scoreboard_enter(places[0]);
    scoreboard_set_upload((struct scoreboard_upload){0});
    assert_uploads(vera, 0, 0);
}

/* A killed worker does not reduce the number of hashes that others may compute. */
static void a_hash_ends_with_its_process(void **state)
{
    (void)state;
    scoreboard_share();
    size_t places[] = {scoreboard_give(CORE), scoreboard_give(CORE)};
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        scoreboard_enter(places[i]);
        scoreboard_set_hashing(true);
    }
    assert_int_equal(scoreboard_count_hashing(CORE), 2);
    assert_int_equal(scoreboard_count_hashing(CORE + 1), 0);
    scoreboard_set_hashing(false);
    scoreboard_take_back(places[0]);
    assert_int_equal(scoreboard_count_hashing(CORE), 0);
    assert_int_equal(scoreboard_give(CORE), places[0]);
    assert_int_equal(scoreboard_count_hashing(CORE), 0);
}

static void more_than_there_are_places_are_not_counted(void **state)
{
    (void)state;
    enum { ENOUGH = 4 * 2 * 256, MORE = 10000 }; /* two configurations at their greatest */
    scoreboard_share();
    int64_t given = 0;
    for (int i = 0; i < MORE; i++) {
        given += scoreboard_give(CORE) != 0;
    }
    assert_true(given >= ENOUGH && given < MORE);
    assert_count(CORE, given, 0, 0);
    scoreboard_enter(scoreboard_give(CORE));
    scoreboard_set_busy(true);
    assert_count(CORE, given, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_board_nothing_is_noted),
        cmocka_unit_test(groups_are_counted_apart),
        cmocka_unit_test(a_place_is_given_anew_and_empty),
        cmocka_unit_test(an_upload_ends_with_its_process),
        cmocka_unit_test(a_hash_ends_with_its_process),
        cmocka_unit_test(more_than_there_are_places_are_not_counted),
    };
    return cmocka_run_group_tests_name("scoreboard", tests, NULL, NULL);
}
