"""Delegations: which user or group has which rights below which unit. Who may do what with them is
tested with the entries of the directory."""

import pytest

from support import contract
from support.client import user_path
from support.entries import tag
from support.ldap_admin import rdn

GLOBAL_SECURITY_GROUP = "-2147483646"
GLOBAL_DISTRIBUTION_GROUP = "2"


@pytest.fixture
def make_group(ldap_admin, ou):
    def make(*members, kind=GLOBAL_SECURITY_GROUP):
        name = tag()
        dn = ldap_admin.add(f"{rdn(name)},{ou}", objectClass="group", sAMAccountName=name,
                            groupType=kind)
        for member in members:
            ldap_admin.add_member(dn, member)
        return dn
    return make


@pytest.fixture
def delegate(api):
    """Returns a function that creates a delegation. All are deleted at the end of the test."""
    made = []

    def create(principal, scope, *rights, **more):
        response = api.post("/delegations", json={"principal": principal, "scope": scope,
                                                  "rights": list(rights), **more})
        assert response.status_code == 201, response.text
        made.append(response.json()["id"])
        return contract.check_delegation(response.json())
    yield create
    for number in made:
        assert api.delete(f"/delegations/{number}").status_code in (204, 404)


def log_in(anonymous, user):
    tokens = anonymous.login(user["sAMAccountName"], user["password"])
    return anonymous.bearing(tokens["access_token"])


# --- the resource ---------------------------------------------------------------------------------

def test_delegation_is_created_listed_read_and_deleted(api, make_group, delegate, ou):
    group = make_group()
    made = delegate(group, ou, "unlock", "update", fields=["mobile", "title"])
    assert {key: made[key] for key in ("principal", "scope", "rights", "fields", "created_by")} == {
        "principal": group, "scope": ou, "rights": ["unlock", "update"],
        "fields": ["mobile", "title"], "created_by": "admin"}
    assert rdn(made["principal_name"]) == group.split(",", 1)[0]
    path = f"/delegations/{made['id']}"
    assert api.get(path).json() == made
    page = contract.check_page(api.get("/delegations", params={"sort": "-id"}).json())
    assert page[0] == made
    assert api.delete(path).status_code == 204
    contract.check_error(api.get(path), 404, "NOT_FOUND")
    contract.check_error(api.delete(path), 404, "NOT_FOUND")


@pytest.mark.parametrize("preset, rights", [
    ("helpdesk", ["read", "unlock", "reset_password", "enable"]),
    ("manager", ["read", "unlock", "reset_password", "enable", "update", "members"])])
def test_preset_is_replaced_by_its_rights(delegate, make_group, ou, preset, rights):
    assert delegate(make_group(), ou, preset)["rights"] == rights


# --- effect ---------------------------------------------------------------------------------------

def test_delegation_permits_a_change_from_the_next_request_on(api, anonymous, people, make_group,
                                                              delegate, audit):
    holder, other = people.create(), people.create()
    client = log_in(anonymous, holder)
    path = user_path(other["sAMAccountName"])
    contract.check_error(client.patch(path, json={"title": "x"}), 403, "FORBIDDEN")
    made = delegate(make_group(holder["dn"]), people.ou, "update")
    response = client.patch(path, json={"title": "x"})
    assert response.status_code == 200, response.text
    assert audit.one_of(response)["details"]["delegations"] == [made["id"]]
    assert api.delete(f"/delegations/{made['id']}").status_code == 204
    contract.check_error(client.patch(path, json={"title": "y"}), 403, "FORBIDDEN")
