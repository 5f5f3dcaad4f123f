"""POST /contacts with durable commits, against Fastify with better-sqlite3 behind the same nginx,
which stores the same row with the same indexes and does nothing else; and GET /contacts/{id}
against a constant answer of the same worker loop (empty.c).
"""

import contextlib
import itertools
import os
import tempfile
from pathlib import Path

from bench import crm_fill, load
from bench.bed import Bed
from bench.client import Client
from bench.pairs import alternate, median_ratio
from bench.references import nginx_with, running_empty, running_fastify
from bench.table import Row, row
from stack import Stack

ROWS = 10_000  # contacts that exist before the measurement
WORKERS = 2
CLIENTS = 64
ROUNDS = 11
SECONDS = 2
WARM_UP_SECONDS = 1

POST_RATIO_MIN = 3.0
GET_RATIO_MIN = 0.7

NEW_CONTACTS = Path(__file__).with_name("contacts.lua")


def measure(_: Bed) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="kontora-") as name, contextlib.ExitStack() as parts:
        folder = Path(name)
        fastify = parts.enter_context(running_fastify(folder, "contacts", "full"))
        empty = parts.enter_context(running_empty(folder, WORKERS))
        source = nginx_with(folder / "nginx", {"fastify": fastify, "empty": empty})
        stack = Stack(folder / "stack", own_directory=False, nginx_source=source,
                      env={"DATABASE_SYNCHRONOUS": "full", "CORE_WORKERS": str(WORKERS)})
        parts.callback(stack.close)
        filled = crm_fill.fill(stack, ROWS)
        parts.enter_context(stack)
        client = Client(stack.ports.http)
        parts.callback(client.close)
        headers = (client.log_in(filled.email, filled.password),)
        return [reading(stack, headers), storing(stack, headers)]


def reading(stack: Stack, headers: tuple[str, ...]) -> Row:
    def service(seconds: int = SECONDS) -> float:
        return load.rate(f"{stack.http_url}/api/v1/contacts/%d", CLIENTS, seconds, headers,
                         first=1, count=ROWS)

    def empty() -> float:
        return load.rate(f"{stack.http_url}/empty/api/v1/contacts/%d", CLIENTS, SECONDS, headers,
                         first=1, count=ROWS)

    service(WARM_UP_SECONDS)
    seen = alternate("GET /contacts/{id}", ROUNDS, {"empty": empty, "service": service})
    return row("GET /contacts/{id} against the empty answer",
               median_ratio(seen, "service", "empty"),
               f">= {GET_RATIO_MIN:g} ×", lambda ratio: ratio >= GET_RATIO_MIN)


def storing(stack: Stack, headers: tuple[str, ...]) -> Row:
    runs = itertools.count()

    def rate(path: str, seconds: int = SECONDS) -> float:
        result = load.run(f"{stack.http_url}{path}/api/v1/contacts", CLIENTS, seconds, headers,
                          script=NEW_CONTACTS, arguments=(f"{os.getpid()}.{next(runs)}",))
        if result.errors:
            raise load.LoadError(f"{path}: {result.errors} errors")
        print(f"    {path or 'service'}: p99 {result.p99_ms:.0f} ms", flush=True)
        return result.rate

    for path in ("", "/fastify"):
        rate(path, WARM_UP_SECONDS)
    seen = alternate("POST /contacts", ROUNDS,
                     {"Fastify": lambda: rate("/fastify"), "service": lambda: rate("")})
    return row("POST /contacts against Fastify with better-sqlite3",
               median_ratio(seen, "service", "Fastify"),
               f">= {POST_RATIO_MIN:g} ×", lambda ratio: ratio >= POST_RATIO_MIN)
