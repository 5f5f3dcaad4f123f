/*
 * Codec: converts attribute values from and to the encodings of Active Directory, without requests
 * to the server. Invalid values are reported and never guessed.
 */
#include "directory/codec.h"

#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    UTF16_UNIT = 2, /* bytes */
    GUID_BYTES = 16,
    SID_HEADER_BYTES = 8, /* revision, number of parts, 48 bits of authority */
    SID_PART_BYTES = 4,
    SID_PARTS_MAX = 15,
    FILETIME_PER_MS = 10000, /* units of 100 ns */
    HOURS_PER_WEEK = 7 * HOURS_PER_DAY,
    LOGON_HOURS_BYTES = HOURS_PER_WEEK / 8,
    EPOCH_HOUR = 4 * HOURS_PER_DAY, /* 1970-01-01 was a Thursday */
};

static const int64_t ms_per_second = 1000, ms_per_minute = 60000, ms_per_hour = 3600000;

/* Time from the epoch of FILETIME, 1601-01-01, to 1970-01-01 (MS-DTYP 2.3.3). */
static const int64_t filetime_epoch_ms = INT64_C(11644473600000);

/* --- numbers --------------------------------------------------------------------------------- */

bool codec_integer(const struct berval *value, int64_t *integer_r)
{
    char *end = NULL;
    errno = 0;
    long long integer = strtoll(value->bv_val, &end, DECIMAL);
    if (errno || !value->bv_len || end != value->bv_val + value->bv_len) {
        return false;
    }
    *integer_r = integer;
    return true;
}

/* --- time ------------------------------------------------------------------------------------ */

/* Reads `count` digits and moves *at behind them. Returns -1 if there are other characters. */
static int read_time_digits(const char **at, int count)
{
    int number = 0;
    for (int i = 0; i < count; i++) {
        if ((*at)[i] < '0' || (*at)[i] > '9') {
            return -1;
        }
        number = number * DECIMAL + ((*at)[i] - '0');
    }
    *at += count;
    return number;
}

/* Reads an optional decimal fraction of `unit_ms`, truncated to whole milliseconds. */
static int64_t read_time_fraction(const char **at, int64_t unit_ms)
{
    int64_t fraction = 0;
    if (**at != '.' && **at != ',') {
        return 0;
    }
    for (*at += 1; **at >= '0' && **at <= '9'; *at += 1) {
        fraction += unit_ms * (**at - '0') / DECIMAL;
        unit_ms /= DECIMAL;
    }
    return fraction;
}

/* Reads a time zone, "Z", "+0300" or "-03". *offset_ms_r is to be subtracted to get UTC. */
static bool read_time_zone(const char **at, int64_t *offset_ms_r)
{
    char sign = **at;
    *at += sign ? 1 : 0;
    *offset_ms_r = 0;
    if (sign == 'Z') {
        return true;
    }
    int hours = sign == '+' || sign == '-' ? read_time_digits(at, 2) : -1;
    int minutes = hours >= 0 && **at ? read_time_digits(at, 2) : 0;
    int64_t offset = hours * ms_per_hour + minutes * ms_per_minute;
    *offset_ms_r = sign == '-' ? -offset : offset;
    return hours >= 0 && minutes >= 0;
}

/* Parses YYYYMMDDHH[MM[SS]][.fraction]zone (RFC 4517 3.3.13). */
static bool parse_generalized_time(const char *text, int64_t *wall_ms_r)
{
    const char *at = text;
    struct tm tm = {0};
    int64_t unit = ms_per_hour, offset = 0;
    int year = read_time_digits(&at, 4);
    int month = year < 0 ? -1 : read_time_digits(&at, 2);
    tm.tm_mday = month < 1 || month > 12 ? -1 : read_time_digits(&at, 2);
    tm.tm_hour = tm.tm_mday < 1 || tm.tm_mday > 31 ? -1 : read_time_digits(&at, 2);
    if (tm.tm_hour < 0 || tm.tm_hour > 23) {
        return false;
    }
    if (*at >= '0' && *at <= '9') {
        tm.tm_min = read_time_digits(&at, 2);
        unit = ms_per_minute;
        if (tm.tm_min >= 0 && *at >= '0' && *at <= '9') {
            tm.tm_sec = read_time_digits(&at, 2);
            unit = ms_per_second;
        }
    }
    if (tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60) {
        return false;
    }
    int64_t fraction = read_time_fraction(&at, unit);
    if (!read_time_zone(&at, &offset) || *at) {
        return false;
    }
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    *wall_ms_r = (int64_t)timegm(&tm) * ms_per_second + fraction - offset;
    return true;
}

/* Distinguishes the two encodings by the zone at the end: a value of digits only is a FILETIME. Its
 * 0 and INT64_MAX mean "never", and so do times after the year 9999, which have no other form. */
bool codec_time(const struct berval *value, int64_t *wall_ms_r)
{
    int64_t filetime;
    if (!codec_integer(value, &filetime)) {
        return strlen(value->bv_val) == value->bv_len &&
               parse_generalized_time(value->bv_val, wall_ms_r);
    }
    if (filetime <= 0 || filetime > CODEC_FILETIME_LAST) {
        return false;
    }
    *wall_ms_r = filetime / FILETIME_PER_MS - filetime_epoch_ms;
    return true;
}

const char *codec_format_time(struct arena *arena, int64_t wall_ms)
{
    enum { TEXT_SIZE = 32 };
    int64_t second = wall_ms / ms_per_second - (wall_ms % ms_per_second < 0);
    time_t seconds = (time_t)second;
    struct tm utc = {0};
    char text[TEXT_SIZE];
    (void)gmtime_r(&seconds, &utc);
    (void)strftime(text, sizeof text, "%04Y%m%d%H%M%S.0Z", &utc);
    return arena_string(arena, text);
}

int64_t codec_filetime(int64_t wall_ms)
{
    return (wall_ms + filetime_epoch_ms) * FILETIME_PER_MS;
}

const char *codec_format_filetime(struct arena *arena, int64_t wall_ms)
{
    return arena_format(arena, "%" PRId64, codec_filetime(wall_ms));
}

bool codec_logon_hours(const struct berval *value, int64_t wall_ms, bool *allowed_r,
                       int64_t *until_ms_r)
{
    const unsigned char *bits = (const unsigned char *)value->bv_val;
    int64_t hour = wall_ms / ms_per_hour - (wall_ms % ms_per_hour < 0);
    *allowed_r = false;
    *until_ms_r = INT64_MAX;
    if (value->bv_len != LOGON_HOURS_BYTES) {
        return false;
    }
    for (int i = 0; i < HOURS_PER_WEEK; i++) {
        int64_t at = ((hour + i + EPOCH_HOUR) % HOURS_PER_WEEK + HOURS_PER_WEEK) % HOURS_PER_WEEK;
        bool allowed = bits[at / 8] >> (at % 8) & 1;
        if (!i) {
            *allowed_r = allowed;
        } else if (allowed != *allowed_r) {
            *until_ms_r = (hour + i) * ms_per_hour;
            break;
        }
    }
    return true;
}

/* --- truth values and lists ------------------------------------------------------------------ */

bool codec_truth(const struct berval *value, bool *truth_r)
{
    *truth_r = value->bv_len == strlen("TRUE") && !memcmp(value->bv_val, "TRUE", value->bv_len);
    return *truth_r ||
           (value->bv_len == strlen("FALSE") && !memcmp(value->bv_val, "FALSE", value->bv_len));
}

bool codec_list(struct arena *arena, const struct berval *value, const char *const **items_r,
                size_t *count_r)
{
    const char **items = arena_array(arena, value->bv_len / 2 + 1, sizeof *items);
    *items_r = items;
    *count_r = 0;
    if (!utf8_valid(value->bv_val, value->bv_len)) {
        return false;
    }
    char *rest = arena_string(arena, value->bv_val);
    for (char *item; (item = strsep(&rest, ","));) {
        item += strspn(item, " ");
        size_t length = strlen(item);
        while (length && item[length - 1] == ' ') {
            item[--length] = '\0';
        }
        if (length) {
            items[(*count_r)++] = item;
        }
    }
    return true;
}

const char *codec_format_list(struct arena *arena, const char *const *items, size_t count)
{
    struct buffer list = {.arena = arena};
    for (size_t i = 0; i < count; i++) {
        buffer_format(&list, "%s%s", i ? "," : "", items[i]);
    }
    return list.bytes;
}

/* --- identifiers ----------------------------------------------------------------------------- */

/* MS-DTYP 2.3.4.2: the first three fields are little-endian. */
bool codec_guid(struct arena *arena, const struct berval *value, const char **text_r)
{
    const unsigned char *b = (const unsigned char *)value->bv_val;
    if (value->bv_len != GUID_BYTES) {
        return false;
    }
    *text_r = arena_format(
        arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[3], b[2],
        b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return true;
}

/* MS-DTYP 2.4.2: the authority is big-endian, the parts after it are little-endian. */
bool codec_sid(struct arena *arena, const struct berval *value, const char **text_r)
{
    const unsigned char *bytes = (const unsigned char *)value->bv_val;
    if (value->bv_len < SID_HEADER_BYTES || bytes[1] > SID_PARTS_MAX ||
        value->bv_len != SID_HEADER_BYTES + (size_t)bytes[1] * SID_PART_BYTES) {
        return false;
    }
    uint64_t authority = 0;
    for (size_t i = 2; i < SID_HEADER_BYTES; i++) {
        authority = authority << 8 | bytes[i];
    }
    struct buffer text = {.arena = arena};
    buffer_format(&text, "S-%u-%" PRIu64, bytes[0], authority);
    for (size_t i = 0; i < bytes[1]; i++) {
        const unsigned char *part = bytes + SID_HEADER_BYTES + i * SID_PART_BYTES;
        buffer_format(&text, "-%" PRIu32,
                      (uint32_t)part[0] | (uint32_t)part[1] << 8 | (uint32_t)part[2] << 16 |
                          (uint32_t)part[3] << 24);
    }
    *text_r = text.bytes;
    return true;
}

const char *codec_sid_sibling(struct arena *arena, const char *sid, int64_t rid)
{
    const char *last = strrchr(sid, '-');
    size_t domain = last ? (size_t)(last - sid) : strlen(sid);
    return arena_format(arena, "%.*s-%" PRId64, (int)domain, sid, rid);
}

/* --- passwords ------------------------------------------------------------------------------- */

static char *put_utf16_unit(char *at, uint32_t unit)
{
    *at++ = (char)(unit & 0xFF);
    *at++ = (char)(unit >> 8 & 0xFF);
    return at;
}

/* MS-ADTS 3.1.1.3.1.5: the value begins and ends with a quote; quotes inside are not escaped. */
bool codec_password(struct arena *arena, const char *password, struct berval *value_r)
{
    size_t length = strlen(password);
    /* A character has at most as many UTF-16 units as UTF-8 bytes; two more are for the quotes. */
    char *bytes = arena_array(arena, length + 2, UTF16_UNIT);
    char *at = put_utf16_unit(bytes, '"');
    for (size_t i = 0; i < length;) {
        int32_t character = utf8_next(password, length, &i);
        if (character < 0) {
            return false;
        }
        if (character > 0xFFFF) {
            uint32_t above = (uint32_t)character - 0x10000;
            at = put_utf16_unit(at, 0xD800 | above >> 10);
            at = put_utf16_unit(at, 0xDC00 | (above & 0x3FF));
        } else {
            at = put_utf16_unit(at, (uint32_t)character);
        }
    }
    at = put_utf16_unit(at, '"');
    *value_r = (struct berval){.bv_len = (size_t)(at - bytes), .bv_val = bytes};
    return true;
}
