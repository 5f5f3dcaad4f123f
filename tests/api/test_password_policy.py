"""GET /password-policy: the rules of the domain and of fine-grained policies."""

import uuid

import pytest

from support import contract
from support.entries import tag
from support.ldap_admin import INTERVALS_PER_S, rdn, same_dn

DAY_S, MINUTE_S = 86400, 60
FIELDS = {"source": str, "name": (str, type(None)), "dn": str, "precedence": (int, type(None)),
          "min_length": int, "history_length": int, "complexity": bool,
          "min_age_days": float, "max_age_days": (float, type(None)), "lockout_threshold": int,
          "lockout_duration_minutes": (float, type(None)), "lockout_window_minutes": float}


def span(seconds):
    return str(-seconds * INTERVALS_PER_S)


def policy(api, **parameters):
    response = api.get("/password-policy", params=parameters)
    assert response.status_code == 200, response.text
    return contract.check_record(response.json(), FIELDS)


@pytest.fixture
def strict(ldap_admin):
    """Returns a function that adds a fine-grained policy; its argument is a user or a group."""
    made = []

    def make(applies_to, **rules):
        name = f"strict, \"{tag()}\""
        made.append(ldap_admin.add_password_settings(name, applies_to, 7, 90, **{
            "MinimumPasswordLength": "12", "PasswordHistoryLength": "3",
            "PasswordComplexityEnabled": "TRUE", "MinimumPasswordAge": span(DAY_S // 2),
            "MaximumPasswordAge": span(30 * DAY_S), "LockoutDuration": "0", **rules}))
        return name, made[-1]
    yield make
    for dn in made:
        ldap_admin.delete(dn)


def test_policy_of_domain_has_rules_of_directory(api, ldap_admin):
    [(dn, raw)] = [found for found in ldap_admin.search("(objectClass=domain)")]
    rule = {name: int(values[0]) for name, values in raw.items()
            if name in ("minPwdLength", "pwdHistoryLength", "pwdProperties", "minPwdAge",
                        "maxPwdAge", "lockoutThreshold", "lockoutDuration",
                        "lockOutObservationWindow")}
    found = policy(api)
    assert same_dn(found.pop("dn"), dn)
    assert found == {
        "source": "domain", "name": None, "precedence": None,
        "min_length": rule["minPwdLength"], "history_length": rule["pwdHistoryLength"],
        "complexity": bool(rule["pwdProperties"] & 1),
        "min_age_days": -rule["minPwdAge"] / INTERVALS_PER_S / DAY_S,
        "max_age_days": -rule["maxPwdAge"] / INTERVALS_PER_S / DAY_S,
        "lockout_threshold": rule["lockoutThreshold"],
        "lockout_duration_minutes": -rule["lockoutDuration"] / INTERVALS_PER_S / MINUTE_S,
        "lockout_window_minutes": -rule["lockOutObservationWindow"] / INTERVALS_PER_S / MINUTE_S}


@pytest.mark.parametrize("addressed", ["sAMAccountName", "objectGUID", "dn"])
def test_user_without_fine_grained_policy_has_policy_of_domain(api, people, addressed):
    assert policy(api, user=people.create()[addressed]) == policy(api)


@pytest.mark.parametrize("by_group", [False, True])
def test_fine_grained_policy_of_user_is_named_with_its_rules(api, people, ldap_admin, strict,
                                                             by_group):
    user = people.create()
    applies_to = user["dn"]
    if by_group:
        name = tag()
        applies_to = ldap_admin.add(f"{rdn(name)},{people.ou}", objectClass="group",
                                    sAMAccountName=name, groupType="-2147483646")
        ldap_admin.add_member(applies_to, user["dn"])
    name, dn = strict(applies_to)
    found = policy(api, user=user["sAMAccountName"])
    assert same_dn(found.pop("dn"), dn)
    assert found == {
        "source": "fine_grained", "name": name, "precedence": 1, "min_length": 12,
        "history_length": 3, "complexity": True, "min_age_days": 0.5, "max_age_days": 30,
        "lockout_threshold": 7, "lockout_duration_minutes": None, "lockout_window_minutes": 1.5}


def test_longest_spans_mean_never(api, people, strict):
    user = people.create()
    strict(user["dn"], MaximumPasswordAge=str(-2 ** 63), LockoutDuration=span(MINUTE_S),
           LockoutObservationWindow=span(MINUTE_S), MinimumPasswordAge="0",
           PasswordComplexityEnabled="FALSE")
    found = policy(api, user=user["sAMAccountName"])
    assert found["max_age_days"] is None and found["lockout_duration_minutes"] == 1
    assert found["min_age_days"] == 0 and found["complexity"] is False


def test_changed_policy_is_shown_at_once(api, people, ldap_admin, strict):
    user = people.create()
    _, dn = strict(user["dn"])
    assert policy(api, user=user["sAMAccountName"])["min_length"] == 12
    ldap_admin.set(dn, "msDS-MinimumPasswordLength", "13")
    assert policy(api, user=user["sAMAccountName"])["min_length"] == 13


@pytest.mark.parametrize("name", ["nobody-is-called-so", "*", "a)(cn=*", str(uuid.uuid4()),
                                  "CN=x,DC=example,DC=com", "CN=", "é" * 1000])
def test_policy_of_unknown_user_is_not_found(api, name):
    contract.check_error(api.get("/password-policy", params={"user": name}), 404, "NOT_FOUND")


@pytest.mark.parametrize("parameters, field", [
    ({"user": ""}, "user"), ({"user": "a" * 5000}, "user"), ({"users": "a"}, "users"),
    ({"user": "a\0b"}, "user"), ({"parent_dn": "nonsense"}, "parent_dn")])
def test_invalid_parameters_of_policy_are_rejected(api, parameters, field):
    response = api.get("/password-policy", params=parameters)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == [field]


def test_computer_and_group_have_no_policy(api, ldap_admin, people):
    name = tag()
    ldap_admin.add(f"{rdn(name)},{people.ou}", objectClass="group", sAMAccountName=name)
    contract.check_error(api.get("/password-policy", params={"user": name}), 404, "NOT_FOUND")


def test_policy_has_short_path_and_full_path(site):
    short, full = site.get("/password-policy"), site.get("/api/v1/password-policy")
    assert short.json() == full.json()
    assert site.head("/password-policy").status_code == 200
