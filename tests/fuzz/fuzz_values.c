/*
 * Fuzzes dates, times and decimals, one per line of the input. An accepted date or time stays the
 * same when it is formatted and parsed again; a decimal equals its digits; and all of them are
 * parsed in a body as they are alone.
 */
#include "base/clock.h"
#include "base/jsonw.h"
#include "fuzz.h"
#include "http/fields.h"

enum { PLACES = 2, DAY_MS = 24 * 60 * 60 * 1000, DIGITS_THAT_FIT = 12 };

/* Maximum of the widest decimal field of the service. */
static const int64_t amount_max = 999999999999;

enum { AMOUNT, WHEN, FIELDS };

static const struct field map[] = {
    [AMOUNT] = {.name = "amount",
                .type = FIELD_DECIMAL,
                .scale = PLACES,
                .min = -999999999999,
                .max = 999999999999},
    [WHEN] = {.name = "when", .type = FIELD_TIME},
    [FIELDS] = {.name = NULL},
};

static void check_date(const char *text)
{
    char again[CLOCK_TEXT_SIZE];
    struct clock_span span, same;
    if (clock_parse_date(text, &span)) {
        FUZZ_CHECK(strlen(text) == strlen("2026-11-20") && span.until_ms - span.from_ms == DAY_MS);
        clock_format(span.from_ms, again);
        FUZZ_CHECK(!strncmp(text, again, strlen(text)));
        FUZZ_CHECK(!clock_parse_time(text, &same));
    }
}

static bool check_time(const char *text, int64_t *wall_ms_r)
{
    char again[CLOCK_TEXT_SIZE];
    struct clock_span span, same;
    if (!clock_parse_time(text, &span)) {
        return false;
    }
    FUZZ_CHECK(strlen(text) >= strlen("2026-11-20T12:34:56Z") && span.until_ms == span.from_ms + 1);
    clock_format(span.from_ms, again);
    FUZZ_CHECK(strlen(again) == strlen("2026-11-20T12:34:56.789Z"));
    FUZZ_CHECK(clock_parse_time(again, &same) && same.from_ms == span.from_ms);
    FUZZ_CHECK(!clock_parse_date(text, &same));
    *wall_ms_r = span.from_ms;
    return true;
}

/* Parses a body with one member. */
static struct value *read_member(struct arena *arena, const char *name, const char *json,
                                 const struct error **error_r)
{
    struct value *values = NULL;
    const char *body = arena_format(arena, "{\"%s\":%s}", name, json);
    *error_r = fields_read_json(arena, map, body, strlen(body), &values);
    return values;
}

static void check_time_in_body(struct arena *arena, const char *text)
{
    int64_t wall_ms = 0;
    const struct error *error;
    struct buffer json = {.arena = arena};
    bool is_time = check_time(text, &wall_ms);
    jsonw_string(&(struct jsonw){.out = &json}, NULL, text);
    const struct value *values = read_member(arena, "when", json.bytes, &error);
    FUZZ_CHECK(is_time == !error);
    FUZZ_CHECK(error || values[WHEN].integer == wall_ms);
}

/* True for `-? digits (. digits)?` as in RFC 8259, without more digits than fit. */
static bool is_plain_decimal(const char *text)
{
    text += *text == '-';
    size_t whole = strspn(text, "0123456789");
    bool leading_zero = *text == '0' && whole > 1;
    text += whole;
    size_t places = *text == '.' ? strspn(text + 1, "0123456789") : 0;
    bool no_places = *text == '.' && !places;
    text += places + (*text == '.');
    return whole && whole + PLACES <= DIGITS_THAT_FIT && !leading_zero && !no_places &&
           places <= PLACES && !*text;
}

static void check_decimal(struct arena *arena, const char *text)
{
    const struct error *error;
    const struct value *values = read_member(arena, "amount", text, &error);
    FUZZ_CHECK(!error || !is_plain_decimal(text));
    if (error || values[AMOUNT].state != VALUE_SET) {
        return; /* the text was not a single value */
    }
    int64_t amount = values[AMOUNT].integer;
    FUZZ_CHECK(amount >= -amount_max && amount <= amount_max);
    struct buffer out = {.arena = arena};
    jsonw_decimal(&(struct jsonw){.out = &out}, NULL, amount, PLACES);
    FUZZ_CHECK(is_plain_decimal(out.bytes));
    values = read_member(arena, "amount", out.bytes, &error);
    FUZZ_CHECK(!error && values[AMOUNT].integer == amount);
    /* Twelve digits are exact in a double, and rounding to two places restores the decimal. */
    FUZZ_CHECK(!is_plain_decimal(text) ||
               (int64_t)(strtod(text, NULL) * 100 + (amount < 0 ? -0.5 : 0.5)) == amount);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *text = fuzz_string(data, size), *rest = text;
    while (rest) {
        const char *line = fuzz_line(&rest);
        check_date(line);
        check_time_in_body(arena, line);
        check_decimal(arena, line);
    }
    free(text);
    arena_free(&arena);
    return 0;
}
