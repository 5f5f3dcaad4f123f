/* See usage.h. */
#include "cli/usage.h"

#include "base/buffer.h"

#include <string.h>

enum { HELP_COLUMN = 25 };

const struct command_option usage_env_file = {
    "env-file", "FILE",
    "read settings from FILE (default: .env, if it exists);\n"
    "the environment overrides the file; not accepted by version and help"};

/* Prints a heading and its help text in two columns. */
static void print_entry(FILE *out, const char *heading, const char *help)
{
    for (const char *left = heading; *help; left = "") {
        size_t length = strcspn(help, "\n");
        fprintf(out, "%-*s%.*s\n", HELP_COLUMN, left, (int)length, help);
        help += length + (help[length] == '\n');
    }
}

static void print_option(FILE *out, const char *indent, const struct command_option *option)
{
    struct buffer heading = {0};
    buffer_format(&heading, "%s--%s", indent, option->name);
    if (option->argument) {
        buffer_format(&heading, " %s", option->argument);
    }
    print_entry(out, heading.bytes, option->help);
    buffer_free(&heading);
}

/* Appends the words of one action: `admin create EMAIL`. */
static void format_words(struct buffer *out, const struct command *command,
                         const struct command_action *action)
{
    buffer_add_string(out, command->name);
    if (action->name) {
        buffer_format(out, " %s", action->name);
    }
    if (action->arguments) {
        buffer_format(out, " %s", action->arguments);
    }
}

static void print_action(FILE *out, const struct command *command,
                         const struct command_action *action)
{
    struct buffer heading = {0};
    buffer_add_string(&heading, "  ");
    format_words(&heading, command, action);
    print_entry(out, heading.bytes, action->help);
    buffer_free(&heading);
    for (const struct command_option *option = action->options; option && option->name; option++) {
        print_option(out, "    ", option);
    }
}

void usage_print(FILE *out, const struct command *const *commands)
{
    fputs("usage: kontora COMMAND [OPTION …]\n\n", out);
    for (; *commands; commands++) {
        for (const struct command_action *action = (*commands)->actions; action->run; action++) {
            print_action(out, *commands, action);
        }
    }
    fputs("\n", out);
    print_option(out, "  ", &usage_env_file);
}

static void format_option(struct buffer *out, const struct command_option *option)
{
    buffer_format(out, " [--%s%s%s]", option->name, option->argument ? " " : "",
                  option->argument ? option->argument : "");
}

int usage_print_command(const struct command *command)
{
    struct buffer text = {0};
    for (const struct command_action *action = command->actions; action->run; action++) {
        buffer_add_string(&text,
                          action == command->actions ? "usage: kontora " : "       kontora ");
        format_words(&text, command, action);
        for (const struct command_option *option = action->options; option && option->name;
             option++) {
            format_option(&text, option);
        }
        if (command->needs != COMMAND_NEEDS_NOTHING) {
            format_option(&text, &usage_env_file);
        }
        buffer_add_char(&text, '\n');
    }
    fputs(text.bytes, stderr);
    buffer_free(&text);
    return COMMAND_EXIT_USAGE;
}
