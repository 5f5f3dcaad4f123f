/*
 * kontora: the command line and the wiring of the layers. It and commands.c know everything.
 *
 *   kontora serve  [--env-file FILE]            the master and its workers
 *   kontora migrate status | up [N] | down [N]  the database's schema, to version N
 *   kontora admin  create | password | invite | confirm EMAIL, list   accounts and their addresses
 *   kontora sessions list [NAME] | end ID | end --subject NAME | end --all
 *   kontora purge                               deletes what has expired
 *   kontora recount [--repair]                  verifies the counters behind totals and analytics
 *   kontora files  check [--repair]             verifies that files and objects fit each other
 *   kontora openapi [--language ru|en]          prints the OpenAPI document
 *   kontora config [--env-file FILE] [--check]  the effective settings, secrets masked
 *   kontora version | help
 */
#include "auth/auth.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/log.h"
#include "base/version.h"
#include "cli/commands.h"
#include "http/server.h"
#include "service/service.h"
#include "service/settings.h"
#include "store/migrations.h"
#include "store/store.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- commands -------------------------------------------------------------------------------- */

static void print_lines(enum log_level level, const char *text)
{
    const char *priority = log_priority(level);
    for (; *text; text += *text == '\n') {
        size_t length = strcspn(text, "\n");
        fprintf(stderr, "%s%.*s\n", priority, (int)length, text);
        text += length;
    }
}

/* Reads the configuration and prints what is wrong with it. */
static bool load(struct config *config, const char *env_file)
{
    struct buffer faults = {0}, warnings = {0};
    bool loaded = config_load(config, env_file, &faults, &warnings);
    loaded = settings_check(config, &faults) && loaded;
    auth_warn(config, &warnings);
    print_lines(LOG_LEVEL_WARNING, warnings.length ? warnings.bytes : "");
    print_lines(LOG_LEVEL_ERROR, faults.length ? faults.bytes : "");
    buffer_free(&faults);
    buffer_free(&warnings);
    return loaded;
}

/* Production serves no schema that it was not written for. A database that is not there may come
 * back; its workers start without it. */
static bool schema_fits(const struct config *config)
{
    struct arena *arena = arena_new();
    struct store *store = store_new(config, NULL);
    const struct error *error = store_schema_check(store, arena);
    bool fits = !error || error->id == ERR_DATABASE_UNAVAILABLE ||
                config->environment != ENVIRONMENT_PRODUCTION;
    if (error && fits) {
        log_warning("the database: %s", error->cause);
    } else if (error) {
        log_error("the database: %s", error->cause);
    }
    store_free(&store);
    arena_free(&arena);
    return fits;
}

static int run_serve(const struct arguments *arguments)
{
    struct config config;
    int status = EXIT_CONFIGURATION;
    if (load(&config, arguments->env_file)) {
        if (!log_open((enum log_level)config.log_level, config.log_path)) {
            fprintf(stderr, "%sLOG_PATH: %s: %s\n", log_priority(LOG_LEVEL_ERROR), config.log_path,
                    strerror(errno));
        } else if (!server_init()) {
            log_error("libfcgi cannot be set up");
            status = EXIT_FAILURE;
        } else if (schema_fits(&config)) {
            status = service_run(&config, arguments->env_file);
        }
    }
    config_free(&config);
    return status;
}

static int run_config(const struct arguments *arguments)
{
    struct config config;
    bool loaded = load(&config, arguments->env_file);
    if (!arguments->check) {
        struct buffer out = {0};
        config_print(&config, &out);
        fputs(out.bytes, stdout);
        buffer_free(&out);
    }
    config_free(&config);
    return loaded ? EXIT_SUCCESS : EXIT_CONFIGURATION;
}

/* A command that works on the configuration alone. */
static int with_configuration(const struct arguments *arguments,
                              int (*command)(const struct config *, const struct arguments *))
{
    struct config config;
    int status = EXIT_CONFIGURATION;
    if (load(&config, arguments->env_file)) {
        status = command(&config, arguments);
    }
    config_free(&config);
    return status;
}

static int run_migrate(const struct arguments *arguments)
{
    return with_configuration(arguments, command_migrate);
}

static int run_admin(const struct arguments *arguments)
{
    return with_configuration(arguments, command_admin);
}

static int run_sessions(const struct arguments *arguments)
{
    return with_configuration(arguments, command_sessions);
}

static int run_purge(const struct arguments *arguments)
{
    return with_configuration(arguments, command_purge);
}

static int run_recount(const struct arguments *arguments)
{
    return with_configuration(arguments, command_recount);
}

static int run_files(const struct arguments *arguments)
{
    return with_configuration(arguments, command_files);
}

static int run_openapi(const struct arguments *arguments)
{
    return with_configuration(arguments, command_openapi);
}

static int run_version(const struct arguments *arguments)
{
    (void)arguments;
    puts("kontora " KONTORA_VERSION);
    return EXIT_SUCCESS;
}

static void print_usage(FILE *out)
{
    fputs(
        "usage: kontora COMMAND [OPTION …]\n"
        "\n"
        "  serve                  run the service in the foreground\n"
        "  migrate status         what the database's schema consists of, and what is missing\n"
        "  migrate up [N]         apply what is missing, up to version N\n"
        "  migrate down [N]       undo one step, or all above version N\n"
        "  admin create EMAIL     make an account and its organization; the password is read from\n"
        "    --name NAME          standard input\n"
        "    --organization NAME\n"
        "  admin password EMAIL   set the password that is read from standard input, and end all\n"
        "                         sessions of the account\n"
        "  admin invite EMAIL     print a one-use token with which the holder of the address "
        "registers,\n"
        "                         or verifies the address of an existing account\n"
        "  admin confirm EMAIL    confirm the address of an existing account\n"
        "  admin list             print all accounts with their organizations and roles\n"
        "  sessions list [NAME]   print the live sessions, of everybody or of one user or subject\n"
        "  sessions end ID        end one session, the sessions of a user or subject, or all of "
        "them\n"
        "    --subject NAME\n"
        "    --all\n"
        "  purge                  delete what has expired, as the service does by itself\n"
        "  recount                count anew what is kept counted, and print what is wrong\n"
        "    --repair             set it right\n"
        "  files check            hold the files of the database and the objects of the storage\n"
        "                         against each other, and print what is wrong\n"
        "    --repair             set it right\n"
        "  openapi                print the OpenAPI document\n"
        "    --language ru|en     in that language (default: DEFAULT_LANGUAGE)\n"
        "  config                 print the effective settings, secrets masked\n"
        "    --check              print faults only; the exit status is 0 if there are none\n"
        "  version                print the version\n"
        "  help                   print this text\n"
        "\n"
        "  --env-file FILE        read settings from FILE (default: .env, if there is one);\n"
        "                         the environment wins over the file\n",
        out);
}

static int run_help(const struct arguments *arguments)
{
    (void)arguments;
    print_usage(stdout);
    return EXIT_SUCCESS;
}

/* One bit for each option: the value that getopt_long() returns for it. */
enum {
    OPTION_ENV_FILE = 0x1,
    OPTION_CHECK = 0x2,
    OPTION_REPAIR = 0x4,
    OPTION_NAME = 0x8,
    OPTION_ORGANIZATION = 0x10,
    OPTION_LANGUAGE = 0x20,
    OPTION_SUBJECT = 0x40,
    OPTION_ALL = 0x80,
};

static const struct option options[] = {
    {"env-file", required_argument, NULL, OPTION_ENV_FILE},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"repair", no_argument, NULL, OPTION_REPAIR},
    {"name", required_argument, NULL, OPTION_NAME},
    {"organization", required_argument, NULL, OPTION_ORGANIZATION},
    {"language", required_argument, NULL, OPTION_LANGUAGE},
    {"subject", required_argument, NULL, OPTION_SUBJECT},
    {"all", no_argument, NULL, OPTION_ALL},
    {NULL, 0, NULL, 0},
};

/* A command and the options that it takes. The row of a particular action precedes the row for all
 * other actions of that command. */
static const struct command {
    const char *name, *action; /* `action` is the word after the name; NULL: any or none */
    int (*run)(const struct arguments *arguments);
    bool takes_words;
    int options;
} commands[] = {
    {"serve", NULL, run_serve, false, OPTION_ENV_FILE},
    {"migrate", NULL, run_migrate, true, OPTION_ENV_FILE},
    {"admin", "create", run_admin, true, OPTION_ENV_FILE | OPTION_NAME | OPTION_ORGANIZATION},
    {"admin", NULL, run_admin, true, OPTION_ENV_FILE},
    {"sessions", "end", run_sessions, true, OPTION_ENV_FILE | OPTION_SUBJECT | OPTION_ALL},
    {"sessions", NULL, run_sessions, true, OPTION_ENV_FILE},
    {"purge", NULL, run_purge, false, OPTION_ENV_FILE},
    {"recount", NULL, run_recount, false, OPTION_ENV_FILE | OPTION_REPAIR},
    {"files", NULL, run_files, true, OPTION_ENV_FILE | OPTION_REPAIR},
    {"openapi", NULL, run_openapi, false, OPTION_ENV_FILE | OPTION_LANGUAGE},
    {"config", NULL, run_config, false, OPTION_ENV_FILE | OPTION_CHECK},
    {"version", NULL, run_version, false, 0},
    {"help", NULL, run_help, false, 0},
};

/* Returns the row of a command, NULL if the command is unknown. */
static const struct command *find_command(const char *name, const char *action)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const struct command *command = &commands[i];
        if (!strcmp(name, command->name) &&
            (!command->action || (action && !strcmp(action, command->action)))) {
            return command;
        }
    }
    return NULL;
}

/* Parses the options of any command. *given_r is the set of options that were given. False if one
 * is unknown or lacks its argument. */
static bool parse_arguments(int argc, char **argv, struct arguments *arguments, int *given_r)
{
    int option;
    *given_r = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case OPTION_ENV_FILE:
            arguments->env_file = optarg;
            break;
        case OPTION_CHECK:
            arguments->check = true;
            break;
        case OPTION_REPAIR:
            arguments->repair = true;
            break;
        case OPTION_NAME:
            arguments->name = optarg;
            break;
        case OPTION_ORGANIZATION:
            arguments->organization = optarg;
            break;
        case OPTION_LANGUAGE:
            arguments->language = optarg;
            break;
        case OPTION_SUBJECT:
            arguments->subject = optarg;
            break;
        case OPTION_ALL:
            arguments->all = true;
            break;
        default:
            return false;
        }
        *given_r |= option;
    }
    arguments->words = argv + optind;
    arguments->word_count = argc - optind;
    return true;
}

/* Reports the first option or argument that the command does not take. False if there is none. */
static bool report_excess(const struct command *command, const struct arguments *arguments,
                          int given)
{
    for (const struct option *option = options; option->name; option++) {
        if (given & ~command->options & option->val) {
            fprintf(stderr, "%s: unexpected option '--%s'\n", command->name, option->name);
            return true;
        }
    }
    if (arguments->word_count && !command->takes_words) {
        fprintf(stderr, "%s: unexpected argument '%s'\n", command->name, arguments->words[0]);
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    /* Case folding of names in UTF-8; numbers and times are written in the C locale's way. */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    /* The resolver is under no time-out of ours; its own would hold a worker for ten seconds a name
     * and name server, just when the controllers, which often are those too, are down. */
    (void)setenv("RES_OPTIONS", "timeout:1 attempts:1", 0);
    struct arguments arguments = {0};
    int given;
    if (argc > 1 && find_command(argv[1], NULL) &&
        parse_arguments(argc - 1, argv + 1, &arguments, &given)) {
        const char *action = arguments.word_count ? arguments.words[0] : NULL;
        const struct command *command = find_command(argv[1], action);
        if (!report_excess(command, &arguments, given)) {
            return command->run(&arguments);
        }
    }
    print_usage(stderr);
    return EXIT_USAGE;
}
