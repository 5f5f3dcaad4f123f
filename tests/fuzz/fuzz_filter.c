/*
 * Fuzzes filters. A text that is a filter has a bounded tree, whose terms have a field and a value;
 * a text that is none has one detail, with a position within the text.
 *
 * Each filter is also compiled. In SQL, it must be true of the same rows as query/evaluate.c says;
 * SQLite executes it, and the text for PostgreSQL is only compiled. In LDAP, libldap must be able
 * to encode it.
 */
#include "fuzz.h"

#include "base/clock.h"
#include "base/config.h"
#include "base/fold.h"
#include "base/folded.h"
#include "base/jsonw.h"
#include "directory/directory.h"
#include "directory/filter.h"
#include "query/evaluate.h"
#include "store/engine.h"
#include "store/filter.h"

#include <ldap.h>
#include <sqlite3.h>

/* A term with a date becomes two. */
enum { TERMS_MAX = 2 * FILTER_TERMS_MAX, DEPTH_MAX = TERMS_MAX + 2 * FILTER_DEPTH_MAX };

enum { ROWS = 2, PARAMETERS_MAX = 4 * TERMS_MAX };

/* --- field maps ------------------------------------------------------------------------------- */

static const char *const statuses[] = {"NEW", "IN_PROGRESS", "WON", NULL};

enum { NAME, SIZE, AMOUNT, ACTIVE, AT, DAY, TAGS, TOTAL, DUE, SEEN, MAIL, STATUS, COLUMNS };

/* Fields of rows of the database. */
static const struct field columns[] = {
    [NAME] = {.name = "name", .type = FIELD_STRING},
    [SIZE] = {.name = "size", .type = FIELD_INTEGER},
    [AMOUNT] = {.name = "amount", .type = FIELD_DECIMAL, .scale = 2},
    [ACTIVE] = {.name = "active", .type = FIELD_BOOLEAN},
    [AT] = {.name = "at", .type = FIELD_TIME},
    [DAY] = {.name = "day", .type = FIELD_STRING, .format = "date"},
    [TAGS] = {.name = "tags", .type = FIELD_STRINGS},
    [TOTAL] = {.name = "total", .type = FIELD_INTEGER, .flags = FIELD_NOT_FILTERABLE},
    [DUE] = {.name = "due", .type = FIELD_STRING, .format = "moment"},
    [SEEN] = {.name = "seen", .type = FIELD_STRING, .format = "date-time"},
    [MAIL] = {.name = "mail", .type = FIELD_STRING, .format = "email"},
    [STATUS] = {.name = "status", .type = FIELD_STRING, .choices = statuses},
    [COLUMNS] = {.name = NULL},
};

/* Fields of entries of the directory: one of each codec whose filters need no search. */
static const struct field attributes[] = {
    {.name = "name", .type = FIELD_STRING, .attribute = "cn", .codec = CODEC_TEXT},
    {.name = "size", .type = FIELD_INTEGER, .attribute = "x", .codec = CODEC_INTEGER},
    {.name = "active",
     .type = FIELD_BOOLEAN,
     .attribute = "userAccountControl",
     .codec = CODEC_BITS_CLEAR,
     .mask = 2},
    {.name = "locked",
     .type = FIELD_BOOLEAN,
     .attribute = "userAccountControl",
     .codec = CODEC_BITS_SET,
     .mask = 16},
    {.name = "truth", .type = FIELD_BOOLEAN, .attribute = "t", .codec = CODEC_TRUTH},
    {.name = "at", .type = FIELD_TIME, .attribute = "whenCreated", .codec = CODEC_TIME},
    {.name = "until", .type = FIELD_TIME, .attribute = "accountExpires", .codec = CODEC_FILETIME},
    {.name = "dn", .type = FIELD_STRING, .codec = CODEC_DN},
    {.name = "guid", .type = FIELD_STRING, .attribute = "objectGUID", .codec = CODEC_GUID},
    {.name = "boss", .type = FIELD_RECORD, .attribute = "manager", .codec = CODEC_REFERENCE},
    {.name = "reports", .type = FIELD_STRINGS, .attribute = "r", .codec = CODEC_LINKS},
    {.name = "scope", .type = FIELD_STRING, .attribute = "groupType", .codec = CODEC_SCOPE},
    {.name = "kind", .type = FIELD_STRING, .attribute = "objectClass", .codec = CODEC_KIND},
    {.name = "list", .type = FIELD_STRINGS, .attribute = "l", .codec = CODEC_LIST},
    {.name = "computed", .type = FIELD_STRING},
    {.name = NULL},
};

/* --- trees ------------------------------------------------------------------------------------ */

/* Returns the number of terms. */
static size_t check_node(const struct filter *node, size_t size, size_t depth)
{
    FUZZ_CHECK(depth < DEPTH_MAX);
    if (node->kind != FILTER_TERM) {
        return check_node(node->left, size, depth + 1) +
               (node->kind == FILTER_NOT ? 0 : check_node(node->right, size, depth + 1));
    }
    FUZZ_CHECK(node->field && node->position >= 1 && node->position <= size);
    FUZZ_CHECK(*filter_operator_name(node->operator));
    if (node->operator!= FILTER_PRESENT) {
        FUZZ_CHECK(node->value.state == VALUE_SET);
        bool text = node->field->type == FIELD_STRING || node->field->type == FIELD_STRINGS;
        FUZZ_CHECK(!text || (strlen(node->value.string.bytes) == node->value.string.length &&
                             utf8_valid(node->value.string.bytes, node->value.string.length)));
    }
    return 1;
}

static void check_error(const struct error *error, size_t length)
{
    FUZZ_CHECK(error->details && !error->details->next);
    const char *argument = error->details->argument;
    long position = argument ? strtol(argument, NULL, 10) : 0;
    bool is_position = error->details->fault != FAULT_TOO_LONG;
    FUZZ_CHECK(position >= 0 && (!is_position || (size_t)position <= length + 1));
}

/* The text of a tree must be a filter with the same tree, unless it exceeds a limit. */
static void check_format(struct arena *arena, const struct filter *filter,
                         const struct field *fields)
{
    const struct filter *again;
    const char *text = evaluate_format(arena, filter);
    const struct error *error = filter_parse(arena, text, fields, &again);
    if (error) {
        enum fault_id fault = error->details->fault;
        FUZZ_CHECK(fault == FAULT_TOO_LONG || fault == FAULT_FILTER_TERMS ||
                   fault == FAULT_FILTER_DEPTH);
    } else {
        FUZZ_CHECK(!strcmp(evaluate_format(arena, again), text));
    }
}

/* Returns the filter; NULL if the text is none. */
static const struct filter *parse_text(struct arena *arena, const char *text,
                                       const struct field *fields)
{
    const struct filter *filter;
    const struct error *error = filter_parse(arena, text, fields, &filter);
    if (error) {
        check_error(error, strlen(text));
        return NULL;
    }
    size_t terms = check_node(filter, strlen(text), 0);
    FUZZ_CHECK(terms >= 1 && terms <= TERMS_MAX);
    check_format(arena, filter, fields);
    return filter;
}

/* --- rows of SQLite --------------------------------------------------------------------------- */

static void fill_row(struct value *row)
{
    static const char *const tags[] = {"Важное", "2026", "a b"};
    struct clock_span span;
    FUZZ_CHECK(clock_parse_time("2026-06-01T12:34:56.789Z", &span));
    field_set_string(&row[NAME], "Sales (Менеджер) 50%_Straße");
    field_set_integer(&row[SIZE], 5);
    field_set_integer(&row[AMOUNT], -50);
    field_set_boolean(&row[ACTIVE], false);
    field_set_integer(&row[AT], span.from_ms);
    field_set_string(&row[DAY], "2026-06-01");
    field_set_strings(&row[TAGS], tags, sizeof tags / sizeof *tags);
    field_set_string(&row[DUE], "2026-06-01T12:34:56.789Z");
    field_set_string(&row[SEEN], "2026-06-01T12:34:56Z");
    field_set_string(&row[MAIL], "A@example.com");
    field_set_string(&row[STATUS], "IN_PROGRESS");
}

/* Returns the JSON of the column `folded`. */
static const char *fold_row(struct arena *arena, const struct value *row)
{
    const struct field_strings *tags = &row[TAGS].strings;
    const char *names[] = {"name", "mail", "tags"}, *lines = "";
    const char *values[] = {row[NAME].string.bytes, row[MAIL].string.bytes};
    struct buffer text = {.arena = arena};
    struct jsonw json = {.out = &text};
    jsonw_open_object(&json, NULL);
    for (size_t i = 0; i < sizeof values / sizeof *values && row[NAME].state == VALUE_SET; i++) {
        jsonw_string(&json, names[i], fold_text(arena, values[i]));
    }
    for (size_t i = 0; row[TAGS].state == VALUE_SET && i < tags->count; i++) {
        lines = arena_format(arena, "%s%s\n", lines, tags->items[i]);
    }
    jsonw_string(&json, "tags", folded_lines(arena, lines));
    jsonw_close_object(&json);
    return text.bytes;
}

static void bind_integer_or_null(sqlite3_stmt *statement, int number, const struct value *value,
                                 int64_t integer)
{
    FUZZ_CHECK((value->state == VALUE_SET ? sqlite3_bind_int64(statement, number, integer)
                                          : sqlite3_bind_null(statement, number)) == SQLITE_OK);
}

static void bind_text_or_null(sqlite3_stmt *statement, int number, const char *text)
{
    FUZZ_CHECK(sqlite3_bind_text(statement, number, text, -1, SQLITE_TRANSIENT) == SQLITE_OK);
}

static void insert_row(struct arena *arena, sqlite3 *database, int64_t id, const struct value *row)
{
    sqlite3_stmt *statement;
    struct clock_span due = {.until_ms = INT64_MAX}, seen = {0};
    bool is_set = row[NAME].state == VALUE_SET;
    if (is_set) {
        FUZZ_CHECK(clock_parse_time(row[DUE].string.bytes, &due) &&
                   clock_parse_time(row[SEEN].string.bytes, &seen));
    }
    FUZZ_CHECK(sqlite3_prepare_v2(database,
                                  "INSERT INTO t (id, name, size, amount, active, at, day, day_key,"
                                  " due, due_key, seen, mail, status, folded)"
                                  " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                                  -1, &statement, NULL) == SQLITE_OK);
    int number = 0;
    sqlite3_bind_int64(statement, ++number, id);
    bind_text_or_null(statement, ++number, is_set ? row[NAME].string.bytes : NULL);
    bind_integer_or_null(statement, ++number, &row[SIZE], row[SIZE].integer);
    bind_integer_or_null(statement, ++number, &row[AMOUNT], row[AMOUNT].integer);
    bind_integer_or_null(statement, ++number, &row[ACTIVE], row[ACTIVE].boolean);
    bind_integer_or_null(statement, ++number, &row[AT], row[AT].integer);
    bind_text_or_null(statement, ++number, is_set ? row[DAY].string.bytes : NULL);
    bind_text_or_null(statement, ++number, is_set ? row[DAY].string.bytes : "~");
    bind_text_or_null(statement, ++number, is_set ? row[DUE].string.bytes : NULL);
    sqlite3_bind_int64(statement, ++number, due.until_ms);
    bind_integer_or_null(statement, ++number, &row[SEEN], seen.from_ms / MS_PER_S);
    bind_text_or_null(statement, ++number, is_set ? row[MAIL].string.bytes : NULL);
    bind_text_or_null(statement, ++number, is_set ? row[STATUS].string.bytes : NULL);
    bind_text_or_null(statement, ++number, fold_row(arena, row));
    FUZZ_CHECK(sqlite3_step(statement) == SQLITE_DONE);
    sqlite3_finalize(statement);
}

/* Returns a database with a row that has all fields, and one that has none. */
static sqlite3 *open_rows(struct value rows[ROWS][COLUMNS])
{
    sqlite3 *database;
    struct arena *arena = arena_new();
    FUZZ_CHECK(sqlite3_open(":memory:", &database) == SQLITE_OK);
    FUZZ_CHECK(sqlite3_exec(database,
                            "CREATE TABLE t (id INTEGER, name TEXT, size INTEGER, amount INTEGER,"
                            " active INTEGER, at INTEGER, day TEXT, day_key TEXT, due TEXT,"
                            " due_key INTEGER, seen INTEGER, mail TEXT, status TEXT, folded TEXT)",
                            NULL, NULL, NULL) == SQLITE_OK);
    fill_row(rows[0]);
    for (int64_t id = 0; id < ROWS; id++) {
        insert_row(arena, database, id, rows[id]);
    }
    arena_free(&arena);
    return database;
}

/* --- SQL -------------------------------------------------------------------------------------- */

struct parameters {
    struct {
        const char *text; /* NULL: the integer counts */
        int64_t integer;
    } list[PARAMETERS_MAX];
    size_t count;
};

static size_t add_integer_parameter(void *context, int64_t integer)
{
    struct parameters *parameters = context;
    FUZZ_CHECK(parameters->count < PARAMETERS_MAX);
    parameters->list[parameters->count].text = NULL;
    parameters->list[parameters->count].integer = integer;
    return ++parameters->count;
}

static size_t add_text_parameter(void *context, const char *text)
{
    size_t number = add_integer_parameter(context, 0);
    FUZZ_CHECK(utf8_valid(text, strlen(text)));
    ((struct parameters *)context)->list[number - 1].text = text;
    return number;
}

static void find_column(const void *context, struct arena *arena, const struct field *field,
                        struct store_filter_column *column_r)
{
    (void)context;
    *column_r = (struct store_filter_column){.value = arena_format(arena, "t.%s", field->name)};
    if (folded_has_field(field) || field->type == FIELD_STRINGS) {
        column_r->folded = column_r->value;
    }
    if (field == &columns[DAY] || field == &columns[DUE]) {
        column_r->key = arena_format(arena, "t.%s_key", field->name);
    }
    if (field == &columns[SEEN]) {
        column_r->time = "t.seen";
    }
}

static const char every_row[] = "t.id >= 0";

/* Gives every comparison of numbers and of states an index, so that the compiler chooses among
 * them. */
static enum store_filter_index find_any_index(const void *context, const struct field *field,
                                              enum filter_operator operator)
{
    (void)context;
    bool is_equality = operator== FILTER_EQUAL;
    if (field == &columns[STATUS]) {
        return is_equality ? STORE_INDEX_COMMON : STORE_INDEX_NONE;
    }
    if (field != &columns[SIZE] && field != &columns[AMOUNT] && field != &columns[AT]) {
        return STORE_INDEX_NONE;
    }
    return is_equality               ? STORE_INDEX_NARROW :
           operator>= FILTER_GREATER ? STORE_INDEX_RANGE
                                     : STORE_INDEX_NONE;
}

/* Returns the WHERE clause of a list of all rows. */
static const char *compile_sql(struct arena *arena, enum engine_id engine,
                               const struct filter *filter, struct parameters *parameters)
{
    const struct store store = {.id = engine};
    const struct store_filter compiler = {
        .store = &store,
        .arena = arena,
        .find = find_column,
        .find_index = find_any_index,
        .scope = every_row,
        .add_integer = add_integer_parameter,
        .add_text = add_text_parameter,
        .parameters = parameters,
    };
    bool hides_scope;
    parameters->count = 0;
    const char *condition = store_filter_compile(&compiler, filter, &hides_scope);
    const char *scope = hides_scope ? store_filter_hide(&store, arena, every_row) : every_row;
    return arena_format(arena, "%s AND %s", scope, condition);
}

/* Compares the rows that SQLite finds with those for which the filter is true in memory. */
static void check_rows(struct arena *arena, const struct filter *filter, const char *condition,
                       const struct parameters *parameters)
{
    static struct value rows[ROWS][COLUMNS];
    static sqlite3 *database;
    sqlite3_stmt *statement;
    database = database ? database : open_rows(rows);
    const char *text = arena_format(arena, "SELECT id FROM t WHERE %s ORDER BY id", condition);
    FUZZ_CHECK(sqlite3_prepare_v2(database, text, -1, &statement, NULL) == SQLITE_OK);
    FUZZ_CHECK(sqlite3_bind_parameter_count(statement) == (int)parameters->count);
    for (size_t i = 0; i < parameters->count; i++) {
        int number = sqlite3_bind_parameter_index(statement, arena_format(arena, "$%zu", i + 1));
        FUZZ_CHECK(number > 0);
        if (parameters->list[i].text) {
            bind_text_or_null(statement, number, parameters->list[i].text);
        } else {
            sqlite3_bind_int64(statement, number, parameters->list[i].integer);
        }
    }
    int state = sqlite3_step(statement);
    for (int64_t id = 0; id < ROWS; id++) {
        bool found = state == SQLITE_ROW && sqlite3_column_int64(statement, 0) == id;
        FUZZ_CHECK(found == evaluate_filter(arena, filter, columns, rows[id], NULL));
        state = found ? sqlite3_step(statement) : state;
    }
    FUZZ_CHECK(state == SQLITE_DONE);
    sqlite3_finalize(statement);
}

static void check_sql(struct arena *arena, const struct filter *filter)
{
    struct parameters parameters;
    FUZZ_CHECK(*compile_sql(arena, ENGINE_POSTGRES, filter, &parameters));
    const char *condition = compile_sql(arena, ENGINE_SQLITE, filter, &parameters);
    check_rows(arena, filter, condition, &parameters);
}

/* --- LDAP ------------------------------------------------------------------------------------- */

/* libldap encodes the filter before it connects to a socket that does not exist. */
static void check_ldap(struct arena *arena, const struct filter *filter)
{
    static const struct config config = {.ldap_server = ""};
    static struct directory *directory;
    static LDAP *ldap;
    const char *text;
    int message_id, version = LDAP_VERSION3;
    directory = directory ? directory : directory_new(&config);
    const struct error *error = directory_filter_compile(directory, arena, filter, &text);
    if (error) {
        FUZZ_CHECK(error->id == ERR_VALIDATION || error->id == ERR_NOT_FILTERABLE);
        FUZZ_CHECK(error->details && !error->details->next);
        return;
    }
    if (!ldap) {
        FUZZ_CHECK(ldap_initialize(&ldap, "ldapi://%2Fnonexistent%2Fsocket") == LDAP_SUCCESS);
        FUZZ_CHECK(!ldap_set_option(ldap, LDAP_OPT_PROTOCOL_VERSION, &version));
    }
    FUZZ_CHECK(*text == '(' && utf8_valid(text, strlen(text)));
    FUZZ_CHECK(ldap_search_ext(ldap, "", LDAP_SCOPE_BASE, text, NULL, 0, NULL, NULL, NULL, 0,
                               &message_id) == LDAP_SERVER_DOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *text = fuzz_string(data, size);
    const struct filter *filter = parse_text(arena, text, columns);
    if (filter) {
        check_sql(arena, filter);
    }
    filter = parse_text(arena, text, attributes);
    if (filter) {
        check_ldap(arena, filter);
    }
    free(text);
    arena_free(&arena);
    return 0;
}
