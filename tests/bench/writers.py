"""Many processes that write to SQLite at the same time: the queue of writers against SQLite's own
waiting, which lets some of them starve until they give up."""

import subprocess
import tempfile

from stack import TOP

from bench.bed import Bed
from bench.table import Row, row

PROGRAM = "build/tests/bench/writers"
PROCESSES = 12
SECONDS = 4


def run(folder: str, waiting: str) -> tuple[float, float]:
    """Changes a second, and the longest time of one in milliseconds."""
    done = subprocess.run(
        [TOP / PROGRAM, f"sqlite:///{folder}/{waiting}.db", str(PROCESSES), str(SECONDS), waiting,
         "full"], check=True, capture_output=True, text=True)
    rate, _, _, longest = map(float, done.stdout.split())
    return rate, longest


def measure(_: Bed) -> list[Row]:
    subprocess.run(["make", "--no-print-directory", "-s", PROGRAM], cwd=TOP, check=True)
    with tempfile.TemporaryDirectory(prefix="kontora-bench-") as folder:
        queue, busy = (run(folder, waiting) for waiting in ("queue", "busy"))
    return [row(f"longest time of a durable change, {PROCESSES} writers, to SQLite's own waiting",
                queue[1] / busy[1], "≤ 0.2 ×", lambda ratio: ratio <= 0.2),
            row("changes a second, the same", queue[0] / busy[0], "≥ 0.4 ×",
                lambda ratio: ratio >= 0.4)]
