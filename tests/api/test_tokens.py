"""Expiring tokens: the calls of the source document as printed there, and the further calls. On
both engines."""

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import contract, logs, metrics
from support.client import Client
from support.tokens import FORM, Tokens, described, exists, expire, refused_fields, status
from support.waiting import wait_until

MINUTE_MS = 60 * 1000
KEYS = {"id", "purpose", "max_uses", "uses", "created_at", "expires_at"}
CHECKS = "kontora_token_checks_total"

# Examples printed in the specification of the API; only the URL is replaced.
CURL = """
curl -X POST "http://localhost:8000/app/token" \\
  -H "Content-Type: application/json"
curl "http://localhost:8000/app/valid/754321:xyz9AbC2DeF3GhI4JkL"
curl -X DELETE "http://localhost:8000/app/clear/all/tokens"
"""
PYTHON = """
import requests

# Генерация токена сброса пароля
response = requests.post("http://localhost:8000/app/token")
reset_token = response.json()["token"]

# Позже, валидация токена
validation_response = requests.get(f"http://localhost:8000/app/valid/{reset_token}")
is_valid = validation_response.json()["status"]
print(is_valid)

# Создание временного API ключа
response = requests.post("http://localhost:8000/app/token")
api_key = response.json()["token"]

# Использование в API вызовах
headers = {"Authorization": f"Bearer {api_key}"}
api_response = requests.get("http://localhost:8000/health", headers=headers)
print(api_response.status_code)
"""


@pytest.fixture(scope="module")
def anonymous(sql_stack):
    """Returns a client without a token, on the port without TLS."""
    return Client(sql_stack.http_url, sql_stack.ca_file)


@pytest.fixture(scope="module")
def tokens(anonymous):
    return Tokens(anonymous)


@pytest.fixture(scope="module")
def member(accounts):
    """Returns a client with an account."""
    return accounts.register().client


# --- calls of the source document -----------------------------------------------------------------

def test_curl_commands_of_token_specification_work(sql_stack):
    script = CURL.replace("http://localhost:8000", sql_stack.http_url)
    done = subprocess.run(["bash", "-euc", script], check=True, capture_output=True, text=True)
    issued, checked, cleared = re.findall(r"\{[^}]*\}", done.stdout)
    assert re.fullmatch(r'\{"status_code":200,"token":"' + FORM.pattern + r'"\}', issued)
    assert checked == '{"status_code":200,"status":false}', (
        "the token was not issued by this service")
    assert cleared == '{"status_code":200,"status":true}'


def test_python_example_of_token_specification_works(sql_stack):
    program = PYTHON.replace("http://localhost:8000", sql_stack.http_url)
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True,
                          text=True)
    assert done.stdout.split() == ["True", "200"]


def test_token_can_be_checked_repeatedly(tokens):
    token = tokens.issue()
    assert [tokens.check(token), tokens.check_body(token), tokens.check(token)] == [True] * 3
    assert tokens.check(token.replace(":", "%3A")), "an encoded colon must be accepted"


def test_tokens_are_unique_and_random(tokens):
    made = {tokens.issue() for _ in range(200)}
    assert len({token[7:] for token in made}) == 200
    for place in range(7, 29):
        assert len({token[place] for token in made}) > 5, place


@pytest.mark.parametrize("token", [
    "x", "754321:xyz9AbC2DeF3GhI4JkL", "123456:" + "a" * 21, "123456:" + "a" * 23, "a" * 500,
    "12345a:" + "a" * 22, "1234567" + "a" * 22, "123456:" + "a" * 21 + "_", "%00", "%ff", "1/2",
    "123456:" + "ж" * 11, "123456:" + "a" * 22 + "%20", "'; DROP TABLE tokens; --"])
def test_check_of_malformed_token_returns_false_without_database_query(anonymous, tokens, token):
    before = metrics.values(anonymous)
    response = anonymous.get(f"/app/valid/{token}")
    if token in ("%00", "%ff"):
        contract.check_error(response, 400, "BAD_REQUEST")
    elif token == "1/2":
        contract.check_error(response, 404, "NOT_FOUND")
    else:
        assert not status(response)
        assert metrics.values(anonymous)[(CHECKS, "malformed")] == before[(CHECKS, "malformed")] + 1
    if "%" not in token:
        assert not tokens.check_body(token)


def test_check_of_unknown_token_returns_false(tokens):
    token = tokens.issue()
    for other in ("000000" + token[6:], token[:-1] + ("a" if token[-1] != "a" else "b"),
                  token.swapcase()):
        assert other == token or not tokens.check(other)


def test_token_is_issued_with_requested_lifetime(tokens, sql_api, sql_stack):
    for fields, minutes in (({}, 60), ({"ttl_minutes": 1}, 1), ({"ttl_minutes": 1440}, 1440)):
        facts = described(sql_api, tokens.issue(**fields))
        assert facts["active"] and facts["exp"] - facts["iat"] == minutes * 60
        assert abs(facts["iat"] - time.time()) < 30
    assert "TOKEN_TTL_MINUTES" not in sql_stack.env


def test_authenticated_caller_may_issue_token_for_one_year(anonymous, member, sql_api):
    token = Tokens(anonymous.bearing(member.token)).issue(ttl_minutes=525600)
    facts = described(sql_api, token)
    assert facts["exp"] - facts["iat"] == 525600 * 60
    for caller in (anonymous, anonymous.bearing("a.b.c"), anonymous.bearing(token)):
        response = caller.post("/app/token", json={"ttl_minutes": 1441})
        assert refused_fields(response) == {"ttl_minutes"}


def test_purpose_of_token_may_have_200_characters(tokens, sql_api):
    purpose = "ж" * 200
    assert described(sql_api, tokens.issue(purpose=purpose))["purpose"] == purpose


@pytest.mark.parametrize("fields, wrong", [
    ({"ttl_minutes": 0}, {"ttl_minutes"}), ({"ttl_minutes": 525601}, {"ttl_minutes"}),
    ({"ttl_minutes": "1"}, {"ttl_minutes"}), ({"max_uses": 0}, {"max_uses"}),
    ({"max_uses": 1.5, "purpose": ""}, {"max_uses", "purpose"}), ({"purpose": "a\nb"}, {"purpose"}),
    ({"purpose": "x" * 201, "token": "1"}, {"purpose", "token"})])
def test_invalid_token_request_is_rejected(anonymous, fields, wrong):
    assert refused_fields(anonymous.post("/app/token", json=fields)) == wrong


@pytest.mark.parametrize("token", ["", "x" * 100000, "123456:" + "a" * 22 + "\0", "\0", "ж\n"])
def test_any_unknown_string_is_reported_as_invalid_token(anonymous, tokens, member, token):
    """An unknown string is not valid, not active, and counts as revoked."""
    before = metrics.values(anonymous)[CHECKS, "malformed"]
    assert not tokens.check_body(token)
    assert metrics.values(anonymous)[CHECKS, "malformed"] == before + 1
    for form in ({"data": {"token": token}}, {"json": {"token": token}}):
        assert member.post("/tokens/introspect", **form).json() == {"active": False}
        assert status(member.post("/tokens/revoke", **form))


def test_token_check_with_invalid_body_is_rejected(anonymous):
    assert refused_fields(anonymous.post("/app/valid", json={})) == {"token"}
    for token in (1, None, ["x"]):
        assert refused_fields(anonymous.post("/app/valid", json={"token": token})) == {"token"}
    contract.check_error(anonymous.post("/app/valid", data="token=1"), 415,
                         "UNSUPPORTED_MEDIA_TYPE")
    contract.check_error(anonymous.get("/app/valid"), 405, "METHOD_NOT_ALLOWED")
    contract.check_error(anonymous.get("/app/token"), 405, "METHOD_NOT_ALLOWED")


# --- expiry -------------------------------------------------------------------------------------

def test_check_of_expired_token_returns_false_and_token_is_purged(tokens, sql_api, sql_database):
    token = tokens.issue()
    number = described(sql_api, token)["jti"]
    expire(sql_database, number)
    assert not tokens.check(token)
    assert described(sql_api, token) == {"active": False}
    wait_until(lambda: not exists(sql_database, number), what="the housekeeper to purge the token")
    assert not tokens.check(token)


def test_clear_call_deletes_only_expired_tokens(tokens, sql_api, sql_database):
    old, good = tokens.issue(), tokens.issue()
    old_number, good_number = (described(sql_api, token)["jti"] for token in (old, good))
    expire(sql_database, old_number)
    tokens.clear()
    assert not exists(sql_database, old_number) and exists(sql_database, good_number)
    assert tokens.check(good) and not tokens.check(old)


def test_clear_call_for_many_tokens_is_completed_in_background(tokens, anonymous, sql_database):
    def numbers(first, last):
        return (f"WITH RECURSIVE numbers(i) AS (SELECT {first} UNION ALL"
                f" SELECT i + 1 FROM numbers WHERE i < {last})")

    octets = "decode(lpad(to_hex(i), 32, '0'), 'hex')" if sql_database.bytes_literal(
        b"").startswith("'") else "CAST(printf('%016d', i) AS BLOB)"
    sql_database.run(numbers(1, 1700) + "INSERT INTO tokens (digest, uses, created_at, expires_at)"
                     f" SELECT {octets}, 0, 1, 2 FROM numbers RETURNING id")
    before = metrics.values(anonymous)[("kontora_purged_rows_total", "tokens")]
    tokens.clear()
    wait_until(lambda: sql_database.run("SELECT count(*) FROM tokens WHERE expires_at = 2") == [
        ("0",)], what="all expired tokens to be purged")
    assert metrics.values(anonymous)[("kontora_purged_rows_total", "tokens")] >= before + 1700


# --- uses ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("uses", [1, 3])
def test_token_is_valid_for_max_uses_checks(tokens, sql_api, uses):
    token = tokens.issue(max_uses=uses)
    for used in range(uses):
        assert described(sql_api, token)["uses"] == used, "introspection must not consume the token"
        assert tokens.check(token)
    assert not tokens.check(token) and not tokens.check_body(token)
    assert described(sql_api, token) == {"active": False}


def test_head_request_does_not_consume_single_use_token(tokens, anonymous, sql_api):
    """Link scanners in mail systems request links with HEAD first."""
    token = tokens.issue(max_uses=1)
    for _ in range(2):
        response = anonymous.request("HEAD", f"/app/valid/{token}")
        assert response.status_code == 200 and not response.content
    assert described(sql_api, token)["uses"] == 0
    assert tokens.check(token) and not tokens.check(token)


def test_link_to_confirmation_page_does_not_consume_token(tokens, anonymous, sql_api):
    """A mail scanner requests the link, without the fragment, by any method that reads."""
    token = tokens.issue(max_uses=1)
    for method in ("HEAD", "GET", "GET"):
        assert anonymous.request(method, f"/confirm#{token}").status_code == 200
    assert described(sql_api, token)["uses"] == 0
    assert tokens.check_body(token) and not tokens.check_body(token)


def test_single_use_token_is_valid_for_one_of_200_clients(tokens, sql_stack):
    token = tokens.issue(max_uses=1)

    def check(_):
        return Tokens(Client(sql_stack.http_url, sql_stack.ca_file)).check(token)

    with ThreadPoolExecutor(200) as pool:
        assert sorted(pool.map(check, range(200))) == [False] * 199 + [True]


def test_uses_of_token_without_use_limit_are_counted(tokens, sql_api):
    token, other = tokens.issue(), tokens.issue()
    for _ in range(7):
        assert tokens.check(token)
    assert tokens.check(other)
    wait_until(lambda: described(sql_api, token)["uses"] == 7, what="the uses to be counted")
    assert described(sql_api, other)["uses"] == 1


# --- secrets ------------------------------------------------------------------------------------

def test_database_contains_no_plain_token(tokens, sql_database):
    token = tokens.issue(purpose="reset")
    assert tokens.check(token)
    dump = sql_database.dump()
    for secret in (token, token[7:], token.encode().hex(), token[7:].encode().hex()):
        assert secret.lower() not in dump


def test_logs_contain_no_token(tokens, anonymous, sql_stack):
    """Covers tokens that a client sends to a wrong path."""
    token = tokens.issue()
    responses = [anonymous.get(path + token) for path in (
        "/app/valid/", "/app//valid/", "/app/valid/x/", "/nowhere/", "/app/token?token=")]
    last = responses[-1].headers["X-Request-ID"]
    access = sql_stack.logs_dir / "nginx-access.log"
    wait_until(lambda: last in access.read_text(encoding="utf-8"),
               what="the request in the access log")
    for path in logs.every_log_file(sql_stack.state_dir):
        assert token[7:].encode() not in path.read_bytes(), path


def test_idempotency_key_is_ignored_for_new_tokens(tokens, anonymous):
    """A stored response for an Idempotency-Key would contain the token."""
    key = {"Idempotency-Key": "same"}
    first, second = (anonymous.post("/app/token", headers=key).json()["token"] for _ in range(2))
    assert first != second and tokens.check(first) and tokens.check(second)


# --- authenticated calls --------------------------------------------------------------------------

def test_introspection_call_describes_token(tokens, member):
    token = tokens.issue(purpose="invitation", max_uses=2)
    facts = described(member, token)
    assert facts == {"active": True, "jti": facts["jti"], "iat": facts["iat"], "exp": facts["exp"],
                     "purpose": "invitation", "max_uses": 2, "uses": 0}
    assert member.post("/tokens/introspect", json={"token": token}).json() == facts
    assert set(described(member, tokens.issue())) == {"active", "jti", "iat", "exp", "uses"}
    for other in ("x", "123456:" + "a" * 22, ""):
        assert described(member, other) == {"active": False}


def test_idempotency_key_is_ignored_for_introspection(tokens, member):
    token, key = tokens.issue(), {"Idempotency-Key": "is-it-active"}

    def active():
        return member.post("/tokens/introspect", data={"token": token},
                           headers=key).json()["active"]

    assert active()
    assert status(member.post("/tokens/revoke", data={"token": token}))
    assert not active()


def test_form_encoded_body_is_validated_like_json_body(member):
    hint = {"token_type_hint": "access_token"}
    assert refused_fields(member.post("/tokens/introspect", data=hint)) == {"token"}
    response = member.post("/tokens/introspect", data={"token": "x", **hint})
    assert response.json() == {"active": False}
    assert refused_fields(member.post("/tokens/introspect", data={"token": "1", "x": "2"})) == {"x"}
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    response = member.post("/tokens/revoke", data=b"token=1&token=2", headers=form)
    assert refused_fields(response) == {"token"}
    response = member.post("/tokens/revoke", data=b"token=1&token_type_hint=%ff", headers=form)
    assert refused_fields(response) == {"token_type_hint"}
    for octets in (b"token=%ff", b"token=%00", b"token=%", b"token"):
        assert status(member.post("/tokens/revoke", data=octets, headers=form))
    contract.check_error(member.post("/tokens/revoke", data=b"token=1\0", headers=form), 400,
                         "BAD_REQUEST")
    contract.check_error(member.post("/tokens/revoke", data=b"token=1", headers={
        "Content-Type": "application/x-www-form-urlencodedx"}), 415, "UNSUPPORTED_MEDIA_TYPE")


def test_revoked_token_is_deleted(tokens, member, sql_database):
    token = tokens.issue()
    number = described(member, token)["jti"]
    for _ in range(2):  # revoking an unknown token succeeds
        assert status(member.post("/tokens/revoke", data={"token": token}))
        assert not tokens.check(token) and not exists(sql_database, number)
    for other in ("x", "123456:" + "a" * 22):
        assert status(member.post("/tokens/revoke", json={"token": other}))


def test_charset_parameter_of_form_content_type_is_ignored(tokens, member):
    """The media type has no charset parameter, so its value is ignored."""
    for charset in ("utf-16", '"utf-8"', ""):
        form = {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}
        octets = f"token={tokens.issue()}".encode()
        assert member.post("/tokens/introspect", data=octets, headers=form).json()["active"]
    for short in ("a", "application/x-www-form-urlencode", ""):
        contract.check_error(member.post("/tokens/revoke", data=b"token=1", headers={
            "Content-Type": short}), 415, "UNSUPPORTED_MEDIA_TYPE")


def test_revocation_is_audited_without_token(tokens, member, sql_stack):
    """The line contains the token's id, or no id if the token did not exist; never the token."""
    token = tokens.issue()
    number = described(member, token)["jti"]
    audit = logs.Audit(sql_stack.audit_log)
    for resource in (number, None):
        response = member.post("/tokens/revoke", data={"token": token})
        line = audit.one_of(response)
        assert (line["action"], line["resource_type"], line["resource_id"], line["status"]) == (
            "revoke_token", "token", resource, "success")
        assert line["actor"] == member.get("/auth/me").json()["username"]
        assert token[7:] not in str(line)


def test_clearing_of_tokens_is_audited_for_administrator_only(tokens, anonymous, member, sql_api,
                                                              sql_stack):
    audit = logs.Audit(sql_stack.audit_log)
    response = anonymous.bearing(sql_api.token).delete("/app/clear/all/tokens")
    line = audit.one_of(response)
    assert (line["actor"], line["action"], line["resource_type"], line["resource_id"]) == (
        sql_stack.administrator[0], "clear_tokens", "token", None)
    for other in (anonymous, anonymous.bearing(member.token), anonymous.bearing("a.b.c"),
                  anonymous.bearing(tokens.issue())):
        response = other.delete("/app/clear/all/tokens")
        assert status(response)
        audit.none_of(response)


def test_administrator_can_delete_token_by_id(tokens, sql_api, sql_stack):
    token, kept = tokens.issue(), tokens.issue()
    number = described(sql_api, token)["jti"]
    response = sql_api.delete(f"/tokens/{number}")
    assert response.status_code == 204
    line = logs.Audit(sql_stack.audit_log).one_of(response)
    assert (line["actor"], line["action"], line["resource_id"]) == (
        sql_stack.administrator[0], "delete_token", number)
    assert not tokens.check(token) and tokens.check(kept)
    for gone in (number, "0", "x", "999999999"):
        contract.check_error(sql_api.delete(f"/tokens/{gone}"), 404, "NOT_FOUND")


def test_token_ids_are_never_reused(tokens, sql_api):
    number = described(sql_api, tokens.issue())["jti"]
    assert sql_api.delete(f"/tokens/{number}").status_code == 204
    assert int(described(sql_api, tokens.issue())["jti"]) > int(number)


def test_token_list_describes_tokens_but_contains_no_secrets(tokens, sql_api):
    purpose = "list"
    made = [tokens.issue(purpose=purpose, ttl_minutes=minutes, max_uses=minutes)
            for minutes in (30, 10, 20)]
    page = sql_api.get("/tokens", params={"sort": "-id", "limit": 3}).json()
    assert [item["max_uses"] for item in page["items"]] == [20, 10, 30]
    assert page["total"] >= 3
    for item, token in zip(page["items"], reversed(made), strict=True):
        assert set(item) == KEYS and item["purpose"] == purpose and item["uses"] == 0
        assert str(item["id"]) == described(sql_api, token)["jti"]
    assert not any(token[7:] in str(page) for token in made)


@pytest.mark.parametrize("sort", ["id", "-id", "expires_at", "-expires_at", "expires_at,-id"])
def test_token_list_supports_sort_and_cursor(tokens, sql_api, sort):
    for minutes in (5, 3, 4):
        tokens.issue(ttl_minutes=minutes)
    whole = sql_api.get("/tokens", params={"sort": sort, "limit": 1000}).json()["items"]
    names = [name.strip("-") for name in sort.split(",")]
    for item, after in zip(whole, whole[1:], strict=False):
        values = [[each[name] for name in names] for each in (item, after)]
        assert (values[0][0] >= values[1][0]) if sort[0] == "-" else (values[0][0] <= values[1][0])
    walked, after = [], {}
    for _ in range(3):
        page = sql_api.get("/tokens", params={"sort": sort, "limit": 2, **after}).json()
        walked += page["items"]
        after = {"after": page["next"]}
    assert [item["id"] for item in walked] == [item["id"] for item in whole[:6]]
    assert refused_fields(sql_api.get("/tokens?sort=digest")) == {"sort"}


@pytest.mark.parametrize("method, path, body", [
    ("GET", "/tokens", None), ("DELETE", "/tokens/1", None),
    ("POST", "/tokens/introspect", {"token": "x"}), ("POST", "/tokens/revoke", {"token": "x"})])
def test_token_calls_require_permission(sql_anonymous, member, sql_api, method, path, body):
    contract.check_error(sql_anonymous.request(method, path, json=body), 401, "UNAUTHORIZED")
    contract.check_error(sql_anonymous.bearing("a.b.c").request(method, path, json=body), 401,
                         "INVALID_TOKEN")
    response = member.request(method, path, json=body)
    if body:
        assert response.status_code == 200
    else:
        contract.check_error(response, 403, "FORBIDDEN")
    assert sql_api.request(method, path, json=body).status_code in (200, 204, 404)


# --- counters -----------------------------------------------------------------------------------

def test_token_metrics_count_every_outcome(tokens, anonymous, sql_api, sql_database):
    before = metrics.values(anonymous)
    good, once, revoked, old = (tokens.issue(**fields) for fields in ({}, {"max_uses": 1}, {}, {}))
    expire(sql_database, described(sql_api, old)["jti"])
    for token in (good, once, once, "x", "123456:" + "a" * 22, old):
        tokens.check(token)
    assert status(sql_api.post("/tokens/revoke", data={"token": revoked}))
    after = metrics.values(anonymous)
    grown = {key: after[key] - before[key] for key in after
             if key[0].startswith("kontora_token")}
    assert grown == {("kontora_tokens_issued_total",): 4, ("kontora_tokens_revoked_total",): 1,
                     (CHECKS, "valid"): 2, (CHECKS, "used_up"): 1, (CHECKS, "malformed"): 1,
                     (CHECKS, "unknown"): 1, (CHECKS, "expired"): 1}


# --- nginx --------------------------------------------------------------------------------------

@pytest.mark.parametrize("method, path, pool", [
    ("POST", "/app/token", "core"), ("GET", "/app/valid/x", "core"), ("POST", "/app/valid", "core"),
    ("DELETE", "/app/clear/all/tokens", "core"), ("POST", "/api/v1/tokens/introspect", "core"),
    ("GET", "/api/v1/tokens?limit=1", "directory")])
def test_token_calls_are_served_by_documented_worker_pool(anonymous, sql_stack, method, path, pool):
    identifier = anonymous.request(method, path).headers["X-Request-ID"]
    access = sql_stack.logs_dir / "nginx-access.log"
    [line] = wait_until(lambda: [line for line in logs.lines(access)
                                 if line["request_id"] == identifier],
                        what="the request in the access log")
    assert line["pool"] == pool
