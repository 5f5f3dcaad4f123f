"""API keys in the hands of an attacker: ways to gain what their scopes do not give."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from stack.directory import LOGIN_SETTINGS

from support import contract, keys, vault
from support.client import user_path
from support.entries import tag
from support.ldap_admin import rdn

ADMINS = LOGIN_SETTINGS["LDAP_ADMIN_GROUP"]
DIRECTORY = [scope for scope in keys.SCOPES if scope.startswith("directory:")]
GLOBAL_SECURITY_GROUP = "-2147483646"


def without(scope):
    return [each for each in DIRECTORY if each != scope]


def assert_more_rights(response):
    contract.check_error(response, 403, "FORBIDDEN")
    assert "больше прав" in response.json()["details"][0]["message"], response.text


@pytest.fixture
def admins_dn(ldap_admin):
    return f"{rdn(ADMINS)},OU=Groups,{ldap_admin.base_dn}"


@pytest.fixture
def administrator(people, ldap_admin, admins_dn):
    """Creates a directory user who is a member of LDAP_ADMIN_GROUP."""
    user = people.create()
    ldap_admin.add_member(admins_dn, user["dn"])
    yield user
    ldap_admin.remove_member(admins_dn, user["dn"])


@pytest.fixture
def delegation(api):
    """Returns a function that creates a delegation for one test."""
    made = []

    def make(principal, scope, *rights):
        response = api.post("/delegations", json={"principal": principal, "scope": scope,
                                                  "rights": list(rights)})
        assert response.status_code == 201, response.text
        made.append(response.json()["id"])
    yield make
    for each in made:
        api.delete(f"/delegations/{each}")


# --- keys of administrators -----------------------------------------------------------------------

def test_limited_key_of_an_administrator_cannot_change_administrators(api, administrator):
    """Else the holder could log in as one of them."""
    key = keys.client_of(api, without("directory:create"))
    for body in ({"password": vault.password()}, {"must_change_password": True}, {"unlock": True},
                 {"enabled": False}, {"title": "x"}, {"cn": tag()}):
        assert_more_rights(key.patch(user_path(administrator["sAMAccountName"]), json=body))


def test_limited_key_of_an_administrator_cannot_take_over_administrators(
        api, administrator, ldap_admin):
    path = user_path(administrator["sAMAccountName"])
    key = keys.client_of(api, ["helpdesk"])
    assert_more_rights(key.post(f"{path}/password", json={"generate": True}))
    assert_more_rights(keys.client_of(api, without("directory:move")).delete(path))
    assert ldap_admin.entry(administrator["dn"])
    everything = keys.client_of(api, DIRECTORY)
    assert everything.patch(path, json={"title": "x"}).status_code == 200


def test_limited_key_of_a_directory_administrator_cannot_change_its_maker(
        anonymous, administrator):
    name = administrator["sAMAccountName"]
    client = anonymous.bearing(anonymous.login(name, administrator["password"])["access_token"])
    key = keys.client_of(client, ["directory:read", "directory:reset_password"])
    assert_more_rights(key.patch(user_path(name), json={"password": vault.password()}))


def test_limited_key_of_an_administrator_cannot_fill_the_administrators_group(
        api, people, ldap_admin, admins_dn, ou):
    user = people.create()
    nested = tag()
    nested_dn = ldap_admin.add(f"{rdn(nested)},{ou}", objectClass="group", sAMAccountName=nested,
                               groupType=GLOBAL_SECURITY_GROUP)
    key = keys.client_of(api, without("directory:delete"))
    name = user["sAMAccountName"]
    assert key.post(f"/groups/{nested}/members/{name}").status_code == 200
    assert key.delete(f"/groups/{nested}/members/{name}").status_code in (200, 204)
    ldap_admin.add_member(admins_dn, nested_dn)
    for group in (ADMINS, nested):
        assert_more_rights(key.post(f"/groups/{group}/members/{name}"))
    assert_more_rights(key.patch(f"/groups/{ADMINS}", json={"cn": tag()}))
    assert user["dn"] not in ldap_admin.members(admins_dn)
    assert not ldap_admin.members(nested_dn)
    ldap_admin.remove_member(admins_dn, nested_dn)


def test_limited_key_of_an_administrator_cannot_replace_the_administrators_group(
        api, ou, ldap_admin):
    key = keys.client_of(api, without("directory:delete"))
    body = {"cn": ADMINS.upper(), "sAMAccountName": tag(), "ou": ou}
    contract.check_error(key.post("/groups", json=body), 403, "FORBIDDEN")
    name = tag()
    dn = ldap_admin.add(f"{rdn(name)},{ou}", objectClass="group", sAMAccountName=name,
                        groupType=GLOBAL_SECURITY_GROUP)
    contract.check_error(key.patch(f"/groups/{name}", json={"cn": ADMINS}), 403, "FORBIDDEN")
    assert ldap_admin.entry(dn)


def test_limited_key_of_an_administrator_cannot_take_over_wider_delegates(
        api, people, ou, delegation):
    wider, equal = people.create(), people.create()
    delegation(wider["dn"], ou, "read", "reset_password", "move")
    delegation(equal["dn"], ou, "read", "reset_password")
    key = keys.client_of(api, ["directory:read", "directory:reset_password"])
    assert_more_rights(key.patch(user_path(wider["sAMAccountName"]),
                                 json={"password": vault.password()}))
    for user in (equal, people.create()):
        response = key.patch(user_path(user["sAMAccountName"]),
                             json={"password": vault.password()})
        assert response.status_code == 200, response.text


# --- keys of delegates ----------------------------------------------------------------------------

def test_key_of_a_delegate_cannot_take_over_its_maker(anonymous, people, ou, delegation):
    user = people.create()
    delegation(user["dn"], ou, "helpdesk")
    name = user["sAMAccountName"]
    client = anonymous.bearing(anonymous.login(name, user["password"])["access_token"])
    key = keys.client_of(client, ["directory:read", "directory:reset_password"])
    assert_more_rights(key.patch(user_path(name), json={"password": vault.password()}))
    other = people.create()["sAMAccountName"]
    response = key.patch(user_path(other), json={"password": vault.password()})
    assert response.status_code == 200, response.text


# --- mixed changes --------------------------------------------------------------------------------

MIXED = {"unlock": {"unlock": True}, "reset_password": {"must_change_password": True},
         "enable": {"enabled": False}, "update": {"title": "x"}}


@pytest.mark.parametrize("right", MIXED)
def test_every_part_of_a_change_needs_its_scope(api, people, right):
    user = people.create()
    path = user_path(user["sAMAccountName"])
    key = keys.client_of(api, ["directory:read", f"directory:{right}"])
    assert key.patch(path, json=MIXED[right]).status_code == 200
    for other, body in MIXED.items():
        if other != right:
            response = key.patch(path, json={**MIXED[right], **body})
            contract.check_error(response, 403, "FORBIDDEN")
    for body in ({"parent_dn": people.ou}, {"password": vault.password()}, {"cn": tag()}):
        if not (right == "reset_password" and "password" in body) and right != "update":
            contract.check_error(key.patch(path, json={**MIXED[right], **body}), 403, "FORBIDDEN")


def test_password_call_needs_the_scope_of_each_part(api, people):
    path = user_path(people.create()["sAMAccountName"]) + "/password"
    key = keys.client_of(api, ["directory:read", "directory:reset_password"])
    contract.check_error(key.post(path, json={"generate": True, "unlock": True}), 403, "FORBIDDEN")
    key = keys.client_of(api, ["directory:read", "directory:unlock"])
    contract.check_error(key.post(path, json={"generate": True}), 403, "FORBIDDEN")


# --- surfaces and methods -------------------------------------------------------------------------

def test_head_and_short_paths_need_the_scope(api, site, people):
    name = people.create()["sAMAccountName"]
    key = keys.client_of(api, ["directory:unlock", "profile:read"])
    for path in ("/users", user_path(name), "/tree", "/groups", "/password-policy", "/computers",
                 "/delegations", "/users?explain=true&filter=cn pr"):
        for client in (key, key.at(site.base_url)):
            assert client.request("HEAD", path).status_code == 403, path
            assert client.get(path).status_code == 403, path


def test_refused_upload_of_a_key_stores_nothing(office):
    key = keys.client_of(office.owner.client, ["files:read"])
    before = key.get("/files").json()
    response = key.post("/files/upload", files={"file": ("a.txt", b"x" * 100_000)})
    assert response.status_code in (403, 404), response.text
    assert key.get("/files").json() == before


# --- rotation -------------------------------------------------------------------------------------

def rotate(client, key, **body):
    response = client.post(f"/api-keys/{key}/rotate", json=body)
    assert response.status_code == 200, response.text
    return response.json()["secret"]


def statuses(client, *secrets):
    return [client.bearing(secret).get("/contacts").status_code for secret in secrets]


def test_rotation_without_overlap_ends_all_earlier_secrets(office):
    """A maker who learns of a theft after a first rotation must be able to lock the thief out."""
    client = office.owner.client
    made = keys.create(client, ["contacts:read"])
    first = rotate(client, made["id"], overlap_minutes=10080)
    second = rotate(client, made["id"])
    assert statuses(client, made["secret"], first, second) == [200, 200, 200]
    last = rotate(client, made["id"], overlap_minutes=0)
    assert statuses(client, made["secret"], first, second, last) == [401, 401, 401, 200]


def test_rotation_shortens_earlier_overlaps_and_never_extends_them(office, sql_database):
    client = office.owner.client
    made = keys.create(client, ["contacts:read"])

    def overlaps():
        rows = sql_database.run(
            "SELECT expires_at - replaced_at FROM api_key_secrets WHERE expires_at IS NOT NULL "
            f"AND key_id = {made['id']} ORDER BY replaced_at, expires_at")
        return [round(int(row[0]) / 60_000) for row in rows]
    rotate(client, made["id"], overlap_minutes=300)
    rotate(client, made["id"], overlap_minutes=600)
    assert overlaps() == [300, 600]
    rotate(client, made["id"], overlap_minutes=400)
    assert overlaps() == [300, 400, 400]


def test_overlap_does_not_outlive_the_expiry_of_the_old_secret(office, sql_database):
    client = office.owner.client
    made = keys.create(client, ["contacts:read"], expires_at="2199-01-01T00:00:00.000Z")
    soon = int(sql_database.run(f"SELECT created_at FROM api_keys WHERE id = {made['id']}")[0][0])
    sql_database.run(f"UPDATE api_keys SET expires_at = {soon + 120_000} WHERE id = {made['id']}")
    rotate(client, made["id"], overlap_minutes=10080, expires_at=None)
    [(end,)] = sql_database.run("SELECT expires_at FROM api_key_secrets WHERE "
                                f"key_id = {made['id']} AND expires_at IS NOT NULL")
    assert int(end) == soon + 120_000


# --- races ----------------------------------------------------------------------------------------

def test_keys_made_while_their_maker_is_removed_are_dead(new_office):
    member, owner = new_office["SALES"], new_office.owner

    def act(turn):
        if turn == 5:
            return owner.client.delete(f"{owner.path}/members/{member.id}")
        return keys.send(member.client, ["crm"], new_office.organization)
    with ThreadPoolExecutor(12) as pool:
        responses = list(pool.map(act, range(30)))
    assert {each.status_code for each in responses} <= {201, 204, 404}
    for made in (each.json() for each in responses if each.status_code == 201):
        assert member.client.bearing(made["secret"]).get("/contacts").status_code == 401
