/*
 * Operation: sends one LDAP request and receives its answer.
 *
 * Copies the answer into the arena and frees libldap's messages at once. After a timeout the
 * connection is dropped, because the late answer would be taken for the answer to the next request.
 * libldap returns a negative code of its own if it received no LDAP result.
 */
#include "directory/operation.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "directory/attribute.h"
#include "directory/connection.h"
#include "directory/deadline.h"
#include "directory/measure.h"
#include "directory/result.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- copying the answer ---------------------------------------------------------------------- */

/* Parses ";range=0-1499" of an attribute description (MS-ADTS 3.1.1.3.1.3.3): returns the index
 * after the last value, here 1500, or 0 if the range ends with "*", which means complete. */
static int64_t parse_range_end(const char *options)
{
    static const char range[] = ";range=";
    const char *at = strcasestr(options, range);
    const char *dash = at ? strchr(at, '-') : NULL;
    if (!dash || dash[1] == '*') {
        return 0;
    }
    return strtoll(dash + 1, NULL, DECIMAL) + 1;
}

static void copy_attribute(struct arena *arena, const struct berval *description,
                           struct berval *values, struct attribute *attribute)
{
    char *name = arena_copy(arena, description->bv_val, description->bv_len);
    char *options = strchr(name, ';');
    if (options) {
        attribute->next = parse_range_end(options);
        *options = '\0';
    }
    attribute->name = name;
    if (!values) {
        return;
    }
    while (values[attribute->count].bv_val) {
        attribute->count++;
    }
    attribute->values = arena_array(arena, attribute->count, sizeof *attribute->values);
    for (size_t i = 0; i < attribute->count; i++) {
        attribute->values[i] =
            (struct berval){.bv_len = values[i].bv_len,
                            .bv_val = arena_copy(arena, values[i].bv_val, values[i].bv_len)};
    }
}

static bool copy_attributes(struct arena *arena, LDAP *ldap, LDAPMessage *message, BerElement *ber,
                            struct raw_entry *raw)
{
    size_t size = 0;
    for (;;) {
        struct berval description = {0};
        struct berval *values = NULL;
        if (ldap_get_attribute_ber(ldap, message, ber, &description, &values) != LDAP_SUCCESS) {
            return false;
        }
        if (!description.bv_val) {
            return true;
        }
        if (raw->count == size) {
            size = size ? 2 * size : 16;
            struct attribute *more = arena_array(arena, size, sizeof *more);
            if (raw->count) {
                memcpy(more, raw->attributes, raw->count * sizeof *more);
            }
            raw->attributes = more;
        }
        copy_attribute(arena, &description, values, &raw->attributes[raw->count++]);
        ber_memfree(values); /* frees only the array, because the values point into the message */
    }
}

static bool copy_entry(struct arena *arena, LDAP *ldap, LDAPMessage *message, struct raw_entry *raw)
{
    BerElement *ber = NULL;
    struct berval dn = {0};
    if (ldap_get_dn_ber(ldap, message, &ber, &dn) != LDAP_SUCCESS || !ber) {
        return false;
    }
    raw->dn = arena_copy(arena, dn.bv_val, dn.bv_len);
    bool copied = copy_attributes(arena, ldap, message, ber, raw);
    ber_free(ber, 0);
    return copied;
}

static void release_controls(void *controls)
{
    ldap_controls_free(controls);
}

static bool copy_result(struct arena *arena, LDAP *ldap, LDAPMessage *message,
                        struct answer *answer)
{
    char *diagnostic = NULL;
    int parsed = ldap_parse_result(ldap, message, &answer->code, NULL, &diagnostic, NULL,
                                   &answer->controls, 0);
    if (answer->controls) {
        arena_defer(arena, release_controls, answer->controls);
    }
    if (diagnostic) {
        answer->diagnostic = arena_string(arena, diagnostic);
        ldap_memfree(diagnostic);
    }
    return parsed == LDAP_SUCCESS;
}

/* Copies all messages of the answer. Skips references to other naming contexts (RFC 4511 4.5.3),
 * because Kontora manages only one. */
static bool copy_answer(struct arena *arena, LDAP *ldap, LDAPMessage *chain, struct answer *answer)
{
    int count = ldap_count_entries(ldap, chain);
    bool complete = false;
    answer->entries = arena_array(arena, count > 0 ? (size_t)count : 0, sizeof *answer->entries);
    for (LDAPMessage *message = ldap_first_message(ldap, chain); message;
         message = ldap_next_message(ldap, message)) {
        switch (ldap_msgtype(message)) {
        case LDAP_RES_SEARCH_ENTRY:
            if (!copy_entry(arena, ldap, message, &answer->entries[answer->count++])) {
                return false;
            }
            break;
        case LDAP_RES_SEARCH_REFERENCE:
        case LDAP_RES_INTERMEDIATE:
            break;
        default:
            complete = copy_result(arena, ldap, message, answer);
        }
    }
    return complete;
}

/* --- sending and waiting --------------------------------------------------------------------- */

static bool is_write(const struct operation *operation)
{
    return operation->kind != OPERATION_SEARCH;
}

/* Handles a lost connection: the outcome of the request is unknown. */
static void mark_lost(struct directory *directory, struct answer *answer)
{
    answer->code = LDAP_SERVER_DOWN;
    answer->lost = true;
    connection_drop(directory);
}

/* Gives up a search with a costly filter. Drops the connection, on which the controller may still
 * be searching, so that the next request of the worker need not wait for it. */
static struct error *abandon_costly_search(struct directory *directory, struct arena *arena,
                                           int64_t began)
{
    connection_drop(directory);
    return error_new(arena, ERR_FILTER_TOO_COSTLY, "search: no answer within %" PRId64 " ms",
                     (clock_steady_us() - began) / US_PER_MS);
}

static struct error *receive_answer(struct directory *directory, struct arena *arena,
                                    const struct operation *operation, int message_id,
                                    int64_t timeout_us, struct answer *answer)
{
    LDAPMessage *chain = NULL;
    int64_t began = clock_steady_us();
    LDAP *ldap = connection_ldap(directory);
    struct timeval time = {.tv_sec = timeout_us / US_PER_S, .tv_usec = timeout_us % US_PER_S};
    int type = ldap_result(ldap, message_id, LDAP_MSG_ALL, &time, &chain);
    bool timed_out = type == 0 || (type < 0 && deadline_io_passed(connection_deadline(directory)));
    if (timed_out && operation->until) {
        return abandon_costly_search(directory, arena, began);
    }
    if (timed_out) {
        enum error_id id = is_write(operation) ? ERR_OUTCOME_UNKNOWN : ERR_DIRECTORY_UNAVAILABLE;
        struct error *error =
            error_new(arena, id, "%s: no answer from %s within %" PRId64 " ms", operation->name,
                      connection_server_uri(directory, connection_server_index(directory)),
                      (clock_steady_us() - began) / US_PER_MS);
        log_warning("directory: %s", error->cause);
        connection_record_timeout(directory, began);
        return error;
    }
    bool copied = type > 0 && copy_answer(arena, ldap, chain, answer);
    ldap_msgfree(chain);
    if (!copied) {
        mark_lost(directory, answer);
        return NULL;
    }
    connection_record_answer(directory);
    return NULL;
}

/* True if the controller answers that it cannot serve any request at the moment. */
static bool is_server_unavailable(const struct answer *answer)
{
    /* "… a successful bind must be completed": the server has lost the state of the bind */
    bool unbound = answer->code == LDAP_OPERATIONS_ERROR && strstr(answer->diagnostic, "bind must");
    return answer->code == LDAP_UNAVAILABLE || answer->code == LDAP_BUSY || unbound ||
           answer->code == LDAP_STRONG_AUTH_REQUIRED;
}

/* Runs the operation on this connection. */
static struct error *run_on_connection(struct directory *directory, struct arena *arena,
                                       const struct operation *operation, LDAP *ldap,
                                       struct answer *answer_r)
{
    int message_id = 0;
    struct deadline *deadline = connection_deadline(directory);
    int64_t timeout_us = operation->until ? deadline_expect_answer_until(deadline, operation->until)
                                          : deadline_expect_answer(deadline);
    answer_r->code = operation->send(ldap, operation->request, &message_id);
    if (answer_r->code == LDAP_SERVER_DOWN || answer_r->code == LDAP_CONNECT_ERROR) {
        mark_lost(directory, answer_r);
        return NULL;
    }
    if (answer_r->code != LDAP_SUCCESS) {
        return NULL; /* the request could not be encoded: nothing was sent */
    }
    struct error *error =
        receive_answer(directory, arena, operation, message_id, timeout_us, answer_r);
    if (!error && is_server_unavailable(answer_r)) {
        connection_avoid_server(directory);
    }
    return error;
}

struct error *operation_run(struct directory *directory, struct arena *arena,
                            const struct operation *operation, struct answer *answer_r)
{
    LDAP *ldap;
    *answer_r = (struct answer){.kind = operation->kind, .diagnostic = ""};
    struct error *error = connection_get(directory, arena, &ldap);
    if (error) {
        return error;
    }
    int64_t began = clock_steady_us();
    error = run_on_connection(directory, arena, operation, ldap, answer_r);
    bool expected = answer_r->code == LDAP_SUCCESS || answer_r->code == LDAP_NO_SUCH_OBJECT;
    bool costly = error && error->id == ERR_FILTER_TOO_COSTLY;
    const char *failure = costly           ? "result"
                          : error          ? "silent"
                          : answer_r->lost ? "lost"
                          : expected       ? NULL
                                           : "result";
    measure_operation(operation->name, began, failure);
    return error;
}

struct error *operation_repeat(struct directory *directory, struct arena *arena,
                               const struct operation *operation, struct answer *answer_r)
{
    struct error *error = operation_run(directory, arena, operation, answer_r);
    if (error || !answer_r->lost) {
        return error;
    }
    error = operation_run(directory, arena, operation, answer_r);
    answer_r->repeated = true;
    if (error) {
        return is_write(operation) ? result_connection_lost(arena, operation, error->cause) : error;
    }
    /* The first attempt may have been carried out even if the second one fails. */
    bool unknown = answer_r->lost || (is_write(operation) && is_server_unavailable(answer_r));
    return unknown ? result_connection_lost(arena, operation,
                                            answer_r->lost ? NULL : answer_r->diagnostic)
                   : NULL;
}
