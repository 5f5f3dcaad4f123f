/* Exchange: the data that the spool sends to a worker for a request, and the replies that it
 * accepts. */
#include "proc/exchange.h"

#include "base/fastcgi.h"
#include "base/size.h"
#include "proc/handoff.h"
#include "unit.h"

#include <sys/socket.h>

enum { ID = 258 };

struct fixture {
    struct handoff handoff;
    struct exchange exchange;
    struct buffer params;
    struct fastcgi_reader reader; /* parses the bytes that the worker receives */
    int fd, worker_fd;
};

static int setup(void **state)
{
    struct fixture *fixture = base_alloc(sizeof *fixture);
    *fixture = (struct fixture){.fd = -1, .worker_fd = -1};
    assert_true(handoff_open(&fixture->handoff));
    fastcgi_add_param(&fixture->params, "REQUEST_METHOD", "POST");
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    close(fixture->fd);
    close(fixture->worker_fd);
    close(fixture->handoff.send_fd);
    close(fixture->handoff.receive_fd);
    buffer_free(&fixture->params);
    exchange_free(&fixture->exchange);
    free(fixture);
    return 0;
}

/* Data that the worker has received since the last call. */
struct worker_input {
    char params[1000];
    size_t params_length, body;
    bool ended;
};

static struct worker_input worker_input(struct fixture *fixture)
{
    struct worker_input worker_input = {.body = 0};
    char bytes[4096];
    ssize_t got = recv(fixture->worker_fd, bytes, sizeof bytes, MSG_DONTWAIT);
    const char *at = bytes, *piece;
    size_t length = got > 0 ? (size_t)got : 0, piece_length;
    enum fastcgi_event event;
    while ((event = fastcgi_next(&fixture->reader, &at, &length, &piece, &piece_length)) !=
           FASTCGI_MORE) {
        assert_int_not_equal(event, FASTCGI_MALFORMED);
        if (event == FASTCGI_PARAMS_BYTES) {
            memcpy(worker_input.params + worker_input.params_length, piece, piece_length);
            worker_input.params_length += piece_length;
        } else if (event == FASTCGI_BODY_BYTES) {
            worker_input.body += piece_length;
        } else if (event == FASTCGI_END) {
            worker_input.ended = true;
            break;
        }
    }
    return worker_input;
}

static bool has_param(const struct worker_input *worker_input, const char *text)
{
    return memmem(worker_input->params, worker_input->params_length, text, strlen(text));
}

static int try_begin_exchange(struct fixture *fixture, enum exchange_kind kind, const char *fate,
                              int64_t size)
{
    const struct exchange_request request = {
        .id = ID, .params = &fixture->params, .body_state = fate, .body_fd = -1, .size = size};
    return exchange_begin(&fixture->exchange, kind, &request, fixture->handoff.send_fd);
}

static void begin_exchange(struct fixture *fixture, enum exchange_kind kind, const char *fate,
                           int64_t size)
{
    int file_fd;
    fixture->fd = try_begin_exchange(fixture, kind, fate, size);
    assert_true(fixture->fd >= 0);
    fixture->worker_fd = handoff_receive(fixture->handoff.receive_fd, &file_fd);
    assert_true(fixture->worker_fd >= 0);
    assert_int_equal(file_fd, -1);
}

static void complete_request_is_sent_to_a_worker_at_once(void **state)
{
    struct fixture *fixture = *state;
    size_t length = fixture->params.length;
    begin_exchange(fixture, COMPLETE, NULL, 1000);
    struct worker_input seen = worker_input(fixture);
    assert_true(has_param(&seen, "REQUEST_METHODPOST"));
    assert_true(has_param(&seen, "KONTORA_SENT"));
    assert_false(has_param(&seen, "KONTORA_SPOOL"));
    assert_true(seen.ended && !seen.body);
    assert_int_equal(fixture->params.length, length);
}

static void state_of_the_body_is_sent_as_a_parameter(void **state)
{
    struct fixture *fixture = *state;
    begin_exchange(fixture, COMPLETE, "slow", 0);
    struct worker_input seen = worker_input(fixture);
    assert_true(has_param(&seen, "KONTORA_SPOOLslow"));
    assert_true(seen.ended);
}

static void worker_is_notified_of_growth_until_body_is_complete(void **state)
{
    struct fixture *fixture = *state;
    begin_exchange(fixture, EARLY, "early", (int64_t)300 * KIB);
    struct worker_input seen = worker_input(fixture);
    assert_true(has_param(&seen, "KONTORA_SPOOLearly"));
    assert_false(seen.ended || seen.body);
    exchange_send(&fixture->exchange, fixture->fd, (int64_t)301 * KIB);
    assert_int_equal(worker_input(fixture).body, 0); /* growth below the notification interval */
    exchange_send(&fixture->exchange, fixture->fd, (int64_t)400 * KIB);
    assert_true(worker_input(fixture).body > 0);
    fixture->exchange.kind = COMPLETE;
    exchange_send(&fixture->exchange, fixture->fd, (int64_t)401 * KIB);
    assert_true(worker_input(fixture).ended);
}

static void withdrawn_request_sends_no_end_of_stdin(void **state)
{
    struct fixture *fixture = *state;
    begin_exchange(fixture, EARLY, "early", (int64_t)300 * KIB);
    worker_input(fixture);
    fixture->exchange.kind = WITHDRAWN;
    exchange_send(&fixture->exchange, fixture->fd, (int64_t)900 * KIB);
    struct worker_input seen = worker_input(fixture);
    assert_false(seen.ended || seen.body);
}

static void reply_arrives_in_pieces_until_the_connection_ends(void **state)
{
    struct fixture *fixture = *state;
    begin_exchange(fixture, ASKING, "asks", 0);
    assert_int_equal(exchange_receive(&fixture->exchange, fixture->fd), EXCHANGE_PENDING);
    assert_int_equal(write(fixture->worker_fd, "\1\6\0\1\0\0\0\0Status: 1", 17), 17);
    assert_int_equal(exchange_receive(&fixture->exchange, fixture->fd), EXCHANGE_PENDING);
    assert_false(exchange_says_continue(&fixture->exchange));
    assert_int_equal(write(fixture->worker_fd, "00 Continue\r\n", 13), 13);
    shutdown(fixture->worker_fd, SHUT_WR);
    assert_int_equal(exchange_receive(&fixture->exchange, fixture->fd), EXCHANGE_ENDED);
    assert_true(exchange_says_continue(&fixture->exchange));
}

static void endless_reply_is_rejected_as_too_long(void **state)
{
    struct fixture *fixture = *state;
    static const char piece[16 * KIB];
    enum exchange_event event = EXCHANGE_PENDING;
    begin_exchange(fixture, COMPLETE, NULL, 0);
    for (int i = 0; i < 20 && event == EXCHANGE_PENDING; i++) {
        assert_int_equal(write(fixture->worker_fd, piece, sizeof piece), sizeof piece);
        event = exchange_receive(&fixture->exchange, fixture->fd);
    }
    assert_int_equal(event, EXCHANGE_TOO_LONG);
}

static void full_queue_rejects_further_requests(void **state)
{
    struct fixture *fixture = *state;
    int fds[1000], count = 0;
    while (count < 1000 && (fds[count] = try_begin_exchange(fixture, EARLY, "early", 0)) >= 0) {
        count++;
    }
    assert_true(count > 0 && count < 1000);
    assert_int_equal(fixture->exchange.kind, NO_EXCHANGE);
    while (count) {
        close(fds[--count]);
    }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(complete_request_is_sent_to_a_worker_at_once),
        TEST(state_of_the_body_is_sent_as_a_parameter),
        TEST(worker_is_notified_of_growth_until_body_is_complete),
        TEST(withdrawn_request_sends_no_end_of_stdin),
        TEST(reply_arrives_in_pieces_until_the_connection_ends),
        TEST(endless_reply_is_rejected_as_too_long),
        TEST(full_queue_rejects_further_requests),
    };
#undef TEST
    return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
