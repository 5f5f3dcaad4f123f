/* See password_strength.h. */
#include "auth/password_strength.h"

#include "base/arena.h"
#include "base/utf8.h"

#include <crack.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Shorter names stand in many good passwords by chance. */
enum { NAME_MIN = 4, ASCII_MAX = 127 };

const char *password_dictionary_path(void)
{
    return GetDefaultCracklibDict();
}

bool password_dictionary_readable(void)
{
    static const char *const endings[] = {".pwd", ".pwi", ".hwm"};
    enum { PATH_SIZE = 4096 };
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char path[PATH_SIZE];
        snprintf(path, sizeof path, "%s%s", password_dictionary_path(), endings[i]);
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

static bool is_letter(char c)
{
    return isalpha((unsigned char)c) || (unsigned char)c > ASCII_MAX;
}

/* The password without the digits and punctuation around it; empty if they are more than half of
 * it. */
static const char *core(struct arena *arena, const char *password)
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

/* The word without usual substitutions ("p@$$w0rd"), once if it is repeated ("passwordpassword"). */
static const char *plain_word(struct arena *arena, const char *word)
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

static bool in_dictionary(const char *reason)
{
    return reason && strstr(reason, "dictionary");
}

/* cracklib describes the fault in a sentence; those that matter are told apart by a word. It takes
 * one or two digits off a word before it looks it up, but not the four of "password2026". */
static enum fault_id ask_cracklib(struct arena *arena, const struct new_password *password)
{
    const char *owner = password->username ? password->username : password->email;
    const char *name = owner ? local_part(arena, owner) : "";
    const char *path = password_dictionary_path();
    const char *reason = FascistCheckUser(password->text, path, name, NULL);
    if (reason && strstr(reason, "username")) {
        return FAULT_PASSWORD_OF_NAME;
    }
    if (reason) {
        return in_dictionary(reason) ? FAULT_PASSWORD_COMMON : FAULT_PASSWORD_SIMPLE;
    }
    const char *words[] = {core(arena, password->text), NULL};
    words[1] = plain_word(arena, words[0]);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (in_dictionary(FascistCheckUser(words[i], path, "", NULL))) {
            return FAULT_PASSWORD_COMMON;
        }
    }
    return FAULT_NONE;
}

enum fault_id password_weakness(struct arena *arena, const struct new_password *password)
{
    if (contains(arena, password->text, password->username) ||
        contains(arena, password->text, password->email)) {
        return FAULT_PASSWORD_OF_NAME;
    }
    return password_dictionary_readable() ? ask_cracklib(arena, password) : FAULT_NONE;
}
