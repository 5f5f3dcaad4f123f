"""Measures the duration of calls on a busy machine."""

import statistics
import time


def seconds(ask):
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started


def undisturbed_s(rounds, **asks):
    """Returns the lower quartile of each call's durations: other load only adds to them. The
    calls alternate, so that a disturbance affects the samples of all."""
    samples = {name: [] for name in asks}
    for _ in range(rounds):
        for name, ask in asks.items():
            samples[name].append(seconds(ask))
    return {name: statistics.quantiles(times, n=4)[0] for name, times in samples.items()}
