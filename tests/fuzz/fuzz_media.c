/*
 * Fuzzes the headers that describe a body. The input is lines: Content-Type, Content-Encoding; the
 * rest is the body.
 */
#include "fuzz.h"
#include "http/media.h"

static const struct field fields[] = {{.name = NULL}};
static const struct schema schema = {"Thing", fields};
static const struct route routes[] = {
    {.method = METHOD_POST, .body = &schema},
    {.method = METHOD_POST, .body = &schema, .body_form = true},
    {.method = METHOD_PATCH, .body = &schema},
    {.method = METHOD_POST, .form = true},
    {.method = METHOD_DELETE},
};

static bool begins_with_type(const char *content_type, const char *type)
{
    content_type += strspn(content_type, " \t");
    return !strncasecmp(content_type, type, strlen(type));
}

/* An accepted Content-Type begins with a type of the route. */
static void check_types(const struct request *request)
{
    const char *types[MEDIA_TYPES_MAX];
    size_t count = media_types(request->route, types);
    bool begins = false;
    for (size_t i = 0; i < count; i++) {
        begins |= begins_with_type(request->headers.content_type, types[i]);
    }
    FUZZ_CHECK(begins || (!media_is_json(request) && !media_is_form(request)));
    FUZZ_CHECK(!media_is_json(request) || !media_is_form(request));
}

/* An accepted Content-Encoding has no other word than identity. */
static void check_coding(const struct request *request)
{
    const struct error *error = media_check_coding(request);
    const char *coding = request->headers.content_encoding;
    bool blank = !coding[strspn(coding, ", \t")];
    if (error) {
        FUZZ_CHECK(error->id == ERR_UNSUPPORTED_CODING && !blank);
        FUZZ_CHECK(request->route->body || request->route->form);
    } else if (request->route->body || request->route->form) {
        FUZZ_CHECK(blank || (strcasestr(coding, "identity") && !strcasestr(coding, "gzip")));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_string(data, size), *rest = text;
    struct request request = {.arena = arena_new(), .headers = {.content_range = ""}};
    request.headers.content_type = fuzz_line(&rest);
    request.headers.content_encoding = fuzz_line(&rest);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        request.route = &routes[i];
        request.method = routes[i].method;
        check_types(&request);
        check_coding(&request);
    }
    struct buffer body = {.arena = request.arena};
    buffer_add(&body, (const char *)data, size);
    FUZZ_CHECK(media_mark_length(&body) == (size >= 3 && !memcmp(data, "\xEF\xBB\xBF", 3) ? 3 : 0));
    arena_free(&request.arena);
    free(text);
    return 0;
}
