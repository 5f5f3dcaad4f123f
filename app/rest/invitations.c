/* See invitations.h. */
#include "rest/invitations.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/fold.h"
#include "base/folded.h"
#include "rest/organizations.h"
#include "rest/rows.h"

enum { PENDING_MAX = 1000 }; /* maximum number of pending invitations of one organization */

static const int64_t lifetime_ms = INT64_C(30) * MS_PER_DAY;

const char *const invitation_states[] = {"invited", NULL};

/* ERR_ALREADY_EXISTS if the address is a member's. That reveals nothing: the caller may list the
 * members. */
static struct error *check_not_member(struct store *store, const struct request *request,
                                      const char *email_key)
{
    struct store_query *query = store_query(store, request->arena, SQL_MEMBERS_BY_ADDRESS);
    bool member;
    store_bind_integer(query, app_principal(request)->organization_id);
    store_bind_text(query, email_key);
    struct error *error = store_next(query, &member);
    store_end(query);
    return error || !member ? error : error_new(request->arena, ERR_ALREADY_EXISTS, NULL);
}

/* Reads the role in the pending invitation of an address; ROLE_NONE if there is no invitation. */
static struct error *find_invitation_role(struct store *store, const struct request *request,
                                          const char *email_key, int64_t now, enum role *role_r)
{
    struct store_query *query = store_query(store, request->arena, SQL_INVITATIONS_ROLE_OF_ADDRESS);
    bool row;
    *role_r = ROLE_NONE;
    store_bind_integer(query, app_principal(request)->organization_id);
    store_bind_text(query, email_key);
    store_bind_integer(query, now);
    struct error *error = store_next(query, &row);
    if (!error && row) {
        *role_r =
            principal_role_by_name(store_text(query, SQL_INVITATIONS_ROLE_OF_ADDRESS_ROLE, NULL));
        error = store_next(query, &row);
    }
    return error;
}

struct error *invitation_count(struct store *store, const struct request *request, int64_t now_ms,
                               int64_t *count_r)
{
    struct store_query *query = store_query(store, request->arena, SQL_INVITATIONS_COUNT);
    store_bind_integer(query, app_principal(request)->organization_id);
    store_bind_integer(query, now_ms);
    return rows_read_number(query, count_r);
}

/* Checks the rank of the caller and the number of pending invitations. */
static struct error *check_invitation_allowed(struct store *store, const struct request *request,
                                              const char *email_key, enum role role, int64_t now)
{
    enum role before;
    int64_t count = 0;
    struct error *error = find_invitation_role(store, request, email_key, now, &before);
    if (!error) {
        error = organization_check_rank(request, before, role);
    }
    if (!error && before == ROLE_NONE) {
        error = invitation_count(store, request, now, &count);
    }
    return error || count < PENDING_MAX ? error
                                        : error_new(request->arena, ERR_TOO_MANY_INVITATIONS, NULL);
}

struct error *invitation_insert(struct store *store, const struct request *request,
                                const char *email, const char *role, int64_t *id_r)
{
    /* Reads only members and invitations of the organization, no accounts: see invitations.h. */
    const char *email_key = fold_address(request->arena, email);
    int64_t now = clock_wall_ms();
    struct error *error = check_not_member(store, request, email_key);
    if (!error) {
        error =
            check_invitation_allowed(store, request, email_key, principal_role_by_name(role), now);
    }
    if (error) {
        return error;
    }
    struct store_query *query = store_query(store, request->arena, SQL_INVITATIONS_INSERT);
    store_bind_integer(query, app_principal(request)->organization_id);
    store_bind_text(query, email);
    store_bind_text(query, email_key);
    store_bind_text(query, role);
    store_bind_integer(query, app_principal(request)->account_id);
    store_bind_integer(query, now);
    store_bind_integer(query, now + lifetime_ms);
    store_bind_text(query, folded_of_texts(request->arena, "email", email));
    return rows_read_number(query, id_r);
}
