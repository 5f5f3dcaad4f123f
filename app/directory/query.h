/* Query: searches that return raw entries. */
#ifndef DIRECTORY_QUERY_H
#define DIRECTORY_QUERY_H

#include "base/error.h"

#include <ldap.h>
#include <stdbool.h>
#include <stdint.h>

struct answer;
struct arena;
struct directory;
struct field;
struct raw_entry;

struct query {
    const char *base;
    int scope;
    const char *filter; /* NULL: any object */
    char **attributes;
    int size_limit;         /* 0: no limit from the client */
    LDAPControl **controls; /* may be NULL */
    int64_t until;          /* see struct operation; the server stops then, too */
};

/* Runs a search; repeats it once if the connection is lost. */
struct error *query_run(struct directory *directory, struct arena *arena,
                        const struct query *search, struct answer *answer_r) MUST_CHECK;

/* Reads attributes of one object. ERR_NOT_FOUND if it does not exist. */
struct error *query_object(struct directory *directory, struct arena *arena, const char *dn,
                           char **attributes, struct raw_entry *raw_r) MUST_CHECK;

/* Reads highestCommittedUSN; 0 if it cannot be read, then no view is cached. */
struct error *query_highest_usn(struct directory *directory, struct arena *arena,
                                int64_t *usn_r) MUST_CHECK;

/* Finds the object whose DN a client sent in `field`; `found_r` is the DN in the directory's
 * spelling. ERR_VALIDATION for that field if it is not a DN, or outside the base DN;
 * ERR_PARENT_NOT_FOUND if it does not exist. */
struct error *query_managed_dn(struct directory *directory, struct arena *arena, const char *dn,
                               const char *field, const char **found_r) MUST_CHECK;

/* Looks up the parent DN that a client sent in `field`. ERR_VALIDATION for that field if the DN is
 * outside the base DN or within CN=System; ERR_PARENT_NOT_FOUND if it does not exist. `parent_r` is
 * the DN in the directory's spelling. */
struct error *query_parent(struct directory *directory, struct arena *arena, const char *dn,
                           const char *field, const char **parent_r) MUST_CHECK;

/* Returns the only entry of the answer to a search for `name`. ERR_NOT_FOUND if there is none,
 * ERR_AMBIGUOUS with the DNs if there are several. */
struct error *query_only_entry(struct arena *arena, const struct answer *answer,
                               const struct field *fields, const char *name,
                               struct raw_entry **raw_r) MUST_CHECK;

struct query_by_name {
    const char *attribute, *name; /* the attribute that must have this value */
    const char *filter;           /* filter that the object must match too */
    /* If set, `name` may also be an objectGUID or a DN. An object that is found by it must match
     * this filter instead of `filter`. */
    const char *identifier_filter;
    const char *parent_dn; /* parent that the client named; NULL: anywhere below the base DN */
    bool outside_system;   /* without a parent, ignores objects below CN=System, unless `name` is a
                              GUID or a DN */
    bool machine_names;    /* see struct directory_class */
    char **attributes;     /* attributes to read */
};

/* Finds the one entry with this name; its errors are those of directory_find(). Also
 * ERR_AMBIGUOUS if the text is the name of one object and the identifier of another. */
struct error *query_name(struct directory *directory, struct arena *arena,
                         const struct query_by_name *wanted, struct raw_entry **raw_r) MUST_CHECK;

/* Finds a user, as query_name() does. */
struct error *query_user(struct directory *directory, struct arena *arena, const char *name,
                         const char *parent_dn, char **attributes,
                         struct raw_entry **raw_r) MUST_CHECK;

/* Passes all entries of a paged search (RFC 2696) to the visitor. The entries live in the arena.
 * Ignores search->controls. */
typedef void query_visitor(void *context, const struct raw_entry *raw);
struct error *query_all(struct directory *directory, struct arena *arena,
                        const struct query *search, query_visitor *visit, void *context) MUST_CHECK;

/* Like query_all(), for the entries below search->base that the caller sees (caller.h). Searches
 * each of its places, so `search->scope` must be the subtree unless the caller sees
 * `search->base`. */
struct error *query_all_visible(struct directory *directory, struct arena *arena,
                                const struct query *search, query_visitor *visit,
                                void *context) MUST_CHECK;

/* Like query_run(), for the entries below search->base that the caller sees. Hidden entries that
 * match do not change the time that it takes. If the caller has several places and several entries
 * match, they have only their DNs. */
struct error *query_visible(struct directory *directory, struct arena *arena,
                            const struct query *search, struct answer *answer_r) MUST_CHECK;

/* True if the object is below CN=System. */
bool query_is_below_system(const struct directory *directory, struct arena *arena, const char *dn);

/* Returns "<GUID=…>", which Active Directory accepts as a DN (MS-ADTS 3.1.1.3.1.2.4) and which
 * stays valid after a rename. */
const char *query_guid_dn(struct arena *arena, const char *guid);

/* Returns the error for a base DN that does not exist: the configuration is wrong, not the
 * request. */
struct error *query_missing_base_error(struct arena *arena, const struct answer *answer)
    __attribute__((returns_nonnull));

/* Frees the control with the arena. */
void query_defer_control(struct arena *arena, LDAPControl *control);

/* Control for subtree searches: the server sends no references to other naming contexts
 * (MS-ADTS 3.1.1.3.4.1.4), which would be ignored anyway. */
extern LDAPControl query_one_domain_control;

#endif
