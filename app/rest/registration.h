/*
 * Registration: what the audit records of a new account, its organization, and the account that
 * lost its address to the new one.
 */
#ifndef REST_REGISTRATION_H
#define REST_REGISTRATION_H

#include "base/error.h"
#include "http/request.h"

struct store;

/* For audit_describe_with(): adds the new account and its organization to the change set, and makes
 * the new account the actor of the request. The context is a struct auth_registration. */
struct error *registration_describe(struct store *store, struct request *request,
                                    void *context) MUST_CHECK;

/* Writes an audit line about the account that lost its address to the new account, which has
 * verified it. */
void registration_audit_release(const struct request *request, int64_t account_id);

#endif
