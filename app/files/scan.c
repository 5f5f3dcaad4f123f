/* See scan.h. */
#include "files/scan.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WORDS_MAX = 32,
    STATUS_CLEAN = 0,
    STATUS_INFECTED = 1,
};

/* The environment of the program. That of the service may hold secrets. */
static char *const program_environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};

/* Returns the arguments: the words of the command and the path. NULL if there are too many
 * words. */
static char **split_command(struct arena *arena, const char *command, const char *path)
{
    char **words = arena_array(arena, WORDS_MAX + 2, sizeof *words);
    char *rest = arena_string(arena, command);
    size_t count = 0;
    for (char *word; (word = strsep(&rest, " "));) {
        if (*word && count == WORDS_MAX) {
            return NULL;
        }
        if (*word) {
            words[count++] = word;
        }
    }
    words[count] = arena_string(arena, path);
    return words;
}

/* Starts the program in its own process group, without open files of the service and with default
 * signal handling. Returns 0 or an errno. */
static int spawn_program(char **words, pid_t *pid_r)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t no_signals, all_signals;
    sigemptyset(&no_signals);
    sigfillset(&all_signals);
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed) {
        return failed;
    }
    failed = posix_spawnattr_init(&attributes);
    if (!failed) {
        const int nowhere[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
        for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere && !failed; i++) {
            failed = posix_spawn_file_actions_addopen(&actions, nowhere[i], "/dev/null", O_RDWR, 0);
        }
        failed =
            failed ? failed : posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
        (void)posix_spawnattr_setsigmask(&attributes, &no_signals);
        (void)posix_spawnattr_setsigdefault(&attributes, &all_signals);
        (void)posix_spawnattr_setpgroup(&attributes, 0);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                        POSIX_SPAWN_SETPGROUP);
        failed = failed ? failed
                        : posix_spawnp(pid_r, words[0], &actions, &attributes, words,
                                       program_environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* Waits until the process has exited. Returns 0 or an errno: ETIMEDOUT after `timeout_ms`. */
static int wait_for_exit(pid_t pid, int64_t timeout_ms)
{
    struct pollfd ended = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    int64_t until = clock_steady_us() + timeout_ms * US_PER_MS;
    int ready = -1, failed;
    if (ended.fd < 0) {
        return errno;
    }
    do {
        int64_t left_ms = (until - clock_steady_us()) / US_PER_MS;
        ready = poll(&ended, 1, left_ms > 0 ? (int)left_ms : 0);
        failed = ready < 0 ? errno : ready ? 0 : ETIMEDOUT;
    } while (failed == EINTR);
    close(ended.fd);
    return failed;
}

struct error *scan_file(const struct config *config, struct arena *arena, const char *path)
{
    pid_t pid;
    int status = 0;
    const char *command = config->upload_scan_command;
    if (!command[strspn(command, " ")]) {
        return NULL;
    }
    char **words = split_command(arena, command, path);
    if (!words) {
        return error_new(arena, ERR_SCAN_UNAVAILABLE, "UPLOAD_SCAN_COMMAND has too many words");
    }
    int failed = spawn_program(words, &pid);
    if (failed) {
        return error_new(arena, ERR_SCAN_UNAVAILABLE, "%s: cannot run: %s", words[0],
                         strerror(failed));
    }
    failed = wait_for_exit(pid, config->upload_scan_timeout_s * MS_PER_S);
    if (failed) {
        (void)kill(-pid, SIGKILL);
    }
    pid_t ended;
    while ((ended = waitpid(pid, &status, 0)) < 0 && errno == EINTR) {
    }
    if (ended != pid) { /* SIGCHLD is ignored, so the status is lost */
        return error_new(arena, ERR_SCAN_UNAVAILABLE, "%s: cannot read its exit status: %s",
                         words[0], strerror(errno));
    }
    if (failed == ETIMEDOUT) {
        return error_new(arena, ERR_SCAN_UNAVAILABLE, "%s: timed out", words[0]);
    }
    if (failed) {
        return error_new(arena, ERR_SCAN_UNAVAILABLE, "%s: cannot wait for its exit: %s", words[0],
                         strerror(failed));
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_CLEAN) {
        return NULL;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == STATUS_INFECTED
               ? error_new(arena, ERR_FILE_INFECTED, NULL)
               : error_new(arena, ERR_SCAN_UNAVAILABLE, "%s: exit status %d", words[0],
                           WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}
