"""GET /users?skip=…: time of pages 500 and 1,000 of a list of 10,000 users, against the first page.
Measured without changes, so that the service reuses the sorted view of the directory, and with a
change before each page, so that the directory sorts again for each page.
"""

import itertools
import statistics
import time

from bench import load
from bench.bed import ACCOUNT, TIMEOUT_S, Bed
from bench.pairs import alternate, median_ratio
from bench.table import Row, row

LIMIT = 10
FIRST = 1
PAGES = (FIRST, 500, 1000)

ROUNDS = 5
SECONDS = 1.0
SORTED_ROUNDS = 9

RATIO_MAX = 1.5


def page_url(bed: Bed, page: int) -> str:
    return bed.url(f"/users?skip={(page - 1) * LIMIT}&limit={LIMIT}")


def measure(bed: Bed) -> list[Row]:
    return kept_view(bed) + sorted_again(bed)


def table_row(page: int, how: str, ratio: float) -> Row:
    return row(f"page {page:,} of GET /users against the first, {how}", ratio,
               f"<= {RATIO_MAX:g} ×", lambda value: value <= RATIO_MAX)


def kept_view(bed: Bed) -> list[Row]:
    def rate(page: int) -> float:
        return load.rate(page_url(bed, page), bed.workers, SECONDS, bed.headers)

    rate(FIRST)  # creates a sorted view in every worker
    seen = alternate("GET /users, unchanged", ROUNDS,
                     {f"page {page}": lambda page=page: rate(page) for page in PAGES})
    return [table_row(page, "unchanged", median_ratio(seen, f"page {FIRST}", f"page {page}"))
            for page in PAGES if page != FIRST]


def sorted_again(bed: Bed) -> list[Row]:
    """Measures the latency of pages with one client."""
    titles = itertools.count()

    def seconds(page: int) -> float:
        changed = bed.session.patch(bed.url(f"/users/{ACCOUNT % 0}"), timeout=TIMEOUT_S,
                                    json={"title": f"title {next(titles)}"})
        changed.raise_for_status()
        began = time.monotonic()
        answer = bed.session.get(page_url(bed, page), timeout=TIMEOUT_S)
        took = time.monotonic() - began
        if len(answer.json()["items"]) != LIMIT:
            raise load.LoadError(f"page {page} does not have {LIMIT} users")
        return took

    rounds = [{page: seconds(page) for page in PAGES} for _ in range(SORTED_ROUNDS)]
    medians = {page: statistics.median(each[page] for each in rounds) for page in PAGES}
    figures = ", ".join(f"page {page} {took * 1000:.0f} ms" for page, took in medians.items())
    print(f"  GET /users, changed before each page: {figures}", flush=True)
    return [table_row(page, "sorted again",
                      statistics.median(each[page] / each[FIRST] for each in rounds))
            for page in PAGES if page != FIRST]
