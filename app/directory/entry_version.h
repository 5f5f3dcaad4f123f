/* Entry version: a digest of the attributes of an object that clients can change. */
#ifndef DIRECTORY_ENTRY_VERSION_H
#define DIRECTORY_ENTRY_VERSION_H

struct arena;
struct directory_class;
struct raw_entry;

/* Returns `attributes` and the attributes that the version of an object of the class depends on, as
 * a NULL-terminated array. */
char **entry_version_attributes(struct arena *arena, const struct directory_class *class,
                                char **attributes);

/* Returns the version of an object that was read with these attributes, all values included: 32
 * hexadecimal digits. */
const char *entry_version_compute(struct arena *arena, const struct directory_class *class,
                                  const struct raw_entry *raw) __attribute__((returns_nonnull));

#endif
