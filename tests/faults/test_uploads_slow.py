"""Slow uploads: mallory's trickling bodies hold up nobody and end; what the spool does when a process of the
service is killed, reloaded or stopped, and when there is no room."""

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
UPLOADS_EACH = 5  # as many as the rates let one address begin at once
DISK_KIB = 1024


@pytest.fixture
def rig(make_rig):
    """A stack without a directory."""
    return make_rig()


@pytest.fixture
def spool(rig):
    return Spool(rig.stack)


def is_empty(rig):
    spool, disk = Spool(rig.stack), Disk(rig.stack)
    return not spool.connections() and not spool.sizes() and not disk.staged()


# --- the attack ---------------------------------------------------------------------------------

def assert_prompt(rig, client):
    """Checks that calls which need the storage are answered soon."""
    began = time.monotonic()
    kept = files.upload(client)["filename"]
    assert client.delete(f"/files/{kept}").status_code == 200
    assert rig.nobody("").get("/health/storage").status_code == 200
    assert time.monotonic() - began < PROMPT_S


def test_slow_uploads_from_many_addresses_hold_up_nobody(make_rig):
    """As in production: rates are on, the pools have their usual sizes. One account stands for as many as she
    would need: test_strangers_uploads.py has the limits by owner."""
    rig = make_rig(rate_limits=True, FILES_WORKERS=8, UPLOADS_WORKERS=8, UPLOADS_SUBJECT_AT_ONCE=0,
                   UPLOADS_ORGANIZATION_AT_ONCE=0)
    accounts, spool = Accounts(rig.nobody()), Spool(rig.stack)
    mallory, vera = accounts.register().client, accounts.register().client
    with contextlib.ExitStack() as slow:
        for address in ADDRESSES:
            for _ in range(UPLOADS_EACH):
                slow.enter_context(files.begin(mallory, source=address))
        assert_prompt(rig, vera)
        count = len(ADDRESSES) * UPLOADS_EACH
        wait_until(lambda: len(spool.sizes()) == count, what="all of mallory's bodies")
        assert_prompt(rig, vera)
        assert len(spool.sizes()) == count, "mallory's are still under way"
    wait_until(lambda: is_empty(rig), what="the end of mallory's")
    assert files.listed(mallory) == []


def test_a_trickling_upload_is_cut_off(make_rig):
    rig = make_rig(UPLOAD_SLOW_START_S=1)
    with files.begin(rig.api, sent=10) as peer:
        answer = wire.read_answer(peer)
    assert answer.status == 400
    assert set(answer.json()) == {"error", "code", "request_id"}
    assert answer.json()["code"] == "TOO_SLOW"
    [line] = wait_until(lambda: rig.audit().of(answer.headers["X-Request-ID"]), what="the line")
    assert (line["action"], line["status"]) == ("upload_file", "failure")
    wait_until(lambda: is_empty(rig), what="its end")
    assert files.listed(rig.api) == []


def test_a_trickle_that_never_pauses_is_cut_off(make_rig):
    """A byte in a tenth of a second: no timeout between two pieces ends that."""
    rig = make_rig(UPLOAD_SLOW_START_S=1)
    with files.begin(rig.api, sent=10) as peer:
        peer.setblocking(False)

        def trickle():
            with contextlib.suppress(BlockingIOError, wire.ssl.SSLWantReadError):
                return peer.recv(100)
            peer.send(b"-")
            return None

        assert b" 400 " in wait_until(trickle, what="the cut", interval_s=0.1)


def test_an_upload_that_keeps_the_pace_outlasts_the_start(make_rig):
    rig = make_rig(UPLOAD_SLOW_START_S=1)
    with files.begin(rig.api) as peer:
        time.sleep(2.5)  # 50 kB until then are enough: 4 KiB/s are required from the third second on
        assert files.finish(peer).status == 201


# --- what is refused early ----------------------------------------------------------------------

def test_a_stranger_is_refused_while_the_body_is_under_way(rig, spool):
    with files.begin(rig.nobody().bearing("nonsense")) as peer:
        answer = wire.read_answer(peer)
    assert (answer.status, answer.json()["code"]) == (401, "INVALID_TOKEN")
    wait_until(lambda: is_empty(rig), what="its end")


def test_an_upload_that_a_worker_was_asked_about_is_done_and_audited_once(rig):
    with files.begin(rig.api) as peer:
        time.sleep(1)  # longer than the spool waits before it asks
        answer = files.finish(peer)
    assert answer.status == 201
    [line] = wait_until(lambda: rig.audit().of(answer.headers["X-Request-ID"]), what="the line")
    assert (line["action"], line["status"]) == ("upload_file", "success")
    assert logs.service_line(rig.stack, answer.headers["X-Request-ID"])["status"] == 201, "one line"
    assert len(files.listed(rig.api)) == 1


# --- bodies that arrive quickly ------------------------------------------------------------------

QUICK = b"a" * (8 * files.MIB)
HALF = len(QUICK) // 2
UPLOADED = ("kontora_http_requests_total", "POST", "/api/v1/files/upload")


def withdrawals(rig):
    return rig.count_log("withdrawing its request")


@contextlib.contextmanager
def stalled(rig, **arguments):
    """Begins an upload that stalls after a quick first half; its worker has been freed again."""
    before = withdrawals(rig)
    with files.begin(rig.api, QUICK, HALF, **arguments) as peer:
        wait_until(lambda: withdrawals(rig) > before, what="the withdrawal")
        yield peer


def test_an_upload_that_stalls_is_done_audited_and_counted_once(make_rig):
    rig = make_rig(DEBUG="true")
    before = metrics.values(rig.nobody("")).get(UPLOADED, 0)
    with stalled(rig) as peer:
        wait_until(lambda: not Disk(rig.stack).staged(), what="the removal of the staged file")
        answer = files.finish(peer, QUICK, HALF)
    assert answer.status == 201
    [file] = files.listed(rig.api)
    files.check_facts(file, QUICK)
    [line] = wait_until(lambda: rig.audit().of(answer.headers["X-Request-ID"]), what="the line")
    assert (line["action"], line["status"]) == ("upload_file", "success")
    assert logs.service_line(rig.stack, answer.headers["X-Request-ID"])["status"] == 201, "one line"
    assert metrics.values(rig.nobody(""))[UPLOADED] == before + 1
    wait_until(lambda: is_empty(rig), what="its end")


def test_an_upload_that_stalls_after_its_form_is_done_once(make_rig):
    """The worker had the whole form, but not the whole body."""
    rig = make_rig(DEBUG="true")
    body, content_type = files.form(QUICK, "a.txt")
    place = urlsplit(rig.api.base_url)
    request = wire.request("POST", f"{place.path}/files/upload",
                           [("Authorization", f"Bearer {rig.api.token}"),
                            ("Content-Type", content_type)], body + b" " * 1000)
    with wire.connect(rig.api.base_url, rig.api.ca_file) as peer:
        peer.sendall(request[:-500])
        wait_until(lambda: withdrawals(rig), what="the withdrawal")
        wait_until(lambda: not Disk(rig.stack).staged(), what="the removal of the staged file")
        assert files.listed(rig.api) == []
        peer.sendall(request[-500:])
        assert wire.read_answer(peer).status == 201
    assert len(files.listed(rig.api)) == len(Disk(rig.stack).keys()) == 1


def test_uploads_that_stall_hold_up_nobody(make_rig):
    rig = make_rig(DEBUG="true", UPLOADS_WORKERS=2)
    with contextlib.ExitStack() as under_way:
        for _ in range(3):
            under_way.enter_context(stalled(rig))
        assert files.upload(rig.api)
    wait_until(lambda: is_empty(rig), what="the end of all uploads")


def test_a_client_that_disconnects_midway_leaves_no_file(rig):
    with files.begin(rig.api, QUICK, HALF):
        pass
    wait_until(lambda: is_empty(rig), what="its end")
    assert files.upload(rig.api)
    assert len(Disk(rig.stack).keys()) == 1


def test_a_quick_body_outlasts_killed_workers(rig, spool):
    with files.begin(rig.api, QUICK, HALF) as peer:
        wait_until(spool.sizes, what="the body in the spool")
        for pid in rig.service.workers("uploads"):
            os.kill(pid, signal.SIGKILL)
        assert files.finish(peer, QUICK, HALF).status == 201


def test_a_stranger_is_refused_while_a_quick_body_is_under_way(rig):
    with files.begin(rig.nobody().bearing("nonsense"), QUICK, HALF) as peer:
        answer = wire.read_answer(peer)
    assert (answer.status, answer.json()["code"]) == (401, "INVALID_TOKEN")
    wait_until(lambda: is_empty(rig), what="its end")


# --- processes ----------------------------------------------------------------------------------

def test_upload_in_the_spool_survives_killed_workers(rig, spool):
    with files.begin(rig.api) as peer:
        wait_until(spool.sizes, what="the body in the spool")
        for pid in rig.service.workers("uploads"):
            os.kill(pid, signal.SIGKILL)
        assert files.finish(peer).status == 201


def test_a_killed_spool_ends_its_uploads_and_leaves_nothing(rig, spool):
    with files.begin(rig.api) as peer:
        wait_until(spool.sizes, what="the body in the spool")
        [pid] = rig.service.spools()
        os.kill(pid, signal.SIGKILL)
        answer = wire.read_answer(peer)
    assert (answer.status, answer.json()["code"]) == (502, "BAD_GATEWAY")
    assert files.upload(rig.api)
    assert is_empty(rig) and not list((rig.stack.state_dir / "spool").iterdir())


def test_a_reload_costs_no_upload(rig, spool):
    with files.begin(rig.api) as peer:
        wait_until(spool.sizes, what="the body in the spool")
        old = rig.service.spools()
        rig.reload()
        assert files.upload(rig.api), "by the new ones"
        assert files.finish(peer).status == 201
    wait_until(lambda: not set(old) & set(rig.service.spools()), what="the end of the old spool")


def test_a_stop_lets_an_upload_finish(rig, spool):
    with ThreadPoolExecutor() as pool, files.begin(rig.api) as peer:
        wait_until(spool.sizes, what="the body in the spool")
        stopped = pool.submit(rig.service.stop)
        wait_until(lambda: rig.count_log("stopping"), what="the stop")
        assert files.finish(peer).status == 201
        stopped.result()
    assert Disk(rig.stack).keys()


# --- room ---------------------------------------------------------------------------------------

def test_a_spool_without_room_refuses(make_rig):
    rig = make_rig(UPLOAD_SPOOL_MIB=32)
    spool, large = Spool(rig.stack), b"a" * (files.LARGEST - 1000)
    with contextlib.ExitStack() as under_way:
        peers = [under_way.enter_context(files.begin(rig.api, large, len(large))) for _ in range(2)]
        wait_until(lambda: sum(spool.sizes()) == 2 * len(large), what="the bodies in the spool")
        contract.refused(files.send(rig.api, b"a" * 100000), 503, "STORAGE_FULL")
        contract.refused(files.send(rig.api, QUICK), 503, "STORAGE_FULL")
        assert [files.finish(peer, large, len(large)).status for peer in peers] == [201, 201]
    assert files.upload(rig.api, b"a" * 100000)


def test_a_full_disk_below_the_spool_refuses(make_rig, small_disk):
    rig = make_rig()
    (rig.stack.state_dir / "spool").rmdir()
    (rig.stack.state_dir / "spool").symlink_to(small_disk)
    contract.refused(files.send(rig.api, b"a" * (2 * DISK_KIB * 1024)), 503, "STORAGE_FULL")
    assert files.upload(rig.api)
