/* Reference: finds an object that a value of a request refers to. */
#include "directory/reference.h"

#include "directory/attribute.h"
#include "directory/connection.h"
#include "directory/query.h"

#include <ldap.h>

struct error *reference_find(struct directory *directory, struct arena *arena, const char *text,
                             const char *field, const char **dn_r)
{
    char *attributes[] = {LDAP_NO_ATTRS, NULL};
    struct raw_entry *raw = NULL;
    connection_begin_call(directory);
    struct error *error = query_identifier(directory, arena, text, attributes, &raw);
    if (error) {
        return error->id == ERR_NOT_FOUND ? error_field(arena, field, FAULT_NO_SUCH_OBJECT, NULL)
                                          : error;
    }
    *dn_r = raw->dn;
    return NULL;
}
