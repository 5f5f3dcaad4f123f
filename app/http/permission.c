/* See permission.h. */
#include "http/permission.h"

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
    [PERMIT_ALL] = {"Доступно всем.", "Open to all."},
    [PERMIT_PRINCIPAL] = {"Доступно всем, кто вошёл.", "Any authenticated caller."},
    [PERMIT_DIRECTORY_READ] =
        {"Разрешение `directory:read`: локальный администратор и пользователи каталога.",
         "Permission `directory:read`: the local administrator and the users of "
         "the directory."},
    [PERMIT_DIRECTORY_WRITE] =
        {"Разрешение `directory:write`: локальный администратор и администраторы каталога.",
         "Permission `directory:write`: the local administrator and the "
         "administrators of the directory."},
    [PERMIT_ACCOUNTS] = {"Разрешение `accounts`: локальный администратор.",
                         "Permission `accounts`: the local administrator."},
    [PERMIT_TOKENS] = {"Разрешение `tokens`: локальный администратор.",
                       "Permission `tokens`: the local administrator."},
    [PERMIT_ADDRESSES] = {"Локальный администратор.", "The local administrator."},
    [PERMIT_FILES_READ] =
        {"В организации: все её участники; без организации: каждый о своих файлах.",
         "In an organization, all of its members; without one, everybody about their own files."},
    [PERMIT_FILES_CREATE] =
        {"В организации: `OWNER`, `ADMIN`, `MANAGER`, `SALES`; без организации: каждый.",
         "In an organization, `OWNER`, `ADMIN`, `MANAGER`, `SALES`; without one, everybody."},
    [PERMIT_FILES_UPDATE] =
        {"В организации: `OWNER`, `ADMIN`, `MANAGER`, `SALES`; без организации: каждый о своих "
         "файлах.",
         "In an organization, `OWNER`, `ADMIN`, `MANAGER`, `SALES`; without one, everybody about "
         "their own files."},
    [PERMIT_FILES_DELETE] =
        {"В организации: `OWNER`, `ADMIN`, `MANAGER`; без организации: каждый о своих файлах.",
         "In an organization, `OWNER`, `ADMIN`, `MANAGER`; without one, everybody about their own "
         "files."},
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
        {"Разрешение `organization:manage`: `OWNER`, `ADMIN`; о себе самом: все участники.",
         "Permission `organization:manage`: `OWNER`, `ADMIN`; about oneself, all "
         "members."},
};

bool permission_is_of_directory(enum permission permission)
{
    return permission == PERMIT_DIRECTORY_READ || permission == PERMIT_DIRECTORY_WRITE;
}

bool permission_is_of_files(enum permission permission)
{
    return permission >= PERMIT_FILES_READ && permission <= PERMIT_FILES_DELETE;
}

bool permission_is_of_organization(enum permission permission)
{
    return permission >= PERMIT_READ && permission <= PERMIT_MANAGE_OR_SELF;
}
