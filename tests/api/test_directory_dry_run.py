"""Dry runs of changes of the directory: they write nothing, predict exactly what the change then
does, fail like the change, and describe it as LDIF that ldapmodify applies."""

import base64
import dataclasses
import re

import pytest

from support import contract, vault
from support.client import path_of
from support.entries import COMPUTERS, CONTAINERS, GROUPS, OUS, Entries
from support.people import USERS, People, tag
from support.photos import PIXEL, jpeg

# Fields that the directory computes from other attributes, or from the time of a write.
COMPUTED = {"whenCreated", "whenChanged", "passwordExpires", "lastLogon", "objectGUID"}
# Fields of an intent that no reply has.
UNSHOWN = {"parent_dn", "password", "must_change_password", "countryCode", "co", "logonHours"}
SECRET = "***"
LOGINS = 12  # failed logins that lock an account in any case
LDIF_COLUMNS = 76
CHILD_CLASS = "classStore"  # its objects can be below accounts and below each other


# --- support --------------------------------------------------------------------------------------

@dataclasses.dataclass
class Call:
    """A change of one entry: the request, and the entry before it (None: it is created)."""

    method: str
    path: str
    entry: dict | None = None
    arguments: dict = dataclasses.field(default_factory=dict)

    def send(self, api, dry_run=False, **headers):
        arguments = {**self.arguments,
                     "params": {**self.arguments.get("params", {}),
                                **({"dry_run": "true"} if dry_run else {})},
                     "headers": {**self.arguments.get("headers", {}), **headers}}
        return api.request(self.method, self.path, **arguments)


def changes_of(response):
    """Checks the reply to a dry run; returns its changes."""
    assert response.status_code == 200, response.text
    body = response.json()
    assert body.keys() == {"dry_run", "changes"}
    assert body["dry_run"] is True
    for change in body["changes"]:
        assert change.keys() == {"resource", "id", "field", "before", "after"}
    return body["changes"]


def predicted(changes, guid):
    """Returns {field: (before, after)} of one entry; None is a new one."""
    mine = [change for change in changes if change["id"] == guid]
    fields = {change["field"]: (change["before"], change["after"]) for change in mine}
    assert len(fields) == len(mine), changes
    return fields


def shown(api, kind, guid):
    """Returns the fields of an entry as a reply shows them, with references as DNs."""
    response = api.get(path_of(kind.path, guid))
    if response.status_code == 404:
        return None
    assert response.status_code == 200, response.text
    return {name: value["dn"] if name == "manager" and value else value
            for name, value in response.json().items()}


def differences(before, after):
    """Returns {field: (before, after)} of the fields that differ and that a client can predict."""
    found = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
    if found.get("passwordLastSet", (None, None))[1] is not None:
        del found["passwordLastSet"]
    return {name: values for name, values in found.items() if name not in COMPUTED}


def in_replies(fields):
    return {name: values for name, values in fields.items() if name not in UNSHOWN}


def ldif_of(api, call):
    response = call.send(api, dry_run=True, Accept="text/ldif")
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"].startswith("text/ldif")
    text = response.content
    assert text.startswith(b"version: 1\n")
    assert max(map(len, text.split(b"\n"))) <= LDIF_COLUMNS
    return text


def lock(ldap_admin, user):
    """Fails logins until the directory locks the account."""
    for _ in range(LOGINS):
        ldap_admin.bind_failure(user["dn"], "wrong")
    assert ldap_admin.failed_logins(user["sAMAccountName"])[1]


@pytest.fixture(scope="module")
def factory(api, ldap_admin, ou):
    return Factory(api, ldap_admin, ou)


class Factory:
    """Creates the entries that the calls change."""

    def __init__(self, api, ldap_admin, ou):
        self.api, self.ldap_admin, self.ou = api, ldap_admin, ou

    def entries(self, kind):
        return (People(self.api, self.ldap_admin, self.ou) if kind is USERS
                else Entries(self.api, self.ldap_admin, kind, self.ou))

    def create(self, kind, **fields):
        more = {"cn": tag()[:14]} if kind is COMPUTERS else {}
        return self.entries(kind).create(**more, **fields)

    def update(self, kind, start=None, **fields):
        """Returns a call that changes a new entry."""
        entry = self.create(kind, **(start or {}))
        return Call("PATCH", path_of(kind.path, entry["objectGUID"]), entry, {"json": fields})

    def place(self):
        return self.ldap_admin.add_ou(f"Ж, {tag()}", self.ou)


# --- the calls ------------------------------------------------------------------------------------

FULL_USER = {
    "givenName": "Иван", "sn": "Иванов", "mail": "a@example.com", "title": "Chef, \"the\" <one>",
    "department": " two  blanks", "description": "a\nb", "displayName": "Иванов, Иван",
    "telephoneNumber": "+7 495 123-45-67", "c": "RU", "userWorkstations": ["PC-1", "PC-2"],
    "accountExpires": "2030-01-01T00:00:00.000Z", "passwordNeverExpires": True,
    "homeDrive": "H:",
}
CLEARED_USER = {name: None for name in FULL_USER
                if name not in ("userWorkstations", "passwordNeverExpires")}


def password_call(factory, **body):
    user = factory.create(USERS)
    return Call("POST", path_of("/users", user["objectGUID"], "password"), user, {"json": body})


def unlock(factory):
    call = factory.update(USERS, unlock=True)
    lock(factory.ldap_admin, call.entry)
    return call


def end_obligation(factory):
    """Returns a call that sets the password of a user who must change it."""
    return factory.update(USERS, {"must_change_password": True}, password=vault.password())


def set_manager(factory):
    return factory.update(USERS, manager=factory.create(USERS)["objectGUID"])


def put_photo(factory):
    user = factory.create(USERS)
    return Call("PUT", path_of("/users", user["objectGUID"], "photo"), user,
                {"data": PIXEL, "headers": {"Content-Type": "image/jpeg"}})


def delete_photo(factory):
    call = put_photo(factory)
    assert call.send(factory.api).status_code == 204
    return Call("DELETE", call.path, call.entry)


def reset_computer(factory):
    computer = factory.create(COMPUTERS)
    return Call("POST", path_of("/computers", computer["objectGUID"], "reset"), computer)


def move(kind):
    return lambda factory: factory.update(kind, parent_dn=factory.place())


def rename(kind):
    return lambda factory: factory.update(kind, **{kind.name: f"new, {tag()[:8]}"})


def move_and_change(kind):
    return lambda factory: factory.update(kind, parent_dn=factory.place(), description="ё, new",
                                          **{kind.name: tag()[:14]})


UPDATES = {
    "user fields": lambda factory: factory.update(USERS, **FULL_USER),
    "cleared fields": lambda factory: factory.update(
        USERS, FULL_USER, **CLEARED_USER, userWorkstations=[], passwordNeverExpires=False),
    "same values": lambda factory: factory.update(USERS, FULL_USER, **FULL_USER),
    "disabled": lambda factory: factory.update(USERS, enabled=False),
    "enabled": lambda factory: factory.update(USERS, {"enabled": False}, enabled=True),
    "names of a user": lambda factory: factory.update(
        USERS, sAMAccountName=tag(), userPrincipalName=f"{tag()}@kontora.test"),
    "manager": set_manager,
    "must change": lambda factory: factory.update(USERS, must_change_password=True),
    "unlock": unlock,
    "group description": lambda factory: factory.update(GROUPS, description="new"),
    "disabled computer": lambda factory: factory.update(COMPUTERS, enabled=False,
                                                        dNSHostName="pc.example.com"),
    "managed computer": lambda factory: factory.update(
        COMPUTERS, managedBy=factory.create(USERS)["objectGUID"]),
    **{f"move {kind.resource}": move(kind) for kind in (USERS, GROUPS, OUS, CONTAINERS, COMPUTERS)},
    **{f"rename {kind.resource}": rename(kind) for kind in (USERS, GROUPS, OUS, CONTAINERS)},
    **{f"move and change {kind.resource}": move_and_change(kind)
       for kind in (USERS, GROUPS, OUS, CONTAINERS, COMPUTERS)},
}

# Calls that set passwords, whose LDIF is incomplete.
PASSWORDS = {
    "password": lambda factory: password_call(factory, password=vault.password()),
    "generated password": lambda factory: password_call(factory, generate=True, unlock=True),
    "password to change": lambda factory: password_call(factory, generate=True, must_change=True),
    "end of the obligation": end_obligation,
    "reset computer": reset_computer,
}

KINDS_OF_PATHS = {kind.path: kind for kind in (USERS, GROUPS, OUS, CONTAINERS, COMPUTERS)}


def kind_of(call):
    return KINDS_OF_PATHS["/" + call.path.split("/")[1]]


def check_prediction(api, call, changes, change):
    """Makes the change with a function; checks that it does exactly what was predicted."""
    kind, guid = kind_of(call), call.entry["objectGUID"]
    before = shown(api, kind, guid)
    change()
    expected = predicted(changes, guid)
    assert {change["resource"] for change in changes} <= {kind.resource}
    assert in_replies(expected) == differences(before, shown(api, kind, guid))
    return expected


def send_change(api, call):
    def send():
        response = call.send(api)
        assert response.status_code in (200, 204), response.text
    return send


# --- changes --------------------------------------------------------------------------------------

@pytest.mark.parametrize("make", (UPDATES | PASSWORDS).values(), ids=UPDATES | PASSWORDS)
def test_dry_run_of_update_writes_nothing_and_predicts_it(api, factory, ldap_admin, ou, make):
    call = make(factory)
    before = ldap_admin.tree(ou)
    changes = changes_of(call.send(api, dry_run=True))
    assert ldap_admin.tree(ou) == before
    check_prediction(api, call, changes, send_change(api, call))
    if changes:
        assert ldap_admin.tree(ou) != before


@pytest.mark.parametrize("make", UPDATES.values(), ids=UPDATES)
def test_ldif_of_update_has_the_same_effect(api, factory, ldap_admin, make):
    call = make(factory)
    changes = changes_of(call.send(api, dry_run=True))
    text = ldif_of(api, call)
    check_prediction(api, call, changes, lambda: ldap_admin.apply(text))


def test_condition_is_checked_before_the_dry_run(api, factory):
    call = factory.update(USERS, title="new", description=None)
    path = call.path
    etag = api.get(path).headers["ETag"]
    expected = predicted(changes_of(call.send(api, dry_run=True)), call.entry["objectGUID"])
    with_tag = changes_of(call.send(api, dry_run=True, **{"If-Match": etag}))
    assert predicted(with_tag, call.entry["objectGUID"]) == expected == {"title": (None, "new")}
    assert call.send(api).status_code == 200
    contract.check_error(call.send(api, dry_run=True, **{"If-Match": etag}), 412,
                         "PRECONDITION_FAILED")


@pytest.mark.parametrize("make", PASSWORDS.values(), ids=PASSWORDS)
def test_password_is_in_no_dry_run(api, factory, make):
    call = make(factory)
    expected = predicted(changes_of(call.send(api, dry_run=True)), call.entry["objectGUID"])
    assert expected["password"] == (SECRET, SECRET)
    text = ldif_of(api, call)
    assert b"\n# unicodePwd is set to a value that is not part of this file\n" in text
    assert not re.search(rb"(?m)^(add|delete|replace|unicodePwd)::? ?unicodePwd|^unicodePwd:", text)


def test_dry_run_shows_the_obligation_to_change_the_password(api, factory):
    call = factory.update(USERS, must_change_password=True)
    expected = predicted(changes_of(call.send(api, dry_run=True)), call.entry["objectGUID"])
    assert expected["must_change_password"] == (False, True)
    call = end_obligation(factory)
    expected = predicted(changes_of(call.send(api, dry_run=True)), call.entry["objectGUID"])
    assert expected["must_change_password"] == (True, False)


def test_dry_run_of_move_shows_its_parents(api, factory):
    call = move_and_change(GROUPS)(factory)
    changes = predicted(changes_of(call.send(api, dry_run=True)), call.entry["objectGUID"])
    assert changes["parent_dn"] == (factory.ou, call.arguments["json"]["parent_dn"])
    assert changes["cn"] == (call.entry["cn"], call.arguments["json"]["cn"])


def test_unlock_without_lock_changes_nothing(api, factory, ldap_admin):
    call = factory.update(USERS, unlock=True)
    assert changes_of(call.send(api, dry_run=True)) == []


def test_change_to_current_state_of_account_is_no_change(api, factory, ldap_admin, ou):
    call = factory.update(USERS, enabled=True)
    before = ldap_admin.tree(ou)
    assert changes_of(call.send(api, dry_run=True)) == []
    assert ldif_of(api, call) == b"version: 1\n"
    assert ldap_admin.tree(ou) == before


# --- photos ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("make", [put_photo, delete_photo])
def test_dry_run_of_photo_writes_nothing_and_predicts_it(api, factory, ldap_admin, ou, make):
    def photo():
        values = ldap_admin.entry(call.entry["dn"], ["thumbnailPhoto"]).get("thumbnailPhoto")
        return base64.b64encode(values[0]).decode() if values else None
    call = make(factory)
    before, first = ldap_admin.tree(ou), photo()
    changes = changes_of(call.send(api, dry_run=True))
    text = ldif_of(api, call)
    assert ldap_admin.tree(ou) == before
    assert call.send(api).status_code == 204
    assert predicted(changes, call.entry["objectGUID"]) == {"photo": (first, photo())}
    if first:
        contract.check_error(call.send(api, dry_run=True), 404, "NOT_FOUND")
        ldap_admin.set(call.entry["dn"], "thumbnailPhoto", PIXEL)
    else:
        ldap_admin.set(call.entry["dn"], "thumbnailPhoto", jpeg(1000))
    ldap_admin.apply(text)
    assert photo() == changes[0]["after"]


# --- creation -------------------------------------------------------------------------------------

BODIES = {
    "user": (USERS, {**FULL_USER, "userWorkstations": ["PC-1"]}),
    "disabled user": (USERS, {"enabled": False, "must_change_password": True,
                              "smartcardRequired": False}),
    "group": (GROUPS, {"description": "d", "groupType": 8}),
    "group with derived name": (GROUPS, {"sAMAccountName": ...}),
    "ou": (OUS, {"ou": f"Ё, {tag()}", "description": "d"}),
    "container": (CONTAINERS, {}),
    "computer": (COMPUTERS, {"cn": tag()[:14], "enabled": False}),
}


def creation(factory, kind, fields):
    if kind is COMPUTERS:
        fields = {**fields, "cn": tag()[:14]}
    return Call("POST", kind.path, None, {"json": factory.entries(kind).body(**fields)})


def check_created(api, call, changes, entry):
    """Checks the prediction of a new entry against the entry."""
    expected = predicted(changes, None)
    assert {change["resource"] for change in changes} == {kind_of(call).resource}
    reply = shown(api, kind_of(call), entry)
    for name, (before, after) in in_replies(expected).items():
        assert (name, before, after) == (name, None, reply[name])
    unpredicted = {name for name, value in reply.items()
                   if name not in expected and value not in (None, [], False)}
    assert unpredicted <= COMPUTED | {"memberOf", "passwordLastSet", "badPasswordCount"}


@pytest.mark.parametrize("kind, fields", BODIES.values(), ids=BODIES)
def test_dry_run_of_creation_writes_nothing_and_predicts_it(api, factory, ldap_admin, ou, kind,
                                                           fields):
    call = creation(factory, kind, fields)
    before = ldap_admin.tree(ou)
    changes = changes_of(call.send(api, dry_run=True))
    assert ldap_admin.tree(ou) == before
    made = call.send(api)
    assert made.status_code == 201, made.text
    check_created(api, call, changes, made.json()["objectGUID"])


@pytest.mark.parametrize("kind, fields", [BODIES[name] for name in BODIES if "user" not in name
                                          and name != "computer"])
def test_ldif_of_creation_has_the_same_effect(api, factory, ldap_admin, kind, fields):
    call = creation(factory, kind, fields)
    if kind is OUS:
        call.arguments["json"]["ou"] = f"Ё, {tag()}"
    changes = changes_of(call.send(api, dry_run=True))
    ldap_admin.apply(ldif_of(api, call))
    check_created(api, call, changes, predicted(changes, None)["dn"][1])


def test_ldif_of_new_user_lacks_only_the_password(api, factory, ldap_admin):
    call = creation(factory, USERS, {**FULL_USER, "enabled": False})
    changes = changes_of(call.send(api, dry_run=True))
    text = ldif_of(api, call)
    assert b"\n# unicodePwd is set to a value that is not part of this file\n" in text
    ldap_admin.apply(text)
    check_created(api, call, changes, predicted(changes, None)["dn"][1])


# --- deletion -------------------------------------------------------------------------------------

def deletion(kind, **fields):
    def make(factory):
        entry = factory.create(kind, **fields)
        return Call("DELETE", path_of(kind.path, entry["objectGUID"]), entry)
    return make


def delete_member(factory):
    call = deletion(USERS)(factory)
    group = factory.create(GROUPS)
    factory.ldap_admin.add_member(group["dn"], call.entry["dn"])
    return call


def delete_group_with_members(factory):
    call = deletion(GROUPS)(factory)
    factory.ldap_admin.add_member(call.entry["dn"], factory.create(USERS)["dn"],
                                  factory.create(GROUPS)["dn"])
    return call


def delete_computer_with_keys(factory):
    call = deletion(COMPUTERS)(factory)
    factory.ldap_admin.add_recovery_key(call.entry["dn"])
    top = factory.ldap_admin.add(f"CN=a,{call.entry['dn']}", objectClass=CHILD_CLASS)
    factory.ldap_admin.add(f"CN=b,{top}", objectClass=CHILD_CLASS)
    call.arguments["params"] = {"children": "true"}
    return call


DELETIONS = {
    "user": deletion(USERS, **FULL_USER), "member": delete_member, "group": deletion(GROUPS),
    "group with members": delete_group_with_members, "ou": deletion(OUS),
    "container": deletion(CONTAINERS), "computer": deletion(COMPUTERS),
    "computer with children": delete_computer_with_keys,
}


@pytest.mark.parametrize("remove", ["call", "ldif"])
@pytest.mark.parametrize("make", DELETIONS.values(), ids=DELETIONS)
def test_dry_run_of_deletion_writes_nothing_and_shows_all_values(api, factory, ldap_admin, ou,
                                                                make, remove):
    call = make(factory)
    kind, guid = kind_of(call), call.entry["objectGUID"]
    before = ldap_admin.tree(ou)
    entry = shown(api, kind, guid)
    changes = changes_of(call.send(api, dry_run=True))
    text = ldif_of(api, call)
    assert ldap_admin.tree(ou) == before
    if remove == "call":
        assert call.send(api).status_code == 204
    else:
        ldap_admin.apply(text)
    after = ldap_admin.tree(ou)
    assert shown(api, kind, guid) is None
    gone = {dn for dn, _ in before} - {dn for dn, _ in after}
    assert {change["before"] for change in changes if change["field"] == "dn"} == gone
    expected = {name: (value, None) for name, value in entry.items()
                if value not in (None, []) and name != "objectGUID"}
    primary = {dn for dn in entry.get("memberOf", []) if "CN=Domain " in dn}
    if set(entry.get("memberOf", [])) == primary:
        expected.pop("memberOf", None)
    else:
        expected["memberOf"] = ([dn for dn in entry["memberOf"] if dn not in primary], None)
    assert predicted(changes, guid) == expected


# --- memberships ----------------------------------------------------------------------------------

def membership(method, by_user=False):
    def make(factory):
        group, user = factory.create(GROUPS), factory.create(USERS)
        if method == "DELETE":
            factory.ldap_admin.add_member(group["dn"], user["dn"])
        path = (path_of("/users", user["objectGUID"], "groups", group["objectGUID"]) if by_user
                else path_of("/groups", group["objectGUID"], "members", user["objectGUID"]))
        return Call(method, path, None), group, user
    return make


MEMBERSHIPS = {"addition": membership("POST"), "removal": membership("DELETE"),
               "addition to the user": membership("POST", True),
               "removal from the user": membership("DELETE", True)}


@pytest.mark.parametrize("change", ["call", "ldif"])
@pytest.mark.parametrize("make", MEMBERSHIPS.values(), ids=MEMBERSHIPS)
def test_dry_run_of_membership_writes_nothing_and_predicts_it(api, factory, ldap_admin, ou, make,
                                                             change):
    call, group, user = make(factory)
    before, members = ldap_admin.tree(ou), set(ldap_admin.members(group["dn"]))
    changes = changes_of(call.send(api, dry_run=True))
    text = ldif_of(api, call)
    assert ldap_admin.tree(ou) == before
    if change == "call":
        assert call.send(api).status_code in (200, 204)
    else:
        ldap_admin.apply(text)
    after = set(ldap_admin.members(group["dn"]))
    sides = (None, user["dn"]) if call.method == "POST" else (user["dn"], None)
    assert ({*members, user["dn"]} - {sides[0]}) == after
    assert predicted(changes, group["objectGUID"]) == {"member": sides}
    groups = tuple(side and group["dn"] for side in sides)
    assert predicted(changes, user["objectGUID"]) == {"memberOf": groups}
    assert {change["id"] for change in changes} == {group["objectGUID"], user["objectGUID"]}
    assert changes_of(call.send(api, dry_run=True)) == []


# --- changes that the directory refuses -----------------------------------------------------------

def taken_name(factory):
    return factory.update(USERS, sAMAccountName=factory.create(USERS)["sAMAccountName"])


def taken_new_name(factory):
    user = factory.create(USERS)
    return creation(factory, USERS, {"sAMAccountName": user["sAMAccountName"]})


def taken_dn(kind):
    def make(factory):
        name = factory.create(kind)[kind.name]
        fields = {"sAMAccountName": f"{tag()[:10]}$"} if kind is COMPUTERS else {}
        return Call("POST", kind.path, None,
                    {"json": factory.entries(kind).body(**{kind.name: name, **fields})})
    return make


def taken_place(kind):
    return lambda factory: factory.update(kind, **{kind.name: factory.create(kind)[kind.name]})


def move_below_itself(factory):
    call = factory.update(OUS)
    call.arguments["json"] = {"parent_dn": call.entry["dn"]}
    return call


def not_empty(factory):
    call = deletion(OUS)(factory)
    factory.ldap_admin.add_ou("below", call.entry["dn"])
    return call


def has_children(factory):
    call = delete_computer_with_keys(factory)
    call.arguments = {}
    return call


def primary_group(factory):
    call = deletion(GROUPS)(factory)
    factory.ldap_admin.make_primary(call.entry["dn"], factory.create(USERS)["dn"])
    return call


def primary_member(factory):
    user = factory.create(USERS)
    return Call("DELETE", path_of("/groups", "Domain Users", "members", user["objectGUID"]))


def protected(method, **arguments):
    return lambda factory: Call(method, path_of("/users", "Administrator"), None, arguments)


def weak_password(password):
    return lambda factory: factory.update(USERS, password=password)


REFUSED = {
    "taken name": taken_name, "taken name of new user": taken_new_name,
    **{f"taken DN of {kind.resource}": taken_dn(kind)
       for kind in (USERS, GROUPS, OUS, CONTAINERS, COMPUTERS)},
    **{f"taken place of {kind.resource}": taken_place(kind) for kind in (USERS, GROUPS, OUS)},
    "missing parent": lambda factory: factory.update(USERS, parent_dn=f"OU=none,{factory.ou}"),
    "missing parent of new group": lambda factory: creation(factory, GROUPS,
                                                            {"ou": f"OU=none,{factory.ou}"}),
    "move below itself": move_below_itself, "not empty": not_empty, "children": has_children,
    "primary group": primary_group, "primary member": primary_member,
    "protected user": protected("PATCH", json={"title": "x"}),
    "deletion of protected user": protected("DELETE"),
    "unknown user": lambda factory: Call("DELETE", "/users/nobody-is-called-so"),
    "short password": weak_password("aB1!"), "simple password": weak_password("a" * 20),
    "two classes": weak_password("abcdefgh1234"), "cyrillic": weak_password("пароль1234"),
    "weak password of new user": lambda factory: creation(factory, USERS,
                                                          {"password": "abcdefgh1234"}),
    "invalid field": lambda factory: factory.update(USERS, mail="a b"),
}


def outcome(response):
    """Returns what a client sees of an error, without the controller's own message."""
    body = response.json()
    unshown = {"request_id", *(["details"] if body["code"] == "DIRECTORY_REFUSED" else [])}
    return response.status_code, {name: value for name, value in body.items()
                                  if name not in unshown}


@pytest.mark.parametrize("make", REFUSED.values(), ids=REFUSED)
def test_dry_run_fails_like_the_change(api, factory, ldap_admin, ou, make):
    call = make(factory)
    before = ldap_admin.tree(ou)
    tried = call.send(api, dry_run=True)
    assert ldap_admin.tree(ou) == before
    assert tried.status_code >= 400, tried.text
    assert outcome(tried) == outcome(call.send(api))


ACCEPTED_PASSWORDS = ["Пароль1234", "пароль-Kontora", "aaaa-1111", "日本語日本語aA", "ABCD-1234",
                      "Ünïcödé-x"]


@pytest.mark.parametrize("password", ACCEPTED_PASSWORDS)
def test_dry_run_permits_every_valid_password(api, factory, password):
    call = factory.update(USERS, password=password)
    changes_of(call.send(api, dry_run=True))
    assert call.send(api).status_code == 200
