/*
 * JSON as RFC 8259 has it, and nothing that some parser lets pass: a second opinion for fuzzers,
 * written from the grammar of the standard.
 */
#ifndef TESTS_FUZZ_RFC8259_H
#define TESTS_FUZZ_RFC8259_H

#include "base/utf8.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { RFC8259_DEPTH_MAX = 1000 };

struct rfc8259 {
    const char *at, *end;
    int depth;
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

static inline bool rfc8259_string(struct rfc8259 *json)
{
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
    return true;
}

/* The members between the brackets of an object or, without names, of an array. */
static inline bool rfc8259_members(struct rfc8259 *json, char close, bool named)
{
    rfc8259_space(json);
    if (rfc8259_take(json, close)) {
        return true;
    }
    do {
        rfc8259_space(json);
        if (named) {
            if (!rfc8259_string(json)) {
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
    return rfc8259_take(json, close);
}

/* A value, and the space around it. */
static inline bool rfc8259_value(struct rfc8259 *json)
{
    bool valid;
    rfc8259_space(json);
    if (++json->depth > RFC8259_DEPTH_MAX || json->at == json->end) {
        return false;
    }
    if (*json->at == '"') {
        valid = rfc8259_string(json);
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

/* Whether the whole text is one value, in UTF-8. */
static inline bool rfc8259_valid(const char *text, size_t length)
{
    struct rfc8259 json = {text, text + length, 0};
    return utf8_valid(text, length) && rfc8259_value(&json) && json.at == json.end;
}

#endif
