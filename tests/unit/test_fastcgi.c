/* FastCGI: parsing of requests that arrive in pieces of any size, and writing of requests. */
#include "base/fastcgi.h"
#include "unit.h"

/* The records of a request as nginx writes them: padded, with the parameters in two records. */
static const char request[] = "\1\1\0\7\0\10\0\0"
                              "\0\1\0\0\0\0\0\0"
                              "\1\4\0\7\0\3\5\0"
                              "abcPPPPP"
                              "\1\4\0\7\0\2\0\0"
                              "de"
                              "\1\4\0\7\0\0\0\0"
                              "\1\5\0\7\0\4\4\0"
                              "bodyPPPP"
                              "\1\5\0\7\0\0\0\0";
static const size_t head_length = 16 + 16 + 10 + 8;

/* Parses the bytes in pieces of `size`, each in its own allocation, and returns the last event. */
static enum fastcgi_event read_all(const char *bytes, size_t length, size_t size,
                                   struct fastcgi_reader *reader, struct buffer *params,
                                   struct buffer *body)
{
    enum fastcgi_event event = FASTCGI_MORE;
    for (size_t at = 0; at < length; at += size) {
        size_t here = length - at < size ? length - at : size, left = here;
        char *copy = malloc(here);
        const char *next = copy, *piece;
        size_t piece_length;
        assert_non_null(copy);
        memcpy(copy, bytes + at, here);
        do {
            event = fastcgi_next(reader, &next, &left, &piece, &piece_length);
            if (event == FASTCGI_PARAMS_BYTES || event == FASTCGI_BODY_BYTES) {
                buffer_add(event == FASTCGI_BODY_BYTES ? body : params, piece, piece_length);
            }
        } while (event != FASTCGI_MORE && event != FASTCGI_END && event != FASTCGI_MALFORMED);
        free(copy);
        if (event != FASTCGI_MORE) {
            return event;
        }
    }
    return event;
}

static void request_is_parsed_in_pieces_of_any_size(void **state)
{
    for (size_t size = 1; size <= sizeof request; size++) {
        struct fastcgi_reader reader = {0};
        struct buffer params = {.arena = *state}, body = {.arena = *state};
        assert_int_equal(read_all(BYTES(request), size, &reader, &params, &body), FASTCGI_END);
        assert_true(reader.params_end && reader.finished);
        assert_int_equal(reader.id, 7);
        assert_int_equal(params.length, 5);
        assert_memory_equal(params.bytes, "abcde", 5);
        assert_int_equal(body.length, 4);
        assert_memory_equal(body.bytes, "body", 4);
    }
}

static void request_head_is_complete_at_the_end_of_its_parameters(void **state)
{
    (void)state;
    for (size_t length = 0; length < sizeof request - 1; length++) {
        assert_int_equal(fastcgi_inspect_request(request, length),
                         length < head_length ? FASTCGI_MORE : FASTCGI_PARAMS_END);
    }
    assert_int_equal(fastcgi_inspect_request(BYTES(request)), FASTCGI_END);
}

/* The record after the parameters does not belong to a body. */
static void request_head_is_complete_whatever_record_follows(void **state)
{
    struct buffer bytes = {.arena = *state};
    buffer_add(&bytes, request, head_length);
    buffer_add(&bytes, BYTES("\1\1\0\1\0\10\0\0"));
    assert_int_equal(fastcgi_inspect_request(bytes.bytes, bytes.length), FASTCGI_PARAMS_END);
}

static void records_that_do_not_begin_a_request_are_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } wrong[] = {
        {BYTES("GET / HTTP/1.1\r\n")},
        {BYTES("\2\1\0\1\0\10\0\0")},                          /* unknown version */
        {BYTES("\1\1\0\0\0\10\0\0")},                          /* request id 0 */
        {BYTES("\1\1\0\1\0\7\0\0")},                           /* BEGIN_REQUEST is too short */
        {BYTES("\1\4\0\1\0\1\0\0")},                           /* PARAMS comes first */
        {BYTES("\1\1\0\1\0\10\0\0________\1\1\0\1\0\10\0\0")}, /* BEGIN_REQUEST comes twice */
        {BYTES("\1\1\0\1\0\10\0\0________\1\5\0\1\0\0\0\0")},  /* STDIN before the end of PARAMS */
        {BYTES("\1\1\0\1\0\10\0\0________\1\4\0\2\0\0\0\0")},  /* request id of another request */
        {BYTES("\1\1\0\1\0\10\0\0________\1\2\0\1\0\0\0\0")},  /* ABORT_REQUEST */
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(fastcgi_inspect_request(wrong[i].bytes, wrong[i].length),
                         FASTCGI_MALFORMED);
    }
}

static void written_request_can_be_parsed(void **state)
{
    struct buffer params = {.arena = *state}, out = {.arena = *state};
    struct buffer read = {.arena = *state}, body = {.arena = *state};
    struct fastcgi_reader reader = {0};
    for (int i = 0; i < 10000; i++) { /* exceeds one record */
        fastcgi_add_param(&params, "NAME", "a value");
    }
    fastcgi_add_request(&out, 258, &params);
    assert_int_equal(fastcgi_inspect_request(out.bytes, out.length), FASTCGI_PARAMS_END);
    fastcgi_add_header(&out, FASTCGI_STDIN, 258, 1);
    buffer_add_char(&out, 'x');
    fastcgi_add_header(&out, FASTCGI_STDIN, 258, 0);
    assert_int_equal(read_all(out.bytes, out.length, 1000, &reader, &read, &body), FASTCGI_END);
    assert_int_equal(reader.id, 258);
    assert_int_equal(read.length, params.length);
    assert_memory_equal(read.bytes, params.bytes, params.length);
    assert_memory_equal(params.bytes, "\4\7NAMEa value", 13);
    assert_int_equal(body.length, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(request_is_parsed_in_pieces_of_any_size),
        cmocka_unit_test(request_head_is_complete_at_the_end_of_its_parameters),
        ARENA_TEST(request_head_is_complete_whatever_record_follows),
        cmocka_unit_test(records_that_do_not_begin_a_request_are_malformed),
        ARENA_TEST(written_request_can_be_parsed),
    };
    return cmocka_run_group_tests_name("fastcgi", tests, NULL, NULL);
}
