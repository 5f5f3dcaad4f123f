/*
 * Invitations: membership by consent. An OWNER or ADMIN invites an address; nothing they see
 * depends on whether it has an account. The invitation shows only to an account that has proved the
 * address, and membership begins when that account accepts.
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
        .about = {"Состояние: приглашение ждёт ответа", "The state: waiting for an answer"},       \
        .example = "\"invited\""                                                                   \
    }

/* Inside store_write(): invites an address into the organization of the request, or replaces its
 * pending invitation. ERR_ALREADY_EXISTS for a member, ERR_FORBIDDEN by rank,
 * ERR_TOO_MANY_INVITATIONS. */
struct error *invitation_insert(struct store *store, const struct request *request,
                                const char *email, const char *role, int64_t *id_r) MUST_CHECK;

/* How many pending invitations the organization of the request has. */
struct error *invitation_count(struct store *store, const struct request *request, int64_t now_ms,
                               int64_t *count_r) MUST_CHECK;

#endif
