"""Reserves ports and loopback addresses that nothing else uses, including other stacks.

A program starts to listen some time after its address was found free. So each address is reserved
for the lifetime of the stack by binding a Unix socket to a name in the kernel's abstract namespace.
Such a name belongs to the same network namespace as the address, and it disappears with its owner.
"""

import random
import socket

from stack.errors import StackError

LOCALHOST = "127.0.0.1"

LDAPS_PORT = 636

# The ports of a domain controller: LDAP and LDAPS, and the global catalog on LDAP and LDAPS.
DIRECTORY_PORTS = (389, LDAPS_PORT, 3268, 3269)

# Below the range of ports that the kernel assigns to outgoing connections.
FREE_PORTS = range(20000, 32000)
TRIES = 200

# 127.0.77.1, 127.0.78.1, …
DIRECTORY_ADDRESSES = [f"127.0.{number}.1" for number in range(77, 255)]


class Claim:
    """The reservation of an address."""

    def __init__(self, address: str) -> None:
        """Raises OSError if another stack has reserved the address."""
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
    """Returns why nobody can start to listen on the port, or None if that is possible."""
    with socket.socket() as probe:
        # Ignores connections of an earlier run in the state TIME_WAIT, as servers do.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen()
        except OSError as error:
            return error.strerror
    return None


def accepts(address: str, port: int) -> bool:
    """True if a program accepts connections on the port."""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def claim_ports(count: int) -> tuple[list[int], list[Claim]]:
    """Reserves free ports of the loopback address."""
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
    """Reserves the first loopback address whose LDAP ports are free."""
    reason = None
    for address in DIRECTORY_ADDRESSES:
        reason = next(filter(None, (why_taken(address, port) for port in DIRECTORY_PORTS)), None)
        if reason:
            continue
        try:
            return Claim(address)
        except OSError:
            continue
    raise StackError(f"no free address for the directory: LDAP ports of 127.0.X.1: {reason}")
