/*
 * Shared by all unit programs: cmocka with the headers it needs, one arena per test, checks of
 * functions that end the process, temporary files, and json-c as the reference JSON parser.
 *
 * Everything is static inline, because each program is one file linked with all of app/.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "http/json_strict.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Expands a string literal, which may contain NUL bytes, to its bytes and its length. */
#define BYTES(literal) (literal), sizeof(literal) - 1

/* Fails the test with a message. The abort() tells the compiler that the macro does not return,
 * which cmocka's declaration does not say. */
#define FAIL(...)                                                                                  \
    do {                                                                                           \
        fail_msg(__VA_ARGS__);                                                                     \
        abort();                                                                                   \
    } while (0)

/* Declares a test whose state is its own arena. */
#define ARENA_TEST(function) cmocka_unit_test_setup_teardown(function, arena_setup, arena_teardown)

static inline int arena_setup(void **state)
{
    *state = arena_new();
    return 0;
}

static inline int arena_teardown(void **state)
{
    struct arena *arena = *state;
    arena_free(&arena);
    return arena != NULL;
}

/* Runs work(argument) in a child process whose standard error goes to /dev/null, and returns its
 * status from waitpid(). A child that returns from `work` exits with 0. */
static inline int exit_status_of(void (*work)(void *argument), void *argument)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (nowhere < 0 || dup2(nowhere, STDERR_FILENO) < 0) {
            _exit(EXIT_FAILURE);
        }
        work(argument);
        _exit(EXIT_SUCCESS);
    }
    int status = 0;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static inline void assert_aborts(void (*work)(void *argument), void *argument)
{
    int status = exit_status_of(work, argument);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

/* Parses a complete JSON text; returns NULL also for the value null. The caller releases the
 * object. */
static inline struct json_object *must_parse(const char *text, size_t length)
{
    size_t members;
    const char *fault = json_strict_check(text, length, &members);
    if (fault) {
        FAIL("%s, so no JSON: %.*s", fault, (int)length, text);
    }
    struct json_tokener *tokener = json_tokener_new_ex(JSON_STRICT_NESTING_MAX + 1);
    assert_non_null(tokener);
    struct json_object *json = json_tokener_parse_ex(tokener, text, (int)length);
    if (json_tokener_get_error(tokener) == json_tokener_continue) {
        json = json_tokener_parse_ex(tokener, "", 1); /* the NUL terminates a number or a literal */
    }
    if (json_tokener_get_error(tokener) != json_tokener_success) {
        FAIL("json-c: cannot read: %.*s", (int)length, text);
    }
    json_tokener_free(tokener);
    return json;
}

/* Returns the member `name`, which must exist. */
static inline struct json_object *must_get(struct json_object *json, const char *name)
{
    struct json_object *member = NULL;
    if (!json_object_object_get_ex(json, name, &member)) {
        print_error("no \"%s\" in %s\n", name, json_object_to_json_string(json));
        fail();
    }
    return member;
}

static inline void assert_member(struct json_object *json, const char *name, const char *expected)
{
    const char *got = json_object_get_string(must_get(json, name));
    if (!got) {
        print_error("\"%s\" is null\n", name);
    }
    assert_string_equal(got ? got : "", expected);
}

/* Creates and enters a temporary folder for the program; leave_temporary() removes it. */
static inline bool enter_temporary(char folder[PATH_MAX])
{
    const char *parent = getenv("TMPDIR");
    snprintf(folder, PATH_MAX, "%s/kontora-unit-XXXXXX", parent && *parent ? parent : "/tmp");
    return mkdtemp(folder) && chdir(folder) == 0;
}

static inline int leave_temporary(const char *folder, int result)
{
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", "--", folder, (char *)NULL);
        _exit(EXIT_FAILURE);
    }
    int status = EXIT_FAILURE;
    if (child < 0 || chdir("/") < 0 || waitpid(child, &status, 0) != child || status) {
        fprintf(stderr, "cannot remove %s\n", folder);
        return EXIT_FAILURE;
    }
    return result;
}

static inline void write_file(const char *path, const char *bytes, size_t length)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* Returns the content of a file, NUL-terminated, in the arena. */
static inline char *read_file(struct arena *arena, const char *path)
{
    struct buffer text = {.arena = arena};
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    buffer_add(&text, "", 0);
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) {
        buffer_add_char(&text, (char)c);
    }
    fclose(file);
    return text.bytes;
}

#endif
