/* See batch.h. */
#include "rest/batch.h"

#include "auth/auth.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log.h"
#include "base/size.h"
#include "http/access.h"
#include "http/problem.h"
#include "http/router.h"
#include "rest/app.h"
#include "rest/limits.h"
#include "store/together.h"

#include <signal.h>
#include <string.h>

enum {
    STATUS_OK = 200,
    STATUS_ERROR = 400,
    ROWS_MAX = 50000,     /* rows in the replies of an atomic batch, which all stay in memory */
    REPLY_MAX = 16 * MIB, /* bytes of the results, after which no further operation is executed */
    /* Time of an atomic batch. On SQLite, other writers wait for STORE_BUSY_S at most, and may wait
     * for two batches. */
    ATOMIC_S = 2,
    OVERLOADED_WAIT_S = 5, /* value of Retry-After */
};

/* One operation that is executed. */
struct operation {
    struct request request;
    struct reply reply;
    struct error *error; /* result of the handler, or of the commit */
    struct access access;
    const char *unread; /* rest of the body */
    size_t unread_length;
};

/* A batch that is executed. */
struct run {
    struct request *request;
    const struct batch *batch;
    int64_t deadline_us;
    bool draining;
    struct buffer results;
    struct jsonw json;
};

/* --- one operation ---------------------------------------------------------------------------- */

static size_t read_body_text(void *source, char *bytes, size_t size)
{
    struct operation *operation = source;
    size_t length = operation->unread_length < size ? operation->unread_length : size;
    memcpy(bytes, operation->unread, length);
    operation->unread += length;
    operation->unread_length -= length;
    return length;
}

static const char *name_operation(const struct run *run, struct arena *arena, size_t position)
{
    return arena_format(arena, "%s.%zu", run->request->id, position);
}

/* Returns the path of an operation. The dry run of a batch is one of each operation that writes. */
static const char *choose_uri(const struct run *run, const struct batch_operation *wanted,
                              struct arena *arena)
{
    if (!run->request->dry_run || !strcmp(wanted->method, "GET")) {
        return wanted->path;
    }
    return arena_format(arena, "%s%cdry_run=true", wanted->path,
                        strchr(wanted->path, '?') ? '&' : '?');
}

/* Prepares the request of an operation, with memory of the arena. */
static void prepare_operation(const struct run *run, size_t position, struct arena *arena,
                              struct operation *operation)
{
    const struct batch_operation *wanted = &run->batch->operations[position];
    *operation = (struct operation){
        .request = {.arena = arena,
                    .app = run->request->app,
                    .batch = run->request,
                    .atomic = run->batch->atomic,
                    .id = name_operation(run, arena, position),
                    .headers = run->request->headers,
                    .input = {read_body_text, operation}},
        .unread = wanted->body,
        .unread_length = wanted->body_length,
    };
    struct request_headers *headers = &operation->request.headers;
    /* GET /app/valid/{token} counts a use, HEAD does not */
    bool reads = run->request->dry_run && !strcmp(wanted->method, "GET");
    headers->method = reads ? "HEAD" : wanted->method;
    headers->uri = choose_uri(run, wanted, arena);
    headers->accept = "";
    headers->content_type = "application/json";
    headers->content_length = arena_format(arena, "%zu", wanted->body_length);
    headers->content_encoding = headers->content_range = "";
    headers->if_match = wanted->if_match;
    headers->if_none_match = headers->idempotency_key = "";
    headers->spool = headers->sent = "";
}

static void execute_operation(struct operation *operation)
{
    struct request *request = &operation->request;
    access_begin(&operation->access);
    operation->error = router_handle(app_of(request)->router, request, &operation->reply);
    access_record_result(&operation->access);
}

/* Commits the writes of an operation, so that the next one sees them. */
static void commit_operation(struct operation *operation)
{
    struct store *store = app_of(&operation->request)->store;
    if (!store_group_open(store)) {
        return;
    }
    struct error *failure = store_group_commit(store, operation->request.arena);
    auth_after_commit();
    access_record_commit(&operation->access);
    if (failure) {
        operation->reply = (struct reply){0};
        operation->error = failure;
    }
}

static void add_result(struct run *run, size_t position, int status, const struct buffer *body)
{
    jsonw_open_object(&run->json, NULL);
    jsonw_string(&run->json, "id", run->batch->operations[position].id);
    jsonw_integer(&run->json, "status", status);
    if (body->length) {
        jsonw_raw(&run->json, "body", body->bytes);
    } else {
        jsonw_null(&run->json, "body");
    }
    jsonw_close_object(&run->json);
}

/* Writes the audit line and the log line of an operation, and adds its result. */
static void finish_operation(struct run *run, size_t position, struct operation *operation)
{
    struct request *request = &operation->request;
    log_set_request(request->id);
    router_finish(request, &operation->reply, operation->error);
    access_end(&operation->access, request, &operation->reply, operation->error);
    log_set_request(run->request->id);
    add_result(run, position, operation->reply.status, &operation->reply.body);
}

/* Adds the result of an operation that is not executed. */
static void skip_operation(struct run *run, size_t position, struct arena *arena)
{
    struct buffer body = {.arena = arena};
    const struct error *error = error_new(arena, ERR_NOT_EXECUTED, NULL);
    problem_write(&body, error, run->request->language, name_operation(run, arena, position));
    add_result(run, position, problem_status(error->id), &body);
}

/* --- separate operations ---------------------------------------------------------------------- */

/* True if the master has asked the worker to drain: the worker reads the signal after this request.
 */
static bool is_drain_requested(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, SIGTERM) == 1;
}

/* True if the batch must stop before its next operation. */
static bool must_stop(struct run *run)
{
    int64_t now = clock_steady_us();
    if (!run->draining && is_drain_requested()) {
        int64_t left_us = app_of(run->request)->config->drain_timeout_s * US_PER_S / 2;
        run->draining = true;
        run->deadline_us = now + left_us < run->deadline_us ? now + left_us : run->deadline_us;
    }
    return now >= run->deadline_us || run->results.length >= REPLY_MAX;
}

static void execute_separately(struct run *run)
{
    struct arena *arena = arena_new();
    struct operation operation;
    bool stopped = false;
    for (size_t i = 0; i < run->batch->count; i++) {
        stopped = stopped || must_stop(run);
        if (stopped) {
            skip_operation(run, i, arena);
        } else {
            prepare_operation(run, i, arena, &operation);
            execute_operation(&operation);
            commit_operation(&operation);
            finish_operation(run, i, &operation);
            stopped = run->batch->stop_on_error && operation.reply.status >= STATUS_ERROR;
        }
        arena_reset(arena);
    }
    arena_free(&arena);
}

/* --- atomic batches --------------------------------------------------------------------------- */

struct attempt {
    struct run *run;
    struct arena *arena; /* of all operations of the attempt */
    struct operation *operations;
    size_t executed; /* number of operations executed, including one that failed */
};

/* Serializes the reply within the transaction, so that its length is known. */
static size_t serialize_reply(struct operation *operation)
{
    struct reply *reply = &operation->reply;
    if (!reply->serialized) {
        reply_serialize(operation->request.route, reply, operation->request.arena);
        reply->serialized = true;
    }
    return reply->body.length;
}

/* Executes the operations up to the first that fails. Runs again after a conflict with another
 * transaction. ERR_NOT_EXECUTED if the batch has stopped; ERR_DRY_RUN at the end of a dry run. */
static struct error *attempt_all(struct store *store, void *context)
{
    struct attempt *attempt = context;
    struct run *run = attempt->run;
    int64_t deadline_us = clock_steady_us() + (int64_t)ATOMIC_S * US_PER_S;
    size_t length = 0, rows = 0;
    arena_reset(attempt->arena);
    attempt->executed = 0;
    store_limit_together(store, deadline_us);
    while (attempt->executed < run->batch->count) {
        struct operation *operation = &attempt->operations[attempt->executed];
        if (must_stop(run) || clock_steady_us() >= deadline_us || length >= REPLY_MAX ||
            rows >= ROWS_MAX) {
            return error_new(attempt->arena, ERR_NOT_EXECUTED, NULL);
        }
        prepare_operation(run, attempt->executed, attempt->arena, operation);
        attempt->executed++;
        execute_operation(operation);
        if (operation->error) {
            return operation->error;
        }
        length += serialize_reply(operation);
        rows += operation->reply.items_count;
    }
    return run->request->dry_run ? error_new(attempt->arena, ERR_DRY_RUN, NULL) : NULL;
}

/* Replaces the success of an operation whose transaction was rolled back. If no operation has
 * failed, the commit has, with an error for all of them. */
static void revoke_operation(const struct attempt *attempt, struct operation *operation,
                             struct error *error)
{
    bool commit_failed =
        error->id != ERR_NOT_EXECUTED && !attempt->operations[attempt->executed - 1].error;
    operation->reply = (struct reply){0};
    operation->error = commit_failed ? error : error_new(attempt->arena, ERR_ROLLED_BACK, NULL);
}

/* True if all operations only read. */
static bool is_read_only(const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (strcmp(batch->operations[i].method, "GET") != 0) {
            return false;
        }
    }
    return true;
}

static struct error *execute_atomically(struct run *run)
{
    struct store *store = app_of(run->request)->store;
    struct arena *arena = run->request->arena;
    struct attempt attempt = {
        .run = run,
        .arena = arena_new(),
        .operations = arena_array(arena, run->batch->count, sizeof *attempt.operations),
    };
    struct error *error = is_read_only(run->batch)
                              ? store_read_together(store, arena, attempt_all, &attempt)
                              : store_write_together(store, arena, attempt_all, &attempt);
    auth_after_commit();
    error = error && error->id == ERR_DRY_RUN ? NULL : error;
    for (size_t i = 0; i < run->batch->count; i++) {
        struct operation *operation = &attempt.operations[i];
        if (i >= attempt.executed) {
            skip_operation(run, i, attempt.arena);
            continue;
        }
        access_record_commit(&operation->access);
        if (error && !operation->error) {
            revoke_operation(&attempt, operation, error);
        }
        if (error) { /* the row of the failure was rolled back, too */
            router_record_failure(app_of(run->request)->router, &operation->request,
                                  operation->error);
        }
        finish_operation(run, i, operation);
    }
    struct error *failure = store_group_commit(store, arena);
    if (failure) {
        log_warning("batch: cannot record its failed operations: %s",
                    failure->cause ? failure->cause : "unknown cause");
    }
    bool begun = attempt.executed || !error || error->id == ERR_NOT_EXECUTED;
    arena_free(&attempt.arena);
    return begun ? NULL : error;
}

/* --- the batch -------------------------------------------------------------------------------- */

/* The time of a batch begins when nginx passes it on, because nginx does not wait for longer. */
static struct error *set_deadline(struct run *run)
{
    const struct request *request = run->request;
    int64_t left_us = app_of(request)->config->batch_timeout_s * US_PER_S;
    left_us -= request->queue_us > 0 ? request->queue_us : 0;
    run->deadline_us = clock_steady_us() + left_us;
    if (left_us > 0) {
        return NULL;
    }
    struct error *error =
        error_new(request->arena, ERR_OVERLOADED, "the batch has waited too long for a worker");
    error->retry_after_s = OVERLOADED_WAIT_S;
    return error;
}

struct error *batch_execute(struct request *request, const struct batch *batch, struct reply *reply)
{
    struct run run = {
        .request = request,
        .batch = batch,
        .results = {.arena = request->arena},
        .json = {.out = &run.results},
    };
    struct error *error = set_deadline(&run);
    if (!error) {
        error = limits_begin_batch(request, batch->count);
    }
    if (error) {
        return error;
    }
    jsonw_open_object(&run.json, NULL);
    jsonw_open_array(&run.json, "results");
    if (batch->atomic) {
        error = execute_atomically(&run);
    } else {
        execute_separately(&run);
    }
    jsonw_close_array(&run.json);
    jsonw_close_object(&run.json);
    limits_end_batch();
    *reply = (struct reply){.status = STATUS_OK, .body = run.results, .serialized = true};
    return error;
}
