/*
 * Arena: memory that lives as long as one piece of work, usually one request.
 *
 * Every allocation succeeds, or the process exits: a worker that is out of memory cannot answer
 * requests, and the master starts a new one. Allocations are not freed one by one: arena_reset()
 * calls the registered clean-up functions in reverse order and releases all memory at once.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

/* Creates an arena. The caller frees it with arena_free(). */
struct arena *arena_new(void);

/* Calls the clean-up functions, frees all memory and sets *arena to NULL. No-op if *arena is
 * NULL. */
void arena_free(struct arena **arena);

/* Calls the clean-up functions and releases all allocations. Keeps one chunk, so that a typical
 * request needs no malloc(). */
void arena_reset(struct arena *arena);

/* Returns zeroed memory, aligned for any type; never NULL. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, returns_nonnull));

/* Returns zeroed memory for `count` elements of `size` bytes. Exits the process if the product
 * overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size)
    __attribute__((malloc, returns_nonnull));

/* Returns a copy of `length` bytes, followed by a NUL. */
char *arena_copy(struct arena *arena, const char *bytes, size_t length)
    __attribute__((returns_nonnull));

/* Returns a copy of a string. */
char *arena_string(struct arena *arena, const char *text) __attribute__((returns_nonnull));

/* Returns a string formatted as by printf(). */
char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));
char *arena_format_v(struct arena *arena, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0), returns_nonnull));

/* Registers a clean-up function: release(handle) is called when the arena is reset or freed. Meant
 * for objects that third-party libraries allocate. */
void arena_defer(struct arena *arena, void (*release)(void *handle), void *handle);

/* Like calloc(), realloc() and strdup(), but exit the process instead of returning NULL. Meant for
 * memory that outlives a request. The caller frees it with free(). */
void *base_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *base_realloc(void *memory, size_t size) __attribute__((returns_nonnull));
char *base_strdup(const char *text) __attribute__((malloc, returns_nonnull));

#endif
