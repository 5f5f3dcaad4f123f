"""Pairs: a thing and its reference measured in turn, several times, so that a machine whose speed
drifts does not decide. The median of the ratios counts.
"""

import statistics
from collections.abc import Callable, Mapping

Rates = dict[str, float]


def alternate(work: str, rounds: int, measures: Mapping[str, Callable[[], float]]) -> list[Rates]:
    """Measures each of `measures` in turn, `rounds` times, and prints what it sees. The rates of
    each round."""
    seen = []
    for _ in range(rounds):
        rates = {name: measure() for name, measure in measures.items()}
        seen.append(rates)
        figures = ", ".join(f"{name} {figure:,.0f}" for name, figure in rates.items())
        print(f"  {work}, a second: {figures}", flush=True)
    return seen


def median_ratio(seen: list[Rates], name: str, reference: str) -> float:
    return statistics.median(rates[name] / rates[reference] for rates in seen)
