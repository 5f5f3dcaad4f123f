/* Log: every line is one JSON object with what a line must have; levels; opening and reopening. */
#include "unit.h"

#include "base/file.h"
#include "base/log.h"
#include "base/utf8.h"

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

static void a_line_that_cannot_be_written_is_said(void **state)
{
    (void)state;
    int fd = open("readonly", O_CREAT | O_RDONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(file_write(fd, BYTES("line\n")), 0);
    close(fd);
}

int main(void)
{
    char folder[PATH_MAX];
    if (!enter_temporary(folder)) {
        return EXIT_FAILURE;
    }
    const struct CMUnitTest tests[] = {
        ARENA_TEST(a_line_has_time_level_message),
        ARENA_TEST(a_request_has_its_id_on_every_line),
        ARENA_TEST(what_is_below_the_level_is_left_out),
        ARENA_TEST(long_messages_are_cut),
        ARENA_TEST(a_line_may_have_members_of_its_own),
        ARENA_TEST(opening_makes_folders_and_keeps_what_is_there),
        ARENA_TEST(what_cannot_be_opened_is_said),
        ARENA_TEST(rotation_opens_a_new_file),
        ARENA_TEST(a_line_that_cannot_be_written_is_said),
    };
    return leave_temporary(folder, cmocka_run_group_tests_name("log", tests, NULL, NULL));
}
