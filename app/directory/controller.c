/*
 * Controller: connects to one domain controller: parses its name in LDAP_SERVER, opens TCP,
 * verifies TLS and binds.
 *
 * Every option that an ldap.conf, an .ldaprc or an LDAP* variable could change is set on the
 * handle. The chain and the host name of the certificate are always verified (RFC 4513 3.1.3), even
 * if LDAP_SERVER has an IP address. The password is sent only in a bind and never logged.
 */
#include "directory/controller.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "directory/circuit.h"
#include "directory/deadline.h"
#include "directory/measure.h"
#include "directory/result.h"

#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

enum {
    BIND_POLL_NS = 2 * 1000 * 1000, /* interval to check whether another process has bound */
    CAUSE_SIZE = 256,
    KEEPALIVE_IDLE_S = 60, /* firewalls drop idle connections after some minutes */
    KEEPALIVE_INTERVAL_S = 5,
    KEEPALIVE_PROBES = 3,
    DEBUG_NOTHING = 0x8000, /* LDAP_DEBUG_NONE of <ldap_log.h>, which is not installed */
};

static const char system_certificates[] = "/etc/ssl/certs/ca-certificates.crt";

/* --- causes of failures ---------------------------------------------------------------------- */

/*
 * The first debug message about TLS of the current attempt. libldap returns the same error for an
 * untrusted certificate and for a certificate of another host ("Can't contact LDAP server (unknown
 * error code)"); only its debug messages distinguish them. The level LDAP_DEBUG_NONE selects the
 * messages that libldap prints at any level, and no others.
 */
static char tls_reason[CAUSE_SIZE];

static void capture_tls_message(const char *line)
{
    static const char mark[] = "TLS: ";
    if (!*tls_reason && !strncmp(line, mark, strlen(mark))) {
        snprintf(tls_reason, sizeof tls_reason, "%.*s", (int)strcspn(line, "\n"), line);
    }
}

void controller_capture_tls_errors(void)
{
    int level = DEBUG_NOTHING;
    if (ber_set_option(NULL, LBER_OPT_LOG_PRINT_FN, (void *)capture_tls_message) !=
            LBER_OPT_SUCCESS ||
        ldap_set_option(NULL, LDAP_OPT_DEBUG_LEVEL, &level) != LDAP_OPT_SUCCESS) {
        log_warning("directory: cannot install a libldap log hook: causes of TLS failures will be "
                    "missing");
    }
}

/* True if the attempt failed because of a timeout. */
static bool is_timeout(const struct controller_attempt *attempt, int code)
{
    return code == LDAP_TIMEOUT || deadline_io_passed(attempt->deadline);
}

/* Returns the TLS failure in the same words for both TLS libraries: libldap uses GnuTLS in Debian
 * 12 and OpenSSL in Debian 13. */
static const char *describe_tls_failure(struct arena *arena)
{
    static const char failed[] = "certificate verify failed (";
    const char *cause = strstr(tls_reason, failed);
    if (cause) {
        cause += strlen(failed);
        return arena_format(arena, "TLS: the certificate is not trusted: %.*s",
                            (int)strcspn(cause, ")"), cause);
    }
    if (strstr(tls_reason, "(unknown error code)")) {
        /* With GnuTLS libldap gives no reason if the chain ends at an unknown root. */
        return "TLS: the certificate is not trusted";
    }
    return arena_string(arena, tls_reason);
}

/* Returns the cause of a failure to connect, as precisely as libldap reports it. */
static const char *describe_connect_failure(const struct controller_attempt *attempt, LDAP *ldap,
                                            int code)
{
    struct arena *arena = attempt->arena;
    char *diagnostic = NULL;
    const char *text = ldap_err2string(code);
    const char *more = "";
    if (is_timeout(attempt, code)) {
        return "no answer in time";
    }
    if (ldap_get_option(ldap, LDAP_OPT_DIAGNOSTIC_MESSAGE, &diagnostic) == LDAP_OPT_SUCCESS &&
        diagnostic) {
        more = arena_string(arena, diagnostic);
    }
    ldap_memfree(diagnostic);
    if (*tls_reason) {
        more = describe_tls_failure(arena);
    }
    return *more ? arena_format(arena, "%s (%s)", text, more) : text;
}

/* --- URIs ------------------------------------------------------------------------------------ */

char *controller_uri(const struct config *config, const char *text, size_t length)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789.-_:[]%";
    size_t colons = 0;
    for (size_t i = 0; i < length; i++) {
        if (!strchr(characters, text[i])) {
            return NULL;
        }
        colons += text[i] == ':';
    }
    bool bare_v6 = colons > 1 && text[0] != '[';
    bool has_port = colons && !bare_v6 && text[length - 1] != ']';
    char port[sizeof ":65535"] = "";
    if (!has_port) {
        snprintf(port, sizeof port, ":%u", (unsigned)(uint16_t)config->ldap_port);
    }
    char *uri = NULL;
    int written = asprintf(&uri, "%s://%s%.*s%s%s", config->ldap_use_ssl ? "ldaps" : "ldap",
                           bare_v6 ? "[" : "", (int)length, text, bare_v6 ? "]" : "", port);
    return written < 0 ? NULL : uri;
}

/* --- opening --------------------------------------------------------------------------------- */

static struct timeval make_timeval(int64_t microseconds)
{
    return (struct timeval){.tv_sec = microseconds / US_PER_S, .tv_usec = microseconds % US_PER_S};
}

static bool set_integer_option(LDAP *ldap, int option, int value)
{
    return ldap_set_option(ldap, option, &value) == LDAP_OPT_SUCCESS;
}

static bool set_time_option(LDAP *ldap, int option, int64_t microseconds)
{
    struct timeval time = make_timeval(microseconds);
    return ldap_set_option(ldap, option, &time) == LDAP_OPT_SUCCESS;
}

/* Disables referrals, because libldap would follow those to other naming contexts and bind
 * there. */
static bool set_ldap_options(LDAP *ldap, int64_t timeout)
{
    return set_integer_option(ldap, LDAP_OPT_PROTOCOL_VERSION, LDAP_VERSION3) &&
           ldap_set_option(ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ldap, LDAP_OPT_RESTART, LDAP_OPT_ON) == LDAP_OPT_SUCCESS &&
           set_integer_option(ldap, LDAP_OPT_DEREF, LDAP_DEREF_NEVER) &&
           set_integer_option(ldap, LDAP_OPT_SIZELIMIT, LDAP_NO_LIMIT) &&
           set_integer_option(ldap, LDAP_OPT_TIMELIMIT, LDAP_NO_LIMIT) &&
           set_time_option(ldap, LDAP_OPT_NETWORK_TIMEOUT, timeout) &&
           set_time_option(ldap, LDAP_OPT_TIMEOUT, timeout) &&
           set_integer_option(ldap, LDAP_OPT_X_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S) &&
           set_integer_option(ldap, LDAP_OPT_X_KEEPALIVE_INTERVAL, KEEPALIVE_INTERVAL_S) &&
           set_integer_option(ldap, LDAP_OPT_X_KEEPALIVE_PROBES, KEEPALIVE_PROBES);
}

/* Creates a TLS context for this handle. The chain must end at a trusted root, and the
 * certificate must match the host: its alternative names if it has any (RFC 6125 6.4.4), else
 * its common name. */
static bool set_tls_options(LDAP *ldap, const char *ca_file)
{
    return set_integer_option(ldap, LDAP_OPT_X_TLS_REQUIRE_CERT, LDAP_OPT_X_TLS_DEMAND) &&
           set_integer_option(ldap, LDAP_OPT_X_TLS_REQUIRE_SAN, LDAP_OPT_X_TLS_TRY) &&
           set_integer_option(ldap, LDAP_OPT_X_TLS_PROTOCOL_MIN, LDAP_OPT_X_TLS_PROTOCOL_TLS1_2) &&
           ldap_set_option(ldap, LDAP_OPT_X_TLS_CACERTDIR, NULL) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ldap, LDAP_OPT_X_TLS_CACERTFILE,
                           *ca_file ? ca_file : system_certificates) == LDAP_OPT_SUCCESS &&
           set_integer_option(ldap, LDAP_OPT_X_TLS_NEWCTX, 0);
}

/* Waits for the answer to a bind, StartTLS or a read. Returns its result code. */
static int wait_for_result(struct arena *arena, LDAP *ldap, int message_id, int64_t timeout_us,
                           const char **diagnostic_r)
{
    LDAPMessage *message = NULL;
    char *diagnostic = NULL;
    struct timeval time = make_timeval(timeout_us);
    int code = LDAP_OTHER;
    int type = ldap_result(ldap, message_id, LDAP_MSG_ALL, &time, &message);
    if (type == 0) {
        return LDAP_TIMEOUT;
    }
    if (type < 0) {
        return LDAP_SERVER_DOWN;
    }
    int parsed = ldap_parse_result(ldap, message, &code, NULL, &diagnostic, NULL, NULL, 1);
    if (diagnostic) {
        *diagnostic_r = arena_string(arena, diagnostic);
        ldap_memfree(diagnostic);
    }
    return parsed == LDAP_SUCCESS ? code : parsed;
}

/* Sends StartTLS (RFC 4511 4.14), which must be the first request, and starts TLS. */
static int start_tls(const struct controller_attempt *attempt, LDAP *ldap)
{
    int message_id = 0;
    const char *diagnostic;
    int64_t timeout_us = deadline_expect_connect(attempt->deadline);
    int code = ldap_start_tls(ldap, NULL, NULL, &message_id);
    if (code == LDAP_SUCCESS) {
        code = wait_for_result(attempt->arena, ldap, message_id, timeout_us, &diagnostic);
    }
    return code == LDAP_SUCCESS ? ldap_install_tls(ldap) : code;
}

/* True if the negotiated version is TLS 1.2 or newer. Checks it before the first request, because
 * libldap ignores its option for the minimum version when it is built with GnuTLS (2.5.13 in Debian
 * 12). GnuTLS names the version "TLS1.3", OpenSSL "TLSv1.3". */
static bool is_modern_tls(LDAP *ldap)
{
    char *version = NULL;
    if (ldap_get_option(ldap, LDAP_OPT_X_TLS_VERSION, (void *)&version) != LDAP_OPT_SUCCESS ||
        !version) {
        return false;
    }
    const char *minor = strstr(version, "1.");
    bool modern = minor && !strncmp(version, "TLS", strlen("TLS")) && minor[2] >= '2';
    ldap_memfree(version);
    return modern;
}

bool controller_encrypts(const struct config *config)
{
    return config->ldap_use_ssl || config->ldap_start_tls;
}

LDAP *controller_open(const struct controller_attempt *attempt, const char **cause_r,
                      bool *silent_r)
{
    const struct config *config = attempt->config;
    LDAP *ldap = NULL;
    int64_t timeout = deadline_expect_connect(attempt->deadline);
    bool encrypted = controller_encrypts(config);
    *tls_reason = '\0';
    int code = ldap_initialize(&ldap, attempt->uri);
    if (code != LDAP_SUCCESS) {
        *cause_r = ldap_err2string(code);
        return NULL;
    }
    if (!deadline_add(ldap, attempt->deadline) || !set_ldap_options(ldap, timeout)) {
        *cause_r = "libldap rejects an option";
    } else if (encrypted && !set_tls_options(ldap, config->ldap_tls_ca_file)) {
        *cause_r = "cannot set up TLS: check that LDAP_TLS_CA_FILE is a file of PEM certificates";
    } else {
        code = ldap_connect(ldap);
        if (code == LDAP_SUCCESS && config->ldap_start_tls) {
            code = start_tls(attempt, ldap);
        }
        if (code == LDAP_SUCCESS && (!encrypted || is_modern_tls(ldap))) {
            return ldap;
        }
        *silent_r = is_timeout(attempt, code);
        *cause_r = code == LDAP_SUCCESS ? "the controller does not support TLS 1.2"
                                        : describe_connect_failure(attempt, ldap, code);
    }
    ldap_unbind_ext(ldap, NULL, NULL);
    return NULL;
}

/* --- binding --------------------------------------------------------------------------------- */

bool controller_is_refusal(int code)
{
    return code == LDAP_INVALID_CREDENTIALS || code == LDAP_INAPPROPRIATE_AUTH ||
           code == LDAP_INVALID_DN_SYNTAX || code == LDAP_NO_SUCH_OBJECT;
}

int controller_bind(const struct controller_attempt *attempt, LDAP *ldap, const char *dn,
                    const char *password, const char **diagnostic_r)
{
    int message_id = 0;
    struct berval secret = {.bv_len = strlen(password), .bv_val = (char *)password};
    *diagnostic_r = "";
    if (!secret.bv_len || !*dn) {
        *diagnostic_r = "the name or the password is empty";
        return LDAP_INAPPROPRIATE_AUTH; /* would succeed as an anonymous bind: RFC 4513 5.1.2 */
    }
    int64_t timeout_us = deadline_expect_answer(attempt->deadline);
    int code = ldap_sasl_bind(ldap, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, &message_id);
    return code == LDAP_SUCCESS
               ? wait_for_result(attempt->arena, ldap, message_id, timeout_us, diagnostic_r)
               : code;
}

static const char *describe_bind_failure(struct arena *arena, int code, const char *diagnostic)
{
    switch (code) {
    case LDAP_STRONG_AUTH_REQUIRED: /* Windows error 00002028 */
        return arena_format(arena,
                            "the controller requires signing or encryption (%s): set LDAP_USE_SSL "
                            "or LDAP_START_TLS",
                            diagnostic);
    case LDAP_INVALID_CREDENTIALS:
        return arena_format(arena, "the bind as LDAP_BIND_DN was refused: %s",
                            result_bind_reason(diagnostic));
    case LDAP_TIMEOUT:
        return "no answer to the bind in time";
    default:
        return arena_format(arena, "the bind as LDAP_BIND_DN failed: %s%s%s", ldap_err2string(code),
                            *diagnostic ? ": " : "", diagnostic);
    }
}

/* Waits while another process binds as the service account. CIRCUIT_BIND_WAIT means a timeout. */
static enum circuit_bind wait_for_bind_permission(const struct controller_attempt *attempt)
{
    int64_t began = clock_steady_us();
    int64_t timeout_us = attempt->deadline->answer_us;
    for (;;) {
        int64_t now = clock_steady_us();
        enum circuit_bind result = circuit_bind(attempt->circuit, attempt->index, now, timeout_us);
        if (result != CIRCUIT_BIND_WAIT || now >= attempt->deadline->call ||
            circuit_was_silent_since(attempt->circuit, attempt->index, began)) {
            return result;
        }
        nanosleep(&(struct timespec){.tv_nsec = BIND_POLL_NS}, NULL);
    }
}

/* Binds as the service account when the circuit permits it, and records the result there. */
static enum controller_result bind_service_account(const struct controller_attempt *attempt,
                                                   LDAP *ldap, const char **cause_r)
{
    const char *diagnostic = "";
    switch (wait_for_bind_permission(attempt)) {
    case CIRCUIT_BIND_REFUSED:
        *cause_r = "the bind as LDAP_BIND_DN was refused a moment ago: not tried again yet";
        return CONTROLLER_REFUSES_CREDENTIALS;
    case CIRCUIT_BIND_WAIT:
        *cause_r = "no time was left to bind";
        return CONTROLLER_NOT_TRIED;
    case CIRCUIT_BIND_ALLOWED:
        break;
    }
    int64_t began = clock_steady_us();
    int code = controller_bind(attempt, ldap, attempt->config->ldap_bind_dn,
                               attempt->config->ldap_bind_password, &diagnostic);
    if (code == LDAP_SUCCESS) {
        measure_operation("bind", began, NULL);
        circuit_record_bind_success(attempt->circuit, attempt->index, clock_steady_us());
        return CONTROLLER_CONNECTED;
    }
    *cause_r = describe_bind_failure(attempt->arena, code, diagnostic);
    if (controller_is_refusal(code)) {
        measure_operation("bind", began, "credentials");
        circuit_record_bind_refusal(attempt->circuit, attempt->index, clock_steady_us());
        return CONTROLLER_REFUSES_CREDENTIALS;
    }
    circuit_record_bind_unknown(attempt->circuit);
    bool silent = is_timeout(attempt, code);
    measure_operation("bind", began, silent ? "silent" : "lost");
    return silent ? CONTROLLER_SILENT : CONTROLLER_FAILED;
}

enum controller_result controller_connect(const struct controller_attempt *attempt, LDAP **ldap_r,
                                          const char **cause_r)
{
    const char *cause = NULL;
    bool silent = false;
    int64_t began = clock_steady_us();
    LDAP *ldap = controller_open(attempt, &cause, &silent);
    if (!ldap) {
        measure_operation("connect", began, silent ? "silent" : "lost");
        *cause_r = arena_format(attempt->arena, "%s: %s", attempt->uri, cause);
        return silent ? CONTROLLER_SILENT : CONTROLLER_FAILED;
    }
    measure_operation("connect", began, NULL);
    enum controller_result result = bind_service_account(attempt, ldap, &cause);
    if (result == CONTROLLER_CONNECTED) {
        *ldap_r = ldap;
        return result;
    }
    *cause_r = arena_format(attempt->arena, "%s: %s", attempt->uri, cause);
    ldap_unbind_ext(ldap, NULL, NULL);
    return result;
}

/* --- reading --------------------------------------------------------------------------------- */

int controller_read_root(const struct controller_attempt *attempt, LDAP *ldap)
{
    char *attributes[] = {"highestCommittedUSN", NULL};
    const char *diagnostic;
    int message_id = 0;
    int64_t timeout_us = deadline_expect_answer(attempt->deadline);
    int code = ldap_search_ext(ldap, "", LDAP_SCOPE_BASE, NULL, attributes, 0, NULL, NULL, NULL,
                               LDAP_NO_LIMIT, &message_id);
    return code == LDAP_SUCCESS
               ? wait_for_result(attempt->arena, ldap, message_id, timeout_us, &diagnostic)
               : code;
}
