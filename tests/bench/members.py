"""GET /groups/{name}/members of a group with 6,000 members: pages in the middle and at the end
against the first page, direct and effective; and the first page against a client that reads the
same group, range by range, on kept connections.
"""

from bench import load
from bench.bed import GROUP, MEMBERS, TIMEOUT_S, Bed
from bench.pairs import alternate, median_ratio
from bench.table import Row, note, row

LIMIT = 10
PART = 1000  # members that the cursors are read with
LAST = MEMBERS - LIMIT

ROUNDS = 5
SECONDS = 2.0
WARM_UP_SECONDS = 1

RATIO_MAX = 1.5

# The filter and the attributes that a client needs for the same members.
FILTER = f"(&(cn={GROUP})(objectClass=group))"
ATTRIBUTES = ("objectGUID", "member")


def read_cursor(bed: Bed, wanted: int, effective: str) -> str:
    """Returns the cursor behind the first `wanted` members."""
    after = None
    while wanted:
        part = min(PART, wanted)
        answer = bed.session.get(bed.url(f"/groups/{GROUP}/members"), timeout=TIMEOUT_S, params={
            "limit": part, "effective": effective, "after": after})
        answer.raise_for_status()
        after, wanted = answer.json()["next"], wanted - part
    return after


def measure(bed: Bed) -> list[Row]:
    return [each for effective in ("false", "true") for each in measure_pages(bed, effective)]


def measure_pages(bed: Bed, effective: str) -> list[Row]:
    work = "effective members" if effective == "true" else "members"
    first = bed.url(f"/groups/{GROUP}/members?limit={LIMIT}&effective={effective}")
    answer = bed.session.get(first, timeout=TIMEOUT_S)
    answer.raise_for_status()
    if answer.json()["total"] != MEMBERS:
        raise load.LoadError(f"{first} does not have {MEMBERS} members")
    urls = {"first page": first, **{
        name: f"{first}&after={read_cursor(bed, wanted, effective)}"
        for name, wanted in (("middle", MEMBERS // 2), ("last page", LAST))}}

    def rate(url: str, seconds: float = SECONDS) -> float:
        return load.rate(url, bed.workers, seconds, bed.headers)

    def raw() -> float:
        return load.raw_rate(bed.directory, bed.workers, SECONDS, [FILTER], ATTRIBUTES)

    rate(first, WARM_UP_SECONDS)
    seen = alternate(f"GET /groups/{{name}}/members, {work}", ROUNDS, {
        "raw reads": raw, **{name: lambda url=url: rate(url) for name, url in urls.items()}})
    rows = [row(f"{name} of {MEMBERS:,} {work} against the first",
                median_ratio(seen, "first page", name), f"<= {RATIO_MAX:g} ×",
                lambda ratio: ratio <= RATIO_MAX) for name in urls if name != "first page"]
    return [*rows, note(f"first page of {MEMBERS:,} {work} against raw reads",
                        median_ratio(seen, "first page", "raw reads"))]
