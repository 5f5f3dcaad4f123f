/*
 * See rekey_plan.h. Each table has its own struct for a row, which contains the texts and their
 * keys.
 *
 * The plan does not include login_failures and login_sources, whose keys are digests and whose rows
 * expire within hours. If the key of a name changes with the version, the failures and sources of
 * that name are counted from zero.
 */
#include "service/rekey_plan.h"

#include "auth/account_keys.h"
#include "auth/api_key.h"
#include "base/arena.h"
#include "base/fold.h"
#include "base/folded.h"
#include "files/catalog.h"
#include "rest/contact_keys.h"
#include "rest/delegations.h"

#include <string.h>

struct key_bytes {
    const unsigned char *bytes;
    size_t length;
};

static const char *copy_column(struct arena *arena, const struct store_query *query, size_t column)
{
    const char *text = store_text(query, column, NULL);
    return text ? arena_string(arena, text) : NULL;
}

static struct key_bytes copy_key_bytes(struct arena *arena, const struct store_query *query,
                                       size_t column)
{
    struct key_bytes key;
    const void *bytes = store_bytes(query, column, &key.length);
    key.bytes = (const unsigned char *)arena_copy(arena, bytes ? bytes : "", key.length);
    return key;
}

static bool equals_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static bool equals_bytes(struct key_bytes a, const unsigned char *bytes, size_t length)
{
    return a.length == length && !memcmp(a.bytes, bytes, length);
}

/* Returns the query that updates a row. The caller binds the keys and executes it. */
static struct store_query *begin_update(struct rekey_batch *batch, enum sql_statement statement,
                                        int64_t id)
{
    struct store_query *query = store_query(batch->store, batch->arena, statement);
    batch->changed++;
    store_bind_integer(query, id);
    return query;
}

/* --- accounts --------------------------------------------------------------------------------- */

struct account_row {
    int64_t id;
    const char *username_key, *email_key, *folded;
    struct account_texts texts;
    struct key_bytes username_sort_key;
};

static void *read_account_row(struct arena *arena, const struct store_query *query)
{
    struct account_row *row = arena_alloc(arena, sizeof *row);
    *row = (struct account_row){
        .id = store_integer(query, SQL_TEXT_KEYS_ACCOUNTS_ID),
        .username_key = copy_column(arena, query, SQL_TEXT_KEYS_ACCOUNTS_USERNAME_KEY),
        .email_key = copy_column(arena, query, SQL_TEXT_KEYS_ACCOUNTS_EMAIL_KEY),
        .folded = copy_column(arena, query, SQL_TEXT_KEYS_ACCOUNTS_FOLDED),
        .texts = {.username = copy_column(arena, query, SQL_TEXT_KEYS_ACCOUNTS_USERNAME),
                  .email = copy_column(arena, query, SQL_TEXT_KEYS_ACCOUNTS_EMAIL),
                  .name = copy_column(arena, query, SQL_TEXT_KEYS_ACCOUNTS_NAME)},
        .username_sort_key = copy_key_bytes(arena, query, SQL_TEXT_KEYS_ACCOUNTS_USERNAME_SORT_KEY),
    };
    return row;
}

static const struct rekey_unique account_username = {
    .table = "accounts",
    .name = "user name",
    .find = SQL_TEXT_KEYS_ACCOUNTS_BY_USERNAME,
    .set = SQL_TEXT_KEYS_ACCOUNTS_SET_USERNAME,
    .fold = fold_address,
};

static const struct rekey_unique account_email = {
    .table = "accounts",
    .name = "address",
    .find = SQL_TEXT_KEYS_ACCOUNTS_BY_EMAIL,
    .set = SQL_TEXT_KEYS_ACCOUNTS_SET_EMAIL,
    .fold = fold_address,
};

static struct error *write_account_row(struct rekey_batch *batch, const void *context)
{
    const struct account_row *row = context;
    struct account_keys keys;
    account_keys_compute(batch->arena, &row->texts, &keys);
    struct rekey_owner owner = {.id = row->id, .current = row->username_key};
    struct error *error =
        rekey_choose_key(batch, &account_username, &owner, keys.username_key, &keys.username_key);
    owner.current = row->email_key;
    if (!error) {
        error = rekey_choose_key(batch, &account_email, &owner, keys.email_key, &keys.email_key);
    }
    if (error ||
        (equals_text(row->username_key, keys.username_key) &&
         equals_text(row->email_key, keys.email_key) && equals_text(row->folded, keys.folded) &&
         equals_bytes(row->username_sort_key, keys.username_sort_key,
                      keys.username_sort_key_length))) {
        return error;
    }
    struct store_query *query = begin_update(batch, SQL_TEXT_KEYS_ACCOUNTS_SET, row->id);
    store_bind_text(query, keys.username_key);
    store_bind_bytes(query, keys.username_sort_key, keys.username_sort_key_length);
    store_bind_text(query, keys.email_key);
    store_bind_text(query, keys.folded);
    return store_execute(query);
}

static const struct rekey_table accounts = {
    .name = "accounts",
    .page = SQL_TEXT_KEYS_ACCOUNTS,
    .duplicates = SQL_TEXT_KEYS_ACCOUNTS_DUPLICATE,
    .read = read_account_row,
    .write = write_account_row,
};

/* --- sessions --------------------------------------------------------------------------------- */

struct session_row {
    struct key_bytes id;
    const char *username, *username_key;
};

static void *read_session_row(struct arena *arena, const struct store_query *query)
{
    struct session_row *row = arena_alloc(arena, sizeof *row);
    *row = (struct session_row){
        .id = copy_key_bytes(arena, query, SQL_TEXT_KEYS_SESSIONS_ID),
        .username = copy_column(arena, query, SQL_TEXT_KEYS_SESSIONS_USERNAME),
        .username_key = copy_column(arena, query, SQL_TEXT_KEYS_SESSIONS_USERNAME_KEY),
    };
    return row;
}

static struct error *write_session_row(struct rekey_batch *batch, const void *context)
{
    const struct session_row *row = context;
    const char *key = fold_address(batch->arena, row->username);
    if (equals_text(row->username_key, key)) {
        return NULL;
    }
    struct store_query *query = store_query(batch->store, batch->arena, SQL_TEXT_KEYS_SESSIONS_SET);
    batch->changed++;
    store_bind_bytes(query, row->id.bytes, row->id.length);
    store_bind_text(query, key);
    return store_execute(query);
}

static const struct rekey_table sessions = {
    .name = "sessions",
    .page = SQL_TEXT_KEYS_SESSIONS,
    .duplicates = SQL_TEXT_KEYS_SESSIONS,
    .bytes_id = true,
    .read = read_session_row,
    .write = write_session_row,
};

/* --- invitations and links -------------------------------------------------------------------- */

/* A row of invitations or email_links. */
struct address_row {
    int64_t id, organization_id; /* organization_id: 0 in email_links */
    const char *email, *email_key, *folded;
};

static void *read_invitation_row(struct arena *arena, const struct store_query *query)
{
    struct address_row *row = arena_alloc(arena, sizeof *row);
    *row = (struct address_row){
        .id = store_integer(query, SQL_TEXT_KEYS_INVITATIONS_ID),
        .organization_id = store_integer(query, SQL_TEXT_KEYS_INVITATIONS_ORGANIZATION_ID),
        .email = copy_column(arena, query, SQL_TEXT_KEYS_INVITATIONS_EMAIL),
        .email_key = copy_column(arena, query, SQL_TEXT_KEYS_INVITATIONS_EMAIL_KEY),
        .folded = copy_column(arena, query, SQL_TEXT_KEYS_INVITATIONS_FOLDED),
    };
    return row;
}

static void *read_link_row(struct arena *arena, const struct store_query *query)
{
    struct address_row *row = arena_alloc(arena, sizeof *row);
    *row = (struct address_row){
        .id = store_integer(query, SQL_TEXT_KEYS_EMAIL_LINKS_ID),
        .email = copy_column(arena, query, SQL_TEXT_KEYS_EMAIL_LINKS_EMAIL),
        .email_key = copy_column(arena, query, SQL_TEXT_KEYS_EMAIL_LINKS_EMAIL_KEY),
        .folded = copy_column(arena, query, SQL_TEXT_KEYS_EMAIL_LINKS_FOLDED),
    };
    return row;
}

/* Updates the row by the statement `set`. */
static struct error *write_address_row(struct rekey_batch *batch, const struct rekey_unique *unique,
                                       enum sql_statement set, const struct address_row *row)
{
    const struct rekey_owner owner = {row->id, row->organization_id, row->email_key};
    const char *key = fold_address(batch->arena, row->email);
    const char *folded = folded_of_texts(batch->arena, "email", row->email);
    struct error *error = rekey_choose_key(batch, unique, &owner, key, &key);
    if (error || (equals_text(row->email_key, key) && equals_text(row->folded, folded))) {
        return error;
    }
    struct store_query *query = begin_update(batch, set, row->id);
    store_bind_text(query, key);
    store_bind_text(query, folded);
    return store_execute(query);
}

static const struct rekey_unique invitation_email = {
    .table = "invitations",
    .name = "address",
    .find = SQL_TEXT_KEYS_INVITATIONS_BY_EMAIL,
    .scoped = true,
    .set = SQL_TEXT_KEYS_INVITATIONS_SET_EMAIL,
    .fold = fold_address,
};

static struct error *write_invitation_row(struct rekey_batch *batch, const void *row)
{
    return write_address_row(batch, &invitation_email, SQL_TEXT_KEYS_INVITATIONS_SET, row);
}

static const struct rekey_table invitations = {
    .name = "invitations",
    .page = SQL_TEXT_KEYS_INVITATIONS,
    .duplicates = SQL_TEXT_KEYS_INVITATIONS_DUPLICATE,
    .read = read_invitation_row,
    .write = write_invitation_row,
};

static const struct rekey_unique link_email = {
    .table = "email_links",
    .name = "address",
    .find = SQL_TEXT_KEYS_EMAIL_LINKS_BY_EMAIL,
    .set = SQL_TEXT_KEYS_EMAIL_LINKS_SET_EMAIL,
    .fold = fold_address,
};

static struct error *write_link_row(struct rekey_batch *batch, const void *row)
{
    return write_address_row(batch, &link_email, SQL_TEXT_KEYS_EMAIL_LINKS_SET, row);
}

static const struct rekey_table email_links = {
    .name = "email_links",
    .page = SQL_TEXT_KEYS_EMAIL_LINKS,
    .duplicates = SQL_TEXT_KEYS_EMAIL_LINKS_DUPLICATE,
    .read = read_link_row,
    .write = write_link_row,
};

/* --- contacts --------------------------------------------------------------------------------- */

struct contact_row {
    int64_t id, organization_id;
    struct contact_texts texts;
    struct key_bytes name_sort_key;
    const char *email_key, *email_unique_key, *search_text, *position, *notes, *folded;
    bool deleted;
};

static void *read_contact_row(struct arena *arena, const struct store_query *query)
{
    struct contact_row *row = arena_alloc(arena, sizeof *row);
    *row = (struct contact_row){
        .id = store_integer(query, SQL_TEXT_KEYS_CONTACTS_ID),
        .organization_id = store_integer(query, SQL_TEXT_KEYS_CONTACTS_ORGANIZATION_ID),
        .texts = {.name = copy_column(arena, query, SQL_TEXT_KEYS_CONTACTS_NAME),
                  .email = copy_column(arena, query, SQL_TEXT_KEYS_CONTACTS_EMAIL),
                  .phone = copy_column(arena, query, SQL_TEXT_KEYS_CONTACTS_PHONE),
                  .company = copy_column(arena, query, SQL_TEXT_KEYS_CONTACTS_COMPANY)},
        .name_sort_key = copy_key_bytes(arena, query, SQL_TEXT_KEYS_CONTACTS_NAME_SORT_KEY),
        .email_key = copy_column(arena, query, SQL_TEXT_KEYS_CONTACTS_EMAIL_KEY),
        .email_unique_key = copy_column(arena, query, SQL_TEXT_KEYS_CONTACTS_EMAIL_UNIQUE_KEY),
        .search_text = copy_column(arena, query, SQL_TEXT_KEYS_CONTACTS_SEARCH_TEXT),
        .position = copy_column(arena, query, SQL_TEXT_KEYS_CONTACTS_POSITION),
        .notes = copy_column(arena, query, SQL_TEXT_KEYS_CONTACTS_NOTES),
        .folded = copy_column(arena, query, SQL_TEXT_KEYS_CONTACTS_FOLDED),
        .deleted = !store_is_null(query, SQL_TEXT_KEYS_CONTACTS_DELETED_AT),
    };
    return row;
}

static const struct rekey_unique contact_email = {
    .table = "contacts",
    .name = "address",
    .find = SQL_TEXT_KEYS_CONTACTS_BY_EMAIL,
    .scoped = true,
    .set = SQL_TEXT_KEYS_CONTACTS_SET_EMAIL,
    .fold = fold_address,
};

/* Chooses email_unique_key: null stays null, and a duplicate becomes null, as if the duplicate had
 * been allowed (resources/contacts.c). Deleted contacts are not in the unique index. */
static struct error *choose_contact_email(struct rekey_batch *batch, const struct contact_row *row,
                                          const char *email_key, const char **key_r)
{
    *key_r = row->email_unique_key ? email_key : NULL;
    if (!*key_r || row->deleted) {
        return NULL;
    }
    const struct rekey_owner owner = {row->id, row->organization_id, row->email_unique_key};
    struct error *error = rekey_choose_key(batch, &contact_email, &owner, email_key, key_r);
    *key_r = equals_text(*key_r, email_key) ? *key_r : NULL;
    return error;
}

static const char *fold_contact_row(struct arena *arena, const struct contact_row *row)
{
    const struct contact_texts *texts = &row->texts;
    return folded_of_texts(arena, "name", texts->name, "email", texts->email, "phone", texts->phone,
                           "company", texts->company, "position", row->position, "notes",
                           row->notes);
}

static struct error *write_contact_row(struct rekey_batch *batch, const void *context)
{
    const struct contact_row *row = context;
    struct contact_keys keys;
    const char *unique_key, *folded = fold_contact_row(batch->arena, row);
    contact_keys_compute(batch->arena, &row->texts, &keys);
    struct error *error = choose_contact_email(batch, row, keys.email_key, &unique_key);
    if (error ||
        (equals_bytes(row->name_sort_key, keys.name_sort_key, keys.name_sort_key_length) &&
         equals_text(row->email_key, keys.email_key) &&
         equals_text(row->email_unique_key, unique_key) &&
         equals_text(row->search_text, keys.search_text) && equals_text(row->folded, folded))) {
        return error;
    }
    struct store_query *query = begin_update(batch, SQL_TEXT_KEYS_CONTACTS_SET, row->id);
    store_bind_bytes(query, keys.name_sort_key, keys.name_sort_key_length);
    store_bind_text(query, keys.email_key);
    store_bind_text(query, unique_key);
    store_bind_text(query, keys.search_text);
    store_bind_text(query, folded);
    store_defer(batch->store, SQL_CONTACTS_INDEX);
    store_defer(batch->store, SQL_CONTACTS_INDEXED);
    return store_execute(query);
}

static const struct rekey_table contacts = {
    .name = "contacts",
    .page = SQL_TEXT_KEYS_CONTACTS,
    .duplicates = SQL_TEXT_KEYS_CONTACTS,
    .read = read_contact_row,
    .write = write_contact_row,
};

/* --- files ------------------------------------------------------------------------------------ */

struct file_row {
    struct catalog_file file; /* without the columns that no key is computed from */
    const char *search_text, *folded;
};

/* Copies a digest, however many bytes the column has. */
static const unsigned char *copy_md5(struct arena *arena, const struct store_query *query,
                                     size_t column)
{
    size_t length;
    const void *bytes = store_bytes(query, column, &length);
    unsigned char *md5 = arena_array(arena, MD5_SIZE, sizeof *md5);
    if (length) {
        memcpy(md5, bytes, length < MD5_SIZE ? length : MD5_SIZE);
    }
    return md5;
}

static void *read_file_row(struct arena *arena, const struct store_query *query)
{
    struct file_row *row = arena_alloc(arena, sizeof *row);
    struct key_bytes name = copy_key_bytes(arena, query, SQL_TEXT_KEYS_FILES_ORIGINAL_NAME);
    *row = (struct file_row){
        .file = {.id = store_integer(query, SQL_TEXT_KEYS_FILES_ID),
                 .scope = copy_column(arena, query, SQL_TEXT_KEYS_FILES_SCOPE),
                 .name = copy_column(arena, query, SQL_TEXT_KEYS_FILES_NAME),
                 .original_name = (const char *)name.bytes,
                 .content_type = copy_column(arena, query, SQL_TEXT_KEYS_FILES_CONTENT_TYPE),
                 .md5 = copy_md5(arena, query, SQL_TEXT_KEYS_FILES_MD5),
                 .tags = copy_column(arena, query, SQL_TEXT_KEYS_FILES_TAGS)},
        .search_text = copy_column(arena, query, SQL_TEXT_KEYS_FILES_SEARCH_TEXT),
        .folded = copy_column(arena, query, SQL_TEXT_KEYS_FILES_FOLDED),
    };
    return row;
}

static struct error *write_file_row(struct rekey_batch *batch, const void *context)
{
    const struct file_row *row = context;
    const char *search_text = catalog_search_text(batch->arena, row->file.original_name);
    const char *folded = catalog_folded(batch->arena, &row->file), *tags = row->file.tags;
    struct error *error = NULL;
    if (tags && tags[strspn(tags, "\n")]) {
        error = catalog_index_tags(batch->store, batch->arena, row->file.id, row->file.scope, tags);
    }
    if (error || (equals_text(row->search_text, search_text) && equals_text(row->folded, folded))) {
        return error;
    }
    struct store_query *query = begin_update(batch, SQL_TEXT_KEYS_FILES_SET, row->file.id);
    store_bind_text(query, search_text);
    store_bind_text(query, folded);
    return store_execute(query);
}

static const struct rekey_table files = {
    .name = "files",
    .page = SQL_TEXT_KEYS_FILES,
    .duplicates = SQL_TEXT_KEYS_FILES,
    .read = read_file_row,
    .write = write_file_row,
};

/* --- tables with folded texts alone ----------------------------------------------------------- */

enum { TEXTS_MAX = 4 };

/* A row: its id, the column `folded`, and the texts that it is computed from. */
struct text_row {
    int64_t id;
    const char *folded, *texts[TEXTS_MAX];
};

/* Reads a row of a statement whose columns are `id`, `folded` and the texts. */
static void *read_text_row(struct arena *arena, const struct store_query *query)
{
    enum { ID, FOLDED, FIRST_TEXT };
    struct text_row *row = arena_alloc(arena, sizeof *row);
    *row = (struct text_row){
        .id = store_integer(query, ID),
        .folded = copy_column(arena, query, FOLDED),
    };
    for (size_t i = 0; i < store_columns(query) - FIRST_TEXT; i++) {
        row->texts[i] = copy_column(arena, query, FIRST_TEXT + i);
    }
    return row;
}

/* Updates the column `folded` of a row. `names` are the fields of its texts, ended by NULL. */
static struct error *write_text_row(struct rekey_batch *batch, enum sql_statement set,
                                    const char *const *names, const struct text_row *row)
{
    size_t count = 0;
    while (names[count]) {
        count++;
    }
    const char *folded = folded_of_arrays(batch->arena, names, row->texts, count);
    if (equals_text(row->folded, folded)) {
        return NULL;
    }
    struct store_query *query = begin_update(batch, set, row->id);
    store_bind_text(query, folded);
    return store_execute(query);
}

/* Defines a table of this kind. The arguments are the names of the fields of its text columns. */
#define TEXT_TABLE(table_, TABLE_, ...)                                                            \
    static struct error *write_##table_##_row(struct rekey_batch *batch, const void *row)          \
    {                                                                                              \
        static const char *const names[] = {__VA_ARGS__, NULL};                                    \
        return write_text_row(batch, SQL_TEXT_KEYS_##TABLE_##_SET, names, row);                    \
    }                                                                                              \
    static const struct rekey_table table_ = {                                                     \
        .name = #table_,                                                                           \
        .page = SQL_TEXT_KEYS_##TABLE_,                                                            \
        .duplicates = SQL_TEXT_KEYS_##TABLE_,                                                      \
        .read = read_text_row,                                                                     \
        .write = write_##table_##_row,                                                             \
    }

TEXT_TABLE(organizations, ORGANIZATIONS, "name", "currency");
TEXT_TABLE(tokens, TOKENS, "purpose");
TEXT_TABLE(deals, DEALS, "title", "description", "lost_reason");
TEXT_TABLE(tasks, TASKS, "title", "description");
TEXT_TABLE(activities, ACTIVITIES, "subject", "description", "old_status", "new_status");

/* --- API keys --------------------------------------------------------------------------------- */

static struct error *write_key_row(struct rekey_batch *batch, const void *context)
{
    const struct text_row *row = context;
    const char *folded =
        api_key_folded(batch->arena, row->texts[0], row->texts[1], row->texts[2], row->texts[3]);
    if (equals_text(row->folded, folded)) {
        return NULL;
    }
    struct store_query *query = begin_update(batch, SQL_TEXT_KEYS_API_KEYS_SET, row->id);
    store_bind_text(query, folded);
    return store_execute(query);
}

static const struct rekey_table api_keys = {
    .name = "api_keys",
    .page = SQL_TEXT_KEYS_API_KEYS,
    .duplicates = SQL_TEXT_KEYS_API_KEYS,
    .read = read_text_row,
    .write = write_key_row,
};

/* --- delegations ------------------------------------------------------------------------------ */

struct delegation_row {
    int64_t id;
    struct delegation_texts texts;
    const char *folded;
};

static void *read_delegation_row(struct arena *arena, const struct store_query *query)
{
    struct delegation_row *row = arena_alloc(arena, sizeof *row);
    *row = (struct delegation_row){
        .id = store_integer(query, SQL_TEXT_KEYS_DELEGATIONS_ID),
        .texts =
            {
                .principal = copy_column(arena, query, SQL_TEXT_KEYS_DELEGATIONS_PRINCIPAL),
                .principal_name =
                    copy_column(arena, query, SQL_TEXT_KEYS_DELEGATIONS_PRINCIPAL_NAME),
                .scope = copy_column(arena, query, SQL_TEXT_KEYS_DELEGATIONS_SCOPE),
                .rights = (unsigned)store_integer(query, SQL_TEXT_KEYS_DELEGATIONS_RIGHTS),
                .fields = copy_column(arena, query, SQL_TEXT_KEYS_DELEGATIONS_FIELDS),
                .created_by = copy_column(arena, query, SQL_TEXT_KEYS_DELEGATIONS_CREATED_BY),
            },
        .folded = copy_column(arena, query, SQL_TEXT_KEYS_DELEGATIONS_FOLDED),
    };
    return row;
}

static struct error *write_delegation_row(struct rekey_batch *batch, const void *context)
{
    const struct delegation_row *row = context;
    const char *folded = delegations_fold(batch->arena, &row->texts);
    if (equals_text(row->folded, folded)) {
        return NULL;
    }
    struct store_query *query = begin_update(batch, SQL_TEXT_KEYS_DELEGATIONS_SET, row->id);
    store_bind_text(query, folded);
    return store_execute(query);
}

static const struct rekey_table delegations = {
    .name = "delegations",
    .page = SQL_TEXT_KEYS_DELEGATIONS,
    .duplicates = SQL_TEXT_KEYS_DELEGATIONS,
    .read = read_delegation_row,
    .write = write_delegation_row,
};

/* --- the plan --------------------------------------------------------------------------------- */

static const struct rekey_table *const tables[] = {
    &accounts,      &sessions, &invitations, &email_links, &contacts, &files,       &tokens,
    &organizations, &deals,    &tasks,       &activities,  &api_keys, &delegations, NULL,
};

const struct rekey_plan *rekey_plan(void)
{
    static struct rekey_plan plan = {.tables = tables};
    plan.version = fold_version();
    return &plan;
}
