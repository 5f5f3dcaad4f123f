"""Timing: how long an answer takes by itself, whatever else the machine does meanwhile."""

import statistics
import time


def seconds(ask):
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started


def undisturbed_s(rounds, **asks):
    """What each of the calls takes when nothing else runs: the lower quartile, for others only ever
    add to it. They take turns, so that whatever comes and goes is in the samples of all."""
    samples = {name: [] for name in asks}
    for _ in range(rounds):
        for name, ask in asks.items():
            samples[name].append(seconds(ask))
    return {name: statistics.quantiles(times, n=4)[0] for name, times in samples.items()}
