/* See principal.h. */
#include "auth/principal.h"

#include "base/arena.h"
#include "base/number.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char directory_prefix[] = "directory:", account_prefix[] = "account:";

const char *const permission_names[PERMIT_COUNT] = {
    [PERMIT_DIRECTORY_READ] = "directory:read",
    [PERMIT_DIRECTORY_WRITE] = "directory:write",
    [PERMIT_ACCOUNTS] = "accounts",
    [PERMIT_TOKENS] = "tokens",
    [PERMIT_READ] = "organization:read",
    [PERMIT_CREATE] = "organization:create",
    [PERMIT_UPDATE] = "organization:update",
    [PERMIT_DELETE] = "organization:delete",
    [PERMIT_MANAGE] = "organization:manage",
};

const struct text permission_about[PERMIT_COUNT] = {
    [PERMIT_ALL] = {"Вход не требуется.", "No authentication required."},
    [PERMIT_PRINCIPAL] = {"Доступно любому вошедшему пользователю.", "Any authenticated user."},
    [PERMIT_DIRECTORY_READ] =
        {"Разрешение `directory:read`: локальный администратор и пользователи каталога.",
         "Permission `directory:read`: the local administrator and directory users."},
    [PERMIT_DIRECTORY_WRITE] =
        {"Разрешение `directory:write`: локальный администратор и администраторы каталога.",
         "Permission `directory:write`: the local administrator and directory administrators."},
    [PERMIT_ACCOUNTS] = {"Разрешение `accounts`: локальный администратор.",
                         "Permission `accounts`: the local administrator."},
    [PERMIT_TOKENS] = {"Разрешение `tokens`: локальный администратор.",
                       "Permission `tokens`: the local administrator."},
    [PERMIT_ADDRESSES] = {"Локальный администратор.", "The local administrator."},
    [PERMIT_FILES_READ] =
        {"Файлы организации: все её участники. Личные файлы: их владелец.",
         "Files of an organization: all of its members. Personal files: their owner."},
    [PERMIT_FILES_CREATE] =
        {"Файлы организации: `OWNER`, `ADMIN`, `MANAGER`, `SALES`. Личные файлы: любой "
         "пользователь.",
         "Files of an organization: `OWNER`, `ADMIN`, `MANAGER`, `SALES`. Personal files: any "
         "user."},
    [PERMIT_FILES_UPDATE] =
        {"Файлы организации: `OWNER`, `ADMIN`, `MANAGER`, `SALES`. Личные файлы: их владелец.",
         "Files of an organization: `OWNER`, `ADMIN`, `MANAGER`, `SALES`. Personal files: their "
         "owner."},
    [PERMIT_FILES_DELETE] =
        {"Файлы организации: `OWNER`, `ADMIN`, `MANAGER`. Личные файлы: их владелец.",
         "Files of an organization: `OWNER`, `ADMIN`, `MANAGER`. Personal files: their owner."},
    [PERMIT_READ] = {"Разрешение `organization:read`: все участники организации.",
                     "Permission `organization:read`: all members of the organization."},
    [PERMIT_CREATE] = {"Разрешение `organization:create`: `OWNER`, `ADMIN`, `MANAGER`, `SALES`.",
                       "Permission `organization:create`: `OWNER`, `ADMIN`, `MANAGER`, `SALES`."},
    [PERMIT_UPDATE] = {"Разрешение `organization:update`: `OWNER`, `ADMIN`, `MANAGER`, `SALES`.",
                       "Permission `organization:update`: `OWNER`, `ADMIN`, `MANAGER`, `SALES`."},
    [PERMIT_DELETE] = {"Разрешение `organization:delete`: `OWNER`, `ADMIN`, `MANAGER`.",
                       "Permission `organization:delete`: `OWNER`, `ADMIN`, `MANAGER`."},
    [PERMIT_MANAGE] = {"Разрешение `organization:manage`: `OWNER`, `ADMIN`.",
                       "Permission `organization:manage`: `OWNER`, `ADMIN`."},
    [PERMIT_MANAGE_OR_SELF] =
        {"Разрешение `organization:manage`: `OWNER`, `ADMIN`. Для собственной учётной записи: "
         "любой участник.",
         "Permission `organization:manage`: `OWNER`, `ADMIN`. For their own account: any member."},
};

const char *const principal_kind_names[PRINCIPAL_KIND_COUNT] = {
    [PRINCIPAL_LOCAL] = "local",
    [PRINCIPAL_ACCOUNT] = "account",
    [PRINCIPAL_DIRECTORY] = "directory",
};

const char *const role_names[ROLE_COUNT + 1] = {
    [ROLE_OWNER] = "OWNER", [ROLE_ADMIN] = "ADMIN",   [ROLE_MANAGER] = "MANAGER",
    [ROLE_SALES] = "SALES", [ROLE_VIEWER] = "VIEWER",
};

/* --- permissions ----------------------------------------------------------------------------- */

#define BIT(permission) (1U << (permission))
#define READ BIT(PERMIT_READ)
#define CREATE BIT(PERMIT_CREATE)
#define UPDATE BIT(PERMIT_UPDATE)
#define DELETE BIT(PERMIT_DELETE)
#define MANAGE BIT(PERMIT_MANAGE)
#define DIRECTORY_READ BIT(PERMIT_DIRECTORY_READ)
#define DIRECTORY_WRITE BIT(PERMIT_DIRECTORY_WRITE)

/* Permissions of each kind of principal, as bit sets. */
static const unsigned kind_permissions[PRINCIPAL_KIND_COUNT] = {
    [PRINCIPAL_LOCAL] = BIT(PERMIT_PRINCIPAL) | DIRECTORY_READ | DIRECTORY_WRITE |
                        BIT(PERMIT_ACCOUNTS) | BIT(PERMIT_TOKENS) | BIT(PERMIT_ADDRESSES),
    [PRINCIPAL_ACCOUNT] = BIT(PERMIT_PRINCIPAL),
    [PRINCIPAL_DIRECTORY] = BIT(PERMIT_PRINCIPAL) | DIRECTORY_READ,
};

/* Additional permissions of directory administrators. */
static const unsigned administrator_permissions = DIRECTORY_WRITE;

/* Permissions of each role in its organization. */
static const unsigned role_permissions[ROLE_COUNT] = {
    [ROLE_OWNER] = READ | CREATE | UPDATE | DELETE | MANAGE,
    [ROLE_ADMIN] = READ | CREATE | UPDATE | DELETE | MANAGE,
    [ROLE_MANAGER] = READ | CREATE | UPDATE | DELETE,
    [ROLE_SALES] = READ | CREATE | UPDATE,
    [ROLE_VIEWER] = READ,
};

bool principal_permits(const struct principal *principal, enum permission permission)
{
    if (permission == PERMIT_ALL || !principal) {
        return permission == PERMIT_ALL;
    }
    if (permission_of_files(permission)) {
        /* PERMIT_FILES_READ … and PERMIT_READ … have the same order. */
        unsigned needed = (unsigned)permission - PERMIT_FILES_READ + PERMIT_READ;
        return !principal->organization_id || (role_permissions[principal->role] & BIT(needed));
    }
    unsigned all = kind_permissions[principal->kind] | role_permissions[principal->role];
    if (principal->administrator) {
        all |= administrator_permissions;
    }
    return all & BIT(permission);
}

bool permission_of_directory(enum permission permission)
{
    return permission == PERMIT_DIRECTORY_READ || permission == PERMIT_DIRECTORY_WRITE;
}

bool permission_of_files(enum permission permission)
{
    return permission >= PERMIT_FILES_READ && permission <= PERMIT_FILES_DELETE;
}

bool permission_of_organization(enum permission permission)
{
    return permission >= PERMIT_READ && permission <= PERMIT_MANAGE_OR_SELF;
}

/* --- names and ids --------------------------------------------------------------------------- */

enum role role_of_name(const char *name)
{
    for (size_t i = ROLE_OWNER; name && i < ROLE_COUNT; i++) {
        if (!strcmp(role_names[i], name)) {
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
