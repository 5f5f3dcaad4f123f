/* See right.h. */
#include "base/right.h"

const char *const right_names[RIGHT_COUNT + 1] = {
    [RIGHT_READ] = "read",     [RIGHT_UNLOCK] = "unlock", [RIGHT_RESET_PASSWORD] = "reset_password",
    [RIGHT_ENABLE] = "enable", [RIGHT_UPDATE] = "update", [RIGHT_CREATE] = "create",
    [RIGHT_DELETE] = "delete", [RIGHT_MOVE] = "move",     [RIGHT_MEMBERS] = "members",
};

const struct text right_descriptions[RIGHT_COUNT] = {
    [RIGHT_READ] = {"видеть объекты", "see the entries"},
    [RIGHT_UNLOCK] = {"разблокировать учётные записи", "unlock accounts"},
    [RIGHT_RESET_PASSWORD] = {"задавать пароли", "set passwords"},
    [RIGHT_ENABLE] = {"включать и отключать учётные записи", "enable and disable accounts"},
    [RIGHT_UPDATE] = {"изменять атрибуты и названия", "change attributes and names"},
    [RIGHT_CREATE] = {"создавать объекты", "create entries"},
    [RIGHT_DELETE] = {"удалять объекты", "delete entries"},
    [RIGHT_MOVE] = {"перемещать объекты", "move entries"},
    [RIGHT_MEMBERS] = {"изменять состав групп", "change the members of groups"},
};
