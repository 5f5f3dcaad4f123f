"""The guard: sees to it that nothing outlives the process that started it, however that ended.

It is a process of its own, out of reach of a terminal's signals. It reads orders from a pipe:

    group N     N is a process group to be ended
    gone N      it has ended
    remove P    P is a file or folder to be removed

When the pipe ends, its owner is gone, killed perhaps: the guard ends what is left. It also holds
the owner's locks (descriptors it inherited), so that they are only free when everything is.

This file holds both sides: class Guard for the owner, main() for the guard.
"""

import contextlib
import glob
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

# What runs children: never a python3 that stands first on PATH, which may lack Debian's packages.
PYTHON = "/usr/bin/python3"

# Between SIGTERM and SIGKILL, and between SIGKILL and giving up on a process that cannot die.
PATIENCE_S = 3.0


class Guard:
    """The owner's side. Closing it tells the guard that nothing is left to do but its list."""

    def __init__(self, *inherited: int) -> None:
        command = [PYTHON, "-I", "-S", __file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=inherited,
                                         start_new_session=True, cwd="/")

    def add_group(self, group: int) -> None:
        self._order(f"group {group}")

    def drop_group(self, group: int) -> None:
        with contextlib.suppress(BrokenPipeError):  # a guard that was killed needs to know nothing
            self._order(f"gone {group}")

    def remove_at_end(self, path: Path) -> None:
        self._order(f"remove {path}")

    def close(self) -> None:
        """Returns when the guard has done its work."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _order(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()


def group_lives(group: int) -> bool:
    """Whether a process of the group still runs. One that has ended, and that its new parent has
    not yet taken note of, does not; killpg(group, 0) would count it."""
    for stat in glob.iglob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError), open(stat, encoding="utf-8", errors="replace") as file:
            # proc(5): pid (name) state ppid pgrp …; a name may hold anything
            state, _, group_of = file.read().rpartition(")")[2].split()[:3]
            if int(group_of) == group and state not in "ZX":
                return True
    return False


def signal_group(group: int, number: signal.Signals) -> None:
    """Does nothing if it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def end_groups(groups: set[int]) -> None:
    """Asks, then forces. A stopped process hears nothing until it is continued."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for group in groups:
            signal_group(group, number)
            signal_group(group, signal.SIGCONT)
        wait_until(lambda: not any(map(group_lives, groups)), PATIENCE_S)


def wait_until(condition: Callable[[], bool], patience_s: float) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def main() -> None:
    groups: set[int] = set()
    paths: list[str] = []
    for line in sys.stdin:
        order, _, argument = line.rstrip("\n").partition(" ")
        if order == "group":
            groups.add(int(argument))
        elif order == "gone":
            groups.discard(int(argument))
        elif order == "remove":
            paths.append(argument)
    end_groups(groups)
    for path in paths:
        if os.path.isdir(path):
            shutil.rmtree(path, ignore_errors=True)
        elif os.path.lexists(path):
            os.unlink(path)


if __name__ == "__main__":
    main()
