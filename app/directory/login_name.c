/* See login_name.h. */
#include "directory/login_name.h"

#include "base/arena.h"
#include "base/fold.h"
#include "base/utf8.h"
#include "directory/domain.h"

#include <stdbool.h>
#include <string.h>

static bool is_same_name(struct arena *arena, const char *a, const char *b)
{
    return a && !strcmp(fold_text(arena, a), fold_text(arena, b));
}

/* True if both are names of the same Internet domain, in Unicode or encoded as xn--. */
static bool is_same_domain(struct arena *arena, const char *a, const char *b)
{
    return a && !strcmp(fold_address(arena, arena_format(arena, "@%s", a)),
                        fold_address(arena, arena_format(arena, "@%s", b)));
}

/* True if the text is one of the names of the domain. */
static bool is_domain_name(struct arena *arena, const struct domain *domain, const char *text)
{
    return is_same_name(arena, domain->netbios, text) || is_same_domain(arena, domain->dns, text);
}

/* Returns the account name if `suffix` is a name of the domain; NULL otherwise. */
static const char *match_domain(struct arena *arena, const struct domain *domain,
                                const char *account, const char *suffix)
{
    return *account && is_domain_name(arena, domain, suffix) ? account : NULL;
}

struct login_name login_name_parse(struct arena *arena, const struct domain *domain,
                                   const char *text)
{
    const char *whole = utf8_trim(arena, text, strlen(text));
    const char *slash = strchr(whole, '\\'), *at = strrchr(whole, '@');
    const char *separator = slash ? slash : at;
    if (!separator) {
        return (struct login_name){.account = *whole ? whole : NULL};
    }
    const char *left = utf8_trim(arena, whole, (size_t)(separator - whole));
    const char *right = utf8_trim(arena, separator + 1, strlen(separator + 1));
    if (slash) {
        return (struct login_name){.account = match_domain(arena, domain, right, left)};
    }
    return (struct login_name){.principal = whole,
                               .account = match_domain(arena, domain, left, right)};
}
