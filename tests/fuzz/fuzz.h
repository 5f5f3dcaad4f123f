/*
 * What fuzzers share. Each is one file with LLVMFuzzerTestOneInput(), which libFuzzer or replay.c
 * calls with bytes of any kind; FUZZ_CHECK says what must hold whatever they are.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "base/arena.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Zero: nothing else is defined. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The bytes as a string: cut at the first NUL, and in memory that ends where the string does. The
 * caller frees it. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
    size_t length = nul ? (size_t)(nul - data) : size;
    char *text = calloc(1, length + 1);
    FUZZ_CHECK(text);
    if (length) {
        memcpy(text, data, length);
    }
    return text;
}

/* Cuts the next line off *rest; an empty string when there is none left. */
static inline char *fuzz_line(char **rest)
{
    static char nothing[] = "";
    char *line = strsep(rest, "\n");
    return line ? line : nothing;
}

#endif
