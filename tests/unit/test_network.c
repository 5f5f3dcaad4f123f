/* Network: lists of networks, and the network by which a client is identified. */
#include "unit.h"

#include "base/network.h"

static void invalid_network_lists_are_rejected(void **state)
{
    static const char *const valid[] = {
        "",          "10.0.0.0/8", "10.0.0.1",        "10.0.0.0/8,fd00::/8", " 10.0.0.0/8 , ::1 ",
        "0.0.0.0/0", "::/0",       "::ffff:10.0.0.1", "10.0.0.1/32",         "fd00::/128",
    };
    static const char *const invalid[] = {
        ",",
        "10.0.0.0/8,",
        ",10.0.0.0/8",
        "10.0.0.0/8,,::1",
        "10.0.0.0/33",
        "fd00::/129",
        "10.0.0/8",
        "10.0.0.0/",
        "10.0.0.0/-1",
        "10.0.0.0/+8",
        "10.0.0.0/8x",
        "localhost",
        " ",
        "10.0.0.0 /8",
        "10.0.0.0/99999999999999999999",
        "10.0.0.0/8;::1",
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(valid); i++) {
        assert_true(network_list_valid(valid[i]));
    }
    for (size_t i = 0; i < COUNT_OF(invalid); i++) {
        assert_false(network_list_valid(invalid[i]));
    }
}

static void addresses_are_matched_against_network_lists(void **state)
{
    static const struct {
        const char *list, *address;
        bool contained;
    } rows[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"10.128.0.0/9", "10.127.0.1", false},
        {"10.128.0.0/9", "10.128.0.1", true},
        {"192.168.7.0/24, 10.0.0.1", "10.0.0.1", true},
        {"192.168.7.0/24, 10.0.0.1", "10.0.0.2", false},
        {"0.0.0.0/0", "1.2.3.4", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"fd00::/8", "fdff::1", true},
        {"fd00::/8", "fe80::1", false},
        {"10.0.0.0/8", "::ffff:10.0.0.1", true},
        {"::ffff:10.0.0.0/104", "10.0.0.1", true},
        {"", "10.0.0.1", false},
        {"10.0.0.0/8", "", false},
        {"0.0.0.0/0,::/0", "unix:", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(network_list_contains(rows[i].list, rows[i].address), rows[i].contained);
    }
}

static void ipv6_client_is_identified_by_its_64_bit_prefix(void **state)
{
    static const char *const rows[][2] = {
        {"10.0.0.1", "10.0.0.1"},
        {"::ffff:10.0.0.1", "10.0.0.1"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
        {"2001:db8:1:2::", "2001:db8:1:2::/64"},
        {"", ""},
        {"unix:", "unix:"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_string_equal(network_client_key(*state, rows[i][0]), rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invalid_network_lists_are_rejected),
        cmocka_unit_test(addresses_are_matched_against_network_lists),
        ARENA_TEST(ipv6_client_is_identified_by_its_64_bit_prefix),
    };
    return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
