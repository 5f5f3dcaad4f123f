/* Idempotency: the response to a repeated request, and when it is committed. Runs on both
 * engines. */
#include "engines.h"

#include "auth/principal.h"
#include "http/problem.h"
#include "rest/app.h"
#include "rest/idempotency.h"

enum { RUNNING_MS = 600 * 1000 };

/* Errors after which the request may have changed something. */
static const enum error_id open_errors[] = {ERR_OUTCOME_UNKNOWN, ERR_RESULT_UNREAD,
                                            ERR_PARTIALLY_APPLIED, ERR_INTERNAL};

static struct config config;
static struct app app;
static const struct principal principal = {.id = "local:admin"};
static struct buffer no_body;

/* Creates an empty database with the schema. */
static int setup_keys(void **state)
{
    test_setup_schema(state);
    struct test *test = *state;
    must_script(test->store, test->arena,
                "DROP TABLE IF EXISTS items; CREATE TABLE items (id BIGINT PRIMARY KEY)");
    config.secret_key = "0123456789abcdef0123456789abcdef";
    app = (struct app){.config = &config, .store = test->store};
    return 0;
}

#define KEY_TEST(function) cmocka_unit_test_setup_teardown(function, setup_keys, test_teardown)

/* Returns a request with an idempotency key, to a route of a pool. */
static struct request new_request(struct test *test, const char *key, enum pool_id pool)
{
    struct route *route = arena_alloc(test->arena, sizeof *route);
    *route = (struct route){.method = METHOD_POST, .action = "make_thing", .pool = pool};
    return (struct request){
        .arena = test->arena,
        .app = &app,
        .route = route,
        .method = METHOD_POST,
        .principal = &principal,
        .id = "first",
        .headers = {.method = "POST", .uri = "/things", .idempotency_key = key},
    };
}

/* Looks up the key of the request before it is handled; returns the resulting error. */
static struct error *recall_response(struct request *request, struct reply *reply)
{
    *reply = (struct reply){0};
    struct error *error = idempotency.recall(request, &no_body, reply);
    struct error *ending = store_group_commit(app.store, request->arena);
    return error ? error : ending;
}

/* Stores an error as the response to the request. */
static void keep_error_response(struct request *request, enum error_id id)
{
    const struct error *error = error_new(request->arena, id, NULL);
    struct reply reply = {.status = problem_status(id), .body = {.arena = request->arena}};
    problem_write(&reply.body, error, LANGUAGE_EN, request->id);
    idempotency.keep(request, &reply, error);
    must_succeed(store_group_commit(app.store, request->arena));
}

static bool leaves_outcome_unknown(enum error_id id)
{
    for (size_t i = 0; i < COUNT_OF(open_errors); i++) {
        if (open_errors[i] == id) {
            return true;
        }
    }
    return false;
}

static void idempotency_key_is_reusable_only_if_nothing_was_changed(void **state)
{
    struct test *test = *state;
    for (enum error_id id = 0; id < ERR_COUNT; id++) {
        struct reply reply;
        struct request request =
            new_request(test, arena_format(test->arena, "key-%d", (int)id), POOL_DIRECTORY);
        must_succeed(recall_response(&request, &reply));
        assert_int_equal(reply.status, 0);
        keep_error_response(&request, id);
        request.id = "second";
        must_succeed(recall_response(&request, &reply));
        if (!leaves_outcome_unknown(id)) {
            assert_int_equal(reply.status, 0);
            continue;
        }
        struct buffer expected = {.arena = test->arena};
        problem_write(&expected, error_new(test->arena, id, NULL), LANGUAGE_EN, "second");
        assert_int_equal(reply.status, problem_status(id));
        assert_string_equal(reply.body.bytes, expected.bytes);
    }
}

static struct error *age_keys(struct store *store, void *context)
{
    return store_script(store, context,
                        arena_format(context,
                                     "UPDATE idempotency_keys SET created_at = created_at - %d",
                                     RUNNING_MS));
}

static void abandoned_request_reports_an_unknown_outcome(void **state)
{
    struct test *test = *state;
    struct reply reply;
    struct request request = new_request(test, "died", POOL_CORE);
    must_succeed(recall_response(&request, &reply));
    assert_int_equal(reply.status, 0);
    assert_error(recall_response(&request, &reply), ERR_IDEMPOTENCY_PENDING);
    must_succeed(store_write(test->store, test->arena, age_keys, test->arena));
    must_succeed(store_group_commit(test->store, test->arena));
    assert_error(recall_response(&request, &reply), ERR_OUTCOME_UNKNOWN);
    assert_error(recall_response(&request, &reply), ERR_OUTCOME_UNKNOWN);
}

/* Otherwise a failed commit of the response would be reported although the change was committed. */
static void response_is_committed_with_its_change_or_at_once(void **state)
{
    struct test *test = *state;
    const struct reply reply = {.status = 200};
    struct reply before;
    struct request request = new_request(test, "with", POOL_FILES);
    must_succeed(recall_response(&request, &before));
    must_succeed(insert_item_row(test->store, test->arena, 1));
    bool joins = store_group_open(test->store); /* always false on PostgreSQL */
    idempotency.keep(&request, &reply, NULL);
    assert_int_equal(store_group_open(test->store), joins);
    must_succeed(store_group_commit(test->store, test->arena));
    request = new_request(test, "after", POOL_FILES);
    must_succeed(recall_response(&request, &before));
    must_succeed(insert_and_commit(test->store, test->arena, 2));
    idempotency.keep(&request, &reply, NULL);
    assert_false(store_group_open(test->store));
    must_succeed(recall_response(&request, &before));
    assert_int_equal(before.status, reply.status);
}

static int run_group(const char *name)
{
    const struct CMUnitTest tests[] = {
        KEY_TEST(idempotency_key_is_reusable_only_if_nothing_was_changed),
        KEY_TEST(abandoned_request_reports_an_unknown_outcome),
        KEY_TEST(response_is_committed_with_its_change_or_at_once),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_on_engines(run_group, "idempotency on SQLite", "idempotency on PostgreSQL");
}
