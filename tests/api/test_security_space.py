"""Attacks on storage space: Mallory, without an account or with a free one, must not use up the
space of others. tests/faults/test_space.py tests full disks."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support import contract, files, metrics
from support.client import Client
from support.tokens import Tokens, described, refused_fields

MINUTE_S = 60
UPLOADS = 8


@pytest.fixture(scope="module")
def mallory(sql_stack):
    """Returns the attacker's client without a token, with the main port of nginx as its base
    URL."""
    return Client(sql_stack.https_url, sql_stack.ca_file)


# --- tokens -------------------------------------------------------------------------------------

def test_token_issued_anonymously_is_valid_for_at_most_one_day(mallory, sql_api):
    for minutes in (1441, 525600):
        answer = mallory.post("/app/token", json={"ttl_minutes": minutes})
        assert refused_fields(answer) == {"ttl_minutes"} and "1440" in answer.text
    facts = described(sql_api, Tokens(mallory).issue(ttl_minutes=1440))
    assert facts["exp"] - facts["iat"] == 1440 * MINUTE_S


def test_token_request_with_too_long_purpose_is_refused_and_not_stored(mallory, sql_database):
    before = sql_database.run("SELECT count(*) FROM tokens WHERE purpose LIKE 'mallory%'")
    for length in (201, 10000):
        answer = mallory.post("/app/token", json={"purpose": "mallory".ljust(length, "x")})
        assert refused_fields(answer) == {"purpose"}
    assert sql_database.run(
        "SELECT count(*) FROM tokens WHERE purpose LIKE 'mallory%'") == before


def test_invalid_bearer_token_does_not_allow_longer_token_lifetime(mallory, accounts):
    vera = accounts.register()
    fields = {"ttl_minutes": 1441}
    assert Tokens(mallory.bearing(vera.client.token)).issue(**fields)
    assert vera.client.post("/auth/logout").status_code == 204
    for token in (vera.client.token, "a.b.c", Tokens(mallory).issue()):
        answer = mallory.bearing(token).post("/app/token", json=fields)
        assert refused_fields(answer) == {"ttl_minutes"}


# --- files --------------------------------------------------------------------------------------

def read_usage(database, scope):
    """Returns the usage counter of a scope, and the usage computed from its files."""
    [kept] = database.run(f"SELECT files, bytes FROM file_usage WHERE scope = '{scope}'")
    where = "" if scope == "all" else f" WHERE scope = '{scope}'"
    [counted] = database.run(f"SELECT count(*), coalesce(sum(size), 0) FROM files{where}")
    return kept, counted


def test_counted_file_usage_is_exact_after_concurrent_changes(accounts, sql_database):
    mallory, vera = accounts.register(), accounts.register()
    clients = [mallory.client, vera.client] * (UPLOADS // 2)
    with ThreadPoolExecutor(UPLOADS) as pool:
        made = list(pool.map(lambda client: files.upload(client)["filename"], clients))
    for person in (mallory, vera):
        kept, counted = read_usage(sql_database, f"organization:{person.organization}")
        assert kept == counted == (str(UPLOADS // 2), str(UPLOADS // 2 * len(files.TEXT)))
    kept, counted = read_usage(sql_database, "all")
    assert kept == counted
    with ThreadPoolExecutor(UPLOADS) as pool:
        gone = list(pool.map(lambda client, name: client.delete(f"/files/{name}").status_code,
                             clients, made))
    assert gone == [200] * UPLOADS
    kept, _ = read_usage(sql_database, f"organization:{mallory.organization}")
    assert kept == ("0", "0")
    kept, counted = read_usage(sql_database, "all")
    assert kept == counted


def test_concurrent_deletions_of_file_subtract_its_usage_once(accounts, sql_database):
    vera = accounts.register()
    name = files.upload(vera.client)["filename"]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: vera.client.delete(f"/files/{name}").status_code,
                                range(4)))
    assert sorted(answers) == [200, 404, 404, 404]
    kept, counted = read_usage(sql_database, f"organization:{vera.organization}")
    assert kept == counted == ("0", "0")


# --- disk space -----------------------------------------------------------------------------------

def test_readiness_and_metrics_report_disk_space(mallory):
    disk = contract.check_readiness(mallory.get("/health/ready"))["disk"]
    assert (disk["state"], disk["needed"]) == ("up", True) and disk["checked_at"]
    seen = metrics.values(mallory)
    assert seen["kontora_disk_free_bytes",] > seen["kontora_disk_reserve_bytes",] == 1024 ** 3
    assert seen["kontora_log_lines_dropped_total",] == 0
