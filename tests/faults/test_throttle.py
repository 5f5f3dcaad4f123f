"""Throttle: failures slow a name down, and the time of an answer does not tell who has an account;
who may use surface 5000 without a token."""

import hashlib

import pytest

from support import contract, timing, vault
from support.accounts import Accounts, address
from support.client import FilesClient
from support.database import Database
from support.people import tag
from support.waiting import wait_until

FREE = 5  # LOGIN_FREE_FAILURES, as it is by default
WRONG = "not-the-password"

SAMPLES = 30
COST = 10  # of bcrypt: some 50 ms, beside which all else is little


@pytest.fixture
def throttled(make_sql_rig):
    """As it is by default."""
    return make_sql_rig()


def attempt(rig, name, password=WRONG, field="username"):
    return rig.nobody().post("/auth/login", json={field: name, "password": password})


def fail(rig, name, times):
    for _ in range(times):
        contract.refused(attempt(rig, name), 401, "INVALID_CREDENTIALS")


def held_back(response):
    contract.refused(response, 429, "TOO_MANY_ATTEMPTS")
    return int(response.headers["Retry-After"])


# --- failures of a name -------------------------------------------------------------------------

def test_known_and_unknown_names_are_held_back_alike(throttled):
    person = Accounts(throttled.nobody()).register()
    answers = []
    for name in (person.email, address(), throttled.stack.administrator[0], "nobody"):
        fail(throttled, name, FREE + 1)
        answers.append(attempt(throttled, name))
        assert held_back(answers[-1]) == 1
    bodies = [{**answer.json(), "request_id": None} for answer in answers]
    assert all(body == bodies[0] for body in bodies)


def test_not_even_the_right_password_is_looked_at(throttled):
    person = Accounts(throttled.nobody()).register()
    fail(throttled, person.email, FREE + 1)
    held_back(attempt(throttled, person.email, person.password))
    held_back(attempt(throttled, person.email.upper(), person.password, field="email"))


def test_then_it_is_and_forgets_the_failures(throttled):
    person = Accounts(throttled.nobody()).register()
    fail(throttled, person.email, FREE + 1)
    wait_until(lambda: attempt(throttled, person.email, person.password).ok, what="the login")
    fail(throttled, person.email, FREE + 1)
    assert held_back(attempt(throttled, person.email)) == 1


def test_a_success_forgets(throttled):
    person = Accounts(throttled.nobody()).register()
    for _ in range(3):
        fail(throttled, person.email, FREE)
        assert attempt(throttled, person.email, person.password).status_code == 200


def test_other_names_are_not_affected(throttled):
    accounts = Accounts(throttled.nobody())
    person, other = accounts.register(), accounts.register()
    fail(throttled, person.email, FREE + 1)
    held_back(attempt(throttled, person.email))
    assert attempt(throttled, other.email, other.password).status_code == 200
    assert attempt(throttled, *throttled.stack.administrator).status_code == 200


def test_sessions_go_on_meanwhile(throttled):
    person = Accounts(throttled.nobody()).register()
    fail(throttled, person.email, FREE + 1)
    held_back(attempt(throttled, person.email))
    assert person.client.get("/auth/me").status_code == 200
    response = throttled.nobody().post("/auth/refresh", json={
        "refresh_token": person.tokens["refresh_token"]})
    assert response.status_code == 200


def test_wrong_current_passwords_count_too(throttled):
    person = Accounts(throttled.nobody()).register()
    body = {"current_password": WRONG, "new_password": vault.password()}
    for _ in range(FREE + 1):
        response = person.client.post("/auth/change-password", json=body)
        contract.refused(response, 400, "VALIDATION_ERROR")
    held_back(person.client.post("/auth/change-password", json=body))
    held_back(attempt(throttled, person.email, person.password))


def test_what_cannot_be_read_is_no_failure(throttled):
    person = Accounts(throttled.nobody()).register()
    for _ in range(2 * FREE):
        contract.refused(attempt(throttled, person.email, ""), 400, "VALIDATION_ERROR")
    assert attempt(throttled, person.email, person.password).status_code == 200


def test_failures_outlive_a_reload(throttled):
    person = Accounts(throttled.nobody()).register()
    fail(throttled, person.email, FREE)
    throttled.reload()
    fail(throttled, person.email, 1)
    held_back(attempt(throttled, person.email))


def test_names_are_kept_as_digests(throttled, request):
    """A password is sometimes typed in place of a name."""
    name, on_postgres = address(), "DATABASE_URL" in throttled.stack.env
    fail(throttled, name, 1)
    server = request.getfixturevalue("postgres") if on_postgres else None
    dump = Database(throttled.stack, server).dump()
    assert hashlib.sha256(name.encode()).hexdigest() in dump
    assert name not in dump


# --- time ---------------------------------------------------------------------------------------

def test_the_time_does_not_tell_who_has_an_account(make_sql_rig):
    rig = make_sql_rig(BCRYPT_COST=COST, LOGIN_FREE_FAILURES=1000)
    known = Accounts(rig.nobody()).register().email
    silent = rig.api.post("/accounts", json={"username": "silent", "email": address()})
    assert silent.status_code == 201
    took = timing.undisturbed_s(
        SAMPLES, known=lambda: fail(rig, known, 1), unknown=lambda: fail(rig, address(), 1),
        without_a_password=lambda: fail(rig, "silent", 1),
        no_address=lambda: fail(rig, f"nobody-{tag()}", 1))
    for who, seconds in took.items():
        assert abs(seconds - took["known"]) < 0.3 * took["known"], (who, took)


# --- surface 5000 without a token ---------------------------------------------------------------

@pytest.mark.parametrize("settings, status", [
    ({}, 200), ({"ANONYMOUS_ACCESS": "auto"}, 200), ({"ANONYMOUS_ACCESS": "accounts"}, 200),
    ({"ANONYMOUS_ACCESS": "accounts,files"}, 200), ({"ANONYMOUS_ACCESS": "files"}, 401),
    ({"ANONYMOUS_ACCESS": "none"}, 401), ({"ENVIRONMENT": "production", "PUBLIC_URL": "https://kontora.example.com"}, 401),
])
def test_surface_5000(make_rig, settings, status):
    rig = make_rig(env=settings)
    files = FilesClient(rig.stack.files_url, rig.stack.ca_file)
    response = files.get("/users")
    assert response.status_code == status, response.text
    made = files.post("/users", json={"username": "x", "email": address()})
    assert made.status_code == (201 if status == 200 else 401)
    assert files.bearing(rig.api.token).get("/users").status_code == 200
    contract.refused(rig.nobody().get("/accounts"), 401, "UNAUTHORIZED")
