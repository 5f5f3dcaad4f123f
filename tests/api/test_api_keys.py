"""API keys: their secrets, scopes, makers, rotation and revocation."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from stack.directory import LOGIN_SETTINGS

from support import contract, keys, vault
from support.accounts import Accounts, add_member
from support.entries import tag
from support.ldap_admin import rdn
from support.people import People
from support.waiting import wait_until

YEARS_AHEAD = "2199-01-01T00:00:00.000Z"


def moment(**delta):
    """Returns a time relative to now as JSON has it."""
    return (datetime.now(UTC) + timedelta(**delta)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def assert_dead(client, path="/contacts", code="INVALID_TOKEN"):
    contract.check_error(client.get(path), 401, code)


@pytest.fixture(scope="module")
def owner(office):
    return office.owner


# --- secrets --------------------------------------------------------------------------------------

def test_key_reads_contacts_as_its_maker(owner):
    made = keys.create(owner.client, ["contacts:read"], name=" Ночная выгрузка ")
    assert (made["name"], made["scopes"], made["expires_at"]) == (
        "Ночная выгрузка", ["contacts:read"], None)
    response = owner.client.bearing(made["secret"]).get("/contacts")
    assert response.status_code == 200
    assert response.json() == owner.client.get("/contacts").json()


def test_secret_has_random_characters_and_a_checksum(owner):
    secrets = {keys.create(owner.client, ["contacts:read"])["secret"] for _ in range(5)}
    assert len(secrets) == 5
    for secret in secrets:
        assert re.fullmatch(r"kontora_[0-9A-Za-z]{40}", secret)
        assert secret == keys.forged(secret[8:42])


def test_secret_is_in_no_other_reply_and_not_in_the_database(owner, sql_database):
    made = keys.create(owner.client, ["contacts:read"])
    for path in ("/api-keys?limit=1000", f"/api-keys/{made['id']}"):
        text = owner.client.get(path).text
        assert made["secret"] not in text and made["secret"][:12] in text
    dump = sql_database.dump()
    assert made["secret"].lower() not in dump and made["secret"][12:].lower() not in dump


def test_secret_is_not_stored_for_repeated_requests(owner, sql_database):
    headers = {"Idempotency-Key": tag()}
    body = {"name": "k", "scopes": ["contacts:read"]}
    made = owner.client.post("/api-keys", json=body, headers=headers)
    assert made.headers["Cache-Control"] == "no-store"
    vault.remember(made.json()["secret"])
    assert made.json()["secret"][8:].lower() not in sql_database.dump()


def test_secret_with_one_character_changed_is_invalid(owner):
    secret = keys.create(owner.client, ["contacts:read"])["secret"]
    for place, character in enumerate(secret):
        other = "x" if character != "x" else "y"
        changed = secret[:place] + other + secret[place + 1:]
        assert_dead(owner.client.bearing(changed))
        if character.isalpha() and place >= len(keys.MARK):
            assert_dead(owner.client.bearing(secret[:place] + character.swapcase()
                                             + secret[place + 1:]))


@pytest.mark.parametrize("secret", ["kontora_", "kontora_" + "A" * 39, "kontora_" + "A" * 41,
                                    "kontora_" + "-" * 40, keys.forged() + "A", keys.forged(),
                                    "kontora_" + "A" * 4000, keys.forged()[:-1]])
def test_malformed_or_unknown_secret_is_invalid(sql_anonymous, secret):
    assert_dead(sql_anonymous.bearing(secret))


def test_prefix_alone_is_not_a_key(owner):
    made = keys.create(owner.client, ["contacts:read"])
    assert_dead(owner.client.bearing(keys.listed(owner.client)[made["id"]]["prefix"]))


def test_scheme_is_compared_without_case(owner):
    secret = keys.create(owner.client, ["contacts:read"])["secret"]
    for field in (f"bearer {secret}", f"BEARER   {secret}"):
        assert owner.client.get("/contacts", headers={"Authorization": field}).status_code == 200
    assert owner.client.as_anonymous().get(
        "/contacts", headers={"Authorization": f"Basic {secret}"}).status_code == 401


@pytest.mark.parametrize("method, path", [
    ("GET", "/api-keys"), ("POST", "/api-keys"), ("GET", "/api-keys/1"), ("PATCH", "/api-keys/1"),
    ("DELETE", "/api-keys/1"), ("POST", "/api-keys/1/rotate")])
def test_keys_are_managed_with_an_access_token_only(sql_anonymous, owner, method, path):
    body = {"name": "k", "scopes": ["crm"]}
    contract.check_error(sql_anonymous.request(method, path, json=body), 401, "UNAUTHORIZED")
    key = keys.client_of(owner.client, keys.SCOPES)
    contract.check_error(key.request(method, path, json=body), 403, "FORBIDDEN")


def test_errors_are_in_both_languages(owner):
    key = keys.client_of(owner.client, ["deals:read"])
    for language, text in (("ru", "убирать"), ("en", "removed")):
        made = keys.create(owner.client, ["contacts:read"])
        response = owner.client.patch(f"/api-keys/{made['id']}", json={"scopes": ["crm"]},
                                      headers={"Accept-Language": language})
        [detail] = response.json()["details"]
        assert text in detail["message"] and "contacts:write" in detail["message"]
        refused = key.get("/contacts", headers={"Accept-Language": language})
        assert refused.json()["details"] == ["contacts:read"]


# --- values ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("body, fields", [
    ({}, ["name", "scopes"]), ({"name": "k"}, ["scopes"]),
    ({"name": "k", "scopes": []}, ["scopes"]),
    ({"name": "", "scopes": ["contacts:read"]}, ["name"]),
    ({"name": "x" * 201, "scopes": ["contacts:read"]}, ["name"]),
    ({"name": "k", "scopes": ["contacts"]}, ["scopes"]),
    ({"name": "k", "scopes": ["contacts:read", "CONTACTS:READ"]}, ["scopes"]),
    ({"name": "k", "scopes": "contacts:read"}, ["scopes"]),
    ({"name": "k", "scopes": [1]}, ["scopes"]),
    ({"name": "k", "scopes": ["contacts:read"] * 100}, ["scopes"]),
    ({"name": "k", "scopes": ["contacts:read"], "expires_at": "2020-01-01T00:00:00Z"},
     ["expires_at"]),
    ({"name": "k", "scopes": ["contacts:read"], "expires_at": "tomorrow"}, ["expires_at"]),
    ({"name": "k", "scopes": ["contacts:read"], "secret": keys.forged()}, ["secret"]),
    ({"name": "k", "scopes": [], "expires_at": "2020-01-01T00:00:00Z"}, ["expires_at", "scopes"]),
])
def test_invalid_creation_is_rejected(owner, body, fields):
    before = keys.listed(owner.client).keys()
    response = owner.client.post("/api-keys", json=body)
    assert sorted(set(contract.check_error(response, 400, "VALIDATION_ERROR"))) == fields
    assert keys.listed(owner.client).keys() == before


def test_presets_are_replaced_by_their_scopes(owner):
    made = keys.create(owner.client, ["read-only"])
    assert made["scopes"] == [scope for scope in made["scopes"] if scope.endswith(":read")]
    assert set(made["scopes"]) == {scope for scope in keys.SCOPES if scope.endswith(":read")}
    assert keys.create(owner.client, ["helpdesk", "directory:read"])["scopes"] == [
        "directory:read", "directory:unlock", "directory:reset_password", "directory:enable"]
    assert set(keys.create(owner.client, ["manager"])["scopes"]) == {
        "directory:read", "directory:unlock", "directory:reset_password", "directory:enable",
        "directory:update", "directory:members"}
    crm = keys.create(owner.client, ["crm"])["scopes"]
    assert len(crm) == 9 and "deals:write" in crm and "files:read" not in crm


def test_user_has_a_limited_number_of_keys(accounts):
    person = accounts.register()
    for _ in range(100):
        keys.create(person.client, ["contacts:read"])
    contract.check_error(keys.send(person.client, ["contacts:read"]), 409, "TOO_MANY_KEYS")
    assert person.client.delete(f"/api-keys/{min(keys.listed(person.client))}").status_code == 204
    keys.create(person.client, ["contacts:read"])


def test_list_is_filtered_sorted_and_paged(accounts):
    person = accounts.register()
    names = ["Alpha", "beta", "Ёлка"]
    made = [keys.create(person.client, scopes, name=name)["id"]
            for name, scopes in zip(names, (["contacts:read"], ["crm"], ["files:read"]),
                                    strict=True)]

    def ids(query):
        response = person.client.get(f"/api-keys?{query}")
        assert response.status_code == 200, response.text
        return [key["id"] for key in response.json()["items"]]

    assert ids("sort=-name") == made[::-1]
    assert ids('filter=name eq "ALPHA"') == made[:1]
    assert ids('filter=scopes eq "contacts:read"') == made[:2]
    assert ids('filter=created_by sw "nobody"') == []
    assert ids("filter=last_used_at pr") == []
    assert ids("filter=expires_at eq null and id gt 0") == made
    page = person.client.get("/api-keys?limit=2&sort=id").json()
    assert [key["id"] for key in page["items"]] == made[:2] and page["total"] == 3
    rest = person.client.get("/api-keys", params={"sort": "id", "after": page["next"]}).json()
    assert [key["id"] for key in rest["items"]] == made[2:]
    selected = person.client.get("/api-keys?fields=name&sort=id").json()["items"]
    assert selected[0] == {"id": made[0], "name": "Alpha"}


# --- scopes ---------------------------------------------------------------------------------------

VALUES = {"username": "nobody-here", "group": "nothing-here", "computer": "nothing-here",
          "name": "nothing-here", "ou": "nothing-here", "cn": "nothing-here"}
DIRECTORY = {"users", "groups", "ous", "containers", "computers", "tree", "password-policy",
             "accounts", "tokens", "deleted"}
ANONYMOUS = {("post", "/app/token"), ("delete", "/app/clear/all/tokens")}  # open in the tests


def refused_by_scope(response):
    return (response.status_code == 403
            and any(detail in keys.SCOPES for detail in response.json().get("details", [])))


@pytest.fixture(scope="module")
def makers(site, stack):
    """Returns the makers of keys by the kind of calls that they may make, and an organization."""
    accounts = Accounts(site.as_anonymous().at(f"{stack.https_url}/api/v1"))
    return site.at(f"{stack.https_url}/api/v1"), accounts.register()


def call(client, makers, method, path):
    """Makes a call that changes nothing, whatever the rights of the caller."""
    values = {**VALUES, "organization_id": makers[1].organization}
    filled = re.sub(r"\{(\w+)\}", lambda match: str(values.get(match[1], 10 ** 9)), path)
    at = client.at(client.base_url.removesuffix("/api/v1"))
    body = {"json": {}} if method in ("post", "patch", "put") else {}
    return at.request(method.upper(), filled, **body)


def maker_of(makers, path):
    first = path.removeprefix("/api/v1").split("/")[1]
    return makers[0] if first in DIRECTORY else makers[1].client


@pytest.mark.parametrize("scope", keys.SCOPES)
def test_scope_permits_exactly_its_calls(makers, scope):
    """Tests each call with a key that has one scope: it passes the check of the scopes if the call
    names that scope, and is refused with the missing scope otherwise."""
    clients = {id(maker): keys.client_of(maker, [scope])
               for maker in (makers[0], makers[1].client)}
    passed = 0
    for method, path, scopes in keys.CALLS:
        if (method, path) in ANONYMOUS:
            continue
        response = call(clients[id(maker_of(makers, path))], makers, method, path)
        if scope in scopes:
            assert response.status_code not in (401, 403), (method, path, response.text)
            passed += 1
        elif scopes:
            contract.check_error(response, 403, "FORBIDDEN")
            assert response.json()["details"][0] in scopes, (method, path, response.text)
        else:
            contract.check_error(response, 403, "FORBIDDEN")
            assert not response.json().get("details"), (method, path)
    assert passed or scope == "tokens:write"


def test_key_with_all_scopes_cannot_make_closed_calls(makers):
    """Keys cannot create keys, change passwords, end sessions, accept invitations …"""
    closed = [(method, path) for method, path, scopes in keys.CALLS if not scopes]
    assert {("post", "/api/v1/api-keys"), ("get", "/api/v1/api-keys"),
            ("post", "/api/v1/api-keys/{key_id}/rotate"), ("post", "/api/v1/auth/logout"),
            ("post", "/api/v1/auth/change-password"), ("patch", "/api/v1/auth/me"),
            ("post", "/api/v1/auth/verify-email"),
            ("post", "/api/v1/auth/invitations/{invitation_id}/accept")} <= set(closed)
    for maker in (makers[0], makers[1].client):
        client = keys.client_of(maker, keys.SCOPES)
        for method, path in closed:
            contract.check_error(call(client, makers, method, path), 403, "FORBIDDEN")


def test_key_cannot_log_in_or_refresh(owner):
    made = keys.create(owner.client, keys.SCOPES)
    client = owner.client.bearing(made["secret"])
    contract.check_error(client.post("/auth/refresh"), 401, "INVALID_TOKEN")
    contract.check_error(client.post("/auth/refresh", json={"refresh_token": made["secret"]}), 401,
                         "INVALID_TOKEN")
    contract.check_error(client.post("/auth/login", json={"username": owner.email,
                                                          "password": made["secret"]}),
                         401, "INVALID_CREDENTIALS")


def test_scopes_do_not_extend_the_role(office):
    viewer = office["VIEWER"]
    client = keys.client_of(viewer.client, keys.SCOPES, office.organization)
    assert client.get("/contacts").status_code == 200
    response = client.post("/contacts", json={"name": "n"})
    contract.check_error(response, 403, "FORBIDDEN")
    assert not refused_by_scope(response)
    contract.check_error(client.get("/users"), 403, "FORBIDDEN")


# --- organizations and makers ---------------------------------------------------------------------

def test_key_acts_only_in_its_organization(office, accounts):
    """The maker is a member of two organizations; the key belongs to one of them."""
    member = office["SALES"]
    theirs, own = office.organization, member.person.organization
    client = keys.client_of(member.client, keys.SCOPES, theirs)
    assert client.get("/contacts").status_code == 200
    assert client.get("/contacts",
                      headers=keys.in_organization(theirs)).status_code == 200
    contract.check_error(client.get("/contacts", headers=keys.in_organization(own)), 404,
                         "NOT_FOUND")
    contract.check_error(client.get(f"/organizations/{own}"), 404, "NOT_FOUND")
    assert [each["id"] for each in client.get("/organizations").json()["items"]] == [theirs]
    me = client.get("/auth/me").json()
    assert [each["id"] for each in me["organizations"]] == [theirs]
    stranger = accounts.register()
    contract.check_error(client.get(f"/organizations/{stranger.organization}"), 404, "NOT_FOUND")


def test_key_writes_to_its_organization_after_the_default_changes(office):
    member = office["MANAGER"]
    client = keys.client_of(member.client, ["contacts:write"], office.organization)
    assert member.client.patch("/auth/me", json={
        "default_organization_id": member.person.organization}).status_code == 200
    made = client.post("/contacts", json={"name": tag()}).json()["id"]
    assert office["OWNER"].client.get(f"/contacts/{made}").status_code == 200


def test_demotion_of_the_maker_reaches_the_key_at_once(new_office):
    member = new_office["MANAGER"]
    client = keys.client_of(member.client, ["crm"], new_office.organization)
    contact = client.post("/contacts", json={"name": "n"}).json()["id"]
    path = f"{new_office.owner.path}/members/{member.id}"
    assert new_office.owner.client.patch(path, json={"role": "VIEWER"}).status_code == 200
    contract.check_error(client.delete(f"/contacts/{contact}"), 403, "FORBIDDEN")
    assert client.get(f"/contacts/{contact}").status_code == 200
    assert new_office.owner.client.patch(path, json={"role": "MANAGER"}).status_code == 200
    assert client.delete(f"/contacts/{contact}").status_code == 204


def test_key_stays_invalid_when_the_removed_maker_returns(new_office):
    member = new_office["SALES"]
    made = keys.create(member.client, ["crm"], new_office.organization)
    own = keys.client_of(member.client, ["crm"], member.person.organization)
    client = member.client.bearing(made["secret"])
    assert client.get("/contacts").status_code == 200
    assert new_office.owner.client.delete(
        f"{new_office.owner.path}/members/{member.id}").status_code == 204
    assert_dead(client)
    assert own.get("/contacts").status_code == 200
    add_member(new_office.owner, member.person, "SALES")
    assert_dead(client)
    assert made["id"] not in keys.listed(new_office.owner.client)


def test_deletion_of_the_account_ends_the_key(accounts, sql_database):
    """No call deletes accounts; SQLite deletes dependent rows only for connections that ask."""
    person = accounts.register()
    client = keys.client_of(person.client, ["crm"])
    assert client.get("/contacts").status_code == 200
    for table, column in (("members", "account_id"), ("sessions", "account_id"),
                          ("accounts", "id")):
        sql_database.run(f"DELETE FROM {table} WHERE {column} = {person.id}")
    assert_dead(client)


def test_password_change_of_the_maker_keeps_the_key(accounts):
    person = accounts.register()
    client = keys.client_of(person.client, ["crm"])
    changed = person.client.post("/auth/change-password", json={
        "current_password": person.password, "new_password": vault.password()})
    assert changed.status_code == 204
    assert_dead(person.client)
    assert client.get("/contacts").status_code == 200


def test_logout_of_the_maker_keeps_the_key(accounts):
    person = accounts.register()
    client = keys.client_of(person.client, ["crm"])
    assert person.client.post("/auth/logout").status_code == 204
    assert client.get("/contacts").status_code == 200


# --- expiry, rotation, revocation -----------------------------------------------------------------

def test_expired_key_is_refused(owner, sql_database):
    made = keys.create(owner.client, ["contacts:read"], expires_at=YEARS_AHEAD)
    client = owner.client.bearing(made["secret"])
    assert client.get("/contacts").status_code == 200
    sql_database.run(f"UPDATE api_keys SET expires_at = 1000 WHERE id = {made['id']}")
    assert_dead(client, code="TOKEN_EXPIRED")
    assert keys.listed(owner.client)[made["id"]]["expires_at"] == "1970-01-01T00:00:01.000Z"


def test_key_expires_at_its_time(owner):
    made = keys.create(owner.client, ["contacts:read"], expires_at=moment(seconds=1))
    client = owner.client.bearing(made["secret"])
    wait_until(lambda: client.get("/contacts").status_code == 401, what="the key to expire")
    assert_dead(client, code="TOKEN_EXPIRED")


def rotate(client, key, **body):
    response = client.post(f"/api-keys/{key}/rotate", json=body)
    assert response.status_code == 200, response.text
    return contract.check_issued_key(response.json())


def test_old_secret_is_valid_during_the_overlap(owner, sql_database):
    made = keys.create(owner.client, ["contacts:read"], name="n", expires_at=YEARS_AHEAD)
    again = rotate(owner.client, made["id"], overlap_minutes=5)
    assert {**again, "secret": 0} == {**made, "secret": 0} and again["secret"] != made["secret"]
    old, new = (owner.client.bearing(each["secret"]) for each in (made, again))
    assert old.get("/contacts").status_code == new.get("/contacts").status_code == 200
    assert keys.listed(owner.client)[made["id"]]["prefix"] == again["secret"][:12]
    [(left,)] = sql_database.run("SELECT expires_at - replaced_at FROM api_key_secrets "
                                 f"WHERE key_id = {made['id']} AND replaced_at IS NOT NULL")
    assert int(left) == 5 * 60 * 1000
    sql_database.run("UPDATE api_key_secrets SET expires_at = 1000 "
                     f"WHERE key_id = {made['id']} AND replaced_at IS NOT NULL")
    assert_dead(old)
    assert new.get("/contacts").status_code == 200


def test_old_secret_ends_at_once_without_overlap(owner):
    made = keys.create(owner.client, ["contacts:read"])
    again = rotate(owner.client, made["id"], overlap_minutes=0)
    assert_dead(owner.client.bearing(made["secret"]))
    assert owner.client.bearing(again["secret"]).get("/contacts").status_code == 200


def test_rotation_of_an_expired_key_needs_a_new_expiry(owner, sql_database):
    made = keys.create(owner.client, ["contacts:read"], expires_at=YEARS_AHEAD)
    sql_database.run(f"UPDATE api_keys SET expires_at = 1000 WHERE id = {made['id']}")
    response = owner.client.post(f"/api-keys/{made['id']}/rotate", json={})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["expires_at"]
    again = rotate(owner.client, made["id"], expires_at=None)
    assert again["expires_at"] is None
    assert_dead(owner.client.bearing(made["secret"]))
    assert owner.client.bearing(again["secret"]).get("/contacts").status_code == 200


@pytest.mark.parametrize("body, fields", [
    ({"overlap_minutes": -1}, ["overlap_minutes"]),
    ({"overlap_minutes": 10081}, ["overlap_minutes"]),
    ({"expires_at": "2020-01-01T00:00:00Z"}, ["expires_at"]), ({"scopes": ["crm"]}, ["scopes"])])
def test_invalid_rotation_keeps_the_secret(owner, body, fields):
    made = keys.create(owner.client, ["contacts:read"])
    response = owner.client.post(f"/api-keys/{made['id']}/rotate", json=body)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == fields
    assert owner.client.bearing(made["secret"]).get("/contacts").status_code == 200


def test_revoked_key_is_refused_at_once(owner, sql_database):
    made = keys.create(owner.client, ["contacts:read"])
    again = rotate(owner.client, made["id"])
    assert owner.client.delete(f"/api-keys/{made['id']}").status_code == 204
    for each in (made, again):
        assert_dead(owner.client.bearing(each["secret"]))
    contract.check_error(owner.client.get(f"/api-keys/{made['id']}"), 404, "NOT_FOUND")
    contract.check_error(owner.client.delete(f"/api-keys/{made['id']}"), 404, "NOT_FOUND")
    assert sql_database.run(f"SELECT 1 FROM api_key_secrets WHERE key_id = {made['id']}") == []


def test_scopes_can_only_be_removed(owner):
    made = keys.create(owner.client, ["contacts:read", "deals:read"])
    path, client = f"/api-keys/{made['id']}", owner.client.bearing(made["secret"])
    response = owner.client.patch(path, json={"scopes": ["contacts:read", "files:read"]})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["scopes"]
    assert client.get("/deals").status_code == 200
    response = owner.client.patch(path, json={"scopes": ["contacts:read"], "name": "new"})
    key = contract.check_key(response.json())
    assert (key["scopes"], key["name"]) == (["contacts:read"], "new")
    assert client.get("/contacts").status_code == 200
    contract.check_error(client.get("/deals"), 403, "FORBIDDEN")
    assert owner.client.get('/api-keys?filter=name eq "NEW"').json()["total"] == 1
    unchanged = owner.client.patch(path, json={}).json()
    assert {**unchanged, "last_used_at": 0, "last_used_from": 0} == {
        **key, "last_used_at": 0, "last_used_from": 0}


# --- other callers --------------------------------------------------------------------------------

def test_keys_of_members_are_seen_and_revoked_by_owner_and_admin(new_office):
    organization = keys.in_organization(new_office.organization)
    member = new_office["SALES"]
    made = [keys.create(member.client, ["crm"], new_office.organization) for _ in range(2)]
    for role, key in (("OWNER", made[0]), ("ADMIN", made[1])):
        view = new_office[role]
        path = f"/api-keys/{key['id']}"
        assert view.client.get(path, headers=organization).json()["created_by"]
        assert key["id"] in keys.listed(view.client, new_office.organization)
        for response in (view.client.patch(path, json={"name": "x"}, headers=organization),
                         view.client.post(f"{path}/rotate", json={}, headers=organization)):
            contract.check_error(response, 403, "FORBIDDEN")
        assert member.client.bearing(key["secret"]).get("/contacts").status_code == 200
        assert view.client.delete(path, headers=organization).status_code == 204
        assert_dead(member.client.bearing(key["secret"]))


def test_admin_cannot_revoke_the_key_of_an_owner(new_office):
    made = keys.create(new_office.owner.client, ["crm"])
    response = new_office["ADMIN"].client.delete(
        f"/api-keys/{made['id']}", headers=keys.in_organization(new_office.organization))
    contract.check_error(response, 403, "FORBIDDEN")
    assert new_office.owner.client.bearing(made["secret"]).get("/contacts").status_code == 200


@pytest.mark.parametrize("role", ["MANAGER", "SALES", "VIEWER", "stranger"])
def test_other_callers_do_not_see_a_key(new_office, accounts, role):
    made = keys.create(new_office.owner.client, ["crm"])
    client = accounts.register().client if role == "stranger" else new_office[role].client
    headers = {} if role == "stranger" else keys.in_organization(new_office.organization)
    path = f"/api-keys/{made['id']}"
    for response in (client.get(path, headers=headers), client.delete(path, headers=headers),
                     client.patch(path, json={"name": "x"}, headers=headers),
                     client.post(f"{path}/rotate", json={}, headers=headers)):
        contract.check_error(response, 404, "NOT_FOUND")
    assert client.get("/api-keys", headers=headers).json()["items"] == []
    assert new_office.owner.client.bearing(made["secret"]).get("/contacts").status_code == 200


def test_owner_does_not_see_keys_of_members_in_other_organizations(new_office):
    member = new_office["SALES"]
    made = keys.create(member.client, ["crm"], member.person.organization)
    contract.check_error(new_office.owner.client.get(f"/api-keys/{made['id']}"), 404, "NOT_FOUND")
    assert made["id"] in keys.listed(member.client)


def test_local_administrator_sees_and_revokes_all_keys(sql_api, accounts):
    person = accounts.register()
    made = keys.create(person.client, ["crm"])
    assert sql_api.get(f"/api-keys/{made['id']}").json()["organization_id"] == person.organization
    contract.check_error(sql_api.post(f"/api-keys/{made['id']}/rotate"), 403, "FORBIDDEN")
    assert sql_api.delete(f"/api-keys/{made['id']}").status_code == 204
    assert_dead(person.client.bearing(made["secret"]))


# --- last use, audit, log -------------------------------------------------------------------------

def test_last_use_is_shown_and_written_once_a_minute(owner, sql_database):
    made = keys.create(owner.client, ["contacts:read"])
    client = owner.client.bearing(made["secret"])
    assert keys.listed(owner.client)[made["id"]]["last_used_at"] is None
    before = moment(seconds=-1)
    client.get("/contacts")
    used = wait_until(lambda: (key := keys.listed(owner.client)[made["id"]])["last_used_at"]
                      and key, what="the last use to be written")
    assert before <= used["last_used_at"] <= moment(seconds=1)
    assert used["last_used_from"] == "127.0.0.1"
    client.get("/contacts")
    stale = int(time.time() * 1000) - 61_000
    other = keys.create(owner.client, ["contacts:read"])
    owner.client.bearing(other["secret"]).get("/contacts")
    wait_until(lambda: keys.listed(owner.client)[other["id"]]["last_used_at"],
               what="a later use to be written")
    assert keys.listed(owner.client)[made["id"]]["last_used_at"] == used["last_used_at"]
    sql_database.run(f"UPDATE api_keys SET last_used_at = {stale} WHERE id = {made['id']}")
    client.get("/contacts")
    wait_until(lambda: keys.listed(owner.client)[made["id"]]["last_used_at"] > before,
               what="a use after a minute to be written")


def test_audit_names_the_key_and_its_maker(api, audit, people):
    made = keys.create(api, ["directory:read", "directory:create", "directory:delete"])
    response = api.bearing(made["secret"]).post("/users", json=people.body())
    assert response.status_code == 201
    line = audit.one_of(response)
    assert (line["actor"], line["details"]["api_key_id"]) == ("admin", made["id"])
    refused = api.bearing(made["secret"]).patch(
        f"/users/{response.json()['sAMAccountName']}", json={"title": "x"})
    line = audit.one_of(refused)
    assert (line["actor"], line["details"]["api_key_id"], line["details"]["code"]) == (
        "admin", made["id"], "FORBIDDEN")
    plain = api.post("/users", json=people.body())
    assert "api_key_id" not in audit.one_of(plain)["details"]


# --- makers in the directory ----------------------------------------------------------------------

@pytest.fixture
def maker(anonymous, people):
    """Returns a directory user and the client of a session."""
    user = people.create()
    tokens = anonymous.login(user["sAMAccountName"], user["password"])
    return user, anonymous.bearing(tokens["access_token"])


def test_key_of_a_directory_user_has_the_rights_of_the_user(maker, people):
    user, client = maker
    key = keys.client_of(client, keys.SCOPES)
    assert key.get("/users?limit=1").status_code == 200
    contract.check_error(key.post("/users", json=people.body()), 403, "FORBIDDEN")
    me = key.get("/auth/me").json()
    assert (me["id"], me["username"]) == (f"directory:{user['objectGUID']}",
                                          user["sAMAccountName"])


def test_scopes_limit_the_key_of_an_administrator(api, people):
    user = people.create()
    path = f"/users/{user['sAMAccountName']}"
    reader = keys.client_of(api, ["directory:read"])
    assert reader.get(path).status_code == 200
    contract.check_error(reader.patch(path, json={"title": "x"}), 403, "FORBIDDEN")
    contract.check_error(reader.delete(path), 403, "FORBIDDEN")
    writer = keys.client_of(api, ["directory:update"])
    assert writer.patch(path, json={"title": "x"}).status_code == 200
    contract.check_error(writer.get(path), 403, "FORBIDDEN")


def test_key_of_an_administrator_cannot_gain_the_rights_that_it_lacks(api, people, ou,
                                                                     ldap_admin):
    """Otherwise a key that only sets passwords or members could make its holder an
    administrator."""
    admin, other = people.create(), people.create()
    group = LOGIN_SETTINGS["LDAP_ADMIN_GROUP"]
    ldap_admin.add_member(f"{rdn(group)},OU=Groups,{ldap_admin.base_dn}", admin["dn"])
    holder, name = people.create(), tag()
    wide = ldap_admin.add(f"{rdn(name)},{ou}", objectClass="group", sAMAccountName=name,
                          groupType="-2147483646")
    made = [api.post("/delegations", json={"principal": principal, "scope": ou, "rights": rights})
            for principal, rights in ((holder["dn"], ["delete"]), (wide, ["move"]))]
    assert all(response.status_code == 201 for response in made), made
    key = keys.client_of(api, ["directory:reset_password", "directory:members",
                               "directory:create"])
    for user in (admin, holder):
        contract.check_error(key.post(f"/users/{user['sAMAccountName']}/password",
                                      json={"generate": True}), 403, "FORBIDDEN")
    for target in (group, name):
        contract.check_error(key.post(f"/groups/{target}/members/{other['sAMAccountName']}"), 403,
                             "FORBIDDEN")
    contract.check_error(key.post("/groups", json={"cn": group, "sAMAccountName": tag(),
                                                   "ou": ou}), 403, "FORBIDDEN")
    response = key.post(f"/users/{other['sAMAccountName']}/password", json={"generate": True})
    assert response.status_code == 200, response.text
    for response in made:
        assert api.delete(f"/delegations/{response.json()['id']}").status_code == 204


def test_administrator_rights_of_a_key_end_with_the_membership(anonymous, people, ldap_admin):
    user = people.create()
    group = f"{rdn(LOGIN_SETTINGS['LDAP_ADMIN_GROUP'])},OU=Groups,{ldap_admin.base_dn}"
    ldap_admin.add_member(group, user["dn"])
    client = anonymous.bearing(anonymous.login(user["sAMAccountName"],
                                               user["password"])["access_token"])
    key = keys.client_of(client, ["directory:read", "directory:create"])
    assert key.post("/users", json=people.body()).status_code == 201
    ldap_admin.remove_member(group, user["dn"])
    contract.check_error(key.post("/users", json=people.body()), 403, "FORBIDDEN")
    assert key.get("/users?limit=1").status_code == 200


def test_delegation_limits_the_key_of_its_holder(api, maker, people, ou, ldap_admin):
    user, client = maker
    key = keys.client_of(client, ["directory:read", "directory:update", "directory:enable"])
    inside = f"/users/{people.create()['sAMAccountName']}"
    contract.check_error(key.patch(inside, json={"title": "x"}), 403, "FORBIDDEN")
    made = api.post("/delegations", json={"principal": user["dn"], "scope": ou,
                                          "rights": ["update", "unlock"]})
    assert made.status_code == 201, made.text
    assert key.patch(inside, json={"title": "x"}).status_code == 200
    for body in ({"enabled": False}, {"unlock": True}):  # no delegation; no scope
        contract.check_error(key.patch(inside, json=body), 403, "FORBIDDEN")
    outside = People(api, ldap_admin, ldap_admin.add_ou(tag())).create()
    contract.check_error(key.patch(f"/users/{outside['sAMAccountName']}", json={"title": "x"}), 403,
                         "FORBIDDEN")
    assert api.delete(f"/delegations/{made.json()['id']}").status_code == 204
    contract.check_error(key.patch(inside, json={"title": "x"}), 403, "FORBIDDEN")


@pytest.mark.parametrize("path", ["/users?limit=1", "/auth/me", "/files"])
def test_disabled_directory_user_cannot_use_a_key(maker, people, path):
    user, client = maker
    key = keys.client_of(client, keys.SCOPES)
    assert key.get(path).status_code == 200
    people.change(user["sAMAccountName"], enabled=False)
    assert_dead(key, path)
    people.change(user["sAMAccountName"], enabled=True)
    assert key.get(path).status_code == 200


def test_deleted_directory_user_cannot_use_a_key(maker, people):
    user, client = maker
    key = keys.client_of(client, keys.SCOPES)
    people.delete(user["sAMAccountName"])
    for path in ("/users?limit=1", "/auth/me"):
        assert_dead(key, path)


def test_new_password_of_a_directory_user_keeps_the_key(maker, people):
    user, client = maker
    key = keys.client_of(client, keys.SCOPES)
    people.change(user["sAMAccountName"], password=vault.password())
    assert key.get("/users?limit=1").status_code == 200


# --- documentation --------------------------------------------------------------------------------

def test_every_call_states_its_scopes():
    for method, path, operation in keys.DOCUMENT.operations():
        required = operation["security"] and {} not in operation["security"]
        assert not required or "x-api-key-scopes" in operation, (method, path)
        for scope in operation.get("x-api-key-scopes", []):
            assert f"`{scope}`" in operation["description"], (method, path)
    scheme = keys.DOCUMENT.raw["components"]["securitySchemes"]["bearer"]
    assert "kontora_" in scheme["description"]


def test_documented_scopes_are_those_of_the_calls():
    schema = keys.DOCUMENT.raw["components"]["schemas"]["ApiKey"]["properties"]["scopes"]
    assert set(schema["items"]["enum"]) == set(keys.SCOPES)
