"""Logs: what the service wrote about itself, read as an administrator would."""

import json
import os
import re
from pathlib import Path

from support import vault
from support.waiting import wait_until

TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}")
# Tokens that expire, as they are and as a part of a path; what begins with a digit is searched for slowly.
EXPIRING_TOKENS = (re.compile(rb":[0-9A-Za-z]{22}(?<=\d{6}:.{22})"),
                   re.compile(rb"%3[aA][0-9A-Za-z]{22}"))
SECRET_LENGTH = 8  # shorter ones stand in any text

AUDIT_KEYS = {"timestamp", "actor", "action", "resource_type", "resource_id", "status", "message",
              "details", "request_id", "address"}


def lines(path):
    """The JSON objects of a file of lines; every line must be one. A reader may come in the middle of
    a write, but the rest must follow."""
    def whole():
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        return text if not text or text.endswith("\n") else None

    if not Path(path).exists() or not Path(path).stat().st_size:
        return []
    text = wait_until(whole, what=f"{path} to end with a whole line")
    return [json.loads(line) for line in text.splitlines()]


def only_line(path, *parts):
    """The one line of a log that has all the parts."""
    def find():
        return [line for line in path.read_bytes().splitlines(keepends=True)
                if line.endswith(b"\n") and all(part in line for part in parts)]

    [line] = wait_until(find, what=f"a line of {path}")
    return json.loads(line)


def service_line(stack, identifier):
    """The one line of the service's log that tells of a request."""
    wanted = b'"message":"request",', f'"request_id":"{identifier}"'.encode()
    return only_line(stack.logs_dir / "kontora.log", *wanted)


class Audit:
    """The audit log of one stack."""

    def __init__(self, path):
        self.path = Path(path)
        self._forget(None)

    def all(self):
        return lines(self.path)

    def of(self, request_id):
        self._read_on()
        return self._of_request.get(request_id, [])

    def _forget(self, inode):
        self._inode, self._read, self._of_request = inode, 0, {}

    def _read_on(self):
        """What has been written since the last time, in whole lines: the log of a suite is long."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_ino != self._inode or status.st_size < self._read:
                self._forget(status.st_ino)
            file.seek(self._read)
            octets = file.read()
        whole = octets[:octets.rfind(b"\n") + 1]
        self._read += len(whole)
        for text in whole.decode(errors="replace").splitlines():
            line = json.loads(text)
            self._of_request.setdefault(line["request_id"], []).append(line)

    def one_of(self, response):
        """The one line that a request owes."""
        identifier = response.headers["X-Request-ID"]
        found = wait_until(lambda: self.of(identifier), what=f"an audit line of {identifier}")
        assert len(found) == 1, found
        assert set(found[0]) == AUDIT_KEYS, found[0]
        return found[0]

    def none_of(self, response):
        """Asserts that a request left no line."""
        assert not self.of(response.headers["X-Request-ID"])


def every_log_file(folder):
    """All files below a folder that hold log lines."""
    names = ("*.log", "*.jsonl", "*.log.*", "*.jsonl.*")
    return sorted({path for name in names for path in Path(folder).rglob(name) if path.is_file()})


def assert_no_secret(folder):
    """That nothing the tests know as a secret is in any log below a folder."""
    # Most are passwords with the mark, or tokens: each is found by what all of its kind have.
    secrets = [secret for secret in vault.all_secrets()
               if len(secret) >= SECRET_LENGTH and vault.MARK not in secret
               and not TOKEN.match(secret.encode())]
    spellings = {spelling.encode() for secret in secrets
                 for spelling in (secret, json.dumps(secret)[1:-1])}
    for path in every_log_file(folder):
        octets = path.read_bytes()
        assert vault.MARK.encode() not in octets, path
        assert not TOKEN.search(octets), path
        assert not any(token.search(octets) for token in EXPIRING_TOKENS), path
        assert [secret for secret in spellings if secret in octets] == [], path
