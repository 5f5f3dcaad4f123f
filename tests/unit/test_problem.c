/* Problem: the messages of all errors and faults exist in both languages, and error bodies have
 * the form of the contract. */
#include "unit.h"

#include "base/utf8.h"
#include "http/problem.h"

#include <ctype.h>

/* Codes that the contract names, with their statuses. */
static const struct {
    enum error_id id;
    int status;
    const char *code;
} published[] = {
    {ERR_INTERNAL, 500, "INTERNAL_ERROR"},
    {ERR_INVALID_JSON, 400, "INVALID_JSON"},
    {ERR_VALIDATION, 400, "VALIDATION_ERROR"},
    {ERR_UNAUTHORIZED, 401, "UNAUTHORIZED"},
    {ERR_INVALID_TOKEN, 401, "INVALID_TOKEN"},
    {ERR_TOKEN_EXPIRED, 401, "TOKEN_EXPIRED"},
    {ERR_INVALID_CREDENTIALS, 401, "INVALID_CREDENTIALS"},
    {ERR_FORBIDDEN, 403, "FORBIDDEN"},
    {ERR_NOT_FOUND, 404, "NOT_FOUND"},
    {ERR_METHOD_NOT_ALLOWED, 405, "METHOD_NOT_ALLOWED"},
    {ERR_PAYLOAD_TOO_LARGE, 413, "PAYLOAD_TOO_LARGE"},
    {ERR_UNSUPPORTED_MEDIA_TYPE, 415, "UNSUPPORTED_MEDIA_TYPE"},
    {ERR_UNSUPPORTED_CODING, 415, "UNSUPPORTED_CONTENT_ENCODING"},
    {ERR_ALREADY_EXISTS, 409, "ALREADY_EXISTS"},
    {ERR_AMBIGUOUS, 409, "AMBIGUOUS"},
    {ERR_NOT_EMPTY, 409, "NOT_EMPTY"},
    {ERR_HAS_CHILDREN, 409, "NOT_EMPTY"},
    {ERR_PASSWORD_POLICY, 400, "PASSWORD_POLICY"},
    {ERR_DIRECTORY_UNAVAILABLE, 503, "DIRECTORY_UNAVAILABLE"},
    {ERR_DATABASE_UNAVAILABLE, 503, "DATABASE_UNAVAILABLE"},
    {ERR_TOO_MANY_ATTEMPTS, 429, "TOO_MANY_ATTEMPTS"},
    {ERR_LAST_OWNER, 409, "LAST_OWNER"},
    {ERR_CURRENCY_IN_USE, 409, "CURRENCY_IN_USE"},
    {ERR_PRECONDITION_FAILED, 412, "PRECONDITION_FAILED"},
    {ERR_DUPLICATE, 409, "DUPLICATE"},
    {ERR_HAS_DEALS, 409, "HAS_DEALS"},
    {ERR_INVALID_TRANSITION, 409, "INVALID_TRANSITION"},
    {ERR_AUTOMATIC_ACTIVITY, 409, "AUTOMATIC_ACTIVITY"},
};

static void published_error_codes_do_not_change(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(published); i++) {
        assert_int_equal(problem_status(published[i].id), published[i].status);
        assert_string_equal(problem_code(published[i].id), published[i].code);
    }
}

static void assert_text(const char *text)
{
    if (!text) {
        FAIL("a text is missing");
    }
    assert_true(*text && utf8_valid(text, strlen(text)));
    assert_false(isspace((unsigned char)*text) || isspace((unsigned char)text[strlen(text) - 1]));
}

static bool has_cyrillic(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text == 0xD0 || (unsigned char)*text == 0xD1) {
            return true;
        }
    }
    return false;
}

static void every_error_has_status_code_and_messages(void **state)
{
    (void)state;
    for (int id = 0; id < ERR_COUNT; id++) {
        enum error_id error = (enum error_id)id;
        int status = problem_status(error);
        const char *code = problem_code(error);
        if (status < 400 || status > 599 || !code || !*code) {
            FAIL("error %d has no row", id);
        }
        assert_int_equal(strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"), strlen(code));
        assert_text(problem_message(error, LANGUAGE_RU));
        assert_text(problem_message(error, LANGUAGE_EN));
        assert_true(has_cyrillic(problem_message(error, LANGUAGE_RU)));
        assert_false(has_cyrillic(problem_message(error, LANGUAGE_EN)));
    }
}

/* A missing file has the code of all missing resources and its own message. The codes NOT_EMPTY,
 * INVALID_MULTIPART and FILE_TYPE_NOT_ALLOWED have several messages too, because clients depend on
 * the code. */
static bool shares_code(enum error_id one, enum error_id other)
{
    return (one == ERR_NOT_FOUND && other == ERR_FILE_NOT_FOUND) ||
           (one == ERR_NOT_EMPTY && other == ERR_HAS_CHILDREN) ||
           (one == ERR_INVALID_MULTIPART && other == ERR_PART_ENCODING) ||
           (one == ERR_FILE_TYPE && other == ERR_FILE_CONTENT) ||
           ((one == ERR_FILE_TYPE || one == ERR_FILE_CONTENT) && other == ERR_FILE_PASSWORD);
}

static void error_codes_are_unique(void **state)
{
    (void)state;
    for (int one = 0; one < ERR_COUNT; one++) {
        for (int other = one + 1; other < ERR_COUNT; other++) {
            bool equal =
                !strcmp(problem_code((enum error_id)one), problem_code((enum error_id)other));
            assert_int_equal(equal, shares_code((enum error_id)one, (enum error_id)other));
        }
    }
}

/* Returns the message of a fault with `argument` inserted. */
static const char *fault_text(struct arena *arena, enum fault_id fault, const char *argument,
                              enum config_language language)
{
    struct buffer out = {.arena = arena};
    const struct error_detail detail = {.field = "f", .fault = fault, .argument = argument};
    problem_format_fault(&detail, language, &out);
    return out.bytes;
}

static bool takes_argument(struct arena *arena, enum fault_id fault, enum config_language language)
{
    return strstr(fault_text(arena, fault, "\x01", language), "\x01") != NULL;
}

/* True for faults of ?filter=, which have a position as an argument, and may have more. */
static bool is_filter_fault(enum fault_id fault)
{
    return fault >= FAULT_FILTER_NO_FIELD && fault <= FAULT_FILTER_COMPUTED;
}

static void every_fault_has_messages_in_both_languages(void **state)
{
    for (int id = FAULT_NONE + 1; id < FAULT_COUNT; id++) {
        enum fault_id fault = (enum fault_id)id;
        const char *arguments =
            is_filter_fault(fault) ? "7" FAULT_ARGUMENT_END "a" FAULT_ARGUMENT_END "b" : "7";
        const char *ru = fault_text(*state, fault, arguments, LANGUAGE_RU);
        const char *en = fault_text(*state, fault, arguments, LANGUAGE_EN);
        if (!ru || !*ru || !en || !*en) {
            FAIL("fault %d has no text", id);
        }
        assert_text(ru);
        assert_text(en);
        assert_true(has_cyrillic(ru));
        assert_false(has_cyrillic(en));
        assert_null(strstr(ru, "{}"));
        assert_null(strstr(en, "{}"));
        assert_int_equal(takes_argument(*state, fault, LANGUAGE_RU),
                         takes_argument(*state, fault, LANGUAGE_EN));
    }
}

/* These faults take an argument, as error.h says. */
static void fault_messages_contain_their_argument(void **state)
{
    static const enum fault_id with[] = {
        FAULT_TOO_SHORT,     FAULT_TOO_LONG,        FAULT_TOO_SMALL,      FAULT_TOO_LARGE,
        FAULT_NOT_DECIMAL,   FAULT_EITHER_REQUIRED, FAULT_ONLY_WITH,      FAULT_NOT_ONE_OF,
        FAULT_DUPLICATE,     FAULT_BLANK,           FAULT_TOO_MANY_ITEMS, FAULT_OTHER_FORMAT,
        FAULT_TAKEN_BY,      FAULT_OBJECTS_BELOW,   FAULT_TOO_MANY_BELOW, FAULT_OBJECTS_WITHIN,
        FAULT_LIST_TOO_LONG, FAULT_NO_RIGHT,        FAULT_NOT_NARROWER};
    size_t count = 0;
    for (int id = FAULT_NONE + 1; id < FAULT_COUNT; id++) {
        bool takes = takes_argument(*state, (enum fault_id)id, LANGUAGE_EN);
        assert_true(takes || !is_filter_fault((enum fault_id)id));
        count += takes && !is_filter_fault((enum fault_id)id);
    }
    assert_int_equal(count, COUNT_OF(with));
    for (size_t i = 0; i < COUNT_OF(with); i++) {
        assert_true(takes_argument(*state, with[i], LANGUAGE_EN));
    }
    assert_string_equal(fault_text(*state, FAULT_TOO_LONG, "64", LANGUAGE_EN),
                        "must have at most 64 characters");
    assert_string_equal(fault_text(*state, FAULT_TOO_SMALL, "1", LANGUAGE_RU), "не меньше 1");
    /* A missing argument, or one that looks like a placeholder, does no harm. */
    assert_string_equal(fault_text(*state, FAULT_TOO_LARGE, NULL, LANGUAGE_EN), "must be at most ");
    assert_string_equal(fault_text(*state, FAULT_TOO_LARGE, "{}", LANGUAGE_EN),
                        "must be at most {}");
}

static void fault_message_contains_its_arguments_in_their_order(void **state)
{
    static const char arguments[] =
        "7" FAULT_ARGUMENT_END "gt" FAULT_ARGUMENT_END "name" FAULT_ARGUMENT_END "x";
    assert_string_equal(fault_text(*state, FAULT_FILTER_OPERATOR, arguments, LANGUAGE_EN),
                        "position 7: the operator gt cannot be used with the field "
                        "name" FAULT_ARGUMENT_END "x");
    assert_string_equal(fault_text(*state, FAULT_FILTER_OPERATOR, "7", LANGUAGE_RU),
                        "позиция 7: оператор  неприменим к полю ");
}

/* --- bodies ----------------------------------------------------------------------------------- */

static struct json_object *write_and_parse_body(struct arena *arena, const struct error *error,
                                                enum config_language language)
{
    struct buffer out = {.arena = arena};
    problem_write(&out, error, language, "request-7");
    return must_parse(out.bytes, out.length);
}

static void error_body_has_the_form_of_the_contract(void **state)
{
    struct error *error = error_new(*state, ERR_NOT_FOUND, "%s", "the secret cause");
    struct json_object *json = write_and_parse_body(*state, error, LANGUAGE_EN);
    assert_member(json, "error", problem_message(ERR_NOT_FOUND, LANGUAGE_EN));
    assert_member(json, "code", "NOT_FOUND");
    assert_member(json, "request_id", "request-7");
    assert_false(json_object_object_get_ex(json, "details", NULL));
    assert_null(strstr(json_object_to_json_string(json), "secret"));
    json_object_put(json);
    json = write_and_parse_body(*state, error, LANGUAGE_RU);
    assert_member(json, "error", "Ресурс не найден");
    assert_member(json, "code", "NOT_FOUND");
    json_object_put(json);
}

static void details_name_every_invalid_field(void **state)
{
    struct error *error = error_field(*state, "cn", FAULT_TOO_LONG, "64");
    error_detail(error, "evil\"\xFF", FAULT_UNKNOWN, NULL);
    struct json_object *json = write_and_parse_body(*state, error, LANGUAGE_EN);
    struct json_object *details = must_get(json, "details");
    assert_int_equal(json_object_array_length(details), 2);
    struct json_object *first = json_object_array_get_idx(details, 0);
    assert_member(first, "field", "cn");
    assert_member(first, "message", "must have at most 64 characters");
    assert_int_equal(json_object_object_length(first), 2);
    assert_member(json_object_array_get_idx(details, 1), "field", "evil\"\xEF\xBF\xBD");
    json_object_put(json);
}

static void details_without_a_field_are_plain_strings(void **state)
{
    struct error *error = error_new(*state, ERR_AMBIGUOUS, NULL);
    error_detail(error, NULL, FAULT_NONE, "CN=a,DC=b");
    error_detail(error, NULL, FAULT_NONE, "CN=\"c\"");
    struct json_object *json = write_and_parse_body(*state, error, LANGUAGE_RU);
    struct json_object *details = must_get(json, "details");
    assert_string_equal(json_object_get_string(json_object_array_get_idx(details, 0)), "CN=a,DC=b");
    assert_string_equal(json_object_get_string(json_object_array_get_idx(details, 1)), "CN=\"c\"");
    json_object_put(json);
}

/* For example, the contact that already has an email address. */
static void details_about_another_object_contain_its_id(void **state)
{
    struct error *error =
        error_about_object(*state, ERR_DUPLICATE, "email", FAULT_DUPLICATE, INT64_MAX);
    error_detail(error, "phone", FAULT_TAKEN, NULL);
    struct json_object *json = write_and_parse_body(*state, error, LANGUAGE_EN);
    struct json_object *details = must_get(json, "details");
    struct json_object *first = json_object_array_get_idx(details, 0);
    assert_member(json, "code", "DUPLICATE");
    assert_member(first, "field", "email");
    assert_member(first, "message", "is already used by contact 9223372036854775807");
    assert_true(json_object_get_int64(must_get(first, "id")) == INT64_MAX);
    assert_false(json_object_object_get_ex(json_object_array_get_idx(details, 1), "id", NULL));
    json_object_put(json);
}

/* An empty list of allowed values is valid too. */
static void additional_members_are_added_to_the_error_body(void **state)
{
    static const char *const items[] = {"a", "b", NULL};
    struct error *error = error_new(*state, ERR_FILE_TYPE, NULL);
    error_member_integer(error_member_strings(error, "allowed", items), "size", 16);
    struct buffer out = {.arena = *state};
    problem_write(&out, error, LANGUAGE_EN, "id");
    struct json_object *json = must_parse(out.bytes, out.length);
    assert_member(json, "code", "FILE_TYPE_NOT_ALLOWED");
    assert_member(json, "allowed", "[ \"a\", \"b\" ]");
    assert_member(json, "size", "16");
    assert_member(json, "request_id", "id");
    json_object_put(json);
}

static void invalid_transition_lists_the_allowed_states(void **state)
{
    struct error *error = error_new(*state, ERR_INVALID_TRANSITION, NULL);
    struct json_object *json = write_and_parse_body(*state, error, LANGUAGE_RU);
    assert_int_equal(json_object_array_length(must_get(json, "details")), 0);
    json_object_put(json);
    error_detail(error, NULL, FAULT_NONE, "WON");
    json = write_and_parse_body(*state, error, LANGUAGE_RU);
    assert_string_equal(json_object_to_json_string(must_get(json, "details")), "[ \"WON\" ]");
    json_object_put(json);
}

/* The details of a repeated response may contain text that looks like the member "request_id". */
static void repeated_response_gets_the_new_request_id(void **state)
{
    struct error *error = error_new(*state, ERR_OUTCOME_UNKNOWN, NULL);
    struct buffer body = {.arena = *state}, expected = {.arena = *state};
    error_detail(error, NULL, FAULT_NONE, "CN=x,\"request_id\":\"1\"}");
    problem_write(&body, error, LANGUAGE_EN, "a-long-request-id");
    problem_write(&expected, error, LANGUAGE_EN, "short");
    problem_replace_request_id(&body, "short");
    assert_string_equal(body.bytes, expected.bytes);
    assert_int_equal(body.length, expected.length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_error_codes_do_not_change),
        cmocka_unit_test(every_error_has_status_code_and_messages),
        cmocka_unit_test(error_codes_are_unique),
        ARENA_TEST(every_fault_has_messages_in_both_languages),
        ARENA_TEST(fault_messages_contain_their_argument),
        ARENA_TEST(fault_message_contains_its_arguments_in_their_order),
        ARENA_TEST(error_body_has_the_form_of_the_contract),
        ARENA_TEST(details_name_every_invalid_field),
        ARENA_TEST(details_without_a_field_are_plain_strings),
        ARENA_TEST(details_about_another_object_contain_its_id),
        ARENA_TEST(additional_members_are_added_to_the_error_body),
        ARENA_TEST(invalid_transition_lists_the_allowed_states),
        ARENA_TEST(repeated_response_gets_the_new_request_id),
    };
    return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
