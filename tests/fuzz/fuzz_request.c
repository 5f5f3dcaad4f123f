/*
 * Fuzzes the parsing of requests. The input is lines: method, request target, Accept-Language,
 * X-Request-ID; the rest is ignored.
 */
#include "fuzz.h"
#include "http/language.h"
#include "http/request.h"

static void check_path(struct request *request)
{
    FUZZ_CHECK(request->segments_count <= REQUEST_SEGMENTS_MAX);
    for (size_t i = 0; i < request->segments_count; i++) {
        const char *segment = request->segments[i];
        FUZZ_CHECK(utf8_valid(segment, strlen(segment)));
        /* Encoding and decoding a segment must restore it. */
        char *again = arena_string(request->arena, request_encode_segment(request->arena, segment));
        FUZZ_CHECK(strspn(again, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                 "0123456789-._~%") == strlen(again));
        FUZZ_CHECK(request_decode(again, false) && !strcmp(again, segment));
    }
}

static void check_language(const char *field)
{
    for (int standard = 0; standard < LANGUAGE_COUNT; standard++) {
        enum config_language language = language_choose(field, (enum config_language)standard);
        FUZZ_CHECK(language < LANGUAGE_COUNT);
        FUZZ_CHECK(*field || (int)language == standard);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_string(data, size), *rest = text;
    struct request request = {.arena = arena_new()};
    request.headers.method = fuzz_line(&rest);
    request.headers.uri = fuzz_line(&rest);
    request.headers.accept_language = fuzz_line(&rest);
    request.headers.request_id = fuzz_line(&rest);
    const struct error *error = request_parse(&request, LANGUAGE_RU);
    FUZZ_CHECK(request.method <= METHOD_COUNT && request.language < LANGUAGE_COUNT);
    FUZZ_CHECK(request.id &&
               strspn(request.id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(request.id));
    FUZZ_CHECK(*request.id && strlen(request.id) <= REQUEST_ID_MAX);
    if (error) {
        FUZZ_CHECK(error->id == ERR_BAD_REQUEST || error->id == ERR_NOT_FOUND);
    } else {
        FUZZ_CHECK(request.query_text);
        check_path(&request);
    }
    check_language(request.headers.accept_language);
    arena_free(&request.arena);
    free(text);
    return 0;
}
