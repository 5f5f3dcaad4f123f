"""GET /users?filter=… among 10,000 users, against a client that sends the same searches to the
directory on as many kept connections: a filter on an indexed attribute, and one on an attribute
without an index, for which the directory reads every user. Also the time of deep pages of filtered
lists, against the first page.

For each list the service also checks that its sorted view is up to date, and has the directory sort
and count the matches.
"""

import itertools
import statistics
import time
from urllib.parse import urlencode

from bench import load
from bench.bed import ACCOUNT, TIMEOUT_S, USERS, Bed
from bench.pairs import alternate, median_ratio
from bench.table import Row, row
from bench.users import ATTRIBUTES

ROUNDS = 5
SECONDS = 2
SCAN_SECONDS = 4
WARM_UP_SECONDS = 1
LIMIT = 10
FIRST = 1
PAGES = (FIRST, 500, 1000)
SORTED_ROUNDS = 7

INDEXED_RATIO_MIN = 0.2
SCAN_RATIO_MIN = 0.7
PAGE_RATIO_MAX = 1.5

CLASS = "(sAMAccountType=805306368)"  # the users: app/directory/directory.h

# Filters that all users match, in the order of an attribute.
LISTS = {
    "a filter": {"filter": 'enabled eq true and department eq "Продажи"'},
    "a unit, sorted": {"parent_dn": "OU=Many,DC=kontora,DC=test", "sort": "-whenCreated"},
}


def measure(bed: Bed) -> list[Row]:
    return [indexed(bed), scanned(bed), *deep_pages(bed)]


def filter_workers(bed: Bed) -> int:
    return len(bed.stack.service.workers("filters"))


def against_raw(bed: Bed, what: str, seconds: float, url: str, count: int, filters: list[str],
                target: float) -> Row:
    workers = filter_workers(bed)

    def service(duration: float = seconds) -> float:
        return load.rate(url, workers, duration, bed.headers, count=count)

    def raw() -> float:
        return load.raw_rate(bed.directory, workers, seconds, filters, ATTRIBUTES)

    service(WARM_UP_SECONDS)
    seen = alternate(f"GET /users, {what}", ROUNDS, {"raw searches": raw, "service": service})
    return row(f"GET /users?filter=… on {what} against raw searches",
               median_ratio(seen, "service", "raw searches"), f">= {target:g} ×",
               lambda ratio: ratio >= target)


def indexed(bed: Bed) -> Row:
    """Searches for users in turn, so that no sorted view is used twice."""
    url = bed.url(f"/users?filter=sAMAccountName+eq+%%22{ACCOUNT}%%22")
    filters = [f"(&{CLASS}(sAMAccountName={ACCOUNT % number}))" for number in range(USERS)]
    return against_raw(bed, "an indexed attribute", SECONDS, url, USERS, filters,
                       INDEXED_RATIO_MIN)


def scanned(bed: Bed) -> Row:
    url = bed.url(f"/users?filter=userPrincipalName+co+%%22{ACCOUNT}@%%22")
    filters = [f"(&{CLASS}(userPrincipalName=*{ACCOUNT % number}@*))" for number in range(USERS)]
    return against_raw(bed, "an attribute without an index", SCAN_SECONDS, url, USERS, filters,
                       SCAN_RATIO_MIN)


def deep_pages(bed: Bed) -> list[Row]:
    """Measures pages of lists whose view is kept, and of lists that are sorted again because of a
    change before each page."""
    return [page_row(bed, name, how, changes) for name in LISTS
            for how, changes in (("unchanged", False), ("sorted again", True))]


TITLES = itertools.count()


def page_seconds(bed: Bed, name: str, page: int, changes: bool) -> float:
    if changes:
        bed.session.patch(bed.url(f"/users/{ACCOUNT % 0}"), timeout=TIMEOUT_S, json={
            "title": f"title {next(TITLES)}"}).raise_for_status()
    query = urlencode({**LISTS[name], "skip": (page - 1) * LIMIT, "limit": LIMIT})
    began = time.monotonic()
    answer = bed.session.get(bed.url(f"/users?{query}"), timeout=TIMEOUT_S)
    took = time.monotonic() - began
    answer.raise_for_status()
    if len(answer.json()["items"]) != LIMIT:
        raise load.LoadError(f"page {page} of {name} does not have {LIMIT} users")
    return took


def page_row(bed: Bed, name: str, how: str, changes: bool) -> Row:
    """Measures the latency of pages with one client; the deepest page counts."""
    for _ in range(2 * bed.workers):
        page_seconds(bed, name, FIRST, False)  # every worker has a view
    rounds = [{page: page_seconds(bed, name, page, changes) for page in PAGES}
              for _ in range(SORTED_ROUNDS)]
    medians = {page: statistics.median(each[page] for each in rounds) for page in PAGES}
    figures = ", ".join(f"page {page} {took * 1000:.0f} ms" for page, took in medians.items())
    print(f"  GET /users with {name}, {how}: {figures}", flush=True)
    ratio = max(statistics.median(each[page] / each[FIRST] for each in rounds)
                for page in PAGES if page != FIRST)
    return row(f"pages 500 and 1,000 of GET /users with {name} against the first, {how}", ratio,
               f"<= {PAGE_RATIO_MAX:g} ×", lambda value: value <= PAGE_RATIO_MAX)
