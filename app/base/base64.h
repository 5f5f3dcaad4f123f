/* Base64 (RFC 4648 section 4): the encoder. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include <stddef.h>

struct buffer;

/* Appends the bytes as base64 with padding and without line breaks. */
void base64_add(struct buffer *out, const char *bytes, size_t length);

#endif
