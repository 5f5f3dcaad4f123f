/* See user_fields.h. */
#include "rest/user_fields.h"

#include "base/arena.h"
#include "base/config.h"
#include "base/country.h"
#include "base/utf8.h"
#include "directory/references.h"
#include "directory/user_attributes.h"
#include "rest/app.h"
#include "rest/entries.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIELDS_MAX = 128,   /* capacity of a map; the last row ends it */
    PATH_LENGTH = 1024, /* of attributes without a maximum in the schema */
    WORKSTATIONS = 64,
    WORKSTATION_LENGTH = 63,    /* a label of a DNS name */
    WORKSTATIONS_LENGTH = 1024, /* of all names and the commas between them: MS-ADA3 */
};

/* Bits of userAccountControl (MS-ADTS 2.2.16), and of msDS-User-Account-Control-Computed. */
enum {
    USER_DISABLED = 0x2,
    USER_LOCKED = 0x10, /* computed only */
    USER_PASSWORD_NEVER_EXPIRES = 0x10000,
    USER_SMARTCARD_REQUIRED = 0x40000,
};

/* Bounds of accountExpires: a FILETIME is positive, and a year has four digits. */
#define FIRST_EXPIRY INT64_C(-11644387200000) /* 1601-01-02 */
#define LAST_EXPIRY INT64_C(253402300799999)  /* 9999-12-31 */

/* --- checks ---------------------------------------------------------------------------------- */

static enum fault_id check_drive(const char *text, size_t length)
{
    bool letter = length == strlen("Z:") &&
                  ((*text >= 'A' && *text <= 'Z') || (*text >= 'a' && *text <= 'z'));
    return letter && text[1] == ':' ? FAULT_NONE : FAULT_NOT_DRIVE;
}

/* Accepts the characters that names of computers may have (MS-SAMR 3.1.1.6). */
static enum fault_id check_workstation(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (strchr("\"/\\[]:;|=,+*?<>", text[i])) {
            return FAULT_NOT_COMPUTER_NAME;
        }
    }
    return FAULT_NONE;
}

/* --- rows of the maps ------------------------------------------------------------------------ */

/* A text that lists show only if ?fields= names it. */
#define MORE_TEXT(attribute_, max_, ru_, en_, example_)                                            \
    ENTRY_TEXT(attribute_, max_, FIELD_NULLABLE | FIELD_TRIMMED | FIELD_ON_REQUEST, ru_, en_,      \
               example_)

#define LIST_TEXT(attribute_, max_, flags_, ru_, en_, example_)                                    \
    ENTRY_TEXT(attribute_, max_, FIELD_NULLABLE | (flags_), ru_, en_, example_)

/* Fields of bodies and replies that lists show by default. */
#define LISTED_FIELDS                                                                              \
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
        LIST_TEXT("givenName", 64, FIELD_TRIMMED, "Имя", "The given name", "\"Иван\""),            \
        LIST_TEXT("sn", 64, FIELD_TRIMMED, "Фамилия", "The surname", "\"Иванов\""),                \
        LIST_TEXT("mail", 256, FIELD_ADDRESS, "Электронная почта", "The email address",            \
                  "\"ivanov@example.com\""),                                                       \
        LIST_TEXT("telephoneNumber", 64, FIELD_TRIMMED, "Телефон", "The telephone number",         \
                  "\"+7 495 123-45-67\""),                                                         \
        LIST_TEXT("title", 128, FIELD_TRIMMED, "Должность", "The job title", "\"Менеджер\""),      \
        LIST_TEXT("department", 64, FIELD_TRIMMED, "Отдел", "The department", "\"Продажи\""),      \
        LIST_TEXT("description", 1024, 0, "Описание", "The description", "null")

#define NAME_FIELDS                                                                                \
    MORE_TEXT("displayName", 256, "Отображаемое имя", "The display name", "\"Иванов Иван\""),      \
        MORE_TEXT("initials", 6, "Инициалы", "The initials", "\"И. И.\"")

#define TELEPHONE_FIELDS                                                                           \
    MORE_TEXT("mobile", 64, "Мобильный телефон", "The mobile telephone number",                    \
              "\"+7 916 123-45-67\""),                                                             \
        MORE_TEXT("homePhone", 64, "Домашний телефон", "The home telephone number", "null"),       \
        MORE_TEXT("ipPhone", 64, "IP-телефон", "The number or address of the IP telephone",        \
                  "\"4711\""),                                                                     \
        MORE_TEXT("facsimileTelephoneNumber", 64, "Факс", "The fax number", "null"),               \
        MORE_TEXT("pager", 64, "Пейджер", "The pager number", "null")

#define EMPLOYMENT_FIELDS                                                                          \
    MORE_TEXT("company", 64, "Организация", "The company", "\"Контора\""),                         \
        MORE_TEXT("employeeID", 16, "Идентификатор сотрудника", "The id of the employee",          \
                  "\"00017\""),                                                                    \
        MORE_TEXT("employeeNumber", 512, "Табельный номер", "The number of the employee", "null"), \
        MORE_TEXT("employeeType", 256, "Вид занятости", "The type of employment", "null")

#define ADDRESS_FIELDS                                                                             \
    MORE_TEXT("physicalDeliveryOfficeName", 128, "Кабинет", "The office", "\"217\""),              \
        MORE_TEXT("streetAddress", 1024, "Улица, дом", "The street address", "\"Тверская, 7\""),   \
        MORE_TEXT("postOfficeBox", 40, "Абонентский ящик", "The post office box", "null"),         \
        MORE_TEXT("l", 128, "Город", "The city", "\"Москва\""),                                    \
        MORE_TEXT("st", 128, "Область, край", "The state or province", "null"),                    \
        MORE_TEXT("postalCode", 40, "Почтовый индекс", "The postal code", "\"125009\""),           \
    {                                                                                              \
        .name = "c", .type = FIELD_STRING,                                                         \
        .flags = FIELD_NULLABLE | FIELD_TRIMMED | FIELD_ON_REQUEST, .min = COUNTRY_CODE_LENGTH,    \
        .max = COUNTRY_CODE_LENGTH, .check = country_check, .attribute = "c", .codec = CODEC_TEXT, \
        .about = {"Код страны из двух букв (ISO 3166-1). Задаёт и атрибуты `co` и `countryCode`",  \
                  "The country code of two letters (ISO 3166-1). Also sets the attributes `co` "   \
                  "and `countryCode`"},                                                            \
        .example = "\"RU\""                                                                        \
    }

#define OTHER_FIELDS                                                                               \
    MORE_TEXT("wWWHomePage", 2048, "Веб-страница", "The web page", "null"),                        \
        MORE_TEXT("info", 1024, "Заметки", "The notes", "null")

#define PROFILE_FIELDS                                                                             \
    MORE_TEXT("homeDirectory", PATH_LENGTH, "Домашняя папка", "The home folder",                   \
              "\"\\\\\\\\files\\\\home\\\\ivanov\""),                                              \
        {.name = "homeDrive",                                                                      \
         .type = FIELD_STRING,                                                                     \
         .flags = FIELD_NULLABLE | FIELD_TRIMMED | FIELD_ON_REQUEST,                               \
         .min = 2,                                                                                 \
         .max = 2,                                                                                 \
         .check = check_drive,                                                                     \
         .attribute = "homeDrive",                                                                 \
         .codec = CODEC_TEXT,                                                                      \
         .about = {"Диск домашней папки", "The drive of the home folder"},                         \
         .example = "\"H:\""},                                                                     \
        MORE_TEXT("profilePath", PATH_LENGTH, "Папка профиля", "The folder of the profile",        \
                  "null"),                                                                         \
        MORE_TEXT("scriptPath", PATH_LENGTH, "Сценарий входа", "The login script", "null"),        \
    {                                                                                              \
        .name = "accountExpires", .type = FIELD_TIME, .flags = FIELD_NULLABLE | FIELD_ON_REQUEST,  \
        .min = FIRST_EXPIRY, .max = LAST_EXPIRY, .attribute = "accountExpires",                    \
        .codec = CODEC_FILETIME,                                                                   \
        .about = {"Время, с которого вход запрещён; null: бессрочно",                              \
                  "The time from which logins are refused; null: never"},                          \
        .example = "\"2027-01-01T00:00:00.000Z\""                                                  \
    }

#define MORE_FIELDS                                                                                \
    NAME_FIELDS, TELEPHONE_FIELDS, EMPLOYMENT_FIELDS, ADDRESS_FIELDS, OTHER_FIELDS, PROFILE_FIELDS

#define WORKSTATIONS_FIELD(flags_)                                                                 \
    {                                                                                              \
        .name = "userWorkstations", .type = FIELD_STRINGS,                                         \
        .flags = FIELD_ADDRESS | FIELD_ON_REQUEST | FIELD_NOT_FILTERABLE | (flags_), .min = 1,     \
        .max = WORKSTATION_LENGTH, .items_max = WORKSTATIONS, .check = check_workstation,          \
        .attribute = "userWorkstations", .codec = CODEC_LIST,                                      \
        .about = {"Компьютеры, с которых разрешён вход; пустой список: с любых",                   \
                  "The computers on which logins are allowed; an empty list: all"},                \
        .example = "[\"PC-017\"]"                                                                  \
    }

#define NEVER_EXPIRES_RU "Срок действия пароля не ограничен"
#define NEVER_EXPIRES_EN "True if the password never expires"
#define SMARTCARD_RU "Вход только по смарт-карте"
#define SMARTCARD_EN "True if logins require a smart card"

/* A flag of the account in replies. */
#define FLAG_FIELD(name_, mask_, ru_, en_)                                                         \
    {                                                                                              \
        .name = (name_), .type = FIELD_BOOLEAN, .flags = FIELD_ON_REQUEST,                         \
        .attribute = "userAccountControl", .codec = CODEC_BITS_SET, .mask = (mask_),               \
        .about = {(ru_), (en_)}, .example = "false"                                                \
    }

#define ACCOUNT_TIME(name_, attribute_, codec_, flags_, ru_, en_)                                  \
    {                                                                                              \
        .name = (name_), .type = FIELD_TIME,                                                       \
        .flags = FIELD_NULLABLE | FIELD_ON_REQUEST | (flags_), .attribute = (attribute_),          \
        .codec = (codec_), .about = {(ru_), (en_)}, .example = "\"2026-11-20T12:34:56.789Z\""      \
    }

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

/* Fields that have this form in bodies only. */
#define BODY_FIELDS                                                                                \
    {.name = "manager",                                                                            \
     .type = FIELD_STRING,                                                                         \
     .flags = FIELD_NULLABLE | FIELD_TRIMMED,                                                      \
     .min = 1,                                                                                     \
     .max = 4096,                                                                                  \
     .attribute = "manager",                                                                       \
     .codec = CODEC_REFERENCE,                                                                     \
     .about = {"Руководитель: DN или objectGUID пользователя или контакта",                        \
               "The manager: the DN or the objectGUID of a user or a contact"},                    \
     .example = "\"CN=Петрова Анна,OU=Staff,DC=kontora,DC=test\""},                                \
        WORKSTATIONS_FIELD(FIELD_NULLABLE),                                                        \
        ENTRY_BOOLEAN("passwordNeverExpires", NEVER_EXPIRES_RU, NEVER_EXPIRES_EN, "false"),        \
        ENTRY_BOOLEAN("smartcardRequired", SMARTCARD_RU, SMARTCARD_EN, "false")

/* A field that can only be cleared. */
static const char *const null_only[] = {NULL};

/* --- the maps -------------------------------------------------------------------------------- */

static const struct field manager_fields[] = {
    ENTRY_DN("\"CN=Петрова Анна,OU=Staff,DC=kontora,DC=test\""),
    {.name = "objectGUID",
     .type = FIELD_STRING,
     .flags = FIELD_NULLABLE,
     .format = "uuid",
     .about = {"Идентификатор объекта; null, если объект вне LDAP_BASE_DN",
               "The id of the entry; null if it is outside LDAP_BASE_DN"},
     .example = "\"a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11\""},
    {.name = "name",
     .type = FIELD_STRING,
     .flags = FIELD_NULLABLE,
     .about = {"Отображаемое имя или, если его нет, полное имя",
               "The display name or, if there is none, the full name"},
     .example = "\"Петрова Анна\""},
    {.name = NULL},
};

static struct field reply_fields[FIELDS_MAX] = {
    ENTRY_DN("\"CN=Иванов Иван,OU=Staff,DC=kontora,DC=test\""),
    ENTRY_TEXT("cn", 64, 0, "Полное имя", "The full name", "\"Иванов Иван\""),
    ACCOUNT_NAME_FIELD(0),
    LISTED_FIELDS,
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
     .mask = USER_DISABLED,
     .about = {"Учётная запись включена", "True if the account is enabled"},
     .example = "true"},
    {.name = "locked",
     .type = FIELD_BOOLEAN,
     .flags = FIELD_NOT_FILTERABLE,
     .attribute = "msDS-User-Account-Control-Computed",
     .codec = CODEC_BITS_SET,
     .mask = USER_LOCKED,
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
    MORE_FIELDS,
    {.name = "manager",
     .type = FIELD_RECORD,
     .flags = FIELD_NULLABLE | FIELD_ON_REQUEST,
     .fields = manager_fields,
     .attribute = "manager",
     .codec = CODEC_REFERENCE,
     .about = {"Руководитель", "The manager"},
     .example = "{}"},
    {.name = "directReports",
     .type = FIELD_STRINGS,
     .flags = FIELD_ON_REQUEST,
     .attribute = "directReports",
     .codec = CODEC_LINKS,
     .about = {"DN подчинённых: у них этот пользователь указан руководителем",
               "The DNs of the direct reports: the entries whose manager is this user"},
     .example = "[\"CN=Сидоров Пётр,OU=Staff,DC=kontora,DC=test\"]"},
    WORKSTATIONS_FIELD(0),
    FLAG_FIELD("passwordNeverExpires", USER_PASSWORD_NEVER_EXPIRES, NEVER_EXPIRES_RU,
               NEVER_EXPIRES_EN),
    FLAG_FIELD("smartcardRequired", USER_SMARTCARD_REQUIRED, SMARTCARD_RU, SMARTCARD_EN),
    ACCOUNT_TIME("passwordLastSet", "pwdLastSet", CODEC_FILETIME, 0,
                 "Время смены пароля; null, если пароль нужно сменить при следующем входе",
                 "The time at which the password was set; null if it must be changed at the next "
                 "login"),
    ACCOUNT_TIME("passwordExpires", "msDS-UserPasswordExpiryTimeComputed", CODEC_FILETIME,
                 FIELD_NOT_FILTERABLE,
                 "Время, когда истекает пароль; null: не истекает или его нужно сменить",
                 "The time at which the password expires; null: it never does, or it must be "
                 "changed"),
    ACCOUNT_TIME("lastLogon", "lastLogonTimestamp", CODEC_FILETIME, 0,
                 "Время последнего входа (lastLogonTimestamp). Контроллеры обмениваются этим "
                 "значением не при каждом входе, поэтому оно может отставать на 14 дней",
                 "The time of the last login (lastLogonTimestamp). Controllers do not replicate "
                 "it at each login, so it can be up to 14 days old"),
    ACCOUNT_TIME("lockedAt", "lockoutTime", CODEC_FILETIME, 0,
                 "Время последней блокировки; остаётся до разблокировки или входа, см. `locked`",
                 "The time of the last lockout; it stays until the account is unlocked or logs "
                 "in, see `locked`"),
    {.name = "badPasswordCount",
     .type = FIELD_INTEGER,
     .flags = FIELD_NULLABLE | FIELD_ON_REQUEST,
     .attribute = "badPwdCount",
     .codec = CODEC_INTEGER,
     .about = {"Число неудачных входов на этом контроллере; сбрасывается при входе",
               "The number of failed logins at this controller; reset by a login"},
     .example = "0"},
    {.name = "co",
     .type = FIELD_STRING,
     .flags = FIELD_INTERNAL | FIELD_ON_REQUEST,
     .attribute = "co",
     .codec = CODEC_TEXT,
     .about = {"Название страны", "The name of the country"},
     .example = "\"Russia\""},
};

static struct field create_fields[FIELDS_MAX] = {
    NAME_FIELD(FIELD_REQUIRED),
    ACCOUNT_NAME_FIELD(FIELD_REQUIRED),
    PASSWORD_FIELD(FIELD_REQUIRED),
    ENTRY_PARENT("ou", FIELD_REQUIRED, PARENT_EXAMPLE),
    LISTED_FIELDS,
    ENTRY_BOOLEAN("enabled", "Включить учётную запись (по умолчанию true)",
                  "True to enable the account (the default)", "true"),
    ENTRY_BOOLEAN("must_change_password", "Потребовать смену пароля при следующем входе",
                  "True if the password must be changed at the next login", "false"),
    MORE_FIELDS,
    BODY_FIELDS,
};

static struct field update_fields[FIELDS_MAX] = {
    NAME_FIELD(0),
    ACCOUNT_NAME_FIELD(0),
    LISTED_FIELDS,
    PASSWORD_FIELD(0),
    ENTRY_PARENT("parent_dn", 0, PARENT_EXAMPLE),
    ENTRY_BOOLEAN("enabled", "Включить (true) или отключить (false)",
                  "True to enable the account, false to disable it", "true"),
    ENTRY_BOOLEAN("unlock", "Снять блокировку", "True to unlock the account", "true"),
    ENTRY_BOOLEAN("must_change_password", "Потребовать смену пароля при следующем входе",
                  "True if the password must be changed at the next login", "false"),
    MORE_FIELDS,
    BODY_FIELDS,
    {.name = "logonHours",
     .type = FIELD_STRING,
     .flags = FIELD_NULLABLE,
     .choices = null_only,
     .about = {"Часы, в которые разрешён вход: null — любые",
               "The hours at which logins are allowed; null: any"},
     .example = "null"},
};

const struct schema user_fields_schema = {"User", reply_fields};
const struct schema user_fields_create_schema = {"UserCreate", create_fields};
const struct schema user_fields_update_schema = {"UserUpdate", update_fields};

const struct directory_class user_fields_class = {
    .filter = DIRECTORY_USER_FILTER,
    .name_attribute = "sAMAccountName",
    .rdn_attribute = "CN",
    .sort_attribute = "sAMAccountName",
    .searched = (const char *const[]){"cn", "sAMAccountName", "mail", "givenName", "sn",
                                      "displayName", NULL},
    .object_classes = (const char *const[]){"top", "person", "organizationalPerson", "user", NULL},
    .fields = reply_fields,
    .writable = update_fields,
    .versioned = (const char *const[]){"co", "countryCode", "logonHours", NULL},
    .parent_field = "ou",
};

/* --- further attributes ---------------------------------------------------------------------- */

/* Number of fields of each map without further attributes; 0: not counted yet. */
enum { REPLY_MAP, CREATE_MAP, UPDATE_MAP, MAPS };

static size_t standard_count[MAPS];
static struct field *const maps[MAPS] = {
    [REPLY_MAP] = reply_fields, [CREATE_MAP] = create_fields, [UPDATE_MAP] = update_fields};

/* The further fields were compared with the schema in this process. */
static bool is_verified;

static void count_standard_fields(void)
{
    for (size_t i = 0; !standard_count[MAPS - 1] && i < MAPS; i++) {
        standard_count[i] = fields_count(maps[i]);
        if (standard_count[i] + USER_ATTRIBUTES_MAX >= FIELDS_MAX) {
            abort(); /* programming error: FIELDS_MAX is too small */
        }
    }
}

/* True if a standard field has this name, or is bound to this attribute. */
static bool is_standard(const char *name)
{
    for (size_t i = 0; i < MAPS; i++) {
        for (size_t j = 0; j < standard_count[i]; j++) {
            const struct field *field = &maps[i][j];
            if (!strcasecmp(field->name, name) ||
                (field->attribute && !strcasecmp(field->attribute, name))) {
                return true;
            }
        }
    }
    return false;
}

bool user_fields_check(const struct config *config, struct buffer *faults)
{
    struct arena *arena = arena_new();
    struct field more[USER_ATTRIBUTES_MAX];
    size_t before = faults->length;
    size_t count = user_attributes_parse(config, arena, more, faults);
    count_standard_fields();
    for (size_t i = 0; i < count; i++) {
        if (is_standard(more[i].name)) {
            buffer_format(faults, "DIRECTORY_USER_ATTRIBUTES: %s is a field of users already\n",
                          more[i].name);
        }
    }
    arena_free(&arena);
    return faults->length == before;
}

void user_fields_configure(const struct config *config)
{
    struct buffer faults = {.arena = config->arena};
    struct field more[USER_ATTRIBUTES_MAX];
    size_t count = user_attributes_parse(config, config->arena, more, &faults);
    count_standard_fields();
    for (size_t i = 0; i < MAPS; i++) {
        struct field *end = maps[i] + standard_count[i];
        memcpy(end, more, count * sizeof *more);
        end[count] = (struct field){.name = NULL};
    }
    is_verified = false;
}

/* Unbinds the fields with these bits from their attributes. */
static void unbind_fields(uint32_t unfit)
{
    for (size_t i = 0; i < MAPS; i++) {
        struct field *field = maps[i] + standard_count[i];
        for (uint32_t bits = unfit; bits; bits >>= 1, field++) {
            if (bits & 1) {
                field->attribute = NULL;
                field->codec = CODEC_NONE;
            }
        }
    }
}

struct error *user_fields_verify(struct request *request)
{
    const struct app *app = app_of(request);
    struct buffer faults = {.arena = request->arena}; /* the housekeeper logs them */
    uint32_t unfit;
    if (is_verified || !*app->config->directory_user_attributes || !*app->config->ldap_server) {
        return NULL;
    }
    struct error *error = user_attributes_verify(app->directory, request->arena, &faults, &unfit);
    is_verified = !error;
    if (!error) {
        unbind_fields(unfit);
    }
    return error;
}

/* --- bodies ---------------------------------------------------------------------------------- */

/* The names of workstations are one attribute value, whose length the schema limits. */
static struct error *check_workstations(struct request *request)
{
    const struct value *names = request_body_value(request, "userWorkstations");
    size_t length = 0;
    for (size_t i = 0; names->state == VALUE_SET && i < names->strings.count; i++) {
        const char *name = names->strings.items[i];
        length += utf8_utf16_units(name, strlen(name)) + (i ? 1 : 0);
    }
    if (length <= WORKSTATIONS_LENGTH) {
        return NULL;
    }
    return error_field(request->arena, "userWorkstations", FAULT_LIST_TOO_LONG,
                       arena_format(request->arena, "%d", WORKSTATIONS_LENGTH));
}

/* Rejects the further fields of a body that do not fit the schema. */
static struct error *check_unbound_fields(struct request *request)
{
    const struct field *fields = request->route->body->fields;
    struct error *error = NULL;
    size_t first = standard_count[fields == update_fields ? UPDATE_MAP : CREATE_MAP];
    for (size_t i = first; fields[i].name; i++) {
        if (fields[i].codec == CODEC_NONE && request->body[i].state != VALUE_ABSENT) {
            error = error_merge(
                error, error_field(request->arena, fields[i].name, FAULT_NOT_IN_SCHEMA, NULL));
        }
    }
    return error;
}

struct error *user_fields_resolve(struct request *request)
{
    const char *manager = request_body_string(request, "manager"), *dn;
    struct error *error = error_merge(check_workstations(request), check_unbound_fields(request));
    if (!error && manager) {
        error = directory_resolve_person(app_of(request)->directory, request->arena, manager,
                                         "manager", &dn);
        if (!error) {
            field_set_string(request_body_value(request, "manager"), dn);
        }
    }
    return error;
}

/* Sets or clears the three attributes of a country. Zero is the number of no country. */
static void apply_country(struct request *request, struct directory_changes *changes)
{
    const struct value *code = request_body_value(request, "c");
    if (code->state == VALUE_ABSENT) {
        return;
    }
    struct country *country = arena_alloc(request->arena, sizeof *country);
    bool set =
        code->state == VALUE_SET && country_find(code->string.bytes, code->string.length, country);
    directory_change_text(changes, "c", set ? country->code : NULL);
    directory_change_text(changes, "co", set ? country->name : NULL);
    directory_change_text(changes, "countryCode",
                          arena_format(request->arena, "%d", set ? country->number : 0));
}

static void apply_flag(struct request *request, const char *name, int64_t mask,
                       struct directory_changes *changes)
{
    const struct value *flag = request_body_value(request, name);
    if (flag->state == VALUE_SET) {
        directory_change_account_control(changes, mask, flag->boolean);
    }
}

void user_fields_apply(struct request *request, struct directory_changes *changes)
{
    apply_country(request, changes);
    apply_flag(request, "passwordNeverExpires", USER_PASSWORD_NEVER_EXPIRES, changes);
    apply_flag(request, "smartcardRequired", USER_SMARTCARD_REQUIRED, changes);
}
