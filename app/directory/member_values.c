/* See member_values.h. */
#include "directory/member_values.h"

#include "base/arena.h"
#include "directory/attribute.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/query.h"
#include "directory/result.h"

#include <inttypes.h>
#include <ldap.h>
#include <string.h>

/* Makes the server add the objectGUID to each DN, as "<GUID=…>;<SID=…>;CN=…" (MS-ADTS
 * 3.1.1.3.4.1.5). The value asks for the identifiers as text. */
static LDAPControl extended_dn_control = {
    .ldctl_oid = "1.2.840.113556.1.4.529", /* LDAP_SERVER_EXTENDED_DN_OID */
    .ldctl_value = {.bv_len = 5, .bv_val = (char[]){0x30, 0x03, 0x02, 0x01, 0x01}},
    .ldctl_iscritical = 1,
};

/* Reads one range of the values (MS-ADTS 3.1.1.3.1.3.3); *next_r is the first value of the next
 * range, or 0. */
static struct error *read_value_range(struct directory *directory, struct arena *arena,
                                      const char *group_guid, int64_t *next_r,
                                      const struct attribute **values_r)
{
    LDAPControl *controls[] = {&extended_dn_control, NULL};
    char *attributes[] = {arena_format(arena, "member;range=%" PRId64 "-*", *next_r), NULL};
    const struct query search = {
        .base = query_guid_dn(arena, group_guid),
        .scope = LDAP_SCOPE_BASE,
        .attributes = attributes,
        .controls = controls,
    };
    struct answer answer;
    struct error *error = query_run(directory, arena, &search, &answer);
    if (error) {
        return error;
    }
    if (answer.code != LDAP_SUCCESS) {
        return result_error(arena, &answer, NULL, "read of the members");
    }
    if (!answer.count) {
        return error_new(arena, ERR_NOT_FOUND, NULL);
    }
    *values_r = attribute_get(answer.entries, "member");
    *next_r = *values_r && (*values_r)->next > *next_r ? (*values_r)->next : 0;
    return NULL;
}

struct error *member_values_read(struct directory *directory, struct arena *arena,
                                 const char *group_guid, member_values_visitor *visit,
                                 void *context)
{
    int64_t next = 0;
    do {
        const struct attribute *values = NULL;
        struct error *error = read_value_range(directory, arena, group_guid, &next, &values);
        if (error) {
            return error;
        }
        for (size_t i = 0; values && i < values->count; i++) {
            const char *guid, *dn;
            if (!names_parse_extended(arena, values->values[i].bv_val, &guid, &dn)) {
                return error_new(arena, ERR_INTERNAL, "a value of member has no GUID");
            }
            visit(context, guid, dn);
        }
    } while (next);
    return NULL;
}

/* A search for one value. A value that is equal letter by letter takes precedence over a DN that
 * differs in case or normalization only. */
struct value_search {
    const char *identifier;
    bool is_guid, exact;
    const char *guid, *dn; /* the last value found */
    size_t count;
};

static void compare_value(void *context, const char *guid, const char *dn)
{
    struct value_search *search = context;
    bool exact =
        search->is_guid ? !strcasecmp(search->identifier, guid) : !strcmp(search->identifier, dn);
    if (search->exact || !(exact || (!search->is_guid && names_equal(search->identifier, dn)))) {
        return;
    }
    search->exact = exact;
    search->count = exact ? 1 : search->count + 1;
    search->guid = guid;
    search->dn = dn;
}

struct error *member_values_find(struct directory *directory, struct arena *arena,
                                 const char *group_guid, const char *identifier,
                                 const char **guid_r, const char **dn_r)
{
    struct value_search search = {
        .identifier = identifier,
        .is_guid = names_filter_guid(arena, identifier),
    };
    if (!search.is_guid && !strchr(identifier, '=')) {
        return error_new(arena, ERR_NOT_FOUND, NULL);
    }
    struct error *error = member_values_read(directory, arena, group_guid, compare_value, &search);
    if (error) {
        return error;
    }
    *guid_r = search.guid;
    *dn_r = search.dn;
    return search.count == 1 ? NULL
                             : error_new(arena, search.count ? ERR_AMBIGUOUS : ERR_NOT_FOUND, NULL);
}
