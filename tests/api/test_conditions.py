"""Conditional requests (RFC 9110 13), caching, and challenges (RFC 6750 3) of every route.

Client checks each response with contract.check_answer(), which contains the rules.
"""

import re

import pytest
from support import contract, document
from support.accounts import Accounts, add_member
from support.conditions import CONDITIONS, condition_headers
from support.crm import KINDS



@pytest.fixture(scope="module")
def owner(office):
    return office["OWNER"]


@pytest.fixture(scope="module")
def account_client(site, anonymous):
    """Returns a client of an account with its own organization, with the main port of nginx as its
    base URL."""
    return Accounts(anonymous).register().client.at(site.base_url)


# --- conditional requests -------------------------------------------------------------------------

def change_calls(kind, number):
    """Returns each call that changes an object, with its body."""
    documented_calls = [("DELETE", f"/{kind}/{number}", None),
                        ("POST", f"/{kind}/{number}/restore", None)]
    if kind != "activities":
        documented_calls.insert(0, ("PATCH", f"/{kind}/{number}",
                                    {"notes" if kind == "contacts" else "description": "x"}))
    if kind == "deals":
        documented_calls.insert(0, ("POST", f"/{kind}/{number}/status", {"status": "IN_PROGRESS"}))
    return documented_calls


def tag_of(owner, kind, number):
    return owner.get(kind, number).headers["ETag"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("if_match, if_none_match, status, _", CONDITIONS)
def test_read_request_evaluates_conditional_headers(owner, kind, if_match, if_none_match, status,
                                                    _):
    made = owner.create(kind)
    path, tag = f"/{kind}/{made['id']}", tag_of(owner, kind, made["id"])
    for method in ("GET", "HEAD"):
        response = owner.request(method, path,
                                 headers=condition_headers(tag, if_match, if_none_match))
        assert response.status_code == status
        assert response.headers.get("ETag") == (None if status == 412 else tag)
        if status == 412 and method == "GET":
            contract.check_error(response, 412, "PRECONDITION_FAILED")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("if_match, if_none_match, _, passes", CONDITIONS)
def test_change_request_evaluates_conditional_headers(owner, kind, if_match, if_none_match, _,
                                                      passes):
    """A failed condition returns 412 for every changing method, and nothing changes."""
    made = owner.create(kind)
    tag = tag_of(owner, kind, made["id"])
    for method, path, body in change_calls(kind, made["id"]):
        response = owner.request(method, path, body,
                                 headers=condition_headers(tag, if_match, if_none_match))
        if passes:
            assert response.status_code in (200, 204), (method, path, response.text)
            tag = response.headers.get("ETag") or f'"{int(tag[1:-1]) + 1}"'
        else:
            contract.check_error(response, 412, "PRECONDITION_FAILED")
            assert tag_of(owner, kind, made["id"]) == tag, (method, path)


@pytest.mark.parametrize("if_match, if_none_match, status, passes", CONDITIONS)
def test_organization_requests_evaluate_conditional_headers(accounts, if_match, if_none_match,
                                                            status, passes):
    person = accounts.register()
    tag = person.client.get(person.path).headers["ETag"]
    fields = condition_headers(tag, if_match, if_none_match)
    assert person.client.get(person.path, headers=fields).status_code == status
    assert person.client.head(person.path, headers=fields).status_code == status
    response = person.client.patch(person.path, json={"name": "x"}, headers=fields)
    assert response.status_code == (200 if passes else 412)
    assert (person.client.get(person.path).headers["ETag"] != tag) == passes


@pytest.mark.parametrize("kind", KINDS)
def test_other_errors_are_reported_before_failed_conditional_headers(owner, kind):
    """RFC 9110 13.2.1: conditions apply only to calls that would succeed without them."""
    fields = {"If-Match": '"0"', "If-None-Match": "*"}
    for method, path, body in change_calls(kind, 10 ** 15):
        contract.check_error(owner.request(method, path, body, headers=fields), 404, "NOT_FOUND")
    contract.check_error(owner.request("GET", f"/{kind}/{10 ** 15}", headers=fields), 404,
                         "NOT_FOUND")


def test_role_change_of_member_changes_entity_tag_of_organization(accounts):
    """A member's representation of an organization contains the role, so its tag must change."""
    owner = accounts.register()
    member = accounts.member(owner, "VIEWER")
    before = member.client.get(owner.path)
    assert before.json()["role"] == "VIEWER"
    changed = owner.client.patch(f"{owner.path}/members/{member.id}", json={"role": "SALES"})
    assert changed.status_code == 200
    after = member.client.get(owner.path, headers={"If-None-Match": before.headers["ETag"]})
    assert (after.status_code, after.json()["role"]) == (200, "SALES")


def test_new_role_of_readded_member_changes_entity_tag_of_organization(accounts):
    """A removed member who is added again may have another role."""
    owner = accounts.register()
    member = accounts.member(owner, "VIEWER")
    before = member.client.get(owner.path)
    assert owner.client.delete(f"{owner.path}/members/{member.id}").status_code == 204
    add_member(owner, member, "SALES")
    after = member.client.get(owner.path, headers={"If-None-Match": before.headers["ETag"]})
    assert (after.status_code, after.json()["role"]) == (200, "SALES")


def test_response_with_entity_tag_has_vary_authorization_header(owner):
    """Without Vary, a browser would reuse a stored response for the next user who logs in."""
    for kind in KINDS:
        assert "Authorization" in owner.get(kind, owner.create(kind)["id"]).headers["Vary"]


# --- every route ----------------------------------------------------------------------------------

def documented_calls():
    """Returns every documented call, with path parameters that match no object."""
    return [(method.upper(), re.sub(r"\{\w+\}", "1", path))
            for method, path, _ in document.of_program().operations()]


@pytest.mark.parametrize("method, path", documented_calls(), ids=" ".join)
def test_every_response_has_documented_caching_and_challenge_headers(site, account_client, method,
                                                                     path):
    """Sends each call with several tokens and without one; contract.check_answer() checks the
    headers."""
    statuses = {}
    for name, client in (("nobody", site.as_anonymous()), ("forged", site.bearing("a.b.c")),
                         ("account", account_client)):
        statuses[name] = client.request(method, path).status_code
    other = site.as_anonymous().request(method, path, headers={"Authorization": "Basic YTpi"})
    assert (statuses["nobody"] == 401) <= (statuses["forged"] == 401), statuses
    assert (statuses["nobody"] == 401) <= (other.status_code == 401)


def test_openapi_documents_conditional_headers_of_calls_with_entity_tag():
    """Each call with an entity tag documents both header fields and 412; a read also documents
    304."""
    found = 0
    for method, path, operation in document.of_program().operations():
        resolved = document.of_program().resolve(operation)
        has_tag = any("ETag" in answer.get("headers", {})
                      for status, answer in resolved["responses"].items()
                      if status in ("200", "201"))
        taken = {each["name"] for each in resolved["parameters"]} & {"If-Match", "If-None-Match"}
        call = f"{method} {path}"
        if not has_tag and "412" not in resolved["responses"] or "201" in resolved["responses"]:
            assert not taken, call
            continue
        found += 1
        assert taken == {"If-Match", "If-None-Match"}, call
        assert "412" in resolved["responses"], call
        assert ("304" in resolved["responses"]) == (method == "get"), call
    assert found >= 16
