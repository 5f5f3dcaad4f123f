/* See organizations.h. */
#include "rest/organizations.h"

#include "auth/principal.h"
#include "rest/rows.h"

enum fault_id organization_check_currency(const char *text, size_t length)
{
    bool fits = length == CURRENCY_LETTERS;
    for (size_t i = 0; fits && i < length; i++) {
        fits = text[i] >= 'A' && text[i] <= 'Z';
    }
    return fits ? FAULT_NONE : FAULT_NOT_CURRENCY;
}

const struct field organization_fields[] = {
    {.name = "id",
     .type = FIELD_INTEGER,
     .about = {"Идентификатор организации", "The id of the organization"},
     .example = "1"},
    ORGANIZATION_NAME("name", 0),
    ORGANIZATION_CURRENCY_FIELD,
    MEMBER_ROLE(0),
    TIME_FIELD("created_at", "Время создания", "The time of creation"),
    TIME_FIELD("updated_at", "Время последнего изменения", "The time of the last change"),
    {.name = "version",
     .type = FIELD_INTEGER,
     .about = {"Номер версии; увеличивается при каждом изменении",
               "The version number; each change increments it"},
     .example = "1"},
    {.name = NULL},
};

const struct schema organization_schema = {"Organization", organization_fields};

struct error *organization_read(struct store *store, struct arena *arena, int64_t organization_id,
                                int64_t account_id, struct value **values_r)
{
    struct store_query *query = store_query(store, arena, SQL_ORGANIZATIONS_OF_MEMBER);
    store_bind_integer(query, organization_id);
    store_bind_integer(query, account_id);
    struct error *error = rows_read_one(query, arena, organization_fields, values_r);
    return error || *values_r ? error : error_new(arena, ERR_NOT_FOUND, NULL);
}

struct error *organization_confirm_role(struct store *store, const struct request *request)
{
    const struct principal *principal = request->principal;
    struct store_query *query = store_query(store, request->arena, SQL_MEMBERS_ROLE);
    bool row;
    store_bind_integer(query, principal->organization_id);
    store_bind_integer(query, principal->account_id);
    struct error *error = store_next(query, &row);
    if (error) {
        return error;
    }
    enum role role =
        row ? principal_role_by_name(store_text(query, SQL_MEMBERS_ROLE_ROLE, NULL)) : ROLE_NONE;
    store_end(query);
    if (role == ROLE_NONE) {
        return error_new(request->arena, ERR_NOT_FOUND, NULL);
    }
    return role == principal->role ? NULL : error_new(request->arena, ERR_FORBIDDEN, NULL);
}

struct error *organization_check_rank(const struct request *request, enum role before,
                                      enum role after)
{
    bool about_owners = before == ROLE_OWNER || after == ROLE_OWNER;
    return about_owners && app_principal(request)->role != ROLE_OWNER
               ? error_new(request->arena, ERR_FORBIDDEN, NULL)
               : NULL;
}
