/*
 * Scope: the calls that an API key permits. Each row of a route names one scope, or none. The rows
 * of the directory name rights (base/right.h) instead: each right is a scope too.
 *
 * The database stores scopes by name, so the order of the enum may change, and a name never does.
 */
#ifndef BASE_SCOPE_H
#define BASE_SCOPE_H

#include "base/field.h"

#include <stdint.h>

struct arena;

enum scope {
    SCOPE_NONE,   /* open calls, and calls of the directory, which name rights */
    SCOPE_CLOSED, /* no API key permits the call */
    SCOPE_PROFILE_READ,
    SCOPE_CONTACTS_READ,
    SCOPE_CONTACTS_WRITE, /* create, change, delete and restore */
    SCOPE_DEALS_READ,
    SCOPE_DEALS_WRITE,
    SCOPE_TASKS_READ,
    SCOPE_TASKS_WRITE,
    SCOPE_ACTIVITIES_READ,
    SCOPE_ACTIVITIES_WRITE,
    SCOPE_ANALYTICS_READ,
    SCOPE_FILES_READ,
    SCOPE_FILES_WRITE,
    SCOPE_ORGANIZATIONS_READ,
    SCOPE_ORGANIZATIONS_WRITE,
    SCOPE_MEMBERS_READ,
    SCOPE_MEMBERS_WRITE,
    SCOPE_ACCOUNTS_READ,
    SCOPE_ACCOUNTS_WRITE,
    SCOPE_TOKENS_READ,
    SCOPE_TOKENS_WRITE,
    SCOPE_DIRECTORY_READ, /* the rights, in the order of enum right */
    SCOPE_DIRECTORY_UNLOCK,
    SCOPE_DIRECTORY_RESET_PASSWORD,
    SCOPE_DIRECTORY_ENABLE,
    SCOPE_DIRECTORY_UPDATE,
    SCOPE_DIRECTORY_CREATE,
    SCOPE_DIRECTORY_DELETE,
    SCOPE_DIRECTORY_MOVE,
    SCOPE_DIRECTORY_MEMBERS,
    SCOPE_COUNT,
    SCOPE_FIRST = SCOPE_PROFILE_READ, /* the first scope that a key can have */
};

/* A set of scopes is bits. */
#define SCOPE_BIT(scope) (UINT64_C(1) << (scope))

enum {
    SCOPE_PRESETS_MAX = 4,
    SCOPE_NAMES_MAX = (int)SCOPE_COUNT - (int)SCOPE_FIRST + SCOPE_PRESETS_MAX,
};

/* Documentation of each scope, in both languages. */
extern const struct text scope_descriptions[SCOPE_COUNT];

/* The choices of field maps, each with NULL at the end: the names of the scopes, and these together
 * with the names of the presets, which stand for several scopes. */
extern const char *const scope_names[], *const scope_names_and_presets[];

/* Returns the name of a scope that a key can have. */
const char *scope_name(enum scope scope);

/* Returns the scopes that the name of a scope or preset stands for; 0 if there is no such name. */
uint64_t scope_set_of(const char *name);

/* Convert scopes to and from the text that the database stores, which has one name in each line.
 * Names that no longer exist are ignored. */
const char *scope_lines(struct arena *arena, uint64_t scopes) __attribute__((returns_nonnull));
uint64_t scope_read_lines(const char *lines);

/* Sets the value to the names of the scopes. */
void scope_set_names(struct arena *arena, uint64_t scopes, struct value *value);

/* Convert a set of scopes to the rights in the directory that it permits, and a set of rights to
 * its scopes. */
unsigned scope_rights(uint64_t scopes);
uint64_t scope_of_rights(unsigned rights);

#endif
