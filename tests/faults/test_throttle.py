"""Login throttling: failures delay further logins with a name, and the duration of a response
does not reveal accounts. Also tests anonymous access to the files surface (port 5000)."""

import hashlib
import itertools
import time
import unicodedata

import pytest

from support import contract, timing, vault
from support.accounts import Accounts, address, invite
from support.client import FilesClient
from support.database import Database
from support.people import tag
from support.sources import sent_from
from support.waiting import wait_until

FREE = 5  # the default of LOGIN_FREE_FAILURES
BUDGET, INTERVAL_S = 8 * FREE, 15  # shared by all unknown sources; refills by one per interval
WRONG = "not-the-password"
ADA, MALLORY = "127.9.0.1", "127.66.99.1"  # addresses of the administrator and of a stranger

# Tables with expiring rows, and the column with the time of issue.
ISSUED = {"sessions": "created_at", "refresh_tokens": "issued_at", "tokens": "created_at",
          "invitations": "created_at", "email_links": "created_at"}

SAMPLES = 12
COST = 10  # bcrypt cost; a hash takes about 50 ms, which dominates the work


@pytest.fixture
def throttled_rig(make_sql_rig):
    """Starts a stack with the default settings."""
    return make_sql_rig()


def send_login(rig, name, password=WRONG, field="username"):
    return rig.anonymous().post("/auth/login", json={field: name, "password": password})


def fail_logins(rig, name, times):
    for _ in range(times):
        contract.check_error(send_login(rig, name), 401, "INVALID_CREDENTIALS")


def check_throttled(response):
    contract.check_error(response, 429, "TOO_MANY_ATTEMPTS")
    return int(response.headers["Retry-After"])


# --- failures of a name ---------------------------------------------------------------------------

def test_logins_of_existing_and_unknown_names_are_throttled_alike(throttled_rig):
    person = Accounts(throttled_rig.anonymous()).register()
    answers = []
    for name in (person.email, address(), throttled_rig.stack.administrator[0], "nobody"):
        fail_logins(throttled_rig, name, FREE + 1)
        answers.append(send_login(throttled_rig, name))
        assert check_throttled(answers[-1]) == 1
    bodies = [{**answer.json(), "request_id": None} for answer in answers]
    assert all(body == bodies[0] for body in bodies)


def test_login_with_correct_password_is_refused_while_throttled(throttled_rig):
    person = Accounts(throttled_rig.anonymous()).register()
    fail_logins(throttled_rig, person.email, FREE + 1)
    check_throttled(send_login(throttled_rig, person.email, person.password))
    check_throttled(send_login(throttled_rig, person.email.upper(), person.password, field="email"))


def test_successful_login_after_throttle_delay_resets_failure_count(throttled_rig):
    person = Accounts(throttled_rig.anonymous()).register()
    fail_logins(throttled_rig, person.email, FREE + 1)
    wait_until(lambda: send_login(throttled_rig, person.email, person.password).ok,
               what="the login to succeed")
    fail_logins(throttled_rig, person.email, FREE + 1)
    assert check_throttled(send_login(throttled_rig, person.email)) == 1


def test_successful_login_resets_failure_count(throttled_rig):
    person = Accounts(throttled_rig.anonymous()).register()
    for _ in range(3):
        fail_logins(throttled_rig, person.email, FREE)
        assert send_login(throttled_rig, person.email, person.password).status_code == 200


def test_login_throttling_does_not_affect_other_names(throttled_rig):
    accounts = Accounts(throttled_rig.anonymous())
    person, other = accounts.register(), accounts.register()
    fail_logins(throttled_rig, person.email, FREE + 1)
    check_throttled(send_login(throttled_rig, person.email))
    assert send_login(throttled_rig, other.email, other.password).status_code == 200
    assert send_login(throttled_rig, *throttled_rig.stack.administrator).status_code == 200


def test_login_throttling_does_not_affect_existing_sessions(throttled_rig):
    person = Accounts(throttled_rig.anonymous()).register()
    fail_logins(throttled_rig, person.email, FREE + 1)
    check_throttled(send_login(throttled_rig, person.email))
    assert person.client.get("/auth/me").status_code == 200
    response = throttled_rig.anonymous().post("/auth/refresh", json={
        "refresh_token": person.tokens["refresh_token"]})
    assert response.status_code == 200


def test_wrong_current_password_of_password_change_counts_as_failed_login(throttled_rig):
    person = Accounts(throttled_rig.anonymous()).register()
    body = {"current_password": WRONG, "new_password": vault.password()}
    for _ in range(FREE + 1):
        response = person.client.post("/auth/change-password", json=body)
        contract.check_error(response, 400, "VALIDATION_ERROR")
    check_throttled(person.client.post("/auth/change-password", json=body))
    check_throttled(send_login(throttled_rig, person.email, person.password))


def account_with_two_names(rig):
    """Creates an account with a user name and an email address; returns its client, both names
    and its password."""
    person, name = Accounts(rig.anonymous()).register(), tag()
    rig.database.run(f"UPDATE accounts SET username = '{name}', username_key = '{name.lower()}'"
                     f" WHERE id = {person.id}")
    return person.client, name, person.email, person.password


def test_failed_logins_with_username_and_email_of_account_are_summed(throttled_rig):
    client, name, email, password = account_with_two_names(throttled_rig)
    fail_logins(throttled_rig, name, FREE // 2)
    fail_logins(throttled_rig, email, 1)
    fail_logins(throttled_rig, name.upper(), FREE - FREE // 2)
    check_throttled(send_login(throttled_rig, email, password, field="email"))
    check_throttled(send_login(throttled_rig, name, password))
    body = {"current_password": WRONG, "new_password": vault.password()}
    check_throttled(client.post("/auth/change-password", json=body))


@pytest.mark.parametrize("exists", [True, False])
def test_failed_logins_with_all_spellings_of_an_address_count_together(throttled_rig, exists):
    local = f"йожик.{tag()}"
    if exists:
        Accounts(throttled_rig.anonymous()).register(email=f"{local}@почта.рф")
    spellings = itertools.cycle([f"{local}@xn--80a1acny.xn--p1ai", f"{local.upper()}@ПОЧТА.РФ",
                                 f"{unicodedata.normalize('NFD', local)}@почта.рф",
                                 f"\u00a0{local}@почта.xn--p1ai\u200b"])
    for spelling in itertools.islice(spellings, FREE + 1):
        fail_logins(throttled_rig, spelling, 1)
    check_throttled(send_login(throttled_rig, f"{local}@почта.рф"))


def test_wrong_current_password_also_throttles_login_by_email(throttled_rig):
    client, _, email, password = account_with_two_names(throttled_rig)
    body = {"current_password": WRONG, "new_password": vault.password()}
    for _ in range(FREE + 1):
        contract.check_error(client.post("/auth/change-password", json=body), 400,
                             "VALIDATION_ERROR")
    check_throttled(send_login(throttled_rig, email, password, field="email"))


def test_unknown_networks_share_failure_budget_for_all_names_of_account(throttled_rig):
    _, name, email, _ = account_with_two_names(throttled_rig)
    fail_from_strangers(throttled_rig, name, BUDGET // 2)
    fail_from_strangers(throttled_rig, email, BUDGET // 2)
    for each in (name, email):
        check_throttled(log_in_from(throttled_rig, MALLORY, each, WRONG))


def test_network_known_for_username_is_known_for_email_of_same_account(throttled_rig):
    _, name, email, password = account_with_two_names(throttled_rig)
    assert log_in_from(throttled_rig, ADA, name, password).status_code == 200
    fail_from_strangers(throttled_rig, email)
    check_throttled(log_in_from(throttled_rig, MALLORY, email, password))
    assert log_in_from(throttled_rig, ADA, email, password).status_code == 200


def test_failed_logins_with_name_that_looks_like_account_id_are_counted_apart(throttled_rig):
    person = Accounts(throttled_rig.anonymous()).register()
    fail_logins(throttled_rig, f"account:{person.id}", FREE + 1)
    assert send_login(throttled_rig, person.email, person.password).status_code == 200


def test_invalid_login_request_does_not_count_as_failed_login(throttled_rig):
    person = Accounts(throttled_rig.anonymous()).register()
    for _ in range(2 * FREE):
        contract.check_error(send_login(throttled_rig, person.email, ""), 400, "VALIDATION_ERROR")
    assert send_login(throttled_rig, person.email, person.password).status_code == 200


def test_failed_login_counts_survive_reload(throttled_rig):
    person = Accounts(throttled_rig.anonymous()).register()
    fail_logins(throttled_rig, person.email, FREE)
    throttled_rig.reload()
    fail_logins(throttled_rig, person.email, 1)
    check_throttled(send_login(throttled_rig, person.email))


def test_names_and_networks_of_failed_logins_are_stored_as_keyed_digests(throttled_rig, request):
    """Names are stored as digests, because people sometimes type a password in place of a name.
    (The address of a session is stored, because the session list shows it to the user.)"""
    name, on_postgres = address(), "DATABASE_URL" in throttled_rig.stack.env
    fail_logins(throttled_rig, name, 1)
    assert send_login(throttled_rig, *throttled_rig.stack.administrator).status_code == 200
    server = request.getfixturevalue("postgres") if on_postgres else None
    dump = Database(throttled_rig.stack, server).dump()
    assert count_rows(throttled_rig, "login_failures") == 2
    assert count_rows(throttled_rig, "login_sources") == 2, (
        "one row for the administrator and one for the name")
    sources = str([throttled_rig.database.run(f"SELECT * FROM {table}")
                   for table in ("login_failures", "login_sources")])
    administrator = throttled_rig.stack.administrator[0]
    for text, kept in ((name, dump), ("127.0.0.1", sources), (administrator, sources)):
        assert text not in kept
        assert hashlib.sha256(text.encode()).hexdigest() not in dump


# --- strangers ------------------------------------------------------------------------------------

def count_rows(rig, table):
    return int(rig.database.run(f"SELECT count(*) FROM {table}")[0][0])


def fail_from_strangers(rig, name, count=BUDGET):
    """Fails to log in from `count` addresses."""
    for number in range(count):
        response = sent_from(rig, f"127.66.{number // 250}.{number % 250 + 1}").post(
            "/auth/login", json={"username": name, "password": WRONG})
        assert response.status_code in (401, 429), response.text


def log_in_from(rig, source, name, password):
    return sent_from(rig, source).post("/auth/login", json={"username": name, "password": password})


def test_failed_logins_from_one_unknown_network_do_not_block_administrator(throttled_rig):
    """Mallory fails to log in as often as possible; Ada can still log in from an unknown
    address."""
    name, password = throttled_rig.stack.administrator
    for _ in range(3 * FREE):
        assert log_in_from(throttled_rig, MALLORY, name, WRONG).status_code in (401, 429)
    check_throttled(log_in_from(throttled_rig, MALLORY, name, password))
    assert log_in_from(throttled_rig, ADA, name, password).status_code == 200


def test_failed_logins_from_many_unknown_networks_do_not_block_known_networks(throttled_rig):
    name, password = throttled_rig.stack.administrator
    vera = Accounts(throttled_rig.anonymous()).register()
    assert log_in_from(throttled_rig, ADA, name, password).status_code == 200
    assert log_in_from(throttled_rig, ADA, vera.email, vera.password).status_code == 200
    for who in (name, vera.email):
        fail_from_strangers(throttled_rig, who)
    assert 0 < check_throttled(log_in_from(throttled_rig, MALLORY, name, password)) <= INTERVAL_S
    check_throttled(log_in_from(throttled_rig, "127.9.0.2", vera.email, vera.password))
    assert log_in_from(throttled_rig, ADA, name, password).status_code == 200
    assert log_in_from(throttled_rig, ADA, vera.email, vera.password).status_code == 200


def test_failed_logins_from_known_network_throttle_that_network(throttled_rig):
    name, password = throttled_rig.stack.administrator
    assert log_in_from(throttled_rig, ADA, name, password).status_code == 200
    for _ in range(FREE + 1):
        contract.check_error(log_in_from(throttled_rig, ADA, name, WRONG), 401,
                             "INVALID_CREDENTIALS")
    check_throttled(log_in_from(throttled_rig, ADA, name, password))


def test_administrator_can_log_in_from_configured_networks_only(make_sql_rig):
    rig = make_sql_rig(LOCAL_AUTH_NETWORKS="127.9.0.0/16, ::1")
    name, password = rig.stack.administrator
    vera = Accounts(rig.anonymous()).register()
    refused = log_in_from(rig, MALLORY, name, password)
    unknown = log_in_from(rig, MALLORY, "nobody", password)
    assert rig.audit().one_of(refused)["details"]["reason"]
    bodies = []
    for response in (refused, unknown):
        contract.check_error(response, 401, "INVALID_CREDENTIALS")
        bodies.append({**response.json(), "request_id": None})
    assert bodies[0] == bodies[1]
    for who in (name, "nobody"):
        for _ in range(FREE):
            assert log_in_from(rig, MALLORY, who, WRONG).status_code == 401
        check_throttled(log_in_from(rig, MALLORY, who, WRONG))
    for who in (name, name.upper()):
        fail_from_strangers(rig, who)
        check_throttled(log_in_from(rig, "127.66.99.2", who, password))
    # from an address never seen before
    assert log_in_from(rig, ADA, name, password).status_code == 200
    assert log_in_from(rig, MALLORY, vera.email, vera.password).status_code == 200


def test_work_for_login_does_not_reveal_administrator_networks(make_sql_rig):
    rig = make_sql_rig(LOCAL_AUTH_NETWORKS="127.9.0.0/16", BCRYPT_COST=COST,
                       LOGIN_FREE_FAILURES=1000)
    name, password = rig.stack.administrator
    took = timing.processor_s(
        rig.service, SAMPLES, administrator=lambda: fail_login_with(rig, name, password),
        unknown=lambda: fail_login_with(rig, address(), password))
    assert abs(took["administrator"] - took["unknown"]) < 0.2 * took["unknown"], took


def fail_login_with(rig, name, password):
    contract.check_error(log_in_from(rig, MALLORY, name, password), 401, "INVALID_CREDENTIALS")


# --- clock set back -------------------------------------------------------------------------------

def test_login_delay_is_clamped_after_the_clock_is_stepped_back(throttled_rig):
    """Moves rows two hours ahead, as if they were written before the clock was set back."""
    ahead = 2 * 3600 * 1000
    person = Accounts(throttled_rig.anonymous()).register()
    fail_logins(throttled_rig, person.email, FREE + 1)
    throttled_rig.database.run(f"UPDATE login_failures SET until = until + {ahead}")
    assert check_throttled(send_login(throttled_rig, person.email, person.password)) <= 60
    now = int(time.time() * 1000)
    latest = int(throttled_rig.database.run("SELECT max(until) FROM login_failures")[0][0])
    assert latest <= now + BUDGET * INTERVAL_S * 1000


def test_stored_timestamps_in_future_are_corrected(throttled_rig):
    """Otherwise rows and pending objects would be kept too long. The housekeeper corrects them
    when it starts, and then once a minute."""
    ahead = int(time.time() * 1000) + 2 * 3600 * 1000
    octets = throttled_rig.database.bytes_literal(b"1")
    throttled_rig.database.run("INSERT INTO idempotency_keys (principal, idempotency_key,"
                               f" request_digest, created_at) VALUES ('x', 'x', {octets}, {ahead})")
    throttled_rig.database.run("INSERT INTO pending_objects (object_key, since)"
                               f" VALUES ('x', {ahead})")
    throttled_rig.database.run("INSERT INTO login_sources (source_key, subject_key, seen_at)"
                               f" VALUES ({octets}, {octets}, {ahead})")
    throttled_rig.restart()
    for column, table in (("created_at", "idempotency_keys"), ("since", "pending_objects"),
                          ("seen_at", "login_sources")):
        def set_back(column=column, table=table):
            latest = int(throttled_rig.database.run(f"SELECT max({column}) FROM {table}")[0][0])
            return latest <= int(time.time() * 1000)
        wait_until(set_back, 90, f"{table} to be set back")


def test_database_rows_issued_in_future_expire_after_usual_lifetime(throttled_rig):
    """Moves a session, token, link and invitation two hours ahead, as if the clock had been set
    back since. A second session, issued at the correct time, must keep its expiry."""
    ahead = 2 * 3600 * 1000
    run = throttled_rig.database.run
    accounts = Accounts(throttled_rig.anonymous())
    vera = accounts.register()
    assert throttled_rig.anonymous("").post("/app/token",
                                            json={"ttl_minutes": 1}).status_code == 200
    assert throttled_rig.api.post("/accounts/invitations",
                                  json={"email": address()}).status_code == 201
    assert invite(vera, address(), "VIEWER").status_code == 201
    lifetimes = {}
    for table, issued in ISSUED.items():
        lifetimes[table] = run(f"SELECT max(expires_at - {issued}) FROM {table}")
        run(f"UPDATE {table} SET {issued} = {issued} + {ahead}, expires_at = expires_at + {ahead}")
    accounts.log_in(vera)
    older = run("SELECT min(expires_at) FROM sessions")
    # a new housekeeper corrects the rows at once, a running one in its next round
    throttled_rig.reload()
    for table, issued in ISSUED.items():
        def corrected(table=table, issued=issued):
            return int(run(f"SELECT max({issued}) FROM {table}")[0][0]) <= int(time.time() * 1000)
        wait_until(corrected, 20, f"{table} to be corrected")
        assert run(f"SELECT max(expires_at - {issued}) FROM {table}") == lifetimes[table], table
    assert run("SELECT min(expires_at) FROM sessions") == older
    assert vera.client.get("/auth/me").status_code == 200


# --- processor time -------------------------------------------------------------------------------

def test_work_for_login_does_not_reveal_existing_accounts(make_sql_rig):
    rig = make_sql_rig(BCRYPT_COST=COST, LOGIN_FREE_FAILURES=1000)
    known = Accounts(rig.anonymous()).register().email
    silent = rig.api.post("/accounts", json={"username": "silent", "email": address()})
    assert silent.status_code == 201
    took = timing.processor_s(
        rig.service, SAMPLES, known=lambda: fail_logins(rig, known, 1),
        unknown=lambda: fail_logins(rig, address(), 1),
        without_a_password=lambda: fail_logins(rig, "silent", 1),
        no_address=lambda: fail_logins(rig, f"nobody-{tag()}", 1))
    for who, seconds in took.items():
        assert abs(seconds - took["known"]) < 0.2 * took["known"], (who, took)


# --- anonymous access on the port for files -------------------------------------------------------

@pytest.mark.parametrize("settings, status", [
    ({}, 200), ({"ANONYMOUS_ACCESS": "auto"}, 200), ({"ANONYMOUS_ACCESS": "accounts"}, 200),
    ({"ANONYMOUS_ACCESS": "accounts,files"}, 200), ({"ANONYMOUS_ACCESS": "files"}, 401),
    ({"ANONYMOUS_ACCESS": "none"}, 401),
    ({"ENVIRONMENT": "production", "PUBLIC_URL": "https://kontora.example.com"}, 401),
])
def test_anonymous_access_setting_controls_access_on_files_port(make_rig, settings, status):
    rig = make_rig(env=settings)
    files = FilesClient(rig.stack.files_url, rig.stack.ca_file)
    response = files.get("/users")
    assert response.status_code == status, response.text
    made = files.post("/users", json={"username": "x", "email": address()})
    assert made.status_code == (201 if status == 200 else 401)
    assert files.bearing(rig.api.token).get("/users").status_code == 200
    contract.check_error(rig.anonymous().get("/accounts"), 401, "UNAUTHORIZED")
