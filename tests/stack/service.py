"""The service itself: the program `kontora` with its pools of workers."""

import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from stack.errors import StackError
from stack.guard import Guard
from stack.processes import Process

POOLS = ("core", "auth", "directory", "files", "uploads")

START_PATIENCE_S = 15
STOP_PATIENCE_S = 10

# Workers are named after their pool; the kernel keeps 15 characters.
WORKER_NAME = "kontora-"
HOUSEKEEPER_NAME = "kontora-house"
SPOOL_NAME = "kontora-spool"
NAME_MAX = 15

EXIT_CONFIGURATION = 78


class Service:
    """One master with its workers."""

    def __init__(self, program: Path, settings: Mapping[str, str], guard: Guard, *,
                 log: Path, cwd: Path) -> None:
        """`settings` are its whole environment."""
        self._process = Process("kontora", [str(program), "serve"], guard=guard, log=log, cwd=cwd,
                                env=settings, patience_s=STOP_PATIENCE_S)
        self._program, self._settings, self._cwd = program, dict(settings), cwd

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.alive

    def migrate(self, *arguments: str) -> str:
        """`kontora migrate`, without arguments `up`. A configuration that is wrong is left to the
        service to complain about."""
        done = subprocess.run([self._program, "migrate", *(arguments or ("up",))], check=False,
                              env=self._settings, cwd=self._cwd, capture_output=True, text=True)
        if done.returncode not in (0, EXIT_CONFIGURATION):
            raise StackError(f"kontora migrate: {done.stderr.strip()}")
        return done.stdout

    def start(self, wait: bool = True) -> None:
        """Also after stop() and kill(). Without `wait`, wait_ready() is to follow."""
        self._process.start()
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        self._process.wait_ready(self._has_workers, START_PATIENCE_S)

    def stop(self) -> None:
        """Lets requests under way end."""
        self._process.stop()

    def kill(self) -> None:
        self._process.kill()

    def freeze(self) -> None:
        self._process.freeze()

    def thaw(self) -> None:
        self._process.thaw()

    def reload(self) -> None:
        """New configuration, new workers."""
        self._process.send(signal.SIGHUP)

    def change(self, **settings: str) -> None:
        """Settings of its environment, from the next start() on."""
        self._settings.update(settings)
        self._process.change_environment(settings)

    def reopen_logs(self) -> None:
        self._process.send(signal.SIGUSR1)

    def workers(self, pool: str = "") -> list[int]:
        """The processes of a pool, or of all."""
        wanted = f"{WORKER_NAME}{pool}"[:NAME_MAX]
        return [pid for pid in self._process.children()
                if _name(pid).startswith(wanted) and _name(pid) not in (HOUSEKEEPER_NAME, SPOOL_NAME)]

    def housekeepers(self) -> list[int]:
        """One, but for a moment of a reload."""
        return [pid for pid in self._process.children() if _name(pid) == HOUSEKEEPER_NAME]

    def spools(self) -> list[int]:
        """One; while an old one drains, two."""
        return [pid for pid in self._process.children() if _name(pid) == SPOOL_NAME]

    def _has_workers(self) -> bool:
        """Workers are forked after their sockets listen: a connection waits for them at worst."""
        return all(map(self.workers, POOLS))


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:  # it has just ended
        return ""
