"""Attacks through registration when REGISTRATION is not open: who gets an account and a role, on
both engines.

Mallory holds an account with the unverified address of a colleague. Accounts from before the
verification of addresses are in this state, and so are accounts registered while registration is
open.
"""

import subprocess
import threading
import time

import pytest

from support import contract, vault
from support.accounts import Accounts, accept, address, invitations_of, invite, roles_in
from support.waiting import wait_until

CLOSED = ("invite", "closed")
ROUNDS = 12


def kontora(rig, *arguments):
    """Runs a command with the settings of the running service; returns its output."""
    done = subprocess.run([rig.stack.binary, *arguments], capture_output=True, text=True,
                          timeout=30,
                          check=False, cwd=rig.stack.state_dir, env=rig.stack.env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def set_registration(rig, value, **settings):
    """Restarts the service, because after a reload an old worker may still answer a request."""
    rig.service.stop()
    rig.set(REGISTRATION=value, **settings)
    rig.service.start()


def issue_link(rig, email):
    """Issues a link by the administrator's call; returns its token."""
    response = rig.api.post("/accounts/invitations", json={"email": email})
    assert response.status_code == 201, response.text
    return response.json()["token"]


def try_register(rig, email, token=None, password=None):
    body = {"email": email, "password": password or vault.password(),
            **({"invitation_token": token} if token else {})}
    return rig.anonymous().post("/auth/register", json=body)


def register(rig, email, token):
    response = try_register(rig, email, token)
    assert response.status_code == 201, response.text
    return rig.anonymous().bearing(response.json()["access_token"])


def get_me(client):
    return contract.check_me(client.get("/auth/me").json())


@pytest.fixture
def rig(make_sql_rig):
    return make_sql_rig(REGISTRATION="open")


@pytest.fixture
def vera(rig):
    """Registers the owner of an organization."""
    return Accounts(rig.anonymous()).register(name="Вера", organization_name="Vera")


# --- registration ---------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", CLOSED)
def test_registrations_without_link_get_identical_refusals_for_all_addresses(rig, vera, mode):
    set_registration(rig, mode)
    other = issue_link(rig, address()) if mode == "invite" else None
    tries = [(vera.email, None), (address(), None), (vera.email, "0" * 64), (address(), "0" * 64),
             (vera.email, other), (address(), other), (vera.email.upper(), None)]
    answers = [try_register(rig, email, token) for email, token in tries]
    for answer in answers:
        contract.check_error(answer, 403, "REGISTRATION_CLOSED")
    assert len({(answer.json()["error"], tuple(answer.json())) for answer in answers}) == 1
    assert rig.database.run("SELECT count(*) FROM accounts") == [("1",)]


def test_refused_registration_hashes_no_password(rig, vera):
    """A refusal takes equally little time for addresses with and without an account."""
    set_registration(rig, "invite", BCRYPT_COST="12")
    for email in (vera.email, address()):
        started = time.monotonic()
        for _ in range(ROUNDS):
            contract.check_error(try_register(rig, email), 403, "REGISTRATION_CLOSED")
        assert (time.monotonic() - started) / ROUNDS < 0.1


def test_open_registration_reports_existing_email_address(rig, vera):
    assert contract.check_error(try_register(rig, vera.email), 409, "ALREADY_EXISTS") == ["email"]
    contract.check_error(try_register(rig, address(), "0" * 64), 403, "LINK_INVALID")


def test_registration_link_registers_its_email_address_once(rig):
    set_registration(rig, "invite")
    email = address()
    token = issue_link(rig, email)
    contract.check_error(try_register(rig, address(), token), 403, "REGISTRATION_CLOSED")
    client = register(rig, email.upper(), token)
    assert get_me(client)["email_verified"]
    contract.check_error(try_register(rig, email, token), 403, "REGISTRATION_CLOSED")
    again = issue_link(rig, email)
    assert contract.check_error(try_register(rig, email, again), 409, "ALREADY_EXISTS") == ["email"]


def test_concurrent_uses_of_registration_link_register_one_account(rig):
    set_registration(rig, "invite")
    email = address()
    token, answers = issue_link(rig, email), []
    threads = [threading.Thread(target=lambda: answers.append(try_register(rig, email, token)))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [201, 403, 403, 403]
    assert rig.database.run("SELECT count(*) FROM accounts") == [("1",)]


def test_registration_link_expires_and_is_replaced_by_new_link(rig):
    set_registration(rig, "invite")
    email = address()
    first, second = issue_link(rig, email), issue_link(rig, email)
    contract.check_error(try_register(rig, email, first), 403, "REGISTRATION_CLOSED")
    [(lifetime,)] = rig.database.run("SELECT expires_at - created_at FROM email_links")
    assert int(lifetime) == 7 * 24 * 3600 * 1000
    rig.database.run("UPDATE email_links SET expires_at = 1")
    contract.check_error(try_register(rig, email, second), 403, "REGISTRATION_CLOSED")


def test_closed_registration_accepts_only_links_issued_on_command_line(rig):
    set_registration(rig, "closed")
    email = address()
    contract.check_error(rig.api.post("/accounts/invitations", json={"email": email}), 403,
                         "REGISTRATION_CLOSED")
    token = kontora(rig, "admin", "invite", email).split()[1]
    vault.remember(token)
    assert get_me(register(rig, email, token))["email_verified"]
    lines = [line for line in rig.audit().all() if line["action"] == "issue_email_link"]
    assert [(line["actor"], line["status"]) for line in lines] == [
        (rig.stack.administrator[0], "failure"), ("cli", "success")]


def test_registration_in_production_requires_link_by_default(make_sql_rig):
    rig = make_sql_rig(env={"ENVIRONMENT": "production",
                            "PUBLIC_URL": "https://kontora.example.com"})
    email = address()
    contract.check_error(try_register(rig, email), 403, "REGISTRATION_CLOSED")
    assert get_me(register(rig, email, issue_link(rig, email)))["email_verified"]


def test_open_registration_in_production_does_not_verify_address(make_sql_rig):
    rig = make_sql_rig(env={"ENVIRONMENT": "production", "REGISTRATION": "open",
                            "PUBLIC_URL": "https://kontora.example.com"})
    vera, other = (Accounts(rig.anonymous()).register() for _ in range(2))
    number = invite(vera, other.email, "SALES").json()["id"]
    assert not get_me(other.client)["email_verified"]
    assert invitations_of(other.client) == []
    contract.check_error(accept(other.client, number), 404, "NOT_FOUND")


# --- roles of invited addresses -------------------------------------------------------------------

@pytest.fixture
def colleague():
    return address()


@pytest.fixture
def mallory(rig, colleague):
    """Registers the colleague's address while registration is open."""
    client = rig.anonymous()
    made = client.post("/auth/register", json={"email": colleague, "password": vault.password()})
    assert made.status_code == 201
    return client.bearing(made.json()["access_token"])


def test_account_with_unverified_email_gets_no_invited_role(rig, vera, mallory, colleague):
    set_registration(rig, "invite")
    number = invite(vera, colleague, "ADMIN").json()["id"]
    assert not get_me(mallory)["email_verified"]
    assert invitations_of(mallory) == []
    contract.check_error(accept(mallory, number), 404, "NOT_FOUND")
    contract.check_error(mallory.post(f"/auth/invitations/{number}/decline"), 404, "NOT_FOUND")
    contract.check_error(mallory.post("/auth/verify-email", json={"token": "0" * 64}), 403,
                         "LINK_INVALID")
    assert roles_in(vera) == {vera.id: "OWNER"}


def test_registration_with_link_takes_over_email_and_invitation(rig, vera, mallory, colleague):
    """Mallory's account keeps its data but loses the address, and its sessions end."""
    set_registration(rig, "invite")
    before = get_me(mallory)
    number = invite(vera, colleague, "ADMIN").json()["id"]
    client = register(rig, colleague, issue_link(rig, colleague))
    contract.check_error(mallory.get("/auth/me"), 401, "INVALID_TOKEN")
    assert [each["id"] for each in invitations_of(client)] == [number]
    assert accept(client, number).json()["role"] == "ADMIN"
    mine = get_me(client)
    assert (mine["email"], mine["account_id"] != before["account_id"]) == (colleague, True)
    [(name, email, role)] = rig.database.run(
        "SELECT a.username, coalesce(a.email, 'none'), m.role FROM accounts a"
        f" JOIN members m ON m.account_id = a.id WHERE a.id = {before['account_id']}")
    assert name.startswith("unproven-") and (email, role) == ("none", "OWNER")
    lines = [line for line in rig.audit().all() if line["action"] == "release_email"]
    assert [(line["actor"], line["resource_id"], line["status"]) for line in lines] == [
        (colleague, str(before["account_id"]), "success")]
    shown = rig.api.get("/accounts?limit=1000").json()
    assert {each["id"]: each["email"] for each in shown}[before["account_id"]] is None


def test_existing_account_keeps_roles_and_can_verify_address(rig, vera):
    """After a schema upgrade the address is unverified, and the account works as before."""
    set_registration(rig, "invite")
    before = get_me(vera.client)
    assert not before["email_verified"]
    assert [each["role"] for each in before["organizations"]] == ["OWNER"]
    other, token = issue_link(rig, address()), issue_link(rig, vera.email)
    contract.check_error(vera.client.post("/auth/verify-email", json={"token": other}), 403,
                         "LINK_INVALID")
    assert vera.client.post("/auth/verify-email", json={"token": token}).status_code == 204
    contract.check_error(vera.client.post("/auth/verify-email", json={"token": token}), 403,
                         "LINK_INVALID")
    assert get_me(vera.client) == {**before, "email_verified": True}
    contract.check_error(rig.api.post("/auth/verify-email", json={"token": token}), 403,
                         "FORBIDDEN")
    again = issue_link(rig, vera.email)  # a verified address cannot be taken over
    assert contract.check_error(try_register(rig, vera.email, again), 409,
                                "ALREADY_EXISTS") == ["email"]


@pytest.mark.parametrize("how", ["api", "cli"])
def test_administrator_can_verify_email_address_of_account(rig, vera, how):
    person = Accounts(rig.anonymous()).register()
    set_registration(rig, "invite")
    number = invite(vera, person.email, "SALES").json()["id"]
    contract.check_error(accept(person.client, number), 404, "NOT_FOUND")
    if how == "api":
        assert rig.api.post("/accounts/confirm-email",
                            json={"account_id": person.id}).status_code == 204
        contract.check_error(rig.api.post("/accounts/confirm-email", json={"account_id": 999999}),
                             404,
                             "NOT_FOUND")
    else:
        assert kontora(rig, "admin", "confirm", person.email) == ""
    assert accept(person.client, number).json()["role"] == "SALES"
    line = next(line for line in rig.audit().all() if line["action"] == "confirm_email")
    assert line["status"] == "success"


def test_email_of_account_created_by_administrator_is_verified(rig, vera):
    email, password = address(), vault.password()
    subprocess.run([rig.stack.binary, "admin", "create", email], input=password, check=True,
                   capture_output=True, text=True, cwd=rig.stack.state_dir, env=rig.stack.env)
    set_registration(rig, "invite")
    client = rig.anonymous().bearing(rig.anonymous().login(email, password)["access_token"])
    mine = get_me(client)
    assert mine["email_verified"]
    assert mine["default_organization_id"] == mine["organizations"][0]["id"]
    number = invite(vera, email, "SALES").json()["id"]
    assert accept(client, number).status_code == 200


def test_housekeeper_deletes_expired_invitations_and_links(rig, vera):
    invite(vera, address(), "SALES")
    issue_link(rig, address())
    rig.database.run("UPDATE invitations SET expires_at = 1")
    rig.database.run("UPDATE email_links SET expires_at = 1")
    rig.service.stop()
    rig.service.start()
    rows = "SELECT (SELECT count(*) FROM invitations), (SELECT count(*) FROM email_links)"
    wait_until(lambda: rig.database.run(rows) == [("0", "0")],
               what="the housekeeper to purge the rows")


def test_no_log_contains_secret_of_registration_link(rig):
    """The database contains only a digest of the secret; the fixture searches the logs for all
    secrets at its end."""
    email = address()
    token = issue_link(rig, email)
    assert token not in rig.database.dump()
    assert rig.anonymous().post("/auth/register", json={
        "email": email, "password": vault.password(), "invitation_token": token}).ok
    assert all(token not in str(line) for line in rig.audit().all())
