/* Scan: the verdict of the external scanner about a file, and failures to wait for the scanner. */
#include "unit.h"

#include "base/config.h"
#include "base/error.h"
#include "files/scan.h"

#include <errno.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>

/* Replaces libc's function: fails with errno pidfd_failure unless that is 0. */
static int pidfd_failure;

int pidfd_open(pid_t pid, unsigned flags)
{
    if (pidfd_failure) {
        errno = pidfd_failure;
        return -1;
    }
    return (int)syscall(SYS_pidfd_open, pid, flags);
}

static struct error *scan_with_command(struct arena *arena, const char *command)
{
    const struct config config = {
        .upload_scan_command = command,
        .upload_scan_timeout_s = 1,
    };
    return scan_file(&config, arena, "1000"); /* `sleep 1000` exceeds the timeout */
}

static void exit_status_of_scanner_decides_if_a_file_is_accepted(void **state)
{
    assert_null(scan_with_command(*state, ""));
    assert_null(scan_with_command(*state, "true"));
    assert_int_equal(scan_with_command(*state, "false")->id, ERR_FILE_INFECTED);
    assert_int_equal(scan_with_command(*state, "/does/not/exist")->id, ERR_SCAN_UNAVAILABLE);
}

static void scanner_that_exceeds_the_timeout_is_killed(void **state)
{
    const struct error *error = scan_with_command(*state, "sleep");
    assert_int_equal(error->id, ERR_SCAN_UNAVAILABLE);
    assert_string_equal(error->cause, "sleep: timed out");
}

static void failed_wait_for_the_scanner_is_not_reported_as_timeout(void **state)
{
    pidfd_failure = EMFILE;
    const struct error *error = scan_with_command(*state, "sleep");
    pidfd_failure = 0;
    assert_int_equal(error->id, ERR_SCAN_UNAVAILABLE);
    assert_string_equal(error->cause, "sleep: cannot wait for its exit: Too many open files");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(exit_status_of_scanner_decides_if_a_file_is_accepted),
        ARENA_TEST(scanner_that_exceeds_the_timeout_is_killed),
        ARENA_TEST(failed_wait_for_the_scanner_is_not_reported_as_timeout),
    };
    return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
