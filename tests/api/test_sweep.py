"""The last look around: what the whole session left in the log files."""

import json
import re

from support import client, logs, sanitizer, vault
from support.waiting import wait_until

TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}")


def test_no_secret_is_in_any_log(stack, site):
    last = site.get("/health").headers["X-Request-ID"]
    access = stack.logs_dir / "nginx-access.log"
    wait_until(lambda: last.encode() in access.read_bytes(), what="the access log")
    secrets = [secret for secret in vault.all_secrets() if len(secret) >= 8]
    spellings = {spelling.encode() for secret in secrets
                 for spelling in (secret, json.dumps(secret)[1:-1])}
    files = logs.every_log_file(stack.state_dir)
    assert len(files) >= 4, files
    for path in files:
        octets = path.read_bytes()
        assert vault.MARK.encode() not in octets, path
        assert not TOKEN.search(octets), path
        assert [secret for secret in spellings if secret in octets] == [], path


def test_every_line_of_the_service_log_is_an_object(stack):
    lines = logs.lines(stack.logs_dir / "kontora.log")
    assert lines
    for line in lines:
        assert {"time", "level", "message"} <= set(line), line


def test_nothing_that_was_sent_is_an_error_of_ours(stack):
    lines = logs.lines(stack.logs_dir / "kontora.log")
    assert [line for line in lines if line["level"] == "error"] == []


def test_no_sanitizer_has_reported(stack):
    sanitizer.assert_silent(stack.state_dir)


def test_every_call_of_the_session_has_its_one_audit_line(audit):
    """What all tests before this one changed, tried to change, or logged in as."""
    lines = {}
    for line in audit.all():
        lines.setdefault(line["request_id"], []).append(line)
    assert len(client.journal) > 10
    for identifier, action, status in client.journal:
        [line] = lines.get(identifier, [None])
        assert line, (identifier, action, status)
        assert (line["action"], line["status"]) == (action, "success" if status < 300 else "failure")
