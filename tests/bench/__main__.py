"""`make bench`: every measurement, then one table of ratios with their targets. Exits 1 if one is
missed."""

import sys

from bench import kept_connections, writers
from bench.table import print_table

MEASUREMENTS = (kept_connections.measure, writers.measure)


def main() -> int:
    rows = [row for measure in MEASUREMENTS for row in measure()]
    print_table(rows)
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
