/*
 * User offboard: what is done with the account of a leaver. The account is disabled and gets the
 * date in its description, leaves its groups, and is moved.
 *
 * These are several changes of the directory (directory/sequence.h). All that can be checked is
 * checked before the first one. A call that fails in between can be repeated, and continues.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "directory/account.h"
#include "directory/optional.h"
#include "directory/own_groups.h"
#include "directory/sequence.h"
#include "resources/resources.h"
#include "rest/entries.h"
#include "rest/membership_report.h"
#include "rest/user_fields.h"

#include <string.h>

enum { DESCRIPTION_MAX = 1024, DATE_LENGTH = 10 };

/* The end of the description of an offboarded user: "[offboarded 2026-11-30]". */
#define MARK_BEGIN "[offboarded "
#define MARK_END "]"

static const char hidden_attribute[] = "msExchHideFromAddressLists";

/* --- field maps ------------------------------------------------------------------------------ */

static const struct field offboard_fields[] = {
    {.name = "move_to",
     .type = FIELD_STRING,
     .min = 1,
     .max = 4096,
     .check = directory_check_dn,
     .format = "dn",
     .about = {"DN подразделения, в которое переместить пользователя",
               "The DN of the unit to move the user to"},
     .example = "\"OU=Former,DC=kontora,DC=test\""},
    ENTRY_BOOLEAN("hide",
                  "Скрыть из адресной книги Exchange (msExchHideFromAddressLists), если в схеме "
                  "каталога есть этот атрибут",
                  "True to hide the user from the address book of Exchange "
                  "(msExchHideFromAddressLists), if the schema has this attribute",
                  "true"),
    {.name = NULL},
};

static const struct schema offboard_schema = {"UserOffboard", offboard_fields};

enum { LEAVER_USER, LEAVER_GROUPS };

static const struct field left_groups_fields[] = {
    MEMBERSHIP_REPORT_FIELDS("removed", "DN групп, из которых исключён пользователь",
                             "The DNs of the groups from which the user was removed"),
};

static const struct field offboarded_fields[] = {
    [LEAVER_USER] = {.name = "user",
                     .type = FIELD_RECORD,
                     .fields = user_fields_reply,
                     .about = {"Пользователь", "The user"},
                     .example = "{}"},
    [LEAVER_GROUPS] = {.name = "groups",
                       .type = FIELD_RECORD,
                       .fields = left_groups_fields,
                       .about = {"Группы пользователя", "The groups of the user"},
                       .example = "{}"},
    {.name = NULL},
};

static const struct schema offboarded_schema = {"UserOffboarded", offboarded_fields};

/* --- the description ------------------------------------------------------------------------- */

/* Returns the mark at the end of the description; NULL if there is none. */
static const char *find_mark(struct arena *arena, const char *description)
{
    const size_t date = strlen(MARK_BEGIN), end = date + DATE_LENGTH;
    const char *mark = description ? strrchr(description, *MARK_BEGIN) : NULL;
    bool is_mark = mark && strlen(mark) == end + strlen(MARK_END) &&
                   !strncmp(mark, MARK_BEGIN, date) && !strcmp(mark + end, MARK_END) &&
                   clock_parse_date(arena_copy(arena, mark + date, DATE_LENGTH), NULL);
    return is_mark ? mark : NULL;
}

/* Returns the longest beginning of the text that has at most `units_max` UTF-16 units. */
static const char *cut_text(struct arena *arena, const char *text, size_t units_max)
{
    size_t length = strlen(text), at = 0, next = 0;
    while (next < length) {
        (void)utf8_next(text, length, &next);
        if (utf8_utf16_units(text, next) > units_max) {
            break;
        }
        at = next;
    }
    return arena_copy(arena, text, at);
}

/* Returns the description with the mark of today (UTC) at its end; NULL if it needs no change,
 * because the user was offboarded before. */
static const char *mark_description(struct arena *arena, const char *description, bool is_enabled)
{
    char now[CLOCK_TEXT_SIZE];
    clock_format(clock_wall_ms(), now);
    const char *mark = arena_format(arena, MARK_BEGIN "%.*s" MARK_END, (int)DATE_LENGTH, now);
    const char *old = find_mark(arena, description);
    if (old && (!is_enabled || !strcmp(old, mark))) {
        return NULL;
    }
    if (!description || !*description) {
        return mark;
    }
    const char *kept = cut_text(arena, description, DESCRIPTION_MAX - strlen(mark) - 1);
    return arena_format(arena, "%s %s", kept, mark);
}

/* --- the plan -------------------------------------------------------------------------------- */

struct leaving {
    struct request *request;
    struct directory *directory;
    struct arena *arena;
    struct directory_entry *user;
    struct directory_changes *changes; /* of attributes, the first change */
    struct directory_own_groups groups;
    const char *move_to; /* NULL: the user is not moved */
    struct membership_report report;
    bool is_disabled; /* the first change was made */
};

static const char *leaver_text(const struct leaving *leaving, const char *field)
{
    return fields_string(user_fields_class.fields, leaving->user->values, field);
}

static struct error *find_leaver(struct leaving *leaving)
{
    struct request *request = leaving->request;
    struct error *error =
        directory_find_target(leaving->directory, leaving->arena, &user_fields_class,
                              request_path_value(request, "username"),
                              request_query_string(request, "parent_dn"), &leaving->user);
    if (!error) {
        request->subject = leaver_text(leaving, "sAMAccountName");
        request->object_dn = leaving->user->dn;
        request->object_guid = leaving->user->guid;
    }
    return error;
}

/* Hides the user from the address book if the request says so. */
static struct error *plan_hiding(struct leaving *leaving)
{
    const struct value *hide = request_body_value(leaving->request, "hide");
    struct directory_optional hidden;
    if (hide->state != VALUE_SET || !hide->boolean) {
        return NULL;
    }
    struct error *error = directory_read_optional(leaving->directory, leaving->arena, leaving->user,
                                                  hidden_attribute, &hidden);
    if (!error && !hidden.exists) {
        return error_field(leaving->arena, "hide", FAULT_NOT_IN_SCHEMA, NULL);
    }
    if (!error && !hidden.is_true) {
        directory_change_text(leaving->changes, hidden_attribute, "TRUE");
    }
    return error;
}

static struct error *plan_attributes(struct leaving *leaving)
{
    const struct value *enabled =
        fields_get(user_fields_class.fields, leaving->user->values, "enabled");
    const char *description =
        mark_description(leaving->arena, leaver_text(leaving, "description"), enabled->boolean);
    leaving->changes = directory_changes_new(leaving->arena);
    directory_change_account_control(leaving->changes, ACCOUNT_DISABLED, true);
    if (description) {
        directory_change_text(leaving->changes, "description", description);
    }
    entries_set_condition(leaving->request, leaving->changes);
    return plan_hiding(leaving);
}

/* Reads the groups. Fails if a right is missing for one of them; the groups that nobody can change
 * here, because they are protected or outside of the base DN, are left as they are. */
static struct error *plan_groups(struct leaving *leaving)
{
    struct error *error = directory_read_own_groups(
        leaving->directory, leaving->arena, leaving->user, DIRECTORY_OWN_DIRECT, &leaving->groups);
    if (!error && leaving->groups.has_hidden) {
        error = directory_hidden_groups_error(leaving->arena);
    }
    if (error) {
        return error;
    }
    leaving->report = membership_report_new(leaving->arena, leaving->groups.count);
    for (size_t i = 0; i < leaving->groups.count; i++) {
        const struct directory_own_group *group = &leaving->groups.list[i];
        if (group->error &&
            (group->error->id == ERR_FORBIDDEN || group->error->id == ERR_DIRECTORY_FORBIDDEN)) {
            return error_detail(group->error, NULL, FAULT_NONE, group->dn);
        }
    }
    return NULL;
}

static struct error *prepare_offboarding(struct leaving *leaving)
{
    struct error *error = find_leaver(leaving);
    leaving->move_to = request_body_string(leaving->request, "move_to");
    return error ? error : plan_attributes(leaving);
}

/* --- the changes ----------------------------------------------------------------------------- */

static struct error *change_attributes(struct leaving *leaving)
{
    struct directory_entry *changed;
    return directory_update(leaving->directory, leaving->arena, &user_fields_class, leaving->user,
                            leaving->changes, &changed);
}

/* Moves the user. *moved_r is the user after the change. */
static struct error *change_place(struct leaving *leaving, struct directory_entry **moved_r)
{
    struct directory_changes *changes = directory_changes_new(leaving->arena);
    directory_change_place(changes, NULL, leaving->move_to);
    return directory_update(leaving->directory, leaving->arena, &user_fields_class, leaving->user,
                            changes, moved_r);
}

static struct error *leave_group(struct leaving *leaving, const struct directory_own_group *group)
{
    return group->error ? group->error
                        : directory_change_own_group(leaving->directory, leaving->arena,
                                                     leaving->user, group, DIRECTORY_NO_MEMBER);
}

/* Returns the error of a planned change; NULL if it can be made. */
static struct error *check_planned(struct error *error)
{
    return error && error->id == ERR_DRY_RUN ? NULL : error;
}

/* Gives details about the parent the name of the field in the body. */
static struct error *name_place(struct error *error)
{
    for (struct error_detail *detail = error ? error->details : NULL; detail;
         detail = detail->next) {
        if (detail->field && !strcmp(detail->field, "parent_dn")) {
            detail->field = "move_to";
        }
    }
    return error;
}

/* Plans all changes, in their order. */
static struct error *plan_changes(struct leaving *leaving)
{
    struct directory_entry *moved;
    struct error *error = check_planned(change_attributes(leaving));
    if (!error) {
        error = plan_groups(leaving);
    }
    for (size_t i = 0; !error && i < leaving->groups.count; i++) {
        const struct directory_own_group *group = &leaving->groups.list[i];
        error = group->error ? NULL : check_planned(leave_group(leaving, group));
    }
    return error || !leaving->move_to ? error
                                      : name_place(check_planned(change_place(leaving, &moved)));
}

/* Disables the account, and ends the sessions of the user. */
static struct error *disable_leaver(struct leaving *leaving)
{
    struct error *error = change_attributes(leaving);
    leaving->is_disabled = !error || error->id == ERR_RESULT_UNREAD;
    if (leaving->is_disabled || error_may_follow_change(error)) {
        entries_end_sessions(leaving->request, leaving->user->guid);
    }
    return error;
}

static struct error *leave_groups(struct leaving *leaving)
{
    for (size_t i = 0; i < leaving->groups.count; i++) {
        const struct directory_own_group *group = &leaving->groups.list[i];
        struct error *error = leave_group(leaving, group);
        if (!error) {
            membership_report_add_changed(&leaving->report, group->dn);
        } else if (group->error || error->id == ERR_NOT_FOUND) {
            membership_report_add_skipped(&leaving->report, group->dn, error);
        } else {
            return error;
        }
    }
    return NULL;
}

/* Moves the user, or only reads the result if the request says nothing of a place. */
static struct error *move_leaver(struct leaving *leaving)
{
    const char *dn = leaving->user->dn;
    if (!leaving->move_to) {
        return directory_read(leaving->directory, leaving->arena, &user_fields_class, leaving->user,
                              &leaving->user);
    }
    struct error *error = change_place(leaving, &leaving->user);
    if (!error && strcmp(leaving->user->dn, dn) != 0) {
        leaving->request->moved_dn = leaving->user->dn;
    }
    return error;
}

/* Returns the error of a change after which others had been made: the details are the DN of the
 * disabled user and those of the groups that the user has left. */
static struct error *report_partial(const struct leaving *leaving, struct error *error)
{
    if (!leaving->is_disabled) {
        return error;
    }
    struct error *partial = error_new(leaving->arena, ERR_PARTIALLY_APPLIED, "%s",
                                      error->cause ? error->cause : "a later change failed");
    error_detail(partial, NULL, FAULT_NONE, leaving->user->dn);
    for (size_t i = 0; i < leaving->report.changed_count; i++) {
        error_detail(partial, NULL, FAULT_NONE, leaving->report.changed[i]);
    }
    return partial;
}

static struct error *make_changes(struct leaving *leaving)
{
    struct error *error = disable_leaver(leaving);
    if (!error) {
        error = leave_groups(leaving);
    }
    if (error) {
        return report_partial(leaving, error);
    }
    error = move_leaver(leaving);
    return error && error->id != ERR_RESULT_UNREAD ? report_partial(leaving, error) : error;
}

static struct error *run_offboarding(struct leaving *leaving)
{
    struct error *error = prepare_offboarding(leaving);
    if (error) {
        return error;
    }
    struct directory_sequence *sequence =
        directory_sequence_plan(leaving->directory, leaving->arena);
    error = plan_changes(leaving);
    if (!error) {
        error = directory_sequence_announce(sequence);
    }
    if (!error) {
        error = make_changes(leaving);
    }
    directory_sequence_end(sequence);
    return error;
}

/* --- the handler ----------------------------------------------------------------------------- */

static struct error *offboard_user(struct request *request, struct reply *reply)
{
    struct leaving leaving = {
        .request = request, .directory = app_of(request)->directory, .arena = request->arena};
    struct error *error = run_offboarding(&leaving);
    if (error) {
        return error;
    }
    struct value *record =
        arena_array(leaving.arena, fields_count(offboarded_fields), sizeof *record);
    field_set_record(&record[LEAVER_USER], leaving.user->values);
    field_set_record(&record[LEAVER_GROUPS], membership_report_values(&leaving.report));
    reply_versioned_text(request, reply, record, leaving.user->version);
    return NULL;
}

/* --- routes ---------------------------------------------------------------------------------- */

static const enum error_id offboard_errors[] = {ENTRIES_UPDATE_ERRORS, ERR_PROTECTED_OBJECT,
                                                ERR_PARTIALLY_APPLIED, ERR_COUNT};

const struct route user_offboard_routes[] = {
    {.method = METHOD_POST,
     .pattern = "/api/v1/users/{username}/offboard",
     .path = entries_path,
     .handler = offboard_user,
     .permission = PERMIT_DIRECTORY_WRITE,
     .rights = RIGHT_BIT(RIGHT_ENABLE),
     .pool = POOL_DIRECTORY,
     .summary = {"Оформить уход пользователя", "Offboard a user"},
     .about = {"Отключает учётную запись, дописывает к description дату (UTC): «[offboarded "
               "2026-11-30]», завершает сессии, исключает пользователя из всех групп, кроме "
               "основной, и перемещает его. Всё проверяется до первого изменения; нужны права "
               "enable, update, members во всех группах и move в обоих местах. Защищённые группы и "
               "группы вне LDAP_BASE_DN перечислены в groups.skipped. Если изменение не удалось, "
               "ответ PARTIALLY_APPLIED называет уже сделанное; повторный вызов продолжит.",
               "Disables the account, appends the date (UTC) to its description, as in "
               "\"[offboarded 2026-11-30]\", ends the sessions, removes the user from all groups "
               "but the primary one, and moves the user. Everything is checked before the first "
               "change; the rights enable, update, members in all groups and move at both places "
               "are required. Protected groups and groups outside of LDAP_BASE_DN are listed in "
               "groups.skipped. If a change fails, PARTIALLY_APPLIED names what was done, and "
               "the same call continues."},
     .query = entries_place_query,
     .body = &offboard_schema,
     .body_optional = true,
     .shape = REPLY_RECORD,
     .reply = &offboarded_schema,
     .versioned = true,
     .dry_run = true,
     .errors = offboard_errors,
     .action = "offboard_user",
     .revert = entry_revert,
     .resource_type = "user",
     .resource = "username"},
    {.pattern = NULL},
};
