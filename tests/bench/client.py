"""Client that measures the latency of requests, one after the other on one kept connection. It does
almost no work between a request and its answer, so that it measures the service and nginx."""

import json
import re
import socket
import time
from typing import Any

from stack import addresses

TIMEOUT_S = 60
PIECE = 1 << 16

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
HEAD_END, BODY_END = b"\r\n\r\n", b"0\r\n\r\n"


class ClientError(Exception):
    """An error answer or an incomplete answer."""


class RefusedError(ClientError):
    """An error answer."""


class Client:
    """A client of one stack."""

    def __init__(self, port: int) -> None:
        self._address = (addresses.LOCALHOST, port)
        self._token = ""
        self._socket = socket.create_connection(self._address, TIMEOUT_S)

    def log_in(self, email: str, password: str) -> str:
        """Logs in. Returns the header that authenticates requests; the client sends it itself."""
        body = {"email": email, "password": password}
        answer = self.ask(self.request("/auth/login", "POST", body))
        header = f"Authorization: Bearer {answer['access_token']}"
        self._token = f"{header}\r\n"
        return header

    def request(self, path: str, method: str = "GET", body: dict[str, Any] | None = None) -> bytes:
        """Returns a request as bytes."""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{self._token}"
        if body is None:
            return f"{head}\r\n".encode()
        content = json.dumps(body).encode()
        return (f"{head}Content-Type: application/json\r\n"
                f"Content-Length: {len(content)}\r\n\r\n").encode() + content

    def ask(self, request: bytes) -> Any:
        """Sends a request and returns the JSON of the answer."""
        return json.loads(self._exchange(request).partition(HEAD_END)[2])

    def seconds(self, request: bytes, accepted: tuple[bytes, ...] = (b"2",)) -> float:
        """Sends a request and returns the latency of the answer, whose status begins with one of
        the `accepted` digits."""
        began = time.perf_counter()
        answer = self._exchange(request, accepted)
        took = time.perf_counter() - began
        if CLOSES.search(answer.partition(HEAD_END)[0]):
            self._socket.close()
            self._socket = socket.create_connection(self._address, TIMEOUT_S)
        return took

    def close(self) -> None:
        self._socket.close()

    def _exchange(self, request: bytes, accepted: tuple[bytes, ...] = (b"2",)) -> bytes:
        self._socket.sendall(request)
        answer = self._socket.recv(PIECE)
        while not is_complete(answer):
            piece = self._socket.recv(PIECE)
            if not piece:
                raise ClientError(f"incomplete answer: {answer!r}")
            answer += piece
        if not answer.startswith(tuple(b"HTTP/1.1 " + digits for digits in accepted)):
            raise RefusedError(f"{request.splitlines()[0]!r}: {answer.decode(errors='replace')}")
        return answer


def is_complete(answer: bytes) -> bool:
    head, found, body = answer.partition(HEAD_END)
    length = LENGTH.search(head)
    if not found or not length:
        return bool(found) and answer.endswith(BODY_END)
    return len(body) >= int(length[1])
