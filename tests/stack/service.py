"""Runs the service: the program `kontora` with its pools of workers."""

import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from stack.errors import StackError
from stack.guard import Guard
from stack.processes import Process

POOLS = ("core", "auth", "overflow", "directory", "filters", "files", "uploads")

START_TIMEOUT_S = 15
STOP_TIMEOUT_S = 10

# Processes are named after their pool or task; the kernel truncates names to 15 characters.
WORKER_NAME = "kontora-"
HOUSEKEEPER_NAME = "kontora-house"
SPOOL_NAME = "kontora-spool"
NAME_MAX = 15

EXIT_CONFIGURATION = 78


class Service:
    """A master with its workers."""

    def __init__(self, program: Path, settings: Mapping[str, str], guard: Guard, *,
                 log: Path, cwd: Path) -> None:
        """`settings` is the complete environment of the program."""
        self._process = Process("kontora", [str(program), "serve"], guard=guard, log=log, cwd=cwd,
                                env=settings, timeout_s=STOP_TIMEOUT_S)
        self._program, self._settings, self._cwd = program, dict(settings), cwd

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.alive

    def migrate(self, *arguments: str) -> str:
        """Runs `kontora migrate`, by default `up`. Ignores an invalid configuration, which the
        service reports when it starts."""
        done = subprocess.run([self._program, "migrate", *(arguments or ("up",))], check=False,
                              env=self._settings, cwd=self._cwd, capture_output=True, text=True)
        if done.returncode not in (0, EXIT_CONFIGURATION):
            raise StackError(f"kontora migrate: {done.stderr.strip()}")
        return done.stdout

    def start(self, wait: bool = True) -> None:
        """Starts it, also after stop() or kill(). Without `wait`, call wait_ready() later."""
        self._process.start()
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        self._process.wait_ready(self._has_workers, START_TIMEOUT_S)

    def stop(self) -> None:
        """Drains and stops the service."""
        self._process.stop()

    def kill(self) -> None:
        self._process.kill()

    def freeze(self) -> None:
        self._process.freeze()

    def thaw(self) -> None:
        self._process.thaw()

    def reload(self) -> None:
        """Makes the master read its configuration and replace the workers."""
        self._process.send(signal.SIGHUP)

    def change(self, **settings: str) -> None:
        """Changes settings for the next start()."""
        self._settings.update(settings)
        self._process.change_environment(settings)

    def reopen_logs(self) -> None:
        self._process.send(signal.SIGUSR1)

    def workers(self, pool: str = "") -> list[int]:
        """Returns the workers of a pool, or of all pools."""
        wanted = f"{WORKER_NAME}{pool}"[:NAME_MAX]
        names = {pid: _name(pid) for pid in self._process.children()}
        return [pid for pid, name in names.items()
                if name.startswith(wanted) and name not in (HOUSEKEEPER_NAME, SPOOL_NAME)]

    def housekeepers(self) -> list[int]:
        """Returns the process id of the housekeeper; during a reload there may be two."""
        return [pid for pid in self._process.children() if _name(pid) == HOUSEKEEPER_NAME]

    def spools(self) -> list[int]:
        """Returns the process id of the spool; after a reload there are two while the old one
        drains."""
        return [pid for pid in self._process.children() if _name(pid) == SPOOL_NAME]

    def _has_workers(self) -> bool:
        """True if each pool has a worker. The sockets listen before workers are forked, so
        connections are then accepted or queued."""
        names = {_name(pid) for pid in self._process.children()}
        return all(f"{WORKER_NAME}{pool}"[:NAME_MAX] in names for pool in POOLS)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:  # the process has just ended
        return ""
