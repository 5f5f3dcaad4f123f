"""OWASP API Security Top 10 (2023): one section for each entry, with actual attacks.

Vera owns one organization; Mallory, the attacker, owns another one. Topics that other files test
in depth have one attack here, so that this file covers the whole list.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
import threading
import time

import pytest

from support import contract, document, vault, wire
from support.client import Client, user_path
from support.crm import Office, check_ok
from support.entries import tag
from support.files import upload
from support.tokens import Tokens
from support.ldap_admin import rdn

CRM_KINDS = ("contacts", "deals", "tasks", "activities")
EVIL_HOST = "evil.example"


@pytest.fixture(scope="module")
def vera(office):
    """Returns the calls of the victim, who owns an organization with one object of each kind."""
    return office["OWNER"]


@pytest.fixture(scope="module")
def mallory(accounts):
    """Returns the calls of the attacker, who owns another organization."""
    return Office(accounts)["OWNER"]


@pytest.fixture(scope="module")
def objects(vera):
    """Returns the victim's objects, by kind."""
    return {kind: vera.create(kind) for kind in CRM_KINDS}


# --- API1: broken object level authorization ----------------------------------------------------

@pytest.mark.parametrize("kind", CRM_KINDS)
def test_object_of_other_organization_is_not_found(vera, mallory, objects, kind):
    number = objects[kind]["id"]
    before = vera.read(kind, number)
    for method, suffix, body in (("GET", "", None), ("PATCH", "", {"notes": "x"}),
                                 ("DELETE", "", None),
                                 ("POST", "/restore", None),
                                 ("POST", "/status", {"status": "LOST"})):
        response = mallory.request(method, f"/{kind}/{number}{suffix}", body)
        assert response.status_code in (404, 405), (method, suffix, response.text)
    assert vera.read(kind, number) == before


def test_organization_header_does_not_grant_access(vera, mallory):
    headers = {"X-Organization-ID": str(vera.organization)}
    for path in (*(f"/{kind}" for kind in CRM_KINDS), "/files", "/analytics/summary"):
        contract.check_error(mallory.client.get(path, headers=headers), 404, "NOT_FOUND")


@pytest.mark.parametrize("method, path, body", [
    ("GET", "", None), ("PATCH", "", {"name": "x"}), ("GET", "/members", None),
    ("POST", "/members", {"email": "m@example.com", "role": "OWNER"}),
    ("PATCH", "/members/{vera}", {"role": "VIEWER"}), ("DELETE", "/members/{vera}", None)])
def test_organization_of_others_cannot_be_managed(vera, mallory, method, path, body):
    path = f"/organizations/{vera.organization}" + path.replace("{vera}", str(vera.id))
    contract.check_error(mallory.client.request(method, path, json=body), 404, "NOT_FOUND")


def test_reference_to_other_organization_is_rejected(vera, mallory, objects):
    response = mallory.send("deals", contact_id=objects["contacts"]["id"])
    assert "contact_id" in contract.check_error(response, 400, "VALIDATION_ERROR")


def test_file_of_other_organization_cannot_be_accessed(vera, mallory):
    name = upload(vera.client)["filename"]
    for method, suffix, body in (("GET", "/info", None), ("GET", "/download", None),
                                 ("PUT", "/tags", ["x"]), ("DELETE", "", None)):
        response = mallory.client.request(method, f"/files/{name}{suffix}", json=body)
        assert response.status_code == 404, response.text
    assert vera.client.get(f"/files/{name}/info").status_code == 200


# --- API2: broken authentication ----------------------------------------------------------------

def encode_part(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def forge(token, key, header=None, **claims):
    """Returns the token with other claims, signed with a key of the attacker."""
    head, body, _ = token.split(".")
    payload = json.loads(base64.urlsafe_b64decode(body + "=="))
    signed = f"{encode_part(header) if header else head}.{encode_part({**payload, **claims})}"
    signature = hmac.new(key, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def forgeries(token):
    head, body, signature = token.split(".")
    yield forge(token, b"your-secret-key-change-this-in-production", sub="local:admin")
    yield forge(token, b"", sub="local:admin")
    yield f'{encode_part({"alg": "none", "typ": "JWT"})}.{body}.'
    yield f'{encode_part({"alg": "none", "typ": "JWT"})}.{body}.{signature}'
    yield f'{encode_part({"alg": "HS512", "typ": "JWT"})}.{body}.{signature}'
    yield f"{head}.{body}."
    yield f"{head}.{body}.{signature[:-2]}"
    yield f'{head}.{encode_part({"sub": "local:admin", "type": "access"})}.{signature}'


def test_forged_access_token_is_refused(mallory):
    for token in forgeries(mallory.client.token):
        contract.check_error(mallory.client.bearing(token).get("/auth/me"), 401, "INVALID_TOKEN")


def test_refresh_token_does_not_authenticate(accounts):
    refresh = accounts.register().tokens["refresh_token"]
    contract.check_error(accounts.anonymous.bearing(refresh).get("/auth/me"), 401, "INVALID_TOKEN")


def test_failed_login_does_not_reveal_existing_accounts(accounts, sql_anonymous):
    known = accounts.register()
    answers = []
    for name in (known.email, f"{tag()}@example.com", tag(), "admin"):
        response = sql_anonymous.post("/auth/login", json={"username": name, "password": "wrong"})
        body = response.json()
        del body["request_id"]
        answers.append((response.status_code, body))
    assert answers[0][0] == 401
    assert all(answer == answers[0] for answer in answers), answers


@pytest.mark.parametrize("password", ["", " ", "\u0000", "1234567"])
def test_registration_with_empty_or_short_password_is_refused(accounts, password):
    response = accounts.send(email=f"{tag()}@example.com", password=password)
    assert response.status_code == 400, response.text


# --- API3: broken object property level authorization -------------------------------------------

@pytest.mark.parametrize("kind", CRM_KINDS)
@pytest.mark.parametrize("name, value", [
    ("id", 1), ("organization_id", 1), ("version", 1), ("created_at", "2026-01-01T00:00:00.000Z"),
    ("deleted_at", None), ("automatic", True), ("is_admin", True)])
def test_read_only_property_cannot_be_set(vera, kind, name, value):
    response = vera.send(kind, **{name: value})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == [name]


@pytest.mark.parametrize("name, value", [
    ("role", "OWNER"), ("organization_id", 1), ("id", 1), ("kind", "local"),
    ("administrator", True),
    ("email_verified_at", "2026-01-01T00:00:00.000Z"), ("permissions", ["accounts"])])
def test_registration_cannot_set_rights(accounts, name, value):
    response = accounts.send(email=f"{tag()}@example.com", password=vault.password(),
                             **{name: value})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == [name]


def keys_of(node):
    """Yields the names of all members in a JSON value."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield name
            yield from keys_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from keys_of(value)


def test_responses_contain_no_fields_with_secrets(vera, sql_api):
    paths = ("/auth/me", "/organizations", f"/organizations/{vera.organization}/members",
             "/contacts")
    answers = [vera.client.get(path).json() for path in paths]
    answers += [sql_api.get(path).json() for path in ("/accounts", "/tokens", "/auth/me")]
    for name in keys_of(answers):
        assert not any(word in name.lower()
                       for word in ("password", "hash", "digest", "secret")), name


# --- API4: unrestricted resource consumption ----------------------------------------------------

@pytest.mark.parametrize("query", ["limit=1001", "limit=0", "limit=-1", "skip=-1", "limit=1e9",
                                   "limit=99999999999999999999"])
def test_page_size_is_limited(vera, query):
    contract.check_error(vera.client.get(f"/contacts?{query}"), 400, "VALIDATION_ERROR")


def test_request_body_above_limit_is_refused(vera):
    response = vera.send("contacts", notes="x" * 300 * 1024)
    contract.check_error(response, 413, "PAYLOAD_TOO_LARGE")


def test_deeply_nested_json_body_is_refused(vera):
    response = vera.client.post("/contacts", data="[" * 100_000,
                                headers={"Content-Type": "application/json"})
    assert response.status_code == 400, response.text


def test_bulk_delete_rejects_more_than_1000_names(vera):
    response = vera.client.post("/files/bulk-delete", json={"names": ["a.txt"] * 1001})
    contract.check_error(response, 400, "VALIDATION_ERROR")


def test_password_too_long_to_hash_is_refused(accounts):
    response = accounts.send(email=f"{tag()}@example.com", password="Kontora-2026 " * 10_000)
    contract.check_error(response, 400, "VALIDATION_ERROR")


# --- API5: broken function level authorization --------------------------------------------------

@pytest.mark.parametrize("method, path, body", [
    ("GET", "/accounts", None), ("POST", "/accounts", {"username": "m", "email": "m@example.com"}),
    ("GET", "/tokens", None), ("DELETE", "/tokens/1", None), ("GET", "/users", None),
    ("POST", "/users", {}), ("DELETE", "/users/Administrator", None), ("GET", "/groups", None),
    ("POST", "/groups/Domain%20Admins/members/mallory", None), ("POST", "/ous", {})])
def test_organization_owner_is_refused_administrator_calls(mallory, method, path, body):
    contract.check_error(mallory.client.request(method, path, json=body), 403, "FORBIDDEN")


@pytest.mark.parametrize("role, method, path, body", [
    ("VIEWER", "POST", "/contacts", {"name": "x"}),
    ("VIEWER", "POST", "/files/bulk-delete", {"names": ["a.txt"]}),
    ("SALES", "DELETE", "/contacts/1", None), ("SALES", "POST", "/contacts/1/restore", None),
    ("MANAGER", "PATCH", "/organizations/{organization}", {"name": "x"}),
    ("MANAGER", "POST", "/organizations/{organization}/members",
     {"email": "m@example.com", "role": "VIEWER"})])
def test_role_cannot_exceed_its_permissions(office, role, method, path, body):
    view = office[role]
    path = path.replace("{organization}", str(view.organization))
    contract.check_error(view.client.request(method, path, json=body, headers={
        "X-Organization-ID": str(view.organization)}), 403, "FORBIDDEN")


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_method_override_header_is_ignored(office, header):
    viewer, owner = office["VIEWER"], office["OWNER"]
    contact = owner.contact()
    response = viewer.get("contacts", contact["id"], headers={header: "DELETE"})
    assert check_ok("contacts", response) == contact


@pytest.mark.parametrize("header, value", [
    ("X-Original-URL", "/api/v1/accounts"), ("X-Rewrite-URL", "/api/v1/accounts"),
    ("X-Forwarded-For", "127.0.0.1"), ("X-Real-IP", "127.0.0.1"), ("X-Remote-User", "admin"),
    ("Kontora-Surface", "files"), ("Kontora_Surface", "files")])
def test_url_override_header_does_not_grant_administrator_calls(mallory, header, value):
    response = mallory.client.get("/accounts", headers={header: value})
    contract.check_error(response, 403, "FORBIDDEN")


# --- API6: unrestricted access to sensitive business flows --------------------------------------

def test_single_use_token_is_valid_for_one_of_concurrent_checks(sql_stack):
    tokens = Tokens(Client(sql_stack.https_url, sql_stack.ca_file))
    token = tokens.issue(max_uses=1)
    clients = [Tokens(Client(sql_stack.https_url, sql_stack.ca_file)) for _ in range(12)]
    barrier, results = threading.Barrier(len(clients)), []

    def use(own):
        barrier.wait()
        results.append(own.check(token))

    threads = [threading.Thread(target=use, args=(own,)) for own in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * (len(clients) - 1) + [True]


def test_deal_status_cannot_skip_in_progress(vera):
    deal = vera.deal(amount=10)
    contract.check_error(vera.move(deal["id"], "WON"), 409, "INVALID_TRANSITION")
    assert vera.read("deals", deal["id"])["status"] == "NEW"


# --- API7: server side request forgery ----------------------------------------------------------

def test_no_call_accepts_url_to_fetch():
    """A future call that accepts a URL must apply the address policy of outbound requests."""
    def formats(node):
        if isinstance(node, dict):
            yield node.get("format")
            for value in node.values():
                yield from formats(value)
        elif isinstance(node, list):
            for value in node:
                yield from formats(value)

    program = document.of_program()
    for method, path, operation in program.operations():
        body = program.resolve(operation.get("requestBody", {}))
        assert not {"uri", "url", "uri-reference"} & set(formats(body)), f"{method} {path}"


def test_file_name_with_url_is_stored_as_name(vera):
    made = upload(vera.client, name="http:..127.0.0.1.txt")
    info = vera.client.get(f"/files/{made['filename']}/info").json()
    assert info["metadata"]["original_name"] == "http:..127.0.0.1.txt"


# --- API8: security misconfiguration ------------------------------------------------------------

@pytest.mark.parametrize("path", ["/health", "/users", "/no/such/path", "/files/x.txt/content"])
def test_every_response_has_browser_security_headers(sql_stack, path):
    headers = Client(sql_stack.https_url, sql_stack.ca_file).get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "/" not in headers["Server"]


def test_browser_page_of_other_origin_cannot_read_responses(sql_stack, mallory):
    response = mallory.client.get("/auth/me", headers={"Origin": f"https://{EVIL_HOST}"})
    assert not [name for name in response.headers if name.lower().startswith("access-control-")]


def test_error_message_reveals_no_internal_details(vera):
    response = vera.client.get("/contacts?after=%27%20OR%201=1--")
    text = response.text.lower()
    assert response.status_code == 400
    assert not any(word in text for word in ("sql", "select", ".c:", "/usr", "postgres", "ldap"))


# --- API9: improper inventory management --------------------------------------------------------

OPEN_CALLS = {
    ("get", "/"), ("get", "/health"), ("get", "/health/ready"), ("get", "/health/storage"),
    ("get", "/metrics"), ("post", "/api/v1/auth/login"), ("post", "/api/v1/auth/refresh"),
    ("post", "/api/v1/auth/register"), ("post", "/app/token"), ("get", "/app/valid/{token}"),
    ("post", "/app/valid"), ("delete", "/app/clear/all/tokens"),
    ("get", "/api/v1/files/{name}/content")}


def test_every_call_except_documented_open_ones_requires_token(sql_anonymous, sql_stack):
    top = Client(sql_stack.https_url, sql_stack.ca_file)
    for method, path, _ in document.of_program().operations():
        if (method, path) in OPEN_CALLS:
            continue
        response = top.request(method.upper(), re.sub(r"\{[a-z_]+\}", "1", path))
        contract.check_error(response, 401, "UNAUTHORIZED")


@pytest.mark.parametrize("path", [
    "/api", "/api/v0/users", "/api/v2/users", "/admin", "/debug", "/.env", "/.git/config",
    "/server-status",
    "/nginx_status", "/actuator/env", "/api/v1", "/api/v1/debug", "/static/../nginx.conf",
    "/var/kontora.db",
    "/api/v1/test", "/graphql", "/swagger.json", "/openapi.yaml"])
def test_undocumented_paths_are_not_served(sql_stack, path):
    response = wire.exchange(sql_stack.https_url, sql_stack.ca_file,
                             wire.request("GET", path, [("Host", "localhost")]))
    assert response.status in (400, 404), response.status_line


# --- API10: unsafe consumption of APIs ----------------------------------------------------------

HOSTILE_VALUES = ['"><script>alert(1)</script>', "a\r\nSet-Cookie: x=1", "*)(objectClass=*",
                  "\\2a\\00",
                  "'; DROP TABLE accounts;--", "\u202eevil\u2066", "x" * 1024]


@pytest.mark.parametrize("value", HOSTILE_VALUES)
def test_hostile_directory_value_is_returned_unchanged(api, ldap_admin, ou, value):
    name = tag()
    ldap_admin.add(f"CN={name},{ou}", objectClass="user", sAMAccountName=name, description=value,
                   title="x")
    response = api.get(user_path(name))
    assert response.status_code == 200
    assert response.json()["description"] == value
    assert "Set-Cookie" not in response.headers


def test_search_text_is_escaped_in_ldap_filter(api, ldap_admin, ou):
    name = f"{tag()}*)(cn=*"
    account = tag()
    ldap_admin.add(f"{rdn(name)},{ou}", objectClass="user", sAMAccountName=account)
    found = api.get("/users", params={"search": name}).json()
    assert [item["sAMAccountName"] for item in found["items"]] == [account]


def test_directory_user_token_signed_by_attacker_is_refused(mallory):
    token = forge(mallory.client.token, secrets.token_bytes(32), sub="directory:" + "0" * 36,
                  administrator=True, exp=int(time.time()) + 3600)
    contract.check_error(mallory.client.bearing(token).get("/users"), 401, "INVALID_TOKEN")
