/* Codec: converts attribute values from and to Active Directory's binary and text encodings. */
#ifndef DIRECTORY_CODEC_H
#define DIRECTORY_CODEC_H

#include <lber.h>
#include <stdbool.h>
#include <stdint.h>

struct arena;

/* Decode an attribute value. Each function returns false if the value is not in the encoding that
 * the function decodes. */
bool codec_integer(const struct berval *value, int64_t *integer_r);
bool codec_time(const struct berval *value, int64_t *wall_ms_r);
bool codec_guid(struct arena *arena, const struct berval *value, const char **text_r);
bool codec_sid(struct arena *arena, const struct berval *value, const char **text_r);

/* Returns the text SID with the relative identifier `rid` in the domain of `sid`. */
const char *codec_sid_sibling(struct arena *arena, const char *sid, int64_t rid);

/* Encodes a value of unicodePwd: UTF-16LE in double quotes. False if the password is not UTF-8. */
bool codec_password(struct arena *arena, const char *password, struct berval *value_r);

#endif
