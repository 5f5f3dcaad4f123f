/*
 * Fuzzes json_strict_check(): it must accept exactly the texts that the grammar of the standard and
 * our limits allow, and json-c must read each of them completely.
 */
#include "fuzz.h"
#include "http/json_strict.h"
#include "rfc8259.h"

#include <json-c/json.h>

/* Counts members as json-c stores them: of several members with the same name, it keeps the
 * last. */
static size_t count_members(struct json_object *json)
{
    size_t count = 0;
    if (json_object_is_type(json, json_type_object)) {
        json_object_object_foreach(json, name, member)
        {
            (void)name;
            count += 1 + count_members(member);
        }
    } else if (json_object_is_type(json, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(json); i++) {
            count += count_members(json_object_array_get_idx(json, i));
        }
    }
    return count;
}

static void check_json_c(const char *text, size_t length, size_t members)
{
    struct json_tokener *tokener = json_tokener_new_ex(JSON_STRICT_NESTING_MAX + 1);
    FUZZ_CHECK(tokener);
    struct json_object *json = json_tokener_parse_ex(tokener, text, (int)length);
    if (json_tokener_get_error(tokener) == json_tokener_continue) {
        json = json_tokener_parse_ex(tokener, "", 1);
    } else {
        FUZZ_CHECK(json_tokener_get_parse_end(tokener) == length);
    }
    FUZZ_CHECK(json_tokener_get_error(tokener) == json_tokener_success);
    FUZZ_CHECK(count_members(json) <= members);
    json_object_put(json);
    json_tokener_free(tokener);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct rfc8259 grammar;
    size_t members;
    bool valid = rfc8259_read(&grammar, text, size) && grammar.deepest <= JSON_STRICT_NESTING_MAX &&
                 !grammar.lone_surrogate && !grammar.nul_in_name;
    FUZZ_CHECK(valid == !json_strict_check(text, size, &members));
    if (valid) {
        FUZZ_CHECK(members == grammar.members);
        check_json_c(text, size, members);
    }
    return 0;
}
