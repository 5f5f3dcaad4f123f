"""Creates accounts with many concurrent clients, in a thread beside the test, and records what
the service acknowledged. Each client sends all its requests on one connection; a connection that
breaks during a request counts as "broken"."""

import asyncio
import collections
import contextlib
import itertools
import json
import operator
import threading
import time
import uuid
from urllib.parse import urlsplit

from support import vault
from support.load import read_response
from support.waiting import wait_until

TIMEOUT_S = 60  # longer than nginx waits for the service

# Endpoints that create accounts: one for the administrator, one for everyone.
ACCOUNTS = "/api/v1/accounts"
REGISTER = "/api/v1/auth/register"

DOMAIN = "@example.com"

# Statuses that nginx sends if the outcome of the request is unknown.
NO_WORD = {502, 504}


class Writers:
    """Runs inside a `with` block. After it, each requested email address is in exactly one of
    `acknowledged` (by path), `refused`, and `lost` (the outcome is unknown). `refusals` has
    (status, body) of every response that is not an acknowledgement."""

    def __init__(self, base_url, token, accounts=0, registrations=0, pause_s=0):
        """Runs that many clients of each kind; each pauses after every response."""
        self.address = urlsplit(base_url)
        self.token = token
        self.paths = [ACCOUNTS] * accounts + [REGISTER] * registrations
        self.acknowledged = {path: [] for path in set(self.paths)}
        self._counts = [0] * len(self.paths)  # acknowledged writes of each client
        self.refused, self.lost = set(), set()
        self.latencies = []
        self.refusals = []
        self.statuses = collections.Counter()
        self._pause_s = pause_s
        self._name = uuid.uuid4().hex[:8]
        self._numbers = itertools.count(1)
        self._password = vault.password()
        self._running = True
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._running = False
        self._thread.join()

    def total(self):
        """Returns the number of acknowledged writes."""
        return sum(map(len, self.acknowledged.values()))

    def wait_for(self, more, timeout_s=TIMEOUT_S):
        """Waits until `more` further writes are acknowledged."""
        goal = self.total() + more
        wait_until(lambda: self.total() >= goal, timeout_s, "acknowledged writes", interval_s=0.01)

    def wait_for_each(self, timeout_s=TIMEOUT_S):
        """Waits until one more write of each client is acknowledged."""
        before = list(self._counts)
        wait_until(lambda: not any(map(operator.eq, before, self._counts)), timeout_s,
                   "an acknowledged write of each", interval_s=0.01)

    def codes(self):
        """Returns the error codes of all refusals."""
        return {json.loads(body)["code"] for _, body in self.refusals}

    async def _run(self):
        await asyncio.gather(*map(self._write, range(len(self.paths)), self.paths))

    async def _write(self, number, path):
        while self._running:
            reader, writer = await asyncio.open_connection(self.address.hostname,
                                                           self.address.port)
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while self._running and await self._one(reader, writer, number, path):
                    await asyncio.sleep(self._pause_s)
            writer.close()

    def _request(self, path, email):
        body = {"email": email}
        if path == ACCOUNTS:
            body["username"] = email.partition("@")[0]
        else:
            body["password"] = self._password
        octets = json.dumps(body).encode()
        head = [f"POST {path} HTTP/1.1", f"Host: {self.address.netloc}",
                "Content-Type: application/json", f"Content-Length: {len(octets)}"]
        if path == ACCOUNTS:
            head.append(f"Authorization: Bearer {self.token}")
        return "\r\n".join([*head, "", ""]).encode() + octets

    async def _one(self, reader, writer, number, path):
        """Sends one request; returns False if the connection must not be used again."""
        email = f"w{self._name}-{next(self._numbers)}{DOMAIN}"
        started = time.monotonic()
        try:
            writer.write(self._request(path, email))
            status, keep, body = await asyncio.wait_for(read_response(reader), TIMEOUT_S)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            self.statuses["broken"] += 1
            self.lost.add(email)
            return False
        self.latencies.append(time.monotonic() - started)
        self.statuses[status] += 1
        if status == 201:
            self.acknowledged[path].append(email)
            self._counts[number] += 1
            return keep
        self.refusals.append((status, body))
        unknown = status in NO_WORD or json.loads(body)["code"] == "OUTCOME_UNKNOWN"
        (self.lost if unknown else self.refused).add(email)
        return keep
