"""Files: uploads of 16 MB against nginx's own PUT (DAV) to the same file system, downloads against
nginx's static files, memory of a worker during uploads, and the effect of 50 slow uploads on other
requests.

nginx's PUT only writes the body to a file and renames it. For an upload, the service also parses
the form, computes two digests, detects the content type with libmagic, syncs the file to the disk
before it answers, and inserts a row into the database.
"""

import contextlib
import http.client
import json
import re
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from bench import load
from bench.bed import Bed
from bench.pairs import alternate, median_ratio
from bench.table import Row, note, row
from stack import Stack, addresses
from stack.guard import wait_until

MIB = 1024 * 1024
SIZE = 16_000_000
ROUNDS = 5
UPLOADS = 6  # for each measurement
SECONDS = 3

SLOW = 50
SLOW_RATE = 10_000  # bytes a second of each slow upload
SLOW_PIECES_S = 0.1
CLIENTS = 16

UPLOAD_MIN = 0.6
GROWTH_MAX_MIB = 1.0
REST_MAX_MIB = 64.0
P99_RATIO_MAX = 2.0

TIMEOUT_S = 60
POLL_INTERVAL_S = 0.02

BOUNDARY = "bench"
HEAD = (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        ).encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()
CONTENT = (b"0123456789abcde\n" * (SIZE // 16 + 1))[:SIZE]
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

REFERENCE = """\
user root;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes auto;
events {{ }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_max_body_size 32m;
    client_body_temp_path {folder}/body;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/files;
        dav_methods PUT;
    }}
}}
"""


def measure(_: Bed) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        with Stack(Path(folder) / "stack", own_directory=False,
                   env={"FILES_QUOTA_MIB": "0"}) as stack, \
                reference(Path(folder) / "reference") as url:
            rest = total_pss_mib(stack)
            growth = growth_mib(stack)
            seen = alternate("16 MB uploads", ROUNDS, {
                "kontora": lambda: upload_rate(stack),
                "DAV PUT": lambda: put_rate(url)})
            downloads = alternate("16 MB downloads", ROUNDS, {
                "kontora": lambda: load.rate(signed_url(stack), 2, SECONDS),
                "static": lambda: load.rate(f"{url}/0", 2, SECONDS)})
            quiet, slow = zip(*(compare(stack) for _ in range(ROUNDS)), strict=True)
    ratio = statistics.median(b.p99_ms / a.p99_ms for a, b in zip(quiet, slow, strict=True))
    return [
        row("16 MB uploads, against nginx's DAV PUT", median_ratio(seen, "kontora", "DAV PUT"),
            f">= {UPLOAD_MIN:g} ×", lambda value: value >= UPLOAD_MIN),
        note("16 MB downloads, against nginx's static files",
             median_ratio(downloads, "kontora", "static")),
        row(f"growth of a worker's memory during {SLOW} uploads", growth,
            f"< {GROWTH_MAX_MIB:g} MiB", lambda value: value < GROWTH_MAX_MIB, "{:.2f} MiB"),
        row("memory of all processes at rest", rest, f"< {REST_MAX_MIB:g} MiB",
            lambda value: value < REST_MAX_MIB, "{:.1f} MiB"),
        row(f"/health, p99, {SLOW} slow uploads against none", ratio, f"<= {P99_RATIO_MAX:g} ×",
            lambda value: value <= P99_RATIO_MAX),
        row("/health, errors during slow uploads", sum(each.errors for each in slow), "0",
            lambda errors: errors == 0, "{:.0f}"),
    ]


# --- the reference ------------------------------------------------------------------------------

@contextlib.contextmanager
def reference(folder: Path) -> Iterator[str]:
    """Runs a separate nginx that stores files with PUT and serves them. Yields its URL."""
    (folder / "files").mkdir(parents=True)
    [number], [claim] = addresses.claim_ports(1)
    conf = folder / "nginx.conf"
    conf.write_text(REFERENCE.format(folder=folder, port=number))
    with subprocess.Popen(["nginx", "-p", str(folder), "-c", str(conf)]) as server:
        try:
            if not wait_until(lambda: addresses.accepts("127.0.0.1", number), TIMEOUT_S):
                raise RuntimeError("the reference nginx does not start")
            yield f"http://127.0.0.1:{number}"
        finally:
            server.terminate()
            claim.release()


def connect(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)


def exchange(connection: http.client.HTTPConnection, method: str, path: str, body: bytes,
             headers: dict[str, str], statuses: tuple[int, ...]) -> bytes:
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status not in statuses:
        raise RuntimeError(f"{method} {path}: {answer.status} {text[:200]!r}")
    return text


def put_rate(url: str) -> float:
    """Stores files with PUT. Returns files a second."""
    connection = connect(url)
    began = time.monotonic()
    for number in range(UPLOADS):
        exchange(connection, "PUT", f"/{number}", CONTENT, {}, (201, 204))
    return UPLOADS / (time.monotonic() - began)


# --- the service --------------------------------------------------------------------------------

def upload_rate(stack: Stack) -> float:
    """Uploads files and returns files a second. Deletes them, since the reference overwrites its
    files."""
    connection, made = connect(stack.files_url), []
    body = HEAD + CONTENT + TAIL
    began = time.monotonic()
    for _ in range(UPLOADS):
        answer = exchange(connection, "POST", "/files/upload", body, FORM, (201,))
        made.append(json.loads(answer)["filename"])
    rate = UPLOADS / (time.monotonic() - began)
    exchange(connection, "POST", "/files/bulk-delete", json.dumps({"names": made}).encode(),
             {"Content-Type": "application/json"}, (200,))
    return rate


def signed_url(stack: Stack) -> str:
    """Uploads a file of 16 MB and returns its signed URL."""
    answer = exchange(connect(stack.files_url), "POST", "/files/upload", HEAD + CONTENT + TAIL,
                      FORM, (201,))
    return json.loads(answer)["download_url"]


def smaps(pid: int, name: str) -> int:
    """Returns a value of /proc/PID/smaps_rollup in KiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    match = re.search(rf"^{name}:\s+(\d+)", text, re.MULTILINE)
    return int(match[1]) if match else 0


def total_pss_mib(stack: Stack) -> float:
    children = Path(f"/proc/{stack.service.pid}/task/{stack.service.pid}/children")
    pids = [stack.service.pid, *map(int, children.read_text(encoding="ascii").split())]
    total = sum(smaps(pid, "Pss") for pid in pids)
    print(f"  {len(pids)} processes at rest: {total / 1024:.1f} MiB", flush=True)
    return total / 1024


def growth_mib(stack: Stack) -> float:
    """Returns the largest growth of a worker's private memory while uploads are in progress."""
    before = {pid: smaps(pid, "Anonymous") for pid in stack.service.workers("uploads")}
    body = HEAD + CONTENT + TAIL

    def upload() -> None:
        exchange(connect(stack.files_url), "POST", "/files/upload", body, FORM, (201,))

    threads = [threading.Thread(target=upload) for _ in range(SLOW)]
    for thread in threads:
        thread.start()
    grown = 0
    while any(thread.is_alive() for thread in threads):
        grown = max(grown, *(smaps(pid, "Anonymous") - size for pid, size in before.items()))
        time.sleep(POLL_INTERVAL_S)
    print(f"  a worker grows by {grown} KiB during {SLOW} uploads", flush=True)
    return grown / 1024


# --- slow uploads -------------------------------------------------------------------------------

def compare(stack: Stack) -> tuple[load.Result, load.Result]:
    """Measures one round of /health, without and with slow uploads."""
    health = f"{stack.http_url}/health"
    quiet = load.run(health, CLIENTS, SECONDS)
    with trickling(stack):
        slow = load.run(health, CLIENTS, SECONDS)
    print(f"  /health, {CLIENTS} clients: p99 {quiet.p99_ms:.2f} ms; with {SLOW} slow uploads "
          f"{slow.p99_ms:.2f} ms", flush=True)
    return quiet, slow


@contextlib.contextmanager
def trickling(stack: Stack) -> Iterator[None]:
    """Runs slow uploads, which send a piece every 100 ms, in one thread."""
    ended = threading.Event()
    piece = CONTENT[:int(SLOW_RATE * SLOW_PIECES_S)]
    peers = []
    for _ in range(SLOW):
        peer = connect(stack.files_url)
        peer.putrequest("POST", "/files/upload")
        peer.putheader("Content-Type", FORM["Content-Type"])
        peer.putheader("Content-Length", str(len(HEAD) + len(CONTENT) + len(TAIL)))
        peer.endheaders(HEAD)
        peers.append(peer)

    def send_pieces() -> None:
        while not ended.wait(SLOW_PIECES_S):
            for peer in peers:
                peer.send(piece)

    thread = threading.Thread(target=send_pieces)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        for peer in peers:
            peer.close()
