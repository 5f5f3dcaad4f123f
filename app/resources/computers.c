/* Computers: the machine accounts of the directory, without managed service accounts. The accounts
 * of domain controllers are shown and never changed. */
#include "base/arena.h"
#include "base/fold.h"
#include "base/random.h"
#include "base/utf8.h"
#include "directory/names.h"
#include "resources/resources.h"
#include "rest/entries.h"

#include <string.h>

enum {
    ACCOUNT_DISABLED = 0x2,    /* bit of userAccountControl: MS-ADTS 2.2.16 */
    NAME_MAX_UNITS = 15,       /* of a NetBIOS name, without the "$" of the account name */
    PASSWORD_CHARACTERS = 120, /* as in the passwords that Windows sets for its own account */
    ALPHANUMERIC = 62,         /* base of random_digits() */
};

/* --- field maps ------------------------------------------------------------------------------ */

/* Checks a name of at most 15 characters, with or without one "$" at its end. */
static enum fault_id check_computer_name(const char *text, size_t length)
{
    size_t bare = length && text[length - 1] == '$' ? length - 1 : length;
    bool valid = utf8_utf16_units(text, bare) <= NAME_MAX_UNITS &&
                 directory_check_account_name(text, bare) == FAULT_NONE && text[bare - 1] != '$';
    return valid ? FAULT_NONE : FAULT_COMPUTER_NAME;
}

#define COMPUTER_NAME(flags_)                                                                      \
    ENTRY_NAME("cn", flags_, "Имя компьютера (RDN объекта)",                                       \
               "The name of the computer (the RDN of the entry)", "\"pc-017\"")

#define COMPUTER_ACCOUNT_NAME(ru_, en_)                                                            \
    {                                                                                              \
        .name = "sAMAccountName", .type = FIELD_STRING, .flags = FIELD_NAME | FIELD_VISIBLE,       \
        .min = 1, .max = NAME_MAX_UNITS + 1, .check = check_computer_name,                         \
        .attribute = "sAMAccountName", .codec = CODEC_TEXT, .about = {(ru_), (en_)},               \
        .example = "\"pc-017$\""                                                                   \
    }

/* The fields that both bodies and replies have. */
#define COMPUTER_FIELDS                                                                            \
    ENTRY_TEXT("dNSHostName", 2048, FIELD_NULLABLE | FIELD_ADDRESS, "Имя DNS", "The DNS name",     \
               "\"pc-017.kontora.test\""),                                                         \
        {.name = "managedBy",                                                                      \
         .type = FIELD_STRING,                                                                     \
         .flags = FIELD_NULLABLE,                                                                  \
         .min = 1,                                                                                 \
         .max = 4096,                                                                              \
         .attribute = "managedBy",                                                                 \
         .codec = CODEC_LINK,                                                                      \
         .about = {"DN ответственного пользователя или группы; в запросе также objectGUID",        \
                   "The DN of the user or group in charge; a request may also have the "           \
                   "objectGUID"},                                                                  \
         .example = "\"CN=Иванов Иван,OU=Staff,DC=kontora,DC=test\""},                             \
        ENTRY_DESCRIPTION("\"Reception\"")

#define PARENT_EXAMPLE "\"OU=Computers,DC=kontora,DC=test\""

static const struct field computer_fields[] = {
    ENTRY_DN("\"CN=pc-017,OU=Computers,DC=kontora,DC=test\""),
    ENTRY_TEXT("cn", 64, 0, "Имя компьютера", "The name of the computer", "\"pc-017\""),
    ENTRY_TEXT("sAMAccountName", 256, 0, "Имя учётной записи компьютера, с $ в конце",
               "The account name of the computer, which ends with $", "\"pc-017$\""),
    COMPUTER_FIELDS,
    ENTRY_TEXT("operatingSystem", 1024, FIELD_NULLABLE,
               "Операционная система, как её сообщил компьютер",
               "The operating system, as the computer reported it", "\"Windows 11 Pro\""),
    ENTRY_TEXT("operatingSystemVersion", 1024, FIELD_NULLABLE,
               "Версия операционной системы, как её сообщил компьютер",
               "The version of the operating system, as the computer reported it",
               "\"10.0 (22631)\""),
    {.name = "lastLogon",
     .type = FIELD_TIME,
     .flags = FIELD_NULLABLE,
     .attribute = "lastLogonTimestamp",
     .codec = CODEC_FILETIME,
     .about = {"Время последнего входа по данным репликации: может отставать на 14 дней",
               "The time of the last login, as it is replicated: up to 14 days old"},
     .example = "\"2026-11-20T12:34:56.000Z\""},
    {.name = "enabled",
     .type = FIELD_BOOLEAN,
     .attribute = "userAccountControl",
     .codec = CODEC_BITS_CLEAR,
     .mask = ACCOUNT_DISABLED,
     .about = {"Учётная запись включена", "True if the account is enabled"},
     .example = "true"},
    ENTRY_GUID,
    {.name = "memberOf",
     .type = FIELD_STRINGS,
     .attribute = "memberOf",
     .codec = CODEC_MEMBERSHIPS,
     .about = {"DN групп, включая основную", "The DNs of the groups, including the primary group"},
     .example = "[\"CN=Domain Computers,CN=Users,DC=kontora,DC=test\"]"},
    ENTRY_TIMES,
    {.name = NULL},
};

static const struct field create_fields[] = {
    COMPUTER_NAME(FIELD_REQUIRED),
    ENTRY_PARENT("ou", FIELD_REQUIRED, PARENT_EXAMPLE),
    COMPUTER_ACCOUNT_NAME(
        "Имя учётной записи: до 15 символов, $ в конце можно не писать (по умолчанию — первые 15 "
        "символов cn)",
        "The account name: up to 15 characters; the $ at its end may be omitted (default: the "
        "first 15 characters of cn)"),
    COMPUTER_FIELDS,
    ENTRY_BOOLEAN("enabled", "Включить учётную запись (по умолчанию true)",
                  "True to enable the account (the default)", "true"),
    {.name = NULL},
};

static const struct field update_fields[] = {
    COMPUTER_NAME(0),
    ENTRY_PARENT("parent_dn", 0, PARENT_EXAMPLE),
    COMPUTER_ACCOUNT_NAME("Имя учётной записи: до 15 символов, $ в конце можно не писать",
                          "The account name: up to 15 characters; the $ at its end may be omitted"),
    COMPUTER_FIELDS,
    ENTRY_BOOLEAN("enabled", "Включить (true) или отключить (false)",
                  "True to enable the account, false to disable it", "true"),
    {.name = NULL},
};

static const struct schema computer_schema = {"Computer", computer_fields};
static const struct schema create_schema = {"ComputerCreate", create_fields};
static const struct schema update_schema = {"ComputerUpdate", update_fields};

static const struct directory_class computer_class = {
    .filter = DIRECTORY_COMPUTER_FILTER,
    .name_attribute = "sAMAccountName",
    .machine_names = true,
    .rdn_attribute = "CN",
    .sort_attribute = "cn",
    .searched = (const char *const[]){"cn", "sAMAccountName", "dNSHostName", "description", NULL},
    .object_classes =
        (const char *const[]){"top", "person", "organizationalPerson", "user", "computer", NULL},
    .fields = computer_fields,
    .writable = update_fields,
    .parent_field = "ou",
};

/* --- handlers -------------------------------------------------------------------------------- */

/* Returns a password that nobody knows. It is sent to the directory and not kept. */
static const char *generate_machine_password(struct arena *arena)
{
    struct random_source source = {0};
    char *password = arena_alloc(arena, PASSWORD_CHARACTERS + 1);
    random_digits(&source, password, PASSWORD_CHARACTERS, ALPHANUMERIC);
    return password;
}

/* Sets sAMAccountName to the name, with a "$" at its end. Returns the new value. */
static const char *set_account_name(struct request *request, struct directory_changes *changes,
                                    const char *name)
{
    const char *composed = fold_compose(request->arena, name);
    const char *account = composed[strlen(composed) - 1] == '$'
                              ? composed
                              : arena_format(request->arena, "%s$", composed);
    directory_change_text(changes, "sAMAccountName", account);
    return account;
}

static void apply_enabled(struct request *request, struct directory_changes *changes)
{
    const struct value *enabled = request_body_value(request, "enabled");
    if (enabled->state == VALUE_SET) {
        directory_change_account_control(changes, ACCOUNT_DISABLED, !enabled->boolean);
    }
}

/* Completes a new computer. It gets a random password, because the directory may accept an empty
 * one for an account that has none. */
static void complete_computer(struct request *request, struct directory_changes *changes)
{
    const char *name = request_body_string(request, "sAMAccountName");
    if (!name) {
        name = names_derive_account(request->arena, request_body_string(request, "cn"),
                                    NAME_MAX_UNITS);
    }
    request->subject = set_account_name(request, changes, name);
    apply_enabled(request, changes);
    directory_change_password(changes, generate_machine_password(request->arena));
}

static void apply_computer_update(struct request *request, struct directory_changes *changes)
{
    const char *name = request_body_string(request, "sAMAccountName");
    if (name) {
        (void)set_account_name(request, changes, name);
    }
    apply_enabled(request, changes);
}

/* Replaces managedBy by the DN of the object that it names. */
static struct error *resolve_managed_by(struct request *request)
{
    struct value *value = request_body_value(request, "managedBy");
    const char *dn = NULL;
    if (value->state != VALUE_SET) {
        return NULL;
    }
    struct error *error = directory_resolve_object(app_of(request)->directory, request->arena,
                                                   value->string.bytes, "managedBy", &dn);
    if (!error) {
        field_set_string(value, dn);
    }
    return error;
}

static const struct entries computers = {
    .class = &computer_class,
    .rdn_field = "cn",
    .resolve = resolve_managed_by,
    .create = complete_computer,
    .update = apply_computer_update,
};

/* Sets a random password, the first time if the conditions of the request permit that. */
static struct error *set_random_password(struct request *request,
                                         const struct directory_entry *computer, bool first)
{
    struct directory_changes *changes = directory_changes_new(request->arena);
    struct directory_entry *changed;
    directory_change_password(changes, generate_machine_password(request->arena));
    if (first) {
        entries_set_condition(request, changes);
    }
    return directory_update(app_of(request)->directory, request->arena, &computer_class, computer,
                            changes, &changed);
}

/* Returns the error to reply with if the second password could not be set: the first one was. */
static struct error *report_half_reset(struct request *request, struct error *error)
{
    if (error_may_follow_change(error) || error->id == ERR_RESULT_UNREAD) {
        return error;
    }
    return error_detail(error_new(request->arena, ERR_PARTIALLY_APPLIED, "%s",
                                  error->cause ? error->cause : "the second password was not set"),
                        NULL, FAULT_NONE, request->object_dn);
}

/* Gives the machine account a random password, so that the computer can no longer use the domain
 * until it joins again. Sets a password twice, because controllers accept the previous password of
 * a machine account for some time. (The tools of Windows set the name of the computer as the
 * password, so that anybody could act as the computer until it joins.) */
static struct error *reset_computer(struct request *request, struct reply *reply)
{
    struct directory_entry *computer;
    struct error *error = entries_find(request, &computer);
    if (!error) {
        error = set_random_password(request, computer, true);
    }
    if (error) {
        return error;
    }
    error = set_random_password(request, computer, false);
    if (error) {
        return report_half_reset(request, error);
    }
    reply_no_content(reply);
    return NULL;
}

/* --- routes ---------------------------------------------------------------------------------- */

#define PATH "/api/v1/computers"

static const enum error_id create_errors[] = {ENTRIES_CHANGE_ERRORS, ERR_PASSWORD_POLICY,
                                              ERR_PASSWORD_NEEDS_TLS, ERR_COUNT};
static const enum error_id reset_errors[] = {ENTRIES_UPDATE_ERRORS, ERR_PROTECTED_OBJECT,
                                             ERR_PASSWORD_POLICY,   ERR_PASSWORD_NEEDS_TLS,
                                             ERR_PARTIALLY_APPLIED, ERR_COUNT};

const struct route computers_routes[] = {
    {ENTRIES_LIST_ROW(&computers, PATH, &computer_schema),
     .summary = {"Получить список компьютеров", "List the computers"}},
    {ENTRIES_GET_ROW(&computers, PATH "/{computer}", &computer_schema),
     .summary = {"Получить компьютер", "Get a computer"}},
    {ENTRIES_CREATE_ROW(&computers, PATH, "computer", &computer_schema),
     .summary = {"Создать компьютер", "Create a computer"},
     .about = {"Пароль учётной записи случайный: его заменит ввод компьютера в домен.",
               "The password of the account is random; joining the domain replaces it."},
     .body = &create_schema, .errors = create_errors},
    {ENTRIES_UPDATE_ROW(&computers, PATH "/{computer}", "computer", &computer_schema),
     .summary = {"Изменить или переместить компьютер", "Change or move a computer"},
     .body = &update_schema, .errors = entries_update_errors},
    {ENTRIES_WRITE_ROW(&computers, "reset", "computer", RIGHT_BIT(RIGHT_RESET_PASSWORD)),
     .method = METHOD_POST, .pattern = PATH "/{computer}/reset", .handler = reset_computer,
     .query = entries_place_query, .resource = "computer", .shape = REPLY_NOTHING,
     .versioned = true,
     .summary = {"Сбросить учётную запись компьютера", "Reset the account of a computer"},
     .about =
         {"Устанавливает случайный пароль: компьютер теряет доверие домена, пока его не введут "
          "в домен снова.",
          "Sets a random password: the computer loses the trust of the domain until it joins "
          "again."},
     .errors = reset_errors},
    {ENTRIES_DELETE_TREE_ROW(&computers, PATH "/{computer}", "computer"),
     .summary = {"Удалить компьютер", "Delete a computer"},
     .about = {"Вложенные объекты, например ключи восстановления BitLocker, удаляются только с "
               "children=true.",
               "Objects below the computer, such as BitLocker recovery keys, are deleted only with "
               "children=true."}},
    {.pattern = NULL},
};
