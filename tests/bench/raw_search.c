/*
 * Raw search: what the directory itself gives to a client that does nothing else, as a reference of
 * `make bench`.
 *
 *   raw_search URI CA_FILE BIND_DN BASE CONNECTIONS SECONDS ATTRIBUTE…
 *
 * CONNECTIONS processes, each with one verified and bound connection that it keeps, search below
 * BASE as fast as answers come, for SECONDS, and read every value of what is found. Standard input
 * has the password of BIND_DN in its first line, and a filter in each further line: these are asked
 * for in turn. Each must find one object. An attribute that comes in ranges (MS-ADTS
 * 3.1.1.3.1.3.3) is read to its end, as part of its search.
 *
 * Prints how many searches a second were made by all together. Whatever goes wrong ends it with 1.
 */
#include "base/number.h"

#include <lber.h>
#include <ldap.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 64 };

struct work {
    char *uri, *ca_file, *bind_dn, *base;
    long connections;
    double seconds;
    char **attributes; /* NULL ends */
    char *password;
    char **filters;
    size_t filter_count;
};

/* What the processes have in common. */
struct shared {
    pthread_barrier_t start; /* all are bound */
    uint64_t searches[CONNECTIONS_MAX];
};

/* MS-ADTS 3.1.1.3.4.1.7: no references to other naming contexts, as the service asks too. */
static LDAPControl one_domain = {.ldctl_oid = LDAP_CONTROL_X_DOMAIN_SCOPE};

_Noreturn static void fail(const char *what, const char *why)
{
    fprintf(stderr, "raw_search: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void must(const char *what, int code)
{
    if (code != LDAP_SUCCESS) {
        fail(what, ldap_err2string(code));
    }
}

static double now_s(void)
{
    const double nanosecond = 1e-9;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * nanosecond;
}

/* --- what to do ------------------------------------------------------------------------------ */

/* The next line without its end, NULL if there is none. The caller frees it. */
static char *read_line(void)
{
    char *line = NULL;
    size_t size = 0;
    if (getline(&line, &size, stdin) < 0) {
        free(line);
        return NULL;
    }
    line[strcspn(line, "\n")] = '\0';
    return line;
}

static void read_input(struct work *work)
{
    size_t size = 0;
    work->password = read_line();
    for (char *line = read_line(); line; line = read_line()) {
        if (work->filter_count == size) {
            size = size ? 2 * size : 1024;
            work->filters = realloc(work->filters, size * sizeof *work->filters);
            if (!work->filters) {
                abort();
            }
        }
        work->filters[work->filter_count++] = line;
    }
    if (!work->filter_count) {
        fail("standard input", "no password, or no filter");
    }
}

static void free_input(struct work *work)
{
    for (size_t i = 0; i < work->filter_count; i++) {
        free(work->filters[i]);
    }
    free(work->filters);
    free(work->password);
}

/* --- asking ---------------------------------------------------------------------------------- */

static LDAP *connect_and_bind(const struct work *work)
{
    LDAP *ldap = NULL;
    int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_DEMAND, client = 0;
    struct berval password = {.bv_val = work->password, .bv_len = strlen(work->password)};
    must("the address", ldap_initialize(&ldap, work->uri));
    if (ldap_set_option(ldap, LDAP_OPT_PROTOCOL_VERSION, &version) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ldap, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ldap, LDAP_OPT_X_TLS_CACERTFILE, work->ca_file) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ldap, LDAP_OPT_X_TLS_NEWCTX, &client) != LDAP_OPT_SUCCESS) {
        fail("options", "libldap refuses one");
    }
    must("the bind",
         ldap_sasl_bind_s(ldap, work->bind_dn, LDAP_SASL_SIMPLE, &password, NULL, NULL, NULL));
    return ldap;
}

/* The attribute to ask for next if this one is a range that goes on after its last value, else
 * NULL. The caller frees it. */
static char *next_range(const struct berval *description)
{
    static const char range[] = ";range=";
    char *next = NULL;
    const char *options = strcasestr(description->bv_val, range);
    const char *dash = options ? strchr(options, '-') : NULL;
    if (!dash || dash[1] == '*') {
        return NULL;
    }
    if (asprintf(&next, "%.*s%s%ld-*", (int)(options - description->bv_val), description->bv_val,
                 range, strtol(dash + 1, NULL, DECIMAL) + 1) < 0) {
        abort();
    }
    return next;
}

/* Looks at every value. Returns the range that is to be asked for next, or NULL. */
static char *read_entry(LDAP *ldap, LDAPMessage *entry)
{
    char *next = NULL;
    BerElement *ber = NULL;
    struct berval dn = {0};
    must("the name", ldap_get_dn_ber(ldap, entry, &ber, &dn));
    for (;;) {
        struct berval description = {0}, *values = NULL;
        must("an attribute", ldap_get_attribute_ber(ldap, entry, ber, &description, &values));
        if (!description.bv_val) {
            break;
        }
        if (!next) {
            next = next_range(&description);
        }
        ber_memfree(values);
    }
    ber_free(ber, 0);
    return next;
}

/* Asks for one object. Returns the range that is to be asked for next, or NULL; and its DN. */
static char *search(LDAP *ldap, const char *base, int scope, const char *filter, char **attributes,
                    char **dn_r)
{
    LDAPControl *controls[] = {&one_domain, NULL};
    LDAPMessage *answer = NULL;
    must(filter, ldap_search_ext_s(ldap, base, scope, filter, attributes, 0, controls, NULL, NULL,
                                   LDAP_NO_LIMIT, &answer));
    if (ldap_count_entries(ldap, answer) != 1) {
        fail(filter, "finds not one object");
    }
    LDAPMessage *entry = ldap_first_entry(ldap, answer);
    char *next = read_entry(ldap, entry);
    if (next && dn_r) {
        *dn_r = ldap_get_dn(ldap, entry);
    }
    ldap_msgfree(answer);
    return next;
}

static void search_whole(LDAP *ldap, const struct work *work, const char *filter)
{
    char *dn = NULL;
    char *range = search(ldap, work->base, LDAP_SCOPE_SUBTREE, filter, work->attributes, &dn);
    while (range) {
        char *attributes[] = {range, NULL};
        char *next = search(ldap, dn, LDAP_SCOPE_BASE, "(objectClass=*)", attributes, NULL);
        free(range);
        range = next;
    }
    ldap_memfree(dn);
}

/* --- processes ------------------------------------------------------------------------------- */

/* The body of a process: each begins at another filter. */
static void ask_all_the_time(const struct work *work, struct shared *shared, long number)
{
    size_t next = work->filter_count * (size_t)number / (size_t)work->connections;
    LDAP *ldap = connect_and_bind(work);
    pthread_barrier_wait(&shared->start);
    double end = now_s() + work->seconds;
    while (now_s() < end) {
        search_whole(ldap, work, work->filters[next]);
        next = (next + 1) % work->filter_count;
        shared->searches[number]++;
    }
    ldap_unbind_ext(ldap, NULL, NULL);
}

static struct shared *share(const struct work *work)
{
    pthread_barrierattr_t attributes;
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || pthread_barrierattr_init(&attributes) ||
        pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) ||
        pthread_barrier_init(&shared->start, &attributes, (unsigned)work->connections)) {
        fail("shared memory", "not to be had");
    }
    return shared;
}

/* If one fails we end, and the others with us: they would wait for it. */
static void run(const struct work *work, struct shared *shared)
{
    for (long i = 0; i < work->connections; i++) {
        pid_t child = fork();
        if (child < 0) {
            fail("fork", "refused");
        }
        if (!child) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            ask_all_the_time(work, shared, i);
            exit(EXIT_SUCCESS);
        }
    }
    for (long i = 0; i < work->connections; i++) {
        int status;
        if (wait(&status) < 0 || status) {
            exit(EXIT_FAILURE);
        }
    }
}

int main(int count, char **arguments)
{
    enum { URI = 1, CA_FILE, BIND_DN, BASE, CONNECTIONS, SECONDS, ATTRIBUTES };
    uint64_t searches = 0;
    if (count <= ATTRIBUTES) {
        fail("usage", "raw_search URI CA_FILE BIND_DN BASE CONNECTIONS SECONDS ATTRIBUTE…");
    }
    struct work work = {
        .uri = arguments[URI],
        .ca_file = arguments[CA_FILE],
        .bind_dn = arguments[BIND_DN],
        .base = arguments[BASE],
        .connections = strtol(arguments[CONNECTIONS], NULL, DECIMAL),
        .seconds = strtod(arguments[SECONDS], NULL),
        .attributes = &arguments[ATTRIBUTES],
    };
    if (work.connections < 1 || work.connections > CONNECTIONS_MAX || work.seconds <= 0) {
        fail("usage", "1 to 64 connections, more than 0 seconds");
    }
    read_input(&work);
    struct shared *shared = share(&work);
    run(&work, shared);
    for (long i = 0; i < work.connections; i++) {
        searches += shared->searches[i];
    }
    free_input(&work);
    printf("%.1f\n", (double)searches / work.seconds);
    return EXIT_SUCCESS;
}
