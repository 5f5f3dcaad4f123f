/* See scope.h. */
#include "base/scope.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/right.h"

#include <string.h>

_Static_assert(SCOPE_COUNT <= 64, "a set of scopes has 64 bits");
_Static_assert((int)SCOPE_COUNT - (int)SCOPE_DIRECTORY_READ == (int)RIGHT_COUNT,
               "each right is a scope");

#define NAME(scope) [(scope)-SCOPE_FIRST]
#define NAMES                                                                                      \
    NAME(SCOPE_PROFILE_READ) = "profile:read", NAME(SCOPE_CONTACTS_READ) = "contacts:read",        \
    NAME(SCOPE_CONTACTS_WRITE) = "contacts:write", NAME(SCOPE_DEALS_READ) = "deals:read",          \
    NAME(SCOPE_DEALS_WRITE) = "deals:write", NAME(SCOPE_TASKS_READ) = "tasks:read",                \
    NAME(SCOPE_TASKS_WRITE) = "tasks:write", NAME(SCOPE_ACTIVITIES_READ) = "activities:read",      \
    NAME(SCOPE_ACTIVITIES_WRITE) = "activities:write",                                             \
    NAME(SCOPE_ANALYTICS_READ) = "analytics:read", NAME(SCOPE_FILES_READ) = "files:read",          \
    NAME(SCOPE_FILES_WRITE) = "files:write",                                                       \
    NAME(SCOPE_ORGANIZATIONS_READ) = "organizations:read",                                         \
    NAME(SCOPE_ORGANIZATIONS_WRITE) = "organizations:write",                                       \
    NAME(SCOPE_MEMBERS_READ) = "members:read", NAME(SCOPE_MEMBERS_WRITE) = "members:write",        \
    NAME(SCOPE_ACCOUNTS_READ) = "accounts:read", NAME(SCOPE_ACCOUNTS_WRITE) = "accounts:write",    \
    NAME(SCOPE_TOKENS_READ) = "tokens:read", NAME(SCOPE_TOKENS_WRITE) = "tokens:write",            \
    NAME(SCOPE_DIRECTORY_READ) = "directory:read",                                                 \
    NAME(SCOPE_DIRECTORY_UNLOCK) = "directory:unlock",                                             \
    NAME(SCOPE_DIRECTORY_RESET_PASSWORD) = "directory:reset_password",                             \
    NAME(SCOPE_DIRECTORY_ENABLE) = "directory:enable",                                             \
    NAME(SCOPE_DIRECTORY_UPDATE) = "directory:update",                                             \
    NAME(SCOPE_DIRECTORY_CREATE) = "directory:create",                                             \
    NAME(SCOPE_DIRECTORY_DELETE) = "directory:delete",                                             \
    NAME(SCOPE_DIRECTORY_MOVE) = "directory:move",                                                 \
    NAME(SCOPE_DIRECTORY_MEMBERS) = "directory:members"

const char *const scope_names[] = {NAMES, NULL};
const char *const scope_names_and_presets[] = {NAMES,      "read-only", "crm",
                                               "helpdesk", "manager",   NULL};

const struct text scope_descriptions[SCOPE_COUNT] = {
    [SCOPE_PROFILE_READ] = {"Узнавать владельца ключа", "Read who made the key"},
    [SCOPE_CONTACTS_READ] = {"Читать контакты", "Read contacts"},
    [SCOPE_CONTACTS_WRITE] = {"Создавать, изменять, удалять и восстанавливать контакты",
                              "Create, change, delete and restore contacts"},
    [SCOPE_DEALS_READ] = {"Читать сделки", "Read deals"},
    [SCOPE_DEALS_WRITE] = {"Создавать, изменять, удалять и восстанавливать сделки",
                           "Create, change, delete and restore deals"},
    [SCOPE_TASKS_READ] = {"Читать задачи", "Read tasks"},
    [SCOPE_TASKS_WRITE] = {"Создавать, изменять, удалять и восстанавливать задачи",
                           "Create, change, delete and restore tasks"},
    [SCOPE_ACTIVITIES_READ] = {"Читать активности", "Read activities"},
    [SCOPE_ACTIVITIES_WRITE] = {"Создавать, удалять и восстанавливать активности",
                                "Create, delete and restore activities"},
    [SCOPE_ANALYTICS_READ] = {"Читать аналитику", "Read analytics"},
    [SCOPE_FILES_READ] = {"Читать и скачивать файлы", "Read and download files"},
    [SCOPE_FILES_WRITE] = {"Загружать, изменять и удалять файлы",
                           "Upload, change and delete files"},
    [SCOPE_ORGANIZATIONS_READ] = {"Читать организацию", "Read the organization"},
    [SCOPE_ORGANIZATIONS_WRITE] = {"Изменять организацию", "Change the organization"},
    [SCOPE_MEMBERS_READ] = {"Читать участников и приглашения", "Read members and invitations"},
    [SCOPE_MEMBERS_WRITE] = {"Приглашать, изменять и исключать участников",
                             "Invite, change and remove members"},
    [SCOPE_ACCOUNTS_READ] = {"Читать учётные записи и ссылки", "Read accounts and links"},
    [SCOPE_ACCOUNTS_WRITE] = {"Создавать учётные записи и ссылки, подтверждать адреса",
                              "Create accounts and links, verify addresses"},
    [SCOPE_TOKENS_READ] = {"Читать список и состояние токенов", "List tokens and read their state"},
    [SCOPE_TOKENS_WRITE] = {"Выдавать, отзывать и удалять токены",
                            "Issue, revoke and delete tokens"},
    [SCOPE_DIRECTORY_READ] = {"Читать каталог", "Read the directory"},
    [SCOPE_DIRECTORY_UNLOCK] = {"Разблокировать учётные записи каталога",
                                "Unlock accounts of the directory"},
    [SCOPE_DIRECTORY_RESET_PASSWORD] = {"Задавать пароли учётных записей каталога",
                                        "Set passwords of accounts of the directory"},
    [SCOPE_DIRECTORY_ENABLE] = {"Включать и отключать учётные записи каталога",
                                "Enable and disable accounts of the directory"},
    [SCOPE_DIRECTORY_UPDATE] = {"Изменять объекты каталога", "Change entries of the directory"},
    [SCOPE_DIRECTORY_CREATE] = {"Создавать объекты каталога", "Create entries of the directory"},
    [SCOPE_DIRECTORY_DELETE] = {"Удалять объекты каталога", "Delete entries of the directory"},
    [SCOPE_DIRECTORY_MOVE] = {"Перемещать объекты каталога", "Move entries of the directory"},
    [SCOPE_DIRECTORY_MEMBERS] = {"Изменять состав групп каталога",
                                 "Change the members of groups of the directory"},
};

#define READ_ONLY                                                                                  \
    (SCOPE_BIT(SCOPE_PROFILE_READ) | SCOPE_BIT(SCOPE_CONTACTS_READ) |                              \
     SCOPE_BIT(SCOPE_DEALS_READ) | SCOPE_BIT(SCOPE_TASKS_READ) |                                   \
     SCOPE_BIT(SCOPE_ACTIVITIES_READ) | SCOPE_BIT(SCOPE_ANALYTICS_READ) |                          \
     SCOPE_BIT(SCOPE_FILES_READ) | SCOPE_BIT(SCOPE_ORGANIZATIONS_READ) |                           \
     SCOPE_BIT(SCOPE_MEMBERS_READ) | SCOPE_BIT(SCOPE_ACCOUNTS_READ) |                              \
     SCOPE_BIT(SCOPE_TOKENS_READ) | SCOPE_BIT(SCOPE_DIRECTORY_READ))
#define CRM                                                                                        \
    (SCOPE_BIT(SCOPE_CONTACTS_READ) | SCOPE_BIT(SCOPE_CONTACTS_WRITE) |                            \
     SCOPE_BIT(SCOPE_DEALS_READ) | SCOPE_BIT(SCOPE_DEALS_WRITE) | SCOPE_BIT(SCOPE_TASKS_READ) |    \
     SCOPE_BIT(SCOPE_TASKS_WRITE) | SCOPE_BIT(SCOPE_ACTIVITIES_READ) |                             \
     SCOPE_BIT(SCOPE_ACTIVITIES_WRITE) | SCOPE_BIT(SCOPE_ANALYTICS_READ))
#define HELPDESK                                                                                   \
    (SCOPE_BIT(SCOPE_DIRECTORY_READ) | SCOPE_BIT(SCOPE_DIRECTORY_UNLOCK) |                         \
     SCOPE_BIT(SCOPE_DIRECTORY_RESET_PASSWORD) | SCOPE_BIT(SCOPE_DIRECTORY_ENABLE))
#define MANAGER (HELPDESK | SCOPE_BIT(SCOPE_DIRECTORY_UPDATE) | SCOPE_BIT(SCOPE_DIRECTORY_MEMBERS))

/* The presets, in the order of scope_names_and_presets. */
static const uint64_t presets[SCOPE_PRESETS_MAX] = {READ_ONLY, CRM, HELPDESK, MANAGER};

const char *scope_name(enum scope scope)
{
    return scope_names[scope - SCOPE_FIRST];
}

uint64_t scope_set_of(const char *name)
{
    for (size_t i = 0; scope_names_and_presets[i]; i++) {
        if (!strcmp(scope_names_and_presets[i], name)) {
            size_t scope = i + SCOPE_FIRST;
            return scope < SCOPE_COUNT ? SCOPE_BIT(scope) : presets[scope - SCOPE_COUNT];
        }
    }
    return 0;
}

const char *scope_lines(struct arena *arena, uint64_t scopes)
{
    struct buffer lines = {.arena = arena};
    for (size_t i = SCOPE_FIRST; i < SCOPE_COUNT; i++) {
        if (scopes & SCOPE_BIT(i)) {
            buffer_format(&lines, "%s%s", lines.length ? "\n" : "", scope_name((enum scope)i));
        }
    }
    return lines.length ? lines.bytes : "";
}

/* Runs for each request with a key. scope_lines() writes the names in the order of the table, so
 * each search starts after the name found last, and compares each name once. */
uint64_t scope_read_lines(const char *lines)
{
    enum { SCOPES = (int)SCOPE_COUNT - (int)SCOPE_FIRST };
    uint64_t scopes = 0;
    size_t at = 0;
    for (size_t length; *lines; lines += length + (lines[length] == '\n')) {
        length = strcspn(lines, "\n");
        for (size_t tries = 0; tries < SCOPES; tries++) {
            const char *name = scope_names[at];
            bool found = !strncmp(name, lines, length) && !name[length];
            scopes |= found ? SCOPE_BIT(at + SCOPE_FIRST) : 0;
            at = (at + 1) % SCOPES;
            if (found) {
                break;
            }
        }
    }
    return scopes;
}

void scope_set_names(struct arena *arena, uint64_t scopes, struct value *value)
{
    const char **names = arena_array(arena, SCOPE_COUNT, sizeof *names);
    size_t count = 0;
    for (size_t i = SCOPE_FIRST; i < SCOPE_COUNT; i++) {
        if (scopes & SCOPE_BIT(i)) {
            names[count++] = scope_name((enum scope)i);
        }
    }
    field_set_strings(value, names, count);
}

unsigned scope_rights(uint64_t scopes)
{
    return (unsigned)(scopes >> SCOPE_DIRECTORY_READ) & RIGHT_ALL;
}

uint64_t scope_of_rights(unsigned rights)
{
    return (uint64_t)(rights & RIGHT_ALL) << SCOPE_DIRECTORY_READ;
}
