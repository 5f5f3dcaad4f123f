"""Failures around files: aborting clients, killed workers, and full disks."""

import contextlib
import hashlib
import hmac
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import contract, files, metrics, wire
from support.accounts import Accounts
from support.client import Client
from support.files import TEXT, Disk, Spool
from support.processes import alive
from support.waiting import wait_until

DISK_KIB = 6 * 1024  # size of the small disk

UPLOADS = 200
WRITERS = 4
WORKERS = 16
KILLS = 12
HOUR_S = 3600


@pytest.fixture
def rig(make_rig):
    """Starts a stack without a directory."""
    return make_rig()


@pytest.fixture
def disk(rig):
    return Disk(rig.stack)


@pytest.fixture
def sql_rig(make_sql_rig):
    """Starts a stack on each engine in turn."""
    return make_sql_rig()


def kontora(rig, *arguments):
    """Runs a command; returns its output and its exit status."""
    done = subprocess.run([rig.stack.binary, *arguments], cwd=rig.folder, capture_output=True,
                          text=True, timeout=30, check=False,
                          env={**os.environ, **rig.stack.env})
    return done.stdout, done.returncode


def files_check(rig, *options):
    return kontora(rig, "files", "check", *options)


def age_leftovers(rig, disk):
    """Makes leftover rows and staged files look hours old, so that they are purged."""
    rig.database.run(f"UPDATE pending_objects SET since = since - {2 * HOUR_S * 1000}")
    for path in disk.staged():
        os.utime(path, (0, 0))


def has_no_leftovers(rig, disk, keys=()):
    return disk.staged() == [] and disk.keys() == set(keys) and rig.database.run(
        "SELECT * FROM pending_objects") == []


# --- aborting clients -----------------------------------------------------------------------------

def test_aborted_upload_leaves_no_rows_or_objects(sql_rig):
    rig, disk, spool = sql_rig, Disk(sql_rig.stack), Spool(sql_rig.stack)
    for sent in (10, 200, 50000, 100100):
        with files.begin(rig.api, sent=sent) as peer:
            if sent >= 50000:
                wait_until(spool.sizes, what="the body to reach the spool")
            peer.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: not spool.connections() and has_no_leftovers(rig, disk),
                   what="the upload to end")
        assert spool.sizes() == []
    assert files.listed(rig.api) == []


def test_stalled_upload_is_ended_by_nginx(rig, disk):
    rig.edit_nginx("files.conf", ("client_body_timeout 15s", "client_body_timeout 1s"))
    spool = Spool(rig.stack)
    with files.begin(rig.api) as peer:
        wait_until(spool.sizes, what="the body to reach the spool")
        with contextlib.suppress(ConnectionResetError):
            assert peer.recv(1) == b""
    wait_until(lambda: not spool.sizes() and has_no_leftovers(rig, disk), what="the upload to end")
    assert files.upload(rig.api)


@pytest.mark.parametrize("method, path", [("POST", "/files/upload/"), ("PUT", "/files/upload"),
                                          ("POST", "/files/upload")])
def test_body_of_already_refused_request_does_not_occupy_worker(make_rig, method, path):
    """The request is refused before its body arrives: it has no token, or no such call exists."""
    rig = make_rig(UPLOADS_WORKERS=1)
    request = wire.request(method, path, [("Content-Type", "multipart/form-data; boundary=b"),
                                          ("Content-Length", "1000000")]) + b"x"
    with wire.connect(rig.stack.http_url, rig.stack.ca_file) as peer:
        peer.sendall(request)
        assert re.match(rb"HTTP/1.1 40[145] ", peer.recv(100))
        assert files.upload(rig.api)


# --- killed workers -------------------------------------------------------------------------------

def is_busy(pid, disk):
    """Returns True if a worker has an upload in progress."""
    try:
        return any(os.readlink(each).startswith(str(disk.root))
                   for each in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:  # the worker exited or closed a file in the meantime
        return False


def test_killed_workers_lose_no_acknowledged_file(make_sql_rig):
    """Every file answered with 201 is complete; other files are only those whose worker was
    killed after the commit."""
    rig = make_sql_rig(UPLOADS_WORKERS=WORKERS)
    disk = Disk(rig.stack)
    made, failed, chance = {}, [], random.Random(7)
    over = threading.Event()

    def write(number):
        client = Client(rig.api.base_url, rig.api.ca_file, rig.api.token)
        for each in range(number, UPLOADS, WRITERS):
            content = f"{each} ".encode() * chance.choice([1, 1000, 50000])
            answer = files.send(client, content, f"{each}.txt")
            if answer.status_code == 201:
                made[answer.json()["filename"]] = content
            else:
                failed.append(each)

    def kill():
        kills = 0
        while kills < KILLS and not over.wait(chance.random() * 0.02):
            busy = [pid for pid in rig.service.workers("uploads") if is_busy(pid, disk)]
            if busy:
                with contextlib.suppress(ProcessLookupError):  # the worker has already exited
                    os.kill(chance.choice(busy), signal.SIGKILL)
                    kills += 1

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    killer = threading.Thread(target=kill)
    for thread in [*threads, killer]:
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    killer.join()
    assert len(made) > UPLOADS / 2 and failed, (len(made), len(failed))
    visible = {item["name"]: item for item in files.listed(rig.api, "?limit=1000")}
    assert set(made) <= set(visible)
    for name, item in visible.items():
        content = files.fetch(item["download_url"], rig.stack.ca_file).content
        assert hashlib.md5(content).hexdigest() == item["etag"], name
        assert name not in made or content == made[name]
    assert len(visible) - len(made) <= len(failed)
    age_leftovers(rig, disk)
    assert kontora(rig, "purge")[1] == 0
    assert has_no_leftovers(rig, disk, disk.keys())
    assert len(disk.keys()) == len(visible)
    assert files_check(rig) == ("0 wrong\n", 0)


def test_housekeeper_deletes_orphaned_objects(rig, disk):
    """The housekeeper deletes orphaned objects when it starts."""
    files.upload(rig.api)
    kept = disk.keys()
    key, young = "0" * 32, "1" * 32
    for each in (key, young):
        disk.put(each, b"x")
        rig.database.run(f"INSERT INTO pending_objects VALUES ('{each}', 0)")
    now = int(time.time() * 1000)
    rig.database.run(f"UPDATE pending_objects SET since = {now} WHERE object_key = '{young}'")
    staged = disk.root / "incoming" / ("2" * 32)
    staged.write_bytes(b"x")
    os.utime(staged, (0, 0))
    rig.reload()
    wait_until(lambda: disk.keys() == kept | {young} and not disk.staged(),
               what="the housekeeper to delete the leftovers")
    assert rig.database.run("SELECT object_key FROM pending_objects") == [(young,)]


@contextlib.contextmanager
def lock_table(table, url):
    """Locks a table on PostgreSQL, so that writers wait."""
    with subprocess.Popen(["psql", "-XAtq", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as session:
        session.stdin.write(f"BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE; SELECT 'locked';\n")
        session.stdin.flush()
        assert session.stdout.readline() == "locked\n"
        yield
        session.stdin.write("COMMIT;\n")


def test_upload_whose_object_was_purged_before_it_finished_is_refused(make_rig, postgres):
    """Simulates a suspended host: the worker stops while the housekeeper gives up its object."""
    rig = make_rig(database=postgres)
    disk = Disk(rig.stack)
    with ThreadPoolExecutor() as pool:
        with lock_table("files", rig.stack.env["DATABASE_URL"]):
            answer = pool.submit(files.send, rig.api)
            wait_until(disk.keys, what="the object to be stored")
            age_leftovers(rig, disk)
            assert "pending_objects 1" in kontora(rig, "purge")[0]
        contract.check_error(answer.result(), 503, "STORAGE_UNAVAILABLE")
    assert has_no_leftovers(rig, disk) and files.listed(rig.api) == []


def test_object_whose_deletion_failed_is_deleted_by_next_purge(rig, disk):
    """The file is deleted at once; its object is deleted later."""
    name = files.upload(rig.api)["filename"]
    [key] = disk.keys()
    folder, aside = disk.root / key[:2], disk.root / "aside"
    folder.rename(aside)
    folder.write_bytes(b"")
    assert rig.api.delete(f"/files/{name}").status_code == 200
    assert files.listed(rig.api) == []
    assert rig.database.run("SELECT object_key FROM pending_objects") == [(key,)]
    folder.unlink()
    aside.rename(folder)
    assert files_check(rig) == ("0 wrong\n", 0)  # deletion in progress
    age_leftovers(rig, disk)
    assert files_check(rig) == (f"orphan {key}\n1 wrong\n", 1)
    assert "pending_objects 1" in kontora(rig, "purge")[0]
    assert has_no_leftovers(rig, disk)


# --- kontora files check --------------------------------------------------------------------------

def test_files_check_command_finds_and_repairs_differences(rig, disk):
    made = [files.upload(rig.api, f"{number}\n".encode())["filename"] for number in range(4)]
    assert files_check(rig) == ("0 wrong\n", 0)
    key_of = dict(rig.database.run("SELECT name, object_key FROM files"))
    disk.remove(key_of[made[0]])
    disk.put(key_of[made[1]], b"much longer\n")
    orphan, under_way = "0" * 32, "f" * 32
    for key in (orphan, under_way):
        disk.put(key, b"x")
    now = int(time.time() * 1000)
    rig.database.run(f"INSERT INTO pending_objects VALUES ('{under_way}', {now})")
    report = sorted([f"lost {made[0]}", f"damaged {made[1]}: 12 bytes instead of 2",
                     f"orphan {orphan}"])
    said, status = files_check(rig)
    assert (sorted(said.splitlines()[:-1]), said.splitlines()[-1], status) == (report, "3 wrong", 1)
    said, status = files_check(rig, "--repair")
    assert (sorted(said.splitlines()[:-1]), status) == (report, 1)
    assert said.splitlines()[-1] == "3 wrong, 2 repaired"
    assert files.names(rig.api) == sorted(made[1:])
    assert disk.keys() == {key_of[name] for name in made[1:]} | {under_way}
    rig.api.delete(f"/files/{made[1]}")
    assert files_check(rig) == ("0 wrong\n", 0)


def test_files_repair_command_keeps_uploads_in_progress(rig, disk):
    kept, over = [], threading.Event()

    def write():
        client = Client(rig.api.base_url, rig.api.ca_file, rig.api.token)
        while not over.is_set():
            kept.append(files.upload(client)["filename"])
            gone = files.upload(client)["filename"]
            assert client.delete(f"/files/{gone}").status_code == 200

    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(write) for _ in range(3)]
        try:
            for _ in range(10):
                count = len(kept)
                kontora(rig, "files", "check", "--repair")
                wait_until(lambda count=count: len(kept) > count, what="another upload to succeed")
        finally:
            over.set()
        for writer in writers:
            writer.result()
    assert files.names(rig.api, "?limit=1000") == sorted(kept)
    assert files_check(rig) == ("0 wrong\n", 0) and has_no_leftovers(rig, disk, disk.keys())


def test_files_repair_command_refuses_empty_storage(rig, disk):
    made = files.upload(rig.api)["filename"]
    disk.remove(*disk.keys())
    said, status = files_check(rig, "--repair")
    assert (said, status) == (f"lost {made}\n", 69)
    assert files.names(rig.api) == [made]


def test_invalid_files_command_exits_with_usage_exit_status(rig):
    assert kontora(rig, "files")[1] == kontora(rig, "files", "mend")[1] == 2


# --- full or missing storage ----------------------------------------------------------------------

@pytest.fixture
def small_disk_rig(make_sql_rig, small_disk):
    """Starts a stack whose storage is on a small disk."""
    rig = make_sql_rig(STORAGE_URL=f"file:///{small_disk}/objects")
    disk = Disk(rig.stack)
    disk.root = small_disk / "objects"
    return rig, disk


def test_uploads_are_refused_on_full_disk_until_space_is_freed(small_disk_rig):
    rig, disk = small_disk_rig
    content = b"text" * 250000
    made = []
    while (answer := files.send(rig.api, content)).status_code == 201:
        made.append(answer.json()["filename"])
        assert len(made) < DISK_KIB
    contract.check_error(answer, 503, "STORAGE_FULL")
    assert made and has_no_leftovers(rig, disk, disk.keys()) and len(disk.keys()) == len(made)
    assert files.names(rig.api) == sorted(made)
    for name in made[:2]:
        assert rig.api.delete(f"/files/{name}").status_code == 200
    assert files.upload(rig.api, content)


def test_unavailable_storage_is_reported_until_it_recovers(rig, disk):
    made = files.upload(rig.api)
    storage = rig.anonymous("").get("/health/storage")
    assert storage.status_code == 200
    incoming = disk.root / "incoming"
    incoming.rmdir()
    incoming.write_bytes(b"")
    contract.check_error(files.send(rig.api), 503, "STORAGE_UNAVAILABLE")
    storage = rig.anonymous("").get("/health/storage")
    assert storage.status_code == 503
    assert storage.json()["message"] == "Object Storage недоступен"
    wait_until(lambda: rig.anonymous("").get("/health/ready").status_code == 503,
               what="the storage to be reported down")
    assert files.fetch(made["download_url"], rig.stack.ca_file).content == TEXT
    incoming.unlink()
    assert files.upload(rig.api)
    wait_until(lambda: rig.anonymous("").get("/health/ready").ok,
               what="the storage to be reported up")


def test_stored_objects_are_readable_by_nginx_and_service_only(make_rig):
    rig = make_rig(SOCKET_GROUP="www-data")
    disk = Disk(rig.stack)
    files.upload(rig.api)
    [path] = disk.root.glob("??/*")
    for place, mode in ((disk.root, 0o710), (path.parent, 0o710), (path, 0o640)):
        assert (place.group(), place.stat().st_mode & 0o777) == ("www-data", mode), place


# --- malware scan and quota -----------------------------------------------------------------------

SCANNER = """#!/bin/sh
# Looks for a word; says nothing of some files, and sleeps over others.
[ "$1" = --flag ] && [ $# = 2 ] && [ -z "$JWT_SECRET_KEY" ] || exit 7
grep -q INFECTED "$2" && exit 1
grep -q BROKEN "$2" && exit 2
grep -q SLOW "$2" && sleep 60
exit 0
"""


def test_uploads_are_scanned_for_malware(make_rig, tmp_path):
    scanner = tmp_path / "scanner"
    scanner.write_text(SCANNER)
    scanner.chmod(0o755)
    rig = make_rig(UPLOAD_SCAN_COMMAND=f"{scanner} --flag", UPLOAD_SCAN_TIMEOUT_S=1)
    disk = Disk(rig.stack)
    made = files.upload(rig.api)
    kept = disk.keys()
    contract.check_error(files.send(rig.api, b"INFECTED\n"), 400, "FILE_INFECTED")
    contract.check_error(files.send(rig.api, b"BROKEN\n"), 503, "SCAN_UNAVAILABLE")
    contract.check_error(files.send(rig.api, b"SLOW\n"), 503, "SCAN_UNAVAILABLE")
    assert files.names(rig.api) == [made["filename"]]
    assert has_no_leftovers(rig, disk, kept)
    asleep = subprocess.run(["pgrep", "-f", f"{scanner} --flag"], capture_output=True, check=False)
    assert not asleep.stdout
    rig.set(UPLOAD_SCAN_COMMAND="/nowhere/scanner")
    rig.reload()
    contract.check_error(files.send(rig.api), 503, "SCAN_UNAVAILABLE")


DEAF_TO_CHILDREN = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], ["kontora", "serve"])
"""


def test_scan_works_when_service_inherits_ignored_sigchld(rig, tmp_path):
    """A parent process that ignores SIGCHLD passes that on to the service."""
    scanner = tmp_path / "scanner"
    scanner.write_text("#!/bin/sh\nexit 1\n")
    scanner.chmod(0o755)
    rig.service.stop()
    with subprocess.Popen([sys.executable, "-c", DEAF_TO_CHILDREN, rig.stack.binary],
                          cwd=rig.folder, start_new_session=True,
                          env={**os.environ, **rig.stack.env,
                               "UPLOAD_SCAN_COMMAND": str(scanner)}) as service:
        try:
            wait_until(lambda: rig.anonymous("").get("/health").ok, what="the service to start")
            contract.check_error(files.send(rig.api), 400, "FILE_INFECTED")
        finally:
            service.terminate()


@pytest.fixture
def quota_rig(make_sql_rig):
    """Starts a stack where an organization may store one MiB."""
    return make_sql_rig(FILES_QUOTA_MIB=1)


def register_client(rig):
    """Registers an account; returns its client."""
    return Accounts(rig.anonymous()).register().client


def test_storage_quota_of_organization_is_enforced(quota_rig):
    rig, owner = quota_rig, register_client(quota_rig)
    disk = Disk(rig.stack)
    half = b"text" * (files.MIB // 8)
    one, two = files.upload(owner, half), files.upload(owner, half)
    contract.check_error(files.send(owner, b"x"), 409, "QUOTA_EXCEEDED")
    assert has_no_leftovers(rig, disk, disk.keys()) and len(disk.keys()) == 2
    assert kontora(rig, "recount") == ("0 wrong\n", 0)
    owner.delete(f"/files/{one['filename']}")
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(files.send(owner, half).status_code))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 409, 409, 409]
    assert files.upload(rig.api, half)  # another owner has a separate quota
    contract.check_error(files.send(rig.api, half * 3), 409, "QUOTA_EXCEEDED")
    assert two["filename"] in files.names(owner)
    assert kontora(rig, "recount") == ("0 wrong\n", 0)


def test_refused_upload_above_quota_leaves_no_rows_or_objects(quota_rig):
    rig, owner = quota_rig, register_client(quota_rig)
    disk = Disk(rig.stack)
    files.upload(owner, b"text" * (files.MIB // 8))
    kept = disk.keys()
    contract.check_error(files.send(owner, b"a" * files.LARGEST), 409, "QUOTA_EXCEEDED")
    wait_until(lambda: has_no_leftovers(rig, disk, kept), what="the upload to end")


def test_upload_that_filled_quota_can_be_repeated_with_idempotency_key(quota_rig):
    owner = register_client(quota_rig)
    key = {"Idempotency-Key": "full"}
    first, again = (files.send(owner, b"text" * (files.MIB // 4), headers=key) for _ in range(2))
    assert first.status_code == again.status_code == 201 and first.content == again.content
    contract.check_error(files.send(owner, b"x", headers={"Idempotency-Key": "x"}), 409,
                         "QUOTA_EXCEEDED")


# --- concurrent deletions ------------------------------------------------------------------------

def is_deleting(rig):
    """Returns the number of busy workers in the pool that deletes files."""
    return metrics.values(rig.anonymous(""))["kontora_pool_workers", "files", "busy"]


def deleted_flags(response):
    """Returns, for each name, True if the bulk delete reports it as deleted."""
    assert response.status_code == 200, response.text
    results = response.json()["results"]
    assert {each["code"] for each in results} <= {None, "NOT_FOUND"}
    assert all(each["deleted"] == (each["code"] is None) for each in results)
    assert response.json()["deleted"] == sum(each["deleted"] for each in results)
    return [each["deleted"] for each in results]


@pytest.mark.parametrize("at", range(3), ids=["first", "middle", "last"])
def test_bulk_delete_during_another_deletion_reports_each_file_name(sql_rig, at):
    """Another transaction deletes one of the files during the bulk delete."""
    owner = register_client(sql_rig)
    names = [files.upload(owner)["filename"] for _ in range(3)]
    with (sql_rig.database.holding(f"DELETE FROM files WHERE name = '{names[at]}'") as commit,
          ThreadPoolExecutor() as pool):
        answer = pool.submit(owner.post, "/files/bulk-delete", json={"names": names})
        wait_until(lambda: is_deleting(sql_rig) and sql_rig.database.has_lock_waiters(),
                   what="the bulk delete to wait")
        commit()
        response = answer.result()
    assert deleted_flags(response) == [number != at for number in range(3)]
    assert files.names(owner) == []


def test_concurrent_bulk_deletes_delete_each_file_once(sql_rig):
    """Runs bulk deletes in opposite orders together with deletes of single files."""
    owner, rounds = register_client(sql_rig), 6
    for _ in range(rounds):
        names = [files.upload(owner)["filename"] for _ in range(4)]
        calls = [lambda: deleted_flags(owner.post("/files/bulk-delete", json={"names": names})),
                 lambda: deleted_flags(owner.post("/files/bulk-delete",
                                                  json={"names": names[::-1]}))[::-1],
                 *(lambda number=number: delete_one(owner, names, number) for number in range(2))]
        with ThreadPoolExecutor(len(calls)) as pool:
            outcomes = [each.result() for each in [pool.submit(call) for call in calls]]
        assert [sum(each) for each in zip(*outcomes, strict=True)] == [1] * len(names), outcomes
        assert files.names(owner) == []


def delete_one(owner, names, number):
    """Deletes one of the files; returns, for each name, True if this call deleted it."""
    response = owner.delete(f"/files/{names[number]}")
    if response.status_code != 200:
        contract.check_error(response, 404, "NOT_FOUND")
    return [response.status_code == 200 and each == number for each in range(len(names))]


# --- concurrent uploads ---------------------------------------------------------------------------

def test_uploads_that_wait_for_free_worker_succeed(make_rig):
    """Starts more uploads than there are workers, and more than rate limits would allow one
    address; other calls must not be affected."""
    rig = make_rig(UPLOADS_WORKERS=2)
    peers = [files.begin(rig.api, sent=10) for _ in range(12)]
    body, _ = files.form(b"a" * 100000, "a.txt")
    assert rig.api.get("/files").ok and rig.anonymous("").get("/health").ok
    for peer in peers:
        peer.sendall(body[10:])
    for peer in peers:
        with peer:
            assert b" 201 " in peer.recv(100)
    assert len(files.names(rig.api)) == len(peers)
    assert all(map(alive, rig.service.workers("uploads")))


# --- clock set back -------------------------------------------------------------------------------

def signed_path(rig, name, expires):
    """Returns the path of a signed URL as the service would create it."""
    key = hmac.digest(rig.stack.env["SECRET_KEY"].encode(), b"kontora: addresses of files",
                      "sha256")
    signature = hmac.digest(key, f"{name}\n{expires}".encode(), "sha256").hex()
    return f"/files/{name}/content?expires={expires}&signature={signature}"


def test_download_url_signed_by_fast_clock_is_refused(make_rig):
    """After the clock is set back, the URL would be valid for longer than five minutes."""
    rig = make_rig()
    name = files.upload(Accounts(rig.anonymous()).register().client)["filename"]
    now, site = int(time.time()), rig.anonymous("")
    assert site.get(signed_path(rig, name, now + 290)).status_code == 200
    for ahead_s in (3600, 2 * 3600):
        contract.check_error(site.get(signed_path(rig, name, now + 300 + ahead_s)), 403,
                             "LINK_INVALID")
