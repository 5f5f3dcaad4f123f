"""/health while 200 clients log in repeatedly, against /health without logins: verifying passwords
is slow, and other requests must not wait for it.

Both are measured in turn several times, and the median of the ratios counts.
"""

import contextlib
import json
import statistics
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench import load
from bench.bed import Bed
from bench.disturbance import Meter
from bench.pairs import DISTURBED, TRIES
from bench.table import Row, row
from stack import Stack
from stack.guard import wait_until

CLIENTS = 16
ROUNDS = 3
SECONDS = 4
WARM_UP_SECONDS = 1

LOGIN_CLIENTS = 200  # each logs in again as soon as it has logged in
STORM_MAX_S = 600
DRAIN_TIMEOUT_S = 120
REQUEST_TIMEOUT_S = 3
BODY = {"email": "storm@example.com", "password": "long-enough"}

P99_RATIO_MAX = 2.0

LOGIN = Path(__file__).with_name("login.lua")
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def measure(_: Bed) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, \
            Stack(Path(folder), own_directory=False) as stack:
        if not post(stack, "/auth/register"):
            raise RuntimeError("cannot register an account")
        load.run(f"{stack.http_url}/health", CLIENTS, WARM_UP_SECONDS)
        quiet, stormy = zip(*measure_rounds(stack), strict=True)
    ratio = statistics.median(b.p99_ms / a.p99_ms for a, b in zip(quiet, stormy, strict=True))
    return [
        row(f"/health, p99, {LOGIN_CLIENTS} logins at once against none", ratio,
            f"<= {P99_RATIO_MAX:g} ×", lambda value: value <= P99_RATIO_MAX),
        row("/health, errors while they log in", sum(each.errors for each in stormy),
            "0", lambda errors: errors == 0, "{:.0f}"),
    ]


def measure_rounds(stack: Stack) -> list[tuple[load.Result, load.Result]]:
    """Returns undisturbed rounds, or fewer if there are not as many; disturbed ones only if there
    are no others."""
    undisturbed: list[tuple[load.Result, load.Result]] = []
    seen: list[tuple[load.Result, load.Result]] = []
    while len(undisturbed) < ROUNDS and len(seen) < TRIES * ROUNDS:
        results, disturbance = compare(stack)
        seen.append(results)
        if disturbance < DISTURBED:
            undisturbed.append(results)
    return undisturbed or seen


def compare(stack: Stack) -> tuple[tuple[load.Result, load.Result], float]:
    """Measures one round, without and with logins. Returns also the larger disturbance of both."""
    health = f"{stack.http_url}/health"
    with Meter() as before:
        quiet = load.run(health, CLIENTS, SECONDS)
    with storm(stack), Meter() as during:
        stormy = load.run(health, CLIENTS, SECONDS)
    disturbance = max(before.share, during.share)
    noise = f" (disturbed: {disturbance:.0%})" if disturbance >= DISTURBED else ""
    print(f"  /health, {CLIENTS} clients: p99 {quiet.p99_ms:.2f} ms, {quiet.rate:,.0f} a second; "
          f"with {LOGIN_CLIENTS} logins {stormy.p99_ms:.2f} ms, {stormy.rate:,.0f} a second{noise}",
          flush=True)
    return (quiet, stormy), disturbance


def post(stack: Stack, path: str) -> bool:
    """True if the request succeeds within REQUEST_TIMEOUT_S."""
    request = urllib.request.Request(f"{stack.http_url}{path}", json.dumps(BODY).encode(),
                                     {"Content-Type": "application/json"})
    try:
        with NO_PROXY.open(request, timeout=REQUEST_TIMEOUT_S):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def storm(stack: Stack) -> Iterator[None]:
    """Runs clients that log in repeatedly. Waits at the end until their last logins are served."""
    command = ["wrk", "-t1", f"-c{LOGIN_CLIENTS}", f"-d{STORM_MAX_S}s",
               f"--timeout={STORM_MAX_S}s", "-s", str(LOGIN), f"{stack.http_url}/auth/login", "--",
               json.dumps(BODY)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as clients:
        try:
            yield
        finally:
            clients.terminate()
    if not wait_until(lambda: post(stack, "/auth/login"), DRAIN_TIMEOUT_S):
        raise TimeoutError("the queue of abandoned logins does not drain")
