/*
 * Invitations: an OWNER or ADMIN lists and withdraws the invitations of the organization; callers
 * list, accept or decline their own. organizations.c issues them: POST
 * …/organizations/{id}/members.
 */
#include "rest/invitations.h"
#include "base/arena.h"
#include "base/clock.h"
#include "http/reply.h"
#include "resources/resources.h"
#include "rest/accounts.h"
#include "rest/lists.h"
#include "rest/organizations.h"
#include "rest/rows.h"

/* --- field maps ------------------------------------------------------------------------------ */

#define INVITATION_TIMES                                                                           \
    TIME_FIELD("created_at", "Время приглашения", "When the invitation was issued"),               \
        TIME_FIELD("expires_at", "Срок действия приглашения", "When the invitation expires")

static const struct field invitation_fields[] = {
    INVITATION_ID,
    ACCOUNT_EMAIL(0),
    MEMBER_ROLE(0),
    INVITATION_STATE,
    {.name = "invited_by",
     .type = FIELD_INTEGER,
     .about = {"Учётная запись пригласившего участника",
               "The account of the member who issued the invitation"},
     .example = "17"},
    INVITATION_TIMES,
    {.name = NULL},
};

static const struct field own_fields[] = {
    INVITATION_ID,
    {.name = "organization_id",
     .type = FIELD_INTEGER,
     .about = {"Идентификатор организации", "The id of the organization"},
     .example = "1"},
    ORGANIZATION_NAME("organization_name", 0),
    MEMBER_ROLE(0),
    {.name = "invited_by",
     .type = FIELD_STRING,
     .about = {"Имя пригласившего участника", "The name of the member who issued the invitation"},
     .example = "\"Вера\""},
    INVITATION_TIMES,
    {.name = NULL},
};

static const struct field page_query[] = {
    LIST_SHORT_QUERY_FIELDS(LIMIT_STANDARD),
    {.name = NULL},
};

static const struct list_column invitation_columns[] = {
    {.field = "state", .value = "CAST('invited' AS TEXT)"},
    {.field = NULL},
};

static const struct list_key invitation_keys[] = {
    {"id", "i.id", SQL_INVITATIONS_LIST_ID, FIELD_INTEGER, LIST_SORT},
    {.name = NULL},
};

static const struct list invitation_list = {
    .alias = "i",
    .columns = invitation_columns,
    .rows = SQL_INVITATIONS_LIST,
    .count = SQL_INVITATIONS_COUNT,
    .fields = invitation_fields,
    .keys = invitation_keys,
    .id = "i.id",
    .id_index = SQL_INVITATIONS_LIST_ID,
};

static const struct list_column own_columns[] = {
    {.field = "organization_name", .value = "o.name"},
    {.field = "invited_by", .value = "b.name"},
    {.field = NULL},
};

static const struct list own_list = {
    .alias = "i",
    .columns = own_columns,
    .rows = SQL_INVITATIONS_OF_ACCOUNT,
    .count = SQL_INVITATIONS_COUNT_OF_ACCOUNT,
    .fields = own_fields,
    .keys = invitation_keys,
    .id = "i.id",
    .id_index = SQL_INVITATIONS_OF_ACCOUNT_ID,
};

static const struct schema invitation_schema = {"Invitation", invitation_fields};
static const struct schema own_schema = {"OwnInvitation", own_fields};

/* --- invitations of an organization ---------------------------------------------------------- */

struct invitation {
    struct request *request;
    int64_t id, organization_id;
    const char *role;
    struct value *organization; /* the reply: the organization of the new member */
};

static struct error *list_organization_invitations(struct request *request, struct reply *reply)
{
    const int64_t scope[] = {app_principal(request)->organization_id, clock_wall_ms()};
    return list_reply(request, reply, &invitation_list, scope, 2);
}

static struct error *read_invitation_in_path(struct store *store, const struct request *request,
                                             struct value **values_r)
{
    struct store_query *query = store_query(store, request->arena, SQL_INVITATIONS_GET);
    store_bind_integer(query, app_principal(request)->organization_id);
    store_bind_integer(query, clock_wall_ms());
    store_bind_integer(query, request_path_id(request, "invitation_id"));
    struct error *error = rows_read_one(query, request->arena, invitation_fields, values_r);
    return error || *values_r ? error : error_new(request->arena, ERR_NOT_FOUND, NULL);
}

static struct error *get_organization_invitation(struct request *request, struct reply *reply)
{
    struct value *values;
    struct error *error = read_invitation_in_path(app_of(request)->store, request, &values);
    if (!error) {
        reply_record(reply, values);
    }
    return error;
}

static struct error *delete_invitation(struct store *store, struct arena *arena, int64_t id)
{
    struct store_query *query = store_query(store, arena, SQL_INVITATIONS_DELETE);
    store_bind_integer(query, id);
    return store_execute(query);
}

static struct error *delete_permitted_invitation(struct store *store, void *context)
{
    struct request *request = context;
    struct value *values;
    struct error *error = organization_confirm_role(store, request);
    if (!error) {
        error = read_invitation_in_path(store, request, &values);
    }
    if (!error) {
        enum role role = principal_role_by_name(fields_string(invitation_fields, values, "role"));
        error = organization_check_rank(request, role, ROLE_NONE);
    }
    return error ? error
                 : delete_invitation(store, request->arena,
                                     request_path_id(request, "invitation_id"));
}

static struct error *withdraw_invitation(struct request *request, struct reply *reply)
{
    struct error *error =
        store_write(app_of(request)->store, request->arena, delete_permitted_invitation, request);
    if (!error) {
        reply_no_content(reply);
    }
    return error;
}

/* --- invitations of the caller --------------------------------------------------------------- */

/* Begins a statement that is restricted to the invitations of the caller. */
static struct store_query *query_own_invitations(struct store *store, const struct request *request,
                                                 enum sql_statement statement)
{
    struct store_query *query = store_query(store, request->arena, statement);
    store_bind_integer(query, app_principal(request)->account_id);
    store_bind_integer(query, config_trusts_email_addresses(app_of(request)->config));
    store_bind_integer(query, clock_wall_ms());
    return query;
}

static struct error *list_own_invitations(struct request *request, struct reply *reply)
{
    const int64_t scope[] = {app_principal(request)->account_id,
                             config_trusts_email_addresses(app_of(request)->config),
                             clock_wall_ms()};
    return list_reply(request, reply, &own_list, scope, 3);
}

/* Finds the invitation that the path names. Returns ERR_NOT_FOUND also if it is for another
 * account. */
static struct error *find_own_invitation(struct store *store, struct invitation *invitation)
{
    struct request *request = invitation->request;
    bool row;
    invitation->id = request_path_id(request, "invitation_id");
    struct store_query *query = query_own_invitations(store, request, SQL_INVITATIONS_TO_ACCOUNT);
    store_bind_integer(query, invitation->id);
    struct error *error = store_next(query, &row);
    if (error || !row) {
        return error ? error : error_new(request->arena, ERR_NOT_FOUND, NULL);
    }
    invitation->organization_id = store_integer(query, SQL_INVITATIONS_TO_ACCOUNT_ORGANIZATION_ID);
    invitation->role =
        arena_string(request->arena, store_text(query, SQL_INVITATIONS_TO_ACCOUNT_ROLE, NULL));
    return store_next(query, &row);
}

static struct error *insert_membership(struct store *store, const struct invitation *invitation)
{
    const struct request *request = invitation->request;
    struct store_query *query = store_query(store, request->arena, SQL_MEMBERS_JOIN);
    store_bind_integer(query, invitation->organization_id);
    store_bind_integer(query, app_principal(request)->account_id);
    store_bind_text(query, invitation->role);
    store_bind_integer(query, clock_wall_ms());
    struct error *error = store_execute(query);
    return error ? error
                 : account_init_default_organization(store, request->arena,
                                                     app_principal(request)->account_id,
                                                     invitation->organization_id);
}

static struct error *accept_in_transaction(struct store *store, void *context)
{
    struct invitation *invitation = context;
    struct arena *arena = invitation->request->arena;
    struct error *error = find_own_invitation(store, invitation);
    if (!error) {
        error = insert_membership(store, invitation);
    }
    if (!error) {
        error = delete_invitation(store, arena, invitation->id);
    }
    return error ? error
                 : organization_read(store, arena, invitation->organization_id,
                                     app_principal(invitation->request)->account_id,
                                     &invitation->organization);
}

static struct error *accept_invitation(struct request *request, struct reply *reply)
{
    struct invitation invitation = {.request = request};
    struct error *error =
        store_write(app_of(request)->store, request->arena, accept_in_transaction, &invitation);
    if (!error) {
        reply_record(reply, invitation.organization);
    }
    return error;
}

static struct error *decline_in_transaction(struct store *store, void *context)
{
    struct invitation *invitation = context;
    struct error *error = find_own_invitation(store, invitation);
    return error ? error : delete_invitation(store, invitation->request->arena, invitation->id);
}

static struct error *decline_invitation(struct request *request, struct reply *reply)
{
    struct invitation invitation = {.request = request};
    struct error *error =
        store_write(app_of(request)->store, request->arena, decline_in_transaction, &invitation);
    if (!error) {
        reply_no_content(reply);
    }
    return error;
}

/* --- routes ---------------------------------------------------------------------------------- */

#define ORGANIZATION "/api/v1/organizations/{organization_id}"
#define OWN "/api/v1/auth/invitations"

#define PATH_ID(name_, ru_, en_, example_)                                                         \
    {                                                                                              \
        .name = (name_), .type = FIELD_INTEGER, .flags = FIELD_REQUIRED, .min = 1,                 \
        .max = INT64_MAX, .about = {(ru_), (en_)}, .example = (example_)                           \
    }

static const struct field path_fields[] = {
    PATH_ID("organization_id", "Идентификатор организации", "The id of the organization", "1"),
    PATH_ID("invitation_id", "Идентификатор приглашения", "The id of the invitation", "5"),
    {.name = NULL},
};

static const enum error_id list_errors[] = {ERR_NOT_FOUND, ERR_DATABASE_UNAVAILABLE, ERR_COUNT};
static const enum error_id own_errors[] = {ERR_DATABASE_UNAVAILABLE, ERR_COUNT};
static const enum error_id one_errors[] = {ERR_NOT_FOUND, ERR_DATABASE_UNAVAILABLE, ERR_COUNT};

const struct route invitations_routes[] = {
    {.method = METHOD_GET,
     .pattern = ORGANIZATION "/invitations",
     .path = path_fields,
     .handler = list_organization_invitations,
     .permission = PERMIT_MANAGE,
     .scope = SCOPE_MEMBERS_READ,
     .pool = POOL_CORE,
     .summary = {"Получить приглашения организации", "List the invitations of an organization"},
     .query = page_query,
     .shape = REPLY_LIST,
     .reply = &invitation_schema,
     .errors = list_errors},
    {.method = METHOD_GET,
     .pattern = ORGANIZATION "/invitations/{invitation_id}",
     .path = path_fields,
     .handler = get_organization_invitation,
     .permission = PERMIT_MANAGE,
     .scope = SCOPE_MEMBERS_READ,
     .pool = POOL_CORE,
     .summary = {"Получить приглашение организации", "Get an invitation of an organization"},
     .shape = REPLY_RECORD,
     .reply = &invitation_schema,
     .errors = one_errors},
    {.method = METHOD_DELETE,
     .pattern = ORGANIZATION "/invitations/{invitation_id}",
     .path = path_fields,
     .handler = withdraw_invitation,
     .permission = PERMIT_MANAGE,
     .scope = SCOPE_MEMBERS_WRITE,
     .pool = POOL_CORE,
     .summary = {"Отозвать приглашение", "Withdraw an invitation"},
     .shape = REPLY_NOTHING,
     .errors = one_errors,
     .action = "withdraw_invitation",
     .resource_type = "invitation"},
    {.method = METHOD_GET,
     .pattern = OWN,
     .handler = list_own_invitations,
     .permission = PERMIT_PRINCIPAL,
     .scope = SCOPE_CLOSED,
     .pool = POOL_CORE,
     .summary = {"Получить мои приглашения", "List my invitations"},
     .about = {"Приглашения видит только учётная запись с подтверждённым адресом.",
               "Only an account with a verified address sees its invitations."},
     .query = page_query,
     .shape = REPLY_LIST,
     .reply = &own_schema,
     .errors = own_errors},
    {.method = METHOD_POST,
     .pattern = OWN "/{invitation_id}/accept",
     .path = path_fields,
     .handler = accept_invitation,
     .permission = PERMIT_PRINCIPAL,
     .scope = SCOPE_CLOSED,
     .pool = POOL_CORE,
     .summary = {"Принять приглашение", "Accept an invitation"},
     .shape = REPLY_RECORD,
     .reply = &organization_schema,
     .errors = one_errors,
     .action = "accept_invitation",
     .resource_type = "invitation",
     .resource = "invitation_id"},
    {.method = METHOD_POST,
     .pattern = OWN "/{invitation_id}/decline",
     .path = path_fields,
     .handler = decline_invitation,
     .permission = PERMIT_PRINCIPAL,
     .scope = SCOPE_CLOSED,
     .pool = POOL_CORE,
     .summary = {"Отклонить приглашение", "Decline an invitation"},
     .essential = true,
     .shape = REPLY_NOTHING,
     .errors = one_errors,
     .action = "decline_invitation",
     .resource_type = "invitation",
     .resource = "invitation_id"},
    {.pattern = NULL},
};
