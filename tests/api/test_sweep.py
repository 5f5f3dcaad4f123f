"""The last look around: what the whole session left in the log files."""

from support import client, logs, sanitizer
from support.waiting import wait_until


def test_no_secret_is_in_any_log(stack, site):
    last = site.get("/health").headers["X-Request-ID"]
    access = stack.logs_dir / "nginx-access.log"
    wait_until(lambda: last.encode() in access.read_bytes(), what="the access log")
    assert len(logs.every_log_file(stack.state_dir)) >= 4
    logs.assert_no_secret(stack.state_dir)


def test_every_line_of_the_service_log_is_an_object(stack):
    lines = logs.lines(stack.logs_dir / "kontora.log")
    assert lines
    for line in lines:
        assert {"time", "level", "message"} <= set(line), line


def test_nothing_that_was_sent_is_an_error_of_ours(stack):
    """But for what one client made and another deleted before it could be read."""
    lines = logs.lines(stack.logs_dir / "kontora.log")
    assert [line for line in lines if line["level"] == "error"
            and not line["message"].startswith("RESULT_UNREAD")] == []


def test_no_sanitizer_has_reported(stack):
    sanitizer.assert_silent(stack.state_dir)


def test_every_call_of_the_session_has_its_one_audit_line(audit):
    """What all tests before this one changed, tried to change, or logged in as."""
    lines = {}
    for line in audit.all():
        lines.setdefault(line["request_id"], []).append(line)
    assert client.journal
    for identifier, action, outcome in client.journal:
        [line] = lines.get(identifier, [None])
        assert line, (identifier, action, outcome)
        assert (line["action"], line["status"]) == (action, outcome)


def test_every_line_of_the_access_log_is_an_object(stack):
    for line in logs.lines(stack.logs_dir / "nginx-access.log"):
        assert {"time", "request_id", "method", "path", "status"} <= set(line), line
