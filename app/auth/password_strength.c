/* See password_strength.h. */
#include "auth/password_strength.h"

#include "base/arena.h"
#include "base/utf8.h"

#include <crack.h>
#include <string.h>
#include <unistd.h>

/* Shorter names stand in many good passwords by chance. */
enum { NAME_MIN = 4 };

const char *password_dictionary_path(void)
{
    return GetDefaultCracklibDict();
}

bool password_dictionary_readable(void)
{
    static const char *const endings[] = {".pwd", ".pwi", ".hwm"};
    enum { PATH_SIZE = 4096 };
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char path[PATH_SIZE] = "";
        strncat(path, password_dictionary_path(), sizeof path - sizeof ".pwd");
        strcat(path, endings[i]);
        if (access(path, R_OK) < 0) {
            return false;
        }
    }
    return true;
}

/* The address up to its '@', or the whole name if it is no address. */
static const char *local_part(struct arena *arena, const char *name)
{
    return arena_copy(arena, name, strcspn(name, "@"));
}

/* True if the password contains the name, in upper or lower case. */
static bool contains(struct arena *arena, const char *password, const char *name)
{
    const char *part = name ? utf8_fold_text(arena, local_part(arena, name)) : "";
    return strlen(part) >= NAME_MIN && strstr(utf8_fold_text(arena, password), part);
}

/* cracklib describes the fault in a sentence, which may be translated: only the dictionary's is told
 * apart. */
static enum fault_id ask_cracklib(struct arena *arena, const struct new_password *password)
{
    const char *owner = password->username ? password->username : password->email;
    const char *name = owner ? local_part(arena, owner) : "";
    const char *reason = FascistCheckUser(password->text, password_dictionary_path(), name, NULL);
    if (!reason) {
        return FAULT_NONE;
    }
    if (strstr(reason, "username")) {
        return FAULT_PASSWORD_OF_NAME;
    }
    return strstr(reason, "dictionary") ? FAULT_PASSWORD_COMMON : FAULT_PASSWORD_SIMPLE;
}

enum fault_id password_weakness(struct arena *arena, const struct new_password *password)
{
    if (contains(arena, password->text, password->username) ||
        contains(arena, password->text, password->email)) {
        return FAULT_PASSWORD_OF_NAME;
    }
    return password_dictionary_readable() ? ask_cracklib(arena, password) : FAULT_NONE;
}
