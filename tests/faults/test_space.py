"""Disk space: untrusted callers must not use up the space that logins, deletions and the audit
log need. The tests use a real file system of a few MiB, which Mallory fills while Vera works."""

import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from stack import TOP

from support import contract, files, metrics, vault, wire
from support.accounts import Accounts, address
from support.people import tag
from support.tokens import Tokens, described
from support.waiting import wait_until

DISK_KIB = 48 * 1024
RESERVE_MIB = 16
MIB = 1024 * 1024
HALF_MIB = MIB // 2

# Space that the last upload, the database and its WAL may use after the last measurement.
WRITTEN_AFTER_MIB = 2


def read_readiness(rig):
    return contract.check_readiness(rig.anonymous("").get("/health/ready"))


def wait_for_disk(rig, state):
    wait_until(lambda: read_readiness(rig)["disk"]["state"] == state,
               what=f"the disk to be {state}")


class Filler:
    """A file that uses all space except for a given remainder."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "filler"

    def free(self):
        done = subprocess.run(["stat", "-f", "-c", "%a %S", self.folder], check=True,
                              capture_output=True, text=True)
        blocks, size = map(int, done.stdout.split())
        return blocks * size

    def leave(self, octets):
        self.remove()
        with open(self.path, "wb") as file:
            for _ in range((self.free() - octets) // 65536):
                file.write(bytes(65536))

    def remove(self):
        self.path.unlink(missing_ok=True)


@pytest.fixture(params=["sqlite", "postgres"])
def small_disk_rig(request, make_rig, small_disk):
    """Starts a stack that writes its objects and its audit log to a small disk, on SQLite its
    database as well."""
    settings = {"DISK_RESERVE_MIB": RESERVE_MIB, "STORAGE_URL": f"file:///{small_disk}/objects",
                "AUDIT_LOG_PATH": str(small_disk / "audit.jsonl")}
    if request.param == "postgres":
        rig = make_rig(database=request.getfixturevalue("postgres"), **settings)
    else:
        rig = make_rig(env={"DATABASE_URL": f"sqlite:///{small_disk}/kontora.db"}, **settings)
    rig.filler = Filler(small_disk)
    yield rig
    rig.filler.remove()


@pytest.fixture
def people(small_disk_rig):
    """Registers Mallory and Vera."""
    accounts = Accounts(small_disk_rig.anonymous())
    return accounts.register(), accounts.register()


def fill_by_uploads(client):
    """Uploads until an upload is refused; returns the refusal and the names of the files."""
    made = []
    while (answer := files.send(client, b"text" * (HALF_MIB // 4))).status_code == 201:
        made.append(answer.json()["filename"])
        assert len(made) * HALF_MIB < DISK_KIB * 1024
    return answer, made


# --- disk reserve ---------------------------------------------------------------------------------

def test_uploads_are_refused_within_disk_reserve_until_files_are_deleted(small_disk_rig, people):
    mallory, vera = people
    answer, made = fill_by_uploads(mallory.client)
    contract.check_error(answer, 503, "STORAGE_FULL")
    assert int(answer.headers["Retry-After"]) > 0
    assert small_disk_rig.filler.free() > (RESERVE_MIB - WRITTEN_AFTER_MIB) * MIB, (
        "the reserve was used up")
    contract.check_error(files.send(vera.client), 503, "STORAGE_FULL")
    some = made[:len(made) // 2]
    assert mallory.client.post("/files/bulk-delete", json={"names": some}).json()["deleted"] == len(
        some)
    assert mallory.client.delete(f"/files/{made[-1]}").status_code == 200
    wait_until(lambda: files.send(vera.client).status_code == 201, what="space to be freed")
    wait_for_disk(small_disk_rig, "up")


def test_writes_of_untrusted_callers_are_refused_while_space_is_low(small_disk_rig, people):
    _, vera = people
    contact = vera.client.post("/contacts", json={"name": "Ольга"}).json()
    small_disk_rig.filler.leave(RESERVE_MIB * MIB - 2 * MIB)
    wait_for_disk(small_disk_rig, "down")
    anonymous, own = small_disk_rig.anonymous(), vera.client
    refused = [
        anonymous.post("/auth/register", json={"email": address(), "password": vault.password()}),
        anonymous.at(small_disk_rig.stack.https_url).post("/app/token"),
        files.send(own), files.send(anonymous.at(small_disk_rig.stack.files_url)),
        own.post("/contacts", json={"name": "Пётр"}),
        own.post("/contacts", json={"name": "Пётр"}, headers={"Idempotency-Key": "1"}),
        own.patch(f"/contacts/{contact['id']}", json={"name": "Ольга Ильина"}),
        own.post("/tasks", json={"title": "Позвонить"}),
        own.patch(vera.path, json={"name": "Ромашка"}),
        own.post(f"{vera.path}/members", json={"email": address(), "role": "SALES"}),
    ]
    for answer in refused:
        contract.check_error(answer, 503, "STORAGE_FULL")
        assert int(answer.headers["Retry-After"]) == 60
    assert own.get(f"/contacts/{contact['id']}").json()["name"] == "Ольга"
    small_disk_rig.filler.remove()
    wait_for_disk(small_disk_rig, "up")
    assert own.post("/contacts", json={"name": "Пётр"}).status_code == 201
    assert anonymous.post("/auth/register", json={"email": address(),
                                                  "password": vault.password()}).status_code == 201


def test_logins_token_checks_and_deletions_work_within_disk_reserve(small_disk_rig, people):
    _, vera = people
    tokens = Tokens(small_disk_rig.anonymous(""))
    token, once = tokens.issue(), tokens.issue(max_uses=1)
    contact = vera.client.post("/contacts", json={"name": "Ольга"}).json()
    made = files.upload(vera.client)["filename"]
    small_disk_rig.filler.leave(RESERVE_MIB * MIB // 4)
    wait_for_disk(small_disk_rig, "down")
    anonymous = small_disk_rig.anonymous()
    session = anonymous.login(vera.email, vera.password)
    renewed = anonymous.post("/auth/refresh", json={"refresh_token": session["refresh_token"]})
    assert renewed.status_code == 200
    own = anonymous.bearing(renewed.json()["access_token"])
    assert own.get("/auth/me").status_code == 200
    assert tokens.check(token) and tokens.check_body(token)
    assert tokens.check(once) and not tokens.check(once)
    assert own.post("/tokens/revoke", data={"token": token}).status_code == 200
    assert not tokens.check(token)
    assert own.delete(f"/files/{made}").status_code == 200
    assert own.delete(f"/contacts/{contact['id']}").status_code == 204
    tokens.clear()
    assert own.post("/auth/logout").status_code == 204
    contract.check_error(own.get("/auth/me"), 401, "INVALID_TOKEN")


def test_idempotency_keys_are_not_stored_within_disk_reserve(small_disk_rig, people):
    _, vera = people
    small_disk_rig.filler.leave(RESERVE_MIB * MIB // 2)
    wait_for_disk(small_disk_rig, "down")
    before = small_database(small_disk_rig).run("SELECT count(*) FROM idempotency_keys")
    for _ in range(2):
        answer = vera.client.post("/files/bulk-delete", json={"names": ["a.txt"]},
                                  headers={"Idempotency-Key": "k" * 200})
        assert answer.status_code == 200
    assert small_database(small_disk_rig).run("SELECT count(*) FROM idempotency_keys") == before


def small_database(rig):
    """Returns direct access to the database, wherever it is."""
    url = rig.stack.env.get("DATABASE_URL", "")
    if url.startswith("sqlite:///"):
        return SqliteFile(url.removeprefix("sqlite:///"))
    return rig.database


class SqliteFile:
    def __init__(self, path):
        self.path = path

    def run(self, statement):
        done = subprocess.run(["sqlite3", "-readonly", self.path, statement], check=True,
                              capture_output=True, text=True)
        return [tuple(line.split("|")) for line in done.stdout.splitlines()]


def test_administrator_may_write_within_disk_reserve(small_disk_rig, people):
    small_disk_rig.filler.leave(RESERVE_MIB * MIB // 2)
    wait_for_disk(small_disk_rig, "down")
    made = files.upload(small_disk_rig.api)
    email = f"{tag()}@example.com"
    assert small_disk_rig.api.post("/accounts",
                                   json={"username": tag(), "email": email}).status_code == 201
    assert small_disk_rig.api.delete(f"/files/{made['filename']}").status_code == 200


def test_spool_process_keeps_half_of_disk_reserve_free(small_disk_rig, small_disk, people):
    """Request bodies that a worker has admitted must not use up the space that logins need."""
    mallory, vera = people
    spool = small_disk_rig.stack.state_dir / "spool"
    spool.rmdir()
    spool.symlink_to(small_disk)
    small_disk_rig.filler.leave((RESERVE_MIB + 1) * MIB)
    wait_for_disk(small_disk_rig, "up")
    large = b"a" * (files.LARGEST - 1000)
    body, _ = files.form(large, "a.txt")
    with files.begin(mallory.client, large, 1000) as peer:
        time.sleep(1)  # gives a worker time to admit the request
        peer.sendall(body[1000:-1000])
        peer.settimeout(15)
        answer = wire.Answer(peer.recv(65536))
        assert answer.status == 503, answer.status_line
    assert small_disk_rig.filler.free() > RESERVE_MIB * MIB // 2 - MIB
    assert small_disk_rig.anonymous().login(vera.email, vera.password)


def test_readiness_and_metrics_report_low_disk_space(small_disk_rig):
    assert read_readiness(small_disk_rig)["disk"]["state"] == "up"
    small_disk_rig.filler.leave(RESERVE_MIB * MIB // 4 * 3)
    wait_for_disk(small_disk_rig, "down")
    answer = small_disk_rig.anonymous("").get("/health/ready")
    assert answer.status_code == 503 and str(small_disk_rig.filler.folder) not in answer.text
    assert read_readiness(small_disk_rig)["disk"]["needed"]
    seen = metrics.values(small_disk_rig.anonymous(""))
    assert seen["kontora_disk_reserve_bytes",] == RESERVE_MIB * MIB
    assert 0 < seen["kontora_disk_free_bytes",] < RESERVE_MIB * MIB
    small_disk_rig.filler.remove()
    wait_for_disk(small_disk_rig, "up")
    seen = metrics.values(small_disk_rig.anonymous(""))
    assert seen["kontora_disk_free_bytes",] > RESERVE_MIB * MIB
    said = [line["message"] for line in small_disk_rig.log()
            if line["message"].startswith("disk: ")]
    assert len(said) == 2 and "refusing writes" in said[0] and "accepting" in said[1], said


def test_request_log_lines_are_dropped_below_half_of_disk_reserve(small_disk_rig, people):
    _, vera = people
    small_disk_rig.filler.leave(RESERVE_MIB * MIB // 4)
    wait_for_disk(small_disk_rig, "down")
    site, counter = small_disk_rig.anonymous(""), "kontora_log_lines_dropped_total"
    dropped = metrics.values(site)[counter,]
    answers = [vera.client.get("/contacts") for _ in range(20)]
    out = vera.client.post("/auth/logout")
    assert out.status_code == 204
    wait_until(lambda: metrics.values(site)[counter,] >= dropped + 21,
               what="the counter of dropped lines to grow")
    ids = {answer.headers["X-Request-ID"] for answer in (*answers, out)}
    assert not any(line.get("request_id") in ids for line in small_disk_rig.log())
    audited = (small_disk_rig.filler.folder / "audit.jsonl").read_text("utf-8")
    assert out.headers["X-Request-ID"] in audited, "the audit log must contain every change"


def test_no_writes_are_refused_without_configured_disk_reserve(small_disk_rig):
    small_disk_rig.service.stop()  # after a reload, workers with the old setting may still answer
    small_disk_rig.set(DISK_RESERVE_MIB=0)
    small_disk_rig.service.start()
    small_disk_rig.filler.leave(4 * MIB)
    wait_for_disk(small_disk_rig, "off")
    assert not read_readiness(small_disk_rig)["disk"]["needed"]
    assert Accounts(small_disk_rig.anonymous()).register()


# --- file quotas ----------------------------------------------------------------------------------

def test_organizations_of_new_registrations_cannot_exceed_total_file_quota(make_sql_rig):
    """Each account brings an organization with its own quota; a total quota limits all of them."""
    rig = make_sql_rig(FILES_QUOTA_MIB=1, FILES_TOTAL_QUOTA_MIB=2)
    accounts = Accounts(rig.anonymous())
    content = b"text" * (MIB // 4)
    first, second, third = (accounts.register() for _ in range(3))
    one = files.upload(first.client, content)
    files.upload(second.client, content)
    contract.check_error(files.send(first.client, b"x"), 503, "STORAGE_FULL")
    contract.check_error(files.send(third.client, b"x"), 503, "STORAGE_FULL")
    contract.check_error(files.send(third.client, b"x", headers={"Idempotency-Key": "1"}), 503,
                         "STORAGE_FULL")
    assert first.client.delete(f"/files/{one['filename']}").status_code == 200
    assert files.upload(third.client, content)
    assert read_usage(rig)["all"] == (2, 2 * MIB) and is_usage_exact(rig)


def test_callers_without_organization_have_file_quota(make_sql_rig):
    rig = make_sql_rig(FILES_QUOTA_MIB=1)
    anybody = rig.anonymous().at(rig.stack.files_url)
    for caller in (rig.api, anybody):
        assert files.upload(caller, b"text" * (MIB // 4))
        contract.check_error(files.send(caller, b"x"), 409, "QUOTA_EXCEEDED")
    assert is_usage_exact(rig)


def test_quota_for_number_of_files_is_enforced(make_sql_rig):
    rig = make_sql_rig(FILES_QUOTA_COUNT=3)
    mallory = Accounts(rig.anonymous()).register().client
    made = [files.upload(mallory, b"x")["filename"] for _ in range(3)]
    contract.check_error(files.send(mallory, b"x"), 409, "QUOTA_EXCEEDED")
    answer = files.send(mallory, b"x", headers={"Idempotency-Key": "1"})
    contract.check_error(answer, 409, "QUOTA_EXCEEDED")
    assert mallory.delete(f"/files/{made[0]}").status_code == 200
    assert files.upload(mallory, b"x") and is_usage_exact(rig)


def test_concurrent_uploads_do_not_exceed_total_file_quota(make_sql_rig):
    rig = make_sql_rig(FILES_TOTAL_QUOTA_MIB=4, FILES_QUOTA_MIB=3, FILES_WORKERS=12)
    accounts = Accounts(rig.anonymous())
    people = [accounts.register() for _ in range(4)]
    barrier = threading.Barrier(12)

    def send(number):
        barrier.wait()
        return files.send(people[number % 4].client, b"text" * (HALF_MIB // 4))

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(send, range(12)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201] * 8 + [503] * 4, codes
    assert read_usage(rig)["all"] == (8, 4 * MIB) and is_usage_exact(rig)
    made = [(people[number % 4].client, answer.json()["filename"])
            for number, answer in enumerate(answers) if answer.status_code == 201]
    with ThreadPoolExecutor(8) as pool:
        gone = list(pool.map(lambda each: each[0].delete(f"/files/{each[1]}").status_code, made))
    assert gone == [200] * 8 and read_usage(rig)["all"] == (0, 0) and is_usage_exact(rig)


def test_recount_command_repairs_counted_file_usage(make_sql_rig):
    rig = make_sql_rig()
    mallory = Accounts(rig.anonymous()).register()
    files.upload(mallory.client)
    right = read_usage(rig)
    rig.database.run("UPDATE file_usage SET bytes = bytes + 7 RETURNING scope")
    assert not is_usage_exact(rig)
    assert run_recount(rig) == (1, "2 wrong")
    assert run_recount(rig, "--repair") == (0, "2 wrong, repaired")
    assert run_recount(rig) == (0, "0 wrong")
    assert read_usage(rig) == right and is_usage_exact(rig)


def test_schema_upgrade_counts_usage_of_existing_files(make_sql_rig):
    rig = make_sql_rig()
    accounts = Accounts(rig.anonymous())
    mallory, vera = accounts.register(), accounts.register()
    for caller in (mallory.client, vera.client, vera.client, rig.api):
        files.upload(caller)
    right = read_usage(rig)
    rig.service.stop()
    [migration] = (TOP / "sql/migrations").glob("*_file_usage.sql")
    rig.service.migrate("down", str(int(migration.name[:4]) - 1))
    kept = rig.database.run("SELECT organization_id, sum(value) FROM counters"
                            " WHERE name = 'files.bytes' GROUP BY organization_id")
    assert sorted(kept) == sorted([(str(mallory.organization), str(len(files.TEXT))),
                                   (str(vera.organization), str(2 * len(files.TEXT)))])
    rig.service.migrate("up")
    rig.service.start()
    assert read_usage(rig) == right and is_usage_exact(rig)
    assert run_recount(rig) == (0, "0 wrong")
    assert len(files.names(vera.client)) == 2


def run_recount(rig, *options):
    """Runs `kontora recount`; returns its status and the last line of its output."""
    done = subprocess.run([rig.stack.binary, "recount", *options], cwd=rig.folder,
                          capture_output=True, text=True, timeout=30, check=False,
                          env={**os.environ, **rig.stack.env})
    return done.returncode, done.stdout.splitlines()[-1]


def read_usage(rig):
    return {scope: (int(count), int(octets)) for scope, count, octets in
            rig.database.run("SELECT scope, files, bytes FROM file_usage")}


def is_usage_exact(rig):
    """Returns True if the usage counters match the rows of files."""
    counted = {scope: (int(count), int(octets)) for scope, count, octets in rig.database.run(
        "SELECT scope, count(*), sum(size) FROM files GROUP BY scope")}
    counted["all"] = tuple(map(sum, zip(*counted.values(), strict=True))) if counted else (0, 0)
    kept = {scope: value for scope, value in read_usage(rig).items() if scope == "all"
            or any(value)}
    return kept == counted


# --- token quotas ---------------------------------------------------------------------------------

def test_anonymous_tokens_have_a_quota(make_sql_rig):
    rig = make_sql_rig(TOKENS_QUOTA=5)
    anybody = rig.anonymous("")
    tokens = Tokens(anybody)
    made = [tokens.issue() for _ in range(5)]
    contract.check_error(anybody.post("/app/token"), 503, "STORAGE_FULL")
    assert all(map(tokens.check, made)), "issued tokens must stay valid"
    vera = Accounts(rig.anonymous()).register()
    assert Tokens(anybody.bearing(vera.client.token)).issue()


def issue_until_refused(client, **fields):
    """Returns the number of tokens issued, and the refusal."""
    for number in range(20):
        answer = client.post("/app/token", json=fields)
        if answer.status_code != 200:
            return number, answer
    return 20, None


def test_number_of_tokens_is_limited_by_user(make_sql_rig):
    """Mallory cannot prevent other users or the administrator from issuing tokens."""
    rig = make_sql_rig(TOKENS_SUBJECT_QUOTA=5, TOKENS_ACCESS="authenticated")
    accounts = Accounts(rig.anonymous())
    mallory, vera = (rig.anonymous("").bearing(accounts.register().client.token) for _ in range(2))
    number, refusal = issue_until_refused(mallory, ttl_minutes=525600)
    assert number == 5
    contract.check_error(refusal, 429, "TOO_MANY_REQUESTS")
    assert 365 * 86400 // 5 <= int(refusal.headers["Retry-After"]) <= 2 * 365 * 86400 // 5
    assert rig.database.run("SELECT count(*) FROM tokens") == [("5",)]
    assert issue_until_refused(mallory, ttl_minutes=60)[0] == 5, (
        "short-lived tokens have a separate quota")
    rig.reload()
    assert issue_until_refused(mallory, ttl_minutes=525600)[0] == 0
    assert issue_until_refused(vera, ttl_minutes=525600)[0] == 5
    assert issue_until_refused(rig.anonymous("").bearing(rig.api.token),
                               ttl_minutes=525600)[0] == 20


def test_token_quota_is_released_gradually_over_token_lifetime(make_rig):
    rig = make_rig(TOKENS_SUBJECT_QUOTA=30)
    mallory = rig.anonymous("").bearing(Accounts(rig.anonymous()).register().client.token)
    for _ in range(30):
        assert mallory.post("/app/token", json={"ttl_minutes": 1}).status_code == 200
    answer = mallory.post("/app/token", json={"ttl_minutes": 1})
    contract.check_error(answer, 429, "TOO_MANY_REQUESTS")
    assert int(answer.headers["Retry-After"]) <= 2
    wait_until(lambda: mallory.post("/app/token", json={"ttl_minutes": 1}).status_code == 200,
               what="the quota to refill")


def test_token_quota_of_zero_is_unlimited(make_rig):
    rig = make_rig(TOKENS_SUBJECT_QUOTA=0)
    vera = rig.anonymous("").bearing(Accounts(rig.anonymous()).register().client.token)
    assert issue_until_refused(vera, ttl_minutes=525600)[0] == 20


def test_token_calls_can_require_authentication(make_sql_rig):
    rig = make_sql_rig(TOKENS_ACCESS="authenticated")
    mallory, vera = rig.anonymous(""), Accounts(rig.anonymous()).register()
    for method, path in (("POST", "/app/token"), ("DELETE", "/app/clear/all/tokens")):
        contract.check_error(mallory.request(method, path), 401, "UNAUTHORIZED")
        contract.check_error(mallory.bearing("a.b.c").request(method, path), 401, "INVALID_TOKEN")
    assert rig.database.run("SELECT count(*) FROM tokens") == [("0",)]
    known = Tokens(mallory.bearing(vera.client.token))
    token = known.issue(ttl_minutes=525600, purpose="x" * 200)
    facts = described(vera.client, token)
    assert facts["exp"] - facts["iat"] == 525600 * 60
    known.clear()
    assert Tokens(mallory).check(token), "checking needs no token"
    rig.set(TOKENS_ACCESS="open")
    rig.reload()
    wait_until(lambda: mallory.post("/app/token").status_code == 200,
               what="the setting to take effect")


def test_default_lifetime_of_anonymous_token_is_at_most_one_day(make_rig):
    rig = make_rig(TOKEN_TTL_MINUTES=10000)
    facts = described(rig.api, Tokens(rig.anonymous("")).issue())
    assert facts["exp"] - facts["iat"] == 1440 * 60
    facts = described(rig.api, Tokens(rig.anonymous("").bearing(rig.api.token)).issue())
    assert facts["exp"] - facts["iat"] == 10000 * 60
