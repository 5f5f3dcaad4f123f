/*
 * Fuzzes the environment file: it is accepted, or its faults are reported; the printed
 * configuration has one line per setting and contains no secret.
 */
#include "base/config.h"
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

/* Must never be printed, wherever it stands in the input. */
static const char secret[] = "zyxwvut-secret-zyxwvut-secret-zyxwvut";

static void check_lines(const struct buffer *lines)
{
    FUZZ_CHECK(!lines->length || lines->bytes[lines->length - 1] == '\n');
}

/* `shown`: the input itself contains the secret, as the value of a setting that is not secret. */
static void check_print(const struct config *config, bool shown)
{
    struct buffer out = {0};
    config_print(config, &out);
    check_lines(&out);
    FUZZ_CHECK(shown || !strstr(out.bytes, secret));
    FUZZ_CHECK(!strncmp(out.bytes, "APP_NAME=", strlen("APP_NAME=")));
    buffer_free(&out);
}

static void check_config(const struct config *config)
{
    FUZZ_CHECK(*config->app_name && *config->state_dir && *config->audit_log_path);
    FUZZ_CHECK(config->ldap_port > 0 && config->ldap_port <= UINT16_MAX);
    FUZZ_CHECK(config->default_language >= 0 && config->default_language < LANGUAGE_COUNT);
    FUZZ_CHECK(!(config->ldap_use_ssl && config->ldap_start_tls));
    for (size_t i = 0; i < POOL_COUNT; i++) {
        FUZZ_CHECK(config->workers[i] >= 1);
    }
    if (config->environment == ENVIRONMENT_PRODUCTION) {
        FUZZ_CHECK(strlen(config->jwt_secret_key) >= 32);
        FUZZ_CHECK(strlen(config->secret_key) >= 32);
        FUZZ_CHECK(!*config->ldap_server || config->ldap_use_ssl || config->ldap_start_tls);
    }
}

static void write_all(int fd, const uint8_t *data, size_t size)
{
    while (size) {
        ssize_t written = write(fd, data, size);
        FUZZ_CHECK(written > 0);
        data += written;
        size -= (size_t)written;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        FUZZ_CHECK(!clearenv());
        /* The environment overrides the file. */
        FUZZ_CHECK(!setenv("LDAP_BIND_PASSWORD", secret, 1));
        fd = memfd_create("settings", MFD_CLOEXEC);
        FUZZ_CHECK(fd >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    FUZZ_CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    write_all(fd, data, size);
    struct config config;
    struct buffer faults = {0}, warnings = {0};
    bool valid = config_load(&config, path, &faults, &warnings);
    FUZZ_CHECK(valid == (faults.length == 0));
    check_lines(&faults);
    check_lines(&warnings);
    check_print(&config, size && memmem(data, size, secret, sizeof secret - 1));
    if (valid) {
        check_config(&config);
    }
    config_free(&config);
    buffer_free(&faults);
    buffer_free(&warnings);
    return 0;
}
