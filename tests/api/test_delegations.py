"""Delegations: which user or group has which rights below which unit. Who may do what with them is
tested with the entries of the directory."""

import pytest
from stack.directory import LOGIN_SETTINGS

from support import contract, document
from support.client import user_path
from support.entries import tag
from support.ldap_admin import GLOBAL_SECURITY_GROUP, rdn

GLOBAL_DISTRIBUTION_GROUP = "2"


@pytest.fixture
def make_group(ldap_admin, ou):
    def make(*members, kind=GLOBAL_SECURITY_GROUP):
        return ldap_admin.add_group(tag(), ou, *members, kind=kind)
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


def test_principal_and_scope_may_be_given_by_guid(api, people, delegate, units):
    holder, unit = people.create(), units.create()
    made = delegate(holder["objectGUID"], unit["objectGUID"].upper(), "read")
    assert (made["principal"], made["scope"]) == (holder["dn"], unit["dn"])
    assert made["principal_name"] == holder["cn"]
    assert made["fields"] is None


@pytest.fixture
def body(make_group, ou):
    """A valid body, for requests that are wrong in one place."""
    return {"principal": make_group(), "scope": ou, "rights": ["update"]}


UPDATED_FIELDS = {"cn", "title", "mobile", "photo", "description", "ou", "c", "sAMAccountName",
                  "passwordNeverExpires"}


@pytest.mark.parametrize("change, field, message", [
    ({"principal": "CN=none,{base}"}, "principal", "is not a user or a group of the directory"),
    ({"principal": "OU=Staff,{base}"}, "principal", "is not a user or a group of the directory"),
    ({"principal": "CN=DC1,OU=Domain Controllers,{base}"}, "principal",
     "is not a user or a group of the directory"),
    ({"principal": "CN=x,DC=other"}, "principal", "is outside the managed tree (LDAP_BASE_DN)"),
    ({"principal": "9d1f7f3e-6d0e-4c54-8c1c-4c1e6a6d1111"}, "principal",
     "is not a user or a group of the directory"),
    ({"principal": "helpdesk"}, "principal", "must be a DN or an objectGUID"),
    ({"principal": "x)(objectClass=*"}, "principal", "must be a DN or an objectGUID"),
    ({"principal": ""}, "principal", "must have at least 1 character(s)"),
    ({"scope": "OU=none,{base}"}, "scope",
     "is not an organizational unit, a container or the domain"),
    ({"scope": "CN=Domain Admins,CN=Users,{base}"}, "scope",
     "is not an organizational unit, a container or the domain"),
    ({"scope": "DC=test"}, "scope", "is outside the managed tree (LDAP_BASE_DN)"),
    ({"scope": "CN=System,{base}"}, "scope",
     "is within CN=System, where the directory keeps objects of its own"),
    ({"scope": "CN=Policies,CN=System,{base}"}, "scope",
     "is within CN=System, where the directory keeps objects of its own"),
    ({"rights": []}, "rights", "is required"),
    ({"rights": ["admin"]}, "rights", "must be one of: read, unlock, reset_password, enable, "
     "update, create, delete, move, members, helpdesk, manager"),
    ({"rights": "update"}, "rights", "must be an array of strings"),
    ({"rights": ["read"], "fields": ["title"]}, "fields", "can only be used together with update"),
    ({"fields": []}, "fields", "is required"),
    ({"fields": ["password"]}, "fields", None),
    ({"fields": ["title", "adminCount"]}, "fields", None),
    ({"id": 7}, "id", None),
])
def test_invalid_delegation_is_refused_and_changes_nothing(api, ldap_admin, body, change, field,
                                                           message):
    before = api.get("/delegations").json()["total"]
    changed = {**body, **change}
    for name in ("principal", "scope"):
        changed[name] = changed[name].replace("{base}", ldap_admin.base_dn)
    response = api.post("/delegations", json=changed, headers={"Accept-Language": "en"})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == [field]
    [detail] = response.json()["details"]
    assert message is None or detail["message"] == message
    if message is None and field == "fields":
        listed = set(detail["message"].removeprefix("must be one of: ").split(", "))
        assert UPDATED_FIELDS < listed
        assert not listed & {"password", "enabled", "unlock", "parent_dn", "rights", "principal"}
    assert api.get("/delegations").json()["total"] == before


def test_all_faults_are_reported_together(api):
    response = api.post("/delegations", json={"principal": "x", "scope": "y", "rights": ["read"],
                                              "fields": ["z"]})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["principal", "scope",
                                                                       "fields"]


def test_distribution_group_cannot_hold_rights(api, make_group, ou):
    group = make_group(kind=GLOBAL_DISTRIBUTION_GROUP)
    response = api.post("/delegations", json={"principal": group, "scope": ou,
                                              "rights": ["read"]})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["principal"]
    assert "distribution" in response.text or "рассылки" in response.text


def test_base_dn_may_be_a_scope(delegate, people, ldap_admin):
    assert delegate(people.create()["dn"], ldap_admin.base_dn,
                    "read")["scope"] == ldap_admin.base_dn


def test_second_delegation_of_principal_and_scope_is_a_conflict(api, delegate, body):
    delegate(body["principal"], body["scope"], "read")
    response = api.post("/delegations", json=body)
    assert contract.check_error(response, 409, "ALREADY_EXISTS") == ["scope"]
    delegate(body["principal"], "OU=Staff," + body["scope"].split(",", 1)[1], "read")


def test_number_of_delegations_of_a_principal_is_limited(sql_api, sql_database, body, people):
    made = sql_api.post("/delegations", json=body).json()
    columns = "principal_sid, principal_name, rights, created_at, created_by, updated_at"
    for number in range(99):
        sql_database.run(f"INSERT INTO delegations (principal_guid, scope_guid, {columns})"
                         f" SELECT principal_guid, 'n{number}', {columns} FROM delegations"
                         f" WHERE id = {made['id']}")
    other = {**body, "scope": "OU=Staff," + body["scope"].split(",", 1)[1]}
    contract.check_error(sql_api.post("/delegations", json=other), 409, "TOO_MANY_DELEGATIONS")
    missing = sql_api.get("/delegations", params={"filter": "not (scope pr)"})
    assert missing.json()["total"] == 99
    free = sql_api.post("/delegations", json={**other, "principal": people.create()["dn"]})
    assert free.status_code == 201
    sql_database.run("DELETE FROM delegations WHERE scope_guid LIKE 'n%'")
    for number in (made["id"], free.json()["id"]):
        assert sql_api.delete(f"/delegations/{number}").status_code == 204


# --- changes --------------------------------------------------------------------------------------

def test_rights_and_fields_are_changed_separately(api, delegate, body):
    made = delegate(body["principal"], body["scope"], "update", "move", fields=["title", "c"])
    path = f"/delegations/{made['id']}"

    def change(**fields):
        response = api.patch(path, json=fields)
        assert response.status_code == 200, response.text
        assert api.get(path).json() == response.json()
        return response.json()["rights"], response.json()["fields"]
    assert change(rights=["update"]) == (["update"], ["c", "title"])
    assert change(fields=["mobile", "mobile"]) == (["update"], ["mobile"])
    assert change(fields=None) == (["update"], None)
    assert change(rights=["helpdesk"]) == (["read", "unlock", "reset_password", "enable"], None)
    assert change() == (["read", "unlock", "reset_password", "enable"], None)
    contract.check_error(api.patch(path, json={"fields": ["title"]}), 400, "VALIDATION_ERROR")
    contract.check_error(api.patch(path, json={"scope": body["scope"]}), 400, "VALIDATION_ERROR")
    contract.check_error(api.patch("/delegations/999999999", json={}), 404, "NOT_FOUND")
    contract.check_error(api.patch("/delegations/x", json={}), 404, "NOT_FOUND")


def test_conditions_protect_delegations_from_lost_updates(api, delegate, body):
    made = delegate(body["principal"], body["scope"], "read")
    path = f"/delegations/{made['id']}"
    first = api.get(path).headers["ETag"]
    assert api.get(path, headers={"If-None-Match": first}).status_code == 304
    second = api.patch(path, json={"rights": ["move"]}, headers={"If-Match": first})
    assert second.status_code == 200 and second.headers["ETag"] != first
    for send in (lambda **more: api.patch(path, json={"rights": ["read"]}, **more),
                 lambda **more: api.delete(path, **more)):
        contract.check_error(send(headers={"If-Match": first}), 412, "PRECONDITION_FAILED")
    assert api.get(path).json()["rights"] == ["move"]
    assert api.delete(path, headers={"If-Match": second.headers["ETag"]}).status_code == 204


def test_repeated_creation_returns_the_first_reply(api, body):
    headers = {"Idempotency-Key": tag()}
    first = api.post("/delegations", json=body, headers=headers)
    again = api.post("/delegations", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert api.delete(f"/delegations/{first.json()['id']}").status_code == 204


# --- lists ----------------------------------------------------------------------------------------

def test_delegations_are_filtered_sorted_and_paged(api, people, delegate, ou, units):
    word = tag()
    holder = people.create(cn=f"Ёж {word}")
    scopes = [units.create()["dn"] for _ in range(3)]
    made = [delegate(holder["dn"], scope, *rights, **more) for scope, rights, more in (
        (scopes[0], ["read"], {}), (scopes[1], ["update", "move"], {"fields": ["title"]}),
        (scopes[2], ["update"], {}))]
    ids = [each["id"] for each in made]

    def found(text, **more):
        page = contract.check_page(api.get("/delegations", params={
            "filter": f'principal_name co "{word}" and ({text})', **more}).json())
        return [item["id"] for item in page]
    assert found("id gt 0", sort="-id") == ids[::-1]
    assert found(f'principal_name eq "ёЖ {word}"', sort="id") == ids
    assert found(f'scope eq "{scopes[1].upper()}"') == [ids[1]]
    assert found('rights eq "update"', sort="id") == ids[1:]
    assert found('rights eq "move"') == [ids[1]]
    assert found('fields pr') == [ids[1]]
    assert found('fields eq "title"') == [ids[1]]
    assert found('created_by eq "admin" and created_at gt "2026-01-01"', sort="id") == ids
    assert found("id gt 0", sort="scope") == [each["id"] for each in
                                              sorted(made, key=lambda each: each["scope"])]
    page = api.get("/delegations", params={"filter": f'principal_name co "{word}"', "limit": 2,
                                           "sort": "id"}).json()
    assert page["total"] == 3
    page = api.get("/delegations", params={"filter": f'principal_name co "{word}"', "limit": 2,
                                           "sort": "id", "after": page["next"]}).json()
    assert [item["id"] for item in page["items"]] == ids[2:]
    page = api.get("/delegations", params={"fields": "scope", "filter": f"id eq {ids[0]}",
                                           "explain": "true"}).json()
    assert page["items"] == [{"id": ids[0], "scope": scopes[0]}] and "explain" in page
    for hidden in ("principal_sid", "scope_guid", "version"):
        for query in ({"filter": f'{hidden} pr'}, {"sort": hidden}, {"fields": hidden}):
            contract.check_error(api.get("/delegations", params=query), 400, "VALIDATION_ERROR")


def test_list_has_the_current_names_of_objects(api, ldap_admin, delegate, people, units):
    holder, unit = people.create(), units.create()
    made = delegate(holder["dn"], unit["dn"], "read")
    people.change(holder["sAMAccountName"], cn=tag())
    units.change(unit["ou"], ou=tag())
    shown = api.get(f"/delegations/{made['id']}").json()
    assert shown["principal"] == people.get(holder["sAMAccountName"])["dn"]
    assert shown["scope"] == ldap_admin.find_guid(unit["objectGUID"])
    ldap_admin.delete(shown["scope"])
    ldap_admin.delete(shown["principal"])
    gone = api.get(f"/delegations/{made['id']}").json()
    assert (gone["principal"], gone["scope"]) == (None, None)
    assert gone["principal_name"] == made["principal_name"]
    [listed] = api.get("/delegations", params={"filter": f"id eq {made['id']}"}).json()["items"]
    assert listed == gone
    assert api.patch(f"/delegations/{made['id']}", json={"rights": ["move"]}).status_code == 200


# --- who may manage delegations -------------------------------------------------------------------

def test_only_administrators_manage_delegations(api, anonymous, people, delegate, ldap_admin,
                                                accounts, body):
    holder, chief = people.create(), people.create()
    made = delegate(holder["dn"], ldap_admin.base_dn, "manager", "create", "delete", "move")
    path = f"/delegations/{made['id']}"
    calls = (("GET", "/delegations", None), ("GET", path, None), ("POST", "/delegations", body),
             ("PATCH", path, {"rights": ["read"]}), ("DELETE", path, None))
    for client in (log_in(anonymous, holder), accounts.register().client):
        for method, url, sent in calls:
            contract.check_error(client.request(method, url, json=sent), 403, "FORBIDDEN")
    for method, url, sent in calls:
        contract.check_error(anonymous.request(method, url, json=sent), 401, "UNAUTHORIZED")
    assert api.get(path).json() == made
    admins = f"{rdn(LOGIN_SETTINGS['LDAP_ADMIN_GROUP'])},OU=Groups,{ldap_admin.base_dn}"
    ldap_admin.add_member(admins, chief["dn"])
    boss = log_in(anonymous, chief)
    response = boss.post("/delegations", json=body)
    assert response.status_code == 201, response.text
    assert response.json()["created_by"] == chief["sAMAccountName"]
    assert boss.get("/delegations", params={"filter": "id gt 0", "explain": "true"}).ok
    assert boss.delete(f"/delegations/{response.json()['id']}").status_code == 204


def test_changes_of_delegations_are_audited(api, audit, body):
    made = api.post("/delegations", json=body)
    path = f"/delegations/{made.json()['id']}"
    line = audit.one_of(made)
    assert (line["action"], line["resource_type"], line["resource_id"]) == (
        "create_delegation", "delegation", str(made.json()["id"]))
    assert audit.one_of(api.patch(path, json={"rights": ["read"]}))["action"] == "update_delegation"
    assert audit.one_of(api.delete(path))["action"] == "delete_delegation"


def test_short_path_serves_delegations(site, api):
    assert site.get("/delegations").json() == api.get("/delegations").json()


# --- visible permissions --------------------------------------------------------------------------

def test_me_lists_the_delegations_of_the_caller(api, anonymous, people, make_group, delegate,
                                                 units, ou, accounts, ldap_admin):
    holder, unit = people.create(), units.create()
    client = log_in(anonymous, holder)
    assert contract.check_me(client.get("/auth/me").json())["delegations"] == []
    outer = make_group(make_group(holder["dn"]))
    nested = delegate(outer, ou, "helpdesk")
    own = delegate(holder["dn"], unit["dn"], "update", fields=["title"])
    delegate(make_group(), ou, "manager")
    shown = contract.check_me(client.get("/auth/me").json())["delegations"]
    assert shown == [{name: each[name] for name in ("id", "scope", "rights", "fields")}
                     for each in (nested, own)]
    ldap_admin.delete(unit["dn"])
    assert [each["id"] for each in client.get("/auth/me").json()["delegations"]] == [nested["id"]]
    everything = {"id": None, "scope": ldap_admin.base_dn, "rights": contract.RIGHTS,
                  "fields": None}
    assert contract.check_me(api.get("/auth/me").json())["delegations"] == [everything]
    assert accounts.register().client.get("/auth/me").json()["delegations"] == []


def test_document_names_the_rights_that_permit_each_call():
    calls = {(method, path): operation for method, path, operation in document.of_program()
             .operations()}
    rights = {call: operation.get("x-rights") for call, operation in calls.items()}
    assert rights[("get", "/api/v1/users")] == ["read"]
    assert rights[("delete", "/api/v1/groups/{name}")] == ["delete"]
    assert rights[("post", "/api/v1/delegations")] == []
    assert rights[("get", "/api/v1/contacts")] is None
    assert set(rights[("patch", "/api/v1/users/{username}")]) == {
        "unlock", "reset_password", "enable", "update", "move"}
    for operation in calls.values():
        for right in operation.get("x-rights") or []:
            assert right == "read" or f"`{right}`" in operation["description"]


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
