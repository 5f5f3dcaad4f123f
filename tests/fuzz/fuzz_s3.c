/*
 * Fuzzes the parsing of S3 replies. The first byte chooses the prefix of our keys; the rest is the
 * body of a reply, parsed as an object list and as an error. Objects of an accepted list are ours,
 * in order, and after the requested key; the texts of an error are short.
 */
#include "fuzz.h"
#include "objects/s3.h"

enum { ROOM = 3, SHOWN_MAX = 200 };

static void check_list(struct arena *arena, const struct buffer *body, const char *prefix)
{
    static const char after[] = "0123456789abcdef0123456789abcd00";
    struct object_info infos[ROOM];
    struct s3_page page = {.prefix = prefix, .infos = infos, .max = ROOM};
    memcpy(page.last, after, sizeof after);
    if (!s3_read_list(arena, body, &page)) {
        return;
    }
    FUZZ_CHECK(page.count <= page.max);
    FUZZ_CHECK(!page.next || *page.next);
    for (size_t i = 0; i < page.count; i++) {
        FUZZ_CHECK(storage_is_key(infos[i].key) && infos[i].size >= 0);
        FUZZ_CHECK(strcmp(infos[i].key, i ? infos[i - 1].key : after) > 0);
    }
    FUZZ_CHECK(!page.count || !strcmp(page.last, infos[page.count - 1].key));
}

static void check_failure(struct arena *arena, const struct buffer *body)
{
    struct s3_failure failure;
    s3_read_failure(arena, body, &failure);
    const char *const texts[] = {failure.code, failure.message, failure.request_id};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        FUZZ_CHECK(strlen(texts[i]) <= SHOWN_MAX && utf8_valid(texts[i], strlen(texts[i])));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct buffer body = {.arena = arena};
    buffer_add(&body, "", 0);
    if (size) {
        buffer_add(&body, (const char *)data + 1, size - 1);
        check_list(arena, &body, *data == '/' ? "a/b/" : "");
        check_failure(arena, &body);
    }
    arena_free(&arena);
    return 0;
}
