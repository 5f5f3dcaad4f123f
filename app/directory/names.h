/* Names: builds, parses, compares and escapes distinguished names and filter values. */
#ifndef DIRECTORY_NAMES_H
#define DIRECTORY_NAMES_H

#include <stdbool.h>

struct arena;

/* ATTRIBUTE=value as RFC 4514 writes it; NULL if it cannot be written. */
const char *names_rdn(struct arena *arena, const char *attribute, const char *value);

/* The DN as libldap understood it, written anew: what was checked is what is sent. NULL: no DN. */
const char *names_normal(struct arena *arena, const char *dn);

/* The DN without its first component, and that component; NULL if there is none. */
const char *names_parent(struct arena *arena, const char *dn);
const char *names_first(struct arena *arena, const char *dn);

bool names_equal(const char *a, const char *b);

/* True if `dn` is `base` or below it. */
bool names_within(const char *dn, const char *base);

/* The value with every character escaped that means something in a filter (RFC 4515 3). */
const char *names_filter_value(struct arena *arena, const char *text);

#endif
