/* See problem.h. */
#include "http/problem.h"

#include "base/field.h"

#include <string.h>

struct problem {
    int status;
    const char *code; /* stable: clients depend on it */
    struct text message;
};

/* Keeps both languages of a message side by side. */
/* clang-format off */
static const struct problem problems[ERR_COUNT] = {
    [ERR_INTERNAL] = {500, "INTERNAL_ERROR",
        {"Внутренняя ошибка сервера", "Internal server error"}},
    [ERR_BAD_REQUEST] = {400, "BAD_REQUEST",
        {"Неверный запрос", "The request is malformed"}},
    [ERR_INVALID_JSON] = {400, "INVALID_JSON",
        {"Тело запроса не является корректным объектом JSON",
         "The request body is not a valid JSON object"}},
    [ERR_VALIDATION] = {400, "VALIDATION_ERROR",
        {"Неверные данные", "Some fields are invalid"}},
    [ERR_UNAUTHORIZED] = {401, "UNAUTHORIZED",
        {"Требуется аутентификация", "Authentication is required"}},
    [ERR_INVALID_TOKEN] = {401, "INVALID_TOKEN",
        {"Недействительный токен", "The token is invalid"}},
    [ERR_TOKEN_EXPIRED] = {401, "TOKEN_EXPIRED",
        {"Срок действия токена истёк: получите новый", "The token has expired: obtain a new one"}},
    [ERR_INVALID_CREDENTIALS] = {401, "INVALID_CREDENTIALS",
        {"Неверное имя пользователя или пароль", "Wrong user name or password"}},
    [ERR_TOO_MANY_ATTEMPTS] = {429, "TOO_MANY_ATTEMPTS",
        {"Слишком много неудачных попыток входа: повторите позже",
         "Too many failed login attempts: try again later"}},
    [ERR_TOO_MANY_REQUESTS] = {429, "TOO_MANY_REQUESTS",
        {"Слишком много запросов: повторите позже", "Too many requests: try again later"}},
    [ERR_OVERLOADED] = {503, "SERVICE_UNAVAILABLE",
        {"Сервис временно недоступен: повторите позже",
         "The service is not available: try again later"}},
    [ERR_FORBIDDEN] = {403, "FORBIDDEN",
        {"Доступ запрещен", "You do not have permission to do this"}},
    [ERR_NOT_FOUND] = {404, "NOT_FOUND",
        {"Ресурс не найден", "The resource was not found"}},
    [ERR_METHOD_NOT_ALLOWED] = {405, "METHOD_NOT_ALLOWED",
        {"Метод не поддерживается", "The method is not supported by this resource"}},
    [ERR_PAYLOAD_TOO_LARGE] = {413, "PAYLOAD_TOO_LARGE",
        {"Тело запроса слишком большое", "The request body is too large"}},
    [ERR_UNSUPPORTED_MEDIA_TYPE] = {415, "UNSUPPORTED_MEDIA_TYPE",
        {"Тип содержимого не поддерживается", "The content type is not supported"}},
    [ERR_UNSUPPORTED_CODING] = {415, "UNSUPPORTED_CONTENT_ENCODING",
        {"Сжатые тела запросов не принимаются: отправьте тело без сжатия и без Content-Encoding",
         "Compressed request bodies are not accepted: send the body uncompressed, without "
         "Content-Encoding"}},
    [ERR_ALREADY_EXISTS] = {409, "ALREADY_EXISTS",
        {"Такой объект уже существует", "The object already exists"}},
    [ERR_AMBIGUOUS] = {409, "AMBIGUOUS",
        {"Это имя носят несколько объектов: укажите parent_dn",
         "Several objects have this name: specify parent_dn"}},
    [ERR_NOT_EMPTY] = {409, "NOT_EMPTY",
        {"Объект не пуст: сначала удалите его содержимое",
         "The object is not empty: delete its contents first"}},
    [ERR_HAS_CHILDREN] = {409, "NOT_EMPTY",
        {"У объекта есть вложенные объекты: чтобы удалить их вместе с ним, укажите children=true",
         "There are objects below this object: specify children=true to delete them with it"}},
    [ERR_CONFLICT] = {409, "CONFLICT",
        {"Объект был изменён другим запросом: повторите попытку",
         "Another request has changed the object: try again"}},
    [ERR_PRECONDITION_FAILED] = {412, "PRECONDITION_FAILED",
        {"Условие запроса не выполнено: прочитайте текущее состояние ресурса",
         "The condition of the request is not met: read the current state of the resource"}},
    [ERR_IDEMPOTENCY_MISMATCH] = {409, "IDEMPOTENCY_KEY_REUSED",
        {"Этот Idempotency-Key уже использован с другим запросом: задайте новый ключ",
         "This Idempotency-Key was used with a different request: choose a new key"}},
    [ERR_IDEMPOTENCY_PENDING] = {409, "IDEMPOTENCY_KEY_PENDING",
        {"Первый запрос с этим Idempotency-Key ещё выполняется: повторите позже",
         "The first request with this Idempotency-Key is still in progress: try again later"}},
    [ERR_DUPLICATE] = {409, "DUPLICATE",
        {"Контакт с этим адресом электронной почты уже существует",
         "A contact with this email already exists"}},
    [ERR_HAS_DEALS] = {409, "HAS_DEALS",
        {"С контактом связаны сделки: сначала удалите их",
         "The contact has deals: delete them first"}},
    [ERR_INVALID_TRANSITION] = {409, "INVALID_TRANSITION",
        {"Такая смена статуса не допускается: допустимые статусы указаны в details",
         "This change of status is not allowed: `details` lists the allowed statuses"}},
    [ERR_AUTOMATIC_ACTIVITY] = {409, "AUTOMATIC_ACTIVITY",
        {"Активность, созданную автоматически, удалить нельзя",
         "An activity that was recorded automatically cannot be deleted"}},
    [ERR_HIDDEN_REFERENCE] = {409, "HIDDEN_REFERENCE",
        {"Связанный объект удалён: сначала восстановите его",
         "A related object is deleted: restore it first"}},
    [ERR_LAST_OWNER] = {409, "LAST_OWNER",
        {"В организации должен остаться хотя бы один владелец",
         "The organization must have at least one owner"}},
    [ERR_CURRENCY_IN_USE] = {409, "CURRENCY_IN_USE",
        {"Валюту изменить нельзя: в организации есть сделки с суммой (удалённые тоже учитываются)",
         "The currency cannot be changed because the organization has deals with an amount "
         "(deleted deals count as well)"}},
    [ERR_PRIMARY_GROUP] = {409, "PRIMARY_GROUP",
        {"Нельзя исключить учётную запись из её основной группы",
         "An account cannot be removed from its primary group"}},
    [ERR_HAS_PRIMARY_MEMBERS] = {409, "HAS_PRIMARY_MEMBERS",
        {"Группа — основная для учётных записей: сначала назначьте им другую основную группу",
         "The group is the primary group of accounts: first give them another primary group"}},
    [ERR_PARENT_NOT_FOUND] = {400, "PARENT_NOT_FOUND",
        {"Родительский объект не найден", "The parent object was not found"}},
    [ERR_PASSWORD_POLICY] = {400, "PASSWORD_POLICY",
        {"Пароль не соответствует политике паролей домена",
         "The password does not meet the domain's password policy"}},
    [ERR_PASSWORD_NEEDS_TLS] = {400, "PASSWORD_NEEDS_TLS",
        {"Пароль можно задать только по защищённому соединению с каталогом (LDAP_USE_SSL)",
         "A password can only be set over an encrypted connection to the directory "
         "(LDAP_USE_SSL)"}},
    [ERR_DIRECTORY_INVALID] = {400, "DIRECTORY_INVALID",
        {"Каталог не принимает эти данные", "The directory does not accept this data"}},
    [ERR_DIRECTORY_REFUSED] = {400, "DIRECTORY_REFUSED",
        {"Каталог отклонил операцию", "The directory rejected the operation"}},
    [ERR_DIRECTORY_FORBIDDEN] = {403, "DIRECTORY_FORBIDDEN",
        {"Служебной учётной записи не хватает прав в каталоге: обратитесь к администратору",
         "The service account lacks permissions in the directory: contact the administrator"}},
    [ERR_PROTECTED_OBJECT] = {403, "PROTECTED_OBJECT",
        {"Объект защищён: от него зависят права в домене. Измените его средствами каталога или "
         "попросите администратора сервера разрешить такие изменения (DIRECTORY_PROTECTED)",
         "The object is protected because privileges in the domain depend on it. Change it "
         "with the directory's own tools; the server's administrator can permit such changes "
         "here (DIRECTORY_PROTECTED)"}},
    [ERR_DIRECTORY_UNAVAILABLE] = {503, "DIRECTORY_UNAVAILABLE",
        {"Каталог недоступен: повторите позже", "The directory is not available: try again later"}},
    [ERR_DIRECTORY_CREDENTIALS] = {503, "DIRECTORY_CREDENTIALS",
        {"Каталог не принимает служебную учётную запись: обратитесь к администратору",
         "The directory does not accept the service account: contact the administrator"}},
    [ERR_DIRECTORY_LIMIT] = {503, "DIRECTORY_LIMIT",
        {"Запрос превышает ограничения каталога", "The request exceeds a limit of the directory"}},
    [ERR_NOT_FILTERABLE] = {400, "NOT_FILTERABLE",
        {"По этому полю нельзя фильтровать", "This field cannot be used in a filter"}},
    [ERR_FILTER_TOO_COSTLY] = {400, "FILTER_TOO_COSTLY",
        {"Фильтр выполняется слишком долго: сузьте его или список (parent_dn, search)",
         "The filter takes too long: narrow it or the list (parent_dn, search)"}},
    [ERR_SORT_TOO_COSTLY] = {400, "SORT_TOO_COSTLY",
        {"Сортировка по этому полю слишком затратна: сузьте список или не указывайте sort",
         "Sorting by this field is too costly: narrow the list or omit `sort`"}},
    [ERR_DATABASE_UNAVAILABLE] = {503, "DATABASE_UNAVAILABLE",
        {"База данных недоступна: повторите позже",
         "The database is not available: try again later"}},
    [ERR_STORAGE_UNAVAILABLE] = {503, "STORAGE_UNAVAILABLE",
        {"Object Storage недоступен", "The object storage is not available: try again later"}},
    [ERR_STORAGE_FULL] = {503, "STORAGE_FULL",
        {"На сервере недостаточно свободного места: повторите позже",
         "The server is short of storage space: try again later"}},
    [ERR_FILE_NOT_FOUND] = {404, "NOT_FOUND",
        {"Файл не найден", "The file was not found"}},
    [ERR_FILE_MISSING] = {400, "FILE_MISSING",
        {"В запросе нет файла: передайте его в поле file",
         "The request contains no file: send it in the field `file`"}},
    [ERR_INVALID_MULTIPART] = {400, "INVALID_MULTIPART",
        {"Тело запроса не является корректной формой multipart/form-data",
         "The request body is not a valid multipart/form-data form"}},
    [ERR_PART_ENCODING] = {400, "INVALID_MULTIPART",
        {"Файл закодирован не так, как указано в Content-Transfer-Encoding: отправьте его без "
         "кодирования",
         "The file is not encoded as its Content-Transfer-Encoding states: send it unencoded"}},
    [ERR_TOO_SLOW] = {400, "TOO_SLOW",
        {"Тело запроса поступает слишком медленно", "The request body arrives too slowly"}},
    [ERR_FILE_TYPE] = {400, "FILE_TYPE_NOT_ALLOWED",
        {"Недопустимый тип файла", "Files of this type are not allowed"}},
    [ERR_FILE_CONTENT] = {400, "FILE_TYPE_NOT_ALLOWED",
        {"Содержимое файла не соответствует расширению его имени",
         "The content of the file does not match its extension"}},
    [ERR_FILE_PASSWORD] = {400, "FILE_TYPE_NOT_ALLOWED",
        {"Документ защищён паролем: сохраните его без пароля",
         "The document is protected by a password: save it without one"}},
    [ERR_FILE_TOO_LARGE] = {400, "FILE_TOO_LARGE",
        {"Файл слишком большой", "The file is too large"}},
    [ERR_FILE_MACROS] = {400, "FILE_MACROS",
        {"Файлы с макросами не принимаются: сохраните документ без макросов",
         "Files with macros are not accepted: save the document without macros"}},
    [ERR_FILE_INFECTED] = {400, "FILE_INFECTED",
        {"Файл не прошёл проверку на вредоносный код", "The malware scan rejected the file"}},
    [ERR_SCAN_UNAVAILABLE] = {503, "SCAN_UNAVAILABLE",
        {"Проверка файлов на вредоносный код недоступна: повторите позже",
         "The malware scan is not available: try again later"}},
    [ERR_QUOTA_EXCEEDED] = {409, "QUOTA_EXCEEDED",
        {"Достигнут предел объёма или числа файлов: удалите ненужные файлы",
         "The limit on the size or the number of files is reached: delete files you no longer "
         "need"}},
    [ERR_LINK_INVALID] = {403, "LINK_INVALID",
        {"Ссылка недействительна или её срок истёк", "The link is invalid or has expired"}},
    [ERR_REGISTRATION_CLOSED] = {403, "REGISTRATION_CLOSED",
        {"Регистрация доступна только по приглашению администратора",
         "Registration requires an invitation from the administrator"}},
    [ERR_TOO_MANY_INVITATIONS] = {409, "TOO_MANY_INVITATIONS",
        {"Слишком много приглашений ожидают ответа: отзовите лишние",
         "The organization has too many pending invitations: withdraw some of them"}},
    [ERR_TOO_MANY_DELEGATIONS] = {409, "TOO_MANY_DELEGATIONS",
        {"Слишком много делегирований: удалите лишние или передайте права группе",
         "There are too many delegations: delete some of them, or delegate to a group"}},
    [ERR_TOO_MANY_KEYS] = {409, "TOO_MANY_KEYS",
        {"Слишком много ключей API: отзовите ненужные",
         "There are too many API keys: revoke those that are not needed"}},
    [ERR_CONSTRAINT_UNIQUE] = {409, "CONSTRAINT_UNIQUE",
        {"Такое значение уже используется", "This value is already in use"}},
    [ERR_CONSTRAINT_REFERENCE] = {409, "CONSTRAINT_REFERENCE",
        {"Связанный объект не существует или ещё используется",
         "A related object does not exist or is still in use"}},
    [ERR_OUTCOME_UNKNOWN] = {503, "OUTCOME_UNKNOWN",
        {"Результат неизвестен: проверьте, выполнено ли изменение",
         "The result is unknown: check whether the change was made"}},
    [ERR_RESULT_UNREAD] = {503, "RESULT_UNREAD",
        {"Изменение выполнено, но прочитать результат не удалось: прочитайте объект снова",
         "The change was made, but its result could not be read: read the object again"}},
    [ERR_PARTIALLY_APPLIED] = {500, "PARTIALLY_APPLIED",
        {"Изменения применены только частично: проверьте объект",
         "The changes were only partly applied: check the object"}},
};

/* Each {} is replaced by an argument. */
static const struct text faults[FAULT_COUNT] = {
    [FAULT_NONE] = {"", ""},
    [FAULT_REQUIRED] = {"обязательное поле", "is required"},
    [FAULT_UNKNOWN] = {"неизвестное поле", "is not a known field"},
    [FAULT_READ_ONLY] = {"поле только для чтения", "is read-only"},
    [FAULT_NOT_IN_SCHEMA] = {"атрибут не соответствует схеме каталога: попросите администратора "
                             "сервера исправить DIRECTORY_USER_ATTRIBUTES",
        "does not fit the schema of the directory: ask the administrator of the server to correct "
        "DIRECTORY_USER_ATTRIBUTES"},
    [FAULT_NOT_NULL] = {"не может быть null", "must not be null"},
    [FAULT_NOT_STRING] = {"должно быть строкой", "must be a string"},
    [FAULT_NOT_INTEGER] = {"должно быть целым числом", "must be an integer"},
    [FAULT_NOT_BOOLEAN] = {"должно быть true или false", "must be true or false"},
    [FAULT_NOT_OBJECT] = {"должно быть объектом", "must be an object"},
    [FAULT_NOT_STRINGS] = {"должно быть массивом строк", "must be an array of strings"},
    [FAULT_TOO_MANY_ITEMS] = {"не более {} элементов", "must have at most {} items"},
    [FAULT_TOO_SHORT] = {"не короче {} симв.", "must have at least {} character(s)"},
    [FAULT_TOO_LONG] = {"не длиннее {} симв.", "must have at most {} characters"},
    [FAULT_TOO_SMALL] = {"не меньше {}", "must be at least {}"},
    [FAULT_TOO_LARGE] = {"не больше {}", "must be at most {}"},
    [FAULT_NUL_CHARACTER] = {"не должно содержать символ NUL", "must not contain a NUL character"},
    [FAULT_CONTROL_CHARACTER] = {"не должно содержать управляющих символов",
        "must not contain control characters"},
    [FAULT_BLANK] = {"не должно содержать пробельного или невидимого символа {}",
        "must not contain the white space or invisible character {}"},
    [FAULT_NOTHING_VISIBLE] = {"не должно состоять только из пробелов и невидимых символов",
        "must not consist only of spaces and invisible characters"},
    [FAULT_INVALID_UTF8] = {"должно быть корректным текстом в кодировке UTF-8",
        "must be correctly encoded UTF-8"},
    [FAULT_REPEATED] = {"указано несколько раз", "is specified more than once"},
    [FAULT_NOT_DN] = {"должно быть уникальным именем (DN)", "must be a distinguished name (DN)"},
    [FAULT_OUTSIDE_BASE_DN] = {"вне управляемого дерева (LDAP_BASE_DN)",
        "is outside the managed tree (LDAP_BASE_DN)"},
    [FAULT_WITHIN_SYSTEM] = {"в CN=System: каталог не позволит переместить объект обратно",
        "is within CN=System: the directory would not let the object leave it again"},
    [FAULT_NOT_REFERENCE] = {"должно быть DN или objectGUID", "must be a DN or an objectGUID"},
    [FAULT_NO_SUCH_PERSON] = {"такого пользователя или контакта нет в каталоге",
                              "is not a user or a contact of the directory"},
    [FAULT_NO_SUCH_PRINCIPAL] = {"такого пользователя или группы нет в каталоге",
        "is not a user or a group of the directory"},
    [FAULT_NOT_SECURITY_GROUP] = {"группа рассылки не даёт прав: укажите группу безопасности",
        "is a distribution group, which gives no rights: use a security group"},
    [FAULT_NO_SUCH_SCOPE] = {"такого подразделения, контейнера или домена нет в каталоге",
        "is not an organizational unit, a container or the domain"},
    [FAULT_SYSTEM_SCOPE] = {"находится в CN=System, где каталог хранит собственные объекты",
        "is within CN=System, where the directory keeps objects of its own"},
    [FAULT_NOT_COUNTRY] = {"должно быть кодом страны из двух букв (ISO 3166-1)",
                           "must be a country code of two letters (ISO 3166-1)"},
    [FAULT_NOT_DRIVE] = {"должно быть буквой диска, например Z:",
                         "must be a drive letter, such as Z:"},
    [FAULT_NOT_COMPUTER_NAME] = {"имя компьютера не может содержать \"/\\[]:;|=,+*?<>",
                                 "the name of a computer must not contain \"/\\[]:;|=,+*?<>"},
    [FAULT_LIST_TOO_LONG] = {"все имена вместе не длиннее {} симв.",
                             "all names together must have at most {} characters"},
    [FAULT_ACCOUNT_NAME] = {"не допускаются символы \"/\\[]:;|=,+*?<>@ и точка в конце",
        "must not contain \"/\\[]:;|=,+*?<>@ or end with a dot"},
    [FAULT_COMPUTER_NAME] = {"не длиннее 15 симв., не считая одного $ в конце; не допускаются "
        "символы \"/\\[]:;|=,+*?<>@ и точка в конце",
        "must have at most 15 characters besides one $ at its end, must not contain "
        "\"/\\[]:;|=,+*?<>@ or end with a dot"},
    [FAULT_PRINCIPAL_NAME] = {"допускается не более одного знака @; не допускаются \\ в конце и "
        "варианты символов ASCII, например полноширинные буквы",
        "must contain at most one @, must not end with a backslash, and must not contain variants "
        "of ASCII characters, such as full-width letters"},
    [FAULT_NOT_EMAIL] = {"должно быть адресом электронной почты", "must be an email address"},
    [FAULT_NOT_USERNAME] = {
        "не должно содержать @ и особых форм символов ASCII, например полноширинных букв",
        "must not contain @ or variants of ASCII characters, such as full-width letters"},
    [FAULT_PASSWORD_TOO_LONG] = {"не длиннее 72 байт", "must have at most 72 bytes"},
    [FAULT_PASSWORD_COMMON] = {
        "слишком распространённый пароль или слово из словаря: возьмите несколько не связанных "
        "слов",
        "is a common password or a dictionary word: use several unrelated words"},
    [FAULT_PASSWORD_SIMPLE] = {
        "слишком простой пароль: нужно больше разных символов, без повторов и последовательностей",
        "is too simple: use more different characters, without repetitions and sequences"},
    [FAULT_PASSWORD_OF_NAME] = {"не должен содержать имя пользователя или начало адреса почты",
        "must not contain the user name or the part of the email address before the @"},
    [FAULT_WRONG_PASSWORD] = {"неверный пароль", "is not the current password"},
    [FAULT_TAKEN] = {"уже занято", "is taken"},
    [FAULT_TAKEN_BY] = {"уже занято объектом {}", "is already used by {}"},
    [FAULT_NOT_ONE_OF] = {"должно быть одним из: {}", "must be one of: {}"},
    [FAULT_NOT_CURRENCY] = {"должно быть кодом валюты из трёх букв (ISO 4217)",
        "must be a currency code of three letters (ISO 4217)"},
    [FAULT_NOT_CURSOR] = {"должно быть значением next из ответа с тем же значением sort",
        "must be the value of `next` from a reply with the same `sort`"},
    [FAULT_NOT_NUMBER] = {"должно быть числом", "must be a number"},
    [FAULT_NOT_DECIMAL] = {"не более {} знаков после точки",
        "must have at most {} decimal places"},
    [FAULT_NOT_DATE] = {"должно быть датой, например 2026-11-20",
        "must be a date such as 2026-11-20"},
    [FAULT_NOT_TIME] = {"должно быть временем, например 2026-11-20T12:34:56Z",
        "must be a time such as 2026-11-20T12:34:56Z"},
    [FAULT_NOT_MOMENT] = {
        "должно быть датой или временем, например 2026-11-20 или 2026-11-20T12:34:56Z",
        "must be a date or a time such as 2026-11-20 or 2026-11-20T12:34:56Z"},
    [FAULT_NOT_NARROWER] = {"области доступа можно только убирать: у ключа нет {}",
        "scopes can only be removed: the key does not have {}"},
    [FAULT_IN_PAST] = {"не может быть в прошлом", "must not be in the past"},
    [FAULT_NOT_POSITIVE] = {"должно быть больше нуля", "must be greater than zero"},
    [FAULT_NO_SUCH_OBJECT] = {"объект не существует", "does not exist"},
    [FAULT_NO_SUCH_MEMBER] = {"не является участником организации",
        "is not a member of the organization"},
    [FAULT_ONLY_WITH] = {"допускается только вместе с {}", "can only be used together with {}"},
    [FAULT_DUPLICATE] = {"уже указано у контакта {}", "is already used by contact {}"},
    [FAULT_DELETED] = {"удалён", "is deleted"},
    [FAULT_NO_WORDS] = {"должно содержать букву или цифру", "must contain a letter or a digit"},
    [FAULT_NOT_KEY] = {"должно содержать от 1 до 255 видимых символов ASCII",
        "must consist of 1 to 255 visible ASCII characters"},
    [FAULT_REJECTED_BY_DIRECTORY] = {"каталог не принимает это значение",
        "is not accepted by the directory"},
    [FAULT_EITHER_REQUIRED] = {"требуется ровно одно из: {}",
        "exactly one of these is required: {}"},
    [FAULT_OTHER_FORMAT] = {
        "на самом деле это {}: исправьте расширение имени или сохраните файл в нужном формате",
        "is actually {}: correct its extension or save it in the right format"},
    [FAULT_OBJECTS_BELOW] = {"вложенных объектов: {}; чтобы удалить и их, укажите children=true",
        "number of objects below: {}; specify children=true to delete them too"},
    [FAULT_TOO_MANY_BELOW] = {
        "вложенных объектов больше {}: за один запрос столько удалить нельзя, "
        "удалите их средствами каталога",
        "there are more than {} objects below, too many for one call: delete them with the "
        "directory's own tools"},
    [FAULT_OBJECTS_WITHIN] = {"вложенных объектов: {}", "number of objects in it: {}"},
    [FAULT_NO_RIGHT] = {"в этой части каталога у вас нет права {}",
                        "you do not have the right {} in this part of the directory"},
    [FAULT_MORE_RIGHTS] = {"у объекта больше прав, чем у вас",
                           "the entry has more rights than you have"},
    [FAULT_HOLDS_SCOPE] = {"объект служит областью делегирования или содержит её: переименовать, "
                           "переместить или удалить его может только администратор",
                           "the entry is or contains the scope of a delegation: only an "
                           "administrator can rename, move or delete it"},
    [FAULT_GAINS_RIGHTS] = {"после перемещения у вас было бы больше прав на объект",
                            "after the move you would have more rights on the entry"},
    [FAULT_ADMIN_GROUP] = {"объект стал бы группой администраторов или подразделением над ней",
                           "the entry would become the group of administrators or a unit above it"},
    [FAULT_UNKNOWN_FORMAT] = {"повреждён или имеет другой формат",
        "is damaged or has another format"},
    [FAULT_FILTER_NO_FIELD] = {"позиция {}: ожидается имя поля, not или открывающая скобка",
        "position {}: expected the name of a field, `not` or an opening parenthesis"},
    [FAULT_FILTER_NO_OPERATOR] = {"позиция {}: ожидается оператор eq ne co sw ew pr gt ge lt le",
        "position {}: expected an operator: eq ne co sw ew pr gt ge lt le"},
    [FAULT_FILTER_NO_VALUE] = {
        "позиция {}: ожидается строка в двойных кавычках, число, true, false или null",
        "position {}: expected a string in double quotes, a number, true, false or null"},
    [FAULT_FILTER_NO_LOGIC] = {
        "позиция {}: ожидается and, or, закрывающая скобка или конец фильтра",
        "position {}: expected `and`, `or`, a closing parenthesis or the end of the filter"},
    [FAULT_FILTER_NOT] = {"позиция {}: после not нужна открывающая скобка",
        "position {}: `not` must be followed by an opening parenthesis"},
    [FAULT_FILTER_OPEN] = {"позиция {}: эта скобка не закрыта",
        "position {}: this parenthesis is not closed"},
    [FAULT_FILTER_STRING] = {"позиция {}: у строки нет закрывающей кавычки",
        "position {}: the string has no closing quotation mark"},
    [FAULT_FILTER_ESCAPE] = {
        "позиция {}: недопустимый символ или последовательность в строке JSON",
        "position {}: this character or escape sequence is not allowed in a JSON string"},
    [FAULT_FILTER_COMPLEX] = {
        "позиция {}: составные атрибуты (emails[type eq \"work\"], name.familyName) "
        "не поддерживаются",
        "position {}: complex attributes (emails[type eq \"work\"], name.familyName) are not "
        "supported"},
    [FAULT_FILTER_UNKNOWN] = {"позиция {}: неизвестное поле {}; доступные поля: {}",
        "position {}: unknown field {}; available fields: {}"},
    [FAULT_FILTER_OPERATOR] = {"позиция {}: оператор {} неприменим к полю {}",
        "position {}: the operator {} cannot be used with the field {}"},
    [FAULT_FILTER_TYPE_STRING] = {"позиция {}: поле {} сравнивается со строкой в двойных кавычках",
        "position {}: the field {} must be compared with a string in double quotes"},
    [FAULT_FILTER_TYPE_NUMBER] = {"позиция {}: поле {} сравнивается с числом",
        "position {}: the field {} must be compared with a number"},
    [FAULT_FILTER_TYPE_BOOLEAN] = {"позиция {}: поле {} сравнивается с true или false",
        "position {}: the field {} must be compared with true or false"},
    [FAULT_FILTER_TYPE_TIME] = {
        "позиция {}: поле {} сравнивается с датой или временем в двойных кавычках, например "
        "\"2026-11-20\" или \"2026-11-20T12:34:56Z\"",
        "position {}: the field {} must be compared with a date or a time in double quotes, such "
        "as \"2026-11-20\" or \"2026-11-20T12:34:56Z\""},
    [FAULT_FILTER_TYPE_DN] = {"позиция {}: поле {} сравнивается с уникальным именем (DN)",
        "position {}: the field {} must be compared with a distinguished name (DN)"},
    [FAULT_FILTER_TYPE_GUID] = {"позиция {}: поле {} сравнивается с GUID",
        "position {}: the field {} must be compared with a GUID"},
    [FAULT_FILTER_RANGE] = {
        "позиция {}: у поля {} не бывает таких чисел: слишком большое или лишние знаки после точки",
        "position {}: the field {} has no such numbers: it is too large or has too many decimal "
        "places"},
    [FAULT_FILTER_NULL] = {"позиция {}: с null сравнивают только eq и ne, а не {}",
        "position {}: only eq and ne compare with null, not {}"},
    [FAULT_FILTER_TERMS] = {"позиция {}: не более {} условий",
        "position {}: a filter has at most {} terms"},
    [FAULT_FILTER_DEPTH] = {"позиция {}: не более {} вложенных скобок",
        "position {}: parentheses are nested at most {} deep"},
    [FAULT_FILTER_COMPUTED] = {"позиция {}: поле вычисляется при чтении или хранится как список",
        "position {}: the field is computed when it is read, or stored as a list"},
};
/* clang-format on */

static const char *select_language(const struct text *text, enum config_language language)
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
    return select_language(&problems[id].message, language);
}

void problem_format_fault(const struct error_detail *detail, enum config_language language,
                          struct buffer *out)
{
    const char *message = select_language(&faults[detail->fault], language);
    const char *argument = detail->argument ? detail->argument : "";
    for (const char *place; (place = strstr(message, "{}")); message = place + strlen("{}")) {
        bool last = !strstr(place + strlen("{}"), "{}");
        size_t length = last ? strlen(argument) : strcspn(argument, FAULT_ARGUMENT_END);
        buffer_add(out, message, (size_t)(place - message));
        buffer_add(out, argument, length);
        argument += length + (argument[length] != '\0');
    }
    buffer_add_string(out, message);
}

static void write_error_detail(struct jsonw *json, const struct error *error,
                               const struct error_detail *detail, enum config_language language)
{
    struct buffer message = {.arena = error->arena};
    if (!detail->field) {
        jsonw_string(json, NULL, detail->argument);
        return;
    }
    problem_format_fault(detail, language, &message);
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
    /* For an invalid change of status, even an empty list of allowed statuses is written. */
    if (!error->details && error->id != ERR_INVALID_TRANSITION) {
        return;
    }
    jsonw_open_array(json, "details");
    for (const struct error_detail *detail = error->details; detail; detail = detail->next) {
        write_error_detail(json, error, detail, language);
    }
    jsonw_close_array(json);
}

void problem_write_audit_details(struct jsonw *json, const struct error *error)
{
    int64_t unknown = 0;
    if (!error->details) {
        return;
    }
    jsonw_open_array(json, "details");
    for (const struct error_detail *detail = error->details; detail; detail = detail->next) {
        /* The name of an unknown field is text from the client, and the message of the directory
         * may quote a value from the client. */
        bool has_client_text =
            detail->field ? detail->fault == FAULT_UNKNOWN : error->id == ERR_DIRECTORY_REFUSED;
        if (!has_client_text) {
            write_error_detail(json, error, detail, LANGUAGE_EN);
        }
        unknown += detail->fault == FAULT_UNKNOWN;
    }
    jsonw_close_array(json);
    if (unknown) {
        jsonw_integer(json, "unknown_fields", unknown);
    }
}

static void write_error_members(struct jsonw *json, const struct error *error)
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
    write_error_members(&json, error);
    jsonw_string(&json, "request_id",
                 request_id); /* must be last: see problem_replace_request_id() */
    jsonw_close_object(&json);
}

void problem_replace_request_id(struct buffer *body, const char *request_id)
{
    /* Matches only the member itself, because quotation marks inside a JSON string follow a
     * backslash. */
    static const char beginning[] = ",\"request_id\":\"";
    const char *at = body->length ? strstr(body->bytes, beginning) : NULL;
    if (at) {
        body->length = (size_t)(at - body->bytes);
        buffer_add_string(body, beginning);
        buffer_add_string(body, request_id);
        buffer_add_string(body, "\"}");
    }
}
