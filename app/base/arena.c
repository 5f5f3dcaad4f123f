/* See arena.h. The chunks form a list, newest first. A reset frees all chunks but the oldest. */
#include "base/arena.h"

#include "base/size.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { CHUNK_SIZE = 16 * KIB };

struct chunk {
    struct chunk *previous;
    size_t size, used;
    _Alignas(max_align_t) unsigned char bytes[];
};

struct cleanup {
    struct cleanup *previous;
    void (*release)(void *handle);
    void *handle;
};

struct arena {
    struct chunk *chunk;      /* the newest chunk, from which allocations are taken */
    struct cleanup *cleanups; /* last registered first; stored in the chunks */
};

/* Logs a constant line and exits. Neither step allocates memory or runs exit handlers. */
static _Noreturn void exit_out_of_memory(void)
{
    static const char line[] = "{\"level\":\"error\",\"message\":\"out of memory\"}\n";
    if (write(STDERR_FILENO, line, sizeof line - 1) < 0) {
        _exit(EX_SOFTWARE);
    }
    _exit(EX_SOFTWARE);
}

void *base_alloc(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory) {
        exit_out_of_memory();
    }
    return memory;
}

void *base_realloc(void *memory, size_t size)
{
    void *moved = realloc(memory, size);
    if (!moved) {
        exit_out_of_memory();
    }
    return moved;
}

char *base_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(base_alloc(size), text, size);
}

static struct chunk *new_chunk(struct chunk *previous, size_t size)
{
    struct chunk *chunk = base_realloc(NULL, sizeof *chunk + size);
    *chunk = (struct chunk){.previous = previous, .size = size};
    return chunk;
}

struct arena *arena_new(void)
{
    struct arena *arena = base_alloc(sizeof *arena);
    arena->chunk = new_chunk(NULL, CHUNK_SIZE);
    return arena;
}

void arena_reset(struct arena *arena)
{
    while (arena->cleanups) {
        struct cleanup *cleanup = arena->cleanups;
        arena->cleanups = cleanup->previous;
        cleanup->release(cleanup->handle);
    }
    while (arena->chunk->previous) {
        struct chunk *previous = arena->chunk->previous;
        free(arena->chunk);
        arena->chunk = previous;
    }
    arena->chunk->used = 0;
}

void arena_free(struct arena **arena)
{
    if (*arena) {
        arena_reset(*arena);
        free((*arena)->chunk);
        free(*arena);
        *arena = NULL;
    }
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    if (size > SIZE_MAX / 2) {
        exit_out_of_memory();
    }
    size = (size + align - 1) / align * align;
    if (size > arena->chunk->size - arena->chunk->used) {
        arena->chunk = new_chunk(arena->chunk, size > CHUNK_SIZE ? size : CHUNK_SIZE);
    }
    void *memory = arena->chunk->bytes + arena->chunk->used;
    arena->chunk->used += size;
    return memset(memory, 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        exit_out_of_memory();
    }
    return arena_alloc(arena, bytes);
}

char *arena_copy(struct arena *arena, const char *bytes, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);
    if (length) {
        memcpy(copy, bytes, length);
    }
    return copy;
}

char *arena_string(struct arena *arena, const char *text)
{
    return arena_copy(arena, text, strlen(text));
}

char *arena_format_v(struct arena *arena, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0) {
        exit_out_of_memory();
    }
    char *text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = arena_format_v(arena, format, arguments);
    va_end(arguments);
    return text;
}

void arena_defer(struct arena *arena, void (*release)(void *handle), void *handle)
{
    struct cleanup *cleanup = arena_alloc(arena, sizeof *cleanup);
    *cleanup = (struct cleanup){arena->cleanups, release, handle};
    arena->cleanups = cleanup;
}
