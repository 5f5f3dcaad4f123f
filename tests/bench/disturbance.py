"""Disturbance: how much of the machine others took while something was measured. The service needs
more processors than its references do, so what others take away changes the ratios too.
"""

import os
from pathlib import Path


class Meter:
    """As a context manager around what is measured. `share` then is the part of all processor time
    that went to processes that are not ours, 0 to 1."""

    def __enter__(self) -> "Meter":
        self._total, self._busy, self._ours = _ticks()
        return self

    def __exit__(self, *_: object) -> None:
        total, busy, ours = _ticks()
        others = (busy - self._busy) - (ours - self._ours)
        self.share = max(0.0, others / max(1, total - self._total))


def _ticks() -> tuple[int, int, int]:
    """Of all processors: all time, the time that processes had, and what this process had with all
    its descendants. Since boot."""
    with open("/proc/stat", encoding="ascii") as file:  # proc(5)
        user, nice, system, idle, iowait, irq, softirq, steal = map(
            int, file.readline().split()[1:9])
    busy = user + nice + system + steal
    return busy + idle + iowait + irq + softirq, busy, _ours()


def _ours() -> int:
    """Those that have ended and been waited for are counted with their parents."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # pid (name) state ppid …; a name may hold anything
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        ticks[int(folder.name)] = sum(map(int, fields[11:15]))  # utime stime cutime cstime
        children.setdefault(int(fields[1]), []).append(int(folder.name))
    sum_of, left = 0, [os.getpid()]
    while left:
        pid = left.pop()
        sum_of += ticks.get(pid, 0)
        left += children.get(pid, [])
    return sum_of
