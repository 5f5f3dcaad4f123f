"""A private PostgreSQL server without TCP, for services that do not use SQLite.

Its state is a temporary folder with a short path, because the folder contains a Unix socket.
PostgreSQL refuses to run as root; then it runs as the user of its package.
"""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from stack.errors import StackError
from stack.guard import Guard, wait_until
from stack.processes import PATH, Process, run

USER = "postgres"
START_TIMEOUT_S = 15
STOP_TIMEOUT_S = 10


def programs() -> Path:
    """Returns the folder with the programs of the newest installed version."""
    found = list(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        raise StackError("PostgreSQL is not installed")
    return max(found, key=lambda program: float(program.parts[-3])).parent


class Postgres:
    """A server with any number of databases."""

    def __init__(self, guard: Guard, *, log: Path, durable: bool = False) -> None:
        """With `durable`, committed transactions survive a power failure (fsync)."""
        self._programs = programs()
        self._as_user: list[str] = []
        self._numbers = itertools.count(1)
        self.folder = Path(tempfile.mkdtemp(prefix="kontora-pg-"))
        guard.remove_at_end(self.folder)
        if os.geteuid() == 0:
            shutil.chown(self.folder, USER, USER)
            self._as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        data = str(self.folder / "data")
        run(self._command("initdb", "-D", data, "-U", USER, "-A", "trust", "--auth-host=reject",
                          "-E", "UTF8", "--locale=C.UTF-8", "-N"))
        command = self._command(
            "postgres", "-D", data, "-c", "listen_addresses=", "-c",
            f"unix_socket_directories={self.folder}", "-c", f"fsync={'on' if durable else 'off'}",
            "-c", "shared_buffers=32MB")
        self._process = Process("postgres", command, guard=guard, log=log, cwd=self.folder,
                                env={"PATH": PATH, "LC_ALL": "C.UTF-8"},
                                timeout_s=STOP_TIMEOUT_S)

    # --- for the service and for tests -----------------------------------------------------------

    def url(self, database: str) -> str:
        return f"postgresql:///{database}?host={quote(str(self.folder), safe='')}&user={USER}"

    def create(self) -> str:
        """Creates a database and returns its URL."""
        name = f"kontora{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def sql(self, statement: str, url: str | None = None) -> list[str]:
        """Executes a statement and returns the rows, with columns separated by |."""
        return run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement,
                    url or self.url("postgres")]).splitlines()

    # --- the process -----------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        return self._process.alive

    def start(self) -> None:
        self._process.start()
        self._process.wait_ready(self._answers, START_TIMEOUT_S)

    def stop(self) -> None:
        """Stops the server and ends its clients' sessions (fast shutdown)."""
        self._process.stop(signal.SIGINT)

    def kill(self) -> None:
        """Kills the server like a power failure. Kills each process, because each has a session and
        a process group of its own."""
        children = self._process.children()
        self._process.kill()
        _signal(children, signal.SIGKILL)
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children),
                   STOP_TIMEOUT_S)

    def freeze(self) -> None:
        """Simulates a server that hangs: connections stay open, but it does not respond."""
        _signal([self._process.pid, *self._process.children()], signal.SIGSTOP)

    def thaw(self) -> None:
        _signal([self._process.pid, *self._process.children()], signal.SIGCONT)

    def close(self) -> None:
        self.thaw()
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [*self._as_user, str(self._programs / program), *arguments]

    def _answers(self) -> bool:
        return subprocess.run(["pg_isready", "-q", "-h", str(self.folder)], check=False,
                              env={"PATH": PATH}).returncode == 0


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@contextlib.contextmanager
def running_postgres(folder: Path) -> Iterator[Postgres]:
    """Runs a server that several stacks share, with its log in the folder."""
    with contextlib.ExitStack() as parts:
        guard = Guard()
        parts.callback(guard.close)
        server = Postgres(guard, log=folder / "postgres.log")
        parts.callback(server.close)
        server.start()
        yield server
