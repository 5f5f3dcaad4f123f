/* Field maps and JSON bodies: invalid JSON, bodies that do not match the map, and valid bodies. */
#include "unit.h"

#include "base/utf8.h"
#include "http/fields.h"

enum { NAME, NOTE, COUNT, FREE, FLAG, CHECKED, WHEN, AMOUNT, CHANGE, TAGS, ROWS, LISTED, FIELDS };

enum { MINOR_PLACES = 2, CHANGE_MAX = 5000 };

static enum fault_id check_no_spaces(const char *text, size_t length)
{
    return memchr(text, ' ', length) ? FAULT_ACCOUNT_NAME : FAULT_NONE;
}

static const int64_t listed_numbers[] = {2, -8, 0};

static const struct field map[] = {
    [NAME] = {.name = "name", .type = FIELD_STRING, .flags = FIELD_NAME, .min = 1, .max = 5},
    [NOTE] = {.name = "note", .type = FIELD_STRING, .flags = FIELD_NULLABLE},
    [COUNT] = {.name = "count", .type = FIELD_INTEGER, .min = -10, .max = 10},
    [FREE] = {.name = "free", .type = FIELD_INTEGER},
    [FLAG] = {.name = "flag", .type = FIELD_BOOLEAN},
    [CHECKED] = {.name = "checked", .type = FIELD_STRING, .check = check_no_spaces},
    [WHEN] = {.name = "when", .type = FIELD_TIME},
    [AMOUNT] = {.name = "amount",
                .type = FIELD_DECIMAL,
                .scale = MINOR_PLACES,
                .max = 999999999999},
    [CHANGE] = {.name = "change",
                .type = FIELD_DECIMAL,
                .scale = MINOR_PLACES,
                .min = -CHANGE_MAX,
                .max = CHANGE_MAX},
    [TAGS] = {.name = "tags", .type = FIELD_STRINGS},
    [ROWS] = {.name = "rows", .type = FIELD_RECORDS},
    [LISTED] = {.name = "listed", .type = FIELD_INTEGER, .numbers = listed_numbers},
    [FIELDS] = {.name = NULL},
};

static const struct field demanding_map[] = {
    {.name = "first", .type = FIELD_STRING, .flags = FIELD_REQUIRED},
    {.name = "second", .type = FIELD_INTEGER, .flags = FIELD_REQUIRED},
    {.name = "third", .type = FIELD_INTEGER, .flags = FIELD_DEFAULT, .standard = 7},
    {.name = NULL},
};

static struct error *read_bytes(struct arena *arena, const char *text, size_t length,
                                struct value **values_r)
{
    /* Copies the text into memory of exactly its size, so that the sanitizer detects reads
     * beyond its end. */
    char *copy = malloc(length + !length);
    assert_non_null(copy);
    memcpy(copy, text, length);
    struct error *error = fields_read_json(arena, map, copy, length, values_r);
    free(copy);
    return error;
}

static struct value *must_read(struct arena *arena, const char *text)
{
    struct value *values = NULL;
    if (read_bytes(arena, text, strlen(text), &values) || !values) {
        FAIL("rejected: %s", text);
    }
    return values;
}

static void assert_invalid_json(struct arena *arena, const char *text, size_t length)
{
    struct value *values = NULL;
    struct error *error = read_bytes(arena, text, length, &values);
    if (!error || error->id != ERR_INVALID_JSON) {
        FAIL("%s: %.*s", error ? "rejected, but not as invalid JSON" : "accepted as JSON",
             (int)length, text);
    }
    assert_null(error->details);
}

/* Asserts ERR_VALIDATION with exactly this detail. */
static void assert_fault(struct arena *arena, const char *text, const char *field,
                         enum fault_id fault, const char *argument)
{
    struct value *values = NULL;
    struct error *error = read_bytes(arena, text, strlen(text), &values);
    if (!error || error->id != ERR_VALIDATION || !error->details || error->details->next ||
        strcmp(error->details->field, field) != 0 || error->details->fault != fault) {
        FAIL("not rejected with fault %d of %s only: %s", (int)fault, field, text);
    }
    assert_string_equal(error->details->argument ? error->details->argument : "",
                        argument ? argument : "");
}

static void assert_faults(struct arena *arena, const char *const *texts, size_t count,
                          const char *field, enum fault_id fault)
{
    for (size_t i = 0; i < count; i++) {
        assert_fault(arena, texts[i], field, fault, NULL);
    }
}

#define ASSERT_FAULTS(arena, field, fault, ...)                                                    \
    assert_faults(arena, (const char *const[]){__VA_ARGS__},                                       \
                  COUNT_OF(((const char *const[]){__VA_ARGS__})), field, fault)

/* --- invalid JSON ----------------------------------------------------------------------------- */

static void invalid_json_is_rejected(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "\n",
        "{",
        "}",
        "[",
        "{\"note\"",
        "{\"note\":",
        "{\"note\":\"",
        "{\"note\":\"x",
        "{\"note\":\"x\"",
        "{\"note\":\"x\",",
        "{\"note\":\"x\",}",
        "{,}",
        "{\"note\" \"x\"}",
        "{\"note\":}",
        "{note:\"x\"}",
        "{\"note\":\"x\" \"flag\":true}",
        "{\"note\":x}",
        "{\"note\":undefined}",
        "{:1}",
        "{\"note\"}",
        "{1:2}",
        "{true:1}",
        "{\"note\":\"x\",,}",
        "{\"tags\":[1,]}",
        "{\"tags\":[,]}",
        "{\"tags\":[1 2]}",
        "{\"tags\":[1}",
        "{\"tags\":]}",
        "{\"flag\":tru}",
        "{\"flag\":True}",
        "{\"flag\":TRUE}",
        "{\"note\":NULL}",
        "{\"note\":nul}",
        "{\"flag\":truefalse}",
        "{\"flag\":t}",
        "a=1&b=2",
        "<a/>",
        "--",
        "\"",
        "name",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_invalid_json(*state, texts[i], strlen(texts[i]));
    }
}

/* Texts that json-c accepts although RFC 8259 does not allow them. */
static void json_extensions_are_rejected(void **state)
{
    static const char *const texts[] = {
        "{'note':\"x\"}",
        "{\"note\":'x'}",
        "{'note':'x'}",
        "{'flag':true}",
        "/* */{}",
        "{/* */}",
        "{\"note\":\"x\"/**/}",
        "{}//",
        "// \n{}",
        "#\n{}",
        "{\"free\":NaN}",
        "{\"free\":-NaN}",
        "{\"free\":nan}",
        "{\"free\":Infinity}",
        "{\"free\":-Infinity}",
        "{\"free\":+1}",
        "{\"free\":01}",
        "{\"free\":-01}",
        "{\"free\":00}",
        "{\"free\":-00}",
        "{\"free\":00.5}",
        "{\"free\":1.}",
        "{\"free\":.5}",
        "{\"free\":-.5}",
        "{\"free\":1.e5}",
        "{\"free\":1e}",
        "{\"free\":1e+}",
        "{\"free\":-}",
        "{\"free\":0x10}",
        "{\"free\":1_000}",
        "{\"free\":1 000}",
        "{\"free\":--1}",
        "{\"free\":1a}",
        "{\"free\":\xD9\xA1}",
        "{\"free\":1.2.3}",
        "{\"free\":1e5e5}",
        "{\"rows\":[{'a':1}]}",
        "{\"other\":[-01]}",
        "{\"other\":{\"a\":NaN}}",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_invalid_json(*state, texts[i], strlen(texts[i]));
    }
}

static void body_must_be_a_json_object(void **state)
{
    static const char *const texts[] = {"[]", "[{}]", "null",     "true", "1",
                                        "-0", "1.5",  "\"text\"", " 12 ", "[\"name\",\"x\"]"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_invalid_json(*state, texts[i], strlen(texts[i]));
    }
}

/* Numbers and literals are parsed to their end, although no delimiter follows them. */
static void bare_body_may_be_any_json_value(void **state)
{
    static const struct field tags = {.name = "tags", .type = FIELD_STRINGS, .items_max = 2};
    static const char *const others[] = {"12", "-0", "1.5", "true", "false", "\"x\"", "{}", " 12 "};
    struct value *value = NULL;
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct error *error = fields_read_bare(*state, &tags, others[i], strlen(others[i]), &value);
        if (!error || error->id != ERR_VALIDATION || error->details->fault != FAULT_NOT_STRINGS) {
            FAIL("not rejected for its type: %s", others[i]);
        }
    }
    struct error *null = fields_read_bare(*state, &tags, BYTES("null"), &value);
    assert_true(null && null->details && null->details->fault == FAULT_NOT_NULL);
    struct error *cut = fields_read_bare(*state, &tags, BYTES("tru"), &value);
    assert_true(cut && cut->id == ERR_INVALID_JSON);
    assert_null(fields_read_bare(*state, &tags, BYTES("[\"Ж\",\"x\"]"), &value));
    assert_int_equal(value->state, VALUE_SET);
}

static void only_white_space_may_surround_the_body(void **state)
{
    must_read(*state, "{\"note\":\"x\"}\r\n\t ");
    must_read(*state, " \t\r\n{ \"note\" : \"x\" , \"flag\"\n:\ttrue } ");
    static const char *const texts[] = {"{}{}", "{} x",   "{},",        "{}]",
                                        "{}}",  "{}\"\"", "{}0",        "{} null",
                                        "{}\v", "{}\f",   "{}\xC2\xA0", "\xC2\xA0{}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_invalid_json(*state, texts[i], strlen(texts[i]));
    }
    assert_invalid_json(*state, BYTES("{}\0"));
    assert_invalid_json(*state, BYTES("{}\0garbage"));
}

static void invalid_utf8_is_rejected(void **state)
{
    static const char *const texts[] = {
        "\xEF\xBB\xBF{}", /* a byte order mark: RFC 8259 8.1 */
        "{\"note\":\"\xFF\"}",
        "{\"note\":\"\xC0\x80\"}",
        "{\"note\":\"\xED\xA0\x80\"}",
        "{\"note\":\"\xD0\"}",
        "{\"no\xFFte\":1}",
        "\xFF{}",
        "{}\xFF",
        "{\"note\":\"\xF4\x90\x80\x80\"}",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_invalid_json(*state, texts[i], strlen(texts[i]));
    }
    assert_invalid_json(*state, BYTES("{\0\"\0a\0\"\0:\0001\0}\0")); /* an object in UTF-16 */
}

static void unescaped_control_characters_are_rejected(void **state)
{
    for (int c = 0; c < 0x20; c++) {
        char value[] = "{\"note\":\"a?b\"}", name[] = "{\"a?b\":1}";
        *strchr(value, '?') = (char)c;
        *strchr(name, '?') = (char)c;
        assert_invalid_json(*state, value, sizeof value - 1);
        assert_invalid_json(*state, name, sizeof name - 1);
    }
    must_read(*state, "{\"note\":\"a\x7F\"}"); /* DEL is not a control character in JSON */
}

static void invalid_escapes_are_rejected(void **state)
{
    static const char *const texts[] = {
        "{\"note\":\"\\x\"}",     "{\"note\":\"\\u\"}",     "{\"note\":\"\\u12\"}",
        "{\"note\":\"\\u12G4\"}", "{\"note\":\"\\u+123\"}", "{\"note\":\"\\u 123\"}",
        "{\"note\":\"\\U0041\"}", "{\"note\":\"\\'\"}",     "{\"note\":\"\\0\"}",
        "{\"note\":\"\\\"}",      "{\"note\":\"\\\n\"}",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_invalid_json(*state, texts[i], strlen(texts[i]));
    }
}

/* UTF-8 cannot encode lone surrogates, and replacing them would change a password. */
static void lone_surrogates_are_rejected(void **state)
{
    static const char *const escapes[] = {
        "\\ud800",        "\\udbff",        "\\udc00",          "\\uDFFF",
        "\\ud800\\ud800", "\\udc00\\ud800", "\\ud800x",         "\\ud800\\n",
        "\\ud800\\u0041", "a\\ud83d",       "\\ud83d\\\\ude00",
    };
    for (size_t i = 0; i < COUNT_OF(escapes); i++) {
        static const char *const forms[] = {"{\"note\":\"%s\"}", "{\"%s\":1}"};
        for (size_t form = 0; form < COUNT_OF(forms); form++) {
            struct buffer text = {.arena = *state};
            const char *place = strstr(forms[form], "%s");
            buffer_add(&text, forms[form], (size_t)(place - forms[form]));
            buffer_add_string(&text, escapes[i]);
            buffer_add_string(&text, place + 2);
            struct value *values = NULL;
            struct error *error = read_bytes(*state, text.bytes, text.length, &values);
            if (!error) {
                FAIL("accepted: %s", text.bytes);
            }
        }
    }
    struct value *values = must_read(*state, "{\"note\":\"\\ud83d\\ude00\\\\ud800\"}");
    assert_string_equal(values[NOTE].string.bytes, "😀\\ud800");
}

static void repeated_member_names_are_rejected(void **state)
{
    static const char *const texts[] = {
        "{\"note\":\"a\",\"note\":\"b\"}",
        "{\"note\":\"a\",\"note\":\"a\"}",
        "{\"note\":\"a\",\"flag\":true,\"note\":null}",
        "{\"note\":\"a\",\"n\\u006fte\":\"b\"}", /* the same name in another spelling */
        "{\"\\u006e\\u006F\\u0074\\u0065\":\"a\",\"note\":\"b\"}",
        "{\"a\\/b\":1,\"a/b\":2}",
        "{\"\\ud83d\\ude00\":1,\"😀\":2}",
        "{\"\":1,\"\":2}",
        "{\"rows\":[{\"a\":1,\"a\":2}]}", /* repeated in a nested object */
        "{\"other\":{\"b\":{\"a\":1,\"\\u0061\":2}}}",
        "{\"other\":[[[{\"a:\":1,\"a:\":2}]]]}",
        "{\":\":1,\":\":2}",
        "{\"note\":\"::\",\"note\":\"\\\":\"}",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_invalid_json(*state, texts[i], strlen(texts[i]));
    }
    /* Equal names in different objects, and colons inside strings, are allowed. */
    assert_fault(*state, "{\"other\":[{\"a\":1},{\"a\":2},{\"b\":{\"a\":\":\"}}]}", "other",
                 FAULT_UNKNOWN, NULL);
    assert_string_equal(must_read(*state, "{\"note\":\":\\\":\\\\\"}")[NOTE].string.bytes,
                        ":\":\\");
}

/* Single quotes, and double quotes inside them, must not hide a repeated name or a control
 * character. */
static void quotes_cannot_hide_repeated_member_names(void **state)
{
    static const char *const texts[] = {
        "{'\"':1,\"note\":\"::\",\"note\":\"b\"}",
        "{'\"':1,\"note\":\":\",\"note\":\":::\",\"flag\":true}",
        "{'\"':\"a\nb\"}",
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_invalid_json(*state, texts[i], strlen(texts[i]));
    }
}

static char *nest(struct arena *arena, const char *open, size_t depth, const char *inside,
                  const char *close)
{
    struct buffer text = {.arena = arena};
    for (size_t i = 0; i < depth; i++) {
        buffer_add_string(&text, open);
    }
    buffer_add_string(&text, inside);
    for (size_t i = 0; i < depth; i++) {
        buffer_add_string(&text, close);
    }
    return text.bytes;
}

static void deep_nesting_is_rejected(void **state)
{
    static const size_t depths[] = {100, 10000, 100000};
    for (size_t i = 0; i < COUNT_OF(depths); i++) {
        const char *arrays = nest(*state, "[", depths[i], "", "]");
        const char *objects = nest(*state, "{\"a\":", depths[i], "1", "}");
        const char *open = nest(*state, "[", depths[i], "", "");
        const char *field = arena_format(*state, "{\"note\":%s}", arrays);
        assert_invalid_json(*state, arrays, strlen(arrays));
        assert_invalid_json(*state, objects, strlen(objects));
        assert_invalid_json(*state, open, strlen(open));
        assert_invalid_json(*state, field, strlen(field));
    }
    /* Moderate nesting is valid JSON, so the error concerns the type of the field. */
    assert_fault(*state, arena_format(*state, "{\"note\":%s}", nest(*state, "[", 8, "", "]")),
                 "note", FAULT_NOT_STRING, NULL);
    must_read(*state, "{\"note\":\"after\"}");
}

/* --- bodies that do not match the map --------------------------------------------------------- */

static void values_of_wrong_type_are_rejected(void **state)
{
    ASSERT_FAULTS(*state, "note", FAULT_NOT_STRING, "{\"note\":1}", "{\"note\":1.5}",
                  "{\"note\":true}", "{\"note\":[]}", "{\"note\":{}}", "{\"note\":[\"x\"]}",
                  "{\"note\":{\"note\":\"x\"}}", "{\"note\":-0}", "{\"note\":1e400}");
    ASSERT_FAULTS(*state, "free", FAULT_NOT_INTEGER, "{\"free\":\"1\"}", "{\"free\":\"\"}",
                  "{\"free\":true}", "{\"free\":[]}", "{\"free\":[1]}", "{\"free\":{}}",
                  "{\"free\":1.5}", "{\"free\":1e-1}", "{\"free\":12.34E1}", "{\"free\":1e-400}",
                  "{\"free\":9007199254740992.5}");
    ASSERT_FAULTS(*state, "flag", FAULT_NOT_BOOLEAN, "{\"flag\":1}", "{\"flag\":0}",
                  "{\"flag\":\"true\"}", "{\"flag\":\"\"}", "{\"flag\":[]}", "{\"flag\":{}}",
                  "{\"flag\":[true]}");
    ASSERT_FAULTS(*state, "when", FAULT_NOT_TIME, "{\"when\":1}", "{\"when\":1795178096789}",
                  "{\"when\":true}", "{\"when\":[]}", "{\"when\":{}}", "{\"when\":\"\"}");
    ASSERT_FAULTS(*state, "amount", FAULT_NOT_NUMBER, "{\"amount\":\"1.10\"}", "{\"amount\":\"\"}",
                  "{\"amount\":true}", "{\"amount\":false}", "{\"amount\":[]}", "{\"amount\":[1]}",
                  "{\"amount\":{}}");
    ASSERT_FAULTS(*state, "tags", FAULT_READ_ONLY, "{\"tags\":[]}", "{\"tags\":[\"a\"]}");
    ASSERT_FAULTS(*state, "rows", FAULT_READ_ONLY, "{\"rows\":[]}", "{\"rows\":[{}]}");
}

static void null_is_accepted_by_nullable_fields_only(void **state)
{
    ASSERT_FAULTS(*state, "name", FAULT_NOT_NULL, "{\"name\":null}");
    ASSERT_FAULTS(*state, "count", FAULT_NOT_NULL, "{\"count\":null}");
    ASSERT_FAULTS(*state, "flag", FAULT_NOT_NULL, "{\"flag\":null}");
    ASSERT_FAULTS(*state, "tags", FAULT_NOT_NULL, "{\"tags\":null}");
    const struct value *values = must_read(*state, "{\"note\":null}");
    assert_int_equal(values[NOTE].state, VALUE_NULL);
    assert_int_equal(values[NAME].state, VALUE_ABSENT);
}

static void error_names_unknown_fields(void **state)
{
    ASSERT_FAULTS(*state, "other", FAULT_UNKNOWN, "{\"other\":1}", "{\"other\":null}",
                  "{\"other\":{\"name\":\"x\"}}", "{\"o\\u0074her\":[]}");
    ASSERT_FAULTS(*state, "Name", FAULT_UNKNOWN, "{\"Name\":\"x\"}");
    ASSERT_FAULTS(*state, "nam", FAULT_UNKNOWN, "{\"nam\":\"x\"}");
    ASSERT_FAULTS(*state, "names", FAULT_UNKNOWN, "{\"names\":\"x\"}");
    ASSERT_FAULTS(*state, "", FAULT_UNKNOWN, "{\"\":\"x\"}");
    ASSERT_FAULTS(*state, "я\"\n", FAULT_UNKNOWN, "{\"я\\\"\\n\":1}");
}

/* A NUL must not truncate a name to a known one. */
static void names_with_nul_are_not_truncated_to_known_names(void **state)
{
    static const char *const texts[] = {"{\"note\\u0000\":\"x\"}", "{\"note\\u0000evil\":\"x\"}",
                                        "{\"\\u0000note\":\"x\"}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct value *values = NULL;
        struct error *error = read_bytes(*state, texts[i], strlen(texts[i]), &values);
        if (!error) {
            FAIL("accepted: %s", texts[i]);
        }
        assert_true(error->id == ERR_INVALID_JSON || error->id == ERR_VALIDATION);
    }
}

static void long_unknown_names_are_truncated_between_characters(void **state)
{
    struct buffer text = {.arena = *state};
    buffer_add_string(&text, "{\"x");
    for (int i = 0; i < 5000; i++) {
        buffer_add_string(&text, "я");
    }
    buffer_add_string(&text, "\":1}");
    struct value *values = NULL;
    struct error *error = read_bytes(*state, text.bytes, text.length, &values);
    assert_non_null(error);
    const char *shown = error->details->field;
    assert_true(strlen(shown) > 50 && strlen(shown) <= 100);
    assert_true(utf8_valid(shown, strlen(shown)));
}

static void string_lengths_are_counted_in_utf16_units(void **state)
{
    assert_string_equal(must_read(*state, "{\"name\":\"абвгд\"}")[NAME].string.bytes, "абвгд");
    must_read(*state, "{\"name\":\"😀😀a\"}");
    must_read(*state, "{\"name\":\"\\ud83d\\ude00abc\"}");
    assert_fault(*state, "{\"name\":\"абвгде\"}", "name", FAULT_TOO_LONG, "5");
    assert_fault(*state, "{\"name\":\"😀😀😀\"}", "name", FAULT_TOO_LONG, "5");
    assert_fault(*state, "{\"name\":\"\"}", "name", FAULT_TOO_SHORT, "1");
    must_read(*state, "{\"note\":\"\"}");
}

static void integers_out_of_bounds_are_rejected(void **state)
{
    assert_int_equal(must_read(*state, "{\"count\":10}")[COUNT].integer, 10);
    assert_int_equal(must_read(*state, "{\"count\":-10}")[COUNT].integer, -10);
    assert_int_equal(must_read(*state, "{\"count\":-0}")[COUNT].integer, 0);
    assert_fault(*state, "{\"count\":11}", "count", FAULT_TOO_LARGE, "10");
    assert_fault(*state, "{\"count\":-11}", "count", FAULT_TOO_SMALL, "-10");
    assert_fault(*state, "{\"count\":9223372036854775807}", "count", FAULT_TOO_LARGE, "10");
    assert_fault(*state, "{\"count\":11.0}", "count", FAULT_TOO_LARGE, "10");
    assert_fault(*state, "{\"count\":-1.1e1}", "count", FAULT_TOO_SMALL, "-10");
}

static void integers_are_judged_by_their_value(void **state)
{
    static const struct {
        const char *text;
        int64_t integer;
    } rows[] = {
        {"1.0", 1},
        {"5.0", 5},
        {"-5.00", -5},
        {"1e2", 100},
        {"1E+2", 100},
        {"100e-2", 1},
        {"0.5e1", 5},
        {"-0.0", 0},
        {"0e0", 0},
        {"0e400", 0},
        {"-0", 0},
        {"1.50E1", 15},
        {"1e18", 1000000000000000000},
        {"9007199254740993.0", 9007199254740993},
        {"9223372036854775807.0", INT64_MAX},
        {"-9223372036854775807e0", -INT64_MAX},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *text = arena_format(*state, "{\"free\":%s}", rows[i].text);
        int64_t integer = must_read(*state, text)[FREE].integer;
        if (integer != rows[i].integer) {
            FAIL("%s is read as %lld", rows[i].text, (long long)integer);
        }
    }
}

static void integers_must_be_among_the_allowed_numbers(void **state)
{
    static const char *const allowed[] = {"2", "2.0", "-8", "-80e-1", "0.2E1"};
    for (size_t i = 0; i < COUNT_OF(allowed); i++) {
        must_read(*state, arena_format(*state, "{\"listed\":%s}", allowed[i]));
    }
    assert_fault(*state, "{\"listed\":0}", "listed", FAULT_NOT_ONE_OF, "2, -8");
    assert_fault(*state, "{\"listed\":8}", "listed", FAULT_NOT_ONE_OF, "2, -8");
    assert_fault(*state, "{\"listed\":2.5}", "listed", FAULT_NOT_INTEGER, NULL);
}

static void integers_keep_every_digit(void **state)
{
    assert_true(must_read(*state, "{\"free\":9007199254740993}")[FREE].integer == 9007199254740993);
    assert_true(must_read(*state, "{\"free\":9223372036854775807}")[FREE].integer == INT64_MAX);
    assert_true(must_read(*state, "{\"free\":-9223372036854775807}")[FREE].integer == -INT64_MAX);
}

/* A number beyond 64 bits is out of range in any notation, and is never changed to another
 * number. */
static void integers_beyond_64_bits_are_out_of_range(void **state)
{
    static const char *const numbers[] = {
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999",
        "9223372036854775808.0",
        "1e19",
        "1E+400",
        "0.1e21",
    };
    const char *many = nest(*state, "9", 5000, "", "");
    for (size_t i = 0; i <= COUNT_OF(numbers); i++) {
        const char *number = i < COUNT_OF(numbers) ? numbers[i] : many;
        assert_fault(*state, arena_format(*state, "{\"free\":%s}", number), "free", FAULT_TOO_LARGE,
                     "9223372036854775807");
        assert_fault(*state, arena_format(*state, "{\"count\":%s}", number), "count",
                     FAULT_TOO_LARGE, "10");
        assert_fault(*state, arena_format(*state, "{\"count\":-%s}", number), "count",
                     FAULT_TOO_SMALL, "-10");
        assert_fault(*state, arena_format(*state, "{\"other\":%s}", number), "other", FAULT_UNKNOWN,
                     NULL);
    }
    assert_fault(*state, "{\"free\":-9223372036854775809}", "free", FAULT_TOO_SMALL,
                 "-9223372036854775807");
}

static void nul_and_forbidden_control_characters_are_rejected(void **state)
{
    ASSERT_FAULTS(*state, "note", FAULT_NUL_CHARACTER, "{\"note\":\"\\u0000\"}",
                  "{\"note\":\"a\\u0000b\"}", "{\"note\":\"a\\u0000\"}");
    ASSERT_FAULTS(*state, "name", FAULT_NUL_CHARACTER, "{\"name\":\"a\\u0000\"}");
    ASSERT_FAULTS(*state, "name", FAULT_CONTROL_CHARACTER, "{\"name\":\"a\\nb\"}",
                  "{\"name\":\"\\u0001\"}", "{\"name\":\"\x7F\"}", "{\"name\":\"\\u001f\"}",
                  "{\"name\":\"x\\ty\"}", "{\"name\":\"\\u0080\"}", "{\"name\":\"x\\u009f\"}");
    assert_string_equal(must_read(*state, "{\"note\":\"a\\n\\t\\u0001\"}")[NOTE].string.bytes,
                        "a\n\t\x01");
}

/* --- names and addresses ---------------------------------------------------------------------- */

static const struct field trimmed_map[] = {
    {.name = "name", .type = FIELD_STRING, .flags = FIELD_NAME, .min = 1, .max = 5},
    {.name = "text", .type = FIELD_STRING, .flags = FIELD_TRIMMED | FIELD_NULLABLE, .max = 5},
    {.name = "address", .type = FIELD_STRING, .flags = FIELD_ADDRESS, .min = 1, .max = 9},
    {.name = "login", .type = FIELD_STRING, .flags = FIELD_VISIBLE, .max = 9},
    {.name = "cn", .type = FIELD_STRING, .flags = FIELD_VISIBLE | FIELD_JOINERS, .max = 9},
    {.name = "tags", .type = FIELD_STRINGS, .flags = FIELD_NAME, .max = 5, .items_max = 2},
    {.name = NULL},
};

/* Reads one field. `text` is the JSON text of its value, without the quotes. */
static struct error *read_trimmed(struct arena *arena, const char *name, const char *text,
                                  const char **value_r)
{
    const char *body = arena_format(arena, "{\"%s\":\"%s\"}", name, text);
    struct value *values;
    struct error *error = fields_read_json(arena, trimmed_map, body, strlen(body), &values);
    *value_r = error ? NULL : fields_string(trimmed_map, values, name);
    return error;
}

static void blanks_at_both_ends_are_removed(void **state)
{
    static const struct {
        const char *field, *text, *value;
    } samples[] = {
        {"name", " x ", "x"},
        {"name", "\\t\\r\\nx\\n", "x"},
        {"name", "\u00A0Иван\uFEFF", "Иван"},
        {"name", "\u200B\u2003a b\u3164\u00AD", "a b"},
        {"name", "          abcde          ", "abcde"}, /* the length of the visible part counts */
        {"name", "a\u200Cb", "a\u200Cb"},
        {"name", "❤\uFE0F ", "❤\uFE0F"},
        {"text", "\u00A0a\\nb\\n", "a\nb"},
        {"address", " a@b\u2060", "a@b"},
        {"login", "\u00ADa b ", "a b"},
        {"cn", "می\u200Cخواهم", "می\u200Cخواهم"},
        {"cn", "क्\u200Dष", "क्\u200Dष"},
        {"cn", "👩\u200D💻 \u200D", "👩\u200D💻"},
    };
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        const char *value;
        const struct error *error = read_trimmed(*state, samples[i].field, samples[i].text, &value);
        if (error) {
            FAIL("rejected: %s", samples[i].text);
        }
        assert_string_equal(value, samples[i].value);
    }
    struct value *values;
    static const char body[] = "{\"tags\":[\" a\",\"b\u00A0\"],\"text\":null}";
    assert_null(fields_read_json(*state, trimmed_map, body, strlen(body), &values));
    const struct value *tags = fields_get(trimmed_map, values, "tags");
    assert_string_equal(tags->strings.items[0], "a");
    assert_string_equal(tags->strings.items[1], "b");
}

static void assert_blank_fault(struct arena *arena, const char *field, const char *text,
                               enum fault_id fault, const char *argument)
{
    const char *value;
    const struct error *error = read_trimmed(arena, field, text, &value);
    if (!error || error->details->fault != fault) {
        FAIL("not rejected with fault %d: %s", (int)fault, text);
    }
    assert_string_equal(error->details->argument ? error->details->argument : "", argument);
}

static void text_without_visible_characters_is_rejected(void **state)
{
    static const char *const fields[] = {"name", "text", "address", "login", "cn"};
    static const char *const texts[] = {" ",      "\u200B",       "\u00A0\uFEFF", "\u3164",
                                        "\uFE0F", "\U000E0061",   "\u2800",       "\\n",
                                        "\u115F", "\u200D\u200C", "\uFFF9",       "\u034F"};
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        for (size_t j = 0; j < COUNT_OF(texts); j++) {
            assert_blank_fault(*state, fields[i], texts[j], FAULT_NOTHING_VISIBLE, "");
        }
    }
    assert_blank_fault(*state, "name", "", FAULT_TOO_SHORT, "1");
}

static void blanks_inside_addresses_and_logins_are_rejected(void **state)
{
    static const struct {
        const char *field, *text, *character;
    } samples[] = {
        {"address", "a b@c", "U+0020"},       {"address", "a\u00AD@b", "U+00AD"},
        {"address", "a@\u200Db", "U+200D"},   {"address", "a@b\\tc", "U+0009"},
        {"login", "a\u00A0b", "U+00A0"},      {"login", "م\u200Cخ", "U+200C"},
        {"login", "a\U000E0061b", "U+E0061"}, {"cn", "Пет\u200Bров", "U+200B"},
        {"cn", "Пет\u200Dров", "U+200D"},     {"cn", "Ann\uFE0Fa", "U+FE0F"},
        {"cn", "م \u200Cخ", "U+200C"},        {"cn", "م\u200Bخ", "U+200B"},
        {"cn", "a\u3000b", "U+3000"},
    };
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        assert_blank_fault(*state, samples[i].field, samples[i].text, FAULT_BLANK,
                           samples[i].character);
    }
}

static void custom_check_of_a_field_is_applied(void **state)
{
    assert_fault(*state, "{\"checked\":\"a b\"}", "checked", FAULT_ACCOUNT_NAME, NULL);
    must_read(*state, "{\"checked\":\"ab\"}");
    must_read(*state, "{\"checked\":\"\"}");
}

static bool has_detail(const struct error *error, const char *field, enum fault_id fault)
{
    for (const struct error_detail *detail = error->details; detail; detail = detail->next) {
        if (!strcmp(detail->field, field) && detail->fault == fault) {
            return true;
        }
    }
    return false;
}

static size_t count_details(const struct error *error)
{
    size_t count = 0;
    for (const struct error_detail *detail = error->details; detail; detail = detail->next) {
        count++;
    }
    return count;
}

static void all_faults_of_a_body_are_reported_together(void **state)
{
    static const char text[] = "{\"name\":\"\",\"note\":1,\"count\":11,\"free\":1.5,\"flag\":0,"
                               "\"checked\":\" \",\"when\":1,\"amount\":0.001,\"tags\":[],"
                               "\"rows\":[],\"x\":1,\"y\":2}";
    struct value *values = NULL;
    struct error *error = read_bytes(*state, BYTES(text), &values);
    assert_non_null(error);
    assert_int_equal(error->id, ERR_VALIDATION);
    assert_int_equal(count_details(error), 12);
    assert_true(has_detail(error, "name", FAULT_TOO_SHORT));
    assert_true(has_detail(error, "note", FAULT_NOT_STRING));
    assert_true(has_detail(error, "count", FAULT_TOO_LARGE));
    assert_true(has_detail(error, "free", FAULT_NOT_INTEGER));
    assert_true(has_detail(error, "flag", FAULT_NOT_BOOLEAN));
    assert_true(has_detail(error, "checked", FAULT_ACCOUNT_NAME));
    assert_true(has_detail(error, "when", FAULT_NOT_TIME));
    assert_true(has_detail(error, "amount", FAULT_NOT_DECIMAL));
    assert_true(has_detail(error, "tags", FAULT_READ_ONLY));
    assert_true(has_detail(error, "rows", FAULT_READ_ONLY));
    assert_true(has_detail(error, "x", FAULT_UNKNOWN));
    assert_true(has_detail(error, "y", FAULT_UNKNOWN));
}

static void missing_required_fields_are_rejected(void **state)
{
    struct value *values = NULL;
    struct error *error = fields_read_json(*state, demanding_map, BYTES("{\"x\":1}"), &values);
    assert_non_null(error);
    assert_int_equal(count_details(error), 3);
    assert_true(has_detail(error, "first", FAULT_REQUIRED));
    assert_true(has_detail(error, "second", FAULT_REQUIRED));
    assert_true(has_detail(error, "x", FAULT_UNKNOWN));
    /* A field with an invalid value is reported as invalid, not as missing. */
    error =
        fields_read_json(*state, demanding_map, BYTES("{\"first\":null,\"second\":1}"), &values);
    assert_non_null(error);
    assert_int_equal(count_details(error), 1);
    assert_true(has_detail(error, "first", FAULT_NOT_NULL));
}

static void absent_integers_take_their_default(void **state)
{
    struct value *values = NULL;
    assert_null(
        fields_read_json(*state, demanding_map, BYTES("{\"first\":\"\",\"second\":0}"), &values));
    assert_int_equal(values[2].state, VALUE_SET);
    assert_int_equal(values[2].integer, 7);
    assert_null(fields_read_json(*state, demanding_map,
                                 BYTES("{\"first\":\"\",\"second\":0,\"third\":0}"), &values));
    assert_int_equal(values[2].integer, 0);
}

/* --- times and decimals ----------------------------------------------------------------------- */

static void times_are_parsed_to_milliseconds(void **state)
{
    static const struct {
        const char *text;
        int64_t wall_ms;
    } rows[] = {
        {"2026-11-20T12:34:56.789Z", 1795178096789},
        {"2026-11-20t12:34:56.789z", 1795178096789},
        {"2026-11-20T15:34:56.789+03:00", 1795178096789},
        {"1970-01-01T00:00:00Z", 0},
        {"1969-12-31T23:59:59.999Z", -1},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *text = arena_format(*state, "{\"when\":\"%s\"}", rows[i].text);
        const struct value *values = must_read(*state, text);
        assert_int_equal(values[WHEN].state, VALUE_SET);
        assert_true(values[WHEN].integer == rows[i].wall_ms);
    }
}

static void invalid_times_are_rejected(void **state)
{
    ASSERT_FAULTS(*state, "when", FAULT_NOT_TIME, "{\"when\":\"2026-11-20\"}",
                  "{\"when\":\"2026-11-20T12:34:56\"}", "{\"when\":\"2026-02-29T00:00:00Z\"}",
                  "{\"when\":\" 2026-11-20T12:34:56Z\"}", "{\"when\":\"2026-11-20T12:34:56Z \"}",
                  "{\"when\":\"2026-11-20T12:34:56Z\\n\"}", "{\"when\":\"now\"}");
    assert_fault(*state, "{\"when\":null}", "when", FAULT_NOT_NULL, NULL);
}

/* A NUL must not truncate a text to a valid time. */
static void times_with_nul_are_rejected(void **state)
{
    ASSERT_FAULTS(*state, "when", FAULT_NOT_TIME, "{\"when\":\"2026-11-20T12:34:56Z\\u0000\"}",
                  "{\"when\":\"2026-11-20T12:34:56Z\\u0000evil\"}", "{\"when\":\"\\u0000\"}");
}

static void decimals_are_parsed_exactly(void **state)
{
    static const struct {
        const char *text;
        int64_t minor;
    } rows[] = {
        {"1", 100},
        {"1.1", 110},
        {"1.10", 110},
        {"0.30", 30},
        {"0.1", 10},
        {"0.29", 29},
        {"0", 0},
        {"0.0", 0},
        {"-0", 0},
        {"-0.0", 0},
        {"-0.00", 0},
        {"-1", -100},
        {"-0.01", -1},
        {"-1.15", -115},
        {"1.15", 115},
        {"4.35", 435},
        {"50.00", CHANGE_MAX},
        {"-50.00", -CHANGE_MAX},
        {"50", CHANGE_MAX},
        {"-50", -CHANGE_MAX},
        {"1.000", 100},
        {"0.300", 30},
        {"-0.000", 0},
        {"10.500", 1050},
        {"1e1", 1000},
        {"1E+1", 1000},
        {"1e0", 100},
        {"1.0e1", 1000},
        {"0e0", 0},
        {"1e-2", 1},
        {"-1e-2", -1},
        {"1.1e1", 1100},
        {"1.10e1", 1100},
        {"29e-2", 29},
        {"500000e-4", CHANGE_MAX},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *text = arena_format(*state, "{\"change\":%s}", rows[i].text);
        int64_t minor = must_read(*state, text)[CHANGE].integer;
        if (minor != rows[i].minor) {
            FAIL("%s is read as %lld", rows[i].text, (long long)minor);
        }
    }
    assert_true(must_read(*state, "{\"amount\":9999999999.99}")[AMOUNT].integer == 999999999999);
    assert_true(must_read(*state, "{\"amount\":9007199254.93}")[AMOUNT].integer == 900719925493);
}

/* Rejects values that have more decimal places than the scale. */
static void decimals_with_excess_places_are_rejected(void **state)
{
    static const char *const texts[] = {"1.001",  "0.001",    "-0.001",  "1e-3",   "1E-3",
                                        "0.1e-2", "1.0001e1", "10.5001", "1e-400", "-1e-400"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_fault(*state, arena_format(*state, "{\"change\":%s}", texts[i]), "change",
                     FAULT_NOT_DECIMAL, "2");
    }
    const char *many = arena_format(*state, "{\"change\":0.%s}", nest(*state, "3", 5000, "", ""));
    assert_fault(*state, many, "change", FAULT_NOT_DECIMAL, "2");
}

static void bounds_in_errors_are_formatted_as_decimals(void **state)
{
    assert_fault(*state, "{\"amount\":10000000000}", "amount", FAULT_TOO_LARGE, "9999999999.99");
    assert_fault(*state, "{\"amount\":10000000000.00}", "amount", FAULT_TOO_LARGE, "9999999999.99");
    assert_fault(*state, "{\"amount\":-0.01}", "amount", FAULT_TOO_SMALL, "0.00");
    assert_fault(*state, "{\"amount\":-1}", "amount", FAULT_TOO_SMALL, "0.00");
    assert_fault(*state, "{\"change\":50.01}", "change", FAULT_TOO_LARGE, "50.00");
    assert_fault(*state, "{\"change\":-50.01}", "change", FAULT_TOO_SMALL, "-50.00");
    assert_fault(*state, "{\"amount\":null}", "amount", FAULT_NOT_NULL, NULL);
}

/* Numbers beyond 64 bits are out of bounds on their own side, in any notation. */
static void decimals_beyond_64_bits_are_out_of_bounds(void **state)
{
    static const char *const huge[] = {
        "92233720368547758.07",
        "92233720368547758.08",
        "9223372036854775807",
        "9223372036854775808.0",
        "18446744073709551616.00",
        "184467440737095516.16",
        "99999999999999999999.9",
        "18446744073709551616000.1",
        "9223372036854775808",
        "18446744073709551616",
        "1e17",
        "1e400",
    };
    const char *zeros = nest(*state, "0", 5000, "", "");
    for (size_t i = 0; i <= COUNT_OF(huge); i++) {
        const char *text = i < COUNT_OF(huge) ? huge[i] : arena_format(*state, "1%s.5", zeros);
        assert_fault(*state, arena_format(*state, "{\"change\":%s}", text), "change",
                     FAULT_TOO_LARGE, "50.00");
        assert_fault(*state, arena_format(*state, "{\"change\":-%s}", text), "change",
                     FAULT_TOO_SMALL, "-50.00");
    }
    assert_fault(*state, "{\"change\":-9223372036854775808}", "change", FAULT_TOO_SMALL, "-50.00");
}

/* --- valid bodies ----------------------------------------------------------------------------- */

static void valid_values_are_stored_unchanged(void **state)
{
    const struct value *values =
        must_read(*state, "{\"flag\":true,\"note\":\"\\u0422\\\"\\\\\\/\\b\\f\\n\\r\\t😀\","
                          "\"free\":-5,\"name\":\"x  y\"}");
    assert_true(values[FLAG].state == VALUE_SET && values[FLAG].boolean);
    assert_string_equal(values[NOTE].string.bytes, "Т\"\\/\b\f\n\r\t😀");
    assert_int_equal(values[NOTE].string.length, strlen(values[NOTE].string.bytes));
    assert_true(values[FREE].integer == -5);
    assert_string_equal(values[NAME].string.bytes, "x  y");
    assert_int_equal(values[COUNT].state, VALUE_ABSENT);
    assert_false(must_read(*state, "{\"flag\":false}")[FLAG].boolean);
}

static void empty_object_sets_no_values(void **state)
{
    const struct value *values = must_read(*state, "{}");
    for (size_t i = 0; i < FIELDS; i++) {
        assert_int_equal(values[i].state, VALUE_ABSENT);
    }
}

/* A body that is truncated inside an escape must not affect the next client's body. */
static void truncated_escape_does_not_affect_the_next_body(void **state)
{
    static const char *const broken[] = {
        "{\"note\":\"\\ud83d",      "{\"note\":\"\\ud83d\\",         "{\"note\":\"\\ud83d\\u",
        "{\"note\":\"\\ud83d\\ude", "{\"note\":\"\\ud83d\\uXXXX\"}", "{\"\\ud83d",
        "{\"note\":\"\\u00",
    };
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        assert_invalid_json(*state, broken[i], strlen(broken[i]));
        assert_string_equal(must_read(*state, "{\"note\":\"\\u0041bc\"}")[NOTE].string.bytes,
                            "Abc");
        assert_invalid_json(*state, broken[i], strlen(broken[i]));
        assert_string_equal(must_read(*state, "{\"n\\u006fte\":\"x\"}")[NOTE].string.bytes, "x");
    }
}

/* A rejected body must not affect the next one. */
static void rejected_body_does_not_affect_the_next_one(void **state)
{
    for (int i = 0; i < 100; i++) {
        assert_invalid_json(*state, BYTES("{\"note\":\"half"));
        assert_invalid_json(*state, BYTES("{\"note\":\"x\"}}"));
        const struct value *values = must_read(*state, "{\"count\":1}");
        assert_int_equal(values[NOTE].state, VALUE_ABSENT);
        assert_int_equal(values[COUNT].integer, 1);
        arena_reset(*state);
    }
}

static void large_bodies_are_accepted(void **state)
{
    struct buffer text = {.arena = *state};
    buffer_add_string(&text, "{\"note\":\"");
    for (int i = 0; i < 100000; i++) {
        buffer_add_string(&text, "я:");
    }
    buffer_add_string(&text, "\"}");
    assert_int_equal(must_read(*state, text.bytes)[NOTE].string.length, 300000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(invalid_json_is_rejected),
        ARENA_TEST(json_extensions_are_rejected),
        ARENA_TEST(body_must_be_a_json_object),
        ARENA_TEST(bare_body_may_be_any_json_value),
        ARENA_TEST(only_white_space_may_surround_the_body),
        ARENA_TEST(invalid_utf8_is_rejected),
        ARENA_TEST(unescaped_control_characters_are_rejected),
        ARENA_TEST(invalid_escapes_are_rejected),
        ARENA_TEST(lone_surrogates_are_rejected),
        ARENA_TEST(repeated_member_names_are_rejected),
        ARENA_TEST(quotes_cannot_hide_repeated_member_names),
        ARENA_TEST(deep_nesting_is_rejected),
        ARENA_TEST(values_of_wrong_type_are_rejected),
        ARENA_TEST(null_is_accepted_by_nullable_fields_only),
        ARENA_TEST(error_names_unknown_fields),
        ARENA_TEST(names_with_nul_are_not_truncated_to_known_names),
        ARENA_TEST(long_unknown_names_are_truncated_between_characters),
        ARENA_TEST(string_lengths_are_counted_in_utf16_units),
        ARENA_TEST(integers_out_of_bounds_are_rejected),
        ARENA_TEST(integers_keep_every_digit),
        ARENA_TEST(integers_beyond_64_bits_are_out_of_range),
        ARENA_TEST(integers_are_judged_by_their_value),
        ARENA_TEST(integers_must_be_among_the_allowed_numbers),
        ARENA_TEST(nul_and_forbidden_control_characters_are_rejected),
        ARENA_TEST(blanks_at_both_ends_are_removed),
        ARENA_TEST(text_without_visible_characters_is_rejected),
        ARENA_TEST(blanks_inside_addresses_and_logins_are_rejected),
        ARENA_TEST(custom_check_of_a_field_is_applied),
        ARENA_TEST(all_faults_of_a_body_are_reported_together),
        ARENA_TEST(missing_required_fields_are_rejected),
        ARENA_TEST(absent_integers_take_their_default),
        ARENA_TEST(times_are_parsed_to_milliseconds),
        ARENA_TEST(invalid_times_are_rejected),
        ARENA_TEST(times_with_nul_are_rejected),
        ARENA_TEST(decimals_are_parsed_exactly),
        ARENA_TEST(decimals_with_excess_places_are_rejected),
        ARENA_TEST(bounds_in_errors_are_formatted_as_decimals),
        ARENA_TEST(decimals_beyond_64_bits_are_out_of_bounds),
        ARENA_TEST(valid_values_are_stored_unchanged),
        ARENA_TEST(empty_object_sets_no_values),
        ARENA_TEST(truncated_escape_does_not_affect_the_next_body),
        ARENA_TEST(rejected_body_does_not_affect_the_next_one),
        ARENA_TEST(large_bodies_are_accepted),
    };
    return cmocka_run_group_tests_name("fields_json", tests, NULL, NULL);
}
