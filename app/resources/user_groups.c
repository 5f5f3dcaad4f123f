/* User groups: the groups of a user of the directory, and how the user belongs to each. */
#include "base/arena.h"
#include "resources/resources.h"
#include "rest/computed_list.h"
#include "rest/entries.h"

/* --- field maps ------------------------------------------------------------------------------ */

static const char *const kinds[] = {
    [DIRECTORY_GROUP_DIRECT] = "direct",
    [DIRECTORY_GROUP_NESTED] = "nested",
    [DIRECTORY_GROUP_PRIMARY] = "primary",
    NULL,
};

enum { GROUPS_ITEMS };

enum { GROUP_DN, GROUP_CN, GROUP_GUID, GROUP_KIND, GROUP_PATHS, GROUP_MORE_PATHS, GROUP_FIELDS };

static const struct field group_fields[] = {
    [GROUP_DN] = ENTRY_DN("\"CN=sales,OU=Groups,DC=kontora,DC=test\""),
    [GROUP_CN] = {.name = "cn",
                  .type = FIELD_STRING,
                  .flags = FIELD_NULLABLE,
                  .about = {"Название; null — служебная учётная запись не может прочитать группу, "
                            "и группы над ней неизвестны",
                            "The name; null: the service account cannot read the group, and the "
                            "groups above it are unknown"},
                  .example = "\"sales\""},
    [GROUP_GUID] = {.name = "objectGUID",
                    .type = FIELD_STRING,
                    .flags = FIELD_NULLABLE,
                    .format = "uuid",
                    .about = {"Постоянный идентификатор", "The permanent identifier"},
                    .example = "\"a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11\""},
    [GROUP_KIND] = {.name = "kind",
                    .type = FIELD_STRING,
                    .choices = kinds,
                    .about = {"Как пользователь входит в группу: напрямую (direct), через другие "
                              "группы (nested) или это его основная группа (primary)",
                              "How the user belongs to the group: directly (direct), by other "
                              "groups (nested), or as the primary group (primary)"},
                    .example = "\"direct\""},
    [GROUP_PATHS] = {.name = "paths",
                     .type = FIELD_LISTS,
                     .flags = FIELD_NOT_FILTERABLE,
                     .about = {"До десяти кратчайших путей: DN групп от группы пользователя до "
                               "этой группы",
                               "Up to ten of the shortest paths: the DNs from a group of the user "
                               "to this group"},
                     .example = "[[\"CN=sales,OU=Groups,DC=kontora,DC=test\"]]"},
    [GROUP_MORE_PATHS] = {.name = "more_paths",
                          .type = FIELD_BOOLEAN,
                          .about = {"Показаны не все пути: могут быть и другие",
                                    "True if not all paths are listed: there may be others"},
                          .example = "false"},
    [GROUP_FIELDS] = {.name = NULL},
};

static const struct field groups_fields[] = {
    {.name = "items",
     .type = FIELD_RECORDS,
     .flags = FIELD_ITEMS,
     .fields = group_fields,
     .about = {"Группы, начиная с групп самого пользователя",
               "The groups, beginning with those of the user"},
     .example = "[]"},
    COMPUTED_LIST_EXPLAIN,
    {.name = NULL},
};

static const struct field groups_query[] = {
    ENTRY_BOOLEAN("effective",
                  "true — показать и группы, в которые пользователь входит через "
                  "другие группы",
                  "True to list nested groups as well", "true"),
    ENTRY_PARENT("parent_dn", 0, "\"OU=Staff,DC=kontora,DC=test\""),
    QUERY_FIELDS,
    COMPUTED_LIST_SORT("сначала группы самого пользователя", "the groups of the user first",
                       "`cn`, `dn`, `objectGUID`, `kind`, `more_paths`", "cn"),
    QUERY_FILTER,
    QUERY_EXPLAIN,
    {.name = NULL},
};

static const struct schema groups_schema = {"UserGroups", groups_fields};

/* --- handlers -------------------------------------------------------------------------------- */

static struct value *group_values(struct arena *arena, const struct directory_group *group)
{
    struct value *values = arena_array(arena, GROUP_FIELDS, sizeof *values);
    field_set_string(&values[GROUP_DN], group->dn);
    field_set_string(&values[GROUP_CN], group->cn);
    field_set_string(&values[GROUP_GUID], group->guid);
    field_set_string(&values[GROUP_KIND], kinds[group->kind]);
    field_set_lists(&values[GROUP_PATHS], group->paths, group->paths_count);
    field_set_boolean(&values[GROUP_MORE_PATHS], group->more_paths);
    return values;
}

static struct error *list_user_groups(struct request *request, struct reply *reply)
{
    struct arena *arena = request->arena;
    struct directory_groups groups;
    struct computed_list list;
    struct error *error = computed_list_read(request, group_fields, &list);
    if (!error) {
        error = directory_read_groups(app_of(request)->directory, arena,
                                      request_path_value(request, "username"),
                                      request_query_string(request, "parent_dn"),
                                      request_query_boolean(request, "effective"), &groups);
    }
    if (error) {
        return error;
    }
    struct value **items = arena_array(arena, groups.count, sizeof *items);
    for (size_t i = 0; i < groups.count; i++) {
        items[i] = group_values(arena, &groups.list[i]);
    }
    error = computed_list_apply(request, &list, items, &groups.count);
    if (error) {
        return error;
    }
    struct value *record = arena_array(arena, fields_count(groups_fields), sizeof *record);
    field_set_records(&record[GROUPS_ITEMS], items, groups.count);
    reply_record(reply, record);
    reply->explain = list.explain;
    return NULL;
}

/* --- routes ---------------------------------------------------------------------------------- */

static const enum error_id groups_errors[] = {ENTRIES_FIND_ERRORS, COMPUTED_LIST_ERRORS, ERR_COUNT};

const struct route user_groups_routes[] = {
    {.method = METHOD_GET,
     .pattern = "/api/v1/users/{username}/groups",
     .path = entries_path,
     .handler = list_user_groups,
     .permission = PERMIT_DIRECTORY_READ,
     .rights = RIGHT_BIT(RIGHT_READ),
     .pool = POOL_DIRECTORY,
     .summary = {"Получить группы пользователя", "List the groups of a user"},
     .about = {"Группы пользователя и основная группа, с effective=true — и вложенные, с путями к "
               "каждой. Группы, которые содержат друг друга, показаны один раз.",
               "The groups of the user and the primary group; with effective=true also nested "
               "groups, with the paths to each. Groups that contain each other are listed once."},
     .query = groups_query,
     .shape = REPLY_RECORD,
     .reply = &groups_schema,
     .errors = groups_errors},
    {.pattern = NULL},
};
