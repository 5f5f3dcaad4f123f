/* See principal.h. */
#include "auth/principal.h"

#include "base/arena.h"

#include <string.h>

static const char directory_prefix[] = "directory:";

const char *const permission_names[PERMIT_COUNT] = {
    [PERMIT_DIRECTORY_READ] = "directory:read",
    [PERMIT_DIRECTORY_WRITE] = "directory:write",
};

const char *const principal_kind_names[PRINCIPAL_KIND_COUNT] = {
    [PRINCIPAL_LOCAL] = "local",
    [PRINCIPAL_DIRECTORY] = "directory",
};

#define BIT(permission) (1U << (permission))

/* What each kind may do. */
static const unsigned permissions[PRINCIPAL_KIND_COUNT] = {
    [PRINCIPAL_LOCAL] =
        BIT(PERMIT_PRINCIPAL) | BIT(PERMIT_DIRECTORY_READ) | BIT(PERMIT_DIRECTORY_WRITE),
    [PRINCIPAL_DIRECTORY] = BIT(PERMIT_PRINCIPAL) | BIT(PERMIT_DIRECTORY_READ),
};

/* And what the directory's administrators may do besides. */
static const unsigned of_administrators = BIT(PERMIT_DIRECTORY_WRITE);

struct principal *principal_of_directory(struct arena *arena, const char *guid)
{
    struct principal *principal = arena_alloc(arena, sizeof *principal);
    principal->kind = PRINCIPAL_DIRECTORY;
    principal->id = arena_format(arena, "%s%s", directory_prefix, guid);
    return principal;
}

const char *principal_guid(const char *id)
{
    size_t length = strlen(directory_prefix);
    return strncmp(id, directory_prefix, length) ? NULL : id + length;
}

bool principal_permits(const struct principal *principal, enum permission permission)
{
    if (permission == PERMIT_ALL || !principal) {
        return permission == PERMIT_ALL;
    }
    unsigned all = permissions[principal->kind];
    if (principal->administrator) {
        all |= of_administrators;
    }
    return all & BIT(permission);
}

bool permission_of_directory(enum permission permission)
{
    return permission == PERMIT_DIRECTORY_READ || permission == PERMIT_DIRECTORY_WRITE;
}
