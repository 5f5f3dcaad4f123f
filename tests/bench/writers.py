"""Concurrent writes of many processes to SQLite: the service's queue of writers against SQLite's
busy timeout, with which some writers starve until they fail."""

import subprocess
import tempfile

from stack import TOP

from bench.bed import Bed
from bench.table import Row, row

PROGRAM = "build/tests/bench/writers"
PROCESSES = 12
SECONDS = 4


def run(folder: str, waiting: str) -> tuple[float, float]:
    """Runs writers.c. Returns changes a second, and the longest time of a change in milliseconds.
    """
    done = subprocess.run(
        [TOP / PROGRAM, f"sqlite:///{folder}/{waiting}.db", str(PROCESSES), str(SECONDS), waiting,
         "full"], check=True, capture_output=True, text=True)
    rate, _, _, longest = map(float, done.stdout.split())
    return rate, longest


def measure(_: Bed) -> list[Row]:
    subprocess.run(["make", "--no-print-directory", "-s", PROGRAM], cwd=TOP, check=True)
    with tempfile.TemporaryDirectory(prefix="kontora-bench-") as folder:
        queue, busy = (run(folder, waiting) for waiting in ("queue", "busy"))
    return [row(f"longest durable change, {PROCESSES} writers, against SQLite's busy timeout",
                queue[1] / busy[1], "≤ 0.2 ×", lambda ratio: ratio <= 0.2),
            row(f"durable changes a second, {PROCESSES} writers, against SQLite's busy timeout",
                queue[0] / busy[0], "≥ 0.4 ×",
                lambda ratio: ratio >= 0.4)]
