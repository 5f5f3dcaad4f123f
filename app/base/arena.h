/*
 * Arena: memory that lives as long as one piece of work, usually one request.
 *
 * Promises: every allocation succeeds or the process ends (a worker without memory cannot answer
 * anything sensible; the master starts another). Nothing is freed one by one: arena_reset() runs
 * the clean-ups, last registered first, and takes everything back at once.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

/* A new arena. The caller ends it with arena_free(). */
struct arena *arena_new(void);

/* Runs the clean-ups, frees all memory and clears *arena. NULL inside is fine. */
void arena_free(struct arena **arena);

/* Runs the clean-ups and makes the memory reusable; one chunk is kept, so that an ordinary
 * request costs no malloc. */
void arena_reset(struct arena *arena);

/* Zeroed memory, aligned for any type. Never NULL. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, returns_nonnull));

/* Zeroed memory for `count` elements; ends the process when the product overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size)
    __attribute__((malloc, returns_nonnull));

/* A copy of `length` bytes, with a NUL behind it. */
char *arena_copy(struct arena *arena, const char *bytes, size_t length)
    __attribute__((returns_nonnull));

/* A copy of a string. */
char *arena_string(struct arena *arena, const char *text) __attribute__((returns_nonnull));

/* printf into the arena. */
char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));
char *arena_format_v(struct arena *arena, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0), returns_nonnull));

/* Calls release(handle) when the arena is reset: for what foreign libraries allocate. */
void arena_defer(struct arena *arena, void (*release)(void *handle), void *handle);

/* malloc and realloc that end the process instead of returning NULL, for what outlives requests.
 * The caller frees with free(). */
void *must_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *must_realloc(void *memory, size_t size) __attribute__((returns_nonnull));
char *must_string(const char *text) __attribute__((malloc, returns_nonnull));

#endif
