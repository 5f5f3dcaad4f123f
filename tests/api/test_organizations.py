"""Organizations and their members: permissions and calls, on both engines."""

import threading

import pytest

from support import contract
from support.accounts import (ROLES, accept, add_member, address, invitations_of, invite,
                              members_of, roles_in)
from support.client import Client
from support.entries import tag

MEMBERS = ROLES
MANAGERS = ("OWNER", "ADMIN")

# Each call on an organization, and the roles that may make it. {member} is a member with the role
# VIEWER, {newcomer} an account outside the organization, {invitation} an invitation.
CALLS = {
    "read": ("GET", "", None, MEMBERS),
    "update": ("PATCH", "", {"name": "Рога и копыта"}, MANAGERS),
    "list members": ("GET", "/members", None, MEMBERS),
    "invite a member": ("POST", "/members", {"email": "{newcomer}", "role": "VIEWER"}, MANAGERS),
    "list invitations": ("GET", "/invitations", None, MANAGERS),
    "read an invitation": ("GET", "/invitations/{invitation}", None, MANAGERS),
    "withdraw an invitation": ("DELETE", "/invitations/{invitation}", None, MANAGERS),
    "change a member": ("PATCH", "/members/{member}", {"role": "SALES"}, MANAGERS),
    "remove a member": ("DELETE", "/members/{member}", None, MANAGERS),
}
SUCCESS = {"GET": 200, "PATCH": 200, "POST": 201, "DELETE": 204}
INVALID_IDS = ["0", "-1", "x", "1x", "01", "1.0", "999999999999999999", "99999999999999999999",
               "9223372036854775808", "%20", "1%2F2"]


@pytest.fixture(scope="module")
def owner(accounts):
    return accounts.register()


@pytest.fixture(scope="module")
def members_by_role(accounts, owner):
    """Returns a member of the organization for each role."""
    return {role: owner if role == "OWNER" else accounts.member(owner, role) for role in ROLES}


@pytest.fixture
def new_owner(accounts):
    """Creates an organization for one test."""
    return accounts.register()


@pytest.fixture
def make_call(accounts, owner):
    """Returns a function that makes a call of CALLS, with a new member, account and invitation."""
    def call(name, client, path=None):
        method, below, body, _ = CALLS[name]
        member, newcomer = accounts.member(owner, "VIEWER"), accounts.register()
        invitation = invite(owner, address(), "SALES").json()["id"]
        if body and "email" in body:
            body = {**body, "email": newcomer.email}
        return client.request(method, (path or owner.path) + below.format(
            member=member.id, invitation=invitation), json=body)
    return call


def change_role(client, organization, person, role):
    return client.patch(f"{organization.path}/members/{person.id}", json={"role": role})


def remove_member(client, organization, person):
    return client.delete(f"{organization.path}/members/{person.id}")


def state_of(database, organization):
    """Returns everything that the calls of CALLS could change."""
    return database.run(f"SELECT name, currency, version FROM organizations "
                        f"WHERE id = {organization.organization}")


# --- permissions ----------------------------------------------------------------------------------

@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", CALLS)
def test_role_permits_exactly_its_documented_organization_calls(make_call, members_by_role, owner,
                                                                sql_database, name, role):
    method, _, _, allowed = CALLS[name]
    before = state_of(sql_database, owner)
    response = make_call(name, members_by_role[role].client)
    if role in allowed:
        assert response.status_code == SUCCESS[method], response.text
    else:
        contract.check_error(response, 403, "FORBIDDEN")
        assert state_of(sql_database, owner) == before


@pytest.mark.parametrize("name", CALLS)
def test_organization_is_not_found_for_non_members(make_call, accounts, owner, sql_api,
                                                   sql_anonymous, sql_database, directory, name):
    """Non-members include owners of other organizations and callers without an account."""
    person = sql_anonymous.login("m.sidorova", directory.sample_password)
    before = state_of(sql_database, owner)
    for client in (accounts.register().client, sql_api,
                   sql_anonymous.bearing(person["access_token"])):
        contract.check_error(make_call(name, client), 404, "NOT_FOUND")
    contract.check_error(make_call(name, sql_anonymous), 401, "UNAUTHORIZED")
    contract.check_error(make_call(name, sql_anonymous.bearing("a.b.c")), 401, "INVALID_TOKEN")
    assert state_of(sql_database, owner) == before


@pytest.mark.parametrize("number", INVALID_IDS)
@pytest.mark.parametrize("name", CALLS)
def test_missing_organizations_and_those_of_others_get_identical_responses(make_call, accounts,
                                                                           owner, name, number):
    stranger = accounts.register().client
    answers = [make_call(name, stranger), make_call(name, stranger, f"/organizations/{number}")]
    bodies = [{**answer.json(), "request_id": None} for answer in answers]
    assert bodies[0] == bodies[1]
    for answer in answers:
        contract.check_error(answer, 404, "NOT_FOUND")


@pytest.mark.parametrize("role", ROLES)
def test_accounts_outside_organization_are_not_found_as_members(accounts, members_by_role, owner,
                                                                role):
    """Members who may manage the organization get 404, other members 403."""
    stranger = accounts.register()
    status, code = (404, "NOT_FOUND") if role in MANAGERS else (403, "FORBIDDEN")
    contract.check_error(change_role(members_by_role[role].client, owner, stranger, "SALES"),
                         status, code)
    contract.check_error(remove_member(members_by_role[role].client, owner, stranger), status, code)


@pytest.mark.parametrize("number", INVALID_IDS)
def test_invalid_member_id_is_not_found(owner, number):
    path = f"{owner.path}/members/{number}"
    contract.check_error(owner.client.patch(path, json={"role": "SALES"}), 404, "NOT_FOUND")
    contract.check_error(owner.client.delete(path), 404, "NOT_FOUND")


@pytest.mark.parametrize("role", ROLES)
def test_me_lists_permissions_of_role(members_by_role, owner, role):
    client = members_by_role[role].client
    me = contract.check_me(client.get("/auth/me", headers={
        "X-Organization-ID": str(owner.organization)}).json())
    granted = {"OWNER": 5, "ADMIN": 5, "MANAGER": 4, "SALES": 3, "VIEWER": 1}[role]
    every = ["organization:read", "organization:create", "organization:update",
             "organization:delete", "organization:manage"]
    assert me["permissions"] == every[:granted]
    assert role in [each["role"] for each in me["organizations"]
                    if each["id"] == owner.organization]


# --- owners and administrators --------------------------------------------------------------------

# (role of the actor, role of the target, new role or None to remove, status)
ROLE_CHANGES = [
    ("ADMIN", "VIEWER", "OWNER", 403), ("ADMIN", "OWNER", "ADMIN", 403),
    ("ADMIN", "OWNER", "OWNER", 403), ("ADMIN", "OWNER", None, 403),
    ("ADMIN", "ADMIN", "VIEWER", 200), ("ADMIN", "ADMIN", None, 204),
    ("ADMIN", "VIEWER", "ADMIN", 200), ("ADMIN", "VIEWER", None, 204),
    ("OWNER", "VIEWER", "OWNER", 200), ("OWNER", "OWNER", "VIEWER", 200),
    ("OWNER", "OWNER", None, 204), ("OWNER", "ADMIN", "OWNER", 200),
]


@pytest.mark.parametrize("actor, target, role, status", ROLE_CHANGES)
def test_only_owners_may_grant_or_withdraw_owner_role(accounts, new_owner, actor, target, role,
                                                      status):
    someone = new_owner if actor == "OWNER" else accounts.member(new_owner, actor)
    other = accounts.member(new_owner, target)
    response = (change_role(someone.client, new_owner, other, role) if role
                else remove_member(someone.client, new_owner, other))
    assert response.status_code == status, response.text
    expected = target if status == 403 else role
    assert roles_in(new_owner).get(other.id) == expected


def test_organization_administrator_cannot_invite_owner(accounts, new_owner):
    admin, newcomer = accounts.member(new_owner, "ADMIN"), accounts.register()
    response = admin.client.post(f"{new_owner.path}/members",
                                 json={"email": newcomer.email, "role": "OWNER"})
    contract.check_error(response, 403, "FORBIDDEN")
    assert newcomer.id not in roles_in(new_owner)


def test_organization_administrator_cannot_promote_itself_to_owner(accounts, new_owner):
    admin = accounts.member(new_owner, "ADMIN")
    contract.check_error(change_role(admin.client, new_owner, admin, "OWNER"), 403, "FORBIDDEN")
    assert change_role(admin.client, new_owner, admin, "VIEWER").status_code == 200
    contract.check_error(change_role(admin.client, new_owner, admin, "ADMIN"), 403, "FORBIDDEN")


def test_last_owner_cannot_leave_organization_or_be_demoted(accounts, new_owner):
    accounts.member(new_owner, "ADMIN")
    for role in ROLES[1:]:
        contract.check_error(change_role(new_owner.client, new_owner, new_owner, role), 409,
                             "LAST_OWNER")
    contract.check_error(remove_member(new_owner.client, new_owner, new_owner), 409, "LAST_OWNER")
    assert change_role(new_owner.client, new_owner, new_owner, "OWNER").status_code == 200
    assert roles_in(new_owner)[new_owner.id] == "OWNER"


@pytest.mark.parametrize("role", ["VIEWER", None])
def test_one_of_two_owners_may_leave_organization(accounts, new_owner, role):
    other = accounts.member(new_owner, "OWNER")
    response = (change_role(new_owner.client, new_owner, new_owner, role) if role
                else remove_member(new_owner.client, new_owner, new_owner))
    assert response.status_code == (200 if role else 204)
    assert roles_in_by(other, new_owner) == {other.id: "OWNER",
                                             **({new_owner.id: role} if role else {})}
    contract.check_error(remove_member(other.client, new_owner, other), 409, "LAST_OWNER")


def roles_in_by(reader, organization):
    body = reader.client.get(f"{organization.path}/members").json()
    return {member["account_id"]: member["role"] for member in contract.check_page(body)}


@pytest.mark.parametrize("role", ["VIEWER", None])
@pytest.mark.parametrize("crossed", [False, True], ids=["themselves", "one another"])
def test_concurrent_departures_of_owners_leave_one_owner(accounts, sql_stack, sql_anonymous,
                                                         crossed, role):
    """Exactly one request succeeds, whichever comes first."""
    for _ in range(8):
        one = accounts.register()
        other = accounts.member(one, "OWNER")
        barrier, answers = threading.Barrier(2), {}

        def act(actor, target, one=one, barrier=barrier, answers=answers):
            client = Client(sql_anonymous.base_url, sql_stack.ca_file, actor.client.token)
            client.get("/auth/me")  # opens the connection
            barrier.wait()
            answers[actor.id] = (change_role(client, one, target, role) if role
                                 else remove_member(client, one, target))

        pairs = [(one, other), (other, one)] if crossed else [(one, one), (other, other)]
        threads = [threading.Thread(target=act, args=pair) for pair in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        statuses = sorted(answer.status_code for answer in answers.values())
        good = 200 if role else 204
        # The second actor is no longer an owner or a member, or its target is the last owner.
        assert statuses[0] == good and statuses[1] in ((409, 403, 404) if crossed else (409,))
        left = next(person for person in (one, other)
                    if person.client.get(f"{one.path}").json().get("role") == "OWNER")
        assert list(roles_in_by(left, one).values()).count("OWNER") == 1


# --- joining and leaving --------------------------------------------------------------------------

@pytest.mark.parametrize("role", ROLES)
def test_member_who_is_not_last_owner_may_leave_organization(accounts, new_owner, role):
    person = accounts.member(new_owner, role)
    assert remove_member(person.client, new_owner, person).status_code == 204
    contract.check_error(person.client.get(new_owner.path), 404, "NOT_FOUND")
    contract.check_error(remove_member(person.client, new_owner, person), 404, "NOT_FOUND")
    assert person.id not in roles_in(new_owner)


@pytest.mark.parametrize("role", ["MANAGER", "SALES", "VIEWER"])
def test_member_without_management_rights_cannot_change_own_role(accounts, new_owner, role):
    person = accounts.member(new_owner, role)
    contract.check_error(change_role(person.client, new_owner, person, "ADMIN"), 403, "FORBIDDEN")
    assert roles_in(new_owner)[person.id] == role


def test_role_change_of_member_takes_effect_at_once(accounts, new_owner):
    """The role is read from the database for each request, because tokens do not contain roles."""
    person = accounts.member(new_owner, "VIEWER")
    update = {"name": tag()}
    contract.check_error(person.client.patch(new_owner.path, json=update), 403, "FORBIDDEN")
    assert change_role(new_owner.client, new_owner, person, "ADMIN").status_code == 200
    assert person.client.patch(new_owner.path, json=update).status_code == 200
    assert change_role(new_owner.client, new_owner, person, "SALES").status_code == 200
    contract.check_error(person.client.patch(new_owner.path, json=update), 403, "FORBIDDEN")
    assert remove_member(new_owner.client, new_owner, person).status_code == 204
    contract.check_error(person.client.get(new_owner.path), 404, "NOT_FOUND")
    add_member(new_owner, person, "ADMIN")
    assert person.client.patch(new_owner.path, json=update).status_code == 200


def test_token_of_removed_member_has_no_permissions_in_organization(accounts, new_owner):
    """The token remains valid without permissions; a refresh selects an organization of the
    account."""
    person = accounts.register()
    other = accounts.member(person, "OWNER")
    assert remove_member(other.client, person, person).status_code == 204
    me = contract.check_me(person.client.get("/auth/me").json())
    assert (me["organizations"], me["permissions"]) == ([], [])
    add_member(new_owner, person, "SALES")
    renewed = person.client.bearing(person.client.post("/auth/refresh").json()["access_token"])
    assert "organization:create" in renewed.get("/auth/me").json()["permissions"]


@pytest.mark.parametrize("spell", [str, str.upper])
def test_invited_person_becomes_member_after_accepting(accounts, new_owner, spell):
    person = accounts.register(name="Анна")
    response = invite(new_owner, spell(person.email), "MANAGER")
    assert response.status_code == 201
    invited = contract.check_invited(response.json())
    assert invited == {"id": invited["id"], "email": spell(person.email), "role": "MANAGER",
                       "state": "invited"}
    assert response.headers["Location"].endswith(f"{new_owner.path}/invitations/{invited['id']}")
    assert person.id not in roles_in(new_owner)
    accepted = contract.check_organization(accept(person.client, invited["id"]).json())
    assert (accepted["id"], accepted["role"]) == (new_owner.organization, "MANAGER")
    [member] = [each for each in members_of(new_owner) if each["account_id"] == person.id]
    assert member == {"account_id": person.id, "username": person.email, "email": person.email,
                      "name": "Анна", "role": "MANAGER", "created_at": member["created_at"]}
    contract.check_error(invite(new_owner, person.email, "VIEWER"), 409, "ALREADY_EXISTS")
    assert roles_in(new_owner)[person.id] == "MANAGER"


@pytest.mark.parametrize("body, fields", [
    ({}, ["email", "role"]), ({"email": "a@b@c", "role": "SALES"}, ["email"]),
    ({"email": "nobody", "role": "SALES"}, ["email"]),
    ({"email": "a@b.c", "role": "owner"}, ["role"]), ({"email": "a@b.c", "role": "ROOT"}, ["role"]),
    ({"email": "a@b.c", "role": ""}, ["role"]), ({"email": "a@b.c", "role": None}, ["role"]),
    ({"email": "a@b.c", "role": 1}, ["role"]), ({"email": "a@b.c", "role": "OWNER\0"}, ["role"]),
    ({"email": "a@b.c", "role": "SALES", "account_id": 1}, ["account_id"]),
])
def test_invalid_invitation_is_rejected(owner, body, fields):
    response = owner.client.post(f"{owner.path}/members", json=body)
    assert sorted(contract.check_error(response, 400, "VALIDATION_ERROR")) == sorted(fields)


@pytest.mark.parametrize("role", ["owner", "ROOT", "", None, 1, "ADMIN "])
def test_unknown_role_is_rejected(members_by_role, owner, role):
    response = change_role(owner.client, owner, members_by_role["VIEWER"], role)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["role"]


def test_member_list_supports_skip_and_limit(accounts, new_owner):
    people = [new_owner.id, *(accounts.member(new_owner, "SALES").id for _ in range(4))]
    seen = []
    for skip in range(0, 6, 2):
        body = new_owner.client.get(f"{new_owner.path}/members?skip={skip}&limit=2").json()
        seen += [contract.check_member(member)["account_id"]
                 for member in contract.check_page(body)]
        assert (body["total"], body["pages"]) == (5, 3)
    assert seen == people
    for query in ("limit=0", "limit=1001", "skip=-1", "role=ROOT"):
        response = new_owner.client.get(f"{new_owner.path}/members?{query}")
        contract.check_error(response, 400, "VALIDATION_ERROR")


@pytest.mark.parametrize("order", ["account_id", "-account_id", "role,-account_id", "-username"])
def test_member_list_supports_sort_and_cursor(accounts, new_owner, order):
    for role in ("SALES", "VIEWER", "SALES", "ADMIN"):
        accounts.member(new_owner, role)
    path = f"{new_owner.path}/members?sort={order}"
    whole = contract.check_page(new_owner.client.get(path).json())
    body, seen = new_owner.client.get(f"{path}&limit=2").json(), []
    while True:
        seen += contract.check_page(body)
        if body["next"] is None:
            break
        body = new_owner.client.get(f"{path}&limit=2", params={"after": body["next"]}).json()
    assert len(whole) == 5 and seen == whole


def test_member_list_can_be_filtered_by_role(accounts, new_owner):
    people = [accounts.member(new_owner, role).id for role in ("SALES", "VIEWER", "SALES")]
    body = new_owner.client.get(f"{new_owner.path}/members?role=SALES").json()
    assert [member["account_id"] for member in contract.check_page(body)] == [people[0], people[2]]
    assert body["total"] == 2


# --- organization ---------------------------------------------------------------------------------

def test_organization_list_contains_only_own_memberships(accounts, new_owner):
    other = accounts.register()
    add_member(other, new_owner, "SALES")
    body = new_owner.client.get("/organizations").json()
    mine = [contract.check_organization(each) for each in contract.check_list(body)]
    assert [(each["id"], each["role"]) for each in mine] == [(new_owner.organization, "OWNER"),
                                                             (other.organization, "SALES")]
    for each in mine:
        assert new_owner.client.get(f"/organizations/{each['id']}").json() == each


def test_administrators_and_directory_users_have_no_organizations(sql_api, sql_anonymous,
                                                                  directory):
    tokens = sql_anonymous.login("m.sidorova", directory.sample_password)
    for client in (sql_api, sql_anonymous.bearing(tokens["access_token"])):
        assert contract.check_list(client.get("/organizations").json()) == []
    contract.check_error(sql_anonymous.get("/organizations"), 401, "UNAUTHORIZED")


@pytest.mark.parametrize("change", [{"name": "'; DROP TABLE organizations; --"},
                                    {"currency": "EUR"}, {"name": "Ж", "currency": "USD"}, {}])
def test_organization_update_changes_given_fields(new_owner, change):
    before = new_owner.client.get(new_owner.path).json()
    response = new_owner.client.patch(new_owner.path, json=change)
    assert response.status_code == 200
    after = contract.check_organization(response.json())
    assert after == {**before, **change, "version": before["version"] + 1,
                     "updated_at": after["updated_at"]}
    assert after["updated_at"] >= before["updated_at"]
    assert new_owner.client.get(new_owner.path).json() == after


@pytest.mark.parametrize("change, fields", [
    ({"name": ""}, ["name"]), ({"name": None}, ["name"]), ({"name": "x" * 201}, ["name"]),
    ({"name": "a\0"}, ["name"]), ({"currency": "rub"}, ["currency"]),
    ({"currency": "RU"}, ["currency"]), ({"currency": "RUBL"}, ["currency"]),
    ({"currency": "Р$1"}, ["currency"]), ({"currency": None}, ["currency"]),
    ({"id": 1}, ["id"]), ({"role": "OWNER"}, ["role"]), ({"version": 1}, ["version"]),
    ({"name": "", "currency": ""}, ["name", "currency"]),
])
def test_invalid_organization_update_is_rejected(owner, change, fields):
    response = owner.client.patch(owner.path, json=change)
    assert sorted(contract.check_error(response, 400, "VALIDATION_ERROR")) == sorted(fields)


# --- X-Organization-ID ----------------------------------------------------------------------------

def get_me_in(client, number):
    return client.get("/auth/me", headers={"X-Organization-ID": str(number)})


def test_organization_header_selects_permissions(accounts, new_owner):
    person = accounts.member(new_owner, "VIEWER")
    assert len(get_me_in(person.client, person.organization).json()["permissions"]) == 5
    assert get_me_in(person.client, new_owner.organization).json()["permissions"] == [
        "organization:read"]
    # the organization of the token
    assert len(person.client.get("/auth/me").json()["permissions"]) == 5


def test_organization_in_path_overrides_header(accounts, new_owner):
    person = accounts.member(new_owner, "VIEWER")
    headers = {"X-Organization-ID": str(person.organization)}
    response = person.client.patch(new_owner.path, json={"name": "x"}, headers=headers)
    contract.check_error(response, 403, "FORBIDDEN")


def test_organization_header_that_names_foreign_organization_is_not_found(accounts, new_owner,
                                                                          sql_api):
    stranger = accounts.register()
    for client in (stranger.client, sql_api):
        contract.check_error(get_me_in(client, new_owner.organization), 404, "NOT_FOUND")


@pytest.mark.parametrize("number", ["0", "-1", "x", "1x", "01", "1.0", "1,2", "1 2", "+1", "0x1",
                                    "99999999999999999999", "' OR 1=1", "\xff"])
def test_invalid_organization_header_is_not_found(owner, number):
    contract.check_error(get_me_in(owner.client, number), 404, "NOT_FOUND")


def test_empty_organization_header_is_ignored(owner):
    assert get_me_in(owner.client, "").status_code == 200


def test_concurrent_invitations_of_one_person_create_one_invitation(accounts, sql_stack,
                                                                    sql_anonymous,
                                                                    new_owner):
    """All requests return the same invitation, and accepting it adds one member."""
    admins = [new_owner, *(accounts.member(new_owner, "ADMIN") for _ in range(3))]
    newcomer, answers = accounts.register(), []

    def send(person):
        client = Client(sql_anonymous.base_url, sql_stack.ca_file, person.client.token)
        answers.append(client.post(f"{new_owner.path}/members",
                                   json={"email": newcomer.email, "role": "SALES"}))

    threads = [threading.Thread(target=send, args=(person,)) for person in admins]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [201] * 4
    [invitation] = invitations_of(newcomer.client)
    assert {answer.json()["id"] for answer in answers} == {invitation["id"]}
    assert accept(newcomer.client, invitation["id"]).status_code == 200
    assert len(roles_in(new_owner)) == 5
