"""Tokens: GET /app/valid/{token} and POST /app/token against the empty answer of the same loop and against
Fastify with better-sqlite3, behind the same nginx at the same `synchronous`; a thousand clients that do
both; and checks while a million expired tokens are purged.
"""

import contextlib
import sqlite3
import tempfile
import time
from pathlib import Path

import requests

from bench import load
from bench.bed import Bed
from bench.pairs import alternate, median_ratio
from bench.references import nginx_with, running_empty, running_fastify
from bench.table import Row, row
from stack import Stack

SCRIPT = Path(__file__).with_name("tokens.lua")
TIMEOUT_S = 10

TOKENS = 5_000  # that are checked in turn
WORKERS = 2
CLIENTS = 64
CROWD = 1_000
ROUNDS = 5
SECONDS = 3
WARM_UP_SECONDS = 1
NEVER, ALWAYS, ONE_IN_TEN = 0, 1, 10  # how many of the requests issue a token

EXPIRED = 1_000_000
PURGE_SECONDS = 15

EMPTY_RATIO_MIN = 0.9
CHECK_RATIO_MIN = 1.6
ISSUE_RATIO_MIN = {"full": 6.0, "normal": 1.8}
CROWD_P99_MAX_MS = 100
PURGE_P99_MAX = 2.0


class Target:
    """What is measured, at a place behind nginx: the service itself, or a reference."""

    def __init__(self, stack: Stack, prefix: str, file: Path) -> None:
        self.stack, self.prefix, self.file = stack, prefix, file

    def issue(self) -> None:
        """Writes the file with the tokens that are checked."""
        with requests.Session() as session, self.file.open("w", encoding="ascii") as file:
            session.trust_env = False
            for _ in range(TOKENS):
                answer = session.post(f"{self.stack.http_url}{self.prefix}/app/token",
                                      timeout=TIMEOUT_S)
                file.write(answer.json()["token"] + "\n")

    def run(self, clients: int, seconds: float, share: int) -> load.Result:
        result = load.run(self.stack.http_url, clients, seconds, script=SCRIPT,
                          arguments=(self.prefix, str(self.file), str(share)))
        if result.errors:
            raise load.LoadError(f"{self.prefix or 'service'}: {result.errors} errors")
        return result

    def rate(self, share: int, seconds: float = SECONDS) -> float:
        return self.run(CLIENTS, seconds, share).rate


def measure(_: Bed) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="kontora-") as name:
        return [*at_synchronous(Path(name), "normal"), *at_synchronous(Path(name), "full")]


def at_synchronous(folder: Path, synchronous: str) -> list[Row]:
    with contextlib.ExitStack() as parts:
        fastify = parts.enter_context(running_fastify(folder, "tokens", synchronous))
        place = folder / synchronous
        place.mkdir()
        empty = parts.enter_context(running_empty(place, WORKERS))
        source = nginx_with(place / "nginx", {"fastify": fastify, "empty": empty})
        stack = parts.enter_context(Stack(
            place / "stack", own_directory=False, nginx_source=source,
            env={"DATABASE_SYNCHRONOUS": synchronous, "CORE_WORKERS": str(WORKERS)}))
        service = Target(stack, "", place / "service.txt")
        reference = Target(stack, "/fastify", place / "fastify.txt")
        service.issue()
        reference.issue()
        rows = [issuing(service, reference, synchronous)]
        if synchronous == "full":
            rows += [*checking(service, reference, Target(stack, "/empty", service.file)),
                     *crowd(service), purging(service)]
        return rows


def issuing(service: Target, reference: Target, synchronous: str) -> Row:
    for target in (service, reference):
        target.rate(ALWAYS, WARM_UP_SECONDS)
    seen = alternate(f"POST /app/token, {synchronous}", ROUNDS,
                     {"Fastify": lambda: reference.rate(ALWAYS),
                      "service": lambda: service.rate(ALWAYS)})
    least = ISSUE_RATIO_MIN[synchronous]
    return row(f"POST /app/token against Fastify with better-sqlite3, {synchronous}",
               median_ratio(seen, "service", "Fastify"), f">= {least:g} ×",
               lambda ratio: ratio >= least)


def checking(service: Target, reference: Target, empty: Target) -> list[Row]:
    for target in (service, reference, empty):
        target.rate(NEVER, WARM_UP_SECONDS)
    seen = alternate("GET /app/valid/{token}", ROUNDS,
                     {"Fastify": lambda: reference.rate(NEVER), "empty": lambda: empty.rate(NEVER),
                      "service": lambda: service.rate(NEVER)})
    return [row("GET /app/valid/{token} against the empty answer",
                median_ratio(seen, "service", "empty"), f">= {EMPTY_RATIO_MIN:g} ×",
                lambda ratio: ratio >= EMPTY_RATIO_MIN),
            row("GET /app/valid/{token} against Fastify with better-sqlite3",
                median_ratio(seen, "service", "Fastify"), f">= {CHECK_RATIO_MIN:g} ×",
                lambda ratio: ratio >= CHECK_RATIO_MIN)]


def crowd(service: Target) -> list[Row]:
    """No error: Target.run() raises."""
    results = [service.run(CROWD, SECONDS, ONE_IN_TEN) for _ in range(ROUNDS)]
    for result in results:
        print(f"  {CROWD:,} clients: {result.rate:,.0f} a second, p99 {result.p99_ms:.0f} ms")
    p99 = sorted(result.p99_ms for result in results)[ROUNDS // 2]
    return [row(f"{CROWD:,} clients that check and issue, without an error: p99", p99,
                f"< {CROWD_P99_MAX_MS} ms", lambda value: value < CROWD_P99_MAX_MS, "{:.0f} ms")]


def count_expired(file: Path) -> int:
    with contextlib.closing(sqlite3.connect(file)) as database:
        [(count,)] = database.execute("SELECT count(*) FROM tokens WHERE expires_at < 1000")
    return count


def add_expired(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file, timeout=TIMEOUT_S)) as database, database:
        database.execute(
            "WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < ?)"
            " INSERT INTO tokens (digest, uses, created_at, expires_at)"
            " SELECT randomblob(16), 0, 1, 2 FROM numbers", (EXPIRED,))


def purging(service: Target) -> Row:
    """The same load with nothing to purge, and while the housekeeper purges."""
    file = service.stack.state_dir / "kontora.db"
    calm = service.run(CLIENTS, PURGE_SECONDS, NEVER)
    add_expired(file)
    answer = requests.delete(f"{service.stack.http_url}/app/clear/all/tokens", timeout=TIMEOUT_S)
    answer.raise_for_status()
    time.sleep(1)  # the housekeeper looks every second
    before = count_expired(file)
    busy = service.run(CLIENTS, PURGE_SECONDS, NEVER)
    purged = before - count_expired(file)
    print(f"  p99 {calm.p99_ms:.2f} ms; while {purged:,} of {EXPIRED:,} expired tokens are purged,"
          f" {busy.p99_ms:.2f} ms", flush=True)
    if not purged:
        raise load.LoadError("nothing was purged")
    return row(f"checks while {EXPIRED:,} expired tokens are purged: p99 against none",
               busy.p99_ms / calm.p99_ms, f"<= {PURGE_P99_MAX:g} ×",
               lambda ratio: ratio <= PURGE_P99_MAX)
