"""Registers accounts and organizations through the API."""

import dataclasses

from support import contract, vault
from support.client import Client
from support.entries import tag

ROLES = ("OWNER", "ADMIN", "MANAGER", "SALES", "VIEWER")
RENEWED_KEYS = {"access_token", "token_type", "expires_in"}
TOKENS_KEYS = RENEWED_KEYS | {"refresh_token"}


@dataclasses.dataclass(frozen=True)
class Person:
    """A logged-in account that owns an organization."""

    id: int
    email: str
    password: str
    organization: int
    tokens: dict
    client: Client

    @property
    def path(self):
        """Returns the path of the person's organization."""
        return f"/organizations/{self.organization}"


def address():
    return f"{tag()}@example.com"


class Accounts:
    """Registers accounts on one stack."""

    def __init__(self, anonymous):
        self.anonymous = anonymous

    def send(self, **body):
        return self.anonymous.post("/auth/register", json=body)

    def register(self, **fields):
        """Registers an account. `fields` override or extend the request body."""
        body = {"email": address(), "password": vault.password(), **fields}
        response = self.send(**body)
        assert response.status_code == 201, response.text
        made = contract.check_registered(response.json())
        tokens = {key: made[key] for key in TOKENS_KEYS}
        return Person(id=made["user"]["id"], email=body["email"], password=body["password"],
                      organization=made["organization"]["id"], tokens=tokens,
                      client=self.anonymous.bearing(made["access_token"]))

    def log_in(self, person):
        """Opens one more session."""
        return self.anonymous.login(person.email, person.password)

    def member(self, owner, role):
        """Registers an account and adds it to the organization of `owner`."""
        person = self.register()
        add_member(owner, person, role)
        return person


def invite(owner, email, role):
    """Invites an address to the organization of `owner`; returns the response."""
    return owner.client.post(f"{owner.path}/members", json={"email": email, "role": role})


def invitations_of(client):
    """Returns the open invitations of the caller."""
    body = client.get("/auth/invitations?limit=1000").json()
    return [contract.check_own_invitation(each) for each in contract.check_list(body)]


def accept(client, invitation):
    return client.post(f"/auth/invitations/{invitation}/accept")


def add_member(owner, person, role):
    """Invites a person, accepts for that person, and returns the new member."""
    invited = invite(owner, person.email, role)
    assert invited.status_code == 201, invited.text
    accepted = accept(person.client, contract.check_invited(invited.json())["id"])
    assert accepted.status_code == 200, accepted.text
    contract.check_organization(accepted.json())
    return next(member for member in members_of(owner) if member["account_id"] == person.id)


def members_of(owner):
    body = owner.client.get(f"{owner.path}/members?limit=1000").json()
    return [contract.check_member(member) for member in contract.check_page(body)]


def roles_in(owner):
    """Returns the role of each member of the organization, by account id."""
    response = owner.client.get(f"{owner.path}/members?limit=1000")
    return {member["account_id"]: member["role"] for member in contract.check_page(response.json())}
