/* See owners.h. */
#include "proc/owners.h"

#include "base/fastcgi.h"
#include "base/number.h"

#include <string.h>

enum {
    KEY_DIGITS = 16,
    LIMIT_DIGITS_MAX = 9,
};

/* Parses up to `max` digits of a base and advances *at. Returns the number of digits. */
static size_t parse_number(const char **at, const char *end, unsigned base, size_t max,
                           uint64_t *number_r)
{
    static const char digits[] = "0123456789abcdef";
    size_t count = 0;
    *number_r = 0;
    for (; count < max && *at < end; count++, (*at)++) {
        const char *digit = memchr(digits, **at, base);
        if (!digit) {
            break;
        }
        *number_r = *number_r * base + (uint64_t)(digit - digits);
    }
    return count;
}

/* Parses the value of a header field. Returns false if it is malformed. */
static bool parse_owner(const char *at, const char *end, struct owner *owner_r)
{
    uint64_t limit;
    if (parse_number(&at, end, HEXADECIMAL, KEY_DIGITS, &owner_r->key) != KEY_DIGITS || at == end ||
        *at++ != ' ') {
        return false;
    }
    bool found = parse_number(&at, end, DECIMAL, LIMIT_DIGITS_MAX, &limit);
    owner_r->limit = (int64_t)limit;
    return found && at == end && owner_r->key && limit;
}

bool owners_read(const char *reply, size_t length, struct owners *owners_r)
{
    static const char name[] = "X-Kontora-Owner: ", line_end[] = "\r\n";
    const size_t name_length = sizeof name - 1, end_length = sizeof line_end - 1;
    *owners_r = (struct owners){.count = 0};
    if (length < FASTCGI_HEADER_SIZE) {
        return false;
    }
    const char *at = reply + FASTCGI_HEADER_SIZE, *end = reply + length, *next;
    for (; (next = memmem(at, (size_t)(end - at), line_end, end_length)) && next != at;
         at = next + end_length) {
        if ((size_t)(next - at) < name_length || memcmp(at, name, name_length) != 0) {
            continue;
        }
        if (owners_r->count == OWNERS_MAX ||
            !parse_owner(at + name_length, next, &owners_r->list[owners_r->count])) {
            return false;
        }
        owners_r->count++;
    }
    return next;
}

bool owners_include(const struct owners *owners, uint64_t key)
{
    for (size_t i = 0; i < owners->count; i++) {
        if (owners->list[i].key == key) {
            return true;
        }
    }
    return false;
}
