/*
 * Delegations: the rules by which principals of the directory have rights on its entries, for
 * directory/caller.h.
 *
 * Each process keeps the rules in memory and reads a version number before each use, which every
 * change of the rules increments. So a change is effective for all requests that begin after it, on
 * all hosts. The DNs of the scopes are read from the directory: for changes at each request, for
 * reads at most every LDAP_LOGIN_CACHE_S.
 */
#ifndef REST_DELEGATIONS_H
#define REST_DELEGATIONS_H

#include "base/error.h"
#include "directory/caller.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct config;
struct directory;
struct store;

/* The rules in the memory of one process. */
struct delegations;

/* The arguments must outlive the result. */
struct delegations *delegations_new(const struct config *config, struct store *store,
                                    struct directory *directory) __attribute__((returns_nonnull));
void delegations_free(struct delegations **delegations);

/* Copies all current rules to the arena; their scopes have no DN yet. The texts of the rules are
 * valid until the next call. */
struct error *delegations_read(struct delegations *delegations, struct arena *arena,
                               struct directory_rule **rules_r, size_t *count_r) MUST_CHECK;

/* Sets the DNs of the scopes of rules that delegations_read() has returned. `fresh`: reads all of
 * them from the directory now. */
struct error *delegations_locate(struct delegations *delegations, struct arena *arena, bool fresh,
                                 struct directory_rule *rules, size_t count) MUST_CHECK;

/* Returns the rights that the rules give these principals at any place. */
unsigned delegations_rights(const struct directory_rule *rules, size_t count,
                            const char *const *sids);

/* The principals of all rules, by whether a user is one of them or a member of one. */
struct delegation_membership {
    const char *own;          /* SIDs, each with a space on both sides; "": none */
    const char *const *other; /* SIDs; ends with NULL */
};

/* Finds the principals of the rules among the SIDs of a user and its groups. */
struct delegation_membership delegations_membership(struct arena *arena,
                                                    const struct directory_rule *rules,
                                                    size_t count, const char *const *sids);

/* Reads the rules, and sets *own_r to the principals to which a user belongs: see the member `own`
 * of struct delegation_membership. */
struct error *delegations_read_own(struct delegations *delegations, struct arena *arena,
                                   const char *const *sids, const char **own_r) MUST_CHECK;

/* Converts fields from and to the form of the database. NULL: all fields. */
const char *delegations_join_fields(struct arena *arena, const char *const *fields, size_t count);
const char *const *delegations_split_fields(struct arena *arena, const char *joined,
                                            size_t *count_r);

/* Returns the names of the rights of a set, in the order of enum right. */
const char *const *delegations_right_names(struct arena *arena, unsigned rights, size_t *count_r);

/* The columns of a delegation by which ?filter= compares. NULL: absent. */
struct delegation_texts {
    const char *principal, *principal_name, *scope;
    unsigned rights;
    const char *fields; /* joined */
    const char *created_by;
};

/* Returns the column `folded` of a delegation: see base/folded.h. */
const char *delegations_fold(struct arena *arena, const struct delegation_texts *texts)
    __attribute__((returns_nonnull));

#endif
