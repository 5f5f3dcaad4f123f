/* Organizations: their field map, and the rule of ranks, which several resources share. */
#ifndef REST_ORGANIZATIONS_H
#define REST_ORGANIZATIONS_H

#include "http/request.h"
#include "rest/accounts.h"
#include "store/store.h"

enum { CURRENCY_LETTERS = 3 };

#define ORGANIZATION_CURRENCY_FIELD                                                                \
    {                                                                                              \
        .name = "currency", .type = FIELD_STRING, .max = CURRENCY_LETTERS,                         \
        .check = organization_check_currency,                                                      \
        .about = {"Валюта сумм (ISO 4217)", "The currency of amounts (ISO 4217)"},                 \
        .example = "\"RUB\""                                                                       \
    }

#define TIME_FIELD(name_, ru_, en_)                                                                \
    {                                                                                              \
        .name = (name_), .type = FIELD_TIME, .about = {(ru_), (en_)},                              \
        .example = "\"2026-11-20T12:34:56.789Z\""                                                  \
    }

/* A check of field maps: three capital letters. */
enum fault_id organization_check_currency(const char *text, size_t length);

extern const struct field organization_fields[];
extern const struct schema organization_schema;

/* An organization as one of its members sees it: ERR_NOT_FOUND if the account is not a member. */
struct error *organization_read(struct store *store, struct arena *arena, int64_t organization_id,
                                int64_t account_id, struct value **values_r) MUST_CHECK;

/* Inside store_write(), before a change of members or invitations: the caller still has the role
 * that the request was permitted with. The change of a role and the change that needs it are
 * serialized, so that nobody uses a right after losing it. ERR_NOT_FOUND for a former member,
 * ERR_FORBIDDEN for a member with another role. */
struct error *organization_confirm_role(struct store *store,
                                        const struct request *request) MUST_CHECK;

/* ERR_FORBIDDEN if a role of OWNER is given, changed or taken away by anybody but an OWNER. */
struct error *organization_check_rank(const struct request *request, enum role before,
                                      enum role after) MUST_CHECK;

#endif
