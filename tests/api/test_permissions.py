"""Permissions of every route, as one table. Permissions of roles are tested with the resources
of organizations."""

import pytest

from support import contract

# Every route with a valid body, because the permission must be checked before anything else.
ROUTES = [
    ("GET", "/", None, "open"),
    ("GET", "/health", None, "open"),
    ("GET", "/health/ready", None, "open"),
    ("GET", "/metrics", None, "open"),
    ("POST", "/api/v1/auth/login", {"username": "a", "password": "b"}, "open"),
    ("POST", "/api/v1/auth/refresh", {"refresh_token": "x"}, "open"),
    ("POST", "/api/v1/auth/register", {"email": "x", "password": "12345678"}, "open"),
    ("POST", "/app/token", {}, "open"),
    ("GET", "/app/valid/x", None, "open"),
    ("POST", "/app/valid", {"token": "x"}, "open"),
    ("DELETE", "/app/clear/all/tokens", None, "open"),
    ("GET", "/health/storage", None, "open"),
    ("GET", "/api/v1/auth/me", None, "principal"),
    ("GET", "/api/v1/files", None, "principal"),
    ("POST", "/api/v1/files/upload", None, "principal"),
    ("GET", "/api/v1/files/a.txt/info", None, "principal"),
    ("GET", "/api/v1/files/a.txt/download", None, "principal"),
    ("PUT", "/api/v1/files/a.txt/tags", ["a"], "principal"),
    ("DELETE", "/api/v1/files/a.txt", None, "principal"),
    ("POST", "/api/v1/files/bulk-delete", {"names": ["a.txt"]}, "principal"),
    ("POST", "/api/v1/auth/logout", None, "principal"),
    ("POST", "/api/v1/auth/change-password",
     {"current_password": "x", "new_password": "12345678"}, "principal"),
    ("GET", "/api/v1/users", None, "directory"),
    ("POST", "/api/v1/users", {}, "directory"),
    ("GET", "/api/v1/users/Administrator", None, "directory"),
    ("PATCH", "/api/v1/users/Administrator", {"title": "x"}, "directory"),
    ("DELETE", "/api/v1/users/Administrator", None, "directory"),
    ("PUT", "/api/v1/users/Administrator/photo", {}, "directory"),
    ("DELETE", "/api/v1/users/Administrator/photo", None, "directory"),
    ("POST", "/api/v1/users/Administrator/groups/sales", None, "directory"),
    ("DELETE", "/api/v1/users/Administrator/groups/sales", None, "directory"),
    ("GET", "/api/v1/users/Administrator/groups", None, "directory"),
    ("GET", "/api/v1/users/Administrator/access", None, "directory"),
    ("POST", "/api/v1/users/Administrator/password", {"generate": True}, "directory"),
    ("GET", "/api/v1/password-policy", None, "directory"),
    *((method, path, body, "directory")
      for collection, name in (("groups", "sales"), ("ous", "Staff"), ("containers", "Computers"))
      for method, path, body in (
          ("GET", f"/api/v1/{collection}", None), ("POST", f"/api/v1/{collection}", {}),
          ("GET", f"/api/v1/{collection}/{name}", None),
          ("PATCH", f"/api/v1/{collection}/{name}", {"description": "x"}),
          ("DELETE", f"/api/v1/{collection}/{name}", None))),
    ("GET", "/api/v1/tree", None, "directory"),
    ("GET", "/api/v1/groups/sales/members", None, "directory"),
    ("POST", "/api/v1/groups/sales/members/Administrator", None, "directory"),
    ("DELETE", "/api/v1/groups/sales/members/i.petrov", None, "directory"),
    ("GET", "/api/v1/computers", None, "directory"),
    ("POST", "/api/v1/computers", {}, "directory"),
    ("GET", "/api/v1/computers/dc1", None, "directory"),
    ("PATCH", "/api/v1/computers/dc1", {"description": "x"}, "directory"),
    ("DELETE", "/api/v1/computers/dc1", None, "directory"),
    ("POST", "/api/v1/computers/dc1/reset", None, "directory"),
]
CLOSED = [(method, path, body) for method, path, body, who in ROUTES if who != "open"]
OF_THE_DIRECTORY = [(method, path, body) for method, path, body, who in ROUTES
                    if who == "directory"]


@pytest.mark.parametrize("method, path, body", CLOSED)
@pytest.mark.parametrize("prefix", ["", "/api/v1"])
def test_call_without_token_is_unauthorized(site, method, path, body, prefix):
    path = prefix + path.removeprefix("/api/v1")
    contract.check_error(site.as_anonymous().request(method, path, json=body), 401, "UNAUTHORIZED")


@pytest.mark.parametrize("method, path, body", CLOSED)
def test_call_with_invalid_token_is_unauthorized(site, method, path, body):
    contract.check_error(site.bearing("a.b.c").request(method, path, json=body), 401,
                         "INVALID_TOKEN")


@pytest.mark.parametrize("method, path, body", CLOSED)
def test_authentication_is_checked_before_request_body(site, method, path, body):
    """A malformed body without a token returns 401, not 400."""
    response = site.as_anonymous().request(method, path, data="{broken",
                                           headers={"Content-Type": "application/json"})
    assert response.status_code == 401


@pytest.mark.parametrize("method, path, body",
                         [route[:3] for route in ROUTES if route[3] == "open"])
def test_open_call_needs_no_token(site, method, path, body):
    response = site.as_anonymous().request(method, path, json=body)
    assert response.status_code == 200 or response.json()["code"] in (
        "INVALID_CREDENTIALS", "INVALID_TOKEN", "VALIDATION_ERROR")


def test_calls_without_permission_change_nothing(site, ldap_admin):
    before = ldap_admin.tree(ldap_admin.base_dn)
    for stranger in (site.as_anonymous(), site.bearing("a.b.c")):
        for method, path, body in CLOSED:
            stranger.request(method, path, json=body)
    assert ldap_admin.tree(ldap_admin.base_dn) == before


def test_ordinary_directory_users_may_only_read(anonymous, site, people, ldap_admin):
    """Directory users can read everything and change nothing; the permission is checked before the
    body."""
    user = people.create()
    tokens = anonymous.login(user["sAMAccountName"], user["password"])
    reader = site.bearing(tokens["access_token"])
    before = ldap_admin.tree(ldap_admin.base_dn)
    for method, path, body in OF_THE_DIRECTORY:
        response = reader.request(method, path, json=body)
        if method == "GET":
            assert response.status_code == 200, path
        else:
            contract.check_error(response, 403, "FORBIDDEN")
            contract.check_error(reader.request(method, path, json={"x": 1}), 403, "FORBIDDEN")
    assert ldap_admin.tree(ldap_admin.base_dn) == before


def test_accounts_may_not_access_directory(accounts, ldap_admin):
    """Accounts cannot even read the directory."""
    client = accounts.register().client
    before = ldap_admin.tree(ldap_admin.base_dn)
    for method, path, body in OF_THE_DIRECTORY:
        response = client.request(method, path.removeprefix("/api/v1"), json=body)
        contract.check_error(response, 403, "FORBIDDEN")
    assert ldap_admin.tree(ldap_admin.base_dn) == before


def test_local_administrator_may_read_and_write_directory(api, people, entries):
    user, made = people.create(), entries.create()
    assert api.get("/users").status_code == api.get(entries.kind.path).status_code == 200
    assert entries.change(made[entries.kind.name], description="Chief")["description"] == "Chief"
    entries.delete(made[entries.kind.name])
    assert people.change(user["sAMAccountName"], title="Chief")["title"] == "Chief"
