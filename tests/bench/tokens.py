"""Tokens: GET /app/valid/{token} and POST /app/token against a constant answer of the same worker
loop (empty.c), against Fastify with better-sqlite3 behind the same nginx with the same
`synchronous`, and against FastAPI; a thousand clients that send both requests; and checks while a
million expired tokens are purged.
"""

import contextlib
import os
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

import requests

from bench import load
from bench.bed import Bed
from bench.pairs import alternate, median_ratio
from bench.references import nginx_with, running_empty, running_fastapi, running_fastify
from bench.table import Row, note, row
from stack import Stack

SCRIPT = Path(__file__).with_name("tokens.lua")
TIMEOUT_S = 10

TOKENS = 5_000  # checked in turn
WORKERS = 2
CLIENTS = 64
CROWD = 1_000
ROUNDS = 5
SECONDS = 3
WARM_UP_SECONDS = 1
NEVER, ALWAYS, ONE_IN_TEN = 0, 1, 10  # one in so many requests issues a token; 0: none

EXPIRED = 1_000_000
ISSUED_A_MS = 10
NUMBERS = 1_000_000
PURGE_SECONDS = 15
PURGE_RUNS_MAX = 20

EMPTY_RATIO_MIN = 0.9
CHECK_RATIO_MIN = 1.6
FASTAPI_RATIO_MIN = 100
ISSUE_RATIO_MIN = {"full": 6.0, "normal": 1.8}
CROWD_P99_MAX_MS = 100
PURGE_P99_MAX = 2.0


class Target:
    """The service or a reference, at a URL prefix behind nginx."""

    def __init__(self, stack: Stack, prefix: str, file: Path) -> None:
        self.stack, self.prefix, self.file = stack, prefix, file

    def issue(self) -> None:
        """Issues the tokens to check and writes them to the file."""
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
        fastapi = parts.enter_context(running_fastapi(place))
        nginx = nginx_with(place / "nginx", {"fastify": fastify, "empty": empty,
                                             "fastapi-one": fastapi[:1], "fastapi-two": fastapi})
        stack = parts.enter_context(Stack(
            place / "stack", own_directory=False, nginx_source=nginx,
            env={"DATABASE_SYNCHRONOUS": synchronous, "CORE_WORKERS": str(WORKERS)}))
        service = Target(stack, "", place / "service.txt")
        reference = Target(stack, "/fastify", place / "fastify.txt")
        service.issue()
        reference.issue()
        rows = [issuing(service, reference, synchronous)]
        if synchronous == "full":
            one = Target(stack, "/fastapi-one", place / "fastapi.txt")
            one.issue()
            rows += [*checking(service, reference, Target(stack, "/empty", service.file)),
                     *against_fastapi(service, one, Target(stack, "/fastapi-two", one.file)),
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


def against_fastapi(service: Target, one: Target, two: Target) -> list[Row]:
    """Measures FastAPI with one process of uvicorn, its default, and with two."""
    for target in (one, two):
        target.rate(NEVER, WARM_UP_SECONDS)
    seen = alternate("GET /app/valid/{token}", ROUNDS,
                     {"FastAPI": lambda: one.rate(NEVER),
                      "two processes": lambda: two.rate(NEVER),
                      "service": lambda: service.rate(NEVER)})
    return [row("GET /app/valid/{token} against FastAPI with SQLAlchemy",
                median_ratio(seen, "service", "FastAPI"), f">= {FASTAPI_RATIO_MIN} ×",
                lambda ratio: ratio >= FASTAPI_RATIO_MIN, "{:.0f} ×"),
            note("GET /app/valid/{token} against two processes of FastAPI with SQLAlchemy",
                 median_ratio(seen, "service", "two processes"), "{:.0f} ×")]


def crowd(service: Target) -> list[Row]:
    """Measures many clients. Target.run() raises if there is any error."""
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
    """Adds expired tokens with digests that begin with a time in ms, like those of issued
    tokens."""
    digests = ((number // ISSUED_A_MS % NUMBERS).to_bytes(3, "big") + os.urandom(16)
            for number in range(EXPIRED))
    with contextlib.closing(sqlite3.connect(file, timeout=TIMEOUT_S)) as database, database:
        database.executemany("INSERT INTO tokens (digest, uses, created_at, expires_at)"
                             " VALUES (?, 0, 1, 2)", ((digest,) for digest in digests))


def purging(service: Target) -> Row:
    """Measures checks with nothing to purge, and while the housekeeper purges expired tokens."""
    file = service.stack.state_dir / "kontora.db"
    calm = service.run(CLIENTS, PURGE_SECONDS, NEVER)
    add_expired(file)
    answer = requests.delete(f"{service.stack.http_url}/app/clear/all/tokens", timeout=TIMEOUT_S)
    answer.raise_for_status()
    time.sleep(1)  # the housekeeper starts requested purges once a second
    during: list[float] = []
    while count_expired(file) and len(during) < PURGE_RUNS_MAX:
        during.append(service.run(CLIENTS, PURGE_SECONDS, NEVER).p99_ms)
    if count_expired(file) or not during:
        raise load.LoadError(f"{count_expired(file):,} expired tokens were not purged")
    print(f"  p99 {calm.p99_ms:.2f} ms; during the purge of {EXPIRED:,} expired tokens, in runs of"
          f" {PURGE_SECONDS} s: {', '.join(f'{p99:.2f}' for p99 in during)}", flush=True)
    return row(f"checks, p99, during the purge of {EXPIRED:,} expired tokens against without",
               statistics.median(during) / calm.p99_ms, f"<= {PURGE_P99_MAX:g} ×",
               lambda ratio: ratio <= PURGE_P99_MAX)
