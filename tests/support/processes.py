"""Reads the state of processes and sockets from /proc."""

import socket
from pathlib import Path


def alive(pid):
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text.rsplit(")", 1)[1].split()[0] != "Z"


def unread_bytes(address, port):
    """Returns the number of bytes received at an IPv4 address but not yet read."""
    local = f"{socket.inet_aton(address)[::-1].hex().upper()}:{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4].split(":")[1], 16) for row in rows if row[1] == local)
