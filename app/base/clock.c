/* See clock.h. */
#include "base/clock.h"

#include <string.h>
#include <time.h>

enum {
    MS_PER_S = 1000,
    US_PER_S = 1000 * 1000,
    NS_PER_US = 1000,
    NS_PER_MS = 1000 * 1000,
};

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

char *clock_format(int64_t wall_ms, char text[CLOCK_TEXT_SIZE])
{
    /* Log lines ask for the same second again and again. */
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
