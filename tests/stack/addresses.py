"""Addresses of our own: ports and loopback addresses that nothing else uses, other stacks included.

Between finding that an address is free and its use by a program of ours lies some time. For that
time, and as long as the stack lives, it is claimed by a name in the kernel's abstract namespace of
Unix sockets: it belongs to the same network namespace as the address, and is gone with its owner.
"""

import errno
import random
import socket
from collections.abc import Iterable
from typing import Generic, TypeVar

from stack.errors import StackError

LOCALHOST = "127.0.0.1"

# LDAP and LDAPS: a domain controller has no others.
DIRECTORY_PORTS = (389, 636)

# Below the range from which the kernel gives ports to outgoing connections.
FREE_PORTS = range(20000, 32000)

Address = TypeVar("Address", int, str)


class Claim(Generic[Address]):
    """An address that is ours until it is released."""

    def __init__(self, value: Address) -> None:
        """Raises OSError if it is claimed already."""
        self.value = value
        self._name = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._name.bind(f"\0kontora/{value}")
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


def claim_first(candidates: Iterable[Address], ports_of: dict[Address, list[tuple[str, int]]]
                ) -> Claim[Address]:
    raise NotImplementedError
