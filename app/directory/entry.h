/* Entry: decodes raw entries into the values of a field map. */
#ifndef DIRECTORY_ENTRY_H
#define DIRECTORY_ENTRY_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct attribute;
struct directory;
struct directory_class;
struct directory_entry;
struct field;
struct raw_entry;

/* Selects how much of an entry to read. ENTRY_WITHOUT_LINKS omits member and memberOf, which may
 * have thousands of values and need further searches for primary members and primary groups. */
enum entry_extent { ENTRY_WHOLE, ENTRY_WITHOUT_LINKS };

/* Returns the attributes to request for the fields of a class, as a NULL-terminated array: for all
 * fields or, if `selected` is not NULL, for those that it selects. It is parallel to the map. */
char **entry_attributes(struct arena *arena, const struct field *fields, enum entry_extent extent,
                        const bool *selected);

/* Requests "name;range=N-*" of the object until the server has sent the last value. */
struct error *entry_complete_attribute(struct directory *directory, struct arena *arena,
                                       const char *dn, struct attribute *attribute) MUST_CHECK;

/* Reads the remaining values of long attributes, of which the server has sent only the first ones.
 * `dn` is the DN of the entry. */
struct error *entry_complete(struct directory *directory, struct arena *arena, const char *dn,
                             struct raw_entry *raw) MUST_CHECK;

/* True if the values of the field are DNs of other objects. */
bool entry_is_link(const struct field *field);

/* Returns the entry without the values that refer to objects which the caller does not see
 * (caller.h); the entry itself if the caller sees all. */
const struct raw_entry *entry_without_hidden(const struct directory *directory, struct arena *arena,
                                             const struct directory_class *class,
                                             const struct raw_entry *raw);

/* Decodes the values of the class's fields; with ENTRY_WITHOUT_LINKS the fields of member and
 * memberOf are absent. Sends further searches for the remaining values of long attributes and for
 * the primary group. */
struct error *entry_decode(struct directory *directory, struct arena *arena,
                           const struct directory_class *class, enum entry_extent extent,
                           struct raw_entry *raw, struct directory_entry **entry_r) MUST_CHECK;

/* Decodes several whole entries, in their order. Leaves the fields absent that `selected` does not
 * select; see entry_attributes(). */
struct error *entry_decode_all(struct directory *directory, struct arena *arena,
                               const struct directory_class *class, const bool *selected,
                               struct raw_entry *raws, size_t count,
                               struct directory_entry **entries) MUST_CHECK;

#endif
