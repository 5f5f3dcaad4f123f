/* Organizations: the organizations of the caller, and their members. */
#include "rest/organizations.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/folded.h"
#include "http/reply.h"
#include "resources/resources.h"
#include "rest/accounts.h"
#include "rest/invitations.h"
#include "rest/lists.h"
#include "rest/rows.h"

#include <inttypes.h>
#include <string.h>

/* --- field maps ------------------------------------------------------------------------------ */

static const struct field update_fields[] = {
    ORGANIZATION_NAME("name", 0),
    ORGANIZATION_CURRENCY_FIELD,
    {.name = NULL},
};

static const struct field member_fields[] = {
    ACCOUNT_ID("account_id"),
    ACCOUNT_USERNAME(0, NULL),
    ACCOUNT_EMAIL(FIELD_NULLABLE),
    ACCOUNT_NAME(0),
    MEMBER_ROLE(0),
    TIME_FIELD("created_at", "Время вступления", "When the account became a member"),
    {.name = NULL},
};

static const struct field invite_fields[] = {
    ACCOUNT_EMAIL(FIELD_REQUIRED),
    MEMBER_ROLE(FIELD_REQUIRED),
    {.name = NULL},
};

static const struct field invited_fields[] = {
    INVITATION_ID, ACCOUNT_EMAIL(0), MEMBER_ROLE(0), INVITATION_STATE, {.name = NULL},
};

static const struct field role_fields[] = {
    MEMBER_ROLE(FIELD_REQUIRED),
    {.name = NULL},
};

static const struct field organizations_query[] = {
    QUERY_FIELDS,   QUERY_FILTER, QUERY_EXPLAIN, QUERY_SORT("быстро: ", "fast: ", "`id`", "-id"),
    {.name = NULL},
};

static const struct field members_query[] = {
    LIST_QUERY_FIELDS("`account_id`, `username`, `role`, `created_at`", "-created_at"),
    MEMBER_ROLE(0),
    {.name = NULL},
};

/* No index serves the order by user name, because the names are in another table: a page in that
 * order sorts all members of the organization. */
static const struct list_key member_keys[] = {
    {"account_id", "m.account_id", SQL_MEMBERS_LIST_ID, FIELD_INTEGER, LIST_SORT},
    {"username", "a.username_sort_key", SQL_MEMBERS_LIST_USERNAME_SORT_KEY, FIELD_STRING,
     LIST_SORT | LIST_SORT_KEY},
    {"role", "m.role", SQL_MEMBERS_LIST_ROLE, FIELD_STRING, LIST_SORT | LIST_FILTER},
    {"created_at", "m.created_at", SQL_MEMBERS_LIST_CREATED_AT, FIELD_TIME, LIST_SORT},
    {.name = NULL},
};

static const struct list_column member_columns[] = {
    {.field = "username", .value = "a.username"},
    {.field = "email", .value = "a.email"},
    {.field = "name", .value = "a.name"},
    {.field = NULL},
};

static const struct list member_list = {
    .alias = "m",
    .columns = member_columns,
    .rows = SQL_MEMBERS_LIST,
    .count = SQL_MEMBERS_COUNT,
    .fields = member_fields,
    .keys = member_keys,
    .id = "m.account_id",
    .id_index = SQL_MEMBERS_LIST_ID,
};

static const struct list_column own_organization_columns[] = {
    {.field = "role", .value = "m.role"},
    {.field = NULL},
};

static const struct list_key own_organization_keys[] = {
    {"id", "o.id", SQL_ORGANIZATIONS_LIST_ID, FIELD_INTEGER, LIST_SORT},
    {.name = NULL},
};

static const struct list own_organization_list = {
    .alias = "o",
    .columns = own_organization_columns,
    .rows = SQL_ORGANIZATIONS_LIST,
    .count = SQL_ORGANIZATIONS_COUNT,
    .fields = organization_fields,
    .keys = own_organization_keys,
    .id = "o.id",
    .id_index = SQL_ORGANIZATIONS_LIST_ID,
};

static const struct schema update_schema = {"OrganizationUpdate", update_fields};
static const struct schema member_schema = {"Member", member_fields};
static const struct schema invite_schema = {"MemberInvite", invite_fields};
static const struct schema invited_schema = {"MemberInvited", invited_fields};
static const struct schema role_schema = {"MemberUpdate", role_fields};

/* --- organizations --------------------------------------------------------------------------- */

static struct error *list_organizations(struct request *request, struct reply *reply)
{
    const int64_t scope[] = {app_principal(request)->account_id,
                             principal_only_organization(request->principal)};
    return list_reply(request, reply, &own_organization_list, scope, 2);
}

static struct error *read_organization(struct store *store, const struct request *request,
                                       struct value **values_r)
{
    return organization_read(store, request->arena, app_principal(request)->organization_id,
                             app_principal(request)->account_id, values_r);
}

static int64_t get_organization_version(struct value *organization)
{
    return fields_get(organization_fields, organization, "version")->integer;
}

static struct error *get_organization(struct request *request, struct reply *reply)
{
    struct value *values;
    struct error *error = read_organization(app_of(request)->store, request, &values);
    return error ? error
                 : reply_conditional(request, reply, values, get_organization_version(values));
}

/* The context of a transaction that changes an organization or a member. */
struct change {
    struct request *request;
    struct value *values; /* the organization or the member after the change */
};

/* Returns the field's new value from the body, or its current value if the body has none. */
static const char *choose_organization_text(const struct change *change, const char *name)
{
    const char *text = request_body_string(change->request, name);
    return text ? text : fields_string(organization_fields, change->values, name);
}

/* ERR_CURRENCY_IN_USE if the currency changes and a deal has an amount, because the amounts would
 * change their meaning. A transaction that stores a first amount reads the currency, so that this
 * change and the other transaction cannot both be committed without seeing each other. */
static struct error *check_currency_change(struct store *store, const struct change *change)
{
    const struct request *request = change->request;
    const char *before = fields_string(organization_fields, change->values, "currency");
    if (!strcmp(choose_organization_text(change, "currency"), before)) {
        return NULL;
    }
    int64_t amount;
    struct store_query *query = store_query(store, request->arena, SQL_DEALS_LARGEST_AMOUNTS);
    store_bind_integer(query, app_principal(request)->organization_id);
    struct error *error = rows_read_number(query, &amount);
    return error || !amount ? error : error_new(request->arena, ERR_CURRENCY_IN_USE, NULL);
}

static struct error *write_organization(struct store *store, void *context)
{
    struct change *change = context;
    struct request *request = change->request;
    struct error *error = organization_confirm_role(store, request);
    if (!error) {
        error = read_organization(store, request, &change->values);
    }
    if (!error) {
        error = check_currency_change(store, change);
    }
    if (!error) {
        error = reply_check_conditions(request, get_organization_version(change->values));
    }
    if (error) {
        return error;
    }
    struct store_query *query = store_query(store, request->arena, SQL_ORGANIZATIONS_UPDATE);
    store_bind_integer(query, app_principal(request)->organization_id);
    const char *name = choose_organization_text(change, "name");
    const char *currency = choose_organization_text(change, "currency");
    store_bind_text(query, name);
    store_bind_text(query, currency);
    store_bind_integer(query, clock_wall_ms());
    store_bind_text(query, folded_of_texts(request->arena, "name", name, "currency", currency));
    error = store_execute(query);
    return error ? error : read_organization(store, request, &change->values);
}

static struct error *update_organization(struct request *request, struct reply *reply)
{
    struct change change = {.request = request};
    struct error *error =
        store_write(app_of(request)->store, request->arena, write_organization, &change);
    if (!error) {
        reply_versioned(request, reply, change.values, get_organization_version(change.values));
    }
    return error;
}

/* --- members --------------------------------------------------------------------------------- */

static struct error *read_member(struct store *store, const struct request *request,
                                 int64_t account_id, struct value **values_r)
{
    struct store_query *query = store_query(store, request->arena, SQL_MEMBERS_GET);
    store_bind_integer(query, app_principal(request)->organization_id);
    store_bind_integer(query, account_id);
    struct error *error = rows_read_one(query, request->arena, member_fields, values_r);
    return error || *values_r ? error : error_new(request->arena, ERR_NOT_FOUND, NULL);
}

static enum role get_member_role(struct value *member)
{
    return principal_role_by_name(fields_string(member_fields, member, "role"));
}

/* Returns ERR_LAST_OWNER if no other member is an owner. Locks the owners' rows until the
 * transaction ends. */
static struct error *check_other_owner(struct store *store, const struct request *request,
                                       int64_t account_id)
{
    struct store_query *query = store_query(store, request->arena, SQL_MEMBERS_OWNERS);
    struct error *error;
    bool row, other = false;
    store_bind_integer(query, app_principal(request)->organization_id);
    while (!(error = store_next(query, &row)) && row) {
        other |= store_integer(query, SQL_MEMBERS_OWNERS_ACCOUNT_ID) != account_id;
    }
    return error || other ? error : error_new(request->arena, ERR_LAST_OWNER, NULL);
}

static struct error *list_members(struct request *request, struct reply *reply)
{
    const int64_t scope[] = {app_principal(request)->organization_id};
    return list_reply(request, reply, &member_list, scope, 1);
}

struct invitation {
    const struct request *request;
    int64_t id;
};

static struct error *insert_member_invitation(struct store *store, void *context)
{
    struct invitation *invitation = context;
    const struct request *request = invitation->request;
    struct error *error = organization_confirm_role(store, request);
    return error ? error
                 : invitation_insert(store, request, request_body_string(request, "email"),
                                     request_body_string(request, "role"), &invitation->id);
}

static struct error *invite_member(struct request *request, struct reply *reply)
{
    const char *email = request_body_string(request, "email");
    struct invitation invitation = {.request = request};
    request->subject = email;
    struct error *error =
        store_write(app_of(request)->store, request->arena, insert_member_invitation, &invitation);
    if (error) {
        return error;
    }
    struct value *record =
        arena_array(request->arena, fields_count(invited_fields), sizeof *record);
    field_set_integer(fields_get(invited_fields, record, "id"), invitation.id);
    field_set_string(fields_get(invited_fields, record, "email"), email);
    field_set_string(fields_get(invited_fields, record, "role"),
                     request_body_string(request, "role"));
    field_set_string(fields_get(invited_fields, record, "state"), invitation_states[0]);
    reply_created(request, reply,
                  arena_format(request->arena, "/api/v1/organizations/%" PRId64 "/invitations",
                               app_principal(request)->organization_id),
                  arena_format(request->arena, "%" PRId64, invitation.id));
    reply_record(reply, record);
    return NULL;
}

/* Finds the member that the path names, and checks that the caller may change the member's role to
 * `role` (ROLE_NONE: remove the member). */
static struct error *check_member_change(struct store *store, struct request *request,
                                         enum role role, struct value **values_r)
{
    int64_t account_id = request_path_id(request, "account_id");
    struct error *error = organization_confirm_role(store, request);
    if (!error) {
        error = read_member(store, request, account_id, values_r);
    }
    if (!error) {
        error = organization_check_rank(request, get_member_role(*values_r), role);
    }
    if (!error && get_member_role(*values_r) == ROLE_OWNER && role != ROLE_OWNER) {
        error = check_other_owner(store, request, account_id);
    }
    return error;
}

/* Withdraws the invitations that the member has issued and could not issue with the current role.
 */
static struct error *withdraw_member_invitations(struct store *store, const struct request *request)
{
    struct store_query *query =
        store_query(store, request->arena, SQL_INVITATIONS_DELETE_OF_INVITER);
    store_bind_integer(query, request_path_id(request, "account_id"));
    store_bind_integer(query, app_principal(request)->organization_id);
    return store_execute(query);
}

/* Invalidates the ETags of the organization: the organization that a member reads contains the role
 * of that member. */
static struct error *renew_organization_version(struct store *store, const struct request *request)
{
    struct store_query *query = store_query(store, request->arena, SQL_ORGANIZATIONS_NEW_VERSION);
    store_bind_integer(query, app_principal(request)->organization_id);
    return store_execute(query);
}

static struct error *set_member_role(struct store *store, void *context)
{
    struct change *change = context;
    struct request *request = change->request;
    const char *role = request_body_string(request, "role");
    struct error *error =
        check_member_change(store, request, principal_role_by_name(role), &change->values);
    if (error) {
        return error;
    }
    bool is_new = get_member_role(change->values) != principal_role_by_name(role);
    struct store_query *query = store_query(store, request->arena, SQL_MEMBERS_SET_ROLE);
    store_bind_integer(query, app_principal(request)->organization_id);
    store_bind_integer(query, request_path_id(request, "account_id"));
    store_bind_text(query, role);
    error = store_execute(query);
    if (!error) {
        error = withdraw_member_invitations(store, request);
    }
    if (!error && is_new) {
        error = renew_organization_version(store, request);
    }
    return error ? error
                 : read_member(store, request, request_path_id(request, "account_id"),
                               &change->values);
}

static struct error *update_member(struct request *request, struct reply *reply)
{
    struct change change = {.request = request};
    struct error *error =
        store_write(app_of(request)->store, request->arena, set_member_role, &change);
    if (!error) {
        reply_record(reply, change.values);
    }
    return error;
}

static struct error *remove_organization_member(struct store *store, void *context)
{
    struct change *change = context;
    struct request *request = change->request;
    struct error *error = check_member_change(store, request, ROLE_NONE, &change->values);
    if (error) {
        return error;
    }
    int64_t account_id = request_path_id(request, "account_id");
    int64_t organization_id = app_principal(request)->organization_id;
    struct store_query *query = store_query(store, request->arena, SQL_MEMBERS_DELETE);
    store_bind_integer(query, organization_id);
    store_bind_integer(query, account_id);
    error = store_execute(query);
    if (!error) {
        error = withdraw_member_invitations(store, request);
    }
    if (!error) { /* the member may rejoin with another role */
        error = renew_organization_version(store, request);
    }
    return error ? error
                 : account_clear_default_organization(store, request->arena, account_id,
                                                      organization_id);
}

static struct error *delete_member(struct request *request, struct reply *reply)
{
    struct change change = {.request = request};
    struct error *error =
        store_write(app_of(request)->store, request->arena, remove_organization_member, &change);
    if (!error) {
        reply_no_content(reply);
    }
    return error;
}

/* --- routes ---------------------------------------------------------------------------------- */

#define ORGANIZATION "/api/v1/organizations/{organization_id}"

static const struct field path_fields[] = {
    {.name = "organization_id",
     .type = FIELD_INTEGER,
     .flags = FIELD_REQUIRED,
     .min = 1,
     .max = INT64_MAX,
     .about = {"Идентификатор организации", "The id of the organization"},
     .example = "1"},
    {.name = "account_id",
     .type = FIELD_INTEGER,
     .flags = FIELD_REQUIRED,
     .min = 1,
     .max = INT64_MAX,
     .about = {"Идентификатор учётной записи", "The id of the account"},
     .example = "17"},
    {.name = NULL},
};

static const enum error_id read_errors[] = {ERR_NOT_FOUND, ERR_DATABASE_UNAVAILABLE, ERR_COUNT};
static const enum error_id update_errors[] = {ERR_NOT_FOUND, ERR_CURRENCY_IN_USE,
                                              ERR_DATABASE_UNAVAILABLE, ERR_COUNT};
static const enum error_id invite_errors[] = {ERR_NOT_FOUND, ERR_ALREADY_EXISTS,
                                              ERR_TOO_MANY_INVITATIONS, ERR_DATABASE_UNAVAILABLE,
                                              ERR_COUNT};
static const enum error_id member_errors[] = {ERR_NOT_FOUND, ERR_LAST_OWNER,
                                              ERR_DATABASE_UNAVAILABLE, ERR_COUNT};

const struct route organizations_routes[] = {
    {.method = METHOD_GET,
     .pattern = "/api/v1/organizations",
     .handler = list_organizations,
     .permission = PERMIT_PRINCIPAL,
     .scope = SCOPE_ORGANIZATIONS_READ,
     .pool = POOL_CORE,
     .summary = {"Получить мои организации", "List my organizations"},
     .query = organizations_query,
     .shape = REPLY_LIST,
     .reply = &organization_schema,
     .errors = read_errors},
    {.method = METHOD_GET,
     .pattern = ORGANIZATION,
     .path = path_fields,
     .handler = get_organization,
     .permission = PERMIT_READ,
     .scope = SCOPE_ORGANIZATIONS_READ,
     .pool = POOL_CORE,
     .summary = {"Получить организацию", "Get an organization"},
     .shape = REPLY_RECORD,
     .reply = &organization_schema,
     .versioned = true,
     .errors = read_errors},
    {.method = METHOD_PATCH,
     .pattern = ORGANIZATION,
     .path = path_fields,
     .handler = update_organization,
     .permission = PERMIT_MANAGE,
     .scope = SCOPE_ORGANIZATIONS_WRITE,
     .pool = POOL_CORE,
     .summary = {"Изменить организацию", "Change an organization"},
     .about = {"Валюту можно изменить, пока ни у одной сделки нет суммы. Удалённые сделки тоже "
               "учитываются: их можно восстановить.",
               "The currency can be changed as long as no deal has an amount. Deleted deals count "
               "as well, because they can be restored."},
     .body = &update_schema,
     .shape = REPLY_RECORD,
     .reply = &organization_schema,
     .versioned = true,
     .errors = update_errors,
     .action = "update_organization",
     .resource_type = "organization"},
    {.method = METHOD_GET,
     .pattern = ORGANIZATION "/members",
     .path = path_fields,
     .handler = list_members,
     .permission = PERMIT_READ,
     .scope = SCOPE_MEMBERS_READ,
     .pool = POOL_CORE,
     .summary = {"Получить участников организации", "List the members of an organization"},
     .query = members_query,
     .shape = REPLY_PAGE,
     .reply = &member_schema,
     .errors = read_errors},
    {.method = METHOD_POST,
     .pattern = ORGANIZATION "/members",
     .path = path_fields,
     .handler = invite_member,
     .permission = PERMIT_MANAGE,
     .scope = SCOPE_MEMBERS_WRITE,
     .pool = POOL_CORE,
     .summary = {"Пригласить участника", "Invite a member"},
     .about = {"Ответ не зависит от того, есть ли учётная запись с этим адресом. Приглашённый "
               "становится участником, когда примет приглашение. Приглашение действует 30 дней; "
               "новое заменяет прежнее.",
               "The reply does not depend on whether an account has this address. The invited "
               "person becomes a member by accepting. An invitation is valid for 30 days; a new "
               "one replaces the previous one."},
     .body = &invite_schema,
     .shape = REPLY_RECORD,
     .reply = &invited_schema,
     .creates = true,
     .errors = invite_errors,
     .action = "invite_member",
     .resource_type = "invitation"},
    {.method = METHOD_PATCH,
     .pattern = ORGANIZATION "/members/{account_id}",
     .path = path_fields,
     .handler = update_member,
     .permission = PERMIT_MANAGE,
     .scope = SCOPE_MEMBERS_WRITE,
     .pool = POOL_CORE,
     .summary = {"Изменить роль участника", "Change the role of a member"},
     .body = &role_schema,
     .shape = REPLY_RECORD,
     .reply = &member_schema,
     .errors = member_errors,
     .action = "update_member",
     .resource_type = "member"},
    {.method = METHOD_DELETE,
     .pattern = ORGANIZATION "/members/{account_id}",
     .path = path_fields,
     .handler = delete_member,
     .permission = PERMIT_MANAGE_OR_SELF,
     .scope = SCOPE_MEMBERS_WRITE,
     .pool = POOL_CORE,
     .summary = {"Исключить участника или выйти из организации",
                 "Remove a member or leave the organization"},
     .shape = REPLY_NOTHING,
     .errors = member_errors,
     .action = "remove_member",
     .resource_type = "member"},
    {.pattern = NULL},
};
