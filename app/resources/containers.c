/* Containers: directory entries that hold other entries and, unlike organizational units, cannot
 * have group policies. */
#include "resources/resources.h"
#include "rest/entries.h"

/* --- field maps ------------------------------------------------------------------------------ */

#define CONTAINER_NAME(flags_)                                                                     \
    ENTRY_NAME("cn", flags_, "Название (RDN объекта)", "The name (the RDN of the entry)",          \
               "\"Archive\"")

static const struct field container_fields[] = {
    ENTRY_DN("\"CN=Archive,DC=kontora,DC=test\""),
    ENTRY_TEXT("cn", 64, 0, "Название", "The name", "\"Archive\""),
    ENTRY_DESCRIPTION("null"),
    ENTRY_GUID,
    ENTRY_TIMES,
    {.name = NULL},
};

static const struct field create_fields[] = {
    CONTAINER_NAME(FIELD_REQUIRED),
    ENTRY_PARENT("parent_dn", FIELD_REQUIRED, "\"DC=kontora,DC=test\""),
    ENTRY_DESCRIPTION("null"),
    {.name = NULL},
};

static const struct field update_fields[] = {
    CONTAINER_NAME(0),
    ENTRY_PARENT("parent_dn", 0, "\"DC=kontora,DC=test\""),
    ENTRY_DESCRIPTION("null"),
    {.name = NULL},
};

static const struct schema container_schema = {"Container", container_fields};
static const struct schema create_schema = {"ContainerCreate", create_fields};
static const struct schema update_schema = {"ContainerUpdate", update_fields};

static const struct directory_class container_class = {
    .filter = "(objectClass=container)",
    .name_attribute = "cn",
    .rdn_attribute = "CN",
    .sort_attribute = "cn",
    .searched = (const char *const[]){"cn", "description", NULL},
    .object_classes = (const char *const[]){"top", "container", NULL},
    .fields = container_fields,
    .writable = update_fields,
    .parent_field = "parent_dn",
    .outside_system = true,
};

static const struct entries containers = {
    .class = &container_class,
    .rdn_field = "cn",
};

/* --- routes ---------------------------------------------------------------------------------- */

#define PATH "/api/v1/containers"

const struct route containers_routes[] = {
    {ENTRIES_LIST_ROW(&containers, PATH, &container_schema),
     .summary = {"Получить список контейнеров", "List the containers"}},
    {ENTRIES_GET_ROW(&containers, PATH "/{cn}", &container_schema),
     .summary = {"Получить контейнер", "Get a container"}},
    {ENTRIES_CREATE_ROW(&containers, PATH, "container", &container_schema),
     .summary = {"Создать контейнер", "Create a container"}, .body = &create_schema,
     .errors = entries_create_errors},
    {ENTRIES_UPDATE_ROW(&containers, PATH "/{cn}", "container", &container_schema),
     .summary = {"Изменить или переместить контейнер", "Change or move a container"},
     .body = &update_schema, .errors = entries_update_errors},
    {ENTRIES_DELETE_ROW(&containers, PATH "/{cn}", "container"),
     .summary = {"Удалить контейнер", "Delete a container"}},
    {.pattern = NULL},
};
