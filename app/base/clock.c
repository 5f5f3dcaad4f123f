/* See clock.h. */
#include "base/clock.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

/* The years 1 to 9999, which fit into four digits. */
static const struct clock_span representable = {-62135596800000, 253402300800000};

int64_t clock_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / NS_PER_MS;
}

int64_t clock_steady_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / NS_PER_US;
}

bool clock_stepped_back(struct clock_watch *watch, int64_t wall_ms, int64_t steady_us)
{
    enum { TOLERANCE_MS = 1000 };
    int64_t lead = wall_ms - steady_us / US_PER_MS;
    bool stepped = !watch->begun || lead < watch->lead_ms - TOLERANCE_MS;
    *watch = (struct clock_watch){lead, true};
    return stepped;
}

char *clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE])
{
    /* Cached, because consecutive log lines are mostly of the same second. */
    static time_t last = -1;
    static char date[CLOCK_TEXT_SIZE - sizeof ".789Z"];
    static size_t length;
    int64_t ms = wall_ms % MS_PER_S;
    if (ms < 0) { /* before 1970 */
        ms += MS_PER_S;
    }
    time_t seconds = (time_t)(wall_ms / MS_PER_S - (wall_ms % MS_PER_S < 0));
    if (seconds != last || !length) {
        struct tm utc = {0};
        (void)gmtime_r(&seconds, &utc);
        length = strftime(date, sizeof date, "%04Y-%m-%dT%H:%M:%S", &utc);
        last = seconds;
    }
    memcpy(text, date, length);
    char fraction[] = {
        '.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10), 'Z', '\0'};
    memcpy(text + length, fraction, sizeof fraction);
    return text;
}

/* --- parsing --------------------------------------------------------------------------------- */

/* Parses exactly `digits` digits and the character `behind` that must follow them; NUL means that
 * any character may follow. Returns -1 if the text does not match. */
static int parse_digits(const char **text, int digits, char behind)
{
    int number = 0;
    for (int i = 0; i < digits; i++, (*text)++) {
        if (!isdigit((unsigned char)**text)) {
            return -1;
        }
        number = number * 10 + (**text - '0');
    }
    if (behind && *(*text)++ != behind) {
        return -1;
    }
    return number;
}

/* Parses YYYY-MM-DD into the midnight in UTC at which that day begins. Detects impossible dates by
 * comparison, because timegm() normalizes them. */
static bool parse_midnight(const char **text, char behind, int64_t *ms_r)
{
    enum { YEAR_OF_TM = 1900 };
    int year = parse_digits(text, 4, '-');
    int month = year < 1 ? -1 : parse_digits(text, 2, '-');
    int day = month < 1 ? -1 : parse_digits(text, 2, behind);
    if (day < 1) {
        return false;
    }
    struct tm date = {.tm_year = year - YEAR_OF_TM, .tm_mon = month - 1, .tm_mday = day};
    *ms_r = (int64_t)timegm(&date) * MS_PER_S;
    return date.tm_mon == month - 1 && date.tm_mday == day;
}

bool clock_parse_date(const char *text, struct clock_span *span_r)
{
    int64_t midnight;
    if (!parse_midnight(&text, '\0', &midnight) || *text) {
        return false;
    }
    if (span_r) {
        *span_r = (struct clock_span){midnight, midnight + MS_PER_DAY};
    }
    return true;
}

/* Parses the digits behind the decimal point as milliseconds. Returns -1 if there are none. */
static int parse_fraction(const char **text)
{
    int ms = 0, digits = 0;
    for (; isdigit((unsigned char)**text); (*text)++, digits++) {
        ms = digits < 3 ? ms * 10 + (**text - '0') : ms;
    }
    for (int i = digits; i < 3; i++) {
        ms *= 10;
    }
    return digits ? ms : -1;
}

/* Parses an offset from UTC, such as Z or +03:00, into minutes. */
static bool parse_offset(const char **text, int *minutes_r)
{
    char sign = **text;
    if (sign) {
        (*text)++;
    }
    *minutes_r = 0;
    if (sign == 'Z' || sign == 'z') {
        return true;
    }
    int hours = sign == '+' || sign == '-' ? parse_digits(text, 2, ':') : -1;
    int minutes = hours < 0 ? -1 : parse_digits(text, 2, '\0');
    *minutes_r = (sign == '-' ? -1 : 1) * (hours * MINUTES_PER_HOUR + minutes);
    return minutes >= 0 && minutes < MINUTES_PER_HOUR && hours < 24;
}

bool clock_parse_time(const char *text, struct clock_span *span_r)
{
    int64_t midnight;
    int offset, ms = 0;
    char behind = text[strcspn(text, "Tt")];
    if (!behind || !parse_midnight(&text, behind, &midnight)) {
        return false;
    }
    int hour = parse_digits(&text, 2, ':');
    int minute = hour < 0 ? -1 : parse_digits(&text, 2, ':');
    int second = minute < 0 ? -1 : parse_digits(&text, 2, '\0');
    if (second >= 0 && *text == '.') {
        text++;
        ms = parse_fraction(&text);
    }
    /* Second 60, a leap second, is accepted and treated as second 59. */
    if (second < 0 || ms < 0 || hour > 23 || minute > 59 || second > 60 ||
        !parse_offset(&text, &offset) || *text) {
        return false;
    }
    second = second > 59 ? 59 : second;
    int64_t from = midnight + (int64_t)(hour * MINUTES_PER_HOUR + minute - offset) * MS_PER_MINUTE +
                   (int64_t)second * MS_PER_S + ms;
    if (from < representable.from_ms || from >= representable.until_ms) {
        return false;
    }
    if (span_r) {
        *span_r = (struct clock_span){from, from + 1};
    }
    return true;
}
