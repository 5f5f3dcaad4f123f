/* See arguments.h. Options may precede the action that determines which options are valid.
 * Therefore the parser first accepts the options of all actions of the command, and then rejects
 * those that the action does not take. */
#include "cli/arguments.h"

#include "cli/usage.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_VALUE = 0x100 }; /* first value of option.val, greater than any character */

struct options {
    const struct command_option
        *known[COMMAND_OPTIONS_MAX]; /* options of all actions, without duplicates */
    const char *values[COMMAND_OPTIONS_MAX];
    int count;
};

static void add_option(struct options *options, const struct command_option *option)
{
    for (int i = 0; i < options->count; i++) {
        if (!strcmp(options->known[i]->name, option->name)) {
            return;
        }
    }
    if (options->count == COMMAND_OPTIONS_MAX) {
        abort(); /* programming error: COMMAND_OPTIONS_MAX is too small */
    }
    options->known[options->count++] = option;
}

static void collect_options(struct options *options, const struct command *command)
{
    if (command->needs != COMMAND_NEEDS_NOTHING) {
        add_option(options, &usage_env_file);
    }
    for (const struct command_action *action = command->actions; action->run; action++) {
        const struct command_option *option = action->options;
        for (; option && option->name; option++) {
            add_option(options, option);
        }
    }
}

/* Prints why getopt_long() returned '?' or ':'. optopt holds the value of a known option, the
 * character of an unknown short option, or 0 for an unknown long option. */
static void report_option(const char *command, const struct options *options, int result,
                          const char *word)
{
    if (optopt >= FIRST_VALUE) {
        fprintf(stderr, "%s: option '--%s' takes %s argument\n", command,
                options->known[optopt - FIRST_VALUE]->name, result == ':' ? "an" : "no");
    } else if (optopt) {
        fprintf(stderr, "%s: unexpected option '-%c'\n", command, optopt);
    } else {
        fprintf(stderr, "%s: unexpected option '%.*s'\n", command, (int)strcspn(word, "="), word);
    }
}

static bool parse_options(struct options *options, int argc, char **argv)
{
    struct option longs[COMMAND_OPTIONS_MAX + 1] = {{0}};
    int result;
    for (int i = 0; i < options->count; i++) {
        longs[i] = (struct option){
            .name = options->known[i]->name,
            .has_arg = options->known[i]->argument ? required_argument : no_argument,
            .val = FIRST_VALUE + i,
        };
    }
    opterr = 0;
    optind = 0; /* glibc: restarts the scan */
    while ((result = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
        if (result == '?' || result == ':') {
            report_option(argv[0], options, result, argv[optind - 1]);
            return false;
        }
        options->values[result - FIRST_VALUE] = optarg ? optarg : "";
    }
    return true;
}

/* Sets the action and its arguments from the words of the command line. False if no action matches,
 * or the number of arguments is wrong. */
static bool parse_words(struct command_call *call, int count, char **words)
{
    const struct command_action *action = call->command->actions;
    if (action->name) {
        while (action->run && (!count || strcmp(action->name, words[0]) != 0)) {
            action++;
        }
        if (!action->run) {
            return false;
        }
        count--;
        words++;
    }
    call->action = action;
    call->arguments = words;
    call->argument_count = count;
    if (count > action->arguments_max) {
        fprintf(stderr, "%s: unexpected argument '%s'\n", call->command->name,
                words[action->arguments_max]);
    }
    return count >= action->arguments_min && count <= action->arguments_max;
}

/* Sets the value of an option in the call. False if the action has no such option. */
static bool set_option(struct command_call *call, const char *name, const char *value)
{
    const struct command_option *own = call->action->options;
    if (!strcmp(name, usage_env_file.name)) {
        call->env_file = value;
        return true;
    }
    for (size_t i = 0; own && own[i].name; i++) {
        if (!strcmp(own[i].name, name)) {
            call->values[i] = value;
            return true;
        }
    }
    fprintf(stderr, "%s: unexpected option '--%s'\n", call->command->name, name);
    return false;
}

bool arguments_parse(struct command_call *call, int argc, char **argv)
{
    struct options options = {.count = 0};
    collect_options(&options, call->command);
    bool valid =
        parse_options(&options, argc, argv) && parse_words(call, argc - optind, argv + optind);
    for (int i = 0; valid && i < options.count; i++) {
        valid = !options.values[i] || set_option(call, options.known[i]->name, options.values[i]);
    }
    if (!valid) {
        (void)usage_print_command(call->command);
    }
    return valid;
}
