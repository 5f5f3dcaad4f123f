"""Limits of concurrent uploads by owner: Mallory's account, her organization and anonymous
callers cannot fill the spool with slow uploads, from any number of addresses, while Vera can
upload."""

import contextlib
import os
import signal
import time

import pytest

from support import files, wire
from support.accounts import Accounts, add_member
from support.client import Client
from support.files import Spool
from support.waiting import wait_until

ADDRESSES = [f"127.0.1.{number}" for number in range(1, 61)]
PER_ADDRESS = 10  # nginx's limit of concurrent uploads for one address
AT_ONCE = 4  # the default of UPLOADS_SUBJECT_AT_ONCE
ADMISSION_S = 2  # after this time a worker has decided about the upload
PATIENCE_S = 30
ANONYMOUS_AT_ONCE = 500


@pytest.fixture
def make_counted(make_sql_rig):
    """Returns a function that starts a stack as in production, with rate limits."""
    return lambda **settings: raise_body_timeout(make_sql_rig(rate_limits=True, **settings))


def raise_body_timeout(rig):
    """Raises nginx's timeout between reads, because starting hundreds of uploads may take long."""
    rig.edit_nginx("files.conf", ("client_body_timeout 15s", "client_body_timeout 120s"))
    return rig


class SlowUpload:
    """An upload whose body is incomplete."""

    def __init__(self, client, source="", headers=()):
        self.peer = files.begin(client, source=source, headers=headers)
        self._received = bytearray()

    def answer(self):
        """Returns the response, or None if there is none yet."""
        return wire.poll_answer(self.peer, self._received)

    def finish(self):
        return files.finish(self.peer)


@pytest.fixture
def begin_uploads():
    """Returns a function that starts slow uploads, PER_ADDRESS from each address, and closes
    them at the end."""
    with contextlib.ExitStack() as under_way:
        def make(client, count, addresses=ADDRESSES, headers=()):
            made = []
            for number in range(count):
                slow = SlowUpload(client, addresses[number // PER_ADDRESS], headers)
                under_way.enter_context(slow.peer)
                made.append(slow)
            return made
        yield make


def wait_for_refusals(uploads, count):
    """Waits until `count` uploads are refused with 429; returns the others, which are in
    progress."""
    def refused():
        answered = [(slow, answer) for slow in uploads if (answer := slow.answer())]
        return answered if len(answered) >= count else None

    answered = wait_until(refused, PATIENCE_S, f"{count} refusals")
    for _, answer in answered:
        assert_refused(answer)
    assert len(answered) == count
    refused_ones = {id(slow) for slow, _ in answered}
    return [slow for slow in uploads if id(slow) not in refused_ones]


def assert_refused(answer):
    assert answer.status == 429, answer.octets
    body = answer.json()
    assert set(body) == {"error", "code", "request_id"}
    assert body["code"] == "TOO_MANY_REQUESTS"
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert int(headers["retry-after"]) >= 1
    assert headers["x-request-id"] == body["request_id"]
    assert "x-kontora-owner" not in headers


def assert_in_progress(uploads):
    assert [slow.answer() for slow in uploads] == [None] * len(uploads)


def begin_admitted(begin_uploads, client, count, **arguments):
    """Starts uploads that a worker has admitted and that count against their owners."""
    uploads = begin_uploads(client, count, **arguments)
    time.sleep(ADMISSION_S)
    assert_in_progress(uploads)
    return uploads


# --- one account ----------------------------------------------------------------------------------

def test_account_with_many_addresses_cannot_fill_spool(make_counted, begin_uploads):
    rig = make_counted()
    accounts, spool = Accounts(rig.anonymous()), Spool(rig.stack)
    mallory, vera = accounts.register().client, accounts.register().client
    hers = begin_admitted(begin_uploads, vera, 1, addresses=["127.0.0.2"])
    began = time.monotonic()
    left = wait_for_refusals(begin_uploads(mallory, 35), 35 - AT_ONCE)
    assert time.monotonic() - began < PATIENCE_S
    wait_until(lambda: spool.connections() == AT_ONCE + 1, what="the refused uploads to end")
    files.upload(vera)
    assert hers[0].finish().status == 201
    assert_in_progress(left)
    assert [slow.finish().status for slow in left] == [201] * AT_ONCE


def test_newest_concurrent_upload_above_limit_is_refused_and_audited(make_counted, begin_uploads):
    rig = make_counted()
    mallory = Accounts(rig.anonymous()).register().client
    older = begin_admitted(begin_uploads, mallory, AT_ONCE)
    [newest] = begin_uploads(mallory, 1, addresses=["127.0.0.2"])
    wait_for_refusals([newest], 1)
    identity = newest.answer().json()["request_id"]
    [line] = wait_until(lambda: rig.audit().of(identity), what="the audit line to be written")
    assert (line["action"], line["status"]) == ("upload_file", "failure")
    assert line["details"]["code"] == "TOO_MANY_REQUESTS"
    assert_in_progress(older)
    assert [slow.finish().status for slow in older] == [201] * AT_ONCE
    assert len(files.listed(mallory)) == AT_ONCE


def test_finished_or_aborted_upload_is_no_longer_counted_as_concurrent(make_counted, begin_uploads):
    rig = make_counted(UPLOADS_SUBJECT_AT_ONCE=2)
    mallory = Accounts(rig.anonymous()).register().client
    first, second = begin_admitted(begin_uploads, mallory, 2)
    assert first.finish().status == 201
    begin_admitted(begin_uploads, mallory, 1)
    second.peer.close()
    wait_until(lambda: Spool(rig.stack).connections() == 1, what="the second upload to end")
    begin_admitted(begin_uploads, mallory, 1)
    wait_for_refusals(begin_uploads(mallory, 1), 1)


def test_refused_uploads_do_not_count_against_upload_rate(make_counted, begin_uploads):
    """The four finished uploads count once each, so one more is allowed."""
    rig = make_counted(UPLOADS_SUBJECT_PER_MINUTE=5)
    mallory = Accounts(rig.anonymous()).register().client
    left = wait_for_refusals(begin_uploads(mallory, 10), 10 - AT_ONCE)
    assert [slow.finish().status for slow in left] == [201] * AT_ONCE
    files.upload(mallory)
    assert files.send(mallory).status_code == 429


# --- one organization -----------------------------------------------------------------------------

def test_members_share_upload_limit_of_organization(make_counted, begin_uploads):
    rig = make_counted(UPLOADS_ORGANIZATION_AT_ONCE=3)
    accounts = Accounts(rig.anonymous())
    mallory, helper, vera = (accounts.register() for _ in range(3))
    add_member(mallory, helper, "SALES")
    theirs = [("X-Organization-ID", str(mallory.organization))]
    left = begin_admitted(begin_uploads, mallory.client, 2)
    left += wait_for_refusals(begin_uploads(helper.client, 3, headers=theirs), 2)
    own = begin_admitted(begin_uploads, helper.client, 2, addresses=["127.0.0.2"])
    assert_in_progress(left)
    files.upload(vera.client)
    assert [slow.finish().status for slow in left + own] == [201] * 5


# --- anonymous callers ----------------------------------------------------------------------------

def test_anonymous_callers_share_half_of_spool_slots(make_rig, begin_uploads):
    rig = make_rig(rate_limits=True, ANONYMOUS_ACCESS="files")
    anonymous = Client(f"{rig.stack.files_url}", None)
    vera = Accounts(rig.anonymous()).register().client
    uploads = begin_uploads(anonymous, ANONYMOUS_AT_ONCE + 10)
    wait_for_refusals(uploads, 10)
    files.upload(vera)


# --- settings -------------------------------------------------------------------------------------

@pytest.mark.parametrize("settings", [
    {"rate_limits": False},
    {"rate_limits": True, "UPLOADS_SUBJECT_AT_ONCE": 0, "UPLOADS_ORGANIZATION_AT_ONCE": 0}])
def test_limits_of_concurrent_uploads_can_be_disabled(make_rig, begin_uploads, settings):
    rig = make_rig(**settings)
    begin_admitted(begin_uploads, Accounts(rig.anonymous()).register().client, 12)


# --- processes ------------------------------------------------------------------------------------

def test_uploads_beyond_full_worker_queue_are_checked_later(make_rig, begin_uploads):
    """While the workers are stopped, their queue fills up, so the spool cannot ask them about
    further uploads."""
    rig = raise_body_timeout(make_rig(rate_limits=True, UPLOADS_WORKERS=2))
    mallory, spool = Accounts(rig.anonymous()).register().client, Spool(rig.stack)
    workers = rig.service.workers("uploads")
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    uploads = begin_uploads(mallory, 400)
    wait_until(lambda: len(spool.sizes()) == 400, PATIENCE_S,
               "all of Mallory's uploads to reach the spool")
    time.sleep(ADMISSION_S)
    assert_in_progress(uploads)
    for pid in workers:
        os.kill(pid, signal.SIGCONT)
    wait_for_refusals(uploads, 400 - AT_ONCE)


def test_killed_workers_do_not_reset_counts_of_concurrent_uploads(make_counted, begin_uploads):
    rig = make_counted()
    mallory = Accounts(rig.anonymous()).register().client
    older = begin_admitted(begin_uploads, mallory, AT_ONCE)
    for pid in rig.service.workers("uploads"):
        os.kill(pid, signal.SIGKILL)
    wait_for_refusals(begin_uploads(mallory, 2, addresses=["127.0.0.2"]), 2)
    assert [slow.finish().status for slow in older] == [201] * AT_ONCE


def test_upload_of_killed_worker_frees_its_spool_slot(make_counted, begin_uploads, tmp_path):
    scanner = tmp_path / "scanner"
    scanner.write_text(f"#!/bin/sh\necho x >>{tmp_path}/begun\nexec sleep 60\n")
    scanner.chmod(0o755)
    rig = make_counted(UPLOADS_SUBJECT_AT_ONCE=1, UPLOAD_SCAN_COMMAND=scanner,
                       UPLOAD_SCAN_TIMEOUT_S=60)
    mallory = Accounts(rig.anonymous()).register().client
    [slow] = begin_admitted(begin_uploads, mallory, 1)
    slow.peer.sendall(files.form(b"a" * 100000, "a.txt")[0][50000:])
    wait_until((tmp_path / "begun").exists, what="a worker to receive the upload")
    wait_for_refusals(begin_uploads(mallory, 1), 1)
    for pid in rig.service.workers("uploads"):
        os.kill(pid, signal.SIGKILL)
    assert wait_until(slow.answer, what="the upload to fail").status == 502
    begin_admitted(begin_uploads, mallory, 1)


def test_killed_spool_process_frees_slots_of_its_uploads(make_counted, begin_uploads):
    rig = make_counted()
    mallory = Accounts(rig.anonymous()).register().client
    older = begin_admitted(begin_uploads, mallory, AT_ONCE)
    [pid] = rig.service.spools()
    os.kill(pid, signal.SIGKILL)
    for slow in older:
        assert wait_until(slow.answer, what="the upload to fail").status == 502
    wait_for_refusals(begin_uploads(mallory, AT_ONCE + 2), 2)


def test_upload_limits_apply_after_reload(make_counted, begin_uploads):
    """Uploads of the old spool, which drains, finish normally."""
    rig = make_counted()
    mallory = Accounts(rig.anonymous()).register().client
    older = begin_admitted(begin_uploads, mallory, AT_ONCE)
    rig.set(UPLOADS_SUBJECT_AT_ONCE=2)
    rig.reload()
    left = wait_for_refusals(begin_uploads(mallory, 5, addresses=["127.0.0.2"]), 3)
    assert [slow.finish().status for slow in older] == [201] * AT_ONCE
    assert [slow.finish().status for slow in left] == [201] * 2
