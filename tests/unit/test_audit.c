/* Audit log: the members of a line, the exclusion of values and secrets, and rotation. */
#include "unit.h"

#include "http/audit.h"

static const struct field map[] = {
    {.name = "name", .type = FIELD_STRING},
    {.name = "password", .type = FIELD_STRING, .flags = FIELD_SECRET},
    {.name = "title", .type = FIELD_STRING, .flags = FIELD_NULLABLE},
    {.name = NULL},
};

static const struct schema schema = {"Thing", map};

static const struct route change = {
    .method = METHOD_PATCH,
    .pattern = "/things/{thing}",
    .summary = {"Изменить", "Change a thing"},
    .body = &schema,
    .action = "update_thing",
    .resource_type = "thing",
};

static const struct route create = {
    .method = METHOD_POST,
    .pattern = "/things",
    .summary = {"Создать", "Create a thing"},
    .action = "create_thing",
    .resource_type = "thing",
};

static struct request *request_for(struct arena *arena, const struct route *route)
{
    static char first[] = "things", last[] = "Я \"7\"";
    struct request *request = arena_alloc(arena, sizeof *request);
    *request = (struct request){
        .arena = arena,
        .route = route,
        .segments = {first, last},
        .segments_count = route == &change ? 2 : 1,
        .headers = {.address = "192.0.2.1"},
        .id = "id-1",
        .actor = "admin",
    };
    return request;
}

/* Writes an audit line and returns it parsed. The caller releases it. */
static struct json_object *write_and_read_line(struct arena *arena, const struct request *request,
                                               const struct error *error)
{
    unlink("audit.jsonl");
    audit_reopen();
    audit_write(request, error);
    const char *text = read_file(arena, "audit.jsonl");
    size_t length = strlen(text);
    assert_true(length > 0 && strchr(text, '\n') == text + length - 1);
    assert_null(strstr(text, "hush"));
    return must_parse(text, length);
}

static void audit_line_contains_actor_action_resource_time_and_address(void **state)
{
    struct request *request = request_for(*state, &change);
    struct json_object *line = write_and_read_line(*state, request, NULL);
    assert_int_equal(json_object_get_string_len(must_get(line, "timestamp")),
                     strlen("2026-11-20T12:34:56.789Z"));
    assert_member(line, "actor", "admin");
    assert_member(line, "action", "update_thing");
    assert_member(line, "resource_type", "thing");
    assert_member(line, "resource_id", "Я \"7\"");
    assert_member(line, "status", "success");
    assert_member(line, "message", "Change a thing");
    assert_member(line, "request_id", "id-1");
    assert_member(line, "address", "192.0.2.1");
    assert_true(json_object_is_type(must_get(line, "details"), json_type_object));
    json_object_put(line);
}

static void audit_line_names_changed_fields_without_their_values(void **state)
{
    struct request *request = request_for(*state, &change);
    struct value *values = arena_array(*state, fields_count(map), sizeof *values);
    field_set_string(&values[1], "hush");
    field_set_string(&values[2], NULL);
    request->body = values;
    struct json_object *line = write_and_read_line(*state, request, NULL);
    struct json_object *fields = must_get(must_get(line, "details"), "fields");
    assert_string_equal(json_object_to_json_string_ext(fields, JSON_C_TO_STRING_PLAIN),
                        "[\"password\",\"title\"]");
    json_object_put(line);
}

static void audit_line_names_member_and_entries_deleted_with_the_entry(void **state)
{
    static const char *const deleted[] = {"CN=b,CN=a,DC=x", "CN=\"Я\",CN=b,CN=a,DC=x", NULL};
    struct request *request = request_for(*state, &change);
    request->member_dn = "CN=m,DC=x";
    request->deleted_dns = deleted;
    struct json_object *line = write_and_read_line(*state, request, NULL);
    struct json_object *details = must_get(line, "details");
    assert_member(details, "member_dn", "CN=m,DC=x");
    struct json_object *dns = must_get(details, "deleted");
    assert_int_equal(json_object_array_length(dns), 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(json_object_get_string(json_object_array_get_idx(dns, i)), deleted[i]);
    }
    json_object_put(line);
}

static void audit_line_of_a_failed_change_names_error_code_and_fields(void **state)
{
    struct request *request = request_for(*state, &change);
    struct error *error = error_field(*state, "password", FAULT_TOO_SHORT, "8");
    error->cause = "hush";
    struct json_object *line = write_and_read_line(*state, request, error);
    assert_member(line, "status", "failure");
    struct json_object *details = must_get(line, "details");
    assert_member(details, "code", "VALIDATION_ERROR");
    struct json_object *first = json_object_array_get_idx(must_get(details, "details"), 0);
    assert_member(first, "field", "password");
    assert_member(first, "message", "must have at least 8 character(s)");
    json_object_put(line);
}

static void unknown_fields_are_counted_and_client_text_is_omitted(void **state)
{
    struct request *request = request_for(*state, &change);
    struct error *error = error_field(*state, "hush", FAULT_UNKNOWN, NULL);
    error_detail(error, "password", FAULT_TOO_SHORT, "8");
    error_detail(error, "hush too", FAULT_UNKNOWN, NULL);
    struct json_object *line = write_and_read_line(*state, request, error);
    struct json_object *details = must_get(line, "details");
    assert_int_equal(json_object_get_int(must_get(details, "unknown_fields")), 2);
    assert_int_equal(json_object_array_length(must_get(details, "details")), 1);
    assert_null(strstr(json_object_to_json_string(line), "hush"));
    json_object_put(line);
    error = error_new(*state, ERR_DIRECTORY_REFUSED, NULL); /* the directory may quote a value */
    line = write_and_read_line(*state, request,
                               error_detail(error, NULL, FAULT_NONE, "bad value: hush"));
    assert_null(strstr(json_object_to_json_string(line), "hush"));
    json_object_put(line);
}

/* The client is not told why a login is rejected; the audit log is. */
static void audit_line_contains_the_internal_reason_of_a_failure(void **state)
{
    struct request *request = request_for(*state, &change);
    request->reason = "the account is locked";
    const struct error *error = error_new(*state, ERR_INVALID_CREDENTIALS, "hush");
    struct json_object *line = write_and_read_line(*state, request, error);
    assert_member(must_get(line, "details"), "reason", "the account is locked");
    json_object_put(line);
}

static void resource_id_in_the_audit_line_is_set_by_the_handler_or_null(void **state)
{
    struct request *request = request_for(*state, &create);
    request->subject = "new";
    struct json_object *line = write_and_read_line(*state, request, NULL);
    assert_member(line, "resource_id", "new");
    json_object_put(line);
    request->subject = NULL; /* null if neither the handler nor the path names a resource */
    line = write_and_read_line(*state, request, NULL);
    assert_null(must_get(line, "resource_id"));
    json_object_put(line);
}

static void unknown_actor_is_null_in_the_audit_line(void **state)
{
    struct request *request = request_for(*state, &change);
    request->actor = NULL;
    struct json_object *line =
        write_and_read_line(*state, request, error_new(*state, ERR_UNAUTHORIZED, NULL));
    assert_null(must_get(line, "actor"));
    json_object_put(line);
}

static void audit_lines_are_appended_before_and_after_rotation(void **state)
{
    struct request *request = request_for(*state, &change);
    json_object_put(write_and_read_line(*state, request, NULL));
    audit_write(request, NULL);
    assert_int_equal(rename("audit.jsonl", "audit.jsonl.1"), 0);
    audit_write(request, NULL);
    audit_reopen();
    audit_write(request, NULL);
    size_t old = 0, fresh = 0;
    for (const char *c = read_file(*state, "audit.jsonl.1"); *c; c++) {
        old += *c == '\n';
    }
    for (const char *c = read_file(*state, "audit.jsonl"); *c; c++) {
        fresh += *c == '\n';
    }
    assert_int_equal(old, 3);
    assert_int_equal(fresh, 1);
}

int main(void)
{
    char folder[PATH_MAX];
    if (!enter_temporary(folder)) {
        return EXIT_FAILURE;
    }
    if (!audit_open("audit.jsonl")) {
        return leave_temporary(folder, EXIT_FAILURE);
    }
    const struct CMUnitTest tests[] = {
        ARENA_TEST(audit_line_contains_actor_action_resource_time_and_address),
        ARENA_TEST(audit_line_names_changed_fields_without_their_values),
        ARENA_TEST(audit_line_names_member_and_entries_deleted_with_the_entry),
        ARENA_TEST(audit_line_of_a_failed_change_names_error_code_and_fields),
        ARENA_TEST(unknown_fields_are_counted_and_client_text_is_omitted),
        ARENA_TEST(audit_line_contains_the_internal_reason_of_a_failure),
        ARENA_TEST(resource_id_in_the_audit_line_is_set_by_the_handler_or_null),
        ARENA_TEST(unknown_actor_is_null_in_the_audit_line),
        ARENA_TEST(audit_lines_are_appended_before_and_after_rotation),
    };
    return leave_temporary(folder, cmocka_run_group_tests_name("audit", tests, NULL, NULL));
}
