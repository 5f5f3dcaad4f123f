/*
 * Fuzzes login names. The parts are substrings of the text without blanks around them; a name with
 * blanks around it, and the account name after the domain, have the same meaning.
 */
#include "fuzz.h"

#include "directory/domain.h"
#include "directory/login_name.h"

static const struct domain domain = {.netbios = "KONTORA", .dns = "kontora.test"};

static void check_part(struct arena *arena, const char *text, const char *part)
{
    FUZZ_CHECK(strstr(text, part));
    FUZZ_CHECK(!strcmp(utf8_trim(arena, part, strlen(part)), part));
}

static void check_same_account(struct arena *arena, const char *text, const char *account)
{
    const struct login_name name = login_name_parse(arena, &domain, text);
    FUZZ_CHECK(!name.account == !account);
    FUZZ_CHECK(!account || !strcmp(name.account, account));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *text = fuzz_string(data, size);
    if (utf8_valid(text, strlen(text))) {
        const struct login_name name = login_name_parse(arena, &domain, text);
        if (name.principal) {
            check_part(arena, text, name.principal);
            FUZZ_CHECK(strchr(name.principal, '@') && !strchr(name.principal, '\\'));
        }
        check_same_account(arena, arena_format(arena, " \xC2\xA0%s\xE2\x80\x8B", text),
                           name.account);
        if (name.account) {
            FUZZ_CHECK(*name.account);
            check_part(arena, text, name.account);
            check_same_account(arena, arena_format(arena, "kontora\\%s", name.account),
                               name.account);
        }
    }
    free(text);
    arena_free(&arena);
    return 0;
}
