"""Measures the work of the service on a busy machine, where durations say little."""

import statistics
from pathlib import Path


def used_s(pids):
    """Returns the processor time that processes have used; the first number is in nanoseconds."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids) / 1e9


def processor_s(service, rounds, **asks):
    """Returns the median of the processor time that each call costs the workers of a service. The
    calls alternate, so that a change of the processor's speed affects the samples of all."""
    pids = service.workers()
    samples = {name: [] for name in asks}
    for _ in range(rounds):
        for name, ask in asks.items():
            before = used_s(pids)
            ask()
            samples[name].append(used_s(pids) - before)
    return {name: statistics.median(times) for name, times in samples.items()}
