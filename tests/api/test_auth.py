"""Authentication: login, refresh, /auth/me, and forged or expired tokens."""

import base64
import json
import re
import time

import jwt
import pytest

from support import contract, vault
from support.accounts import RENEWED_KEYS, TOKENS_KEYS

WRONG = "not-the-password"


@pytest.fixture(scope="module")
def tokens(anonymous, stack):
    return anonymous.login(*stack.administrator)


@pytest.fixture(scope="module")
def claims(tokens):
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})


# --- login --------------------------------------------------------------------------------------

@pytest.mark.parametrize("field", ["username", "email"])
def test_login_returns_working_tokens(anonymous, stack, field):
    response = anonymous.post("/auth/login", json={field: stack.administrator[0],
                                                   "password": stack.administrator[1]})
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", 24 * 3600)
    assert anonymous.bearing(body["access_token"]).get("/users?limit=1").status_code == 200


def test_login_response_is_not_cached(anonymous, stack):
    response = anonymous.post("/auth/login", json={"username": stack.administrator[0],
                                                   "password": stack.administrator[1]})
    assert response.headers["Cache-Control"] == "no-store"


def test_wrong_password_and_unknown_user_get_identical_responses(anonymous, stack):
    answers = [anonymous.post("/auth/login", json={"username": name, "password": WRONG})
               for name in (stack.administrator[0], "nobody", "ADMIN ", "*", "администратор")]
    bodies = [{**answer.json(), "request_id": None} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    for answer in answers:
        contract.check_error(answer, 401, "INVALID_CREDENTIALS")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("password", ["{}x", "x{}", "{} ", "{}\t"])
def test_password_with_extra_character_is_rejected(anonymous, stack, password):
    body = {"username": stack.administrator[0], "password": password.format(stack.administrator[1])}
    contract.check_error(anonymous.post("/auth/login", json=body), 401, "INVALID_CREDENTIALS")


def test_password_is_case_sensitive(anonymous, stack):
    body = {"username": stack.administrator[0], "password": stack.administrator[1].swapcase()}
    contract.check_error(anonymous.post("/auth/login", json=body), 401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize("body, fields", [
    ({"password": "x"}, ["username"]),
    ({"username": "a", "email": "b", "password": "x"}, ["username"]),
    ({}, ["password"]),
    ({"username": "a"}, ["password"]),
    ({"username": "", "password": ""}, ["username", "password"]),
    ({"username": "a" * 257, "password": "b" * 257}, ["username", "password"]),
    ({"username": "a\0b", "password": "x\0y"}, ["username", "password"]),
    ({"username": "a", "password": "x", "remember": True}, ["remember"]),
])
def test_login_error_names_every_invalid_field(anonymous, body, fields):
    assert contract.check_error(anonymous.post("/auth/login", json=body), 400,
                                "VALIDATION_ERROR") == fields


def test_login_ignores_invalid_token(anonymous, stack):
    client = anonymous.bearing("an.old.token")
    assert client.login(*stack.administrator)["access_token"]


# --- tokens -------------------------------------------------------------------------------------

def test_access_token_has_exactly_documented_claims(claims):
    assert set(claims) == {"sub", "iat", "exp", "jti", "type", "sid"}
    assert claims["exp"] - claims["iat"] == 24 * 3600
    assert abs(claims["iat"] - time.time()) < 300


def test_refresh_token_is_opaque(tokens):
    assert re.fullmatch("[0-9a-f]{64}", tokens["refresh_token"])


def test_each_login_returns_new_tokens(anonymous, stack):
    one = anonymous.login(*stack.administrator)
    other = anonymous.login(*stack.administrator)
    assert len({one["access_token"], one["refresh_token"],
                other["access_token"], other["refresh_token"]}) == 4


def test_me_call_describes_caller(api, stack):
    response = api.get("/auth/me")
    assert response.status_code == 200
    me = response.json()
    assert set(me) == {"id", "username", "email", "name", "kind", "account_id", "organizations",
                       "default_organization_id", "email_verified", "permissions", "delegations"}
    assert (me["default_organization_id"], me["email_verified"]) == (None, False)
    assert me["account_id"] is None
    assert (me["username"], me["kind"]) == (stack.administrator[0], "local")
    assert me["organizations"] == []
    assert {"directory:read", "directory:write"} <= set(me["permissions"])


# --- refresh ------------------------------------------------------------------------------------

def assert_refreshed(client, response, keys):
    assert response.status_code == 200, response.text
    body = response.json()
    assert set(body) == keys
    assert client.bearing(body["access_token"]).get("/auth/me").status_code == 200


def test_refresh_token_returns_new_token_pair(anonymous, stack):
    token = anonymous.login(*stack.administrator)["refresh_token"]
    assert_refreshed(anonymous, anonymous.post("/auth/refresh", json={"refresh_token": token}),
                     TOKENS_KEYS)


def test_access_token_refreshes_session_by_request_without_body(anonymous, tokens):
    assert_refreshed(anonymous, anonymous.bearing(tokens["access_token"]).post("/auth/refresh"),
                     RENEWED_KEYS)


def test_access_token_refreshes_session_by_request_with_empty_object(anonymous, tokens):
    assert_refreshed(anonymous,
                     anonymous.bearing(tokens["access_token"]).post("/auth/refresh", json={}),
                     RENEWED_KEYS)


def test_refresh_without_token_is_unauthorized(anonymous):
    contract.check_error(anonymous.post("/auth/refresh"), 401, "UNAUTHORIZED")


def test_access_token_is_rejected_as_refresh_token(anonymous, tokens):
    response = anonymous.post("/auth/refresh", json={"refresh_token": tokens["access_token"]})
    contract.check_error(response, 401, "INVALID_TOKEN")


def test_refresh_token_is_rejected_as_access_token(anonymous, tokens):
    client = anonymous.bearing(tokens["refresh_token"])
    for response in (client.get("/auth/me"), client.get("/users"), client.post("/auth/refresh")):
        contract.check_error(response, 401, "INVALID_TOKEN")


def test_altered_or_foreign_refresh_token_is_rejected(anonymous, tokens):
    token = tokens["refresh_token"]
    garbled = token[:-1] + ("0" if token[-1] != "0" else "1")
    for token in (garbled, token.upper(), token[:-1], f"{token} ", "garbage", "a.b.c", "x" * 4096):
        contract.check_error(anonymous.post("/auth/refresh", json={"refresh_token": token}), 401,
                             "INVALID_TOKEN")


@pytest.mark.parametrize("body, fields", [
    ({"refresh_token": ""}, ["refresh_token"]),
    ({"refresh_token": None}, ["refresh_token"]),
    ({"refresh_token": "x" * 4097}, ["refresh_token"]),
    ({"token": "x"}, ["token"]),
])
def test_refresh_error_names_every_invalid_field(anonymous, body, fields):
    assert contract.check_error(anonymous.post("/auth/refresh", json=body), 400,
                                "VALIDATION_ERROR") == fields


# --- forged and expired tokens --------------------------------------------------------------------

def encode_part(value):
    octets = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def encode_token(header, claims, signature=""):
    return f"{encode_part(header)}.{encode_part(claims)}.{signature}"


def forgeries(claims, key):
    """Returns forged tokens by a description of their defect."""
    now = int(time.time())
    signature = jwt.encode(claims, key, "HS256").split(".")[2]
    without = {name: {k: v for k, v in claims.items() if k != name}
               for name in ("sub", "exp", "iat", "type")}
    return {
        "another key": jwt.encode(claims, "another-key-of-thirty-two-characters", "HS256"),
        "an empty key": jwt.encode(claims, "", "HS256"),
        "HS384": jwt.encode(claims, key, "HS384"),
        "HS512": jwt.encode(claims, key, "HS512"),
        "none": encode_token({"alg": "none", "typ": "JWT"}, claims),
        "None": encode_token({"alg": "None", "typ": "JWT"}, claims),
        "NONE": encode_token({"alg": "NONE", "typ": "JWT"}, claims),
        "none with a signature": encode_token({"alg": "none", "typ": "JWT"}, claims, signature),
        "no algorithm": encode_token({"typ": "JWT"}, claims, signature),
        "RS256 in name": encode_token({"alg": "RS256", "typ": "JWT"}, claims, signature),
        "no signature": encode_token({"alg": "HS256", "typ": "JWT"}, claims),
        "another subject": jwt.encode({**claims, "sub": "local:somebody"}, key, "HS256"),
        "a subject of another kind": jwt.encode({**claims, "sub": claims["sub"].split(":")[-1]},
                                                key, "HS256"),
        "an empty subject": jwt.encode({**claims, "sub": ""}, key, "HS256"),
        "no subject": jwt.encode(without["sub"], key, "HS256"),
        "no expiry": jwt.encode(without["exp"], key, "HS256"),
        "no issue time": jwt.encode(without["iat"], key, "HS256"),
        "no type": jwt.encode(without["type"], key, "HS256"),
        "another type": jwt.encode({**claims, "type": "admin"}, key, "HS256"),
        "claims that are a list": sign_claims([claims], key),
        "claims changed after signing": swap_claims(jwt.encode(claims, key, "HS256"),
                                                    {**claims, "exp": now + 10 ** 6}),
    }


def sign_claims(claims, key):
    """Signs claims of any JSON type; jwt.encode() rejects some types."""
    return jwt.PyJWS().encode(json.dumps(claims).encode(), key, "HS256")


def swap_claims(token, claims):
    header, _, signature = token.split(".")
    return f"{header}.{encode_part(claims)}.{signature}"


FORGERIES = sorted(forgeries({"sub": "local:x", "exp": 1, "iat": 1, "type": "access"}, "k" * 32))


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_access_tokens_are_refused(anonymous, stack, claims, name):
    token = forgeries(claims, stack.env["JWT_SECRET_KEY"])[name]
    vault.remember(token)
    for path in ("/auth/me", "/users"):
        contract.check_error(anonymous.bearing(token).get(path), 401, "INVALID_TOKEN")
    contract.check_error(anonymous.bearing(token).post("/auth/refresh"), 401, "INVALID_TOKEN")


def test_access_token_with_valid_signature_and_claims_is_accepted(anonymous, stack, claims):
    """Shows that the forgeries above fail because of their defect, not because of the claims."""
    token = jwt.encode(claims, stack.env["JWT_SECRET_KEY"], "HS256")
    assert anonymous.bearing(token).get("/auth/me").status_code == 200


@pytest.mark.parametrize("expiry", ["4102444800", None, {}, True, -1, 0])
def test_access_token_with_invalid_or_past_expiry_is_rejected(anonymous, stack, claims, expiry):
    token = sign_claims({**claims, "exp": expiry}, stack.env["JWT_SECRET_KEY"])
    assert anonymous.bearing(token).get("/auth/me").status_code == 401


@pytest.mark.parametrize("ago", [0, 1, 3600, 10 ** 9])
def test_expired_tokens_are_refused_with_token_expired_error(anonymous, stack, claims, ago):
    past = {**claims, "exp": int(time.time()) - ago}
    token = jwt.encode(past, stack.env["JWT_SECRET_KEY"], "HS256")
    for path in ("/auth/me", "/users"):
        contract.check_error(anonymous.bearing(token).get(path), 401, "TOKEN_EXPIRED")


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer garbage", "Bearer a.b.c",
                                    "Bearer ..", "Bearer " + "x" * 3000, "Basic YWRtaW46eA==",
                                    "Token x", "bearer", "Bearer \xff\xfe", "Bearer null"])
def test_malformed_authorization_header_is_rejected(anonymous, header):
    response = anonymous.get("/auth/me", headers={"Authorization": header.encode("latin-1")})
    assert response.status_code == 401
    assert response.json()["code"] in ("INVALID_TOKEN", "UNAUTHORIZED")


def test_bearer_scheme_is_case_insensitive(anonymous, tokens):
    for scheme in ("bearer", "BEARER", "Bearer"):
        response = anonymous.get("/auth/me",
                                 headers={"Authorization": f"{scheme} {tokens['access_token']}"})
        assert response.status_code == 200


def test_token_in_query_string_is_ignored(anonymous, tokens):
    response = anonymous.get("/auth/me", params={"access_token": "x"})
    contract.check_error(response, 401, "UNAUTHORIZED")
