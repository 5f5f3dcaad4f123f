/*
 * Directory connection against peers that are not directory servers: peers that accept and never
 * answer, refused ports, and a small server that rejects every bind. Tests that need a real Active
 * Directory are in tests/api and tests/faults.
 */
#include "unit.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/log.h"
#include "directory/connection.h"
#include "directory/controller.h"
#include "directory/directory.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum {
    MS_US = 1000,
    CONNECT_MS = 300,
    ANSWER_MS = 400,
    SLACK_MS = 1500, /* margin for a busy machine under sanitizers */
    SETTLE_US = 100 * 1000,
    BACKLOG = 16,
};

static const struct field fields[] = {
    {.name = "cn", .type = FIELD_STRING, .attribute = "cn", .codec = CODEC_TEXT},
    {.name = NULL},
};

static const struct directory_class class = {
    .filter = "(objectClass=user)",
    .name_attribute = "sAMAccountName",
    .rdn_attribute = "CN",
    .sort_attribute = "cn",
    .searched = (const char *const[]){"cn", NULL},
    .object_classes = (const char *const[]){"top", "user", NULL},
    .fields = fields,
    .parent_field = "parent_dn",
};

static struct config make_settings(const char *server)
{
    return (struct config){
        .ldap_server = server,
        .ldap_port = 389,
        .ldap_tls_ca_file = "",
        .ldap_bind_dn = "CN=service,DC=x",
        .ldap_bind_password = "secret",
        .ldap_base_dn = "DC=x",
        .ldap_connect_timeout_ms = CONNECT_MS,
        .ldap_timeout_ms = ANSWER_MS,
    };
}

/* Returns a socket that listens on a free port. Nobody accepts the connections in its backlog. */
static int listen_on_free_port(struct arena *arena, const char **server_r)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, BACKLOG), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *server_r = arena_format(arena, "127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    return fd;
}

static const struct error *find_entry(struct directory *directory, struct arena *arena)
{
    struct directory_entry *entry = NULL;
    return directory_find(directory, arena, &class, "x", NULL, &entry);
}

/* Asserts that a search fails within its timeouts, with an error whose cause contains `cause`. */
static void assert_fails(struct directory *directory, struct arena *arena, enum error_id id,
                         const char *cause)
{
    int64_t began = clock_steady_us();
    const struct error *error = find_entry(directory, arena);
    int64_t took_ms = (clock_steady_us() - began) / MS_US;
    assert_non_null(error);
    if (error->id != id || !strstr(error->cause, cause)) {
        FAIL("error %d because \"%s\"", (int)error->id, error->cause);
    }
    if (took_ms > CONNECT_MS + ANSWER_MS + SLACK_MS) {
        FAIL("the call took %lld ms", (long long)took_ms);
    }
}

struct uri_case {
    const char *server, *uri;
};

static void server_names_and_addresses_become_uris(void **state)
{
    (void)state;
    static const struct uri_case cases[] = {
        {"dc1.example.com", "ldaps://dc1.example.com:636"},
        {"dc1:1636", "ldaps://dc1:1636"},
        {"10.0.0.1", "ldaps://10.0.0.1:636"},
        {"::1", "ldaps://[::1]:636"},
        {"[fe80::1%eth0]", "ldaps://[fe80::1%eth0]:636"},
        {"[::1]:1636", "ldaps://[::1]:1636"},
        {"ldap://dc1", NULL},
        {"dc1/", NULL},
        {"dc1?x", NULL},
        {"d c", NULL},
    };
    struct config config = make_settings("");
    config.ldap_use_ssl = true;
    config.ldap_port = 636;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *uri = controller_uri(&config, cases[i].server, strlen(cases[i].server));
        if (!cases[i].uri) {
            assert_null(uri);
        } else {
            assert_non_null(uri);
            assert_string_equal(uri, cases[i].uri);
        }
        free(uri);
    }
}

static void configured_servers_keep_their_order(void **state)
{
    (void)state;
    struct config config = make_settings(" a:1, b\tldap://no ,,c ");
    struct directory *directory = directory_new(&config);
    assert_int_equal(connection_server_count(directory), 3);
    assert_string_equal(connection_server_uri(directory, 0), "ldap://a:1");
    assert_string_equal(connection_server_uri(directory, 1), "ldap://b:389");
    assert_string_equal(connection_server_uri(directory, 2), "ldap://c:389");
    directory_free(&directory);
    assert_null(directory);
    directory_free(&directory);
}

static void directory_without_server_is_unavailable(void **state)
{
    struct arena *arena = *state;
    struct config config = make_settings("");
    struct directory *directory = directory_new(&config);
    assert_fails(directory, arena, ERR_DIRECTORY_UNAVAILABLE, "not configured");
    directory_free(&directory);
}

static void directory_with_invalid_base_dn_is_unavailable(void **state)
{
    struct arena *arena = *state;
    struct config config = make_settings("127.0.0.1:1");
    config.ldap_base_dn = "example.com";
    struct directory *directory = directory_new(&config);
    assert_fails(directory, arena, ERR_DIRECTORY_UNAVAILABLE, "LDAP_BASE_DN");
    directory_free(&directory);
}

static void probe_results_are_reported_as_health(void **state)
{
    struct arena *arena = *state;
    const char *server;
    struct directory_health health;
    int fd = listen_on_free_port(arena, &server);
    struct config config = make_settings(arena_format(arena, "127.0.0.1:1 %s", server));
    struct directory *directory = directory_new(&config);
    directory_health(directory, &health);
    assert_int_equal(health.state, DIRECTORY_UNKNOWN);
    assert_int_equal(health.unknown, 2);
    assert_true(health.checked_ms == 0 && health.latency_us < 0);
    /* The other server is due for a probe. */
    assert_true(directory_probe(directory) <= clock_steady_us());
    directory_health(directory, &health);
    assert_int_equal(health.state, DIRECTORY_UNKNOWN);
    assert_int_equal(health.down, 1);
    assert_true(health.checked_ms > 0 && health.latency_us < 0 && !health.open);
    assert_true(directory_probe(directory) > 0);
    directory_health(directory, &health);
    assert_int_equal(health.state, DIRECTORY_DOWN);
    assert_true(health.down == 2 && health.open);
    assert_fails(directory, arena, ERR_DIRECTORY_UNAVAILABLE, "a moment ago");
    assert_true(directory_probe(directory) > clock_steady_us()); /* no server is due for a probe */
    directory_free(&directory);
    close(fd);
}

static void directory_without_server_is_not_probed(void **state)
{
    (void)state;
    struct config config = make_settings("");
    struct directory_health health;
    struct directory *directory = directory_new(&config);
    assert_true(directory_probe(directory) == INT64_MAX);
    directory_health(directory, &health);
    assert_int_equal(health.state, DIRECTORY_OFF);
    directory_free(&directory);
}

static void silent_server_fails_within_the_timeouts(void **state)
{
    struct arena *arena = *state;
    static const char *const ways[] = {"plain", "LDAPS", "StartTLS"};
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        const char *server;
        int fd = listen_on_free_port(arena, &server);
        struct config config = make_settings(server);
        config.ldap_use_ssl = !strcmp(ways[i], "LDAPS");
        config.ldap_start_tls = !strcmp(ways[i], "StartTLS");
        struct directory *directory = directory_new(&config);
        assert_fails(directory, arena, ERR_DIRECTORY_UNAVAILABLE, "in time");
        directory_free(&directory);
        close(fd);
    }
}

static void several_silent_servers_fail_within_the_timeouts(void **state)
{
    struct arena *arena = *state;
    const char *a, *b, *c, *d, *e, *f;
    int fds[] = {listen_on_free_port(arena, &a), listen_on_free_port(arena, &b),
                 listen_on_free_port(arena, &c), listen_on_free_port(arena, &d),
                 listen_on_free_port(arena, &e), listen_on_free_port(arena, &f)};
    /* one after the other would take longer than the limit */
    struct config config =
        make_settings(arena_format(arena, "%s %s %s %s %s %s", a, b, c, d, e, f));
    config.ldap_use_ssl = true;
    struct directory *directory = directory_new(&config);
    assert_fails(directory, arena, ERR_DIRECTORY_UNAVAILABLE, "in time");
    directory_free(&directory);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        close(fds[i]);
    }
}

static void known_failure_is_reported_at_once_by_all_connections(void **state)
{
    struct arena *arena = *state;
    const char *server;
    int fd = listen_on_free_port(arena, &server);
    struct config config = make_settings(server);
    config.ldap_use_ssl = true;
    struct directory *directory = directory_new(&config);
    assert_fails(directory, arena, ERR_DIRECTORY_UNAVAILABLE, "in time");
    int64_t began = clock_steady_us();
    for (int i = 0; i < 100; i++) {
        assert_fails(directory, arena, ERR_DIRECTORY_UNAVAILABLE, "a moment ago");
    }
    assert_true(clock_steady_us() - began < (int64_t)(CONNECT_MS + SLACK_MS) * MS_US);
    directory_free(&directory);
    directory = directory_new(&config); /* stands for another process */
    assert_fails(directory, arena, ERR_DIRECTORY_UNAVAILABLE, "a moment ago");
    assert_true(clock_steady_us() - began < (int64_t)(CONNECT_MS + SLACK_MS) * MS_US);
    directory_free(&directory);
    /* configurations that differ do not share the health of their controllers */
    config.ldap_timeout_ms++;
    directory = directory_new(&config);
    close(fd);
    assert_fails(directory, arena, ERR_DIRECTORY_UNAVAILABLE, server);
    directory_free(&directory);
}

/* True if the LDAP request is a bind (RFC 4511 4.2): a sequence, the message id, then the tag of
 * the bind request. */
static bool is_bind(const char *request, ssize_t length)
{
    enum { TAG_AT = 5, BIND_TAG = 0x60 };
    return length > TAG_AT && request[TAG_AT] == BIND_TAG;
}

/* Answers all bind requests on successive connections with invalidCredentials and data 775
 * (locked), and writes a byte to standard output for each. */
static void reject_binds(int listener)
{
    static const char answer[] = "\x30\x24\x02\x01\x01\x61\x1f\x0a\x01\x31\x04\x00\x04\x18"
                                 "error, data 775, v1db1..";
    for (;;) {
        char request[512];
        int fd = accept(listener, NULL, NULL);
        while (fd >= 0) {
            ssize_t length = read(fd, request, sizeof request);
            if (length <= 0) {
                break;
            }
            if (is_bind(request, length) &&
                (write(STDOUT_FILENO, "B", 1) < 0 || write(fd, answer, sizeof answer - 1) < 0)) {
                _exit(EXIT_FAILURE);
            }
        }
        close(fd);
    }
}

/* Runs reject_binds() in a child process; one byte per rejected bind can be read from *binds_r. */
static pid_t start_rejecting_server(int listener, int *binds_r)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (dup2(ends[1], STDOUT_FILENO) < 0) {
            _exit(EXIT_FAILURE);
        }
        reject_binds(listener);
    }
    assert_true(child > 0);
    close(ends[1]);
    *binds_r = ends[0];
    return child;
}

static void rejected_service_password_is_not_retried_at_once(void **state)
{
    struct arena *arena = *state;
    const char *server;
    int binds, listener = listen_on_free_port(arena, &server);
    char marks[16];
    pid_t child = start_rejecting_server(listener, &binds);
    struct config config = make_settings(arena_format(arena, "%s %s", server, server));
    struct directory *directory = directory_new(&config);
    assert_fails(directory, arena, ERR_DIRECTORY_CREDENTIALS, "locked");
    for (int i = 0; i < 20; i++) {
        assert_fails(directory, arena, ERR_DIRECTORY_CREDENTIALS, "refused");
        assert_null(strstr(find_entry(directory, arena)->cause, "secret"));
        directory_free(&directory); /* stands for another process */
        directory = directory_new(&config);
    }
    assert_int_equal(directory_probe(directory) / MS_US > clock_steady_us() / MS_US, true);
    assert_int_equal(read(binds, marks, sizeof marks), 1);
    directory_free(&directory);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(binds);
    close(listener);
}

static void empty_service_password_is_never_sent(void **state)
{
    struct arena *arena = *state;
    const char *server;
    int binds, listener = listen_on_free_port(arena, &server);
    char marks[16];
    pid_t child = start_rejecting_server(listener, &binds);
    struct config config = make_settings(server);
    config.ldap_bind_password = "";
    struct directory *directory = directory_new(&config);
    assert_fails(directory, arena, ERR_DIRECTORY_CREDENTIALS, "empty");
    directory_free(&directory);
    usleep(SETTLE_US); /* gives a faulty program time to send a bind, which must not arrive */
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(read(binds, marks, sizeof marks) <= 0);
    close(binds);
    close(listener);
}

static void user_password_is_not_sent_without_tls(void **state)
{
    struct arena *arena = *state;
    struct config config = make_settings("127.0.0.1:1");
    struct directory *directory = directory_new(&config);
    struct directory_changes *changes = directory_changes_new(arena);
    struct directory_entry *entry = NULL;
    const struct directory_entry old = {.guid = "03020100-0504-0706-0809-0a0b0c0d0e0f"};
    directory_change_password(changes, "secret");
    const struct error *error =
        directory_add(directory, arena, &class, "x", "DC=x", changes, &entry);
    assert_int_equal(error->id, ERR_PASSWORD_NEEDS_TLS);
    error = directory_update(directory, arena, &class, &old, changes, &entry);
    assert_int_equal(error->id, ERR_PASSWORD_NEEDS_TLS);
    directory_free(&directory);
}

static void parent_outside_base_dn_is_rejected_before_connecting(void **state)
{
    struct arena *arena = *state;
    struct config config = make_settings("127.0.0.1:1");
    struct directory *directory = directory_new(&config);
    struct directory_entry *entry = NULL;
    const struct error *error = directory_add(directory, arena, &class, "x", "OU=a,DC=y",
                                              directory_changes_new(arena), &entry);
    assert_int_equal(error->id, ERR_VALIDATION);
    assert_int_equal(error->details->fault, FAULT_OUTSIDE_BASE_DN);
    assert_string_equal(error->details->field, "parent_dn");
    error = directory_find(directory, arena, &class, "x", "OU=a,DC=xx", &entry);
    assert_int_equal(error->details->fault, FAULT_OUTSIDE_BASE_DN);
    directory_free(&directory);
}

static void parent_within_system_is_rejected_before_connecting(void **state)
{
    struct arena *arena = *state;
    struct config config = make_settings("127.0.0.1:1");
    struct directory *directory = directory_new(&config);
    struct directory_entry *entry = NULL;
    static const char *const parents[] = {"CN=System,%s", "cn=system,%s", "CN = System , %s",
                                          "CN=Policies,CN=System,%s", "CN=Sy\\73tem,%s"};
    for (size_t i = 0; i < COUNT_OF(parents); i++) {
        int length = (int)(strstr(parents[i], "%s") - parents[i]);
        const char *dn = arena_format(arena, "%.*s%s", length, parents[i], config.ldap_base_dn);
        const struct error *error =
            directory_add(directory, arena, &class, "x", dn, directory_changes_new(arena), &entry);
        assert_int_equal(error->id, ERR_VALIDATION);
        assert_int_equal(error->details->fault, FAULT_WITHIN_SYSTEM);
        assert_string_equal(error->details->field, "parent_dn");
    }
    directory_free(&directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_names_and_addresses_become_uris),
        cmocka_unit_test(configured_servers_keep_their_order),
        ARENA_TEST(directory_without_server_is_unavailable),
        ARENA_TEST(directory_with_invalid_base_dn_is_unavailable),
        ARENA_TEST(probe_results_are_reported_as_health),
        cmocka_unit_test(directory_without_server_is_not_probed),
        ARENA_TEST(silent_server_fails_within_the_timeouts),
        ARENA_TEST(several_silent_servers_fail_within_the_timeouts),
        ARENA_TEST(known_failure_is_reported_at_once_by_all_connections),
        ARENA_TEST(rejected_service_password_is_not_retried_at_once),
        ARENA_TEST(empty_service_password_is_never_sent),
        ARENA_TEST(user_password_is_not_sent_without_tls),
        ARENA_TEST(parent_outside_base_dn_is_rejected_before_connecting),
        ARENA_TEST(parent_within_system_is_rejected_before_connecting),
    };
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || !log_open(LOG_LEVEL_ERROR, "/dev/null")) {
        return EXIT_FAILURE;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
