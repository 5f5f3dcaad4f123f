"""Pairs: a thing and its references measured in turn, several times, so that a machine whose speed
drifts does not decide. The median of the ratios counts.

A round in which others worked on the machine does not count, unless there is no other.
"""

import dataclasses
import statistics
from collections.abc import Callable, Mapping

from bench.disturbance import Meter

DISTURBED = 0.04  # of all processor time, which is never all ours
TRIES = 2  # times the rounds wanted


@dataclasses.dataclass(frozen=True)
class Round:
    rates: dict[str, float]
    disturbance: float


def alternate(work: str, rounds: int, measures: Mapping[str, Callable[[], float]]) -> list[Round]:
    """Measures each of `measures` in turn and prints what it sees. Returns `rounds` rounds that
    nobody disturbed; fewer, or those that were disturbed, if others do not leave the machine."""
    seen: list[Round] = []
    while len(seen) < TRIES * rounds and len(undisturbed(seen)) < rounds:
        with Meter() as meter:
            rates = {name: measure() for name, measure in measures.items()}
        seen.append(Round(rates, meter.share))
        figures = ", ".join(f"{name} {figure:,.0f}" for name, figure in rates.items())
        noise = f" (disturbed: {meter.share:.0%})" if meter.share >= DISTURBED else ""
        print(f"  {work}, a second: {figures}{noise}", flush=True)
    return undisturbed(seen) or seen


def undisturbed(seen: list[Round]) -> list[Round]:
    return [each for each in seen if each.disturbance < DISTURBED]


def median_ratio(seen: list[Round], name: str, reference: str) -> float:
    return statistics.median(each.rates[name] / each.rates[reference] for each in seen)
