/* See principal.h. */
#include "auth/principal.h"

#include "base/arena.h"
#include "base/number.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char directory_prefix[] = "directory:", account_prefix[] = "account:";

const char *const principal_kind_names[PRINCIPAL_KIND_COUNT] = {
    [PRINCIPAL_LOCAL] = "local",
    [PRINCIPAL_ACCOUNT] = "account",
    [PRINCIPAL_DIRECTORY] = "directory",
};

const char *const principal_role_names[ROLE_COUNT + 1] = {
    [ROLE_OWNER] = "OWNER", [ROLE_ADMIN] = "ADMIN",   [ROLE_MANAGER] = "MANAGER",
    [ROLE_SALES] = "SALES", [ROLE_VIEWER] = "VIEWER",
};

/* --- names ----------------------------------------------------------------------------------- */

enum role principal_role_by_name(const char *name)
{
    for (size_t i = ROLE_OWNER; name && i < ROLE_COUNT; i++) {
        if (!strcmp(principal_role_names[i], name)) {
            return (enum role)i;
        }
    }
    return ROLE_NONE;
}

struct principal *principal_of_directory(struct arena *arena, const char *guid)
{
    struct principal *principal = arena_alloc(arena, sizeof *principal);
    principal->kind = PRINCIPAL_DIRECTORY;
    principal->id = arena_format(arena, "%s%s", directory_prefix, guid);
    return principal;
}

struct principal *principal_of_account(struct arena *arena, int64_t account_id)
{
    struct principal *principal = arena_alloc(arena, sizeof *principal);
    principal->kind = PRINCIPAL_ACCOUNT;
    principal->id = arena_format(arena, "%s%" PRId64, account_prefix, account_id);
    principal->account_id = account_id;
    return principal;
}

int64_t principal_only_organization(const struct principal *principal)
{
    int64_t none = -1;
    return !principal->key.id ? 0 : principal->organization_id ? principal->organization_id : none;
}

const char *principal_guid(const char *id)
{
    size_t length = strlen(directory_prefix);
    return strncmp(id, directory_prefix, length) ? NULL : id + length;
}

int64_t principal_account_id(const char *id)
{
    size_t length = strlen(account_prefix);
    char *end = NULL;
    errno = 0;
    int64_t account_id =
        strncmp(id, account_prefix, length) ? 0 : strtoll(id + length, &end, DECIMAL);
    return errno || !end || *end || account_id < 0 ? 0 : account_id;
}
