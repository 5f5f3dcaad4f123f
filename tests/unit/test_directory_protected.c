/* Protected objects: which SIDs are privileged, and which attributes protect an object. */
#include "unit.h"

#include "directory/attribute.h"
#include "directory/protected.h"
#include "directory/sid.h"

struct sid_case {
    const char *sid;
    bool privileged, administrator;
};

static void privileged_domain_and_builtin_sids_are_recognized(void **state)
{
    (void)state;
    static const struct sid_case cases[] = {
        /* This account is protected by its adminCount instead. */
        {"S-1-5-21-1-2-3-500", false, false},
        {"S-1-5-21-1-2-3-501", true, false},
        {"S-1-5-21-1-2-3-502", true, false},
        {"S-1-5-21-1-2-3-512", true, true},
        {"S-1-5-21-1-2-3-513", false, false},
        {"S-1-5-21-1-2-3-515", false, false},
        {"S-1-5-21-1-2-3-516", true, false},
        {"S-1-5-21-1-2-3-517", false, false},
        {"S-1-5-21-1-2-3-518", true, true},
        {"S-1-5-21-1-2-3-519", true, true},
        {"S-1-5-21-1-2-3-520", true, false},
        {"S-1-5-21-1-2-3-521", false, false},
        {"S-1-5-21-1-2-3-544", false, false},
        {"S-1-5-21-1-2-3-1512", false, false},
        {"S-1-5-21-1-2-3-5120", false, false},
        {"S-1-5-21-512-544-519-1103", false, false},
        {"S-1-5-21-4294967295-4294967295-4294967295-512", true, true},
        {"S-1-5-32-544", true, true},
        {"S-1-5-32-545", false, false},
        {"S-1-5-32-547", false, false},
        {"S-1-5-32-548", true, false},
        {"S-1-5-32-549", true, false},
        {"S-1-5-32-550", true, false},
        {"S-1-5-32-551", true, false},
        {"S-1-5-32-552", false, false},
        {"S-1-5-32-512", false, false},
        {"S-1-5-11", false, false},
        {"S-1-1-0", false, false},
        {"S-1-0", false, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (sid_is_privileged(cases[i].sid) != cases[i].privileged ||
            sid_is_administrator(cases[i].sid) != cases[i].administrator) {
            FAIL("%s", cases[i].sid);
        }
    }
}

/* Binary form of S-1-5-21-1-2-3-rid. */
#define DOMAIN_SID(rid)                                                                            \
    "\x01\x05\x00\x00\x00\x00\x00\x05\x15\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00" \
    "\x00" rid
#define RID_502 "\xf6\x01\x00\x00"
#define RID_512 "\x00\x02\x00\x00"
#define RID_513 "\x01\x02\x00\x00"
#define RID_1103 "\x4f\x04\x00\x00"
/* Binary forms of S-1-5-32-551 and S-1-5-32-545. */
#define BACKUP_OPERATORS "\x01\x02\x00\x00\x00\x00\x00\x05\x20\x00\x00\x00\x27\x02\x00\x00"
#define BUILTIN_USERS "\x01\x02\x00\x00\x00\x00\x00\x05\x20\x00\x00\x00\x21\x02\x00\x00"

#define VALUE(literal)                                                                             \
    {                                                                                              \
        .bv_val = (char *)(literal), .bv_len = sizeof(literal) - 1                                 \
    }
#define ATTRIBUTE(name_, ...)                                                                      \
    {                                                                                              \
        .name = (name_), .values = (struct berval[]){__VA_ARGS__},                                 \
        .count = COUNT_OF(((struct berval[]){__VA_ARGS__}))                                        \
    }
#define ORDINARY_SID ATTRIBUTE("objectSid", VALUE(DOMAIN_SID(RID_1103)))
#define ORDINARY_GROUPS ATTRIBUTE("tokenGroups", VALUE(DOMAIN_SID(RID_513)), VALUE(BUILTIN_USERS))

#define REASON(...)                                                                                \
    find_reason(*state, (struct attribute[]){__VA_ARGS__},                                         \
                COUNT_OF(((struct attribute[]){__VA_ARGS__})))

static const char *find_reason(struct arena *arena, struct attribute *attributes, size_t count)
{
    const struct raw_entry raw = {.dn = "CN=x,DC=y", .attributes = attributes, .count = count};
    return protected_reason(arena, &raw);
}

static void ordinary_objects_are_not_protected(void **state)
{
    assert_null(REASON(ORDINARY_SID, ORDINARY_GROUPS));
    assert_null(REASON(ORDINARY_SID, ORDINARY_GROUPS, ATTRIBUTE("adminCount", VALUE("0")),
                       ATTRIBUTE("isCriticalSystemObject", VALUE("FALSE"))));
    /* A group has no tokenGroups on Samba, and an organizational unit has no SID. */
    assert_null(REASON(ORDINARY_SID, ATTRIBUTE("groupType", VALUE("-2147483646"))));
    assert_null(REASON(ATTRIBUTE("ou", VALUE("Staff"))));
    /* A foreign principal has no tokenGroups either. */
    assert_null(REASON(ORDINARY_SID,
                       ATTRIBUTE("objectClass", VALUE("top"), VALUE("foreignSecurityPrincipal"))));
}

static void admin_marks_and_privileged_sids_protect_an_object(void **state)
{
    assert_string_equal(REASON(ORDINARY_SID, ORDINARY_GROUPS, ATTRIBUTE("adminCount", VALUE("1"))),
                        "adminCount=1");
    assert_string_equal(REASON(ATTRIBUTE("isCriticalSystemObject", VALUE("TRUE"))),
                        "isCriticalSystemObject=TRUE");
    assert_string_equal(REASON(ATTRIBUTE("objectSid", VALUE(DOMAIN_SID(RID_502))), ORDINARY_GROUPS),
                        "objectSid=S-1-5-21-1-2-3-502");
    assert_string_equal(REASON(ORDINARY_SID, ATTRIBUTE("tokenGroups", VALUE(DOMAIN_SID(RID_513)),
                                                       VALUE(DOMAIN_SID(RID_512)))),
                        "tokenGroups=S-1-5-21-1-2-3-512");
    assert_string_equal(
        REASON(ORDINARY_SID, ATTRIBUTE("groupType", VALUE("-2147483646")),
               ATTRIBUTE("tokenGroups", VALUE(BUILTIN_USERS), VALUE(BACKUP_OPERATORS))),
        "tokenGroups=S-1-5-32-551");
}

static void unreadable_security_attributes_protect_an_object(void **state)
{
    static const char unreadable[] = "tokenGroups: unreadable";
    struct attribute ranged = ORDINARY_GROUPS;
    ranged.next = 1500;
    assert_string_equal(REASON(ORDINARY_SID), unreadable);
    assert_string_equal(REASON(ORDINARY_SID, ATTRIBUTE("objectClass", VALUE("top"), VALUE("user"))),
                        unreadable);
    assert_string_equal(REASON(ORDINARY_SID, {.name = "tokenGroups", .count = 0}), unreadable);
    assert_string_equal(REASON(ORDINARY_SID, ranged), unreadable);
    assert_string_equal(REASON(ORDINARY_SID, ATTRIBUTE("tokenGroups", VALUE("no SID"))),
                        "tokenGroups=unreadable");
    assert_string_equal(REASON(ATTRIBUTE("objectSid", VALUE("no SID")), ORDINARY_GROUPS),
                        "objectSid=unreadable");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(privileged_domain_and_builtin_sids_are_recognized),
        ARENA_TEST(ordinary_objects_are_not_protected),
        ARENA_TEST(admin_marks_and_privileged_sids_protect_an_object),
        ARENA_TEST(unreadable_security_attributes_protect_an_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
