"""Creation of users, compared with the resulting entries in the directory."""

from urllib.parse import urlsplit

import pytest

from support import contract, vault
from support.client import user_path
from support.people import tag
from support.ldap_admin import guid_text, rdn, same_dn

ATTRIBUTES = {
    "givenName": "Иван", "sn": "Müller-Łódź", "mail": "ivan@example.com",
    "telephoneNumber": "+7 (495) 123-45-67*9", "title": "Главный «бухгалтер»",
    "department": "Sales & Support <EMEA>", "description": "a,b;c\\d\"e' #f=g\nsecond line",
}


def test_created_user_is_in_directory_with_all_fields(api, people, ldap_admin, stack):
    name = tag()
    body = people.body(cn=f"Иванов {name}", sAMAccountName=name, **ATTRIBUTES,
                       userPrincipalName=f"{name}@kontora.test")
    response = api.post("/users", json=body)
    assert response.status_code == 201, response.text
    user = contract.check_user(response.json())
    expected = {**ATTRIBUTES, "cn": body["cn"], "sAMAccountName": name, "enabled": True,
                "userPrincipalName": body["userPrincipalName"], "locked": False}
    assert {key: user[key] for key in expected} == expected
    assert same_dn(user["dn"], f"{rdn(body['cn'])},{people.ou}")

    [seen] = ldap_admin.ldapsearch(f"(sAMAccountName={name})", "*")
    for attribute, text in ATTRIBUTES.items():
        assert seen[attribute] == [text.encode()], attribute
    assert seen["cn"] == [body["cn"].encode()]
    assert seen["userPrincipalName"] == [body["userPrincipalName"].encode()]
    assert seen["userAccountControl"] == [b"512"]
    assert same_dn(seen["dn"], user["dn"])
    assert ldap_admin.binds(user["dn"], body["password"])
    assert ldap_admin.binds(body["userPrincipalName"], body["password"])


def test_created_user_is_read_as_returned(api, people):
    response = api.post("/users", json=people.body(**ATTRIBUTES))
    assert people.get(response.json()["sAMAccountName"]) == response.json()


def test_user_guid_equals_guid_in_directory(people, ldap_admin):
    user = people.create()
    [seen] = ldap_admin.ldapsearch(f"(sAMAccountName={user['sAMAccountName']})", "objectGUID")
    assert user["objectGUID"] == guid_text(seen["objectGUID"][0])


def test_creation_and_change_times_of_user_equal_those_in_directory(people, ldap_admin):
    user = people.create()
    for name in ("whenCreated", "whenChanged"):
        stamp = ldap_admin.text(user["sAMAccountName"], name)  # 20261120123456.0Z
        digits = "".join(c for c in user[name] if c.isdigit())
        assert digits == stamp[:14] + "000"


def test_location_header_leads_to_created_user(api, people, site):
    response = api.post("/users", json=people.body(sAMAccountName="Ян " + tag()[:8]))
    location = urlsplit(response.headers["Location"])
    followed = site.get(location.path)
    assert location.path.startswith("/api/v1/users/")
    assert (followed.status_code, followed.json()) == (200, response.json())


@pytest.mark.parametrize("enabled, control", [(..., 512), (True, 512), (False, 514)])
def test_enabled_field_sets_account_control_flag_of_new_user(people, ldap_admin, enabled, control):
    user = people.create(enabled=enabled)
    assert (user["enabled"], user["userAccountControl"]) == (control == 512, control)
    assert ldap_admin.text(user["sAMAccountName"], "userAccountControl") == str(control)
    reason = ldap_admin.bind_failure(user["dn"], user["password"])
    assert reason == (None if control == 512 else "533")


@pytest.mark.parametrize("must_change, reason", [(True, "773"), (False, None), (..., None)])
def test_new_user_must_change_password_if_requested(people, ldap_admin, must_change, reason):
    user = people.create(must_change_password=must_change)
    assert ldap_admin.bind_failure(user["dn"], user["password"]) == reason


def test_null_leaves_attribute_of_new_user_unset(people, ldap_admin):
    user = people.create(mail=None, title=None)
    for name in ("userPrincipalName", "givenName", "sn", "mail", "title", "description"):
        assert user[name] is None
    assert not {"mail", "title", "sn"} & set(ldap_admin.find(user["sAMAccountName"])[1])


@pytest.mark.parametrize("password", ["Ab1", "alllowercaseletters", "1234567890", "пароль", "x"])
def test_user_creation_with_weak_password_leaves_no_user_in_directory(api, people, ldap_admin,
                                                                      password):
    body = people.body(password=password)
    response = api.post("/users", json=body)
    contract.check_error(response, 400, "PASSWORD_POLICY")
    either = f"(|(sAMAccountName={body['sAMAccountName']})(cn={body['cn']}))"
    assert ldap_admin.ldapsearch(either) == []
    assert api.get(user_path(body["sAMAccountName"])).status_code == 404


def test_user_creation_succeeds_after_attempt_with_weak_password(api, people):
    body = people.body(password="weak")
    contract.check_error(api.post("/users", json=body), 400, "PASSWORD_POLICY")
    assert api.post("/users", json={**body, "password": vault.password()}).status_code == 201


@pytest.mark.parametrize("password", ["Пароль-Geheim-7", "Geheim 7 with spaces ",
                                      "Geheim7\"quoted\"", "Geheim7\\back'slash", "Geheim7😀😀😀",
                                      "Geheim7" + "x" * 120,
                                      " leading Geheim7", "Geheim7\tTab", "Geheim7{}$%&/()=?`"])
def test_unusual_password_of_new_user_is_set_unchanged(people, ldap_admin, password):
    vault.remember(password)
    user = people.create(password=password)
    assert ldap_admin.binds(user["dn"], password)
    assert not ldap_admin.binds(user["dn"], password.strip() + "x")


@pytest.mark.parametrize("change", [str.upper, str.lower, lambda name: name])
def test_existing_account_name_is_rejected_for_new_user(api, people, ldap_admin, change):
    user = people.create(sAMAccountName="Ab" + tag()[:8])
    body = people.body(sAMAccountName=change(user["sAMAccountName"]))
    contract.check_error(api.post("/users", json=body), 409, "ALREADY_EXISTS")
    assert ldap_admin.search(f"(cn={body['cn']})") == []


def test_new_user_with_existing_common_name_below_same_parent_is_rejected(api, people, ldap_admin):
    user = people.create(cn="Taken " + tag())
    body = people.body(cn=user["cn"].upper())
    contract.check_error(api.post("/users", json=body), 409, "ALREADY_EXISTS")
    assert ldap_admin.find(body["sAMAccountName"]) is None


def test_new_user_with_existing_common_name_below_other_parent_is_accepted(api, people, ldap_admin):
    user = people.create()
    other = ldap_admin.add_ou(tag(), people.ou)
    assert api.post("/users", json=people.body(cn=user["cn"], ou=other)).status_code == 201


def test_account_name_of_group_is_rejected_for_new_user(api, people):
    body = people.body(sAMAccountName="Domain Users")
    contract.check_error(api.post("/users", json=body), 409, "ALREADY_EXISTS")


def test_existing_principal_name_is_rejected_for_new_user(api, people, ldap_admin):
    upn = f"{tag()}@kontora.test"
    people.create(userPrincipalName=upn)
    body = people.body(userPrincipalName=upn)
    contract.check_error(api.post("/users", json=body), 409, "ALREADY_EXISTS")
    assert ldap_admin.find(body["sAMAccountName"]) is None


@pytest.mark.parametrize("upn", ["{}@a@b.test", "@{}@", "{}\\", "{}@kontora.test\\"])
def test_ambiguous_principal_name_of_new_user_is_rejected(
        api, people, ldap_admin, upn):
    body = people.body(userPrincipalName=upn.format(tag()))
    response = api.post("/users", json=body)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["userPrincipalName"]
    assert ldap_admin.find(body["sAMAccountName"]) is None


def test_missing_parent_of_user_is_rejected(api, people, ldap_admin):
    body = people.body(ou=f"OU=nowhere-{tag()},{people.ou}")
    contract.check_error(api.post("/users", json=body), 400, "PARENT_NOT_FOUND")
    assert ldap_admin.find(body["sAMAccountName"]) is None


@pytest.mark.parametrize("parent", ["DC=example,DC=com", "OU=Staff", "DC=test",
                                    "CN=Configuration,{base}", "OU=a,OU=b,DC=evil"])
def test_parent_of_user_outside_base_dn_is_rejected(api, people, ldap_admin, parent):
    body = people.body(ou=parent.format(base=ldap_admin.base_dn))
    response = api.post("/users", json=body)
    assert response.status_code == 400, response.text
    assert response.json()["code"] in ("VALIDATION_ERROR", "PARENT_NOT_FOUND",
                                       "DIRECTORY_INVALID", "DIRECTORY_REFUSED")
    assert ldap_admin.find(body["sAMAccountName"]) is None


@pytest.mark.parametrize("parent", ["", "nonsense", "OU=x,,DC=y", "OU=\\zz,DC=y", "=", "OU", "(*)",
                                    "OU=a" + ",OU=b" * 2000, "<GUID=0>", "OU=x\nDC=y"])
def test_malformed_parent_of_user_is_rejected(api, people, parent):
    body = people.body(ou=parent)
    assert contract.check_error(api.post("/users", json=body), 400, "VALIDATION_ERROR") == ["ou"]


def test_parent_of_user_may_differ_in_case_and_spaces(people):
    spelled = ", ".join(part.upper() if part.lower().startswith("dc") else part.replace("OU", "ou")
                        for part in people.ou.split(","))
    assert same_dn(people.create(ou=spelled)["dn"].split(",", 1)[1], people.ou)


def test_parent_of_user_may_have_special_characters(people, ldap_admin):
    parent = ldap_admin.add_ou(f"Müller, Söhne + \"Co\" {tag()}", people.ou)
    user = people.create(ou=parent)
    assert same_dn(user["dn"], f"{rdn(user['cn'])},{parent}")
