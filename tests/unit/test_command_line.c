/* Command line: parsing of commands, and the help generated from their tables. */
#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/usage.h"

#include "unit.h"

enum { WORDS_MAX = 8, LINE_MAX_COLUMNS = 100 };

static const struct command *const all_commands[] = {
    &admin_command,   &config_command,   &files_command,   &help_command,
    &migrate_command, &openapi_command,  &purge_command,   &recount_command,
    &serve_command,   &sessions_command, &version_command, NULL,
};

/* Parses `line`, words separated by spaces, as a call of `command`. Returns the text printed to
 * standard error. */
static const char *parse_line(struct arena *arena, const struct command *command, const char *line,
                              struct command_call *call_r, bool *valid_r)
{
    char **words = arena_array(arena, WORDS_MAX + 1, sizeof *words), *rest = NULL, *printed = NULL;
    size_t length = 0;
    int count = 0;
    FILE *real = stderr;
    char *copy = arena_string(arena, line);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        assert_true(count < WORDS_MAX);
        words[count++] = word;
    }
    *call_r = (struct command_call){.command = command};
    stderr = open_memstream(&printed, &length);
    *valid_r = arguments_parse(call_r, count, words);
    fclose(stderr);
    stderr = real;
    const char *text = arena_string(arena, printed);
    free(printed);
    return text;
}

static struct command_call parse_valid(struct arena *arena, const struct command *command,
                                       const char *line)
{
    struct command_call call;
    bool valid;
    const char *printed = parse_line(arena, command, line, &call, &valid);
    assert_string_equal(printed, "");
    assert_true(valid);
    return call;
}

static void assert_rejected(struct arena *arena, const struct command *command, const char *line,
                            const char *reason)
{
    struct command_call call;
    bool valid;
    const char *printed = parse_line(arena, command, line, &call, &valid);
    const char *usage = arena_format(arena, "%susage: kontora %s", reason, command->name);
    assert_false(valid);
    assert_memory_equal(printed, usage, strlen(usage));
}

static void options_may_surround_arguments(void **state)
{
    static const char *const lines[] = {
        "admin create a@example.com --name Anna --organization=Firm --env-file e",
        "admin --name Anna create --env-file=e --organization Firm a@example.com",
        "admin --env-file e --organization Firm --name=Anna create a@example.com",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct command_call call = parse_valid(*state, &admin_command, lines[i]);
        assert_string_equal(call.action->name, "create");
        assert_int_equal(call.argument_count, 1);
        assert_string_equal(call.arguments[0], "a@example.com");
        assert_string_equal(command_option(&call, "name"), "Anna");
        assert_string_equal(command_option(&call, "organization"), "Firm");
        assert_string_equal(call.env_file, "e");
    }
}

static void missing_options_are_null(void **state)
{
    struct command_call call = parse_valid(*state, &recount_command, "recount");
    assert_null(command_option(&call, "repair"));
    assert_null(call.env_file);
    call = parse_valid(*state, &recount_command, "recount --repair");
    assert_string_equal(command_option(&call, "repair"), "");
}

static void optional_arguments_may_be_omitted(void **state)
{
    struct command_call call = parse_valid(*state, &migrate_command, "migrate up");
    assert_int_equal(call.argument_count, 0);
    call = parse_valid(*state, &migrate_command, "migrate up 7");
    assert_int_equal(call.argument_count, 1);
    assert_string_equal(call.arguments[0], "7");
}

static void arguments_after_two_dashes_are_not_options(void **state)
{
    struct command_call call = parse_valid(*state, &sessions_command, "sessions end -- --all");
    assert_string_equal(call.arguments[0], "--all");
    assert_null(command_option(&call, "all"));
}

static void error_names_the_unexpected_option(void **state)
{
    static const struct {
        const struct command *command;
        const char *line, *reason;
    } cases[] = {
        {&serve_command, "serve --check", "serve: unexpected option '--check'\n"},
        {&serve_command, "serve --check=1", "serve: unexpected option '--check'\n"},
        {&serve_command, "serve -c", "serve: unexpected option '-c'\n"},
        {&version_command, "version --env-file x", "version: unexpected option '--env-file'\n"},
        {&admin_command, "admin list --name x", "admin: unexpected option '--name'\n"},
        {&sessions_command, "sessions --all list", "sessions: unexpected option '--all'\n"},
        {&config_command, "config --env-file", "config: option '--env-file' takes an argument\n"},
        {&config_command, "config --check=1", "config: option '--check' takes no argument\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_rejected(*state, cases[i].command, cases[i].line, cases[i].reason);
    }
}

static void invalid_arguments_are_rejected(void **state)
{
    static const struct {
        const struct command *command;
        const char *line, *reason;
    } cases[] = {
        {&serve_command, "serve now", "serve: unexpected argument 'now'\n"},
        {&admin_command, "admin list all", "admin: unexpected argument 'all'\n"},
        {&admin_command, "admin create a b", "admin: unexpected argument 'b'\n"},
        {&admin_command, "admin create", ""},
        {&admin_command, "admin remove a", ""},
        {&admin_command, "admin", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_rejected(*state, cases[i].command, cases[i].line, cases[i].reason);
    }
}

/* Each line holds a heading, at least one space, and a text that begins in the same column. */
static void help_texts_are_aligned_in_one_column(void **state)
{
    enum { HELP_COLUMN = 25 };
    char *printed = NULL, *rest = NULL;
    size_t length = 0;
    (void)state;
    FILE *out = open_memstream(&printed, &length);
    usage_print(out, all_commands);
    fclose(out);
    for (char *line = strtok_r(printed, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        assert_true(strlen(line) <= LINE_MAX_COLUMNS);
        if (line[0] == ' ') {
            assert_true(strlen(line) > HELP_COLUMN);
            assert_true(line[HELP_COLUMN - 1] == ' ' && line[HELP_COLUMN] != ' ');
        }
    }
    free(printed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(options_may_surround_arguments),
        ARENA_TEST(missing_options_are_null),
        ARENA_TEST(optional_arguments_may_be_omitted),
        ARENA_TEST(arguments_after_two_dashes_are_not_options),
        ARENA_TEST(error_names_the_unexpected_option),
        ARENA_TEST(invalid_arguments_are_rejected),
        ARENA_TEST(help_texts_are_aligned_in_one_column),
    };
    return cmocka_run_group_tests_name("command_line", tests, NULL, NULL);
}
