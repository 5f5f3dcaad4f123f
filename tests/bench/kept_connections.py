"""/health with a thousand clients: nginx keeps its connections to the workers, against an nginx
that opens a connection for each request. Program and configuration are otherwise the same.

Both are measured in turn several times, and the median of the ratios counts, so that changes of the
machine's speed do not matter.
"""

import statistics
import tempfile
from pathlib import Path

from bench import load
from bench.bed import Bed
from bench.table import Row, row
from stack import TOP, Stack

CLIENTS = 1000
ROUNDS = 5
SECONDS = 5
WARM_UP_SECONDS = 1

P99_MS_MAX = 150
RATIO_MIN = 2.0


def without_keepalive(folder: Path) -> Path:
    """Copies nginx/ to the folder, without keeping connections to the service."""
    for source in (TOP / "nginx").glob("*.conf"):
        text = source.read_text(encoding="utf-8")
        if source.name == "upstreams.conf":
            lines = text.splitlines(keepends=True)
            text = "".join(line for line in lines if not line.lstrip().startswith("keepalive"))
        text = text.replace("fastcgi_keep_conn on;", "fastcgi_keep_conn off;")
        (folder / source.name).write_text(text, encoding="utf-8")
    return folder


def measure(_: Bed) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        for name in ("kept", "reference", "nginx"):
            (state / name).mkdir()
        with (Stack(state / "kept", own_directory=False) as kept,
              Stack(state / "reference", own_directory=False,
                    nginx_source=without_keepalive(state / "nginx")) as reference):
            return compare(f"{kept.http_url}/health", f"{reference.http_url}/health")


def compare(url: str, reference_url: str) -> list[Row]:
    for each in (url, reference_url):
        load.run(each, CLIENTS, WARM_UP_SECONDS)
    results, ratios = [], []
    for _ in range(ROUNDS):
        reference = load.run(reference_url, CLIENTS, SECONDS)
        result = load.run(url, CLIENTS, SECONDS)
        results.append(result)
        ratios.append(result.rate / reference.rate)
        print(f"  /health, {CLIENTS} clients: {result.rate:,.0f} a second, p99 "
              f"{result.p99_ms:.0f} ms, {result.errors} errors; one connection for each request: "
              f"{reference.rate:,.0f}, p99 {reference.p99_ms:.0f} ms", flush=True)
    return [
        row("/health against one connection for each request", statistics.median(ratios),
            f">= {RATIO_MIN:g} ×", lambda ratio: ratio >= RATIO_MIN),
        row(f"/health, {CLIENTS} clients, p99", statistics.median(r.p99_ms for r in results),
            f"< {P99_MS_MAX} ms", lambda p99: p99 < P99_MS_MAX, "{:.0f} ms"),
        row(f"/health, {CLIENTS} clients, errors", sum(r.errors for r in results),
            "0", lambda errors: errors == 0, "{:.0f}"),
    ]
