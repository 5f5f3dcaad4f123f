/* See config.h. Contains the table of settings, then parsers for its types, checks that involve
 * several settings, and the parser of the environment file. */
#include "base/config.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/key_strength.h"
#include "base/log.h"
#include "base/network.h"
#include "base/origin.h"
#include "base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const config_pool_names[POOL_COUNT] = {"core",    "auth",  "overflow", "directory",
                                                   "filters", "files", "uploads"};
const char *const config_language_names[LANGUAGE_COUNT + 1] = {"ru", "en", NULL};

enum option_type {
    OPTION_STRING,
    OPTION_INTEGER,
    OPTION_BOOLEAN,
    OPTION_CHOICE,
    OPTION_PATH, /* relative paths are resolved against STATE_DIR */
};

enum option_flag {
    OPTION_SECRET = 1 << 0,
    OPTION_KEY = 1 << 1, /* cryptographic key; in production it must be strong and unique */
};

struct option {
    const char *name;
    enum option_type type;
    size_t offset;              /* offset of the member in struct config */
    const char *standard;       /* default */
    int64_t min, max;           /* bounds of the length of a string or of an integer */
    const char *const *choices; /* values of OPTION_CHOICE, which is stored as an index */
    unsigned flags;
};

static const char *const environments[] = {"development", "production", NULL};
static const char *const levels[] = {"debug", "info", "warning", "error", NULL};
static const char *const algorithms[] = {"HS256", NULL};
static const char *const synchronous[] = {"full", "normal", NULL};
static const char *const macro_policies[] = {"allow", "refuse", NULL};
static const char *const switches[] = {"off", "on", NULL};
static const char *const protected_policies[] = {"refuse", "allow", NULL};
static const char *const directory_readers[] = {"all", "delegated", NULL};
static const char *const anonymous_accesses[] = {"auto",  "none",           "accounts",
                                                 "files", "accounts,files", NULL};
static const char *const token_accesses[] = {"auto", "open", "authenticated", NULL};

static const char *const registrations[] = {"auto", "open", "invite", "closed", NULL};

static const char default_jwt_secret[] = "your-secret-key-change-this-in-production";
static const char default_secret[] = "your-secret-key";
static const char default_admin_password[] = "admin123";

enum {
    ADMINISTRATOR_PASSWORD_MIN = 12, /* minimum length in production; does not apply to hashes */
    PORT_LDAP = 389,
    PORT_LDAPS = 636,
    PORT_MAX = 65535,
    WORKERS_MAX = 256,
    HOURS_MAX = 366 * HOURS_PER_DAY,
    RATE_MAX = 100000,
    TOKEN_TTL_MAX = 365 * MINUTES_PER_DAY,
    SOCKET_PATH_MAX = 107, /* size of sockaddr_un.sun_path without the NUL */
};

#define AT(member) offsetof(struct config, member)

/* One row per setting. Members that a row omits are zero. */
/* clang-format off */
static const struct option options[] = {
    {"APP_NAME", OPTION_STRING, AT(app_name), "kontora", 1, 64},
    {"APP_TITLE", OPTION_STRING, AT(app_title), "Kontora", 1, 200},
    {"APP_DESCRIPTION", OPTION_STRING, AT(app_description), "", 0, 2000},
    {"ENVIRONMENT", OPTION_CHOICE, AT(environment), "development", 0, 0, environments},
    {"DEBUG", OPTION_BOOLEAN, AT(debug), "false", 0, 0},
    {"DEFAULT_LANGUAGE", OPTION_CHOICE, AT(default_language), "ru", 0, 0, config_language_names},
    {"STATE_DIR", OPTION_STRING, AT(state_dir), "var", 1, 4096},
    {"DISK_RESERVE_MIB", OPTION_INTEGER, AT(disk_reserve_mib), "1024", 0, INT32_MAX},
    {"STATIC_DIR", OPTION_PATH, AT(static_dir), "static", 1, 4096},
    {"SOCKET_DIR", OPTION_PATH, AT(socket_dir), "run", 1, 4096},
    {"SOCKET_GROUP", OPTION_STRING, AT(socket_group), "", 0, 64},
    {"LOG_LEVEL", OPTION_CHOICE, AT(log_level), "info", 0, 0, levels},
    {"LOG_PATH", OPTION_PATH, AT(log_path), "", 0, 4096},
    {"AUDIT_LOG_PATH", OPTION_PATH, AT(audit_log_path), "logs/audit.jsonl", 1, 4096},

    {"CORE_WORKERS", OPTION_INTEGER, AT(workers[POOL_CORE]), "2", 1, WORKERS_MAX},
    {"AUTH_WORKERS", OPTION_INTEGER, AT(workers[POOL_AUTH]), "2", 1, WORKERS_MAX},
    {"OVERFLOW_WORKERS", OPTION_INTEGER, AT(workers[POOL_OVERFLOW]), "2", 1, WORKERS_MAX},
    {"DIRECTORY_WORKERS", OPTION_INTEGER, AT(workers[POOL_DIRECTORY]), "4", 1, WORKERS_MAX},
    {"FILTERS_WORKERS", OPTION_INTEGER, AT(workers[POOL_FILTERS]), "2", 1, WORKERS_MAX},
    {"FILES_WORKERS", OPTION_INTEGER, AT(workers[POOL_FILES]), "8", 1, WORKERS_MAX},
    {"UPLOADS_WORKERS", OPTION_INTEGER, AT(workers[POOL_UPLOADS]), "8", 1, WORKERS_MAX},
    {"WORKER_MAX_REQUESTS", OPTION_INTEGER, AT(worker_max_requests), "1000000", 0, INT32_MAX},
    {"WORKER_MAX_GROWTH_MIB", OPTION_INTEGER, AT(worker_max_growth_mib), "64", 0, 65536},
    {"DRAIN_TIMEOUT", OPTION_INTEGER, AT(drain_timeout_s), "30", 1, 3600},
    {"REQUEST_TIMEOUT", OPTION_INTEGER, AT(request_timeout_s), "30", 1, 3600},
    {"MAX_JSON_KIB", OPTION_INTEGER, AT(max_json_kib), "256", 1, 65536},

    {"RATE_LIMITS", OPTION_CHOICE, AT(rate_limits), "on", 0, 0, switches},
    {"RATE_SUBJECT_PER_S", OPTION_INTEGER, AT(rate_subject_per_s), "50", 0, RATE_MAX},
    {"RATE_ORGANIZATION_PER_S", OPTION_INTEGER, AT(rate_organization_per_s), "200", 0, RATE_MAX},
    {"UPLOADS_SUBJECT_PER_MINUTE", OPTION_INTEGER, AT(uploads_subject_per_minute), "30", 0,
     RATE_MAX},
    {"UPLOADS_ORGANIZATION_PER_MINUTE", OPTION_INTEGER, AT(uploads_organization_per_minute), "120",
     0, RATE_MAX},
    {"UPLOADS_SUBJECT_AT_ONCE", OPTION_INTEGER, AT(uploads_subject_at_once), "4", 0, WORKERS_MAX},
    {"UPLOADS_ORGANIZATION_AT_ONCE", OPTION_INTEGER, AT(uploads_organization_at_once), "8", 0,
     WORKERS_MAX},

    {"JWT_SECRET_KEY", OPTION_STRING, AT(jwt_secret_key), default_jwt_secret, 1, 4096,
     .flags = OPTION_SECRET | OPTION_KEY},
    {"JWT_SECRET_KEY_PREVIOUS", OPTION_STRING, AT(jwt_secret_key_previous), "", 0, 4096,
     .flags = OPTION_SECRET | OPTION_KEY},
    {"JWT_ALGORITHM", OPTION_CHOICE, AT(jwt_algorithm), "HS256", 0, 0, algorithms},
    {"JWT_EXPIRATION_HOURS", OPTION_INTEGER, AT(jwt_expiration_hours), "24", 1, HOURS_MAX},
    {"REFRESH_EXPIRATION_HOURS", OPTION_INTEGER, AT(refresh_expiration_hours), "720", 1, HOURS_MAX},
    {"SESSION_MAX_HOURS", OPTION_INTEGER, AT(session_max_hours), "720", 1, HOURS_MAX},
    {"SECRET_KEY", OPTION_STRING, AT(secret_key), default_secret, 1, 4096,
     .flags = OPTION_SECRET | OPTION_KEY},
    {"TOKEN_TTL_MINUTES", OPTION_INTEGER, AT(token_ttl_minutes), "60", 1, TOKEN_TTL_MAX},
    {"LOCAL_AUTH_USERNAME", OPTION_STRING, AT(local_auth_username), "admin", 1, 256},
    {"LOCAL_AUTH_PASSWORD", OPTION_STRING, AT(local_auth_password), default_admin_password, 1, 256,
     .flags = OPTION_SECRET},
    {"LOCAL_AUTH_NETWORKS", OPTION_STRING, AT(local_auth_networks), "", 0, 2048},
    {"BCRYPT_COST", OPTION_INTEGER, AT(bcrypt_cost), "12", 4, 16},
    {"LOGIN_FREE_FAILURES", OPTION_INTEGER, AT(login_free_failures), "5", 0, 1000},
    {"LOGIN_QUEUE_MS", OPTION_INTEGER, AT(login_queue_ms), "3000", 100, 25000},
    {"ANONYMOUS_ACCESS", OPTION_CHOICE, AT(anonymous_access), "auto", 0, 0, anonymous_accesses},
    {"REGISTRATION", OPTION_CHOICE, AT(registration), "auto", 0, 0, registrations},
    {"TOKENS_ACCESS", OPTION_CHOICE, AT(tokens_access), "auto", 0, 0, token_accesses},
    {"TOKENS_QUOTA", OPTION_INTEGER, AT(tokens_quota), "10000000", 0, INT32_MAX},
    {"TOKENS_SUBJECT_QUOTA", OPTION_INTEGER, AT(tokens_subject_quota), "100000", 0, INT32_MAX},

    {"DATABASE_URL", OPTION_STRING, AT(database_url), "sqlite:///kontora.db", 1, 4096,
     .flags = OPTION_SECRET},
    {"DATABASE_SYNCHRONOUS", OPTION_CHOICE, AT(database_synchronous), "full", 0, 0, synchronous},
    {"DATABASE_TIMEOUT_MS", OPTION_INTEGER, AT(database_timeout_ms), "5000", 100, 60000},

    {"STORAGE_URL", OPTION_STRING, AT(storage_url), "file:///objects", 1, 4096},
    {"PUBLIC_URL", OPTION_STRING, AT(public_url), "", 0, 1024},
    {"FILES_QUOTA_MIB", OPTION_INTEGER, AT(files_quota_mib), "1024", 0, INT32_MAX},
    {"FILES_QUOTA_COUNT", OPTION_INTEGER, AT(files_quota_count), "100000", 0, INT32_MAX},
    {"FILES_TOTAL_QUOTA_MIB", OPTION_INTEGER, AT(files_total_quota_mib), "102400", 0, INT32_MAX},
    {"UPLOAD_MACROS", OPTION_CHOICE, AT(upload_macros), "allow", 0, 0, macro_policies},
    {"UPLOAD_SLOW_START_S", OPTION_INTEGER, AT(upload_slow_start_s), "60", 1, 3600},
    {"UPLOAD_SPOOL_MIB", OPTION_INTEGER, AT(upload_spool_mib), "1024", 32, 1048576},
    {"UPLOAD_SCAN_COMMAND", OPTION_STRING, AT(upload_scan_command), "", 0, 1024},
    {"UPLOAD_SCAN_TIMEOUT_S", OPTION_INTEGER, AT(upload_scan_timeout_s), "20", 1, 100},
    {"AWS_ACCESS_KEY_ID", OPTION_STRING, AT(aws_access_key_id), "", 0, 256},
    {"AWS_SECRET_ACCESS_KEY", OPTION_STRING, AT(aws_secret_access_key), "", 0, 256,
     .flags = OPTION_SECRET},
    {"AWS_CA_BUNDLE", OPTION_PATH, AT(aws_ca_bundle), "", 0, 4096},
    {"STORAGE_TIMEOUT_MS", OPTION_INTEGER, AT(storage_timeout_ms), "10000", 2000, 60000},

    {"LDAP_SERVER", OPTION_STRING, AT(ldap_server), "", 0, 1024},
    {"LDAP_PORT", OPTION_INTEGER, AT(ldap_port), "0", 0, PORT_MAX},
    {"LDAP_USE_SSL", OPTION_BOOLEAN, AT(ldap_use_ssl), "false", 0, 0},
    {"LDAP_START_TLS", OPTION_BOOLEAN, AT(ldap_start_tls), "false", 0, 0},
    {"LDAP_TLS_CA_FILE", OPTION_PATH, AT(ldap_tls_ca_file), "", 0, 4096},
    {"LDAP_BIND_DN", OPTION_STRING, AT(ldap_bind_dn), "", 0, 2048},
    {"LDAP_BIND_PASSWORD", OPTION_STRING, AT(ldap_bind_password), "", 0, 256,
     .flags = OPTION_SECRET},
    {"LDAP_BASE_DN", OPTION_STRING, AT(ldap_base_dn), "", 0, 2048},
    {"LDAP_CONNECT_TIMEOUT_MS", OPTION_INTEGER, AT(ldap_connect_timeout_ms), "1500", 100, 60000},
    {"LDAP_TIMEOUT_MS", OPTION_INTEGER, AT(ldap_timeout_ms), "3000", 100, 60000},
    {"FILTER_TIMEOUT_MS", OPTION_INTEGER, AT(filter_timeout_ms), "3000", 100, 60000},
    {"LDAP_LOGIN", OPTION_BOOLEAN, AT(ldap_login), "false", 0, 0},
    {"LDAP_ADMIN_GROUP", OPTION_STRING, AT(ldap_admin_group), "", 0, 2048},
    {"LDAP_LOGIN_CACHE_S", OPTION_INTEGER, AT(ldap_login_cache_s), "30", 0, 3600},
    {"DIRECTORY_PROTECTED", OPTION_CHOICE, AT(directory_protected), "refuse", 0, 0,
     protected_policies},
    {"DIRECTORY_READERS", OPTION_CHOICE, AT(directory_readers), "all", 0, 0, directory_readers},
    {"DIRECTORY_USER_ATTRIBUTES", OPTION_STRING, AT(directory_user_attributes), "", 0, 4096},

    {"HTTP_PORT", OPTION_INTEGER, AT(http_port), "8000", 1, PORT_MAX},
    {"HTTPS_PORT", OPTION_INTEGER, AT(https_port), "8443", 1, PORT_MAX},
    {"FILES_PORT", OPTION_INTEGER, AT(files_port), "5000", 1, PORT_MAX},
};
/* clang-format on */

enum { OPTION_COUNT = sizeof options / sizeof *options };

/* Values from the environment file, by index of the option; NULL: not set there. */
struct file_values {
    const char *of[OPTION_COUNT];
};

static void report_fault(struct buffer *lines, const char *name, const char *what)
{
    buffer_format(lines, "%s: %s\n", name, what);
}

/* --- parsing of values ----------------------------------------------------------------------- */

static void parse_string_option(const struct option *option, const char *text, const char **value,
                                struct buffer *faults)
{
    if (!utf8_valid(text, strlen(text))) {
        report_fault(faults, option->name, "is not valid UTF-8");
    }
    size_t length = utf8_utf16_units(text, strlen(text));
    if (length < (size_t)option->min || length > (size_t)option->max) {
        buffer_format(faults, "%s: must have %" PRId64 " to %" PRId64 " characters\n", option->name,
                      option->min, option->max);
    }
    *value = text;
}

static void parse_integer_option(const struct option *option, const char *text, int64_t *value,
                                 struct buffer *faults)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || end == text || *end || number < option->min || number > option->max) {
        buffer_format(faults, "%s: must be a whole number from %" PRId64 " to %" PRId64 "\n",
                      option->name, option->min, option->max);
        return;
    }
    *value = number;
}

static void parse_boolean_option(const struct option *option, const char *text, bool *value,
                                 struct buffer *faults)
{
    if (!strcasecmp(text, "true") || !strcmp(text, "1")) {
        *value = true;
    } else if (!strcasecmp(text, "false") || !strcmp(text, "0")) {
        *value = false;
    } else {
        report_fault(faults, option->name, "must be true or false");
    }
}

static void parse_choice_option(const struct option *option, const char *text, int64_t *value,
                                struct buffer *faults)
{
    for (int64_t i = 0; option->choices[i]; i++) {
        if (!strcmp(text, option->choices[i])) {
            *value = i;
            return;
        }
    }
    buffer_format(faults, "%s: must be one of", option->name);
    for (size_t i = 0; option->choices[i]; i++) {
        buffer_format(faults, " %s", option->choices[i]);
    }
    buffer_add_char(faults, '\n');
}

static void parse_option(struct config *config, const struct option *option, const char *text,
                         struct buffer *faults)
{
    char *member = (char *)config + option->offset;
    switch (option->type) {
    case OPTION_STRING:
    case OPTION_PATH:
        parse_string_option(option, arena_string(config->arena, text),
                            (const char **)(void *)member, faults);
        break;
    case OPTION_INTEGER:
        parse_integer_option(option, text, (int64_t *)(void *)member, faults);
        break;
    case OPTION_BOOLEAN:
        parse_boolean_option(option, text, (bool *)member, faults);
        break;
    case OPTION_CHOICE:
        parse_choice_option(option, text, (int64_t *)(void *)member, faults);
        break;
    }
}

/* --- checks across settings ------------------------------------------------------------------ */

static const char *get_option_string(const struct config *config, const struct option *option)
{
    return *(const char *const *)(const void *)((const char *)config + option->offset);
}

/* Returns the name of an earlier key with the same value, or NULL. */
static const char *find_equal_key(const struct config *config, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if ((options[i].flags & OPTION_KEY) &&
            !strcmp(get_option_string(config, &options[i]),
                    get_option_string(config, &options[index]))) {
            return options[i].name;
        }
    }
    return NULL;
}

/* True if the key contains one of the defaults, which are published in this source file. */
static bool contains_default_key(const char *key)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((options[i].flags & OPTION_KEY) && *options[i].standard &&
            strstr(key, options[i].standard)) {
            return true;
        }
    }
    return false;
}

/* Skips empty keys: they are optional. */
static void check_production_keys(const struct config *config, struct buffer *faults)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const char *key =
            options[i].flags & OPTION_KEY ? get_option_string(config, &options[i]) : "";
        const char *weakness = *key ? key_strength_find_weakness(key) : NULL;
        const char *other = *key ? find_equal_key(config, i) : NULL;
        if (*key && contains_default_key(key)) {
            report_fault(faults, options[i].name,
                         "must be set to a value other than the default in production");
        } else if (weakness) {
            report_fault(faults, options[i].name, weakness);
        } else if (other) {
            buffer_format(faults, "%s: must differ from %s\n", options[i].name, other);
        }
    }
}

/* Checks only the length; auth_check() rejects common passwords and unusable hashes. */
static void check_administrator_password(const struct config *config, struct buffer *faults)
{
    const char *password = config->local_auth_password;
    if (!strcmp(password, default_admin_password)) {
        report_fault(faults, "LOCAL_AUTH_PASSWORD",
                     "must be changed from the default in production");
    } else if (*password != '$' &&
               utf8_utf16_units(password, strlen(password)) < ADMINISTRATOR_PASSWORD_MIN) {
        report_fault(faults, "LOCAL_AUTH_PASSWORD",
                     "must be a hash or have at least 12 characters in production");
    }
}

static void check_production(const struct config *config, struct buffer *faults)
{
    check_production_keys(config, faults);
    check_administrator_password(config, faults);
    if (!*config->public_url) {
        report_fault(faults, "PUBLIC_URL",
                     "must be set in production, for example to https://kontora.example.com");
    } else if (!origin_is_secure(config->public_url)) {
        report_fault(faults, "PUBLIC_URL", "must begin with https:// in production");
    }
    if (config->anonymous_access > ANONYMOUS_NONE) {
        report_fault(faults, "ANONYMOUS_ACCESS", "must be auto or none in production");
    }
    if (*config->ldap_server && !config->ldap_use_ssl && !config->ldap_start_tls) {
        report_fault(faults, "LDAP_USE_SSL",
                     "must be true in production, unless LDAP_START_TLS is true");
    }
}

bool config_allows_anonymous(const struct config *config, enum config_surface_part part)
{
    switch (config->anonymous_access) {
    case ANONYMOUS_AUTO:
        return config->environment == ENVIRONMENT_DEVELOPMENT;
    case ANONYMOUS_ACCOUNTS:
        return part == SURFACE_ACCOUNTS;
    case ANONYMOUS_FILES:
        return part == SURFACE_FILES;
    case ANONYMOUS_BOTH:
        return true;
    default:
        return false;
    }
}

enum config_registration config_registration(const struct config *config)
{
    if (config->registration == REGISTRATION_AUTO) {
        return config->environment == ENVIRONMENT_DEVELOPMENT ? REGISTRATION_OPEN
                                                              : REGISTRATION_INVITE;
    }
    return (enum config_registration)config->registration;
}

bool config_trusts_email_addresses(const struct config *config)
{
    return config->environment == ENVIRONMENT_DEVELOPMENT &&
           config_registration(config) == REGISTRATION_OPEN;
}

bool config_allows_anonymous_tokens(const struct config *config)
{
    return config->tokens_access == TOKENS_OPEN ||
           (config->tokens_access == TOKENS_AUTO && config->environment == ENVIRONMENT_DEVELOPMENT);
}

/* Checks that the path is empty or names a readable file. */
static void check_readable(const char *path, const char *name, struct buffer *faults)
{
    struct stat facts;
    if (*path && (access(path, R_OK) < 0 || stat(path, &facts) < 0)) {
        report_fault(faults, name, strerror(errno));
    } else if (*path && !S_ISREG(facts.st_mode)) {
        report_fault(faults, name, "is not a regular file");
    }
}

static void check_ldap_settings(struct config *config, struct buffer *faults)
{
    if (config->ldap_use_ssl && config->ldap_start_tls) {
        report_fault(faults, "LDAP_START_TLS", "cannot be combined with LDAP_USE_SSL");
    }
    if (!config->ldap_port) {
        config->ldap_port = config->ldap_use_ssl ? PORT_LDAPS : PORT_LDAP;
    }
    if (!*config->ldap_server) {
        if (config->ldap_login) {
            report_fault(faults, "LDAP_LOGIN", "requires LDAP_SERVER to be set");
        }
        return;
    }
    if (!*config->ldap_base_dn) {
        report_fault(faults, "LDAP_BASE_DN", "must be set if LDAP_SERVER is set");
    }
    if (!*config->ldap_bind_dn) {
        report_fault(faults, "LDAP_BIND_DN", "must be set if LDAP_SERVER is set");
    }
    if (!*config->ldap_bind_password) {
        /* A bind with an empty password would be anonymous (RFC 4513, section 5.1.2). */
        report_fault(faults, "LDAP_BIND_PASSWORD", "must be set if LDAP_SERVER is set");
    }
    check_readable(config->ldap_tls_ca_file, "LDAP_TLS_CA_FILE", faults);
}

static void check_addresses(const struct config *config, struct buffer *faults)
{
    if (*config->public_url && !origin_valid(config->public_url)) {
        report_fault(faults, "PUBLIC_URL",
                     "must be https://host or https://host:port, without a path");
    }
    if (!network_list_valid(config->local_auth_networks)) {
        report_fault(faults, "LOCAL_AUTH_NETWORKS",
                     "must be addresses or networks such as 10.0.0.0/8, separated by commas");
    }
}

/* Checks that a file can be created at the path: that the nearest existing ancestor is a writable
 * directory. An existing file must be writable itself. */
static void check_writable(const char *path, const char *name, struct buffer *faults)
{
    char *ancestor = base_strdup(path);
    char *slash;
    errno = 0;
    while (access(ancestor, W_OK) < 0 && errno == ENOENT &&
           (slash = strrchr(ancestor, '/')) != NULL && slash != ancestor) {
        *slash = '\0';
        errno = 0;
    }
    struct stat facts;
    bool is_path = !strcmp(ancestor, path);
    if (errno && errno != ENOENT) {
        report_fault(faults, name, strerror(errno));
    } else if (!errno && stat(ancestor, &facts) == 0 && S_ISDIR(facts.st_mode) == is_path) {
        report_fault(faults, name,
                     is_path ? "is a directory, not a file"
                             : "a parent of the path is not a directory");
    }
    free(ancestor);
}

static void check_files(const struct config *config, struct buffer *faults)
{
    check_writable(config->audit_log_path, "AUDIT_LOG_PATH", faults);
    check_readable(config->aws_ca_bundle, "AWS_CA_BUNDLE", faults);
    check_writable(arena_format(config->arena, "%s/openapi.ru.json", config->static_dir),
                   "STATIC_DIR", faults);
    if (*config->log_path) {
        check_writable(config->log_path, "LOG_PATH", faults);
    }
    if (*config->socket_group && !getgrnam(config->socket_group)) {
        report_fault(faults, "SOCKET_GROUP", "group does not exist");
    }
}

/* Resolves relative paths against STATE_DIR, so that no file is created in the working
 * directory. */
static void resolve_paths(struct config *config)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const char **path = (const char **)(void *)((char *)config + options[i].offset);
        if (options[i].type == OPTION_PATH && **path && **path != '/') {
            *path = arena_format(config->arena, "%s/%s", config->state_dir, *path);
        }
    }
}

static void check_socket_dir(const struct config *config, struct buffer *faults)
{
    for (size_t i = 0; i < POOL_COUNT; i++) {
        if (strlen(config->socket_dir) + strlen("/.sock") + strlen(config_pool_names[i]) >
            SOCKET_PATH_MAX) {
            report_fault(faults, "SOCKET_DIR",
                         "is too long: a Unix socket path has at most 107 bytes");
            return;
        }
    }
}

/* --- environment file ------------------------------------------------------------------------ */

static char *trim_spaces(char *text)
{
    while (isspace((unsigned char)*text)) {
        text++;
    }
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1])) {
        *--end = '\0';
    }
    return text;
}

/* Strips spaces, quotes and a trailing comment, which begins with " #", from the text behind the
 * equals sign. Returns false if the end quote is missing or text other than a comment follows
 * it. */
static bool unquote_value(char **value)
{
    char *raw = *value;
    *value = trim_spaces(raw);
    char quote = **value;
    if (quote == '"' || quote == '\'') {
        char *end = strchr(*value + 1, quote);
        if (!end) {
            return false;
        }
        char *rest = trim_spaces(end + 1);
        if (*rest && *rest != '#') {
            return false;
        }
        *end = '\0';
        *value += 1;
        return true;
    }
    for (char *c = raw; *c; c++) {
        if (*c == '#' && isspace((unsigned char)c[-1])) {
            *c = '\0';
            *value = trim_spaces(raw);
            break;
        }
    }
    return true;
}

/* Parses one line: blank, a comment, or [export] NAME=value. */
static void parse_environment_line(struct config *config, char *line, int number,
                                   struct file_values *values, struct buffer *faults,
                                   struct buffer *warnings)
{
    line = trim_spaces(line);
    if (!*line || *line == '#') {
        return;
    }
    if (!strncmp(line, "export ", strlen("export "))) {
        line = trim_spaces(line + strlen("export "));
    }
    char *equals = strchr(line, '=');
    char *value = equals ? equals + 1 : NULL;
    if (!equals || !unquote_value(&value)) {
        buffer_format(faults, "line %d of the environment file: must be of the form NAME=value\n",
                      number);
        return;
    }
    *equals = '\0';
    const char *name = trim_spaces(line);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (!strcmp(name, options[i].name)) {
            values->of[i] = arena_string(config->arena, value);
            return;
        }
    }
    /* Text that does not look like a name may be part of a multi-line secret, so it is not
     * shown. */
    if (*name && !name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789")]) {
        report_fault(warnings, name, "unknown setting in the environment file");
    } else {
        buffer_format(warnings, "line %d of the environment file: unknown setting\n", number);
    }
}

static void read_environment_file(struct config *config, const char *path,
                                  struct file_values *values, struct buffer *faults,
                                  struct buffer *warnings)
{
    FILE *file = fopen(path ? path : ".env", "re");
    if (!file) {
        if (path || errno != ENOENT) {
            report_fault(faults, path ? path : ".env", strerror(errno));
        }
        return;
    }
    char *line = NULL;
    size_t size = 0;
    for (int number = 1; getline(&line, &size, file) >= 0; number++) {
        parse_environment_line(config, line, number, values, faults, warnings);
    }
    if (ferror(file)) {
        report_fault(faults, path ? path : ".env", strerror(errno));
    }
    free(line);
    fclose(file);
}

/* --- public functions ------------------------------------------------------------------------ */

bool config_load(struct config *config, const char *env_file, struct buffer *faults,
                 struct buffer *warnings)
{
    size_t before = faults->length;
    *config = (struct config){.arena = arena_new()};
    struct file_values values = {0};
    read_environment_file(config, env_file, &values, faults, warnings);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const char *text = getenv(options[i].name);
        if (!text) {
            text = values.of[i];
        }
        parse_option(config, &options[i], text ? text : options[i].standard, faults);
    }
    resolve_paths(config);
    check_socket_dir(config, faults);
    check_files(config, faults);
    check_ldap_settings(config, faults);
    check_addresses(config, faults);
    if (config->environment == ENVIRONMENT_PRODUCTION) {
        check_production(config, faults);
    }
    if (config->debug) {
        config->log_level = LOG_LEVEL_DEBUG;
    }
    return faults->length == before;
}

void config_free(struct config *config)
{
    arena_free(&config->arena);
    *config = (struct config){0};
}

void config_print(const struct config *config, struct buffer *out)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &options[i];
        const char *member = (const char *)config + option->offset;
        int64_t integer;
        buffer_format(out, "%s=", option->name);
        switch (option->type) {
        case OPTION_STRING:
        case OPTION_PATH:
            if (option->flags & OPTION_SECRET) {
                buffer_add_string(out, **(const char *const *)(const void *)member ? "***" : "");
            } else {
                buffer_add_string(out, *(const char *const *)(const void *)member);
            }
            break;
        case OPTION_BOOLEAN:
            buffer_add_string(out, *(const bool *)member ? "true" : "false");
            break;
        case OPTION_INTEGER:
            memcpy(&integer, member, sizeof integer);
            buffer_format(out, "%" PRId64, integer);
            break;
        case OPTION_CHOICE:
            memcpy(&integer, member, sizeof integer);
            buffer_add_string(out, option->choices[integer]);
            break;
        }
        buffer_add_char(out, '\n');
    }
}
