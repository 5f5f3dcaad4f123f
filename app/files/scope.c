/* See scope.h. */
#include "files/scope.h"

#include "auth/principal.h"
#include "base/arena.h"
#include "rest/app.h"

#include <inttypes.h>
#include <string.h>

const char *file_scope_of(const struct request *request)
{
    const struct principal *principal = request->principal;
    if (principal && principal->organization_id) {
        return arena_format(request->arena, "organization:%" PRId64, principal->organization_id);
    }
    return principal ? principal->id : "";
}

bool file_scope_is_all(const struct request *request)
{
    return request->principal && request->principal->kind == PRINCIPAL_LOCAL;
}

static bool may_see(const struct request *request, const struct catalog_file *file)
{
    return file_scope_is_all(request) || !strcmp(file->scope, file_scope_of(request));
}

struct error *file_scope_find(const struct request *request, const char *name,
                              struct catalog_file *file_r)
{
    bool found;
    struct error *error = catalog_find(request->app->store, request->arena, name, &found, file_r);
    return error || (found && may_see(request, file_r))
               ? error
               : error_new(request->arena, ERR_FILE_NOT_FOUND, NULL);
}
