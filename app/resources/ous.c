/* OUs: organizational units, the entries of the directory that hold users and groups. */
#include "resources/resources.h"
#include "rest/entries.h"

/* --- field maps ------------------------------------------------------------------------------ */

#define OU_NAME(flags_)                                                                            \
    ENTRY_NAME("ou", flags_, "Название (RDN объекта)", "The name (the RDN of the entry)",          \
               "\"Sales\"")

static const struct field ou_fields[] = {
    ENTRY_DN("\"OU=Sales,OU=Staff,DC=kontora,DC=test\""),
    ENTRY_TEXT("ou", 64, 0, "Название", "The name", "\"Sales\""),
    ENTRY_DESCRIPTION("null"),
    ENTRY_GUID,
    ENTRY_TIMES,
    {.name = NULL},
};

static const struct field create_fields[] = {
    OU_NAME(FIELD_REQUIRED),
    ENTRY_PARENT("parent_dn", FIELD_REQUIRED, "\"OU=Staff,DC=kontora,DC=test\""),
    ENTRY_DESCRIPTION("null"),
    {.name = NULL},
};

static const struct field update_fields[] = {
    OU_NAME(0),
    ENTRY_PARENT("parent_dn", 0, "\"OU=Staff,DC=kontora,DC=test\""),
    ENTRY_DESCRIPTION("null"),
    {.name = NULL},
};

static const struct schema ou_schema = {"OrganizationalUnit", ou_fields};
static const struct schema create_schema = {"OrganizationalUnitCreate", create_fields};
static const struct schema update_schema = {"OrganizationalUnitUpdate", update_fields};

static const struct directory_class ou_class = {
    .filter = "(objectClass=organizationalUnit)",
    .name_attribute = "ou",
    .rdn_attribute = "OU",
    .sort_attribute = "ou",
    .searched = (const char *const[]){"ou", "description", NULL},
    .object_classes = (const char *const[]){"top", "organizationalUnit", NULL},
    .fields = ou_fields,
    .writable = update_fields,
    .parent_field = "parent_dn",
};

static const struct entries ous = {
    .class = &ou_class,
    .rdn_field = "ou",
};

/* --- routes ---------------------------------------------------------------------------------- */

#define PATH "/api/v1/ous"

const struct route ous_routes[] = {
    {ENTRIES_LIST_ROW(&ous, PATH, &ou_schema),
     .summary = {"Получить список подразделений", "List the organizational units"}},
    {ENTRIES_GET_ROW(&ous, PATH "/{name}", &ou_schema),
     .summary = {"Получить подразделение", "Get an organizational unit"}},
    {ENTRIES_CREATE_ROW(&ous, PATH, "ou", &ou_schema),
     .summary = {"Создать подразделение", "Create an organizational unit"}, .body = &create_schema,
     .errors = entries_create_errors},
    {ENTRIES_UPDATE_ROW(&ous, PATH "/{name}", "ou", &ou_schema),
     .summary = {"Изменить или переместить подразделение", "Change or move an organizational unit"},
     .body = &update_schema, .errors = entries_update_errors},
    {ENTRIES_DELETE_ROW(&ous, PATH "/{name}", "ou"),
     .summary = {"Удалить подразделение", "Delete an organizational unit"}},
    {.pattern = NULL},
};
