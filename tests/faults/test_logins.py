"""Logins of directory users: disabled, without the directory, and cached rights."""

import time

import pytest
from stack import Authority
from stack.directory import LOCKOUT_THRESHOLD, LOGIN_SETTINGS

from support import contract, vault
from support.client import user_path
from support.people import People, tag
from support.ldap_admin import rdn
from support.waiting import wait_until

FAST_S = 1
PROMPT_S = 5
LONG_S = 3600
DISABLED = "514"  # userAccountControl: a normal account, disabled
GLOBAL_SECURITY_GROUP = "-2147483646"


@pytest.fixture
def make_login_rig(make_rig, directory):
    """Returns a function that starts a stack where directory users can log in."""
    def make(**settings):
        rig = make_rig(directory, **{**LOGIN_SETTINGS, **settings})
        wait_until(lambda: rig.api.get("/users/Administrator").ok,
                   what="the directory to be reachable")
        return rig
    return make


def create_people(rig, ldap_admin):
    return People(rig.api, ldap_admin, ldap_admin.add_ou(tag()))


def timed_login(rig, username, password):
    """Makes one login; returns the response and its duration in seconds."""
    started = time.monotonic()
    response = rig.anonymous().post("/auth/login",
                                    json={"username": username, "password": password})
    return response, time.monotonic() - started


def log_in(rig, user):
    tokens = rig.anonymous().login(user["sAMAccountName"], user["password"])
    return rig.anonymous().bearing(tokens["access_token"])


def change_title(client, user):
    return client.patch(user_path(user["sAMAccountName"]), json={"title": tag()})


def add_group(ldap_admin, parent, name, *members):
    dn = ldap_admin.add(f"{rdn(name)},{parent}", objectClass="group", sAMAccountName=tag(),
                        groupType=GLOBAL_SECURITY_GROUP)
    for member in members:
        ldap_admin.add_member(dn, member)
    return dn


# --- LDAP_LOGIN=false -----------------------------------------------------------------------------

def test_login_does_not_bind_to_directory_if_ldap_login_is_disabled(make_rig, directory,
                                                                    ldap_admin):
    rig = make_rig(directory, LOGIN_FREE_FAILURES=0)
    wait_until(lambda: rig.api.get("/users/Administrator").ok, what="the directory to be reachable")
    user = create_people(rig, ldap_admin).create()
    for _ in range(LOCKOUT_THRESHOLD + 1):
        response, _ = timed_login(rig, user["sAMAccountName"], "wrong")
        contract.check_error(response, 401, "INVALID_CREDENTIALS")
    contract.check_error(timed_login(rig, user["sAMAccountName"], user["password"])[0], 401,
                         "INVALID_CREDENTIALS")
    assert ldap_admin.text(user["sAMAccountName"], "badPwdCount") in (None, "0")
    assert not rig.api.get(user_path(user["sAMAccountName"])).json()["locked"]


def test_disabling_ldap_login_revokes_tokens_of_directory_users(make_login_rig, ldap_admin):
    rig = make_login_rig()
    user = create_people(rig, ldap_admin).create()
    tokens = rig.anonymous().login(user["sAMAccountName"], user["password"])
    client = rig.anonymous().bearing(tokens["access_token"])
    assert client.get("/auth/me").status_code == 200
    rig.set(LDAP_LOGIN="false")
    rig.reload()
    wait_until(lambda: client.get("/auth/me").status_code == 401,
               what="nginx to close its connections to the old workers")
    for response in (client.get("/auth/me"), client.get("/users"), client.post("/auth/refresh"),
                     rig.anonymous().post("/auth/refresh",
                                          json={"refresh_token": tokens["refresh_token"]})):
        contract.check_error(response, 401, "INVALID_TOKEN")
    assert rig.api.get("/auth/me").status_code == 200


# --- directory outage -----------------------------------------------------------------------------

@pytest.mark.parametrize("harm", ["stop", "freeze"])
def test_login_of_directory_user_is_unavailable_without_directory(make_login_rig, ldap_admin,
                                                                  breakable_directory, harm):
    rig = make_login_rig(LDAP_LOGIN_CACHE_S=0)
    user = create_people(rig, ldap_admin).create()
    client = log_in(rig, user)
    getattr(breakable_directory, harm)()
    for name in (user["sAMAccountName"], tag()):
        response, seconds = timed_login(rig, name, user["password"])
        contract.check_error(response, 503, "DIRECTORY_UNAVAILABLE")
        assert seconds < PROMPT_S
        assert rig.audit().one_of(response)["details"]["code"] == "DIRECTORY_UNAVAILABLE"
    contract.check_error(client.post("/auth/refresh"), 503, "DIRECTORY_UNAVAILABLE")
    contract.check_error(client.get("/users"), 503, "DIRECTORY_UNAVAILABLE")
    assert client.get("/auth/me").status_code == 200
    response, seconds = timed_login(rig, *rig.stack.administrator)
    assert (response.status_code, seconds < FAST_S) == (200, True)
    contract.check_error(timed_login(rig, rig.stack.administrator[0], "wrong")[0], 401,
                         "INVALID_CREDENTIALS")


def test_directory_login_recovers_when_directory_recovers(make_login_rig, ldap_admin,
                                                          breakable_directory):
    rig = make_login_rig()
    user = create_people(rig, ldap_admin).create()
    breakable_directory.kill()
    contract.check_error(timed_login(rig, user["sAMAccountName"], user["password"])[0], 503,
                         "DIRECTORY_UNAVAILABLE")
    breakable_directory.start()
    wait_until(lambda: timed_login(rig, user["sAMAccountName"], user["password"])[0].ok, 15,
               "the login to succeed")


# --- other connections ----------------------------------------------------------------------------

@pytest.mark.parametrize("settings", [
    {"LDAP_SERVER": "127.0.0.250 {}"},
    {"LDAP_USE_SSL": "false", "LDAP_START_TLS": "true", "LDAP_PORT": "389"},
])
def test_login_works_with_second_controller_and_start_tls(make_login_rig, ldap_admin, directory,
                                                          settings):
    rig = make_login_rig(**{name: value.format(directory.address)
                            for name, value in settings.items()})
    user = create_people(rig, ldap_admin).create()
    for _ in range(4):  # repeats, to reach most workers of the pool
        assert timed_login(rig, user["sAMAccountName"], user["password"])[0].status_code == 200
        contract.check_error(timed_login(rig, user["sAMAccountName"], "wrong")[0], 401,
                             "INVALID_CREDENTIALS")


def test_login_sends_no_password_to_untrusted_controller(make_rig, directory, tmp_path):
    rig = make_rig(directory, **LOGIN_SETTINGS,
                   LDAP_TLS_CA_FILE=Authority(tmp_path / "other").file)
    response, _ = timed_login(rig, "m.sidorova", directory.sample_password)
    contract.check_error(response, 503, "DIRECTORY_UNAVAILABLE")


# --- cached rights --------------------------------------------------------------------------------

def test_directory_rights_are_cached_for_configured_time(make_login_rig, ldap_admin):
    """A worker uses cached rights for LDAP_LOGIN_CACHE_S; a refresh always reads the directory."""
    rig = make_login_rig(LDAP_LOGIN_CACHE_S=LONG_S, DIRECTORY_WORKERS=1)
    user = create_people(rig, ldap_admin).create()
    client = log_in(rig, user)
    contract.check_error(change_title(client, user), 403, "FORBIDDEN")
    ldap_admin.add_member(f"CN={LOGIN_SETTINGS['LDAP_ADMIN_GROUP']},OU=Groups,{ldap_admin.base_dn}",
                          user["dn"])
    contract.check_error(change_title(client, user), 403, "FORBIDDEN")
    # over LDAP, because a change through Kontora would end the session
    ldap_admin.set(user["dn"], "userAccountControl", DISABLED)
    assert client.get("/users?limit=1").status_code == 200
    contract.check_error(client.post("/auth/refresh"), 401, "INVALID_TOKEN")


def test_cached_directory_rights_expire(make_login_rig, ldap_admin):
    rig = make_login_rig(LDAP_LOGIN_CACHE_S=1, DIRECTORY_WORKERS=1)
    user = create_people(rig, ldap_admin).create()
    client = log_in(rig, user)
    assert client.get("/users?limit=1").status_code == 200
    ldap_admin.set(user["dn"], "userAccountControl", DISABLED)
    wait_until(lambda: client.get("/users?limit=1").status_code == 401,
               what="the cached rights to expire")


def test_login_works_for_more_users_than_cache_entries(make_login_rig, ldap_admin):
    rig = make_login_rig(LDAP_LOGIN_CACHE_S=LONG_S, DIRECTORY_WORKERS=1)
    people = create_people(rig, ldap_admin)
    clients = [log_in(rig, people.create()) for _ in range(70)]
    for client in (*clients, *clients):
        assert client.get("/users?limit=1").status_code == 200


# --- LDAP_ADMIN_GROUP -----------------------------------------------------------------------------

def test_admin_group_can_be_given_by_dn(make_login_rig, ldap_admin):
    ou, name = ldap_admin.add_ou(tag()), f"Группа, {tag()} (x)"
    rig = make_login_rig(LDAP_ADMIN_GROUP=f"{rdn(name)},{ou}", LDAP_LOGIN_CACHE_S=0)
    people = create_people(rig, ldap_admin)
    member, other = people.create(), people.create()
    add_group(ldap_admin, ou, name, member["dn"])
    add_group(ldap_admin, ldap_admin.add_ou(tag()), name, other["dn"])
    assert change_title(log_in(rig, member), member).status_code == 200
    contract.check_error(change_title(log_in(rig, other), other), 403, "FORBIDDEN")


def test_ambiguous_admin_group_grants_no_rights(make_login_rig, ldap_admin):
    name = f"(Группа) * {tag()}"
    rig = make_login_rig(LDAP_ADMIN_GROUP=name, LDAP_LOGIN_CACHE_S=0)
    user = create_people(rig, ldap_admin).create()
    add_group(ldap_admin, ldap_admin.add_ou(tag()), name, user["dn"])
    client = log_in(rig, user)
    assert change_title(client, user).status_code == 200
    add_group(ldap_admin, ldap_admin.add_ou(tag()), name, user["dn"])
    # the session was opened with rights that no longer exist
    contract.check_error(change_title(client, user), 401, "INVALID_TOKEN")
    client = log_in(rig, user)
    contract.check_error(change_title(client, user), 403, "FORBIDDEN")
    assert client.get("/users?limit=1").status_code == 200
    assert rig.count_log("several groups are called")


@pytest.mark.parametrize("group", ["", "no-such-group", "*", "OU=Groups,DC=kontora,DC=test"])
def test_missing_admin_group_grants_no_rights(make_login_rig, ldap_admin, directory, group):
    rig = make_login_rig(LDAP_ADMIN_GROUP=group)
    user = create_people(rig, ldap_admin).create()
    sample = {"sAMAccountName": "m.sidorova", "password": directory.sample_password}
    client = log_in(rig, sample)
    assert client.get("/auth/me").json()["permissions"] == ["directory:read"]
    contract.check_error(change_title(client, user), 403, "FORBIDDEN")


def test_no_log_contains_login_passwords(make_login_rig, directory, ldap_admin):
    """This test causes every kind of login; the fixture searches all logs for passwords at its
    end."""
    rig = make_login_rig(LOG_LEVEL="debug")
    user = create_people(rig, ldap_admin).create()
    for name, password in ((user["sAMAccountName"], user["password"]),
                           (user["sAMAccountName"], vault.password()), (tag(), vault.password()),
                           (rig.stack.administrator[0], vault.password())):
        assert timed_login(rig, name, password)[0].status_code in (200, 401)
