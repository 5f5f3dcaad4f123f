/*
 * Fuzzes the JSON writer: the input is a list of calls and their arguments. The standard's grammar
 * and json-c accept everything that is written, and valid UTF-8 strings are read back unchanged.
 */
#include "base/jsonw.h"
#include "fuzz.h"
#include "rfc8259.h"

#include <json-c/json.h>

enum { DEPTH_MAX = 30 };

struct calls {
    const uint8_t *at, *end;
    struct jsonw json;
    struct buffer key;
    char closers[DEPTH_MAX + 1]; /* closing brackets of all open values, the innermost last */
    size_t depth;
    unsigned keys; /* makes each name unique */
};

/* Takes up to `limit` bytes of the input. */
static const char *take(struct calls *calls, size_t limit, size_t *length_r)
{
    size_t left = (size_t)(calls->end - calls->at);
    size_t length = left && limit ? *calls->at % limit : 0;
    calls->at += left ? 1 : 0;
    left = (size_t)(calls->end - calls->at);
    *length_r = length < left ? length : left;
    const char *bytes = (const char *)calls->at;
    calls->at += *length_r;
    return bytes;
}

/* Returns a name inside an object, NULL inside an array. */
static const char *next_key(struct calls *calls)
{
    size_t length;
    if (calls->closers[calls->depth] == ']') {
        return NULL;
    }
    const char *bytes = take(calls, 16, &length);
    buffer_clear(&calls->key);
    buffer_add(&calls->key, bytes, length);
    buffer_format(&calls->key, "%u", calls->keys++);
    return calls->key.bytes;
}

static void open_container(struct calls *calls, char closer)
{
    if (calls->depth == DEPTH_MAX) {
        return;
    }
    const char *key = next_key(calls);
    if (closer == '}') {
        jsonw_open_object(&calls->json, key);
    } else {
        jsonw_open_array(&calls->json, key);
    }
    calls->closers[++calls->depth] = closer;
}

static void close_container(struct calls *calls)
{
    if (calls->closers[calls->depth--] == '}') {
        jsonw_close_object(&calls->json);
    } else {
        jsonw_close_array(&calls->json);
    }
}

static int64_t take_integer(struct calls *calls)
{
    size_t length;
    int64_t number = 0;
    const char *bytes = take(calls, sizeof number + 1, &length);
    memcpy(&number, bytes, length);
    return number;
}

/* The text without its decimal point must be the integer again. */
static void call_decimal(struct calls *calls)
{
    size_t length;
    char digits[64] = "";
    struct buffer out = {0};
    int64_t number = take_integer(calls);
    const char *bytes = take(calls, 2, &length);
    int scale = length ? (unsigned char)*bytes % 20 : 0;
    jsonw_decimal(&(struct jsonw){.out = &out}, NULL, number, scale);
    for (size_t i = 0; i < out.length; i++) {
        if (out.bytes[i] != '.') {
            strncat(digits, &out.bytes[i], 1);
        }
    }
    FUZZ_CHECK(strtoll(digits, NULL, 10) == number);
    FUZZ_CHECK(!scale || out.bytes[out.length - 1 - (size_t)scale] == '.');
    buffer_free(&out);
    jsonw_decimal(&calls->json, next_key(calls), number, scale);
}

/* A string must be read back unchanged, or with U+FFFD in place of invalid UTF-8. */
static void check_string(const char *bytes, size_t length)
{
    struct buffer out = {0};
    struct jsonw json = {.out = &out};
    jsonw_open_array(&json, NULL);
    jsonw_bytes(&json, NULL, bytes, length);
    jsonw_close_array(&json);
    FUZZ_CHECK(rfc8259_valid(out.bytes, out.length));
    struct json_object *array = json_tokener_parse(out.bytes);
    struct json_object *value = json_object_array_get_idx(array, 0);
    size_t got = (size_t)json_object_get_string_len(value);
    const char *text = json_object_get_string(value);
    FUZZ_CHECK(utf8_valid(text, got));
    FUZZ_CHECK(!utf8_valid(bytes, length) || (got == length && !memcmp(text, bytes, length)));
    json_object_put(array);
    buffer_free(&out);
}

static void make_call(struct calls *calls)
{
    size_t length;
    const char *bytes;
    switch (*calls->at++ % 10) {
    case 0:
        open_container(calls, '}');
        break;
    case 1:
        open_container(calls, ']');
        break;
    case 2:
        if (calls->depth > 1) {
            close_container(calls);
        }
        break;
    case 3:
        jsonw_null(&calls->json, next_key(calls));
        break;
    case 4:
        jsonw_boolean(&calls->json, next_key(calls), calls->depth % 2);
        break;
    case 5:
        jsonw_integer(&calls->json, next_key(calls), take_integer(calls));
        break;
    case 6:
        jsonw_time(&calls->json, next_key(calls), take_integer(calls));
        break;
    case 7:
        jsonw_string(&calls->json, next_key(calls), NULL);
        break;
    case 8:
        call_decimal(calls);
        break;
    default:
        bytes = take(calls, 64, &length);
        check_string(bytes, length);
        jsonw_bytes(&calls->json, next_key(calls), bytes, length);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer out = {0};
    struct calls calls = {.at = data, .end = data + size, .json = {.out = &out}};
    calls.closers[0] = ']'; /* the outermost value has no name */
    open_container(&calls, '}');
    while (calls.at < calls.end) {
        make_call(&calls);
    }
    while (calls.depth) {
        close_container(&calls);
    }
    FUZZ_CHECK(rfc8259_valid(out.bytes, out.length));
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX + 2);
    FUZZ_CHECK(tokener);
    struct json_object *json = json_tokener_parse_ex(tokener, out.bytes, (int)out.length);
    FUZZ_CHECK(json && json_tokener_get_error(tokener) == json_tokener_success);
    json_object_put(json);
    json_tokener_free(tokener);
    buffer_free(&calls.key);
    buffer_free(&out);
    return 0;
}
