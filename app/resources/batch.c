/* Batches: several calls of the API in one request. */
#include "rest/batch.h"
#include "base/arena.h"
#include "http/request.h"
#include "resources/resources.h"
#include "rest/limits.h"

#include <string.h>

enum {
    ID_MAX = 100,
    PATH_MAX_LENGTH = 18000, /* as nginx: a filter of 2,000 characters, percent-encoded */
    IF_MATCH_MAX = 1000,
};

/* --- field maps ------------------------------------------------------------------------------- */

/* Validates a path with its query: neither a URL, nor with a character that HTTP does not allow
 * there. Characters beyond ASCII are allowed. */
static enum fault_id check_path(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= ' ' || c == 0x7F) {
            return FAULT_NOT_PATH;
        }
    }
    return *text == '/' && text[1] != '/' ? FAULT_NONE : FAULT_NOT_PATH;
}

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", NULL};

enum { OPERATION_ID, OPERATION_METHOD, OPERATION_PATH, OPERATION_BODY, OPERATION_IF_MATCH };

static const struct field operation_fields[] = {
    [OPERATION_ID] = {.name = "id",
                      .type = FIELD_STRING,
                      .min = 1,
                      .max = ID_MAX,
                      .about = {"Имя операции, по которому клиент найдёт её результат",
                                "A name of the operation, by which the client finds its result"},
                      .example = "\"ivanov\""},
    [OPERATION_METHOD] = {.name = "method",
                          .type = FIELD_STRING,
                          .flags = FIELD_REQUIRED,
                          .choices = methods,
                          .about = {"Метод", "The method"},
                          .example = "\"PATCH\""},
    [OPERATION_PATH] = {.name = "path",
                        .type = FIELD_STRING,
                        .flags = FIELD_REQUIRED,
                        .min = 1,
                        .max = PATH_MAX_LENGTH,
                        .check = check_path,
                        .about = {"Путь вызова с параметрами",
                                  "The path of the call with its query"},
                        .example = "\"/api/v1/users/ivanov\""},
    [OPERATION_BODY] = {.name = "body",
                        .type = FIELD_JSON,
                        .flags = FIELD_NULLABLE,
                        .about = {"Тело вызова", "The body of the call"},
                        .example = "{\"enabled\": false}"},
    [OPERATION_IF_MATCH] = {.name = "if_match",
                            .type = FIELD_STRING,
                            .flags = FIELD_NAME,
                            .max = IF_MATCH_MAX,
                            .about = {"Заголовок If-Match вызова",
                                      "The header If-Match of the call"},
                            .example = "\"\\\"1\\\"\""},
    {.name = NULL},
};

static const struct field batch_fields[] = {
    {.name = "operations",
     .type = FIELD_RECORDS,
     .flags = FIELD_REQUIRED,
     .fields = operation_fields,
     .min = 1,
     .max = LIMITS_OPERATIONS_MAX,
     .items_max = LIMITS_OPERATIONS_MAX,
     .about = {"Операции; выполняются по порядку", "The operations, which are executed in order"},
     .example = "[{\"method\": \"PATCH\", \"path\": \"/api/v1/users/ivanov\","
                " \"body\": {\"enabled\": false}}]"},
    {.name = "atomic",
     .type = FIELD_BOOLEAN,
     .about = {"Выполнить все операции или ни одной, в одной транзакции базы данных",
               "Execute all operations or none, in one transaction of the database"},
     .example = "false"},
    {.name = "stop_on_error",
     .type = FIELD_BOOLEAN,
     .about = {"После первой ошибки не выполнять остальные операции",
               "After the first error, do not execute the other operations"},
     .example = "false"},
    {.name = NULL},
};

static const struct field result_fields[] = {
    {.name = "id",
     .type = FIELD_STRING,
     .flags = FIELD_NULLABLE,
     .about = {"`id` операции", "The `id` of the operation"},
     .example = "\"ivanov\""},
    {.name = "status",
     .type = FIELD_INTEGER,
     .min = 200,
     .max = 599,
     .about = {"Статус ответа; 424, если операция не выполнена или отменена",
               "The status of the response; 424 if the operation was not executed, or undone"},
     .example = "200"},
    {.name = "body",
     .type = FIELD_JSON,
     .about = {"Тело ответа, как у отдельного вызова; null, если тела нет",
               "The body of the response, as that of a single call; null if there is none"},
     .example = "{\"sAMAccountName\": \"ivanov\", \"enabled\": false}"},
    {.name = NULL},
};

static const struct field reply_fields[] = {
    {.name = "results",
     .type = FIELD_RECORDS,
     .fields = result_fields,
     .about = {"Результаты в порядке операций", "The results, in the order of the operations"},
     .example = "[{\"id\": null, \"status\": 204, \"body\": null}]"},
    {.name = NULL},
};

static const struct schema batch_schema = {"Batch", batch_fields, false};
static const struct schema reply_schema = {"BatchResults", reply_fields, false};

/* --- handler ---------------------------------------------------------------------------------- */

static const char *string_of(const struct value *value)
{
    return value->state == VALUE_SET ? value->string.bytes : "";
}

static struct batch_operation read_operation(const struct value *values)
{
    const struct value *id = &values[OPERATION_ID], *body = &values[OPERATION_BODY];
    return (struct batch_operation){
        .id = id->state == VALUE_SET ? id->string.bytes : NULL,
        .method = values[OPERATION_METHOD].string.bytes,
        .path = values[OPERATION_PATH].string.bytes,
        .body = string_of(body),
        .body_length = body->state == VALUE_SET ? body->string.length : 0,
        .if_match = string_of(&values[OPERATION_IF_MATCH]),
    };
}

/* Adds a fault for each id that another operation has, because the results would be ambiguous. */
static struct error *check_ids(struct arena *arena, const struct batch_operation *operations,
                               size_t count)
{
    struct error *error = NULL;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i && operations[i].id; j++) {
            if (operations[j].id && !strcmp(operations[i].id, operations[j].id)) {
                const char *field = arena_format(arena, "operations[%zu].id", i);
                error = error_merge(error, error_field(arena, field, FAULT_REPEATED, NULL));
                break;
            }
        }
    }
    return error;
}

static struct error *execute_batch(struct request *request, struct reply *reply)
{
    const struct value *wanted = request_body_value(request, "operations");
    size_t count = wanted->records.count;
    struct batch_operation *operations = arena_array(request->arena, count, sizeof *operations);
    for (size_t i = 0; i < count; i++) {
        operations[i] = read_operation(wanted->records.items[i]);
    }
    struct batch batch = {
        .operations = operations,
        .count = count,
        .atomic = request_body_value(request, "atomic")->boolean,
        .stop_on_error = request_body_value(request, "stop_on_error")->boolean,
    };
    struct error *error = check_ids(request->arena, operations, count);
    return error ? error : batch_execute(request, &batch, reply);
}

static const enum error_id batch_errors[] = {ERR_OVERLOADED, ERR_DATABASE_UNAVAILABLE, ERR_COUNT};

const struct route batch_routes[] = {
    {.method = METHOD_POST,
     .pattern = "/api/v1/batch",
     .handler = execute_batch,
     .permission = PERMIT_PRINCIPAL,
     .scope = SCOPE_ANY,
     .pool = POOL_BATCH,
     .summary = {"Выполнить пакет операций", "Execute a batch of operations"},
     .about = {"Каждая операция — отдельный вызов со своими правами, строкой аудита и ошибкой. "
               "Загрузки, выгрузки, импорт, потоки, вызовы входа и сами пакеты получают "
               "`NOT_BATCHABLE`; при `atomic` — и вызовы каталога и хранилища файлов. Операции "
               "после остановки пакета получают 424 `NOT_EXECUTED`, отменённые — 424 "
               "`ROLLED_BACK`.",
               "Each operation is a call of its own, with its permissions, its audit line and its "
               "error. Uploads, downloads, exports, imports, streams, login calls and batches get "
               "`NOT_BATCHABLE`; with `atomic` also calls of the directory and of the storage of "
               "files. Operations after the batch has stopped get 424 `NOT_EXECUTED`, those that "
               "were undone 424 `ROLLED_BACK`."},
     .body = &batch_schema,
     .batch = true,
     .shape = REPLY_RECORD,
     .reply = &reply_schema,
     .errors = batch_errors,
     .dry_run = true,
     .essential = true},
    {.pattern = NULL},
};
