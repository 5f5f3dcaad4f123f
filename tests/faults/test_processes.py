"""Process failures and control: killed, reloaded, stopped and started twice; and the effects on
clients."""

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

POOLS = ("core", "auth", "overflow", "directory", "filters", "files", "uploads")
RELOADS = 20
CLIENTS = 1000
LDAPS_PORT = 636
USER = "/users/Administrator"

# A file that only the master can open: /proc/self is another process for each worker.
MASTER_ONLY = "/proc/self/task/{}/comm"


def create_loads(rig):
    """Returns loads on a multiplexing pool, and on a pool with one request per connection."""
    return (Load(rig.stack.http_url, "/health", kept=8, fresh=4),
            Load(rig.stack.http_url, USER, kept=3, fresh=1, headers=rig.bearer()))


def assert_all_served(*several):
    for load in several:
        assert set(load.statuses) == {200}, (load.statuses, load.bodies)


def are_replaced(rig, before, pool=""):
    """Returns True if all old workers have been replaced by as many new ones."""
    now = rig.service.workers(pool)
    return len(now) == len(before) and not set(now) & set(before)


# --- killed processes -----------------------------------------------------------------------------

def test_hashing_workers_have_lower_cpu_priority_and_own_unix_session(rig):
    """Core and similar pools run with higher priority and in another session than the workers
    that hash passwords."""
    quick = {(os.getsid(pid), os.getpriority(os.PRIO_PROCESS, pid))
             for pool in ("core", "directory", "files") for pid in rig.service.workers(pool)}
    slow = {(os.getsid(pid), os.getpriority(os.PRIO_PROCESS, pid))
            for pool in ("auth", "overflow") for pid in rig.service.workers(pool)}
    assert {nice for _, nice in quick} == {0} and {nice for _, nice in slow} == {10}
    assert not {sid for sid, _ in quick} & {sid for sid, _ in slow}


@pytest.mark.parametrize("pool, path, well", [("core", "/health", 200), ("directory", USER, 200),
                                              ("auth", "/auth/login", 405)])
def test_killed_workers_are_restarted(rig, pool, path, well):
    before = rig.service.workers(pool)
    with Load(rig.stack.http_url, path, kept=8, fresh=2, headers=rig.bearer()) as load:
        load.wait_for(50)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
            load.wait_for(20)
        wait_until(lambda: are_replaced(rig, before, pool), what="the workers to be restarted")
        load.wait_for(100)
        lost = load.total() - load.statuses[well]
        load.wait_for(300)
        assert load.total() - load.statuses[well] == lost, "requests were lost after the restart"
    assert set(load.statuses) <= {well, 502, 504}, load.statuses
    assert load.statuses[well] > 10 * lost
    for status, body in load.bodies.items():
        assert json.loads(body)["code"] == {405: "METHOD_NOT_ALLOWED", 502: "BAD_GATEWAY",
                                            504: "GATEWAY_TIMEOUT"}[status]


def test_service_survives_kill_of_all_workers(rig):
    before = rig.service.workers()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: are_replaced(rig, before), what="the workers to be restarted")
    assert rig.anonymous("").get("/health").status_code == 200
    assert rig.api.get(USER).status_code == 200
    assert rig.api.get("/auth/me").status_code == 200


def test_workers_exit_with_killed_master(rig):
    workers = rig.service.workers()
    os.kill(rig.service.pid, signal.SIGKILL)
    wait_until(lambda: not any(alive(pid) for pid in workers), what="the workers to exit")
    response = rig.anonymous("").get("/health")
    contract.check_error(response, 502, "BAD_GATEWAY")
    rig.service.start()  # the old socket files exist, but nobody listens on them
    assert rig.anonymous("").get("/health").status_code == 200


# --- reloads --------------------------------------------------------------------------------------

def test_reload_under_load_loses_no_request(rig):
    health, users = create_loads(rig)
    with health, users:
        health.wait_for(50)
        for _ in range(RELOADS):
            before = set(rig.service.workers())
            rig.reload()
            assert set(rig.service.workers()) - before
            health.wait_for(20)
            users.wait_for(5)
    assert_all_served(health, users)


def test_rapid_reloads_lose_no_request(rig):
    health, users = create_loads(rig)
    with health, users:
        health.wait_for(50)
        ready = rig.count_log("ready")
        for _ in range(RELOADS):
            rig.service.reload()
            time.sleep(0.02)
        wait_until(lambda: rig.count_log("ready") > ready, 20, "the last reload to finish")
        health.wait_for(200)
        users.wait_for(20)
    assert_all_served(health, users)


def test_workers_replaced_after_maximum_of_requests_lose_no_request(make_rig, directory):
    rig = make_rig(directory, WORKER_MAX_REQUESTS=150)
    before = set(rig.service.workers())
    health, users = create_loads(rig)
    with health, users:
        wait_until(lambda: not set(rig.service.workers("core")) & before, 30,
                   "core workers to be replaced")
        wait_until(lambda: not set(rig.service.workers("directory")) & before, 30,
                   "directory workers to be replaced")
        health.wait_for(1000)
    assert_all_served(health, users)


def test_old_workers_exit_after_new_workers_are_ready(rig):
    before = rig.service.workers()
    rig.reload()
    wait_until(lambda: not set(rig.service.workers()) & set(before), 15, "the old workers to exit")
    assert len(rig.service.workers()) == len(before)


def test_reload_applies_new_settings(rig):
    rig.set(APP_NAME="another name", CORE_WORKERS=3)
    rig.reload()
    wait_until(lambda: len(rig.service.workers("core")) == 3, what="the third worker to start")
    assert rig.anonymous("").get("/health").json()["service"] == "another name"


def hold_reload(rig):
    """Starts a reload that does not finish, because some of its workers are stopped before they
    are ready. Returns those workers, or None if the reload finished."""
    old, ready = set(rig.service.workers()), rig.count_log("ready")
    held = set()
    rig.service.reload()
    while not held:
        for pid in set(rig.service.workers()) - old - held:
            held.add(pid)
            signal_process(pid, signal.SIGSTOP)
    time.sleep(0.2)  # gives the reload time to finish if too few workers were stopped
    if rig.count_log("ready") == ready:
        return held
    for pid in held:
        signal_process(pid, signal.SIGCONT)
    return None


def signal_process(pid, number):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def test_worker_killed_during_reload_is_restarted_at_once(make_rig, directory):
    rig = make_rig(directory, FILES_WORKERS=16)
    held = wait_until(lambda: hold_reload(rig), 30, "a reload that does not finish")
    serving = [pid for pid in rig.service.workers("core") if pid not in held]
    for pid in serving:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(alive(pid) for pid in serving), what="the workers to end")
    assert rig.anonymous("").get("/health").status_code == 200  # served by the restarted worker
    ready = rig.count_log("ready")
    for pid in held:
        signal_process(pid, signal.SIGCONT)
    wait_until(lambda: rig.count_log("ready") > ready, what="the reload to finish")
    assert rig.anonymous("").get("/health").status_code == 200


def test_tokens_stay_valid_after_reload(rig):
    token = rig.api.token
    rig.reload()
    assert rig.anonymous().bearing(token).get("/auth/me").status_code == 200


@pytest.mark.parametrize("name, value", [("CORE_WORKERS", "many"), ("LDAP_TLS_CA_FILE", "/no/file"),
                                         ("APP_NAME", ""), ("LDAP_BIND_PASSWORD", ""),
                                         ("AUDIT_LOG_PATH", "/dev/null/audit.jsonl")])
def test_reload_with_invalid_setting_keeps_old_configuration(rig, name, value):
    workers = rig.service.workers()
    rig.set(**{name: value})
    rig.service.reload()
    wait_until(lambda: rig.count_log(name), what="the error to be logged")
    assert rig.service.workers() == workers
    assert rig.anonymous("").get("/health").json()["service"] == "kontora"
    assert rig.api.get(USER).status_code == 200


def test_reload_whose_workers_cannot_start_is_reverted(rig):
    workers = rig.service.workers()
    rig.set(AUDIT_LOG_PATH=MASTER_ONLY.format(rig.service.pid))
    rig.service.reload()
    wait_until(lambda: rig.count_log("new workers did not start"), what="the error to be logged")
    assert set(workers) <= set(rig.service.workers())
    assert_serves(rig)
    os.kill(workers[0], signal.SIGKILL)  # must be restarted with the old configuration
    wait_until(lambda: len(rig.service.workers()) == len(workers),
               what="the worker to be restarted")
    assert_serves(rig)
    rig.set(AUDIT_LOG_PATH=None)
    rig.reload()
    wait_until(lambda: not set(workers) & set(rig.service.workers()), 15, "the old workers to exit")
    assert_serves(rig)


def assert_serves(rig):
    assert rig.anonymous("").get("/health").status_code == 200
    assert rig.api.get(USER).status_code == 200
    assert rig.anonymous().post("/auth/login", json={}).status_code == 400  # writes an audit line


# --- stops ----------------------------------------------------------------------------------------

def test_stop_waits_for_slow_request(rig, breakable_directory):
    breakable_directory.freeze()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(rig.api.get, USER)
        wait_until(lambda: unread_bytes(breakable_directory.address, LDAPS_PORT),
                   what="the slow request to reach the directory")
        os.kill(rig.service.pid, signal.SIGTERM)
        wait_until(lambda: rig.count_log("stopping"), what="the stop to begin")
        assert rig.service.alive
        breakable_directory.thaw()
        assert slow.result().status_code == 200
    wait_until(lambda: not rig.service.alive, what="the service to stop")
    assert not list(rig.stack.socket_dir.glob("*.sock"))


def test_service_stopped_under_load_causes_only_responses_200_and_502(rig):
    health, users = create_loads(rig)
    with health, users:
        health.wait_for(100)
        os.kill(rig.service.pid, signal.SIGTERM)
        wait_until(lambda: not rig.service.alive, 15, "the service to stop")
        health.wait_for(20)
    assert set(health.statuses) <= {200, 502}, health.statuses
    assert set(users.statuses) <= {200, 502}, users.statuses
    assert json.loads(health.bodies[502])["code"] == "BAD_GATEWAY"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_leaves_no_processes_or_sockets(rig, number):
    workers = rig.service.workers()
    os.kill(rig.service.pid, number)
    wait_until(lambda: not rig.service.alive, what="the service to stop")
    assert not any(alive(pid) for pid in workers)
    assert not list(rig.stack.socket_dir.glob("*.sock"))


def test_ctrl_c_to_all_processes_stops_service_after_running_requests(rig):
    """A terminal signals the whole process group; workers ignore the signal and leave the stop
    to the master."""
    with Load(rig.stack.http_url, "/health") as load:
        load.wait_for(20)
        os.killpg(rig.service.pid, signal.SIGINT)
        wait_until(lambda: not rig.service.alive, 15, "the service to stop")
    assert set(load.statuses) <= {200, 502}


# --- logs -----------------------------------------------------------------------------------------

def test_all_processes_reopen_log_files_after_signal(make_rig):
    rig = make_rig(LOG_PATH="logs/service.log")
    logs_dir = rig.stack.logs_dir
    rig.anonymous().login(*rig.stack.administrator)
    rotated = {}
    for name in ("service.log", "audit.jsonl"):
        rotated[name] = logs_dir / f"{name}.1"
        (logs_dir / name).rename(rotated[name])
    rig.service.reopen_logs()
    wait_until((logs_dir / "audit.jsonl").exists, what="a new audit log")
    wait_until((logs_dir / "service.log").exists, what="a new service log")
    for pool_path in ("/auth/login", "/users"):  # workers reopen their logs one after the other
        wait_until(lambda path=pool_path: reopened(rig, path, rotated),
                   what="all workers to reopen their logs")
    assert len(rig.audit().all()) > 0


def reopened(rig, path, rotated):
    """Returns True if the service has reopened its logs: several calls write nothing to the rotated
    files."""
    sizes = [file.stat().st_size for file in rotated.values()]
    for _ in range(6):
        rig.anonymous().post(path, json={})
    return sizes == [file.stat().st_size for file in rotated.values()]


# --- sockets --------------------------------------------------------------------------------------

def environment(rig, **more):
    return {**rig.stack.env, **more}


def test_second_service_on_same_sockets_does_not_start(rig, binary):
    done = subprocess.run([binary, "serve"], env=environment(rig), cwd=rig.folder, timeout=20,
                          capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "in use" in done.stderr
    assert rig.anonymous("").get("/health").status_code == 200
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


def start_with_sockets(rig, binary, names, folder, **more):
    """Starts the service on sockets that were opened for it, as systemd does, in any order of
    names."""
    paths = ":".join(str(folder / f"{name}.sock") for name in names)
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, ":".join(names), paths, binary, "serve"],
        env=environment(rig, **more), cwd=rig.folder, start_new_session=True)


def stop_process(process):
    process.terminate()
    try:
        return process.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def test_sockets_passed_by_systemd_are_used(rig, binary, tmp_path):
    rig.service.stop()
    process = start_with_sockets(rig, binary, list(reversed(POOLS)), rig.stack.socket_dir,
                                 SOCKET_DIR=str(tmp_path / "unused"))
    try:
        site = rig.anonymous("")
        wait_until(lambda: site.get("/health").status_code == 200, what="the service to start")
        assert rig.api.get(USER).status_code == 200
        assert not list(tmp_path.glob("unused/*"))
    finally:
        status = stop_process(process)
    assert status == 0
    assert len(list(rig.stack.socket_dir.glob("*.sock"))) == len(POOLS), (
        "sockets of systemd must not be removed")


def test_sockets_passed_to_other_process_are_ignored(rig, binary):
    """LISTEN_PID names another process, so the service must open its own sockets."""
    rig.service.stop()
    process = subprocess.Popen([binary, "serve"], cwd=rig.folder, start_new_session=True,
                               env=environment(rig, LISTEN_PID="1", LISTEN_FDS="4",
                                               LISTEN_FDNAMES="core:auth:directory:files"))
    try:
        site = rig.anonymous("")
        wait_until(lambda: site.get("/health").status_code == 200, what="the service to start")
    finally:
        assert stop_process(process) == 0


def test_systemd_is_notified_of_state(rig, binary, tmp_path):
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
            assert stop_process(process) == 0
        assert b"STOPPING=1" in told.recv(4096)


# --- crash loops ----------------------------------------------------------------------------------

def test_workers_that_cannot_start_are_restarted_with_backoff(rig, binary, tmp_path):
    """Without backoff, thousands of forks per second would overload the host."""
    log, path = tmp_path / "log", MASTER_ONLY.format("$$")  # exec keeps the pid
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", f'AUDIT_LOG_PATH="{path}" exec "$0" serve', binary], cwd=tmp_path,
            stderr=output, start_new_session=True,
            env=environment(rig, STATE_DIR=str(tmp_path), SOCKET_DIR=str(tmp_path / "run")))
    try:
        wait_until(lambda: count_exits(log) >= 12, what="the first workers to exit")
        time.sleep(3)  # the test measures a rate, so it waits for a fixed time
        assert count_exits(log) < 100
    finally:
        assert stop_process(process) == 0


def count_exits(log):
    return log.read_text(encoding="utf-8").count(f"ended by status {os.EX_CONFIG}")


# --- many clients ---------------------------------------------------------------------------------

def test_1000_concurrent_clients_are_served(rig):
    with Load(rig.stack.http_url, "/health", kept=CLIENTS, fresh=0) as load:
        load.wait_for(5 * CLIENTS, 60)
    assert_all_served(load)
    assert not rig.count_log("ended by")


def test_1000_concurrent_clients_are_served_during_reload(rig):
    with Load(rig.stack.http_url, "/health", kept=CLIENTS, fresh=0) as load:
        load.wait_for(CLIENTS, 60)
        rig.reload()
        load.wait_for(2 * CLIENTS, 60)
    assert_all_served(load)
