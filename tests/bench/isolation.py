"""/health while the directory does not respond, against /health while it serves: requests that wait
for the directory must not delay other requests.

In both cases the same number of clients also request users at the same rate. Both cases are
measured in turn several times, and the median of the ratios counts. The measurement with a silent
directory starts when the directory is stopped, so that it includes workers that wait for an answer.
"""

import contextlib
import json
import statistics
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench import load
from bench.bed import Bed
from bench.table import Row, row
from stack import Stack
from stack.guard import wait_until

CLIENTS = 16
ROUNDS = 5
SECONDS = 4
WARM_UP_SECONDS = 1

DIRECTORY_CLIENTS = 8  # clients that request users
PAUSE_S = 0.1  # between two requests of such a client
TIMEOUT_S = 30

P99_RATIO_MAX = 2.0

NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def measure(_: Bed) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        token = log_in(stack)
        load.run(f"{stack.http_url}/health", CLIENTS, WARM_UP_SECONDS)
        serving, silent = zip(*(compare(stack, token) for _ in range(ROUNDS)), strict=True)
    ratio = statistics.median(b.p99_ms / a.p99_ms for a, b in zip(serving, silent, strict=True))
    return [
        row("/health, p99, the directory silent against serving", ratio,
            f"<= {P99_RATIO_MAX:g} ×", lambda value: value <= P99_RATIO_MAX),
        row("/health, errors while the directory is silent", sum(each.errors for each in silent),
            "0", lambda errors: errors == 0, "{:.0f}"),
    ]


def compare(stack: Stack, token: str) -> tuple[load.Result, load.Result]:
    """Measures one round of /health: while the directory responds, and while it does not."""
    assert stack.directory
    await_service(stack, token)
    with directory_load(stack, token):
        serving = load.run(f"{stack.http_url}/health", CLIENTS, SECONDS)
        stack.directory.freeze()
        try:
            silent = load.run(f"{stack.http_url}/health", CLIENTS, SECONDS)
        finally:
            stack.directory.thaw()
    print(f"  /health, {CLIENTS} clients: p99 {serving.p99_ms:.2f} ms; with a silent directory "
          f"{silent.p99_ms:.2f} ms", flush=True)
    return serving, silent


def log_in(stack: Stack) -> str:
    name, password = stack.administrator
    body = json.dumps({"username": name, "password": password}).encode()
    request = urllib.request.Request(f"{stack.http_url}/auth/login", body,
                                     {"Content-Type": "application/json"})
    with NO_PROXY.open(request, timeout=TIMEOUT_S) as response:
        return json.load(response)["access_token"]


def ask(stack: Stack, token: str) -> int:
    """Requests a user. Returns the HTTP status."""
    request = urllib.request.Request(f"{stack.http_url}/users/Administrator",
                                     headers={"Authorization": f"Bearer {token}"})
    try:
        with NO_PROXY.open(request, timeout=TIMEOUT_S) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def await_service(stack: Stack, token: str) -> None:
    """Waits until the directory serves again."""
    if not wait_until(lambda: ask(stack, token) == 200, TIMEOUT_S):
        raise TimeoutError("the directory does not serve again")


@contextlib.contextmanager
def directory_load(stack: Stack, token: str) -> Iterator[None]:
    """Runs clients that request users."""
    ended = threading.Event()

    def ask_repeatedly() -> None:
        while not ended.wait(PAUSE_S):
            ask(stack, token)

    threads = [threading.Thread(target=ask_repeatedly) for _ in range(DIRECTORY_CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
