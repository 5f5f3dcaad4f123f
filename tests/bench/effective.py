"""GET /users/{username}/groups?effective=true of a user with 6,000 nested groups in three levels,
and of one with a chain of 500, against a client that sends the same searches on a kept connection.

The client knows the names of all groups in advance; the service finds them, and the paths to them.
"""

import time

from bench import load
from bench.bed import TIMEOUT_S, Bed
from bench.pairs import alternate, median_ratio
from bench.table import Row, row

ROUNDS = 5
SECONDS = 5
BATCH = 200  # groups that the service reads with one search: app/directory/effective.c

RATIO_MIN = 0.5

WIDE = [[f"wide-{level}-{number}" for number in range(count)]
        for level, count in enumerate((20, 280, 5700))]
DEEP = [[f"deep-{level}"] for level in range(500)]
USERS = {"wide": ("user09998", WIDE), "deep": ("user09999", DEEP)}

# The attributes of the service for groups.
ATTRIBUTES = ("cn", "objectGUID", "memberOf")


def fill(bed: Bed) -> None:
    for unit, (user, levels) in USERS.items():
        bed.directory.fill_groups(unit=unit, levels=levels,
                                  member=f"CN={user},OU=Many,{bed.directory.base_dn}")


def searches(bed: Bed, unit: str) -> list[str]:
    """Returns the filters of one walk. An asterisk permits several results."""
    user, levels = USERS[unit]
    filters = [f"(&(sAMAccountName={user})(sAMAccountType=805306368))"]
    for names in levels:
        for at in range(0, len(names), BATCH):
            dns = (f"CN={name},OU={unit},{bed.directory.base_dn}"
                   for name in names[at:at + BATCH])
            filters.append("*(|" + "".join(f"(distinguishedName={dn})" for dn in dns) + ")")
    return filters


def measure_unit(bed: Bed, unit: str) -> Row:
    user, levels = USERS[unit]
    groups = sum(map(len, levels))
    url = bed.url(f"/users/{user}/groups?effective=true")
    filters = searches(bed, unit)
    answer = bed.session.get(url, timeout=TIMEOUT_S)
    answer.raise_for_status()
    found = sum(item["dn"].endswith(f"OU={unit},{bed.directory.base_dn}")
                for item in answer.json()["items"])
    if found != groups:
        raise load.LoadError(f"{url} has {found} groups instead of {groups}")

    def service() -> float:
        begun, walks = time.monotonic(), 0
        while time.monotonic() < begun + SECONDS:
            bed.session.get(url, timeout=TIMEOUT_S).raise_for_status()
            walks += 1
        return walks / (time.monotonic() - begun) * len(filters)

    def raw() -> float:
        return load.raw_rate(bed.directory, 1, SECONDS, filters, ATTRIBUTES)

    work = f"{groups:,} nested groups, {len(levels)} levels"
    seen = alternate(f"searches of {work}", ROUNDS, {"raw searches": raw, "service": service})
    return row(f"GET /users/{{username}}/groups, {work}, against raw searches",
               median_ratio(seen, "service", "raw searches"),
               f">= {RATIO_MIN:g} ×", lambda ratio: ratio >= RATIO_MIN)


def measure(bed: Bed) -> list[Row]:
    fill(bed)
    return [measure_unit(bed, unit) for unit in USERS]
