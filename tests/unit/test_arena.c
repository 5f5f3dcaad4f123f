/* Arena: allocations are zeroed, aligned and do not overlap; clean-ups run; a failed allocation
 * ends the process. */
#include "unit.h"

#include <sysexits.h>

static bool all_bytes_equal(const unsigned char *bytes, size_t size, unsigned char value)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

static void arena_memory_is_zeroed_and_aligned(void **state)
{
    struct arena *arena = *state;
    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < 200; size++) {
            unsigned char *bytes = arena_alloc(arena, size);
            assert_int_equal((uintptr_t)bytes % _Alignof(max_align_t), 0);
            assert_true(all_bytes_equal(bytes, size, 0));
            memset(bytes, 0xAA, size);
        }
        arena_reset(arena); /* reused memory is zeroed again */
    }
}

static void allocations_do_not_overlap(void **state)
{
    enum { COUNT = 200 };
    struct arena *arena = *state;
    unsigned char *blocks[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        blocks[i] = arena_alloc(arena, i * 37); /* spans several chunks */
        memset(blocks[i], (int)i, i * 37);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(all_bytes_equal(blocks[i], i * 37, (unsigned char)i));
    }
}

static void large_allocations_get_their_own_chunk(void **state)
{
    struct arena *arena = *state;
    const size_t sizes[] = {16383, 16384, 16385, 1 << 20};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        unsigned char *bytes = arena_alloc(arena, sizes[i]);
        assert_true(all_bytes_equal(bytes, sizes[i], 0));
        memset(bytes, 0xFF, sizes[i]);
    }
}

static void arena_reset_keeps_one_chunk(void **state)
{
    struct arena *arena = *state;
    const void *first = arena_alloc(arena, 8);
    arena_alloc(arena, 1 << 20);
    arena_reset(arena);
    assert_ptr_equal(arena_alloc(arena, 8), first);
}

static void arena_copies_are_nul_terminated(void **state)
{
    struct arena *arena = *state;
    char *copy = arena_copy(arena, BYTES("a\0b"));
    assert_memory_equal(copy, "a\0b", 4);
    assert_string_equal(arena_copy(arena, NULL, 0), "");
    assert_string_equal(arena_copy(arena, "abc", 0), "");
    const char *text = "text";
    char *string = arena_string(arena, text);
    assert_string_equal(string, text);
    assert_ptr_not_equal(string, text);
}

static void arena_format_returns_text_of_any_length(void **state)
{
    struct arena *arena = *state;
    assert_string_equal(arena_format(arena, "%s-%d", "a", 7), "a-7");
    assert_string_equal(arena_format(arena, "%s", ""), "");
    const char *wide = arena_format(arena, "%40000d|", 1);
    assert_int_equal(strlen(wide), 40001);
    assert_string_equal(wide + 39999, "1|");
}

static void arena_array_is_zeroed_and_holds_all_elements(void **state)
{
    struct arena *arena = *state;
    int64_t *numbers = arena_array(arena, 1000, sizeof *numbers);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(numbers[i], 0);
        numbers[i] = (int64_t)i;
    }
    assert_non_null(arena_array(arena, 0, sizeof *numbers));
}

/* --- clean-ups -------------------------------------------------------------------------------- */

static char released[16]; /* names of the released handles, in order */

static void record_release(void *handle)
{
    strncat(released, handle, 1);
}

static void cleanups_run_once_in_reverse_order(void **state)
{
    struct arena *arena = *state;
    static char a[] = "a", b[] = "b", c[] = "c";
    released[0] = '\0';
    arena_defer(arena, record_release, a);
    arena_defer(arena, record_release, b);
    arena_reset(arena);
    assert_string_equal(released, "ba");
    arena_reset(arena);
    assert_string_equal(released, "ba");
    arena_defer(arena, record_release, c);
    arena_alloc(arena, 100000);
    arena_reset(arena);
    assert_string_equal(released, "bac");
}

static void arena_free_runs_cleanups_and_clears_pointer(void **state)
{
    (void)state;
    static char a[] = "a";
    struct arena *arena = arena_new();
    released[0] = '\0';
    arena_defer(arena, record_release, a);
    arena_free(&arena);
    assert_null(arena);
    assert_string_equal(released, "a");
    arena_free(&arena); /* a pointer to NULL is accepted */
    assert_null(arena);
}

static void defer_during_release(void *handle)
{
    static char late[] = "z";
    strncat(released, "y", 2);
    arena_defer(handle, record_release, late);
}

static void cleanups_may_defer_further_cleanups(void **state)
{
    struct arena *arena = *state;
    released[0] = '\0';
    arena_defer(arena, defer_during_release, arena);
    arena_reset(arena);
    assert_string_equal(released, "yz");
}

/* --- out of memory ---------------------------------------------------------------------------- */

static void allocate_too_much(void *size)
{
    struct arena *arena = arena_new();
    arena_alloc(arena, *(const size_t *)size);
}

static void overflow_an_array(void *count)
{
    struct arena *arena = arena_new();
    arena_array(arena, *(const size_t *)count, 16);
}

static void failed_allocation_ends_the_process(void **state)
{
    (void)state;
    size_t sizes[] = {SIZE_MAX, SIZE_MAX - 8, SIZE_MAX / 2 + 1};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        int status = exit_status_of(allocate_too_much, &sizes[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), EX_SOFTWARE);
    }
    size_t count = SIZE_MAX / 16 + 2; /* the product wraps to 16 */
    int status = exit_status_of(overflow_an_array, &count);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EX_SOFTWARE);
}

static void memory_outside_arenas_is_zeroed_and_kept_when_resized(void **state)
{
    (void)state;
    unsigned char *bytes = base_alloc(64);
    assert_true(all_bytes_equal(bytes, 64, 0));
    bytes[63] = 7;
    bytes = base_realloc(bytes, 4096);
    assert_int_equal(bytes[63], 7);
    free(bytes);
    char *text = base_strdup("text");
    assert_string_equal(text, "text");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(arena_memory_is_zeroed_and_aligned),
        ARENA_TEST(allocations_do_not_overlap),
        ARENA_TEST(large_allocations_get_their_own_chunk),
        ARENA_TEST(arena_reset_keeps_one_chunk),
        ARENA_TEST(arena_copies_are_nul_terminated),
        ARENA_TEST(arena_format_returns_text_of_any_length),
        ARENA_TEST(arena_array_is_zeroed_and_holds_all_elements),
        ARENA_TEST(cleanups_run_once_in_reverse_order),
        cmocka_unit_test(arena_free_runs_cleanups_and_clears_pointer),
        ARENA_TEST(cleanups_may_defer_further_cleanups),
        cmocka_unit_test(failed_allocation_ends_the_process),
        cmocka_unit_test(memory_outside_arenas_is_zeroed_and_kept_when_resized),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
