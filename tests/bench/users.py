"""GET /users/{username}, through nginx and over LDAPS, against what the directory itself gives to a
client that searches on kept connections, as many as the service has; and against the source's way,
a connection and a bind for each request.
"""

import contextlib
from collections.abc import Iterator

from bench import load
from bench.bed import ACCOUNT, USERS, Bed
from bench.pairs import alternate, median_ratio
from bench.table import Row, row
from stack import addresses
from stack.guard import PYTHON, Guard, wait_until
from stack.processes import PATH, Process
from stack.stack import TOP

ROUNDS = 7
SECONDS = 2
SOURCE_ROUNDS = 3
SOURCE_SECONDS = 4  # it makes some forty a second
WARM_UP_SECONDS = 1
SOURCE_PROCESSES = 2
SOURCE_CLIENTS = 8  # with fewer, one process may get them all
START_PATIENCE_S = 20

RAW_RATIO_MIN = 0.85
SOURCE_RATIO_MIN = 60

# What the service asks for: app/resources/users.c.
FILTER = f"(&(sAMAccountName={ACCOUNT})(sAMAccountType=805306368))"
ATTRIBUTES = (
    "objectGUID", "cn", "sAMAccountName", "userPrincipalName", "givenName", "sn", "mail",
    "telephoneNumber", "title", "department", "description", "userAccountControl",
    "msDS-User-Account-Control-Computed", "objectSid", "primaryGroupID", "memberOf", "whenCreated",
    "whenChanged")


@contextlib.contextmanager
def source_way(bed: Bed) -> Iterator[str]:
    """The URL of source_way.py while it runs, with a place for the number of a user."""
    (port,), claims = addresses.claim_ports(1)
    guard = Guard()
    command = [PYTHON, "-m", "uvicorn", "bench.source_way:app", "--host", addresses.LOCALHOST,
               "--port", str(port), "--workers", str(SOURCE_PROCESSES), "--log-level", "warning"]
    process = Process("uvicorn", command, guard=guard, log=bed.folder / "source_way.log",
                      cwd=TOP / "tests", env={"PATH": PATH, **bed.directory.settings()})
    try:
        process.start()
        process.wait_ready(lambda: addresses.accepts(addresses.LOCALHOST, port), START_PATIENCE_S)
        yield f"http://{addresses.LOCALHOST}:{port}/users/{ACCOUNT}"
    finally:
        process.stop()
        guard.close()
        for claim in claims:
            claim.release()


def measure(bed: Bed) -> list[Row]:
    service(bed, bed.workers, WARM_UP_SECONDS)
    return [against_raw(bed), against_source(bed)]


def service(bed: Bed, clients: int, seconds: float = SECONDS) -> float:
    return load.rate(bed.url(f"/users/{ACCOUNT}"), clients, seconds, bed.headers, count=USERS)


def against_raw(bed: Bed) -> Row:
    filters = [FILTER % number for number in range(USERS)]

    def raw() -> float:
        return load.raw_rate(bed.directory, bed.workers, SECONDS, filters, ATTRIBUTES)

    seen = alternate("GET /users/{username}", ROUNDS,
                     {"raw searches": raw, "service": lambda: service(bed, bed.workers)})
    return row("GET /users/{username} against raw searches",
               median_ratio(seen, "service", "raw searches"),
               f">= {RAW_RATIO_MIN:g} ×", lambda ratio: ratio >= RAW_RATIO_MIN)


def against_source(bed: Bed) -> Row:
    with source_way(bed) as url:
        def source(seconds: float = SOURCE_SECONDS) -> float:
            return load.rate(url, SOURCE_CLIENTS, seconds, count=USERS)

        source(WARM_UP_SECONDS)
        seen = alternate("GET /users/{username}", SOURCE_ROUNDS,
                         {"source's way": source,
                          "service": lambda: service(bed, SOURCE_CLIENTS)})
    return row("GET /users/{username} against the source's way",
               median_ratio(seen, "service", "source's way"),
               f">= {SOURCE_RATIO_MIN:g} ×", lambda ratio: ratio >= SOURCE_RATIO_MIN, "{:.0f} ×")
