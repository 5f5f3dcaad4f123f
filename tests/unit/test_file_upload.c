/* Uploads: complete bodies, and bodies that the spool has cut off. */
#include "base/config.h"
#include "files/upload.h"
#include "rest/app.h"
#include "unit.h"

#define PART(name, file) "--b\r\nContent-Disposition: form-data; name=" name file "\r\n\r\n"
#define FILE_PART PART("file", "; filename=a.txt")

struct body {
    const char *bytes;
    size_t left;
    struct request *request;
    struct error *error; /* set when all bytes are read; NULL: the body is complete */
};

static size_t read_byte(void *source, char *bytes, size_t size)
{
    struct body *body = source;
    assert_true(size);
    if (!body->left) {
        body->request->body_error = body->error;
        return 0;
    }
    body->left--;
    *bytes = *body->bytes++;
    return 1;
}

static struct error *receive_body(struct arena *arena, struct body body, const char *spool)
{
    static const struct config config = {
        .storage_url = "file:///objects",
        .state_dir = "state",
        .socket_group = "",
        .secret_key = "a key",
        .upload_scan_command = "",
    };
    struct app app = {.config = &config};
    struct request request = {
        .arena = arena,
        .app = &app,
        .headers = {.content_type = "multipart/form-data; boundary=b", .spool = spool},
        .input = {read_byte, &body},
    };
    struct upload upload;
    body.request = &request;
    assert_null(objects_open(&config, arena, &app.objects));
    struct error *error = upload_receive(&request, INT64_MAX, &upload);
    assert_int_equal(request.body_abandoned, error != NULL);
    objects_discard(app.objects, &upload.staged);
    objects_close(&app.objects);
    return error;
}

static struct error *receive_upload(struct arena *arena, const char *text, const char *spool)
{
    return receive_body(arena, (struct body){.bytes = text, .left = strlen(text)}, spool);
}

static void assert_cut_off(struct arena *arena, const char *spool, enum error_id id)
{
    static const char *const bodies[] = {"", FILE_PART "x", FILE_PART "x\r\n--b--\r\n"};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        const struct error *error = receive_upload(arena, bodies[i], spool);
        assert_non_null(error);
        assert_int_equal(error->id, id);
    }
}

static void body_cut_off_by_the_spool_is_rejected(void **state)
{
    assert_cut_off(*state, "slow", ERR_TOO_SLOW);
    assert_cut_off(*state, "full", ERR_STORAGE_FULL);
}

/* The form may be complete: only its epilogue is missing. */
static void body_that_cannot_be_read_to_its_end_is_rejected(void **state)
{
    static const char *const bodies[] = {"", FILE_PART "x", FILE_PART "x\r\n--b--\r\n"};
    static const enum error_id ids[] = {ERR_INTERNAL, ERR_BAD_REQUEST};
    for (size_t i = 0; i < COUNT_OF(bodies) * COUNT_OF(ids); i++) {
        const char *text = bodies[i / COUNT_OF(ids)];
        struct error *expected = error_new(*state, ids[i % COUNT_OF(ids)], NULL);
        struct body body = {.bytes = text, .left = strlen(text), .error = expected};
        assert_ptr_equal(receive_body(*state, body, ""), expected);
    }
}

static void complete_upload_body_is_received(void **state)
{
    assert_null(receive_upload(*state, FILE_PART "x\r\n--b--\r\n", ""));
    assert_null(
        receive_upload(*state, PART("other", "") "x\r\n" FILE_PART "x\r\n--b--\r\nepilogue", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(body_cut_off_by_the_spool_is_rejected),
        ARENA_TEST(body_that_cannot_be_read_to_its_end_is_rejected),
        ARENA_TEST(complete_upload_body_is_received),
    };
    char folder[PATH_MAX];
    return enter_temporary(folder)
               ? leave_temporary(folder, cmocka_run_group_tests_name("uploads", tests, NULL, NULL))
               : EXIT_FAILURE;
}
