"""Rate limits: a caller above a limit gets an error in the common format with Retry-After.

nginx counts addresses; the workers count authenticated users and organizations. Mallory exceeds
the limits, Vera does not.
"""

import contextlib
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from stack import addresses

from support import contract, files, logs, vault, wire
from support.accounts import Accounts
from support.people import tag
from support.sources import sent_from
from support.waiting import wait_until

RATE, BURST = 10, 20  # requests per second and burst of low_limit_rig
CROWD = 60
OFFICE = 150
LOGINS = 6


@pytest.fixture
def limited_rig(make_rig):
    return make_rig(rate_limits=True)


@pytest.fixture
def low_limit_rig(limited_rig):
    """Lowers the request limit so far that a test can exceed it."""
    limited_rig.edit_nginx("limits.conf", ("rate=100r/s", f"rate={RATE}r/s"),
                           ("burst=200", f"burst={BURST}"))
    return limited_rig


def send_concurrently(client, number, path="/health"):
    """Sends that many requests at the same time; returns the responses."""
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(lambda _: client.at(client.base_url).get(path), range(number)))


def test_requests_above_rate_limit_of_address_are_refused(low_limit_rig):
    site = low_limit_rig.anonymous("")
    site.get("/health")  # the client reads the OpenAPI document once
    began = time.monotonic()
    answers = send_concurrently(site, CROWD)
    took_s = time.monotonic() - began
    served = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(served) + len(refused) == CROWD
    assert BURST - 1 <= len(served) <= BURST + 1 + RATE * took_s
    assert refused
    for answer in refused:
        contract.check_error(answer, 429, "TOO_MANY_REQUESTS")
        assert int(answer.headers["Retry-After"]) == 1
    time.sleep(1)
    assert site.get("/health").status_code == 200, "must be served after Retry-After"


def test_many_users_behind_one_address_are_served(limited_rig):
    answers = send_concurrently(limited_rig.anonymous(""), OFFICE)
    assert {answer.status_code for answer in answers} == {200}


def test_requests_within_burst_are_not_delayed(low_limit_rig):
    client = low_limit_rig.anonymous("")
    client.get("/health")
    began = time.monotonic()
    answers = [client.get("/health") for _ in range(BURST - 2)]
    assert {answer.status_code for answer in answers} == {200}
    assert time.monotonic() - began < (BURST - 2) / RATE - 0.3


def test_rate_limit_message_is_in_default_language(low_limit_rig):
    answers = send_concurrently(low_limit_rig.anonymous(""), CROWD)
    russian = next(answer for answer in answers if answer.status_code == 429)
    assert contract.CYRILLIC.search(russian.json()["error"])


def send_wrong_login(client, path="/auth/login", **arguments):
    return client.post(path, json={"username": "nobody", "password": "wrong"}, **arguments)


@pytest.mark.parametrize("path", ["/auth/login", "/api/v1/auth/login"])
def test_logins_are_limited_by_address(limited_rig, path):
    client = limited_rig.anonymous("")
    for _ in range(LOGINS):
        contract.check_error(send_wrong_login(client, path), 401, "INVALID_CREDENTIALS")
    answer = send_wrong_login(client, path)
    contract.check_error(answer, 429, "TOO_MANY_REQUESTS")
    assert int(answer.headers["Retry-After"]) == 12
    assert client.get("/health").status_code == 200, "other calls must not be limited"


def test_login_limit_applies_to_every_spelling_of_path(limited_rig):
    client = limited_rig.anonymous("")
    answers = [send_wrong_login(client, path) for path in
               ("/auth/login", "/api/v1/auth/login", "/auth/%6cogin", "/%61uth/login") * 4]
    tried = [answer for answer in answers if answer.status_code == 401]
    assert len(tried) <= LOGINS, [answer.status_code for answer in answers]


def test_login_refused_by_rate_of_all_requests_waits_for_that_rate(limited_rig):
    limited_rig.edit_nginx("limits.conf", ("rate=100r/s", "rate=1r/s"))
    limited_rig.edit_nginx("surface-main.conf",
                           ("zone=requests burst=200", "zone=requests burst=1"),
                           ("zone=logins burst=5", "zone=logins burst=100"))
    client = limited_rig.anonymous("")
    with ThreadPoolExecutor(LOGINS) as pool:
        answers = list(pool.map(lambda _: send_wrong_login(client.at(client.base_url)),
                                range(2 * LOGINS)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused and {answer.headers["Retry-After"] for answer in refused} == {"1"}


def test_login_refused_by_rate_limit_does_not_check_password(limited_rig):
    client = limited_rig.anonymous("")
    for _ in range(LOGINS):
        send_wrong_login(client)
    answer = client.post("/auth/login", json=dict(zip(("username", "password"),
                                                      limited_rig.stack.administrator)))
    assert answer.status_code == 429
    limited_rig.audit().none_of(answer)


@pytest.mark.parametrize("path", ["register", "change-password", "%72egister"])
def test_calls_that_hash_passwords_share_login_limit(limited_rig, path):
    client = limited_rig.anonymous("")
    for _ in range(LOGINS):
        assert client.post(f"/auth/{path}", json={}).status_code in (400, 401, 404)
    answer = client.post(f"/auth/{path}", json={})
    contract.check_error(answer, 429, "TOO_MANY_REQUESTS")
    assert int(answer.headers["Retry-After"]) == 12
    contract.check_error(send_wrong_login(client), 429, "TOO_MANY_REQUESTS")


def test_auth_calls_without_password_do_not_share_login_limit(limited_rig):
    client = limited_rig.api.at(limited_rig.stack.https_url)
    for _ in range(4 * LOGINS):
        assert client.get("/auth/me").status_code == 200


# --- IPv6 networks --------------------------------------------------------------------------------

@pytest.fixture
def proxied_rig(limited_rig):
    """Configures a trusted proxy header, so that a test can use any client address."""
    limited_rig.edit_nginx("site.conf", ("access_log ", "set_real_ip_from 127.0.0.1;\n"
                                         "real_ip_header X-Forwarded-For;\naccess_log "))
    return limited_rig


def login_from(rig, address):
    """Sends a login with a new name from an address; returns the status."""
    return rig.anonymous("").post("/auth/login", json={"username": tag(), "password": "wrong"},
                                  headers={"X-Forwarded-For": address}).status_code


@pytest.mark.parametrize("of_mallory, of_vera", [
    ("2001:db8:bad:1::{:x}", "2001:db8:bad:2::1"),
    ("2001:DB8:0bad:0001:0:0:{:x}:1", "2001:db8:bad::1"),
    ("::{:x}", "0:0:0:1::1"),
    ("fe80::{:x}", "fe80:0:0:1::1")])
def test_ipv6_addresses_are_rate_limited_by_64_bit_network(proxied_rig, of_mallory, of_vera):
    tried = [login_from(proxied_rig, of_mallory.format(number)) for number in range(1, LOGINS + 4)]
    assert tried == [401] * LOGINS + [429] * 3
    assert login_from(proxied_rig, of_vera) == 401


def test_each_ipv4_address_is_counted_alone_in_every_spelling(proxied_rig):
    spellings = ["192.0.2.7", "::ffff:192.0.2.7", "::ffff:c000:207"]
    tried = [login_from(proxied_rig, spellings[number % 3]) for number in range(LOGINS + 3)]
    assert tried == [401] * LOGINS + [429] * 3
    assert login_from(proxied_rig, "192.0.2.8") == 401
    assert login_from(proxied_rig, "::ffff:192.0.2.9") == 401


# --- users and organizations ----------------------------------------------------------------------

PER_S = 2
TOKENS = 4 * PER_S  # the bucket holds four seconds' worth of requests


@pytest.fixture
def make_counted(make_sql_rig):
    """Returns a function that starts a stack whose workers have rate limits and whose nginx has
    none, because Mallory can use any number of addresses."""
    def make(**settings):
        rig = make_sql_rig(rate_limits=True, **settings)
        rig.edit_nginx("site.conf",
                       ("$rate_limits { default on; }", "$rate_limits { default off; }"))
        return rig
    return make


def send_many(client, number=TOKENS + 6, path="/auth/me", **arguments):
    return [client.get(path, **arguments) for _ in range(number)]


def assert_refused_until(client, answer, path="/auth/me"):
    """Asserts that Retry-After is correct."""
    contract.check_error(answer, 429, "TOO_MANY_REQUESTS")
    time.sleep(int(answer.headers["Retry-After"]))
    assert client.get(path).status_code == 200


def test_user_above_rate_limit_is_refused_without_affecting_others(make_counted):
    rig = make_counted(RATE_SUBJECT_PER_S=PER_S)
    accounts = Accounts(rig.anonymous())
    mallory, vera = accounts.register(), accounts.register()
    answers = send_many(mallory.client)
    assert [answer.status_code for answer in answers[:TOKENS]] == [200] * TOKENS
    assert answers[-1].status_code == 429
    assert vera.client.get("/auth/me").status_code == 200
    assert rig.anonymous("").get("/health").status_code == 200
    assert int(answers[-1].headers["Retry-After"]) == 1
    assert_refused_until(mallory.client, answers[-1])


def test_rate_limit_of_user_spans_sessions_and_workers(make_counted):
    rig = make_counted(RATE_SUBJECT_PER_S=PER_S)
    accounts = Accounts(rig.anonymous())
    mallory = accounts.register()
    other = rig.anonymous().bearing(accounts.log_in(mallory)["access_token"])
    clients = [client.at(client.base_url) for client in (mallory.client, other) for _ in range(8)]
    paths = ["/auth/me", "/organizations", "/contacts?search=x", "/files"]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda client: [client.get(path) for path in paths], clients))
    served = [answer for row in answers for answer in row if answer.status_code == 200]
    assert TOKENS <= len(served) <= TOKENS + 4 * PER_S


def test_request_with_forged_token_is_not_counted_for_its_user(make_counted):
    rig = make_counted(RATE_SUBJECT_PER_S=PER_S)
    vera = Accounts(rig.anonymous()).register()
    claims = jwt.decode(vera.tokens["access_token"], options={"verify_signature": False})
    forged = jwt.encode(claims, "mallory-does-not-know-the-key-of-it", "HS256")
    answers = send_many(rig.anonymous().bearing(forged), 4 * TOKENS)
    assert {answer.status_code for answer in answers} == {401}
    assert vera.client.get("/auth/me").status_code == 200


@pytest.mark.parametrize("access", ["authenticated", "open"])
def test_token_calls_count_against_rate_limit_of_caller(make_counted, access):
    rig = make_counted(RATE_SUBJECT_PER_S=PER_S, TOKENS_ACCESS=access)
    accounts = Accounts(rig.anonymous())
    mallory, vera = (rig.anonymous("").bearing(accounts.register().tokens["access_token"])
                     for _ in range(2))
    answers = [mallory.post("/app/token") for _ in range(CROWD)]
    assert [answer.status_code for answer in answers[:TOKENS]] == [200] * TOKENS
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) > CROWD // 2
    contract.check_error(refused[-1], 429, "TOO_MANY_REQUESTS")
    issued = sum(answer.status_code == 200 for answer in answers)
    assert rig.database.run("SELECT count(*) FROM tokens") == [(str(issued),)]
    assert mallory.delete("/app/clear/all/tokens").status_code in (200, 429)
    assert vera.post("/app/token").status_code == 200
    if access == "open":
        assert {rig.anonymous("").post("/app/token").status_code for _ in range(CROWD)} == {200}


@pytest.mark.parametrize("by", ["refresh token", "access token"])
def test_refreshes_count_against_rate_limit_of_caller(make_counted, by):
    """Refreshes with an idempotency key also count, although responses with tokens are not
    stored."""
    rig = make_counted(RATE_SUBJECT_PER_S=PER_S)
    accounts = Accounts(rig.anonymous())
    mallory, vera = accounts.register(), accounts.register()
    body = {"json": {"refresh_token": mallory.tokens["refresh_token"]}} if by[0] == "r" else {}
    client = rig.anonymous() if body else mallory.client
    answers = [client.post("/auth/refresh", headers={"Idempotency-Key": "k"}, **body)
               for _ in range(TOKENS + 6)]
    assert [answer.status_code for answer in answers[:TOKENS]] == [200] * TOKENS
    contract.check_error(answers[-1], 429, "TOO_MANY_REQUESTS")
    assert mallory.client.get("/auth/me").status_code == 429, "all calls of a user share one count"
    assert vera.client.post("/auth/refresh").status_code == 200
    assert rig.database.run("SELECT count(*) FROM idempotency_keys") == [("0",)]
    assert rig.audit().one_of(answers[-1])["status"] == "failure"


def test_organization_above_rate_limit_is_refused_without_affecting_others(make_counted):
    rig = make_counted(RATE_ORGANIZATION_PER_S=PER_S)
    accounts = Accounts(rig.anonymous())
    mallory, helper, vera = (accounts.register() for _ in range(3))
    rig.database.run(f"INSERT INTO members (organization_id, account_id, role, created_at)"
                     f" VALUES ({mallory.organization}, {helper.id}, 'SALES', 1)")
    theirs = {"X-Organization-ID": str(mallory.organization)}
    answers = []
    for _ in range(TOKENS):
        answers += send_many(mallory.client, 1, "/contacts")
        answers += send_many(helper.client, 1, "/contacts", headers=theirs)
    assert [answer.status_code for answer in answers[:TOKENS]] == [200] * TOKENS
    contract.check_error(answers[-1], 429, "TOO_MANY_REQUESTS")
    assert helper.client.get("/contacts").status_code == 200, (
        "must be served in another organization")
    assert vera.client.get("/contacts").status_code == 200


def test_request_of_non_member_is_not_counted_for_organization(make_counted):
    rig = make_counted(RATE_ORGANIZATION_PER_S=PER_S)
    accounts = Accounts(rig.anonymous())
    mallory, vera = accounts.register(), accounts.register()
    hers = {"X-Organization-ID": str(vera.organization)}
    answers = send_many(mallory.client, 3 * TOKENS, "/contacts", headers=hers)
    assert {answer.status_code for answer in answers} == {404}
    assert vera.client.get("/contacts").status_code == 200


def test_rate_counts_survive_killed_workers(make_counted):
    rig = make_counted(RATE_SUBJECT_PER_S=1)
    mallory = Accounts(rig.anonymous()).register()
    send_many(mallory.client, 8)
    old = rig.service.workers("core")
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(set(rig.service.workers("core")) - set(old)) == len(old),
               what="the workers to be restarted")
    answers = send_many(mallory.client, 6)
    assert 429 in {answer.status_code for answer in answers}


def test_rate_limits_off_disables_limits_of_workers(make_rig):
    rig = make_rig(RATE_SUBJECT_PER_S=1, UPLOADS_SUBJECT_PER_MINUTE=1)
    assert {answer.status_code for answer in send_many(rig.api, 20)} == {200}
    for _ in range(3):
        files.upload(rig.api)


def test_request_refused_by_rate_limit_changes_nothing_and_is_audited(make_counted):
    rig = make_counted(RATE_SUBJECT_PER_S=1)
    mallory = Accounts(rig.anonymous()).register()
    send_many(mallory.client, 8)
    answer = mallory.client.post("/contacts", json={"name": "Too often"})
    contract.check_error(answer, 429, "TOO_MANY_REQUESTS")
    assert rig.database.run("SELECT count(*) FROM contacts") == [("0",)]
    assert rig.audit().one_of(answer)["status"] == "failure"


# --- uploads --------------------------------------------------------------------------------------

UPLOADS_AT_ONCE = 2
AT_ONCE = 2


def test_burst_of_uploads_from_one_address_is_accepted(limited_rig):
    """Allows a burst of thirty from one address, and then one per second."""
    answers = [files.send(limited_rig.api, b"a") for _ in range(25)]
    assert {answer.status_code for answer in answers} == {201}


def test_upload_rate_is_limited_by_address(limited_rig):
    limited_rig.edit_nginx("files.conf", ("zone=uploads burst=29", "zone=uploads burst=4"))
    limited_rig.edit_nginx("limits.conf", ("rate=60r/m", "rate=5r/m"))
    client, content = limited_rig.api, b"a"
    for _ in range(5):
        files.upload(client, content)
    contract.check_error(files.send(client, content), 429, "TOO_MANY_REQUESTS")
    assert client.get("/files").status_code == 200, "other calls must not be limited"


def test_concurrent_uploads_are_limited_by_address(limited_rig):
    """One address cannot fill the spool with slow uploads, even of different users."""
    limited_rig.edit_nginx("files.conf",
                           ("limit_conn uploading 10;", f"limit_conn uploading {UPLOADS_AT_ONCE};"))
    client = limited_rig.api
    slow = [files.begin(client) for _ in range(UPLOADS_AT_ONCE)]
    answer = files.send(client)
    contract.check_error(answer, 429, "TOO_MANY_REQUESTS")
    assert int(answer.headers["Retry-After"]) >= 1
    assert client.get("/files").status_code == 200, "other calls must not be limited"
    for peer in slow:
        peer.close()
    wait_until(lambda: files.send(client).status_code == 201, what="an upload to be accepted again")


def test_user_above_upload_rate_is_refused_without_affecting_others(make_counted):
    rig = make_counted(UPLOADS_SUBJECT_PER_MINUTE=3)
    accounts = Accounts(rig.anonymous())
    mallory, vera = accounts.register(), accounts.register()
    for _ in range(3):
        files.upload(mallory.client)
    answer = files.send(mallory.client)
    contract.check_error(answer, 429, "TOO_MANY_REQUESTS")
    assert 15 <= int(answer.headers["Retry-After"]) <= 20
    assert mallory.client.get("/files").status_code == 200
    files.upload(vera.client)


def test_organization_above_upload_rate_is_refused_without_affecting_others(make_counted):
    rig = make_counted(UPLOADS_ORGANIZATION_PER_MINUTE=3)
    accounts = Accounts(rig.anonymous())
    mallory, helper, vera = (accounts.register() for _ in range(3))
    rig.database.run(f"INSERT INTO members (organization_id, account_id, role, created_at)"
                     f" VALUES ({mallory.organization}, {helper.id}, 'SALES', 1)")
    theirs = {"X-Organization-ID": str(mallory.organization)}
    for _ in range(3):
        files.upload(mallory.client)
    contract.check_error(files.send(helper.client, headers=theirs), 429, "TOO_MANY_REQUESTS")
    files.upload(helper.client)
    files.upload(vera.client)


SCANNER = """#!/bin/sh
# Holds the worker of a slow upload until the test lets it go on.
grep -q SLOW "$1" || exit 0
echo x >>{folder}/begun
while ! [ -e {folder}/go ]; do sleep 0.1; done
"""


@pytest.fixture
def make_scanner_rig(make_counted, tmp_path):
    """Returns a function that starts a stack in which an upload of SLOW occupies a worker until
    the test ends."""
    scanner = tmp_path / "scanner"
    scanner.write_text(SCANNER.format(folder=tmp_path))
    scanner.chmod(0o755)
    yield lambda **settings: make_counted(UPLOAD_SCAN_COMMAND=scanner, UPLOAD_SCAN_TIMEOUT_S=60,
                                          UPLOADS_WORKERS=4, **settings)
    (tmp_path / "go").touch()


@contextlib.contextmanager
def slow_uploads(tmp_path, client, count):
    """Makes uploads that occupy workers; yields futures of their responses."""
    begun = tmp_path / "begun"
    before = len(begun.read_text()) if begun.exists() else 0
    with ThreadPoolExecutor(count) as pool:
        answers = [pool.submit(lambda: files.send(client.at(client.base_url), b"SLOW\n"))
                   for _ in range(count)]
        wait_until(lambda: begun.exists() and len(begun.read_text()) == before + 2 * count,
                   what="the slow uploads to reach workers")
        try:
            yield answers
        finally:
            (tmp_path / "go").touch()


def test_concurrent_uploads_are_limited_by_user(make_scanner_rig, tmp_path):
    rig = make_scanner_rig(UPLOADS_SUBJECT_AT_ONCE=AT_ONCE)
    accounts = Accounts(rig.anonymous())
    mallory, vera = accounts.register(), accounts.register()
    with slow_uploads(tmp_path, mallory.client, AT_ONCE) as slow:
        answer = files.send(mallory.client)
        contract.check_error(answer, 429, "TOO_MANY_REQUESTS")
        assert int(answer.headers["Retry-After"]) >= 1
        files.upload(vera.client)
    assert [answer.result().status_code for answer in slow] == [201] * AT_ONCE
    files.upload(mallory.client)


def test_concurrent_uploads_are_limited_by_organization(make_scanner_rig, tmp_path):
    rig = make_scanner_rig(UPLOADS_ORGANIZATION_AT_ONCE=AT_ONCE)
    accounts = Accounts(rig.anonymous())
    mallory, vera = accounts.register(), accounts.register()
    with slow_uploads(tmp_path, mallory.client, AT_ONCE):
        contract.check_error(files.send(mallory.client), 429, "TOO_MANY_REQUESTS")
        files.upload(vera.client)


def test_failed_upload_is_no_longer_counted_as_concurrent(make_counted):
    rig = make_counted(UPLOADS_SUBJECT_AT_ONCE=1, UPLOADS_ORGANIZATION_AT_ONCE=1)
    mallory = Accounts(rig.anonymous()).register()
    for _ in range(rig.settings["FILES_WORKERS"]):
        contract.check_error(files.send(mallory.client, b"\x7fELF", "a.exe"), 400,
                             "FILE_TYPE_NOT_ALLOWED")
        assert mallory.client.post("/files/upload", json={}).status_code == 415
    files.upload(mallory.client)


def test_upload_of_a_killed_worker_is_no_longer_counted_as_concurrent(make_scanner_rig, tmp_path):
    rig = make_scanner_rig(UPLOADS_SUBJECT_AT_ONCE=AT_ONCE)
    mallory = Accounts(rig.anonymous()).register()
    with slow_uploads(tmp_path, mallory.client, AT_ONCE):
        contract.check_error(files.send(mallory.client), 429, "TOO_MANY_REQUESTS")
        for pid in rig.service.workers():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: files.send(mallory.client).status_code == 201,
                   what="an upload to be accepted again")


# --- login storm ----------------------------------------------------------------------------------

STORM = 16
ROUNDS = 3
QUEUE_MS = 2000
EARLY_S = QUEUE_MS / 1000 / 2
PROMPT_S = 5  # generous, because the clients of the storm use the same processors
SLOW_HASH = {"BCRYPT_COST": 12, "AUTH_WORKERS": 1,
             "LOGIN_QUEUE_MS": QUEUE_MS}  # a hash takes 0.25 s


@contextlib.contextmanager
def storm_of_logins(rig):
    """Runs clients from many networks that keep logging in; yields their responses."""
    answers, over = [], threading.Event()

    def attack(number):
        stranger = sent_from(rig, f"127.1.{number}.1")
        while not over.is_set():
            answers.append(stranger.post("/auth/login",
                                         json={"username": tag(), "password": "wrong"}))

    with ThreadPoolExecutor(STORM) as pool:
        storm = [pool.submit(attack, number) for number in range(STORM)]
        try:
            wait_until(lambda: any(each.status_code == 503 for each in answers), 20,
                       "the login queue to be full")
            yield answers
        finally:
            over.set()
    for each in storm:
        each.result()


def log_in(client, person):
    return client.post("/auth/login", json={"username": person.email, "password": person.password})


def seconds_of_logins(rig, status, number):
    """Returns the durations that nginx logged for logins with that status, once there are
    `number`."""
    def find():
        lines = logs.lines(rig.stack.logs_dir / "nginx-access.log")
        found = [line["seconds"] for line in lines
                 if line["path"].endswith("/auth/login") and line["status"] == status]
        return found if len(found) >= number else None

    return wait_until(find, what="nginx to log the logins")


def queued_us_of_logins(rig, status, number):
    """Returns how long the logins with that status were queued, once `number` are logged: a worker
    writes the line after the response."""
    def find():
        found = [line.get("queue_us", 0) for line in rig.log()
                 if line.get("route") == "/api/v1/auth/login" and line["status"] == status]
        return found if len(found) >= number else None

    return wait_until(find, what="the service to log the logins")


def test_login_beyond_queue_limit_is_refused_early(make_rig):
    rig = make_rig(**SLOW_HASH)
    with storm_of_logins(rig) as answers:
        wait_until(lambda: sum(each.status_code == 503 for each in answers) > 5 * STORM, 20,
                   "logins to be refused")
    assert {answer.status_code for answer in answers} == {401, 503}
    refused = [answer for answer in answers if answer.status_code == 503]
    for answer in refused:
        contract.check_error(answer, 503, "SERVICE_UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) == QUEUE_MS / 1000
    seconds = sorted(seconds_of_logins(rig, 503, len(refused)))
    # A few may wait longer, because the limit of the queue is an estimate.
    assert seconds[len(seconds) * 9 // 10] < EARLY_S
    waited = queued_us_of_logins(rig, 401, len(answers) - len(refused))
    assert max(waited) <= QUEUE_MS * 1000, "a request was hashed after LOGIN_QUEUE_MS"
    assert rig.anonymous().post("/auth/login", json={"username": tag(), "password": "wrong"}
                                ).status_code == 401


def test_login_storm_does_not_delay_authenticated_users(make_sql_rig):
    """Authenticated calls, and logins from networks known for the user, are served promptly."""
    rig = make_sql_rig(**SLOW_HASH)
    vera = Accounts(rig.anonymous()).register()
    assert log_in(vera.client, vera).status_code == 200
    rig.anonymous().login(*rig.stack.administrator)
    elsewhere = sent_from(rig, "127.2.0.1")
    with storm_of_logins(rig):
        for _ in range(ROUNDS):
            began = time.monotonic()
            assert vera.client.get("/auth/me").status_code == 200
            assert vera.client.post("/auth/refresh").status_code == 200
            assert time.monotonic() - began < PROMPT_S
            assert log_in(vera.client, vera).status_code == 200
            rig.anonymous().login(*rig.stack.administrator)
        wait_until(lambda: log_in(elsewhere, vera).status_code == 503,
                   what="a login from an unknown network to be refused")
    assert log_in(elsewhere, vera).status_code == 200
    pools = {line["pool"] for line in rig.log() if line.get("route") == "/api/v1/auth/login"}
    assert pools == {"auth", "overflow"}, "a pool of normal priority must not hash passwords"


def test_killed_auth_workers_free_their_place_in_login_queue(make_rig):
    """Killed workers of `auth` and of `overflow` are replaced, and logins succeed again."""
    rig = make_rig(**SLOW_HASH)
    vera = Accounts(rig.anonymous()).register()
    assert log_in(vera.client, vera).status_code == 200
    with storm_of_logins(rig):
        with ThreadPoolExecutor(ROUNDS) as pool:
            logins = [pool.submit(log_in, vera.client.as_anonymous(), vera) for _ in range(ROUNDS)]
            for pid in rig.service.workers("auth") + rig.service.workers("overflow"):
                os.kill(pid, signal.SIGKILL)
            assert {login.result().status_code for login in logins} <= {200, 502, 503}
        wait_until(lambda: log_in(vera.client, vera).status_code == 200, what="a login to succeed")


# --- connections ----------------------------------------------------------------------------------

HALF_SENT = 10100
HEADER_TIMEOUT_S = 5


def send_half_headers(port, number):
    """Opens connections that each sent half a header, from several addresses, because the ports
    of one do not suffice."""
    peers = []
    for place in range(number):
        peer = socket.socket()
        peer.settimeout(5)
        peer.bind((f"127.0.{place // 2000 + 1}.1", 0))
        peer.connect((addresses.LOCALHOST, port))
        peer.send(b"GET /health HTTP/1.1\r\nHost: loc")
        peers.append(peer)
    return peers


def is_closed(peer):
    try:
        return peer.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_requests_with_incomplete_headers_do_not_block_other_clients(limited_rig):
    port = limited_rig.stack.ports.http
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(peer) for peer in send_half_headers(port, HALF_SENT)]
        last = time.monotonic()
        for _ in range(5):
            site = limited_rig.anonymous("").at(limited_rig.stack.http_url)
            assert site.get("/health").status_code == 200
        time.sleep(max(0, last + HEADER_TIMEOUT_S + 2 - time.monotonic()))
        assert all(is_closed(peer) for peer in peers[::100])


def test_number_of_connections_is_limited_by_address(limited_rig):
    limited_rig.edit_nginx("limits.conf",
                           ("limit_conn connections 500;", "limit_conn connections 3;"))
    limited_rig.edit_nginx("fastcgi.conf",
                           ("fastcgi_read_timeout    30s;", "fastcgi_read_timeout    5s;"))
    limited_rig.service.freeze()
    try:
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: limited_rig.anonymous("").get("/health"), range(6)))
    finally:
        limited_rig.service.thaw()
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[:3] == [429] * 3, statuses


def test_number_of_bodies_in_transfer_is_limited_by_address(limited_rig):
    """Incomplete bodies are stored on disk. Requests without a body are not counted."""
    limited_rig.edit_nginx("limits.conf", ("limit_conn sending 50;", "limit_conn sending 2;"))
    site = limited_rig.anonymous("")
    head = wire.request("POST", "/api/v1/auth/login", [
        ("Host", "localhost"), ("Content-Type", "application/json"), ("Content-Length", "1000")])
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            peer = stack.enter_context(wire.connect(site.base_url, site.ca_file))
            peer.sendall(head + b"{")
        wait_until(lambda: site.post("/app/token").status_code == 429,
                   what="a request to be refused")
        contract.check_error(site.post("/app/token"), 429, "TOO_MANY_REQUESTS")
        login = send_wrong_login(site)
        contract.check_error(login, 429, "TOO_MANY_REQUESTS")
        assert int(login.headers["Retry-After"]) == 1, "the limit on logins did not refuse it"
        assert site.get("/health").status_code == 200


def test_rate_limits_off_disables_limits_of_nginx(make_rig):
    free = make_rig()
    assert all(answer.status_code == 200 for answer in send_concurrently(free.anonymous(""), CROWD))


# --- logs -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/app/valid/123456:{}", "/users/{}", "/auth/login?password={}",
                                  "/{}", "/files/a.txt/content?signature={}",
                                  "/contacts?ticket={}"])
def test_nginx_logs_no_secret_while_service_is_unreachable(limited_rig, path):
    """The fixture searches all logs for the secret at its end."""
    limited_rig.service.kill()
    answer = limited_rig.anonymous("").get(path.format(vault.password()))
    contract.check_error(answer, 502, "BAD_GATEWAY")
