"""Audit log: one line for each change, successful or refused, and for each login."""

import re

import pytest

from support import contract, vault
from support.client import path_of, user_path
from support.people import tag


def outcome_of(line):
    return line["action"], line["resource_type"], line["resource_id"], line["status"]


def test_login_is_audited(anonymous, stack, audit):
    response = anonymous.post("/auth/login", json={"username": stack.administrator[0],
                                                   "password": stack.administrator[1]})
    line = audit.one_of(response)
    assert outcome_of(line) == ("login", "session", stack.administrator[0], "success")
    assert line["actor"] == stack.administrator[0]


def test_failed_login_is_audited(anonymous, stack, audit):
    name = stack.administrator[0]
    body = {"username": name, "password": vault.password()}
    line = audit.one_of(anonymous.post("/auth/login", json=body))
    assert outcome_of(line) == ("login", "session", name, "failure")
    assert line["details"]["code"] == "INVALID_CREDENTIALS"


@pytest.mark.parametrize("name", ["nobody", "имя \"x\"\n{}"])
def test_failed_login_with_unknown_name_is_audited_without_name(anonymous, audit, name):
    body = {"username": name, "password": vault.password()}
    line = audit.one_of(anonymous.post("/auth/login", json=body))
    action, kind, subject, status = outcome_of(line)
    assert (action, kind, status) == ("login", "session", "failure")
    assert re.fullmatch(r"\(unknown name [0-9a-f]{8}\)", subject)
    assert name not in str(line)


def test_malformed_login_request_is_audited(anonymous, audit):
    for arguments in ({"data": "{", "headers": {"Content-Type": "application/json"}},
                      {"json": {"username": 1}}, {"data": "x"}):
        line = audit.one_of(anonymous.post("/auth/login", **arguments))
        assert (line["action"], line["status"]) == ("login", "failure")


def test_creating_changing_and_deleting_user_is_audited(api, people, audit, stack):
    body = people.body()
    account = body["sAMAccountName"]
    steps = [
        ("create_user", api.post("/users", json=body)),
        ("update_user", api.patch(user_path(account), json={"title": "x", "mail": None})),
        ("delete_user", api.delete(user_path(account))),
    ]
    for action, response in steps:
        line = audit.one_of(response)
        assert outcome_of(line) == (action, "user", account, "success")
        assert line["actor"] == stack.administrator[0]
        assert contract.TIME.fullmatch(line["timestamp"])
        assert line["address"].startswith("127.")
        assert line["message"]


def test_creating_changing_and_deleting_entry_is_audited(api, entries, audit, stack):
    kind, body = entries.kind, entries.body(description="Ж")
    name = body[kind.name]
    steps = [
        ("create", api.post(kind.path, json=body)),
        ("update", api.patch(entries.path(name.upper()), json={"description": None})),
        ("delete", api.delete(entries.path(name), params={"parent_dn": entries.parent})),
    ]
    for verb, response in steps:
        line = audit.one_of(response)
        assert outcome_of(line) == (f"{verb}_{kind.resource}", kind.resource, name, "success")
        assert line["actor"] == stack.administrator[0]
        assert line["message"]


MEMBERSHIP_PATHS = [lambda group, account: path_of("/groups", group, "members", account),
                    lambda group, account: path_of("/users", account, "groups", group)]


@pytest.mark.parametrize("path", MEMBERSHIP_PATHS, ids=["group", "user"])
def test_membership_changes_are_audited_with_group_and_member(api, anonymous, people, groups, audit,
                                                              stack, path):
    """Both paths leave identical lines: the group is the resource, and the details name the
    member."""
    account = people.create()["sAMAccountName"]
    name = groups.named(f"Ж/a, \"b\" {tag()}")["cn"]
    for method, action in (("POST", "add_user_to_group"), ("DELETE", "remove_user_from_group")):
        for client, group, member, code in (
                (api, name, account, None), (api, name, account, None),
                (api, name, "no such user", "NOT_FOUND"),
                (api, "no such group", account, "NOT_FOUND"),
                (anonymous, name, account, "UNAUTHORIZED"),
                (anonymous.bearing("x"), name, account, "INVALID_TOKEN")):
            line = audit.one_of(client.request(method, path(group, member)))
            assert outcome_of(line) == (action, "group", group, "failure" if code else "success")
            assert line["actor"] == (stack.administrator[0] if client is api else None)
            assert member in line["details"].values(), line
            assert line["details"].get("code") == code


def test_refused_membership_change_is_audited(api, people, audit):
    account = people.create()["sAMAccountName"]
    for path in MEMBERSHIP_PATHS:
        line = audit.one_of(api.delete(path("Domain Users", account)))
        assert outcome_of(line) == ("remove_user_from_group", "group", "Domain Users", "failure")
        assert line["details"]["code"] == "PRIMARY_GROUP"
        line = audit.one_of(api.post(path("Domain Users", account), params={"parent_dn": "x"}))
        assert outcome_of(line) == ("add_user_to_group", "group", "Domain Users", "failure")
        assert line["details"]["code"] == "VALIDATION_ERROR"


def test_audit_details_contain_field_names_but_no_values(api, people, audit):
    user, secret = people.create(), vault.password()
    response = api.patch(user_path(user["sAMAccountName"]),
                         json={"password": secret, "description": "not to be found"})
    line = audit.one_of(response)
    assert {"password", "description"} <= set(line["details"]["fields"])
    assert secret not in str(line) and "not to be found" not in str(line)


REFUSALS = [
    ("create_user", "POST", "/users", {"json": {}}, "VALIDATION_ERROR"),
    ("create_user", "POST", "/users",
     {"data": "{", "headers": {"Content-Type": "application/json"}}, "INVALID_JSON"),
    ("create_user", "POST", "/users", {"data": "x"}, "UNSUPPORTED_MEDIA_TYPE"),
    ("update_user", "PATCH", "/users/nobody-at-all", {"json": {}}, "NOT_FOUND"),
    ("update_user", "PATCH", "/users/nobody-at-all", {"json": {"x": 1}}, "VALIDATION_ERROR"),
    ("delete_user", "DELETE", "/users/nobody-at-all", {}, "NOT_FOUND"),
    *((f"{verb}_{resource}", method, f"/{resource}s{name}", {"json": body} if method != "DELETE"
       else {}, code)
      for resource in ("group", "ou", "container") for verb, method, name, body, code in (
          ("create", "POST", "", {}, "VALIDATION_ERROR"),
          ("update", "PATCH", "/nothing-at-all", {}, "NOT_FOUND"),
          ("update", "PATCH", "/nothing-at-all", {"x": 1}, "VALIDATION_ERROR"),
          ("delete", "DELETE", "/nothing-at-all", {}, "NOT_FOUND"))),
]


@pytest.mark.parametrize("action, method, path, arguments, code", REFUSALS)
def test_refused_change_is_audited_with_error_code(api, audit, action, method, path, arguments,
                                                   code):
    line = audit.one_of(api.request(method, path, **arguments))
    assert (line["action"], line["status"], line["details"]["code"]) == (action, "failure", code)


@pytest.mark.parametrize("fields, code", [
    ({"password": "weak"}, "PASSWORD_POLICY"),
    ({"ou": "OU=nowhere,{base}"}, "PARENT_NOT_FOUND"),
    ({"sAMAccountName": "Administrator"}, "ALREADY_EXISTS"),
])
def test_user_change_refused_by_directory_is_audited(api, people, audit, ldap_admin, fields, code):
    body = people.body(**{key: value.format(base=ldap_admin.base_dn)
                          for key, value in fields.items()})
    line = audit.one_of(api.post("/users", json=body))
    assert (line["resource_id"], line["status"]) == (body["sAMAccountName"], "failure")
    assert line["details"]["code"] == code


def test_entry_change_refused_by_directory_is_audited(api, entries, people, audit):
    kind, above = entries.kind, entries.ldap_admin.add_ou(tag(), entries.parent)
    taken = entries.named(tag(), above)[kind.name]
    entries.named(taken)
    steps = [
        ("create", "ALREADY_EXISTS", api.post(kind.path, json=entries.body(**{kind.name: taken}))),
        ("create", "PARENT_NOT_FOUND", api.post(kind.path, json=entries.body(**{
            kind.name: taken, kind.parent: f"OU=nowhere,{above}"}))),
        ("update", "AMBIGUOUS", api.patch(entries.path(taken), json={"description": "x"})),
        ("delete", "AMBIGUOUS", api.delete(entries.path(taken))),
        ("update", "ALREADY_EXISTS", api.patch(entries.path(taken), params={"parent_dn": above},
                                               json={"parent_dn": entries.parent})),
    ]
    for verb, code, response in steps:
        line = audit.one_of(response)
        assert outcome_of(line) == (f"{verb}_{kind.resource}", kind.resource, taken, "failure")
        assert line["details"]["code"] == code


@pytest.mark.parametrize("method, path, body", [
    (method, path, body) for collection in ("/users", "/groups", "/ous", "/containers")
    for method, path, body in (("POST", collection, {}), ("PATCH", f"{collection}/x", {}),
                               ("DELETE", f"{collection}/x", None))
])
@pytest.mark.parametrize("token, code", [(None, "UNAUTHORIZED"), ("a.b.c", "INVALID_TOKEN")])
def test_unauthenticated_change_is_audited_without_actor(anonymous, audit, method, path, body,
                                                         token,
                                                         code):
    line = audit.one_of(anonymous.bearing(token).request(method, path, json=body))
    assert (line["actor"], line["status"]) == (None, "failure")
    assert line["details"]["code"] == code


def test_read_requests_are_not_audited(api, anonymous, audit):
    responses = [api.get("/groups"), api.get("/ous/Staff"), api.get("/containers/nothing-at-all"),
                 api.get("/groups/sales"), api.get("/groups/sales/members/i.petrov"),
                 api.get("/users"), api.get("/users/Administrator"), api.get("/auth/me"),
                 api.head("/users"), anonymous.get("/users"), api.get("/users/nobody-at-all")]
    # audit lines of the reads, if there were any, would precede the line of this call
    audit.one_of(api.delete("/users/nobody-at-all"))
    for response in responses:
        audit.none_of(response)


def test_user_name_cannot_forge_audit_lines(api, people, audit):
    name = f"\"}}\n{{\"actor\":\"forged\"}}{tag()}"
    line = audit.one_of(api.post("/users", json=people.body(sAMAccountName=name)))
    assert (line["actor"] != "forged", line["status"]) == (True, "failure")
    line = audit.one_of(api.delete(user_path(name)))
    assert line["resource_id"] == name


def test_entry_name_cannot_forge_audit_lines(api, entries, audit):
    name = f"\"}}\n{{\"actor\":\"forged\"}}{tag()}"
    for response in (api.delete(entries.path(name)),
                     api.post(entries.kind.path, json=entries.body(**{entries.kind.name: name})),
                     api.post(path_of("/groups", name, "members", name)),
                     api.delete(path_of("/users", name, "groups", name))):
        line = audit.one_of(response)
        assert (line["actor"] != "forged", line["status"]) == (True, "failure")


def test_audit_line_with_long_resource_id_is_not_split(api, audit):
    line = audit.one_of(api.delete(user_path("ж" * 1000)))
    assert line["resource_id"] == "ж" * 1000


def test_audit_line_has_actor_id_and_dn_before_and_after_change(api, audit, ldap_admin):
    """Names can be reused and occur in several places; the actor's id and the DNs before and
    after the change are unambiguous."""
    old, new, name = ldap_admin.add_ou(tag()), ldap_admin.add_ou(tag()), tag()
    created = api.post("/groups", json={"cn": name, "ou": old})
    moved = api.patch(f"/groups/{name}", json={"parent_dn": new})
    deleted = api.delete(f"/groups/{name}")
    places = [{"dn": f"CN={name},{old}"},
              {"dn": f"CN={name},{old}", "moved_to": f"CN={name},{new}"},
              {"dn": f"CN={name},{new}"}]
    for response, place in zip((created, moved, deleted), places, strict=True):
        details = audit.one_of(response)["details"]
        assert details["actor_id"].startswith("local:")
        assert {key: details.get(key) for key in place} == place
        assert ("moved_to" in details) == ("moved_to" in place)
