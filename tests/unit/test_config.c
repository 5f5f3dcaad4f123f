/* Configuration: the environment file, invalid values of every type, rules between settings, and
 * the printed configuration, which contains no secrets. */
#include "unit.h"

#include "base/config.h"
#include "base/key_strength.h"
#include "base/log.h"
#include "base/random.h"

#define LONG_SECRET "b7e151628aed2a6abf7158809cf4f3c7"
#define OTHER_SECRET "243f6a8885a308d313198a2e03707344"

/* A valid production configuration; each test changes one setting of it. */
#define PRODUCTION                                                                                 \
    "ENVIRONMENT=production\nJWT_SECRET_KEY=" LONG_SECRET "\nSECRET_KEY=" OTHER_SECRET             \
    "\nLOCAL_AUTH_PASSWORD=another-one-1\nPUBLIC_URL=https://kontora.example.com\n"

#define DIRECTORY                                                                                  \
    "LDAP_SERVER=dc.kontora.test\nLDAP_BASE_DN=DC=kontora,DC=test\n"                               \
    "LDAP_BIND_DN=CN=service\nLDAP_BIND_PASSWORD=bind-secret\n"

struct loaded {
    struct config config;
    struct buffer faults, warnings;
    bool valid;
};

static void free_loaded(void *loaded)
{
    config_free(&((struct loaded *)loaded)->config);
}

static struct loaded *load_path(struct arena *arena, const char *path)
{
    struct loaded *loaded = arena_alloc(arena, sizeof *loaded);
    loaded->faults.arena = loaded->warnings.arena = arena;
    buffer_add(&loaded->faults, "", 0);
    buffer_add(&loaded->warnings, "", 0);
    loaded->valid = config_load(&loaded->config, path, &loaded->faults, &loaded->warnings);
    arena_defer(arena, free_loaded, loaded);
    assert_int_equal(loaded->valid, loaded->faults.length == 0);
    return loaded;
}

static struct loaded *load_bytes(struct arena *arena, const char *bytes, size_t length)
{
    write_file("settings", bytes, length);
    return load_path(arena, "settings");
}

static struct loaded *load_text(struct arena *arena, const char *text)
{
    return load_bytes(arena, text, strlen(text));
}

static struct loaded *must_load(struct arena *arena, const char *text)
{
    struct loaded *loaded = load_text(arena, text);
    assert_string_equal(loaded->faults.bytes, "");
    assert_string_equal(loaded->warnings.bytes, "");
    return loaded;
}

static size_t count_lines(const struct buffer *lines)
{
    size_t count = 0;
    for (const char *c = lines->bytes; *c; c++) {
        count += *c == '\n';
    }
    return count;
}

/* True if one of the lines is about the setting. */
static bool has_line_about(const struct buffer *lines, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = lines->bytes; *line; line += strcspn(line, "\n") + 1) {
        if (!strncmp(line, name, length) && line[length] == ':') {
            return true;
        }
    }
    return false;
}

/* Asserts that exactly one fault is reported and names the setting. */
static void assert_rejected(struct arena *arena, const char *text, const char *name)
{
    struct loaded *loaded = load_text(arena, text);
    if (!has_line_about(&loaded->faults, name) || count_lines(&loaded->faults) != 1) {
        FAIL("%s gives: %s", text, loaded->faults.bytes);
    }
}

/* --- defaults and sources --------------------------------------------------------------------- */

static void defaults_suffice_for_development(void **state)
{
    const struct config *config = &must_load(*state, "")->config;
    assert_string_equal(config->app_name, "kontora");
    assert_int_equal(config->environment, ENVIRONMENT_DEVELOPMENT);
    assert_int_equal(config->default_language, LANGUAGE_RU);
    assert_int_equal(config->log_level, LOG_LEVEL_INFO);
    assert_string_equal(config->state_dir, "var");
    assert_string_equal(config->socket_dir, "var/run");
    assert_string_equal(config->log_path, "");
    assert_string_equal(config->audit_log_path, "var/logs/audit.jsonl");
    assert_int_equal(config->jwt_expiration_hours, 24);
    assert_string_equal(config->local_auth_username, "admin");
    assert_string_equal(config->ldap_server, "");
    assert_string_equal(config->ldap_tls_ca_file, "");
    assert_int_equal(config->ldap_port, 389);
    assert_string_equal(config->database_url, "sqlite:///kontora.db");
    assert_int_equal(config->database_synchronous, SYNCHRONOUS_FULL);
    assert_int_equal(config->http_port, 8000);
    assert_int_equal(config->https_port, 8443);
    assert_int_equal(config->files_port, 5000);
    for (size_t i = 0; i < POOL_COUNT; i++) {
        assert_true(config->workers[i] >= 1);
    }
}

static void environment_variables_override_the_env_file(void **state)
{
    setenv("APP_NAME", "from-environment", 1);
    setenv("LOG_PATH", "", 1); /* an empty value counts as set */
    const struct config *config = &must_load(*state, "APP_NAME=file\nLOG_PATH=a.log\n")->config;
    unsetenv("APP_NAME");
    unsetenv("LOG_PATH");
    assert_string_equal(config->app_name, "from-environment");
    assert_string_equal(config->log_path, "");
}

static void env_file_of_working_directory_is_read_if_present(void **state)
{
    /* the file does not exist and is not required */
    struct loaded *loaded = load_path(*state, NULL);
    assert_true(loaded->valid);
    write_file(".env", BYTES("APP_NAME=from-dotenv\n"));
    loaded = load_path(*state, NULL);
    unlink(".env");
    assert_true(loaded->valid);
    assert_string_equal(loaded->config.app_name, "from-dotenv");
}

static void unreadable_env_file_is_reported(void **state)
{
    struct loaded *loaded = load_path(*state, "no-such-file");
    assert_true(has_line_about(&loaded->faults, "no-such-file"));
    loaded = load_path(*state, "/");
    assert_true(has_line_about(&loaded->faults, "/"));
}

/* --- lines of the file ------------------------------------------------------------------------ */

static void setting_values_are_unquoted_as_in_a_shell(void **state)
{
    static const struct {
        const char *text, *app_name;
    } rows[] = {
        {"APP_NAME=plain", "plain"},
        {"APP_NAME=plain\r\n", "plain"},
        {"  APP_NAME =  spaced out  \n", "spaced out"},
        {"export APP_NAME=exported\n", "exported"},
        {"export   APP_NAME = exported\n", "exported"},
        {"APP_NAME=\"double quotes\"\n", "double quotes"},
        {"APP_NAME='single quotes'\n", "single quotes"},
        {"APP_NAME=\" kept \"\n", " kept "},
        {"APP_NAME='it \"is\"'\n", "it \"is\""},
        {"APP_NAME=\"it's\"\n", "it's"},
        {"APP_NAME=\"a # b\" # comment\n", "a # b"},
        {"APP_NAME='a'# comment\n", "a"},
        {"APP_NAME=value # comment\n", "value"},
        {"APP_NAME=value    # comment\n", "value"},
        {"APP_NAME=value\t# comment\n", "value"},
        {"APP_NAME=a#b\n", "a#b"},
        {"APP_NAME=#a\n", "#a"}, /* passwords may begin with any character */
        {"APP_NAME=a=b=c\n", "a=b=c"},
        {"# APP_NAME=comment\n\n   \n\t# more\nAPP_NAME=below\n", "below"},
        {"APP_NAME=first\nAPP_NAME=last\n", "last"},
        {"APP_NAME=Контора", "Контора"},
        {"APP_NAME=$HOME\n", "$HOME"}, /* "$" is not expanded */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_string_equal(must_load(*state, rows[i].text)->config.app_name, rows[i].app_name);
    }
}

static void setting_values_may_be_empty(void **state)
{
    static const char *const lines[] = {"LOG_PATH=",          "LOG_PATH=\n",
                                        "LOG_PATH=\"\"\n",    "LOG_PATH='' # none\n",
                                        "LOG_PATH= # none\n", "LOG_PATH=\t# none\n"};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        assert_string_equal(must_load(*state, lines[i])->config.log_path, "");
    }
}

static void malformed_lines_are_rejected_with_line_number(void **state)
{
    static const char *const lines[] = {
        "APP_NAME\n",    "APP_NAME=\"open\n", "APP_NAME='open\n", "APP_NAME=\"a\" b\n",
        "APP_NAME=\"\n", "export\n",          "some words\n",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct loaded *loaded = load_text(*state, arena_format(*state, "\n%s", lines[i]));
        assert_false(loaded->valid);
        assert_non_null(strstr(loaded->faults.bytes, "line 2 "));
    }
}

static void unknown_settings_cause_warnings(void **state)
{
    struct loaded *loaded = load_text(*state, "APP_NMAE=x\nPATH=/bin\nAPP_NAME=known\n");
    assert_true(loaded->valid);
    assert_int_equal(count_lines(&loaded->warnings), 2);
    assert_true(has_line_about(&loaded->warnings, "APP_NMAE"));
    assert_true(has_line_about(&loaded->warnings, "PATH"));
    assert_string_equal(loaded->config.app_name, "known");
}

static void binary_content_and_overlong_lines_are_handled(void **state)
{
    load_bytes(*state, BYTES("APP_NAME=a\0b\n\0=\n=\n\xFF\xFE=\x80\n\"=\"\n'"));
    char *line = arena_alloc(*state, 200001);
    memset(line, 'x', 200000);
    assert_false(load_text(*state, line)->valid);
    assert_rejected(*state, arena_format(*state, "LDAP_BASE_DN=%s", line), "LDAP_BASE_DN");
}

/* --- types ------------------------------------------------------------------------------------ */

/* A setting with a value that it refuses. */
struct invalid_setting {
    const char *name, *value;
};

static void assert_all_rejected(struct arena *arena, const struct invalid_setting *rows,
                                size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *line = arena_format(arena, "%s=%s\n", rows[i].name, rows[i].value);
        assert_rejected(arena, line, rows[i].name);
        setenv(rows[i].name, rows[i].value, 1); /* the same value from the environment */
        assert_rejected(arena, "", rows[i].name);
        unsetenv(rows[i].name);
    }
}

static void invalid_words_are_rejected_naming_the_setting(void **state)
{
    static const struct invalid_setting rows[] = {
        {"APP_NAME", ""},
        {"STATE_DIR", ""},
        {"AUDIT_LOG_PATH", ""},
        {"LOCAL_AUTH_USERNAME", ""},
        {"LOCAL_AUTH_NETWORKS", "10.0.0.0/33"},
        {"LOCAL_AUTH_NETWORKS", "localhost"},
        {"LOCAL_AUTH_NETWORKS", "10.0.0.0/8,"},
        {"ENVIRONMENT", "prod"},
        {"ENVIRONMENT", ""},
        {"ENVIRONMENT", "Production"},
        {"DEFAULT_LANGUAGE", "de"},
        {"LOG_LEVEL", "verbose"},
        {"JWT_ALGORITHM", "none"},
        {"JWT_ALGORITHM", "HS512"},
        {"JWT_ALGORITHM", "RS256"},
        {"RATE_LIMITS", "true"},
        {"DEBUG", "yes"},
        {"DEBUG", "2"},
        {"DEBUG", ""},
        {"LDAP_USE_SSL", "on"},
    };
    assert_all_rejected(*state, rows, COUNT_OF(rows));
}

static void invalid_numbers_are_rejected_naming_the_setting(void **state)
{
    static const struct invalid_setting rows[] = {
        {"CORE_WORKERS", "0"},
        {"CORE_WORKERS", "257"},
        {"CORE_WORKERS", "-1"},
        {"CORE_WORKERS", ""},
        {"CORE_WORKERS", "two"},
        {"CORE_WORKERS", "2.5"},
        {"CORE_WORKERS", "2e0"},
        {"CORE_WORKERS", "0x2"},
        {"CORE_WORKERS", "2 workers"},
        {"CORE_WORKERS", "99999999999999999999"},
        {"CORE_WORKERS", "-99999999999999999999"},
        {"CORE_WORKERS", "9223372036854775808"},
        {"AUTH_WORKERS", "0"},
        {"DIRECTORY_WORKERS", "0"},
        {"FILTERS_WORKERS", "0"},
        {"FILTER_TIMEOUT_MS", "99"},
        {"FILES_WORKERS", "0"},
        {"WORKER_MAX_REQUESTS", "-1"},
        {"WORKER_MAX_GROWTH_MIB", "65537"},
        {"DRAIN_TIMEOUT", "0"},
        {"REQUEST_TIMEOUT", "3601"},
        {"MAX_JSON_KIB", "0"},
        {"JWT_EXPIRATION_HOURS", "0"},
        {"REFRESH_EXPIRATION_HOURS", "9000"},
        {"LDAP_PORT", "65536"},
        {"LDAP_CONNECT_TIMEOUT_MS", "99"},
        {"LDAP_TIMEOUT_MS", "60001"},
        {"HTTP_PORT", "0"},
        {"HTTPS_PORT", "65536"},
        {"FILES_PORT", "http"},
    };
    assert_all_rejected(*state, rows, COUNT_OF(rows));
}

static void all_faults_of_the_settings_are_reported_together(void **state)
{
    static const char *const bad[] = {"APP_NAME",     "DEBUG",     "LOG_LEVEL",
                                      "CORE_WORKERS", "HTTP_PORT", "JWT_ALGORITHM"};
    struct buffer text = {.arena = *state};
    buffer_add_string(&text, "not a line\n");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        buffer_format(&text, "%s=\n", bad[i]);
    }
    struct loaded *loaded = load_text(*state, text.bytes);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_true(has_line_about(&loaded->faults, bad[i]));
    }
    assert_int_equal(count_lines(&loaded->faults), COUNT_OF(bad) + 1);
}

static void valid_setting_values_are_accepted(void **state)
{
    static const struct {
        const char *text;
        bool value;
    } booleans[] = {{"true", true},   {"TRUE", true},   {"1", true},
                    {"false", false}, {"False", false}, {"0", false}};
    for (size_t i = 0; i < COUNT_OF(booleans); i++) {
        const char *line = arena_format(*state, "LDAP_USE_SSL=%s", booleans[i].text);
        assert_int_equal(must_load(*state, line)->config.ldap_use_ssl, booleans[i].value);
    }
    assert_int_equal(must_load(*state, "CORE_WORKERS=1")->config.workers[POOL_CORE], 1);
    assert_int_equal(must_load(*state, "FILES_WORKERS=256")->config.workers[POOL_FILES], 256);
    assert_int_equal(must_load(*state, "LOG_LEVEL=error")->config.log_level, LOG_LEVEL_ERROR);
    assert_int_equal(must_load(*state, "DEFAULT_LANGUAGE=en")->config.default_language,
                     LANGUAGE_EN);
    assert_int_equal(must_load(*state, "DEBUG=true\nLOG_LEVEL=error")->config.log_level,
                     LOG_LEVEL_DEBUG);
}

static void setting_lengths_are_counted_in_characters(void **state)
{
    static const char *const characters[] = {"x", "я"};
    for (size_t i = 0; i < COUNT_OF(characters); i++) {
        struct buffer line = {.arena = *state};
        buffer_add_string(&line, "APP_NAME=");
        for (int count = 0; count < 64; count++) {
            buffer_add_string(&line, characters[i]);
        }
        must_load(*state, line.bytes);
        buffer_add_string(&line, characters[i]);
        assert_rejected(*state, line.bytes, "APP_NAME");
    }
}

/* --- rules between settings ------------------------------------------------------------------- */

static void production_rejects_default_secrets(void **state)
{
    must_load(*state, PRODUCTION);
    struct loaded *loaded = load_text(*state, "ENVIRONMENT=production\n");
    assert_true(has_line_about(&loaded->faults, "JWT_SECRET_KEY"));
    assert_true(has_line_about(&loaded->faults, "SECRET_KEY"));
    assert_true(has_line_about(&loaded->faults, "LOCAL_AUTH_PASSWORD"));
    assert_true(has_line_about(&loaded->faults, "PUBLIC_URL"));
    assert_int_equal(count_lines(&loaded->faults), 4);
    /* A default value that is set explicitly is rejected as well. */
    assert_rejected(*state, PRODUCTION "LOCAL_AUTH_PASSWORD=admin123\n", "LOCAL_AUTH_PASSWORD");
    assert_rejected(*state, PRODUCTION "JWT_SECRET_KEY=your-secret-key-change-this-in-production\n",
                    "JWT_SECRET_KEY");
}

static void token_access_is_open_by_default_in_development_only(void **state)
{
    static const struct {
        const char *text;
        bool open;
    } rows[] = {
        {"", true},
        {"TOKENS_ACCESS=open\n", true},
        {"TOKENS_ACCESS=authenticated\n", false},
        {PRODUCTION, false},
        {PRODUCTION "TOKENS_ACCESS=auto\n", false},
        {PRODUCTION "TOKENS_ACCESS=open\n", true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct loaded *loaded = must_load(*state, rows[i].text);
        assert_int_equal(config_allows_anonymous_tokens(&loaded->config), rows[i].open);
    }
    assert_rejected(*state, "TOKENS_ACCESS=closed\n", "TOKENS_ACCESS");
    assert_rejected(*state, "DISK_RESERVE_MIB=-1\n", "DISK_RESERVE_MIB");
    assert_rejected(*state, "FILES_TOTAL_QUOTA_MIB=much\n", "FILES_TOTAL_QUOTA_MIB");
}

static void production_rejects_weak_keys(void **state)
{
    static const char *const weak[] = {
        "b7e151628aed2a6abf7158809cf4f3c",           /* one character too short */
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",  /* one repeated letter */
        "abababababababababababababababababababab",  /* two repeated letters */
        "0123456789abcdef0123456789abcdef",          /* a repeated block */
        "0123456789abcdefghijklmnopqrstuvwxyz",      /* a sequence */
        "change-me-change-me-change-me-change-it",   /* a repeated word with a small change */
        "kontora-production-aaaaaaaaaaaaaaaaaaaaaa", /* words padded with one letter */
    };
    must_load(*state, "JWT_SECRET_KEY=short\n"); /* outside production, short keys are accepted */
    for (size_t i = 0; i < COUNT_OF(weak); i++) {
        assert_rejected(*state, arena_format(*state, PRODUCTION "JWT_SECRET_KEY=%s\n", weak[i]),
                        "JWT_SECRET_KEY");
        assert_rejected(*state, arena_format(*state, PRODUCTION "SECRET_KEY=%s\n", weak[i]),
                        "SECRET_KEY");
    }
    /* equal to JWT_SECRET_KEY */
    assert_rejected(*state, PRODUCTION "SECRET_KEY=" LONG_SECRET "\n", "SECRET_KEY");
}

/* Tests random keys in hexadecimal, as `openssl rand -hex 32` prints them. */
static void random_keys_are_accepted_as_strong(void **state)
{
    enum { KEYS = 2000, BYTES_MIN = 16, BYTES_MAX = 1024 };
    for (size_t i = 0; i < KEYS; i++) {
        char id[RANDOM_ID_SIZE];
        struct buffer hex = {.arena = *state};
        size_t ids = 2 + i % (i < KEYS - 4 ? 4 : BYTES_MAX / BYTES_MIN);
        for (size_t j = 0; j < ids; j++) {
            buffer_add_string(&hex, random_id(id));
        }
        if (key_strength_find_weakness(hex.bytes)) {
            FAIL("%s %s", hex.bytes, key_strength_find_weakness(hex.bytes));
        }
    }
    assert_null(key_strength_find_weakness(
        "q5zP0tXbGvJm1rYk8wLcSdHnUeAfTiRo7V9hE2Bx")); /* a key in base64 */
    assert_null(key_strength_find_weakness("correct horse battery staple 1837"));
}

static void production_rejects_weak_administrator_passwords(void **state)
{
    must_load(*state, "LOCAL_AUTH_PASSWORD=a\n");
    assert_rejected(*state, PRODUCTION "LOCAL_AUTH_PASSWORD=a\n", "LOCAL_AUTH_PASSWORD");
    assert_rejected(*state, PRODUCTION "LOCAL_AUTH_PASSWORD=elevenchar1\n", "LOCAL_AUTH_PASSWORD");
    must_load(*state, PRODUCTION "LOCAL_AUTH_PASSWORD=двенадцать-1\n");
    /* checked later by auth_check() */
    must_load(*state, PRODUCTION "LOCAL_AUTH_PASSWORD='$2b$10$x'\n");
}

static void production_requires_an_https_public_url(void **state)
{
    must_load(*state, "PUBLIC_URL=http://localhost:8000\n");
    assert_rejected(*state, PRODUCTION "PUBLIC_URL=\n", "PUBLIC_URL");
    assert_rejected(*state, PRODUCTION "PUBLIC_URL=http://kontora.example.com\n", "PUBLIC_URL");
    assert_rejected(*state, PRODUCTION "PUBLIC_URL='https://evil.com\"<script>'\n", "PUBLIC_URL");
}

static void registration_default_depends_on_environment(void **state)
{
    static const struct {
        const char *text;
        enum config_registration registration;
        bool trusts;
    } rows[] = {
        {"", REGISTRATION_OPEN, true},
        {"REGISTRATION=auto\n", REGISTRATION_OPEN, true},
        {"REGISTRATION=open\n", REGISTRATION_OPEN, true},
        {"REGISTRATION=invite\n", REGISTRATION_INVITE, false},
        {"REGISTRATION=closed\n", REGISTRATION_CLOSED, false},
        {PRODUCTION, REGISTRATION_INVITE, false},
        {PRODUCTION "REGISTRATION=auto\n", REGISTRATION_INVITE, false},
        {PRODUCTION "REGISTRATION=open\n", REGISTRATION_OPEN, false},
        {PRODUCTION "REGISTRATION=closed\n", REGISTRATION_CLOSED, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct config *config = &must_load(*state, rows[i].text)->config;
        assert_int_equal(config_registration(config), rows[i].registration);
        assert_int_equal(config_trusts_email_addresses(config), rows[i].trusts);
    }
    assert_rejected(*state, "REGISTRATION=anybody\n", "REGISTRATION");
    assert_rejected(*state, "REGISTRATION=\n", "REGISTRATION");
}

static void production_requires_an_encrypted_directory_connection(void **state)
{
    must_load(*state, DIRECTORY);
    assert_rejected(*state, PRODUCTION DIRECTORY, "LDAP_USE_SSL");
    must_load(*state, PRODUCTION DIRECTORY "LDAP_USE_SSL=true\n");
    must_load(*state, PRODUCTION DIRECTORY "LDAP_START_TLS=true\n");
}

static void ldap_server_requires_the_other_directory_settings(void **state)
{
    struct loaded *loaded = load_text(*state, "LDAP_SERVER=dc.kontora.test\n");
    assert_true(has_line_about(&loaded->faults, "LDAP_BASE_DN"));
    assert_true(has_line_about(&loaded->faults, "LDAP_BIND_DN"));
    assert_true(has_line_about(&loaded->faults, "LDAP_BIND_PASSWORD"));
    assert_rejected(*state, DIRECTORY "LDAP_BIND_PASSWORD=\n", "LDAP_BIND_PASSWORD");
    assert_rejected(*state, DIRECTORY "LDAP_TLS_CA_FILE=/no/such/file\n", "LDAP_TLS_CA_FILE");
    write_file("ca.pem", "", 0);
    must_load(*state, DIRECTORY "STATE_DIR=.\nLDAP_TLS_CA_FILE=ca.pem\n");
}

static void ldap_port_default_depends_on_tls(void **state)
{
    assert_int_equal(must_load(*state, DIRECTORY)->config.ldap_port, 389);
    assert_int_equal(must_load(*state, DIRECTORY "LDAP_USE_SSL=1\n")->config.ldap_port, 636);
    assert_int_equal(must_load(*state, DIRECTORY "LDAP_START_TLS=1\n")->config.ldap_port, 389);
    assert_int_equal(must_load(*state, DIRECTORY "LDAP_PORT=3269\n")->config.ldap_port, 3269);
    assert_rejected(*state, DIRECTORY "LDAP_USE_SSL=1\nLDAP_START_TLS=1\n", "LDAP_START_TLS");
}

static void relative_paths_are_resolved_below_the_state_directory(void **state)
{
    const struct config *config =
        &must_load(*state, "STATE_DIR=/srv/kontora\nLOG_PATH=logs/a.log\nSOCKET_DIR=/run/k\n")
             ->config;
    assert_string_equal(config->log_path, "/srv/kontora/logs/a.log");
    assert_string_equal(config->socket_dir, "/run/k");
    assert_string_equal(config->audit_log_path, "/srv/kontora/logs/audit.jsonl");
    assert_string_equal(config->ldap_tls_ca_file, ""); /* an unset path stays unset */
}

/* sun_path holds 107 bytes, and "directory" is the longest name of a pool. */
static void overlong_socket_paths_are_rejected(void **state)
{
    char folder[PATH_MAX];
    size_t longest = 107 - strlen("/directory.sock");
    memset(folder, 'x', sizeof folder);
    folder[0] = '/';
    folder[longest] = '\0';
    must_load(*state, arena_format(*state, "SOCKET_DIR=%s\n", folder));
    folder[longest] = 'x';
    folder[longest + 1] = '\0';
    assert_rejected(*state, arena_format(*state, "SOCKET_DIR=%s\n", folder), "SOCKET_DIR");
}

/* --- printing --------------------------------------------------------------------------------- */

static const char *print_config(struct arena *arena, const struct config *config)
{
    struct buffer out = {.arena = arena};
    config_print(config, &out);
    return out.bytes;
}

static void printed_secrets_are_masked(void **state)
{
    const char *out = print_config(*state, &must_load(*state, PRODUCTION DIRECTORY
                                                      "LDAP_USE_SSL=1\n"
                                                      "LOCAL_AUTH_PASSWORD=local-secret\n")
                                                ->config);
    assert_null(strstr(out, LONG_SECRET));
    assert_null(strstr(out, "local-secret"));
    assert_null(strstr(out, "bind-secret"));
    assert_non_null(strstr(out, "\nJWT_SECRET_KEY=***\n"));
    assert_non_null(strstr(out, "\nSECRET_KEY=***\n"));
    assert_non_null(strstr(out, "\nLOCAL_AUTH_PASSWORD=***\n"));
    assert_non_null(strstr(out, "\nLDAP_BIND_PASSWORD=***\n"));
    out = print_config(*state, &must_load(*state, "")->config);
    /* Printing may reveal that a secret is unset. */
    assert_non_null(strstr(out, "\nLDAP_BIND_PASSWORD=\n"));
}

/* The secret itself is invalid, or stands on an invalid line. */
static void fault_messages_contain_no_secrets(void **state)
{
    char text[8192] = "JWT_SECRET_KEY=";
    size_t start = strlen(text);
    for (size_t i = start; i < 6000; i += strlen("secret-")) {
        snprintf(text + i, sizeof text - i, "secret-");
    }
    struct loaded *loaded = load_text(*state, text);
    assert_true(has_line_about(&loaded->faults, "JWT_SECRET_KEY"));
    assert_null(strstr(loaded->faults.bytes, "secret-"));
    static const char *const lines[] = {
        "LDAP_BIND_PASSWORD=\"secret-\n",
        "LDAP_BIND_PASSWORD='secret-' x\n",
        "secret-\n",
        "JWT_SECRET_KEY=\"first line\nsecret-2=x\"\n",
        "LDAP_BIND_PASWORD=secret-\n",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        loaded = load_text(*state, lines[i]);
        assert_true(loaded->faults.length || loaded->warnings.length);
        assert_null(strstr(loaded->faults.bytes, "secret-"));
        assert_null(strstr(loaded->warnings.bytes, "secret-"));
    }
}

/* The printed configuration is an environment file that loads to the same settings, except for
 * secrets. */
static void printed_configuration_can_be_loaded_again(void **state)
{
    const char *text = "APP_NAME=Контора 2\nDEFAULT_LANGUAGE=en\nLDAP_START_TLS=true\n"
                       "LOG_LEVEL=warning\nSTATE_DIR=/srv\nFILES_WORKERS=9\nRATE_LIMITS=off\n";
    const char *first = print_config(*state, &must_load(*state, text)->config);
    const char *second = print_config(*state, &must_load(*state, first)->config);
    assert_string_equal(first, second);
}

/* Prints one line per setting, and only lines of settings. */
static void every_setting_is_printed_on_its_own_line(void **state)
{
    const char *out = print_config(*state, &must_load(*state, "")->config);
    static const char *const settings[] = {
        "APP_NAME",
        "ENVIRONMENT",
        "DEBUG",
        "DEFAULT_LANGUAGE",
        "STATE_DIR",
        "SOCKET_DIR",
        "LOG_LEVEL",
        "LOG_PATH",
        "AUDIT_LOG_PATH",
        "CORE_WORKERS",
        "AUTH_WORKERS",
        "DIRECTORY_WORKERS",
        "FILES_WORKERS",
        "DRAIN_TIMEOUT",
        "MAX_JSON_KIB",
        "JWT_SECRET_KEY",
        "SECRET_KEY",
        "JWT_ALGORITHM",
        "JWT_EXPIRATION_HOURS",
        "LOCAL_AUTH_USERNAME",
        "LOCAL_AUTH_PASSWORD",
        "LDAP_SERVER",
        "LDAP_PORT",
        "LDAP_USE_SSL",
        "LDAP_BIND_DN",
        "LDAP_BIND_PASSWORD",
        "LDAP_BASE_DN",
        "HTTP_PORT",
        "HTTPS_PORT",
        "FILES_PORT",
        "RATE_LIMITS",
    };
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        const char *line = strstr(out, arena_format(*state, "%s%s=", i ? "\n" : "", settings[i]));
        assert_true(line && (i || line == out));
    }
    for (const char *line = out; *line; line += strcspn(line, "\n") + 1) {
        size_t name = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
        assert_true(name > 0 && line[name] == '=');
    }
}

int main(void)
{
    char folder[PATH_MAX];
    if (!enter_temporary(folder) || clearenv()) {
        return EXIT_FAILURE;
    }
    const struct CMUnitTest tests[] = {
        ARENA_TEST(defaults_suffice_for_development),
        ARENA_TEST(environment_variables_override_the_env_file),
        ARENA_TEST(env_file_of_working_directory_is_read_if_present),
        ARENA_TEST(unreadable_env_file_is_reported),
        ARENA_TEST(setting_values_are_unquoted_as_in_a_shell),
        ARENA_TEST(setting_values_may_be_empty),
        ARENA_TEST(malformed_lines_are_rejected_with_line_number),
        ARENA_TEST(unknown_settings_cause_warnings),
        ARENA_TEST(binary_content_and_overlong_lines_are_handled),
        ARENA_TEST(invalid_words_are_rejected_naming_the_setting),
        ARENA_TEST(invalid_numbers_are_rejected_naming_the_setting),
        ARENA_TEST(all_faults_of_the_settings_are_reported_together),
        ARENA_TEST(valid_setting_values_are_accepted),
        ARENA_TEST(setting_lengths_are_counted_in_characters),
        ARENA_TEST(production_rejects_default_secrets),
        ARENA_TEST(production_rejects_weak_keys),
        ARENA_TEST(random_keys_are_accepted_as_strong),
        ARENA_TEST(production_rejects_weak_administrator_passwords),
        ARENA_TEST(production_requires_an_https_public_url),
        ARENA_TEST(registration_default_depends_on_environment),
        ARENA_TEST(token_access_is_open_by_default_in_development_only),
        ARENA_TEST(production_requires_an_encrypted_directory_connection),
        ARENA_TEST(ldap_server_requires_the_other_directory_settings),
        ARENA_TEST(ldap_port_default_depends_on_tls),
        ARENA_TEST(relative_paths_are_resolved_below_the_state_directory),
        ARENA_TEST(overlong_socket_paths_are_rejected),
        ARENA_TEST(printed_secrets_are_masked),
        ARENA_TEST(fault_messages_contain_no_secrets),
        ARENA_TEST(printed_configuration_can_be_loaded_again),
        ARENA_TEST(every_setting_is_printed_on_its_own_line),
    };
    return leave_temporary(folder, cmocka_run_group_tests_name("config", tests, NULL, NULL));
}
