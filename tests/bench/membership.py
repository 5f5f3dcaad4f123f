"""GET /groups/{name} of a group with 6,000 members, against a client that reads the same group,
range by range, on kept connections.

The client does less work: only the service also searches for members by their primary group.
"""

from bench import load
from bench.bed import GROUP, MEMBERS, TIMEOUT_S, Bed
from bench.pairs import alternate, median_ratio
from bench.table import Row, row

ROUNDS = 5
SECONDS = 2
WARM_UP_SECONDS = 1

RATIO_MIN = 0.5

# The filter and the attributes of the service: app/resources/groups.c.
FILTER = f"(&(cn={GROUP})(objectClass=group))"
ATTRIBUTES = ("objectGUID", "cn", "sAMAccountName", "description", "groupType", "objectSid",
              "member", "whenCreated", "whenChanged")


def measure(bed: Bed) -> list[Row]:
    url = bed.url(f"/groups/{GROUP}")
    answer = bed.session.get(url, timeout=TIMEOUT_S)
    answer.raise_for_status()
    if len(answer.json()["member"]) != MEMBERS:
        raise load.LoadError(f"{url} does not have {MEMBERS} members")

    def service(seconds: float = SECONDS) -> float:
        return load.rate(url, bed.workers, seconds, bed.headers)

    def raw() -> float:
        return load.raw_rate(bed.directory, bed.workers, SECONDS, [FILTER], ATTRIBUTES)

    service(WARM_UP_SECONDS)
    seen = alternate("GET /groups/{name}", ROUNDS, {"raw reads": raw, "service": service})
    return [row(f"GET /groups/{{name}}, {MEMBERS:,} members, against raw reads",
                median_ratio(seen, "service", "raw reads"),
                f">= {RATIO_MIN:g} ×", lambda ratio: ratio >= RATIO_MIN)]
