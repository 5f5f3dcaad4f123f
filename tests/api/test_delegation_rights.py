"""Delegations: right × call × place, as one table, and the ways to gain rights by a change."""

import dataclasses

import pytest
from stack.directory import LOGIN_SETTINGS

from support import contract, vault
from support.client import user_path
from support.ldap_admin import rdn, same_dn
from support.people import tag
from support.photos import PIXEL

RIGHTS = ("read", "unlock", "reset_password", "enable", "update", "create", "delete", "move",
          "members")
JPEG = {"Content-Type": "image/jpeg"}


@dataclasses.dataclass
class Target:
    """The entries at one place that the calls try to change."""

    ou: str
    other_ou: str  # another unit of the same place, to move entries to
    user: str
    user_dn: str
    group: str
    group_dn: str
    computer: str
    computer_dn: str
    member: str


# --- the calls: name, right, request --------------------------------------------------------------

CALLS = {
    "unlock": ("unlock", lambda c, t: c.patch(user_path(t.user), json={"unlock": True})),
    "password": ("reset_password", lambda c, t: c.patch(
        user_path(t.user), json={"password": vault.password()})),
    "generate": ("reset_password", lambda c, t: c.post(
        f"{user_path(t.user)}/password", json={"generate": True})),
    "must change": ("reset_password", lambda c, t: c.patch(
        user_path(t.user), json={"must_change_password": True})),
    "disable": ("enable", lambda c, t: c.patch(user_path(t.user), json={"enabled": False})),
    "attribute": ("update", lambda c, t: c.patch(user_path(t.user), json={"title": tag()})),
    "account flag": ("update", lambda c, t: c.patch(
        user_path(t.user), json={"passwordNeverExpires": True})),
    "country": ("update", lambda c, t: c.patch(user_path(t.user), json={"c": "RU"})),
    "rename": ("update", lambda c, t: c.patch(user_path(t.user), json={"cn": tag()})),
    "photo": ("update", lambda c, t: c.put(f"{user_path(t.user)}/photo", data=PIXEL,
                                           headers=JPEG)),
    "group attribute": ("update", lambda c, t: c.patch(
        f"/groups/{t.group}", json={"description": tag()})),
    "computer attribute": ("update", lambda c, t: c.patch(
        f"/computers/{t.computer}", json={"description": tag()})),
    "reset computer": ("reset_password", lambda c, t: c.post(f"/computers/{t.computer}/reset")),
    "disable computer": ("enable", lambda c, t: c.patch(
        f"/computers/{t.computer}", json={"enabled": False})),
    "create user": ("create", lambda c, t: c.post("/users", json={
        "cn": tag(), "sAMAccountName": tag(), "ou": t.ou, "password": vault.password()})),
    "create group": ("create", lambda c, t: c.post(
        "/groups", json={"cn": tag(), "ou": t.ou})),
    "create unit": ("create", lambda c, t: c.post("/ous", json={"ou": tag(), "parent_dn": t.ou})),
    "delete user": ("delete", lambda c, t: c.delete(user_path(t.user))),
    "delete group": ("delete", lambda c, t: c.delete(f"/groups/{t.group}")),
    "delete computer": ("delete", lambda c, t: c.delete(f"/computers/{t.computer}")),
    "move": ("move", lambda c, t: c.patch(user_path(t.user), json={"parent_dn": t.other_ou})),
    "add member": ("members", lambda c, t: c.post(f"/groups/{t.group}/members/{t.user}")),
    "remove member": ("members", lambda c, t: c.delete(f"/groups/{t.group}/members/{t.member}")),
}
# Calls on a group are allowed or refused by the rights of the group, on a computer likewise.
PERSON_CALLS = [name for name, (right, _) in CALLS.items()
                if right != "create" and "group" not in name and "computer" not in name
                and "member" not in name]


# --- fixtures ------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def world(ldap_admin):
    """Creates a unit for the module, with one unit inside of the scope and one outside."""
    top = ldap_admin.add_ou(tag())
    scope = ldap_admin.add_ou(tag(), top)
    return {"top": top, "scope": scope, "inside": ldap_admin.add_ou(tag(), scope),
            "second": ldap_admin.add_ou(tag(), scope), "outside": ldap_admin.add_ou(tag(), top),
            "outside 2": ldap_admin.add_ou(tag(), top), "people": ldap_admin.add_ou(tag(), top)}


def add_user(ldap_admin, ou, password=None):
    name = tag()
    return name, ldap_admin.add_account(name, password or vault.password(), ou)


def add_group(ldap_admin, ou, *member_dns):
    name = tag()
    return name, ldap_admin.add_group(name, ou, *member_dns)


def add_computer(ldap_admin, ou):
    name = f"pc{tag()[-10:]}"
    dn = ldap_admin.add(f"{rdn(name)},{ou}", objectClass="computer", sAMAccountName=f"{name}$",
                        userAccountControl="4096")
    return name, dn


def add_target(ldap_admin, ou, other_ou):
    user, user_dn = add_user(ldap_admin, ou)
    member, member_dn = add_user(ldap_admin, ou)
    group, group_dn = add_group(ldap_admin, ou, member_dn)
    computer, computer_dn = add_computer(ldap_admin, ou)
    return Target(ou, other_ou, user, user_dn, group, group_dn, computer, computer_dn, member)


def delegate(api, principal, scope, *rights, **more):
    response = api.post("/delegations", json={"principal": principal, "scope": scope,
                                              "rights": list(rights), **more})
    assert response.status_code == 201, response.text
    return response.json()


@pytest.fixture(scope="module")
def make_delegate(api, anonymous, ldap_admin, world):
    """Returns a function that creates a user with rights on a scope, directly or through groups
    that are nested `depth` deep, and returns a client that is logged in as that user."""
    made = []

    def make(scope, *rights, depth=1, **more):
        password = vault.password()
        name, dn = add_user(ldap_admin, world["people"], password)
        principal = dn
        for _ in range(depth):
            _, principal = add_group(ldap_admin, world["people"], principal)
        made.append(delegate(api, principal, scope, *rights, **more)["id"])
        client = anonymous.bearing(anonymous.login(name, password)["access_token"])
        client.user_dn, client.principal_dn, client.user_name = dn, principal, name
        client.delegation_id = made[-1]
        return client
    yield make
    for delegation in made:
        api.delete(f"/delegations/{delegation}")


@pytest.fixture(scope="module")
def holders(make_delegate, world):
    """Returns the client of a user for each right, made when it is first used."""
    known = {}

    def holder(right):
        if right not in known:
            known[right] = make_delegate(world["scope"], right)
        return known[right]
    return holder


@pytest.fixture(scope="module")
def fixed_targets(ldap_admin, world, make_delegate):
    """Returns targets that no call of this module may change."""
    outside = add_target(ldap_admin, world["outside"], world["outside 2"])
    moved_out = add_target(ldap_admin, world["inside"], world["outside"])
    for name in ("user_dn", "group_dn", "computer_dn"):
        dn = getattr(moved_out, name)
        ldap_admin.connection.rename_s(dn, dn.split(",")[0], world["outside"])
        setattr(moved_out, name, f"{dn.split(',')[0]},{world['outside']}")
    moved_out.ou = world["outside"]
    protected = add_target(ldap_admin, world["inside"], world["second"])
    for dn in (protected.user_dn, protected.group_dn, protected.computer_dn):
        ldap_admin.set(dn, "adminCount", "1")
    superior = add_target(ldap_admin, world["inside"], world["second"])
    boss = make_delegate(world["top"], *RIGHTS)
    for dn in (superior.user_dn, superior.group_dn, superior.computer_dn):
        ldap_admin.add_member(boss.principal_dn, dn)
    return {"outside": outside, "moved out": moved_out, "protected": protected,
            "more rights": superior}


def shown(ldap_admin, target):
    return [ldap_admin.entry(dn) for dn in (target.user_dn, target.group_dn, target.computer_dn)]


# --- the table: right × call × place --------------------------------------------------------------

@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("right", RIGHTS)
def test_right_permits_its_calls_inside_the_scope_only(ldap_admin, world, holders, right, call):
    needed, request = CALLS[call]
    target = add_target(ldap_admin, world["inside"], world["second"])
    before = shown(ldap_admin, target)
    response = request(holders(right), target)
    if right == needed:
        assert response.status_code < 300, response.text
    else:
        contract.check_error(response, 403, "FORBIDDEN")
        assert shown(ldap_admin, target) == before


@pytest.mark.parametrize("place", ["outside", "moved out", "protected", "more rights"])
@pytest.mark.parametrize("call", CALLS)
def test_right_permits_no_call_at_another_place(ldap_admin, holders, fixed_targets, call, place):
    needed, request = CALLS[call]
    if needed == "create" and place in ("protected", "more rights"):
        pytest.skip("a new entry is not at such a place")
    target = fixed_targets[place]
    before = shown(ldap_admin, target)
    response = request(holders(needed), target)
    contract.check_error(response, 403, "PROTECTED_OBJECT" if place == "protected" else "FORBIDDEN")
    assert shown(ldap_admin, target) == before


@pytest.mark.parametrize("call", CALLS)
def test_right_permits_its_calls_on_entries_that_were_moved_in(ldap_admin, world, holders, call):
    needed, request = CALLS[call]
    target = add_target(ldap_admin, world["outside"], world["second"])
    if needed != "create":
        contract.check_error(request(holders(needed), target), 403, "FORBIDDEN")
    for dn in (target.user_dn, target.group_dn, target.computer_dn):
        ldap_admin.connection.rename_s(dn, dn.split(",")[0], world["inside"])
    target.ou = world["inside"]
    response = request(holders(needed), target)
    assert response.status_code < 300, response.text


@pytest.fixture(scope="module")
def nested_holders(make_delegate, world):
    known = {}

    def holder(right):
        if right not in known:
            known[right] = make_delegate(world["scope"], right, depth=3)
        return known[right]
    return holder


@pytest.mark.parametrize("call", CALLS)
def test_right_of_a_nested_group_permits_the_same_calls(ldap_admin, world, nested_holders, call):
    needed, request = CALLS[call]
    target = add_target(ldap_admin, world["inside"], world["second"])
    response = request(nested_holders(needed), target)
    assert response.status_code < 300, response.text


@pytest.fixture(scope="module")
def renamed_scope(ldap_admin, make_delegate, world):
    """Creates one delegate for each right, renames and moves the scope, and creates another unit
    with its old name."""
    old = ldap_admin.add_ou(tag(), world["top"])
    delegates = {right: make_delegate(old, right) for right in RIGHTS}
    name = rdn(tag(), "OU")
    ldap_admin.connection.rename_s(old, name, world["outside 2"])
    ldap_admin.add_ou(old.split(",")[0].removeprefix("OU="), world["top"])
    return delegates, f"{name},{world['outside 2']}", old


@pytest.mark.parametrize("call", CALLS)
def test_delegation_follows_its_scope_when_that_is_renamed(ldap_admin, renamed_scope, call):
    needed, request = CALLS[call]
    delegates, scope, impostor = renamed_scope
    wrong = add_target(ldap_admin, impostor, ldap_admin.add_ou(tag(), impostor))
    contract.check_error(request(delegates[needed], wrong), 403, "FORBIDDEN")
    target = add_target(ldap_admin, scope, ldap_admin.add_ou(tag(), scope))
    response = request(delegates[needed], target)
    assert response.status_code < 300, response.text


@pytest.mark.parametrize("preset, rights", [
    ("helpdesk", ["read", "unlock", "reset_password", "enable"]),
    ("manager", ["read", "unlock", "reset_password", "enable", "update", "members"])])
def test_preset_contains_exactly_its_rights(ldap_admin, world, make_delegate, preset, rights):
    client = make_delegate(world["scope"], preset)
    for needed, request in CALLS.values():
        target = add_target(ldap_admin, world["inside"], world["second"])
        response = request(client, target)
        assert (response.status_code < 300) == (needed in rights), (needed, response.text)


# --- fields ---------------------------------------------------------------------------------------

def test_fields_limit_the_right_to_update(ldap_admin, world, make_delegate):
    client = make_delegate(world["scope"], "update", fields=["title", "c"])
    target = add_target(ldap_admin, world["inside"], world["second"])
    path = user_path(target.user)
    assert client.patch(path, json={"title": "Chief", "c": "RU"}).status_code == 200
    before = shown(ldap_admin, target)
    for body in ({"department": "x"}, {"title": "x", "department": "y"}, {"cn": tag()},
                 {"passwordNeverExpires": True}, {"sAMAccountName": tag()}):
        response = client.patch(path, json=body)
        contract.check_error(response, 403, "FORBIDDEN")
        field = next(name for name in body if name != "title")
        assert response.json()["details"][0]["field"] == field
    contract.check_error(client.put(f"{path}/photo", data=PIXEL, headers=JPEG), 403, "FORBIDDEN")
    assert shown(ldap_admin, target) == before


def test_fields_can_permit_only_renaming(ldap_admin, world, make_delegate):
    client = make_delegate(world["scope"], "update", fields=["cn"])
    target = add_target(ldap_admin, world["inside"], world["second"])
    response = client.patch(user_path(target.user), json={"cn": tag()})
    assert response.status_code == 200, response.text


def test_fields_can_permit_only_the_photo(ldap_admin, world, make_delegate):
    client = make_delegate(world["scope"], "update", fields=["photo"])
    target = add_target(ldap_admin, world["inside"], world["second"])
    path = user_path(target.user)
    assert client.put(f"{path}/photo", data=PIXEL, headers=JPEG).status_code == 204
    contract.check_error(client.patch(path, json={"title": "x"}), 403, "FORBIDDEN")


# --- ways to gain rights --------------------------------------------------------------------------

def test_change_needs_each_right_that_it_uses(ldap_admin, world, make_delegate):
    """A change that needs several rights is refused as a whole."""
    client = make_delegate(world["scope"], "helpdesk")
    target = add_target(ldap_admin, world["inside"], world["second"])
    before = shown(ldap_admin, target)
    for body in ({"unlock": True, "title": "x"}, {"enabled": True, "cn": tag()},
                 {"password": vault.password(), "parent_dn": world["second"]}):
        contract.check_error(client.patch(user_path(target.user), json=body), 403, "FORBIDDEN")
    assert shown(ldap_admin, target) == before


def test_move_needs_the_right_at_both_places(ldap_admin, world, make_delegate):
    client = make_delegate(world["scope"], "move", "update")
    inside = add_target(ldap_admin, world["inside"], world["second"])
    outside = add_target(ldap_admin, world["outside"], world["outside 2"])
    for user, to in ((inside.user, world["outside"]), (outside.user, world["inside"])):
        response = client.patch(user_path(user), json={"parent_dn": to})
        contract.check_error(response, 403, "FORBIDDEN")
    assert ldap_admin.entry(inside.user_dn) and ldap_admin.entry(outside.user_dn)


def test_move_into_a_scope_with_more_rights_is_refused(api, ldap_admin, world, make_delegate):
    """Otherwise a delegate could reset the password of every user whom it may move."""
    client = make_delegate(world["inside"], "move")
    delegation = delegate(api, client.principal_dn, world["second"], "move", "reset_password")
    target = add_target(ldap_admin, world["inside"], world["second"])
    response = client.patch(user_path(target.user), json={"parent_dn": world["second"]})
    contract.check_error(response, 403, "FORBIDDEN")
    assert response.json()["details"][0]["field"] == "parent_dn"
    assert ldap_admin.entry(target.user_dn)
    back = add_target(ldap_admin, world["second"], world["inside"])
    response = client.patch(user_path(back.user), json={"parent_dn": world["inside"]})
    assert response.status_code == 200, response.text
    api.delete(f"/delegations/{delegation['id']}")


@pytest.mark.parametrize("change", ["rename", "move", "delete"])
@pytest.mark.parametrize("which", ["scope", "above a scope"])
def test_scope_of_a_delegation_is_renamed_and_moved_by_administrators_only(
        api, ldap_admin, world, make_delegate, which, change):
    client = make_delegate(world["scope"], *RIGHTS)
    middle = ldap_admin.add_ou(tag(), world["inside"])
    scope = ldap_admin.add_ou(tag(), middle)
    delegation = delegate(api, client.principal_dn, scope, "read")
    dn = scope if which == "scope" else middle
    name, parent = dn.split(",")[0].removeprefix("OU="), dn.split(",", 1)[1]
    path, params = f"/ous/{name}", {"parent_dn": parent}
    response = {"rename": lambda: client.patch(path, params=params, json={"ou": tag()}),
                "move": lambda: client.patch(path, params=params,
                                             json={"parent_dn": world["second"]}),
                "delete": lambda: client.delete(path, params=params)}[change]()
    contract.check_error(response, 403, "FORBIDDEN")
    assert ldap_admin.entry(dn)
    response = client.patch(path, params=params, json={"description": "x"})
    assert response.status_code == 200, response.text
    api.delete(f"/delegations/{delegation['id']}")
    assert client.delete(f"/ous/{scope.split(',')[0].removeprefix('OU=')}",
                         params={"parent_dn": middle}).status_code == 204


def test_group_with_more_rights_cannot_be_joined(api, ldap_admin, world, make_delegate):
    """Neither directly nor by joining a nested group. A group with equal rights can be joined."""
    client = make_delegate(world["scope"], "manager")
    _, wider = add_group(ldap_admin, world["inside"])
    nested, nested_dn = add_group(ldap_admin, world["inside"])
    equal, equal_dn = add_group(ldap_admin, world["inside"])
    ldap_admin.add_member(wider, nested_dn)
    made = [delegate(api, wider, world["top"], "read"),
            delegate(api, equal_dn, world["inside"], "manager")]
    for group in (wider.split(",")[0].removeprefix("CN="), nested):
        response = client.post(f"/groups/{group}/members/{client.user_name}")
        contract.check_error(response, 403, "FORBIDDEN")
        assert "больше прав" in response.json()["details"][0]["message"]
    assert not ldap_admin.members(nested_dn)
    response = client.post(f"/groups/{equal}/members/{client.user_name}")
    assert response.status_code == 200, response.text
    for delegation in made:
        api.delete(f"/delegations/{delegation['id']}")


def test_administrators_group_cannot_be_joined_nor_its_members_changed(
        ldap_admin, world, make_delegate):
    client = make_delegate(ldap_admin.base_dn, *RIGHTS)
    admins = LOGIN_SETTINGS["LDAP_ADMIN_GROUP"]
    response = client.post(f"/groups/{admins}/members/{client.user_name}")
    contract.check_error(response, 403, "FORBIDDEN")
    name, dn = add_user(ldap_admin, world["inside"])
    group_dn = f"{rdn(admins)},OU=Groups,{ldap_admin.base_dn}"
    ldap_admin.add_member(group_dn, dn)
    for body in ({"password": vault.password()}, {"enabled": False}, {"title": "x"},
                 {"parent_dn": world["second"]}, {"unlock": True}):
        contract.check_error(client.patch(user_path(name), json=body), 403, "FORBIDDEN")
    contract.check_error(client.delete(user_path(name)), 403, "FORBIDDEN")
    contract.check_error(client.delete(f"/groups/{admins}/members/{name}"), 403, "FORBIDDEN")
    assert ldap_admin.entry(dn)
    ldap_admin.delete(dn)


def test_group_with_the_name_of_the_administrators_group_cannot_be_created(
        ldap_admin, world, make_delegate):
    client = make_delegate(world["scope"], *RIGHTS)
    admins = LOGIN_SETTINGS["LDAP_ADMIN_GROUP"]
    accented = admins.replace("a", "á", 1)  # Active Directory ignores accents
    for similar in (admins.upper(), accented, f"{admins}\u00a0", admins.replace("s", "ſ")):
        body = {"cn": similar, "sAMAccountName": tag(), "ou": world["inside"]}
        contract.check_error(client.post("/groups", json=body), 403, "FORBIDDEN")
    name, dn = add_group(ldap_admin, world["inside"])
    contract.check_error(client.patch(f"/groups/{name}", json={"cn": admins}), 403, "FORBIDDEN")
    assert ldap_admin.entry(dn)


def test_unit_with_a_person_of_more_rights_cannot_be_moved(ldap_admin, world, make_delegate):
    client = make_delegate(world["scope"], "move", "update")
    boss = make_delegate(world["top"], "read")
    unit = ldap_admin.add_ou(tag(), world["inside"])
    _, dn = add_user(ldap_admin, unit)
    name = unit.split(",")[0].removeprefix("OU=")
    ldap_admin.add_member(boss.principal_dn, dn)
    response = client.patch(f"/ous/{name}", json={"parent_dn": world["second"]})
    contract.check_error(response, 403, "FORBIDDEN")
    ldap_admin.remove_member(boss.principal_dn, dn)
    response = client.patch(f"/ous/{name}", json={"parent_dn": world["second"]})
    assert response.status_code == 200, response.text
    assert same_dn(response.json()["dn"], f"{rdn(name, 'OU')},{world['second']}")


def test_membership_by_the_primary_group_needs_the_right_too(ldap_admin, world, make_delegate):
    """Neither change would write anything."""
    client = make_delegate(world["scope"], "members")
    group, dn = add_group(ldap_admin, world["outside"])
    name, user_dn = add_user(ldap_admin, world["inside"])
    ldap_admin.make_primary(dn, user_dn)
    for method in ("POST", "DELETE"):
        for path in (f"/groups/{group}/members/{name}", f"{user_path(name)}/groups/{group}"):
            contract.check_error(client.request(method, path), 403, "FORBIDDEN")


@pytest.mark.parametrize("method, path", [
    ("GET", "/delegations"), ("POST", "/delegations"), ("GET", "/delegations/1"),
    ("PATCH", "/delegations/1"), ("DELETE", "/delegations/1")])
def test_delegates_cannot_manage_delegations(world, holders, method, path):
    body = {"principal": holders("update").user_dn, "scope": world["top"], "rights": ["update"]}
    response = holders("update").request(method, path, json=body if method != "GET" else None)
    contract.check_error(response, 403, "FORBIDDEN")


def test_rights_end_with_the_delegation_and_the_membership(api, ldap_admin, world, make_delegate):
    client = make_delegate(world["scope"], "update")
    target = add_target(ldap_admin, world["inside"], world["second"])
    path = user_path(target.user)
    assert client.patch(path, json={"title": "1"}).status_code == 200
    ldap_admin.remove_member(client.principal_dn, client.user_dn)
    assert client.patch(path, json={"title": "2"}).status_code in (401, 403)
    assert ldap_admin.text(target.user, "title") == "1"
    other = make_delegate(world["scope"], "update")
    assert other.patch(path, json={"title": "3"}).status_code == 200
    assert api.delete(f"/delegations/{other.delegation_id}").status_code == 204
    contract.check_error(other.patch(path, json={"title": "4"}), 403, "FORBIDDEN")
    assert ldap_admin.text(target.user, "title") == "3"


def test_new_unit_with_name_of_a_deleted_scope_gives_no_rights(ldap_admin, world, make_delegate):
    scope = ldap_admin.add_ou(tag(), world["top"])
    client = make_delegate(scope, "update")
    ldap_admin.delete(scope)
    ldap_admin.add_ou(scope.split(",")[0].removeprefix("OU="), world["top"])
    name, _ = add_user(ldap_admin, scope)
    contract.check_error(client.patch(user_path(name), json={"title": "x"}), 403, "FORBIDDEN")


def test_audit_names_only_the_delegations_that_allowed_a_change(
        api, ldap_admin, world, make_delegate, audit):
    client = make_delegate(world["scope"], "update")
    further = delegate(api, client.principal_dn, world["top"], "unlock")
    target = add_target(ldap_admin, world["inside"], world["second"])
    path = user_path(target.user)
    for body, allowed_by in (({"title": "x"}, [client.delegation_id]),
                             ({"unlock": True}, [further["id"]]),
                             ({"title": "y", "unlock": True},
                              [client.delegation_id, further["id"]])):
        response = client.patch(path, json=body)
        assert response.status_code == 200, response.text
        assert sorted(audit.one_of(response)["details"]["delegations"]) == sorted(allowed_by)
    refused = client.patch(path, json={"title": "z", "enabled": False})
    contract.check_error(refused, 403, "FORBIDDEN")
    assert "delegations" not in audit.one_of(refused)["details"]
    api.delete(f"/delegations/{further['id']}")
