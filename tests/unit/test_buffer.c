/* Buffer: bytes that grow, in an arena or on the heap, always NUL-terminated. */
#include "unit.h"

/* Appends with every function and compares the result. */
static void fill_and_compare(struct buffer *buffer)
{
    enum { ROUNDS = 500 };
    for (int i = 0; i < ROUNDS; i++) {
        buffer_add(buffer, BYTES("a\0b"));
        buffer_add_string(buffer, "cd");
        buffer_add_char(buffer, 'e');
        buffer_format(buffer, "%03d", i);
        assert_int_equal(buffer->length, (size_t)(i + 1) * 9);
        assert_true(buffer->size > buffer->length);
        assert_int_equal(buffer->bytes[buffer->length], 0);
    }
    for (size_t i = 0; i < ROUNDS; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "cde%03zu", i);
        assert_memory_equal(buffer->bytes + 9 * i, "a\0b", 3);
        assert_memory_equal(buffer->bytes + 9 * i + 3, expected, 6);
    }
}

static void buffer_grows_on_the_heap(void **state)
{
    (void)state;
    struct buffer buffer = {0};
    fill_and_compare(&buffer);
    buffer_free(&buffer);
    assert_null(buffer.bytes);
    assert_int_equal(buffer.length + buffer.size, 0);
    buffer_free(&buffer); /* freeing twice is allowed */
}

static void buffer_grows_in_an_arena(void **state)
{
    struct buffer buffer = {.arena = *state};
    fill_and_compare(&buffer);
    buffer_free(&buffer);
    assert_ptr_equal(buffer.arena, *state);
    assert_null(buffer.bytes);
    fill_and_compare(&buffer);
}

static void adding_nothing_to_a_buffer_yields_an_empty_string(void **state)
{
    struct buffer buffer = {.arena = *state};
    buffer_add(&buffer, NULL, 0);
    assert_string_equal(buffer.bytes, "");
    assert_int_equal(buffer.length, 0);
    buffer_format(&buffer, "%s", "");
    buffer_add_string(&buffer, "");
    assert_string_equal(buffer.bytes, "");
}

static void buffer_clear_keeps_allocated_memory(void **state)
{
    struct buffer buffer = {.arena = *state};
    buffer_clear(&buffer); /* also allowed on an empty buffer */
    buffer_add_string(&buffer, "text");
    const char *bytes = buffer.bytes;
    size_t size = buffer.size;
    buffer_clear(&buffer);
    assert_string_equal(buffer.bytes, "");
    assert_int_equal(buffer.length, 0);
    assert_ptr_equal(buffer.bytes, bytes);
    assert_int_equal(buffer.size, size);
}

/* Tests lengths at and around the sizes that a buffer grows to: the NUL must always fit. */
static void buffer_is_nul_terminated_at_every_length(void **state)
{
    char text[1100];
    memset(text, 'x', sizeof text);
    for (size_t length = 0; length < sizeof text; length++) {
        struct buffer buffer = {0};
        buffer_add(&buffer, text, length);
        assert_int_equal(strlen(buffer.bytes), length);
        buffer_add_char(&buffer, 'y');
        assert_int_equal(strlen(buffer.bytes), length + 1);
        buffer_free(&buffer);
    }
    (void)state;
}

static void buffer_reserve_provides_requested_space(void **state)
{
    struct buffer buffer = {.arena = *state};
    buffer_add_string(&buffer, "ab");
    char *end = buffer_reserve(&buffer, 10000);
    memset(end, 'c', 10000);
    end[10000] = '\0';
    buffer.length += 10000;
    buffer_add_char(&buffer, 'd');
    assert_int_equal(strlen(buffer.bytes), 10003);
    assert_memory_equal(buffer.bytes, "abc", 3);
    assert_string_equal(buffer.bytes + 10001, "cd");
}

static void format_grows_buffer_for_long_text(void **state)
{
    struct buffer buffer = {.arena = *state};
    buffer_format(&buffer, "%d%5000s%d", 1, "x", 2);
    assert_int_equal(buffer.length, 5002);
    assert_string_equal(buffer.bytes + 5000, "x2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_grows_on_the_heap),
        ARENA_TEST(buffer_grows_in_an_arena),
        ARENA_TEST(adding_nothing_to_a_buffer_yields_an_empty_string),
        ARENA_TEST(buffer_clear_keeps_allocated_memory),
        cmocka_unit_test(buffer_is_nul_terminated_at_every_length),
        ARENA_TEST(buffer_reserve_provides_requested_space),
        ARENA_TEST(format_grows_buffer_for_long_text),
    };
    return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
