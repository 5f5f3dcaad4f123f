/* Users: the users of the directory. Their sAMAccountType tells them from the accounts of computers
 * and trusts (MS-SAMR 2.2.1.9). */
#include "resources/resources.h"
#include "rest/entries.h"
#include "rest/user_fields.h"

enum { ACCOUNT_DISABLED = 0x2 }; /* bit of userAccountControl: MS-ADTS 2.2.16 */

/* --- handlers -------------------------------------------------------------------------------- */

/* Applies the fields of the body that do not correspond to an attribute: the password, the flags of
 * the account, and the country. */
static void apply_account_fields(struct request *request, struct directory_changes *changes)
{
    const char *password = request_body_string(request, "password");
    const struct value *enabled = request_body_value(request, "enabled");
    const struct value *must_change = request_body_value(request, "must_change_password");
    user_fields_apply(request, changes);
    if (password) {
        directory_change_password(changes, password);
    }
    if (enabled->state == VALUE_SET) {
        directory_change_account_control(changes, ACCOUNT_DISABLED, !enabled->boolean);
    }
    if (must_change->state == VALUE_SET) {
        /* The only valid values are 0 ("must change") and -1 ("changed now"): MS-ADTS
         * 3.1.1.5.3.2. */
        directory_change_text(changes, "pwdLastSet", must_change->boolean ? "0" : "-1");
    }
}

/* Applies the body of a change. Unlike the body of a creation, it can also unlock the account. */
static void apply_account_update(struct request *request, struct directory_changes *changes)
{
    static const char every_hour[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                                     "\xff\xff\xff\xff\xff\xff"; /* 168 bits */
    const struct value *unlock = request_body_value(request, "unlock");
    const struct value *hours = request_body_value(request, "logonHours");
    apply_account_fields(request, changes);
    if (unlock->state == VALUE_SET && unlock->boolean) {
        directory_change_text(changes, "lockoutTime", "0");
    }
    if (hours->state == VALUE_NULL) {
        directory_change_text(changes, "logonHours", every_hour);
    }
}

/* Ends the sessions if the request set a password, set or cleared the obligation to change it, or
 * disabled the account. */
static void end_sessions_after_update(struct request *request, const struct directory_entry *entry)
{
    const struct value *enabled = request_body_value(request, "enabled");
    const struct value *must_change = request_body_value(request, "must_change_password");
    if (request_body_string(request, "password") || must_change->state == VALUE_SET ||
        (enabled->state == VALUE_SET && !enabled->boolean)) {
        entries_end_sessions(request, entry->guid);
    }
}

static const struct entries users = {
    .class = &user_fields_class,
    .rdn_field = "cn",
    .resolve = user_fields_resolve,
    .create = apply_account_fields,
    .update = apply_account_update,
    .updated = end_sessions_after_update,
    .ends_sessions = true,
};

/* Adds the user to the group or removes them. Looks both up without reading their attributes. */
static struct error *change_user_group(struct request *request,
                                       enum directory_member_state belonging,
                                       struct directory_entry **user_r)
{
    const struct directory_membership membership = {
        .group = request_path_value(request, "group"),
        .group_parent_dn = request_query_string(request, "parent_dn"),
        .member = request_path_value(request, "username"),
        .member_filter = DIRECTORY_USER_FILTER,
        .identifier_filter = DIRECTORY_USER_FILTER,
        .belonging = belonging,
        .guard = entries_guard(request, &user_fields_class),
        .guards_member = true,
    };
    struct directory_entry *group;
    return entries_change_member(request, &membership, &group, user_r);
}

static struct error *add_user_to_group(struct request *request, struct reply *reply)
{
    struct directory_entry *user;
    struct error *error = change_user_group(request, DIRECTORY_MEMBER, &user);
    if (!error) {
        error = directory_read(app_of(request)->directory, request->arena, &user_fields_class, user,
                               &user);
    }
    if (!error) {
        reply_versioned_text(request, reply, user->values, user->version);
    }
    return error;
}

static struct error *remove_user_from_group(struct request *request, struct reply *reply)
{
    struct directory_entry *user;
    struct error *error = change_user_group(request, DIRECTORY_NO_MEMBER, &user);
    if (!error) {
        reply_no_content(reply);
    }
    return error;
}

/* --- routes ---------------------------------------------------------------------------------- */

#define PATH "/api/v1/users"

static const enum error_id create_errors[] = {ENTRIES_CHANGE_ERRORS, ERR_PASSWORD_POLICY,
                                              ERR_PASSWORD_NEEDS_TLS, ERR_COUNT};
static const enum error_id update_errors[] = {ENTRIES_UPDATE_ERRORS, ERR_PROTECTED_OBJECT,
                                              ERR_PASSWORD_POLICY,   ERR_PASSWORD_NEEDS_TLS,
                                              ERR_PARTIALLY_APPLIED, ERR_COUNT};

const struct route users_routes[] = {
    {ENTRIES_LIST_ROW(&users, PATH, &user_fields_schema),
     .summary = {"Получить список пользователей", "List the users"}},
    {ENTRIES_GET_ROW(&users, PATH "/{username}", &user_fields_schema),
     .summary = {"Получить пользователя", "Get a user"}},
    {ENTRIES_CREATE_ROW(&users, PATH, "user", &user_fields_schema),
     .summary = {"Создать пользователя", "Create a user"}, .body = &user_fields_create_schema,
     .errors = create_errors},
    {ENTRIES_UPDATE_ROW(&users, PATH "/{username}", "user", &user_fields_schema),
     .summary = {"Изменить или переместить пользователя", "Change or move a user"},
     .body = &user_fields_update_schema, .errors = update_errors},
    {ENTRIES_DELETE_TREE_ROW(&users, PATH "/{username}", "user"),
     .summary = {"Удалить пользователя", "Delete a user"}, ENTRIES_DELETE_TREE_ABOUT},
    {ENTRIES_MEMBER_ROW(METHOD_POST, PATH "/{username}/groups/{group}", "group", add_user_to_group,
                        "add_user_to_group"),
     .summary = {"Добавить пользователя в группу", "Add a user to a group"}, .shape = REPLY_RECORD,
     .reply = &user_fields_schema},
    {ENTRIES_MEMBER_ROW(METHOD_DELETE, PATH "/{username}/groups/{group}", "group",
                        remove_user_from_group, "remove_user_from_group"),
     .summary = {"Удалить пользователя из группы", "Remove a user from a group"},
     .shape = REPLY_NOTHING},
    {.pattern = NULL},
};
