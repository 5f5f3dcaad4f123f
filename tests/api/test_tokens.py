"""Tokens that expire: the source's calls as it prints them, and the further ones. On both engines."""

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

# As the source prints them, but for the address.
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
def anybody(sql_stack):
    """Without a token of their own, on the surface without TLS."""
    return Client(sql_stack.http_url, sql_stack.ca_file)


@pytest.fixture(scope="module")
def tokens(anybody):
    return Tokens(anybody)


@pytest.fixture(scope="module")
def member(accounts):
    """Somebody with an account."""
    return accounts.register().client


# --- the source's calls -------------------------------------------------------------------------

def test_the_source_s_commands_run_as_printed(sql_stack):
    script = CURL.replace("http://localhost:8000", sql_stack.http_url)
    done = subprocess.run(["bash", "-euc", script], check=True, capture_output=True, text=True)
    issued, checked, cleared = re.findall(r"\{[^}]*\}", done.stdout)
    assert re.fullmatch(r'\{"status_code":200,"token":"' + FORM.pattern + r'"\}', issued)
    assert checked == '{"status_code":200,"status":false}', "somebody else's token"
    assert cleared == '{"status_code":200,"status":true}'


def test_the_source_s_programs_run_as_printed(sql_stack):
    program = PYTHON.replace("http://localhost:8000", sql_stack.http_url)
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True,
                          text=True)
    assert done.stdout.split() == ["True", "200"]


def test_a_token_is_valid_again_and_again(tokens):
    token = tokens.issue()
    assert [tokens.check(token), tokens.check_body(token), tokens.check(token)] == [True] * 3
    assert tokens.check(token.replace(":", "%3A")), "a client may encode the colon"


def test_every_token_is_another_one(tokens):
    made = {tokens.issue() for _ in range(200)}
    assert len({token[7:] for token in made}) == 200
    for place in range(7, 29):
        assert len({token[place] for token in made}) > 5, place


@pytest.mark.parametrize("token", [
    "x", "754321:xyz9AbC2DeF3GhI4JkL", "123456:" + "a" * 21, "123456:" + "a" * 23, "a" * 500,
    "12345a:" + "a" * 22, "1234567" + "a" * 22, "123456:" + "a" * 21 + "_", "%00", "%ff", "1/2",
    "123456:" + "ж" * 11, "123456:" + "a" * 22 + "%20", "'; DROP TABLE tokens; --"])
def test_what_is_malformed_is_false_and_asks_nobody(anybody, tokens, token):
    before = metrics.values(anybody)
    response = anybody.get(f"/app/valid/{token}")
    if token in ("%00", "%ff"):
        contract.refused(response, 400, "BAD_REQUEST")
    elif token == "1/2":
        contract.refused(response, 404, "NOT_FOUND")
    else:
        assert not status(response)
        assert metrics.values(anybody)[(CHECKS, "malformed")] == before[(CHECKS, "malformed")] + 1
    if "%" not in token:
        assert not tokens.check_body(token)


def test_what_was_never_issued_is_false(tokens):
    token = tokens.issue()
    for other in ("000000" + token[6:], token[:-1] + ("a" if token[-1] != "a" else "b"),
                  token.swapcase()):
        assert other == token or not tokens.check(other)


def test_the_time_that_a_token_has(tokens, sql_api, sql_stack):
    for fields, minutes in (({}, 60), ({"ttl_minutes": 1}, 1), ({"ttl_minutes": 1440}, 1440)):
        facts = described(sql_api, tokens.issue(**fields))
        assert facts["active"] and facts["exp"] - facts["iat"] == minutes * 60
        assert abs(facts["iat"] - time.time()) < 30
    assert "TOKEN_TTL_MINUTES" not in sql_stack.env


def test_a_token_of_whoever_is_logged_in_may_live_for_a_year(anybody, member, sql_api):
    token = Tokens(anybody.bearing(member.token)).issue(ttl_minutes=525600)
    facts = described(sql_api, token)
    assert facts["exp"] - facts["iat"] == 525600 * 60
    for caller in (anybody, anybody.bearing("a.b.c"), anybody.bearing(token)):
        response = caller.post("/app/token", json={"ttl_minutes": 1441})
        assert refused_fields(response) == {"ttl_minutes"}


def test_a_purpose_has_at_most_200_characters(tokens, sql_api):
    purpose = "ж" * 200
    assert described(sql_api, tokens.issue(purpose=purpose))["purpose"] == purpose


@pytest.mark.parametrize("fields, wrong", [
    ({"ttl_minutes": 0}, {"ttl_minutes"}), ({"ttl_minutes": 525601}, {"ttl_minutes"}),
    ({"ttl_minutes": "1"}, {"ttl_minutes"}), ({"max_uses": 0}, {"max_uses"}),
    ({"max_uses": 1.5, "purpose": ""}, {"max_uses", "purpose"}), ({"purpose": "a\nb"}, {"purpose"}),
    ({"purpose": "x" * 201, "token": "1"}, {"purpose", "token"})])
def test_what_cannot_be_asked_for(anybody, fields, wrong):
    assert refused_fields(anybody.post("/app/token", json=fields)) == wrong


@pytest.mark.parametrize("token", ["", "x" * 100000, "123456:" + "a" * 22 + "\0", "\0", "ж\n"])
def test_no_string_is_refused(anybody, tokens, member, token):
    """It is no token: not valid, not active, and revoked already."""
    before = metrics.values(anybody)[CHECKS, "malformed"]
    assert not tokens.check_body(token)
    assert metrics.values(anybody)[CHECKS, "malformed"] == before + 1
    for form in ({"data": {"token": token}}, {"json": {"token": token}}):
        assert member.post("/tokens/introspect", **form).json() == {"active": False}
        assert status(member.post("/tokens/revoke", **form))


def test_bodies_of_checks(anybody):
    assert refused_fields(anybody.post("/app/valid", json={})) == {"token"}
    for token in (1, None, ["x"]):
        assert refused_fields(anybody.post("/app/valid", json={"token": token})) == {"token"}
    contract.refused(anybody.post("/app/valid", data="token=1"), 415, "UNSUPPORTED_MEDIA_TYPE")
    contract.refused(anybody.get("/app/valid"), 405, "METHOD_NOT_ALLOWED")
    contract.refused(anybody.get("/app/token"), 405, "METHOD_NOT_ALLOWED")


# --- expiry -------------------------------------------------------------------------------------

def test_an_expired_token_is_false_and_gone_soon(tokens, sql_api, sql_database):
    token = tokens.issue()
    number = described(sql_api, token)["jti"]
    expire(sql_database, number)
    assert not tokens.check(token)
    assert described(sql_api, token) == {"active": False}
    wait_until(lambda: not exists(sql_database, number), what="the purge")
    assert not tokens.check(token)


def test_clearing_deletes_the_expired_only(tokens, sql_api, sql_database):
    old, good = tokens.issue(), tokens.issue()
    old_number, good_number = (described(sql_api, token)["jti"] for token in (old, good))
    expire(sql_database, old_number)
    tokens.clear()
    assert not exists(sql_database, old_number) and exists(sql_database, good_number)
    assert tokens.check(good) and not tokens.check(old)


def test_more_than_one_call_clears_are_gone_soon(tokens, anybody, sql_database):
    def numbers(first, last):
        return (f"WITH RECURSIVE numbers(i) AS (SELECT {first} UNION ALL"
                f" SELECT i + 1 FROM numbers WHERE i < {last})")

    octets = "decode(lpad(to_hex(i), 32, '0'), 'hex')" if sql_database.bytes_literal(
        b"").startswith("'") else "CAST(printf('%016d', i) AS BLOB)"
    sql_database.run(numbers(1, 1700) + "INSERT INTO tokens (digest, uses, created_at, expires_at)"
                     f" SELECT {octets}, 0, 1, 2 FROM numbers RETURNING id")
    before = metrics.values(anybody)[("kontora_purged_rows_total", "tokens")]
    tokens.clear()
    wait_until(lambda: sql_database.run("SELECT count(*) FROM tokens WHERE expires_at = 2") == [
        ("0",)], what="the purge")
    assert metrics.values(anybody)[("kontora_purged_rows_total", "tokens")] >= before + 1700


# --- uses ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("uses", [1, 3])
def test_a_token_is_used_up(tokens, sql_api, uses):
    token = tokens.issue(max_uses=uses)
    for used in range(uses):
        assert described(sql_api, token)["uses"] == used, "introspection uses nothing"
        assert tokens.check(token)
    assert not tokens.check(token) and not tokens.check_body(token)
    assert described(sql_api, token) == {"active": False}


def test_a_look_by_head_uses_nothing(tokens, anybody, sql_api):
    """What follows links in mails looks at them first."""
    token = tokens.issue(max_uses=1)
    for _ in range(2):
        response = anybody.request("HEAD", f"/app/valid/{token}")
        assert response.status_code == 200 and not response.content
    assert described(sql_api, token)["uses"] == 0
    assert tokens.check(token) and not tokens.check(token)


def test_one_use_among_two_hundred_clients(tokens, sql_stack):
    token = tokens.issue(max_uses=1)

    def check(_):
        return Tokens(Client(sql_stack.http_url, sql_stack.ca_file)).check(token)

    with ThreadPoolExecutor(200) as pool:
        assert sorted(pool.map(check, range(200))) == [False] * 199 + [True]


def test_uses_without_a_limit_are_counted(tokens, sql_api):
    token, other = tokens.issue(), tokens.issue()
    for _ in range(7):
        assert tokens.check(token)
    assert tokens.check(other)
    wait_until(lambda: described(sql_api, token)["uses"] == 7, what="the uses")
    assert described(sql_api, other)["uses"] == 1


# --- secrets ------------------------------------------------------------------------------------

def test_the_database_has_no_token(tokens, sql_database):
    token = tokens.issue(purpose="reset")
    assert tokens.check(token)
    dump = sql_database.dump()
    for secret in (token, token[7:], token.encode().hex(), token[7:].encode().hex()):
        assert secret.lower() not in dump


def test_no_log_has_a_token(tokens, anybody, sql_stack):
    """Nor what a client sends by mistake where a token is not looked for."""
    token = tokens.issue()
    responses = [anybody.get(path + token) for path in (
        "/app/valid/", "/app//valid/", "/app/valid/x/", "/nowhere/", "/app/token?token=")]
    last = responses[-1].headers["X-Request-ID"]
    access = sql_stack.logs_dir / "nginx-access.log"
    wait_until(lambda: last in access.read_text(encoding="utf-8"), what="the access log")
    for path in logs.every_log_file(sql_stack.state_dir):
        assert token[7:].encode() not in path.read_bytes(), path


def test_a_repeated_issue_is_another_token(tokens, anybody):
    """What is kept for an Idempotency-Key would hold the token."""
    key = {"Idempotency-Key": "same"}
    first, second = (anybody.post("/app/token", headers=key).json()["token"] for _ in range(2))
    assert first != second and tokens.check(first) and tokens.check(second)


# --- those who are logged in --------------------------------------------------------------------

def test_introspection(tokens, member):
    token = tokens.issue(purpose="invitation", max_uses=2)
    facts = described(member, token)
    assert facts == {"active": True, "jti": facts["jti"], "iat": facts["iat"], "exp": facts["exp"],
                     "purpose": "invitation", "max_uses": 2, "uses": 0}
    assert member.post("/tokens/introspect", json={"token": token}).json() == facts
    assert set(described(member, tokens.issue())) == {"active", "jti", "iat", "exp", "uses"}
    for other in ("x", "123456:" + "a" * 22, ""):
        assert described(member, other) == {"active": False}


def test_introspection_is_not_repeated_from_memory(tokens, member):
    token, key = tokens.issue(), {"Idempotency-Key": "is-it-active"}

    def active():
        return member.post("/tokens/introspect", data={"token": token}, headers=key).json()["active"]

    assert active()
    assert status(member.post("/tokens/revoke", data={"token": token}))
    assert not active()


def test_forms_are_read_as_strictly_as_json(member):
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
    contract.refused(member.post("/tokens/revoke", data=b"token=1\0", headers=form), 400,
                     "BAD_REQUEST")
    contract.refused(member.post("/tokens/revoke", data=b"token=1", headers={
        "Content-Type": "application/x-www-form-urlencodedx"}), 415, "UNSUPPORTED_MEDIA_TYPE")


def test_revoking(tokens, member, sql_database):
    token = tokens.issue()
    number = described(member, token)["jti"]
    for _ in range(2):  # what is none is revoked already
        assert status(member.post("/tokens/revoke", data={"token": token}))
        assert not tokens.check(token) and not exists(sql_database, number)
    for other in ("x", "123456:" + "a" * 22):
        assert status(member.post("/tokens/revoke", json={"token": other}))


def test_a_form_has_no_charset(tokens, member):
    """The media type has no such parameter: it changes nothing."""
    for charset in ("utf-16", '"utf-8"', ""):
        form = {"Content-Type": f"application/x-www-form-urlencoded; charset={charset}"}
        octets = f"token={tokens.issue()}".encode()
        assert member.post("/tokens/introspect", data=octets, headers=form).json()["active"]
    for short in ("a", "application/x-www-form-urlencode", ""):
        contract.refused(member.post("/tokens/revoke", data=b"token=1", headers={
            "Content-Type": short}), 415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_revocation_is_audited(tokens, member, sql_stack):
    """By the id of the token, which it never names, and by nothing if there was none."""
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


def test_clearing_is_audited_if_the_administrator_does_it(tokens, anybody, member, sql_api,
                                                          sql_stack):
    audit = logs.Audit(sql_stack.audit_log)
    response = anybody.bearing(sql_api.token).delete("/app/clear/all/tokens")
    line = audit.one_of(response)
    assert (line["actor"], line["action"], line["resource_type"], line["resource_id"]) == (
        sql_stack.administrator[0], "clear_tokens", "token", None)
    for other in (anybody, anybody.bearing(member.token), anybody.bearing("a.b.c"),
                  anybody.bearing(tokens.issue())):
        response = other.delete("/app/clear/all/tokens")
        assert status(response)
        audit.none_of(response)


def test_deleting_by_id(tokens, sql_api, sql_stack):
    token, kept = tokens.issue(), tokens.issue()
    number = described(sql_api, token)["jti"]
    response = sql_api.delete(f"/tokens/{number}")
    assert response.status_code == 204
    line = logs.Audit(sql_stack.audit_log).one_of(response)
    assert (line["actor"], line["action"], line["resource_id"]) == (
        sql_stack.administrator[0], "delete_token", number)
    assert not tokens.check(token) and tokens.check(kept)
    for gone in (number, "0", "x", "999999999"):
        contract.refused(sql_api.delete(f"/tokens/{gone}"), 404, "NOT_FOUND")


def test_an_id_is_never_given_twice(tokens, sql_api):
    number = described(sql_api, tokens.issue())["jti"]
    assert sql_api.delete(f"/tokens/{number}").status_code == 204
    assert int(described(sql_api, tokens.issue())["jti"]) > int(number)


def test_the_list(tokens, sql_api):
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
def test_the_list_page_by_page(tokens, sql_api, sort):
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
def test_who_may(sql_nobody, member, sql_api, method, path, body):
    contract.refused(sql_nobody.request(method, path, json=body), 401, "UNAUTHORIZED")
    contract.refused(sql_nobody.bearing("a.b.c").request(method, path, json=body), 401,
                     "INVALID_TOKEN")
    response = member.request(method, path, json=body)
    if body:
        assert response.status_code == 200
    else:
        contract.refused(response, 403, "FORBIDDEN")
    assert sql_api.request(method, path, json=body).status_code in (200, 204, 404)


# --- counters -----------------------------------------------------------------------------------

def test_counters(tokens, anybody, sql_api, sql_database):
    before = metrics.values(anybody)
    good, once, revoked, old = (tokens.issue(**fields) for fields in ({}, {"max_uses": 1}, {}, {}))
    expire(sql_database, described(sql_api, old)["jti"])
    for token in (good, once, once, "x", "123456:" + "a" * 22, old):
        tokens.check(token)
    assert status(sql_api.post("/tokens/revoke", data={"token": revoked}))
    after = metrics.values(anybody)
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
def test_where_calls_are_served(anybody, sql_stack, method, path, pool):
    identifier = anybody.request(method, path).headers["X-Request-ID"]
    access = sql_stack.logs_dir / "nginx-access.log"
    [line] = wait_until(lambda: [line for line in logs.lines(access)
                                 if line["request_id"] == identifier], what="the access log")
    assert line["pool"] == pool
