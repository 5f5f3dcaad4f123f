/*
 * Add: creates objects.
 *
 * If the connection is lost, the object may have been created, so the addition is repeated with
 * care: after "already exists", it checks whether the object is its own.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fold.h"
#include "base/right.h"
#include "directory/attribute.h"
#include "directory/caller.h"
#include "directory/changes.h"
#include "directory/codec.h"
#include "directory/connection.h"
#include "directory/directory.h"
#include "directory/find.h"
#include "directory/intent.h"
#include "directory/names.h"
#include "directory/operation.h"
#include "directory/plan.h"
#include "directory/predict.h"
#include "directory/query.h"
#include "directory/result.h"
#include "directory/taken.h"

#include <ldap.h>
#include <string.h>

/* maximum difference between our clock and the controller's */
enum { CLOCK_SLACK_MS = 60 * 1000 };

/* A request to add an object. */
struct addition {
    const char *dn;
    LDAPMod **mods; /* its attributes */
};

static int send_new_object(LDAP *ldap, const void *request, int *message_id_r)
{
    const struct addition *addition = request;
    return ldap_add_ext(ldap, addition->dn, addition->mods, NULL, NULL, message_id_r);
}

/* Sets *ours_r to true if the object at `dn` was created by our addition, which began at `began`
 * (wall clock) and whose answer was lost. */
static struct error *check_added_by_us(struct directory *directory, struct arena *arena,
                                       const char *dn, const struct directory_changes *changes,
                                       int64_t began, bool *ours_r)
{
    char *attributes[] = {"sAMAccountName", "whenCreated", NULL};
    const char *wanted = changes_text(changes, "sAMAccountName");
    struct raw_entry raw = {0};
    int64_t created;
    *ours_r = false;
    struct error *error = query_object(directory, arena, dn, attributes, &raw);
    if (error) {
        return error->id == ERR_NOT_FOUND ? NULL : error;
    }
    const struct attribute *name = attribute_get(&raw, "sAMAccountName");
    const struct attribute *when = attribute_get(&raw, "whenCreated");
    *ours_r = when && codec_time(when->values, &created) && created >= began - CLOCK_SLACK_MS &&
              (!wanted || (name && !strcmp(name->values->bv_val, wanted)));
    return NULL;
}

static struct error *create_entry(struct directory *directory, struct arena *arena,
                                  const struct directory_class *class,
                                  const struct addition *addition,
                                  const struct directory_changes *changes)
{
    const struct operation operation = {OPERATION_ADD, "add", send_new_object, addition};
    struct answer answer;
    int64_t began = clock_wall_ms();
    struct error *error = operation_repeat(directory, arena, &operation, &answer);
    if (error) {
        return error;
    }
    bool ours = answer.code == LDAP_SUCCESS;
    if (answer.repeated && answer.code == LDAP_ALREADY_EXISTS) {
        error = check_added_by_us(directory, arena, addition->dn, changes, began, &ours);
    }
    if (error) {
        return result_connection_lost(arena, &operation, error->cause);
    }
    return ours ? NULL : result_error(arena, &answer, class->fields, operation.name);
}

/* Announces the addition. *intent_r is NULL without an observer. */
static struct error *announce_addition(struct directory *directory, struct arena *arena,
                                       const struct plan_addition *addition, const char *parent,
                                       const struct directory_intent **intent_r)
{
    *intent_r = NULL;
    if (!intent_is_observed(directory)) {
        return NULL;
    }
    struct error *error = predict_addition(directory, arena, addition, parent);
    if (error) {
        return error;
    }
    *intent_r = plan_addition(arena, addition);
    return intent_announce(directory, arena, *intent_r);
}

struct error *directory_add(struct directory *directory, struct arena *arena,
                            const struct directory_class *class, const char *name,
                            const char *parent_dn, const struct directory_changes *changes,
                            struct directory_entry **entry_r)
{
    static const struct caller_need need = {.rights = RIGHT_BIT(RIGHT_CREATE)};
    struct addition request = {0};
    const char *parent = NULL;
    connection_begin_call(directory);
    struct error *error = changes_check_encryption(directory, arena, changes);
    if (!error) {
        error = changes_to_entry(changes, arena, class, &request.mods);
    }
    if (!error) {
        error = query_parent(directory, arena, parent_dn, class->parent_field, &parent);
    }
    if (error) {
        return error;
    }
    const char *rdn = names_rdn(arena, class->rdn_attribute, fold_compose(arena, name));
    if (!rdn) {
        return error_new(arena, ERR_DIRECTORY_INVALID, "cannot encode the name as a DN");
    }
    request.dn = arena_format(arena, "%s,%s", rdn, parent);
    error = caller_check_new_dn(directory, arena, NULL, request.dn, &need);
    if (!error) {
        error = taken_find_similar(directory, arena, class, changes, NULL);
    }
    if (error) {
        return error;
    }
    const struct plan_addition addition = {class, request.dn, fold_compose(arena, name), changes,
                                           request.mods};
    const struct directory_intent *intent = NULL;
    error = announce_addition(directory, arena, &addition, parent, &intent);
    if (error) {
        return error;
    }
    error = create_entry(directory, arena, class, &request, changes);
    if (error) {
        return taken_explain(directory, arena, class, changes, NULL, request.dn, error);
    }
    error = find_result(directory, arena, class, request.dn, entry_r);
    if (!error && intent) {
        intent->entries->guid = (*entry_r)->guid;
    }
    return error;
}
