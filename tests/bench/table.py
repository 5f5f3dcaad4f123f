"""Table: the table of results that `make bench` prints."""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Row:
    work: str
    figure: str
    target: str
    met: bool


def row(work: str, value: float, target: str, met: Callable[[float], bool],
        form: str = "{:.2f} ×") -> Row:
    return Row(work, form.format(value), target, met(value))


def note(work: str, value: float, form: str = "{:.2f} ×") -> Row:
    """Returns a row of the table for a value that has no target."""
    return Row(work, form.format(value), "none", True)


def print_table(rows: list[Row]) -> None:
    widths = [max(len(getattr(each, name)) for each in rows)
              for name in ("work", "figure", "target")]
    for each in rows:
        cells = (each.work.ljust(widths[0]), each.figure.rjust(widths[1]),
                 each.target.ljust(widths[2]))
        print("  ".join(cells), "ok" if each.met else "MISSED", sep="  ", flush=True)
