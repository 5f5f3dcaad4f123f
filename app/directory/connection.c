/*
 * Connection: one bound LDAP connection a worker, made on first use and kept (see internal.h).
 *
 * Servers are tried in the order of LDAP_SERVER, those that failed lately last. The certificate and
 * the name in it are always verified (RFC 4513 3.1.3). Nothing here waits longer than the call has
 * time left. Failures are remembered for a moment (struct refusal), and a refused password ends the
 * attempt at once: every further try would count towards the lock-out of the service account.
 */
#include "directory/internal.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum {
    SECOND_US = 1000 * 1000,
    UNAVAILABLE_PAUSE_US = SECOND_US,
    REFUSED_PAUSE_US = 5 * SECOND_US,
    REFUSED_PAUSE_MAX_US = 60 * SECOND_US,
    AVOID_US = 10 * SECOND_US,
    RETURN_US = 60 * SECOND_US,
    KEEPALIVE_IDLE_S = 60, /* firewalls forget silent connections after some minutes */
    KEEPALIVE_INTERVAL_S = 5,
    KEEPALIVE_PROBES = 3,
    LDAP_DEBUG_UNUSED = 0x8000, /* <ldap_log.h>, which is not installed: LDAP_DEBUG_NONE */
};

static const char system_certificates[] = "/etc/ssl/certs/ca-certificates.crt";

/* --- why TLS failed -------------------------------------------------------------------------- */

/*
 * libldap tells a certificate that is not trusted from one of another host in its debug output
 * alone: to its caller both are "Can't contact LDAP server (unknown error code)". So its output is
 * turned to here, at a level that lets through only what it always says, and the first line about
 * TLS of an attempt is kept.
 */
static char tls_reason[CAUSE_SIZE / 2];

static void hear_libldap(const char *line)
{
    static const char mark[] = "TLS: ";
    if (!*tls_reason && !strncmp(line, mark, strlen(mark))) {
        snprintf(tls_reason, sizeof tls_reason, "%.*s", (int)strcspn(line, "\n"), line);
    }
}

static void listen_to_tls(void)
{
    int level = LDAP_DEBUG_UNUSED;
    if (ber_set_option(NULL, LBER_OPT_LOG_PRINT_FN, (void *)(uintptr_t)hear_libldap) !=
            LBER_OPT_SUCCESS ||
        ldap_set_option(NULL, LDAP_OPT_DEBUG_LEVEL, &level) != LDAP_OPT_SUCCESS) {
        log_warning("directory: libldap does not say why TLS fails");
    }
}

/* --- servers --------------------------------------------------------------------------------- */

/* "host", "host:port", "[v6]", "[v6]:port" or a bare IPv6 address to an URI; NULL: none of these.
 * A scheme is refused: whether to encrypt is LDAP_USE_SSL's to say, and nobody else's. */
static char *server_uri(const struct config *config, const char *text, size_t length)
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
    bool port = colons && !bare_v6 && text[length - 1] != ']';
    char *uri = NULL;
    int written = asprintf(&uri, "%s://%s%.*s%s", config->ldap_use_ssl ? "ldaps" : "ldap",
                           bare_v6 ? "[" : "", (int)length, text, bare_v6 ? "]" : "");
    if (written >= 0 && !port) {
        char *with_port = NULL;
        written = asprintf(&with_port, "%s:%" PRId64, uri, config->ldap_port);
        free(uri);
        uri = with_port;
    }
    return written < 0 ? NULL : uri;
}

static void read_servers(struct directory *directory)
{
    static const char separators[] = ", \t";
    const char *text = directory->config->ldap_server;
    directory->servers = must_alloc((strlen(text) + 1) * sizeof *directory->servers);
    for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
        size_t length = strcspn(text, separators);
        char *uri = server_uri(directory->config, text, length);
        if (uri) {
            directory->servers[directory->server_count++].uri = uri;
        } else {
            log_error("LDAP_SERVER: \"%.*s\" is not a host", (int)length, text);
        }
        text += length;
    }
}

struct directory *directory_new(const struct config *config)
{
    struct directory *directory = must_alloc(sizeof *directory);
    listen_to_tls();
    directory->config = config;
    read_servers(directory);
    return directory;
}

void directory_free(struct directory **directory)
{
    if (!*directory) {
        return;
    }
    connection_drop(*directory);
    for (size_t i = 0; i < (*directory)->server_count; i++) {
        free((*directory)->servers[i].uri);
    }
    for (size_t i = 0; i < PRIMARY_GROUPS; i++) {
        free((*directory)->primary_groups[i].sid);
        free((*directory)->primary_groups[i].dn);
    }
    free((*directory)->servers);
    free(*directory);
    *directory = NULL;
}

/* --- time ------------------------------------------------------------------------------------ */

static int64_t connect_timeout_us(const struct directory *directory)
{
    return directory->config->ldap_connect_timeout_ms * 1000;
}

static int64_t operation_timeout_us(const struct directory *directory)
{
    return directory->config->ldap_timeout_ms * 1000;
}

void connection_begin(struct directory *directory)
{
    directory->deadline =
        clock_steady_us() + connect_timeout_us(directory) + operation_timeout_us(directory);
}

void connection_alive(struct directory *directory)
{
    int64_t until = clock_steady_us() + operation_timeout_us(directory);
    if (until > directory->deadline) {
        directory->deadline = until;
    }
}

static int64_t at_most(const struct directory *directory, int64_t timeout)
{
    int64_t left = directory->deadline - clock_steady_us();
    int64_t patience = left < timeout ? left : timeout;
    return patience > 0 ? patience : 1;
}

int64_t connection_expect(struct directory *directory)
{
    int64_t patience = at_most(directory, operation_timeout_us(directory));
    directory->io_deadline = clock_steady_us() + patience;
    return patience;
}

static struct timeval timeval_of(int64_t microseconds)
{
    return (struct timeval){.tv_sec = microseconds / SECOND_US,
                            .tv_usec = microseconds % SECOND_US};
}

/* --- what is remembered of failures ---------------------------------------------------------- */

bool connection_encrypted(const struct directory *directory)
{
    return directory->config->ldap_use_ssl || directory->config->ldap_start_tls;
}

/* Keeps the failure, to answer it again until the pause is over. */
static struct error *refuse(struct directory *directory, struct arena *arena, enum error_id id,
                            const char *cause)
{
    struct refusal *refusal = &directory->refusal;
    if (id == ERR_DIRECTORY_CREDENTIALS) {
        bool again = refusal->id == id && refusal->pause;
        refusal->pause = again ? refusal->pause * 2 : REFUSED_PAUSE_US;
        if (refusal->pause > REFUSED_PAUSE_MAX_US) {
            refusal->pause = REFUSED_PAUSE_MAX_US;
        }
    } else {
        refusal->pause = UNAVAILABLE_PAUSE_US;
    }
    refusal->id = id;
    refusal->until = clock_steady_us() + refusal->pause;
    snprintf(refusal->cause, sizeof refusal->cause, "%s", cause);
    return error_new(arena, id, "%s", refusal->cause);
}

/* --- opening --------------------------------------------------------------------------------- */

static bool set_integer(LDAP *ldap, int option, int value)
{
    return ldap_set_option(ldap, option, &value) == LDAP_OPT_SUCCESS;
}

static bool set_time(LDAP *ldap, int option, int64_t microseconds)
{
    struct timeval time = timeval_of(microseconds);
    return ldap_set_option(ldap, option, &time) == LDAP_OPT_SUCCESS;
}

/* Every option that an ldap.conf or an LDAP… variable could have set otherwise is set here. */
static bool set_options(const struct directory *directory, LDAP *ldap)
{
    int64_t timeout = at_most(directory, connect_timeout_us(directory));
    return set_integer(ldap, LDAP_OPT_PROTOCOL_VERSION, LDAP_VERSION3) &&
           ldap_set_option(ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ldap, LDAP_OPT_RESTART, LDAP_OPT_ON) == LDAP_OPT_SUCCESS &&
           set_integer(ldap, LDAP_OPT_DEREF, LDAP_DEREF_NEVER) &&
           set_time(ldap, LDAP_OPT_NETWORK_TIMEOUT, timeout) &&
           set_time(ldap, LDAP_OPT_TIMEOUT, timeout) &&
           set_integer(ldap, LDAP_OPT_X_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S) &&
           set_integer(ldap, LDAP_OPT_X_KEEPALIVE_INTERVAL, KEEPALIVE_INTERVAL_S) &&
           set_integer(ldap, LDAP_OPT_X_KEEPALIVE_PROBES, KEEPALIVE_PROBES);
}

/* A TLS context of the handle's own: chain and name verified, nothing below TLS 1.2. */
static bool set_tls(const struct directory *directory, LDAP *ldap)
{
    const char *file = directory->config->ldap_tls_ca_file;
    if (!connection_encrypted(directory)) {
        return true;
    }
    return set_integer(ldap, LDAP_OPT_X_TLS_REQUIRE_CERT, LDAP_OPT_X_TLS_DEMAND) &&
           set_integer(ldap, LDAP_OPT_X_TLS_PROTOCOL_MIN, LDAP_OPT_X_TLS_PROTOCOL_TLS1_2) &&
           ldap_set_option(ldap, LDAP_OPT_X_TLS_CACERTDIR, NULL) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ldap, LDAP_OPT_X_TLS_CACERTFILE, *file ? file : system_certificates) ==
               LDAP_OPT_SUCCESS &&
           set_integer(ldap, LDAP_OPT_X_TLS_NEWCTX, 0);
}

/* A libldap error in words, with what it knows beyond the code. */
static const char *describe(const struct directory *directory, struct arena *arena, LDAP *ldap,
                            int code)
{
    char *diagnostic = NULL;
    const char *text = ldap_err2string(code);
    if (code == LDAP_TIMEOUT || clock_steady_us() >= directory->io_deadline) {
        return "no answer in time";
    }
    if (strstr(tls_reason, "(unknown error code)")) {
        /* GnuTLS has no word for what libldap itself refuses: the chain does not lead to a root. */
        return arena_format(arena, "%s (TLS: the certificate is not trusted)", text);
    }
    if (*tls_reason) {
        return arena_format(arena, "%s (%s)", text, tls_reason);
    }
    if (ldap_get_option(ldap, LDAP_OPT_DIAGNOSTIC_MESSAGE, &diagnostic) == LDAP_OPT_SUCCESS &&
        diagnostic && *diagnostic) {
        text = arena_format(arena, "%s (%s)", text, diagnostic);
    }
    ldap_memfree(diagnostic);
    return text;
}

/* Waits for the one answer to a bind or StartTLS. Returns its result code. */
static int wait_simple(struct directory *directory, struct arena *arena, LDAP *ldap,
                       int message_id, const char **diagnostic_r)
{
    LDAPMessage *message = NULL;
    char *diagnostic = NULL;
    struct timeval patience = timeval_of(connection_expect(directory));
    int code = LDAP_OTHER;
    *diagnostic_r = "";
    int type = ldap_result(ldap, message_id, LDAP_MSG_ALL, &patience, &message);
    if (type == 0) {
        return LDAP_TIMEOUT;
    }
    if (type < 0) {
        return ldap_get_option(ldap, LDAP_OPT_RESULT_CODE, &code) == LDAP_OPT_SUCCESS && code
                   ? code
                   : LDAP_SERVER_DOWN;
    }
    int parsed = ldap_parse_result(ldap, message, &code, NULL, &diagnostic, NULL, NULL, 1);
    if (diagnostic) {
        *diagnostic_r = arena_string(arena, diagnostic);
        ldap_memfree(diagnostic);
    }
    return parsed == LDAP_SUCCESS ? code : parsed;
}

/* RFC 4511 4.14, before anything else is said. */
static int start_tls(struct directory *directory, struct arena *arena, LDAP *ldap)
{
    int message_id = 0;
    const char *diagnostic;
    int code = ldap_start_tls(ldap, NULL, NULL, &message_id);
    if (code == LDAP_SUCCESS) {
        code = wait_simple(directory, arena, ldap, message_id, &diagnostic);
    }
    return code == LDAP_SUCCESS ? ldap_install_tls(ldap) : code;
}

/* TCP and TLS. Returns the handle, or NULL and the cause. */
static LDAP *open_server(struct directory *directory, struct arena *arena, const char *uri,
                         const char **cause_r)
{
    LDAP *ldap = NULL;
    *tls_reason = '\0';
    int code = ldap_initialize(&ldap, uri);
    if (code != LDAP_SUCCESS) {
        *cause_r = ldap_err2string(code);
        return NULL;
    }
    directory->io_deadline =
        clock_steady_us() + at_most(directory, connect_timeout_us(directory));
    if (!deadline_add(ldap, &directory->io_deadline) || !set_options(directory, ldap)) {
        *cause_r = "an option is refused by libldap";
    } else if (!set_tls(directory, ldap)) {
        *cause_r = "LDAP_TLS_CA_FILE cannot be used";
    } else {
        code = ldap_connect(ldap);
        if (code == LDAP_SUCCESS && directory->config->ldap_start_tls) {
            code = start_tls(directory, arena, ldap);
        }
        if (code == LDAP_SUCCESS) {
            return ldap;
        }
        *cause_r = describe(directory, arena, ldap, code);
    }
    ldap_unbind_ext(ldap, NULL, NULL);
    return NULL;
}

/* --- binding --------------------------------------------------------------------------------- */

/* Whether a result of a bind is about who binds, and not about the server. */
static bool about_credentials(int code)
{
    return code == LDAP_INVALID_CREDENTIALS || code == LDAP_INAPPROPRIATE_AUTH ||
           code == LDAP_INVALID_DN_SYNTAX || code == LDAP_NO_SUCH_OBJECT;
}

static int bind_service(struct directory *directory, struct arena *arena, LDAP *ldap,
                        const char **diagnostic_r)
{
    const struct config *config = directory->config;
    int message_id = 0;
    struct berval password = {.bv_len = strlen(config->ldap_bind_password),
                              .bv_val = (char *)(uintptr_t)config->ldap_bind_password};
    *diagnostic_r = "";
    if (!password.bv_len || !*config->ldap_bind_dn) {
        return LDAP_INAPPROPRIATE_AUTH; /* it would succeed as anonymous: RFC 4513 5.1.2 */
    }
    int code = ldap_sasl_bind(ldap, config->ldap_bind_dn, LDAP_SASL_SIMPLE, &password, NULL, NULL,
                              &message_id);
    return code == LDAP_SUCCESS ? wait_simple(directory, arena, ldap, message_id, diagnostic_r)
                                : code;
}

static const char *bind_cause(struct arena *arena, const char *uri, int code,
                              const char *diagnostic)
{
    if (code == LDAP_STRONG_AUTH_REQUIRED) {
        return arena_format(arena,
                            "%s: the controller demands signing (%s): set LDAP_USE_SSL or "
                            "LDAP_START_TLS",
                            uri, diagnostic);
    }
    if (code == LDAP_INVALID_CREDENTIALS) {
        return arena_format(arena, "%s: the bind of LDAP_BIND_DN is refused: %s", uri,
                            result_bind_reason(diagnostic));
    }
    return arena_format(arena, "%s: the bind of LDAP_BIND_DN failed: %s%s%s", uri,
                        ldap_err2string(code), *diagnostic ? ": " : "", diagnostic);
}

/* --- connecting ------------------------------------------------------------------------------ */

enum connected {
    CONNECTED,
    TRY_NEXT,
    CREDENTIALS_REFUSED,
};

static enum connected connect_to(struct directory *directory, struct arena *arena, size_t server,
                                 const char **cause_r)
{
    const char *uri = directory->servers[server].uri;
    const char *diagnostic;
    const char *why = NULL;
    LDAP *ldap = open_server(directory, arena, uri, &why);
    if (!ldap) {
        *cause_r = arena_format(arena, "%s: %s", uri, why);
        return TRY_NEXT;
    }
    int code = bind_service(directory, arena, ldap, &diagnostic);
    if (code != LDAP_SUCCESS) {
        *cause_r = bind_cause(arena, uri, code, diagnostic);
        ldap_unbind_ext(ldap, NULL, NULL);
        return about_credentials(code) ? CREDENTIALS_REFUSED : TRY_NEXT;
    }
    directory->ldap = ldap;
    directory->server = server;
    directory->return_at = clock_steady_us() + RETURN_US;
    directory->servers[server].avoid_until = 0;
    directory->refusal = (struct refusal){0};
    connection_alive(directory);
    log_info("directory: connected to %s", uri);
    return CONNECTED;
}

/* One round over the servers that are, or are not, avoided at the moment. */
static enum connected connect_round(struct directory *directory, struct arena *arena, bool avoided,
                                    const char **cause_r)
{
    enum connected result = TRY_NEXT;
    for (size_t i = 0; i < directory->server_count && result == TRY_NEXT; i++) {
        struct server *server = &directory->servers[i];
        if (server->avoided != avoided || directory->deadline <= clock_steady_us()) {
            continue;
        }
        result = connect_to(directory, arena, i, cause_r);
        if (result == TRY_NEXT) {
            server->avoid_until = clock_steady_us() + AVOID_US;
        }
        if (result != CONNECTED) {
            log_error("directory: %s", *cause_r);
        }
    }
    return result;
}

static enum connected connect_in_order(struct directory *directory, struct arena *arena,
                                       int64_t now, const char **cause_r)
{
    for (size_t i = 0; i < directory->server_count; i++) {
        directory->servers[i].avoided = directory->servers[i].avoid_until > now;
    }
    enum connected result = connect_round(directory, arena, false, cause_r);
    return result == TRY_NEXT ? connect_round(directory, arena, true, cause_r) : result;
}

static struct error *connect_any(struct directory *directory, struct arena *arena)
{
    int64_t now = clock_steady_us();
    const char *cause = "no server could be tried in time";
    if (!directory->server_count) {
        return error_new(arena, ERR_DIRECTORY_UNAVAILABLE, "LDAP_SERVER is not configured");
    }
    if (directory->refusal.until > now) {
        return error_new(arena, directory->refusal.id, "%s", directory->refusal.cause);
    }
    switch (connect_in_order(directory, arena, now, &cause)) {
    case CONNECTED:
        return NULL;
    case CREDENTIALS_REFUSED:
        return refuse(directory, arena, ERR_DIRECTORY_CREDENTIALS, cause);
    case TRY_NEXT:
        break;
    }
    return refuse(directory, arena, ERR_DIRECTORY_UNAVAILABLE, cause);
}

/* --- keeping --------------------------------------------------------------------------------- */

void connection_drop(struct directory *directory)
{
    if (directory->ldap) {
        ldap_unbind_ext(directory->ldap, NULL, NULL);
        directory->ldap = NULL;
    }
}

void connection_silent(struct directory *directory)
{
    directory->servers[directory->server].avoid_until = clock_steady_us() + AVOID_US;
    connection_drop(directory);
}

/* Nothing is outstanding, so whatever there is to read is a notice of disconnection (RFC 4511
 * 4.4.1) or the end. */
static bool still_alive(const struct directory *directory)
{
    int fd = -1;
    if (ldap_get_option(directory->ldap, LDAP_OPT_DESC, &fd) != LDAP_OPT_SUCCESS || fd < 0) {
        return false;
    }
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN | POLLRDHUP};
    int ready;
    do {
        ready = poll(&poll_fd, 1, 0);
    } while (ready < 0 && errno == EINTR);
    return ready == 0;
}

struct error *connection_get(struct directory *directory, struct arena *arena, LDAP **ldap_r)
{
    bool come_back = directory->server > 0 && clock_steady_us() > directory->return_at;
    if (directory->ldap && (come_back || !still_alive(directory))) {
        connection_drop(directory);
    }
    if (!directory->ldap) {
        struct error *error = connect_any(directory, arena);
        if (error) {
            return error;
        }
    }
    *ldap_r = directory->ldap;
    return NULL;
}
