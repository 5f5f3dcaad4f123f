"""Database: what is stored, seen and changed past the service, whichever engine stores it."""

import contextlib
import sqlite3
import subprocess

from stack.processes import PATH

BUSY_S = 10


class Database:
    """The database of one stack. `postgres` is its server, None for SQLite."""

    def __init__(self, stack, postgres=None):
        self._stack, self._postgres = stack, postgres

    def run(self, statement):
        """The rows of a statement, every column as text; committed."""
        if self._postgres:
            return [tuple(line.split("|")) for line in self._postgres.sql(statement, self._url)]
        with contextlib.closing(self._connect()) as connection, connection:
            return [tuple(map(str, row)) for row in connection.execute(statement)]

    def dump(self):
        """All of it as SQL, in lower case: how engines spell bytes in hexadecimal differs."""
        if self._postgres:
            done = subprocess.run(["pg_dump", self._url], check=True, capture_output=True,
                                  text=True, env={"PATH": PATH})
            return done.stdout.lower()
        with contextlib.closing(self._connect()) as connection:
            return "\n".join(connection.iterdump()).lower()

    def bytes_literal(self, octets):
        return f"'\\x{octets.hex()}'" if self._postgres else f"X'{octets.hex()}'"

    @property
    def _url(self):
        return self._stack.env["DATABASE_URL"]

    def _connect(self):
        return sqlite3.connect(self._stack.state_dir / "kontora.db", timeout=BUSY_S)
