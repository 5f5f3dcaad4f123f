/* Users: the people's accounts of the directory. Computers and trusts have accounts too; they are
 * left out by their sAMAccountType (MS-SAMR 2.2.1.9). */
#include "auth/principal.h"
#include "base/arena.h"
#include "directory/directory.h"
#include "http/reply.h"
#include "resources/resources.h"

enum {
    ACCOUNT_DISABLED = 0x2, /* of userAccountControl: MS-ADTS 2.2.16 */
    LOCKED_OUT = 0x10,      /* of msDS-User-Account-Control-Computed */
    SEARCH_MAX = 256,
    DN_MAX = 4096,
    LIST_DEFAULT = 10,
    LIST_MAX = 1000,
};

static const char collection[] = "/api/v1/users";

/* --- field maps ------------------------------------------------------------------------------ */

/* Bounds are the schema's rangeUpper (MS-ADA1 to MS-ADA3); the directory counts UTF-16 units. */
#define TEXT(attribute_, max_, flags_, ru_, en_, example_)                                         \
    {                                                                                              \
        .name = (attribute_), .type = FIELD_STRING, .flags = (flags_), .min = 1, .max = (max_),    \
        .attribute = (attribute_), .codec = CODEC_TEXT, .about = {(ru_), (en_)},                   \
        .example = (example_)                                                                      \
    }

/* What a client sets and reads alike. */
#define PERSON_FIELDS                                                                              \
    TEXT("userPrincipalName", 1024, FIELD_NULLABLE | FIELD_NAME, "Имя входа (UPN)",                \
         "The user principal name", "\"ivanov@kontora.test\""),                                    \
        TEXT("givenName", 64, FIELD_NULLABLE, "Имя", "The given name", "\"Иван\""),                \
        TEXT("sn", 64, FIELD_NULLABLE, "Фамилия", "The surname", "\"Иванов\""),                    \
        TEXT("mail", 256, FIELD_NULLABLE, "Электронная почта", "The email address",                \
             "\"ivanov@example.com\""),                                                            \
        TEXT("telephoneNumber", 64, FIELD_NULLABLE, "Телефон", "The telephone number",             \
             "\"+7 495 123-45-67\""),                                                              \
        TEXT("title", 128, FIELD_NULLABLE, "Должность", "The job title", "\"Менеджер\""),          \
        TEXT("department", 64, FIELD_NULLABLE, "Отдел", "The department", "\"Продажи\""),          \
        TEXT("description", 1024, FIELD_NULLABLE, "Описание", "The description", "null")

#define PASSWORD_FIELD(flags_)                                                                     \
    {                                                                                              \
        .name = "password", .type = FIELD_STRING, .flags = FIELD_SECRET | (flags_), .min = 1,      \
        .max = 256, .about = {"Пароль", "The password"}, .example = "\"Kontora-2026\""             \
    }

#define BOOLEAN(name_, ru_, en_, example_)                                                         \
    {                                                                                              \
        .name = (name_), .type = FIELD_BOOLEAN, .about = {(ru_), (en_)}, .example = (example_)     \
    }

#define ACCOUNT_NAME_FIELD(flags_)                                                                 \
    {                                                                                              \
        .name = "sAMAccountName", .type = FIELD_STRING, .flags = FIELD_NAME | (flags_), .min = 1,  \
        .max = 20, .check = directory_check_account_name, .attribute = "sAMAccountName",           \
        .codec = CODEC_TEXT, .about = {"Имя учётной записи", "The account name"},                  \
        .example = "\"ivanov\""                                                                    \
    }

#define NAME_FIELD(flags_)                                                                         \
    {                                                                                              \
        .name = "cn", .type = FIELD_STRING, .flags = FIELD_NAME | (flags_), .min = 1, .max = 64,   \
        .about = {"Полное имя; им назван объект", "The full name; the entry is named by it"},      \
        .example = "\"Иванов Иван\""                                                     \
    }

#define PARENT_FIELD(name_, flags_)                                                                \
    {                                                                                              \
        .name = (name_), .type = FIELD_STRING, .flags = (flags_), .min = 1, .max = DN_MAX,         \
        .check = directory_check_dn, .format = "dn",                                               \
        .about = {"DN родительского объекта", "The DN of the parent"},                             \
        .example = "\"OU=Staff,DC=kontora,DC=test\""                                               \
    }

static const struct field user_fields[] = {
    {.name = "dn",
     .type = FIELD_STRING,
     .format = "dn",
     .codec = CODEC_DN,
     .about = {"Уникальное имя", "The distinguished name"},
     .example = "\"CN=Иванов Иван,OU=Staff,DC=kontora,DC=test\""},
    TEXT("cn", 64, 0, "Полное имя", "The full name", "\"Иванов Иван\""),
    ACCOUNT_NAME_FIELD(0),
    PERSON_FIELDS,
    {.name = "userAccountControl",
     .type = FIELD_INTEGER,
     .attribute = "userAccountControl",
     .codec = CODEC_INTEGER,
     .about = {"Флаги учётной записи", "The flags of the account"},
     .example = "512"},
    {.name = "enabled",
     .type = FIELD_BOOLEAN,
     .attribute = "userAccountControl",
     .codec = CODEC_BITS_CLEAR,
     .mask = ACCOUNT_DISABLED,
     .about = {"Учётная запись включена", "Whether the account is enabled"},
     .example = "true"},
    {.name = "locked",
     .type = FIELD_BOOLEAN,
     .attribute = "msDS-User-Account-Control-Computed",
     .codec = CODEC_BITS_SET,
     .mask = LOCKED_OUT,
     .about = {"Учётная запись заблокирована после неудачных входов",
               "Whether failed logins have locked the account"},
     .example = "false"},
    {.name = "objectGUID",
     .type = FIELD_STRING,
     .format = "uuid",
     .attribute = "objectGUID",
     .codec = CODEC_GUID,
     .about = {"Постоянный идентификатор", "The identifier that never changes"},
     .example = "\"a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11\""},
    {.name = "memberOf",
     .type = FIELD_STRINGS,
     .attribute = "memberOf",
     .codec = CODEC_MEMBERSHIPS,
     .about = {"DN групп, включая основную", "The DNs of the groups, the primary one among them"},
     .example = "[\"CN=Domain Users,CN=Users,DC=kontora,DC=test\"]"},
    {.name = "whenCreated",
     .type = FIELD_TIME,
     .attribute = "whenCreated",
     .codec = CODEC_TIME,
     .about = {"Время создания", "When it was created"},
     .example = "\"2026-11-20T12:34:56.000Z\""},
    {.name = "whenChanged",
     .type = FIELD_TIME,
     .attribute = "whenChanged",
     .codec = CODEC_TIME,
     .about = {"Время последнего изменения", "When it was last changed"},
     .example = "\"2026-11-20T12:34:56.000Z\""},
    {.name = NULL},
};

static const struct field create_fields[] = {
    NAME_FIELD(FIELD_REQUIRED),
    ACCOUNT_NAME_FIELD(FIELD_REQUIRED),
    PASSWORD_FIELD(FIELD_REQUIRED),
    PARENT_FIELD("ou", FIELD_REQUIRED),
    PERSON_FIELDS,
    BOOLEAN("enabled", "Включить (по умолчанию да)", "Whether to enable it (default yes)", "true"),
    BOOLEAN("must_change_password", "Потребовать смену пароля при входе",
            "Whether the password must be changed at the next login", "false"),
    {.name = NULL},
};

static const struct field update_fields[] = {
    NAME_FIELD(0),
    ACCOUNT_NAME_FIELD(0),
    PERSON_FIELDS,
    PASSWORD_FIELD(0),
    PARENT_FIELD("parent_dn", 0),
    BOOLEAN("enabled", "Включить или отключить", "Enables or disables it", "true"),
    BOOLEAN("unlock", "Снять блокировку", "Lifts the lock", "true"),
    BOOLEAN("must_change_password", "Потребовать смену пароля при входе",
            "Whether the password must be changed at the next login", "false"),
    {.name = NULL},
};

static const struct field list_query[] = {
    {.name = "search",
     .type = FIELD_STRING,
     .max = SEARCH_MAX,
     .about = {"Искать в cn, sAMAccountName и mail", "Search in cn, sAMAccountName and mail"},
     .example = "\"иван\""},
    {.name = "skip",
     .type = FIELD_INTEGER,
     .flags = FIELD_DEFAULT,
     .max = INT32_MAX - LIST_MAX,
     .about = {"Сколько пропустить", "How many to pass over"},
     .example = "0"},
    {.name = "limit",
     .type = FIELD_INTEGER,
     .flags = FIELD_DEFAULT,
     .min = 1,
     .max = LIST_MAX,
     .standard = LIST_DEFAULT,
     .about = {"Сколько вернуть", "How many to return"},
     .example = "10"},
    {.name = NULL},
};

static const struct schema user_schema = {"User", user_fields};
static const struct schema create_schema = {"UserCreate", create_fields};
static const struct schema update_schema = {"UserUpdate", update_fields};

static const struct directory_class user_class = {
    .filter = "(sAMAccountType=805306368)", /* SAM_USER_OBJECT */
    .name_attribute = "sAMAccountName",
    .rdn_attribute = "CN",
    .sort_attribute = "sAMAccountName",
    .searched = (const char *const[]){"cn", "sAMAccountName", "mail", NULL},
    .object_classes = (const char *const[]){"top", "person", "organizationalPerson", "user", NULL},
    .fields = user_fields,
    .parent_field = "ou",
};

/* --- handlers -------------------------------------------------------------------------------- */

static struct error *find_user(struct request *request, struct directory_entry **entry_r)
{
    struct error *error = directory_find(request->app->directory, request->arena, &user_class,
                                         request_path_value(request, "username"), NULL, entry_r);
    if (!error) {
        /* The directory's spelling: it finds names whatever their case and outer spaces. */
        request->subject = fields_string(user_fields, (*entry_r)->values, "sAMAccountName");
    }
    return error;
}

static struct error *list_users(struct request *request, struct reply *reply)
{
    int64_t skip = request_query_integer(request, "skip");
    int64_t limit = request_query_integer(request, "limit");
    struct directory_page page;
    struct error *error =
        directory_list(request->app->directory, request->arena, &user_class,
                       request_query_string(request, "search"), skip, limit, &page);
    if (error) {
        return error;
    }
    struct value **items = arena_array(request->arena, page.count, sizeof *items);
    for (size_t i = 0; i < page.count; i++) {
        items[i] = page.entries[i]->values;
    }
    reply_list(reply, items, page.count, page.total, skip, limit);
    return NULL;
}

static struct error *get_user(struct request *request, struct reply *reply)
{
    struct directory_entry *entry;
    struct error *error = find_user(request, &entry);
    if (!error) {
        reply_record(reply, entry->values);
    }
    return error;
}

/* What the body says of the account itself, beside the attributes that are text. */
static void change_account(struct request *request, struct directory_changes *changes)
{
    const char *password = request_body_string(request, "password");
    const struct value *enabled = request_body_value(request, "enabled");
    const struct value *must_change = request_body_value(request, "must_change_password");
    if (password) {
        directory_change_password(changes, password);
    }
    if (enabled->state == VALUE_SET) {
        directory_change_account_control(changes, ACCOUNT_DISABLED, !enabled->boolean);
    }
    if (must_change->state == VALUE_SET) {
        /* 0 is "must change", -1 is now: the only values it takes (MS-ADTS 3.1.1.5.3.2). */
        directory_change_text(changes, "pwdLastSet", must_change->boolean ? "0" : "-1");
    }
}

static struct error *create_user(struct request *request, struct reply *reply)
{
    struct directory_changes *changes = directory_changes_new(request->arena);
    request->subject = request_body_string(request, "sAMAccountName");
    directory_change_fields(changes, create_fields, request->body);
    change_account(request, changes);
    struct directory_entry *entry;
    struct error *error = directory_add(request->app->directory, request->arena, &user_class,
                                        request_body_string(request, "cn"),
                                        request_body_string(request, "ou"), changes, &entry);
    if (!error) {
        reply_created(request, reply, collection, request->subject);
        reply_record(reply, entry->values);
    }
    return error;
}

static struct error *update_user(struct request *request, struct reply *reply)
{
    struct directory_entry *entry;
    struct error *error = find_user(request, &entry);
    if (error) {
        return error;
    }
    struct directory_changes *changes = directory_changes_new(request->arena);
    const struct value *unlock = request_body_value(request, "unlock");
    directory_change_fields(changes, update_fields, request->body);
    directory_change_place(changes, request_body_string(request, "cn"),
                           request_body_string(request, "parent_dn"));
    change_account(request, changes);
    if (unlock->state == VALUE_SET && unlock->boolean) {
        directory_change_text(changes, "lockoutTime", "0");
    }
    error = directory_update(request->app->directory, request->arena, &user_class, entry, changes,
                             &entry);
    if (!error) {
        reply_record(reply, entry->values);
    }
    return error;
}

static struct error *delete_user(struct request *request, struct reply *reply)
{
    struct directory_entry *entry;
    struct error *error = find_user(request, &entry);
    if (!error) {
        error = directory_delete(request->app->directory, request->arena, entry);
    }
    if (!error) {
        reply_nothing(reply);
    }
    return error;
}

/* --- routes ---------------------------------------------------------------------------------- */

static const enum error_id read_errors[] = {
    ERR_NOT_FOUND, ERR_AMBIGUOUS, ERR_DIRECTORY_UNAVAILABLE, ERR_DIRECTORY_CREDENTIALS, ERR_COUNT,
};

static const enum error_id list_errors[] = {
    ERR_DIRECTORY_UNAVAILABLE,
    ERR_DIRECTORY_CREDENTIALS,
    ERR_DIRECTORY_LIMIT,
    ERR_COUNT,
};

static const enum error_id write_errors[] = {
    ERR_NOT_FOUND,
    ERR_AMBIGUOUS,
    ERR_ALREADY_EXISTS,
    ERR_CONFLICT,
    ERR_NOT_EMPTY,
    ERR_PARENT_NOT_FOUND,
    ERR_PASSWORD_POLICY,
    ERR_PASSWORD_NEEDS_TLS,
    ERR_DIRECTORY_INVALID,
    ERR_DIRECTORY_REFUSED,
    ERR_DIRECTORY_FORBIDDEN,
    ERR_DIRECTORY_UNAVAILABLE,
    ERR_DIRECTORY_CREDENTIALS,
    ERR_OUTCOME_UNKNOWN,
    ERR_RESULT_UNREAD,
    ERR_PARTIALLY_APPLIED,
    ERR_COUNT,
};

const struct route users_routes[] = {
    {.method = METHOD_GET,
     .pattern = "/api/v1/users",
     .handler = list_users,
     .permission = PERMIT_DIRECTORY_READ,
     .pool = POOL_DIRECTORY,
     .summary = {"Получить список пользователей", "List the users"},
     .query = list_query,
     .shape = REPLY_LIST,
     .reply = &user_schema,
     .errors = list_errors},
    {.method = METHOD_GET,
     .pattern = "/api/v1/users/{username}",
     .handler = get_user,
     .permission = PERMIT_DIRECTORY_READ,
     .pool = POOL_DIRECTORY,
     .summary = {"Получить пользователя", "Get a user"},
     .shape = REPLY_RECORD,
     .reply = &user_schema,
     .errors = read_errors},
    {.method = METHOD_POST,
     .pattern = "/api/v1/users",
     .handler = create_user,
     .permission = PERMIT_DIRECTORY_WRITE,
     .pool = POOL_DIRECTORY,
     .summary = {"Создать пользователя", "Create a user"},
     .body = &create_schema,
     .shape = REPLY_RECORD,
     .reply = &user_schema,
     .errors = write_errors,
     .action = "create_user",
     .resource_type = "user"},
    {.method = METHOD_PATCH,
     .pattern = "/api/v1/users/{username}",
     .handler = update_user,
     .permission = PERMIT_DIRECTORY_WRITE,
     .pool = POOL_DIRECTORY,
     .summary = {"Изменить или переместить пользователя", "Change or move a user"},
     .body = &update_schema,
     .shape = REPLY_RECORD,
     .reply = &user_schema,
     .errors = write_errors,
     .action = "update_user",
     .resource_type = "user"},
    {.method = METHOD_DELETE,
     .pattern = "/api/v1/users/{username}",
     .handler = delete_user,
     .permission = PERMIT_DIRECTORY_WRITE,
     .pool = POOL_DIRECTORY,
     .summary = {"Удалить пользователя", "Delete a user"},
     .shape = REPLY_NOTHING,
     .errors = write_errors,
     .action = "delete_user",
     .resource_type = "user"},
    {.pattern = NULL},
};
