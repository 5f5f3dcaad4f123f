/* User copy: creates a user like a colleague, the template: with the fields of their job and place,
 * and in their groups. */
#include "base/arena.h"
#include "directory/names.h"
#include "directory/own_groups.h"
#include "directory/sequence.h"
#include "directory/undo.h"
#include "http/problem.h"
#include "resources/resources.h"
#include "rest/entries.h"
#include "rest/membership_report.h"
#include "rest/user_fields.h"

/* --- field maps ------------------------------------------------------------------------------ */

enum { COPY_USER, COPY_GROUPS };

static const struct field copied_groups_fields[] = {
    MEMBERSHIP_REPORT_FIELDS("added", "DN групп, в которые добавлен новый пользователь",
                             "The DNs of the groups that the new user has joined"),
};

static const struct field copied_fields[] = {
    [COPY_USER] = {.name = "user",
                   .type = FIELD_RECORD,
                   .fields = user_fields_reply,
                   .about = {"Новый пользователь", "The new user"},
                   .example = "{}"},
    [COPY_GROUPS] = {.name = "groups",
                     .type = FIELD_RECORD,
                     .fields = copied_groups_fields,
                     .about = {"Группы образца", "The groups of the template"},
                     .example = "{}"},
    {.name = NULL},
};

static const struct schema copied_schema = {"UserCopied", copied_fields};

/* --- the new user ---------------------------------------------------------------------------- */

struct copy {
    struct request *request;
    struct directory *directory;
    struct arena *arena;
    struct directory_entry *template, *user;
    struct directory_class class;
    const char *parent;
    struct directory_changes *changes;
    struct directory_own_groups groups; /* of the template */
    struct membership_report report;
};

/* Takes over the fields that the body lacks. A field that is null in the body stays empty. */
static void take_over_fields(const struct copy *copy)
{
    static const char *const names[] = {
        "department", "company", "title", "physicalDeliveryOfficeName", "l", "st", "c"};
    const struct field *fields = user_fields_class.fields;
    struct value *own = request_body_value(copy->request, "manager");
    const struct value *manager = fields_get(fields, copy->template->values, "manager");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct value *value = request_body_value(copy->request, names[i]);
        const char *text = fields_string(fields, copy->template->values, names[i]);
        if (value->state == VALUE_ABSENT && text) {
            field_set_string(value, text);
        }
    }
    if (own->state == VALUE_ABSENT && manager->state == VALUE_SET) {
        field_set_string(own, user_fields_manager_dn(manager));
    }
}

/* Sets the parent of the new user, and the class with the field that names the parent. */
static struct error *choose_parent(struct copy *copy)
{
    const char *parent = request_body_string(copy->request, "parent_dn");
    const char *ou = request_body_string(copy->request, "ou");
    copy->class = user_fields_class;
    if (!ou) {
        copy->class.parent_field = "parent_dn";
    }
    copy->parent = parent ? parent : ou ? ou : names_parent(copy->arena, copy->template->dn);
    return parent && ou
               ? error_field(copy->arena, "parent_dn", FAULT_EITHER_REQUIRED, "parent_dn, ou")
               : NULL;
}

static const char *cause_of(const struct error *error)
{
    return error->cause ? error->cause : problem_code(error->id);
}

static struct error *add_user(struct copy *copy)
{
    return directory_add(copy->directory, copy->arena, &copy->class,
                         request_body_string(copy->request, "cn"), copy->parent, copy->changes,
                         &copy->user);
}

static struct error *create_user(struct copy *copy)
{
    struct error *error = add_user(copy);
    if (!error) {
        copy->request->object_dn = copy->user->dn;
        copy->request->object_guid = copy->user->guid;
    } else if (error->id == ERR_RESULT_UNREAD) { /* created, but in none of the groups */
        error = error_new(copy->arena, ERR_PARTIALLY_APPLIED, "cannot read the new user: %s",
                          cause_of(error));
        error_detail(error, NULL, FAULT_NONE, request_body_string(copy->request, "cn"));
    }
    return error;
}

/* Adds the user to the groups. Leaves out those that the caller must not change. */
static struct error *join_groups(struct copy *copy)
{
    for (size_t i = 0; i < copy->groups.count; i++) {
        const struct directory_own_group *group = &copy->groups.list[i];
        struct error *error = group->error
                                  ? group->error
                                  : directory_change_own_group(copy->directory, copy->arena,
                                                               copy->user, group, DIRECTORY_MEMBER);
        if (!error) {
            membership_report_add_changed(&copy->report, group->dn);
        } else if (directory_is_group_error(error)) {
            membership_report_add_skipped(&copy->report, group->dn, error);
        } else {
            return error;
        }
    }
    return NULL;
}

/* Removes the new user after `error`, and returns that error. If the removal fails, returns
 * ERR_PARTIALLY_APPLIED with the DNs of the user and of the groups that the user has joined. */
static struct error *undo_creation(const struct copy *copy, struct error *error)
{
    struct error *again = directory_undo_addition(copy->directory, copy->arena, copy->user);
    if (!again) {
        /* nothing remains of a membership whose outcome is unknown */
        return error->id == ERR_OUTCOME_UNKNOWN
                   ? error_new(copy->arena, ERR_DIRECTORY_UNAVAILABLE, "%s", cause_of(error))
                   : error;
    }
    struct error *partial =
        error_new(copy->arena, ERR_PARTIALLY_APPLIED, "%s; cannot remove the new user: %s",
                  cause_of(error), cause_of(again));
    error_detail(partial, NULL, FAULT_NONE, copy->user->dn);
    for (size_t i = 0; i < copy->report.changed_count; i++) {
        error_detail(partial, NULL, FAULT_NONE, copy->report.changed[i]);
    }
    return partial;
}

/* --- the handler ----------------------------------------------------------------------------- */

/* Finds the template and its groups, and completes the body. */
static struct error *prepare_copy(struct copy *copy)
{
    struct request *request = copy->request;
    struct error *error = directory_find_target(
        copy->directory, copy->arena, &user_fields_class, request_path_value(request, "username"),
        request_query_string(request, "parent_dn"), &copy->template);
    if (!error) {
        error = user_fields_resolve(request);
    }
    if (!error) {
        error = choose_parent(copy);
    }
    if (error) {
        return error;
    }
    take_over_fields(copy);
    copy->changes = directory_changes_new(copy->arena);
    directory_change_fields(copy->changes, request->route->body->fields, request->body);
    user_fields_apply(request, copy->changes);
    return directory_read_own_groups(copy->directory, copy->arena, copy->template,
                                     DIRECTORY_OWN_FOR_NEW_USER, &copy->groups);
}

/* Plans the creation and the memberships. */
static struct error *plan_copy(struct copy *copy, const struct directory_sequence *sequence)
{
    struct error *error = add_user(copy);
    for (size_t i = 0; error && error->id == ERR_DRY_RUN && i < copy->groups.count; i++) {
        const struct directory_own_group *group = &copy->groups.list[i];
        if (!group->error) {
            error =
                directory_plan_new_member(copy->directory, copy->arena,
                                          directory_sequence_intent(sequence)->entries->dn, group);
        }
    }
    return error && error->id == ERR_DRY_RUN ? NULL : error;
}

/* Creates the user and its memberships, or neither. */
static struct error *make_copy(struct copy *copy)
{
    struct error *error = create_user(copy);
    if (error) {
        return error;
    }
    copy->report = membership_report_new(copy->arena, copy->groups.count);
    error = join_groups(copy);
    return error ? undo_creation(copy, error) : NULL;
}

static struct error *run_copy(struct copy *copy)
{
    struct error *error = prepare_copy(copy);
    if (error) {
        return error;
    }
    struct directory_sequence *sequence = directory_sequence_plan(copy->directory, copy->arena);
    error = plan_copy(copy, sequence);
    if (!error) {
        error = directory_sequence_announce(sequence);
    }
    if (!error) {
        error = make_copy(copy);
    }
    directory_sequence_end(sequence);
    return error ? error
                 : directory_read(copy->directory, copy->arena, &user_fields_class, copy->user,
                                  &copy->user);
}

static struct error *copy_user(struct request *request, struct reply *reply)
{
    struct copy copy = {
        .request = request, .directory = app_of(request)->directory, .arena = request->arena};
    request->subject = request_body_string(request, "sAMAccountName");
    struct error *error = run_copy(&copy);
    if (error) {
        return error;
    }
    struct value *record = arena_array(copy.arena, fields_count(copied_fields), sizeof *record);
    field_set_record(&record[COPY_USER], copy.user->values);
    field_set_record(&record[COPY_GROUPS], membership_report_values(&copy.report));
    reply_created(request, reply, "/api/v1/users", request->subject);
    reply_versioned_text(request, reply, record, copy.user->version);
    return NULL;
}

/* --- routes ---------------------------------------------------------------------------------- */

static const enum error_id copy_errors[] = {ENTRIES_UPDATE_ERRORS, ERR_PASSWORD_POLICY,
                                            ERR_PASSWORD_NEEDS_TLS, ERR_PARTIALLY_APPLIED,
                                            ERR_COUNT};

const struct route user_copy_routes[] = {
    {.method = METHOD_POST,
     .pattern = "/api/v1/users/{username}/copy",
     .path = entries_path,
     .handler = copy_user,
     .permission = PERMIT_DIRECTORY_WRITE,
     .rights = RIGHT_BIT(RIGHT_CREATE),
     .pool = POOL_DIRECTORY,
     .summary = {"Создать пользователя по образцу", "Create a user like another one"},
     .about = {"Создаёт пользователя. Поля department, company, manager, title, "
               "physicalDeliveryOfficeName, l, st, c и родитель, которых нет в запросе, берутся у "
               "образца {username}; null оставляет поле пустым. Новый пользователь входит в группы "
               "образца: в те, где образец состоит напрямую, и в его основную группу, если это не "
               "Domain Users, — как обычный участник. Группы, которые вам или сервису менять "
               "нельзя, перечислены в groups.skipped. Если добавить в группу не удалось по другой "
               "причине, новый пользователь удаляется.",
               "Creates a user. The fields department, company, manager, title, "
               "physicalDeliveryOfficeName, l, st, c and the parent that the request lacks are "
               "those of the template {username}; null leaves a field empty. The new user joins "
               "the groups of which the template is a direct member, and its primary group, as an "
               "ordinary member, unless that is Domain Users. Groups that you or the service must "
               "not change are listed in groups.skipped. If the user cannot join a group for "
               "another reason, the new user is removed again."},
     .query = entries_place_query,
     .body = &user_fields_copy_schema,
     .shape = REPLY_RECORD,
     .reply = &copied_schema,
     .creates = true,
     .versioned = true,
     .dry_run = true,
     .errors = copy_errors,
     .action = "copy_user",
     .revert = entry_revert,
     .resource_type = "user"},
    {.pattern = NULL},
};
