"""Final checks of everything that the session has written to the logs of its stacks."""

from support import client, logs, sanitizer
from support.client import Client
from support.logs import Audit
from support.waiting import wait_until


def test_no_log_of_test_run_contains_a_secret(sql_stack):
    last = Client(sql_stack.https_url, sql_stack.ca_file).get("/health").headers["X-Request-ID"]
    access = sql_stack.logs_dir / "nginx-access.log"
    wait_until(lambda: last.encode() in access.read_bytes(), what="the last request to be logged")
    assert len(logs.every_log_file(sql_stack.state_dir)) >= 4
    logs.assert_no_secret(sql_stack.state_dir)


def test_every_service_log_line_is_json(sql_stack):
    lines = logs.lines(sql_stack.logs_dir / "kontora.log")
    assert lines
    for line in lines:
        assert {"time", "level", "message"} <= set(line), line


def test_no_request_of_test_run_caused_an_internal_error(sql_stack):
    """The only permitted internal error is about an entry that a concurrent request deleted before
    it could be read back."""
    lines = logs.lines(sql_stack.logs_dir / "kontora.log")
    assert [line for line in lines if line["level"] == "error"
            and not line["message"].startswith("RESULT_UNREAD")] == []


def test_sanitizers_reported_no_errors_during_test_run(sql_stack):
    sanitizer.assert_silent(sql_stack.state_dir)


def test_every_change_made_during_test_run_has_one_audit_line(sqlite_stack, postgres_stack,
                                                              s3_stack, delegated_stack):
    """Covers all changes, failed changes and logins of the tests before this one."""
    lines = {}
    for stack in (sqlite_stack, postgres_stack, s3_stack, delegated_stack):
        for line in Audit(stack.audit_log).all():
            lines.setdefault(line["request_id"], []).append(line)
    assert client.journal
    for identifier, action, outcome in client.journal:
        [line] = lines.get(identifier, [None])
        assert line, (identifier, action, outcome)
        assert (line["action"], line["status"]) == (action, outcome)


def test_every_access_log_line_is_json(sql_stack):
    for line in logs.lines(sql_stack.logs_dir / "nginx-access.log"):
        assert {"time", "request_id", "method", "path", "status"} <= set(line), line


def test_postgres_logs_contain_no_secret(postgres, tmp_path_factory):
    """PostgreSQL logs the text of failed statements, so statements must contain parameters only."""
    logs.assert_no_secret(tmp_path_factory.getbasetemp())
