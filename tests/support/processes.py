"""Processes: who runs below whom, read from /proc."""

import os
from pathlib import Path


def _stat(pid):
    """(name, state, parent) of a process, None if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, rest = text[text.index("(") + 1:].rsplit(")", 1)
    state, parent = rest.split()[:2]
    return name, state, int(parent)


def children(pid):
    """{pid: name} of the living children of a process."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = _stat(entry)
            if stat and stat[2] == pid and stat[1] != "Z":
                found[int(entry)] = stat[0]
    return found


def workers(master, pool=None):
    """The pids of a master's workers, of one pool or of all."""
    return {pid for pid, name in children(master).items()
            if name.startswith("kontora-") and name.endswith((pool or "")[:7])}


def alive(pid):
    stat = _stat(pid)
    return bool(stat) and stat[1] != "Z"
