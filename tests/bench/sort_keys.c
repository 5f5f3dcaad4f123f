/* Prints the sort key of each line of standard input, as hexadecimal digits: keys for rows that the
 * benchmarks insert without the service. */
#include "base/arena.h"
#include "base/fold.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    struct arena *arena = arena_new();
    while (getline(&line, &size, stdin) > 0) {
        char hex[2 * FOLD_SORT_KEY_MAX + 1];
        const unsigned char *key;
        line[strcspn(line, "\n")] = '\0';
        size_t length = fold_sort_key(arena, line, &key);
        random_format_hex(key, length, hex);
        puts(hex);
        arena_reset(arena);
    }
    free(line);
    arena_free(&arena);
    return EXIT_SUCCESS;
}
