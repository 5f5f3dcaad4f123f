"""Reads and changes the database directly, on either engine."""

import contextlib
import sqlite3
import subprocess

from stack.processes import PATH

BUSY_S = 10


@contextlib.contextmanager
def postgres_holding(url, statement):
    """Executes a statement in an open transaction of another session; yields a function that
    commits. Rolls back if it is not called."""
    with subprocess.Popen(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", url], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          env={"PATH": PATH}) as psql:
        def run(text):
            psql.stdin.write(f"{text};\n\\echo done\n")
            psql.stdin.flush()
            assert psql.stdout.readline() == "done\n"

        run(f"BEGIN; {statement}")
        yield lambda: run("COMMIT")
        psql.stdin.close()


class Database:
    """The database of one stack. `postgres` is the server, or None for SQLite."""

    def __init__(self, stack, postgres=None):
        self._stack, self._postgres = stack, postgres

    def run(self, statement):
        """Executes and commits a statement; returns its rows, every column as text."""
        if self._postgres:
            return [tuple(line.split("|")) for line in self._postgres.sql(statement, self._url)]
        with contextlib.closing(self._connect()) as connection, connection:
            return [tuple(map(str, row)) for row in connection.execute(statement)]

    @contextlib.contextmanager
    def holding(self, statement):
        """Executes a statement in an open transaction; yields the function that commits it."""
        if self._postgres:
            with postgres_holding(self._url, statement) as commit:
                yield commit
            return
        with contextlib.closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(statement)
            yield connection.commit

    def has_lock_waiters(self):
        """Returns False if no session of PostgreSQL waits for a lock. Always True on SQLite,
        which does not report that."""
        return not self._postgres or self.run(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()")

    def dump(self):
        """Returns a dump as SQL in lower case, because the engines differ in the case of
        hexadecimal bytes."""
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
