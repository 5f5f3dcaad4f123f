"""DIRECTORY_USER_ATTRIBUTES: further attributes of users, and the check against the schema."""

import json
import os
import subprocess

import pytest
import requests

from support import vault
from support.entries import tag
from support.waiting import wait_until

ATTRIBUTES = ("middleName:text:64 division:text:256,uidNumber:integer, msTSAllowLogon:boolean "
              "msTSExpireDate:time")
VALUES = {"middleName": "Ива́нович, \"И\"", "division": "Отдел «А», 'б'", "uidNumber": 4711,
          "msTSAllowLogon": True, "msTSExpireDate": "2031-02-03T04:05:06.000Z"}
STORED = {"middleName": VALUES["middleName"], "division": VALUES["division"], "uidNumber": "4711",
          "msTSAllowLogon": "TRUE", "msTSExpireDate": "20310203040506.0Z"}
# Attributes of the schema that cannot be fields of users, and the reason that is told.
REFUSED = {
    "noSuchAttribute:text:10": "is not in the schema",
    "groupAttributes:integer": "is not an attribute of users",
    "otherTelephone:text:64": "has several values",
    "middleName:integer": "has another type",
    "uidNumber:text:10": "has another type",
    "middleName:text:65": "has at most 64 characters",
    "msDS-ResultantPSO:text:64": "by the directory only",
    "whenCreated:time": "is a field of users already",
    "unicodePwd:text:64": "is not allowed",
    "supplementalCredentials:text:64": "is not allowed",
}


# The directory reads its schema slowly on a machine that other suites load.
PATIENT = {"LDAP_CONNECT_TIMEOUT_MS": "10000", "LDAP_TIMEOUT_MS": "10000"}


class Raw:
    """Requests of the administrator without a check against the OpenAPI document, which is that
    of the default settings."""

    def __init__(self, rig):
        self.url, self.ca_file = rig.stack.https_url, str(rig.stack.ca_file)
        self.headers = rig.bearer()

    def request(self, method, path, **arguments):
        return requests.request(method, self.url + path, headers=self.headers, timeout=30,
                                verify=self.ca_file, **arguments)

    def create(self, ou, **fields):
        name = tag()
        response = self.request("POST", "/users", json={
            "cn": name, "sAMAccountName": name, "ou": ou, "password": vault.password(), **fields})
        assert response.status_code == 201, response.text
        return response.json()

    def change(self, account, **fields):
        return self.request("PATCH", f"/users/{account}", json=fields)


@pytest.fixture
def ou(ldap_admin):
    return ldap_admin.add_ou(tag())


def as_administrator(ldap_admin):
    """Returns settings with which the service may write attributes that delegate.sh does not
    name."""
    return {"LDAP_BIND_DN": ldap_admin.bind_dn, "LDAP_BIND_PASSWORD": ldap_admin.password,
            **PATIENT}


def stored(ldap_admin, account):
    [entry] = ldap_admin.ldapsearch(f"(sAMAccountName={account})", *STORED)
    return {name: entry[name][0].decode() for name in STORED if name in entry}


def run(binary, rig, *arguments):
    """Runs a command with the settings of the rig."""
    return subprocess.run([binary, *arguments], cwd=rig.folder, capture_output=True, text=True,
                          timeout=30, check=False, env={**os.environ, **rig.stack.env})


def test_further_attributes_are_set_cleared_and_read_back(make_rig, directory, ldap_admin, ou):
    raw = Raw(make_rig(directory, DIRECTORY_USER_ATTRIBUTES=ATTRIBUTES,
                       **as_administrator(ldap_admin)))
    user = raw.create(ou, **VALUES)
    account = user["sAMAccountName"]
    assert {name: user[name] for name in VALUES} == VALUES
    assert stored(ldap_admin, account) == STORED
    listed = raw.request("GET", f"/users?search={account}").json()["items"][0]
    assert not set(VALUES) & set(listed)
    listed = raw.request("GET", f"/users?search={account}&fields={','.join(VALUES)}").json()
    assert listed["items"] == [{**VALUES, "objectGUID": user["objectGUID"]}]
    changed = raw.change(account, **dict.fromkeys(VALUES)).json()
    assert {changed[name] for name in VALUES} == {None}
    assert stored(ldap_admin, account) == {}


@pytest.mark.parametrize("field, value", [
    ("middleName", "Ж" * 65), ("middleName", ""), ("middleName", 1), ("uidNumber", 2 ** 31),
    ("uidNumber", -2 ** 31 - 1), ("uidNumber", "1"), ("msTSAllowLogon", "TRUE"),
    ("msTSExpireDate", "tomorrow"), ("extensionAttribute1", "x")])
def test_invalid_values_of_further_attributes_are_refused(module_raw, ldap_admin, field, value):
    raw, account = module_raw
    before = stored(ldap_admin, account)
    response = raw.change(account, **{field: value})
    assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_ERROR")
    assert [each["field"] for each in response.json()["details"]] == [field]
    assert stored(ldap_admin, account) == before


def test_limits_of_further_attributes_are_accepted(module_raw, ldap_admin):
    raw, account = module_raw
    limits = {"middleName": "Ж" * 64, "uidNumber": -2 ** 31, "msTSAllowLogon": False}
    assert raw.change(account, **limits).status_code == 200
    assert stored(ldap_admin, account) == {
        "middleName": "Ж" * 64, "uidNumber": str(-2 ** 31), "msTSAllowLogon": "FALSE"}
    assert raw.change(account, uidNumber=2 ** 31 - 1).json()["uidNumber"] == 2 ** 31 - 1


@pytest.fixture(scope="module")
def module_raw(new_rig, directory, ldap_admin):
    """Starts one service with further attributes for several tests; returns a client of it, and
    the name of a user."""
    with new_rig(directory, DIRECTORY_USER_ATTRIBUTES=ATTRIBUTES,
                 **as_administrator(ldap_admin)) as rig:
        raw = Raw(rig)
        yield raw, raw.create(ldap_admin.add_ou(tag()))["sAMAccountName"]


def test_further_attributes_are_in_openapi_document(make_rig, directory, binary):
    rig = make_rig(directory, DIRECTORY_USER_ATTRIBUTES=ATTRIBUTES, **PATIENT)
    served = Raw(rig).request("GET", "/openapi.json").json()
    printed = json.loads(run(binary, rig, "openapi", "--language", "ru").stdout)
    for document in (served, printed):
        for schema in ("User", "UserCreate", "UserUpdate"):
            fields = document["components"]["schemas"][schema]["properties"]
            assert set(VALUES) <= set(fields)
            assert fields["middleName"]["maxLength"] == 64
            assert fields["uidNumber"]["format"] == "int32"


def test_reload_changes_further_attributes(make_rig, directory, ldap_admin, ou):
    rig = make_rig(directory, DIRECTORY_USER_ATTRIBUTES="middleName:text:64",
                   **as_administrator(ldap_admin))
    raw = Raw(rig)
    account = raw.create(ou, middleName="x")["sAMAccountName"]
    rig.set(DIRECTORY_USER_ATTRIBUTES="division:text:256")
    rig.reload()
    found = raw.request("GET", f"/users/{account}").json()
    assert "middleName" not in found and found["division"] is None
    rig.set(DIRECTORY_USER_ATTRIBUTES="noSuchAttribute:text:5")
    rig.service.reload()
    wait_until(lambda: rig.count_log("noSuchAttribute is not in the schema"),
               what="the reload to be refused")
    assert raw.change(account, division="y").json()["division"] == "y"


@pytest.mark.parametrize("attribute", REFUSED)
def test_attribute_that_does_not_fit_the_schema_is_reported(module_raw, directory, binary, tmp_path,
                                                            attribute):
    """By the check of the settings, and by a start, which it prevents."""
    settings = {**directory.settings(), **PATIENT, "PATH": os.environ["PATH"],
                "DIRECTORY_USER_ATTRIBUTES": f"middleName:text:64,{attribute}"
                if not attribute.startswith("middleName") else attribute}
    for command in (["config", "--check"], ["serve"]):
        done = subprocess.run([binary, *command], cwd=tmp_path, capture_output=True, text=True,
                              timeout=30, check=False, env=settings)
        assert done.returncode == os.EX_CONFIG, done.stderr
        assert REFUSED[attribute] in done.stderr
        assert attribute.split(":")[0] in done.stderr


def test_unreachable_directory_does_not_prevent_start(make_rig, breakable_directory):
    """The attributes are compared with the schema when the directory answers."""
    breakable_directory.stop()
    rig = make_rig(breakable_directory, DIRECTORY_USER_ATTRIBUTES="noSuchAttribute:text:5")
    assert rig.count_log("not compared with the schema") == 1
    assert rig.anonymous("").get("/health").status_code == 200
    breakable_directory.start()
    rig.wait_for_directory()
    wait_until(lambda: rig.count_log("noSuchAttribute is not in the schema"),
               what="the attribute to be reported")
    errors = [line for line in rig.log() if "noSuchAttribute" in line["message"]]
    assert [line["level"] for line in errors] == ["error"]


UNFIT = {"noSuchAttribute": "x", "uidNumber": "1"}


@pytest.fixture
def raw_after_outage(make_rig, breakable_directory, ldap_admin, ou):
    """Starts a service while the directory is down, with attributes of which some do not fit the
    schema; returns a client of it, and the name of a user who has all that exist."""
    name = tag()
    dn = ldap_admin.add(f"CN={name},{ou}", objectClass="user", sAMAccountName=name,
                        middleName="x", uidNumber="4711")
    settings = as_administrator(ldap_admin)
    ldap_admin.close()
    breakable_directory.stop()
    raw = Raw(make_rig(
        breakable_directory, **settings,
        DIRECTORY_USER_ATTRIBUTES="noSuchAttribute:text:5 middleName:text:64 uidNumber:text:10"))
    response = raw.request("GET", f"/users/{name}")
    assert (response.status_code, response.json()["code"]) == (503, "DIRECTORY_UNAVAILABLE")
    breakable_directory.start()
    breakable_directory.wait_ready()
    found = wait_until(lambda: answered(raw, f"/users/{name}"), what="the directory to answer")
    return raw, name, dn, found


def answered(raw, path):
    """Returns the body of the reply unless the directory is unavailable."""
    response = raw.request("GET", path)
    assert response.status_code in (200, 503), response.text
    return response.status_code == 200 and response.json()


def test_unfit_attributes_are_unavailable_after_start_without_directory(raw_after_outage,
                                                                        ldap_admin):
    """The first reply that contains a user already omits their values."""
    raw, name, dn, found = raw_after_outage
    assert {field: found[field] for field in (*UNFIT, "middleName")} == {
        "noSuchAttribute": None, "uidNumber": None, "middleName": "x"}
    fields = ",".join((*UNFIT, "middleName"))
    [listed] = raw.request("GET", f"/users?search={name}&fields={fields}").json()["items"]
    assert (listed["uidNumber"], listed["noSuchAttribute"], listed["middleName"]) == (None, None,
                                                                                      "x")
    etag = raw.request("GET", f"/users/{name}").headers["ETag"]
    ldap_admin.set(dn, "uidNumber", "4712")
    assert raw.request("GET", f"/users/{name}").headers["ETag"] == etag
    for field, value in UNFIT.items():
        for body in ({field: value}, {field: None}, {field: value, "middleName": "y"}):
            response = raw.change(name, **body)
            assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_ERROR")
            [detail] = response.json()["details"]
            assert detail["field"] == field and "DIRECTORY_USER_ATTRIBUTES" in detail["message"]
        response = raw.request("GET", "/users", params={"filter": f'{field} eq "4711"'})
        assert (response.status_code, response.json()["code"]) == (400, "NOT_FILTERABLE")
        response = raw.request("GET", f"/users?sort={field}")
        assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_ERROR")
    entry = ldap_admin.entry(dn)
    assert (entry["uidNumber"], entry["middleName"]) == ([b"4712"], [b"x"])
    assert raw.change(name, middleName="y").json()["middleName"] == "y"


def test_unfit_attribute_of_new_user_is_rejected_after_start_without_directory(raw_after_outage,
                                                                              ldap_admin, ou):
    raw, _, _, _ = raw_after_outage
    body = {"cn": tag(), "sAMAccountName": tag(), "ou": ou, "password": vault.password()}
    for fields in ({"uidNumber": "1"}, UNFIT):
        response = raw.request("POST", "/users", json={**body, **fields})
        assert response.status_code == 400, response.text
        assert {each["field"] for each in response.json()["details"]} == set(fields)
    assert ldap_admin.find(body["sAMAccountName"]) is None
    assert raw.create(ou, middleName="z")["middleName"] == "z"
