/* Search: builds the search text of a row, and splits a search into parts. */
#include "unit.h"

#include "base/spelling.h"
#include "rest/search.h"

#include <unicode/unorm2.h>
#include <unicode/ustring.h>

static const char *search_text_of(struct arena *arena, const char *text)
{
    struct buffer search_text = {.arena = arena};
    buffer_add(&search_text, "", 0);
    search_add(&search_text, text);
    return search_text.bytes;
}

/* True if the search finds a row with this text, as in the statements in sql/. */
static bool is_found(struct arena *arena, const char *text, const char *search)
{
    const char *stored = search_text_of(arena, text), *parts[SEARCH_WORDS];
    if (search_parse(arena, search, parts)) {
        return false;
    }
    for (size_t i = 0; i < SEARCH_WORDS; i++) {
        if (!strstr(stored, parts[i])) {
            return false;
        }
    }
    return true;
}

struct example {
    const char *text, *search;
};

static void assert_found(struct arena *arena, const struct example *examples, size_t count)
{
    size_t missing = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_found(arena, examples[i].text, examples[i].search)) {
            print_error("\"%s\" is not found by \"%s\"\n", examples[i].text, examples[i].search);
            missing++;
        }
    }
    assert_int_equal(missing, 0);
}

static void assert_not_found(struct arena *arena, const struct example *examples, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_found(arena, examples[i].text, examples[i].search)) {
            print_error("\"%s\" is found by \"%s\"\n", examples[i].text, examples[i].search);
            found++;
        }
    }
    assert_int_equal(found, 0);
}

/* Asserts that a search for any of the texts finds all of them. */
static void assert_all_find_each_other(struct arena *arena, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count * count; i++) {
        const struct example pair = {texts[i / count], texts[i % count]};
        assert_found(arena, &pair, 1);
    }
}

/* --- words ------------------------------------------------------------------------------------ */

static void name_is_found_in_any_spelling(void **state)
{
    static const struct example examples[] = {
        {"Анна ПЕТРОВА", "анна"},
        {"Анна Петрова", "ПЕТРОВА Ан"},
        {"Анна Петрова", "тров"},
        {"Petrova@Example.COM", "petrova@example.com"},
        {"И\u0306од.txt", "Йод.txt"},
        {"Йод.txt", "И\u0306од"},
        {"Zoe\u0308", "ZOË"},
        {"Семёнов", "семенов"},
        {"Семенов", "СЕМЁНОВ"},
        {"Семе\u0308нов", "Семенов"},
        {"ＡＢＣ Ｔｒａｄｉｎｇ", "abc trading"},
        {"ABC", "ａｂｃ"},
        {"Straße", "STRASSE"},
        {"ΣΟΦΟΣ", "σοφος"},
        {"\u200BИван\uFEFF", "иван"},
        {"Ив\u00ADан", "Иван"},
        {"Иван", "Ив\u200Bан"},
        {"\uFB01nance", "finance"},
        {"Договор №5", "договор № 5"},
        {"Договор № 5", "№5"},
        {"Kontora™", "kontora"},
        {"Kontora", "Kontora®"},
        {"日本語", "日本語"},
        {"Счёт за 2026", "счет ٢٠٢٦"},
        {"Счёт за ٢٠٢٦", "2026"},
        {"Акт １２", "12"},
        {"A\u0301cme", "Ácme"},
        {"😀😀😀 склад", "😀😀😀"},
    };
    assert_found(*state, examples, COUNT_OF(examples));
}

static void punctuation_and_any_white_space_separate_words(void **state)
{
    static const struct example examples[] = {
        {"Петров,Иван", "иван петров"},
        {"Петров Иван", "Петров,Иван"},
        {"Петров;Иван", "ив"},
        {"Петров/Иван", "ив"},
        {"Петров|Иван", "ив"},
        {"Петров\\Иван", "ив"},
        {"Петров(Иван)", "ив"},
        {"Петров[Иван]", "ив"},
        {"Петров «Иван»", "ив"},
        {"Петров „Иван“", "ив"},
        {"Петров \"Иван\"", "ив"},
        {"Петров:Иван", "ив"},
        {"Петров…Иван", "ив"},
        {"ООО «Ромашка»", "ооо ром"},
        {"ООО Ромашка", "«Ромашка»"},
        {"ООО Ромашка", "ООО \"Ромашка\""},
        {"Петров\u00A0Иван", "иван\u2003петров"},
        {"Петров\tИван", "ив"},
        {"Петров\u3000Иван", "ив"},
        {"Петров\u2028Иван", "петров\u202Fив"},
        {"Петров Иван", "Петров,\u00A0Иван."},
        {"Петров И.", "петров и"},
        {"Johnson&Johnson", "Johnson & Johnson"},
        {"H&M", "h&m"},
        {"Дом — книга", "дом книга"},
        {"50% скидка", "50"},
        {"C#", "c"},
        {"Договор 12/2026", "12/2026"},
    };
    assert_found(*state, examples, COUNT_OF(examples));
}

static void hyphens_of_all_kinds_are_equal(void **state)
{
    static const char *const names[] = {"Анна-Мария",      "Анна\u2010Мария", "Анна\u2011Мария",
                                        "Анна\u2013Мария", "анна\u2014мария", "Анна\u2212Мария",
                                        "Анна\uFF0DМария", "Анна\uFE63Мария", "Анна\u00AD-Мария"};
    assert_all_find_each_other(*state, names, COUNT_OF(names));
}

static void apostrophes_of_all_kinds_are_equal(void **state)
{
    static const char *const names[] = {"O'Brien",      "O\u2019Brien", "O\u2018Brien",
                                        "O\u02BCBrien", "O\u00B4Brien", "O`Brien",
                                        "o\u2032brien", "O\uFF07Brien", "O\u02BBBrien"};
    assert_all_find_each_other(*state, names, COUNT_OF(names));
}

static void similar_names_are_not_found(void **state)
{
    static const struct example examples[] = {
        {"Йод", "Иод"},           {"Анна", "Ана"},          {"Анна Петрова", "на"},
        {"Петрова", "ет"},        {"Петров", "Петров Ива"}, {"О'Брайен", "ОБрайен"},
        {"Анна-Мария", "Марина"}, {"H&M", "H&P"},           {"Zoe", "Zoë"},
        {"a%b", "a_b"},
    };
    assert_not_found(*state, examples, COUNT_OF(examples));
}

/* --- domains ---------------------------------------------------------------------------------- */

static void domain_is_found_in_unicode_and_ascii_form(void **state)
{
    static const char *const addresses[] = {
        "ivan@xn--80a1acny.xn--p1ai", "ivan@почта.рф",       "IVAN@ПОЧТА.РФ",
        "Ivan@XN--80A1ACNY.XN--P1AI", "ivan@почта.xn--p1ai", "ivan@почта。рф"};
    assert_all_find_each_other(*state, addresses, COUNT_OF(addresses));
    static const struct example examples[] = {
        {"ivan@xn--80a1acny.xn--p1ai", "почта"},
        {"ivan@xn--80a1acny.xn--p1ai", "чта.рф"},
        {"ivan@xn--80a1acny.xn--p1ai", "почта.рф"},
        {"ivan@xn--80a1acny.xn--p1ai", "xn--80a1"},
        {"ivan@почта.рф", "xn--80a1acny"},
        {"ivan@почта.рф", "xn--80a1acny.xn--p1ai"},
        {"ivan@почта.рф", "xn--80a1acny.xn"},
        {"ivan@почта.рф", "80a1acny"},
        {"ivan@почта.рф", "ivan@почта"},
        {"ivan@почта.рф", "@почта.рф"},
        {"ivan@почта.com", "xn--80a1acny.com"},
        {"ООО почта.com", "xn--80a1acny.com"},
        {"ООО почта.рф", "xn--80a1acny.xn--p1ai"},
        {"https://почта.рф/вход", "https://xn--80a1acny.xn--p1ai/"},
        {"https://xn--80a1acny.xn--p1ai/", "почта.рф"},
        {"ivan@bücher.example", "ivan@xn--bcher-kva.example"},
        {"ivan@xn--bcher-kva.example", "bücher"},
        {"x@straße.de", "xn--strae-oqa.de"},
        {"x@straße.de", "xn--strae-oqa"},
        {"x@xn--strae-oqa.de", "straße.de"},
        {"x@ёлка.рф", "x@xn--80atc1g.xn--p1ai"},
        {"x@xn--80atc1g.xn--p1ai", "елка.рф"},
        {"иван@почта.рф", "иван@xn--80a1acny.xn--p1ai"},
        {"ivan@xn--broken-\u00FF.test", "xn--broken"},
    };
    assert_found(*state, examples, COUNT_OF(examples));
    static const struct example others[] = {
        {"ivan@почта.рф", "почта.com"}, {"ivan@почта.рф", "xn--p1acf"}, {"договор.txt", "xn--"}};
    assert_not_found(*state, others, COUNT_OF(others));
}

/* --- telephone numbers ------------------------------------------------------------------------ */

static void number_is_found_in_every_spelling(void **state)
{
    static const char *const numbers[] = {
        "8 (916) 123-45-67",
        "+7 916 123-45-67",
        "79161234567",
        "89161234567",
        "+79161234567",
        "+7(916)123-45-67",
        "8-916-123-45-67",
        "8.916.123.45.67",
        "+7-916-1234567",
        "+ 7 916 123 45 67",
        "8 - 916 - 123 - 45 - 67",
        "+8 (916) 123-45-67",
        "7 916 1234567",
        "8916 1234567",
        "8 9161234567",
        "+7 [916] 123 45 67",
        "\u202A+7\u00A0916\u00A0123\u201145\u201167\u202C",
        "\u202D8\u2009(916)\u2009123\u201345\u221267\u202C",
        "٨ ٩١٦ ١٢٣ ٤٥ ٦٧",
        "＋７（９１６）１２３－４５－６７",
        "tel:+79161234567",
        "+7 916 123\u200B4567",
    };
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        for (size_t j = 0; j < COUNT_OF(numbers); j++) {
            const struct example pair = {numbers[i], numbers[j]};
            if (strncmp(numbers[j], "tel", 3) != 0 || !strncmp(numbers[i], "tel", 3)) {
                assert_found(*state, &pair, 1);
            }
        }
        const struct example parts[] = {
            {numbers[i], "8916123"},       {numbers[i], "+7916"},
            {numbers[i], "123-45-67"},     {numbers[i], "4567"},
            {numbers[i], "9161234567"},    {numbers[i], "916 123"},
            {numbers[i], "(916) 123"},     {numbers[i], "8 (916) 12"},
            {numbers[i], "8 916 1"},       {numbers[i], "916 123-45-67"},
            {numbers[i], "916 123 45 67"}, {numbers[i], "+7 (916) 123-4"},
            {numbers[i], "123 45 67"},     {numbers[i], "79161"},
            {numbers[i], "45-67"},         {numbers[i], "+8916"},
        };
        assert_found(*state, parts, COUNT_OF(parts));
    }
}

static void number_stored_without_country_code_is_found_with_it(void **state)
{
    static const struct example examples[] = {
        {"9161234567", "8 (916) 123-45-67"}, {"9161234567", "+7 916 123-45-67"},
        {"(495) 123-45-67", "84951234567"},  {"495 123-45-67", "+7495"},
        {"495 1234567", "8495123"},          {"8005553535", "8 800 555-35-35"},
        {"8 800 555-35-35", "8005553535"},   {"7011234567", "+7 701 123 45 67"},
        {"123-45-67", "123 45 67"},          {"123-45-67", "1234567"},
    };
    assert_found(*state, examples, COUNT_OF(examples));
}

static void number_of_another_country_is_found_only_by_its_own_digits(void **state)
{
    static const struct example found[] = {
        {"+1 202 555 0123", "+1 (202) 555-0123"}, {"+1 202 555 0123", "12025550123"},
        {"+1 202 555 0123", "202 555-0123"},      {"1-202-555-0123", "+12025550123"},
        {"12025550123", "+1 202 555 01 23"},      {"+49 30 1234567", "+4930"},
        {"+49 30 1234567", "0049 30 1234567"},    {"0049 30 1234567", "+49 30 1234567"},
        {"8 10 49 30 1234567", "+49301234567"},   {"+49 30 1234567", "8-10-49-30-1234567"},
        {"+375 29 123-45-67", "375291234567"},    {"375291234567", "+375 (29) 123-45-67"},
        {"+81 3 1234 5678", "+81312345678"},      {"+81 3 1234 5678", "+81 3 12"},
        {"+44 20 7946 0958", "7946 0958"},
    };
    assert_found(*state, found, COUNT_OF(found));
    static const struct example others[] = {
        {"+1 202 555 0123", "8 (202) 555-01-23"},
        {"+1 202 555 0123", "+7 202 555-01-23"},
        {"+1 916 123 4567", "8 916 123-45-67"},
        {"+1 9161234567", "+79161234567"},
        {"+49 9161234567", "89161234567"},
        {"+49 7916 1234567", "+79161234567"},
        {"+49 7916 1234567", "+7916"},
        {"+7 916 123-45-67", "+1 916 123-45-67"},
        {"+7 916 123-45-67", "+49 916"},
        {"+81 3 1234 5678", "+7 131 234 56 78"},
        {"8 916 123-45-67", "8 916 123-45-68"},
        {"8 916 123-45-67", "+7 495 123-45-67"},
        {"8 916 123-45-67", "4568"},
    };
    assert_not_found(*state, others, COUNT_OF(others));
}

static void number_is_found_beside_words_and_other_numbers(void **state)
{
    static const struct example examples[] = {
        {"Иванов 89161234567", "Иванов +7 916 123-45-67"},
        {"Иванов +7 916 123-45-67", "Иванов 8(916)1234567"},
        {"Иванов +7 916 123-45-67", "8 916 123 45 67 Иванов"},
        {"Иванов +7 916 123-45-67", "Иванов 123-45-67"},
        {"Иванов +7 916 123-45-67", "Иванов, тел. 8 916 123-45-67"},
        {"тел.89161234567", "+7 916 123-45-67"},
        {"моб:8(916)1234567", "916 123-45-67"},
        {"т. 8 916 123-45-67", "т.89161234567"},
        {"+7 495 123-45-67 доб. 12", "8 (495) 123-45-67"},
        {"+7 495 123-45-67 доб. 12", "84951234567"},
        {"+7 495 123-45-67 #12", "8 495 123 45 67"},
        {"+7 495 123-45-67 ext 12", "8 495 123 45 67"},
        {"+7 495 123-45-67x12", "8 495 123 45 67"},
        {"+7 495 123-45-67 12", "8 495 123 45 67"},
        {"+7 495 123-45-67", "8 495 123-45-67 доб. 12"},
        {"+7 495 123-45-67", "84951234567доб12"},
        {"+7 495 123-45-67, +7 916 765-43-21", "8 495 123-45-67"},
        {"+7 495 123-45-67, +7 916 765-43-21", "89167654321"},
        {"8 495 123-45-67/8 916 765-43-21", "+7 916 765 43 21"},
        {"8 495 123-45-67 8 916 765-43-21", "+7 916 765 43 21"},
        {"84951234567 89167654321", "+74951234567"},
        {"(495) 123-45-67, 765-43-21", "765-43-21"},
        {"Завод 1-2-3", "123"},
        {"Завод 1-2-3", "1 2 3"},
        {"Завод 1-2-3", "завод 1-2-3"},
        {"100-200", "100200"},
        {"Договор 30.11.2026.pdf", "30.11.2026"},
        {"scan_2026-11-30.pdf", "2026-11-30"},
        {"Договор 125 от 2026", "125 2026"},
        {"Договор 2026 № 5", "договор 5 2026"},
        {"Договор 5 от 2026", "договор 5 2026"},
        {"79161234567@mail.ru", "79161234567@mail.ru"},
        {"79161234567@mail.ru", "+7 916 123-45-67"},
        {"ivan1978@mail.ru", "1978"},
        {"доска 10x20", "10x20"},
        {"ИНН 7707083893", "7707083893"},
        {"192.168.1.10", "192.168.1.10"},
        {"А123ВС77", "а123вс"},
    };
    assert_found(*state, examples, COUNT_OF(examples));
}

/* --- searches --------------------------------------------------------------------------------- */

/* Asserts the three parts of a search; NULL stands for a repetition of the first part, which
 * fills up searches of fewer words. */
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

static void search_text_has_words_in_common_spelling(void **state)
{
    assert_string_equal(search_text_of(*state, "Анна ПЕТРОВА"), "  анна  петрова");
    assert_string_equal(search_text_of(*state, "\t Ёлкина\r\n"), "  елкина");
    assert_string_equal(search_text_of(*state, "ООО «Ромашка» & Co."), "  ооо  ромашка  co");
    assert_string_equal(search_text_of(*state, "ivan@почта.рф"),
                        "  ivan@почта.рф  ivan@xn--80a1acny.xn--p1ai");
    assert_string_equal(search_text_of(*state, "договор.txt"), "  договор.txt");
    assert_string_equal(search_text_of(*state, "8 916 123-45-67"),
                        "  8  916  123-45-67  +79161234567  89161234567");
    assert_string_equal(search_text_of(*state, "+49 30 1234567"),
                        "  +49  30  1234567  +49301234567  0049301234567  81049301234567");
    assert_string_equal(search_text_of(*state, "2026"), "  2026");
    assert_string_equal(search_text_of(*state, " - @ & \u200B"), "");
    assert_string_equal(search_text_of(*state, ""), "");
    assert_string_equal(search_text_of(*state, NULL), "");
}

static void short_words_match_at_the_beginning_of_words_only(void **state)
{
    assert_parts(*state, "ЕТР", "етр", NULL, NULL);
    assert_parts(*state, "Пе", "  пе", NULL, NULL);
    assert_parts(*state, "П", "  п", NULL, NULL);
    assert_parts(*state, "12", "  12", NULL, NULL);
    assert_parts(*state, "+7", "  +7", NULL, NULL);
    assert_parts(*state, "😀я", "  😀я", NULL, NULL);
}

static void first_distinct_words_are_searched(void **state)
{
    assert_parts(*state, "  Анна\t\tП\n", "анна", "  п", NULL);
    assert_parts(*state, "Анна Петрова Ромашка", "анна", "петрова", "ромашка");
    assert_parts(*state, "Анна Петрова Ромашка Менеджер Москва", "анна", "петрова", "ромашка");
    assert_parts(*state, "ООО ооо «ООО» Ромашка", "ооо", "ромашка", NULL);
    assert_parts(*state, "Иванов +7 916 123-45-67 Москва отдел", "иванов", "+79161234567",
                 "москва");
    assert_parts(*state, "- Анна & Co. - Петрова", "анна", "  co", "петрова");
}

static void long_word_is_searched_by_its_beginning(void **state)
{
    char word[SEARCH_LENGTH + 1], part[SEARCH_WORD_LENGTH + 1];
    memset(word, 'x', SEARCH_LENGTH);
    memset(part, 'x', SEARCH_WORD_LENGTH);
    word[SEARCH_LENGTH] = part[SEARCH_WORD_LENGTH] = '\0';
    assert_parts(*state, word, part, NULL, NULL);
    assert_true(is_found(*state, word, word));
}

static void search_without_letters_and_digits_is_rejected(void **state)
{
    static const char *const texts[] = {
        "",  " ",   " \t\r\n ", "\u00A0", "\u200B", "\u200B\uFEFF\u00AD",
        ",", "...", "«»",       "-",      "- -",    "()",
        "@", "+",   "&",        "—",      "%",      "***"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        const char *parts[SEARCH_WORDS];
        const struct error *error = search_parse(*state, texts[i], parts);
        if (!error || error->id != ERR_VALIDATION || !error->details || error->details->next) {
            FAIL("not rejected: %s", texts[i]);
        }
        assert_string_equal(error->details->field, "search");
        assert_int_equal(error->details->fault, FAULT_NO_WORDS);
    }
}

/* --- random texts ----------------------------------------------------------------------------- */

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static UChar32 random_character(uint32_t *seed)
{
    static const struct {
        UChar32 first, last;
    } ranges[] = {{' ', '~'},       {' ', '~'},       {'0', '9'},         {'0', '9'},
                  {0x20, 0x2F},     {0xA0, 0x17F},    {0x300, 0x36F},     {0x370, 0x3FF},
                  {0x400, 0x45F},   {0x400, 0x45F},   {0x5D0, 0x5F4},     {0x600, 0x66F},
                  {0x900, 0x97F},   {0x1E00, 0x1FFE}, {0x2000, 0x206F},   {0x2100, 0x214F},
                  {0x2200, 0x22FF}, {0x3000, 0x30FF}, {0xAC00, 0xAD00},   {0xFB00, 0xFB4F},
                  {0xFE50, 0xFFEF}, {0xFFFD, 0xFFFF}, {0x1D400, 0x1D7FF}, {0x1F600, 0x1F64F}};
    uint32_t range = next_random(seed) % COUNT_OF(ranges);
    uint32_t size = (uint32_t)(ranges[range].last - ranges[range].first + 1);
    return ranges[range].first + (UChar32)(next_random(seed) % size);
}

static const char *utf8_of(struct arena *arena, const UChar *units, int32_t count)
{
    enum { BYTES_MAX = 3 };
    UErrorCode code = U_ZERO_ERROR;
    char *text = arena_array(arena, (size_t)count + 1, BYTES_MAX);
    u_strToUTF8(text, count * BYTES_MAX + 1, NULL, units, count, &code);
    if (U_FAILURE(code)) {
        FAIL("%s", u_errorName(code));
    }
    return text;
}

/* Asserts that the words of `from` find the text. */
static void assert_found_by_words(struct arena *arena, const char *text, const char *from,
                                  const char *delimiters)
{
    char *rest = arena_string(arena, from);
    for (char *word; (word = strsep(&rest, delimiters));) {
        const char *parts[SEARCH_WORDS];
        if (!search_parse(arena, word, parts) && !is_found(arena, text, word)) {
            FAIL("\"%s\" is not found by \"%s\" (\"%s\", \"%s\", \"%s\" in \"%s\")", text, word,
                 parts[0], parts[1], parts[2], search_text_of(arena, text));
        }
    }
}

static void text_is_found_by_each_word_of_its_decomposed_form(void **state)
{
    (void)state;
    enum { ROUNDS = 20000, LENGTH = 24, GROWTH = 20 };
    uint32_t seed = 20261130;
    UErrorCode code = U_ZERO_ERROR;
    const UNormalizer2 *nfd = unorm2_getNFDInstance(&code);
    for (int round = 0; round < ROUNDS; round++) {
        struct arena *arena = arena_new();
        UChar units[2 * LENGTH], apart[LENGTH * GROWTH];
        int32_t count = 0;
        for (uint32_t i = 0, length = 1 + next_random(&seed) % (LENGTH - 1); i < length; i++) {
            UChar32 character = random_character(&seed);
            U16_APPEND_UNSAFE(units, count, character);
        }
        const char *text = utf8_of(arena, units, count);
        count = unorm2_normalize(nfd, units, count, apart, COUNT_OF(apart), &code);
        const char *decomposed = utf8_of(arena, apart, count);
        assert_found_by_words(arena, text, decomposed, " ");
        assert_found_by_words(arena, text, spelling_unify(arena, decomposed), " ,()");
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(name_is_found_in_any_spelling),
        ARENA_TEST(punctuation_and_any_white_space_separate_words),
        ARENA_TEST(hyphens_of_all_kinds_are_equal),
        ARENA_TEST(apostrophes_of_all_kinds_are_equal),
        ARENA_TEST(similar_names_are_not_found),
        ARENA_TEST(domain_is_found_in_unicode_and_ascii_form),
        ARENA_TEST(number_is_found_in_every_spelling),
        ARENA_TEST(number_stored_without_country_code_is_found_with_it),
        ARENA_TEST(number_of_another_country_is_found_only_by_its_own_digits),
        ARENA_TEST(number_is_found_beside_words_and_other_numbers),
        ARENA_TEST(search_text_has_words_in_common_spelling),
        ARENA_TEST(short_words_match_at_the_beginning_of_words_only),
        ARENA_TEST(first_distinct_words_are_searched),
        ARENA_TEST(long_word_is_searched_by_its_beginning),
        ARENA_TEST(search_without_letters_and_digits_is_rejected),
        cmocka_unit_test(text_is_found_by_each_word_of_its_decomposed_form),
    };
    return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}
