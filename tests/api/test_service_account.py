"""The service account of Kontora in the directory: clients cannot lock it, change it or log in
with it."""

import pytest
from support import contract
from support.client import user_path


@pytest.fixture
def service_name(directory):
    """Returns the account name of the service account."""
    return directory.bind_dn.split(",")[0].removeprefix("CN=")


def read_attribute(ldap_admin, directory, attribute):
    values = ldap_admin.entry(directory.bind_dn, [attribute]).get(attribute, [b"0"])
    return values[0].decode()


def test_password_of_service_account_cannot_be_guessed_or_locked(anonymous, ldap_admin, directory,
                                                                 service_name):
    before = read_attribute(ldap_admin, directory, "badPwdCount")
    for name in (service_name, service_name.upper(), f"{service_name}@kontora.test"):
        for _ in range(3):
            response = anonymous.post("/auth/login", json={"username": name, "password": "x"})
            contract.check_error(response, 401, "INVALID_CREDENTIALS")
    assert read_attribute(ldap_admin, directory, "badPwdCount") == before


def test_service_account_cannot_log_in(anonymous, directory, service_name):
    response = anonymous.post("/auth/login",
                              json={"username": service_name, "password": directory.bind_password})
    contract.check_error(response, 401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize("change", [
    {"enabled": False}, {"password": "Kontora-2099"}, {"cn": "renamed"},
    {"must_change_password": True}, {"sAMAccountName": "renamed"},
    {"userPrincipalName": "renamed@kontora.test"}], ids=str)
def test_service_account_cannot_be_changed(api, ldap_admin, directory, service_name, change):
    before = read_attribute(ldap_admin, directory, "whenChanged")
    response = api.patch(user_path(service_name), json=change)
    contract.check_error(response, 403, "PROTECTED_OBJECT")
    assert read_attribute(ldap_admin, directory, "whenChanged") == before


def test_service_account_cannot_be_deleted_or_moved(api, ldap_admin, directory, ou, service_name):
    contract.check_error(api.delete(user_path(service_name)), 403, "PROTECTED_OBJECT")
    contract.check_error(api.patch(user_path(service_name), json={"parent_dn": ou}), 403,
                         "PROTECTED_OBJECT")
    assert read_attribute(ldap_admin, directory, "sAMAccountName") == service_name
