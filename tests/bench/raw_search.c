/*
 * Raw search: measures searches that a client sends to the directory without any other work. A
 * reference of `make bench`.
 *
 *   raw_search [-p] URI CA_FILE BIND_DN BASE CONNECTIONS SECONDS ATTRIBUTE…
 *
 * CONNECTIONS processes, each with one TLS connection that it binds and keeps, send searches below
 * BASE for SECONDS without a pause, and read every value of the entries. The first line of standard
 * input is the password of BIND_DN, each further line a filter; the filters are used in turn. Each
 * must match one object, or at least one if an asterisk precedes it. An attribute of a single
 * object that is sent in ranges (MS-ADTS 3.1.1.3.1.3.3) is read to its end as part of its search.
 * With -p, each filter may match any number of objects, read in pages of 1,000 (RFC 2696). Some
 * filters may take much longer than others, so a process then ends after whole turns only.
 *
 * Prints the total number of searches a second. Exits with 1 on any error.
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

enum { CONNECTIONS_MAX = 64, PAGE_SIZE = 1000 };

struct work {
    bool paged;
    char *uri, *ca_file, *bind_dn, *base;
    long connections;
    double seconds;
    char **attributes; /* ends with NULL */
    char *password;
    char **filters;
    size_t filter_count;
};

/* Memory that all processes share. */
struct shared {
    pthread_barrier_t start;       /* waits until all processes are bound */
    double rates[CONNECTIONS_MAX]; /* searches a second of each process */
};

/* Suppresses references to other naming contexts (MS-ADTS 3.1.1.3.4.1.4), as the service does. */
static LDAPControl one_domain = {.ldctl_oid = LDAP_CONTROL_X_DOMAIN_SCOPE};

_Noreturn static void exit_with_error(const char *what, const char *cause)
{
    fprintf(stderr, "raw_search: %s: %s\n", what, cause);
    exit(EXIT_FAILURE);
}

static void check_result(const char *what, int code)
{
    if (code != LDAP_SUCCESS) {
        exit_with_error(what, ldap_err2string(code));
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

/* Returns the next line without its newline, NULL at the end of the input. The caller frees it. */
static char *read_stdin_line(void)
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

static void read_work(struct work *work)
{
    size_t size = 0;
    work->password = read_stdin_line();
    for (char *line = read_stdin_line(); line; line = read_stdin_line()) {
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
        exit_with_error("standard input", "a password and at least one filter are required");
    }
}

static void free_work(struct work *work)
{
    for (size_t i = 0; i < work->filter_count; i++) {
        free(work->filters[i]);
    }
    free(work->filters);
    free(work->password);
}

/* --- searching ------------------------------------------------------------------------------- */

static LDAP *connect_and_bind(const struct work *work)
{
    LDAP *ldap = NULL;
    int version = LDAP_VERSION3, demand = LDAP_OPT_X_TLS_DEMAND, client = 0;
    struct berval password = {.bv_val = work->password, .bv_len = strlen(work->password)};
    check_result("the address", ldap_initialize(&ldap, work->uri));
    if (ldap_set_option(ldap, LDAP_OPT_PROTOCOL_VERSION, &version) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ldap, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ldap, LDAP_OPT_X_TLS_CACERTFILE, work->ca_file) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ldap, LDAP_OPT_X_TLS_NEWCTX, &client) != LDAP_OPT_SUCCESS) {
        exit_with_error("options", "libldap rejects an option");
    }
    check_result("the bind", ldap_sasl_bind_s(ldap, work->bind_dn, LDAP_SASL_SIMPLE, &password,
                                              NULL, NULL, NULL));
    return ldap;
}

/* If the attribute is an incomplete range, returns the description that requests its remaining
 * values, else NULL. The caller frees it. */
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

/* Reads every value. Returns the description of the range to request next, or NULL. */
static char *read_entry(LDAP *ldap, LDAPMessage *entry)
{
    char *next = NULL;
    BerElement *ber = NULL;
    struct berval dn = {0};
    check_result("the name", ldap_get_dn_ber(ldap, entry, &ber, &dn));
    for (;;) {
        struct berval description = {0}, *values = NULL;
        check_result("an attribute",
                     ldap_get_attribute_ber(ldap, entry, ber, &description, &values));
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

/* Reads one object, or several if an asterisk precedes the filter. Returns the description of the
 * range to request next and the DN, or NULL. */
static char *search_object(LDAP *ldap, const char *base, int scope, const char *filter,
                           char **attributes, char **dn_r)
{
    bool several = *filter == '*';
    LDAPControl *controls[] = {&one_domain, NULL};
    LDAPMessage *answer = NULL;
    filter += several;
    check_result(filter, ldap_search_ext_s(ldap, base, scope, filter, attributes, 0, controls, NULL,
                                           NULL, LDAP_NO_LIMIT, &answer));
    int count = ldap_count_entries(ldap, answer);
    if (count != 1 && (!several || count < 1)) {
        exit_with_error(filter, "does not match as many objects as it must");
    }
    LDAPMessage *entry = ldap_first_entry(ldap, answer);
    char *next = read_entry(ldap, entry);
    for (LDAPMessage *more = entry; (more = ldap_next_entry(ldap, more));) {
        free(read_entry(ldap, more));
    }
    if (next && dn_r) {
        *dn_r = ldap_get_dn(ldap, entry);
    }
    ldap_msgfree(answer);
    return next;
}

static void search_whole(LDAP *ldap, const struct work *work, const char *filter)
{
    char *dn = NULL;
    char *range =
        search_object(ldap, work->base, LDAP_SCOPE_SUBTREE, filter, work->attributes, &dn);
    while (range) {
        char *attributes[] = {range, NULL};
        char *next = search_object(ldap, dn, LDAP_SCOPE_BASE, "(objectClass=*)", attributes, NULL);
        free(range);
        range = next;
    }
    ldap_memfree(dn);
}

/* Reads the next page. Returns false after the last one. */
static bool search_page(LDAP *ldap, const struct work *work, const char *filter,
                        struct berval *cookie)
{
    LDAPControl *controls[] = {NULL, &one_domain, NULL}, **answered = NULL;
    LDAPMessage *answer = NULL;
    ber_int_t estimate;
    int code = LDAP_OTHER;
    check_result("the control", ldap_create_page_control(ldap, PAGE_SIZE, cookie, 1, &controls[0]));
    check_result(filter,
                 ldap_search_ext_s(ldap, work->base, LDAP_SCOPE_SUBTREE, filter, work->attributes,
                                   0, controls, NULL, NULL, LDAP_NO_LIMIT, &answer));
    ldap_control_free(controls[0]);
    ber_memfree(cookie->bv_val);
    *cookie = (struct berval){0};
    for (LDAPMessage *entry = ldap_first_entry(ldap, answer); entry;
         entry = ldap_next_entry(ldap, entry)) {
        free(read_entry(ldap, entry));
    }
    LDAPMessage *last = ldap_first_message(ldap, answer);
    while (ldap_msgtype(last) != LDAP_RES_SEARCH_RESULT) {
        last = ldap_next_message(ldap, last);
    }
    check_result("the page", ldap_parse_result(ldap, last, &code, NULL, NULL, NULL, &answered, 0));
    check_result("the page", ldap_parse_pageresponse_control(
                                 ldap, ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, answered, NULL),
                                 &estimate, cookie));
    ldap_controls_free(answered);
    ldap_msgfree(answer);
    return cookie->bv_len;
}

static void search_all_pages(LDAP *ldap, const struct work *work, const char *filter)
{
    struct berval cookie = {0};
    while (search_page(ldap, work, filter, &cookie)) {
    }
    ber_memfree(cookie.bv_val);
}

/* --- processes ------------------------------------------------------------------------------- */

/* Runs one process, which begins at its own part of the filters. */
static void search_repeatedly(const struct work *work, struct shared *shared, long number)
{
    size_t first = work->filter_count * (size_t)number / (size_t)work->connections;
    size_t next = first;
    uint64_t searches = 0;
    LDAP *ldap = connect_and_bind(work);
    pthread_barrier_wait(&shared->start);
    double began = now_s(), end = began + work->seconds;
    while (now_s() < end || (work->paged && next != first)) {
        (work->paged ? search_all_pages : search_whole)(ldap, work, work->filters[next]);
        next = (next + 1) % work->filter_count;
        searches++;
    }
    shared->rates[number] = (double)searches / (now_s() - began);
    ldap_unbind_ext(ldap, NULL, NULL);
}

static struct shared *create_shared(const struct work *work)
{
    pthread_barrierattr_t attributes;
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || pthread_barrierattr_init(&attributes) ||
        pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) ||
        pthread_barrier_init(&shared->start, &attributes, (unsigned)work->connections)) {
        exit_with_error("shared memory", "cannot be allocated");
    }
    return shared;
}

/* Exits if one process fails; PR_SET_PDEATHSIG then kills the others, which would wait for it. */
static void run_processes(const struct work *work, struct shared *shared)
{
    for (long i = 0; i < work->connections; i++) {
        pid_t child = fork();
        if (child < 0) {
            exit_with_error("fork", "failed");
        }
        if (!child) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            search_repeatedly(work, shared, i);
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
    double rate = 0;
    bool paged = count > URI && !strcmp(arguments[URI], "-p");
    count -= paged;
    arguments += paged;
    if (count <= ATTRIBUTES) {
        exit_with_error("usage",
                        "raw_search [-p] URI CA_FILE BIND_DN BASE CONNECTIONS SECONDS ATTRIBUTE…");
    }
    struct work work = {
        .paged = paged,
        .uri = arguments[URI],
        .ca_file = arguments[CA_FILE],
        .bind_dn = arguments[BIND_DN],
        .base = arguments[BASE],
        .connections = strtol(arguments[CONNECTIONS], NULL, DECIMAL),
        .seconds = strtod(arguments[SECONDS], NULL),
        .attributes = &arguments[ATTRIBUTES],
    };
    if (work.connections < 1 || work.connections > CONNECTIONS_MAX || work.seconds <= 0) {
        exit_with_error("usage", "1 to 64 connections, more than 0 seconds");
    }
    read_work(&work);
    struct shared *shared = create_shared(&work);
    run_processes(&work, shared);
    for (long i = 0; i < work.connections; i++) {
        rate += shared->rates[i];
    }
    free_work(&work);
    printf("%.3f\n", rate);
    return EXIT_SUCCESS;
}
