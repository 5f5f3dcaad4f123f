"""POST /contacts, of which each survives a power cut, against Fastify with better-sqlite3 behind
the same nginx, which stores the same row with the same indexes and does nothing else; and
GET /contacts/{id} against /health, the answer that the same workers give without a database.
"""

import contextlib
import itertools
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import crm_fill, load
from bench.bed import Bed
from bench.client import Client
from bench.pairs import alternate, median_ratio
from bench.table import Row, row
from stack import TOP, Stack
from stack.guard import Guard
from stack.processes import PATH, Process

ROWS = 10_000  # that are there before
CLIENTS = 64
ROUNDS = 5
SECONDS = 3
WARM_UP_SECONDS = 1

PROCESSES = 2
START_PATIENCE_S = 20

POST_RATIO_MIN = 3.0
GET_RATIO_MIN = 0.7

MODULES = TOP / "build/tests/bench/fastify/node_modules"
INSTALLED = MODULES / ".package-lock.json"
SERVER = Path(__file__).with_name("fastify") / "server.js"
NEW_CONTACTS = Path(__file__).with_name("contacts.lua")

# In front of surface-main.conf: what stands below /fastify is the reference's.
LOCATION = """\
location ^~ /fastify/ {
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_pass http://fastify/;
}
"""


def nginx_with(folder: Path, sockets: list[Path]) -> Path:
    """A copy of nginx/ that also serves what listens on the sockets."""
    for source in (TOP / "nginx").glob("*.conf"):
        text = source.read_text(encoding="utf-8")
        if source.name == "surface-main.conf":
            text = LOCATION + text
        if source.name == "upstreams.conf":
            servers = "".join(f"    server unix:{path} max_fails=0;\n" for path in sockets)
            text += f"upstream fastify {{\n{servers}    keepalive 1024;\n}}\n"
        (folder / source.name).write_text(text, encoding="utf-8")
    return folder


@contextlib.contextmanager
def running_fastify(folder: Path, sockets: list[Path]) -> Iterator[None]:
    """One process a socket, all on one database."""
    guard = Guard()
    node = [Process(path.stem, ["node", str(SERVER)], guard=guard, log=folder / f"{path.stem}.log",
                    cwd=folder, env={"PATH": PATH, "NODE_PATH": str(MODULES),
                                     "NODE_ENV": "production", "SOCKET": str(path),
                                     "DATABASE": str(folder / "fastify.db")})
            for path in sockets]
    try:
        for process, path in zip(node, sockets, strict=True):
            process.start()
            process.wait_ready(path.exists, START_PATIENCE_S)
        yield
    finally:
        for process in node:
            process.stop()
        guard.close()


def measure(_: Bed) -> list[Row]:
    subprocess.run(["make", "--no-print-directory", "-s", str(INSTALLED.relative_to(TOP))],
                   cwd=TOP, check=True)
    with tempfile.TemporaryDirectory(prefix="kontora-") as name, contextlib.ExitStack() as parts:
        folder = Path(name)
        sockets = [folder / f"fastify{number}.sock" for number in range(PROCESSES)]
        (folder / "nginx").mkdir()
        parts.enter_context(running_fastify(folder, sockets))
        stack = Stack(folder / "stack", own_directory=False, env={"DATABASE_SYNCHRONOUS": "full"},
                      nginx_source=nginx_with(folder / "nginx", sockets))
        parts.callback(stack.close)
        filled = crm_fill.fill(stack, ROWS)
        parts.enter_context(stack)
        client = Client(stack.ports.http)
        parts.callback(client.close)
        headers = (client.log_in(filled.email, filled.password),)
        return [reading(stack, headers), storing(stack, headers)]


def reading(stack: Stack, headers: tuple[str, ...]) -> Row:
    def service(seconds: float = SECONDS) -> float:
        return load.rate(f"{stack.http_url}/api/v1/contacts/%d", CLIENTS, seconds, headers,
                         first=1, count=ROWS)

    def health() -> float:
        return load.rate(f"{stack.http_url}/health", CLIENTS, SECONDS, headers)

    service(WARM_UP_SECONDS)
    seen = alternate("GET /contacts/{id}", ROUNDS, {"/health": health, "service": service})
    return row("GET /contacts/{id} against /health", median_ratio(seen, "service", "/health"),
               f">= {GET_RATIO_MIN:g} ×", lambda ratio: ratio >= GET_RATIO_MIN)


def storing(stack: Stack, headers: tuple[str, ...]) -> Row:
    runs = itertools.count()

    def rate(path: str, seconds: float = SECONDS) -> float:
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
