/* Query: searches that return raw entries. */
#ifndef DIRECTORY_QUERY_H
#define DIRECTORY_QUERY_H

#include "base/error.h"

#include <ldap.h>

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
    int size_limit;         /* 0: none of ours */
    LDAPControl **controls; /* may be NULL */
};

/* Runs a search; repeats it once if the connection is lost. */
struct error *query_run(struct directory *directory, struct arena *arena,
                        const struct query *search, struct answer *answer_r) MUST_CHECK;

/* Reads attributes of one object. ERR_NOT_FOUND if it does not exist. */
struct error *query_object(struct directory *directory, struct arena *arena, const char *dn,
                           char **attributes, struct raw_entry *raw_r) MUST_CHECK;

/* A parent that a client named: a fault of `field` if it is outside of the base DN,
 * ERR_PARENT_NOT_FOUND if it does not exist. `parent_r` is its DN as the directory writes it. */
struct error *query_parent(struct directory *directory, struct arena *arena, const char *dn,
                           const char *field, const char **parent_r) MUST_CHECK;

/* The only entry of an answer to a search for `name`. ERR_NOT_FOUND; ERR_AMBIGUOUS with the DNs. */
struct error *query_only_entry(struct arena *arena, const struct answer *answer,
                               const struct field *fields, const char *name,
                               struct raw_entry **raw_r) MUST_CHECK;

struct query_by_name {
    const char *attribute, *name; /* which must be equal */
    const char *filter;           /* and this must hold */
    const char *parent_dn;        /* as a client named it; NULL: anywhere below the base DN */
    char **attributes;
};

/* The one entry of a name: directory_find() without reading its values. */
struct error *query_name(struct directory *directory, struct arena *arena,
                         const struct query_by_name *wanted, struct raw_entry **raw_r) MUST_CHECK;

/* All entries, however many (RFC 2696): each is shown to the visitor, which may keep it as long as
 * the arena. The search's own controls are not used. */
typedef void query_visitor(void *context, const struct raw_entry *raw);
struct error *query_all(struct directory *directory, struct arena *arena,
                        const struct query *search, query_visitor *visit, void *context) MUST_CHECK;

/* "<GUID=…>": a DN to Active Directory (MS-ADTS 3.1.1.3.1.2.4) that no rename makes stale. */
const char *query_guid_dn(struct arena *arena, const char *guid);

/* Returns the error for a base DN that does not exist, which is not the fault of the client. */
struct error *query_no_base(struct arena *arena, const struct answer *answer)
    __attribute__((returns_nonnull));

/* Control for searches of a subtree: the server returns no references to other naming contexts
 * (MS-ADTS 3.1.1.3.4.1.4). */
extern LDAPControl query_one_domain;

#endif
