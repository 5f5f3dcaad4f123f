"""GET /tree of a level with 2,000 units that have 10,000 users, and of the root of the directory,
against a client that sends the same searches on a kept connection, page by page, and does nothing
with the answers. Also the last page of these units, and of the users in them, against the first.
"""

import time
from urllib.parse import quote

from bench import load
from bench.bed import TIMEOUT_S, USERS, Bed
from bench.pairs import alternate, median_ratio
from bench.table import Row, row
from stack.directory import fill_directory

UNIT = "Tree"
UNITS = 2_000

ROUNDS = 5
SECONDS = 4

RATIO_MIN = 0.6

LIMIT = 10
PAGE_SECONDS = 1.0
WARM_UP_SECONDS = 15.0  # one worker after another searches and sorts all users
RATIO_MAX = 1.5

# The searches of the service (app/directory/tree.c). It also reads three attributes of the places.
FILTERS = ("(|(objectClass=organizationalUnit)(objectClass=container)(objectClass=domainDNS)"
           "(objectClass=builtinDomain))",
           "(sAMAccountType=805306368)", "(objectClass=group)",
           "(&(objectCategory=computer)(sAMAccountType=805306369))")


def check(bed: Bed, parent_dn: str) -> None:
    """Raises unless every unit is shown with all its users."""
    answer = bed.session.get(bed.url("/tree"), params={"parent_dn": parent_dn}, timeout=TIMEOUT_S)
    answer.raise_for_status()
    counts = [child["counts"]["users"] for child in answer.json()["children"]]
    if counts != [USERS // UNITS] * UNITS:
        raise load.LoadError(f"{parent_dn} does not have {UNITS} units with {USERS} users")


def ratio(bed: Bed, parent_dn: str, work: str) -> float:
    """Returns searches a second of the service, relative to those of the client."""
    url = f"{bed.url('/tree')}?parent_dn={quote(parent_dn)}"

    def service() -> float:
        began, levels = time.monotonic(), 0
        while time.monotonic() - began < SECONDS:
            bed.session.get(url, timeout=TIMEOUT_S).raise_for_status()
            levels += 1
        return len(FILTERS) * levels / (time.monotonic() - began)

    def raw() -> float:
        return load.raw_rate(bed.directory, 1, SECONDS, FILTERS, ["1.1"], base=parent_dn,
                             paged=True)

    seen = alternate(f"GET /tree, {work}, searches", ROUNDS, {"raw": raw, "service": service})
    return median_ratio(seen, "service", "raw")


def page_row(bed: Bed, path: str, count: int, what: str) -> Row:
    """Measures the last page of a list of `count` objects against the first."""
    def rate(skip: int, seconds: float = PAGE_SECONDS) -> float:
        return load.rate(bed.url(f"{path}&limit={LIMIT}&skip={skip}"), bed.workers, seconds,
                         bed.headers)

    rate(0, WARM_UP_SECONDS)  # creates a sorted view in every worker
    seen = alternate(f"pages of {what}", ROUNDS,
                     {"first": lambda: rate(0), "last": lambda: rate(count - LIMIT)})
    return row(f"last page of {what} against the first", median_ratio(seen, "first", "last"),
               f"<= {RATIO_MAX:g} ×", lambda value: value <= RATIO_MAX)


def measure(bed: Bed) -> list[Row]:
    base_dn = bed.directory.base_dn  # creates the directory
    fill_directory(bed.folder / "directory", unit=UNIT, account="tree%05d", users=USERS,
                   group="tree", members=1, units=UNITS)
    unit_dn = f"OU={UNIT},{base_dn}"
    check(bed, unit_dn)
    levels = {unit_dn: f"{UNITS:,} units with {USERS:,} users",
              base_dn: f"root above {2 * USERS:,} users"}
    rows = [row(f"GET /tree, {work}, against raw searches", ratio(bed, dn, work),
                f">= {RATIO_MIN:g} ×", lambda value: value >= RATIO_MIN)
            for dn, work in levels.items()]
    parent = f"parent_dn={quote(unit_dn)}"
    return [*rows, page_row(bed, f"/ous?{parent}", UNITS, f"{UNITS:,} units"),
            page_row(bed, f"/users?{parent}&scope=subtree", USERS, f"{USERS:,} users in them")]
