/* See undo.h. */
#include "directory/undo.h"

#include "base/arena.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/intent.h"
#include "directory/operation.h"
#include "directory/query.h"
#include "directory/result.h"

#include <ldap.h>

static int send_deletion(LDAP *ldap, const void *request, int *message_id_r)
{
    return ldap_delete_ext(ldap, request, NULL, NULL, message_id_r);
}

struct error *directory_undo_addition(struct directory *directory, struct arena *arena,
                                      const struct directory_entry *entry)
{
    const struct operation operation = {OPERATION_DELETE, "delete", send_deletion,
                                        query_guid_dn(arena, entry->guid)};
    struct answer answer;
    connection_begin_call(directory);
    intent_continue(directory);
    struct error *error = operation_repeat(directory, arena, &operation, &answer);
    if (error || answer.code == LDAP_SUCCESS || answer.code == LDAP_NO_SUCH_OBJECT) {
        return error;
    }
    return result_error(arena, &answer, NULL, operation.name);
}
