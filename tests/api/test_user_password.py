"""POST /users/{u}/password: set and generated passwords."""

import pytest

from support import contract, vault
from support.client import path_of
from support.entries import tag
from support.ldap_admin import rdn

LOCKOUT_TRIES = 40
ROUNDS = 10
UPPER, LOWER = "ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnpqrstuvwxyz"
DIGITS, SYMBOLS = "23456789", "!#%*?:"


def set_password(api, user, headers=None, **body):
    return api.post(path_of("/users", user["sAMAccountName"], "password"), json=body,
                    headers=headers)


def generate(api, user, **body):
    response = set_password(api, user, generate=True, **body)
    assert response.status_code == 200, response.text
    [(name, password)] = response.json().items()
    assert name == "password" and response.headers["Cache-Control"] == "no-store"
    return password


@pytest.fixture
def limited(ldap_admin):
    """Returns a function that imposes a minimum length and complexity on a user."""
    made = []

    def make(user, length, complexity="TRUE"):
        made.append(ldap_admin.add_password_settings(
            tag(), user["dn"], MinimumPasswordLength=str(length),
            PasswordComplexityEnabled=complexity))
    yield make
    for dn in made:
        ldap_admin.delete(dn)


# --- passwords of the request ---------------------------------------------------------------------

def test_password_of_request_is_set_and_not_returned(api, people, ldap_admin):
    user, fresh = people.create(), vault.password()
    response = set_password(api, user, password=fresh)
    assert (response.status_code, response.content) == (204, b"")
    assert ldap_admin.binds(user["dn"], fresh)


@pytest.mark.parametrize("weak", ["x", "alllowercaseletters"])
def test_weak_password_of_request_changes_nothing(api, people, ldap_admin, weak):
    user = people.create()
    before = ldap_admin.snapshot(user["sAMAccountName"])
    contract.check_error(set_password(api, user, password=weak, must_change=True, unlock=True),
                         400, "PASSWORD_POLICY")
    assert ldap_admin.snapshot(user["sAMAccountName"]) == before
    assert ldap_admin.binds(user["dn"], user["password"])


# --- generated passwords --------------------------------------------------------------------------

def test_generated_passwords_are_accepted_and_differ(api, people, ldap_admin):
    user = people.create()
    seen = set()
    for _ in range(ROUNDS):
        password = generate(api, user)
        assert len(password) == 16 and set(password) <= set(UPPER + LOWER + DIGITS + SYMBOLS)
        assert all(set(password) & set(kind) for kind in (UPPER, LOWER, DIGITS, SYMBOLS))
        seen.add(password)
    assert len(seen) == ROUNDS
    assert ldap_admin.binds(user["dn"], password)


@pytest.mark.parametrize("length", [0, 17, 30, 64, 200])
def test_generated_password_satisfies_fine_grained_policy(api, people, ldap_admin, limited,
                                                          length):
    user = people.create()
    limited(user, length)
    password = generate(api, user)
    assert len(password) == max(length, 16)
    assert ldap_admin.binds(user["dn"], password)


def test_generated_password_does_not_contain_names(api, people, ldap_admin):
    """With a name of three letters of the alphabet, a generator that ignores names fails in one of
    hundreds of long passwords; unit/test_directory_generate.c tests that."""
    user = people.create(sAMAccountName=f"abc{tag()}"[:19])
    ldap_admin.set(user["dn"], "displayName", "Abc Def-Ghk mnp")
    password = generate(api, user).lower()
    assert not any(part in password for part in ("abc", "def", "ghk", "mnp"))


def test_generated_password_is_new_for_repeated_idempotency_key(api, people, ldap_admin):
    """The reply is never stored: a repetition would reveal the password."""
    user, key = people.create(), tag()
    passwords = [set_password(api, user, headers={"Idempotency-Key": key},
                              generate=True).json()["password"] for _ in range(2)]
    vault.remember(*passwords)
    assert passwords[0] != passwords[1]
    assert ldap_admin.binds(user["dn"], passwords[1])


# --- account state --------------------------------------------------------------------------------

def test_user_must_change_generated_password(api, people, ldap_admin):
    user = people.create()
    password = generate(api, user, must_change=True)
    assert ldap_admin.bind_failure(user["dn"], password) == "773"
    assert ldap_admin.text(user["sAMAccountName"], "pwdLastSet") == "0"
    assert ldap_admin.binds(user["dn"], generate(api, user, must_change=False))


@pytest.mark.parametrize("unlock", [True, False])
def test_new_password_unlocks_user_on_request_only(api, people, ldap_admin, unlock):
    user = people.create()
    for _ in range(LOCKOUT_TRIES):
        if ldap_admin.bind_failure(user["dn"], "wrong") == "775":
            break
    password = generate(api, user, unlock=unlock)
    assert ldap_admin.bind_failure(user["dn"], password) == (None if unlock else "775")


def test_new_password_ends_sessions_of_user(api, anonymous, people):
    user = people.create()
    reader = anonymous.bearing(
        anonymous.login(user["sAMAccountName"], user["password"])["access_token"])
    assert reader.get("/auth/me").status_code == 200
    generate(api, user)
    contract.check_error(reader.get("/auth/me"), 401, "INVALID_TOKEN")


def test_rejected_password_keeps_sessions_of_user(api, anonymous, people):
    user = people.create()
    reader = anonymous.bearing(
        anonymous.login(user["sAMAccountName"], user["password"])["access_token"])
    contract.check_error(set_password(api, user, password="x"), 400, "PASSWORD_POLICY")
    assert reader.get("/auth/me").status_code == 200


# --- errors ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("body, field", [
    ({}, "password"), ({"generate": True, "password": "Kontora-2026"}, "password"),
    ({"generate": False}, "generate"), ({"generate": "yes"}, "generate"),
    ({"generate": None}, "generate"), ({"password": None}, "password"),
    ({"password": ""}, "password"), ({"password": "a" * 257}, "password"),
    ({"password": "a\0b"}, "password"), ({"generate": True, "length": 9}, "length"),
    ({"generate": True, "must_change": 1}, "must_change"),
    ({"generate": True, "unlock": None}, "unlock"),
])
@pytest.mark.parametrize("language", ["ru", "en"])
def test_invalid_body_changes_nothing(api, people, ldap_admin, body, field, language):
    user = people.create()
    before = ldap_admin.snapshot(user["sAMAccountName"])
    response = set_password(api, user, headers={"Accept-Language": language}, **body)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == [field]
    assert response.json()["details"][0]["message"].isascii() == (language == "en")
    assert ldap_admin.snapshot(user["sAMAccountName"]) == before


def test_password_of_unknown_user_is_not_found(api):
    response = api.post("/users/nobody-is-called-so/password", json={"generate": True})
    contract.check_error(response, 404, "NOT_FOUND")


@pytest.mark.parametrize("name", ["Administrator", "krbtgt", "kontora-service"])
def test_password_of_protected_user_is_not_changed(api, ldap_admin, name):
    before = ldap_admin.text(name, "pwdLastSet")
    response = api.post(path_of("/users", name, "password"), json={"generate": True})
    contract.check_error(response, 403, "PROTECTED_OBJECT")
    assert ldap_admin.text(name, "pwdLastSet") == before


def test_group_has_no_password(api, people, ldap_admin):
    name = tag()
    ldap_admin.add(f"{rdn(name)},{people.ou}", objectClass="group", sAMAccountName=name)
    response = api.post(path_of("/users", name, "password"), json={"generate": True})
    contract.check_error(response, 404, "NOT_FOUND")


def test_audit_line_of_new_password_names_user_and_no_password(api, people, audit):
    user = people.create()
    response = set_password(api, user, generate=True, unlock=True)
    vault.remember(response.json()["password"])
    line = audit.one_of(response)
    assert (line["action"], line["resource_type"], line["resource_id"], line["status"]) == (
        "set_password", "user", user["sAMAccountName"], "success")
    assert response.json()["password"] not in str(line)
