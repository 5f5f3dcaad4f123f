"""Slow uploads: Mallory's stalling bodies delay nobody and are cut off; the spool when processes
are killed, reloaded or stopped, and when it has no space."""

import contextlib
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from support import contract, files, logs, metrics, wire
from support.accounts import Accounts
from support.files import Disk, Spool
from support.waiting import wait_until

ADDRESSES = [f"127.0.0.{number}" for number in range(2, 9)]
PROMPT_S = 5
UPLOADS_EACH = 5  # burst that the rate limits allow for one address
DISK_KIB = 1024


@pytest.fixture
def rig(make_rig):
    """Starts a stack without a directory."""
    return make_rig()


@pytest.fixture
def spool(rig):
    return Spool(rig.stack)


def has_no_uploads(rig):
    spool, disk = Spool(rig.stack), Disk(rig.stack)
    return not spool.connections() and not spool.sizes() and not disk.staged()


# --- slow uploads ---------------------------------------------------------------------------------

def assert_prompt(rig, client):
    """Asserts that calls which need the storage are answered promptly."""
    began = time.monotonic()
    kept = files.upload(client)["filename"]
    assert client.delete(f"/files/{kept}").status_code == 200
    assert rig.anonymous("").get("/health/storage").status_code == 200
    assert time.monotonic() - began < PROMPT_S


def test_slow_uploads_do_not_delay_other_requests(make_rig):
    """Runs as in production: rate limits are on and pools have their default sizes. One account
    stands for the many that Mallory would need: test_security_uploads.py tests the limits by
    owner."""
    rig = make_rig(rate_limits=True, FILES_WORKERS=8, UPLOADS_WORKERS=8, UPLOADS_SUBJECT_AT_ONCE=0,
                   UPLOADS_ORGANIZATION_AT_ONCE=0)
    accounts, spool = Accounts(rig.anonymous()), Spool(rig.stack)
    mallory, vera = accounts.register().client, accounts.register().client
    with contextlib.ExitStack() as slow:
        for address in ADDRESSES:
            for _ in range(UPLOADS_EACH):
                slow.enter_context(files.begin(mallory, source=address))
        assert_prompt(rig, vera)
        count = len(ADDRESSES) * UPLOADS_EACH
        wait_until(lambda: len(spool.sizes()) == count,
                   what="all of Mallory's uploads to reach the spool")
        assert_prompt(rig, vera)
        assert len(spool.sizes()) == count, "Mallory's uploads ended too early"
    wait_until(lambda: has_no_uploads(rig), what="Mallory's uploads to end")
    assert files.listed(mallory) == []


def test_stalled_upload_is_cut_off(make_rig):
    rig = make_rig(UPLOAD_SLOW_START_S=1)
    with files.begin(rig.api, sent=10) as peer:
        answer = wire.read_answer(peer)
    assert answer.status == 400
    assert set(answer.json()) == {"error", "code", "request_id"}
    assert answer.json()["code"] == "TOO_SLOW"
    [line] = wait_until(lambda: rig.audit().of(answer.headers["X-Request-ID"]),
                        what="the audit line to be written")
    assert (line["action"], line["status"]) == ("upload_file", "failure")
    wait_until(lambda: has_no_uploads(rig), what="the upload to end")
    assert files.listed(rig.api) == []


def test_upload_below_minimum_rate_is_cut_off(make_rig):
    """Sends a byte every 0.1 s, so a timeout between two reads never expires."""
    rig = make_rig(UPLOAD_SLOW_START_S=1)
    with files.begin(rig.api, sent=10) as peer:
        peer.setblocking(False)

        def trickle():
            with contextlib.suppress(BlockingIOError, wire.ssl.SSLWantReadError):
                return peer.recv(100)
            peer.send(b"-")
            return None

        assert b" 400 " in wait_until(trickle, what="the upload to be cut off", interval_s=0.1)


def test_upload_at_minimum_rate_is_accepted(make_rig):
    rig = make_rig(UPLOAD_SLOW_START_S=1)
    with files.begin(rig.api) as peer:
        time.sleep(2.5)  # 50 kB suffice until then: 4 KiB/s are required from the third second on
        assert files.finish(peer).status == 201


# --- early refusals -------------------------------------------------------------------------------

def test_upload_with_invalid_token_is_refused_while_its_body_arrives_slowly(rig, spool):
    with files.begin(rig.anonymous().bearing("nonsense")) as peer:
        answer = wire.read_answer(peer)
    assert (answer.status, answer.json()["code"]) == (401, "INVALID_TOKEN")
    wait_until(lambda: has_no_uploads(rig), what="the upload to end")


def test_slow_upload_is_executed_and_audited_once(rig):
    with files.begin(rig.api) as peer:
        time.sleep(1)  # longer than the spool waits before it asks a worker
        answer = files.finish(peer)
    assert answer.status == 201
    [line] = wait_until(lambda: rig.audit().of(answer.headers["X-Request-ID"]),
                        what="the audit line to be written")
    assert (line["action"], line["status"]) == ("upload_file", "success")
    assert logs.service_line(rig.stack, answer.headers["X-Request-ID"])["status"] == 201, (
        "one line in the service log")
    assert len(files.listed(rig.api)) == 1


# --- fast bodies ----------------------------------------------------------------------------------

QUICK = b"a" * (8 * files.MIB)
HALF = len(QUICK) // 2
UPLOADED = ("kontora_http_requests_total", "POST", "/api/v1/files/upload")


def count_withdrawals(rig):
    return rig.count_log("withdrawing its request")


@contextlib.contextmanager
def stalled_upload(rig, **arguments):
    """Starts an upload that stalls after a fast first half; yields when its worker is free
    again."""
    before = count_withdrawals(rig)
    with files.begin(rig.api, QUICK, HALF, **arguments) as peer:
        wait_until(lambda: count_withdrawals(rig) > before,
                   what="the request to be withdrawn from the worker")
        yield peer


def test_stalling_upload_is_executed_and_counted_once(make_rig):
    rig = make_rig(DEBUG="true")
    before = metrics.values(rig.anonymous("")).get(UPLOADED, 0)
    with stalled_upload(rig) as peer:
        wait_until(lambda: not Disk(rig.stack).staged(), what="the staged file to be removed")
        answer = files.finish(peer, QUICK, HALF)
    assert answer.status == 201
    [file] = files.listed(rig.api)
    files.check_facts(file, QUICK)
    [line] = wait_until(lambda: rig.audit().of(answer.headers["X-Request-ID"]),
                        what="the audit line to be written")
    assert (line["action"], line["status"]) == ("upload_file", "success")
    assert logs.service_line(rig.stack, answer.headers["X-Request-ID"])["status"] == 201, (
        "one line in the service log")
    assert metrics.values(rig.anonymous(""))[UPLOADED] == before + 1
    wait_until(lambda: has_no_uploads(rig), what="the upload to end")


def test_upload_that_stalls_after_its_form_is_complete_is_executed_once(make_rig):
    """The worker has received the complete form, but not the complete body."""
    rig = make_rig(DEBUG="true")
    body, content_type = files.form(QUICK, "a.txt")
    place = urlsplit(rig.api.base_url)
    request = wire.request("POST", f"{place.path}/files/upload",
                           [("Authorization", f"Bearer {rig.api.token}"),
                            ("Content-Type", content_type)], body + b" " * 1000)
    with wire.connect(rig.api.base_url, rig.api.ca_file) as peer:
        peer.sendall(request[:-500])
        wait_until(lambda: count_withdrawals(rig),
                   what="the request to be withdrawn from the worker")
        wait_until(lambda: not Disk(rig.stack).staged(), what="the staged file to be removed")
        assert files.listed(rig.api) == []
        peer.sendall(request[-500:])
        assert wire.read_answer(peer).status == 201
    assert len(files.listed(rig.api)) == len(Disk(rig.stack).keys()) == 1


def test_stalling_uploads_do_not_occupy_workers(make_rig):
    rig = make_rig(DEBUG="true", UPLOADS_WORKERS=2)
    with contextlib.ExitStack() as under_way:
        for _ in range(3):
            under_way.enter_context(stalled_upload(rig))
        assert files.upload(rig.api)
    wait_until(lambda: has_no_uploads(rig), what="all uploads to end")


def test_upload_of_disconnected_client_leaves_no_file(rig):
    with files.begin(rig.api, QUICK, HALF):
        pass
    wait_until(lambda: has_no_uploads(rig), what="the upload to end")
    assert files.upload(rig.api)
    assert len(Disk(rig.stack).keys()) == 1


def test_fast_upload_survives_killed_workers(rig, spool):
    with files.begin(rig.api, QUICK, HALF) as peer:
        wait_until(spool.sizes, what="the body to reach the spool")
        for pid in rig.service.workers("uploads"):
            os.kill(pid, signal.SIGKILL)
        assert files.finish(peer, QUICK, HALF).status == 201


def test_upload_with_invalid_token_is_refused_while_its_body_arrives_fast(rig):
    with files.begin(rig.anonymous().bearing("nonsense"), QUICK, HALF) as peer:
        answer = wire.read_answer(peer)
    assert (answer.status, answer.json()["code"]) == (401, "INVALID_TOKEN")
    wait_until(lambda: has_no_uploads(rig), what="the upload to end")


# --- processes ------------------------------------------------------------------------------------

def test_spooled_upload_survives_killed_workers(rig, spool):
    with files.begin(rig.api) as peer:
        wait_until(spool.sizes, what="the body to reach the spool")
        for pid in rig.service.workers("uploads"):
            os.kill(pid, signal.SIGKILL)
        assert files.finish(peer).status == 201


def test_killed_spool_process_ends_its_uploads_and_leaves_no_files(rig, spool):
    with files.begin(rig.api) as peer:
        wait_until(spool.sizes, what="the body to reach the spool")
        [pid] = rig.service.spools()
        os.kill(pid, signal.SIGKILL)
        answer = wire.read_answer(peer)
    assert (answer.status, answer.json()["code"]) == (502, "BAD_GATEWAY")
    assert files.upload(rig.api)
    assert has_no_uploads(rig) and not list((rig.stack.state_dir / "spool").iterdir())


def test_reload_loses_no_upload(rig, spool):
    with files.begin(rig.api) as peer:
        wait_until(spool.sizes, what="the body to reach the spool")
        old = rig.service.spools()
        rig.reload()
        assert files.upload(rig.api), "the new workers must serve uploads"
        assert files.finish(peer).status == 201
    wait_until(lambda: not set(old) & set(rig.service.spools()), what="the old spool to exit")


def test_stop_waits_for_upload(rig, spool):
    with ThreadPoolExecutor() as pool, files.begin(rig.api) as peer:
        wait_until(spool.sizes, what="the body to reach the spool")
        stopped = pool.submit(rig.service.stop)
        wait_until(lambda: rig.count_log("stopping"), what="the stop to begin")
        assert files.finish(peer).status == 201
        stopped.result()
    assert Disk(rig.stack).keys()


# --- spool space ----------------------------------------------------------------------------------

def test_uploads_are_refused_while_all_spool_slots_are_used(make_rig):
    rig = make_rig(UPLOAD_SPOOL_MIB=32)
    spool, large = Spool(rig.stack), b"a" * (files.LARGEST - 1000)
    with contextlib.ExitStack() as under_way:
        peers = [under_way.enter_context(files.begin(rig.api, large, len(large))) for _ in range(2)]
        wait_until(lambda: sum(spool.sizes()) == 2 * len(large),
                   what="the bodies to reach the spool")
        contract.check_error(files.send(rig.api, b"a" * 100000), 503, "STORAGE_FULL")
        contract.check_error(files.send(rig.api, QUICK), 503, "STORAGE_FULL")
        assert [files.finish(peer, large, len(large)).status for peer in peers] == [201, 201]
    assert files.upload(rig.api, b"a" * 100000)


def test_uploads_are_refused_while_spool_disk_is_full(make_rig, small_disk):
    rig = make_rig()
    (rig.stack.state_dir / "spool").rmdir()
    (rig.stack.state_dir / "spool").symlink_to(small_disk)
    contract.check_error(files.send(rig.api, b"a" * (2 * DISK_KIB * 1024)), 503, "STORAGE_FULL")
    assert files.upload(rig.api)
