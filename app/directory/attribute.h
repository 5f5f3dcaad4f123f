/* Attribute: the attributes of an entry as they were read. */
#ifndef DIRECTORY_ATTRIBUTE_H
#define DIRECTORY_ATTRIBUTE_H

#include <lber.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One attribute of an entry. */
struct attribute {
    const char *name;      /* name without options such as ";range=0-1499" */
    struct berval *values; /* each is followed by a NUL */
    size_t count;
    int64_t next; /* index of the first value that the server omitted; 0: the values are complete */
};

struct raw_entry {
    const char *dn;
    struct attribute *attributes;
    size_t count;
};

/* Finds an attribute; NULL if it has no values. Ignores options in `name`. */
const struct attribute *attribute_get(const struct raw_entry *raw, const char *name);

/* Decodes the first value as an integer. False if there is no value or it is not an integer. */
bool attribute_integer(const struct raw_entry *raw, const char *name, int64_t *value_r);

/* True if the entry is an object of the class, whose name is compared without regard to case. */
bool attribute_has_class(const struct raw_entry *raw, const char *class);

#endif
