/* Users: the users of the directory. Their sAMAccountType tells them from the accounts of computers
 * and trusts (MS-SAMR 2.2.1.9). */
#include "http/fields.h"
#include "resources/resources.h"
#include "rest/entries.h"

enum {
    ACCOUNT_DISABLED = 0x2, /* bit of userAccountControl: MS-ADTS 2.2.16 */
    LOCKED_OUT = 0x10,      /* bit of msDS-User-Account-Control-Computed */
};

/* --- field maps ------------------------------------------------------------------------------ */

/* The fields that both bodies and replies have. */
#define PERSON_FIELDS                                                                              \
    {.name = "userPrincipalName",                                                                  \
     .type = FIELD_STRING,                                                                         \
     .flags = FIELD_NULLABLE | FIELD_NAME | FIELD_VISIBLE,                                         \
     .min = 1,                                                                                     \
     .max = 1024,                                                                                  \
     .check = directory_check_principal_name,                                                      \
     .attribute = "userPrincipalName",                                                             \
     .codec = CODEC_TEXT,                                                                          \
     .about = {"Имя входа (UPN)", "The user principal name"},                                      \
     .example = "\"ivanov@kontora.test\""},                                                        \
        ENTRY_TEXT("givenName", 64, FIELD_NULLABLE | FIELD_TRIMMED, "Имя", "The given name",       \
                   "\"Иван\""),                                                                    \
        ENTRY_TEXT("sn", 64, FIELD_NULLABLE | FIELD_TRIMMED, "Фамилия", "The surname",             \
                   "\"Иванов\""),                                                                  \
        ENTRY_TEXT("mail", 256, FIELD_NULLABLE | FIELD_ADDRESS, "Электронная почта",               \
                   "The email address", "\"ivanov@example.com\""),                                 \
        ENTRY_TEXT("telephoneNumber", 64, FIELD_NULLABLE | FIELD_TRIMMED, "Телефон",               \
                   "The telephone number", "\"+7 495 123-45-67\""),                                \
        ENTRY_TEXT("title", 128, FIELD_NULLABLE | FIELD_TRIMMED, "Должность", "The job title",     \
                   "\"Менеджер\""),                                                                \
        ENTRY_TEXT("department", 64, FIELD_NULLABLE | FIELD_TRIMMED, "Отдел", "The department",    \
                   "\"Продажи\""),                                                                 \
        ENTRY_TEXT("description", 1024, FIELD_NULLABLE, "Описание", "The description", "null")

#define PASSWORD_FIELD(flags_)                                                                     \
    {                                                                                              \
        .name = "password", .type = FIELD_STRING, .flags = FIELD_SECRET | (flags_), .min = 1,      \
        .max = 256, .about = {"Пароль", "The password"}, .example = "\"Kontora-2026\""             \
    }

#define ACCOUNT_NAME_FIELD(flags_)                                                                 \
    {                                                                                              \
        .name = "sAMAccountName", .type = FIELD_STRING,                                            \
        .flags = FIELD_NAME | FIELD_VISIBLE | (flags_), .min = 1, .max = 20,                       \
        .check = directory_check_user_name, .attribute = "sAMAccountName", .codec = CODEC_TEXT,    \
        .about = {"Имя учётной записи", "The account name"}, .example = "\"ivanov\""               \
    }

#define NAME_FIELD(flags_)                                                                         \
    ENTRY_NAME("cn", flags_, "Полное имя (RDN объекта)", "The full name (the RDN of the entry)",   \
               "\"Иванов Иван\"")

#define PARENT_EXAMPLE "\"OU=Staff,DC=kontora,DC=test\""

static const struct field user_fields[] = {
    ENTRY_DN("\"CN=Иванов Иван,OU=Staff,DC=kontora,DC=test\""),
    ENTRY_TEXT("cn", 64, 0, "Полное имя", "The full name", "\"Иванов Иван\""),
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
     .about = {"Учётная запись включена", "True if the account is enabled"},
     .example = "true"},
    {.name = "locked",
     .type = FIELD_BOOLEAN,
     .attribute = "msDS-User-Account-Control-Computed",
     .codec = CODEC_BITS_SET,
     .mask = LOCKED_OUT,
     .about = {"Учётная запись заблокирована после неудачных входов",
               "True if failed logins have locked the account"},
     .example = "false"},
    ENTRY_GUID,
    {.name = "memberOf",
     .type = FIELD_STRINGS,
     .attribute = "memberOf",
     .codec = CODEC_MEMBERSHIPS,
     .about = {"DN групп, включая основную", "The DNs of the groups, including the primary group"},
     .example = "[\"CN=Domain Users,CN=Users,DC=kontora,DC=test\"]"},
    ENTRY_TIMES,
    {.name = NULL},
};

static const struct field create_fields[] = {
    NAME_FIELD(FIELD_REQUIRED),
    ACCOUNT_NAME_FIELD(FIELD_REQUIRED),
    PASSWORD_FIELD(FIELD_REQUIRED),
    ENTRY_PARENT("ou", FIELD_REQUIRED, PARENT_EXAMPLE),
    PERSON_FIELDS,
    ENTRY_BOOLEAN("enabled", "Включить учётную запись (по умолчанию true)",
                  "True to enable the account (the default)", "true"),
    ENTRY_BOOLEAN("must_change_password", "Потребовать смену пароля при следующем входе",
                  "True if the password must be changed at the next login", "false"),
    {.name = NULL},
};

static const struct field update_fields[] = {
    NAME_FIELD(0),
    ACCOUNT_NAME_FIELD(0),
    PERSON_FIELDS,
    PASSWORD_FIELD(0),
    ENTRY_PARENT("parent_dn", 0, PARENT_EXAMPLE),
    ENTRY_BOOLEAN("enabled", "Включить (true) или отключить (false)",
                  "True to enable the account, false to disable it", "true"),
    ENTRY_BOOLEAN("unlock", "Снять блокировку", "True to unlock the account", "true"),
    ENTRY_BOOLEAN("must_change_password", "Потребовать смену пароля при следующем входе",
                  "True if the password must be changed at the next login", "false"),
    {.name = NULL},
};

static const struct schema user_schema = {"User", user_fields};
static const struct schema create_schema = {"UserCreate", create_fields};
static const struct schema update_schema = {"UserUpdate", update_fields};

static const struct directory_class user_class = {
    .filter = DIRECTORY_USER_FILTER,
    .name_attribute = "sAMAccountName",
    .rdn_attribute = "CN",
    .sort_attribute = "sAMAccountName",
    .searched = (const char *const[]){"cn", "sAMAccountName", "mail", "givenName", "sn",
                                      "displayName", NULL},
    .object_classes = (const char *const[]){"top", "person", "organizationalPerson", "user", NULL},
    .fields = user_fields,
    .parent_field = "ou",
};

/* --- handlers -------------------------------------------------------------------------------- */

/* Applies the fields of the body that do not correspond to an attribute: the password, and the
 * flags of the account. */
static void apply_account_fields(struct request *request, struct directory_changes *changes)
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
        /* The only valid values are 0 ("must change") and -1 ("changed now"): MS-ADTS
         * 3.1.1.5.3.2. */
        directory_change_text(changes, "pwdLastSet", must_change->boolean ? "0" : "-1");
    }
}

/* Applies the body of a change. Unlike the body of a creation, it can also unlock the account. */
static void apply_account_update(struct request *request, struct directory_changes *changes)
{
    const struct value *unlock = request_body_value(request, "unlock");
    apply_account_fields(request, changes);
    if (unlock->state == VALUE_SET && unlock->boolean) {
        directory_change_text(changes, "lockoutTime", "0");
    }
}

/* Ends the sessions if the request set a password, set or cleared the obligation to change it, or
 * disabled the account. */
static void end_sessions_after_update(struct request *request, const struct directory_entry *entry)
{
    const struct value *enabled = request_body_value(request, "enabled");
    const struct value *must_change = request_body_value(request, "must_change_password");
    if (request_body_string(request, "password") || must_change->state == VALUE_SET ||
        (enabled->state == VALUE_SET && !enabled->boolean)) {
        entries_end_sessions(request, entry->guid);
    }
}

static const struct entries users = {
    .class = &user_class,
    .rdn_field = "cn",
    .create = apply_account_fields,
    .update = apply_account_update,
    .updated = end_sessions_after_update,
    .ends_sessions = true,
};

/* Adds the user to the group or removes them. Looks both up without reading their attributes. */
static struct error *change_user_group(struct request *request,
                                       enum directory_member_state belonging,
                                       struct directory_entry **user_r)
{
    const struct directory_membership membership = {
        .group = request_path_value(request, "group"),
        .group_parent_dn = request_query_string(request, "parent_dn"),
        .member = request_path_value(request, "username"),
        .member_filter = DIRECTORY_USER_FILTER,
        .identifier_filter = DIRECTORY_USER_FILTER,
        .belonging = belonging,
    };
    struct directory_entry *group;
    return entries_change_member(request, &membership, &group, user_r);
}

static struct error *add_user_to_group(struct request *request, struct reply *reply)
{
    struct directory_entry *user;
    struct error *error = change_user_group(request, DIRECTORY_MEMBER, &user);
    if (!error) {
        error =
            directory_read(app_of(request)->directory, request->arena, &user_class, user, &user);
    }
    if (!error) {
        reply_record(reply, user->values);
    }
    return error;
}

static struct error *remove_user_from_group(struct request *request, struct reply *reply)
{
    struct directory_entry *user;
    struct error *error = change_user_group(request, DIRECTORY_NO_MEMBER, &user);
    if (!error) {
        reply_no_content(reply);
    }
    return error;
}

/* --- routes ---------------------------------------------------------------------------------- */

#define PATH "/api/v1/users"

static const enum error_id create_errors[] = {ENTRIES_CHANGE_ERRORS, ERR_PASSWORD_POLICY,
                                              ERR_PASSWORD_NEEDS_TLS, ERR_COUNT};
static const enum error_id update_errors[] = {ENTRIES_CHANGE_ERRORS, ERR_PROTECTED_OBJECT,
                                              ERR_PASSWORD_POLICY,   ERR_PASSWORD_NEEDS_TLS,
                                              ERR_PARTIALLY_APPLIED, ERR_COUNT};

const struct route users_routes[] = {
    {ENTRIES_LIST_ROW(&users, PATH, &user_schema),
     .summary = {"Получить список пользователей", "List the users"}},
    {ENTRIES_GET_ROW(&users, PATH "/{username}", &user_schema),
     .summary = {"Получить пользователя", "Get a user"}},
    {ENTRIES_CREATE_ROW(&users, PATH, "user", &user_schema),
     .summary = {"Создать пользователя", "Create a user"}, .body = &create_schema,
     .errors = create_errors},
    {ENTRIES_UPDATE_ROW(&users, PATH "/{username}", "user", &user_schema),
     .summary = {"Изменить или переместить пользователя", "Change or move a user"},
     .body = &update_schema, .errors = update_errors},
    {ENTRIES_DELETE_TREE_ROW(&users, PATH "/{username}", "user"),
     .summary = {"Удалить пользователя", "Delete a user"}, ENTRIES_DELETE_TREE_ABOUT},
    {ENTRIES_MEMBER_ROW(METHOD_POST, PATH "/{username}/groups/{group}", "group", add_user_to_group,
                        "add_user_to_group"),
     .summary = {"Добавить пользователя в группу", "Add a user to a group"}, .shape = REPLY_RECORD,
     .reply = &user_schema},
    {ENTRIES_MEMBER_ROW(METHOD_DELETE, PATH "/{username}/groups/{group}", "group",
                        remove_user_from_group, "remove_user_from_group"),
     .summary = {"Удалить пользователя из группы", "Remove a user from a group"},
     .shape = REPLY_NOTHING},
    {.pattern = NULL},
};
