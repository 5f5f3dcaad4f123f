"""GET /users/{u}/access: why a user cannot log in, and the call that fixes it. Each account is
prepared in the directory; a bind shows that the diagnosis and the fix are true."""

import datetime

import pytest
from stack.directory import LOCKOUT_THRESHOLD

from support import contract, document, vault
from support.client import path_of
from support.entries import tag
from support.ldap_admin import INTERVALS_PER_S, rdn

FIELDS = {"can_log_in": bool, "reasons": list}
REASON_FIELDS = {"code": str, "since": (str, type(None)), "until": (str, type(None)),
                 "message": str, "fix": (dict, type(None))}
DAY_S, MINUTE_S = 86400, 60
EPOCH_S = 11_644_473_600  # from 1601 to 1970
DISABLED, SMARTCARD_REQUIRED, NO_PASSWORD_REQUIRED = 0x2, 0x40000, 0x20
LOCKED = "775"
SLACK_S = 60

# Fields that the calls named by the diagnosis change.
CHANGEABLE = document.of_program().raw["components"]["schemas"]["UserUpdate"]["properties"]


def access(api, user, language="en"):
    response = api.get(path_of("/users", user["sAMAccountName"], "access"),
                       headers={"Accept-Language": language})
    assert response.status_code == 200, response.text
    assert response.headers["Content-Language"] == language
    found = contract.check_record(response.json(), FIELDS)
    for reason in found["reasons"]:
        contract.check_record(reason, REASON_FIELDS)
    return found


def only_reason(api, user, code):
    """Returns the only reason, which has this code."""
    found = access(api, user)
    assert not found["can_log_in"]
    assert [reason["code"] for reason in found["reasons"]] == [code], found
    return found["reasons"][0]


def fix(site, user, reason):
    """Executes the call that a reason names; returns the password that is valid then."""
    call = reason["fix"]
    assert user["objectGUID"] in call["path"]
    unknown = set(call["body"]) - set(CHANGEABLE) - {"generate"}
    if unknown:
        pytest.skip(f"the API cannot change {unknown}")
    response = site.request(call["method"], call["path"], json=call["body"])
    assert response.status_code == 200, response.text
    if set(response.json()) == {"password"}:
        vault.remember(response.json()["password"])
        return response.json()["password"]
    return user["password"]


def assert_healthy(api, ldap_admin, user, password=None):
    assert access(api, user) == {"can_log_in": True, "reasons": []}
    assert ldap_admin.binds(user["dn"], password or user["password"])


def age_s(text):
    """Returns the time since a time of a reply, in seconds."""
    when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (datetime.datetime.now(datetime.timezone.utc) - when).total_seconds()


def filetime(seconds_ago):
    now = datetime.datetime.now(datetime.timezone.utc).timestamp()
    return str(int((now - seconds_ago + EPOCH_S) * INTERVALS_PER_S))


def control(user, *bits):
    return str(user["userAccountControl"] | sum(bits))


def lock(ldap_admin, user):
    """Fails logins until the directory locks the account."""
    for _ in range(LOCKOUT_THRESHOLD):
        assert ldap_admin.bind_failure(user["dn"], "wrong") == "52e"
    assert ldap_admin.bind_failure(user["dn"], user["password"]) == LOCKED


def hours_except_now(shift=0):
    """Returns logonHours that forbid the current hour, and the hours around it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    hour = (now.isoweekday() % 7) * 24 + now.hour
    bits = sum(1 << number for number in range(168)
               if (number - hour - shift + 1) % 168 > 2)
    return bits.to_bytes(21, "little")


@pytest.fixture
def limited(ldap_admin):
    """Returns a function that imposes a fine-grained policy on a user and returns its name."""
    made = []

    def make(user, **rules):
        name = f"limited {tag()}"
        made.append(ldap_admin.add_password_settings(name, user["dn"], **rules))
        return name
    yield make
    for dn in made:
        ldap_admin.delete(dn)


# --- one reason -----------------------------------------------------------------------------------

def test_healthy_account_has_no_reasons(api, people, ldap_admin):
    assert_healthy(api, ldap_admin, people.create())


def test_disabled_account_is_diagnosed_and_fixed(api, site, people, ldap_admin):
    user = people.create(enabled=False)
    assert ldap_admin.bind_failure(user["dn"], user["password"]) == "533"
    reason = only_reason(api, user, "DISABLED")
    assert (reason["since"], reason["until"]) == (None, None)
    assert reason["fix"]["body"] == {"enabled": True}
    fix(site, user, reason)
    assert_healthy(api, ldap_admin, user)


def test_locked_account_is_diagnosed_and_fixed(api, site, people, ldap_admin):
    user = people.create()
    lock(ldap_admin, user)
    reason = only_reason(api, user, "LOCKED")
    assert abs(age_s(reason["since"])) < SLACK_S
    policy = api.get("/password-policy", params={"user": user["sAMAccountName"]}).json()
    lasts = age_s(reason["since"]) - age_s(reason["until"])
    assert abs(lasts - policy["lockout_duration_minutes"] * MINUTE_S) < 1
    assert f"Failed logins: {LOCKOUT_THRESHOLD}," in reason["message"]
    assert "The policy of the domain locks" in reason["message"]
    fix(site, user, reason)
    assert_healthy(api, ldap_admin, user)


def test_lockout_by_fine_grained_policy_names_it_and_has_no_end(api, site, people, ldap_admin,
                                                                limited):
    user = people.create()
    name = limited(user, threshold=2, window_s=600, LockoutDuration="0")
    for _ in range(2):
        ldap_admin.bind_failure(user["dn"], "wrong")
    assert ldap_admin.bind_failure(user["dn"], user["password"]) == LOCKED
    reason = only_reason(api, user, "LOCKED")
    assert reason["until"] is None and abs(age_s(reason["since"])) < SLACK_S
    limit = f'The policy "{name}" locks an account after this number of failed logins: 2.'
    assert limit in reason["message"]
    assert "Only an administrator" in reason["message"]
    fix(site, user, reason)
    assert_healthy(api, ldap_admin, user)


def test_failed_logins_below_threshold_are_no_reason(api, people, ldap_admin):
    user = people.create()
    for _ in range(LOCKOUT_THRESHOLD - 1):
        assert ldap_admin.bind_failure(user["dn"], "wrong") == "52e"
    assert access(api, user)["reasons"] == []


def test_expired_account_is_diagnosed_and_fixed(api, site, people, ldap_admin):
    user = people.create()
    ldap_admin.set(user["dn"], "accountExpires", filetime(3 * DAY_S))
    assert ldap_admin.bind_failure(user["dn"], user["password"]) == "701"
    reason = only_reason(api, user, "EXPIRED")
    assert abs(age_s(reason["since"]) - 3 * DAY_S) < SLACK_S and reason["until"] is None
    assert reason["fix"]["body"] == {"accountExpires": None}
    fix(site, user, reason)
    assert_healthy(api, ldap_admin, user)


@pytest.mark.parametrize("value", ["0", str(2 ** 63 - 1), filetime(-DAY_S)])
def test_account_that_expires_later_or_never_is_healthy(api, people, ldap_admin, value):
    user = people.create()
    ldap_admin.set(user["dn"], "accountExpires", value)
    assert_healthy(api, ldap_admin, user)


def test_expired_password_is_diagnosed_and_fixed(api, site, people, ldap_admin, limited,
                                                 directory):
    user = people.create()
    name = limited(user, MaximumPasswordAge=str(-10 * DAY_S * INTERVALS_PER_S))
    assert_healthy(api, ldap_admin, user)
    directory.age_password(user["dn"], days=13)
    assert ldap_admin.bind_failure(user["dn"], user["password"]) == "532"
    reason = only_reason(api, user, "PASSWORD_EXPIRED")
    assert abs(age_s(reason["since"]) - 3 * DAY_S) < SLACK_S and reason["until"] is None
    assert f'The policy "{name}" limits' in reason["message"]
    assert reason["fix"]["method"] == "POST" and reason["fix"]["body"] == {"generate": True}
    assert_healthy(api, ldap_admin, user, fix(site, user, reason))


def test_password_to_change_is_diagnosed_and_fixed(api, site, people, ldap_admin):
    user = people.create(must_change_password=True)
    assert ldap_admin.bind_failure(user["dn"], user["password"]) == "773"
    reason = only_reason(api, user, "MUST_CHANGE")
    assert reason["fix"]["body"] == {"must_change_password": False}
    fix(site, user, reason)
    assert_healthy(api, ldap_admin, user)


def test_forbidden_hours_are_diagnosed_and_fixed(api, site, people, ldap_admin):
    user = people.create()
    ldap_admin.set(user["dn"], "logonHours", hours_except_now())
    assert ldap_admin.bind_failure(user["dn"], user["password"]) == "530"
    reason = only_reason(api, user, "HOURS")
    assert MINUTE_S * 60 <= age_s(reason["since"]) <= 3 * MINUTE_S * 60
    assert MINUTE_S * 60 <= -age_s(reason["until"]) <= 3 * MINUTE_S * 60
    assert reason["fix"]["body"] == {"logonHours": None}
    fix(site, user, reason)
    assert_healthy(api, ldap_admin, user)


def test_hours_that_are_never_allowed_have_no_end(api, people, ldap_admin):
    user = people.create()
    ldap_admin.set(user["dn"], "logonHours", bytes(21))
    reason = only_reason(api, user, "HOURS")
    assert (reason["since"], reason["until"]) == (None, None)


def test_allowed_hour_is_no_reason(api, people, ldap_admin):
    user = people.create()
    ldap_admin.set(user["dn"], "logonHours", hours_except_now(shift=80))
    assert_healthy(api, ldap_admin, user)


@pytest.mark.parametrize("names", ["PC-17,PC-18", ",", " "])
def test_workstations_are_diagnosed_and_fixed(api, site, people, ldap_admin, names):
    """Also a value without names, with which the directory refuses every login, too."""
    user = people.create()
    ldap_admin.set(user["dn"], "userWorkstations", names)
    assert ldap_admin.bind_failure(user["dn"], user["password"]) == "531"
    reason = only_reason(api, user, "WORKSTATIONS")
    assert names in reason["message"]
    assert reason["fix"]["body"] == {"userWorkstations": []}
    fix(site, user, reason)
    assert_healthy(api, ldap_admin, user)


def test_required_smart_card_is_diagnosed_and_fixed(api, site, people, ldap_admin):
    """The directory replaces the password when it begins to require a smart card, so the user needs
    a new one afterwards."""
    user = people.create()
    ldap_admin.set(user["dn"], "userAccountControl", control(user, SMARTCARD_REQUIRED))
    assert not ldap_admin.binds(user["dn"], user["password"])
    reason = only_reason(api, user, "SMARTCARD")
    assert reason["fix"]["body"] == {"smartcardRequired": False}
    fix(site, user, reason)
    assert access(api, user)["reasons"] == []


def test_missing_password_is_diagnosed_and_fixed(api, site, people, ldap_admin):
    name = tag()
    dn = ldap_admin.add(f"{rdn(name)},{people.ou}", objectClass="user", sAMAccountName=name,
                        userAccountControl=str(512 | NO_PASSWORD_REQUIRED))
    user = people.get(name)
    reason = only_reason(api, user, "NO_PASSWORD")
    password = fix(site, user, reason)
    assert access(api, user) == {"can_log_in": True, "reasons": []}
    assert ldap_admin.binds(dn, password)


# --- several reasons ------------------------------------------------------------------------------

def test_two_reasons_are_listed_in_order_and_fixed_one_by_one(api, site, people, ldap_admin):
    user = people.create()
    lock(ldap_admin, user)
    people.change(user["sAMAccountName"], must_change_password=True)
    found = access(api, user)
    assert [reason["code"] for reason in found["reasons"]] == ["LOCKED", "MUST_CHANGE"]
    assert not found["can_log_in"]
    fix(site, user, found["reasons"][0])
    reason = only_reason(api, user, "MUST_CHANGE")
    fix(site, user, reason)
    assert_healthy(api, ldap_admin, user)


def test_all_reasons_of_account_are_listed_in_order(api, people, ldap_admin):
    user = people.create(must_change_password=True)
    lock_bits = control(user, DISABLED)
    ldap_admin.set(user["dn"], "userAccountControl", lock_bits)
    ldap_admin.set(user["dn"], "accountExpires", filetime(DAY_S))
    ldap_admin.set(user["dn"], "logonHours", bytes(21))
    ldap_admin.set(user["dn"], "userWorkstations", "PC-17")
    assert [reason["code"] for reason in access(api, user)["reasons"]] == [
        "DISABLED", "EXPIRED", "MUST_CHANGE", "HOURS", "WORKSTATIONS"]


def test_messages_are_in_language_of_request(api, people, ldap_admin):
    user = people.create(enabled=False)
    [english] = access(api, user, "en")["reasons"]
    [russian] = access(api, user, "ru")["reasons"]
    assert english.pop("message") == "The account is disabled."
    assert russian.pop("message") == "Учётная запись отключена."
    assert english == russian


# --- errors ---------------------------------------------------------------------------------------

def test_access_of_unknown_user_is_not_found(api):
    contract.check_error(api.get("/users/nobody-is-called-so/access"), 404, "NOT_FOUND")


def test_invalid_parameters_of_access_are_rejected(api, people):
    response = api.get(path_of("/users", people.create()["sAMAccountName"], "access"),
                       params={"at": "now"})
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["at"]


@pytest.mark.parametrize("addressed", ["objectGUID", "dn"])
def test_user_can_be_diagnosed_by_every_identifier(api, people, addressed):
    response = api.get(path_of("/users", people.create()[addressed], "access"))
    assert response.json() == {"can_log_in": True, "reasons": []}
