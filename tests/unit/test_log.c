/* Log: every line is a JSON object with the required members; levels; opening and reopening of
 * the file. */
#include "unit.h"

#include "base/file.h"
#include "base/log.h"
#include "base/utf8.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { MODE_BITS = 0777 };

/* Parses the only line of a file. The caller releases it. */
static struct json_object *parse_only_line(struct arena *arena, const char *path)
{
    char *text = read_file(arena, path);
    size_t length = strlen(text);
    assert_true(length > 0);
    assert_int_equal(text[length - 1], '\n');
    assert_ptr_equal(strchr(text, '\n'), text + length - 1);
    assert_true(utf8_valid(text, length));
    return must_parse(text, length);
}

static void log_line_has_time_level_message_and_pid(void **state)
{
    assert_true(log_open(LOG_LEVEL_INFO, "line.log"));
    log_warning("%s\n\"%s\"", "two lines", "quoted \xFF");
    struct json_object *line = parse_only_line(*state, "line.log");
    assert_member(line, "level", "warning");
    assert_member(line, "message", "two lines\n\"quoted \xEF\xBF\xBD\"");
    assert_int_equal(json_object_get_int64(must_get(line, "pid")), getpid());
    assert_int_equal(json_object_get_string_len(must_get(line, "time")),
                     strlen("2026-11-20T12:34:56.789Z"));
    assert_false(json_object_object_get_ex(line, "request_id", NULL));
    json_object_put(line);
}

/* The log of the master, and that of a worker. */
static void log_line_names_its_pool_and_process(void **state)
{
    assert_true(log_open(LOG_LEVEL_INFO, "master.log"));
    log_info("as the master");
    struct json_object *line = parse_only_line(*state, "master.log");
    assert_member(line, "pool", "master");
    json_object_put(line);
    log_set_process("auth");
    assert_true(log_open(LOG_LEVEL_INFO, "pool.log"));
    log_info("as a worker");
    log_set_process("master");
    line = parse_only_line(*state, "pool.log");
    assert_member(line, "pool", "auth");
    assert_int_equal(json_object_get_int64(must_get(line, "pid")), getpid());
    json_object_put(line);
}

/* --- journal ---------------------------------------------------------------------------------- */

/* Redirects standard error to a file and sets JOURNAL_STREAM to the device and inode of that
 * file, plus `off` to make it mismatch. */
static void redirect_stderr(const char *path, int off, int *saved_r)
{
    char stream[64];
    struct stat facts;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &facts), 0);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)facts.st_dev,
             (uintmax_t)facts.st_ino + (uintmax_t)off);
    *saved_r = dup(STDERR_FILENO);
    assert_true(*saved_r >= 0);
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    close(fd);
    assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
    assert_true(log_open(LOG_LEVEL_DEBUG, ""));
}

static void restore_stderr(int saved)
{
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    close(saved);
    assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
    assert_true(log_open(LOG_LEVEL_INFO, "after.log"));
}

/* sd-daemon(3): each line begins with a priority of syslog(3), even if lines are written
 * together. */
static void journal_lines_begin_with_a_priority(void **state)
{
    int saved;
    redirect_stderr("journal", 0, &saved);
    log_hold();
    log_debug("debug");
    log_info("info");
    log_warning("warning");
    log_error("error");
    log_flush();
    restore_stderr(saved);
    static const char *const priorities[] = {"<7>{", "<6>{", "<4>{", "<3>{"};
    char *line = read_file(*state, "journal");
    for (size_t i = 0; i < COUNT_OF(priorities); i++) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        assert_memory_equal(line, priorities[i], 4);
        json_object_put(must_parse(line + 3, (size_t)(end - line - 3)));
        line = end + 1;
    }
    assert_string_equal(line, "");
}

/* Standard error was redirected after systemd set JOURNAL_STREAM, which the process still inherits.
 * */
static void redirected_stderr_gets_no_priorities(void **state)
{
    int saved;
    redirect_stderr("redirected", 1, &saved);
    log_error("plain");
    restore_stderr(saved);
    json_object_put(parse_only_line(*state, "redirected"));
}

static void log_file_gets_no_priorities(void **state)
{
    int saved;
    redirect_stderr("stream", 0, &saved);
    assert_true(log_open(LOG_LEVEL_INFO, "file.log"));
    log_error("plain");
    restore_stderr(saved);
    json_object_put(parse_only_line(*state, "file.log"));
    assert_string_equal(read_file(*state, "stream"), "");
}

/* --- lines ------------------------------------------------------------------------------------ */

static void log_lines_of_a_request_contain_its_id(void **state)
{
    assert_true(log_open(LOG_LEVEL_INFO, "request.log"));
    log_set_request("abc");
    log_error("inside");
    log_set_request(NULL);
    struct json_object *line = parse_only_line(*state, "request.log");
    assert_member(line, "request_id", "abc");
    assert_member(line, "level", "error");
    json_object_put(line);
}

static void messages_below_the_log_level_are_omitted(void **state)
{
    assert_true(log_open(LOG_LEVEL_WARNING, "level.log"));
    assert_false(log_enabled(LOG_LEVEL_INFO));
    assert_true(log_enabled(LOG_LEVEL_WARNING));
    log_debug("no");
    log_info("no");
    log_error("yes");
    struct json_object *line = parse_only_line(*state, "level.log");
    assert_member(line, "message", "yes");
    json_object_put(line);
}

static void long_log_messages_are_truncated(void **state)
{
    struct arena *arena = *state;
    struct buffer text = {.arena = arena};
    for (int i = 0; i < 5000; i++) {
        buffer_add_string(&text, "я");
    }
    assert_true(log_open(LOG_LEVEL_INFO, "long.log"));
    log_info("x%s", text.bytes); /* the limit falls inside a character */
    struct json_object *line = parse_only_line(arena, "long.log");
    int length = json_object_get_string_len(must_get(line, "message"));
    assert_true(length > 1000 && length < 4096);
    json_object_put(line);
}

static void log_line_may_have_additional_members(void **state)
{
    assert_true(log_open(LOG_LEVEL_INFO, "members.log"));
    struct jsonw *json = log_begin(LOG_LEVEL_INFO, "request");
    jsonw_integer(json, "status", 200);
    jsonw_string(json, "actor", NULL);
    log_end();
    struct json_object *line = parse_only_line(*state, "members.log");
    assert_member(line, "status", "200");
    assert_null(must_get(line, "actor"));
    json_object_put(line);
}

static void opening_the_log_creates_folders_and_appends_to_the_file(void **state)
{
    struct stat facts;
    for (int i = 0; i < 2; i++) {
        int fd = file_open_append("deep/er/file.log");
        assert_true(fd >= 0);
        assert_int_equal(file_write(fd, BYTES("line\n")), 5);
        assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        close(fd);
    }
    assert_string_equal(read_file(*state, "deep/er/file.log"), "line\nline\n");
    assert_int_equal(stat("deep/er/file.log", &facts), 0);
    assert_int_equal(facts.st_mode & MODE_BITS & ~0640U, 0);
}

static void opening_the_log_at_an_invalid_path_fails(void **state)
{
    (void)state;
    write_file("plain", "", 0);
    assert_int_equal(file_open_append("plain/file.log"), -1);
    assert_true(log_open(LOG_LEVEL_INFO, "before.log"));
    assert_false(log_open(LOG_LEVEL_INFO, "plain/file.log"));
}

/* A failed log_open() changes nothing: a rotation reopens the file in use. */
static void failed_opening_keeps_the_current_log_file(void **state)
{
    write_file("occupied", "", 0);
    assert_true(log_open(LOG_LEVEL_INFO, "kept.log"));
    assert_false(log_open(LOG_LEVEL_INFO, "occupied/file.log"));
    assert_int_equal(rename("kept.log", "kept.log.1"), 0);
    log_reopen();
    log_info("after the rotation");
    struct json_object *line = parse_only_line(*state, "kept.log");
    assert_member(line, "message", "after the rotation");
    json_object_put(line);
}

static void reopening_after_rotation_creates_a_new_log_file(void **state)
{
    assert_true(log_open(LOG_LEVEL_INFO, "rotate.log"));
    log_info("old");
    assert_int_equal(rename("rotate.log", "rotate.log.1"), 0);
    log_info("still old");
    log_reopen();
    log_info("new");
    struct json_object *line = parse_only_line(*state, "rotate.log");
    assert_member(line, "message", "new");
    json_object_put(line);
    assert_non_null(strstr(read_file(*state, "rotate.log.1"), "still old"));
}

/* Lines that are still held when the file is reopened are written once and entirely. */
static void buffered_log_lines_are_written_after_a_log_rotation(void **state)
{
    assert_true(log_open(LOG_LEVEL_INFO, "held.log"));
    log_hold();
    log_info("waits");
    assert_int_equal(rename("held.log", "held.log.1"), 0);
    log_reopen();
    log_flush();
    struct json_object *line = parse_only_line(*state, "held.log");
    assert_member(line, "message", "waits");
    json_object_put(line);
    assert_string_equal(read_file(*state, "held.log.1"), "");
}

static void failed_log_write_is_reported(void **state)
{
    (void)state;
    int fd = open("readonly", O_CREAT | O_RDONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(file_write(fd, BYTES("line\n")), 0);
    close(fd);
}

/* Simulates a full disk: with SIGXFSZ ignored, a write stops at the file size limit. */
static void partial_log_line_is_terminated_before_the_next_one(void **state)
{
    struct rlimit whole, small = {0};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
    small = (struct rlimit){.rlim_cur = 20, .rlim_max = whole.rlim_max};
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_true(log_open(LOG_LEVEL_INFO, "torn.log"));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    log_info("torn");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
    log_info("whole");
    char *text = read_file(*state, "torn.log");
    char *second = strchr(text, '\n');
    assert_non_null(second);
    assert_int_equal(second - text, 20);
    struct json_object *line = must_parse(second + 1, strlen(second + 1));
    assert_member(line, "message", "whole");
    json_object_put(line);
}

int main(void)
{
    char folder[PATH_MAX];
    if (!enter_temporary(folder)) {
        return EXIT_FAILURE;
    }
    const struct CMUnitTest tests[] = {
        ARENA_TEST(log_line_has_time_level_message_and_pid),
        ARENA_TEST(log_line_names_its_pool_and_process),
        ARENA_TEST(journal_lines_begin_with_a_priority),
        ARENA_TEST(redirected_stderr_gets_no_priorities),
        ARENA_TEST(log_file_gets_no_priorities),
        ARENA_TEST(log_lines_of_a_request_contain_its_id),
        ARENA_TEST(messages_below_the_log_level_are_omitted),
        ARENA_TEST(long_log_messages_are_truncated),
        ARENA_TEST(log_line_may_have_additional_members),
        ARENA_TEST(opening_the_log_creates_folders_and_appends_to_the_file),
        ARENA_TEST(opening_the_log_at_an_invalid_path_fails),
        ARENA_TEST(failed_opening_keeps_the_current_log_file),
        ARENA_TEST(reopening_after_rotation_creates_a_new_log_file),
        ARENA_TEST(buffered_log_lines_are_written_after_a_log_rotation),
        ARENA_TEST(failed_log_write_is_reported),
        ARENA_TEST(partial_log_line_is_terminated_before_the_next_one),
    };
    return leave_temporary(folder, cmocka_run_group_tests_name("log", tests, NULL, NULL));
}
