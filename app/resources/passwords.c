/* Passwords: the rules for passwords and lockout in the directory, and new passwords of users. */
#include "base/arena.h"
#include "base/clock.h"
#include "directory/generate.h"
#include "resources/resources.h"
#include "rest/entries.h"
#include "rest/user_fields.h"

enum {
    DECIMAL_PLACES = 2,
    DECIMAL_UNIT = 100,
    PASSWORD_MAX = 256,
    NAME_MAX = 4096, /* a DN */
};

/* --- field maps ------------------------------------------------------------------------------ */

#define RULE(name_, flags_, ru_, en_, example_)                                                    \
    {                                                                                              \
        .name = (name_), .type = FIELD_INTEGER, .flags = (flags_), .about = {(ru_), (en_)},        \
        .example = (example_)                                                                      \
    }

#define SPAN(name_, flags_, ru_, en_, example_)                                                    \
    {                                                                                              \
        .name = (name_), .type = FIELD_DECIMAL, .scale = DECIMAL_PLACES, .flags = (flags_),        \
        .about = {(ru_), (en_)}, .example = (example_)                                             \
    }

static const char *const sources[] = {"domain", "fine_grained", NULL};

enum {
    POLICY_SOURCE,
    POLICY_NAME,
    POLICY_DN,
    POLICY_PRECEDENCE,
    POLICY_MIN_LENGTH,
    POLICY_HISTORY_LENGTH,
    POLICY_COMPLEXITY,
    POLICY_MIN_AGE,
    POLICY_MAX_AGE,
    POLICY_LOCKOUT_THRESHOLD,
    POLICY_LOCKOUT_DURATION,
    POLICY_LOCKOUT_WINDOW,
    POLICY_FIELDS
};

static const struct field policy_fields[] = {
    [POLICY_SOURCE] = {.name = "source",
                       .type = FIELD_STRING,
                       .choices = sources,
                       .about = {"Политика домена (domain) или детальная политика паролей (PSO, "
                                 "fine_grained)",
                                 "The policy of the domain (domain) or a fine-grained policy (a "
                                 "password settings object, fine_grained)"},
                       .example = "\"domain\""},
    [POLICY_NAME] = {.name = "name",
                     .type = FIELD_STRING,
                     .flags = FIELD_NULLABLE,
                     .about = {"Имя детальной политики; null у политики домена и у политики, "
                               "которая вам не видна",
                               "The name of the fine-grained policy; null for the domain's policy "
                               "and for one that you may not see"},
                     .example = "null"},
    [POLICY_DN] = {.name = "dn",
                   .type = FIELD_STRING,
                   .flags = FIELD_NULLABLE,
                   .format = "dn",
                   .about = {"Уникальное имя домена или детальной политики; null — эта детальная "
                             "политика вам не видна",
                             "The distinguished name of the domain or of the fine-grained policy; "
                             "null: you may not see that fine-grained policy"},
                   .example = "\"DC=kontora,DC=test\""},
    [POLICY_PRECEDENCE] =
        RULE("precedence", FIELD_NULLABLE,
             "Приоритет детальной политики: действует политика с наименьшим числом",
             "The precedence of the fine-grained policy: the one with the lowest number applies",
             "null"),
    [POLICY_MIN_LENGTH] = RULE("min_length", 0, "Минимальная длина пароля, символов (minPwdLength)",
                               "The minimum length of passwords in characters (minPwdLength)", "7"),
    [POLICY_HISTORY_LENGTH] =
        RULE("history_length", 0,
             "Сколько прежних паролей пользователь не может задать снова (pwdHistoryLength)",
             "The number of previous passwords that a user cannot choose again (pwdHistoryLength)",
             "24"),
    [POLICY_COMPLEXITY] = {.name = "complexity",
                           .type = FIELD_BOOLEAN,
                           .about = {"Пароль должен содержать символы трёх классов и не содержать "
                                     "имени (pwdProperties)",
                                     "True if passwords must have characters of three classes and "
                                     "must not contain the name (pwdProperties)"},
                           .example = "true"},
    [POLICY_MIN_AGE] = SPAN(
        "min_age_days", 0, "Через сколько дней пользователь может снова сменить пароль (minPwdAge)",
        "The number of days before a user may change the password again (minPwdAge)", "1.00"),
    [POLICY_MAX_AGE] = SPAN(
        "max_age_days", FIELD_NULLABLE, "Срок действия пароля, дней (maxPwdAge); null — без срока",
        "The number of days after which a password expires (maxPwdAge); null: never", "42.00"),
    [POLICY_LOCKOUT_THRESHOLD] =
        RULE("lockout_threshold", 0,
             "Число неудачных входов, после которого учётная запись блокируется "
             "(lockoutThreshold); 0 — никогда",
             "The number of failed logins that locks an account (lockoutThreshold); 0: never", "5"),
    [POLICY_LOCKOUT_DURATION] =
        SPAN("lockout_duration_minutes", FIELD_NULLABLE,
             "Длительность блокировки, минут (lockoutDuration); null — пока её не снимет "
             "администратор",
             "The duration of a lockout in minutes (lockoutDuration); null: until an administrator "
             "ends it",
             "30.00"),
    [POLICY_LOCKOUT_WINDOW] = SPAN(
        "lockout_window_minutes", 0,
        "Сколько минут учитываются неудачные входы (lockOutObservationWindow)",
        "The number of minutes for which failed logins count (lockOutObservationWindow)", "30.00"),
    [POLICY_FIELDS] = {.name = NULL},
};

static const struct field policy_query[] = {
    {.name = "user",
     .type = FIELD_STRING,
     .min = 1,
     .max = NAME_MAX,
     .about =
         {"Пользователь: имя учётной записи, objectGUID или DN. Без него возвращается политика "
          "домена",
          "The user: account name, objectGUID or DN. Without it, the domain's policy is "
          "returned"},
     .example = "\"i.petrov\""},
    ENTRY_PARENT("parent_dn", 0, "\"OU=Staff,DC=kontora,DC=test\""),
    {.name = NULL},
};

static const struct field password_fields[] = {
    {.name = "generate",
     .type = FIELD_BOOLEAN,
     .flags = FIELD_ALTERNATIVE,
     .about = {"true — создать пароль и вернуть его; укажите либо generate, либо password",
               "True to generate a password and return it; send either generate or password"},
     .example = "true"},
    {.name = "password",
     .type = FIELD_STRING,
     .flags = FIELD_ALTERNATIVE | FIELD_SECRET,
     .min = 1,
     .max = PASSWORD_MAX,
     .about = {"Новый пароль", "The new password"},
     .example = "\"Kontora-2026\""},
    ENTRY_BOOLEAN("must_change", "Потребовать смену пароля при следующем входе",
                  "True if the password must be changed at the next login", "true"),
    ENTRY_BOOLEAN("unlock", "Снять блокировку", "True to unlock the account", "true"),
    {.name = NULL},
};

static const struct field generated_fields[] = {
    {.name = "password",
     .type = FIELD_STRING,
     .about = {"Созданный пароль; больше он нигде не показывается",
               "The generated password; it is not shown again"},
     .example = "\"Vx7!mQhR4zKd%w9s\""},
    {.name = NULL},
};

static const struct schema policy_schema = {"PasswordPolicy", policy_fields};
static const struct schema password_schema = {"NewPassword", password_fields};
static const struct schema generated_schema = {"GeneratedPassword", generated_fields};

/* Identifies the user whose policy is read. */
static const struct field person_fields[] = {
    ENTRY_TEXT("sAMAccountName", 0, 0, "", "", "null"),
    {.name = NULL},
};

static const struct directory_class person_class = {
    .filter = DIRECTORY_USER_FILTER,
    .name_attribute = "sAMAccountName",
    .rdn_attribute = "CN",
    .object_classes = (const char *const[]){"user", NULL},
    .fields = person_fields,
};

/* --- the policy ------------------------------------------------------------------------------ */

/* Converts a time span to hundredths of a unit, rounded up, so that it is not 0 by rounding. */
static void set_span(struct value *value, int64_t span_ms, int64_t unit_ms)
{
    int64_t part_ms = unit_ms / DECIMAL_UNIT;
    if (span_ms == DIRECTORY_SPAN_NEVER) {
        value->state = VALUE_NULL;
    } else {
        field_set_integer(value, (span_ms + part_ms - 1) / part_ms);
    }
}

static struct value *policy_values(struct arena *arena, const struct directory_policy *policy)
{
    struct value *values = arena_array(arena, POLICY_FIELDS, sizeof *values);
    field_set_string(&values[POLICY_SOURCE], sources[policy->is_fine_grained ? 1 : 0]);
    field_set_string(&values[POLICY_NAME], policy->name);
    field_set_string(&values[POLICY_DN], policy->dn);
    if (policy->is_fine_grained) {
        field_set_integer(&values[POLICY_PRECEDENCE], policy->precedence);
    }
    field_set_integer(&values[POLICY_MIN_LENGTH], policy->min_length);
    field_set_integer(&values[POLICY_HISTORY_LENGTH], policy->history_length);
    field_set_boolean(&values[POLICY_COMPLEXITY], policy->complexity);
    set_span(&values[POLICY_MIN_AGE], policy->min_age_ms, MS_PER_DAY);
    set_span(&values[POLICY_MAX_AGE], policy->max_age_ms, MS_PER_DAY);
    field_set_integer(&values[POLICY_LOCKOUT_THRESHOLD], policy->lockout_threshold);
    set_span(&values[POLICY_LOCKOUT_DURATION], policy->lockout_duration_ms, MS_PER_MINUTE);
    set_span(&values[POLICY_LOCKOUT_WINDOW], policy->lockout_window_ms, MS_PER_MINUTE);
    return values;
}

static struct error *get_policy(struct request *request, struct reply *reply)
{
    struct directory *directory = app_of(request)->directory;
    struct arena *arena = request->arena;
    const char *user = request_query_string(request, "user");
    struct directory_entry *entry = NULL;
    struct directory_policy policy;
    struct error *error = NULL;
    if (user) {
        error = directory_find(directory, arena, &person_class, user,
                               request_query_string(request, "parent_dn"), &entry);
    }
    if (!error) {
        error = directory_read_policy(directory, arena, entry, &policy);
    }
    if (error) {
        return error;
    }
    if (!directory_policy_is_known(&policy)) {
        error = error_new(arena, ERR_DIRECTORY_FORBIDDEN, "cannot read all rules of the policy");
        return policy.dn ? error_detail(error, NULL, FAULT_NONE, policy.dn) : error;
    }
    reply_record(reply, policy_values(arena, &policy));
    return NULL;
}

/* --- new passwords --------------------------------------------------------------------------- */

/* Checks that the body has exactly one source of the password. */
static struct error *check_password_source(const struct request *request)
{
    const struct value *generate = request_body_value(request, "generate");
    bool has_password = request_body_string(request, "password");
    if (has_password == (generate->state == VALUE_SET)) {
        return error_field(request->arena, "password", FAULT_EITHER_REQUIRED, "generate, password");
    }
    return has_password || generate->boolean
               ? NULL
               : error_field(request->arena, "generate", FAULT_NOT_ONE_OF, "true");
}

static const char *user_text(const struct directory_entry *user, const char *field)
{
    return fields_string(user_fields_class.fields, user->values, field);
}

/* Returns the password of the body, or generates one that the policy in force permits. */
static struct error *choose_password(struct request *request, struct directory_entry *entry,
                                     const char **password_r)
{
    struct directory_policy policy;
    *password_r = request_body_string(request, "password");
    if (*password_r) {
        return NULL;
    }
    struct error *error =
        directory_read_policy(app_of(request)->directory, request->arena, entry, &policy);
    if (!error) {
        *password_r = generate_password(request->arena, &policy, user_text(entry, "sAMAccountName"),
                                        user_text(entry, "displayName"));
    }
    return error;
}

static struct directory_changes *collect_password_changes(struct request *request,
                                                          const char *password)
{
    struct directory_changes *changes = directory_changes_new(request->arena);
    const struct value *must_change = request_body_value(request, "must_change");
    const struct value *unlock = request_body_value(request, "unlock");
    directory_change_password(changes, password);
    entries_set_condition(request, changes);
    if (must_change->state == VALUE_SET && must_change->boolean) {
        directory_change_text(changes, "pwdLastSet", "0");
    }
    if (unlock->state == VALUE_SET && unlock->boolean) {
        directory_change_text(changes, "lockoutTime", "0");
    }
    return changes;
}

static struct error *find_person(struct request *request, struct directory_entry **entry_r)
{
    struct error *error =
        directory_find_target(app_of(request)->directory, request->arena, &user_fields_class,
                              request_path_value(request, "username"),
                              request_query_string(request, "parent_dn"), entry_r);
    if (!error) {
        request->subject = user_text(*entry_r, "sAMAccountName");
        request->object_dn = (*entry_r)->dn;
    }
    return error;
}

static void reply_password(struct request *request, struct reply *reply, const char *password)
{
    struct value *record = arena_alloc(request->arena, sizeof *record);
    field_set_string(record, password);
    reply_record(reply, record);
}

static struct error *set_user_password(struct request *request, struct reply *reply)
{
    struct directory_entry *entry, *changed;
    const char *password = NULL;
    struct error *error = check_password_source(request);
    if (!error) {
        error = find_person(request, &entry);
    }
    if (!error) {
        error = choose_password(request, entry, &password);
    }
    if (error) {
        return error;
    }
    error = directory_update(app_of(request)->directory, request->arena, &user_fields_class, entry,
                             collect_password_changes(request, password), &changed);
    if (!error || error_may_follow_change(error)) {
        entries_end_sessions(request, entry->guid);
    }
    if (error && error->id != ERR_RESULT_UNREAD) {
        return error;
    }
    if (request_body_string(request, "password")) {
        reply_no_content(reply);
    } else {
        reply_password(request, reply, password);
    }
    return NULL;
}

/* --- routes ---------------------------------------------------------------------------------- */

static const enum error_id policy_errors[] = {ENTRIES_FIND_ERRORS, ERR_DIRECTORY_FORBIDDEN,
                                              ERR_COUNT};
static const enum error_id password_errors[] = {ENTRIES_FIND_ERRORS,    ERR_CONFLICT,
                                                ERR_DIRECTORY_INVALID,  ERR_DIRECTORY_FORBIDDEN,
                                                ERR_PROTECTED_OBJECT,   ERR_PASSWORD_POLICY,
                                                ERR_PASSWORD_NEEDS_TLS, ERR_OUTCOME_UNKNOWN,
                                                ERR_OVERLOADED,         ERR_COUNT};

const struct route passwords_routes[] = {
    {.method = METHOD_GET,
     .pattern = "/api/v1/password-policy",
     .handler = get_policy,
     .permission = PERMIT_DIRECTORY_READ,
     .rights = RIGHT_BIT(RIGHT_READ),
     .pool = POOL_DIRECTORY,
     .summary = {"Получить политику паролей", "Get the password policy"},
     .about = {"Правила для паролей и блокировки: политика домена или детальная политика (PSO), "
               "которая действует для пользователя.",
               "The rules for passwords and lockout: those of the domain, or of the fine-grained "
               "policy that applies to the user."},
     .query = policy_query,
     .shape = REPLY_RECORD,
     .reply = &policy_schema,
     .errors = policy_errors},
    {.method = METHOD_POST,
     .pattern = "/api/v1/users/{username}/password",
     .path = entries_path,
     .handler = set_user_password,
     .permission = PERMIT_DIRECTORY_WRITE,
     .rights = RIGHT_BIT(RIGHT_RESET_PASSWORD),
     .pool = POOL_DIRECTORY,
     .summary = {"Задать пароль пользователя", "Set the password of a user"},
     .about = {"С generate=true создаёт пароль, который допускает действующая политика, и "
               "возвращает его один раз (200). Иначе задаёт пароль из запроса и отвечает 204 без "
               "тела. Завершает сессии пользователя. Ответ не сохраняется для Idempotency-Key.",
               "With generate=true, generates a password that the policy in force permits and "
               "returns it once (200). Otherwise sets the password of the request and replies 204 "
               "without a body. Ends the sessions of the user. The reply is not stored for an "
               "Idempotency-Key."},
     .query = entries_place_query,
     .body = &password_schema,
     .shape = REPLY_RECORD,
     .reply = &generated_schema,
     .may_be_empty = true,
     .secret = true,
     .versioned = true,
     .errors = password_errors,
     .action = "set_password",
     .resource_type = "user",
     .resource = "username"},
    {.pattern = NULL},
};
