/* Audit chain: linking, verification after each kind of manipulation, erased changes, retention.
 * Runs on both engines. */
#include "engines.h"

#include "rest/audit_chain.h"
#include "rest/audit_retention.h"
#include "rest/audit_verify.h"

#include "base/random.h"

#include <inttypes.h>

enum { ROWS = 9, BYTE = 256, DAY_MS = 24 * 3600 * 1000 };

static const char key[] = "key of the tests";

#define CHAIN_TEST(function)                                                                       \
    cmocka_unit_test_setup_teardown(function, test_setup_schema, test_teardown)

/* Runs statements; in these, ~aa~ stands for a literal of the byte aa. */
static void execute(struct test *test, const char *text)
{
    const char *opening = test->store->id == ENGINE_SQLITE ? "X'" : "'\\x";
    struct buffer script = {.arena = test->arena};
    bool open = false;
    for (const char *c = text; *c; c++) {
        if (*c == '~') {
            buffer_add_string(&script, open ? "'" : opening);
            open = !open;
        } else {
            buffer_add_char(&script, *c);
        }
    }
    must_script(test->store, test->arena, script.bytes);
}

static int64_t must_read(struct test *test, const char *text)
{
    int64_t integer = -1;
    must_succeed(read_integer(test->other, test->arena, text, &integer));
    return integer;
}

/* Inserts rows with the ids from `first` to `last`. */
static void insert_rows(struct test *test, int64_t first, int64_t last, const char *status)
{
    struct buffer text = {.arena = test->arena};
    buffer_add_string(&text, "INSERT INTO audit (id, at, organization_id, actor, actor_id, address,"
                             " action, resource, object_id, status, request_id, changes, salt)"
                             " VALUES ");
    for (int64_t id = first; id <= last; id++) {
        buffer_format(&text,
                      "%s(%" PRId64 ", %" PRId64 ", 1, 'Анна', 'account:1', '192.0.2.1',"
                      " 'update_contact', 'contact', '%" PRId64 "', '%s', 'r%" PRId64 "',"
                      " '[{\"field\":\"name\",\"before\":\"%" PRId64
                      "\",\"after\":null}]', ~aa%02x~)",
                      id == first ? "" : ", ", id, 1000 * id, id, status, id, id, (int)(id % BYTE));
    }
    execute(test, text.bytes);
}

/* Links all rows; returns their number. */
static int64_t link_all(struct test *test)
{
    int64_t total = 0, count = 1;
    while (count) {
        must_succeed(audit_chain_link_batch(test->store, test->arena, key, &count));
        total += count;
    }
    return total;
}

/* --- verification ----------------------------------------------------------------------------- */

static void collect_problem(void *context, const char *line)
{
    buffer_format(context, "%s\n", line);
}

static struct audit_head read_head(struct test *test)
{
    struct audit_chain_head head;
    must_succeed(audit_chain_read_head(test->other, test->arena, key, &head));
    struct audit_head line = {.position = head.position, .audit_id = head.audit_id};
    random_format_hex(head.chain_tag, DIGEST_SIZE, line.chain_tag);
    return line;
}

/* Verifies with a key and the heads; returns the problems as lines. */
static const char *verify_with(struct test *test, const char *with, const struct audit_head *heads,
                               size_t count, struct audit_verify_summary *summary_r)
{
    struct buffer *problems = arena_alloc(test->arena, sizeof *problems);
    problems->arena = test->arena;
    buffer_add_string(problems, "");
    struct audit_verify *verify = audit_verify_new(test->other, with, collect_problem, problems);
    must_succeed(audit_verify_tables(verify, test->arena));
    for (size_t i = 0; i < count; i++) {
        must_succeed(audit_verify_head(verify, test->arena, &heads[i], "audit.jsonl"));
    }
    audit_verify_end(verify, summary_r);
    audit_verify_free(&verify);
    return problems->bytes;
}

static const char *verify_chain(struct test *test, struct audit_verify_summary *summary_r)
{
    return verify_with(test, key, NULL, 0, summary_r);
}

static void assert_intact(struct test *test, int64_t verified)
{
    struct audit_verify_summary summary;
    assert_string_equal(verify_chain(test, &summary), "");
    assert_int_equal(summary.verified, verified);
    assert_int_equal(summary.problems, 0);
}

/* Asserts that each line of `expected`, separated by "; ", begins one problem, and that there are
 * no others. */
static void assert_problems(const char *problems, const char *expected, const char *after)
{
    size_t found = 0, wanted = 0;
    char part[256];
    for (const char *c = problems; *c; c++) {
        found += *c == '\n';
    }
    for (const char *at = expected; *at; wanted++) {
        const char *end = strstr(at, "; ");
        size_t length = end ? (size_t)(end - at) : strlen(at);
        snprintf(part, sizeof part, "\n%.*s", (int)length, at);
        if (strncmp(problems, part + 1, length) != 0 && !strstr(problems, part)) {
            FAIL("\"%s\" is missing after %s in:\n%s", part + 1, after, problems);
        }
        at += length + (end ? 2 : 0);
    }
    if (found != wanted) {
        FAIL("%zu problems instead of %zu after %s:\n%s", found, wanted, after, problems);
    }
}

static void clear_tables(struct test *test)
{
    execute(test, "DELETE FROM audit; DELETE FROM audit_links; DELETE FROM audit_anchors");
}

/* Links ROWS rows, runs the statements, and asserts the problems that the verification finds. */
static void assert_detected(struct test *test, const char *statements, const char *expected)
{
    struct audit_verify_summary summary;
    clear_tables(test);
    insert_rows(test, 1, ROWS, "success");
    assert_int_equal(link_all(test), ROWS);
    struct audit_head head = read_head(test);
    execute(test, statements);
    assert_problems(verify_with(test, key, &head, 1, &summary), expected, statements);
    assert_true(summary.problems > 0);
}

/* --- linking ---------------------------------------------------------------------------------- */

static void all_rows_are_linked_in_several_batches(void **state)
{
    enum { MANY = 2 * AUDIT_CHAIN_BATCH + 7 };
    struct test *test = *state;
    int64_t waiting, oldest;
    insert_rows(test, 1, MANY, "success");
    must_succeed(audit_chain_count_waiting(test->other, test->arena, &waiting, &oldest));
    assert_int_equal(waiting, MANY);
    assert_int_equal(oldest, 1000);
    assert_int_equal(link_all(test), MANY);
    must_succeed(audit_chain_count_waiting(test->other, test->arena, &waiting, &oldest));
    assert_int_equal(waiting, 0);
    assert_int_equal(oldest, 0);
    assert_intact(test, MANY);
    assert_int_equal(must_read(test, "SELECT count(*) FROM audit_links WHERE position = audit_id"),
                     MANY);
}

static void row_that_commits_late_is_linked_after_rows_with_higher_ids(void **state)
{
    struct test *test = *state;
    insert_rows(test, 5, 6, "success");
    assert_int_equal(link_all(test), 2);
    insert_rows(test, 3, 3, "success");
    assert_int_equal(link_all(test), 1);
    assert_int_equal(must_read(test, "SELECT position FROM audit_links WHERE audit_id = 3"), 3);
    assert_int_equal(must_read(test, "SELECT previous_id FROM audit_links WHERE audit_id = 3"), 6);
    assert_intact(test, 3);
}

static void pending_row_is_linked_when_its_outcome_is_known(void **state)
{
    struct test *test = *state;
    struct audit_verify_summary summary;
    insert_rows(test, 1, 1, "pending");
    insert_rows(test, 2, 2, "failure");
    assert_int_equal(link_all(test), 1);
    assert_string_equal(verify_chain(test, &summary), "");
    assert_int_equal(summary.not_linked, 1);
    assert_int_equal(summary.not_linked_ms, 1000);
    execute(test, "UPDATE audit SET status = 'success' WHERE id = 1");
    assert_int_equal(link_all(test), 1);
    assert_intact(test, 2);
}

static void row_that_stays_pending_becomes_unknown(void **state)
{
    struct test *test = *state;
    int64_t count;
    insert_rows(test, 1, 2, "pending");
    must_succeed(audit_chain_expire_pending(test->store, test->arena, 1000 + AUDIT_CHAIN_PENDING_MS,
                                            &count));
    assert_int_equal(count, 0);
    must_succeed(audit_chain_expire_pending(test->store, test->arena, 1001 + AUDIT_CHAIN_PENDING_MS,
                                            &count));
    assert_int_equal(count, 1);
    assert_int_equal(must_read(test, "SELECT id FROM audit WHERE status = 'unknown'"), 1);
    assert_int_equal(link_all(test), 1);
}

static void pending_row_from_the_future_becomes_unknown(void **state)
{
    struct test *test = *state;
    int64_t count;
    execute(test, "INSERT INTO audit (at, actor, action, resource, status)"
                  " VALUES (4000000000000, 'a', 'b', 'c', 'pending')");
    must_succeed(audit_chain_expire_pending(test->store, test->arena, 1000, &count));
    assert_int_equal(count, 1);
}

static void row_marked_as_not_linked_again_does_not_stop_linking(void **state)
{
    struct test *test = *state;
    insert_rows(test, 1, 3, "success");
    link_all(test);
    execute(test, "UPDATE audit SET linked = 0 WHERE id = 2");
    insert_rows(test, 4, 4, "success");
    assert_int_equal(link_all(test), 2);
    assert_int_equal(must_read(test, "SELECT count(*) FROM audit_links"), 4);
    assert_int_equal(must_read(test, "SELECT count(*) FROM audit WHERE linked = 0"), 0);
    assert_intact(test, 4);
}

/* --- manipulations ---------------------------------------------------------------------------- */

static void edit_of_each_column_is_detected(void **state)
{
    static const char *const edits[] = {
        "at = 7",
        "organization_id = 2",
        "organization_id = NULL",
        "directory = 1",
        "actor = 'Анна '",
        "actor_id = 'account:2'",
        "actor_id = NULL",
        "address = ''",
        "action = 'delete_contact'",
        "resource = 'deal'",
        "object_id = '4'",
        "object_id = NULL",
        "status = 'failure'",
        "status = 'pending'",
        "code = ''",
        "request_id = 'r4'",
        "reverts = 1",
        "reverts = 0",
        "changes = '[]'",
        "changes = NULL",
        "salt = ~~",
        "salt = NULL",
        "actor = 'Аннаaccount', actor_id = ':1'",
    };
    struct test *test = *state;
    for (size_t i = 0; i < COUNT_OF(edits); i++) {
        assert_detected(test,
                        arena_format(test->arena, "UPDATE audit SET %s WHERE id = 3", edits[i]),
                        "row 3: edited");
    }
}

static void edit_of_each_column_of_a_link_is_detected(void **state)
{
    static const char *const edits[] = {
        "previous_id = 7",
        "previous_id = NULL",
        "changes_digest = ~00~",
        "changes_digest = NULL",
        "row_tag = ~00~",
        "chain_tag = ~00~",
        "chain_tag = (SELECT chain_tag FROM audit_links WHERE position = 4)",
        "row_tag = (SELECT row_tag FROM audit_links WHERE position = 4)",
    };
    struct test *test = *state;
    for (size_t i = 0; i < COUNT_OF(edits); i++) {
        assert_detected(
            test,
            arena_format(test->arena, "UPDATE audit_links SET %s WHERE audit_id = 3", edits[i]),
            "row 3: link edited");
    }
    assert_detected(test, "UPDATE audit_links SET position = 12 WHERE position = 9",
                    "row 9: link edited: no links have the positions 9 to 11; row 9: link edited");
    assert_detected(test, "UPDATE audit_links SET audit_id = 77 WHERE audit_id = 3",
                    "row 77: deleted; row 3: its link was deleted");
    assert_detected(test, "UPDATE audit_links SET position = -3 WHERE audit_id = 3",
                    "row 3: link forged; row 3: its link at position 3 was deleted");
}

static void deleted_row_is_detected(void **state)
{
    struct test *test = *state;
    assert_detected(test, "DELETE FROM audit WHERE id = 3", "row 3: deleted");
    assert_detected(test, "DELETE FROM audit_links WHERE audit_id = 3",
                    "row 3: its link was deleted");
    assert_detected(test,
                    "DELETE FROM audit WHERE id = 3; DELETE FROM audit_links WHERE audit_id = 3",
                    "row 3: deleted, with its link");
    assert_detected(test,
                    "DELETE FROM audit WHERE id = 1; DELETE FROM audit_links WHERE audit_id = 1",
                    "row 1: deleted, with its link");
    assert_detected(test,
                    "DELETE FROM audit WHERE id IN (3, 4, 5);"
                    "DELETE FROM audit_links WHERE audit_id IN (3, 4, 5)",
                    "row 5: deleted, or its link, and 2 more: no links have the positions 3 to 5");
    assert_detected(test,
                    "DELETE FROM audit_links WHERE audit_id = 3;"
                    "UPDATE audit SET linked = 0 WHERE id = 3",
                    "row 3: its link at position 3 was deleted");
}

static void rows_cut_off_at_the_end_are_detected(void **state)
{
    struct test *test = *state;
    assert_detected(test,
                    "DELETE FROM audit WHERE id > 7; DELETE FROM audit_links WHERE position > 7",
                    "row 9: cut off at the end");
    assert_detected(test, "DELETE FROM audit; DELETE FROM audit_links",
                    "row 9: cut off at the end");
    assert_detected(test, "DELETE FROM audit WHERE id > 7", "row 8: deleted; row 9: deleted");
}

static void rows_linked_in_place_of_others_are_detected(void **state)
{
    struct test *test = *state;
    struct audit_verify_summary summary;
    insert_rows(test, 1, ROWS, "success");
    link_all(test);
    struct audit_head head = read_head(test);
    execute(test, "DELETE FROM audit WHERE id > 7; DELETE FROM audit_links WHERE position > 7");
    insert_rows(test, 20, 29, "success");
    link_all(test);
    assert_intact(test, 17);
    assert_problems(verify_with(test, key, &head, 1, &summary), "row 9: cut off or edited",
                    "the end was replaced");
}

static void reordered_rows_are_detected(void **state)
{
    struct test *test = *state;
    assert_detected(
        test,
        "UPDATE audit SET id = 99 WHERE id = 3; UPDATE audit SET id = 3 WHERE id = 6;"
        "UPDATE audit SET id = 6 WHERE id = 99",
        "row 3: reordered: exchanged with row 6; row 6: reordered: exchanged with row 3");
    assert_detected(
        test,
        "UPDATE audit_links SET position = 99 WHERE position = 3;"
        "UPDATE audit_links SET position = 3 WHERE position = 6;"
        "UPDATE audit_links SET position = 6 WHERE position = 99",
        "row 3: reordered: exchanged with row 6; row 6: reordered: exchanged with row 3");
    assert_detected(
        test,
        "UPDATE audit_links SET audit_id = 99 WHERE audit_id = 3;"
        "UPDATE audit_links SET audit_id = 3 WHERE audit_id = 6;"
        "UPDATE audit_links SET audit_id = 6 WHERE audit_id = 99",
        "row 3: reordered: exchanged with row 6; row 6: reordered: exchanged with row 3");
}

static const char forged_row[] =
    "INSERT INTO audit (id, at, actor, action, resource, status, linked)"
    " VALUES (50, 50, 'eve', 'create_user', 'user', 'success', 1);";

static void row_inserted_by_hand_is_detected(void **state)
{
    struct test *test = *state;
    assert_detected(test, forged_row,
                    "row 50: its link was deleted, or the row was inserted by hand");
    assert_detected(
        test,
        arena_format(test->arena,
                     "%s INSERT INTO audit_links (position, audit_id, previous_id, row_tag,"
                     " chain_tag) VALUES (10, 50, 9, ~aa~, ~bb~)",
                     forged_row),
        "row 50: link edited or forged");
    assert_detected(
        test,
        arena_format(test->arena,
                     "%s INSERT INTO audit_links (position, audit_id, previous_id, row_tag,"
                     " chain_tag) SELECT 10, 50, previous_id, row_tag, chain_tag"
                     " FROM audit_links WHERE position = 9",
                     forged_row),
        "row 50: link edited or forged");
    assert_detected(
        test,
        arena_format(test->arena,
                     "%s INSERT INTO audit_links (position, audit_id, row_tag, chain_tag)"
                     " VALUES (-1, 50, ~aa~, ~bb~)",
                     forged_row),
        "row 50: link forged: position -1 precedes the first one");
}

static void row_linked_twice_is_detected(void **state)
{
    struct test *test = *state;
    assert_detected(
        test,
        "DROP INDEX audit_links_audit_id;"
        "INSERT INTO audit_links (position, audit_id, previous_id, changes_digest, row_tag,"
        " chain_tag) SELECT 10, audit_id, previous_id, changes_digest, row_tag, chain_tag"
        " FROM audit_links WHERE position = 4",
        "row 4: linked twice");
}

static void rows_linked_after_a_forged_link_are_verified(void **state)
{
    struct test *test = *state;
    struct audit_verify_summary summary;
    insert_rows(test, 1, 3, "success");
    link_all(test);
    execute(test, arena_format(test->arena,
                               "%s INSERT INTO audit_links (position, audit_id, row_tag, chain_tag)"
                               " VALUES (4, 50, ~aa~, ~bb~)",
                               forged_row));
    insert_rows(test, 60, 62, "success");
    assert_int_equal(link_all(test), 3);
    const char *problems = verify_chain(test, &summary);
    assert_problems(problems, "row 50: link edited or forged", "a forged link");
    assert_int_equal(summary.verified, 6);
}

static void links_under_another_key_are_not_listed_one_by_one(void **state)
{
    struct test *test = *state;
    struct audit_verify_summary summary;
    insert_rows(test, 1, (int64_t)2 * AUDIT_CHAIN_BATCH, "success");
    link_all(test);
    assert_problems(verify_with(test, "other key", NULL, 0, &summary), "no link up to row 250",
                    "a change of the key");
}

/* --- erasure and retention -------------------------------------------------------------------- */

static void erased_changes_keep_the_chain_valid(void **state)
{
    struct test *test = *state;
    struct audit_verify_summary summary;
    insert_rows(test, 1, ROWS, "success");
    execute(test, "UPDATE audit SET changes = NULL, salt = NULL WHERE id = 2");
    link_all(test);
    execute(test, "UPDATE audit SET changes = NULL, salt = NULL WHERE id = 3");
    assert_string_equal(verify_chain(test, &summary), "");
    assert_int_equal(summary.verified, ROWS);
    assert_int_equal(summary.erased, 1);
    execute(test, "UPDATE audit SET changes = '[]', salt = ~aa03~ WHERE id IN (2, 3)");
    assert_problems(verify_chain(test, &summary), "row 2: edited; row 3: edited",
                    "changes of erased rows");
}

static struct audit_retention retire(struct test *test, int64_t limit_ms)
{
    struct audit_retention retention = {0};
    must_succeed(audit_retention_run(test->store, test->arena, key, limit_ms, DAY_MS, &retention));
    return retention;
}

/* Calls retention until no more rows may be due. Returns the sums of all calls. */
static struct audit_retention retire_all(struct test *test, int64_t limit_ms,
                                         struct audit_retention *retention)
{
    struct audit_retention sum = {.more = true};
    for (int calls = 0; sum.more; calls++) {
        assert_true(calls < 2 * ROWS);
        must_succeed(
            audit_retention_run(test->store, test->arena, key, limit_ms, DAY_MS, retention));
        sum.deleted += retention->deleted;
        sum.changed += retention->changed;
        sum.kept = retention->kept;
        sum.more = retention->more;
    }
    return sum;
}

static void retention_deletes_the_oldest_rows_and_leaves_an_anchor(void **state)
{
    struct test *test = *state;
    struct audit_verify_summary summary;
    insert_rows(test, 1, ROWS, "success");
    link_all(test);
    struct audit_head head = read_head(test);
    assert_int_equal(retire(test, 1000).deleted, 0);
    assert_int_equal(retire(test, 4000).deleted, 3);
    assert_int_equal(must_read(test, "SELECT min(id) FROM audit"), 4);
    assert_int_equal(must_read(test, "SELECT min(position) FROM audit_links"), 4);
    assert_intact(test, ROWS - 3);
    assert_int_equal(retire(test, 6000).deleted, 2);
    assert_string_equal(verify_with(test, key, &head, 1, &summary), "");
    assert_int_equal(summary.verified, ROWS - 5);
    assert_int_equal(summary.removed, 5);
    assert_int_equal(retire(test, DAY_MS).deleted, 4);
    assert_string_equal(verify_with(test, key, &head, 1, &summary), "");
    insert_rows(test, 20, 21, "success");
    assert_int_equal(link_all(test), 2);
    assert_int_equal(must_read(test, "SELECT min(position) FROM audit_links"), ROWS + 1);
    assert_string_equal(verify_with(test, key, &head, 1, &summary), "");
    assert_int_equal(summary.verified, 2);
}

static void edited_anchor_is_detected(void **state)
{
    static const char *const edits[] = {
        "position = 2",   "audit_id = 1",      "chain_tag = ~00~",
        "removed_at = 1", "removed_count = 2", "tag = ~00~",
    };
    struct test *test = *state;
    for (size_t i = 0; i < COUNT_OF(edits); i++) {
        struct audit_verify_summary summary;
        clear_tables(test);
        insert_rows(test, 1, ROWS, "success");
        link_all(test);
        assert_int_equal(retire(test, 4000).deleted, 3);
        execute(test, arena_format(test->arena, "UPDATE audit_anchors SET %s", edits[i]));
        const char *problems = verify_chain(test, &summary);
        assert_non_null(strstr(problems, ": anchor invalid: it was edited\n"));
        assert_int_equal(summary.problems, 1);
    }
    execute(test, "DELETE FROM audit_anchors");
    struct audit_verify_summary summary;
    assert_problems(verify_chain(test, &summary),
                    "row 3: deleted, or its link, and 2 more: no links have the positions 1 to 3",
                    "the anchor was deleted");
}

static void row_edited_to_look_old_is_not_deleted_by_retention(void **state)
{
    struct test *test = *state;
    struct audit_verify_summary summary;
    insert_rows(test, 1, ROWS, "success");
    link_all(test);
    execute(test, "UPDATE audit SET at = 1");
    assert_int_equal(retire(test, 4000).deleted, 0);
    execute(test, "UPDATE audit SET at = 1000 * id WHERE id <> 3");
    assert_int_equal(retire(test, 3000).deleted, 2);
    assert_problems(verify_chain(test, &summary), "row 3: edited", "the edit of row 3");
    struct audit_retention result = retire(test, 5000);
    assert_int_equal(result.deleted, 2);
    assert_int_equal(result.changed, 1);
    assert_problems(verify_chain(test, &summary), "row 4: anchor invalid: 1 of the 4 rows",
                    "retention of an edited row");
}

static void many_changed_rows_do_not_stop_retention(void **state)
{
    enum { CHANGED = 2 * AUDIT_CHAIN_BATCH + 10, ALL = 3 * AUDIT_CHAIN_BATCH };
    struct test *test = *state;
    struct audit_retention retention = {0};
    insert_rows(test, 1, ALL, "success");
    link_all(test);
    execute(test, arena_format(test->arena, "UPDATE audit SET actor = 'eve' WHERE id <= %d",
                               (int)CHANGED));
    execute(test, "DELETE FROM audit WHERE id = 5");
    struct audit_retention sum = retire_all(test, (int64_t)1000 * (CHANGED + 1), &retention);
    assert_int_equal(sum.deleted, 0); /* no unchanged row is due */
    assert_int_equal(sum.kept, CHANGED);
    sum = retire_all(test, (int64_t)1000 * (CHANGED + 5), &retention);
    assert_int_equal(sum.deleted, CHANGED + 4);
    assert_int_equal(sum.changed, CHANGED);
    assert_int_equal(must_read(test, "SELECT min(id) FROM audit"), CHANGED + 5);
    sum = retire_all(test, (int64_t)1000 * ALL, &retention);
    assert_int_equal(sum.deleted, ALL - CHANGED - 5);
    assert_int_equal(sum.changed, 0);
    assert_int_equal(must_read(test, "SELECT count(*) FROM audit_links"), 1);
}

static void chain_of_changed_rows_is_kept(void **state)
{
    struct test *test = *state;
    struct audit_retention retention = {0};
    insert_rows(test, 1, (int64_t)2 * AUDIT_CHAIN_BATCH, "success");
    link_all(test);
    execute(test, "UPDATE audit SET at = 1");
    for (int round = 0; round < 3; round++) {
        struct audit_retention sum = retire_all(test, DAY_MS, &retention);
        assert_int_equal(sum.deleted, 0);
        assert_int_equal(sum.kept, 2 * AUDIT_CHAIN_BATCH);
    }
    insert_rows(test, 1000, 1000, "success");
    link_all(test);
    assert_int_equal(retire_all(test, DAY_MS, &retention).deleted, 2 * AUDIT_CHAIN_BATCH + 1);
}

static void row_from_the_future_does_not_stop_retention(void **state)
{
    struct test *test = *state;
    insert_rows(test, 1, 2, "success");
    execute(test, "UPDATE audit SET at = 90000000 WHERE id = 1");
    link_all(test);
    assert_int_equal(retire(test, 2000).deleted, 0);
    assert_int_equal(retire(test, 3000).deleted, 2);
}

/* --- heads ------------------------------------------------------------------------------------ */

static void head_of_the_audit_file_is_read_back(void **state)
{
    struct test *test = *state;
    struct buffer line = {.arena = test->arena};
    struct audit_head head = {
        .position = 12, .audit_id = 34, .timestamp = "2026-11-20T12:34:56.789Z"};
    struct audit_head parsed;
    memset(head.chain_tag, 'a', AUDIT_HEAD_TAG_SIZE - 1);
    audit_head_format(&head, &line);
    json_object_put(must_parse(line.bytes, line.length));
    assert_true(audit_head_parse(line.bytes, &parsed));
    assert_int_equal(parsed.position, 12);
    assert_int_equal(parsed.audit_id, 34);
    assert_string_equal(parsed.chain_tag, head.chain_tag);
    assert_string_equal(parsed.timestamp, head.timestamp);
    for (size_t cut = 0; cut < line.length - 2; cut++) {
        assert_false(audit_head_parse(arena_copy(test->arena, line.bytes, cut), &parsed));
    }
    assert_false(audit_head_parse("{\"timestamp\":\"t\",\"kind\":\"audit.head\"}", &parsed));
}

static int run_group(const char *name)
{
    const struct CMUnitTest tests[] = {
        CHAIN_TEST(all_rows_are_linked_in_several_batches),
        CHAIN_TEST(row_that_commits_late_is_linked_after_rows_with_higher_ids),
        CHAIN_TEST(pending_row_is_linked_when_its_outcome_is_known),
        CHAIN_TEST(row_that_stays_pending_becomes_unknown),
        CHAIN_TEST(pending_row_from_the_future_becomes_unknown),
        CHAIN_TEST(row_marked_as_not_linked_again_does_not_stop_linking),
        CHAIN_TEST(edit_of_each_column_is_detected),
        CHAIN_TEST(edit_of_each_column_of_a_link_is_detected),
        CHAIN_TEST(deleted_row_is_detected),
        CHAIN_TEST(rows_cut_off_at_the_end_are_detected),
        CHAIN_TEST(rows_linked_in_place_of_others_are_detected),
        CHAIN_TEST(reordered_rows_are_detected),
        CHAIN_TEST(row_inserted_by_hand_is_detected),
        CHAIN_TEST(row_linked_twice_is_detected),
        CHAIN_TEST(rows_linked_after_a_forged_link_are_verified),
        CHAIN_TEST(links_under_another_key_are_not_listed_one_by_one),
        CHAIN_TEST(erased_changes_keep_the_chain_valid),
        CHAIN_TEST(retention_deletes_the_oldest_rows_and_leaves_an_anchor),
        CHAIN_TEST(edited_anchor_is_detected),
        CHAIN_TEST(row_edited_to_look_old_is_not_deleted_by_retention),
        CHAIN_TEST(many_changed_rows_do_not_stop_retention),
        CHAIN_TEST(chain_of_changed_rows_is_kept),
        CHAIN_TEST(row_from_the_future_does_not_stop_retention),
        CHAIN_TEST(head_of_the_audit_file_is_read_back),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_on_engines(run_group, "audit chain on SQLite", "audit chain on PostgreSQL");
}
