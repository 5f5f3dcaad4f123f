/* Selection: ?fields= names the fields that items of a list have. */
#include "unit.h"

#include "http/fields.h"
#include "http/reply.h"
#include "http/selection.h"
#include "rest/paging.h"

static const struct field items[] = {
    {.name = "name", .type = FIELD_INTEGER},
    {.name = "id", .type = FIELD_INTEGER},
    {.name = "secret", .type = FIELD_INTEGER, .flags = FIELD_SECRET},
    {.name = "internal", .type = FIELD_INTEGER, .flags = FIELD_INTERNAL},
    {.name = "photo", .type = FIELD_INTEGER, .flags = FIELD_ON_REQUEST},
    {.name = NULL},
};
static const struct field entries[] = {
    {.name = "cn", .type = FIELD_INTEGER},
    {.name = "objectGUID", .type = FIELD_INTEGER},
    {.name = NULL},
};
static const struct field members[] = {
    {.name = "account_id", .type = FIELD_INTEGER},
    {.name = "role", .type = FIELD_INTEGER},
    {.name = NULL},
};
static const struct field listing[] = {
    {.name = "things", .type = FIELD_RECORDS, .flags = FIELD_ITEMS, .fields = items},
    {.name = "count", .type = FIELD_INTEGER},
    {.name = NULL},
};
static const struct field query[] = {QUERY_FIELDS, {.name = NULL}};

static const struct schema item_schema = {"Item", items}, listing_schema = {"Listing", listing};
static const struct route list_route = {
    .query = query, .shape = REPLY_ARRAY, .reply = &item_schema};
static const struct route listing_route = {
    .query = query, .shape = REPLY_RECORD, .reply = &listing_schema};
static const struct route item_route = {
    .query = query, .shape = REPLY_RECORD, .reply = &item_schema};

/* Returns the items of a reply to a request with this query; NULL if the query is refused. */
static const char *items_of(struct arena *arena, const struct route *route, const char *text)
{
    struct request request = {.arena = arena, .route = route};
    struct value item[5], *list[] = {item};
    struct value record[2] = {{0}};
    struct reply reply = {0};
    for (int i = 0; i < 5; i++) {
        field_set_integer(&item[i], i);
    }
    if (fields_read_query(arena, query, text, &request.query) || selection_read(&request)) {
        return NULL;
    }
    reply.selected = request.selected;
    if (route->shape == REPLY_ARRAY) {
        reply_array(&request, &reply, list, 1, 1);
    } else {
        field_set_records(&record[0], list, 1);
        field_set_integer(&record[1], 1);
        reply_record(&reply, route->reply->fields == items ? item : record);
    }
    reply_serialize(route, &reply, arena);
    return reply.body.bytes;
}

static void list_has_the_selected_fields_and_the_id(void **state)
{
    assert_string_equal(items_of(*state, &list_route, ""), "[{\"name\":0,\"id\":1}]");
    assert_string_equal(items_of(*state, &list_route, "fields=name"), "[{\"name\":0,\"id\":1}]");
    assert_string_equal(items_of(*state, &list_route, "fields=id"), "[{\"id\":1}]");
    assert_string_equal(items_of(*state, &list_route, "fields=photo,id,photo"),
                        "[{\"id\":1,\"photo\":4}]");
    assert_string_equal(items_of(*state, &listing_route, "fields=id"),
                        "{\"things\":[{\"id\":1}],\"count\":1}");
    assert_string_equal(items_of(*state, &listing_route, ""),
                        "{\"things\":[{\"name\":0,\"id\":1}],\"count\":1}");
}

/* A single object has its fields on request, too. */
static void single_object_has_all_fields(void **state)
{
    assert_string_equal(items_of(*state, &item_route, ""), "{\"name\":0,\"id\":1,\"photo\":4}");
}

static void unknown_field_is_refused_with_the_available_ones(void **state)
{
    static const char *const refused[] = {"secret", "internal", "Name",    "name,",
                                          ",name",  "name, id", "name;id", "*",
                                          "id.x",   "naMe",     "%00"};
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        assert_null(items_of(*state, &list_route, arena_format(*state, "fields=%s", refused[i])));
    }
    struct request request = {.arena = *state, .route = &list_route};
    assert_null(fields_read_query(*state, query, "fields=x", &request.query));
    const struct error *error = selection_read(&request);
    assert_non_null(error);
    assert_int_equal(error->id, ERR_VALIDATION);
    assert_string_equal(error->details->field, "fields");
    assert_string_equal(error->details->argument, "name, id, photo");
}

static void key_of_an_item_is_its_identifier(void **state)
{
    (void)state;
    assert_string_equal(selection_key(items)->name, "id");
    assert_string_equal(selection_key(entries)->name, "objectGUID");
    assert_string_equal(selection_key(members)->name, "account_id");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(list_has_the_selected_fields_and_the_id),
        ARENA_TEST(single_object_has_all_fields),
        ARENA_TEST(unknown_field_is_refused_with_the_available_ones),
        cmocka_unit_test(key_of_an_item_is_its_identifier),
    };
    return cmocka_run_group_tests_name("selection", tests, NULL, NULL);
}
