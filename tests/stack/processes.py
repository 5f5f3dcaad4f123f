"""Starts, signals and stops child processes together with their descendants."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stack.errors import StackError
from stack.guard import Guard, group_lives, signal_group, wait_until

# The PATH of child processes: only Debian's programs, without other versions of python3.
PATH = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"

# A shell that reads a line before it executes the program, so that the guard knows the process
# group before the program runs. If the parent is killed before, the shell reads the end of the pipe
# and exits.
GATE = 'read -r go && exec "$@" </dev/null'

LOG_LINES_SHOWN = 15


class Process:
    """A program and its descendants, as one process group. Can be started again after it ended."""

    def __init__(self, name: str, command: Sequence[str], *, guard: Guard, log: Path, cwd: Path,
                 env: Mapping[str, str], timeout_s: float = 10) -> None:
        """`log` receives the output. stop() waits `timeout_s` before it kills the group."""
        self.name = name
        self.log = log
        self._command = ["/bin/sh", "-c", GATE, "sh", *command]
        self._guard = guard
        self._cwd = cwd
        self._env = dict(env)
        self._timeout_s = timeout_s
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process ID of the program, which is also that of the group."""
        if not self._child:
            raise StackError(f"{self.name} is not running")
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def change_environment(self, variables: Mapping[str, str]) -> None:
        """Changes environment variables for the next start()."""
        self._env.update(variables)

    def start(self) -> None:
        if self._child:
            self.kill()  # descendants may still run after the program has ended
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=self._cwd,
                env=self._env, start_new_session=True)
        self._guard.add_group(self._child.pid)
        assert self._child.stdin
        self._child.stdin.write(b"go\n")
        self._child.stdin.close()

    def wait_ready(self, ready: Callable[[], bool], timeout_s: float) -> None:
        """Waits until `ready()` is true. Raises on a timeout or if the program ends."""
        if wait_until(lambda: not self.alive or ready(), timeout_s) and self.alive:
            return
        what = "is not ready" if self.alive else f"ended with status {self._status()}"
        raise StackError(f"{self.name} {what}. The end of {self.log}:\n{self._log_end()}")

    def wait_end(self) -> None:
        """Waits until the program ends. Raises if its exit status is not 0."""
        assert self._child
        status = self._child.wait()
        self.kill()
        if status:
            raise StackError(f"{self.name} ended with status {status}. The end of {self.log}:\n"
                             f"{self._log_end()}")

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the program, but not to its descendants."""
        os.kill(self.pid, number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Sends the signal to the program, and kills the group after a timeout."""
        if self.alive:
            self.thaw()
            self.send(number)
            wait_until(lambda: not self.alive, self._timeout_s)
        self.kill()

    def kill(self) -> None:
        """Kills the whole group at once, like a power failure."""
        if not self._child:
            return
        group = self._child.pid
        signal_group(group, signal.SIGKILL)
        self._child.wait()
        wait_until(lambda: not group_lives(group), self._timeout_s)
        self._guard.drop_group(group)
        self._child = None

    def freeze(self) -> None:
        """Stops the group with SIGSTOP: its sockets stay open, but it does not respond."""
        signal_group(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Continues the group after freeze()."""
        signal_group(self.pid, signal.SIGCONT)

    def children(self) -> list[int]:
        """Returns the child processes of the program, without their descendants."""
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
    """Runs a program and returns its output. Raises with its error output if it fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False,
                          env={"PATH": PATH, "LC_ALL": "C.UTF-8"})
    if done.returncode:
        raise StackError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout
