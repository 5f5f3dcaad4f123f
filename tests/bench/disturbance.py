"""Disturbance: the share of processor time that other processes used during a measurement. The
service needs more processors than its references, so other processes also change the ratios.
"""

import os
from pathlib import Path


class Meter:
    """A context manager around a measurement. Afterwards `share` is the share of all processor time
    that other processes used, 0 to 1."""

    def __enter__(self) -> "Meter":
        self._total, self._busy, self._ours = _ticks()
        return self

    def __exit__(self, *_: object) -> None:
        total, busy, ours = _ticks()
        others = (busy - self._busy) - (ours - self._ours)
        self.share = max(0.0, others / max(1, total - self._total))


def _ticks() -> tuple[int, int, int]:
    """Returns ticks since boot of all processors: the total, those that processes used, and those
    that this process and its descendants used."""
    with open("/proc/stat", encoding="ascii") as file:  # proc(5)
        user, nice, system, idle, iowait, irq, softirq, steal = map(
            int, file.readline().split()[1:9])
    busy = user + nice + system + steal
    return busy + idle + iowait + irq + softirq, busy, _ours()


def _ours() -> int:
    """Returns the ticks of this process and its descendants. Ticks of processes that have ended are
    part of those of their parents (cutime, cstime)."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # pid (name) state ppid …; the name may contain spaces and parentheses
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # the process has just ended
            continue
        ticks[int(folder.name)] = sum(map(int, fields[11:15]))  # utime stime cutime cstime
        children.setdefault(int(fields[1]), []).append(int(folder.name))
    sum_of, left = 0, [os.getpid()]
    while left:
        pid = left.pop()
        sum_of += ticks.get(pid, 0)
        left += children.get(pid, [])
    return sum_of
