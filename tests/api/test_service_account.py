"""The service account of Kontora in the directory: clients cannot lock it, change it or log in
with it."""

import pytest
from support import contract
from support.client import user_path


@pytest.fixture
def service(directory):
    """Returns the account name of the service account."""
    return directory.bind_dn.split(",")[0].removeprefix("CN=")


def read(truth, directory, attribute):
    values = truth.entry(directory.bind_dn, [attribute]).get(attribute, [b"0"])
    return values[0].decode()


def test_password_of_service_account_cannot_be_guessed_or_locked(nobody, truth, directory, service):
    before = read(truth, directory, "badPwdCount")
    for name in (service, service.upper(), f"{service}@kontora.test"):
        for _ in range(3):
            response = nobody.post("/auth/login", json={"username": name, "password": "x"})
            contract.refused(response, 401, "INVALID_CREDENTIALS")
    assert read(truth, directory, "badPwdCount") == before


def test_service_account_cannot_log_in(nobody, directory, service):
    response = nobody.post("/auth/login",
                           json={"username": service, "password": directory.bind_password})
    contract.refused(response, 401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize("change", [
    {"enabled": False}, {"password": "Kontora-2099"}, {"cn": "renamed"},
    {"must_change_password": True}, {"sAMAccountName": "renamed"},
    {"userPrincipalName": "renamed@kontora.test"}], ids=str)
def test_service_account_cannot_be_changed(api, truth, directory, service, change):
    before = read(truth, directory, "whenChanged")
    response = api.patch(user_path(service), json=change)
    contract.refused(response, 403, "PROTECTED_OBJECT")
    assert read(truth, directory, "whenChanged") == before


def test_service_account_cannot_be_deleted_or_moved(api, truth, directory, ou, service):
    contract.refused(api.delete(user_path(service)), 403, "PROTECTED_OBJECT")
    contract.refused(api.patch(user_path(service), json={"parent_dn": ou}), 403,
                     "PROTECTED_OBJECT")
    assert read(truth, directory, "sAMAccountName") == service
