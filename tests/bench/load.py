"""Load: runs wrk and reads what it measured."""

import dataclasses
import re
import subprocess

THREADS = 2
TIMEOUT_S = 5

UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


@dataclasses.dataclass(frozen=True)
class Result:
    rate: float  # requests a second
    p99_ms: float
    errors: int  # connections, reads, writes, time-outs, and answers that are not 2xx or 3xx


def run(url: str, clients: int, seconds: float, headers: tuple[str, ...] = ()) -> Result:
    """`clients` connections that ask for `url` without a pause."""
    command = ["wrk", "--latency", f"-t{THREADS}", f"-c{clients}", f"-d{seconds:g}s",
               f"--timeout={TIMEOUT_S}s"]
    for header in headers:
        command += ["-H", header]
    done = subprocess.run([*command, url], check=True, capture_output=True, text=True)
    return parse(done.stdout)


def parse(text: str) -> Result:
    rate = re.search(r"Requests/sec:\s*([\d.]+)", text)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", text)
    assert rate and p99, text
    errors = sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", text)))
    errors += sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text)))
    return Result(float(rate[1]), float(p99[1]) * UNITS_MS[p99[2]], errors)
