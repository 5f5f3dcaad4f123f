"""Issues and checks expiring tokens."""

import asyncio
import collections
import contextlib
import hashlib
import hmac
import json
import re
import threading
from urllib.parse import urlsplit

from support import contract
from support.load import read_response
from support.waiting import wait_until

TIMEOUT_S = 60  # longer than nginx waits for the service
NUMBER_DIGITS = 6
NUMBER_SIZE = 3
DIGEST_SIZE = 16

FORM = re.compile(r"\d{6}:[0-9A-Za-z]{22}")


class Tokens:
    """Issues and checks tokens of one stack. `client` has the main port of nginx as its base
    URL."""

    def __init__(self, client):
        self.client = client

    def issue(self, **fields):
        """Issues a token."""
        response = self.client.post("/app/token", **({"json": fields} if fields else {}))
        body = answer(response)
        assert set(body) == {"status_code", "token"} and FORM.fullmatch(body["token"]), body
        return body["token"]

    def check(self, token):
        """Returns True if the token is valid; counts one use."""
        return status(self.client.get(f"/app/valid/{token}"))

    def check_body(self, token):
        return status(self.client.post("/app/valid", json={"token": token}))

    def clear(self):
        assert status(self.client.delete("/app/clear/all/tokens"))


def answer(response):
    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    body = response.json()
    assert body["status_code"] == 200, body
    return body


def status(response):
    body = answer(response)
    assert set(body) == {"status_code", "status"} and isinstance(body["status"], bool), body
    return body["status"]


def described(client, token):
    """Returns the introspection of a token."""
    response = client.post("/tokens/introspect", data={"token": token})
    assert response.status_code == 200, response.text
    return response.json()


def digest(stack, token):
    """Returns the stored form of a token: its number and the first bytes of its keyed digest."""
    keyed = hmac.digest(stack.env["SECRET_KEY"].encode(), token.encode(), hashlib.sha256)
    return int(token[:NUMBER_DIGITS]).to_bytes(NUMBER_SIZE, "big") + keyed[:DIGEST_SIZE]


def expire(database, number):
    """Sets the expiry of the token with that id to a time in the past."""
    database.run(f"UPDATE tokens SET expires_at = 1 WHERE id = {int(number)} RETURNING id")


def exists(database, number):
    return database.run(f"SELECT count(*) FROM tokens WHERE id = {int(number)}") == [("1",)]


def refused_fields(response):
    """Asserts a validation error; returns the set of invalid fields."""
    return set(contract.check_error(response, 400, "VALIDATION_ERROR"))


class Issuers:
    """Issues tokens with many concurrent clients, in a thread beside the test. `issued` has the
    tokens, `statuses` counts all responses; a connection that breaks counts as "broken"."""

    def __init__(self, base_url, clients, fields=None):
        self.address = urlsplit(base_url)
        self.issued = []
        self.statuses = collections.Counter()
        body = json.dumps(fields or {}).encode()
        head = ["POST /app/token HTTP/1.1", f"Host: {self.address.netloc}",
                "Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
        self._request = "\r\n".join(head).encode() + body
        self._clients = clients
        self._running = True
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._running = False
        self._thread.join()

    def wait_for(self, more):
        goal = len(self.issued) + more
        wait_until(lambda: len(self.issued) >= goal, timeout_s=TIMEOUT_S,
                   what="tokens to be issued")

    async def _run(self):
        await asyncio.gather(*(self._issue() for _ in range(self._clients)))

    async def _issue(self):
        while self._running:
            try:
                await self._keep(*await asyncio.open_connection(self.address.hostname,
                                                                self.address.port))
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.TimeoutError):
                self.statuses["broken"] += 1

    async def _keep(self, reader, writer):
        """Sends requests until the connection is no longer kept."""
        with contextlib.closing(writer):
            keep = True
            while self._running and keep:
                writer.write(self._request)
                code, keep, body = await asyncio.wait_for(read_response(reader), TIMEOUT_S)
                self.statuses[code] += 1
                if code == 200:
                    self.issued.append(json.loads(body)["token"])
