/* Rekey: a rebuild computes the text keys of all tables, continues after an interruption and keeps
 * rows whose keys become equal. Programs of other versions cannot use the database. Runs on both
 * engines. */
#include "engines.h"

#include "base/fold.h"
#include "service/rekey_plan.h"
#include "store/keys.h"

enum { PROCESSES = 3, ACCOUNTS = 4 * REKEY_BATCH + 7 };

/* Creates a database with the schema and two organizations. Its text keys have no version. */
static int setup_schema(void **state)
{
    test_setup_schema(state);
    struct test *test = *state;
    must_script(test->store, test->arena,
                "INSERT INTO organizations (id, name, currency, created_at, updated_at)"
                " VALUES (1, 'o', 'RUB', 1, 1), (2, 'p', 'RUB', 1, 1)");
    return 0;
}

#define REKEY_TEST(function) cmocka_unit_test_setup_teardown(function, setup_schema, test_teardown)

static int64_t must_read(struct test *test, const char *text)
{
    int64_t integer = -1;
    must_succeed(read_integer(test->store, test->arena, text, &integer));
    return integer;
}

/* Reads the text that a statement returns; NULL if it is null. */
static const char *must_read_text(struct test *test, const char *statement)
{
    struct store_query *query = store_compose(test->store, test->arena, statement);
    bool row = false;
    must_succeed(store_next(query, &row));
    assert_true(row);
    const char *text = store_text(query, 0, NULL);
    text = text ? arena_string(test->arena, text) : NULL;
    store_end(query);
    return text;
}

static void collect_line(void *report, const char *line, bool warning)
{
    buffer_format(report, "%s%s\n", warning ? "! " : "", line);
}

/* Runs a rebuild and returns its report. */
static const char *rekey(struct test *test)
{
    struct buffer report = {.arena = test->arena};
    buffer_add_string(&report, "");
    must_succeed(rekey_run(rekey_plan(), test->store, test->arena, collect_line, &report));
    return report.bytes;
}

static void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        FAIL("\"%s\" does not contain \"%s\"", text, part);
    }
}

static void insert_account(struct test *test, int64_t id, const char *username, const char *key,
                           const char *email, const char *email_key)
{
    must_script(test->store, test->arena,
                arena_format(test->arena,
                             "INSERT INTO accounts (id, username, username_key, email, email_key,"
                             " name, created_at, updated_at)"
                             " VALUES (%d, '%s', '%s', '%s', '%s', 'n', 1, 1)",
                             (int)id, username, key, email, email_key));
}

static void assert_account(struct test *test, int64_t id, const char *key, const char *email_key)
{
    struct store_query *query = store_compose(
        test->store, test->arena, "SELECT username_key, email_key FROM accounts WHERE id = $1");
    bool row = false;
    store_bind_integer(query, id);
    must_succeed(store_next(query, &row));
    assert_true(row);
    assert_string_equal(store_text(query, 0, NULL), key);
    assert_string_equal(store_text(query, 1, NULL), email_key);
    store_end(query);
}

static void insert_contact(struct test *test, int64_t id, int64_t organization_id, const char *name,
                           const char *email, const char *unique_key)
{
    must_script(test->store, test->arena,
                arena_format(test->arena,
                             "INSERT INTO contacts (id, organization_id, name, email, email_key,"
                             " email_unique_key, search_text, created_at, updated_at)"
                             " VALUES (%d, %d, '%s', '%s', 'old%d', %s, '  old%d', 1, 1)",
                             (int)id, (int)organization_id, name, email, (int)id, unique_key,
                             (int)id));
}

static const char *read_unique_key(struct test *test, int64_t id)
{
    return must_read_text(
        test,
        arena_format(test->arena, "SELECT email_unique_key FROM contacts WHERE id = %d", (int)id));
}

/* --- keys ------------------------------------------------------------------------------------- */

static void all_keys_are_rebuilt(void **state)
{
    struct test *test = *state;
    bool sqlite = test->store->id == ENGINE_SQLITE;
    insert_account(test, 1, "Иванов", "old1", "Ivanov@Example.com", "old2");
    insert_contact(test, 1, 1, "Пётр Сидоров", "S@Example.com", "'old'");
    must_script(
        test->store, test->arena,
        arena_format(test->arena,
                     "INSERT INTO sessions (id, subject, username, username_key, epoch,"
                     " administrator, key_id, address, device, created_at, last_seen_at,"
                     " expires_at) VALUES (%s, 's', 'Иванов', 'old', 1, 0, 1, 'a', 'd', 1,"
                     " 1, 1);"
                     "INSERT INTO invitations (id, organization_id, email, email_key, role,"
                     " invited_by, created_at, expires_at)"
                     " VALUES (1, 1, 'N@Example.com', 'old', 'SALES', 1, 1, 1);"
                     "INSERT INTO email_links (id, email, email_key, digest, created_at,"
                     " expires_at) VALUES (1, 'N@Example.com', 'old', %s, 1, 1);"
                     "INSERT INTO files (id, scope, name, object_key, original_name,"
                     " content_type, size, md5, sha256, tags, search_text, created_at)"
                     " VALUES (1, '', 'n', 'k', %s, 't', 1, %s, %s, '', '  old', 1);"
                     "INSERT INTO delegations (id, principal_guid, principal_sid, principal,"
                     " principal_name, scope_guid, scope, rights, fields, created_at, created_by,"
                     " updated_at) VALUES (1, 'g', 'S-1', 'CN=Группа', 'Группа', 'h', NULL, 17,"
                     " 'mail', 1, 'Admin', 1)",
                     sqlite ? "x'00ff'" : "'\\x00ff'", sqlite ? "x'01'" : "'\\x01'",
                     sqlite ? "CAST('Отчёт.TXT' AS BLOB)" : "convert_to('Отчёт.TXT', 'UTF8')",
                     sqlite ? "x'01'" : "'\\x01'", sqlite ? "x'01'" : "'\\x01'"));
    const char *report = rekey(test);
    assert_contains(report, "accounts: 1 rows, 1 changed\n");
    assert_contains(report, "sessions: 1 rows, 1 changed\n");
    assert_contains(report, "invitations: 1 rows, 1 changed\n");
    assert_contains(report, "email_links: 1 rows, 1 changed\n");
    assert_contains(report, "delegations: 1 rows, 1 changed\n");
    assert_contains(report, "contacts: 1 rows, 1 changed\n");
    assert_contains(report, "files: 1 rows, 1 changed\n");
    assert_account(test, 1, "иванов", "ivanov@example.com");
    assert_string_equal(must_read_text(test, "SELECT username_key FROM sessions"), "иванов");
    assert_string_equal(must_read_text(test, "SELECT email_key FROM invitations"), "n@example.com");
    assert_string_equal(must_read_text(test, "SELECT email_key FROM email_links"), "n@example.com");
    assert_string_equal(must_read_text(test, "SELECT folded FROM delegations"),
                        "{\"principal\":\"cn=группа\",\"principal_name\":\"группа\","
                        "\"created_by\":\"admin\",\"rights\":\"\\nread\\nupdate\\n\","
                        "\"fields\":\"\\nmail\\n\"}");
    assert_string_equal(read_unique_key(test, 1), "s@example.com");
    assert_contains(must_read_text(test, "SELECT search_text FROM contacts"), "сидоров");
    assert_contains(must_read_text(test, "SELECT search_text FROM files"), ".txt");
    assert_int_equal(must_read(test, "SELECT count(*) FROM contacts WHERE name_sort_key = "
                                     "(SELECT username_sort_key FROM accounts)"),
                     0);
    assert_int_equal(must_read(test, "SELECT length(username_sort_key) > 0 FROM accounts"), 1);
    assert_string_equal(rekey(test), ""); /* a second run is a no-op */
}

static void assert_folded(struct test *test, const char *table, const char *folded)
{
    assert_string_equal(
        must_read_text(test,
                       arena_format(test->arena, "SELECT folded FROM %s WHERE id = 1", table)),
        folded);
}

static void folded_texts_are_rebuilt(void **state)
{
    struct test *test = *state;
    insert_account(test, 1, "Иванов", "old1", "Ivanov@Example.com", "old2");
    insert_contact(test, 1, 1, "Пётр Сидоров", "S@Example.com", "'old'");
    must_script(test->store, test->arena,
                "INSERT INTO deals (id, organization_id, title, amount, status, description,"
                " lost_reason, created_at, updated_at)"
                " VALUES (1, 1, 'Стол', 0, 'LOST', 'Два \"А\"', 'Дорого', 1, 1);"
                "INSERT INTO tasks (id, organization_id, title, description, status, created_at,"
                " updated_at) VALUES (1, 1, 'ДОГОВОР', NULL, 'TODO', 1, 1);"
                "INSERT INTO activities (id, organization_id, type, subject, occurred_at,"
                " automatic, old_status, new_status, created_at, updated_at)"
                " VALUES (1, 1, 'NOTE', 'NEW → WON', 1, 1, 'NEW', 'WON', 1, 1);"
                "INSERT INTO api_keys (id, subject, username, name, scopes, prefix, created_at,"
                " issued_at, folded) VALUES (1, 's', 'Анна', 'Ночь', 'crm\nfiles:read', 'Kon', 1,"
                " 1, '{}');"
                "UPDATE contacts SET position = 'Директор', notes = ' A ';"
                "UPDATE organizations SET name = 'ООО «Ёж»'");
    const char *report = rekey(test);
    assert_contains(report, "organizations: 2 rows, 2 changed\n");
    assert_contains(report, "deals: 1 rows, 1 changed\n");
    assert_folded(test, "accounts",
                  "{\"username\":\"иванов\",\"email\":\"ivanov@example.com\",\"name\":\"n\"}");
    assert_folded(test, "organizations", "{\"name\":\"ооо «ёж»\",\"currency\":\"rub\"}");
    assert_folded(test, "contacts",
                  "{\"name\":\"пётр сидоров\",\"email\":\"s@example.com\","
                  "\"position\":\"директор\",\"notes\":\"a\"}");
    assert_folded(test, "deals",
                  "{\"title\":\"стол\",\"description\":\"два \\\"а\\\"\","
                  "\"lost_reason\":\"дорого\"}");
    assert_folded(test, "tasks", "{\"title\":\"договор\"}");
    assert_folded(test, "api_keys",
                  "{\"name\":\"ночь\",\"scopes\":\"\\ncrm\\nfiles:read\\n\",\"prefix\":\"kon\","
                  "\"created_by\":\"анна\"}");
    assert_folded(test, "activities",
                  "{\"subject\":\"new → won\",\"old_status\":\"new\",\"new_status\":\"won\"}");
    assert_string_equal(rekey(test), "");
}

static void search_index_follows_rebuilt_texts(void **state)
{
    struct test *test = *state;
    if (test->store->id != ENGINE_SQLITE) {
        skip(); /* PostgreSQL maintains its index by itself */
    }
    insert_contact(test, 1, 1, "Сидоров", "s@example.com", "NULL");
    must_script(test->store, test->arena,
                "INSERT INTO contacts_search (rowid, search_text) SELECT id, search_text FROM "
                "contacts; DELETE FROM contacts_unindexed;"
                "INSERT INTO files (id, scope, name, object_key, original_name, content_type, size,"
                " md5, sha256, tags, search_text, created_at)"
                " VALUES (1, '', 'n', 'k', CAST('Отчёт.TXT' AS BLOB), 't', 1, x'01', x'01', '',"
                " '  old', 1)");
    rekey(test);
    assert_int_equal(must_read(test, "SELECT count(*) FROM contacts_search"
                                     " WHERE contacts_search MATCH '\"сидоров\"'"),
                     1);
    assert_int_equal(must_read(test, "SELECT count(*) FROM contacts_search"
                                     " WHERE contacts_search MATCH '\"old\"'"),
                     0);
    assert_int_equal(must_read(test, "SELECT count(*) FROM files_search"
                                     " WHERE files_search MATCH '\"txt\"'"),
                     1);
    must_script(test->store, test->arena,
                "INSERT INTO contacts_search (contacts_search, rank) VALUES ('integrity-check', 1);"
                "INSERT INTO files_search (files_search, rank) VALUES ('integrity-check', 1)");
}

/* Otherwise `kontora migrate status` would fail between two migrations. */
static void status_of_an_older_schema_needs_no_keys(void **state)
{
    struct test *test = *state;
    struct buffer report = {.arena = test->arena};
    rekey(test);
    must_succeed(store_migrate_down(test->store, test->arena, MIGRATION_LATEST, &report));
    must_succeed(rekey_status(rekey_plan(), test->store, test->arena, &report));
    assert_contains(report.bytes, "text keys: version");
}

/* Columns with names like those of text keys: the ones that a rebuild computes, and others. */
static const char *const rebuilt_columns[] = {
    "accounts.username_key",  "accounts.email_key",    "accounts.username_sort_key",
    "sessions.username_key",  "invitations.email_key", "email_links.email_key",
    "contacts.name_sort_key", "contacts.email_key",    "contacts.email_unique_key",
    "contacts.search_text",   "files.search_text",     "accounts.folded",
    "organizations.folded",   "invitations.folded",    "email_links.folded",
    "tokens.folded",          "contacts.folded",       "deals.folded",
    "tasks.folded",           "activities.folded",     "files.folded",
    "delegations.folded",     "api_keys.folded",
};
static const char *const other_columns[] = {
    "deals.close_key",
    "tasks.due_key",
    "files.object_key",
    "pending_objects.object_key",
    "login_failures.name_key",
    "login_sources.source_key",
    "login_sources.subject_key",
    "idempotency_keys.idempotency_key",
    "contacts_search.search_text",
    "files_search.search_text",
};

static bool contains_text(const char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(list[i], text)) {
            return true;
        }
    }
    return false;
}

static void every_column_named_like_a_text_key_is_listed(void **state)
{
    struct test *test = *state;
    size_t rebuilt = 0;
    bool row = false;
    if (test->store->id != ENGINE_SQLITE) {
        skip(); /* PostgreSQL has the same columns */
    }
    struct store_query *query = store_compose(
        test->store, test->arena,
        "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_xinfo(t.name) c"
        " WHERE t.type = 'table' AND (c.name LIKE '%!_key' ESCAPE '!'"
        " OR c.name IN ('search_text', 'folded'))");
    must_succeed(store_next(query, &row));
    for (; row; must_succeed(store_next(query, &row))) {
        const char *column = store_text(query, 0, NULL);
        bool known = contains_text(rebuilt_columns, COUNT_OF(rebuilt_columns), column);
        rebuilt += known;
        if (!known && !contains_text(other_columns, COUNT_OF(other_columns), column)) {
            FAIL("%s: see \"Text keys\" in sql/README.md", column);
        }
    }
    assert_int_equal(rebuilt, COUNT_OF(rebuilt_columns));
}

/* --- duplicates ------------------------------------------------------------------------------- */

static void row_with_the_lower_id_gets_the_key(void **state)
{
    struct test *test = *state;
    insert_account(test, 1, "Ivanov", "old1", "A@x.y", "old3");
    insert_account(test, 2, "IVANOV", "old2", "a@X.y", "old4");
    const char *report = rekey(test);
    assert_account(test, 1, "ivanov", "a@x.y");
    assert_account(test, 2, "ivanov\t2", "a@x.y\t2");
    assert_contains(report, "! accounts 2: the user name equals that of accounts 1\n");
    assert_contains(report, "! accounts 2: the address equals that of accounts 1\n");
    assert_contains(report, "accounts: 2 rows, 2 changed, 2 with duplicate keys\n");
}

/* Otherwise an account with another spelling of the name could take the name from its owner. */
static void row_that_has_the_key_keeps_it(void **state)
{
    struct test *test = *state;
    insert_account(test, 1, "Ivanov", "old", "a@x.y", "a@x.y");
    insert_account(test, 2, "IVANOV", "ivanov", "b@x.y", "b@x.y");
    assert_contains(rekey(test), "! accounts 1: the user name equals that of accounts 2\n");
    assert_account(test, 1, "ivanov\t1", "a@x.y");
    assert_account(test, 2, "ivanov", "b@x.y");
}

static void row_takes_the_key_from_a_row_that_is_not_rebuilt_yet(void **state)
{
    struct test *test = *state;
    insert_account(test, 1, "Ivanov", "petrov", "a@x.y", "b@x.y");
    insert_account(test, 2, "Petrov", "ivanov", "b@x.y", "a@x.y");
    assert_null(strstr(rekey(test), "! "));
    assert_account(test, 1, "ivanov", "a@x.y");
    assert_account(test, 2, "petrov", "b@x.y");
}

static void row_with_duplicate_key_gets_its_true_key_when_that_is_free(void **state)
{
    struct test *test = *state;
    insert_account(test, 1, "Ivanov", "old1", "a@x.y", "a@x.y");
    insert_account(test, 2, "IVANOV", "old2", "b@x.y", "b@x.y");
    insert_account(test, 3, "ivanov", "old3", "c@x.y", "c@x.y");
    rekey(test);
    struct buffer status = {.arena = test->arena};
    must_succeed(rekey_status(rekey_plan(), test->store, test->arena, &status));
    assert_contains(status.bytes, "text keys: duplicate keys in accounts: 2, 3\n");
    must_script(test->store, test->arena, "DELETE FROM accounts WHERE id = 1");
    assert_string_equal(rekey(test), "! accounts 3: the user name equals that of accounts 2\n"
                                     "accounts: 2 rows, 1 changed, 1 with duplicate keys\n");
    must_script(test->store, test->arena, "UPDATE accounts SET username = 'Petrov' WHERE id = 3");
    assert_string_equal(rekey(test), "accounts: 1 rows, 1 changed\n");
    assert_account(test, 2, "ivanov", "b@x.y");
    assert_account(test, 3, "petrov", "c@x.y");
    assert_string_equal(rekey(test), "");
}

static void renamed_row_loses_the_key_to_the_row_with_duplicate_key(void **state)
{
    struct test *test = *state;
    insert_account(test, 1, "Ivanov", "old1", "a@x.y", "a@x.y");
    insert_account(test, 2, "IVANOV", "old2", "b@x.y", "b@x.y");
    rekey(test);
    must_script(test->store, test->arena, "UPDATE accounts SET username = 'Petrov' WHERE id = 1");
    rekey(test);
    assert_account(test, 1, "petrov", "a@x.y");
    assert_account(test, 2, "ivanov", "b@x.y");
}

/* If a contact has the address of another contact, its email_unique_key is null. */
static void contact_with_duplicate_address_gets_no_unique_key(void **state)
{
    struct test *test = *state;
    insert_contact(test, 1, 1, "a", "A@x.y", "'old1'");
    insert_contact(test, 2, 1, "b", "a@X.y", "'old2'");
    insert_contact(test, 3, 2, "c", "a@x.y", "'old3'"); /* in another organization */
    insert_contact(test, 4, 1, "d", "a@x.y", "NULL");
    insert_contact(test, 5, 1, "e", "a@x.y", "'old5'");
    must_script(test->store, test->arena, "UPDATE contacts SET deleted_at = 1 WHERE id = 5");
    assert_contains(rekey(test), "! contacts 2: the address equals that of contacts 1\n");
    assert_string_equal(read_unique_key(test, 1), "a@x.y");
    assert_null(read_unique_key(test, 2));
    assert_string_equal(read_unique_key(test, 3), "a@x.y");
    assert_null(read_unique_key(test, 4));
    assert_string_equal(read_unique_key(test, 5), "a@x.y");
    assert_int_equal(must_read(test, "SELECT count(*) FROM contacts WHERE email_key = 'a@x.y'"), 5);
}

static void invitations_and_links_with_equal_addresses_are_kept(void **state)
{
    struct test *test = *state;
    insert_account(test, 1, "a", "a", "a@x.y", "a@x.y");
    for (int id = 1; id <= 3; id++) {
        must_script(test->store, test->arena,
                    arena_format(test->arena,
                                 "INSERT INTO invitations (id, organization_id, email, email_key,"
                                 " role, invited_by, created_at, expires_at)"
                                 " VALUES (%d, %d, 'N@x.y', 'old%d', 'SALES', 1, 1, 1)",
                                 id, id == 3 ? 2 : 1, id));
    }
    for (int id = 1; id <= 2; id++) {
        must_script(test->store, test->arena,
                    arena_format(test->arena,
                                 "INSERT INTO email_links (id, email, email_key, digest,"
                                 " created_at, expires_at) VALUES (%d, 'N@x.y', 'old%d', %s, 1, 1)",
                                 id, id,
                                 test->store->id == ENGINE_SQLITE
                                     ? arena_format(test->arena, "x'0%d'", id)
                                     : arena_format(test->arena, "'\\x0%d'", id)));
    }
    rekey(test);
    assert_string_equal(must_read_text(test, "SELECT email_key FROM invitations WHERE id = 2"),
                        "n@x.y\t2");
    assert_string_equal(must_read_text(test, "SELECT email_key FROM invitations WHERE id = 3"),
                        "n@x.y");
    assert_string_equal(must_read_text(test, "SELECT email_key FROM email_links WHERE id = 2"),
                        "n@x.y\t2");
}

/* --- interruptions ---------------------------------------------------------------------------- */

/* A plan that counts in accounts.version how often each row was rebuilt, and fails at the row with
 * the id failing_id. */
static int64_t failing_id;

static void *read_counted_row(struct arena *arena, const struct store_query *query)
{
    int64_t *id = arena_alloc(arena, sizeof *id);
    *id = store_integer(query, SQL_TEXT_KEYS_ACCOUNTS_ID);
    return id;
}

static struct error *write_counted_row(struct rekey_batch *batch, const void *row)
{
    const int64_t *id = row;
    if (*id == failing_id) {
        return error_new(batch->arena, ERR_INTERNAL, "interrupted");
    }
    struct store_query *query = store_compose(
        batch->store, batch->arena, "UPDATE accounts SET version = version + 1 WHERE id = $1");
    store_bind_integer(query, *id);
    return store_execute(query);
}

static const struct rekey_table counted_table = {
    .name = "accounts",
    .page = SQL_TEXT_KEYS_ACCOUNTS,
    .duplicates = SQL_TEXT_KEYS_ACCOUNTS,
    .read = read_counted_row,
    .write = write_counted_row,
};

static const struct rekey_table *const counted_tables[] = {&counted_table, NULL};
static const struct rekey_plan counted_plan = {.version = "new", .tables = counted_tables};
static const struct rekey_plan other_plan = {.version = "other", .tables = counted_tables};

static void insert_many_accounts(struct test *test)
{
    must_script(test->store, test->arena,
                arena_format(test->arena,
                             "INSERT INTO accounts (id, username, username_key, name, created_at,"
                             " updated_at, version) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL"
                             " SELECT i + 1 FROM n WHERE i < %d)"
                             " SELECT i, 'a' || i, 'a' || i, 'n', 1, 1, 0 FROM n",
                             ACCOUNTS));
    failing_id = 0;
}

static int64_t count_accounts(struct test *test, int version)
{
    return must_read(
        test,
        arena_format(test->arena, "SELECT count(*) FROM accounts WHERE version = %d", version));
}

static void interrupted_rebuild_continues_at_its_position(void **state)
{
    struct test *test = *state;
    struct buffer report = {.arena = test->arena}, status = {.arena = test->arena};
    insert_many_accounts(test);
    failing_id = 2 * REKEY_BATCH + 5;
    assert_error(rekey_run(&counted_plan, test->store, test->arena, collect_line, &report),
                 ERR_INTERNAL);
    assert_int_equal(count_accounts(test, 1), 2 * REKEY_BATCH);
    must_succeed(rekey_status(&counted_plan, test->store, test->arena, &status));
    assert_contains(status.bytes, "interrupted: run kontora migrate up");
    failing_id = 0;
    buffer_clear(&report);
    must_succeed(rekey_run(&counted_plan, test->store, test->arena, collect_line, &report));
    assert_contains(report.bytes, ", continuing in accounts after 2000\n");
    assert_int_equal(count_accounts(test, 1), ACCOUNTS);
    assert_string_equal(must_read_text(test, "SELECT version FROM text_keys WHERE target IS NULL"),
                        "new");
}

static void rebuild_for_another_version_starts_over(void **state)
{
    struct test *test = *state;
    struct buffer report = {.arena = test->arena};
    insert_many_accounts(test);
    failing_id = REKEY_BATCH + 5;
    assert_error(rekey_run(&counted_plan, test->store, test->arena, collect_line, &report),
                 ERR_INTERNAL);
    failing_id = 0;
    must_succeed(rekey_run(&other_plan, test->store, test->arena, collect_line, &report));
    assert_int_equal(count_accounts(test, 2), REKEY_BATCH);
    assert_int_equal(count_accounts(test, 1), ACCOUNTS - REKEY_BATCH);
}

static void concurrent_rebuilds_rebuild_each_row_once(void **state)
{
    struct test *test = *state;
    pid_t children[PROCESSES];
    insert_many_accounts(test);
    fflush(NULL);
    for (size_t i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct arena *arena = arena_new();
            struct buffer report = {.arena = arena};
            struct store *store = store_new(&store_config, NULL);
            const struct error *error =
                rekey_run(&counted_plan, store, arena, collect_line, &report);
            int status = error ? EXIT_FAILURE : EXIT_SUCCESS;
            store_free(&store);
            arena_free(&arena);
            _exit(status);
        }
        assert_true(children[i] > 0);
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(count_accounts(test, 1), ACCOUNTS);
}

/* --- other versions --------------------------------------------------------------------------- */

static struct error *change_account(struct store *store, void *context)
{
    struct test *test = context;
    return store_execute(store_compose(store, test->arena, "UPDATE accounts SET name = name"));
}

/* Writes with the second store, whose keys are checked, and commits. */
static struct error *write_with_other_store(struct test *test)
{
    struct error *error = store_write(test->other, test->arena, change_account, test);
    struct error *ending = store_group_commit(test->other, test->arena);
    return error ? error : ending;
}

static void set_version(struct test *test, const char *version, const char *target)
{
    must_script(test->store, test->arena,
                arena_format(test->arena, "UPDATE text_keys SET version = '%s', target = %s",
                             version, target));
}

static void write_is_refused_if_text_keys_have_other_version(void **state)
{
    struct test *test = *state;
    set_version(test, "mine", "NULL");
    store_require_keys(test->other, "mine");
    must_succeed(write_with_other_store(test));
    store_free(&test->other);
    test->other = store_new(&store_config, store_queue);
    store_require_keys(test->other, "mine");
    set_version(test, "other", "NULL");
    struct error *error = write_with_other_store(test);
    assert_error(error, ERR_DATABASE_UNAVAILABLE);
    assert_contains(error->cause, "version \"other\", but this program needs \"mine\"");
    assert_true(store_keys_differ(test->other));
}

static void database_is_refused_while_its_text_keys_are_rebuilt(void **state)
{
    struct test *test = *state;
    set_version(test, "mine", "'mine'");
    store_require_keys(test->other, "mine");
    struct error *error = store_keys_check(test->other, test->arena);
    assert_error(error, ERR_DATABASE_UNAVAILABLE);
    assert_contains(error->cause, "being rebuilt");
    assert_error(write_with_other_store(test), ERR_DATABASE_UNAVAILABLE);
}

static void database_without_text_keys_version_is_refused(void **state)
{
    struct test *test = *state;
    must_script(test->store, test->arena, "DROP TABLE text_keys");
    store_require_keys(test->other, "mine");
    struct error *error = write_with_other_store(test);
    assert_error(error, ERR_DATABASE_UNAVAILABLE);
    assert_contains(error->cause, "run kontora migrate up");
    must_script(
        test->store, test->arena,
        "CREATE TABLE text_keys (id INTEGER, version TEXT, target TEXT, position_table TEXT,"
        " position_id TEXT)");
}

/* On SQLite a rebuild may begin at any time. After its first batch, other processes cannot write.
 */
static void sqlite_refuses_writes_of_other_processes_after_the_first_batch(void **state)
{
    struct test *test = *state;
    struct buffer report = {.arena = test->arena};
    if (test->store->id != ENGINE_SQLITE) {
        skip();
    }
    set_version(test, "mine", "NULL");
    store_require_keys(test->other, "mine");
    insert_many_accounts(test);
    must_succeed(write_with_other_store(test));
    failing_id = REKEY_BATCH + 5;
    assert_error(rekey_run(&counted_plan, test->store, test->arena, collect_line, &report),
                 ERR_INTERNAL);
    assert_error(write_with_other_store(test), ERR_DATABASE_UNAVAILABLE);
    failing_id = 0;
    must_succeed(rekey_run(&counted_plan, test->store, test->arena, collect_line, &report));
    assert_error(write_with_other_store(test), ERR_DATABASE_UNAVAILABLE);
    assert_int_equal(count_accounts(test, 1), ACCOUNTS);
}

/* On PostgreSQL a rebuild begins only after all other sessions have ended. */
static void postgres_refuses_rebuild_while_other_sessions_exist(void **state)
{
    struct test *test = *state;
    struct buffer report = {.arena = test->arena};
    if (test->store->id != ENGINE_POSTGRES) {
        skip();
    }
    set_version(test, "mine", "NULL");
    insert_many_accounts(test);
    store_require_keys(test->other, "mine");
    must_succeed(write_with_other_store(test));
    struct error *error = rekey_run(&counted_plan, test->store, test->arena, collect_line, &report);
    assert_error(error, ERR_DATABASE_UNAVAILABLE);
    assert_contains(error->cause, "stop the service on all hosts");
    must_succeed(write_with_other_store(test));
    assert_int_equal(count_accounts(test, 0), ACCOUNTS);
    store_free(&test->other);
    failing_id = REKEY_BATCH + 5;
    assert_error(rekey_run(&counted_plan, test->store, test->arena, collect_line, &report),
                 ERR_INTERNAL);
    test->other = store_new(&store_config, NULL);
    store_require_keys(test->other, "mine");
    assert_error(write_with_other_store(test), ERR_DATABASE_UNAVAILABLE);
    failing_id = 0;
    must_succeed(rekey_run(&counted_plan, test->store, test->arena, collect_line, &report));
    assert_error(write_with_other_store(test), ERR_DATABASE_UNAVAILABLE);
}

/* The watch notifies the other processes of the host that the keys differ. */
static void reads_are_refused_while_watch_finds_other_text_keys(void **state)
{
    struct test *test = *state;
    struct store_shared *shared = store_shared_new();
    struct store *watch = store_new(&store_config, shared),
                 *reader = store_new(&store_config, shared);
    int64_t count;
    set_version(test, "mine", "NULL");
    store_require_keys(watch, "mine");
    store_require_keys(reader, "mine");
    must_succeed(store_keys_watch(watch, test->arena));
    must_succeed(read_integer(reader, test->arena, "SELECT count(*) FROM accounts", &count));
    if (test->store->id == ENGINE_SQLITE) { /* on PostgreSQL, open sessions prevent a new version */
        set_version(test, "other", "NULL");
        assert_error(store_keys_watch(watch, test->arena), ERR_DATABASE_UNAVAILABLE);
        assert_error(read_integer(reader, test->arena, "SELECT count(*) FROM accounts", &count),
                     ERR_DATABASE_UNAVAILABLE);
        set_version(test, "mine", "NULL");
        must_succeed(store_keys_watch(watch, test->arena));
    }
    must_succeed(read_integer(reader, test->arena, "SELECT count(*) FROM accounts", &count));
    store_free(&reader);
    store_free(&watch);
}

static int run(const char *name)
{
    const struct CMUnitTest tests[] = {
        REKEY_TEST(all_keys_are_rebuilt),
        REKEY_TEST(folded_texts_are_rebuilt),
        REKEY_TEST(status_of_an_older_schema_needs_no_keys),
        REKEY_TEST(search_index_follows_rebuilt_texts),
        REKEY_TEST(every_column_named_like_a_text_key_is_listed),
        REKEY_TEST(row_with_the_lower_id_gets_the_key),
        REKEY_TEST(row_that_has_the_key_keeps_it),
        REKEY_TEST(row_takes_the_key_from_a_row_that_is_not_rebuilt_yet),
        REKEY_TEST(row_with_duplicate_key_gets_its_true_key_when_that_is_free),
        REKEY_TEST(renamed_row_loses_the_key_to_the_row_with_duplicate_key),
        REKEY_TEST(contact_with_duplicate_address_gets_no_unique_key),
        REKEY_TEST(invitations_and_links_with_equal_addresses_are_kept),
        REKEY_TEST(interrupted_rebuild_continues_at_its_position),
        REKEY_TEST(rebuild_for_another_version_starts_over),
        REKEY_TEST(concurrent_rebuilds_rebuild_each_row_once),
        REKEY_TEST(write_is_refused_if_text_keys_have_other_version),
        REKEY_TEST(database_is_refused_while_its_text_keys_are_rebuilt),
        REKEY_TEST(database_without_text_keys_version_is_refused),
        REKEY_TEST(sqlite_refuses_writes_of_other_processes_after_the_first_batch),
        REKEY_TEST(postgres_refuses_rebuild_while_other_sessions_exist),
        REKEY_TEST(reads_are_refused_while_watch_finds_other_text_keys),
    };
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_on_engines(run, "rekey on SQLite", "rekey on PostgreSQL");
}
