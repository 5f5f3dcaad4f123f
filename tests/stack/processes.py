"""Child processes: start, wait for, signal and stop them, with all that they have forked."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stack.errors import StackError
from stack.guard import Guard, group_lives, signal_group, wait_until

# What children find: Debian's programs, and no python3 of another kind.
PATH = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"

# Waits for a line before it becomes the program, so that the guard knows of the process before it
# does anything. If we are killed in between, it reads the end of the pipe and is gone.
GATE = 'read -r go && exec "$@" </dev/null'

LOG_LINES_SHOWN = 15


class Process:
    """One program and its descendants: a process group. Can be started again after it has ended."""

    def __init__(self, name: str, command: Sequence[str], *, guard: Guard, log: Path, cwd: Path,
                 env: Mapping[str, str], patience_s: float = 10) -> None:
        """`log` takes its output. `patience_s` is how long it may take to end when asked to."""
        self.name = name
        self.log = log
        self._command = ["/bin/sh", "-c", GATE, "sh", *command]
        self._guard = guard
        self._cwd = cwd
        self._env = dict(env)
        self._patience_s = patience_s
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the program itself, which leads the group."""
        if not self._child:
            raise StackError(f"{self.name} is not running")
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def change_environment(self, variables: Mapping[str, str]) -> None:
        """From the next start() on."""
        self._env.update(variables)

    def start(self) -> None:
        if self._child:
            self.kill()  # what is left of it, if it has ended by itself
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=self._cwd,
                env=self._env, start_new_session=True)
        self._guard.add_group(self._child.pid)
        assert self._child.stdin
        self._child.stdin.write(b"go\n")
        self._child.stdin.close()

    def wait_ready(self, ready: Callable[[], bool], patience_s: float) -> None:
        """Until `ready()`. Raises when the program has ended, or takes too long."""
        if wait_until(lambda: not self.alive or ready(), patience_s) and self.alive:
            return
        what = "is not ready" if self.alive else f"ended with status {self._status()}"
        raise StackError(f"{self.name} {what}. The end of {self.log}:\n{self._log_end()}")

    def wait_end(self) -> None:
        """Until it has ended by itself. Raises if it says that it failed."""
        assert self._child
        status = self._child.wait()
        self.kill()
        if status:
            raise StackError(f"{self.name} ended with status {status}. The end of {self.log}:\n"
                             f"{self._log_end()}")

    def send(self, number: signal.Signals) -> None:
        """To the program itself."""
        os.kill(self.pid, number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Asks it to end, and forces it when it takes too long."""
        if self.alive:
            self.thaw()
            self.send(number)
            wait_until(lambda: not self.alive, self._patience_s)
        self.kill()

    def kill(self) -> None:
        """Ends all of it at once, as a power cut would."""
        if not self._child:
            return
        group = self._child.pid
        signal_group(group, signal.SIGKILL)
        self._child.wait()
        wait_until(lambda: not group_lives(group), self._patience_s)
        self._guard.drop_group(group)
        self._child = None

    def freeze(self) -> None:
        """Stops all of it in its tracks: its sockets stay open, and nobody answers."""
        signal_group(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        signal_group(self.pid, signal.SIGCONT)

    def children(self) -> list[int]:
        """The processes that the program itself has forked."""
        try:
            text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii")
        except FileNotFoundError:
            return []
        return [int(pid) for pid in text.split()]

    def _status(self) -> int | None:
        return self._child.poll() if self._child else None

    def _log_end(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-LOG_LINES_SHOWN:])


def run(command: Sequence[str], *, stdin: str = "") -> str:
    """Runs a program to its end and returns its output. Raises with what it said if it fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False,
                          env={"PATH": PATH, "LC_ALL": "C.UTF-8"})
    if done.returncode:
        raise StackError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout
