/* See guard.h. */
#include "service/guard.h"

#include "auth/api_key_use.h"
#include "auth/auth.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/right.h"
#include "base/scope.h"
#include "base/space.h"
#include "directory/directory.h"
#include "http/request.h"
#include "rest/app.h"
#include "rest/authorization.h"
#include "rest/delegations.h"
#include "rest/limits.h"
#include "rest/login.h"
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

/* Checks that the scopes of the key permit the call. ERR_FORBIDDEN with the missing scope, or the
 * first of several, as its detail. */
static struct error *check_key_scopes(const struct request *request)
{
    const struct principal_key *key = &app_principal(request)->key;
    uint64_t needed = route_scopes(request->route);
    enum scope missing = SCOPE_FIRST;
    if (!key->id || (key->scopes & needed)) {
        return NULL;
    }
    struct error *error = error_new(request->arena, ERR_FORBIDDEN, "the API key lacks the scope");
    while (needed && !(needed & SCOPE_BIT(missing))) {
        missing++;
    }
    return needed ? error_detail(error, NULL, FAULT_NONE, scope_name(missing)) : error;
}

/* Reads the directory user who made the key: a key must have the rights that its maker has now. The
 * result is cached for LDAP_LOGIN_CACHE_S. */
static struct error *identify_key_maker(struct request *request)
{
    const struct principal *of_key = request->principal;
    struct directory_identity identity;
    struct error *error = directory_identify(app_of(request)->directory, request->arena,
                                             principal_guid(of_key->id), false, &identity);
    if (error) {
        return error;
    }
    struct principal *maker = login_principal(request->arena, &identity);
    maker->key = of_key->key;
    request->principal = maker;
    request->actor = maker->username;
    return NULL;
}

/* Checks what an API key requires beyond an access token, and records its use. The scopes for a
 * call that requires a principal are checked later, when the request has been counted. */
static struct error *admit_key(struct request *request)
{
    const struct principal *principal = request->principal;
    const struct principal_key key = principal->key;
    const char *address = request->headers.address;
    struct error *error = NULL;
    request->key_id = key.id;
    if (principal->kind == PRINCIPAL_LOCAL &&
        !auth_local_is_allowed_from(app_of(request)->config, address)) {
        error = error_new(request->arena, ERR_INVALID_TOKEN,
                          "the address is not in LOCAL_AUTH_NETWORKS");
    }
    if (error) {
        return error;
    }
    error = principal->kind == PRINCIPAL_DIRECTORY ? identify_key_maker(request) : NULL;
    if (error) {
        return error;
    }
    api_key_use_record(&key, address, clock_wall_ms());
    return request->route->permission ? NULL : check_key_scopes(request);
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
    if (!error && principal) {
        request->actor = principal->username;
        request->actor_id = principal->id;
        error = principal->key.id ? admit_key(request) : NULL;
    }
    if (error && error->id == ERR_INVALID_TOKEN) {
        request->reason = error->cause;
    }
    return error;
}

/* Checks again that a directory user is valid, and updates name and rights, for calls that need the
 * directory anyway: a token is valid for hours, and the directory decides about the rights of its
 * users. The result is cached for LDAP_LOGIN_CACHE_S. */
static struct error *recheck_directory_user(struct request *request, const char *guid,
                                            struct directory_identity *identity_r)
{
    struct error *error =
        directory_identify(app_of(request)->directory, request->arena, guid, false, identity_r);
    if (error) {
        request->reason = error->id == ERR_INVALID_TOKEN ? error->cause : NULL;
        return error;
    }
    const char *outdated = auth_outdated_reason(request->principal, identity_r->password_set,
                                                identity_r->administrator);
    if (outdated) {
        request->reason = outdated;
        return error_new(request->arena, ERR_INVALID_TOKEN, "%s", outdated);
    }
    struct principal *principal = arena_alloc(request->arena, sizeof *principal);
    *principal = *app_principal(request);
    principal->username = identity_r->username;
    principal->administrator = identity_r->administrator;
    request->principal = principal;
    request->actor = principal->username;
    return NULL;
}

/* --- the caller of the directory -------------------------------------------------------------- */

static bool is_administrator(const struct principal *principal)
{
    return principal->kind == PRINCIPAL_LOCAL || principal->administrator;
}

/* True if the rules decide about the request: it may change the directory, or the caller sees only
 * what delegations give. */
static bool depends_on_rules(const struct request *request, enum permission permission)
{
    return permission == PERMIT_DIRECTORY_WRITE ||
           app_of(request)->config->directory_readers == READERS_DELEGATED;
}

/* True if the caller may use a call of the directory that requires this permission. The directory
 * then decides about each entry. */
static bool permits_directory_call(const struct request *request, enum permission permission)
{
    const struct directory_caller *caller = app_of(request)->caller;
    if (!caller) {
        return false;
    }
    if (caller->administrator && caller->limit == RIGHT_ALL) {
        return true;
    }
    if (permission == PERMIT_DIRECTORY_READ && (caller->administrator || caller->reads_all)) {
        return caller->limit & RIGHT_BIT(RIGHT_READ);
    }
    unsigned rights = caller->administrator
                          ? RIGHT_ALL
                          : delegations_rights(caller->rules, caller->rules_count, caller->sids);
    unsigned needed =
        permission == PERMIT_DIRECTORY_READ ? RIGHT_BIT(RIGHT_READ) : request->route->rights;
    return rights & caller->limit & needed;
}

/* Sets the rules of the caller. The scopes have no DN yet. */
static struct error *read_caller_rules(struct request *request, struct directory_caller *caller,
                                       struct directory_rule **rules_r)
{
    struct error *error = delegations_read(app_of(request)->delegations, request->arena, rules_r,
                                           &caller->rules_count);
    caller->rules = error ? NULL : *rules_r;
    caller->rules_count = error ? 0 : caller->rules_count;
    return error;
}

/* Sets the rights of the caller of a call that uses the directory. `sids`: those of a directory
 * user and its groups, else NULL. */
static struct error *set_directory_caller(struct request *request, enum permission permission,
                                          const char *const *sids)
{
    struct app *app = app_of(request);
    const struct principal_key *key = &app_principal(request)->key;
    struct directory_caller *caller = arena_alloc(request->arena, sizeof *caller);
    struct directory_rule *rules;
    struct error *error = NULL;
    *caller = (struct directory_caller){
        .administrator = is_administrator(request->principal),
        .reads_all = app->config->directory_readers == READERS_ALL,
        .limit = key->id ? scope_rights(key->scopes) : RIGHT_ALL,
        .sids = sids,
    };
    bool has_all = caller->administrator && caller->limit == RIGHT_ALL;
    bool has_rules = !has_all && depends_on_rules(request, permission);
    if (has_rules) {
        error = read_caller_rules(request, caller, &rules);
    }
    app->caller = caller;
    directory_set_caller(app->directory, request->arena, caller);
    if (has_rules && !error && permits_directory_call(request, permission)) {
        error =
            delegations_locate(app->delegations, request->arena,
                               permission == PERMIT_DIRECTORY_WRITE, rules, caller->rules_count);
    }
    return error;
}

/* Prepares calls of the directory by a local administrator or a directory user. Other principals
 * have no permission to use them. */
static struct error *confirm_caller(struct request *request, enum permission permission)
{
    const struct principal *principal = request->principal;
    struct directory_identity identity = {0};
    struct error *error = principal ? check_key_scopes(request) : NULL;
    if (error || !principal || principal->account_id || !permission_is_of_directory(permission)) {
        return error;
    }
    const char *guid = principal_guid(principal->id);
    error = guid ? recheck_directory_user(request, guid, &identity) : NULL;
    if (!error) {
        error = user_fields_verify(request);
    }
    return error ? error : set_directory_caller(request, permission, identity.sids);
}

/* Removes the caller of the request, and records the delegations that allowed its changes. */
static void leave_request(struct request *request)
{
    struct app *app = request->app;
    if (app->caller) {
        request->delegations = app->caller->used;
        request->delegations_count = app->caller->used_count;
    }
    app->caller = NULL;
    directory_set_caller(app->directory, request->arena, NULL);
}

/* --- permissions ------------------------------------------------------------------------------ */

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
    if (permission_is_of_directory(permission)) {
        return permits_directory_call(request, permission);
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
    return !low || (principal && is_administrator(principal));
}

const struct router_guard guard = {
    .authenticate = authenticate_caller,
    .confirm = confirm_caller,
    .permits = permits_call,
    .check_queue = limits_check_queue,
    .begin = limits_begin,
    .end = limits_end,
    .leave = leave_request,
    .name_owners = limits_name_owners,
    .is_open = are_tokens_open,
    .may_write = has_space_to_write,
};
