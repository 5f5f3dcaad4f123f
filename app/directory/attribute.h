/* Attribute: the attributes of an entry as they were read. */
#ifndef DIRECTORY_ATTRIBUTE_H
#define DIRECTORY_ATTRIBUTE_H

#include <lber.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One attribute of an entry: its description without options, and its values. */
struct attribute {
    const char *name;
    struct berval *values; /* with a NUL behind each */
    size_t count;
    int64_t next; /* the index to go on from if the server gave only a range; 0: that is all */
};

struct raw_entry {
    const char *dn;
    struct attribute *attributes;
    size_t count;
};

/* The attribute; NULL if the entry has no value of it. Options in the name are ignored. */
const struct attribute *attribute_get(const struct raw_entry *raw, const char *name);

/* Reads a single integer; false if there is none. */
bool attribute_integer(const struct raw_entry *raw, const char *name, int64_t *value_r);

#endif
