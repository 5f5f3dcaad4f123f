"""Generates HTTP load with many concurrent clients, in a thread beside the test.

Kept clients send all their requests on one connection; fresh clients connect for each request.
Responses are counted by status; a connection that breaks during a request counts as "broken".
"""

import asyncio
import collections
import threading
import time
from urllib.parse import urlsplit

TIMEOUT_S = 60  # longer than nginx waits for the service


class Load:
    """Sends requests while its `with` block runs; `statuses` is complete after the block."""

    def __init__(self, base_url, path, kept=8, fresh=2, headers=()):
        self.address = urlsplit(base_url)
        lines = [f"GET {path} HTTP/1.1", f"Host: {self.address.netloc}",
                 *(f"{name}: {value}" for name, value in dict(headers).items())]
        self.kept_request = "\r\n".join([*lines, "", ""]).encode()
        self.fresh_request = "\r\n".join([*lines, "Connection: close", "", ""]).encode()
        self.kept, self.fresh = kept, fresh
        self.statuses = collections.Counter()
        self.bodies = {}  # one sample body of each status other than 200
        self.latencies = []
        self._running = True
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._running = False
        self._thread.join()

    def total(self):
        return sum(self.statuses.values())

    def wait_for(self, more, timeout_s=TIMEOUT_S):
        """Waits until `more` further requests are answered."""
        goal, end = self.total() + more, time.monotonic() + timeout_s
        while self.total() < goal:
            assert time.monotonic() < end, f"no further responses: {dict(self.statuses)}"
            time.sleep(0.01)

    async def _run(self):
        await asyncio.gather(*(self._keep() for _ in range(self.kept)),
                             *(self._renew() for _ in range(self.fresh)))

    async def _open(self):
        return await asyncio.open_connection(self.address.hostname, self.address.port)

    async def _keep(self):
        while self._running:
            reader, writer = await self._open()
            alive = True
            while self._running and alive:
                alive = await self._one(reader, writer, self.kept_request)
            writer.close()

    async def _renew(self):
        while self._running:
            reader, writer = await self._open()
            await self._one(reader, writer, self.fresh_request)
            writer.close()

    async def _one(self, reader, writer, octets):
        """Sends one request; returns False if the connection must not be used again."""
        started = time.monotonic()
        try:
            writer.write(octets)
            status, keep, body = await asyncio.wait_for(read_response(reader), TIMEOUT_S)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            self.statuses["broken"] += 1
            return False
        self.latencies.append(time.monotonic() - started)
        self.statuses[status] += 1
        if status != 200:
            self.bodies.setdefault(status, body)
        return keep


async def read_response(reader):
    """Reads one HTTP/1.1 response; returns its status, True if the connection is kept, and its
    body."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
    if fields.get(b"transfer-encoding") == b"chunked":
        body = await _read_chunks(reader)
    else:
        body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
    return status, fields.get(b"connection") != b"close", body


async def _read_chunks(reader):
    body = b""
    while True:
        size = int((await reader.readline()).split(b";")[0], 16)
        body += await reader.readexactly(size)
        await reader.readexactly(2)
        if not size:
            return body
