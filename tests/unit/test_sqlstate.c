/* SQLSTATE: which error a PostgreSQL code yields for a client, and whether the store retries. */
#include "unit.h"

#include "store/sqlstate.h"

static void sqlstates_map_to_errors_and_retries(void **state)
{
    (void)state;
    static const struct {
        const char *state;
        enum error_id error;
        enum db_failure db_failure;
    } cases[] = {
        {"23505", ERR_CONSTRAINT_UNIQUE, DB_FAILURE_NONE},
        {"23503", ERR_CONSTRAINT_REFERENCE, DB_FAILURE_NONE},
        {"23001", ERR_CONSTRAINT_REFERENCE, DB_FAILURE_NONE},
        {"23502", ERR_INTERNAL, DB_FAILURE_NONE},
        {"42P01", ERR_INTERNAL, DB_FAILURE_NONE},
        {"22P02", ERR_INTERNAL, DB_FAILURE_NONE},
        {"40001", ERR_DATABASE_UNAVAILABLE, DB_FAILURE_CONFLICT},
        {"40P01", ERR_DATABASE_UNAVAILABLE, DB_FAILURE_CONFLICT},
        {"57P01", ERR_DATABASE_UNAVAILABLE, DB_FAILURE_DISCONNECTED}, /* the server shuts down */
        {"08006", ERR_DATABASE_UNAVAILABLE, DB_FAILURE_DISCONNECTED},
        {"25P03", ERR_DATABASE_UNAVAILABLE, DB_FAILURE_DISCONNECTED},
        {"26000", ERR_INTERNAL,
         DB_FAILURE_DISCONNECTED}, /* a prepared statement was lost twice in a row */
        {"0A000", ERR_DATABASE_UNAVAILABLE, DB_FAILURE_DISCONNECTED},
        {"57014", ERR_DATABASE_UNAVAILABLE, DB_FAILURE_NONE}, /* statement timeout */
        {"53100", ERR_DATABASE_UNAVAILABLE, DB_FAILURE_NONE}, /* the server's disk is full */
        {"53200", ERR_DATABASE_UNAVAILABLE, DB_FAILURE_CONFLICT},
        {"53300", ERR_DATABASE_UNAVAILABLE, DB_FAILURE_NONE},
        {"58030", ERR_DATABASE_UNAVAILABLE, DB_FAILURE_NONE},
        {"55P03", ERR_DATABASE_UNAVAILABLE, DB_FAILURE_NONE},
        {"25006", ERR_DATABASE_UNAVAILABLE, DB_FAILURE_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        if (sqlstate_error(cases[i].state) != cases[i].error ||
            sqlstate_failure(cases[i].state) != cases[i].db_failure) {
            FAIL("%s", cases[i].state);
        }
    }
}

static void sqlstates_whose_messages_quote_values_are_recognized(void **state)
{
    (void)state;
    assert_true(sqlstate_shows_values("22P02"));
    assert_true(sqlstate_shows_values("22021"));
    assert_false(sqlstate_shows_values("42P01"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sqlstates_map_to_errors_and_retries),
        cmocka_unit_test(sqlstates_whose_messages_quote_values_are_recognized),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
