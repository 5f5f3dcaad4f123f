/*
 * Parameters of header fields: `value; name=token; name="quoted"` (RFC 9110 5.6.6), and in the extended
 * form name*=UTF-8''percent%20encoded (RFC 8187). And the one such field that we write.
 */
#ifndef HTTP_PARAMETERS_H
#define HTTP_PARAMETERS_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* A value; it may hold NUL, and there is one behind it. */
struct parameter {
    const char *bytes;
    size_t length;
};

/* The byte that two hexadecimal digits stand for; -1: there are no two. */
int parameters_hex(const char *digits);

/* Whether the field has a parameter of that name, whatever its case. In quotes, a backslash takes the
 * meaning from a quote or another backslash and is itself in front of anything else, as browsers have it. */
bool parameters_find(struct arena *arena, const char *field, const char *name,
                     struct parameter *value_r);

/* The same in the extended form, decoded; false if it is in another encoding than UTF-8, or broken. */
bool parameters_find_extended(struct arena *arena, const char *field, const char *name,
                              struct parameter *value_r);

/* The value of Content-Disposition (RFC 6266) for whoever saves what is sent under a name in UTF-8: the
 * name itself in the extended form and, for those who do not know that, as much of it as is harmless. */
const char *parameters_attachment(struct arena *arena, const char *name, size_t length)
    __attribute__((returns_nonnull));

#endif
