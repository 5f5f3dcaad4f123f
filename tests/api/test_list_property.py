"""Random filters over random rows of the lists of the database that are not records of customers:
each list has exactly the rows for which a naive evaluation of the filter is true. On both engines.
(unit/test_list_filter.c does the same for contacts, deals, tasks and activities.)"""

import dataclasses
import random

import pytest

from support import files, filters
from support.accounts import ROLES, add_member, invite
from support.client import Client
from support.entries import tag
from support.filters import NUMBER, TEXT, TIME, Field
from support.tokens import Tokens

SEED = 190
NAMES = ["Анна Ёлкина", "анна ёлкина", "O'Neil", "50%", "5_0", "Straße", "STRASSE", "ﬁn", "a \"b\"",
         "back\\slash", "ΣΊΣΥΦΟΣ", "№ 5", "x  y"]


@dataclasses.dataclass
class SqlList:
    """A list with random rows. `first_id` excludes the rows of other tests."""

    client: Client
    path: str
    fields: list[Field]
    key: str = "id"
    items_key: str = "items"
    first_id: int = 0
    limit: int | None = 1000  # None: the list has no pages

    def items(self, text=None):
        if self.first_id:
            ours = f"{self.key} ge {self.first_id}"
            text = f"{ours} and ({text})" if text else ours
        response = self.client.get(self.path, params={"filter": text, "limit": self.limit})
        assert response.status_code == 200, (text, response.text)
        return response.json() if self.items_key is None else response.json()[self.items_key]


@pytest.fixture
def rng():
    return random.Random(SEED)


def random_address(rng):
    return rng.choice(["Anna.{}@Example.com", "boris_{}@example.COM", "{}%x@example.org"]).format(
        tag())


def make_members(rng, accounts, _):
    owner = accounts.register(name=rng.choice(NAMES))
    for _ in range(14):
        person = accounts.register(email=random_address(rng), name=rng.choice(NAMES))
        add_member(owner, person, rng.choice(ROLES))
    return SqlList(owner.client, f"{owner.path}/members", [
        Field("account_id", NUMBER), Field("username", TEXT), Field("email", TEXT),
        Field("name", TEXT), Field("role", TEXT), Field("created_at", TIME)], "account_id")


def make_organizations(rng, accounts, _):
    person = accounts.register(organization_name=rng.choice(NAMES))
    for _ in range(12):
        owner = accounts.register(organization_name=rng.choice(NAMES))
        add_member(owner, person, rng.choice(ROLES))
        for _ in range(rng.randrange(3)):
            changed = owner.client.patch(owner.path, json={
                "name": rng.choice(NAMES), "currency": rng.choice(["EUR", "USD"])})
            assert changed.status_code == 200, changed.text
    return SqlList(person.client, "/organizations", [
        Field("id", NUMBER), Field("name", TEXT), Field("currency", TEXT), Field("role", TEXT),
        Field("created_at", TIME), Field("updated_at", TIME), Field("version", NUMBER)],
        limit=None)


def make_invitations(rng, accounts, _):
    owner = accounts.register()
    administrator = accounts.member(owner, "ADMIN")
    for _ in range(14):
        inviter = dataclasses.replace(rng.choice([owner, administrator]),
                                      organization=owner.organization)
        sent = invite(inviter, random_address(rng), rng.choice(ROLES[1:]))
        assert sent.status_code == 201, sent.text
    return SqlList(owner.client, f"{owner.path}/invitations", [
        Field("id", NUMBER), Field("email", TEXT), Field("role", TEXT), Field("state", TEXT),
        Field("invited_by", NUMBER), Field("created_at", TIME), Field("expires_at", TIME)])


def make_own_invitations(rng, accounts, _):
    guest = accounts.register()
    for _ in range(12):
        owner = accounts.register(organization_name=rng.choice(NAMES), name=rng.choice(NAMES))
        assert invite(owner, guest.email, rng.choice(ROLES)).status_code == 201
    return SqlList(guest.client, "/auth/invitations", [
        Field("id", NUMBER), Field("organization_id", NUMBER), Field("organization_name", TEXT),
        Field("role", TEXT), Field("invited_by", TEXT), Field("created_at", TIME),
        Field("expires_at", TIME)])


def make_accounts(rng, accounts, sql_api):
    first = accounts.register(email=random_address(rng)).id
    for _ in range(10):
        accounts.register(email=random_address(rng))
        body = {"username": f"{rng.choice(['Ж', 'ж', 'x'])}{tag()}", "email": random_address(rng)}
        made = sql_api.post("/accounts", json=body)
        assert made.status_code == 201, made.text
    return SqlList(sql_api, "/accounts", [
        Field("id", NUMBER), Field("username", TEXT), Field("email", TEXT)], items_key=None,
        first_id=first)


def make_links(rng, _, sql_api):
    made = [sql_api.post("/accounts/invitations", json={"email": random_address(rng)})
            for _ in range(14)]
    return SqlList(sql_api, "/accounts/invitations", [
        Field("id", NUMBER), Field("email", TEXT), Field("created_at", TIME),
        Field("expires_at", TIME)], first_id=made[0].json()["id"])


def make_tokens(rng, _, sql_api):
    tokens = Tokens(Client(sql_api.base_url.removesuffix("/api/v1"), sql_api.ca_file))
    mark = tag()
    tokens.issue(purpose=mark)
    [first] = sql_api.get("/tokens", params={"filter": f'purpose eq "{mark}"'}).json()["items"]
    for _ in range(20):
        fields = {"purpose": rng.choice(NAMES), "max_uses": rng.randint(1, 4),
                  "ttl_minutes": rng.randint(60, 1440)}
        token = tokens.issue(**{name: value for name, value in fields.items()
                                if rng.random() < 0.6})
        if rng.random() < 0.4:
            tokens.check(token)
    return SqlList(sql_api, "/tokens", [
        Field("id", NUMBER), Field("purpose", TEXT), Field("max_uses", NUMBER),
        Field("created_at", TIME), Field("expires_at", TIME)], first_id=first["id"])


def make_files(rng, accounts, _):
    person = accounts.register()
    for _ in range(16):
        name = rng.choice(["Отчёт {}.txt", "ОТЧЁТ {}.txt", "a%b {}.txt", "O'x_{}.txt"])
        stored = files.upload(person.client, b"a" * rng.randint(1, 9),
                              name.format(rng.randint(1, 3)))
        tags = rng.sample(["Важное", "важное дело", "2026", "50%", "ΣΊΣΥΦΟΣ"], rng.randint(0, 3))
        put = person.client.put(f"/files/{stored['filename']}/tags", json=tags)
        assert put.status_code == 200, put.text
    return SqlList(person.client, "/files", [
        Field("name", TEXT), Field("size", NUMBER), Field("last_modified", TIME),
        Field("etag", TEXT), Field("original_name", TEXT), Field("content_type", TEXT),
        Field("tags", TEXT)], "name", "files")


MAKERS = [make_members, make_organizations, make_invitations, make_own_invitations, make_accounts,
          make_links, make_tokens, make_files]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__.removeprefix("make_"))
def test_random_filters_find_what_naive_evaluation_finds(rng, accounts, sql_api, make):
    made = make(rng, accounts, sql_api)
    items = made.items()
    assert len(items) >= 10
    filters.check_random_filters(made.fields, items, made.key, made.items, made.path,
                                 nots=filters.NOTS_MAX - 1)
