/*
 * Invitations: accounts become members by consent. An OWNER or ADMIN invites an email address, and
 * cannot find out whether an account has that address. Only an account that has confirmed the
 * address can see the invitation, and becomes a member by accepting it.
 */
#ifndef REST_INVITATIONS_H
#define REST_INVITATIONS_H

#include "base/field.h"
#include "http/request.h"
#include "store/store.h"

extern const char *const invitation_states[];

#define INVITATION_ID                                                                              \
    {                                                                                              \
        .name = "id", .type = FIELD_INTEGER,                                                       \
        .about = {"Идентификатор приглашения", "The id of the invitation"}, .example = "5"         \
    }

#define INVITATION_STATE                                                                           \
    {                                                                                              \
        .name = "state", .type = FIELD_STRING, .choices = invitation_states,                       \
        .about = {"Состояние: приглашение ждёт ответа", "The state: waiting for a response"},      \
        .example = "\"invited\""                                                                   \
    }

/* Invites an address into the organization of the request, or replaces its pending invitation.
 * Called inside of store_write(). ERR_ALREADY_EXISTS if the address is a member's, ERR_FORBIDDEN if
 * the caller's rank is too low, ERR_TOO_MANY_INVITATIONS if the organization has too many pending
 * invitations. */
struct error *invitation_insert(struct store *store, const struct request *request,
                                const char *email, const char *role, int64_t *id_r) MUST_CHECK;

/* Counts the pending invitations of the request's organization. */
struct error *invitation_count(struct store *store, const struct request *request, int64_t now_ms,
                               int64_t *count_r) MUST_CHECK;

#endif
