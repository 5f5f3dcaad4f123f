/* See intent.h. The state is in the connection, which forgets an announcement when the next call
 * begins. */
#include "directory/intent.h"

#include "directory/connection.h"
#include "directory/deadline.h"
#include "directory/operation.h"

void directory_set_observer(struct directory *directory, const struct directory_observer *observer,
                            void *context)
{
    *connection_observation(directory) =
        (struct connection_observation){.observer = observer, .context = context};
}

bool intent_is_observed(const struct directory *directory)
{
    return connection_observation((struct directory *)directory)->observer;
}

bool intent_is_dry_run(const struct directory *directory)
{
    const struct directory_observer *observer =
        connection_observation((struct directory *)directory)->observer;
    return observer && observer->is_dry_run;
}

struct error *intent_announce(struct directory *directory, struct arena *arena,
                              const struct directory_intent *intent)
{
    struct connection_observation *observation = connection_observation(directory);
    const struct directory_observer *observer = observation->observer;
    if (!observer) {
        return NULL;
    }
    struct error *error = observer->intend(observation->context, intent);
    /* the observer may have waited for the database */
    deadline_begin(connection_deadline(directory));
    if (!error && observer->is_dry_run) {
        error = error_new(arena, ERR_DRY_RUN, NULL);
    }
    observation->announced = observation->has_announced = !error;
    return error;
}

void intent_continue(struct directory *directory)
{
    struct connection_observation *observation = connection_observation(directory);
    observation->announced = observation->has_announced;
}

void intent_refuse(struct directory_intent_entry *entry)
{
    do {
        entry->was_refused = true;
        entry = entry->next;
    } while (entry && entry->is_consequence);
}

struct error *intent_check_write(const struct directory *directory, struct arena *arena,
                                 const struct operation *operation)
{
    const struct connection_observation *observation =
        connection_observation((struct directory *)directory);
    bool permitted =
        operation->kind == OPERATION_SEARCH || !observation->observer || observation->announced;
    return permitted ? NULL
                     : error_new(arena, ERR_INTERNAL, "%s: the change was not announced",
                                 operation->name);
}
