/*
 * Shared by all fuzzers. Each fuzzer is one file with LLVMFuzzerTestOneInput(), which libFuzzer or
 * replay.c calls with arbitrary bytes; FUZZ_CHECK asserts what must hold for any input.
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

/* Always returns 0: libFuzzer defines no other value. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Returns the bytes as a string, truncated at the first NUL, in memory that ends with the
 * string. The caller frees it. */
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

/* Cuts the next line off *rest; returns an empty string if none is left. */
static inline char *fuzz_line(char **rest)
{
    static char nothing[] = "";
    char *line = strsep(rest, "\n");
    return line ? line : nothing;
}

#endif
