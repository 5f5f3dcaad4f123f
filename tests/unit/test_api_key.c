/* API keys: the format of secrets, the search for a key, and the last uses. Runs on both
 * engines. */
#include "engines.h"

#include "auth/api_key.h"
#include "auth/api_key_use.h"
#include "base/clock.h"
#include "base/scope.h"
#include "base/sealed.h"
#include "base/shared.h"

#include <sys/wait.h>

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* The checksum is fixed: a program that scans for secrets computes it. */
static const char known[] = "kontora_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/* --- secrets ---------------------------------------------------------------------------------- */

static void generated_secrets_are_well_formed_and_differ(void **state)
{
    struct test *test = *state;
    const char *last = "";
    for (int i = 0; i < 1000; i++) {
        const char *secret = api_key_generate(test->arena);
        assert_int_equal(strlen(secret), API_KEY_LENGTH);
        assert_true(api_key_is_meant(secret) && api_key_is_well_formed(secret));
        assert_int_equal(strspn(secret + strlen("kontora_"), alphabet), 40);
        assert_string_not_equal(secret, last);
        last = secret;
    }
}

static void each_changed_character_is_detected(void **state)
{
    struct test *test = *state;
    const char *secret = api_key_generate(test->arena);
    for (size_t i = 0; i < API_KEY_LENGTH; i++) {
        for (const char *other = alphabet; *other; other++) {
            char *changed = arena_string(test->arena, secret);
            changed[i] = *other;
            assert_int_equal(api_key_is_well_formed(changed), *other == secret[i]);
        }
    }
}

static void other_texts_are_not_well_formed(void **state)
{
    struct test *test = *state;
    const char *secret = api_key_generate(test->arena);
    assert_false(api_key_is_well_formed(""));
    assert_false(api_key_is_well_formed("kontora_"));
    assert_false(api_key_is_well_formed(known));
    assert_false(api_key_is_well_formed(arena_format(test->arena, "%s ", secret)));
    assert_false(api_key_is_well_formed(arena_format(test->arena, " %s", secret)));
    assert_false(api_key_is_well_formed(arena_copy(test->arena, secret, API_KEY_LENGTH - 1)));
    assert_false(
        api_key_is_well_formed(arena_format(test->arena, "%.44s\xC3\xA9%s", secret, secret + 46)));
    assert_false(api_key_is_meant("Kontora_x"));
}

/* --- keys ------------------------------------------------------------------------------------- */

struct new_key {
    struct arena *arena;
    const char *secret;
    int64_t id, expires_ms;
};

static struct error *insert_key(struct store *store, void *context)
{
    const struct new_key *key = context;
    struct store_query *query = store_compose(
        store, key->arena,
        "INSERT INTO api_keys (id, subject, username, name, scopes, prefix, created_at, issued_at,"
        " expires_at, folded) VALUES ($1, 'local:admin', 'admin', 'n', 'files:read', 'p', 1, 1,"
        " $2, '{}')");
    store_bind_integer(query, key->id);
    if (key->expires_ms) {
        store_bind_integer(query, key->expires_ms);
    } else {
        store_bind_null(query);
    }
    struct error *error = store_execute(query);
    return error ? error : api_key_add_secret(store, key->arena, key->id, key->secret);
}

static const char *add_key(struct test *test, int64_t id, int64_t expires_ms)
{
    struct new_key key = {test->arena, api_key_generate(test->arena), id, expires_ms};
    must_succeed(store_write(test->store, test->arena, insert_key, &key));
    must_succeed(store_group_commit(test->store, test->arena));
    return key.secret;
}

static enum error_id find_error(struct test *test, const char *secret, int64_t now_ms)
{
    struct api_key key;
    const struct error *error = api_key_find(test->store, test->arena, secret, now_ms, &key);
    return error ? error->id : ERR_COUNT;
}

static void key_is_found_by_its_secret_until_it_expires(void **state)
{
    struct test *test = *state;
    struct api_key key;
    const char *secret = add_key(test, 1, 1000);
    must_succeed(api_key_find(test->store, test->arena, secret, 999, &key));
    assert_int_equal(key.key.id, 1);
    assert_true(key.key.scopes == SCOPE_BIT(SCOPE_FILES_READ));
    assert_string_equal(key.subject, "local:admin");
    assert_string_equal(key.username, "admin");
    assert_true(!key.account_id && !key.organization_id && !key.key.used_ms && !key.email);
    assert_int_equal(key.role, ROLE_NONE);
    assert_int_equal(find_error(test, secret, 1000), ERR_TOKEN_EXPIRED);
    assert_int_equal(find_error(test, api_key_generate(test->arena), 1), ERR_INVALID_TOKEN);
    assert_int_equal(find_error(test, add_key(test, 2, 0), INT64_MAX), ERR_COUNT);
}

static void malformed_secret_is_refused_without_a_query(void **state)
{
    struct test *test = *state;
    struct api_key key;
    const struct error *error = api_key_find(NULL, test->arena, known, 1, &key);
    assert_true(error && error->id == ERR_INVALID_TOKEN);
}

/* --- last uses -------------------------------------------------------------------------------- */

static int64_t read_use(struct test *test, int64_t id)
{
    int64_t used;
    must_succeed(read_integer(
        test->store, test->arena,
        arena_format(test->arena, "SELECT coalesce(last_used_at, 0) FROM api_keys WHERE id = %d",
                     (int)id),
        &used));
    return used;
}

static void record_use(int64_t id, int64_t stored_ms, int64_t now_ms)
{
    const struct principal_key key = {.id = id, .used_ms = stored_ms};
    api_key_use_record(&key, "2001:db8:ffff:ffff:ffff:ffff:255.255.255.255", now_ms);
}

static void last_use_is_written_at_most_once_a_minute(void **state)
{
    struct test *test = *state;
    const int64_t now = MS_PER_DAY;
    (void)add_key(test, 1, 0);
    record_use(1, 0, now);
    record_use(1, 0, now + 10);
    assert_int_equal(read_use(test, 1), 0);
    api_key_use_flush_all(test->store);
    assert_int_equal(read_use(test, 1), now);
    record_use(1, now, now + MS_PER_MINUTE - 1);
    api_key_use_flush_all(test->store);
    assert_int_equal(read_use(test, 1), now);
    record_use(1, now, now + MS_PER_MINUTE);
    api_key_use_flush_all(test->other);
    assert_int_equal(read_use(test, 1), now + MS_PER_MINUTE);
    record_use(1, now + MS_PER_MINUTE, now); /* the clock was set back by a minute */
    api_key_use_flush_all(test->store);
    assert_int_equal(read_use(test, 1), now);
}

static void uses_of_many_keys_are_written_in_batches(void **state)
{
    enum { KEYS = 2000 };
    struct test *test = *state;
    bool more = true;
    int batches = 0;
    (void)add_key(test, 1, 0);
    (void)add_key(test, KEYS, 0);
    for (int64_t id = 1; id <= KEYS; id++) {
        record_use(id, 0, MS_PER_DAY + id);
    }
    for (; more; batches++) {
        must_succeed(api_key_use_flush(test->store, test->arena, &more));
    }
    assert_true(batches > 3);
    assert_int_equal(read_use(test, 1), MS_PER_DAY + 1);
    assert_int_equal(read_use(test, KEYS), MS_PER_DAY + KEYS);
}

/* More keys than slots: the uses that find no slot are skipped, and recorded later. */
static void full_table_skips_uses(void **state)
{
    enum { SETS = 1024, WAYS = 4 };
    struct test *test = *state;
    for (int64_t i = 0; i <= WAYS; i++) {
        (void)add_key(test, 1 + i * SETS, 0);
        record_use(1 + i * SETS, 0, MS_PER_DAY);
    }
    api_key_use_flush_all(test->store);
    assert_int_equal(read_use(test, 1 + (WAYS - 1) * SETS), MS_PER_DAY);
    assert_int_equal(read_use(test, 1 + WAYS * SETS), 0);
    record_use(1 + WAYS * SETS, 0, MS_PER_DAY + 1);
    api_key_use_flush_all(test->store);
    assert_int_equal(read_use(test, 1 + WAYS * SETS), MS_PER_DAY + 1);
}

static void use_is_kept_while_the_database_cannot_be_written(void **state)
{
    struct test *test = *state;
    bool more;
    (void)add_key(test, 1, 0);
    record_use(1, 0, MS_PER_DAY);
    must_script(test->store, test->arena, "ALTER TABLE api_keys RENAME TO hidden_keys");
    const struct error *error = api_key_use_flush(test->store, test->arena, &more);
    assert_non_null(error);
    must_script(test->store, test->arena, "ALTER TABLE hidden_keys RENAME TO api_keys");
    must_succeed(api_key_use_flush(test->other, test->arena, &more));
    assert_int_equal(read_use(test, 1), MS_PER_DAY);
}

static _Noreturn void record_uses_until_killed(void)
{
    int64_t now = MS_PER_DAY;
    while (true) {
        record_use(1, 0, now);
        now += MS_PER_DAY;
    }
}

/* Processes that record uses are killed at any moment; later uses are still written. */
static void killed_process_does_not_block_the_table(void **state)
{
    enum { PROCESSES = 4, FEW_US = 20000, WAYS = 4, SETS = 1024 };
    struct test *test = *state;
    for (int64_t i = 0; i < WAYS; i++) {
        (void)add_key(test, 1 + i * SETS, 0);
    }
    api_key_use_share();
    for (int i = 0; i < PROCESSES; i++) {
        pid_t child = fork();
        if (!child) {
            record_uses_until_killed();
        }
        usleep(FEW_US);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    record_use(1, 0, MS_PER_DAY / 2);
    api_key_use_flush_all(test->store);
    assert_true(read_use(test, 1) > 0);
    for (int64_t i = 0; i < WAYS; i++) { /* all slots of the set are free again */
        record_use(1 + i * SETS, 0, MS_PER_MINUTE + i);
    }
    api_key_use_flush_all(test->store);
    for (int64_t i = 0; i < WAYS; i++) {
        assert_int_equal(read_use(test, 1 + i * SETS), MS_PER_MINUTE + i);
    }
}

/* --- sealed words ----------------------------------------------------------------------------- */

static void partly_written_words_are_empty(void **state)
{
    enum { WORDS = 5 };
    (void)state;
    _Atomic uint64_t record[WORDS] = {0};
    uint64_t words[WORDS] = {1, 2, 3, 4}, read[WORDS];
    assert_false(sealed_load(record, read, WORDS));
    sealed_store(record, words, WORDS);
    assert_true(sealed_load(record, read, WORDS));
    assert_memory_equal(read, words, sizeof words);
    for (size_t i = 0; i < WORDS; i++) {
        atomic_fetch_add(&record[i], 1);
        assert_false(sealed_load(record, read, WORDS));
        atomic_fetch_sub(&record[i], 1);
    }
    sealed_clear(record, WORDS);
    assert_false(sealed_load(record, read, WORDS));
}

#define KEY_TEST(function)                                                                         \
    cmocka_unit_test_setup_teardown(function, test_setup_schema, test_teardown)

static int run(const char *name)
{
    const struct CMUnitTest tests[] = {
        KEY_TEST(generated_secrets_are_well_formed_and_differ),
        KEY_TEST(each_changed_character_is_detected),
        KEY_TEST(other_texts_are_not_well_formed),
        KEY_TEST(key_is_found_by_its_secret_until_it_expires),
        KEY_TEST(malformed_secret_is_refused_without_a_query),
        KEY_TEST(last_use_is_written_at_most_once_a_minute),
        KEY_TEST(uses_of_many_keys_are_written_in_batches),
        KEY_TEST(full_table_skips_uses),
        KEY_TEST(use_is_kept_while_the_database_cannot_be_written),
        KEY_TEST(killed_process_does_not_block_the_table),
        KEY_TEST(partly_written_words_are_empty),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_on_engines(run, "API keys on SQLite", "API keys on PostgreSQL");
}
