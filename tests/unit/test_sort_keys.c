/*
 * Sort keys in the database: both engines list contacts and accounts in the order of ICU's own
 * comparison, and accept every key.
 */
#include "engines.h"
#include "unit.h"

#include "auth/account_keys.h"
#include "base/fold.h"
#include "rest/contact_keys.h"
#include "store/migrations.h"

#include <unicode/ucol.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

enum {
    NAMES = 10000,
    WORDS_MAX = 3,
    LETTERS_MAX = 6,
    LONG_NAMES = 200,
    NAME_MAX_CHARACTERS = 200,  /* of a contact */
    EMAIL_MAX_CHARACTERS = 254, /* of a contact and of an account */
    UTF8_MAX = 4,               /* bytes of a character */
};

/* --- names ------------------------------------------------------------------------------------ */

static const char *const real_words[] = {
    "Иванов",      "иванов",    "Ёлкин",  "Елкин",    "ёлкин",    "Семёнов", "Семенов",
    "Петров",      "ПЕТРОВ",    "Йодов",  "Щукин",    "Ґалаґан",  "Їжак",    "Ўладзімір",
    "Қанат",       "Ђорђе",     "Müller", "Muller",   "Mueller",  "Zoë",     "Zoe",
    "ZOË",         "Émile",     "Emile",  "Żółw",     "Zolw",     "Łukasz",  "Lukasz",
    "Åse",         "Aase",      "Ørsted", "Straße",   "Strasse",  "Æther",   "Çelik",
    "İpek",        "ıspanak",   "Nguyễn", "Nguyen",   "O'Neil",   "O’Neil",  "Jean-Luc",
    "d’Artagnan",  "Αθηνά",     "Αθήνα",  "Ωμέγα",    "Σοφός",    "王小明",  "李四",
    "山田",        "やまだ",    "ヤマダ", "ﾔﾏﾀﾞ",     "김민수",   "בנימין",  "محمد",
    "ﷺ",           "สมชาย",     "अमित",   "10",       "9",        "2",       "№ 7",
    "100%",        "«Ромашка»", "ООО",    "\"Заря\"", "(резерв)", "—",       "😀",
    "👩‍💻", "①",         "Ⅳ",      "½",        "a,b",      "z!i5",    "_x",
};

/* Letters of the random words. */
static const char *const alphabets[] = {
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюяАБЕЁЖИЙЭЮЯіїєґўћђ",
    "abcdefghijklmnopqrstuvwxyzABEIOUZ",
    "àáâãäåāăąæçćčďđèéêëęěğíîïıłñńňóôöőøœřśšßţťúûüůýżźžÀÉÖŻÇŁ",
    "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώΑΒΩ",
    "王李張刘陈楊赵黄周吳一丁𠀀𠀁龍",
    "0123456789٠١٢",
    " -'’.,_!?&/()«»\"+#@№",
    "アイウカガさざ김이박אבגمحد",
};

static uint64_t seed;

/* Returns a pseudo-random number below `limit`. The numbers are the same in every run. */
static size_t pick(size_t limit)
{
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    return (size_t)(seed >> 33U) % limit;
}

/* Appends a random character of a text. */
static void append_letter(struct buffer *name, const char *letters)
{
    const char *at = letters + pick(strlen(letters));
    while ((*at & 0xC0) == 0x80) {
        at--;
    }
    size_t length = 1;
    while ((at[length] & 0xC0) == 0x80) {
        length++;
    }
    buffer_add(name, at, length);
}

static void append_word(struct buffer *name)
{
    const char *alphabet = alphabets[pick(COUNT_OF(alphabets))];
    if (pick(2)) {
        buffer_add_string(name, real_words[pick(COUNT_OF(real_words))]);
        return;
    }
    for (size_t i = 1 + pick(LETTERS_MAX); i-- > 0;) {
        append_letter(name, alphabet);
    }
}

/* Returns the decomposed form of a text (NFD), as macOS writes it. */
static const char *decompose(struct arena *arena, const char *text)
{
    enum { ROOM = 4096 };
    UErrorCode status = U_ZERO_ERROR;
    UChar units[ROOM], decomposed[ROOM];
    int32_t length;
    char *result = arena_alloc(arena, (size_t)ROOM * UTF8_MAX);
    u_strFromUTF8(units, ROOM, &length, text, -1, &status);
    length =
        unorm2_normalize(unorm2_getNFDInstance(&status), units, length, decomposed, ROOM, &status);
    u_strToUTF8(result, ROOM * UTF8_MAX, NULL, decomposed, length, &status);
    assert_true(U_SUCCESS(status));
    return result;
}

static const char *random_name(struct arena *arena)
{
    struct buffer name = {.arena = arena};
    for (size_t i = 1 + pick(WORDS_MAX); i-- > 0;) {
        append_word(&name);
        buffer_add_string(&name, i ? " " : "");
    }
    return pick(4) ? name.bytes : decompose(arena, name.bytes);
}

/* Characters with long sort keys, or with long folded forms. */
static const char expensive[] =
    "ﷺﷻ㌀㌂㌃㌄㌅㌆㌇㌈㌉㌊㌋㌌㌍㌎㌏㌐㌑㌒㌓㌔㌕㌖㌗㌘㌙㌚㌛㌜㌝㌞㌟㌠㌡㌢㌣㌤㌥㌦㌧㌨㌩㌪㌫㌬㌭㌮"
    "㌯㌰㌱㌲㌳㌴㌵"
    "㌶㌷㌸㌹㌺㌻㌼㌽㌾㌿㍀㍁㍂㍃㍄㍅㍆㍇㍈㍉㍊㍋㍌㍍㍎㍏㍐㍑㍒㍓㍔㍕㍖㍗🄐🄑🄒𝅘𝅥𝅮𝅘𝅥𝅯𝅘𝅥𝅰𠀀𪛖😀Ǖ";

static const char *expensive_name(struct arena *arena, size_t characters)
{
    struct buffer name = {.arena = arena};
    for (size_t i = 0; i < characters; i++) {
        append_letter(&name, expensive);
    }
    return name.bytes;
}

/* Returns a name whose sort key is longer than the column. Many of these names have the same
 * truncated key. */
static const char *long_name(struct arena *arena)
{
    struct buffer name = {.arena = arena};
    for (size_t i = 0; i < NAME_MAX_CHARACTERS - 2; i++) {
        buffer_add_string(&name, i ? "ﷺ" : pick(2) ? "a" : "b");
    }
    append_letter(&name, alphabets[0]);
    return name.bytes;
}

/* --- the database ----------------------------------------------------------------------------- */

struct insertion {
    struct arena *arena;
    const char *(*name)(struct arena *arena);
    size_t count;
    bool expensive_address;
};

static struct error *insert_contact(struct store *store, struct arena *arena,
                                    const struct contact_texts *texts)
{
    enum { OTHER_FIELDS = 5 };
    struct contact_keys keys;
    struct store_query *query = store_query(store, arena, SQL_CONTACTS_INSERT);
    contact_keys_compute(arena, texts, &keys);
    store_bind_integer(query, 1);
    store_bind_integer(query, 0);
    store_bind_text(query, texts->name);
    store_bind_text(query, texts->email);
    for (size_t i = 0; i < OTHER_FIELDS; i++) {
        store_bind_null(query);
    }
    store_bind_text(query, keys.email_key);
    store_bind_bytes(query, keys.name_sort_key, keys.name_sort_key_length);
    store_bind_text(query, keys.email_key);
    store_bind_text(query, keys.search_text);
    return store_execute(query);
}

static struct error *insert_contacts(struct store *store, void *context)
{
    const struct insertion *insertion = context;
    struct error *error = NULL;
    store_defer(store, SQL_CONTACTS_INDEX);
    store_defer(store, SQL_CONTACTS_INDEXED);
    for (size_t i = 0; i < insertion->count && !error; i++) {
        struct contact_texts texts = {
            .name = insertion->name(insertion->arena),
            .email = insertion->expensive_address
                         ? arena_format(insertion->arena, "%s@a.example",
                                        expensive_name(insertion->arena,
                                                       EMAIL_MAX_CHARACTERS - strlen("@a.example")))
                         : NULL,
        };
        error = insert_contact(store, insertion->arena, &texts);
    }
    return error;
}

/* Replaces all contacts by new ones. */
static void fill_contacts(struct test *test, struct insertion insertion)
{
    seed = 1;
    insertion.arena = test->arena;
    must_script(test->store, test->arena, "DELETE FROM contacts;");
    must_succeed(store_write(test->store, test->arena, insert_contacts, &insertion));
    must_succeed(store_group_commit(test->store, test->arena));
}

/* --- the order -------------------------------------------------------------------------------- */

static UCollator *open_collator(void)
{
    UErrorCode status = U_ZERO_ERROR;
    UCollator *collator = ucol_open("", &status);
    ucol_setAttribute(collator, UCOL_NORMALIZATION_MODE, UCOL_ON, &status);
    assert_true(U_SUCCESS(status));
    return collator;
}

struct listed {
    const char *name, *key;
    size_t key_length;
};

/* True if ICU sorts the names in this order, or if they have the same truncated key. */
static bool in_order(const UCollator *collator, const struct listed *left,
                     const struct listed *right)
{
    UErrorCode status = U_ZERO_ERROR;
    UCollationResult order = ucol_strcollUTF8(collator, left->name, -1, right->name, -1, &status);
    bool same_key =
        left->key_length == right->key_length && !memcmp(left->key, right->key, left->key_length);
    assert_true(U_SUCCESS(status));
    return same_key ? order == UCOL_EQUAL || left->key_length == FOLD_SORT_KEY_MAX
                    : order == UCOL_LESS;
}

/* Checks that the database sorts the names as ICU does. Returns the number of different keys. */
static size_t check_order(struct test *test, size_t count)
{
    enum { NAME, KEY };
    UCollator *collator = open_collator();
    struct store_query *query =
        store_compose(test->store, test->arena,
                      "SELECT name, name_sort_key FROM contacts WHERE organization_id = 1 AND"
                      " deleted_at IS NULL ORDER BY name_sort_key, id");
    struct listed last = {.name = NULL};
    size_t rows = 0, keys = 0;
    bool row;
    for (must_succeed(store_next(query, &row)); row; must_succeed(store_next(query, &row))) {
        struct listed next = {.name = arena_string(test->arena, store_text(query, NAME, NULL))};
        const char *key = store_bytes(query, KEY, &next.key_length);
        next.key = arena_copy(test->arena, key, next.key_length);
        if (last.name && !in_order(collator, &last, &next)) {
            FAIL("'%s' is listed before '%s'", last.name, next.name);
        }
        keys += !last.name || next.key_length != last.key_length ||
                memcmp(next.key, last.key, next.key_length) != 0;
        last = next;
        rows++;
    }
    assert_int_equal(rows, count);
    ucol_close(collator);
    return keys;
}

static void database_sorts_names_as_icu_does(void **state)
{
    fill_contacts(*state, (struct insertion){.name = random_name, .count = NAMES});
    assert_true(check_order(*state, NAMES) > NAMES / 2);
}

static void names_with_long_keys_are_sorted_by_their_beginning(void **state)
{
    fill_contacts(*state, (struct insertion){.name = long_name, .count = LONG_NAMES});
    assert_int_equal(check_order(*state, LONG_NAMES), 2);
}

static const char *longest_name(struct arena *arena)
{
    return expensive_name(arena, NAME_MAX_CHARACTERS);
}

/* PostgreSQL refuses index entries of more than 2,704 bytes. */
static void postgres_index_accepts_longest_keys(void **state)
{
    fill_contacts(*state,
                  (struct insertion){.name = longest_name, .count = 20, .expensive_address = true});
    check_order(*state, 20);
}

/* --- accounts --------------------------------------------------------------------------------- */

static void account_is_sorted_by_its_user_name(void **state)
{
    const struct test *test = *state;
    struct account_keys keys;
    const unsigned char *sort_key;
    account_keys_compute(test->arena, "Ёлкин", NULL, &keys);
    assert_null(keys.email_key);
    assert_int_equal(keys.username_sort_key_length, fold_sort_key(test->arena, "Ёлкин", &sort_key));
    assert_memory_equal(keys.username_sort_key, sort_key, keys.username_sort_key_length);
}

/* --- both engines ----------------------------------------------------------------------------- */

static void create_schema(void)
{
    struct arena *arena = arena_new();
    struct store *store = store_new(&store_config, NULL);
    struct buffer report = {.arena = arena};
    must_succeed(store_migrate_up(store, arena, MIGRATION_LATEST, &report));
    must_script(store, arena,
                "INSERT INTO organizations (id, name, currency, created_at, updated_at)"
                " VALUES (1, 'One', 'RUB', 0, 0);");
    arena_free(&arena);
    store_free(&store);
}

static int run_group(const char *name)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(database_sorts_names_as_icu_does, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(names_with_long_keys_are_sorted_by_their_beginning,
                                        test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(postgres_index_accepts_longest_keys, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(account_is_sorted_by_its_user_name, test_setup,
                                        test_teardown),
    };
    create_schema();
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int main(void)
{
    return run_on_engines(run_group, "sort keys on SQLite", "sort keys on PostgreSQL");
}
