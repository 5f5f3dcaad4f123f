"""After a change of BCRYPT_COST, logins replace the hashes of existing accounts."""

import pytest
from support import contract, vault
from support.accounts import Accounts

OLD, NEW = 5, 6


@pytest.fixture
def rig(make_sql_rig):
    return make_sql_rig(BCRYPT_COST=OLD)


def hash_of(rig, person):
    [[text]] = rig.database.run(f"SELECT password_hash FROM accounts WHERE id = {person.id}")
    return text


def cost_of(rig, person):
    return int(hash_of(rig, person).split("$")[2])


@pytest.mark.parametrize("new", [NEW, OLD - 1])
def test_login_replaces_password_hash_after_change_of_cost_setting(rig, new):
    """Sessions stay valid. Only a login with the correct password replaces the hash."""
    person = Accounts(rig.anonymous()).register()
    before = hash_of(rig, person)
    rig.set(BCRYPT_COST=new)
    rig.reload()
    login = {"email": person.email, "password": vault.password()}
    contract.check_error(rig.anonymous().post("/auth/login", json=login), 401,
                         "INVALID_CREDENTIALS")
    wrong = {"current_password": login["password"], "new_password": vault.password()}
    contract.check_error(person.client.post("/auth/change-password", json=wrong), 400,
                         "VALIDATION_ERROR")
    assert hash_of(rig, person) == before
    tokens = rig.anonymous().login(person.email, person.password)
    after = hash_of(rig, person)
    assert (cost_of(rig, person), after == before) == (new, False)
    for client in (person.client, rig.anonymous().bearing(tokens["access_token"])):
        assert client.get("/auth/me").status_code == 200
    rig.anonymous().login(person.email, person.password)
    assert hash_of(rig, person) == after


def test_highest_password_cost_is_read_from_database_index(rig):
    """Each login reads the highest cost, so the query must not scan all accounts."""
    query = ("SELECT substr(password_hash, 5, 2) FROM accounts"
             " WHERE substr(password_hash, 2, 1) = '2'"
             " ORDER BY substr(password_hash, 5, 2) DESC LIMIT 1")
    on_postgres = "DATABASE_URL" in rig.stack.env
    explain = ("SET enable_seqscan = off; SET enable_sort = off; EXPLAIN" if on_postgres
               else "EXPLAIN QUERY PLAN")
    plan = str(rig.database.run(f"{explain} {query}"))
    assert "accounts_by_password_cost" in plan
    assert "Sort" not in plan and "B-TREE" not in plan, plan
