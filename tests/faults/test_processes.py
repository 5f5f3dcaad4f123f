"""Faults of processes: killed, replaced, stopped, started twice; what clients notice of it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import contract
from support.load import Load
from support.processes import alive, unread_bytes
from support.waiting import wait_until

POOLS = ("core", "auth", "directory", "files", "uploads")
HANGUPS = 20
CLIENTS = 1000
LDAPS_PORT = 636
USER = "/users/Administrator"

# A file that a master can open and its workers cannot: /proc/self is somebody else to each.
MASTERS_ALONE = "/proc/self/task/{}/comm"


def loads(rig):
    """The two paths that are kept busy: a multiplexing pool, and one request a connection."""
    return (Load(rig.stack.http_url, "/health", kept=8, fresh=4),
            Load(rig.stack.http_url, USER, kept=3, fresh=1, headers=rig.bearer()))


def assert_all_served(*several):
    for load in several:
        assert set(load.statuses) == {200}, (load.statuses, load.bodies)


def replaced(rig, before, pool=""):
    """Whether as many workers as before are there, and none of the old ones."""
    now = rig.service.workers(pool)
    return len(now) == len(before) and not set(now) & set(before)


# --- killed -------------------------------------------------------------------------------------

def test_logins_come_after_everything_else(rig):
    """Of the processor: core and its like are not in the session of those that hash passwords."""
    quick = {(os.getsid(pid), os.getpriority(os.PRIO_PROCESS, pid))
             for pool in ("core", "directory", "files") for pid in rig.service.workers(pool)}
    slow = {(os.getsid(pid), os.getpriority(os.PRIO_PROCESS, pid))
            for pid in rig.service.workers("auth")}
    assert {nice for _, nice in quick} == {0} and {nice for _, nice in slow} == {10}
    assert not {sid for sid, _ in quick} & {sid for sid, _ in slow}


@pytest.mark.parametrize("pool, path, well", [("core", "/health", 200), ("directory", USER, 200),
                                              ("auth", "/auth/login", 405)])
def test_killed_workers_come_back(rig, pool, path, well):
    before = rig.service.workers(pool)
    with Load(rig.stack.http_url, path, kept=8, fresh=2, headers=rig.bearer()) as load:
        load.wait_for(50)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
            load.wait_for(20)
        wait_until(lambda: replaced(rig, before, pool), what="the new workers")
        load.wait_for(100)
        lost = load.total() - load.statuses[well]
        load.wait_for(300)
        assert load.total() - load.statuses[well] == lost, "after that nothing is lost"
    assert set(load.statuses) <= {well, 502, 504}, load.statuses
    assert load.statuses[well] > 10 * lost
    for status, body in load.bodies.items():
        assert json.loads(body)["code"] == {405: "METHOD_NOT_ALLOWED", 502: "BAD_GATEWAY",
                                            504: "GATEWAY_TIMEOUT"}[status]


def test_all_workers_killed_at_once(rig):
    before = rig.service.workers()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: replaced(rig, before), what="the new workers")
    assert rig.nobody("").get("/health").status_code == 200
    assert rig.api.get(USER).status_code == 200
    assert rig.api.get("/auth/me").status_code == 200


def test_a_killed_master_takes_its_workers_with_it_and_can_be_started_again(rig):
    workers = rig.service.workers()
    os.kill(rig.service.pid, signal.SIGKILL)
    wait_until(lambda: not any(alive(pid) for pid in workers), what="the end of the workers")
    response = rig.nobody("").get("/health")
    contract.refused(response, 502, "BAD_GATEWAY")
    rig.service.start()  # its sockets lie about: nobody listens on them
    assert rig.nobody("").get("/health").status_code == 200


# --- replaced -----------------------------------------------------------------------------------

def test_hangups_lose_no_request(rig):
    health, users = loads(rig)
    with health, users:
        health.wait_for(50)
        for _ in range(HANGUPS):
            before = set(rig.service.workers())
            rig.reload()
            assert set(rig.service.workers()) - before
            health.wait_for(20)
            users.wait_for(5)
    assert_all_served(health, users)


def test_hangups_without_a_pause_lose_no_request(rig):
    health, users = loads(rig)
    with health, users:
        health.wait_for(50)
        ready = rig.count_log("ready")
        for _ in range(HANGUPS):
            rig.service.reload()
            time.sleep(0.02)
        wait_until(lambda: rig.count_log("ready") > ready, 20, "the last reload")
        health.wait_for(200)
        users.wait_for(20)
    assert_all_served(health, users)


def test_recycled_workers_lose_no_request(make_rig, directory):
    rig = make_rig(directory, WORKER_MAX_REQUESTS=150)
    before = set(rig.service.workers())
    health, users = loads(rig)
    with health, users:
        wait_until(lambda: not set(rig.service.workers("core")) & before, 30, "new core workers")
        wait_until(lambda: not set(rig.service.workers("directory")) & before, 30, "and directory")
        health.wait_for(1000)
    assert_all_served(health, users)


def test_old_workers_leave_when_the_new_are_ready(rig):
    before = rig.service.workers()
    rig.reload()
    wait_until(lambda: not set(rig.service.workers()) & set(before), 15, "the end of the old ones")
    assert len(rig.service.workers()) == len(before)


def test_a_reload_takes_new_settings(rig):
    rig.set(APP_NAME="another name", CORE_WORKERS=3)
    rig.reload()
    wait_until(lambda: len(rig.service.workers("core")) == 3, what="the third worker")
    assert rig.nobody("").get("/health").json()["service"] == "another name"


def hold_reload(rig):
    """Begins a reload that does not end: some of its workers are stopped before they are ready.
    Returns those."""
    old, ready = set(rig.service.workers()), rig.count_log("ready")
    held = set()
    rig.service.reload()
    while not held:
        for pid in set(rig.service.workers()) - old - held:
            held.add(pid)
            send(pid, signal.SIGSTOP)
    time.sleep(0.2)  # for what is not held to end the reload
    if rig.count_log("ready") == ready:
        return held
    for pid in held:
        send(pid, signal.SIGCONT)
    return None


def send(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def test_who_dies_during_a_reload_is_replaced_before_its_end(make_rig, directory):
    rig = make_rig(directory, FILES_WORKERS=16)
    held = wait_until(lambda: hold_reload(rig), 30, "a reload that lasts")
    serving = [pid for pid in rig.service.workers("core") if pid not in held]
    for pid in serving:
        os.kill(pid, signal.SIGKILL)
    assert rig.nobody("").get("/health").status_code == 200  # by its successor
    for pid in held:
        send(pid, signal.SIGCONT)
    wait_until(lambda: not any(alive(pid) for pid in serving), what="the end of the reload")
    assert rig.nobody("").get("/health").status_code == 200


def test_tokens_outlive_a_reload(rig):
    token = rig.api.token
    rig.reload()
    assert rig.nobody().bearing(token).get("/auth/me").status_code == 200


@pytest.mark.parametrize("name, value", [("CORE_WORKERS", "many"), ("LDAP_TLS_CA_FILE", "/no/file"),
                                         ("APP_NAME", ""), ("LDAP_BIND_PASSWORD", ""),
                                         ("AUDIT_LOG_PATH", "/dev/null/audit.jsonl")])
def test_a_reload_with_a_broken_setting_keeps_the_old(rig, name, value):
    workers = rig.service.workers()
    rig.set(**{name: value})
    rig.service.reload()
    wait_until(lambda: rig.count_log(name), what="the complaint")
    assert rig.service.workers() == workers
    assert rig.nobody("").get("/health").json()["service"] == "kontora"
    assert rig.api.get(USER).status_code == 200


def test_a_reload_whose_workers_cannot_start_is_taken_back(rig):
    workers = rig.service.workers()
    rig.set(AUDIT_LOG_PATH=MASTERS_ALONE.format(rig.service.pid))
    rig.service.reload()
    wait_until(lambda: rig.count_log("new workers did not start"), what="the complaint")
    assert set(workers) <= set(rig.service.workers())
    assert_serves(rig)
    os.kill(workers[0], signal.SIGKILL)  # its successor is of the old configuration
    wait_until(lambda: len(rig.service.workers()) == len(workers), what="the successor")
    assert_serves(rig)
    rig.set(AUDIT_LOG_PATH=None)
    rig.reload()
    wait_until(lambda: not set(workers) & set(rig.service.workers()), 15, "the end of the old")
    assert_serves(rig)


def assert_serves(rig):
    assert rig.nobody("").get("/health").status_code == 200
    assert rig.api.get(USER).status_code == 200
    assert rig.nobody().post("/auth/login", json={}).status_code == 400  # it is audited


# --- stopped ------------------------------------------------------------------------------------

def test_a_stop_lets_a_slow_request_finish(rig, harmed):
    harmed.freeze()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(rig.api.get, USER)
        wait_until(lambda: unread_bytes(harmed.address, LDAPS_PORT), what="the slow request")
        os.kill(rig.service.pid, signal.SIGTERM)
        wait_until(lambda: rig.count_log("stopping"), what="the stop")
        assert rig.service.alive
        harmed.thaw()
        assert slow.result().status_code == 200
    wait_until(lambda: not rig.service.alive, what="the end")
    assert not list(rig.stack.socket_dir.glob("*.sock"))


def test_a_stop_under_load_ends_cleanly(rig):
    health, users = loads(rig)
    with health, users:
        health.wait_for(100)
        os.kill(rig.service.pid, signal.SIGTERM)
        wait_until(lambda: not rig.service.alive, 15, "the end")
        health.wait_for(20)
    assert set(health.statuses) <= {200, 502}, health.statuses
    assert set(users.statuses) <= {200, 502}, users.statuses
    assert json.loads(health.bodies[502])["code"] == "BAD_GATEWAY"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_behind(rig, number):
    workers = rig.service.workers()
    os.kill(rig.service.pid, number)
    wait_until(lambda: not rig.service.alive, what="the end")
    assert not any(alive(pid) for pid in workers)
    assert not list(rig.stack.socket_dir.glob("*.sock"))


def test_ctrl_c_reaches_everybody_and_still_drains(rig):
    """A terminal signals the whole group: workers leave that to the master."""
    with Load(rig.stack.http_url, "/health") as load:
        load.wait_for(20)
        os.killpg(rig.service.pid, signal.SIGINT)
        wait_until(lambda: not rig.service.alive, 15, "the end")
    assert set(load.statuses) <= {200, 502}


# --- logs ---------------------------------------------------------------------------------------

def test_logs_are_reopened(make_rig):
    rig = make_rig(LOG_PATH="logs/service.log")
    logs_dir = rig.stack.logs_dir
    rig.nobody().login(*rig.stack.administrator)
    rotated = {}
    for name in ("service.log", "audit.jsonl"):
        rotated[name] = logs_dir / f"{name}.1"
        (logs_dir / name).rename(rotated[name])
    rig.service.reopen_logs()
    wait_until((logs_dir / "audit.jsonl").exists, what="a new audit log")
    wait_until((logs_dir / "service.log").exists, what="a new service log")
    for pool_path in ("/auth/login", "/users"):  # workers reopen one by one
        wait_until(lambda path=pool_path: reopened(rig, path, rotated), what="all workers")
    assert len(rig.audit().all()) > 0


def reopened(rig, path, rotated):
    """Whether a few calls in a row leave nothing in the old files."""
    sizes = [file.stat().st_size for file in rotated.values()]
    for _ in range(6):
        rig.nobody().post(path, json={})
    return sizes == [file.stat().st_size for file in rotated.values()]


# --- sockets ------------------------------------------------------------------------------------

def environment(rig, **more):
    return {**rig.stack.env, **more}


def test_a_second_service_on_the_same_sockets_refuses(rig, binary):
    done = subprocess.run([binary, "serve"], env=environment(rig), cwd=rig.folder, timeout=20,
                          capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "in use" in done.stderr
    assert rig.nobody("").get("/health").status_code == 200
    assert len(list(rig.stack.socket_dir.glob("*.sock"))) == len(POOLS)


LAUNCHER = """
import os, socket, sys
names, paths, command = sys.argv[1], sys.argv[2].split(":"), sys.argv[3:]
for number, path in enumerate(paths):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    os.dup2(listener.fileno(), 30 + number)
for number in range(len(paths)):
    os.dup2(30 + number, 3 + number)
    os.set_inheritable(3 + number, True)
    os.close(30 + number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(paths)), LISTEN_FDNAMES=names)
os.execv(command[0], command)
"""


def launch(rig, binary, names, folder, **more):
    """The service on sockets that were opened for it, as systemd does. In any order of names."""
    paths = ":".join(str(folder / f"{name}.sock") for name in names)
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, ":".join(names), paths, binary, "serve"],
        env=environment(rig, **more), cwd=rig.folder, start_new_session=True)


def end(process):
    process.terminate()
    try:
        return process.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def test_sockets_of_systemd(rig, binary, tmp_path):
    rig.service.stop()
    process = launch(rig, binary, ["files", "uploads", "directory", "core", "auth"], rig.stack.socket_dir,
                     SOCKET_DIR=str(tmp_path / "unused"))
    try:
        site = rig.nobody("")
        wait_until(lambda: site.get("/health").status_code == 200, what="the service")
        assert rig.api.get(USER).status_code == 200
        assert not list(tmp_path.glob("unused/*"))
    finally:
        status = end(process)
    assert status == 0
    assert len(list(rig.stack.socket_dir.glob("*.sock"))) == len(POOLS), "they are systemd's"


def test_sockets_that_systemd_meant_for_another_process(rig, binary):
    """LISTEN_PID names somebody else: the service makes its own."""
    rig.service.stop()
    process = subprocess.Popen([binary, "serve"], cwd=rig.folder, start_new_session=True,
                               env=environment(rig, LISTEN_PID="1", LISTEN_FDS="4",
                                               LISTEN_FDNAMES="core:auth:directory:files"))
    try:
        site = rig.nobody("")
        wait_until(lambda: site.get("/health").status_code == 200, what="the service")
    finally:
        assert end(process) == 0


def test_systemd_is_told(rig, binary, tmp_path):
    rig.service.stop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(15)
        process = subprocess.Popen([binary, "serve"], cwd=rig.folder, start_new_session=True,
                                   env=environment(rig, NOTIFY_SOCKET=str(tmp_path / "notify")))
        try:
            assert b"READY=1" in told.recv(4096)
            process.send_signal(signal.SIGHUP)
            assert b"RELOADING=1" in told.recv(4096)
            assert b"READY=1" in told.recv(4096)
        finally:
            assert end(process) == 0
        assert b"STOPPING=1" in told.recv(4096)


# --- crash loops --------------------------------------------------------------------------------

def test_workers_that_cannot_start_are_tried_ever_more_seldom(rig, binary, tmp_path):
    """Ten thousand forks a second would take the host with them."""
    log, path = tmp_path / "log", MASTERS_ALONE.format("$$")  # exec keeps the pid
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", f'AUDIT_LOG_PATH="{path}" exec "$0" serve', binary], cwd=tmp_path,
            stderr=output, start_new_session=True,
            env=environment(rig, STATE_DIR=str(tmp_path), SOCKET_DIR=str(tmp_path / "run")))
    try:
        wait_until(lambda: deaths(log) >= 12, what="the first deaths")
        time.sleep(3)  # the measure is a rate: nothing else can be waited for
        assert deaths(log) < 100
    finally:
        assert end(process) == 0


def deaths(log):
    return log.read_text(encoding="utf-8").count(f"ended by status {os.EX_CONFIG}")


# --- crowds -------------------------------------------------------------------------------------

def test_a_thousand_clients(rig):
    with Load(rig.stack.http_url, "/health", kept=CLIENTS, fresh=0) as load:
        load.wait_for(5 * CLIENTS, 60)
    assert_all_served(load)
    assert not rig.count_log("ended by")


def test_a_thousand_clients_through_a_reload(rig):
    with Load(rig.stack.http_url, "/health", kept=CLIENTS, fresh=0) as load:
        load.wait_for(CLIENTS, 60)
        rig.reload()
        load.wait_for(2 * CLIENTS, 60)
    assert_all_served(load)
