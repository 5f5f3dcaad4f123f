/* What PostgreSQL's error codes mean: whether a client is told that the database is not there, and
 * whether something is tried again. */
#include "unit.h"

#include "store/sqlstate.h"

static void codes_have_their_meaning(void **state)
{
    (void)state;
    static const struct {
        const char *state;
        enum error_id error;
        enum mishap mishap;
    } cases[] = {
        {"23505", ERR_CONSTRAINT_UNIQUE, MISHAP_NONE},
        {"23503", ERR_CONSTRAINT_REFERENCE, MISHAP_NONE},
        {"23001", ERR_CONSTRAINT_REFERENCE, MISHAP_NONE},
        {"23502", ERR_INTERNAL, MISHAP_NONE},
        {"42P01", ERR_INTERNAL, MISHAP_NONE},
        {"22P02", ERR_INTERNAL, MISHAP_NONE},
        {"40001", ERR_DATABASE_UNAVAILABLE, MISHAP_COLLISION},
        {"40P01", ERR_DATABASE_UNAVAILABLE, MISHAP_COLLISION},
        {"57P01", ERR_DATABASE_UNAVAILABLE, MISHAP_LOST}, /* the server shuts down */
        {"08006", ERR_DATABASE_UNAVAILABLE, MISHAP_LOST},
        {"25P03", ERR_DATABASE_UNAVAILABLE, MISHAP_LOST},
        {"26000", ERR_INTERNAL, MISHAP_LOST}, /* a prepared statement is gone, twice in a row */
        {"0A000", ERR_DATABASE_UNAVAILABLE, MISHAP_LOST},
        {"57014", ERR_DATABASE_UNAVAILABLE, MISHAP_NONE}, /* it took too long */
        {"53100", ERR_DATABASE_UNAVAILABLE, MISHAP_NONE}, /* its disk is full */
        {"53200", ERR_DATABASE_UNAVAILABLE, MISHAP_COLLISION},
        {"53300", ERR_DATABASE_UNAVAILABLE, MISHAP_NONE},
        {"58030", ERR_DATABASE_UNAVAILABLE, MISHAP_NONE},
        {"55P03", ERR_DATABASE_UNAVAILABLE, MISHAP_NONE},
        {"25006", ERR_DATABASE_UNAVAILABLE, MISHAP_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (sqlstate_error(cases[i].state) != cases[i].error ||
            sqlstate_mishap(cases[i].state) != cases[i].mishap) {
            FAIL("%s", cases[i].state);
        }
    }
}

static void messages_that_quote_values_are_known(void **state)
{
    (void)state;
    assert_true(sqlstate_shows_values("22P02"));
    assert_true(sqlstate_shows_values("22021"));
    assert_false(sqlstate_shows_values("42P01"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_have_their_meaning),
        cmocka_unit_test(messages_that_quote_values_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
