/* See problem.h. */
#include "http/problem.h"

#include "base/field.h"

#include <string.h>

struct problem {
    int status;
    const char *code; /* never changes once published */
    struct text message;
};

/* Two languages side by side. */
/* clang-format off */
static const struct problem problems[ERR_COUNT] = {
    [ERR_INTERNAL] = {500, "INTERNAL_ERROR",
        {"Внутренняя ошибка сервера", "Internal server error"}},
    [ERR_BAD_REQUEST] = {400, "BAD_REQUEST",
        {"Неверный запрос", "The request cannot be understood"}},
    [ERR_INVALID_JSON] = {400, "INVALID_JSON",
        {"Тело запроса не является корректным объектом JSON",
         "The body is not a valid JSON object"}},
    [ERR_VALIDATION] = {400, "VALIDATION_ERROR",
        {"Неверные данные", "Some fields are not valid"}},
    [ERR_UNAUTHORIZED] = {401, "UNAUTHORIZED",
        {"Требуется аутентификация", "Authentication is required"}},
    [ERR_INVALID_TOKEN] = {401, "INVALID_TOKEN",
        {"Недействительный токен", "The token is not valid"}},
    [ERR_TOKEN_EXPIRED] = {401, "TOKEN_EXPIRED",
        {"Срок действия токена истёк", "The token has expired"}},
    [ERR_INVALID_CREDENTIALS] = {401, "INVALID_CREDENTIALS",
        {"Неверное имя пользователя или пароль", "Wrong user name or password"}},
    [ERR_TOO_MANY_ATTEMPTS] = {429, "TOO_MANY_ATTEMPTS",
        {"Слишком много неудачных попыток входа; повторите позже",
         "Too many failed logins; try again later"}},
    [ERR_TOO_MANY_REQUESTS] = {429, "TOO_MANY_REQUESTS",
        {"Слишком много запросов: повторите позже", "Too many requests: try again later"}},
    [ERR_OVERLOADED] = {503, "SERVICE_UNAVAILABLE",
        {"Сервис временно недоступен: повторите позже",
         "The service is not available: try again later"}},
    [ERR_FORBIDDEN] = {403, "FORBIDDEN",
        {"Доступ запрещен", "You are not allowed to do this"}},
    [ERR_NOT_FOUND] = {404, "NOT_FOUND",
        {"Ресурс не найден", "There is no such resource"}},
    [ERR_METHOD_NOT_ALLOWED] = {405, "METHOD_NOT_ALLOWED",
        {"Метод не поддерживается", "The method is not allowed here"}},
    [ERR_PAYLOAD_TOO_LARGE] = {413, "PAYLOAD_TOO_LARGE",
        {"Тело запроса слишком большое", "The request body is too large"}},
    [ERR_UNSUPPORTED_MEDIA_TYPE] = {415, "UNSUPPORTED_MEDIA_TYPE",
        {"Тип содержимого не поддерживается", "The content type is not supported"}},
    [ERR_ALREADY_EXISTS] = {409, "ALREADY_EXISTS",
        {"Такой объект уже существует", "There is such an object already"}},
    [ERR_AMBIGUOUS] = {409, "AMBIGUOUS",
        {"Имя неоднозначно: укажите parent_dn", "The name is ambiguous: choose by parent_dn"}},
    [ERR_NOT_EMPTY] = {409, "NOT_EMPTY",
        {"Объект не пуст", "The object is not empty"}},
    [ERR_CONFLICT] = {409, "CONFLICT",
        {"Объект был изменён одновременно с этим запросом", "The object changed at the same time"}},
    [ERR_PRECONDITION_FAILED] = {412, "PRECONDITION_FAILED",
        {"Ресурс изменился с тех пор, как был прочитан",
         "The resource has changed since it was read"}},
    [ERR_IDEMPOTENCY_MISMATCH] = {409, "IDEMPOTENCY_KEY_REUSED",
        {"Этот Idempotency-Key уже использован с другим запросом",
         "This Idempotency-Key was used with another request"}},
    [ERR_IDEMPOTENCY_PENDING] = {409, "IDEMPOTENCY_KEY_PENDING",
        {"Первый запрос с этим Idempotency-Key ещё не получил ответа",
         "The first request with this Idempotency-Key has had no answer yet"}},
    [ERR_DUPLICATE] = {409, "DUPLICATE",
        {"Такой контакт уже есть", "There is such a contact already"}},
    [ERR_HAS_DEALS] = {409, "HAS_DEALS",
        {"С контактом связаны сделки", "The contact has deals"}},
    [ERR_INVALID_TRANSITION] = {409, "INVALID_TRANSITION",
        {"Такая смена статуса не допускается", "The status cannot change in this way"}},
    [ERR_AUTOMATIC_ACTIVITY] = {409, "AUTOMATIC_ACTIVITY",
        {"Автоматическую запись удалить нельзя", "An automatic activity cannot be deleted"}},
    [ERR_HIDDEN_REFERENCE] = {409, "HIDDEN_REFERENCE",
        {"Связанный объект удалён: сначала восстановите его",
         "A related object is deleted: restore that first"}},
    [ERR_LAST_OWNER] = {409, "LAST_OWNER",
        {"В организации должен остаться владелец", "The organization must keep an owner"}},
    [ERR_PRIMARY_GROUP] = {409, "PRIMARY_GROUP",
        {"Нельзя исключить учётную запись из её основной группы",
         "An account cannot be removed from its primary group"}},
    [ERR_PARENT_NOT_FOUND] = {400, "PARENT_NOT_FOUND",
        {"Родительский объект не найден", "There is no such parent"}},
    [ERR_PASSWORD_POLICY] = {400, "PASSWORD_POLICY",
        {"Пароль не соответствует политике домена",
         "The password does not meet the policy of the domain"}},
    [ERR_PASSWORD_NEEDS_TLS] = {400, "PASSWORD_NEEDS_TLS",
        {"Пароль можно задать только по защищённому соединению с каталогом (LDAP_USE_SSL)",
         "A password can only be set over an encrypted connection to the directory (LDAP_USE_SSL)"}},
    [ERR_DIRECTORY_INVALID] = {400, "DIRECTORY_INVALID",
        {"Каталог не принимает эти данные", "The directory does not accept this data"}},
    [ERR_DIRECTORY_REFUSED] = {400, "DIRECTORY_REFUSED",
        {"Каталог отказался выполнить операцию", "The directory refused the operation"}},
    [ERR_DIRECTORY_FORBIDDEN] = {403, "DIRECTORY_FORBIDDEN",
        {"Служебной учётной записи не хватает прав в каталоге",
         "The service account lacks rights in the directory"}},
    [ERR_PROTECTED_OBJECT] = {403, "PROTECTED_OBJECT",
        {"Объект защищён: от него зависят права в домене. Измените его средствами каталога "
         "или попросите администратора сервера разрешить такие изменения "
         "(DIRECTORY_PROTECTED)",
         "The object is protected because privileges in the domain depend on it. Change it with the "
         "directory's own tools; the server's administrator can permit such changes here "
         "(DIRECTORY_PROTECTED)"}},
    [ERR_DIRECTORY_UNAVAILABLE] = {503, "DIRECTORY_UNAVAILABLE",
        {"Каталог недоступен", "The directory is not available"}},
    [ERR_DIRECTORY_CREDENTIALS] = {503, "DIRECTORY_CREDENTIALS",
        {"Каталог не принимает служебную учётную запись",
         "The directory does not accept the service account"}},
    [ERR_DIRECTORY_LIMIT] = {503, "DIRECTORY_LIMIT",
        {"Запрос превышает ограничения каталога", "The request exceeds a limit of the directory"}},
    [ERR_DATABASE_UNAVAILABLE] = {503, "DATABASE_UNAVAILABLE",
        {"База данных недоступна", "The database is not available"}},
    [ERR_STORAGE_UNAVAILABLE] = {503, "STORAGE_UNAVAILABLE",
        {"Object Storage недоступен", "The object storage is not available"}},
    [ERR_STORAGE_FULL] = {503, "STORAGE_FULL",
        {"На сервере не хватает места: повторите позже",
         "The server is short of storage space: try again later"}},
    [ERR_FILE_NOT_FOUND] = {404, "NOT_FOUND",
        {"Файл не найден", "There is no such file"}},
    [ERR_FILE_MISSING] = {400, "FILE_MISSING",
        {"В запросе нет файла: нужно поле file", "The request has no file: a field `file` is needed"}},
    [ERR_INVALID_MULTIPART] = {400, "INVALID_MULTIPART",
        {"Тело запроса не является корректной формой multipart/form-data",
         "The body is not a valid multipart/form-data form"}},
    [ERR_TOO_SLOW] = {400, "TOO_SLOW",
        {"Тело запроса поступает слишком медленно", "The request body comes too slowly"}},
    [ERR_FILE_TYPE] = {400, "FILE_TYPE_NOT_ALLOWED",
        {"Недопустимый тип файла", "Files of this type are not allowed"}},
    [ERR_FILE_TOO_LARGE] = {400, "FILE_TOO_LARGE",
        {"Файл слишком большой", "The file is too large"}},
    [ERR_FILE_MACROS] = {400, "FILE_MACROS",
        {"Файлы с макросами не принимаются: сохраните документ без макросов",
         "Files with macros are not accepted; save the document without macros"}},
    [ERR_FILE_INFECTED] = {400, "FILE_INFECTED",
        {"Файл не прошёл проверку на вредоносный код", "The file was refused by the malware scan"}},
    [ERR_SCAN_UNAVAILABLE] = {503, "SCAN_UNAVAILABLE",
        {"Проверка файлов на вредоносный код недоступна", "The malware scan is not available"}},
    [ERR_QUOTA_EXCEEDED] = {409, "QUOTA_EXCEEDED",
        {"Достигнут предел объёма или числа файлов: удалите ненужные",
         "The limit on the size or the number of files is reached: delete files you no longer need"}},
    [ERR_LINK_INVALID] = {403, "LINK_INVALID",
        {"Ссылка недействительна, или её срок истёк", "The link is not valid, or has expired"}},
    [ERR_REGISTRATION_CLOSED] = {403, "REGISTRATION_CLOSED",
        {"Регистрация доступна только по приглашению администратора",
         "Registration requires an invitation from the administrator"}},
    [ERR_TOO_MANY_INVITATIONS] = {409, "TOO_MANY_INVITATIONS",
        {"Слишком много приглашений ожидают ответа: отзовите лишние",
         "The organization has too many pending invitations: withdraw some of them"}},
    [ERR_CONSTRAINT_UNIQUE] = {409, "CONSTRAINT_UNIQUE",
        {"Такое значение уже занято", "Such a value is taken already"}},
    [ERR_CONSTRAINT_REFERENCE] = {409, "CONSTRAINT_REFERENCE",
        {"Связанного объекта нет, или он ещё используется",
         "A related object does not exist, or is still in use"}},
    [ERR_OUTCOME_UNKNOWN] = {503, "OUTCOME_UNKNOWN",
        {"Ответа не было: изменение могло быть выполнено",
         "There was no answer: the change may have been made"}},
    [ERR_RESULT_UNREAD] = {503, "RESULT_UNREAD",
        {"Изменение выполнено, но результат прочитать не удалось",
         "The change was made, but its result could not be read"}},
    [ERR_PARTIALLY_APPLIED] = {500, "PARTIALLY_APPLIED",
        {"Изменения применены не полностью", "The changes were applied only in part"}},
};

/* {} is where the argument goes. */
static const struct text faults[FAULT_COUNT] = {
    [FAULT_NONE] = {"", ""},
    [FAULT_REQUIRED] = {"обязательное поле", "is required"},
    [FAULT_UNKNOWN] = {"неизвестное поле", "is not a known field"},
    [FAULT_READ_ONLY] = {"поле только для чтения", "cannot be set"},
    [FAULT_NOT_NULL] = {"не может быть null", "must not be null"},
    [FAULT_NOT_STRING] = {"должно быть строкой", "must be a string"},
    [FAULT_NOT_INTEGER] = {"должно быть целым числом", "must be a whole number"},
    [FAULT_NOT_BOOLEAN] = {"должно быть true или false", "must be true or false"},
    [FAULT_NOT_OBJECT] = {"должно быть объектом", "must be an object"},
    [FAULT_NOT_STRINGS] = {"должно быть массивом строк", "must be an array of strings"},
    [FAULT_TOO_MANY_ITEMS] = {"не более {} элементов", "must have at most {} items"},
    [FAULT_TOO_SHORT] = {"не короче {} симв.", "must have at least {} character(s)"},
    [FAULT_TOO_LONG] = {"не длиннее {} симв.", "must have at most {} characters"},
    [FAULT_TOO_SMALL] = {"не меньше {}", "must be at least {}"},
    [FAULT_TOO_LARGE] = {"не больше {}", "must be at most {}"},
    [FAULT_NUL_CHARACTER] = {"содержит символ NUL", "must not contain a NUL character"},
    [FAULT_CONTROL_CHARACTER] = {"содержит управляющий символ",
        "must not contain control characters"},
    [FAULT_INVALID_UTF8] = {"некорректная кодировка", "is not correctly encoded"},
    [FAULT_REPEATED] = {"указано несколько раз", "is given more than once"},
    [FAULT_NOT_DN] = {"должно быть уникальным именем (DN)", "must be a distinguished name (DN)"},
    [FAULT_OUTSIDE_BASE_DN] = {"вне управляемого дерева (LDAP_BASE_DN)",
        "is outside of the managed tree (LDAP_BASE_DN)"},
    [FAULT_ACCOUNT_NAME] = {"не допускаются символы \"/\\[]:;|=,+*?<>@ и точка в конце",
        "must have none of \"/\\[]:;|=,+*?<>@ and no dot at the end"},
    [FAULT_PRINCIPAL_NAME] = {"не больше одного знака @ и без \\ в конце",
                              "has at most one @ and no backslash at its end"},
    [FAULT_GROUP_TYPE] = {"нужна ровно одна область: 2, 4 или 8, и не более чем признак безопасности",
        "must have one scope, 2, 4 or 8, and nothing else but the security bit"},
    [FAULT_NOT_EMAIL] = {"должно быть адресом электронной почты", "must be an email address"},
    [FAULT_NOT_USERNAME] = {"не допускаются пробелы по краям и @",
        "must not hold @, nor begin or end with a space"},
    [FAULT_PASSWORD_TOO_LONG] = {"не длиннее 72 байт", "must have at most 72 bytes"},
    [FAULT_PASSWORD_COMMON] = {
        "слишком распространённый пароль или слово из словаря; возьмите несколько не связанных слов",
        "is a common password or a dictionary word; use several unrelated words"},
    [FAULT_PASSWORD_SIMPLE] = {
        "слишком простой пароль; нужно больше разных символов, без повторов и последовательностей",
        "is too simple; use more different characters, without repetitions and sequences"},
    [FAULT_PASSWORD_OF_NAME] = {
        "не должен содержать имя пользователя или начало адреса почты",
        "must not contain the user name or the part of the email address before the @"},
    [FAULT_WRONG_PASSWORD] = {"неверный пароль", "is not the password"},
    [FAULT_TAKEN] = {"уже занято", "is taken"},
    [FAULT_NOT_ONE_OF] = {"должно быть одним из: {}", "must be one of: {}"},
    [FAULT_NOT_CURRENCY] = {"должно быть кодом валюты из трёх букв (ISO 4217)",
        "must be a currency code of three letters (ISO 4217)"},
    [FAULT_NOT_CURSOR] = {"должно быть значением next из ответа с тем же sort",
        "must be the `next` of an answer with the same sort"},
    [FAULT_NOT_NUMBER] = {"должно быть числом", "must be a number"},
    [FAULT_NOT_DECIMAL] = {"не более {} знаков после точки, без показателя степени",
        "must have at most {} decimal places, and no exponent"},
    [FAULT_NOT_DATE] = {"должно быть датой, например 2026-11-20", "must be a date such as 2026-11-20"},
    [FAULT_NOT_TIME] = {"должно быть временем, например 2026-11-20T12:34:56Z",
        "must be a time such as 2026-11-20T12:34:56Z"},
    [FAULT_NOT_MOMENT] = {"должно быть датой или временем: 2026-11-20, 2026-11-20T12:34:56Z",
        "must be a date or a time: 2026-11-20, 2026-11-20T12:34:56Z"},
    [FAULT_IN_PAST] = {"не может быть в прошлом", "must not be in the past"},
    [FAULT_NOT_POSITIVE] = {"должно быть больше нуля", "must be more than zero"},
    [FAULT_NO_SUCH_OBJECT] = {"нет такого объекта", "does not exist"},
    [FAULT_NO_SUCH_MEMBER] = {"не участник организации", "is no member of the organization"},
    [FAULT_ONLY_WITH] = {"допускается только с {}", "can only be given with {}"},
    [FAULT_DUPLICATE] = {"уже есть у контакта {}", "is that of contact {}"},
    [FAULT_HIDDEN] = {"удалён", "is deleted"},
    [FAULT_TOO_MANY_WORDS] = {"не более {} слов", "must have at most {} words"},
    [FAULT_NOT_KEY] = {"от 1 до 255 видимых символов ASCII",
        "must be 1 to 255 visible ASCII characters"},
    [FAULT_REJECTED_BY_DIRECTORY] = {"каталог не принимает это значение",
        "is not accepted by the directory"},
    [FAULT_EITHER_REQUIRED] = {"требуется ровно одно из: {}",
        "exactly one of these is required: {}"},
};
/* clang-format on */

static const char *in_language(const struct text *text, enum config_language language)
{
    return language == LANGUAGE_EN ? text->en : text->ru;
}

int problem_status(enum error_id id)
{
    return problems[id].status;
}

const char *problem_code(enum error_id id)
{
    return problems[id].code;
}

const char *problem_message(enum error_id id, enum config_language language)
{
    return in_language(&problems[id].message, language);
}

void problem_fault(const struct error_detail *detail, enum config_language language,
                   struct buffer *out)
{
    const char *message = in_language(&faults[detail->fault], language);
    const char *place = strstr(message, "{}");
    if (!place) {
        buffer_add_string(out, message);
        return;
    }
    buffer_add(out, message, (size_t)(place - message));
    buffer_add_string(out, detail->argument ? detail->argument : "");
    buffer_add_string(out, place + 2);
}

static void write_detail(struct jsonw *json, const struct error *error,
                         const struct error_detail *detail, enum config_language language)
{
    struct buffer message = {.arena = error->arena};
    if (!detail->field) {
        jsonw_string(json, NULL, detail->argument);
        return;
    }
    problem_fault(detail, language, &message);
    jsonw_open_object(json, NULL);
    jsonw_string(json, "field", detail->field);
    jsonw_bytes(json, "message", message.bytes, message.length);
    if (detail->id) {
        jsonw_integer(json, "id", detail->id);
    }
    jsonw_close_object(json);
}

void problem_write_details(struct jsonw *json, const struct error *error,
                           enum config_language language)
{
    /* Of a status, that nothing is allowed is worth telling. */
    if (!error->details && error->id != ERR_INVALID_TRANSITION) {
        return;
    }
    jsonw_open_array(json, "details");
    for (const struct error_detail *detail = error->details; detail; detail = detail->next) {
        write_detail(json, error, detail, language);
    }
    jsonw_close_array(json);
}

/* True if the detail may hold text that the client typed: the name of an unknown field, or the
 * directory's own words, in which it may quote a value. */
static bool is_typed(const struct error *error, const struct error_detail *detail)
{
    return detail->field ? detail->fault == FAULT_UNKNOWN : error->id == ERR_DIRECTORY_REFUSED;
}

void problem_write_known_details(struct jsonw *json, const struct error *error)
{
    int64_t unknown = 0;
    if (!error->details) {
        return;
    }
    jsonw_open_array(json, "details");
    for (const struct error_detail *detail = error->details; detail; detail = detail->next) {
        if (!is_typed(error, detail)) {
            write_detail(json, error, detail, LANGUAGE_EN);
        }
        unknown += detail->fault == FAULT_UNKNOWN;
    }
    jsonw_close_array(json);
    if (unknown) {
        jsonw_integer(json, "unknown_fields", unknown);
    }
}

static void write_members(struct jsonw *json, const struct error *error)
{
    for (const struct error_member *member = error->members; member; member = member->next) {
        if (!member->items) {
            jsonw_integer(json, member->name, member->integer);
            continue;
        }
        jsonw_open_array(json, member->name);
        for (size_t i = 0; member->items[i]; i++) {
            jsonw_string(json, NULL, member->items[i]);
        }
        jsonw_close_array(json);
    }
}

void problem_write(struct buffer *out, const struct error *error, enum config_language language,
                   const char *request_id)
{
    struct jsonw json = {.out = out};
    jsonw_open_object(&json, NULL);
    jsonw_string(&json, "error", problem_message(error->id, language));
    jsonw_string(&json, "code", problem_code(error->id));
    problem_write_details(&json, error, language);
    write_members(&json, error);
    jsonw_string(&json, "request_id", request_id); /* must be last: problem_readdress() */
    jsonw_close_object(&json);
}

void problem_readdress(struct buffer *body, const char *request_id)
{
    /* Inside a string each quotation mark follows a backslash, so this matches only the member
     * itself. */
    static const char beginning[] = ",\"request_id\":\"";
    const char *at = body->length ? strstr(body->bytes, beginning) : NULL;
    if (at) {
        body->length = (size_t)(at - body->bytes);
        buffer_add_string(body, beginning);
        buffer_add_string(body, request_id);
        buffer_add_string(body, "\"}");
    }
}
