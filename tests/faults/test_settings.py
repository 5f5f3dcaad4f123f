"""Settings that are visible to clients: the administrator, token lifetimes, language, limits."""

import json

import jwt
import pytest

from support import contract, timing, vault
from support.database import Database

PASSWORD = f"{vault.MARK}-bcrypt-7A"
# bcrypt hash of PASSWORD with cost 10
HASH = "$2b$10$abcdefghijklmnopqrstuumeAz4kLj6x0.oVDNYuaoXL5QNhoBbFi"

SAMPLES = 12


def send_login(client, username, password):
    return client.post("/auth/login", json={"username": username, "password": password})


@pytest.fixture
def hashed_rig(make_rig):
    """Starts a stack whose administrator password is stored as a bcrypt hash."""
    vault.remember(PASSWORD, HASH)
    return make_rig(env={"LOCAL_AUTH_PASSWORD": HASH}, LOGIN_FREE_FAILURES=0)


def test_administrator_password_can_be_configured_as_bcrypt_hash(hashed_rig):
    client = hashed_rig.anonymous()
    assert send_login(client, "admin", PASSWORD).status_code == 200
    for wrong in (PASSWORD + "x", PASSWORD[:-1], HASH, HASH[:7]):
        contract.check_error(send_login(client, "admin", wrong), 401, "INVALID_CREDENTIALS")


def test_work_for_login_does_not_reveal_administrator_name(hashed_rig):
    client = hashed_rig.anonymous()

    def ask(username):
        contract.check_error(send_login(client, username, PASSWORD + "x"), 401,
                             "INVALID_CREDENTIALS")

    took = timing.processor_s(hashed_rig.service, SAMPLES, nobody=lambda: ask("nobody"),
                              admin=lambda: ask("admin"))
    assert 0.5 < took["nobody"] / took["admin"] < 2, took


def test_administrator_name_is_configurable(make_rig):
    rig = make_rig(env={"LOCAL_AUTH_USERNAME": "главный"})
    assert rig.api.get("/auth/me").json()["username"] == "главный"
    contract.check_error(send_login(rig.anonymous(), "admin", rig.stack.administrator[1]), 401,
                         "INVALID_CREDENTIALS")


def test_token_of_former_administrator_is_refused(make_rig):
    """The signature of the token is valid, but its subject no longer exists."""
    rig = make_rig()
    claims = jwt.decode(rig.api.token, options={"verify_signature": False})
    token = jwt.encode({**claims, "sub": "local:former"}, rig.stack.env["JWT_SECRET_KEY"], "HS256")
    contract.check_error(rig.anonymous().bearing(token).get("/auth/me"), 401, "INVALID_TOKEN")


def test_token_lifetimes_are_configurable(make_rig):
    rig = make_rig(JWT_EXPIRATION_HOURS=2, REFRESH_EXPIRATION_HOURS=5, SESSION_MAX_HOURS=7)
    tokens = rig.anonymous().login(*rig.stack.administrator)
    assert tokens["expires_in"] == 2 * 3600
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 2 * 3600
    lifetimes = Database(rig.stack).run(
        "SELECT t.expires_at - issued_at, s.expires_at - created_at"
        "  FROM refresh_tokens t, sessions s WHERE s.id = session_id")
    assert lifetimes == [(str(5 * 3600 * 1000), str(7 * 3600 * 1000))]


@pytest.mark.parametrize("method, path", [("GET", "/nowhere"), ("TRACE", "/health")])
def test_default_language_applies_to_client_without_language_preference(make_rig, method, path):
    site = make_rig(env={"DEFAULT_LANGUAGE": "en"}).anonymous("")
    for language, russian in ((None, False), ("de", False), ("ru", True)):
        headers = {"Accept-Language": language} if language else {}
        error = site.request(method, path, headers=headers).json()["error"]
        assert bool(contract.CYRILLIC.search(error)) == russian


def test_body_limit_is_configurable(make_rig):
    client = make_rig(MAX_JSON_KIB=1).anonymous()
    headers = {"Content-Type": "application/json"}
    fits, too_large = (json.dumps({"username": "x" * size}) for size in (900, 1024))
    contract.check_error(client.post("/auth/login", data=fits, headers=headers), 400,
                         "VALIDATION_ERROR")
    contract.check_error(client.post("/auth/login", data=too_large, headers=headers), 413,
                         "PAYLOAD_TOO_LARGE")


def test_service_name_is_configurable(make_rig):
    assert make_rig(APP_NAME="Контора № 1").anonymous("").get("/health").json() == {
        "status": "ok", "service": "Контора № 1"}
