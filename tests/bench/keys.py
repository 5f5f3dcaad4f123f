"""GET /contacts/{id} with an API key, against the same call with an access token."""

import contextlib
import tempfile
from pathlib import Path

from bench import crm_fill, load
from bench.bed import Bed
from bench.client import Client
from bench.pairs import alternate, median_ratio
from bench.table import Row, row
from stack import Stack

ROWS = 10_000
WORKERS = 2
CLIENTS = 64
ROUNDS = 11
SECONDS = 2
WARM_UP_SECONDS = 1

RATIO_MIN = 0.95


def measure(_: Bed) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="kontora-") as name, contextlib.ExitStack() as parts:
        stack = Stack(Path(name) / "stack", own_directory=False,
                      env={"CORE_WORKERS": str(WORKERS)})
        parts.callback(stack.close)
        filled = crm_fill.fill(stack, ROWS)
        parts.enter_context(stack)
        client = Client(stack.ports.http)
        parts.callback(client.close)
        token = client.log_in(filled.email, filled.password)
        made = client.ask(client.request(
            "/api/v1/api-keys", "POST", {"name": "bench", "scopes": ["contacts:read"]}))
        key = f"Authorization: Bearer {made['secret']}"

        def rate(header: str, seconds: int = SECONDS) -> float:
            return load.rate(f"{stack.http_url}/api/v1/contacts/%d", CLIENTS, seconds, (header,),
                             first=1, count=ROWS)

        for header in (token, key):
            rate(header, WARM_UP_SECONDS)
        seen = alternate("GET /contacts/{id}", ROUNDS,
                         {"token": lambda: rate(token), "key": lambda: rate(key)})
    return [row("GET /contacts/{id} with an API key against an access token",
                median_ratio(seen, "key", "token"),
                f">= {RATIO_MIN:g} ×", lambda ratio: ratio >= RATIO_MIN)]
