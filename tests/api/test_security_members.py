"""Attacks through memberships: Mallory invites Vera to take over what she creates, on both engines.

Development mode with open registration, where every address counts as verified.
tests/faults/test_security_registration.py tests the other values of REGISTRATION.
"""

import threading

import pytest

from support import contract
from support.accounts import accept, add_member, address, invitations_of, invite, roles_in
from support.crm import Crm, at_once
from support.entries import tag
from support.waiting import wait_until

PENDING_MAX = 1000


@pytest.fixture
def mallory(accounts):
    """Registers the attacker before the victim, so that the attacker's organization is the
    older one."""
    return accounts.register(organization_name="Mallory")


@pytest.fixture
def vera(mallory, accounts):
    return accounts.register(name="Вера", organization_name="Vera")


def default_organization(client):
    return contract.check_me(client.get("/auth/me").json())["default_organization_id"]


def log_in_again(accounts, person):
    """Logs in again and returns a client of the new session."""
    return accounts.anonymous.bearing(accounts.log_in(person)["access_token"])


def decline(client, invitation):
    return client.post(f"/auth/invitations/{invitation}/decline")


# --- consent --------------------------------------------------------------------------------------

def test_invitation_alone_does_not_add_member(accounts, mallory, vera, sql_database):
    invited = invite(mallory, vera.email, "OWNER")
    assert invited.status_code == 201
    assert roles_in(mallory) == {mallory.id: "OWNER"}
    memberships = f"SELECT organization_id FROM members WHERE account_id = {vera.id}"
    assert sql_database.run(memberships) == [(str(vera.organization),)]
    client = log_in_again(accounts, vera)
    contract.check_error(client.get(mallory.path), 404, "NOT_FOUND")
    assert [each["id"] for each in client.get("/auth/me").json()["organizations"]] == [
        vera.organization]


def test_objects_are_created_in_own_organization_by_default(accounts, mallory, vera):
    """Vera's objects go to her own organization even after she joined one that is older than
    hers."""
    add_member(mallory, vera, "OWNER")
    client = log_in_again(accounts, vera)
    assert default_organization(client) == vera.organization
    number = Crm(client, "").contact()["id"]
    assert Crm(vera.client, vera.organization, vera).read("contacts", number)
    theirs = Crm(mallory.client, mallory.organization, mallory)
    contract.check_error(theirs.get("contacts", number), 404, "NOT_FOUND")


def test_new_membership_does_not_change_organization_of_token(accounts, mallory, vera):
    tokens = accounts.log_in(vera)
    add_member(mallory, vera, "SALES")
    mallory.client.patch(f"{mallory.path}/members/{vera.id}", json={"role": "OWNER"})
    renewed = accounts.anonymous.post("/auth/refresh",
                                      json={"refresh_token": tokens["refresh_token"]}).json()
    by_access = vera.client.post("/auth/refresh").json()
    for access in (tokens["access_token"], renewed["access_token"], by_access["access_token"]):
        number = Crm(accounts.anonymous.bearing(access), "").contact()["id"]
        assert Crm(vera.client, vera.organization, vera).read("contacts", number)


def test_invited_person_sees_inviter_and_may_decline(mallory, vera):
    number = invite(mallory, vera.email.upper(), "ADMIN").json()["id"]
    [seen] = invitations_of(vera.client)
    assert (seen["id"], seen["organization_id"], seen["organization_name"], seen["role"],
            seen["invited_by"]) == (number, mallory.organization, "Mallory", "ADMIN", mallory.email)
    response = decline(vera.client, number)
    assert (response.status_code, response.content) == (204, b"")
    assert invitations_of(vera.client) == []
    contract.check_error(accept(vera.client, number), 404, "NOT_FOUND")
    assert roles_in(mallory) == {mallory.id: "OWNER"}


def test_invitation_can_be_accepted_once(mallory, vera):
    number = invite(mallory, vera.email, "SALES").json()["id"]
    assert accept(vera.client, number).status_code == 200
    contract.check_error(accept(vera.client, number), 404, "NOT_FOUND")
    assert vera.client.delete(f"{mallory.path}/members/{vera.id}").status_code == 204
    contract.check_error(accept(vera.client, number), 404, "NOT_FOUND")


@pytest.mark.parametrize("answer", [accept, decline])
def test_invitation_of_other_person_is_not_found(accounts, mallory, vera, sql_api, sql_anonymous,
                                                 directory, answer):
    number = invite(vera, address(), "OWNER").json()["id"]
    person = sql_anonymous.login("m.sidorova", directory.sample_password)
    for client in (mallory.client, vera.client, accounts.register().client, sql_api,
                   sql_anonymous.bearing(person["access_token"])):
        contract.check_error(answer(client, number), 404, "NOT_FOUND")
        assert invitations_of(client) == []
    contract.check_error(answer(sql_anonymous, number), 401, "UNAUTHORIZED")
    contract.check_error(answer(mallory.client, 10 ** 9), 404, "NOT_FOUND")
    contract.check_error(sql_anonymous.get("/auth/invitations"), 401, "UNAUTHORIZED")


def test_expired_invitation_to_organization_is_not_found(mallory, vera, sql_database):
    number = invite(mallory, vera.email, "SALES").json()["id"]
    sql_database.run(f"UPDATE invitations SET expires_at = 1 WHERE id = {number}")
    assert invitations_of(vera.client) == []
    contract.check_error(accept(vera.client, number), 404, "NOT_FOUND")
    assert mallory.client.get(f"{mallory.path}/invitations").json()["total"] == 0


# --- information in responses ---------------------------------------------------------------------

def test_response_to_invitation_does_not_reveal_existing_accounts(mallory, vera):
    answers = [invite(mallory, email, "SALES") for email in (vera.email, address())]
    bodies = [answer.json() for answer in answers]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert [{**body, "id": 0, "email": ""} for body in bodies] == [
        {"id": 0, "email": "", "role": "SALES", "state": "invited"}] * 2
    fields = [{name: value for name, value in answer.headers.items()
               if name not in ("X-Request-ID", "Date", "Location", "Content-Length")}
              for answer in answers]
    assert fields[0] == fields[1]
    seen = [mallory.client.get(f"{mallory.path}/invitations/{body['id']}").json()
            for body in bodies]
    assert set(map(type, seen[0].values())) == set(map(type, seen[1].values()))
    assert [each["invited_by"] for each in seen] == [mallory.id] * 2


def test_new_invitation_of_person_replaces_previous_one(mallory, vera):
    for email in (vera.email, address()):
        first, second = (invite(mallory, email, role) for role in ("ADMIN", "VIEWER"))
        assert first.status_code == second.status_code == 201
        assert second.json() == {**first.json(), "role": "VIEWER"}
    [seen] = invitations_of(vera.client)
    assert accept(vera.client, seen["id"]).json()["role"] == "VIEWER"


def test_location_header_leads_to_invitation(mallory, vera):
    response = invite(mallory, vera.email, "SALES")
    path = response.headers["Location"].removeprefix("/api/v1")
    seen = contract.check_invitation(mallory.client.get(path).json())
    assert {name: seen[name] for name in response.json()} == response.json()
    assert mallory.client.delete(path).status_code == 204
    contract.check_error(mallory.client.get(path), 404, "NOT_FOUND")
    contract.check_error(mallory.client.delete(path), 404, "NOT_FOUND")
    contract.check_error(accept(vera.client, response.json()["id"]), 404, "NOT_FOUND")


def test_invitation_of_other_organization_is_not_found(mallory, vera):
    number = invite(vera, address(), "SALES").json()["id"]
    for path in (f"{mallory.path}/invitations/{number}", f"{vera.path}/invitations/{number}"):
        contract.check_error(mallory.client.get(path), 404, "NOT_FOUND")
        contract.check_error(mallory.client.delete(path), 404, "NOT_FOUND")
    assert vera.client.get(f"{vera.path}/invitations/{number}").status_code == 200


def test_number_of_pending_invitations_is_limited(mallory, vera, sql_database):
    invite(mallory, vera.email, "SALES")
    sql_database.run(
        "WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers"
        f" WHERE i < {PENDING_MAX - 1}) INSERT INTO invitations (organization_id, email, email_key,"
        f" role, invited_by, created_at, expires_at) SELECT {mallory.organization}, i ||"
        f" '@a.b', i || '@a.b', 'SALES', {mallory.id}, 1, 99999999999999 FROM numbers")
    contract.check_error(invite(mallory, address(), "SALES"), 409, "TOO_MANY_INVITATIONS")
    # replaces an existing invitation
    assert invite(mallory, vera.email, "VIEWER").status_code == 201
    body = mallory.client.get(f"{mallory.path}/invitations?limit=10&skip=990").json()
    assert len(contract.check_list(body)) == 10 and body["total"] == PENDING_MAX


# --- roles ----------------------------------------------------------------------------------------

def test_organization_admin_cannot_change_invitation_to_owner_role(accounts, vera):
    admin, newcomer = accounts.member(vera, "ADMIN"), accounts.register()
    number = invite(vera, newcomer.email, "OWNER").json()["id"]
    path = f"{vera.path}/members"
    contract.check_error(admin.client.post(path, json={"email": newcomer.email, "role": "VIEWER"}),
                         403,
                         "FORBIDDEN")
    contract.check_error(admin.client.delete(f"{vera.path}/invitations/{number}"), 403, "FORBIDDEN")
    assert accept(newcomer.client, number).json()["role"] == "OWNER"


@pytest.mark.parametrize("role, invited, stays", [
    (None, "VIEWER", False), ("SALES", "VIEWER", False), ("ADMIN", "OWNER", False),
    ("ADMIN", "ADMIN", True),
])
def test_invitation_is_valid_only_while_issuer_may_invite(accounts, vera, role, invited, stays):
    """An invitation is valid only while its issuer may invite to that role."""
    former, second = accounts.member(vera, "OWNER"), accounts.register()
    number = former.client.post(f"{vera.path}/members",
                                json={"email": second.email, "role": invited}).json()["id"]
    path = f"{vera.path}/members/{former.id}"
    response = vera.client.patch(path, json={"role": role}) if role else vera.client.delete(path)
    assert response.ok
    if stays:
        assert accept(second.client, number).status_code == 200
    else:
        contract.check_error(accept(second.client, number), 404, "NOT_FOUND")
        assert second.id not in roles_in(vera)


# --- default organization -------------------------------------------------------------------------

def test_account_can_choose_default_organization(accounts, mallory, vera):
    add_member(mallory, vera, "SALES")
    response = vera.client.patch("/auth/me", json={"default_organization_id": mallory.organization})
    assert contract.check_me(response.json())["default_organization_id"] == mallory.organization
    client = log_in_again(accounts, vera)
    number = Crm(client, "").contact()["id"]
    assert Crm(mallory.client, mallory.organization, mallory).read("contacts", number)


@pytest.mark.parametrize("value", ["theirs", 10 ** 9, 0, -1, None, "1", 1.5, True])
def test_account_must_be_member_of_its_default_organization(mallory, vera, value):
    wanted = mallory.organization if value == "theirs" else value
    response = vera.client.patch("/auth/me", json={"default_organization_id": wanted})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["default_organization_id"]
    assert default_organization(vera.client) == vera.organization


def test_only_accounts_can_set_default_organization(vera, sql_api, sql_anonymous):
    body = {"default_organization_id": vera.organization}
    contract.check_error(sql_api.patch("/auth/me", json=body), 403, "FORBIDDEN")
    contract.check_error(sql_anonymous.patch("/auth/me", json=body), 401, "UNAUTHORIZED")
    assert vera.client.patch("/auth/me", json={}).status_code == 200


def test_member_removed_from_default_organization_has_no_default_organization(
        accounts, mallory, vera):
    """Until the account chooses a new default, it can create objects in no organization."""
    add_member(mallory, vera, "OWNER")
    assert mallory.client.delete(f"{mallory.path}/members/{mallory.id}").status_code == 204
    client = log_in_again(accounts, mallory)
    assert default_organization(client) is None
    contract.check_error(Crm(client, "").send("contacts"), 403, "FORBIDDEN")
    mine = accounts.register()
    number = invite(mine, mallory.email, "SALES").json()["id"]
    assert default_organization(client) is None
    assert accept(client, number).status_code == 200
    assert default_organization(client) == mine.organization


def test_member_removed_from_other_organization_keeps_default_organization(accounts, mallory, vera):
    add_member(mallory, vera, "SALES")
    assert mallory.client.delete(f"{mallory.path}/members/{vera.id}").status_code == 204
    assert default_organization(log_in_again(accounts, vera)) == vera.organization


# --- verified addresses ---------------------------------------------------------------------------

@pytest.mark.parametrize("method, path", [
    ("POST", "/accounts/invitations"), ("GET", "/accounts/invitations"),
    ("GET", "/accounts/invitations/1"), ("DELETE", "/accounts/invitations/1"),
    ("POST", "/accounts/confirm-email"),
])
def test_only_local_administrator_can_mark_email_addresses_as_verified(mallory, sql_anonymous,
                                                                       sql_stack, directory, method,
                                                                       path):
    """Organization owners, directory administrators and callers without a token get an error."""
    body = {"email": address()} if path.endswith("/invitations") and method == "POST" else None
    tokens = sql_anonymous.login("m.sidorova", directory.sample_password)
    for client in (mallory.client, sql_anonymous.bearing(tokens["access_token"])):
        contract.check_error(client.request(method, path, json=body), 403, "FORBIDDEN")
    contract.check_error(sql_anonymous.request(method, path, json=body), 401, "UNAUTHORIZED")
    outside = sql_anonymous.at(f"{sql_stack.files_url}")
    response = outside.session.request(method, sql_stack.files_url
                                       + path.replace("/accounts", "/users"), json=body)
    assert response.status_code == 401, response.text


def test_email_of_account_created_without_token_is_unverified(sql_api, sql_stack, sql_anonymous,
                                                              sql_database):
    names = tag(), tag()
    sent = sql_anonymous.session.post(f"{sql_stack.files_url}/users", json={
        "username": names[0], "email": address()})
    assert sent.status_code == 201
    assert sql_api.post("/accounts", json={"username": names[1], "email": address()}).ok
    state = [sql_database.run("SELECT email_verified_at IS NULL FROM accounts"
                              f" WHERE username = '{name}'")[0][0] for name in names]
    assert [each in ("1", "t") for each in state] == [True, False]


def test_registration_links_can_be_issued_listed_and_withdrawn(sql_api, sql_database):
    email = address()
    response = sql_api.post("/accounts/invitations", json={"email": email},
                            headers={"Idempotency-Key": tag()})
    assert response.status_code == 201
    link = contract.check_record(response.json(), contract.ISSUED_LINK_TYPES)
    assert link["token"] not in sql_database.dump()
    path = response.headers["Location"].removeprefix("/api/v1")
    seen = contract.check_record(sql_api.get(path).json(), contract.LINK_TYPES)
    assert (seen["id"], seen["email"], seen["expires_at"]) == (
        link["id"], email, link["expires_at"])
    listed = contract.check_list(sql_api.get("/accounts/invitations?limit=1000").json())
    assert seen in listed
    assert sql_api.delete(path).status_code == 204
    for call in (sql_api.get, sql_api.delete):
        contract.check_error(call(path), 404, "NOT_FOUND")


# --- concurrent requests --------------------------------------------------------------------------

def test_concurrent_acceptance_and_decline_of_invitation_have_one_outcome(mallory, vera):
    """The second request finds no invitation; a membership exists only if accepting came first."""
    view = Crm(vera.client, vera.organization, vera)
    for _ in range(4):
        number = invite(mallory, vera.email, "SALES").json()["id"]
        answers = at_once(view, [lambda own, n=number: accept(own.client, n),
                                 lambda own, n=number: decline(own.client, n),
                                 lambda own, n=number: accept(own.client, n)])
        good = [answer.status_code for answer in answers if answer.ok]
        assert len(good) == 1, [answer.text for answer in answers]
        assert (vera.id in roles_in(mallory)) == (good == [200])
        if good == [200]:
            assert vera.client.delete(f"{mallory.path}/members/{vera.id}").status_code == 204


def test_invitation_created_while_its_issuer_is_removed_is_not_usable(accounts, mallory, vera):
    """Mallory keeps inviting Eve while Vera removes Mallory: a request in progress must not
    outlive the removal."""
    eve = accounts.register()
    removed = threading.Event()

    def invite_again_and_again():
        client = mallory.client.bearing(mallory.client.token)
        while not removed.is_set():
            client.post(f"{vera.path}/members", json={"email": eve.email, "role": "OWNER"})

    for _ in range(4):
        add_member(vera, mallory, "OWNER")
        removed.clear()
        threads = [threading.Thread(target=invite_again_and_again) for _ in range(6)]
        for thread in threads:
            thread.start()
        wait_until(lambda: invitations_of(eve.client), what="an invitation by Mallory")
        response = vera.client.delete(f"{vera.path}/members/{mallory.id}")
        removed.set()
        for thread in threads:
            thread.join()
        assert response.status_code == 204, response.text
        assert invitations_of(eve.client) == []
    assert roles_in(vera) == {vera.id: "OWNER"}
