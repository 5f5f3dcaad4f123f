"""Tests the contract with generated requests: for each call of the OpenAPI document, valid and
invalid requests are made from its schemas and sent by callers with and without permission.

No response may be a server error, invalid requests must be rejected, some valid ones must
succeed, and Client checks every response against the document.
"""

import random

import pytest

from support import document, files
from support.accounts import Accounts, address, invite
from support.client import Client
from support.crm import Office
from support.entries import tag
from support.generator import NO_OBJECTS, Generator, encode

SEED = 20261120
ROUNDS = 15  # valid, and as many invalid, requests for each call
INVITERS = 16  # organizations that invite the owner: accepting or declining consumes an invitation

# Tags whose calls the local administrator may make; members of an organization may make the others.
ADMINISTRATORS = {"users", "user-photos", "user-groups", "passwords", "user-access", "groups",
                  "computers", "ous", "containers", "tree", "delegations", "accounts",
                  "email-links", "tokens"}

# Calls that would end the callers' sessions; they have their own tests.
SESSION_ENDING = {"/api/v1/auth/logout", "/api/v1/auth/change-password"}

DOCUMENT = document.of_program()
# Calls that a request made from the schema alone cannot satisfy: it needs a form, a photo, a
# signature, a password, a token, or two existing names that belong together; or its contacts have
# deals, or its tokens are already purged. These calls have their own tests.
UNSATISFIABLE = {("post", "/api/v1/files/upload"), ("get", "/api/v1/files/{name}/content"),
                 ("post", "/api/v1/auth/login"), ("post", "/api/v1/auth/verify-email"),
                 ("get", "/api/v1/users/{username}/photo"),
                 ("put", "/api/v1/users/{username}/photo"),
                 ("delete", "/api/v1/users/{username}/photo"),
                 ("post", "/api/v1/users/{username}/groups/{group}"),
                 ("post", "/api/v1/groups/{name}/members/{username}"),
                 ("delete", "/api/v1/users/{username}/groups/{group}"),
                 ("delete", "/api/v1/groups/{name}/members/{username}"),
                 ("delete", "/api/v1/contacts/{id}"), ("delete", "/api/v1/tokens/{id}")}

# Calls that accept any string as a token, valid or not; only other types are invalid.
ANY_STRING = {("post", "/app/valid"), ("post", "/api/v1/tokens/introspect"),
              ("post", "/api/v1/tokens/revoke")}

# Deletions come last, so that the other calls find objects.
CALLS = sorted(((method, path) for method, path, _ in DOCUMENT.operations()
                if path not in SESSION_ENDING), key=lambda call: call[0] == "delete")

# Calls that were made, and calls that succeeded at least once.
called, succeeded = set(), set()


@pytest.fixture(scope="module")
def callers(site, stack):
    """Returns clients by name: the owner of an organization, the local administrator, and a
    client without a token; and the organization."""
    anonymous = site.as_anonymous()
    office = Office(Accounts(Client(f"{stack.https_url}/api/v1", stack.ca_file)))
    owner = anonymous.bearing(office.owner.tokens["access_token"])
    return {"owner": owner, "administrator": site, "nobody": anonymous}, office


@pytest.fixture(scope="module")
def other_owners(callers, stack):
    """Creates owners of other organizations who are also members of the owner's."""
    accounts = Accounts(Client(f"{stack.https_url}/api/v1", stack.ca_file))
    return [accounts.member(callers[1].owner, "SALES") for _ in range(3)]


@pytest.fixture(scope="module")
def invitations(callers, stack):
    """Returns ids of invitations: received by the owner, and sent by the owner's organization."""
    accounts = Accounts(Client(f"{stack.https_url}/api/v1", stack.ca_file))
    owner = callers[1].owner
    sent = [invite(accounts.register(), owner.email, "SALES") for _ in range(INVITERS)]
    sent += [invite(owner, address(), "VIEWER") for _ in range(3)]
    return [response.json()["id"] for response in sent]


@pytest.fixture(scope="module")
def links(callers):
    """Returns ids of one-use links."""
    site = callers[0]["administrator"]
    sent = [site.post("/api/v1/accounts/invitations", json={"email": f"{tag()}@example.com"})
            for _ in range(3)]
    return [response.json()["id"] for response in sent]


@pytest.fixture(scope="module")
def delegations(callers, ou, people, units):
    """Returns existing values for the calls of delegations."""
    site = callers[0]["administrator"]
    principals = [people.create()["dn"] for _ in range(6)]
    made = [site.post("/api/v1/delegations", json={"principal": each, "scope": units.create()["dn"],
                                                   "rights": ["manager"]})
            for each in principals[:4]]
    return {"id": [response.json()["id"] for response in made],
            "principal": [*principals, "CN=none"], "scope": [ou, units.create()["dn"]],
            "rights": [["update"], ["manager", "create"]], "fields": [["title", "c"], None]}


@pytest.fixture(scope="module")
def known_values(callers, other_owners, invitations, links, delegations, ou, people):
    """Returns existing values for each tag of calls, by names of fields and parameters."""
    owner = callers[0]["owner"].at(callers[0]["owner"].base_url + "/api/v1")
    office = callers[1]

    def create(collection, **body):
        response = owner.post(f"/{collection}", json=body)
        assert response.status_code == 201, response.text
        return response.json()["id"]

    contacts = [create("contacts", name=tag()) for _ in range(3)]
    deals = [create("deals", title=tag(), amount=1) for _ in range(3)]
    tasks = [create("tasks", title=tag()) for _ in range(3)]
    activities = [create("activities", type="CALL", subject=tag()) for _ in range(3)]
    made = [create("api-keys", name=tag(), scopes=["contacts:read", "crm"]) for _ in range(3)]
    stored = [files.upload(owner)["filename"] for _ in range(6)]
    manager = people.create()["dn"]
    existing = [people.create()["sAMAccountName"] for _ in range(4)]
    # Names that only these tests use, so that they may change and delete the entries.
    users, groups, units, containers = ([f"c{tag()}" for _ in range(4)] for _ in range(4))
    machines = [f"c{tag()[:9]}" for _ in range(4)]
    of_all = {
        "contact_id": contacts, "deal_id": deals,
        "owner_id": [office.owner.id], "assignee_id": [office.owner.id], "account_id": [10 ** 9],
        "organization_id": [office.organization],
        "default_organization_id": [office.organization],
        "X-Organization-ID": [office.organization, office.organization, 10 ** 9],
        "username": users, "group": groups,
        "ou": [ou, ou, ou, f"OU=none,{ou}"], "parent_dn": [ou, ou, ou, f"OU=none,{ou}"],
        "Idempotency-Key": [tag() for _ in range(20)], "If-Match": ['"1"', '"7"', "*"],
        "If-None-Match": ['"1"', "*"], "X-Allow-Duplicate": ["true", "false"],
        "Accept-Language": ["en", "ru", "xx"],
    }
    # The entity tags of entries are digests, so no fixed condition is met.
    of_entries = {name: values for name, values in of_all.items()
                  if name not in ("If-Match", "If-None-Match")}
    of_entries |= {"fields": ["objectGUID", "dn"], "filter": ["objectGUID pr"]}
    return {
        "contacts": {**of_all, "id": contacts},
        "deals": {**of_all, "id": deals},
        "tasks": {**of_all, "id": tasks},
        "activities": {**of_all, "id": activities},
        "users": {**of_entries, "username": [*users, *existing],
                  "sAMAccountName": [*users, *(f"c{tag()}" for _ in range(8))],
                  "cn": [tag() for _ in range(20)],
                  "mail": ["a@example.com"], "c": ["RU", "DE"], "homeDrive": ["H:"],
                  "manager": [manager], "userWorkstations": [["PC-1", "PC-2"], []]},
        "groups": {**of_entries, "name": groups, "cn": groups, "sAMAccountName": groups},
        "computers": {**of_entries, "computer": machines, "cn": machines,
                      "sAMAccountName": machines, "managedBy": [ou, ou, ou, f"OU=none,{ou}"]},
        "ous": {**of_entries, "name": units, "ou": units},
        "containers": {**of_entries, "cn": containers},
        "delegations": {**of_all, **delegations},
        "organizations": {**of_all, "email": [address() for _ in range(3)],
                          "account_id": [each.id for each in other_owners]},
        "invitations": {**of_all, "invitation_id": invitations},
        "api-keys": {**of_all, "key_id": made, "scopes": [["contacts:read"], ["crm"]],
                     "expires_at": ["2099-01-01T00:00:00Z", None],
                     "fields": ["name,prefix"], "sort": ["-id", "name"]},
        "email-links": {**of_all, "link_id": links,
                        "account_id": [each.id for each in other_owners]},
        "files": {**of_all, "name": stored[:4], "names": [stored[4:], ["none.txt"]]},
        "": of_all,
    }


def body_schema(operation):
    content = DOCUMENT.resolve(operation).get("requestBody", {}).get("content", {})
    return content.get("application/json", {}).get("schema")


@pytest.mark.parametrize("method, path", CALLS)
def test_randomly_generated_requests_get_documented_responses(method, path, callers, known_values):
    rng = random.Random(f"{SEED} {method} {path}")
    operation = DOCUMENT.paths[path][method]
    [tag_of_call] = operation["tags"]
    generator = Generator(DOCUMENT, rng, known_values.get(tag_of_call, known_values[""]))
    who_may = "administrator" if tag_of_call in ADMINISTRATORS else "owner"
    parameters = DOCUMENT.resolve(operation["parameters"])
    has_query = any(each["in"] == "query" for each in parameters)
    schema = body_schema(operation)
    called.add((method, path))
    for spoil in [False] * ROUNDS + [True] * ROUNDS:
        who = rng.choice([who_may] * 4 + list(callers[0]))
        spoil_query = spoil and has_query and (not schema or rng.random() < 0.3)
        sent = generator.path(path, parameters)
        query = generator.query(parameters, spoil_query)
        headers = generator.headers(parameters)
        arguments = {}
        if schema and spoil:
            wrong = rng.random() < 0.3
            arguments["data"] = rng.choice(NO_OBJECTS) if wrong else generator.spoiled(schema)
        elif schema:
            arguments["data"] = encode(generator.value(schema))
        if schema:
            headers["Content-Type"] = "text/plain" if rng.random() < 0.05 else "application/json"
        response = callers[0][who].request(method.upper(), f"{sent}?{query}" if query else sent,
                                           headers=headers, **arguments)
        what = f"{who}: {method} {sent}?{query} {headers} {arguments}: {response.text}"
        assert response.status_code < 500, what
        if response.ok:
            succeeded.add((method, path))
        if spoil and (schema or spoil_query):
            optional = not arguments.get("data") and not operation.get(
                "requestBody", {}).get("required", True)
            assert response.status_code >= 400 or optional or (method, path) in ANY_STRING, what


def test_each_call_accepted_at_least_one_generated_request():
    if called != set(CALLS):
        pytest.skip("not all calls were made")
    never_right = called - succeeded - UNSATISFIABLE
    assert never_right == set()
