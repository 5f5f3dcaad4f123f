/* Tree: one level of the tree of units and containers of the directory, with counts. */
#include "base/arena.h"
#include "resources/resources.h"
#include "rest/computed_list.h"
#include "rest/entries.h"

/* --- field maps ------------------------------------------------------------------------------ */

#define COUNT(name_, ru_, en_)                                                                     \
    {                                                                                              \
        .name = (name_), .type = FIELD_INTEGER, .about = {(ru_), (en_)}, .example = "12"           \
    }

/* In the order of enum directory_counted. */
static const struct field counts_fields[] = {
    COUNT("ous", "Подразделения", "Organizational units"),
    COUNT("users", "Пользователи", "Users"),
    COUNT("groups", "Группы", "Groups"),
    COUNT("computers", "Компьютеры", "Computers"),
    {.name = NULL},
};

#define PLACE_NAME                                                                                 \
    {                                                                                              \
        .name = "name", .type = FIELD_STRING, .about = {"Название", "The name"},                   \
        .example = "\"Staff\""                                                                     \
    }

#define PLACE_KIND(ru_, en_)                                                                       \
    {                                                                                              \
        .name = "kind", .type = FIELD_STRING, .about = {(ru_), (en_)}, .example = "\"ou\""         \
    }

#define COUNTS_EXAMPLE "{\"ous\":2,\"users\":12,\"groups\":0,\"computers\":3}"
#define CHILD_EXAMPLE                                                                              \
    "{\"dn\":\"OU=Staff,DC=kontora,DC=test\","                                                     \
    "\"objectGUID\":\"a1f3c0de-5b1c-4b8e-9a55-0d3f7f1e2c11\","                                     \
    "\"name\":\"Staff\",\"kind\":\"ou\",\"counts\":" COUNTS_EXAMPLE ",\"has_children\":true}"

enum child_field { CHILD_DN, CHILD_GUID, CHILD_NAME, CHILD_KIND, CHILD_COUNTS, CHILD_HAS_CHILDREN };

static const struct field child_fields[] = {
    ENTRY_DN("\"OU=Staff,DC=kontora,DC=test\""),
    ENTRY_GUID,
    PLACE_NAME,
    PLACE_KIND("ou или container", "ou or container"),
    {.name = "counts",
     .type = FIELD_RECORD,
     .fields = counts_fields,
     .about = {"Число объектов каждого вида непосредственно внутри",
               "The number of objects of each kind directly below"},
     .example = COUNTS_EXAMPLE},
    {.name = "has_children",
     .type = FIELD_BOOLEAN,
     .about = {"Внутри есть подразделения или контейнеры",
               "True if there are units or containers directly below"},
     .example = "true"},
    {.name = NULL},
};

enum tree_field { TREE_DN, TREE_NAME, TREE_KIND, TREE_CHILDREN };

static const struct field tree_fields[] = {
    ENTRY_DN("\"DC=kontora,DC=test\""),
    PLACE_NAME,
    PLACE_KIND("domain, ou или container", "domain, ou or container"),
    {.name = "children",
     .type = FIELD_RECORDS,
     .flags = FIELD_ITEMS,
     .fields = child_fields,
     .about = {"Подразделения и контейнеры непосредственно внутри",
               "The units and containers directly below"},
     .example = "[" CHILD_EXAMPLE "]"},
    COMPUTED_LIST_EXPLAIN,
    {.name = NULL},
};

static const struct field tree_query[] = {
    ENTRY_PARENT("parent_dn", 0, "\"OU=Staff,DC=kontora,DC=test\""),
    QUERY_FIELDS,
    COMPUTED_LIST_SORT("по названию", "by name",
                       "`name`, `dn`, `objectGUID`, `kind`, `has_children`", "-name"),
    QUERY_FILTER,
    QUERY_EXPLAIN,
    {.name = NULL},
};

static const struct schema tree_schema = {"Tree", tree_fields};

/* --- handlers -------------------------------------------------------------------------------- */

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static struct value *new_counts(struct arena *arena, const struct directory_place *place)
{
    struct value *values = arena_array(arena, COUNT_OF(counts_fields), sizeof *values);
    for (size_t i = 0; i < DIRECTORY_COUNTED_KINDS; i++) {
        field_set_integer(&values[i], place->counts[i]);
    }
    return values;
}

static struct value *new_child(struct arena *arena, const struct directory_place *place)
{
    struct value *values = arena_array(arena, COUNT_OF(child_fields), sizeof *values);
    field_set_string(&values[CHILD_DN], place->dn);
    field_set_string(&values[CHILD_GUID], place->guid);
    field_set_string(&values[CHILD_NAME], place->name);
    field_set_string(&values[CHILD_KIND], place->kind);
    field_set_record(&values[CHILD_COUNTS], new_counts(arena, place));
    field_set_boolean(&values[CHILD_HAS_CHILDREN], place->has_children);
    return values;
}

static struct error *get_tree(struct request *request, struct reply *reply)
{
    struct arena *arena = request->arena;
    struct directory_place parent, *children;
    struct computed_list list;
    size_t count;
    struct error *error = computed_list_read(request, child_fields, &list);
    if (!error) {
        error = directory_read_tree(
            app_of(request)->directory, arena, request_query_string(request, "parent_dn"),
            computed_list_selects(request, child_fields, &child_fields[CHILD_COUNTS]), &parent,
            &children, &count);
    }
    if (error) {
        return error;
    }
    struct value **items = arena_array(arena, count, sizeof *items);
    for (size_t i = 0; i < count; i++) {
        items[i] = new_child(arena, &children[i]);
    }
    error = computed_list_apply(request, &list, items, &count);
    if (error) {
        return error;
    }
    struct value *values = arena_array(arena, COUNT_OF(tree_fields), sizeof *values);
    field_set_string(&values[TREE_DN], parent.dn);
    field_set_string(&values[TREE_NAME], parent.name);
    field_set_string(&values[TREE_KIND], parent.kind);
    field_set_records(&values[TREE_CHILDREN], items, count);
    reply_record(reply, values);
    reply->explain = list.explain;
    return NULL;
}

/* --- routes ---------------------------------------------------------------------------------- */

static const enum error_id tree_errors[] = {ERR_PARENT_NOT_FOUND, ERR_DIRECTORY_REFUSED,
                                            ERR_DIRECTORY_LIMIT,  ENTRIES_UNAVAILABLE_ERRORS,
                                            COMPUTED_LIST_ERRORS, ERR_COUNT};

const struct route tree_routes[] = {
    {.method = METHOD_GET,
     .pattern = "/api/v1/tree",
     .handler = get_tree,
     .permission = PERMIT_DIRECTORY_READ,
     .rights = RIGHT_BIT(RIGHT_READ),
     .pool = POOL_DIRECTORY,
     .summary = {"Получить уровень дерева подразделений", "Get a level of the tree of units"},
     .about = {"Подразделения и контейнеры непосредственно внутри `parent_dn` (по умолчанию "
               "`LDAP_BASE_DN`) с числом объектов в каждом. Уровни дерева запрашиваются по одному. "
               "Контейнер `CN=System` не показывается.",
               "The units and containers directly below `parent_dn` (by default `LDAP_BASE_DN`), "
               "with the number of objects in each of them. Request the tree level by level. The "
               "container `CN=System` is not shown."},
     .query = tree_query,
     .shape = REPLY_RECORD,
     .reply = &tree_schema,
     .errors = tree_errors},
    {.pattern = NULL},
};
