/* Groups: groups of the directory and their members. */
#include "base/arena.h"
#include "directory/names.h"
#include "resources/resources.h"
#include "rest/cursor.h"
#include "rest/entries.h"
#include "rest/paging.h"

#include <string.h>

/* --- field maps ------------------------------------------------------------------------------ */

#define SECURITY_GROUP(scope_) (INT32_MIN | (scope_))

/* One scope, with or without the security bit. The other bits mark built-in groups and groups of
 * applications, which clients cannot create. */
static const int64_t group_types[] = {
    SECURITY_GROUP(GROUP_GLOBAL),
    SECURITY_GROUP(GROUP_DOMAIN_LOCAL),
    SECURITY_GROUP(GROUP_UNIVERSAL),
    GROUP_GLOBAL,
    GROUP_DOMAIN_LOCAL,
    GROUP_UNIVERSAL,
    0,
};

#define GROUP_TYPE_ABOUT                                                                           \
    .about = {"Тип группы, целое со знаком: область (2: global, "     \
              "4: domain_local, 8: universal) и признак безопасности",                             \
              "The type of the group, a signed integer: the scope (2: global, "                    \
              "4: domain_local, 8: universal) and the security bit"},                              \
    .example = "-2147483646"

#define GROUP_NAME(flags_)                                                                         \
    ENTRY_NAME("cn", flags_, "Название (RDN объекта)", "The name (the RDN of the entry)",          \
               "\"sales\"")

#define ACCOUNT_NAME_MAX 256

static const struct field group_fields[] = {
    ENTRY_DN("\"CN=sales,OU=Groups,DC=kontora,DC=test\""),
    ENTRY_TEXT("cn", 64, 0, "Название", "The name", "\"sales\""),
    ENTRY_TEXT("sAMAccountName", ACCOUNT_NAME_MAX, 0, "Имя учётной записи группы",
               "The account name of the group", "\"sales\""),
    ENTRY_DESCRIPTION("\"Sales department\""),
    {.name = "groupType",
     .type = FIELD_INTEGER,
     .attribute = "groupType",
     .codec = CODEC_INTEGER,
     GROUP_TYPE_ABOUT},
    {.name = "scope",
     .type = FIELD_STRING,
     .attribute = "groupType",
     .codec = CODEC_SCOPE,
     .about = {"Область: global, domain_local или universal",
               "The scope: global, domain_local or universal"},
     .example = "\"global\""},
    {.name = "security",
     .type = FIELD_BOOLEAN,
     .attribute = "groupType",
     .codec = CODEC_BITS_SET,
     .mask = GROUP_SECURITY,
     .about = {"Группа безопасности, а не рассылки",
               "True for a security group, false for a distribution group"},
     .example = "true"},
    ENTRY_GUID,
    {.name = "member",
     .type = FIELD_STRINGS,
     .attribute = "member",
     .codec = CODEC_MEMBERS,
     .about = {"DN всех участников, включая тех, для кого эта группа основная",
               "The DNs of all members, including those whose primary group it is"},
     .example = "[\"CN=Иванов Иван,OU=Staff,DC=kontora,DC=test\"]"},
    ENTRY_TIMES,
    {.name = NULL},
};

static const struct field create_fields[] = {
    GROUP_NAME(FIELD_REQUIRED),
    ENTRY_PARENT("ou", FIELD_REQUIRED, "\"OU=Groups,DC=kontora,DC=test\""),
    ENTRY_DESCRIPTION("\"Sales department\""),
    {.name = "groupType",
     .type = FIELD_INTEGER,
     .flags = FIELD_DEFAULT,
     .standard = SECURITY_GROUP(GROUP_GLOBAL),
     .numbers = group_types,
     .attribute = "groupType",
     .codec = CODEC_INTEGER,
     GROUP_TYPE_ABOUT},
    {.name = "sAMAccountName",
     .type = FIELD_STRING,
     .flags = FIELD_NAME | FIELD_VISIBLE,
     .min = 1,
     .max = ACCOUNT_NAME_MAX,
     .check = directory_check_account_name,
     .attribute = "sAMAccountName",
     .codec = CODEC_TEXT,
     .about = {"Имя учётной записи группы (по умолчанию cn)",
               "The account name of the group (default: cn)"},
     .example = "\"sales\""},
    {.name = NULL},
};

static const struct field update_fields[] = {
    GROUP_NAME(0),
    ENTRY_PARENT("parent_dn", 0, "\"OU=Groups,DC=kontora,DC=test\""),
    ENTRY_DESCRIPTION("\"Sales department\""),
    {.name = NULL},
};

static const struct schema group_schema = {"Group", group_fields};
static const struct schema create_schema = {"GroupCreate", create_fields};
static const struct schema update_schema = {"GroupUpdate", update_fields};

static const struct directory_class group_class = {
    .filter = DIRECTORY_GROUP_FILTER,
    .name_attribute = "cn",
    .rdn_attribute = "CN",
    .sort_attribute = "cn",
    .searched = (const char *const[]){"cn", "sAMAccountName", "description", NULL},
    .object_classes = (const char *const[]){"top", "group", NULL},
    .fields = group_fields,
    .writable = update_fields,
    .parent_field = "ou",
};

/* --- handlers -------------------------------------------------------------------------------- */

/* Derives a missing sAMAccountName from `cn`, because the server would generate a random one. */
static void derive_group_account_name(struct request *request, struct directory_changes *changes)
{
    if (!request_body_string(request, "sAMAccountName")) {
        directory_change_text(changes, "sAMAccountName",
                              names_derive_account(request->arena,
                                                   request_body_string(request, "cn"),
                                                   ACCOUNT_NAME_MAX));
    }
}

static const struct entries groups = {
    .class = &group_class,
    .rdn_field = "cn",
    .create = derive_group_account_name,
};

/* Adds the member to the group or removes it. Looks both up without reading their attributes, which
 * for a group may be thousands of members. A name must be that of a user or a group. A GUID or DN
 * may be that of any object, because groups also show other objects as members. */
static struct error *change_group_member(struct request *request,
                                         enum directory_member_state belonging,
                                         struct directory_entry **group_r)
{
    const struct directory_membership membership = {
        .group = request_path_value(request, "name"),
        .group_parent_dn = request_query_string(request, "parent_dn"),
        .member = request_path_value(request, "username"),
        .member_filter = "(|" DIRECTORY_USER_FILTER DIRECTORY_GROUP_FILTER ")",
        .identifier_filter = "(objectClass=*)",
        .removes_any_value = true,
        .belonging = belonging,
        .guard = entries_guard(request, &group_class),
    };
    struct directory_entry *member;
    return entries_change_member(request, &membership, group_r, &member);
}

static struct error *add_group_member(struct request *request, struct reply *reply)
{
    struct directory_entry *group;
    struct error *error = change_group_member(request, DIRECTORY_MEMBER, &group);
    if (!error) {
        error =
            directory_read(app_of(request)->directory, request->arena, &group_class, group, &group);
    }
    if (!error) {
        reply_versioned_text(request, reply, group->values, group->version);
    }
    return error;
}

static struct error *remove_group_member(struct request *request, struct reply *reply)
{
    struct directory_entry *group;
    struct error *error = change_group_member(request, DIRECTORY_NO_MEMBER, &group);
    if (!error) {
        reply_no_content(reply);
    }
    return error;
}

/* --- pages of members ------------------------------------------------------------------------ */

enum { ACCOUNT_DISABLED = 0x2 }; /* bit of userAccountControl: MS-ADTS 2.2.16 */

static const struct field member_fields[] = {
    ENTRY_DN("\"CN=Иванов Иван,OU=Staff,DC=kontora,DC=test\""),
    ENTRY_GUID,
    ENTRY_TEXT("name", 255, 0, "Имя (RDN объекта)", "The name (the RDN of the entry)",
               "\"Иванов Иван\""),
    {.name = "kind",
     .type = FIELD_STRING,
     .choices = directory_member_kinds,
     .attribute = "objectClass",
     .codec = CODEC_KIND,
     .about = {"Вид участника; foreign — участник из другого домена, other — объект другого вида "
               "или недоступный для чтения",
               "The kind of member; foreign: a principal of another domain, other: an object of "
               "another kind, or one that cannot be read"},
     .example = "\"user\""},
    {.name = "enabled",
     .type = FIELD_BOOLEAN,
     .flags = FIELD_NULLABLE,
     .attribute = "userAccountControl",
     .codec = CODEC_BITS_CLEAR,
     .mask = ACCOUNT_DISABLED,
     .about = {"Учётная запись включена; null, если это не учётная запись",
               "True if the account is enabled; null if the member is not an account"},
     .example = "true"},
    {.name = NULL},
};

static const struct schema member_schema = {"GroupMember", member_fields};

/* The orders of the list: each field, and the same in the descending order. A cursor contains its
 * order and is valid only with it. */
static const struct member_order {
    const char *name;
    enum directory_member_order order;
} member_orders[] = {
    {"name", DIRECTORY_MEMBERS_BY_NAME},       {"dn", DIRECTORY_MEMBERS_BY_DN},
    {"objectGUID", DIRECTORY_MEMBERS_BY_GUID}, {"kind", DIRECTORY_MEMBERS_BY_KIND},
    {"enabled", DIRECTORY_MEMBERS_BY_ENABLED}, {NULL},
};
static const char *const member_sorts[] = {"name",       "-name",       "dn",      "-dn",
                                           "kind",       "-kind",       "enabled", "-enabled",
                                           "objectGUID", "-objectGUID", NULL};

static const struct field members_query[] = {
    ENTRY_PARENT("parent_dn", 0, "\"OU=Groups,DC=kontora,DC=test\""),
    ENTRY_BOOLEAN("effective", "Показать и участников вложенных групп, каждого один раз",
                  "True to include the members of nested groups, each once", "false"),
    {.name = "search",
     .type = FIELD_STRING,
     .max = PAGING_SEARCH_MAX,
     .about = {"Слова или части слов из имени, логина или адреса почты, в любом порядке",
               "Words, or parts of words, of the name, the account name or the email address, in "
               "any order"},
     .example = "\"иван петров\""},
    QUERY_AFTER,
    QUERY_LIMIT(LIMIT_STANDARD),
    QUERY_FIELDS,
    {.name = "sort",
     .type = FIELD_STRING,
     .choices = member_sorts,
     .about = {"Порядок: одно поле (по умолчанию `name`), затем по имени; «-» — по убыванию",
               "The order: one field (by default `name`), then by name; '-' is descending"},
     .example = "\"-name\""},
    QUERY_FILTER,
    QUERY_EXPLAIN,
    {.name = NULL},
};

/* A cursor has the place of the last member of a page: its sort key and its objectGUID. */
enum { PLACE_VALUES = 2 };

static const char *read_member_sort(const struct request *request)
{
    const char *sort = request_query_string(request, "sort");
    return sort ? sort : member_orders->name;
}

static enum directory_member_order find_member_order(const char *sort)
{
    const struct member_order *order = member_orders;
    while (order->name && strcmp(order->name, sort + (*sort == '-')) != 0) {
        order++;
    }
    return order->order;
}

static struct error *read_member_cursor(const struct request *request,
                                        struct directory_member_place *place_r)
{
    struct cursor_value values[PLACE_VALUES] = {{.type = CURSOR_SORT_KEY}, {.type = CURSOR_TEXT}};
    const char *after = request_query_string(request, "after");
    if (after &&
        !cursor_parse(request->arena, after, read_member_sort(request), values, PLACE_VALUES)) {
        return error_field(request->arena, "after", FAULT_NOT_CURSOR, NULL);
    }
    *place_r = (struct directory_member_place){
        .key = (const unsigned char *)values[0].text,
        .length = values[0].length,
        .guid = values[1].text,
    };
    return NULL;
}

static const char *format_member_cursor(const struct request *request,
                                        const struct directory_member_place *place)
{
    const struct cursor_value values[PLACE_VALUES] = {
        {.type = CURSOR_SORT_KEY, .text = (const char *)place->key, .length = place->length},
        {.type = CURSOR_TEXT, .text = place->guid},
    };
    return cursor_format(request->arena, read_member_sort(request), values, PLACE_VALUES);
}

static struct value *format_member(struct arena *arena, const struct directory_member *member)
{
    struct value *values = arena_array(arena, fields_count(member_fields), sizeof *values);
    field_set_string(fields_get(member_fields, values, "dn"), member->dn);
    field_set_string(fields_get(member_fields, values, "objectGUID"), member->guid);
    field_set_string(fields_get(member_fields, values, "name"), member->name);
    field_set_string(fields_get(member_fields, values, "kind"), member->kind);
    struct value *enabled = fields_get(member_fields, values, "enabled");
    if (member->is_account) {
        field_set_boolean(enabled, member->enabled);
    } else {
        enabled->state = VALUE_NULL;
    }
    return values;
}

static struct error *list_group_members(struct request *request, struct reply *reply)
{
    struct arena *arena = request->arena;
    bool by_cursor = request_query_string(request, "after") != NULL;
    const char *sort = read_member_sort(request);
    struct directory_member_place after;
    struct directory_member_page page = {0};
    const struct filter *filter = NULL;
    struct error *error = error_merge(read_member_cursor(request, &after),
                                      entries_read_filter(request, member_fields, &filter));
    if (error) {
        return error;
    }
    const struct directory_member_query query = {
        .group = request_path_value(request, "name"),
        .group_parent_dn = request_query_string(request, "parent_dn"),
        .effective = request_query_boolean(request, "effective"),
        .search = request_query_string(request, "search"),
        .filter = filter,
        .order = find_member_order(sort),
        .descending = *sort == '-',
        .after = by_cursor ? &after : NULL,
        .limit = (size_t)request_query_integer(request, "limit"),
    };
    error = directory_list_members(app_of(request)->directory, arena, &query, &page);
    if (error) {
        return error;
    }
    struct value **items = arena_array(arena, page.count, sizeof *items);
    for (size_t i = 0; i < page.count; i++) {
        items[i] = format_member(arena, &page.members[i]);
    }
    reply_list(reply, items, page.count, by_cursor ? REPLY_TOTAL_UNKNOWN : page.total, 0,
               (int64_t)query.limit);
    if (page.more) {
        reply->next = format_member_cursor(request, &page.members[page.count - 1].place);
    }
    if (request_query_boolean(request, "explain")) {
        const struct directory_page search = {.base = page.base, .filter = page.compiled};
        reply->explain = entries_explain(arena, &search);
    }
    return NULL;
}

/* --- routes ---------------------------------------------------------------------------------- */

#define PATH "/api/v1/groups"

#define MEMBER_ABOUT                                                                               \
    .about = {"username — имя учётной записи "                                   \
              "пользователя или группы. "                                     \
              "Других участников указывайте "                            \
              "по objectGUID или DN.",                                                             \
              "username is the account name of a user or a group. Specify other members by "       \
              "objectGUID or DN."}

static const enum error_id members_errors[] = {
    ENTRIES_FIND_ERRORS, ERR_NOT_FILTERABLE, ERR_FILTER_TOO_COSTLY, ERR_SORT_TOO_COSTLY, ERR_COUNT};

const struct route groups_routes[] = {
    {ENTRIES_LIST_ROW(&groups, PATH, &group_schema),
     .summary = {"Получить список групп", "List the groups"}},
    {ENTRIES_GET_ROW(&groups, PATH "/{name}", &group_schema),
     .summary = {"Получить группу", "Get a group"}},
    {ENTRIES_CREATE_ROW(&groups, PATH, "group", &group_schema),
     .summary = {"Создать группу", "Create a group"}, .body = &create_schema,
     .errors = entries_create_errors},
    {ENTRIES_UPDATE_ROW(&groups, PATH "/{name}", "group", &group_schema),
     .summary = {"Изменить или переместить группу", "Change or move a group"},
     .body = &update_schema, .errors = entries_update_errors},
    {ENTRIES_DELETE_TREE_ROW(&groups, PATH "/{name}", "group"),
     .summary = {"Удалить группу", "Delete a group"}, ENTRIES_DELETE_TREE_ABOUT},
    {ENTRIES_READ_ROW(&groups), .method = METHOD_GET, .pattern = PATH "/{name}/members",
     .handler = list_group_members, .query = members_query, .shape = REPLY_PAGE,
     .reply = &member_schema, .errors = members_errors, .resource = "name",
     .summary = {"Получить участников группы", "List the members of a group"},
     .about = {"Участники упорядочены по имени. Среди них и те, для кого эта группа основная.",
               "Members are sorted by name. They include those whose primary group it is."}},
    {ENTRIES_MEMBER_ROW(METHOD_POST, PATH "/{name}/members/{username}", "name", add_group_member,
                        "add_user_to_group"),
     .summary = {"Добавить участника в группу", "Add a member to a group"}, MEMBER_ABOUT,
     .shape = REPLY_RECORD, .reply = &group_schema},
    {ENTRIES_MEMBER_ROW(METHOD_DELETE, PATH "/{name}/members/{username}", "name",
                        remove_group_member, "remove_user_from_group"),
     .summary = {"Удалить участника из группы", "Remove a member from a group"}, MEMBER_ABOUT,
     .shape = REPLY_NOTHING},
    {.pattern = NULL},
};
