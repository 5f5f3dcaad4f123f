"""GET /users/{username}, through nginx and over LDAPS, against two references: a client that sends
the same searches to the directory on as many kept connections as the service has, and FastAPI with
ldap3, which connects and binds for each request.
"""

import contextlib
from collections.abc import Iterator

from bench import load
from bench.bed import ACCOUNT, USERS, Bed
from bench.pairs import alternate, median_ratio
from bench.table import Row, row
from stack import addresses
from stack.guard import PYTHON, Guard
from stack.processes import PATH, Process
from stack.stack import TOP

ROUNDS = 7
SECONDS = 2
FASTAPI_ROUNDS = 3
FASTAPI_SECONDS = 4  # it serves about forty requests a second
WARM_UP_SECONDS = 1
FASTAPI_PROCESSES = 2
FASTAPI_CLIENTS = 8  # with fewer clients, one process may accept all connections
START_TIMEOUT_S = 20

RAW_RATIO_MIN = 0.85
FASTAPI_RATIO_MIN = 60

# The filter and the attributes of the service: app/rest/user_fields.c.
FILTER = f"(&(sAMAccountName={ACCOUNT})(sAMAccountType=805306368))"
ATTRIBUTES = (
    "objectGUID", "cn", "sAMAccountName", "userPrincipalName", "givenName", "sn", "mail",
    "telephoneNumber", "title", "department", "description", "userAccountControl",
    "msDS-User-Account-Control-Computed", "objectSid", "primaryGroupID", "memberOf", "whenCreated",
    "whenChanged", "displayName", "initials", "mobile", "homePhone", "ipPhone",
    "facsimileTelephoneNumber", "pager", "company", "employeeID", "employeeNumber", "employeeType",
    "physicalDeliveryOfficeName", "streetAddress", "postOfficeBox", "l", "st", "postalCode", "c",
    "wWWHomePage", "info", "homeDirectory", "homeDrive", "profilePath", "scriptPath",
    "accountExpires", "manager", "directReports", "userWorkstations", "pwdLastSet",
    "msDS-UserPasswordExpiryTimeComputed", "lastLogonTimestamp", "lockoutTime", "badPwdCount",
    "co")


@contextlib.contextmanager
def running_fastapi(bed: Bed) -> Iterator[str]:
    """Runs fastapi_users.py. Yields the URL of a user as a format for the number of the user."""
    (port,), claims = addresses.claim_ports(1)
    guard = Guard()
    command = [PYTHON, "-m", "uvicorn", "bench.fastapi_users:app", "--host", addresses.LOCALHOST,
               "--port", str(port), "--workers", str(FASTAPI_PROCESSES), "--log-level", "warning"]
    process = Process("uvicorn", command, guard=guard, log=bed.folder / "fastapi_users.log",
                      cwd=TOP / "tests", env={"PATH": PATH, **bed.directory.settings()})
    try:
        process.start()
        process.wait_ready(lambda: addresses.accepts(addresses.LOCALHOST, port), START_TIMEOUT_S)
        yield f"http://{addresses.LOCALHOST}:{port}/users/{ACCOUNT}"
    finally:
        process.stop()
        guard.close()
        for claim in claims:
            claim.release()


def measure(bed: Bed) -> list[Row]:
    service(bed, bed.workers, WARM_UP_SECONDS)
    return [against_raw(bed), against_fastapi(bed)]


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


def against_fastapi(bed: Bed) -> Row:
    with running_fastapi(bed) as url:
        def fastapi(seconds: float = FASTAPI_SECONDS) -> float:
            return load.rate(url, FASTAPI_CLIENTS, seconds, count=USERS)

        fastapi(WARM_UP_SECONDS)
        seen = alternate("GET /users/{username}", FASTAPI_ROUNDS,
                         {"FastAPI": fastapi,
                          "service": lambda: service(bed, FASTAPI_CLIENTS)})
    return row("GET /users/{username} against FastAPI with ldap3",
               median_ratio(seen, "service", "FastAPI"),
               f">= {FASTAPI_RATIO_MIN:g} ×", lambda ratio: ratio >= FASTAPI_RATIO_MIN, "{:.0f} ×")
