"""Pairs: measures the service and its references in turn several times, so that changes of the
machine's speed do not matter. The median of the ratios counts.

Rounds that other processes disturbed do not count, unless all were disturbed.
"""

import dataclasses
import statistics
from collections.abc import Callable, Mapping

from bench.disturbance import Meter

DISTURBED = 0.04  # share of processor time of other processes from which a round is disturbed
TRIES = 2  # at most so many times the requested number of rounds


@dataclasses.dataclass(frozen=True)
class Round:
    rates: dict[str, float]
    disturbance: float


def alternate(work: str, rounds: int, measures: Mapping[str, Callable[[], float]]) -> list[Round]:
    """Runs each of `measures` in turn and prints the results. Returns `rounds` undisturbed rounds,
    or fewer if there are not as many; disturbed ones only if there are no others."""
    seen: list[Round] = []
    while len(seen) < TRIES * rounds and len(undisturbed(seen)) < rounds:
        with Meter() as meter:
            rates = {name: measure() for name, measure in measures.items()}
        seen.append(Round(rates, meter.share))
        figures = ", ".join(f"{name} {figure:,.{0 if figure >= 10 else 2}f}"
                            for name, figure in rates.items())
        noise = f" (disturbed: {meter.share:.0%})" if meter.share >= DISTURBED else ""
        print(f"  {work}, a second: {figures}{noise}", flush=True)
    return undisturbed(seen) or seen


def undisturbed(seen: list[Round]) -> list[Round]:
    return [each for each in seen if each.disturbance < DISTURBED]


def median_ratio(seen: list[Round], name: str, reference: str) -> float:
    return statistics.median(each.rates[name] / each.rates[reference] for each in seen)
