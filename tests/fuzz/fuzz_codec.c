/*
 * Fuzzes values that a directory server sends: integers, times, GUIDs, SIDs, logon hours, metadata
 * and the reasons of rejected binds; and passwords as they are sent to the server. A malicious
 * server must do no harm.
 */
#include "fuzz.h"

#include "directory/access.h"
#include "directory/codec.h"
#include "directory/result.h"

/* A list that is formatted again has the same names. */
static void check_lists(struct arena *arena, struct berval *value)
{
    const char *const *items = NULL, *const *again = NULL;
    size_t count = 0, again_count = 0;
    bool allowed = false;
    int64_t until = 0;
    (void)codec_truth(value, &allowed);
    if (codec_logon_hours(value, 0, &allowed, &until)) {
        FUZZ_CHECK(value->bv_len == 21 && until > 0);
    }
    if (!codec_list(arena, value, &items, &count) || !count) {
        return;
    }
    const char *list = codec_format_list(arena, items, count);
    struct berval formatted = {.bv_len = strlen(list), .bv_val = arena_string(arena, list)};
    FUZZ_CHECK(codec_list(arena, &formatted, &again, &again_count) && again_count == count);
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(*items[i] && !strcmp(items[i], again[i]));
    }
}

/* libldap appends a NUL to every value; the sanitizer detects reads beyond it. */
static void check_values(struct arena *arena, struct berval *value)
{
    int64_t number = 0;
    const char *text = NULL;
    (void)codec_integer(value, &number);
    (void)codec_time(value, &number);
    if (codec_guid(arena, value, &text)) {
        FUZZ_CHECK(value->bv_len == 16 && strlen(text) == 36);
    }
    if (codec_sid(arena, value, &text)) {
        FUZZ_CHECK(!strncmp(text, "S-", 2));
        FUZZ_CHECK(strspn(text + 2, "0123456789-") == strlen(text + 2));
        FUZZ_CHECK(*codec_sid_sibling(arena, text, 513));
    }
    check_lists(arena, value);
    FUZZ_CHECK(*result_bind_reason(value->bv_val));
    (void)access_has_password(value->bv_val, value->bv_len);
    struct directory_obstacle hours =
        access_evaluate_hours(value->bv_val, value->bv_len, INT64_C(1795910400000));
    FUZZ_CHECK(!hours.until_ms || (hours.holds && hours.since_ms < hours.until_ms));
}

static void check_password(struct arena *arena, const char *password)
{
    struct berval value = {0};
    size_t length = strlen(password);
    bool valid = utf8_valid(password, length);
    FUZZ_CHECK(codec_password(arena, password, &value) == valid);
    if (valid) {
        FUZZ_CHECK(value.bv_len == 2 * (utf8_utf16_units(password, length) + 2));
        FUZZ_CHECK(!memcmp(value.bv_val, "\"\0", 2));
        FUZZ_CHECK(!memcmp(value.bv_val + value.bv_len - 2, "\"\0", 2));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    char *bytes = malloc(size + 1);
    FUZZ_CHECK(bytes);
    if (size) {
        memcpy(bytes, data, size);
    }
    bytes[size] = '\0';
    check_values(arena, &(struct berval){.bv_len = size, .bv_val = bytes});
    check_password(arena, bytes);
    free(bytes);
    arena_free(&arena);
    return 0;
}
