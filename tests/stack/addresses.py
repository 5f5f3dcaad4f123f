"""Addresses of our own: ports and loopback addresses that nothing else uses, other stacks included.

Between finding that an address is free and its use by a program of ours lies some time. For that
time, and as long as the stack lives, it is claimed by a name in the kernel's abstract namespace of
Unix sockets: it belongs to the same network namespace as the address, and is gone with its owner.
"""

import random
import socket

from stack.errors import StackError

LOCALHOST = "127.0.0.1"

LDAPS_PORT = 636

# What a domain controller listens on: LDAP, LDAPS, and its global catalogue on both.
DIRECTORY_PORTS = (389, LDAPS_PORT, 3268, 3269)

# Below the range from which the kernel gives ports to outgoing connections.
FREE_PORTS = range(20000, 32000)
TRIES = 200

# 127.0.77.1, 127.0.78.1, …
DIRECTORY_ADDRESSES = [f"127.0.{number}.1" for number in range(77, 255)]


class Claim:
    """An address that is ours until it is released."""

    def __init__(self, address: str) -> None:
        """Raises OSError if another stack has it."""
        self.address = address
        self._name = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._name.bind(f"\0kontora/{address}")
        except OSError:
            self._name.close()
            raise

    def release(self) -> None:
        self._name.close()


def why_taken(address: str, port: int) -> str | None:
    """What keeps us from listening there; None if nothing does."""
    with socket.socket() as probe:
        # As servers do: connections that linger from an earlier run are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen()
        except OSError as error:
            return error.strerror
    return None


def accepts(address: str, port: int) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def claim_ports(count: int) -> tuple[list[int], list[Claim]]:
    """Free ports of the loopback address."""
    ports: list[int] = []
    claims: list[Claim] = []
    for port in random.sample(FREE_PORTS, TRIES):
        if len(ports) == count:
            return ports, claims
        if why_taken(LOCALHOST, port):
            continue
        try:
            claims.append(Claim(f"{LOCALHOST}:{port}"))
        except OSError:
            continue
        ports.append(port)
    raise StackError(f"no free ports in {FREE_PORTS.start}-{FREE_PORTS.stop - 1}")


def claim_directory_address() -> Claim:
    """A loopback address whose LDAP ports are free: the first, if nothing runs beside us."""
    reason = None
    for address in DIRECTORY_ADDRESSES:
        reason = next(filter(None, (why_taken(address, port) for port in DIRECTORY_PORTS)), None)
        if reason:
            continue
        try:
            return Claim(address)
        except OSError:
            continue
    raise StackError(f"no address for the directory: the ports of LDAP on 127.0.X.1: {reason}")
