/* See user_sessions.h. */
#include "rest/user_sessions.h"

#include "auth/auth.h"
#include "base/log.h"
#include "directory/directory.h"
#include "rest/app.h"
#include "store/store.h"

void user_sessions_end(struct request *request, const struct directory_entry *entry)
{
    struct store *store = app_of(request)->store;
    struct error *error = auth_end_sessions(store, request->arena, entry->guid);
    struct error *commit = store_group_commit(store, request->arena);
    auth_after_commit();
    error = error ? error : commit;
    if (error) {
        log_warning("sessions: cannot end the sessions of a changed user: %s", error->cause);
    }
}
