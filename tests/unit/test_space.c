/* Space: compares the free space of this host's file systems with the reserve. */
#include "base/size.h"
#include "unit.h"

#include "base/space.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* More than any disk has, and less than any test machine has free. */
static const int64_t huge_reserve = INT64_MAX, tiny_reserve = 1;

static const char *const current_folder[] = {".", NULL};
static const char *const missing_paths[] = {"/tmp/not/there/yet/kontora.db",
                                            "not/there/audit.jsonl", NULL};

static void space_state_is_unknown_before_the_first_measurement(void **state)
{
    (void)state;
    struct space_health health;
    space_configure(huge_reserve, current_folder);
    space_health(&health);
    assert_int_equal(health.state, SPACE_UNKNOWN);
    assert_int_equal(health.latency_us, -1);
    assert_false(space_is_critical());
}

static void space_is_never_low_without_a_reserve(void **state)
{
    (void)state;
    struct space_health health;
    space_configure(0, current_folder);
    assert_false(space_is_low());
    assert_false(space_is_critical());
    space_health(&health);
    assert_int_equal(health.state, SPACE_OFF);
    assert_int_equal(health.checked_ms, 0);
}

static void first_space_check_measures_the_free_space(void **state)
{
    (void)state;
    struct space_health health;
    space_configure(huge_reserve, current_folder);
    assert_true(space_is_low());
    assert_true(space_is_critical());
    space_health(&health);
    assert_int_equal(health.state, SPACE_LOW);
    assert_true(health.checked_ms > 0 && health.latency_us >= 0);
}

static void space_check_for_an_upload_measures_again(void **state)
{
    (void)state;
    struct space_health health;
    space_configure(tiny_reserve, current_folder);
    assert_false(space_is_low());
    space_health(&health);
    const int64_t small = health.free_bytes, file_bytes = 64LL * MIB;
    char name[] = "space.XXXXXX";
    int file = mkstemp(name);
    assert_true(file >= 0);
    assert_int_equal(posix_fallocate(file, 0, file_bytes), 0);
    space_configure(small - file_bytes / 2, current_folder);
    bool low = space_is_low_now();
    close(file);
    unlink(name);
    assert_true(low);
}

static void free_space_matches_the_file_system(void **state)
{
    (void)state;
    struct space_health health;
    struct statvfs facts;
    space_configure(tiny_reserve, current_folder);
    space_watch();
    assert_int_equal(statvfs(".", &facts), 0);
    space_health(&health);
    assert_int_equal(health.state, SPACE_ENOUGH);
    int64_t difference = health.free_bytes - (int64_t)(facts.f_bavail * facts.f_frsize);
    assert_true(llabs(difference) < 1024LL * MIB);
    assert_false(space_is_low());
}

static void space_below_half_of_the_reserve_is_critical(void **state)
{
    (void)state;
    struct space_health health;
    space_configure(tiny_reserve, current_folder);
    space_watch();
    space_health(&health);
    space_configure(health.free_bytes + MIB, current_folder);
    assert_false(space_is_critical());
    space_configure(health.free_bytes * 2 + MIB, current_folder);
    assert_true(space_is_critical());
}

static void free_space_of_missing_paths_is_that_of_a_parent_folder(void **state)
{
    (void)state;
    struct space_health health;
    space_configure(tiny_reserve, missing_paths);
    space_watch();
    space_health(&health);
    assert_int_equal(health.state, SPACE_ENOUGH);
    assert_true(health.free_bytes > 0 && health.free_bytes < INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(space_state_is_unknown_before_the_first_measurement),
        cmocka_unit_test(space_is_never_low_without_a_reserve),
        cmocka_unit_test(first_space_check_measures_the_free_space),
        cmocka_unit_test(space_check_for_an_upload_measures_again),
        cmocka_unit_test(free_space_matches_the_file_system),
        cmocka_unit_test(space_below_half_of_the_reserve_is_critical),
        cmocka_unit_test(free_space_of_missing_paths_is_that_of_a_parent_folder),
    };
    space_share();
    return cmocka_run_group_tests_name("space", tests, NULL, NULL);
}
