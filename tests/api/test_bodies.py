"""Request bodies that no route reads: on a keep-alive connection to a worker, an unread body
must not become part of the next request."""

import concurrent.futures

import pytest
import requests

WRITERS = READERS = 4
ROUNDS = 40
SIZES = (1, 100, 7_700, 8_192, 8_193, 16_384, 65_536, 200_000, 262_144)

# Body content that looks like FastCGI records (version 1, management record, no content), which a
# faulty worker would parse as records.
RECORDS = bytes([1, 9, 0, 0, 0, 0, 0, 0])


def send_request(stack, method, path, **arguments):
    return requests.request(method, stack.http_url + path, timeout=30, **arguments)


def send_bodies(stack, path, statuses):
    for number in range(ROUNDS):
        size = SIZES[number % len(SIZES)]
        body = RECORDS * (size // len(RECORDS)) + b"\1" * (size % len(RECORDS))
        answer = send_request(stack, "POST", path, data=body)
        assert answer.status_code in statuses, (size, answer.text)


def read_health(stack, number):
    for count in range(4 * ROUNDS):
        marker = f"reader-{number}-{count}"
        answer = send_request(stack, "GET", "/health", headers={"X-Request-ID": marker})
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "ok"
        assert answer.headers["X-Request-ID"] == marker


@pytest.mark.parametrize("path, statuses", [("/health", (405,)), ("/nowhere", (404,)),
                                            ("/api/v1/app", (404,)), ("/", (405,))])
def test_body_that_server_does_not_read_does_not_affect_other_requests(stack, path, statuses):
    before = stack.service.workers("core")
    with concurrent.futures.ThreadPoolExecutor(WRITERS + READERS) as pool:
        work = [pool.submit(send_bodies, stack, path, statuses) for _ in range(WRITERS)]
        work += [pool.submit(read_health, stack, number) for number in range(READERS)]
        for each in work:
            each.result()
    assert sorted(stack.service.workers("core")) == sorted(before)
