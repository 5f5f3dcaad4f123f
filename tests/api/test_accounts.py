"""Accounts: registration, login, and the administrator's list of accounts, on both engines."""

import threading

import pytest

from support import contract, vault
from support.accounts import Accounts, address
from support.client import FilesClient
from support.people import tag

SHORTEST, LONGEST = 8, 72  # password bounds: characters, and the bytes that bcrypt uses

HOSTILE = ["'; DROP TABLE accounts; --", "\" OR 1=1 --", "a\\'b", "%", "_", "x'||'y", "$1", ":id",
           "<script>", "../../etc", "{\"a\":1}", "Иван Жуков", "名前", "😀", "a  b", "NULL", "1"]
NOT_ADDRESSES = ["", "a", "a@", "@b.c", "a b@c.d", "a@b@c", "a@.b", "a@b.", "<a@b.c>", "a@b\n.c",
                 "a\u200b@b.c", "a@b\u00a0.c", "\u212a@b.c", "a@b\0.c", "a@" + "b" * 253, 1,
                 True, None, [], {}]


def spellings(name):
    return [name.upper(), name.title(), name]


def taken_fields(response):
    return contract.check_error(response, 409, "ALREADY_EXISTS")


# --- registration ---------------------------------------------------------------------------------

def test_registration_creates_account_and_organization_and_logs_in(accounts, sql_anonymous):
    email, password = address(), vault.password()
    response = accounts.send(email=email, password=password, name="Анна",
                             organization_name="ООО «А»")
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    made = contract.check_registered(response.json())
    assert (made["user"]["email"], made["user"]["username"], made["user"]["name"]) == (
        email, email, "Анна")
    assert (made["organization"]["name"], made["organization"]["role"]) == ("ООО «А»", "OWNER")
    assert (made["token_type"], made["expires_in"]) == ("bearer", 24 * 3600)
    me = contract.check_me(sql_anonymous.bearing(made["access_token"]).get("/auth/me").json())
    assert me == {
        "id": f"account:{made['user']['id']}", "username": email, "email": email, "name": "Анна",
        "kind": "account", "account_id": made["user"]["id"],
        "organizations": [made["organization"]],
        "default_organization_id": made["organization"]["id"], "email_verified": True,
        "permissions": ["organization:read", "organization:create", "organization:update",
                        "organization:delete", "organization:manage"],
        "delegations": []}
    assert sql_anonymous.login(email, password)


@pytest.mark.parametrize("fields, organization", [
    ({}, None), ({"name": "Анна"}, "Анна"), ({"organization_name": "Рога"}, "Рога"),
    ({"name": "Анна", "organization_name": "Рога"}, "Рога"),
])
def test_account_name_defaults_to_email_and_organization_name_to_account_name(
        accounts, fields, organization):
    email = address()
    made = accounts.send(email=email, password=vault.password(), **fields).json()
    assert made["user"]["name"] == fields.get("name", email)
    assert made["organization"]["name"] == organization or email


@pytest.mark.parametrize("spell", [str, str.upper, str.title])
def test_registration_rejects_existing_email_in_any_case(accounts, spell):
    person = accounts.register(email=f"Жуков.{address()}")
    response = accounts.send(email=spell(person.email), password=vault.password())
    assert taken_fields(response) == ["email"]


def test_concurrent_registrations_create_one_account(accounts):
    """The other requests must not leave a partly created account."""
    email, statuses = address(), []
    threads = [threading.Thread(target=lambda: statuses.append(
        Accounts(accounts.anonymous.as_anonymous()).send(email=email, password=vault.password())
        .status_code)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201] + 5 * [409]


def test_refused_registration_stores_nothing(accounts, sql_database):
    person = accounts.register()
    counts = ("SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM organizations), "
              "(SELECT count(*) FROM members), (SELECT count(*) FROM sessions)")
    before = sql_database.run(counts)
    taken_fields(accounts.send(email=person.email, password=vault.password()))
    assert sql_database.run(counts) == before


@pytest.mark.parametrize("email", NOT_ADDRESSES)
def test_registration_rejects_invalid_email(accounts, email):
    response = accounts.send(email=email, password=vault.password())
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["email"]


@pytest.mark.parametrize("body, fields", [
    ({}, ["email", "password"]),
    ({"email": "a@b.c"}, ["password"]),
    ({"email": "a", "password": "1", "name": "", "organization_name": ""},
     ["email", "password", "name", "organization_name"]),
    ({"email": "a@b.c", "password": "12345678", "name": "x" * 201}, ["name"]),
    ({"email": "a@b.c", "password": "12345678", "name": "a\nb"}, ["name"]),
    ({"email": "a@b.c", "password": "12345678", "organization_name": "x" * 201},
     ["organization_name"]),
    ({"email": "a@b.c", "password": "12345678", "role": "OWNER", "id": 1}, ["role", "id"]),
    ({"email": "a@b.c", "password": 12345678}, ["password"]),
    ({"email": "a@b.c", "password": "1234567\0"}, ["password"]),
])
def test_registration_error_names_every_invalid_field(accounts, body, fields):
    assert sorted(contract.check_error(accounts.send(**body), 400,
                                       "VALIDATION_ERROR")) == sorted(fields)


@pytest.mark.parametrize("password", [
    "q7xGhk2p", "Geheim" + "x" * (LONGEST - 6), "Geheimqx" + "п" * ((LONGEST - 8) // 2),
    "Geheimqx" + "😀" * ((LONGEST - 8) // 4), "Geheim-qx 'q\" \\ ", " q7xGhk2p ",
])
def test_only_exact_password_of_allowed_length_logs_in(accounts, sql_anonymous, password):
    vault.remember(password)
    person = accounts.register(password=password)
    assert sql_anonymous.login(person.email, password)
    for other in (password + "x", password[:-1], password.swapcase()):
        response = sql_anonymous.post("/auth/login",
                                      json={"email": person.email, "password": other})
        contract.check_error(response, 401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize("password", [
    "Geheim7", "", "Geheim" + "x" * (LONGEST - 5), "Geheim" + "п" * ((LONGEST - 6) // 2) + "x",
    "Geheim" + "😀" * 17,
])
def test_too_short_or_too_long_password_is_rejected(accounts, password):
    """Rejects passwords longer than 72 bytes, because bcrypt ignores the rest, or shorter than 8
    characters."""
    response = accounts.send(email=address(), password=password)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["password"]


@pytest.mark.parametrize("name", HOSTILE)
def test_account_and_organization_names_are_stored_unchanged(accounts, name):
    person = accounts.register(name=name, organization_name=name)
    me = person.client.get("/auth/me").json()
    assert me["name"] == me["organizations"][0]["name"] == name


# --- login ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("field", ["username", "email"])
def test_login_ignores_case_of_email(accounts, sql_anonymous, field):
    person = accounts.register(email=f"Жуков.{address()}")
    for name in spellings(person.email):
        response = sql_anonymous.post("/auth/login",
                                      json={field: name, "password": person.password})
        assert response.status_code == 200
        me = sql_anonymous.bearing(response.json()["access_token"]).get("/auth/me").json()
        assert (me["account_id"], me["email"]) == (person.id, person.email)


def test_failed_account_logins_get_identical_responses(accounts, sql_anonymous, sql_stack, sql_api):
    """Tests a wrong password, an unknown name, an account without a password, and the local
    administrator."""
    person, silent = accounts.register(), tag()
    assert sql_api.post("/accounts", json={"username": silent,
                                           "email": address()}).status_code == 201
    answers = [sql_anonymous.post("/auth/login", json={"username": name, "password": "wrong"})
               for name in (person.email, address(), silent, tag(), sql_stack.administrator[0])]
    bodies = [{**answer.json(), "request_id": None} for answer in answers]
    for answer in answers:
        contract.check_error(answer, 401, "INVALID_CREDENTIALS")
    assert all(body == bodies[0] for body in bodies)


@pytest.mark.parametrize("name", ["' OR '1'='1", "%", "%@%", "_", "*", "a@b' --"])
def test_login_name_is_not_an_sql_pattern(accounts, sql_anonymous, name):
    person = accounts.register()
    response = sql_anonymous.post("/auth/login",
                                  json={"username": name, "password": person.password})
    contract.check_error(response, 401, "INVALID_CREDENTIALS")


def test_account_has_no_access_to_directory_or_accounts(accounts, sql_api):
    client = accounts.register().client
    for method, path in (("GET", "/users"), ("GET", "/groups"), ("POST", "/users"),
                         ("GET", "/accounts"), ("POST", "/accounts")):
        contract.check_error(client.request(method, path, json={} if method == "POST" else None),
                             403,
                             "FORBIDDEN")


def test_me_call_describes_local_administrator(sql_api, sql_stack):
    me = contract.check_me(sql_api.get("/auth/me").json())
    assert me == {"id": f"local:{sql_stack.administrator[0]}",
                  "username": sql_stack.administrator[0], "email": None,
                  "name": sql_stack.administrator[0], "kind": "local", "account_id": None,
                  "organizations": [], "default_organization_id": None, "email_verified": False,
                  "permissions": ["directory:read", "directory:write", "accounts", "tokens"],
                  "delegations": [{"id": None, "scope": sql_stack.env["LDAP_BASE_DN"],
                                   "rights": contract.RIGHTS, "fields": None}]}


# --- list of accounts -----------------------------------------------------------------------------

@pytest.fixture(params=["/api/v1", "surface 5000"])
def endpoint(request, sql_stack, sql_api):
    """Returns a client and the path of the accounts, on the main port and on the port for files."""
    if request.param == "/api/v1":
        return sql_api, "/accounts"
    return FilesClient(sql_stack.files_url, sql_stack.ca_file), "/users"


def create_account(endpoint, **fields):
    client, path = endpoint
    return client.post(path, json={"username": tag(), "email": address(), **fields})


def test_created_account_is_listed(endpoint):
    username, email = tag(), address()
    response = create_account(endpoint, username=username, email=email)
    assert response.status_code == 201
    made = contract.check_account(response.json())
    assert made == {"id": made["id"], "username": username, "email": email}
    assert response.headers["Location"].endswith(f"/accounts/{made['id']}")
    client, path = endpoint
    assert made in client.get(path).json()


def test_account_list_is_array_with_total_header(endpoint):
    client, path = endpoint
    made = [create_account(endpoint).json() for _ in range(3)]
    response = client.get(path)
    body = response.json()
    assert isinstance(body, list)
    assert [contract.check_account(account) for account in body[-3:]] == made
    assert int(response.headers["X-Total-Count"]) == len(body)
    assert [account["id"] for account in body] == sorted(account["id"] for account in body)


def test_skip_and_limit_select_part_of_account_list(endpoint):
    client, path = endpoint
    for _ in range(3):
        create_account(endpoint)
    whole = client.get(path).json()
    for skip in (0, 1, len(whole) - 1, len(whole), len(whole) + 1):
        for limit in (1, 2, 1000):
            response = client.get(f"{path}?skip={skip}&limit={limit}")
            assert response.json() == whole[skip:skip + limit]
            assert int(response.headers["X-Total-Count"]) == len(whole)


@pytest.mark.parametrize("query, fields", [
    ("limit=0", ["limit"]), ("limit=1001", ["limit"]), ("skip=-1", ["skip"]), ("skip=x", ["skip"]),
    ("search=a", ["search"]), ("limit=1&limit=2", ["limit"]),
    ("skip=99999999999999999999", ["skip"]),
])
def test_account_list_rejects_invalid_query(endpoint, query, fields):
    client, path = endpoint
    assert contract.check_error(client.get(f"{path}?{query}"), 400, "VALIDATION_ERROR") == fields


@pytest.mark.parametrize("spell", [str, str.upper, str.title])
def test_account_creation_rejects_existing_username_or_email_in_any_case(endpoint, spell):
    username, email = f"жуков{tag()}", f"Жуков.{address()}"
    assert create_account(endpoint, username=username, email=email).status_code == 201
    assert taken_fields(create_account(endpoint, username=spell(username))) == ["username"]
    assert taken_fields(create_account(endpoint, email=spell(email))) == ["email"]


def test_registered_and_created_accounts_cannot_have_same_email(accounts, sql_api):
    person = accounts.register()
    endpoint = sql_api, "/accounts"
    assert taken_fields(create_account(endpoint, email=person.email.upper())) == ["email"]
    made = create_account(endpoint).json()
    assert taken_fields(accounts.send(email=made["email"], password=vault.password())) == ["email"]


@pytest.mark.parametrize("name", HOSTILE)
def test_username_of_account_is_stored_unchanged(sql_api, name):
    name = f"{name} {tag()}"
    made = create_account((sql_api, "/accounts"), username=name).json()
    assert made["username"] == name
    assert made in sql_api.get("/accounts").json()


@pytest.mark.parametrize("name", ["", "a@b", "@", " ", "a\0", "a\nb", "a\x7f", "a\x85b",
                                  "a\u00a0a", "a\u200ba", "\ufeff", "\uff21",
                                  "x" * 151, 1, None, [], True])
def test_account_creation_rejects_invalid_username(endpoint, name):
    assert contract.check_error(create_account(endpoint, username=name), 400,
                                "VALIDATION_ERROR") == ["username"]


def test_longest_username_and_email_are_accepted(sql_api):
    start = tag()
    made = create_account((sql_api, "/accounts"), username=start + "ж" * (150 - len(start)),
                          email=f"{start}@{'b' * (254 - len(start) - 1)}")
    assert made.status_code == 201


@pytest.mark.parametrize("body, fields", [
    ({}, ["username", "email"]), ({"username": "x"}, ["email"]), ({"email": "a@b.c"}, ["username"]),
    ({"username": "x", "email": "a@b.c", "password": "12345678"}, ["password"]),
    ({"username": "x", "email": "a@b.c", "id": 7}, ["id"]),
    ({"username": "x", "email": "a"}, ["email"]),
])
def test_account_creation_error_names_every_invalid_field(endpoint, body, fields):
    client, path = endpoint
    response = client.post(path, json=body)
    assert sorted(contract.check_error(response, 400, "VALIDATION_ERROR")) == sorted(fields)


def test_accounts_call_on_main_port_requires_token(sql_anonymous):
    """Only the port for files (5000) accepts calls without a token, and only in development."""
    contract.check_error(sql_anonymous.get("/accounts"), 401, "UNAUTHORIZED")
    contract.check_error(sql_anonymous.post("/accounts", json={}), 401, "UNAUTHORIZED")


def test_files_port_serves_only_its_documented_paths(sql_stack):
    client = FilesClient(sql_stack.files_url, sql_stack.ca_file)
    for path in ("/organizations", "/auth/me", "/api/v1/accounts", "/users/1", "/accounts"):
        contract.check_error(client.get(path), 404, "NOT_FOUND")


def test_invalid_token_is_refused_on_path_that_requires_no_token(sql_stack):
    client = FilesClient(sql_stack.files_url, sql_stack.ca_file, "a.b.c")
    contract.check_error(client.get("/users"), 401, "INVALID_TOKEN")


def test_client_header_cannot_bypass_token_requirement_of_main_port(sql_anonymous):
    """Only nginx tells the service on which port a request arrived (KONTORA_SURFACE)."""
    for name in ("KONTORA_SURFACE", "Kontora-Surface", "HTTP_KONTORA_SURFACE"):
        contract.check_error(sql_anonymous.get("/accounts", headers={name: "files"}), 401,
                             "UNAUTHORIZED")
