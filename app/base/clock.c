/* See clock.h. */
#include "base/clock.h"

#include <stdio.h>
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
    int64_t ms = wall_ms % MS_PER_S;
    if (ms < 0) { /* before 1970 */
        ms += MS_PER_S;
    }
    time_t seconds = (time_t)((wall_ms - ms) / MS_PER_S);
    struct tm utc = {0};
    char date[CLOCK_TEXT_SIZE];
    if (!gmtime_r(&seconds, &utc) || !strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc)) {
        date[0] = '\0';
    }
    snprintf(text, CLOCK_TEXT_SIZE, "%.26s.%03dZ", date, (int)ms);
    return text;
}
