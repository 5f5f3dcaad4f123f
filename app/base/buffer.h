/*
 * Buffer: a growing array of bytes. Its memory comes from an arena, or from malloc() if it has no
 * arena; then the owner frees it with buffer_free(). A NUL always follows the bytes.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct arena;

struct buffer {
    struct arena *arena; /* NULL: memory comes from malloc() */
    char *bytes;
    size_t length, size;
};

/* Grows the memory to at least `more` free bytes and a NUL. Called by buffer_reserve(). */
void buffer_grow(struct buffer *buffer, size_t more);

/* Reserves space for `more` bytes and a NUL behind the content and returns a pointer to it. The
 * caller writes there and increases `length`. */
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

/* Appends the number integer / 10^scale with `scale` (0 to 9) decimal places. Much faster than
 * buffer_format(). */
void buffer_add_decimal(struct buffer *buffer, int64_t integer, int scale);

void buffer_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sets the length to 0 and keeps the memory. */
void buffer_clear(struct buffer *buffer);

/* Frees memory from malloc(); memory from an arena stays with the arena. Empties the buffer. */
void buffer_free(struct buffer *buffer);

#endif
