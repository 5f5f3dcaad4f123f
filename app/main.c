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
#include "auth/password.h"
#include "auth/session_cache.h"
#include "base/arena.h"
#include "base/background.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/fastcgi.h"
#include "base/file.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/scoreboard.h"
#include "base/space.h"
#include "base/version.h"
#include "commands.h"
#include "directory/directory.h"
#include "files/catalog.h"
#include "guard.h"
#include "http/access.h"
#include "http/audit.h"
#include "http/server.h"
#include "objects/objects.h"
#include "proc/master.h"
#include "proc/service.h"
#include "resources/resources.h"
#include "rest/idempotency.h"
#include "rest/limits.h"
#include "service/purge_plan.h"
#include "service/session_watch.h"
#include "store/migrations.h"
#include "store/purge.h"
#include "store/store.h"
#include "tokens/quota.h"
#include "tokens/usage.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KIB = 1024, MIB = 1024 * KIB, MS_PER_S = 1000 };

/* The queue of SQLite's writers and the database's state, shared by all processes; made before the
 * first fork. */
static struct store_shared *writers;

/* --- what a worker serves with --------------------------------------------------------------- */

struct worker_state {
    struct app app;
    struct router *router;
    struct server *server;
};

static uint64_t hold_answer(struct app *app)
{
    return store_hold(app->store);
}

static struct error *commit_group(struct app *app, struct arena *arena, uint64_t *lost_r)
{
    struct error *error = store_group_end(app->store, arena, lost_r);
    auth_committed();
    return error;
}

static const struct server_turn turn = {hold_answer, commit_group};

/* The storage of these settings, which check() has accepted. */
static struct objects *open_objects(const struct config *config)
{
    struct arena *arena = arena_new();
    struct objects *objects;
    const struct error *error = objects_open(config, arena, &objects);
    if (error) {
        log_error("STORAGE_URL: %s", error->cause);
        abort();
    }
    arena_free(&arena);
    return objects;
}

static bool check_objects(const struct config *config, struct buffer *faults)
{
    struct arena *arena = arena_new();
    struct objects *objects;
    const struct error *error = objects_open(config, arena, &objects);
    if (error) {
        buffer_format(faults, "STORAGE_URL: %s\n", error->cause);
    }
    objects_close(&objects);
    arena_free(&arena);
    return !error;
}

/* What the layers can see to be wrong with their settings. */
static bool check(const struct config *config, struct buffer *faults)
{
    bool directory_fits = directory_check(config, faults);
    bool auth_fits = auth_check(config, faults);
    bool store_fits = store_check(config, faults);
    bool objects_fit = check_objects(config, faults);
    return directory_fits && auth_fits && store_fits && objects_fit;
}

/* The same, and what shows only when it is done: the audit log is opened, documents are written. */
static bool prepare(const struct config *config, struct buffer *faults)
{
    bool fits = check(config, faults);
    if (!audit_open(config->audit_log_path)) {
        buffer_format(faults, "AUDIT_LOG_PATH: cannot open %s: %s\n", config->audit_log_path,
                      strerror(errno));
        return false;
    }
    if (fits) {
        directory_prepare(config);
        publish_openapi(config);
    }
    return fits;
}

/* Watches every file system that the service writes to. */
static void watch_space(const struct config *config)
{
    enum { PLACES = 5 };
    static const char *paths[PLACES + 1];
    const char *const places[PLACES] = {
        config->state_dir,
        config->audit_log_path,
        *config->log_path ? config->log_path : NULL,
        store_database_file(config, config->arena),
        objects_folder(config, config->arena),
    };
    size_t count = 0;
    for (size_t i = 0; i < PLACES; i++) {
        if (places[i]) {
            paths[count++] = places[i];
        }
    }
    paths[count] = NULL;
    space_enter(config->disk_reserve_mib * MIB, paths);
}

static void *worker_start(const struct config *config, enum pool_id pool)
{
    /* Every worker runs every route: the pools isolate, they do not decide. Passwords are verified
     * where nobody else wants the processor. */
    if (pool == POOL_AUTH) {
        background_enter();
        password_estimate(config->bcrypt_cost);
    }
    access_enter(pool);
    if (!audit_open(config->audit_log_path)) {
        log_error("AUDIT_LOG_PATH %s: %s", config->audit_log_path, strerror(errno));
        return NULL;
    }
    struct router_settings settings = {
        .guard = guard,
        .repeats = &idempotency,
        .standard_language = (enum config_language)config->default_language,
        .body_max = (size_t)config->max_json_kib * KIB,
    };
    struct worker_state *state = must_alloc(sizeof *state);
    state->app = (struct app){
        .config = config,
        .directory = directory_new(config),
        .store = store_new(config, writers),
        .objects = open_objects(config),
        .pool = pool,
    };
    if (pool == POOL_CORE) { /* its requests of a turn were there before that began */
        store_read_by_turns(state->app.store);
    }
    state->router = router_new(resources, &settings);
    state->server = server_new(state->router, &state->app, &turn, pool == POOL_CORE);
    return state;
}

static void *worker_open(void *state, int fd, int body_fd)
{
    return server_open(((struct worker_state *)state)->server, fd, body_fd);
}

static enum arrival worker_look(const char *bytes, size_t length)
{
    switch (fastcgi_look_at_request(bytes, length)) {
    case FASTCGI_END:
        return ARRIVAL_COMPLETE;
    case FASTCGI_PARAMS_END:
        return ARRIVAL_READY;
    case FASTCGI_MORE:
        return ARRIVAL_PENDING;
    default:
        return ARRIVAL_REFUSED;
    }
}

static const enum served served[] = {
    [SERVER_ANSWERED] = SERVED,
    [SERVER_CLOSED] = SERVED_CLOSED,
    [SERVER_HELD] = SERVED_HELD,
};

static enum served worker_serve(void *state, void *connection, bool complete)
{
    return served[server_serve(((struct worker_state *)state)->server, connection, complete)];
}

static void worker_commit(void *state)
{
    server_commit(((struct worker_state *)state)->server);
}

static enum served worker_finish(void *state, void *connection)
{
    return served[server_finish(((struct worker_state *)state)->server, connection)];
}

static size_t worker_queue_length(void *state)
{
    const struct app *app = &((struct worker_state *)state)->app;
    return app->pool == POOL_AUTH ? limits_queue_length(app->config) : 0;
}

static void worker_rest(void *state)
{
    store_rest(((struct worker_state *)state)->app.store);
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
    tokens_usage_flush_all(worker->app.store);
    server_free(&worker->server);
    router_free(&worker->router);
    directory_free(&worker->app.directory);
    store_free(&worker->app.store);
    objects_close(&worker->app.objects);
    free(worker);
}

/* --- what the housekeeper does --------------------------------------------------------------- */

/* All jobs share one store, because they never run concurrently. */
static void *jobs_begin(const struct config *config)
{
    return store_new(config, writers);
}

static void jobs_end(void *shared)
{
    struct store *store = shared;
    store_free(&store);
}

static void *probe_start(const struct config *config, void *store)
{
    (void)store;
    return directory_new(config);
}

static int64_t probe_run(void *directory)
{
    return directory_probe(directory);
}

static void probe_stop(void *state)
{
    struct directory *directory = state;
    directory_free(&directory);
}

static void *take_store(const struct config *config, void *store)
{
    (void)config;
    return store;
}

static void stop_nothing(void *state)
{
    (void)state;
}

static int64_t watch_run(void *store)
{
    return store_watch(store);
}

static void *purge_start(const struct config *config, void *store)
{
    (void)config;
    return purge_new(store);
}

static int64_t purge_do(void *purge)
{
    return purge_run(purge);
}

static void purge_stop(void *state)
{
    struct purge *purge = state;
    purge_free(&purge);
}

static int64_t uses_do(void *store)
{
    return tokens_usage_run(store);
}

static void uses_stop(void *store)
{
    tokens_usage_flush_all(store);
}

static int64_t space_run(void *state)
{
    (void)state; /* watch_space() has been called in this process */
    return space_watch();
}

static void *storage_start(const struct config *config, void *store)
{
    (void)store;
    return open_objects(config);
}

static int64_t storage_run(void *objects)
{
    return objects_watch(objects);
}

static void storage_stop(void *state)
{
    struct objects *objects = state;
    objects_close(&objects);
}

static void *ledger_start(const struct config *config, void *store)
{
    return catalog_job_new(store, open_objects(config));
}

static int64_t ledger_do(void *keeper)
{
    return catalog_job_run(keeper);
}

static void ledger_stop(void *state)
{
    struct catalog_job *keeper = state;
    catalog_job_free(&keeper);
}

static void *sessions_start(const struct config *config, void *store)
{
    return session_watch_new(config, store, directory_new(config));
}

static int64_t sessions_do(void *watch)
{
    return session_watch_run(watch);
}

static void sessions_stop(void *state)
{
    struct session_watch *watch = state;
    session_watch_free(&watch);
}

static const struct job jobs[] = {
    {"the probe of the directory", probe_start, probe_run, probe_stop},
    {"the watch over the database", take_store, watch_run, stop_nothing},
    {"the purge", purge_start, purge_do, purge_stop, purge_wake_fd},
    {"the usage counters of tokens", take_store, uses_do, uses_stop},
    {"the watch over free space", take_store, space_run, stop_nothing},
    {"the watch over the storage", storage_start, storage_run, storage_stop},
    {"the watch over sessions", sessions_start, sessions_do, sessions_stop},
    {"the leftovers of files", ledger_start, ledger_do, ledger_stop},
    {.run = NULL},
};

static const struct service service = {
    .prepare = prepare,
    .enter = watch_space,
    .start = worker_start,
    .open = worker_open,
    .look = worker_look,
    .serve = worker_serve,
    .commit = worker_commit,
    .finish = worker_finish,
    .queue_length = worker_queue_length,
    .rest = worker_rest,
    .close = worker_close,
    .reopen = worker_reopen,
    .stop = worker_stop,
    .begin_jobs = jobs_begin,
    .end_jobs = jobs_end,
    .jobs = jobs,
};

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
    loaded = check(config, &faults) && loaded;
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

/* Before the first fork: what all processes count in. */
static void share_counters(void)
{
    access_prepare(resources);
    metrics_share();
    space_share();
    scoreboard_share();
    metrics_set(METRIC_START_TIME, 0, clock_wall_ms() / MS_PER_S);
    metrics_set(METRIC_BUILD, 0, 1);
}

static void share_sessions(const struct config *config)
{
    struct arena *arena = arena_new();
    const char *path = arena_format(arena, "%s/sessions.cache", config->state_dir);
    enum { FOLDERS = 0750 };
    file_make_parents(path, FOLDERS);
    session_cache_share(path);
    arena_free(&arena);
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
            share_counters();
            directory_share();
            share_sessions(&config);
            purge_share(&purge_plan);
            tokens_quota_share();
            tokens_usage_share();
            limits_share();
            objects_share();
            writers = store_shared_new();
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
