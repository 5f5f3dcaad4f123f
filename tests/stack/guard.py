"""The guard: a process that cleans up after its owner, even if the owner is killed.

It runs in a session of its own, so that signals of the terminal do not reach it. It reads commands
from a pipe:

    group N     end the process group N at the end
    gone N      the process group N has ended already
    remove P    remove the file or folder P at the end

The pipe closes when the owner exits or is killed: then the guard ends the groups and removes the
files. It also inherits the descriptors of the owner's locks, so that these are not released before
the clean-up is complete.

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

# Debian's interpreter. Another python3 that comes first in PATH may lack Debian's packages.
PYTHON = "/usr/bin/python3"

# Wait after SIGTERM before SIGKILL, and after SIGKILL before giving up.
TIMEOUT_S = 3.0


class Guard:
    """The owner's side of the pipe. Closing it makes the guard clean up."""

    def __init__(self, *inherited: int) -> None:
        command = [PYTHON, "-I", "-S", __file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=inherited,
                                         start_new_session=True, cwd="/")

    def add_group(self, group: int) -> None:
        self._order(f"group {group}")

    def drop_group(self, group: int) -> None:
        with contextlib.suppress(BrokenPipeError):  # the guard was killed
            self._order(f"gone {group}")

    def remove_at_end(self, path: Path) -> None:
        self._order(f"remove {path}")

    def close(self) -> None:
        """Returns when the guard has cleaned up."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _order(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()


def group_lives(group: int) -> bool:
    """True if a process of the group still runs. Ignores zombies, which killpg(group, 0) would
    find."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    for stat in glob.iglob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError), open(stat, encoding="utf-8", errors="replace") as file:
            # proc(5): pid (name) state ppid pgrp …; the name may contain spaces and parentheses
            state, _, group_of = file.read().rpartition(")")[2].split()[:3]
            if int(group_of) == group and state not in "ZX":
                return True
    return False


def signal_group(group: int, number: signal.Signals) -> None:
    """Sends a signal to a process group. Does nothing if the group has ended."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def end_groups(groups: set[int]) -> None:
    """Ends groups with SIGTERM, then SIGKILL. Sends SIGCONT too, because a stopped process does not
    handle signals."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for group in groups:
            signal_group(group, number)
            signal_group(group, signal.SIGCONT)
        wait_until(lambda: not any(map(group_lives, groups)), TIMEOUT_S)


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Waits for the condition. Returns False on a timeout."""
    deadline = time.monotonic() + timeout_s
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
