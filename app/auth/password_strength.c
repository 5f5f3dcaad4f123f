/* See password_strength.h. */
#include "auth/password_strength.h"

#include "base/arena.h"
#include "base/fold.h"

#include <crack.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* NAME_MIN: shorter names occur in many good passwords by chance. */
enum { NAME_MIN = 4, ASCII_MAX = 127 };

const char *password_strength_dictionary_path(void)
{
    return GetDefaultCracklibDict();
}

bool password_strength_dictionary_readable(void)
{
    static const char *const suffixes[] = {".pwd", ".pwi", ".hwm"};
    enum { PATH_SIZE = 4096 };
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char path[PATH_SIZE];
        snprintf(path, sizeof path, "%s%s", password_strength_dictionary_path(), suffixes[i]);
        if (access(path, R_OK) < 0) {
            return false;
        }
    }
    return true;
}

/* Returns the local part of an email address, or the whole name if it is not an address. */
static const char *local_part(struct arena *arena, const char *name)
{
    return arena_copy(arena, name, strcspn(name, "@"));
}

/* True if the password contains the name, ignoring case. */
static bool contains_name(struct arena *arena, const char *password, const char *name)
{
    const char *part = name ? fold_text(arena, local_part(arena, name)) : "";
    return strlen(part) >= NAME_MIN && strstr(fold_text(arena, password), part);
}

static bool is_letter(char c)
{
    return isalpha((unsigned char)c) || (unsigned char)c > ASCII_MAX;
}

/* Returns the password without leading and trailing digits and punctuation; empty if these are more
 * than half of it. */
static const char *strip_decoration(struct arena *arena, const char *password)
{
    const char *begin = password, *end = password + strlen(password);
    while (begin < end && !is_letter(*begin)) {
        begin++;
    }
    while (end > begin && !is_letter(end[-1])) {
        end--;
    }
    size_t length = (size_t)(end - begin);
    return arena_copy(arena, begin, 2 * length >= strlen(password) ? length : 0);
}

/* Undoes usual substitutions ("p@$$w0rd") and repetition ("passwordpassword") in a word. */
static const char *normalize_word(struct arena *arena, const char *word)
{
    static const char from[] = "@0134$57", to[] = "aoleasst";
    char *plain = arena_string(arena, word);
    size_t length = strlen(plain);
    for (char *c = plain; *c; c++) {
        const char *found = strchr(from, *c);
        if (found) {
            *c = to[found - from];
        }
    }
    for (size_t period = 1; period <= length / 2; period++) {
        if (length % period == 0 && !memcmp(plain, plain + period, length - period)) {
            plain[period] = '\0';
            break;
        }
    }
    return plain;
}

/* True if cracklib's reason is that it found the word in its dictionary. */
static bool is_dictionary_reason(const char *reason)
{
    return reason && strstr(reason, "dictionary");
}

/* Checks a password with cracklib, which returns its reason as an English sentence: keywords in it
 * select the fault. cracklib removes only one or two digits before it looks a word up, so this also
 * checks the password without all of them ("password2026"). */
static enum fault_id check_with_cracklib(struct arena *arena, const struct new_password *password)
{
    const char *owner = password->username ? password->username : password->email;
    const char *name = owner ? local_part(arena, owner) : "";
    const char *path = password_strength_dictionary_path();
    const char *reason = FascistCheckUser(password->text, path, name, NULL);
    if (reason && strstr(reason, "username")) {
        return FAULT_PASSWORD_OF_NAME;
    }
    if (reason) {
        return is_dictionary_reason(reason) ? FAULT_PASSWORD_COMMON : FAULT_PASSWORD_SIMPLE;
    }
    const char *words[] = {strip_decoration(arena, password->text), NULL};
    words[1] = normalize_word(arena, words[0]);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (is_dictionary_reason(FascistCheckUser(words[i], path, "", NULL))) {
            return FAULT_PASSWORD_COMMON;
        }
    }
    return FAULT_NONE;
}

enum fault_id password_strength_check(struct arena *arena, const struct new_password *password)
{
    if (contains_name(arena, password->text, password->username) ||
        contains_name(arena, password->text, password->email)) {
        return FAULT_PASSWORD_OF_NAME;
    }
    return password_strength_dictionary_readable() ? check_with_cracklib(arena, password)
                                                   : FAULT_NONE;
}
