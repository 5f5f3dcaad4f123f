/* Codec: converts attribute values from and to Active Directory's binary and text encodings. */
#ifndef DIRECTORY_CODEC_H
#define DIRECTORY_CODEC_H

#include <lber.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* Decode an attribute value. Each function returns false if the value is not in the encoding that
 * the function decodes. */
bool codec_integer(const struct berval *value, int64_t *integer_r);
bool codec_time(const struct berval *value, int64_t *wall_ms_r);
bool codec_guid(struct arena *arena, const struct berval *value, const char **text_r);
bool codec_sid(struct arena *arena, const struct berval *value, const char **text_r);
bool codec_truth(const struct berval *value, bool *truth_r);

/* Splits a list of names that are separated by commas. Blanks at both ends of a name and empty
 * names are removed. False if the value is not UTF-8. */
bool codec_list(struct arena *arena, const struct berval *value, const char *const **items_r,
                size_t *count_r);

/*
 * Decodes logonHours: one bit for each hour of a week in UTC, from Sunday at 0:00.
 * *allowed_r is true if a login is allowed at this time, and *until_ms_r is the time at which that
 * changes; INT64_MAX: never.
 */
bool codec_logon_hours(const struct berval *value, int64_t wall_ms, bool *allowed_r,
                       int64_t *until_ms_r);

/* The last FILETIME that is a time, at the end of the year 9999. Later ones mean "never". */
#define CODEC_FILETIME_LAST INT64_C(2650467743999999999)

/* Returns the FILETIME at which a millisecond begins. The year of the time is 1 to 9999. */
int64_t codec_filetime(int64_t wall_ms);

/* Encode a time: as generalized time, which has no milliseconds, and as FILETIME. */
const char *codec_format_time(struct arena *arena, int64_t wall_ms);
const char *codec_format_filetime(struct arena *arena, int64_t wall_ms);

/* Encodes a list of names; NULL if it is empty. */
const char *codec_format_list(struct arena *arena, const char *const *items, size_t count);

/* Returns the text SID with the relative identifier `rid` in the domain of `sid`. */
const char *codec_sid_sibling(struct arena *arena, const char *sid, int64_t rid);

/* Encodes a value of unicodePwd: UTF-16LE in double quotes. False if the password is not UTF-8. */
bool codec_password(struct arena *arena, const char *password, struct berval *value_r);

#endif
