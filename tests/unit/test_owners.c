/* Owners: parsing of a worker's answer that names the owners of an upload, as the spool reads
 * it. */
#include "proc/owners.h"
#include "unit.h"

#define RECORD "\1\6\0\1\0\0\0\0"
#define HEAD RECORD "Status: 100 Continue\r\nCache-Control: no-store\r\n"
#define END "\r\n\1\3\0\1\0\10\0\0\0\0\0\0\0\0\0\0"

static void owners_are_parsed_with_their_limits(void **state)
{
    static const char reply[] = HEAD "X-Kontora-Owner: 0123456789abcdef 4\r\n"
                                     "X-Kontora-Owner: ffffffffffffffff 500\r\n" END;
    struct owners owners;
    (void)state;
    assert_true(owners_read(BYTES(reply), &owners));
    assert_int_equal(owners.count, 2);
    assert_true(owners.list[0].key == 0x0123456789abcdef && owners.list[0].limit == 4);
    assert_true(owners.list[1].key == UINT64_MAX && owners.list[1].limit == 500);
    assert_true(owners_include(&owners, 0x0123456789abcdef));
    assert_true(owners_include(&owners, UINT64_MAX));
    assert_false(owners_include(&owners, 1));
}

static void upload_may_have_no_owner(void **state)
{
    static const char reply[] = HEAD "X-Request-ID: X-Kontora-Owner: 0123456789abcdef 4\r\n" END;
    struct owners owners;
    (void)state;
    assert_true(owners_read(BYTES(reply), &owners));
    assert_int_equal(owners.count, 0);
    assert_false(owners_include(&owners, 0));
}

static void fields_after_the_header_are_ignored(void **state)
{
    static const char reply[] = HEAD "\r\nX-Kontora-Owner: 0123456789abcdef 4\r\n\r\n";
    struct owners owners;
    (void)state;
    assert_true(owners_read(BYTES(reply), &owners));
    assert_int_equal(owners.count, 0);
}

static void malformed_owner_is_rejected(void **state)
{
    static const char three[] = "0123456789abcdef 4\r\nX-Kontora-Owner: 0123456789abcdef 4"
                                "\r\nX-Kontora-Owner: 0123456789abcdef 4";
    static const char *const values[] = {
        "",
        " ",
        "4",
        "0123456789abcdef",
        "0123456789abcdef ",
        "0123456789abcdef 0",
        "0123456789abcdef -1",
        "0123456789abcdef 4 ",
        "0123456789abcdef 4x",
        "0123456789abcdef  4",
        "0123456789abcdef 1234567890",
        "0123456789abcde 4",
        "0123456789abcdef0 4",
        "0123456789ABCDEF 4",
        "0123456789abcdeg 4",
        "0000000000000000 4",
        "0123456789abcdef 4\r\nX-Kontora-Owner: 1",
        three,
    };
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct buffer reply = {.arena = *state};
        struct owners owners;
        buffer_add(&reply, BYTES(HEAD));
        buffer_format(&reply, "X-Kontora-Owner: %s\r\n\r\n", values[i]);
        assert_false(owners_read(reply.bytes, reply.length, &owners));
    }
}

/* Copies the answer into memory of exactly its size, so that the sanitizer detects reads beyond
 * its end. */
static void truncated_list_of_owners_in_the_answer_is_rejected(void **state)
{
    static const char reply[] = HEAD "X-Kontora-Owner: 0123456789abcdef 4\r\n\r\n";
    (void)state;
    for (size_t length = 0; length < sizeof reply - 1; length++) {
        struct owners owners;
        char *copy = malloc(length + !length);
        assert_non_null(copy);
        memcpy(copy, reply, length);
        assert_false(owners_read(copy, length, &owners));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners_are_parsed_with_their_limits),
        cmocka_unit_test(upload_may_have_no_owner),
        cmocka_unit_test(fields_after_the_header_are_ignored),
        ARENA_TEST(malformed_owner_is_rejected),
        cmocka_unit_test(truncated_list_of_owners_in_the_answer_is_rejected),
    };
    return cmocka_run_group_tests_name("owners", tests, NULL, NULL);
}
