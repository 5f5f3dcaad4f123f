/* See commands.h. */
#include "commands.h"

#include "auth/auth.h"
#include "auth/email_link.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/file.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/random.h"
#include "base/utf8.h"
#include "base/version.h"
#include "files/catalog.h"
#include "files/catalog_check.h"
#include "files/usage.h"
#include "http/audit.h"
#include "http/fields.h"
#include "http/problem.h"
#include "openapi/openapi.h"
#include "resources/resources.h"
#include "rest/accounts.h"
#include "rest/counters.h"
#include "rest/login.h"
#include "service/purge_plan.h"
#include "store/migrations.h"
#include "store/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum {
    PAUSE_US = 20 * 1000, /* between two batches, for those who wait to write */
    LINE_SIZE = 1024,
};

/* What a command works with. */
struct work {
    const struct config *config;
    const struct arguments *arguments;
    struct arena *arena;
    struct store *store;
    struct objects *objects;
};

/* Runs `command` with a store; it may leave a turn open. */
static int with_store(const struct config *config, const struct arguments *arguments,
                      int (*command)(struct work *work))
{
    struct work work = {
        .config = config,
        .arguments = arguments,
        .arena = arena_new(),
        .store = store_new(config, NULL),
    };
    const struct error *error = objects_open(config, work.arena, &work.objects);
    int status = error ? EXIT_CONFIGURATION : command(&work);
    objects_close(&work.objects);
    store_free(&work.store);
    arena_free(&work.arena);
    return status;
}

/* --- errors ---------------------------------------------------------------------------------- */

static int status_of(const struct error *error)
{
    switch (error->id) {
    case ERR_VALIDATION:
    case ERR_ALREADY_EXISTS:
        return EXIT_DATA;
    case ERR_NOT_FOUND:
        return EXIT_NO_ACCOUNT;
    case ERR_DATABASE_UNAVAILABLE:
    case ERR_STORAGE_UNAVAILABLE:
    case ERR_STORAGE_FULL:
        return EXIT_UNAVAILABLE;
    default:
        return EXIT_FAILURE;
    }
}

/* Says what is wrong, and returns the status that says it too. */
static int complain(const struct work *work, const struct error *error)
{
    struct buffer text = {.arena = work->arena};
    for (const struct error_detail *detail = error->details; detail; detail = detail->next) {
        buffer_format(&text, "%s: ", detail->field);
        problem_fault(detail, LANGUAGE_EN, &text);
        buffer_add_char(&text, '\n');
    }
    if (!text.length) {
        buffer_format(&text, "%s%s%s\n", problem_message(error->id, LANGUAGE_EN),
                      error->cause ? ": " : "", error->cause ? error->cause : "");
    }
    fprintf(stderr, "%s", text.bytes);
    return status_of(error);
}

/* --- migrate --------------------------------------------------------------------------------- */

/* Does what the words say; false: they are not understood. */
static bool migrate(const struct work *work, struct buffer *report, struct error **error_r)
{
    const struct arguments *arguments = work->arguments;
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
        *error_r = store_migrate_status(work->store, work->arena, report);
    } else if (!strcmp(action, "up") && arguments->word_count <= 2) {
        *error_r = store_migrate_up(work->store, work->arena, target, report);
    } else if (!strcmp(action, "down") && arguments->word_count <= 2) {
        *error_r = store_migrate_down(work->store, work->arena, target, report);
    } else {
        return false;
    }
    return true;
}

static int do_migrate(struct work *work)
{
    struct buffer report = {.arena = work->arena};
    struct error *error = NULL;
    buffer_add(&report, "", 0);
    if (!migrate(work, &report, &error)) {
        fputs("usage: kontora migrate status | up [VERSION] | down [VERSION]\n", stderr);
        return EXIT_USAGE;
    }
    fputs(report.bytes, stdout);
    if (error) {
        fprintf(stderr, "%s\n", error->cause);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

int command_migrate(const struct config *config, const struct arguments *arguments)
{
    return with_store(config, arguments, do_migrate);
}

/* --- recount --------------------------------------------------------------------------------- */

static int do_recount(struct work *work)
{
    struct buffer report = {.arena = work->arena};
    bool repair = work->arguments->repair;
    size_t wrong = 0;
    struct buffer usage_report = {.arena = work->arena};
    size_t wrong_usage = 0;
    struct error *error = counters_recount(work->store, work->arena, repair, &report, &wrong);
    if (!error) {
        error = file_usage_recount(work->store, work->arena, repair, &usage_report, &wrong_usage);
    }
    if (!error) {
        error = store_turn_end(work->store, work->arena);
    }
    if (error) {
        return complain(work, error);
    }
    wrong += wrong_usage;
    printf("%s%s%zu wrong%s\n", report.length ? report.bytes : "",
           usage_report.length ? usage_report.bytes : "", wrong,
           wrong && repair ? ", repaired" : "");
    return wrong && !repair ? EXIT_WRONG : EXIT_SUCCESS;
}

int command_recount(const struct config *config, const struct arguments *arguments)
{
    return with_store(config, arguments, do_recount);
}

/* --- files ----------------------------------------------------------------------------------- */

static int check_files(const struct work *work)
{
    struct buffer report = {.arena = work->arena};
    struct catalog_faults faults;
    bool repair = work->arguments->repair;
    buffer_add_string(&report, "");
    const struct error *error =
        catalog_check(work->store, work->objects, repair, work->arena, &report, &faults);
    fputs(report.bytes, stdout);
    if (error) {
        return complain(work, error);
    }
    size_t repaired = repair ? faults.lost + faults.orphans : 0;
    size_t wrong = faults.lost + faults.damaged + faults.orphans;
    printf("%zu wrong", wrong);
    if (repaired) {
        printf(", %zu repaired", repaired);
    }
    printf("\n");
    return wrong > repaired ? EXIT_WRONG : EXIT_SUCCESS;
}

static int do_files(struct work *work)
{
    const struct arguments *arguments = work->arguments;
    if (arguments->word_count != 1 || strcmp(arguments->words[0], "check") != 0) {
        fputs("usage: kontora files check [--repair]\n", stderr);
        return EXIT_USAGE;
    }
    return check_files(work);
}

int command_files(const struct config *config, const struct arguments *arguments)
{
    return with_store(config, arguments, do_files);
}

/* --- purge ----------------------------------------------------------------------------------- */

static struct error *purge_kind(const struct work *work, const struct purge_kind *kind,
                                int64_t *total_r)
{
    int64_t now = clock_wall_ms(), deleted = PURGE_BATCH;
    struct error *error = NULL;
    *total_r = 0;
    while (!error && deleted == PURGE_BATCH) {
        error = purge_batch(work->store, work->arena, kind, now, &deleted);
        *total_r += deleted;
        usleep(deleted == PURGE_BATCH ? PAUSE_US : 0);
    }
    return error;
}

static struct error *purge_leftovers(const struct work *work, struct catalog_orphans *total_r)
{
    struct error *error = NULL;
    bool more = true;
    *total_r = (struct catalog_orphans){0};
    while (!error && more) {
        struct catalog_orphans leftovers;
        error = catalog_purge(work->store, work->objects, work->arena, clock_wall_ms(), &leftovers,
                              &more);
        total_r->objects += leftovers.objects;
        total_r->staged += leftovers.staged;
    }
    return error;
}

static int do_purge(struct work *work)
{
    for (const struct purge_kind *const *kind = purge_plan.kinds; *kind; kind++) {
        int64_t total;
        struct error *error = purge_kind(work, *kind, &total);
        printf("%s %" PRId64 "\n", (*kind)->table, total);
        if (error) {
            return complain(work, error);
        }
    }
    struct catalog_orphans leftovers;
    struct error *error = purge_leftovers(work, &leftovers);
    printf("pending_objects %zu\nstaged_files %zu\n", leftovers.objects, leftovers.staged);
    return error ? complain(work, error) : EXIT_SUCCESS;
}

int command_purge(const struct config *config, const struct arguments *arguments)
{
    return with_store(config, arguments, do_purge);
}

/* --- admin: what was given ------------------------------------------------------------------- */

/* The bounds are those of registering. */
static const struct field account_fields[] = {
    ACCOUNT_EMAIL(FIELD_REQUIRED),
    ACCOUNT_PASSWORD("password", ACCOUNT_PASSWORD_MIN, "Пароль", "The password"),
    ACCOUNT_NAME(0),
    ORGANIZATION_NAME("organization", 0),
    {.name = NULL},
};

static const struct field password_fields[] = {
    ACCOUNT_PASSWORD("password", ACCOUNT_PASSWORD_MIN, "Пароль", "The password"),
    {.name = NULL},
};

/* Holds what was given against a field map, as if it had come in a request. */
static struct error *check_given(struct arena *arena, const struct field *fields,
                                 const char *const *given)
{
    struct buffer text = {.arena = arena};
    struct jsonw json = {.out = &text};
    struct value *values;
    jsonw_open_object(&json, NULL);
    for (size_t i = 0; fields[i].name; i++) {
        if (given[i] && !utf8_valid(given[i], strlen(given[i]))) {
            return error_field(arena, fields[i].name, FAULT_INVALID_UTF8, NULL);
        }
        if (given[i]) {
            jsonw_string(&json, fields[i].name, given[i]);
        }
    }
    jsonw_close_object(&json);
    return fields_read_json(arena, fields, text.bytes, text.length, &values);
}

/* One line of standard input without its end; NULL at the end of input. */
static const char *read_line(struct arena *arena)
{
    char line[LINE_SIZE];
    if (!fgets(line, sizeof line, stdin)) {
        return NULL;
    }
    line[strcspn(line, "\n")] = '\0';
    const char *copy = arena_string(arena, line);
    explicit_bzero(line, sizeof line);
    return copy;
}

/* The same, from a terminal that does not show what is typed. */
static const char *ask(struct arena *arena, const char *prompt)
{
    struct termios shown, hidden;
    bool terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
    if (!terminal) {
        return read_line(arena);
    }
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    /* Before the prompt: what is typed in answer to it is neither shown nor flushed. */
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    fputs(prompt, stderr);
    const char *line = read_line(arena);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    fputc('\n', stderr);
    return line;
}

/* The new password; typed twice on a terminal, where nobody sees what was typed. */
static const char *ask_password(struct arena *arena)
{
    const char *password = ask(arena, "New password: ");
    if (password && isatty(STDIN_FILENO)) {
        const char *again = ask(arena, "The same again: ");
        if (!again || strcmp(password, again) != 0) {
            fputs("the two are not the same\n", stderr);
            return NULL;
        }
    }
    if (!password) {
        fputs("no password on standard input\n", stderr);
    }
    return password;
}

/* --- admin ----------------------------------------------------------------------------------- */

/* The audit line of a change, as of one that came by HTTP. */
static void write_audit(const struct work *work, const char *action, const char *subject,
                        const char *resource_type, const struct error *error)
{
    const struct route route = {
        .pattern = "",
        .summary = {"Изменить из командной строки", "Change from the command line"},
        .action = action,
        .resource_type = resource_type,
    };
    char id[RANDOM_ID_SIZE];
    struct request request = {
        .arena = work->arena,
        .route = &route,
        .id = random_id(id),
        .actor = "cli",
        .subject = subject,
        .headers = {.address = ""},
    };
    audit_write(&request, error);
}

/* Commits what was done, and says what came of it to the audit log and on the terminal. */
static int conclude(const struct work *work, const char *action, const char *subject,
                    const char *resource_type, struct error *error)
{
    struct error *ending = store_turn_end(work->store, work->arena);
    error = error ? error : ending;
    write_audit(work, action, subject, resource_type, error);
    return error ? complain(work, error) : EXIT_SUCCESS;
}

static bool open_audit(const struct work *work)
{
    bool open = audit_open(work->config->audit_log_path);
    if (!open) {
        fprintf(stderr, "AUDIT_LOG_PATH: cannot open %s: %s\n", work->config->audit_log_path,
                strerror(errno));
    }
    return open;
}

static struct error *check_name_free(const struct work *work, const char *email)
{
    struct directory *directory = directory_new(work->config);
    struct error *error =
        login_check_name_free(directory, work->config, work->arena, "email", email);
    directory_free(&directory);
    return error;
}

static int create(struct work *work, const char *email)
{
    const char *name = work->arguments->name ? work->arguments->name : email;
    const char *organization = work->arguments->organization;
    struct auth_registration registration = {
        .account = {.username = email,
                    .email = email,
                    .name = name,
                    .verified_ms = clock_wall_ms()}, /* the administrator vouches for it */
        .organization = {.name = organization ? organization : name,
                         .currency = ORGANIZATION_CURRENCY},
    };
    const char *password = ask_password(work->arena);
    if (!password) {
        return EXIT_DATA;
    }
    const char *given[] = {email, password, work->arguments->name, organization};
    struct error *error = check_given(work->arena, account_fields, given);
    if (!error) {
        error = check_name_free(work, email);
    }
    if (!error) {
        const struct new_password new = {
            .field = "password", .text = password, .username = email, .email = email};
        error = auth_hash(work->config, work->arena, &new, &registration.account.password_hash);
    }
    if (!error) {
        error = auth_add_account(work->store, work->arena, &registration);
    }
    int status = conclude(work, "create_account", email, "account", error);
    if (status == EXIT_SUCCESS) {
        printf("account %" PRId64 ", organization %" PRId64 "\n", registration.account.id,
               registration.organization.id);
    }
    return status;
}

static struct error *find(const struct work *work, const char *name, struct account **account_r)
{
    struct error *error = account_find(work->store, work->arena, name, account_r);
    if (!error && !*account_r) {
        return error_new(work->arena, ERR_NOT_FOUND, "no account %s", name);
    }
    return error;
}

static int set_password(struct work *work, const char *name)
{
    struct account *account = NULL;
    struct error *error = find(work, name, &account);
    const char *password = error ? NULL : ask_password(work->arena);
    if (!error && !password) {
        return EXIT_DATA;
    }
    if (!error) {
        error = check_given(work->arena, password_fields, &password);
    }
    if (!error) {
        const struct new_password new = {.field = "password",
                                         .text = password,
                                         .username = account->username,
                                         .email = account->email};
        error = auth_change_password(work->config, work->store, work->arena,
                                     principal_of_account(work->arena, account->id), &new);
    }
    return conclude(work, "change_password", name, "account", error);
}

static const struct field address_fields[] = {ACCOUNT_EMAIL(FIELD_REQUIRED), {.name = NULL}};

/* Prints a one-use link. Its token goes to the terminal alone. */
static int invite(struct work *work, const char *email)
{
    struct email_link link = {.email = email};
    struct account *account = NULL;
    char time[CLOCK_TEXT_SIZE];
    struct error *error = check_given(work->arena, address_fields, &email);
    if (!error) {
        error = account_find(work->store, work->arena, email, &account);
    }
    if (!error) {
        error = email_link_issue(work->store, work->arena, clock_wall_ms(), &link);
    }
    int status = conclude(work, "issue_email_link", email, "account", error);
    if (status == EXIT_SUCCESS) {
        printf("token %s\nexpires %s\n", link.token, clock_format(link.expires_ms, time));
        if (account) {
            fputs("an account has this address: its owner can verify it with POST "
                  "/auth/verify-email;\n"
                  "if the address is unverified, a registration with this link takes it away\n",
                  stderr);
        }
    }
    return status;
}

struct confirmation {
    struct arena *arena;
    int64_t id;
};

static struct error *verify_email(struct store *store, void *context)
{
    const struct confirmation *confirmation = context;
    return account_verify_email(store, confirmation->arena, confirmation->id, clock_wall_ms());
}

static int confirm(struct work *work, const char *email)
{
    struct confirmation confirmation = {.arena = work->arena};
    struct account *account = NULL;
    struct error *error = find(work, email, &account);
    if (!error) {
        confirmation.id = account->id;
        error = store_write(work->store, work->arena, verify_email, &confirmation);
    }
    return conclude(work, "confirm_email", email, "account", error);
}

/* A name without what would end the column or the line. */
static const char *column(struct arena *arena, const char *text)
{
    char *own = arena_string(arena, text ? text : "-");
    for (char *c = own; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == '\x7f') {
            *c = ' ';
        }
    }
    return own;
}

/* A line each: id, username, email, and an organization with the role in it; tabs between them. Who
 * is in several has as many lines. */
static int list(struct work *work)
{
    struct store_query *query =
        store_query(work->store, work->arena, SQL_ACCOUNTS_WITH_ORGANIZATIONS);
    bool row;
    struct error *error = store_next(query, &row);
    while (!error && row) {
        struct arena *arena = arena_new();
        printf("%" PRId64 "\t%s\t%s", store_integer(query, 0),
               column(arena, store_text(query, 1, NULL)),
               column(arena, store_text(query, 2, NULL)));
        if (!store_is_null(query, 3)) {
            printf("\t%" PRId64 "\t%s\t%s", store_integer(query, 3),
                   column(arena, store_text(query, 4, NULL)), store_text(query, 5, NULL));
        }
        putchar('\n');
        arena_free(&arena);
        error = store_next(query, &row);
    }
    return error ? complain(work, error) : EXIT_SUCCESS;
}

static const struct {
    const char *name;
    int (*run)(struct work *work, const char *email);
} admin_actions[] = {
    {"create", create},
    {"password", set_password},
    {"invite", invite},
    {"confirm", confirm},
};

static int do_admin(struct work *work)
{
    const struct arguments *arguments = work->arguments;
    const char *action = arguments->word_count ? arguments->words[0] : "";
    size_t at = 0, count = sizeof admin_actions / sizeof *admin_actions;
    if (!strcmp(action, "list") && arguments->word_count == 1) {
        return list(work);
    }
    while (at < count && strcmp(action, admin_actions[at].name) != 0) {
        at++;
    }
    if (arguments->word_count != 2 || at == count) {
        fputs("usage: kontora admin create EMAIL [--name NAME] [--organization NAME]\n"
              "       kontora admin password EMAIL\n"
              "       kontora admin invite EMAIL\n"
              "       kontora admin confirm EMAIL\n"
              "       kontora admin list\n",
              stderr);
        return EXIT_USAGE;
    }
    if (!open_audit(work)) {
        return EXIT_CONFIGURATION;
    }
    return admin_actions[at].run(work, arguments->words[1]);
}

int command_admin(const struct config *config, const struct arguments *arguments)
{
    return with_store(config, arguments, do_admin);
}

/* --- sessions -------------------------------------------------------------------------------- */

/* A line each: id, subject, user name, begin, last login or refresh, absolute end, address and
 * device; tabs between them. */
static void print_session(struct arena *arena, const struct store_query *query)
{
    enum { TIME = 3, TIMES = 3, ADDRESS = TIME + TIMES, DEVICE };
    size_t length;
    char id[RANDOM_ID_SIZE];
    const unsigned char *bytes = store_bytes(query, 0, &length);
    random_format(bytes, length, id);
    printf("%s\t%s\t%s", id, column(arena, store_text(query, 1, NULL)),
           column(arena, store_text(query, 2, NULL)));
    for (size_t i = TIME; i < TIME + TIMES; i++) {
        char text[CLOCK_TEXT_SIZE];
        printf("\t%s", clock_format(store_integer(query, i), text));
    }
    printf("\t%s\t%s\n", column(arena, store_text(query, ADDRESS, NULL)),
           column(arena, store_text(query, DEVICE, NULL)));
}

static int list_sessions(const struct work *work, const char *name)
{
    struct store_query *query = store_query(work->store, work->arena, SQL_SESSIONS_LIST);
    bool row;
    store_bind_integer(query, clock_wall_ms());
    store_bind_text(query, name);
    store_bind_text(query, utf8_fold_text(work->arena, name));
    struct error *error = store_next(query, &row);
    while (!error && row) {
        struct arena *arena = arena_new();
        print_session(arena, query);
        arena_free(&arena);
        error = store_next(query, &row);
    }
    return error ? complain(work, error) : EXIT_SUCCESS;
}

struct session_ending {
    const struct work *work;
    const char *id;
    int64_t count;
};

static struct error *end_chosen_sessions(struct store *store, void *context)
{
    struct session_ending *ending = context;
    const struct work *work = ending->work;
    int64_t now = clock_wall_ms();
    ending->count = 0;
    return ending->id ? session_end(store, work->arena, ending->id, now, &ending->count)
           : work->arguments->subject
               ? session_end_named(store, work->arena, work->arguments->subject, now,
                                   &ending->count)
               : session_end_everybody(store, work->arena, now, &ending->count);
}

/* Ends the session of that id, or those that the options choose. */
static int end_sessions(struct work *work, const char *id)
{
    const char *subject = work->arguments->subject;
    struct session_ending ending = {.work = work, .id = id};
    if (!open_audit(work)) {
        return EXIT_CONFIGURATION;
    }
    struct error *error = store_write(work->store, work->arena, end_chosen_sessions, &ending);
    if (!error && !ending.count && !work->arguments->all) {
        error = error_new(work->arena, ERR_NOT_FOUND, "no live session: %s", id ? id : subject);
    }
    int status = conclude(work, "end_sessions",
                          id        ? id
                          : subject ? subject
                                    : "*",
                          "session", error);
    if (status == EXIT_SUCCESS) {
        printf("%" PRId64 " ended\n", ending.count);
    }
    return status;
}

static int run_sessions_command(struct work *work)
{
    const struct arguments *arguments = work->arguments;
    const char *action = arguments->word_count ? arguments->words[0] : "";
    const char *word = arguments->word_count > 1 ? arguments->words[1] : NULL;
    int choices = (word != NULL) + (arguments->subject != NULL) + arguments->all;
    if (!strcmp(action, "list") && arguments->word_count <= 2 && choices == (word != NULL)) {
        return list_sessions(work, word ? word : "");
    }
    if (!strcmp(action, "end") && arguments->word_count <= 2 && choices == 1) {
        return end_sessions(work, word);
    }
    fputs("usage: kontora sessions list [NAME]\n"
          "       kontora sessions end ID | --subject NAME | --all\n",
          stderr);
    return EXIT_USAGE;
}

int command_sessions(const struct config *config, const struct arguments *arguments)
{
    return with_store(config, arguments, run_sessions_command);
}

/* --- openapi --------------------------------------------------------------------------------- */

static bool of_organization(unsigned permission)
{
    return permission_of_organization((enum permission)permission) ||
           permission_of_files((enum permission)permission);
}

static struct buffer openapi_document(const struct config *config, enum config_language language)
{
    const struct openapi_settings settings = {
        .title = config->app_title,
        .description = config->app_description,
        .version = KONTORA_VERSION,
        .language = language,
        .permissions = {permission_about, PERMIT_PRINCIPAL, of_organization},
    };
    struct buffer document = {0};
    openapi_write(&document, resources, &settings);
    return document;
}

int command_openapi(const struct config *config, const struct arguments *arguments)
{
    const char *wanted = arguments->language;
    enum config_language language = (enum config_language)config->default_language;
    for (int i = 0; wanted && i < LANGUAGE_COUNT; i++) {
        if (!strcmp(wanted, language_names[i])) {
            language = (enum config_language)i;
            wanted = NULL;
        }
    }
    if (wanted) {
        fputs("--language: must be ru or en\n", stderr);
        return EXIT_USAGE;
    }
    struct buffer document = openapi_document(config, language);
    bool printed = fputs(document.bytes, stdout) >= 0 && fflush(stdout) == 0;
    if (!printed) {
        fprintf(stderr, "standard output: %s\n", strerror(errno));
    }
    buffer_free(&document);
    return printed ? EXIT_SUCCESS : EXIT_FAILURE;
}

void publish_openapi(const struct config *config)
{
    enum { READABLE = 0644 };
    struct arena *arena = arena_new();
    for (int i = 0; i < LANGUAGE_COUNT; i++) {
        const char *path =
            arena_format(arena, "%s/openapi.%s.json", config->static_dir, language_names[i]);
        struct buffer document = openapi_document(config, (enum config_language)i);
        if (!file_replace(path, document.bytes, document.length, READABLE)) {
            log_error("STATIC_DIR: cannot write %s: %s", path, strerror(errno));
        }
        buffer_free(&document);
    }
    arena_free(&arena);
}
