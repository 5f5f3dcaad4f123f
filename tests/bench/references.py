"""References behind the nginx of the service: Fastify with better-sqlite3 at /fastify, FastAPI
(fastapi_tokens.py) at /fastapi-one with one process and at /fastapi-two with two, and the constant
answer of the service's worker loop (empty.c) at /empty."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from stack import TOP
from stack.guard import Guard
from stack.processes import PATH, Process

PROCESSES = 2
PYTHON = "/usr/bin/python3"
START_TIMEOUT_S = 20

MODULES = TOP / "build/tests/bench/fastify/node_modules"
INSTALLED = MODULES / ".package-lock.json"
SERVERS = Path(__file__).with_name("fastify")
EMPTY = TOP / "build/tests/bench/empty"


def _proxied(name: str) -> str:
    return f"""\
location ^~ /{name}/ {{
    error_log stderr emerg;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_pass http://{name}/;
}}
"""


# Locations that are inserted before surface-main.conf.
LOCATIONS = {
    "fastify": _proxied("fastify"),
    "fastapi-one": _proxied("fastapi-one"),
    "fastapi-two": _proxied("fastapi-two"),
    "empty": """\
location ^~ /empty/ {
    error_log stderr emerg;
    fastcgi_keep_conn on;
    fastcgi_pass empty;
}
"""}


def make(*targets: Path) -> None:
    """Builds missing targets with the Makefile."""
    names = [str(target.relative_to(TOP)) for target in targets]
    subprocess.run(["make", "--no-print-directory", "-s", *names], cwd=TOP, check=True)


def nginx_with(folder: Path, upstreams: dict[str, list[Path]]) -> Path:
    """Copies nginx/ and adds upstreams: the names are those of LOCATIONS, the values sockets."""
    folder.mkdir()
    for source in (TOP / "nginx").glob("*.conf"):
        text = source.read_text(encoding="utf-8")
        if source.name == "surface-main.conf":
            text = "".join(LOCATIONS[name] for name in upstreams) + text
        if source.name == "upstreams.conf":
            for name, sockets in upstreams.items():
                servers = "".join(f"    server unix:{path} max_fails=0;\n" for path in sockets)
                text += f"upstream {name} {{\n{servers}    keepalive 1024;\n}}\n"
        (folder / source.name).write_text(text, encoding="utf-8")
    return folder


@contextlib.contextmanager
def _running(processes: list[tuple[Process, Path]], guard: Guard) -> Iterator[None]:
    try:
        for process, socket in processes:
            process.start()
            process.wait_ready(socket.exists, START_TIMEOUT_S)
        yield
    finally:
        for process, _ in processes:
            process.stop()
        guard.close()


@contextlib.contextmanager
def running_fastify(folder: Path, server: str, synchronous: str) -> Iterator[list[Path]]:
    """Runs fastify/SERVER.js in several processes on one database. Yields their sockets."""
    make(INSTALLED)
    guard = Guard()
    name = f"{server}-{synchronous}"
    sockets = [folder / f"{name}{number}.sock" for number in range(PROCESSES)]
    node = [Process(path.stem, ["node", str(SERVERS / f"{server}.js")], guard=guard,
                    log=folder / f"{path.stem}.log", cwd=folder,
                    env={"PATH": PATH, "NODE_PATH": str(MODULES), "NODE_ENV": "production",
                         "SOCKET": str(path), "SYNCHRONOUS": synchronous,
                         "DATABASE": str(folder / f"{name}.db")})
            for path in sockets]
    with _running(list(zip(node, sockets, strict=True)), guard):
        yield sockets


@contextlib.contextmanager
def running_fastapi(folder: Path) -> Iterator[list[Path]]:
    """Runs fastapi_tokens.py in several processes on one database. Yields their sockets."""
    guard = Guard()
    sockets = [folder / f"fastapi{number}.sock" for number in range(PROCESSES)]
    uvicorn = [Process(path.stem, [PYTHON, "-m", "uvicorn", "bench.fastapi_tokens:app", "--uds",
                                   str(path), "--log-level", "warning"],
                       guard=guard, log=folder / f"{path.stem}.log", cwd=TOP / "tests",
                       env={"PATH": PATH, "DATABASE": str(folder / "fastapi.db")})
               for path in sockets]
    with _running(list(zip(uvicorn, sockets, strict=True)), guard):
        yield sockets


@contextlib.contextmanager
def running_empty(folder: Path, workers: int) -> Iterator[list[Path]]:
    """Runs empty.c. Yields its socket."""
    make(EMPTY)
    guard = Guard()
    socket = folder / "empty.sock"
    process = Process("empty", [str(EMPTY), str(socket), str(workers)], guard=guard,
                      log=folder / "empty.log", cwd=folder, env={"PATH": PATH})
    with _running([(process, socket)], guard):
        yield [socket]
