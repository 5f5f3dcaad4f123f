"""Rebuild of the text keys of 1,000,000 contacts by `kontora migrate up`, on both engines. It is
killed in the middle and run again. Every key of every contact changes, and the search index with
it: more than a new version of ICU would change.
"""

import contextlib
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from stack import Postgres, Stack, running_postgres

from bench import crm_fill
from bench.bed import Bed
from bench.table import Row, note, row

ROWS = 1_000_000
PEAK_MIB = 64
POLL_S = 0.5

CONTACTS = f"""
INSERT INTO contacts (organization_id, name, email, email_key, email_unique_key, phone, company,
                      search_text, created_at, updated_at)
SELECT 1, name, 'Client' || i || '@Example.com', 'old' || i, 'old' || i, phone, company,
       '  old  ' || name || '  client' || i || '@example.com  ' || phone || '  ' || company, i, i
  FROM (SELECT i, 'Ёлкина Александра Владимировна ' || i AS name,
               '+7 (495) ' || (i % 9000000 + 1000000) AS phone,
               'ООО «Ромашка ' || (i % 997) || '»' AS company
          FROM numbers WHERE i <= {ROWS}) r
 ORDER BY i"""

COUNT_OLD_KEYS = "SELECT count(*) FROM contacts WHERE email_unique_key LIKE 'old%'"


class Run:
    """`kontora migrate up` in the background."""

    def __init__(self, stack: Stack) -> None:
        self._process = subprocess.Popen([stack.binary, "migrate", "up"], env=stack.env,
                                         cwd=stack.state_dir, text=True, stdout=subprocess.PIPE)
        self.peak_kib = 0

    def is_running(self) -> bool:
        """True if the command has not ended. Updates the peak of its resident memory."""
        if self._process.poll() is not None:
            return False
        with contextlib.suppress(OSError, StopIteration):
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
            peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
            self.peak_kib = int(peak.split()[1])
        return True

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def end(self) -> str:
        out, _ = self._process.communicate()
        assert self._process.returncode == 0, out
        return out


def measure(_: Bed) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="kontora-") as name, contextlib.ExitStack() as parts:
        server = parts.enter_context(running_postgres(Path(name)))
        return [each for engine, database in (("sqlite", None), ("postgres", server))
                for each in measure_engine(engine, Path(name) / engine, database)]


def measure_engine(engine: str, folder: Path, database: Postgres | None) -> Iterator[Row]:
    stack = Stack(folder, own_directory=False, database=database)
    with contextlib.closing(stack):
        began = time.monotonic()
        fill(stack, database)
        print(f"  {engine}: {ROWS:,} contacts, filled in {time.monotonic() - began:.0f} s",
              flush=True)
        seconds, peak_kib = rebuild(engine, stack, database)
        assert read_number(stack, database, COUNT_OLD_KEYS) == 0
        if not database:
            check_search_index(stack)
        yield note(f"rekey {engine}: rebuild of {ROWS:,} contacts", seconds, "{:.0f} s")
        yield row(f"rekey {engine}: peak memory", peak_kib / 1024, f"< {PEAK_MIB} MiB",
                  lambda peak: peak < PEAK_MIB, "{:.1f} MiB")


def fill(stack: Stack, database: Postgres | None) -> None:
    stack.service.migrate()
    crm_fill.create_owner(stack)
    with crm_fill.engine(stack, database) as filled:
        filled.fill([filled.numbers(ROWS), CONTACTS])
        filled.run(["UPDATE text_keys SET version = 'other'"])


def rebuild(engine: str, stack: Stack, database: Postgres | None) -> tuple[float, int]:
    """Rebuilds the keys, with one kill in the middle. Returns the duration and the peak of the
    memory."""
    began = time.monotonic()
    first = Run(stack)
    while first.is_running() and position(stack, database) < ROWS // 2:
        time.sleep(POLL_S)
    first.kill()
    print(f"  {engine}: killed after {position(stack, database):,} rows and "
          f"{time.monotonic() - began:.0f} s", flush=True)
    second = Run(stack)
    while second.is_running():
        time.sleep(POLL_S)
    assert "continuing in contacts" in second.end()
    return time.monotonic() - began, max(first.peak_kib, second.peak_kib)


def check_search_index(stack: Stack) -> None:
    """Raises an error if SQLite's search index differs from the texts of the contacts."""
    with contextlib.closing(sqlite3.connect(stack.state_dir / "kontora.db")) as connection:
        connection.execute("INSERT INTO contacts_search (contacts_search, rank)"
                           " VALUES ('integrity-check', 1)")


def position(stack: Stack, database: Postgres | None) -> int:
    return read_number(stack, database, "SELECT coalesce(position_id, '0') FROM text_keys"
                       " WHERE position_table = 'contacts'")


def read_number(stack: Stack, database: Postgres | None, statement: str) -> int:
    """Returns the number that a statement returns; 0 if it returns no row."""
    if database:
        rows = database.sql(statement, stack.env["DATABASE_URL"])
    else:
        with contextlib.closing(sqlite3.connect(stack.state_dir / "kontora.db")) as connection:
            rows = [number for number, in connection.execute(statement)]
    return int(rows[0]) if rows else 0
