"""`make bench`: runs all measurements, or those that the arguments name, and prints a table of
ratios and targets. Exits 1 if a target is missed.

    cd tests && /usr/bin/python3 -m bench [users pages …]
"""

import sys

from bench import (
    contacts,
    crm,
    delegations,
    effective,
    files,
    filters,
    isolation,
    kept_connections,
    keys,
    members,
    membership,
    pages,
    rekey,
    storm,
    tokens,
    tree,
    users,
    writers,
)
from bench.bed import Bed
from bench.table import print_table

MEASUREMENTS = {
    "kept_connections": kept_connections.measure,
    "isolation": isolation.measure,
    "storm": storm.measure,
    "users": users.measure,
    "pages": pages.measure,
    "filters": filters.measure,
    "delegations": delegations.measure,
    "membership": membership.measure,
    "effective": effective.measure,
    "members": members.measure,
    "tree": tree.measure,
    "writers": writers.measure,
    "contacts": contacts.measure,
    "keys": keys.measure,
    "crm": crm.measure,
    "rekey": rekey.measure,
    "tokens": tokens.measure,
    "files": files.measure,
}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        print(f"bench: unknown measurement: {' '.join(unknown)}; known are "
              f"{' '.join(MEASUREMENTS)}", file=sys.stderr)
        return 2
    with Bed() as bed:
        rows = [row for name in names or MEASUREMENTS for row in MEASUREMENTS[name](bed)]
    print_table(rows)
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
