/* Entry lock: processes that change one object wait for each other. */
#include "unit.h"

#include "base/clock.h"
#include "base/shared.h"
#include "directory/entry_lock.h"

#include <sched.h>

static const char guid[] = "a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11";
static const char other_guid[] = "a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c12";

enum { SHORT_US = 20 * US_PER_MS, LONG_US = 30 * US_PER_S };

/* Returns true if the lock can be acquired within the time. Releases it again. */
static bool can_lock(const char *object, int64_t wait_us)
{
    struct entry_lock lock;
    if (!entry_lock_wait(object, clock_steady_us() + wait_us, &lock)) {
        return false;
    }
    entry_lock_release(&lock);
    return true;
}

static void lock_is_free_after_release(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(can_lock(guid, LONG_US));
    }
}

/* Exits with 1 if it gets a lock that its parent holds, or does not get another one. */
static void try_locks_of_parent(void *argument)
{
    (void)argument;
    if (can_lock(guid, SHORT_US) || !can_lock(other_guid, LONG_US)) {
        _exit(EXIT_FAILURE);
    }
}

static void lock_excludes_other_processes_only_from_the_same_object(void **state)
{
    struct entry_lock lock;
    (void)state;
    assert_true(entry_lock_wait(guid, clock_steady_us() + LONG_US, &lock));
    assert_int_equal(exit_status_of(try_locks_of_parent, NULL), 0);
    entry_lock_release(&lock);
}

/* Waits for the lock in a child process, and tells its parent by a pipe when it has it. */
static pid_t start_waiting_child(int *end_r)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (!child) {
        char byte = can_lock(guid, LONG_US) ? 1 : 0;
        _exit(write(ends[1], &byte, 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    assert_true(child > 0);
    close(ends[1]);
    *end_r = ends[0];
    return child;
}

static void released_lock_wakes_a_waiting_process(void **state)
{
    struct entry_lock lock;
    char byte = 0;
    int end, status = -1;
    (void)state;
    assert_true(entry_lock_wait(guid, clock_steady_us() + LONG_US, &lock));
    pid_t child = start_waiting_child(&end);
    entry_lock_release(&lock);
    assert_int_equal(read(end, &byte, 1), 1);
    assert_int_equal(byte, 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(end);
}

/* Is killed while it holds the lock. */
static void die_with_lock(void *argument)
{
    struct entry_lock lock;
    (void)argument;
    if (entry_lock_wait(guid, clock_steady_us() + LONG_US, &lock)) {
        raise(SIGKILL);
    }
}

static void lock_of_a_killed_process_is_free(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        int status = exit_status_of(die_with_lock, NULL);
        assert_true(WIFSIGNALED(status));
        assert_true(can_lock(guid, LONG_US));
    }
}

/* Adds to a counter many times, each time in two steps that only the lock keeps together. */
static void count_under_lock(void *argument)
{
    enum { TIMES = 2000 };
    volatile int *counter = argument;
    for (int i = 0; i < TIMES; i++) {
        struct entry_lock lock;
        if (!entry_lock_wait(guid, clock_steady_us() + LONG_US, &lock)) {
            _exit(EXIT_FAILURE);
        }
        int seen = *counter;
        sched_yield();
        *counter = seen + 1;
        entry_lock_release(&lock);
    }
}

static void no_update_under_the_lock_is_lost(void **state)
{
    enum { PROCESSES = 4, EXPECTED = PROCESSES * 2000 };
    int *counter = shared_alloc(sizeof *counter);
    pid_t children[PROCESSES];
    (void)state;
    for (size_t i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (!children[i]) {
            count_under_lock(counter);
            _exit(EXIT_SUCCESS);
        }
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(*counter, EXPECTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lock_is_free_after_release),
        cmocka_unit_test(lock_excludes_other_processes_only_from_the_same_object),
        cmocka_unit_test(released_lock_wakes_a_waiting_process),
        cmocka_unit_test(lock_of_a_killed_process_is_free),
        cmocka_unit_test(no_update_under_the_lock_is_lost),
    };
    entry_lock_share();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
