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
    return request->principal && app_principal(request)->kind == PRINCIPAL_LOCAL;
}

struct error *file_scope_find(const struct request *request, const char *name,
                              struct catalog_file *file_r)
{
    bool found;
    struct error *error =
        catalog_find(app_of(request)->store, request->arena, name, &found, file_r);
    bool allowed = !error && found &&
                   (file_scope_is_all(request) || !strcmp(file_r->scope, file_scope_of(request)));
    return error || allowed ? error : error_new(request->arena, ERR_FILE_NOT_FOUND, NULL);
}
