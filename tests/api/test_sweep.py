"""The last look around: what the whole session left in the log files."""

import json
import re

from support import logs, vault

TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}")


def test_no_secret_is_in_any_log(stack):
    secrets = [secret.encode() for secret in vault.all_secrets() if len(secret) >= 8]
    escaped = [json.dumps(secret.decode())[1:-1].encode() for secret in secrets]
    files = logs.every_log_file(stack.state_dir)
    assert len(files) >= 3, files
    for path in files:
        octets = path.read_bytes()
        assert vault.MARK.encode() not in octets, path
        assert not TOKEN.search(octets), path
        for secret in {*secrets, *escaped}:
            assert secret not in octets, path


def test_every_line_of_the_service_log_is_an_object(stack):
    lines = logs.lines(stack.log_path)
    assert lines
    for line in lines:
        assert {"time", "level", "message"} <= set(line), line


def test_no_fault_of_ours_was_logged(stack):
    """Whatever the tests sent, nothing of it is an error inside the service."""
    faults = [line for line in logs.lines(stack.log_path)
              if line["level"] == "error" and "DIRECTORY" not in line["message"]]
    assert faults == []


def test_no_sanitizer_has_reported(stack):
    reports = [path.read_text(errors="replace") for path in stack.state_dir.rglob("sanitizer*")]
    assert reports == []
