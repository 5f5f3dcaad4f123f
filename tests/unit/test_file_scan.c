/* Scan: the verdict of the program about a file, and failures to wait for the program. */
#include "unit.h"

#include "base/config.h"
#include "base/error.h"
#include "files/scan.h"

#include <errno.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>

/* Replaces libc's function: fails with this errno unless it is 0. */
static int pidfd_failure;

int pidfd_open(pid_t pid, unsigned flags)
{
    if (pidfd_failure) {
        errno = pidfd_failure;
        return -1;
    }
    return (int)syscall(SYS_pidfd_open, pid, flags);
}

static struct error *scan(struct arena *arena, const char *command)
{
    const struct config config = {
        .upload_scan_command = command,
        .upload_scan_timeout_s = 1,
    };
    return scan_file(&config, arena, "1000"); /* `sleep 1000` outlasts the timeout */
}

static void the_exit_status_decides(void **state)
{
    assert_null(scan(*state, ""));
    assert_null(scan(*state, "true"));
    assert_int_equal(scan(*state, "false")->id, ERR_FILE_INFECTED);
    assert_int_equal(scan(*state, "/does/not/exist")->id, ERR_SCAN_UNAVAILABLE);
}

static void a_program_that_takes_too_long_is_killed(void **state)
{
    const struct error *error = scan(*state, "sleep");
    assert_int_equal(error->id, ERR_SCAN_UNAVAILABLE);
    assert_string_equal(error->cause, "sleep: timed out");
}

static void a_failed_wait_is_no_timeout(void **state)
{
    pidfd_failure = EMFILE;
    const struct error *error = scan(*state, "sleep");
    pidfd_failure = 0;
    assert_int_equal(error->id, ERR_SCAN_UNAVAILABLE);
    assert_string_equal(error->cause, "sleep: cannot wait for its exit: Too many open files");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(the_exit_status_decides),
        ARENA_TEST(a_program_that_takes_too_long_is_killed),
        ARENA_TEST(a_failed_wait_is_no_timeout),
    };
    return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
