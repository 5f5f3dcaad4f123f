/*
 * Generate: creates passwords.
 *
 * All characters are chosen independently and uniformly, and a password that lacks a class of
 * characters or contains a name is discarded as a whole. So every acceptable password is equally
 * likely, and one of 16 characters carries 94 bits of entropy.
 */
#include "directory/generate.h"

#include "base/arena.h"
#include "base/fold.h"
#include "base/random.h"
#include "base/utf8.h"
#include "directory/policy.h"

#include <string.h>

enum {
    LENGTH_MIN = 16,
    LENGTH_UNKNOWN = 32, /* if the service account cannot read the policy */
    LENGTH_MAX = 255,    /* of msDS-MinimumPasswordLength */
    NAME_PART_MIN = 3,   /* shorter parts of names are allowed in passwords */
};

/* Classes of characters. 0, 1, I, O, l and o are omitted because they look alike. The symbols have
 * no meaning in CSV, JSON and addresses. */
#define UPPER "ABCDEFGHJKLMNPQRSTUVWXYZ"
#define LOWER "abcdefghijkmnpqrstuvwxyz"
#define DIGITS "23456789"
#define SYMBOLS "!#%*?:"

/* Separates the parts of a display name, as the directory does. */
static const char separators[] = ",.-_ #\t";

/* --- names ----------------------------------------------------------------------------------- */

static bool contains_part(const char *password, const char *part)
{
    return utf8_utf16_units(part, strlen(part)) >= NAME_PART_MIN && strstr(password, part);
}

bool generate_contains_name(struct arena *arena, const char *password, const char *account_name,
                            const char *display_name)
{
    const char *folded = fold_text(arena, password);
    char *rest = fold_text(arena, display_name);
    if (account_name && contains_part(folded, fold_text(arena, account_name))) {
        return true;
    }
    for (char *part; (part = strsep(&rest, separators));) {
        if (contains_part(folded, part)) {
            return true;
        }
    }
    return false;
}

/* --- passwords ------------------------------------------------------------------------------- */

static size_t choose_length(const struct directory_policy *policy)
{
    if (policy->min_length == DIRECTORY_RULE_UNKNOWN) {
        return LENGTH_UNKNOWN;
    }
    return policy->min_length < LENGTH_MIN   ? LENGTH_MIN
           : policy->min_length > LENGTH_MAX ? LENGTH_MAX
                                             : (size_t)policy->min_length;
}

static bool has_all_classes(const char *password)
{
    return strpbrk(password, UPPER) && strpbrk(password, LOWER) && strpbrk(password, DIGITS) &&
           strpbrk(password, SYMBOLS);
}

char *generate_password(struct arena *arena, const struct directory_policy *policy,
                        const char *account_name, const char *display_name)
{
    size_t length = choose_length(policy);
    struct random_source source = {0};
    char *password = arena_alloc(arena, length + 1);
    do {
        random_characters(&source, password, length, UPPER LOWER DIGITS SYMBOLS);
    } while (!has_all_classes(password) ||
             generate_contains_name(arena, password, account_name, display_name));
    return password;
}
