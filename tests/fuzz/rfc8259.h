/*
 * A second JSON parser for fuzzers to compare with. It accepts exactly the grammar of RFC 8259, and
 * records properties for which another parser may reject a text that the grammar allows (RFC 8259
 * 8.2 and 9).
 */
#ifndef TESTS_FUZZ_RFC8259_H
#define TESTS_FUZZ_RFC8259_H

#include "base/utf8.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { RFC8259_DEPTH_MAX = 1000 };

struct rfc8259 {
    const char *at, *end;
    int depth;
    int nesting, deepest; /* nested brackets */
    size_t members;
    bool lone_surrogate, nul_in_name;
};

static inline bool rfc8259_value(struct rfc8259 *json);

static inline bool rfc8259_take(struct rfc8259 *json, char c)
{
    if (json->at == json->end || *json->at != c) {
        return false;
    }
    json->at++;
    return true;
}

static inline bool rfc8259_word(struct rfc8259 *json, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(json->end - json->at) < length || memcmp(json->at, word, length) != 0) {
        return false;
    }
    json->at += length;
    return true;
}

static inline void rfc8259_space(struct rfc8259 *json)
{
    while (json->at < json->end && *json->at && strchr(" \t\r\n", *json->at)) {
        json->at++;
    }
}

static inline size_t rfc8259_digits(struct rfc8259 *json)
{
    const char *start = json->at;
    while (json->at < json->end && *json->at >= '0' && *json->at <= '9') {
        json->at++;
    }
    return (size_t)(json->at - start);
}

static inline bool rfc8259_number(struct rfc8259 *json)
{
    (void)rfc8259_take(json, '-');
    if (!rfc8259_take(json, '0') && !rfc8259_digits(json)) {
        return false;
    }
    if (json->at == json->end || !*json->at || !strchr(".eE", *json->at)) {
        return true;
    }
    if (rfc8259_take(json, '.') && !rfc8259_digits(json)) {
        return false;
    }
    if (rfc8259_take(json, 'e') || rfc8259_take(json, 'E')) {
        (void)(rfc8259_take(json, '+') || rfc8259_take(json, '-'));
        return rfc8259_digits(json) > 0;
    }
    return true;
}

static inline bool rfc8259_escape(struct rfc8259 *json)
{
    if (rfc8259_take(json, 'u')) {
        for (int i = 0; i < 4; i++, json->at++) {
            if (json->at == json->end || !*json->at ||
                !strchr("0123456789abcdefABCDEF", *json->at)) {
                return false;
            }
        }
        return true;
    }
    if (json->at == json->end || !*json->at || !strchr("\"\\/bfnrt", *json->at)) {
        return false;
    }
    json->at++;
    return true;
}

/* Records properties of the string between `at` and `end`, whose escapes are valid. */
static inline void rfc8259_note_units(struct rfc8259 *json, const char *at, const char *end,
                                      bool name)
{
    bool high = false; /* the second half of a surrogate pair must follow */
    while (at < end) {
        long unit = 'x';
        if (*at == '\\' && at[1] == 'u') {
            unit = strtol((char[]){at[2], at[3], at[4], at[5], '\0'}, NULL, 16);
            at += 6;
        } else {
            at += *at == '\\' ? 2 : 1;
        }
        bool low = unit >= 0xDC00 && unit <= 0xDFFF;
        json->lone_surrogate |= low != high;
        json->nul_in_name |= name && unit == 0;
        high = unit >= 0xD800 && unit <= 0xDBFF;
    }
    json->lone_surrogate |= high;
}

static inline bool rfc8259_string(struct rfc8259 *json, bool name)
{
    const char *start = json->at;
    if (!rfc8259_take(json, '"')) {
        return false;
    }
    while (!rfc8259_take(json, '"')) {
        if (json->at == json->end || (unsigned char)*json->at < 0x20) {
            return false;
        }
        if (rfc8259_take(json, '\\') ? !rfc8259_escape(json) : !json->at++) {
            return false;
        }
    }
    rfc8259_note_units(json, start + 1, json->at - 1, name);
    return true;
}

/* Parses the members between the brackets of an object or, without names, of an array. */
static inline bool rfc8259_members(struct rfc8259 *json, char close, bool named)
{
    json->nesting++;
    json->deepest = json->nesting > json->deepest ? json->nesting : json->deepest;
    rfc8259_space(json);
    if (rfc8259_take(json, close)) {
        json->nesting--;
        return true;
    }
    do {
        rfc8259_space(json);
        if (named) {
            json->members++;
            if (!rfc8259_string(json, true)) {
                return false;
            }
            rfc8259_space(json);
            if (!rfc8259_take(json, ':')) {
                return false;
            }
        }
        if (!rfc8259_value(json)) {
            return false;
        }
    } while (rfc8259_take(json, ','));
    json->nesting--;
    return rfc8259_take(json, close);
}

/* Parses a value and the space around it. */
static inline bool rfc8259_value(struct rfc8259 *json)
{
    bool valid;
    rfc8259_space(json);
    if (++json->depth > RFC8259_DEPTH_MAX || json->at == json->end) {
        return false;
    }
    if (*json->at == '"') {
        valid = rfc8259_string(json, false);
    } else if (rfc8259_take(json, '{')) {
        valid = rfc8259_members(json, '}', true);
    } else if (rfc8259_take(json, '[')) {
        valid = rfc8259_members(json, ']', false);
    } else {
        valid = rfc8259_word(json, "true") || rfc8259_word(json, "false") ||
                rfc8259_word(json, "null") || rfc8259_number(json);
    }
    json->depth--;
    rfc8259_space(json);
    return valid;
}

/* True if the whole text is one value in UTF-8. Fills `json` with the recorded properties. */
static inline bool rfc8259_read(struct rfc8259 *json, const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        if (utf8_next(text, length, &at) < 0) {
            return false;
        }
    }
    *json = (struct rfc8259){.at = text, .end = text + length};
    return rfc8259_value(json) && json->at == json->end;
}

static inline bool rfc8259_valid(const char *text, size_t length)
{
    struct rfc8259 json;
    return rfc8259_read(&json, text, length);
}

#endif
