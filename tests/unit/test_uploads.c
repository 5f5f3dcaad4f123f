/* Uploads that come too slowly, whatever they are slow with: the clock is the test's own. */
#include "base/config.h"
#include "collection/app.h"
#include "collection/uploads.h"
#include "unit.h"

#include <time.h>

enum { NS_PER_S = 1000 * 1000 * 1000, PATIENCE_S = 60 };

static int64_t now_ns;

/* In place of the C library's, with the names that it has there. */
/* NOLINTBEGIN(bugprone-reserved-identifier, cert-dcl37-c, cert-dcl51-cpp) */
int clock_gettime(clockid_t __clock_id, struct timespec *__tp)
{
    (void)__clock_id;
    *__tp = (struct timespec){.tv_sec = now_ns / NS_PER_S, .tv_nsec = now_ns % NS_PER_S};
    return 0;
}
/* NOLINTEND(bugprone-reserved-identifier, cert-dcl37-c, cert-dcl51-cpp) */

#define PART(name, file) "--b\r\nContent-Disposition: form-data; name=" name file "\r\n\r\n"
#define FILE_PART PART("file", "; filename=a.txt")

/* A body whose last byte comes again and again, one in ten seconds. */
struct trickle {
    const char *bytes;
    size_t at;
    int64_t began_ns, pause_ns;
};

static size_t read_trickle(void *source, char *bytes, size_t size)
{
    struct trickle *trickle = source;
    size_t last = strlen(trickle->bytes) - 1;
    assert_true(size);
    if (trickle->at > last && !trickle->pause_ns) {
        return 0;
    }
    *bytes = trickle->bytes[trickle->at < last ? trickle->at : last];
    now_ns += trickle->at++ < last ? 0 : trickle->pause_ns;
    assert_true(now_ns - trickle->began_ns < (int64_t)PATIENCE_S * NS_PER_S);
    return 1;
}

static struct error *receive(struct arena *arena, const char *body, int64_t pause_ns)
{
    static const struct config config = {
        .storage_url = "file:///objects",
        .state_dir = "state",
        .socket_group = "",
        .secret_key = "a key",
        .upload_scan_command = "",
    };
    struct trickle trickle = {.bytes = body, .began_ns = now_ns, .pause_ns = pause_ns};
    struct app app = {.config = &config};
    struct request request = {
        .arena = arena,
        .app = &app,
        .headers = {.content_type = "multipart/form-data; boundary=b"},
        .input = {read_trickle, &trickle},
    };
    struct upload upload;
    assert_null(objects_open(&config, arena, &app.objects));
    struct error *error = upload_receive(&request, INT64_MAX, &upload);
    assert_int_equal(request.body_abandoned, error != NULL);
    objects_discard(app.objects, &upload.staged);
    objects_close(&app.objects);
    return error;
}

static void a_body_that_trickles_is_ended(void **state)
{
    static const char *const bodies[] = {
        "x",                                     /* the preamble */
        "--b\r\nX: y",                           /* a header */
        PART("other", "") "x",                   /* another field */
        FILE_PART "x",                           /* the file */
        FILE_PART "x\r\n" PART("other", "") "x", /* a field behind it */
        FILE_PART "x\r\n--b--\r\nx",             /* the epilogue */
    };
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        const struct error *error = receive(*state, bodies[i], 10LL * NS_PER_S);
        assert_non_null(error);
        assert_int_equal(error->id, ERR_TOO_SLOW);
    }
}

static void one_that_is_quick_is_not(void **state)
{
    assert_null(receive(*state, FILE_PART "x\r\n--b--\r\n", 0));
    assert_null(receive(*state, FILE_PART "x\r\n--b--\r\nan epilogue", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(a_body_that_trickles_is_ended),
        ARENA_TEST(one_that_is_quick_is_not),
    };
    char folder[PATH_MAX];
    return enter_temporary(folder)
               ? leave_temporary(folder, cmocka_run_group_tests_name("uploads", tests, NULL, NULL))
               : EXIT_FAILURE;
}
