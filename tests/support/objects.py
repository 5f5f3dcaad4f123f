"""Drives the object storage without the service, by a program that executes one command per line
(objects.c)."""

import dataclasses
import os
import secrets
import subprocess
import time
from pathlib import Path

from stack import TOP
from stack.processes import PATH

from support.logs import lines

HEX = 16


def new_key():
    return secrets.token_hex(HEX)


@dataclasses.dataclass
class Answer:
    words: list
    took_s: float
    error: str = ""  # error code and cause of a command that failed
    cause: str = ""

    @property
    def ok(self):
        return not self.error


class Objects:
    """One process with one connection to the storage that the settings name."""

    def __init__(self, folder, settings, wrapper=()):
        """`wrapper` is a command that executes the command line appended to it."""
        self.folder = Path(folder)
        self.log = self.folder / "objects.log"
        program = os.environ.get("KONTORA_OBJECTS", TOP / "build/tests/support/objects")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*wrapper, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                text=True, env={"PATH": PATH, "STATE_DIR": str(folder), **settings})

    def do(self, *words):
        began = time.monotonic()
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline().rstrip("\n")
        assert line, f"the program exited: {self.log.read_text()}"
        took_s = time.monotonic() - began
        kind, _, rest = line.partition(" ")
        if kind == "ok":
            return Answer(rest.split(), took_s)
        code, _, cause = rest.partition(" ")
        return Answer([], took_s, code, cause)

    def must(self, *words):
        answer = self.do(*words)
        assert answer.ok, answer
        return answer.words

    def put(self, octets, key=None):
        """Stores the octets and returns their key."""
        key = key or new_key()
        self.must("put", key, self.file(octets))
        return key

    def file(self, octets):
        """Writes the octets to the file that the command `put` reads."""
        path = self.folder / "octets"
        path.write_bytes(octets)
        return str(path)

    def list(self, after="-", limit=1000):
        return self.must("list", after, str(limit))

    def url(self, key, seconds=300):
        return self.must("url", key, str(seconds))[0]

    def staged(self):
        """Returns the staged files: uploads in progress or left over."""
        return list((self.folder / "incoming").iterdir())

    def peak_kib(self):
        """Returns the peak resident memory of the process."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0])

    def repetitions(self):
        """Returns the log messages about retries."""
        return [line["message"] for line in lines(self.log) if "trying again" in line["message"]]

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait() == 0
