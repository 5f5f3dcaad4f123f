/*
 * kontora: the command line and the wiring of the layers. The only file that knows everything.
 *
 *   kontora serve  [--env-file FILE]            the master and its workers
 *   kontora migrate status | up [N] | down [N]  the database's schema, to version N
 *   kontora config [--env-file FILE] [--check]  the effective settings, secrets masked
 *   kontora version | help
 */
#include "auth/auth.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/log.h"
#include "directory/directory.h"
#include "http/audit.h"
#include "http/server.h"
#include "proc/master.h"
#include "proc/service.h"
#include "resources/resources.h"
#include "store/migrations.h"
#include "store/store.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef KONTORA_VERSION
#define KONTORA_VERSION "0.1.0"
#endif

enum {
    EXIT_USAGE = 2,
    EXIT_CONFIGURATION = 78, /* EX_CONFIG of sysexits.h */
    KIB = 1024,
};

/* --- what a worker serves with --------------------------------------------------------------- */

struct worker_state {
    struct app app;
    struct router *router;
    struct server *server;
};

static struct error *authenticate(struct request *request)
{
    struct error *error = auth_bearer(request->app->config, request->arena,
                                      request->headers.authorization, &request->principal);
    if (!error && request->principal) {
        request->actor = request->principal->username;
    }
    return error;
}

static bool permits(const struct request *request, unsigned permission)
{
    return principal_permits(request->principal, (enum permission)permission);
}

/* What the layers can see to be wrong with their settings. */
static bool check(const struct config *config, struct buffer *faults)
{
    bool directory_fits = directory_check(config, faults);
    bool auth_fits = auth_check(config, faults);
    bool store_fits = store_check(config, faults);
    return directory_fits && auth_fits && store_fits;
}

/* The same, and what shows only when it is done: the audit log is opened. */
static bool prepare(const struct config *config, struct buffer *faults)
{
    bool fits = check(config, faults);
    if (!audit_open(config->audit_log_path)) {
        buffer_format(faults, "AUDIT_LOG_PATH: cannot open %s: %s\n", config->audit_log_path,
                      strerror(errno));
        return false;
    }
    return fits;
}

static void *worker_start(const struct config *config, enum pool_id pool)
{
    (void)pool; /* every worker runs every route: the pools isolate, they do not decide */
    if (!audit_open(config->audit_log_path)) {
        log_error("AUDIT_LOG_PATH %s: %s", config->audit_log_path, strerror(errno));
        return NULL;
    }
    struct router_settings settings = {
        .guard = {authenticate, permits},
        .standard_language = (enum config_language)config->default_language,
        .body_max = (size_t)config->max_json_kib * KIB,
    };
    struct worker_state *state = must_alloc(sizeof *state);
    state->app = (struct app){.config = config, .directory = directory_new(config)};
    state->router = router_new(resource_routes, &settings);
    state->server = server_new(state->router, &state->app);
    return state;
}

static void *worker_open(void *state, int fd)
{
    return server_open(((struct worker_state *)state)->server, fd);
}

static bool worker_serve(void *state, void *connection)
{
    return server_serve(((struct worker_state *)state)->server, connection);
}

static void worker_close(void *state, void *connection)
{
    (void)state;
    server_close(connection);
}

static void worker_reopen(void *state)
{
    (void)state;
    log_reopen();
    audit_reopen();
}

static void worker_stop(void *state)
{
    struct worker_state *worker = state;
    server_free(&worker->server);
    router_free(&worker->router);
    directory_free(&worker->app.directory);
    free(worker);
}

static const struct service service = {
    .prepare = prepare,
    .start = worker_start,
    .open = worker_open,
    .serve = worker_serve,
    .close = worker_close,
    .reopen = worker_reopen,
    .stop = worker_stop,
};

/* --- commands -------------------------------------------------------------------------------- */

struct arguments {
    const char *env_file; /* NULL: .env, if there is one */
    bool check;
    char **words; /* what follows the command, beside options */
    int word_count;
};

/* Reads the configuration and prints what is wrong with it. */
static bool load(struct config *config, const char *env_file)
{
    struct buffer faults = {0}, warnings = {0};
    bool loaded = config_load(config, env_file, &faults, &warnings);
    loaded = check(config, &faults) && loaded;
    if (faults.length || warnings.length) {
        fprintf(stderr, "%s%s", warnings.length ? warnings.bytes : "",
                faults.length ? faults.bytes : "");
    }
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
            fprintf(stderr, "LOG_PATH: %s: %s\n", config.log_path, strerror(errno));
        } else if (!server_init()) {
            log_error("libfcgi cannot be set up");
            status = EXIT_FAILURE;
        } else if (schema_fits(&config)) {
            status = master_run(&config, arguments->env_file, &service);
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

/* Does what the words say; false: they are not understood. */
static bool migrate(struct store *store, struct arena *arena, const struct arguments *arguments,
                    struct buffer *report, struct error **error_r)
{
    const char *action = arguments->word_count ? arguments->words[0] : "";
    int64_t target = MIGRATION_LATEST;
    if (arguments->word_count == 2) {
        char *end = NULL;
        target = strtol(arguments->words[1], &end, 10);
        if (end == arguments->words[1] || *end || target < 0) {
            return false;
        }
    }
    if (!strcmp(action, "status") && arguments->word_count == 1) {
        *error_r = store_migrate_status(store, arena, report);
    } else if (!strcmp(action, "up") && arguments->word_count <= 2) {
        *error_r = store_migrate_up(store, arena, target, report);
    } else if (!strcmp(action, "down") && arguments->word_count <= 2) {
        *error_r = store_migrate_down(store, arena, target, report);
    } else {
        return false;
    }
    return true;
}

static int run_migrate(const struct arguments *arguments)
{
    struct config config;
    int status = EXIT_CONFIGURATION;
    if (load(&config, arguments->env_file)) {
        struct arena *arena = arena_new();
        struct store *store = store_new(&config, NULL);
        struct buffer report = {.arena = arena};
        struct error *error = NULL;
        buffer_add(&report, "", 0);
        status = EXIT_SUCCESS;
        if (!migrate(store, arena, arguments, &report, &error)) {
            fputs("usage: kontora migrate status | up [VERSION] | down [VERSION]\n", stderr);
            status = EXIT_USAGE;
        }
        fputs(report.bytes, stdout);
        if (error) {
            fprintf(stderr, "%s\n", error->cause);
            status = EXIT_FAILURE;
        }
        store_free(&store);
        arena_free(&arena);
    }
    config_free(&config);
    return status;
}

static int run_version(const struct arguments *arguments)
{
    (void)arguments;
    puts("kontora " KONTORA_VERSION);
    return EXIT_SUCCESS;
}

static int run_help(const struct arguments *arguments)
{
    (void)arguments;
    puts("usage: kontora COMMAND [OPTION …]\n"
         "\n"
         "  serve                  run the service in the foreground\n"
         "  migrate status         what the database's schema consists of, and what is missing\n"
         "  migrate up [N]         apply what is missing, up to version N\n"
         "  migrate down [N]       undo one step, or all above version N\n"
         "  config                 print the effective settings, secrets masked\n"
         "    --check              print faults only; the exit status is 0 if there are none\n"
         "  version                print the version\n"
         "  help                   print this text\n"
         "\n"
         "  --env-file FILE        read settings from FILE (default: .env, if there is one);\n"
         "                         the environment wins over the file");
    return EXIT_SUCCESS;
}

static const struct {
    const char *name;
    int (*run)(const struct arguments *arguments);
} commands[] = {
    {"serve", run_serve},     {"migrate", run_migrate}, {"config", run_config},
    {"version", run_version}, {"help", run_help},
};

static bool parse_arguments(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {
        {"env-file", required_argument, NULL, 'e'},
        {"check", no_argument, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'e') {
            arguments->env_file = optarg;
        } else if (option == 'c') {
            arguments->check = true;
        } else {
            return false;
        }
    }
    arguments->words = argv + optind;
    arguments->word_count = argc - optind;
    return true;
}

int main(int argc, char **argv)
{
    /* Case folding of names in UTF-8; numbers and times are written in the C locale's way. */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    struct arguments arguments = {0};
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++) {
        if (!strcmp(argv[1], commands[i].name)) {
            if (!parse_arguments(argc - 1, argv + 1, &arguments) ||
                (arguments.word_count && commands[i].run != run_migrate)) {
                return EXIT_USAGE;
            }
            return commands[i].run(&arguments);
        }
    }
    run_help(NULL);
    return EXIT_USAGE;
}
