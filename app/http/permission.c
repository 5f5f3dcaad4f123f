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

const struct text permission_descriptions[PERMIT_COUNT] = {
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
