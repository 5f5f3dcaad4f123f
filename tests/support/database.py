"""Database: what is stored, seen and changed past the service, whichever engine stores it."""

import contextlib
import sqlite3
import subprocess

from stack.processes import PATH

BUSY_S = 10


@contextlib.contextmanager
def postgres_holding(url, statement):
    """Runs the statement in an open transaction of another session; yields a function that commits
    it. Without that it is rolled back."""
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
    """The database of one stack. `postgres` is its server, None for SQLite."""

    def __init__(self, stack, postgres=None):
        self._stack, self._postgres = stack, postgres

    def run(self, statement):
        """The rows of a statement, every column as text; committed."""
        if self._postgres:
            return [tuple(line.split("|")) for line in self._postgres.sql(statement, self._url)]
        with contextlib.closing(self._connect()) as connection, connection:
            return [tuple(map(str, row)) for row in connection.execute(statement)]

    @contextlib.contextmanager
    def holding(self, statement):
        """Runs the statement in an open transaction of its own; yields what commits it."""
        if self._postgres:
            with postgres_holding(self._url, statement) as commit:
                yield commit
            return
        with contextlib.closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(statement)
            yield connection.commit

    def is_waited(self):
        """False if no session of PostgreSQL waits for a lock. True on SQLite, where that is not
        known."""
        return not self._postgres or self.run(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            " AND datname = current_database()")

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
