"""Results of the directory, read by the operation that they answer: refusals carry the directory's
text, a taken name is reported with the field and the other object, and a request that would end
half done does not begin."""

import pytest

from support import contract
from support.client import path_of, user_path
from support.entries import tag
from support.ldap_admin import BOOKKEEPING, rdn, same_dn

DISABLED = "514"
WINDOWS_REFUSAL = "00002095"


@pytest.fixture
def system(ldap_admin):
    return f"CN=System,{ldap_admin.base_dn}"


@pytest.fixture
def system_user(ldap_admin, system):
    """Creates a user below CN=System over LDAP; returns its name and DN."""
    name = tag()
    dn = ldap_admin.add(f"{rdn(name)},{system}", objectClass="user", sAMAccountName=name,
                        userAccountControl=DISABLED)
    yield name, dn
    if ldap_admin.find(name):
        ldap_admin.delete(ldap_admin.find(name)[0])


@pytest.fixture
def system_container(ldap_admin, system):
    """Creates a container below CN=System over LDAP; returns its name and DN."""
    name = tag()
    dn = ldap_admin.add(f"{rdn(name)},{system}", objectClass="container", description="as it was")
    yield name, dn
    if ldap_admin.entry(dn):
        ldap_admin.delete(dn)


# --- refusals -------------------------------------------------------------------------------------

@pytest.mark.parametrize("change", [{}, {"title": "new"}, {"cn": "renamed"}])
def test_refusal_with_windows_code_carries_text(api, people, ldap_admin, system_user, change):
    """The controller answers 80 (other), with a Windows code and the reason."""
    name, _ = system_user
    before = ldap_admin.snapshot(name, without=BOOKKEEPING)
    response = api.patch(user_path(name), json={"parent_dn": people.ou, **change})
    contract.check_error(response, 400, "DIRECTORY_REFUSED")
    [text] = response.json()["details"]
    assert text.startswith(WINDOWS_REFUSAL) and "have to stay under it" in text
    assert ldap_admin.snapshot(name, without=BOOKKEEPING) == before


def test_primary_group_cannot_be_deleted(api, groups, people, ldap_admin):
    """The directory sends the result code that also reports a taken name."""
    group, others = groups.create(), [people.create() for _ in range(2)]
    for user in others:
        ldap_admin.make_primary(group["dn"], user["dn"])
    for headers, words in (({}, "основная"), ({"Accept-Language": "en"}, "primary group")):
        response = api.delete(groups.path(group["cn"]), headers=headers)
        contract.check_error(response, 409, "HAS_PRIMARY_MEMBERS")
        assert words in response.json()["error"]
        assert sorted(response.json()["details"]) == sorted(user["dn"] for user in others)
    assert ldap_admin.entry(group["dn"])
    for user in others:
        people.delete(user["sAMAccountName"])
    groups.delete(group["cn"])


# --- taken names ----------------------------------------------------------------------------------

def check_taken(response, field, dn):
    """Asserts a 409 that names the field and the object that has its value."""
    assert contract.check_error(response, 409, "ALREADY_EXISTS") == [field]
    assert dn in response.json()["details"][0]["message"], response.text


def test_creation_with_taken_account_name_names_field_and_object(api, groups, people, ldap_admin):
    group, person = groups.create(), people.create()
    for other in (group, person):
        for taken in (other["sAMAccountName"], other["sAMAccountName"].upper()):
            body = groups.body(sAMAccountName=taken)
            check_taken(api.post("/groups", json=body), "sAMAccountName", other["dn"])
            assert ldap_admin.search(f"(cn={body['cn']})") == []
            check_taken(api.post("/users", json=people.body(sAMAccountName=taken)),
                        "sAMAccountName", other["dn"])


def test_creation_with_taken_default_account_name_names_field_and_object(api, groups, ldap_admin):
    group = groups.create()
    elsewhere = ldap_admin.add_ou(tag(), groups.parent)
    body = groups.body(cn=group["sAMAccountName"], ou=elsewhere, sAMAccountName=...)
    check_taken(api.post("/groups", json=body), "sAMAccountName", group["dn"])


def test_creation_with_taken_principal_name_names_field_and_object(api, people):
    upn = f"{tag()}@kontora.test"
    other = people.create(userPrincipalName=upn)
    check_taken(api.post("/users", json=people.body(userPrincipalName=upn.upper())),
                "userPrincipalName", other["dn"])


def test_creation_with_taken_name_names_field_and_object(api, entries):
    other = entries.create()
    name = other[entries.kind.name]
    check_taken(api.post(entries.kind.path, json=entries.body(**{entries.kind.name: name.upper()})),
                entries.kind.name, other["dn"])


def test_rename_to_taken_name_names_field_and_object(api, entries):
    made, other = entries.create(), entries.create()
    check_taken(api.patch(entries.path(made[entries.kind.name]),
                          json={entries.kind.name: other[entries.kind.name]}),
                entries.kind.name, other["dn"])


@pytest.mark.parametrize("field", ["sAMAccountName", "userPrincipalName"])
@pytest.mark.parametrize("moves", [False, True])
def test_change_to_taken_name_names_field_and_object(api, people, ldap_admin, field, moves):
    user, other = people.create(), people.create(userPrincipalName=f"{tag()}@kontora.test")
    before = ldap_admin.snapshot(user["sAMAccountName"])  # with uSNChanged: nothing was written
    place = {"parent_dn": ldap_admin.add_ou(tag(), people.ou)} if moves else {}
    response = api.patch(user_path(user["sAMAccountName"]), json={field: other[field], **place})
    check_taken(response, field, other["dn"])
    if moves:
        assert ldap_admin.snapshot(user["sAMAccountName"]) == before


def test_own_names_are_not_taken(people, ldap_admin):
    user = people.create(userPrincipalName=f"{tag()}@kontora.test")
    place = ldap_admin.add_ou(tag(), people.ou)
    changed = people.change(user["sAMAccountName"], parent_dn=place,
                            sAMAccountName=user["sAMAccountName"].upper(),
                            userPrincipalName=user["userPrincipalName"].upper())
    assert same_dn(changed["dn"], people.dn(user["cn"], place))
    assert changed["sAMAccountName"] == user["sAMAccountName"].upper()


# --- CN=System ------------------------------------------------------------------------------------

@pytest.mark.parametrize("where", ["CN=System,{base}", "cn=system,{base}",
                                   "CN=Policies,CN=System,{base}"])
@pytest.mark.parametrize("change", [{}, {"userPrincipalName": "{taken}"}, {"title": "new"}])
def test_user_cannot_move_into_system(api, people, ldap_admin, where, change):
    """The directory would accept the move and refuse to take it back."""
    taken = people.create(userPrincipalName=f"{tag()}@kontora.test")["userPrincipalName"]
    user = people.create()
    before = ldap_admin.snapshot(user["sAMAccountName"])
    body = {"parent_dn": where.format(base=ldap_admin.base_dn),
            **{name: value.format(taken=taken) for name, value in change.items()}}
    response = api.patch(user_path(user["sAMAccountName"]), json=body)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["parent_dn"]
    assert "CN=System" in response.json()["details"][0]["message"]
    assert ldap_admin.snapshot(user["sAMAccountName"]) == before


def test_entries_cannot_be_moved_or_created_below_system(api, groups, containers, people,
                                                         ldap_admin, system):
    for kind in (groups, containers, people):
        made = kind.create()
        response = api.patch(kind.path(made[kind.kind.key]), json={"parent_dn": system})
        assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["parent_dn"]
        body = kind.body(**{kind.kind.parent: system})
        response = api.post(kind.kind.path, json=body)
        assert contract.check_error(response, 400, "VALIDATION_ERROR") == [kind.kind.parent]
        assert ldap_admin.search(f"(cn={body['cn']})") == []


def test_containers_below_system_are_not_listed(containers, ldap_admin, system, system_container):
    name, dn = system_container
    made = containers.named(name)  # as a policy has folders of common names, "User" and "Machine"
    assert containers.search(name) == [name]
    assert containers.get(name)["dn"] == made["dn"]  # is not ambiguous
    assert containers.get(name, at=system)["dn"] == dn  # can be read by its parent
    assert containers.search("Policies") == []
    expected = {of for of, _ in ldap_admin.search("(objectClass=container)", ["cn"])
                if not of.endswith("," + system)}
    listed, total = [], None
    while total is None or len(listed) < total:
        page = containers.api.get("/containers", params={"skip": len(listed), "limit": 3}).json()
        assert total in (None, page["total"]) and page["items"]
        total = page["total"]
        listed += [item["dn"] for item in page["items"]]
    assert len(listed) == len(set(listed)) and set(listed) == expected
    assert not any(of.endswith("," + system) for of in listed) and system in listed
    beyond = containers.api.get("/containers", params={"skip": total, "limit": 3}).json()
    assert (beyond["items"], beyond["total"]) == ([], total)


@pytest.mark.parametrize("method, body", [("DELETE", None), ("PATCH", {"description": "new"}),
                                          ("PATCH", {"cn": "renamed"})])
def test_container_below_system_cannot_be_changed(api, containers, ldap_admin, system,
                                                  system_container, method, body):
    name, dn = system_container
    before = ldap_admin.tree(dn)
    response = api.request(method, containers.path(name), params={"parent_dn": system}, json=body)
    contract.check_error(response, 403, "PROTECTED_OBJECT")
    assert ldap_admin.tree(dn) == before
    contract.check_error(api.request(method, containers.path(name), json=body), 404, "NOT_FOUND")


def test_user_below_system_can_be_changed_and_deleted(people, ldap_admin, system_user):
    name, dn = system_user
    assert people.change(name, title="new")["dn"] == dn
    people.delete(name)
    assert ldap_admin.find(name) is None


def test_policy_folder_cannot_be_deleted(api, ldap_admin, system):
    policies = ldap_admin.search("(objectClass=groupPolicyContainer)", ["cn"])
    assert policies
    for policy, _ in policies:
        for folder in ("User", "Machine"):
            response = api.delete(path_of("/containers", folder), params={"parent_dn": policy})
            contract.check_error(response, 403, "PROTECTED_OBJECT")
            assert ldap_admin.entry(f"CN={folder},{policy}")
