"""Audit: latency of the history of an object, and of pages of the audit, among ten million rows on
SQLite against a thousand; and writes on PostgreSQL against the same program without audit rows
(unrecorded.c), which replaces the functions that record changes by empty ones.

Each object has the same number of rows, and these are spread over the whole table. AUDIT_ROWS
replaces the ten million, for a quick try.
"""

import contextlib
import functools
import itertools
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

from bench import crm_fill, load
from bench.bed import Bed
from bench.client import Client
from bench.contacts import NEW_CONTACTS
from bench.pairs import alternate, median_ratio
from bench.references import UNRECORDED, make
from bench.table import Row, row
from stack import TOP, Postgres, Stack, running_postgres

SMALL = 1_000
LARGE = int(os.environ.get("AUDIT_ROWS", "10000000"))
PER_OBJECT = 50  # rows of each object
PAGE = 10
BEGAN_MS = 1_700_000_000_000
MS_PER_ROW = 1000
WINDOW = 25  # rows that pass the filter on the time

ROUNDS = 11
BATCH = 100  # a measurement is the median of so many answers

WRITERS = 8
CONTACTS = 10_000  # before the measurement; in a small table, writers often conflict
WRITE_SECONDS = 3
WARM_UP_SECONDS = 1

RATIO_MAX = 1.5
WRITE_RATIO_MIN = 0.8

ROWS = """
INSERT INTO audit (at, organization_id, actor, actor_key, actor_id, address, action, resource,
                   object_id, status, request_id, changes, salt, linked)
SELECT {began} + i * {step}, 1, 'owner@example.com', 'owner@example.com', 'account:1', '192.0.2.17',
       'update_contact', 'contact', CAST(1 + i % {objects} AS TEXT), 'success', 'request' || i,
       '[{{"field":"company","before":"ООО «Ромашка»","after":"АО «Лютик ' || i || '»"}}]',
       zeroblob(16), 1
  FROM numbers ORDER BY i
"""


def measure(_: Bed) -> list[Row]:
    make(UNRECORDED)
    with tempfile.TemporaryDirectory(prefix="kontora-") as name:
        return [*measure_reading(Path(name)), measure_writing(Path(name))]


# --- reading --------------------------------------------------------------------------------------


def measure_reading(folder: Path) -> list[Row]:
    with contextlib.ExitStack() as parts:
        places = [parts.enter_context(place(folder / str(rows), rows)) for rows in (SMALL, LARGE)]
        return [compare(work, [questions[work] for questions in places]) for work in places[0]]


Ask = Callable[[], float]  # returns answers a second


@contextlib.contextmanager
def place(folder: Path, rows: int) -> Iterator[dict[str, Ask]]:
    """Runs a stack with so many audit rows. Yields the measurements by name."""
    stack = Stack(folder, own_directory=False, env={"BCRYPT_COST": "4"})
    with contextlib.closing(stack):
        began = time.monotonic()
        fill(stack, rows)
        print(f"  {rows:,} audit rows, filled in {time.monotonic() - began:.0f} s", flush=True)
        with stack, contextlib.closing(Client(stack.ports.http)) as client:
            client.log_in(crm_fill.EMAIL, crm_fill.PASSWORD)
            yield questions(client, rows)


def fill(stack: Stack, rows: int) -> None:
    """Adds rows to the database of a stack that is not running; creates the indexes afterwards."""
    stack.service.migrate()
    crm_fill.create_owner(stack)
    with contextlib.closing(sqlite3.connect(stack.state_dir / "kontora.db",
                                            isolation_level=None)) as database:
        indexes = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND"
                                   " tbl_name = 'audit' AND sql IS NOT NULL").fetchall()
        database.executescript(";\n".join([
            "PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -400000",
            "PRAGMA threads = 2", *(f"DROP INDEX {name}" for name, _ in indexes),
            crm_fill.Sqlite.numbers(rows).rstrip(";"),
            ROWS.format(began=BEGAN_MS, step=MS_PER_ROW, objects=rows // PER_OBJECT),
            *(text for _, text in indexes), "PRAGMA journal_mode = WAL"]))


def questions(client: Client, rows: int) -> dict[str, Ask]:
    objects = itertools.cycle(range(1, 1 + min(rows // PER_OBJECT, 20)))
    cursor = client.ask(client.request(f"/api/v1/audit?limit={rows // 2 % 1000 or 1000}"))["next"]
    middle = BEGAN_MS + rows // 2 * MS_PER_ROW
    window = (f'at ge "{crm_fill.text_of(middle)}" and '
              f'at lt "{crm_fill.text_of(middle + WINDOW * MS_PER_ROW)}"')

    def history(query: str = "") -> float:
        return answers(client, lambda: f"contacts/{next(objects)}/history{query}")

    def second_page() -> float:
        number = next(objects)
        page = client.ask(client.request(f"/api/v1/contacts/{number}/history"))
        after = urlencode({"after": page["next"]})
        return answers(client, lambda: f"contacts/{number}/history?{after}")

    def audit(**query: str) -> float:
        return answers(client, lambda: f"audit?{urlencode(query)}")

    return {
        "history of an object": history,
        "history of an object, next page": second_page,
        "pages of the audit": functools.partial(audit, after=cursor),
        "filter= on the time": functools.partial(audit, filter=window),
        "filter= on the id": functools.partial(audit, filter=f"id eq {rows // 2}"),
    }


def answers(client: Client, path: Callable[[], str]) -> float:
    """Returns answers a second, from the median latency."""
    return 1 / statistics.median(client.seconds(client.request(f"/api/v1/{path()}"))
                                 for _ in range(BATCH))


def compare(work: str, asks: list[Ask]) -> Row:
    for ask in asks:
        ask()  # fills the caches
    seen = alternate(work, ROUNDS, {"few rows": asks[0], "many rows": asks[1]})
    return row(f"audit: {work}, {LARGE:,} against {SMALL:,} rows",
               median_ratio(seen, "few rows", "many rows"), f"<= {RATIO_MAX:g} ×",
               lambda ratio: ratio <= RATIO_MAX)


# --- writing --------------------------------------------------------------------------------------


def measure_writing(folder: Path) -> Row:
    runs = itertools.count()
    with contextlib.ExitStack() as parts:
        server = parts.enter_context(running_postgres(folder, durable=True))
        rates = {name: writer(parts, folder / name, server, binary, runs)
                 for name, binary in (("unrecorded", UNRECORDED),
                                      ("service", TOP / "build/kontora"))}
        for rate in rates.values():
            rate(WARM_UP_SECONDS)
        seen = alternate("POST /contacts on PostgreSQL", ROUNDS,
                         {name: functools.partial(rate, WRITE_SECONDS)
                          for name, rate in rates.items()})
    return row(f"audit: POST /contacts on PostgreSQL, {WRITERS} writers, against no audit rows",
               median_ratio(seen, "service", "unrecorded"), f">= {WRITE_RATIO_MIN:g} ×",
               lambda ratio: ratio >= WRITE_RATIO_MIN)


def writer(parts: contextlib.ExitStack, folder: Path, server: Postgres, binary: Path,
           runs: itertools.count) -> Callable[[int], float]:
    """Starts a stack. Returns a function that creates contacts for some seconds and returns their
    number a second."""
    stack = Stack(folder, own_directory=False, database=server, binary=binary,
                  env={"BCRYPT_COST": "4", "CORE_WORKERS": str(WRITERS)})
    parts.callback(stack.close)
    filled = crm_fill.fill(stack, CONTACTS, server)
    parts.enter_context(stack)
    with contextlib.closing(Client(stack.ports.http)) as client:
        headers = (client.log_in(filled.email, filled.password),)

    def count() -> int:
        return int(server.sql("SELECT count(*) FROM contacts", stack.env["DATABASE_URL"])[0])

    def rate(seconds: int) -> float:
        before = count()
        result = load.run(f"{stack.http_url}/api/v1/contacts", WRITERS, seconds, headers,
                          script=NEW_CONTACTS, arguments=(f"{os.getpid()}.{next(runs)}",))
        if result.errors:  # 503 after several conflicts of serializable transactions
            print(f"    {folder.name}: {result.errors} refused", flush=True)
        return (count() - before) / seconds

    return rate
