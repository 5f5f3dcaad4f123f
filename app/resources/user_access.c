/* User access: the reasons why a user of the directory cannot log in, and the calls that fix
 * them. */
#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "resources/resources.h"
#include "rest/entries.h"

#include <inttypes.h>
#include <stdarg.h>
#include <time.h>

/* --- field maps ------------------------------------------------------------------------------ */

static const char *const codes[] = {
    [DIRECTORY_REASON_DISABLED] = "DISABLED",
    [DIRECTORY_REASON_LOCKED] = "LOCKED",
    [DIRECTORY_REASON_EXPIRED] = "EXPIRED",
    [DIRECTORY_REASON_PASSWORD_EXPIRED] = "PASSWORD_EXPIRED",
    [DIRECTORY_REASON_MUST_CHANGE] = "MUST_CHANGE",
    [DIRECTORY_REASON_HOURS] = "HOURS",
    [DIRECTORY_REASON_WORKSTATIONS] = "WORKSTATIONS",
    [DIRECTORY_REASON_SMARTCARD] = "SMARTCARD",
    [DIRECTORY_REASON_NO_PASSWORD] = "NO_PASSWORD",
    [DIRECTORY_REASON_UPN_DUPLICATE] = "UPN_DUPLICATE",
    [DIRECTORY_REASON_COUNT] = NULL,
};

/* The bodies of the calls that fix a reason. A body has one of these fields. */
enum {
    BODY_ENABLED,
    BODY_UNLOCK,
    BODY_ACCOUNT_EXPIRES,
    BODY_GENERATE,
    BODY_MUST_CHANGE_PASSWORD,
    BODY_LOGON_HOURS,
    BODY_WORKSTATIONS,
    BODY_SMARTCARD_REQUIRED,
    BODY_PRINCIPAL_NAME,
    BODY_FIELDS
};

#define BODY_BOOLEAN(name_, ru_, en_, example_)                                                    \
    {                                                                                              \
        .name = (name_), .type = FIELD_BOOLEAN, .flags = FIELD_OPTIONAL, .about = {(ru_), (en_)},  \
        .example = (example_)                                                                      \
    }

/* A field that the call clears. */
#define BODY_CLEARED(name_, type_, ru_, en_)                                                       \
    {                                                                                              \
        .name = (name_), .type = (type_), .flags = FIELD_OPTIONAL | FIELD_NULLABLE,                \
        .about = {(ru_), (en_)}, .example = "null"                                                 \
    }

static const struct field body_fields[] = {
    [BODY_ENABLED] =
        BODY_BOOLEAN("enabled", "Включить учётную запись", "Enables the account", "true"),
    [BODY_UNLOCK] = BODY_BOOLEAN("unlock", "Снять блокировку", "Unlocks the account", "true"),
    [BODY_ACCOUNT_EXPIRES] =
        BODY_CLEARED("accountExpires", FIELD_TIME, "Снять ограничение срока учётной записи",
                     "Removes the expiry of the account"),
    [BODY_GENERATE] =
        BODY_BOOLEAN("generate", "Создать новый пароль", "Generates a new password", "true"),
    [BODY_MUST_CHANGE_PASSWORD] =
        BODY_BOOLEAN("must_change_password", "Не требовать смены пароля",
                     "Lifts the obligation to change the password", "false"),
    [BODY_LOGON_HOURS] = BODY_CLEARED("logonHours", FIELD_STRING, "Разрешить вход в любое время",
                                      "Allows logins at any time"),
    [BODY_WORKSTATIONS] = {.name = "userWorkstations",
                           .type = FIELD_STRINGS,
                           .flags = FIELD_OPTIONAL,
                           .about = {"Разрешить вход на любых компьютерах",
                                     "Allows logins on any computer"},
                           .example = "[]"},
    [BODY_SMARTCARD_REQUIRED] = BODY_BOOLEAN("smartcardRequired", "Не требовать смарт-карту",
                                             "Lifts the requirement of a smart card", "false"),
    [BODY_PRINCIPAL_NAME] =
        BODY_CLEARED("userPrincipalName", FIELD_STRING, "Удалить имя входа (UPN)",
                     "Removes the user principal name"),
    [BODY_FIELDS] = {.name = NULL},
};

enum { FIX_METHOD, FIX_PATH, FIX_BODY, FIX_FIELDS };

static const struct field fix_fields[] = {
    [FIX_METHOD] = {.name = "method",
                    .type = FIELD_STRING,
                    .about = {"Метод", "The method"},
                    .example = "\"PATCH\""},
    [FIX_PATH] = {.name = "path",
                  .type = FIELD_STRING,
                  .about = {"Путь", "The path"},
                  .example = "\"/api/v1/users/a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11\""},
    [FIX_BODY] = {.name = "body",
                  .type = FIELD_RECORD,
                  .fields = body_fields,
                  .about = {"Тело запроса", "The body of the request"},
                  .example = "{}"},
    [FIX_FIELDS] = {.name = NULL},
};

enum { REASON_CODE, REASON_SINCE, REASON_UNTIL, REASON_MESSAGE, REASON_FIX, REASON_FIELDS };

static const struct field reason_fields[] = {
    [REASON_CODE] = {.name = "code",
                     .type = FIELD_STRING,
                     .choices = codes,
                     .about = {"Код для программ", "A code for programs"},
                     .example = "\"LOCKED\""},
    [REASON_SINCE] = {.name = "since",
                      .type = FIELD_TIME,
                      .flags = FIELD_NULLABLE,
                      .about = {"Время, с которого действует причина; null — неизвестно",
                                "The time since which the reason holds; null: unknown"},
                      .example = "\"2026-11-20T12:34:56.000Z\""},
    [REASON_UNTIL] = {.name = "until",
                      .type = FIELD_TIME,
                      .flags = FIELD_NULLABLE,
                      .about = {"Время, когда причина исчезнет сама; null — никогда",
                                "The time at which the reason ends by itself; null: never"},
                      .example = "\"2026-11-20T13:04:56.000Z\""},
    [REASON_MESSAGE] = {.name = "message",
                        .type = FIELD_STRING,
                        .about = {"Сообщение для людей", "A message for people"},
                        .example = "\"The account is locked after failed logins.\""},
    [REASON_FIX] = {.name = "fix",
                    .type = FIELD_RECORD,
                    .flags = FIELD_NULLABLE,
                    .fields = fix_fields,
                    .about = {"Вызов, который устраняет причину; null — такого вызова нет",
                              "The call that removes the reason; null: there is none"},
                    .example = "null"},
    [REASON_FIELDS] = {.name = NULL},
};

enum { ACCESS_CAN_LOG_IN, ACCESS_REASONS, ACCESS_FIELDS };

static const struct field access_fields[] = {
    [ACCESS_CAN_LOG_IN] = {.name = "can_log_in",
                           .type = FIELD_BOOLEAN,
                           .about = {"Пользователь может войти с паролем, хотя бы по имени учётной "
                                     "записи",
                                     "True if the user can log in with a password, at least by the "
                                     "account name"},
                           .example = "false"},
    [ACCESS_REASONS] = {.name = "reasons",
                        .type = FIELD_RECORDS,
                        .fields = reason_fields,
                        .about = {"Что мешает входу; пусто, если ничто не мешает",
                                  "What prevents logins; empty if nothing does"},
                        .example = "[]"},
    [ACCESS_FIELDS] = {.name = NULL},
};

static const struct schema access_schema = {"UserAccess", access_fields};

/* --- messages -------------------------------------------------------------------------------- */

/* A reason to describe in the language of the request. */
struct description {
    struct buffer text;
    struct arena *arena;
    bool english;
    const struct directory_access *access;
    const struct directory_obstacle *obstacle;
};

/* Adds a sentence, formatted as by printf(); both languages have the same arguments. */
static void add_sentence(struct description *of, const char *ru, const char *en, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));

static void add_sentence(struct description *of, const char *ru, const char *en, ...)
{
    va_list arguments;
    va_start(arguments, en);
    if (of->text.length) {
        buffer_add_char(&of->text, ' ');
    }
    buffer_add_string(&of->text, arena_format_v(of->arena, of->english ? en : ru, arguments));
    va_end(arguments);
}

/* Formats a time for people; in UTC, as the times of the reply are. */
static const char *format_moment(const struct description *of, int64_t wall_ms)
{
    enum { TEXT_SIZE = 32 };
    char *text = arena_alloc(of->arena, TEXT_SIZE);
    time_t seconds = wall_ms / MS_PER_S;
    struct tm tm;
    if (gmtime_r(&seconds, &tm)) {
        (void)strftime(text, TEXT_SIZE, of->english ? "%Y-%m-%d %H:%M UTC" : "%d.%m.%Y %H:%M UTC",
                       &tm);
    }
    return text;
}

static const char *name_policy(const struct description *of)
{
    const char *name = of->access->policy.name;
    if (!name && of->access->policy.is_fine_grained) {
        return of->english ? "The fine-grained policy" : "Детальная политика";
    }
    if (!name) {
        return of->english ? "The policy of the domain" : "Политика домена";
    }
    return arena_format(of->arena, of->english ? "The policy \"%s\"" : "Политика «%s»", name);
}

static void describe_lockout(struct description *of)
{
    const struct directory_access *access = of->access;
    const struct directory_policy *policy = &access->policy;
    add_sentence(of, "Учётная запись заблокирована после неудачных входов.",
                 "The account is locked after failed logins.");
    if (access->failures) {
        add_sentence(of, "Неудачных входов: %" PRId64 ", последний — %s.",
                     "Failed logins: %" PRId64 ", the last one at %s.", access->failures,
                     format_moment(of, access->failed_ms));
    }
    if (policy->lockout_threshold > 0) {
        add_sentence(of, "%s: порог блокировки, неудачных входов — %" PRId64 ".",
                     "%s locks an account after this number of failed logins: %" PRId64 ".",
                     name_policy(of), policy->lockout_threshold);
    }
    if (of->obstacle->until_ms) {
        add_sentence(of, "Блокировка закончится %s.", "The lockout ends at %s.",
                     format_moment(of, of->obstacle->until_ms));
    } else if (policy->lockout_duration_ms == DIRECTORY_SPAN_NEVER) {
        add_sentence(of, "Снять блокировку может только администратор.",
                     "Only an administrator can end the lockout.");
    }
}

static void describe_expired_password(struct description *of)
{
    const struct directory_access *access = of->access;
    int64_t age_ms = access->policy.max_age_ms;
    add_sentence(of, "Срок действия пароля истёк.", "The password has expired.");
    if (access->password_set_ms) {
        add_sentence(of, "Пароль задан %s.", "It was set at %s.",
                     format_moment(of, access->password_set_ms));
    }
    if (age_ms > 0 && age_ms != DIRECTORY_SPAN_NEVER) {
        add_sentence(of, "%s ограничивает срок действия пароля, дней: %" PRId64 ".",
                     "%s limits the age of passwords to this number of days: %" PRId64 ".",
                     name_policy(of), age_ms / MS_PER_DAY);
    }
}

static void describe_hours(struct description *of)
{
    if (of->obstacle->until_ms) {
        add_sentence(of, "Сейчас вход не разрешён (logonHours). Он будет разрешён %s.",
                     "Logins are not allowed at this time (logonHours). They are allowed from %s.",
                     format_moment(of, of->obstacle->until_ms));
    } else {
        add_sentence(of, "Вход не разрешён ни в какое время (logonHours).",
                     "Logins are not allowed at any time (logonHours).");
    }
}

static void describe_duplicate(struct description *of)
{
    if (of->access->sharing) {
        add_sentence(of, "Имя входа %s есть и у другого объекта: %s.",
                     "Another object has the user principal name %s as well: %s.",
                     of->access->principal, of->access->sharing);
    } else {
        add_sentence(of, "Имя входа %s есть и у другого объекта.",
                     "Another object has the user principal name %s as well.",
                     of->access->principal);
    }
    add_sentence(of, "По этому имени войти нельзя, по имени учётной записи — можно.",
                 "Logins by this name are refused; logins by the account name work.");
    if (of->access->keeps_principal) {
        add_sentence(of, "Измените userPrincipalName другого объекта.",
                     "Change the userPrincipalName of the other object.");
    }
}

static void describe_reason(struct description *of, enum directory_reason reason)
{
    switch (reason) {
    case DIRECTORY_REASON_DISABLED:
        add_sentence(of, "Учётная запись отключена.", "The account is disabled.");
        break;
    case DIRECTORY_REASON_LOCKED:
        describe_lockout(of);
        break;
    case DIRECTORY_REASON_EXPIRED:
        add_sentence(of, "Срок учётной записи истёк %s.", "The account expired at %s.",
                     format_moment(of, of->obstacle->since_ms));
        break;
    case DIRECTORY_REASON_PASSWORD_EXPIRED:
        describe_expired_password(of);
        break;
    case DIRECTORY_REASON_MUST_CHANGE:
        add_sentence(
            of, "Пользователь должен сменить пароль: до этого каталог не принимает прежний.",
            "The user must change the password: until then, the directory refuses the old one.");
        break;
    case DIRECTORY_REASON_HOURS:
        describe_hours(of);
        break;
    case DIRECTORY_REASON_WORKSTATIONS:
        add_sentence(
            of,
            "Вход разрешён только на компьютерах %s. В Kontora такой пользователь войти не "
            "может: каталог отклоняет его пароль.",
            "Logins are allowed only on the computers %s. Such a user cannot log in to Kontora: "
            "the directory refuses the password.",
            of->access->workstations);
        break;
    case DIRECTORY_REASON_SMARTCARD:
        add_sentence(
            of,
            "Для входа нужна смарт-карта, а пароль заменён случайным. Отменив это требование, "
            "задайте новый пароль.",
            "Logins require a smart card, and the password was replaced by a random one. After "
            "lifting the requirement, set a new password.");
        break;
    case DIRECTORY_REASON_NO_PASSWORD:
        add_sentence(of, "Пароль не задан.", "No password has been set.");
        break;
    case DIRECTORY_REASON_UPN_DUPLICATE:
        describe_duplicate(of);
        break;
    case DIRECTORY_REASON_COUNT:
        break;
    }
}

/* --- fixes ----------------------------------------------------------------------------------- */

/* The field of the body that fixes a reason. A field that is no boolean is cleared. */
struct fix {
    size_t field;
    bool boolean;
};

static const struct fix fixes[] = {
    [DIRECTORY_REASON_DISABLED] = {BODY_ENABLED, true},
    [DIRECTORY_REASON_LOCKED] = {BODY_UNLOCK, true},
    [DIRECTORY_REASON_EXPIRED] = {BODY_ACCOUNT_EXPIRES, false},
    [DIRECTORY_REASON_PASSWORD_EXPIRED] = {BODY_GENERATE, true},
    [DIRECTORY_REASON_MUST_CHANGE] = {BODY_MUST_CHANGE_PASSWORD, false},
    [DIRECTORY_REASON_HOURS] = {BODY_LOGON_HOURS, false},
    [DIRECTORY_REASON_WORKSTATIONS] = {BODY_WORKSTATIONS, false},
    [DIRECTORY_REASON_SMARTCARD] = {BODY_SMARTCARD_REQUIRED, false},
    [DIRECTORY_REASON_NO_PASSWORD] = {BODY_GENERATE, true},
    [DIRECTORY_REASON_UPN_DUPLICATE] = {BODY_PRINCIPAL_NAME, false},
};

/* Returns the call that fixes the reason: a change of the user, or a new password. */
static struct value *fix_values(struct arena *arena, const struct directory_access *access,
                                enum directory_reason reason)
{
    const struct fix *fix = &fixes[reason];
    bool is_password = fix->field == BODY_GENERATE;
    struct value *values = arena_array(arena, FIX_FIELDS, sizeof *values);
    struct value *body = arena_array(arena, BODY_FIELDS, sizeof *body);
    if (body_fields[fix->field].type == FIELD_BOOLEAN) {
        field_set_boolean(&body[fix->field], fix->boolean);
    } else if (body_fields[fix->field].type == FIELD_STRINGS) {
        field_set_strings(&body[fix->field], NULL, 0);
    } else {
        body[fix->field].state = VALUE_NULL;
    }
    field_set_string(&values[FIX_METHOD],
                     route_method_names[is_password ? METHOD_POST : METHOD_PATCH]);
    field_set_string(&values[FIX_PATH], arena_format(arena, "/api/v1/users/%s%s", access->guid,
                                                     is_password ? "/password" : ""));
    field_set_record(&values[FIX_BODY], body);
    return values;
}

/* --- handlers -------------------------------------------------------------------------------- */

static void set_optional_time(struct value *value, int64_t wall_ms)
{
    value->state = VALUE_NULL;
    if (wall_ms) {
        field_set_integer(value, wall_ms);
    }
}

static struct value *reason_values(const struct request *request,
                                   const struct directory_access *access,
                                   enum directory_reason reason)
{
    const struct directory_obstacle *obstacle = &access->obstacles[reason];
    struct value *values = arena_array(request->arena, REASON_FIELDS, sizeof *values);
    struct description description = {
        .text = {.arena = request->arena},
        .arena = request->arena,
        .english = request->language == LANGUAGE_EN,
        .access = access,
        .obstacle = obstacle,
    };
    describe_reason(&description, reason);
    field_set_string(&values[REASON_CODE], codes[reason]);
    set_optional_time(&values[REASON_SINCE], obstacle->since_ms);
    set_optional_time(&values[REASON_UNTIL], obstacle->until_ms);
    field_set_string(&values[REASON_MESSAGE], description.text.bytes);
    if (reason != DIRECTORY_REASON_UPN_DUPLICATE || !access->keeps_principal) {
        field_set_record(&values[REASON_FIX], fix_values(request->arena, access, reason));
    }
    return values;
}

static struct error *get_access(struct request *request, struct reply *reply)
{
    struct directory_access access;
    struct error *error = directory_diagnose(app_of(request)->directory, request->arena,
                                             request_path_value(request, "username"),
                                             request_query_string(request, "parent_dn"), &access);
    if (error) {
        return error;
    }
    struct value **items = arena_array(request->arena, DIRECTORY_REASON_COUNT, sizeof *items);
    size_t count = 0;
    bool can_log_in = true;
    for (size_t reason = 0; reason < DIRECTORY_REASON_COUNT; reason++) {
        if (access.obstacles[reason].holds) {
            items[count++] = reason_values(request, &access, reason);
            can_log_in &= reason == DIRECTORY_REASON_UPN_DUPLICATE;
        }
    }
    struct value *record = arena_array(request->arena, ACCESS_FIELDS, sizeof *record);
    field_set_boolean(&record[ACCESS_CAN_LOG_IN], can_log_in);
    field_set_records(&record[ACCESS_REASONS], items, count);
    reply_record(reply, record);
    reply_set_language(request, reply);
    return NULL;
}

/* --- routes ---------------------------------------------------------------------------------- */

static const enum error_id access_errors[] = {ENTRIES_FIND_ERRORS, ERR_DIRECTORY_FORBIDDEN,
                                              ERR_COUNT};

const struct route user_access_routes[] = {
    {.method = METHOD_GET,
     .pattern = "/api/v1/users/{username}/access",
     .path = entries_path,
     .handler = get_access,
     .permission = PERMIT_DIRECTORY_READ,
     .rights = RIGHT_BIT(RIGHT_READ),
     .pool = POOL_DIRECTORY,
     .summary = {"Выяснить, что мешает пользователю войти",
                 "Find out what prevents a user from logging in"},
     .about = {"Все причины по порядку, с подробностями и с вызовом, который устраняет каждую. "
               "Время и число неудачных входов — по часам и счётчику контроллера, с которым "
               "работает сервис.",
               "All reasons in order, with their facts and the call that fixes each. The time and "
               "the number of failed logins are those of the controller that the service uses."},
     .query = entries_place_query,
     .shape = REPLY_RECORD,
     .reply = &access_schema,
     .errors = access_errors},
    {.pattern = NULL},
};
