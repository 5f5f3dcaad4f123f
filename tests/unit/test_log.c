/* Log: every line is one JSON object with what a line must have; levels; opening and reopening. */
#include "unit.h"

#include "base/file.h"
#include "base/log.h"
#include "base/utf8.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { MODE_BITS = 0777 };

/* The only line of a file, parsed. The caller puts it. */
static struct json_object *only_line(struct arena *arena, const char *path)
{
    char *text = read_file(arena, path);
    size_t length = strlen(text);
    assert_true(length > 0);
    assert_int_equal(text[length - 1], '\n');
    assert_ptr_equal(strchr(text, '\n'), text + length - 1);
    assert_true(utf8_valid(text, length));
    return must_parse(text, length);
}

static void a_line_has_time_level_message(void **state)
{
    assert_true(log_open(LOG_LEVEL_INFO, "line.log"));
    log_warning("%s\n\"%s\"", "two lines", "quoted \xFF");
    struct json_object *line = only_line(*state, "line.log");
    assert_member(line, "level", "warning");
    assert_member(line, "message", "two lines\n\"quoted \xEF\xBF\xBD\"");
    assert_int_equal(json_object_get_int64(must_get(line, "pid")), getpid());
    assert_int_equal(json_object_get_string_len(must_get(line, "time")),
                     strlen("2026-11-20T12:34:56.789Z"));
    assert_false(json_object_object_get_ex(line, "request_id", NULL));
    json_object_put(line);
}

/* What the master's log says of itself, and that of a worker. */
static void every_line_has_its_process(void **state)
{
    assert_true(log_open(LOG_LEVEL_INFO, "master.log"));
    log_info("as the master");
    struct json_object *line = only_line(*state, "master.log");
    assert_member(line, "pool", "master");
    json_object_put(line);
    log_forked("auth");
    assert_true(log_open(LOG_LEVEL_INFO, "pool.log"));
    log_info("as a worker");
    log_forked("master");
    line = only_line(*state, "pool.log");
    assert_member(line, "pool", "auth");
    assert_int_equal(json_object_get_int64(must_get(line, "pid")), getpid());
    json_object_put(line);
}

/* --- the journal ----------------------------------------------------------------------------- */

/* Standard error as something else, and JOURNAL_STREAM with what that is, plus `off`. */
static void begin_stream(const char *path, int off, int *saved_r)
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

static void end_stream(int saved)
{
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    close(saved);
    assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
    assert_true(log_open(LOG_LEVEL_INFO, "after.log"));
}

/* sd-daemon(3): the priorities of syslog(3), one a line, also of lines that are written together. */
static void the_journal_gets_priorities(void **state)
{
    int saved;
    begin_stream("journal", 0, &saved);
    log_hold();
    log_debug("debug");
    log_info("info");
    log_warning("warning");
    log_error("error");
    log_flush();
    end_stream(saved);
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

/* Standard error was redirected since: JOURNAL_STREAM is inherited all the same. */
static void nothing_else_gets_priorities(void **state)
{
    int saved;
    begin_stream("redirected", 1, &saved);
    log_error("plain");
    end_stream(saved);
    json_object_put(only_line(*state, "redirected"));
}

static void a_file_gets_no_priorities(void **state)
{
    int saved;
    begin_stream("stream", 0, &saved);
    assert_true(log_open(LOG_LEVEL_INFO, "file.log"));
    log_error("plain");
    end_stream(saved);
    json_object_put(only_line(*state, "file.log"));
    assert_string_equal(read_file(*state, "stream"), "");
}

/* --- lines ----------------------------------------------------------------------------------- */

static void a_request_has_its_id_on_every_line(void **state)
{
    assert_true(log_open(LOG_LEVEL_INFO, "request.log"));
    log_set_request("abc");
    log_error("inside");
    log_set_request(NULL);
    struct json_object *line = only_line(*state, "request.log");
    assert_member(line, "request_id", "abc");
    assert_member(line, "level", "error");
    json_object_put(line);
}

static void what_is_below_the_level_is_left_out(void **state)
{
    assert_true(log_open(LOG_LEVEL_WARNING, "level.log"));
    assert_false(log_enabled(LOG_LEVEL_INFO));
    assert_true(log_enabled(LOG_LEVEL_WARNING));
    log_debug("no");
    log_info("no");
    log_error("yes");
    struct json_object *line = only_line(*state, "level.log");
    assert_member(line, "message", "yes");
    json_object_put(line);
}

static void long_messages_are_cut(void **state)
{
    struct arena *arena = *state;
    struct buffer text = {.arena = arena};
    for (int i = 0; i < 5000; i++) {
        buffer_add_string(&text, "я");
    }
    assert_true(log_open(LOG_LEVEL_INFO, "long.log"));
    log_info("x%s", text.bytes); /* the cut falls inside a character */
    struct json_object *line = only_line(arena, "long.log");
    int length = json_object_get_string_len(must_get(line, "message"));
    assert_true(length > 1000 && length < 4096);
    json_object_put(line);
}

static void a_line_may_have_members_of_its_own(void **state)
{
    assert_true(log_open(LOG_LEVEL_INFO, "members.log"));
    struct jsonw *json = log_begin(LOG_LEVEL_INFO, "request");
    jsonw_integer(json, "status", 200);
    jsonw_string(json, "actor", NULL);
    log_end();
    struct json_object *line = only_line(*state, "members.log");
    assert_member(line, "status", "200");
    assert_null(must_get(line, "actor"));
    json_object_put(line);
}

static void opening_makes_folders_and_keeps_what_is_there(void **state)
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

static void what_cannot_be_opened_is_said(void **state)
{
    (void)state;
    write_file("plain", "", 0);
    assert_int_equal(file_open_append("plain/file.log"), -1);
    assert_true(log_open(LOG_LEVEL_INFO, "before.log"));
    assert_false(log_open(LOG_LEVEL_INFO, "plain/file.log"));
}

/* A failed log_open() changes nothing: a rotation reopens the file in use. */
static void a_failed_opening_keeps_the_path(void **state)
{
    write_file("occupied", "", 0);
    assert_true(log_open(LOG_LEVEL_INFO, "kept.log"));
    assert_false(log_open(LOG_LEVEL_INFO, "occupied/file.log"));
    assert_int_equal(rename("kept.log", "kept.log.1"), 0);
    log_reopen();
    log_info("after the rotation");
    struct json_object *line = only_line(*state, "kept.log");
    assert_member(line, "message", "after the rotation");
    json_object_put(line);
}

static void rotation_opens_a_new_file(void **state)
{
    assert_true(log_open(LOG_LEVEL_INFO, "rotate.log"));
    log_info("old");
    assert_int_equal(rename("rotate.log", "rotate.log.1"), 0);
    log_info("still old");
    log_reopen();
    log_info("new");
    struct json_object *line = only_line(*state, "rotate.log");
    assert_member(line, "message", "new");
    json_object_put(line);
    assert_non_null(strstr(read_file(*state, "rotate.log.1"), "still old"));
}

/* A turn is not over when the file is opened again: its lines are whole, and there once. */
static void lines_that_wait_outlive_a_rotation(void **state)
{
    assert_true(log_open(LOG_LEVEL_INFO, "held.log"));
    log_hold();
    log_info("waits");
    assert_int_equal(rename("held.log", "held.log.1"), 0);
    log_reopen();
    log_flush();
    struct json_object *line = only_line(*state, "held.log");
    assert_member(line, "message", "waits");
    json_object_put(line);
    assert_string_equal(read_file(*state, "held.log.1"), "");
}

static void a_line_that_cannot_be_written_is_said(void **state)
{
    (void)state;
    int fd = open("readonly", O_CREAT | O_RDONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(file_write(fd, BYTES("line\n")), 0);
    close(fd);
}

/* As on a disk that is full: SIGXFSZ ignored, a file that may not grow is written to its limit. */
static void a_torn_line_ends_before_the_next(void **state)
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
        ARENA_TEST(a_line_has_time_level_message),
        ARENA_TEST(every_line_has_its_process),
        ARENA_TEST(the_journal_gets_priorities),
        ARENA_TEST(nothing_else_gets_priorities),
        ARENA_TEST(a_file_gets_no_priorities),
        ARENA_TEST(a_request_has_its_id_on_every_line),
        ARENA_TEST(what_is_below_the_level_is_left_out),
        ARENA_TEST(long_messages_are_cut),
        ARENA_TEST(a_line_may_have_members_of_its_own),
        ARENA_TEST(opening_makes_folders_and_keeps_what_is_there),
        ARENA_TEST(what_cannot_be_opened_is_said),
        ARENA_TEST(a_failed_opening_keeps_the_path),
        ARENA_TEST(rotation_opens_a_new_file),
        ARENA_TEST(lines_that_wait_outlive_a_rotation),
        ARENA_TEST(a_line_that_cannot_be_written_is_said),
        ARENA_TEST(a_torn_line_ends_before_the_next),
    };
    return leave_temporary(folder, cmocka_run_group_tests_name("log", tests, NULL, NULL));
}
