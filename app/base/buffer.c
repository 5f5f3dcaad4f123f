/* See buffer.h. */
#include "base/buffer.h"

#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INITIAL_SIZE = 256,
    FORMAT_RESERVE = 64, /* enough for most formatted strings */
};

void buffer_grow(struct buffer *buffer, size_t more)
{
    size_t size = buffer->size ? buffer->size : INITIAL_SIZE;
    while (size - buffer->length <= more) {
        size *= 2;
    }
    if (buffer->arena) {
        char *moved = arena_alloc(buffer->arena, size);
        if (buffer->length) {
            memcpy(moved, buffer->bytes, buffer->length);
        }
        buffer->bytes = moved;
    } else {
        buffer->bytes = base_realloc(buffer->bytes, size);
    }
    buffer->size = size;
}

void buffer_add(struct buffer *buffer, const char *bytes, size_t length)
{
    char *end = buffer_reserve(buffer, length);
    if (length) {
        memcpy(end, bytes, length);
    }
    end[length] = '\0';
    buffer->length += length;
}

void buffer_add_string(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text));
}

void buffer_add_char(struct buffer *buffer, char c)
{
    char *end = buffer_reserve(buffer, 1);
    end[0] = c;
    end[1] = '\0';
    buffer->length++;
}

void buffer_add_decimal(struct buffer *buffer, int64_t integer, int scale)
{
    enum { SIZE = 32 }; /* at most 20 digits, the decimal point and the sign */
    char text[SIZE];
    size_t at = SIZE;
    /* The magnitude is unsigned, because -INT64_MIN overflows int64_t. */
    uint64_t rest = integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer;
    for (int place = 0; rest || place <= scale; place++) {
        if (place && place == scale) {
            text[--at] = '.';
        }
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    }
    if (integer < 0) {
        text[--at] = '-';
    }
    buffer_add(buffer, text + at, SIZE - at);
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments, arguments_copy;
    va_start(arguments, format);
    va_copy(arguments_copy, arguments);
    char *end = buffer_reserve(buffer, FORMAT_RESERVE);
    size_t free_bytes = buffer->size - buffer->length;
    int length = vsnprintf(end, free_bytes, format, arguments);
    if (length > 0 && (size_t)length >= free_bytes) { /* rare: the reserved space was too small */
        end = buffer_reserve(buffer, (size_t)length);
        length = vsnprintf(end, (size_t)length + 1, format, arguments_copy);
    }
    buffer->length += length > 0 ? (size_t)length : 0;
    va_end(arguments_copy);
    va_end(arguments);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->length = 0;
    if (buffer->bytes) {
        buffer->bytes[0] = '\0';
    }
}

void buffer_free(struct buffer *buffer)
{
    if (!buffer->arena) {
        free(buffer->bytes);
    }
    *buffer = (struct buffer){.arena = buffer->arena};
}
