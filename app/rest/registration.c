/* See registration.h. */
#include "rest/registration.h"

#include "auth/auth.h"
#include "base/arena.h"
#include "http/audit.h"
#include "rest/audit.h"

#include <inttypes.h>

/* The transfer of an address, for the audit. */
static const struct route release_route = {
    .pattern = "",
    .summary = {"Передать адрес тому, кто его подтвердил",
                "Transfer an address to the caller who verified it"},
    .action = "release_email",
    .resource_type = "account",
};

void registration_audit_release(const struct request *request, int64_t account_id)
{
    struct request line = *request;
    line.route = &release_route;
    line.body = NULL;
    line.subject = arena_format(request->arena, "%" PRId64, account_id);
    audit_write(&line, NULL);
}

/* Adds the account that lost its address to the change set, in a row that does not belong to the
 * new organization. */
static struct error *record_release(struct store *store, struct request *request,
                                    const struct auth_registration *registration)
{
    const struct route *route = request->route;
    const struct changed_object object = {
        .resource = "account",
        .id = arena_format(request->arena, "%" PRId64, registration->released_id),
    };
    changeset_add_text(&request->changes, request->arena, &object, "email",
                       registration->account.email, NULL);
    audit_set_organization(request, 0);
    request->route = &release_route;
    struct error *error = audit_end_row(store, request);
    request->route = route;
    return error;
}

struct error *registration_describe(struct store *store, struct request *request, void *context)
{
    const struct auth_registration *registration = context;
    const struct account *account = &registration->account;
    const struct organization *organization = &registration->organization;
    struct arena *arena = request->arena;
    struct changeset *changes = &request->changes;
    const struct changed_object new_account = {.resource = "account",
                                               .id = arena_format(arena, "%" PRId64, account->id)};
    const struct changed_object new_organization = {
        .resource = "organization", .id = arena_format(arena, "%" PRId64, organization->id)};
    request->actor = account->username;
    request->actor_id = principal_of_account(arena, account->id)->id;
    struct error *error =
        registration->released_id ? record_release(store, request, registration) : NULL;
    if (error) {
        return error;
    }
    audit_set_organization(request, organization->id);
    changeset_add_text(changes, arena, &new_account, "username", NULL, account->username);
    changeset_add_text(changes, arena, &new_account, "email", NULL, account->email);
    changeset_add_text(changes, arena, &new_account, "name", NULL, account->name);
    changeset_add_secret(changes, arena, &new_account, "password");
    changeset_add_text(changes, arena, &new_organization, "name", NULL, organization->name);
    changeset_add_text(changes, arena, &new_organization, "currency", NULL, organization->currency);
    return NULL;
}
