"""Reads the logs of the service."""

import json
import os
import re
from pathlib import Path

from support import vault
from support.waiting import wait_until

TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}")
# Expiring tokens, plain and percent-encoded. The lookbehind makes the search fast: it would be slow
# if the pattern began with a digit.
EXPIRING_TOKENS = (re.compile(rb":[0-9A-Za-z]{22}(?<=\d{6}:.{22})"),
                   re.compile(rb"%3[aA][0-9A-Za-z]{22}"))
SECRET_LENGTH = 8  # shorter secrets would match by chance

AUDIT_KEYS = {"timestamp", "actor", "action", "resource_type", "resource_id", "status", "message",
              "details", "request_id", "address"}


def lines(path):
    """Parses a file of JSON lines. A reader may see a partly written line and waits for its
    rest."""
    def whole():
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        return text if not text or text.endswith("\n") else None

    if not Path(path).exists() or not Path(path).stat().st_size:
        return []
    text = wait_until(whole, what=f"{path} to end with a complete line")
    return [json.loads(line) for line in text.splitlines()]


def only_line(path, *parts):
    """Waits for the log line that contains all the parts; there must be exactly one such line."""
    def find():
        return [line for line in path.read_bytes().splitlines(keepends=True)
                if line.endswith(b"\n") and all(part in line for part in parts)]

    [line] = wait_until(find, what=f"a line of {path}")
    return json.loads(line)


def service_line(stack, identifier):
    """Waits for the request line of the service log with this request id."""
    wanted = b'"message":"request",', f'"request_id":"{identifier}"'.encode()
    return only_line(stack.logs_dir / "kontora.log", *wanted)


class Audit:
    """Reads the audit log of one stack."""

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
        """Reads the complete lines written since the last call, because the log of a suite is
        long."""
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
        """Waits for the audit line of a request; there must be exactly one."""
        identifier = response.headers["X-Request-ID"]
        found = wait_until(lambda: self.of(identifier), what=f"an audit line of {identifier}")
        assert len(found) == 1, found
        assert set(found[0]) == AUDIT_KEYS, found[0]
        return found[0]

    def none_of(self, response):
        """Asserts that a request left no audit line."""
        assert not self.of(response.headers["X-Request-ID"])


def every_log_file(folder):
    """Returns all log files below a folder."""
    names = ("*.log", "*.jsonl", "*.log.*", "*.jsonl.*")
    return sorted({path for name in names for path in Path(folder).rglob(name) if path.is_file()})


def assert_no_secret(folder):
    """Asserts that no log file below a folder contains a secret of the tests."""
    # Most secrets are passwords with the mark, or tokens: one pattern finds each of these kinds.
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
