/* Search: the search text of a contact, and the parts into which a query is split. */
#include "unit.h"

#include "rest/search.h"

static void assert_added(struct arena *arena, const char *text, const char *expected)
{
    struct buffer search_text = {.arena = arena};
    buffer_add(&search_text, "", 0);
    search_add(&search_text, text);
    assert_string_equal(search_text.bytes, expected);
}

static void assert_digits(struct arena *arena, const char *phone, const char *expected)
{
    struct buffer search_text = {.arena = arena};
    buffer_add(&search_text, "", 0);
    search_add_digits(&search_text, phone);
    assert_string_equal(search_text.bytes, expected);
}

/* Asserts the three parts of a query; NULL stands for a repetition of the first part, which
 * fills up queries of fewer words. */
static void assert_parts(struct arena *arena, const char *text, const char *first,
                         const char *second, const char *third)
{
    const char *parts[SEARCH_WORDS];
    if (search_parse(arena, text, parts)) {
        FAIL("rejected: %s", text);
    }
    assert_string_equal(parts[0], first);
    assert_string_equal(parts[1], second ? second : first);
    assert_string_equal(parts[2], third ? third : first);
}

static void assert_rejected(struct arena *arena, const char *text, enum fault_id fault,
                            const char *argument)
{
    const char *parts[SEARCH_WORDS];
    const struct error *error = search_parse(arena, text, parts);
    if (!error || error->id != ERR_VALIDATION || !error->details || error->details->next) {
        FAIL("not rejected: %s", text);
    }
    assert_string_equal(error->details->field, "search");
    assert_int_equal(error->details->fault, fault);
    assert_string_equal(error->details->argument, argument);
}

static void added_words_are_case_folded(void **state)
{
    assert_added(*state, "Анна ПЕТРОВА", "  анна  петрова");
    assert_added(*state, "\t Ёлкина\r\n", "  ёлкина");
    assert_added(*state, "Petrova@Example.COM", "  petrova@example.com");
    assert_added(*state, "ООО «Ромашка»", "  ооо  «ромашка»");
    assert_added(*state, "a", "  a");
    assert_added(*state, "", "");
    assert_added(*state, " \t\r\n ", "");
    assert_added(*state, NULL, "");
}

static void added_fields_are_concatenated(void **state)
{
    struct buffer text = {.arena = *state};
    search_add(&text, "Анна");
    search_add(&text, NULL);
    search_add(&text, "+7 (495) 123-45-67");
    search_add_digits(&text, "+7 (495) 123-45-67");
    search_add(&text, "Ромашка");
    assert_string_equal(text.bytes, "  анна  +7  (495)  123-45-67  74951234567  ромашка");
}

static void phone_digits_form_one_word(void **state)
{
    assert_digits(*state, "+7 (495) 123-45-67", "  74951234567");
    assert_digits(*state, "8.800.555", "  8800555");
    assert_digits(*state, "доб. 12", "  12");
    assert_digits(*state, "нет", "");
    assert_digits(*state, "", "");
    assert_digits(*state, NULL, "");
}

/* Three characters match anywhere, fewer match at the beginning of a word. */
static void short_words_match_at_the_beginning_of_words_only(void **state)
{
    assert_parts(*state, "ЕТР", "етр", NULL, NULL);
    assert_parts(*state, "Пе", "  пе", NULL, NULL);
    assert_parts(*state, "П", "  п", NULL, NULL);
    assert_parts(*state, "a", "  a", NULL, NULL);
    assert_parts(*state, "12", "  12", NULL, NULL);
    assert_parts(*state, "😀я", "  😀я", NULL, NULL);
    assert_parts(*state, "日本語", "日本語", NULL, NULL);
}

static void search_words_are_case_folded(void **state)
{
    assert_parts(*state, "анна ПЕТРОВА", "анна", "петрова", NULL);
    assert_parts(*state, "  Анна\t\tП\n", "анна", "  п", NULL);
    assert_parts(*state, "Анна Петрова Ромашка", "анна", "петрова", "ромашка");
    assert_parts(*state, "ООО ООО", "ооо", "ооо", NULL);
    assert_parts(*state, "%_\\\"*", "%_\\\"*", NULL, NULL);
}

static void phone_numbers_are_searched_by_their_digits(void **state)
{
    assert_parts(*state, "+7 (495) 123-45-67", "74951234567", NULL, NULL);
    assert_parts(*state, "123-45-67", "1234567", NULL, NULL);
    assert_parts(*state, "1 2 3 4 5", "12345", NULL, NULL);
    assert_parts(*state, "495", "495", NULL, NULL);
    /* Too few digits, or other characters among them: searched as words. */
    assert_parts(*state, "+7", "  +7", NULL, NULL);
    assert_parts(*state, "(4)", "(4)", NULL, NULL);
    assert_parts(*state, "495 Анна", "495", "анна", NULL);
    assert_parts(*state, "123/45", "123/45", NULL, NULL);
}

static void too_many_search_words_are_rejected(void **state)
{
    assert_rejected(*state, "а б в г", FAULT_TOO_MANY_WORDS, "3");
    assert_rejected(*state, "a a a a", FAULT_TOO_MANY_WORDS, "3");
    assert_rejected(*state, "+7 доб 1 2", FAULT_TOO_MANY_WORDS, "3");
}

static void blank_search_is_rejected(void **state)
{
    assert_rejected(*state, "", FAULT_TOO_SHORT, "1");
    assert_rejected(*state, " ", FAULT_TOO_SHORT, "1");
    assert_rejected(*state, " \t\r\n ", FAULT_TOO_SHORT, "1");
}

/* Text and queries are normalized alike, so that each part of a text finds it. */
static void added_text_is_found_by_its_parts(void **state)
{
    static const char phone[] = "+7 (495) 123-45-67";
    static const char *const found[] = {"АННА", "ан",      "А",     "петр",   "тров", "ПЕТРОВА Ан",
                                        phone,  "495 123", "(495)", "123-45", "4567", "+7"};
    struct buffer text = {.arena = *state};
    search_add(&text, "Анна Петрова");
    search_add(&text, phone);
    search_add_digits(&text, phone);
    for (size_t i = 0; i < COUNT_OF(found); i++) {
        const char *parts[SEARCH_WORDS];
        assert_null(search_parse(*state, found[i], parts));
        for (size_t part = 0; part < SEARCH_WORDS; part++) {
            if (!strstr(text.bytes, parts[part])) {
                FAIL("\"%s\" is not found by \"%s\"", text.bytes, found[i]);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(added_words_are_case_folded),
        ARENA_TEST(added_fields_are_concatenated),
        ARENA_TEST(phone_digits_form_one_word),
        ARENA_TEST(short_words_match_at_the_beginning_of_words_only),
        ARENA_TEST(search_words_are_case_folded),
        ARENA_TEST(phone_numbers_are_searched_by_their_digits),
        ARENA_TEST(too_many_search_words_are_rejected),
        ARENA_TEST(blank_search_is_rejected),
        ARENA_TEST(added_text_is_found_by_its_parts),
    };
    return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}
