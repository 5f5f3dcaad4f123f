"""Login of directory users with their own password, and their rights in the directory."""

import time

import jwt
import ldap
import pytest
from stack.directory import LOCKOUT_THRESHOLD, LOGIN_SETTINGS

from support import contract, vault
from support.client import user_path
from support.logs import only_line
from support.accounts import Accounts
from support.people import tag
from support.ldap_admin import rdn

GLOBAL_SECURITY_GROUP = "-2147483646"
PAST = "132000000000000000"  # FILETIME of a day in 2019
PRIMARY_GROUP_USERS = "513"
TIMING_ROUNDS = 8
GRANULARITY_S = 0.1  # granularity of the response times of failed logins

# {} is the account name. The domain is kontora.test, its NetBIOS name KONTORA.
BOUND_FORMS = ["{}@kontora.test", "{}@Kontora.TEST", "{}@KONTORA", "{}@kontora",
               "KONTORA\\{}", "kontora\\{}", "{}@kontora.test ", " {}@kontora.test",
               "{} @kontora.test", "{}@ kontora.test", " KONTORA\\{}", "KONTORA \\{}",
               "KONTORA\\ {}", "KONTORA\\{} "]
PASTED_FORMS = ["{}\u00a0", "\ufeff{}", "{}\u200b", "\t{}\r\n", "\u00ad{}", "\u200e{}\u200f",
                "\u3000{}", "\u2066{}@kontora.test\u2069", "{}\u00a0@\u00a0kontora.test",
                "KONTORA\u00a0\\\u200b{}"]
UNBOUND_FORMS = ["KONTORA/{}", "kontora.test/{}", "OTHER\\{}", "OTHER@KONTORA\\{}", "{}@other.test",
                 "{}@x.kontora.test", "{}@test", "{}@kontora.test.", "{}@kontora.test@kontora.test",
                 "KONTORA\\{}@kontora.test", "KONTORA\\\\{}", "KONTORA\\kontora.test\\{}",
                 "\\{}", ".\\{}", "\\\\KONTORA\\{}", "{}\\KONTORA", "{}\\", "{}@", "@{}",
                 "{}@kontora\u00adtest", "KONT ORA\\{}", "\u200b", "\u200b\\\u200b",
                 "\u200b@\u200b",
                 "KONTORA\\\u200b", "\u200b@kontora.test"]


def send_login(client, username, password):
    return client.post("/auth/login", json={"username": username, "password": password})


def log_in(client, user, name=None):
    """Logs in and returns the user's client."""
    tokens = client.login(name or user["sAMAccountName"], user["password"])
    return client.bearing(tokens["access_token"])


def change_title(client, user):
    return client.patch(user_path(user["sAMAccountName"]), json={"title": tag()})


@pytest.fixture
def user(people):
    return people.create()


@pytest.fixture(scope="module")
def admin_group(ldap_admin):
    return f"{rdn(LOGIN_SETTINGS['LDAP_ADMIN_GROUP'])},OU=Groups,{ldap_admin.base_dn}"


@pytest.fixture
def group(ldap_admin, ou):
    """Returns a function that creates a security group with members."""
    def make(*members):
        name = tag()
        dn = ldap_admin.add(f"{rdn(name)},{ou}", objectClass="group", sAMAccountName=name,
                            groupType=GLOBAL_SECURITY_GROUP)
        for member in members:
            ldap_admin.add_member(dn, member)
        return dn
    return make


# --- names and passwords --------------------------------------------------------------------------

@pytest.mark.parametrize("spell", [str, str.upper, str.title])
def test_login_by_account_name_ignores_case(anonymous, user, spell):
    me = log_in(anonymous, user, spell(user["sAMAccountName"])).get("/auth/me").json()
    assert me["username"] == user["sAMAccountName"]


@pytest.mark.parametrize("field", ["username", "email"])
def test_login_by_user_principal_name_ignores_case(anonymous, people, field):
    name = f"{tag()}@kontora.test"
    user = people.create(userPrincipalName=name)
    for spelling in (name, name.upper()):
        response = anonymous.post("/auth/login",
                                  json={field: spelling, "password": user["password"]})
        assert response.status_code == 200


def assert_logs_in(anonymous, audit, user, name):
    """Checks that the session and the audit line have the account name, in whatever form the user
    wrote it."""
    response = send_login(anonymous, name, user["password"])
    assert response.status_code == 200, (name, response.text)
    assert audit.one_of(response)["actor"] == user["sAMAccountName"]
    me = anonymous.bearing(response.json()["access_token"]).get("/auth/me").json()
    assert (me["id"], me["username"]) == (f"directory:{user['objectGUID']}",
                                          user["sAMAccountName"])


@pytest.mark.parametrize("stem", ["user", "пётр", "a.b c"])
def test_name_that_the_controller_binds_can_log_in(anonymous, people, ldap_admin, audit, stem):
    user = people.create(sAMAccountName=f"{stem}-{tag()[:6]}")
    for number, form in enumerate(BOUND_FORMS):
        account = user["sAMAccountName"]
        name = form.format(account.upper() if number % 2 else account)
        assert ldap_admin.binds(name, user["password"]), name
        assert_logs_in(anonymous, audit, user, name)


def test_name_with_invisible_characters_around_it_can_log_in(anonymous, people, audit):
    user = people.create(userPrincipalName=f"{tag()}@elsewhere.example")
    for form in PASTED_FORMS:
        assert_logs_in(anonymous, audit, user, form.format(user["sAMAccountName"]))
    assert_logs_in(anonymous, audit, user, f"\ufeff{user['userPrincipalName']}\u00a0")


def test_name_that_the_controller_refuses_cannot_log_in(anonymous, user, ldap_admin):
    log_in(anonymous, user)  # a known source may fail more often
    for form in UNBOUND_FORMS:
        name = form.format(user["sAMAccountName"])
        assert not ldap_admin.binds(name, user["password"]), name
        response = send_login(anonymous, name, user["password"])
        contract.check_error(response, 401, "INVALID_CREDENTIALS")


def test_explicit_principal_name_precedes_implicit_one(anonymous, people, ldap_admin, audit):
    """Samba refuses a userPrincipalName that is another user's account name and the DNS name of the
    domain, but not one with its NetBIOS name."""
    vera, boris = people.create(), people.create()
    name = f"{vera['sAMAccountName']}@KONTORA"
    ldap_admin.set(boris["dn"], "userPrincipalName", name)
    assert_logs_in(anonymous, audit, boris, name)
    contract.check_error(send_login(anonymous, name, vera["password"]), 401, "INVALID_CREDENTIALS")
    assert_logs_in(anonymous, audit, vera, f"{vera['sAMAccountName']}@kontora.test")
    assert_logs_in(anonymous, audit, vera, f"KONTORA\\{vera['sAMAccountName']}")


def test_directory_user_precedes_account_with_the_same_name(anonymous, people, audit):
    """The account was registered before the user was created."""
    name = f"{tag()}@kontora.test"
    account = Accounts(anonymous).register(email=name)
    assert send_login(anonymous, f"\u00a0{name}", account.password).status_code == 200
    user = people.create(sAMAccountName=name.split("@")[0])
    contract.check_error(send_login(anonymous, name, account.password), 401, "INVALID_CREDENTIALS")
    assert_logs_in(anonymous, audit, user, name)


def test_local_administrator_can_log_in_with_blanks_around_the_name(anonymous, stack):
    name, password = stack.administrator
    assert send_login(anonymous, f" {name}\u200b", password).status_code == 200
    contract.check_error(send_login(anonymous, f"KONTORA\\{name}", password), 401,
                         "INVALID_CREDENTIALS")


@pytest.mark.parametrize("cn, account", [
    ("Фёдор Достоевский", "фёдор"), ("O'Brien, K. (x) *", "o'brien"), ('a\\b "c" <d>', "x#y"),
    ("#leading", "f(o)o"), ("x+y=z;w", "per%cent&"), ("a?b/c", "{brace}"), ("Müller ß", "müllerß"),
])
def test_directory_user_with_special_characters_in_name_can_log_in(anonymous, people, cn, account):
    account = f"{account}-{tag()[:6]}"
    user = people.create(cn=f"{cn} {tag()}", sAMAccountName=account)
    assert log_in(anonymous, user).get("/auth/me").json()["username"] == account


@pytest.mark.parametrize("password", [
    'Geheim "quoted" 7', "Geheim-ÄÖÜß-7", "Geheim-пароль-7", "Geheim'\\;$(x)`7 ", "Geheim-😀-7",
])
def test_directory_user_with_special_characters_in_password_can_log_in(anonymous, people, password):
    vault.remember(password)
    user = people.create(password=password)
    assert log_in(anonymous, user).get("/auth/me").status_code == 200
    contract.check_error(send_login(anonymous, user["sAMAccountName"], password + "x"), 401,
                         "INVALID_CREDENTIALS")


@pytest.mark.parametrize("name", ["*", "{}*", "*{}", "{})(objectClass=*", "{})(|(cn=*", "\\2a", "(",
                                  "CN={}", "OTHER\\{}", "\\{}", "KONTORA\\", "{}@other.test",
                                  "@", "{}@", "\n", "krbtgt", "DC1$"])
def test_login_name_is_not_interpreted_as_ldap_filter(anonymous, user, name):
    name = name.format(user["sAMAccountName"])
    contract.check_error(send_login(anonymous, name, user["password"]), 401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize("name", ["", "someone"])
def test_directory_login_with_empty_password_is_rejected(anonymous, user, name):
    fields = contract.check_error(send_login(anonymous, name and user["sAMAccountName"], ""), 400,
                                  "VALIDATION_ERROR")
    assert "password" in fields


def test_failed_directory_login_does_not_affect_other_directory_calls(anonymous, user):
    """After a failed bind the connection is anonymous and may not search (RFC 4511 4.2.1)."""
    log_in(anonymous, user)  # a successful login gives this source address more attempts
    for _ in range(3):
        for _ in range(2):  # two attempts, to reach most workers
            contract.check_error(send_login(anonymous, user["sAMAccountName"], "wrong"), 401,
                                 "INVALID_CREDENTIALS")
        assert log_in(anonymous, user).get("/users?limit=1").status_code == 200


def test_computer_account_cannot_log_in(anonymous, ldap_admin, ou):
    name, password = tag(), vault.password()
    ldap_admin.add(f"{rdn(name)},{ou}", objectClass="computer", sAMAccountName=f"{name}$",
                   userAccountControl="4096", unicodePwd=f'"{password}"'.encode("utf-16-le"))
    contract.check_error(send_login(anonymous, f"{name}$", password), 401, "INVALID_CREDENTIALS")


# --- refused logins -------------------------------------------------------------------------------

def lock_user(anonymous, people, ldap_admin, user):
    for _ in range(LOCKOUT_THRESHOLD):
        ldap_admin.bind_failure(user["dn"], "wrong")


def disable_user(anonymous, people, ldap_admin, user):
    people.change(user["sAMAccountName"], enabled=False)


def expire_account(anonymous, people, ldap_admin, user):
    ldap_admin.set(user["dn"], "accountExpires", PAST)


def require_password_change(anonymous, people, ldap_admin, user):
    people.change(user["sAMAccountName"], must_change_password=True)


def delete_user(anonymous, people, ldap_admin, user):
    ldap_admin.delete(user["dn"])


OBSTACLES = [(lock_user, "locked"), (disable_user, "disabled"), (expire_account, "expired"),
             (require_password_change, "must be changed"), (delete_user, "no such user")]


def test_all_failed_directory_logins_get_identical_responses(anonymous, people, ldap_admin, audit,
                                                             stack):
    responses = []
    for obstacle, reason in OBSTACLES:
        user = people.create()
        obstacle(anonymous, people, ldap_admin, user)
        response = send_login(anonymous, user["sAMAccountName"], user["password"])
        responses.append((response, user["sAMAccountName"], reason))
    user = people.create()
    responses += [
        (send_login(anonymous, user["sAMAccountName"], "wrong"), user["sAMAccountName"],
         "wrong password"),
        (send_login(anonymous, "nobody-at-all", "wrong"), "nobody-at-all", "no such user"),
        (send_login(anonymous, stack.administrator[0], "wrong"), stack.administrator[0], None),
    ]
    bodies, headers = [], []
    for response, name, reason in responses:
        contract.check_error(response, 401, "INVALID_CREDENTIALS")
        bodies.append({**response.json(), "request_id": None})
        headers.append({key: value for key, value in response.headers.items()
                        if key not in ("X-Request-ID", "Date")})
        line = audit.one_of(response)
        assert (line["actor"], line["status"]) == (None, "failure")
        known = reason != "no such user"
        assert (line["resource_id"] == name) is known
        assert known or line["resource_id"].startswith("(unknown name ")
        assert (reason or "") in line["details"].get("reason", "")
        assert reason is None or reason not in response.text
    assert all(body == bodies[0] for body in bodies)
    assert all(header == headers[0] for header in headers)


def test_failed_directory_login_is_logged_with_reason_but_without_name(anonymous, user, stack):
    response = send_login(anonymous, user["sAMAccountName"], vault.password())
    line = only_line(stack.logs_dir / "kontora.log", response.headers["X-Request-ID"].encode(),
                     b"wrong password")
    assert user["sAMAccountName"] not in str(line)


def test_duration_of_failed_login_does_not_reveal_existing_users(anonymous, people, stack):
    """Samba records a wrong password but not an unknown name, so the former takes ten times as
    long. The service therefore rounds the duration of refusals up to a tenth of a second."""
    users = [people.create()["sAMAccountName"] for _ in range(3)]
    disabled = people.create(enabled=False)["sAMAccountName"]

    def seconds(name):
        started = time.perf_counter()
        contract.check_error(send_login(anonymous, name, "wrong"), 401, "INVALID_CREDENTIALS")
        return time.perf_counter() - started

    def fastest(names):
        return min(seconds(name) for name in names * 3)

    known = fastest(users)
    assert known >= GRANULARITY_S
    for names in ([tag(), tag(), tag()], [disabled] * 3, [stack.administrator[0]] * 3):
        other = fastest(names)
        for _ in range(TIMING_ROUNDS):  # load makes single logins slower, but not all of them
            if abs(known - other) < GRANULARITY_S / 3:
                break
            known, other = min(known, fastest(users)), min(other, fastest(names))
        else:
            raise AssertionError(f"{known:.3f} s for users, {other:.3f} s for {names}")


# --- identity -------------------------------------------------------------------------------------

def test_me_call_describes_directory_user(anonymous, people, ldap_admin):
    user = people.create(mail="who@example.com", givenName="Анна", sn="Петрова")
    ldap_admin.set(user["dn"], "displayName", "Анна Петрова")
    assert log_in(anonymous, user).get("/auth/me").json() == {
        "id": f"directory:{user['objectGUID']}", "username": user["sAMAccountName"],
        "email": "who@example.com", "name": "Анна Петрова", "kind": "directory",
        "account_id": None, "organizations": [], "default_organization_id": None,
        "email_verified": False, "permissions": ["directory:read"], "delegations": []}


def test_me_call_returns_cn_of_user_without_mail_and_display_name(anonymous, user):
    me = log_in(anonymous, user).get("/auth/me").json()
    assert (me["email"], me["name"]) == (None, user["cn"])


def test_audit_names_directory_user_as_actor(anonymous, people, ldap_admin, user, admin_group,
                                             audit):
    response = send_login(anonymous, user["sAMAccountName"].upper(), user["password"])
    line = audit.one_of(response)
    assert (line["actor"], line["resource_id"]) == (user["sAMAccountName"],
                                                    user["sAMAccountName"].upper())
    assert (line["action"], line["status"]) == ("login", "success")
    client = anonymous.bearing(response.json()["access_token"])
    line = audit.one_of(change_title(client, user))
    assert (line["actor"], line["status"]) == (user["sAMAccountName"], "failure")
    ldap_admin.add_member(admin_group, user["dn"])
    assert audit.one_of(change_title(client, user))["status"] == "success"


def test_renamed_user_keeps_session_and_rights(anonymous, people, ldap_admin, user, audit,
                                               admin_group):
    client, name = log_in(anonymous, user), tag()
    ldap_admin.add_member(admin_group, user["dn"])
    ldap_admin.set(user["dn"], "sAMAccountName", name)
    response = change_title(client, {"sAMAccountName": name})
    assert response.status_code == 200
    assert audit.one_of(response)["actor"] == name


def test_token_of_directory_user_contains_no_password(anonymous, user):
    tokens = anonymous.login(user["sAMAccountName"], user["password"])
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert user["password"] not in str(claims)
    assert claims["sub"] == f"directory:{user['objectGUID']}"


# --- rights ---------------------------------------------------------------------------------------

def assert_reads_only(client, user):
    assert client.get("/users?limit=1").status_code == 200
    for response in (change_title(client, user), client.post("/users", json={}),
                     client.delete(user_path(user["sAMAccountName"]))):
        contract.check_error(response, 403, "FORBIDDEN")
    assert client.get("/auth/me").json()["permissions"] == ["directory:read"]


def assert_writes(client, user):
    assert change_title(client, user).status_code == 200


def test_ordinary_directory_user_has_read_access_only(anonymous, people, user):
    assert_reads_only(log_in(anonymous, user), user)


def test_sample_directory_users_have_documented_rights(anonymous, directory, people):
    user = people.create()
    for name, status in (("m.sidorova", 200), ("j.mueller", 403)):
        client = log_in(anonymous, {"sAMAccountName": name, "password": directory.sample_password})
        assert change_title(client, user).status_code == status


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_direct_and_nested_members_of_admin_group_may_write(anonymous, ldap_admin, user, group,
                                                            admin_group, depth):
    dn = user["dn"]
    for _ in range(depth):
        dn = group(dn)
    ldap_admin.add_member(admin_group, dn)
    client = log_in(anonymous, user)
    assert client.get("/auth/me").json()["permissions"] == ["directory:read", "directory:write"]
    assert_writes(client, user)


def primary_group_of(ldap_admin, dn):
    return str(int.from_bytes(ldap_admin.entry(dn, ["objectSid"])["objectSid"][0][-4:], "little"))


@pytest.mark.parametrize("nested", [False, True])
def test_primary_group_grants_rights_like_other_groups(anonymous, ldap_admin, user, group,
                                                       admin_group, nested):
    dn = group() if nested else admin_group
    if nested:
        ldap_admin.add_member(admin_group, dn)
    ldap_admin.add_member(dn, user["dn"])
    ldap_admin.set(user["dn"], "primaryGroupID", primary_group_of(ldap_admin, dn))
    member_of = ldap_admin.find(user["sAMAccountName"])[1]["memberOf"]
    assert dn.encode() not in member_of  # memberOf excludes the primary group
    assert_writes(log_in(anonymous, user), user)
    ldap_admin.set(user["dn"], "primaryGroupID", PRIMARY_GROUP_USERS)


# --- revoked rights -------------------------------------------------------------------------------

def test_change_of_group_membership_changes_rights_at_once(anonymous, ldap_admin, user,
                                                           admin_group):
    client = log_in(anonymous, user)
    contract.check_error(change_title(client, user), 403, "FORBIDDEN")
    ldap_admin.add_member(admin_group, user["dn"])
    assert_writes(client, user)
    ldap_admin.connection.modify_s(admin_group,
                                   [(ldap.MOD_DELETE, "member", [user["dn"].encode()])])
    contract.check_error(change_title(client, user), 403, "FORBIDDEN")
    assert client.get("/users?limit=1").status_code == 200


@pytest.mark.parametrize("obstacle, reason", OBSTACLES)
def test_disabled_or_expired_directory_user_loses_session_and_rights(anonymous, people, ldap_admin,
                                                                     user, audit, obstacle, reason):
    tokens = anonymous.login(user["sAMAccountName"], user["password"])
    client = anonymous.bearing(tokens["access_token"])
    assert client.get("/users?limit=1").status_code == 200
    obstacle(anonymous, people, ldap_admin, user)
    contract.check_error(client.get("/users?limit=1"), 401, "INVALID_TOKEN")
    response = change_title(client, user)
    contract.check_error(response, 401, "INVALID_TOKEN")
    told = audit.one_of(response)["details"]["reason"]
    assert reason in told or told == "the session has ended"
    for renewal in (client.post("/auth/refresh"),
                    anonymous.post("/auth/refresh",
                                   json={"refresh_token": tokens["refresh_token"]})):
        contract.check_error(renewal, 401, "INVALID_TOKEN")


def test_reenabled_directory_user_must_log_in_again(anonymous, people, user):
    client = log_in(anonymous, user)
    people.change(user["sAMAccountName"], enabled=False)
    contract.check_error(client.get("/users?limit=1"), 401, "INVALID_TOKEN")
    people.change(user["sAMAccountName"], enabled=True)
    contract.check_error(client.get("/users?limit=1"), 401, "INVALID_TOKEN")
    assert log_in(anonymous, user).get("/users?limit=1").status_code == 200


def test_locked_directory_user_is_refused_but_keeps_the_session(anonymous, people, ldap_admin,
                                                                user):
    """Anybody can lock a user by failed logins, so a lock must not end the session."""
    client = log_in(anonymous, user)
    lock_user(anonymous, people, ldap_admin, user)
    contract.check_error(client.get("/users?limit=1"), 401, "INVALID_TOKEN")
    people.change(user["sAMAccountName"], unlock=True)
    assert client.get("/users?limit=1").status_code == 200


@pytest.mark.parametrize("guid", ["", "x", "00000000-0000-0000-0000-000000000000",
                                  "ffffffff-ffff-ffff-ffff-fffffffffff>"])
def test_token_with_unknown_guid_is_rejected(anonymous, user, stack, guid):
    tokens = anonymous.login(user["sAMAccountName"], user["password"])
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    token = jwt.encode({**claims, "sub": f"directory:{guid}"}, stack.env["JWT_SECRET_KEY"], "HS256")
    vault.remember(token)
    contract.check_error(anonymous.bearing(token).get("/users"), 401, "INVALID_TOKEN")
    contract.check_error(anonymous.bearing(token).post("/auth/refresh"), 401, "INVALID_TOKEN")


def test_administrator_claim_of_user_token_grants_no_rights(anonymous, user, stack):
    """Rights come from the directory; claims in the token only describe the user in /auth/me."""
    tokens = anonymous.login(user["sAMAccountName"], user["password"])
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    token = jwt.encode({**claims, "administrator": True}, stack.env["JWT_SECRET_KEY"], "HS256")
    vault.remember(token)
    contract.check_error(change_title(anonymous.bearing(token), user), 403, "FORBIDDEN")


# --- refresh --------------------------------------------------------------------------------------

def test_refresh_reads_current_user_data_from_directory(anonymous, people, ldap_admin, user,
                                                        admin_group):
    tokens = anonymous.login(user["sAMAccountName"], user["password"])
    ldap_admin.add_member(admin_group, user["dn"])
    ldap_admin.set(user["dn"], "mail", "new@example.com")
    for renewal in (anonymous.bearing(tokens["access_token"]).post("/auth/refresh"),
                    anonymous.post("/auth/refresh",
                                   json={"refresh_token": tokens["refresh_token"]})):
        assert renewal.status_code == 200
        me = anonymous.bearing(renewal.json()["access_token"]).get("/auth/me").json()
        assert (me["email"], me["username"]) == ("new@example.com", user["sAMAccountName"])
        assert "directory:write" in me["permissions"]
