/*
 * Controller: one domain controller, from its name in LDAP_SERVER to a verified and bound connection.
 *
 * Everything that an ldap.conf, an .ldaprc or an LDAP… variable could set otherwise is set on the
 * handle. The certificate's chain and the name in it are always verified (RFC 4513 3.1.3), also if
 * the name is an IP address. The password leaves here in a bind alone and is never logged.
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
    TURN_PAUSE_NS = 2 * 1000 * 1000, /* between two looks whether another's bind is done */
    CAUSE_SIZE = 256,
    KEEPALIVE_IDLE_S = 60, /* firewalls forget silent connections after some minutes */
    KEEPALIVE_INTERVAL_S = 5,
    KEEPALIVE_PROBES = 3,
    DEBUG_NOTHING = 0x8000, /* LDAP_DEBUG_NONE of <ldap_log.h>, which is not installed */
};

static const char system_certificates[] = "/etc/ssl/certs/ca-certificates.crt";

/* --- why TLS failed -------------------------------------------------------------------------- */

/*
 * libldap tells a certificate that is not trusted from one of another host in its debug output
 * alone: to its caller both are "Can't contact LDAP server (unknown error code)". So its output is
 * turned to here, at a level that lets through only what it always says, and the first line about
 * TLS of an attempt is kept.
 */
static char tls_reason[CAUSE_SIZE];

static void hear_libldap(const char *line)
{
    static const char mark[] = "TLS: ";
    if (!*tls_reason && !strncmp(line, mark, strlen(mark))) {
        snprintf(tls_reason, sizeof tls_reason, "%.*s", (int)strcspn(line, "\n"), line);
    }
}

void controller_listen(void)
{
    int level = DEBUG_NOTHING;
    if (ber_set_option(NULL, LBER_OPT_LOG_PRINT_FN, (void *)hear_libldap) != LBER_OPT_SUCCESS ||
        ldap_set_option(NULL, LDAP_OPT_DEBUG_LEVEL, &level) != LDAP_OPT_SUCCESS) {
        log_warning("directory: libldap does not say why TLS fails");
    }
}

/* Whether an attempt has failed because the time for it is over. */
static bool is_silent(const struct controller_attempt *attempt, int code)
{
    return code == LDAP_TIMEOUT || deadline_io_passed(attempt->deadline);
}

/* In one way for both libraries that libldap is built with: GnuTLS in Debian 12, OpenSSL in Debian 13. */
static const char *describe_tls(struct arena *arena)
{
    static const char failed[] = "certificate verify failed (";
    const char *why = strstr(tls_reason, failed);
    if (why) {
        why += strlen(failed);
        return arena_format(arena, "TLS: the certificate is not trusted: %.*s",
                            (int)strcspn(why, ")"), why);
    }
    if (strstr(tls_reason, "(unknown error code)")) {
        /* GnuTLS has no word for what libldap itself refuses: the chain leads to no known root. */
        return "TLS: the certificate is not trusted";
    }
    return arena_string(arena, tls_reason);
}

/* Why a connection could not be made, as far as libldap lets us know. */
static const char *describe_failure(const struct controller_attempt *attempt, LDAP *ldap, int code)
{
    struct arena *arena = attempt->arena;
    char *diagnostic = NULL;
    const char *text = ldap_err2string(code);
    const char *more = "";
    if (is_silent(attempt, code)) {
        return "no answer in time";
    }
    if (ldap_get_option(ldap, LDAP_OPT_DIAGNOSTIC_MESSAGE, &diagnostic) == LDAP_OPT_SUCCESS &&
        diagnostic) {
        more = arena_string(arena, diagnostic);
    }
    ldap_memfree(diagnostic);
    if (*tls_reason) {
        more = describe_tls(arena);
    }
    return *more ? arena_format(arena, "%s (%s)", text, more) : text;
}

/* --- its name -------------------------------------------------------------------------------- */

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

static struct timeval timeval_of(int64_t microseconds)
{
    return (struct timeval){.tv_sec = microseconds / US_PER_S, .tv_usec = microseconds % US_PER_S};
}

static bool set_integer(LDAP *ldap, int option, int value)
{
    return ldap_set_option(ldap, option, &value) == LDAP_OPT_SUCCESS;
}

static bool set_time(LDAP *ldap, int option, int64_t microseconds)
{
    struct timeval time = timeval_of(microseconds);
    return ldap_set_option(ldap, option, &time) == LDAP_OPT_SUCCESS;
}

/* Referrals are off: libldap would chase those to other naming contexts, with a bind each. */
static bool set_options(LDAP *ldap, int64_t timeout)
{
    return set_integer(ldap, LDAP_OPT_PROTOCOL_VERSION, LDAP_VERSION3) &&
           ldap_set_option(ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ldap, LDAP_OPT_RESTART, LDAP_OPT_ON) == LDAP_OPT_SUCCESS &&
           set_integer(ldap, LDAP_OPT_DEREF, LDAP_DEREF_NEVER) &&
           set_integer(ldap, LDAP_OPT_SIZELIMIT, LDAP_NO_LIMIT) &&
           set_integer(ldap, LDAP_OPT_TIMELIMIT, LDAP_NO_LIMIT) &&
           set_time(ldap, LDAP_OPT_NETWORK_TIMEOUT, timeout) &&
           set_time(ldap, LDAP_OPT_TIMEOUT, timeout) &&
           set_integer(ldap, LDAP_OPT_X_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S) &&
           set_integer(ldap, LDAP_OPT_X_KEEPALIVE_INTERVAL, KEEPALIVE_INTERVAL_S) &&
           set_integer(ldap, LDAP_OPT_X_KEEPALIVE_PROBES, KEEPALIVE_PROBES);
}

/* A TLS context of the handle's own. The chain must lead to a root, and the certificate be for this
 * host: by its alternative names if it has any (RFC 6125 6.4.4), and only else by its common name.
 */
static bool set_tls(LDAP *ldap, const char *ca_file)
{
    return set_integer(ldap, LDAP_OPT_X_TLS_REQUIRE_CERT, LDAP_OPT_X_TLS_DEMAND) &&
           set_integer(ldap, LDAP_OPT_X_TLS_REQUIRE_SAN, LDAP_OPT_X_TLS_TRY) &&
           set_integer(ldap, LDAP_OPT_X_TLS_PROTOCOL_MIN, LDAP_OPT_X_TLS_PROTOCOL_TLS1_2) &&
           ldap_set_option(ldap, LDAP_OPT_X_TLS_CACERTDIR, NULL) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ldap, LDAP_OPT_X_TLS_CACERTFILE,
                           *ca_file ? ca_file : system_certificates) == LDAP_OPT_SUCCESS &&
           set_integer(ldap, LDAP_OPT_X_TLS_NEWCTX, 0);
}

/* Waits for the answer to a bind, StartTLS or a read. Returns its result code. */
static int wait_simple(struct arena *arena, LDAP *ldap, int message_id, int64_t patience,
                       const char **diagnostic_r)
{
    LDAPMessage *message = NULL;
    char *diagnostic = NULL;
    struct timeval time = timeval_of(patience);
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

/* RFC 4511 4.14, before anything else is said. */
static int start_tls(const struct controller_attempt *attempt, LDAP *ldap)
{
    int message_id = 0;
    const char *diagnostic;
    int64_t patience = deadline_expect_connect(attempt->deadline);
    int code = ldap_start_tls(ldap, NULL, NULL, &message_id);
    if (code == LDAP_SUCCESS) {
        code = wait_simple(attempt->arena, ldap, message_id, patience, &diagnostic);
    }
    return code == LDAP_SUCCESS ? ldap_install_tls(ldap) : code;
}

/* Nothing below TLS 1.2. libldap has an option for it, of which it takes no notice when it is built
 * with GnuTLS, as Debian's is (2.5.13); so what was agreed on is looked at before anything is said.
 * The names are "TLS1.3" of GnuTLS and "TLSv1.3" of OpenSSL. */
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
    if (!deadline_add(ldap, attempt->deadline) || !set_options(ldap, timeout)) {
        *cause_r = "an option is refused by libldap";
    } else if (encrypted && !set_tls(ldap, config->ldap_tls_ca_file)) {
        *cause_r = "TLS cannot be set up: is LDAP_TLS_CA_FILE a file of certificates?";
    } else {
        code = ldap_connect(ldap);
        if (code == LDAP_SUCCESS && config->ldap_start_tls) {
            code = start_tls(attempt, ldap);
        }
        if (code == LDAP_SUCCESS && (!encrypted || is_modern_tls(ldap))) {
            return ldap;
        }
        *silent_r = is_silent(attempt, code);
        *cause_r = code == LDAP_SUCCESS ? "the controller has no TLS 1.2"
                                        : describe_failure(attempt, ldap, code);
    }
    ldap_unbind_ext(ldap, NULL, NULL);
    return NULL;
}

/* --- binding --------------------------------------------------------------------------------- */

bool controller_refuses(int code)
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
        return LDAP_INAPPROPRIATE_AUTH; /* it would succeed as anonymous: RFC 4513 5.1.2 */
    }
    int64_t patience = deadline_expect_answer(attempt->deadline);
    int code = ldap_sasl_bind(ldap, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, &message_id);
    return code == LDAP_SUCCESS
               ? wait_simple(attempt->arena, ldap, message_id, patience, diagnostic_r)
               : code;
}

static const char *bind_cause(struct arena *arena, int code, const char *diagnostic)
{
    switch (code) {
    case LDAP_STRONG_AUTH_REQUIRED: /* 00002028 */
        return arena_format(arena,
                            "the controller demands signing or encryption (%s): set LDAP_USE_SSL "
                            "or LDAP_START_TLS",
                            diagnostic);
    case LDAP_INVALID_CREDENTIALS:
        return arena_format(arena, "the bind of LDAP_BIND_DN is refused: %s",
                            result_bind_reason(diagnostic));
    case LDAP_TIMEOUT:
        return "no answer to the bind in time";
    default:
        return arena_format(arena, "the bind of LDAP_BIND_DN failed: %s%s%s", ldap_err2string(code),
                            *diagnostic ? ": " : "", diagnostic);
    }
}

/* Waits until the service account may be tried, while another process does. BIND_WAIT: that took
 * too long. */
static enum circuit_bind wait_for_turn(const struct controller_attempt *attempt)
{
    int64_t began = clock_steady_us();
    int64_t patience = attempt->deadline->answer_us;
    for (;;) {
        int64_t now = clock_steady_us();
        enum circuit_bind turn = circuit_bind(attempt->circuit, attempt->index, now, patience);
        if (turn != BIND_WAIT || now >= attempt->deadline->call ||
            circuit_silent_since(attempt->circuit, attempt->index, began)) {
            return turn;
        }
        nanosleep(&(struct timespec){.tv_nsec = TURN_PAUSE_NS}, NULL);
    }
}

/* Binds, and lets all processes know what came of it. */
static enum controller_result bind_in_turn(const struct controller_attempt *attempt, LDAP *ldap,
                                           const char **why_r)
{
    const char *diagnostic = "";
    switch (wait_for_turn(attempt)) {
    case BIND_REFUSED:
        *why_r = "the bind of LDAP_BIND_DN was refused a moment ago";
        return CONTROLLER_REFUSES_CREDENTIALS;
    case BIND_WAIT:
        *why_r = "no time was left to bind";
        return CONTROLLER_NOT_TRIED;
    case BIND_ALLOWED:
        break;
    }
    int64_t began = clock_steady_us();
    int code = controller_bind(attempt, ldap, attempt->config->ldap_bind_dn,
                               attempt->config->ldap_bind_password, &diagnostic);
    if (code == LDAP_SUCCESS) {
        measure_operation("bind", began, NULL);
        circuit_bind_accepted(attempt->circuit, attempt->index, clock_steady_us());
        return CONTROLLER_CONNECTED;
    }
    *why_r = bind_cause(attempt->arena, code, diagnostic);
    if (controller_refuses(code)) {
        measure_operation("bind", began, "credentials");
        circuit_bind_refused(attempt->circuit, attempt->index, clock_steady_us());
        return CONTROLLER_REFUSES_CREDENTIALS;
    }
    circuit_bind_unanswered(attempt->circuit);
    bool silent = is_silent(attempt, code);
    measure_operation("bind", began, silent ? "silent" : "lost");
    return silent ? CONTROLLER_SILENT : CONTROLLER_FAILED;
}

enum controller_result controller_connect(const struct controller_attempt *attempt, LDAP **ldap_r,
                                          const char **cause_r)
{
    const char *why = NULL;
    bool silent = false;
    int64_t began = clock_steady_us();
    LDAP *ldap = controller_open(attempt, &why, &silent);
    if (!ldap) {
        measure_operation("connect", began, silent ? "silent" : "lost");
        *cause_r = arena_format(attempt->arena, "%s: %s", attempt->uri, why);
        return silent ? CONTROLLER_SILENT : CONTROLLER_FAILED;
    }
    measure_operation("connect", began, NULL);
    enum controller_result result = bind_in_turn(attempt, ldap, &why);
    if (result == CONTROLLER_CONNECTED) {
        *ldap_r = ldap;
        return result;
    }
    *cause_r = arena_format(attempt->arena, "%s: %s", attempt->uri, why);
    ldap_unbind_ext(ldap, NULL, NULL);
    return result;
}

/* --- reading --------------------------------------------------------------------------------- */

int controller_read_root(const struct controller_attempt *attempt, LDAP *ldap)
{
    char *attributes[] = {"highestCommittedUSN", NULL};
    const char *diagnostic;
    int message_id = 0;
    int64_t patience = deadline_expect_answer(attempt->deadline);
    int code = ldap_search_ext(ldap, "", LDAP_SCOPE_BASE, NULL, attributes, 0, NULL, NULL, NULL,
                               LDAP_NO_LIMIT, &message_id);
    return code == LDAP_SUCCESS
               ? wait_simple(attempt->arena, ldap, message_id, patience, &diagnostic)
               : code;
}
