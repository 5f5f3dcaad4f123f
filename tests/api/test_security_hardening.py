"""Attacks on the configuration, the logs and uploads, on both engines.

Mallory, the attacker, sends forged Host headers and uses common passwords; Vera types a secret
into a field for a name.
"""

from urllib.parse import urlsplit

import pytest

from support import contract, files, logs, vault, wire
from support.accounts import address
from support.logs import Audit
from support.waiting import wait_until

COMMON_PASSWORDS = ["aaaaaaaa", "12345678", "password1", "Passw0rd", "qwerty123", "password1234",
                    "Welcome2026!"]
PASSPHRASES = ["correct horse battery staple", "Kontora-2026"]

HOSTILE_HOSTS = ['evil.com"<script>', "evil.com/path", "evil.com'onload=x", "user@evil.com",
                 "evil.com:443:1", "evil.com:99999", "-evil.com", "[::1", "evil..com",
                 "evil.com%22"]


@pytest.fixture
def mallory(accounts):
    return accounts.register()


@pytest.fixture
def vera(accounts):
    return accounts.register()


# --- passwords ----------------------------------------------------------------------------------

def messages_for_field(response, field):
    return [detail["message"] for detail in response.json()["details"] if detail["field"] == field]


@pytest.mark.parametrize("password", COMMON_PASSWORDS)
def test_registration_rejects_common_password(accounts, sql_anonymous, password):
    email = address()
    response = accounts.send(email=email, password=password)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["password"]
    assert accounts.send(email=email, password=vault.password()).status_code == 201


@pytest.mark.parametrize("password", COMMON_PASSWORDS)
def test_password_change_rejects_common_password(vera, sql_anonymous, password):
    body = {"current_password": vera.password, "new_password": password}
    response = vera.client.post("/auth/change-password", json=body)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["new_password"]
    assert sql_anonymous.login(vera.email, vera.password)


@pytest.mark.parametrize("spell",
                         [str, str.upper, lambda name: name[::-1], lambda name: f"x-{name}-7"])
def test_password_containing_account_name_is_rejected(accounts, spell):
    email = address()
    response = accounts.send(email=email, password=spell(email.partition("@")[0]) + "7Qz")
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["password"]


@pytest.mark.parametrize("password", PASSPHRASES)
def test_registration_accepts_passphrase(accounts, password):
    assert accounts.send(email=address(), password=password).status_code == 201


@pytest.mark.parametrize("password, ru, en", [
    ("password1", "распростран", "common password"), ("aaaaaaaa", "слишком простой", "too simple"),
])
def test_refusal_of_weak_password_is_explained_in_both_languages(accounts, password, ru, en):
    for language, text in (("ru", ru), ("en", en)):
        response = accounts.anonymous.post("/auth/register", headers={"Accept-Language": language},
                                           json={"email": address(), "password": password})
        assert text in " ".join(messages_for_field(response, "password"))


# --- generated URLs -----------------------------------------------------------------------------

@pytest.mark.parametrize("host", HOSTILE_HOSTS)
def test_hostile_host_header_is_not_in_generated_urls(mallory, host):
    """Without an allowed host the response contains only a path; nginx refuses some of these
    hosts itself."""
    body, content_type = files.form(files.TEXT, "a.txt")
    client = mallory.client
    octets = wire.request("POST", "/api/v1/files/upload", [
        ("Host", host), ("Authorization", f"Bearer {client.token}"),
        ("Content-Type", content_type)], body)
    answer = wire.exchange(client.base_url, client.ca_file, octets)
    if answer.status in (400, 421):
        return
    assert answer.status == 201
    url = answer.json()["download_url"]
    assert url.startswith("/files/")
    assert "evil" not in url and "evil" not in str(answer.headers)


def test_absolute_request_target_overrides_host_header(mallory):
    """RFC 9112 3.2.2: an absolute target overrides Host, which is therefore not used in URLs."""
    client = mallory.client
    place = urlsplit(client.base_url)
    made = files.upload(client)["filename"]
    target = f"{place.scheme}://{place.netloc}/api/v1/files/{made}/download"
    answer = wire.exchange(client.base_url, client.ca_file, wire.request("GET", target, [
        ("Host", "evil.example"), ("Authorization", f"Bearer {client.token}")]))
    assert answer.status == 200, answer.octets
    assert answer.json()["download_url"].startswith("/files/")


@pytest.mark.parametrize("host", ["localhost", "localhost:8443", "127.0.0.1:80", "LOCALHOST"])
def test_generated_urls_start_with_allowed_host(vera, host):
    made = files.send(vera.client, headers={"Host": host})
    assert made.json()["download_url"].startswith(f"https://{host}/")
    location = made.headers.get("Location", "/")
    assert location.startswith("/") and not location.startswith("//")


# --- logs ---------------------------------------------------------------------------------------

ENUMS = [("POST", "/contacts", {"name": "x", "status": "{}"}),
         ("POST", "/deals", {"title": "x", "contact_id": 1, "amount": 1, "currency": "{}"}),
         ("POST", "/tasks", {"title": "x", "priority": "{}"}),
         ("POST", "/organizations/{organization}/members", {"email": "a@b.c", "role": "{}"}),
         ("PATCH", "/organizations/{organization}", {"currency": "{}"})]

BODIES = ["/contacts", "/deals", "/tasks", "/activities", "/users", "/groups", "/ous",
          "/containers",
          "/accounts", "/auth/login", "/auth/register", "/auth/change-password", "/auth/refresh",
          "/tokens/revoke"]

QUERIES = ["/contacts", "/deals", "/tasks", "/users", "/files", "/groups"]

# Headers that the service reads. (nginx logs Host and User-Agent: see nginx/log.conf.)
HEADERS = ["Idempotency-Key", "X-Organization-ID", "X-Allow-Duplicate", "If-Match", "If-None-Match",
           "Accept-Language", "Authorization", "Content-Type", "X-Unknown"]


def misplaced_secrets(client, organization, secret):
    """Yields requests with a secret in every place where a client could send an invalid value."""
    for path in BODIES:
        yield client.session.post, path, {"json": {secret: "x", f"{secret}.more": 1}}
        yield client.session.post, path, {"json": {"email": [secret], "username": {secret: 1},
                                                   "name": {secret: secret}, "title": [secret]}}
        yield client.session.post, path, {"json": [secret]}
        yield client.session.post, path, {"data": f"{{{secret}", "headers": {
            "Content-Type": "application/json"}}
    for method, path, body in ENUMS:
        yield (getattr(client.session, method.lower()), path.format(organization=organization),
               {"json": {name: value.format(secret) if isinstance(value, str) else value
                         for name, value in body.items()}})
    for path in QUERIES:
        for query in ({secret: "x"}, {"sort": secret}, {"limit": secret}, {"next": secret},
                      {"status": secret}, {"search": secret}):
            yield client.session.get, path, {"params": query}
    for name in HEADERS:
        for value in (secret, f"{secret} x", f'"{secret}"'):
            yield client.session.post, "/contacts", {"json": {secret: 1}, "headers": {name: value}}
    for identifier in (f"{secret} {secret}", f'"{secret}"', secret * 5):
        yield client.session.get, "/contacts", {"headers": {"X-Request-ID": identifier}}
    yield client.session.post, "/files/upload", {"files": {secret: ("a.txt", b"x")}}
    yield client.session.post, "/files/upload", {"files": {"file": (f"a.{secret}", b"x")}}
    yield client.session.post, "/files/upload", {"files": {"file": (f"{secret}.exe", b"x")}}


@pytest.mark.parametrize("administrator", [False, True])
def test_secret_sent_in_wrong_place_is_not_logged(sql_stack, sql_api, vera, administrator):
    secret = vault.password()
    client = sql_api if administrator else vera.client
    authorization = {"Authorization": f"Bearer {client.token}"}
    count = 0
    for send, path, arguments in misplaced_secrets(client, vera.organization, secret):
        headers = {**authorization, **arguments.pop("headers", {})}
        response = send(f"{client.base_url}{path}", headers=headers, timeout=30, **arguments)
        assert response.status_code < 500, (path, arguments, response.text)
        count += 1
    last = client.get("/auth/me").headers["X-Request-ID"].encode()
    for name in ("nginx-access.log", "kontora.log"):
        log = sql_stack.logs_dir / name
        wait_until(lambda log=log: last in log.read_bytes(), what=f"the last request in {log}")
    assert count > 100
    for path in logs.every_log_file(sql_stack.state_dir):
        assert secret.encode() not in path.read_bytes(), path


def test_audit_line_counts_unknown_fields_and_names_known_ones(vera, sql_stack):
    secret = vault.password()
    body = {secret: 1, f"{secret}2": 2, "name": 7}
    response = vera.client.post("/contacts", json=body)
    named = contract.check_error(response, 400, "VALIDATION_ERROR")
    # the client receives the names that it sent
    assert {secret, f"{secret}2", "name"} <= set(named)
    details = Audit(sql_stack.audit_log).one_of(response)["details"]
    assert details["unknown_fields"] == 2
    assert [detail["field"] for detail in details["details"]] == [
        name for name in named if not name.startswith(secret)]


def test_unknown_http_method_is_not_logged(sql_stack, sql_anonymous):
    octets = wire.request("SECRETMETHOD", "/api/v1/contacts")
    answer = wire.exchange(sql_anonymous.base_url, sql_anonymous.ca_file, octets)
    assert answer.status in (405, 501)
    last = sql_anonymous.get("/auth/me").headers["X-Request-ID"]
    logs.service_line(sql_stack, last)
    assert b"SECRETMETHOD" not in (sql_stack.logs_dir / "kontora.log").read_bytes()
