/* Random: identifiers have a fixed format and are unique, also between a process and its child. */
#include "base/number.h"
#include "unit.h"

#include "base/random.h"

#include <ctype.h>
#include <limits.h>

static void identifiers_are_hexadecimal(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        char id[RANDOM_ID_SIZE];
        assert_ptr_equal(random_id(id), id);
        assert_int_equal(strspn(id, "0123456789abcdef"), RANDOM_ID_SIZE - 1);
        assert_int_equal(id[RANDOM_ID_SIZE - 1], 0);
    }
}

static int compare_ids(const void *one, const void *other)
{
    return strcmp(one, other);
}

static void identifiers_are_unique(void **state)
{
    enum { COUNT = 10000 };
    char(*ids)[RANDOM_ID_SIZE] = arena_array(*state, COUNT, sizeof *ids);
    for (size_t i = 0; i < COUNT; i++) {
        random_id(ids[i]);
    }
    qsort(ids, COUNT, sizeof *ids, compare_ids);
    for (size_t i = 1; i < COUNT; i++) {
        assert_string_not_equal(ids[i - 1], ids[i]);
    }
}

/* Workers are forked from one master and must not generate the same numbers. */
static void child_process_generates_other_identifiers(void **state)
{
    (void)state;
    int ends[2];
    char mine[RANDOM_ID_SIZE], other[RANDOM_ID_SIZE] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        random_id(other);
        _exit(write(ends[1], other, sizeof other) == (ssize_t)sizeof other ? 0 : 1);
    }
    random_id(mine);
    assert_int_equal(read(ends[0], other, sizeof other), sizeof other);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_string_not_equal(mine, other);
    close(ends[0]);
    close(ends[1]);
}

static void random_digits_belong_to_their_base(void **state)
{
    (void)state;
    enum { MANY = 1000, BASE62 = 62 };
    struct random_source source = {.left = 0};
    char text[MANY + 1] = "";
    random_digits(&source, text, MANY, DECIMAL);
    assert_int_equal(strspn(text, "0123456789"), MANY);
    random_digits(&source, text, MANY, BASE62);
    for (size_t i = 0; i < MANY; i++) {
        assert_true(isalnum((unsigned char)text[i]));
    }
    assert_int_equal(text[MANY], 0);
}

/* Taking the remainder of a byte would yield the digits 0 to 7 a quarter more often than the
 * others. */
static void random_digits_are_uniformly_distributed(void **state)
{
    enum { COUNT = 620000, BASE62 = 62, EXPECTED = COUNT / BASE62, DEVIATION = 600 };
    struct random_source source = {.left = 0};
    char *text = arena_alloc(*state, COUNT);
    size_t counts[UCHAR_MAX + 1] = {0};
    random_digits(&source, text, COUNT, BASE62);
    for (size_t i = 0; i < COUNT; i++) {
        counts[(unsigned char)text[i]]++;
    }
    size_t different = 0;
    for (size_t i = 0; i <= UCHAR_MAX; i++) {
        different += counts[i] != 0;
        /* Allows six standard deviations; the standard deviation is about 99. */
        assert_true(!counts[i] ||
                    (counts[i] > EXPECTED - DEVIATION && counts[i] < EXPECTED + DEVIATION));
    }
    assert_int_equal(different, BASE62);
}

static void random_characters_belong_to_their_alphabet(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    struct random_source source = {.left = 0};
    char text[MANY + 1] = "";
    random_characters(&source, text, MANY, "aX!");
    assert_int_equal(strspn(text, "aX!"), MANY);
    assert_true(strchr(text, 'a') && strchr(text, 'X') && strchr(text, '!'));
    random_characters(&source, text, MANY, "z");
    assert_int_equal(strspn(text, "z"), MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identifiers_are_hexadecimal),
        ARENA_TEST(identifiers_are_unique),
        cmocka_unit_test(child_process_generates_other_identifiers),
        cmocka_unit_test(random_digits_belong_to_their_base),
        cmocka_unit_test(random_characters_belong_to_their_alphabet),
        ARENA_TEST(random_digits_are_uniformly_distributed),
    };
    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
