/* Strict JSON: the grammar in the order of RFC 8259, and our limits. Checks that json-c parses
 * every accepted text, whichever version of json-c is installed. */
#include "unit.h"

#include "http/json_strict.h"

/* Copies the text into memory of exactly its size, so that a read beyond its end is detected. */
static const char *check_copy(const char *text, size_t length, size_t *members_r)
{
    char *copy = malloc(length + !length);
    assert_non_null(copy);
    memcpy(copy, text, length);
    const char *fault = json_strict_check(copy, length, members_r);
    free(copy);
    return fault;
}

static void assert_accepted(const char *text, size_t length)
{
    size_t members;
    const char *fault = check_copy(text, length, &members);
    if (fault) {
        FAIL("rejected: %s: %.*s", fault, (int)length, text);
    }
    json_object_put(must_parse(text, length));
}

static void assert_rejected(const char *text, size_t length)
{
    size_t members;
    if (!check_copy(text, length, &members)) {
        FAIL("accepted: %.*s", (int)length, text);
    }
}

/* Checks a value as a whole text, as an array item and as a member: each context ends it
 * differently. */
static void check_value(struct arena *arena, const char *value,
                        void (*check)(const char *text, size_t length))
{
    static const char *const around[][2] = {{"", ""},          {"[", "]"},    {"[0,", ",0]"},
                                            {"{\"a\":", "}"},  {" ", "\r\n"}, {"[\t", "\n, 1 ]"},
                                            {"[{\"a\":", "}]"}};
    for (size_t i = 0; i < COUNT_OF(around); i++) {
        const char *text = arena_format(arena, "%s%s%s", around[i][0], value, around[i][1]);
        check(text, strlen(text));
    }
}

#define ASSERT_VALUES(arena, check, ...)                                                           \
    for (const char *const *value = (const char *const[]){__VA_ARGS__, NULL}; *value; value++) {   \
        check_value(arena, *value, check);                                                         \
    }

#define ASSERT_TEXTS(check, ...)                                                                   \
    for (const char *const *text = (const char *const[]){__VA_ARGS__, NULL}; *text; text++) {      \
        check(*text, strlen(*text));                                                               \
    }

/* --- section 2: grammar ----------------------------------------------------------------------- */

static void misplaced_structural_characters_are_rejected(void **state)
{
    ASSERT_VALUES(*state, assert_accepted, "[]", "{}", "[[]]", "[{}]", "[[],[]]", "{\"a\":{}}",
                  "{\"a\":[]}", "{\"a\":1,\"b\":2}", "[1,[2,{\"a\":[3]}],4]",
                  "{\"a\":[{\"b\":{\"c\":[]}},{}],\"d\":0}");
    ASSERT_VALUES(*state, assert_rejected, ",", ":", "[", "]", "{", "}", "[}", "{]", "[[]", "[]]",
                  "{}}", "{{}", "[,]", "[1,]", "[,1]", "[1,,2]", "[1 2]", "[1:2]", "[1;2]", "{,}",
                  "{\"a\":1,}", "{,\"a\":1}", "{\"a\":1,,\"b\":2}", "{\"a\"}", "{\"a\":}",
                  "{\"a\":,}", "{:1}", "{\"a\"::1}", "{\"a\" 1}", "{\"a\",1}", "{\"a\":1 \"b\":2}",
                  "{\"a\":1:2}", "[\"a\":1]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "[1",
                  "[1,", "{\"a\":[1}]", "[{\"a\":1]}", "[{]}", "(1)", "<a/>", "a=1&b=2", "\\",
                  "[\\n]", "[\"a\\n\\\"]");
}

static void only_four_characters_count_as_white_space(void **state)
{
    ASSERT_TEXTS(assert_accepted, " [ ] ", "\t{\t}\t", "\r\n[\r\n1\r\n,\r\n2\r\n]\r\n",
                 " { \"a\" : [ ] , \"b\" : { } } ", "\n\n\n0\n\n\n", " \t\r\n\"\" \t\r\n",
                 "          [          ]          ");
    static const char *const others[] = {"\v",       "\f",           "\b",          "\x01",
                                         "\x1F",     "\x7F",         "\xC2\xA0",    "\xE2\x80\xA8",
                                         "\xC2\x85", "\xEF\xBB\xBF", "\xE2\x81\xA0"};
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        static const char *const places[][2] = {{"", "[]"},        {"[", "]"},
                                                {"[]", ""},        {"[1", ",2]"},
                                                {"[1,", "2]"},     {"{", "\"a\":1}"},
                                                {"{\"a\"", ":1}"}, {"{\"a\":", "1}"},
                                                {"{\"a\":1", "}"}, {"{\"a\":1,", "\"b\":2}"}};
        for (size_t place = 0; place < COUNT_OF(places); place++) {
            const char *text =
                arena_format(*state, "%s%s%s", places[place][0], others[i], places[place][1]);
            assert_rejected(text, strlen(text));
        }
    }
}

static void json_text_contains_exactly_one_value(void **state)
{
    ASSERT_TEXTS(assert_accepted, "null", "true", "false", "0", "-1.5e3", "\"\"", "[]", "{}");
    ASSERT_TEXTS(assert_rejected, "", " ", "\n", "1 2", "[][]", "{}{}", "[],", "[],[]", "{} x",
                 "{}0", "{}\"\"", "null null", "nulltrue", "1true", "\"\"\"\"", "\"a\"b", "{}]",
                 "{}/", "{}//", "{}#", "[]\xEF\xBB\xBF");
    (void)state;
}

static void nul_bytes_are_rejected(void **state)
{
    (void)state;
    size_t members;
    assert_non_null(json_strict_check(NULL, 0, &members));
    assert_rejected(BYTES("\0"));
    assert_rejected(BYTES("{}\0"));
    assert_rejected(BYTES("\0{}"));
    assert_rejected(BYTES("{\0}"));
    assert_rejected(BYTES("1\0"));
    assert_rejected(BYTES("true\0"));
    assert_rejected(BYTES("[1\0]"));
    assert_rejected(BYTES("[\"\0\"]"));
    assert_rejected(BYTES("[\"a\0b\"]"));
    assert_rejected(BYTES("[\"12345678\0\"]"));
    assert_rejected(BYTES("{\"a\0\":1}"));
    assert_rejected(BYTES("{}\0garbage"));
}

/* Texts that json-c accepts although RFC 8259 does not allow them. */
static void json_c_extensions_are_rejected(void **state)
{
    ASSERT_VALUES(*state, assert_rejected, "'a'", "['a']", "{'a':1}", "{a:1}", "{1:2}", "{null:1}",
                  "{true:1}", "{[]:1}", "/**/1", "1/**/", "[/**/]", "[1/**/]", "{/* */}",
                  "{\"a\":/*x*/1}", "//\n1", "1//\n", "[1//x\n]", "#\n1", "NaN", "nan", "-NaN",
                  "Infinity", "-Infinity", "infinity", "-infinity", "Inf", "undefined", "[1]//");
}

/* --- section 3: values ------------------------------------------------------------------------ */

static void only_true_false_and_null_are_literals(void **state)
{
    ASSERT_VALUES(*state, assert_accepted, "true", "false", "null");
    ASSERT_VALUES(*state, assert_rejected, "True", "TRUE", "tRUE", "False", "FALSE", "Null", "NULL",
                  "nULL", "t", "tr", "tru", "truee", "true1", "f", "fals", "falsee", "n", "nul",
                  "nulll", "tru\\u0065", "none", "yes", "truefalse", "true false", "-true", "x");
}

/* --- section 4: objects ----------------------------------------------------------------------- */

static void members_of_all_objects_are_counted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t members;
    } rows[] = {
        {"1", 0},
        {"[]", 0},
        {"{}", 0},
        {"{\"a\":1}", 1},
        {"{\"a\":1,\"a\":2}", 2}, /* the caller detects repeated names by this count */
        {"{\"a\":\"b\"}", 1},
        {"{\":\":\"::\"}", 1},
        {"[{\"a\":1},{\"a\":1}]", 2},
        {"{\"a\":{\"b\":{\"c\":[{\"d\":{}},1]}}}", 4},
        {"[\"a\",\":\",{}]", 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t members = SIZE_MAX;
        assert_null(check_copy(rows[i].text, strlen(rows[i].text), &members));
        assert_int_equal(members, rows[i].members);
    }
}

static void member_names_must_be_strings(void **state)
{
    ASSERT_VALUES(*state, assert_accepted, "{\"\":0}", "{\" \":0}", "{\"имя\":0}",
                  "{\"\\u0438\":0}", "{\"\\\"\":0}", "{\"😀\":0}", "{\"\\ud83d\\ude00\":0}",
                  "{\"a b\":0}", "{\"{}[]:,\":0}");
    ASSERT_VALUES(*state, assert_rejected, "{\"a:0}", "{\"\\x\":0}", "{\"\xFF\":0}", "{\"\n\":0}",
                  "{\"a\"b:0}", "{\"a\"\"b\":0}", "{\"a\"\\u003a0}");
}

/* json-c would end the name at the NUL and confuse it with another name. */
static void member_names_with_nul_are_rejected(void **state)
{
    ASSERT_VALUES(*state, assert_rejected, "{\"\\u0000\":0}", "{\"a\\u0000\":0}",
                  "{\"a\\u0000b\":0}", "{\"\\u0000a\":0}", "{\"b\":0,\"a\\u0000\":0}",
                  "{\"a\\u0000\" :0}", "{\"a\\u0000\\n\":0}");
    ASSERT_VALUES(*state, assert_accepted, "\"\\u0000\"", "{\"a\":\"\\u0000\"}",
                  "{\"a\":\"\\u0000\",\"b\":1}", "{\"\\\\u0000\":0}");
}

/* --- section 6: numbers ----------------------------------------------------------------------- */

static void numbers_must_follow_the_json_grammar(void **state)
{
    ASSERT_VALUES(*state, assert_accepted, "0", "-0", "1", "-1", "9", "10", "123456789", "0.0",
                  "-0.0", "0.5", "-0.5", "10.01", "0.000", "1e0", "1E0", "1e+0", "1e-0", "1e00",
                  "1E+01", "0e0", "-0e-0", "0.1e1", "1.0E-2", "1e400", "-1e400", "1e-400",
                  "1e99999999999999999999", "0.1234567890123456789012345678901234567890",
                  "123456789012345678901234567890.5", "123456789012345678901234567890e1");
    ASSERT_VALUES(*state, assert_rejected, "-", "+1", "+", "--1", "-+1", "01", "00", "-01", "-00",
                  "007", "00.5", "-00.5", "01e1", ".5", "-.5", ".", "1.", "-1.", "0.", "1.e1",
                  "1.-1", "1.+1", "1..2", "1.2.3", "1e", "1E", "1e+", "1e-", "1e+-1", "1e1.5",
                  "1e1e1", "1ee1", "e1", ".e1", "1.5e", "0x10", "0x", "0b1", "0o7", "1_000",
                  "1,000.", "1 000", "1a", "1-", "1+1", "1-1", "1f", "1L", "\xD9\xA1",
                  "\xEF\xBC\x91", "- 1", "1 .5", "1. 5", "1e 5", "1'", "1\"", "-e1", "-a");
}

/* The grammar has no greatest number: fields.c judges the value. */
static void numbers_of_any_size_are_accepted(void **state)
{
    ASSERT_VALUES(*state, assert_accepted, "9223372036854775807", "-9223372036854775808",
                  "9223372036854775808", "-9223372036854775809", "18446744073709551616",
                  "9223372036854775808.0", "9223372036854775808e0",
                  "99999999999999999999999999999999999999999999999999");
}

/* --- section 7: strings ----------------------------------------------------------------------- */

static void only_escapes_of_the_grammar_are_accepted(void **state)
{
    ASSERT_VALUES(*state, assert_accepted, "\"\\\"\"", "\"\\\\\"", "\"\\/\"", "\"\\b\\f\\n\\r\\t\"",
                  "\"\\u0041\"", "\"\\u00e9\"", "\"\\u00E9\"", "\"\\uFFFF\"", "\"\\uabCD\"",
                  "\"\\u0000\"", "\"\\\\u12\"", "\"\\\\\\\"\"", "\"\\ud7ff\\ue000\"");
    ASSERT_VALUES(*state, assert_rejected, "\"\\\"", "\"\\", "\"\\a\"", "\"\\v\"", "\"\\e\"",
                  "\"\\0\"", "\"\\x41\"", "\"\\'\"", "\"\\U0041\"", "\"\\ \"", "\"\\N\"",
                  "\"\\\n\"", "\"\\\xD0\xB6\"", "\"\\u\"", "\"\\u1\"", "\"\\u12\"", "\"\\u123\"",
                  "\"\\u123", "\"\\u123g\"", "\"\\ug123\"", "\"\\u 123\"", "\"\\u+123\"",
                  "\"\\u-123\"", "\"\\u0x1\"", "\"\\u{41}\"", "\"\\u12\\u0034\"", "\"\\u12:4\"",
                  "\"\\u12@4\"", "\"\\u12`4\"", "\"\\u12/4\"", "\"\\\\\\\"");
}

static void only_quote_backslash_and_controls_need_an_escape(void **state)
{
    (void)state;
    for (int c = 0; c < 0x80; c++) {
        for (size_t before = 0; before < 17; before++) { /* within and across words of 8 bytes */
            char text[64];
            int length = snprintf(text, sizeof text, "\"%.*s?ghijklmnop\"", (int)before,
                                  "0123456789abcdefg");
            text[1 + before] = (char)c;
            if (c < 0x20 || c == '"' || c == '\\') {
                assert_rejected(text, (size_t)length); /* \g is not an escape sequence of JSON */
            } else {
                assert_accepted(text, (size_t)length);
            }
        }
    }
}

static void strings_without_closing_quote_are_rejected(void **state)
{
    (void)state;
    ASSERT_TEXTS(assert_rejected, "\"", "\"a", "\"abcdefg", "\"abcdefgh", "\"abcdefghi", "\"ж",
                 "\"\\n", "[\"", "[\"a]", "{\"a", "{\"a\":\"", "{\"a\":\"b}", "\"a'");
}

/* --- section 8: characters -------------------------------------------------------------------- */

static void invalid_utf8_is_rejected(void **state)
{
    ASSERT_VALUES(*state, assert_accepted, "\"Ж\"", "\"Привет, мир\"", "\"é\"", "\"漢字\"", "\"😀\"",
                  "\"\xC2\x80\"", "\"\xDF\xBF\"", "\"\xE0\xA0\x80\"", "\"\xED\x9F\xBF\"",
                  "\"\xEE\x80\x80\"", "\"\xEF\xBF\xBF\"", "\"\xF0\x90\x80\x80\"",
                  "\"\xF4\x8F\xBF\xBF\"", "\"\xE2\x80\xA8\"", "\"\x7F\"", "\"\xEF\xBB\xBF\"");
    ASSERT_VALUES(*state, assert_rejected, "\"\x80\"", "\"\xBF\"", "\"\xC0\x80\"", "\"\xC1\xBF\"",
                  "\"\xD0\"", "\"\xD0", "\"\xD0Ж\"", "\"\xD0\xD0\"", "\"\xE0\x80\x80\"",
                  "\"\xE0\x9F\xBF\"", "\"\xED\xA0\x80\"", "\"\xED\xBF\xBF\"", "\"\xE2\x82\"",
                  "\"\xE2\x82", "\"\xF0\x80\x80\x80\"", "\"\xF0\x8F\xBF\xBF\"",
                  "\"\xF4\x90\x80\x80\"", "\"\xF5\x80\x80\x80\"", "\"\xF8\x88\x80\x80\x80\"",
                  "\"\xFE\"", "\"\xFF\"", "\"\xF0\x9F\x98\"", "\"abcdefgh\xFF\"", "\"Ж\xFFЖ\"",
                  "\xFF", "\xD0", "[\xFF]", "ж");
}

static void byte_order_marks_and_other_encodings_are_rejected(void **state)
{
    (void)state;
    assert_rejected(BYTES("\xEF\xBB\xBF{}"));
    assert_rejected(BYTES("\xEF\xBB\xBF"));
    assert_rejected(BYTES("\xFE\xFF\0{\0}"));
    assert_rejected(BYTES("\xFF\xFE{\0}\0"));
    assert_rejected(BYTES("{\0}\0"));
    assert_rejected(BYTES("\0{\0}"));
    assert_rejected(BYTES("[\"\xE9\"]")); /* text in Latin-1 */
}

/* UTF-8 cannot encode half of a surrogate pair. */
static void lone_surrogates_are_rejected(void **state)
{
    ASSERT_VALUES(*state, assert_accepted, "\"\\ud800\\udc00\"", "\"\\uDBFF\\uDFFF\"",
                  "\"\\uD83D\\uDE00\"", "\"a\\ud83d\\ude00b\"", "\"\\ud83d\\ude00\\ud83d\\ude00\"",
                  "\"\\\\ud800\"", "\"\\ud7ff\"", "\"\\ue000\"");
    ASSERT_VALUES(*state, assert_rejected, "\"\\ud800\"", "\"\\uDBFF\"", "\"\\udc00\"",
                  "\"\\uDFFF\"", "\"\\udc00\\ud800\"", "\"\\ud800\\ud800\"", "\"\\ud800a\"",
                  "\"\\ud800\\n\"", "\"\\ud800\\u0041\"", "\"\\ud800\\\\udc00\"",
                  "\"\\ud800\\udbff\"", "\"\\ud800\\ue000\"", "\"\\ud800 \\udc00\"",
                  "\"\\ud800\\udc00\\udc00\"", "\"\\ud800\\udc0\"", "\"\\ud800\\ud", "\"\\ud800",
                  "\"\\ud800\\", "{\"\\ud800\":0}", "{\"\\udc00\":0}");
}

/* --- section 9: limits and truncated texts ---------------------------------------------------- */

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

static void nesting_beyond_the_limit_is_rejected(void **state)
{
    static const char *const kinds[][3] = {
        {"[", "", "]"},        {"[", "1", "]"},        {"[0,", "\"x\"", ",0]"},
        {"{\"a\":", "1", "}"}, {"{\"a\":", "{}", "}"}, {"[", "[]", "]"},
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        bool more = strchr("[{", kinds[i][1][0]) && kinds[i][1][0];
        size_t fits = JSON_STRICT_NESTING_MAX - more;
        for (size_t depth = 1; depth <= fits; depth++) {
            const char *text = nest(*state, kinds[i][0], depth, kinds[i][1], kinds[i][2]);
            assert_accepted(text, strlen(text));
        }
        static const size_t beyond[] = {1, 2, 31, 32, 33, 100, 10000, 100000};
        for (size_t more_still = 0; more_still < COUNT_OF(beyond); more_still++) {
            size_t depth = fits + beyond[more_still];
            const char *text = nest(*state, kinds[i][0], depth, kinds[i][1], kinds[i][2]);
            const char *open = nest(*state, kinds[i][0], depth, "", "");
            assert_rejected(text, strlen(text));
            assert_rejected(open, strlen(open));
        }
    }
    /* Brackets side by side, and brackets in strings, do not nest. */
    const char *beside = arena_format(*state, "[%s[]]", nest(*state, "[{}],", 1000, "", ""));
    assert_accepted(beside, strlen(beside));
    const char *quoted = arena_format(*state, "[\"%s\"]", nest(*state, "[{", 1000, "", ""));
    assert_accepted(quoted, strlen(quoted));
}

static void closed_brackets_restore_the_enclosing_context(void **state)
{
    (void)state;
    ASSERT_TEXTS(assert_accepted, "[{\"a\":[]},[{}],{\"b\":{}}]", "{\"a\":[{}],\"b\":[[]]}");
    ASSERT_TEXTS(assert_rejected, "[{\"a\":[]},\"b\":1]", "{\"a\":[{}],1}", "{\"a\":[1],2}",
                 "[{},{}:1]", "[[]}", "{\"a\":{}]");
}

static void every_truncated_text_is_rejected(void **state)
{
    (void)state;
    static const char text[] =
        "{\"имя\":\"Жук \\ud83d\\ude00 \\u0436\\n😀\",\"n\":[-10.5e+10,0,true,false,null,{}],"
        "\"long\":\"abcdefghijklmnopqrstuvwxyz\"}";
    assert_accepted(text, sizeof text - 1);
    for (size_t cut = 0; cut < sizeof text - 1; cut++) {
        assert_rejected(text, cut);
    }
}

static void long_texts_are_accepted(void **state)
{
    struct buffer text = {.arena = *state};
    buffer_add_string(&text, "[\"");
    for (int i = 0; i < 100000; i++) {
        buffer_add_string(&text, "я:a漢😀\\n");
    }
    buffer_add_string(&text, "\"");
    for (int i = 0; i < 100000; i++) {
        buffer_add_string(&text, ",{\"a\":1}");
    }
    buffer_add_string(&text, "]");
    size_t members = 0;
    assert_null(check_copy(text.bytes, text.length, &members));
    assert_int_equal(members, 100000);
    text.bytes[text.length - 1] = '}';
    assert_rejected(text.bytes, text.length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(misplaced_structural_characters_are_rejected),
        ARENA_TEST(only_four_characters_count_as_white_space),
        ARENA_TEST(json_text_contains_exactly_one_value),
        ARENA_TEST(nul_bytes_are_rejected),
        ARENA_TEST(json_c_extensions_are_rejected),
        ARENA_TEST(only_true_false_and_null_are_literals),
        ARENA_TEST(members_of_all_objects_are_counted),
        ARENA_TEST(member_names_must_be_strings),
        ARENA_TEST(member_names_with_nul_are_rejected),
        ARENA_TEST(numbers_must_follow_the_json_grammar),
        ARENA_TEST(numbers_of_any_size_are_accepted),
        ARENA_TEST(only_escapes_of_the_grammar_are_accepted),
        ARENA_TEST(only_quote_backslash_and_controls_need_an_escape),
        ARENA_TEST(strings_without_closing_quote_are_rejected),
        ARENA_TEST(invalid_utf8_is_rejected),
        ARENA_TEST(byte_order_marks_and_other_encodings_are_rejected),
        ARENA_TEST(lone_surrogates_are_rejected),
        ARENA_TEST(nesting_beyond_the_limit_is_rejected),
        ARENA_TEST(closed_brackets_restore_the_enclosing_context),
        ARENA_TEST(every_truncated_text_is_rejected),
        ARENA_TEST(long_texts_are_accepted),
    };
    return cmocka_run_group_tests_name("json_strict", tests, NULL, NULL);
}
