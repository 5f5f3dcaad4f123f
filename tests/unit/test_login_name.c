/* Login name: the forms that Active Directory accepts, and texts that only look like them. */
#include "unit.h"

#include "directory/domain.h"
#include "directory/login_name.h"

struct sample {
    const char *text, *principal, *account;
};

static const struct domain kontora = {.netbios = "KONTORA", .dns = "kontora.test"};

static void check_samples(struct arena *arena, const struct domain *domain,
                          const struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct login_name name = login_name_parse(arena, domain, samples[i].text);
        const char *const pairs[][2] = {{name.principal, samples[i].principal},
                                        {name.account, samples[i].account}};
        for (size_t k = 0; k < COUNT_OF(pairs); k++) {
            if (strcmp(pairs[k][0] ? pairs[k][0] : "(none)",
                       pairs[k][1] ? pairs[k][1] : "(none)") != 0) {
                FAIL("\"%s\" is parsed as \"%s\"", samples[i].text,
                     pairs[k][0] ? pairs[k][0] : "(none)");
            }
        }
    }
}

static void every_form_names_the_account(void **state)
{
    static const struct sample samples[] = {
        {"petrova", NULL, "petrova"},
        {"Петрова Анна", NULL, "Петрова Анна"},
        {"petrova@kontora.test", "petrova@kontora.test", "petrova"},
        {"petrova@KONTORA.Test", "petrova@KONTORA.Test", "petrova"},
        {"petrova@kontora", "petrova@kontora", "petrova"},
        {"a@b@kontora.test", "a@b@kontora.test", "a@b"},
        {"KONTORA\\petrova", NULL, "petrova"},
        {"kontora\\petrova", NULL, "petrova"},
        {"kontora.test\\petrova", NULL, "petrova"},
        {"KONTORA\\a@b", NULL, "a@b"},
        {"petrova@mail.example", "petrova@mail.example", NULL},
    };
    check_samples(*state, &kontora, samples, COUNT_OF(samples));
}

static void domain_is_recognized_in_any_spelling(void **state)
{
    static const struct domain russian = {.netbios = "ЙОД", .dns = "почта.рф"};
    static const struct sample samples[] = {
        {"anna@почта.рф", "anna@почта.рф", "anna"},
        {"anna@xn--80a1acny.xn--p1ai", "anna@xn--80a1acny.xn--p1ai", "anna"},
        {"XN--80A1ACNY.РФ\\anna", NULL, "anna"},
        {"и\u0306од\\anna", NULL, "anna"},
        {"xn--80a1acny\\anna", NULL, NULL},
    };
    check_samples(*state, &russian, samples, COUNT_OF(samples));
}

static void blanks_around_the_parts_are_ignored(void **state)
{
    static const struct sample samples[] = {
        {" petrova\t", NULL, "petrova"},
        {"\u00a0\ufeffpetrova\u200b\u00ad", NULL, "petrova"},
        {" petrova @ kontora.test\r\n", "petrova @ kontora.test", "petrova"},
        {"\u3000KONTORA \\ petrova\u2069", NULL, "petrova"},
        {" petrova@mail.example ", "petrova@mail.example", NULL},
        {"анна\u00a0мария", NULL, "анна\u00a0мария"},
    };
    check_samples(*state, &kontora, samples, COUNT_OF(samples));
}

static void other_texts_name_no_account(void **state)
{
    static const struct sample samples[] = {
        {"", NULL, NULL},
        {" \u200b", NULL, NULL},
        {"OTHER\\petrova", NULL, NULL},
        {"\\petrova", NULL, NULL},
        {".\\petrova", NULL, NULL},
        {"KONTORA\\", NULL, NULL},
        {"KONTORA\\ ", NULL, NULL},
        {"\\", NULL, NULL},
        {"\\\\\\\\", NULL, NULL},
        {"\\\\KONTORA\\petrova", NULL, NULL},
        {"KON TORA\\petrova", NULL, NULL},
        {"KONTORA\\\\petrova", NULL, "\\petrova"},    /* no account has such a name */
        {"KONTORA/petrova", NULL, "KONTORA/petrova"}, /* nor one like this */
        {"@kontora.test", "@kontora.test", NULL},
        {"@", "@", NULL},
        {"petrova@", "petrova@", NULL},
        {"petrova@kontora.test.", "petrova@kontora.test.", NULL},
        {"petrova@x.kontora.test", "petrova@x.kontora.test", NULL},
        {"petrova@test", "petrova@test", NULL},
        {"petrova@kontora.test@other.test", "petrova@kontora.test@other.test", NULL},
    };
    check_samples(*state, &kontora, samples, COUNT_OF(samples));
}

static void domain_without_readable_names_matches_nothing(void **state)
{
    static const struct domain unknown = {0};
    static const struct sample samples[] = {
        {"petrova", NULL, "petrova"},   {"KONTORA\\petrova", NULL, NULL},
        {"\\petrova", NULL, NULL},      {"petrova@kontora.test", "petrova@kontora.test", NULL},
        {"petrova@", "petrova@", NULL},
    };
    check_samples(*state, &unknown, samples, COUNT_OF(samples));
}

static void domain_names_with_other_letters_ignore_case(void **state)
{
    static const struct domain domain = {.netbios = "КОНТОРА", .dns = "MÜLLER.test"};
    static const struct sample samples[] = {
        {"контора\\petrova", NULL, "petrova"},
        {"petrova@Контора", "petrova@Контора", "petrova"},
        {"petrova@müller.TEST", "petrova@müller.TEST", "petrova"},
        {"кантора\\petrova", NULL, NULL},
    };
    check_samples(*state, &domain, samples, COUNT_OF(samples));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(every_form_names_the_account),
        ARENA_TEST(domain_is_recognized_in_any_spelling),
        ARENA_TEST(blanks_around_the_parts_are_ignored),
        ARENA_TEST(other_texts_name_no_account),
        ARENA_TEST(domain_without_readable_names_matches_nothing),
        ARENA_TEST(domain_names_with_other_letters_ignore_case),
    };
    return cmocka_run_group_tests_name("login_name", tests, NULL, NULL);
}
