/* See sequence.h. Two observers take the place of that of the request: one collects the plan, the
 * other one permits the changes, which were announced already. */
#include "directory/sequence.h"

#include "base/arena.h"
#include "directory/connection.h"

struct directory_sequence {
    struct directory *directory;
    struct arena *arena;
    struct connection_observation outer; /* the observer of the request */
    struct directory_intent intent;
    struct directory_intent_entry *planned;  /* first entry of the change that was planned last */
    struct directory_intent_entry **entries; /* the end of the list in `intent` */
    struct ldif_record **records;            /* likewise */
};

static struct error *collect_intent(void *context, const struct directory_intent *intent)
{
    struct directory_sequence *sequence = context;
    sequence->planned = intent->entries;
    *sequence->entries = intent->entries;
    *sequence->records = intent->records;
    while (*sequence->entries) {
        sequence->entries = &(*sequence->entries)->next;
    }
    while (*sequence->records) {
        sequence->records = &(*sequence->records)->next;
    }
    return NULL;
}

static struct error *permit_intent(void *context, const struct directory_intent *intent)
{
    (void)context;
    (void)intent;
    return NULL;
}

static const struct directory_observer planner = {.intend = collect_intent, .is_dry_run = true};
static const struct directory_observer permitter = {.intend = permit_intent};

struct directory_sequence *directory_sequence_plan(struct directory *directory, struct arena *arena)
{
    struct directory_sequence *sequence = arena_alloc(arena, sizeof *sequence);
    *sequence = (struct directory_sequence){
        .directory = directory, .arena = arena, .outer = *connection_observation(directory)};
    sequence->entries = &sequence->intent.entries;
    sequence->records = &sequence->intent.records;
    directory_set_observer(directory, &planner, sequence);
    return sequence;
}

const struct directory_intent *directory_sequence_intent(const struct directory_sequence *sequence)
{
    return &sequence->intent;
}

struct directory_intent_entry *directory_sequence_planned(const struct directory_sequence *sequence)
{
    return sequence->planned;
}

struct error *directory_sequence_announce(struct directory_sequence *sequence)
{
    const struct directory_observer *observer = sequence->outer.observer;
    struct error *error = NULL;
    directory_sequence_end(sequence);
    if (sequence->intent.entries) {
        error = intent_announce(sequence->directory, sequence->arena, &sequence->intent);
    } else if (observer && observer->is_dry_run) {
        error = error_new(sequence->arena, ERR_DRY_RUN, NULL);
    }
    if (!error) {
        directory_set_observer(sequence->directory, &permitter, NULL);
    }
    return error;
}

void directory_sequence_end(struct directory_sequence *sequence)
{
    directory_set_observer(sequence->directory, sequence->outer.observer, sequence->outer.context);
}
