"""Load: runs wrk and parses its results; runs raw_search, the reference for requests to the
directory."""

import dataclasses
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from stack import TOP, Directory
from stack.processes import run as run_program

THREADS = 2
TIMEOUT_S = 5

UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}

ROTATE = Path(__file__).with_name("rotate.lua")
RAW_SEARCH = TOP / "build/tests/bench/raw_search"


class LoadError(Exception):
    """The measurement is invalid, for example because requests failed."""


@dataclasses.dataclass(frozen=True)
class Result:
    rate: float  # requests a second
    p99_ms: float
    errors: int  # failed connections, reads and writes, timeouts, answers other than 2xx and 3xx


def run(url: str, clients: int, seconds: float, headers: tuple[str, ...] = (), *, first: int = 0,
        count: int = 0, script: Path | None = None, arguments: tuple[str, ...] = ()) -> Result:
    """Runs wrk: `clients` connections request `url` without a pause. With `count`, the URL contains
    %d, and the numbers from `first` to `first` + `count` - 1 take turns. With `script`, a Lua
    script creates the requests, with `arguments`."""
    command = ["wrk", "--latency", f"-t{min(THREADS, clients)}", f"-c{clients}",
               f"-d{seconds:g}s", f"--timeout={TIMEOUT_S}s"]
    for header in headers:
        command += ["-H", header]
    if script:
        command += ["-s", str(script), url, "--", *arguments]
    elif count:
        place = url.index("/", url.index("//") + 2)
        command += ["-s", str(ROTATE), url[:place], "--", url[place:], str(count), str(first)]
    else:
        command.append(url)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return parse(done.stdout)


def rate(url: str, clients: int, seconds: float, headers: tuple[str, ...] = (), *, first: int = 0,
         count: int = 0) -> float:
    """Runs run() and returns requests a second. Raises if a request fails."""
    result = run(url, clients, seconds, headers, first=first, count=count)
    if result.errors:
        raise LoadError(f"{url}: {result.errors} errors at {result.rate:.0f} requests a second")
    return result.rate


def parse(text: str) -> Result:
    rate = re.search(r"Requests/sec:\s*([\d.]+)", text)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", text)
    assert rate and p99, text
    errors = sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", text)))
    errors += sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text)))
    return Result(float(rate[1]), float(p99[1]) * UNITS_MS[p99[2]], errors)


def raw_rate(directory: Directory, connections: int, seconds: float, filters: Iterable[str],
             attributes: Iterable[str], base: str | None = None, paged: bool = False) -> float:
    """Runs raw_search.c. Returns searches a second on kept LDAPS connections. With `paged`, each
    search reads all pages of its matches."""
    options = ["-p"] if paged else []
    command = [str(RAW_SEARCH), *options, directory.url, str(directory.ca_file), directory.bind_dn,
               base or directory.base_dn, str(connections), f"{seconds:g}", *attributes]
    lines = [directory.bind_password, *filters, ""]
    return float(run_program(command, stdin="\n".join(lines)))
