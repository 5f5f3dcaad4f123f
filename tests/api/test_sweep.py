"""The last look around: what the whole session left in the log files of its stacks."""

from support import client, logs, sanitizer
from support.client import Client
from support.logs import Audit
from support.waiting import wait_until


def test_no_secret_is_in_any_log(sql_stack):
    last = Client(sql_stack.https_url, sql_stack.ca_file).get("/health").headers["X-Request-ID"]
    access = sql_stack.logs_dir / "nginx-access.log"
    wait_until(lambda: last.encode() in access.read_bytes(), what="the access log")
    assert len(logs.every_log_file(sql_stack.state_dir)) >= 4
    logs.assert_no_secret(sql_stack.state_dir)


def test_every_line_of_the_service_log_is_an_object(sql_stack):
    lines = logs.lines(sql_stack.logs_dir / "kontora.log")
    assert lines
    for line in lines:
        assert {"time", "level", "message"} <= set(line), line


def test_nothing_that_was_sent_is_an_error_of_ours(sql_stack):
    """But for what one client made and another deleted before it could be read."""
    lines = logs.lines(sql_stack.logs_dir / "kontora.log")
    assert [line for line in lines if line["level"] == "error"
            and not line["message"].startswith("RESULT_UNREAD")] == []


def test_no_sanitizer_has_reported(sql_stack):
    sanitizer.assert_silent(sql_stack.state_dir)


def test_every_call_of_the_session_has_its_one_audit_line(sqlite_stack, postgres_stack, s3_stack):
    """What all tests before this one changed, tried to change, or logged in as."""
    lines = {}
    for stack in (sqlite_stack, postgres_stack, s3_stack):
        for line in Audit(stack.audit_log).all():
            lines.setdefault(line["request_id"], []).append(line)
    assert client.journal
    for identifier, action, outcome in client.journal:
        [line] = lines.get(identifier, [None])
        assert line, (identifier, action, outcome)
        assert (line["action"], line["status"]) == (action, outcome)


def test_every_line_of_the_access_log_is_an_object(sql_stack):
    for line in logs.lines(sql_stack.logs_dir / "nginx-access.log"):
        assert {"time", "request_id", "method", "path", "status"} <= set(line), line


def test_postgres_has_heard_no_secret(postgres, tmp_path_factory):
    """Of statements that fail it logs the text: ours have parameters alone."""
    logs.assert_no_secret(tmp_path_factory.getbasetemp())
