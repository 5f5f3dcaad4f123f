/* See guard.h. */
#include "service/guard.h"

#include "auth/auth.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/space.h"
#include "directory/directory.h"
#include "http/request.h"
#include "rest/app.h"
#include "rest/authorization.h"
#include "rest/limits.h"
#include "rest/user_fields.h"

#include <string.h>

/* Selects the organization of a request: from the path, else from X-Organization-ID.
 * *organization_r is 0 if neither names one; the organization of the token then applies. */
static struct error *select_organization(struct request *request, int64_t *organization_r)
{
    const char *in_path = request_optional_path_value(request, "organization_id");
    const char *in_header = request->headers.organization;
    *organization_r = 0;
    if (!in_path && !*in_header) {
        return NULL;
    }
    *organization_r = request_parse_id(in_path ? in_path : in_header);
    return *organization_r ? NULL : error_new(request->arena, ERR_NOT_FOUND, NULL);
}

static struct error *authenticate_caller(struct request *request)
{
    const struct app *app = request->app;
    const struct principal *principal = NULL;
    int64_t organization_id;
    struct error *error = select_organization(request, &organization_id);
    if (!error) {
        error =
            auth_authenticate_bearer(app->config, app->store, request->arena,
                                     request->headers.authorization, organization_id, &principal);
    }
    request->principal = principal;
    if (error && error->id == ERR_INVALID_TOKEN) {
        request->reason = error->cause;
    }
    if (!error && principal) {
        request->actor = principal->username;
        request->actor_id = principal->id;
    }
    return error;
}

/* Checks again that a directory user is valid, and updates name and rights, for calls that need the
 * directory anyway: a token is valid for hours, and the directory decides about the rights of its
 * users. The result is cached for LDAP_LOGIN_CACHE_S. */
static struct error *recheck_directory_user(struct request *request, enum permission permission)
{
    const char *guid = request->principal ? principal_guid(app_principal(request)->id) : NULL;
    struct directory_identity identity;
    if (!guid || !permission_is_of_directory(permission)) {
        return NULL;
    }
    struct error *error =
        directory_identify(app_of(request)->directory, request->arena, guid, false, &identity);
    if (error) {
        request->reason = error->id == ERR_INVALID_TOKEN ? error->cause : NULL;
        return error;
    }
    const char *outdated =
        auth_outdated_reason(request->principal, identity.password_set, identity.administrator);
    if (outdated) {
        request->reason = outdated;
        return error_new(request->arena, ERR_INVALID_TOKEN, "%s", outdated);
    }
    struct principal *principal = arena_alloc(request->arena, sizeof *principal);
    *principal = *app_principal(request);
    principal->username = identity.username;
    principal->administrator = identity.administrator;
    request->principal = principal;
    request->actor = principal->username;
    return NULL;
}

/* Prepares a call that uses the directory. */
static struct error *confirm_directory_call(struct request *request, enum permission permission)
{
    struct error *error = recheck_directory_user(request, permission);
    return !error && request->principal && permission_is_of_directory(permission)
               ? user_fields_verify(request)
               : error;
}

/* True if the setting ANONYMOUS_ACCESS opens this call to anonymous callers. It opens calls only on
 * the nginx server for files and accounts (nginx/surface-files.conf); nginx sends the name of the
 * server that received the request. */
static bool is_surface_open(const struct request *request, enum permission permission)
{
    const struct config *config = app_of(request)->config;
    if (strcmp(request->headers.surface, "files") != 0) {
        return false;
    }
    return (permission == PERMIT_ACCOUNTS && config_allows_anonymous(config, SURFACE_ACCOUNTS)) ||
           (permission_is_of_files(permission) && config_allows_anonymous(config, SURFACE_FILES));
}

static bool permits_call(const struct request *request, enum permission permission)
{
    const struct principal *principal = request->principal;
    if (permission == PERMIT_MANAGE_OR_SELF) {
        return authorization_permits(principal, PERMIT_MANAGE) ||
               (authorization_permits(principal, PERMIT_READ) &&
                request_path_id(request, "account_id") == principal->account_id);
    }
    return authorization_permits(principal, permission) ||
           (!principal && is_surface_open(request, permission));
}

/* Decides for routes with access_by_setting, which are those of tokens (TOKENS_ACCESS). */
static bool are_tokens_open(const struct request *request)
{
    return config_allows_anonymous_tokens(app_of(request)->config);
}

/* Reserves the last free space for administrators. Measures free space again before each upload,
 * because many uploads can arrive during the validity of one measurement. */
static bool has_space_to_write(const struct request *request)
{
    const struct principal *principal = request->principal;
    bool low = request->route->form ? space_is_low_now() : space_is_low();
    return !low || (principal && (principal->kind == PRINCIPAL_LOCAL || principal->administrator));
}

const struct router_guard guard = {
    .authenticate = authenticate_caller,
    .confirm = confirm_directory_call,
    .permits = permits_call,
    .check_queue = limits_check_queue,
    .begin = limits_begin,
    .end = limits_end,
    .name_owners = limits_name_owners,
    .is_open = are_tokens_open,
    .may_write = has_space_to_write,
};
