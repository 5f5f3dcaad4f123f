/*
 * Buffer: bytes that grow. With an arena, its memory is the arena's; without one it is malloc's and
 * the owner ends it with buffer_free(). There is always a NUL behind the bytes.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct arena;

struct buffer {
    struct arena *arena; /* NULL: malloc */
    char *bytes;
    size_t length, size;
};

/* Makes the room that buffer_reserve() has not found. */
void buffer_grow(struct buffer *buffer, size_t more);

/* Makes room for `more` bytes and a NUL; returns where they go. The caller adds to length. */
static inline char *buffer_reserve(struct buffer *buffer, size_t more)
{
    if (buffer->size - buffer->length <= more) {
        buffer_grow(buffer, more);
    }
    return buffer->bytes + buffer->length;
}

void buffer_add(struct buffer *buffer, const char *bytes, size_t length);
void buffer_add_string(struct buffer *buffer, const char *text);
void buffer_add_char(struct buffer *buffer, char c);
/* Digits, `scale` of them, 0 to 9, behind a point. Many times as fast as buffer_format(). */
void buffer_add_decimal(struct buffer *buffer, int64_t integer, int scale);

void buffer_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Empties it and keeps the memory. */
void buffer_clear(struct buffer *buffer);

/* Frees what malloc gave; a buffer in an arena is only forgotten. */
void buffer_free(struct buffer *buffer);

#endif
