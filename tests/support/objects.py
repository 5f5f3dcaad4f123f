"""The storage of objects as the service uses it, without the service: a program that does a command
a line (objects.c)."""

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
    error: str = ""  # the code of one that failed, and why
    cause: str = ""

    @property
    def ok(self):
        return not self.error


class Objects:
    """One process, with one connection, on the storage that the settings name."""

    def __init__(self, folder, settings, wrapper=()):
        """`wrapper`: a command that runs the one behind it."""
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
        assert line, f"it has ended: {self.log.read_text()}"
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
        """Returns its key."""
        key = key or new_key()
        self.must("put", key, self.file(octets))
        return key

    def file(self, octets):
        """What `put` takes."""
        path = self.folder / "octets"
        path.write_bytes(octets)
        return str(path)

    def list(self, after="-", limit=1000):
        return self.must("list", after, str(limit))

    def url(self, key, seconds=300):
        return self.must("url", key, str(seconds))[0]

    def staged(self):
        """Files that are on their way, or were left there."""
        return list((self.folder / "incoming").iterdir())

    def peak_kib(self):
        """The most memory that it has had."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0])

    def repetitions(self):
        """What the log tells of tries that came to nothing."""
        return [line["message"] for line in lines(self.log) if "trying again" in line["message"]]

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        assert self._process.wait() == 0
