/* Organizations: the field map and the rules about roles that several resources share. */
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

/* Check of a field map: the text is a currency code, three capital letters. */
enum fault_id organization_check_currency(const char *text, size_t length);

extern const struct field organization_fields[];
extern const struct schema organization_schema;

/* Reads an organization with the role of a member. ERR_NOT_FOUND if the account is not a member. */
struct error *organization_read(struct store *store, struct arena *arena, int64_t organization_id,
                                int64_t account_id, struct value **values_r) MUST_CHECK;

/* Checks that the caller still has the role with which the request was authorized. Called inside of
 * store_write(), before a change of members or invitations: this serializes the change with changes
 * of the caller's role, so that a lost right cannot be used. ERR_NOT_FOUND if the caller is no
 * longer a member, ERR_FORBIDDEN if the caller has another role. */
struct error *organization_confirm_role(struct store *store,
                                        const struct request *request) MUST_CHECK;

/* ERR_FORBIDDEN unless the caller is an OWNER, if the old or the new role of a member is OWNER. */
struct error *organization_check_rank(const struct request *request, enum role before,
                                      enum role after) MUST_CHECK;

#endif
