"""The conventions of the API contract, checked on every response that a test receives."""

import re
from urllib.parse import urlsplit

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
CODE = re.compile(r"[A-Z][A-Z_]+")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PUBLIC = re.compile(r"/(?:docs|redoc|confirm|openapi\.json|static/.*)$")
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)

# Each directory entry in a response has exactly these fields.
ENTRY_TYPES = {"dn": str, "description": (str, type(None)), "objectGUID": str, "whenCreated": str,
               "whenChanged": str}
# A user in a list, unless `fields` names others.
LISTED_USER_TYPES = {
    **ENTRY_TYPES, "cn": str, "sAMAccountName": str, "userPrincipalName": (str, type(None)),
    "givenName": (str, type(None)), "sn": (str, type(None)), "mail": (str, type(None)),
    "telephoneNumber": (str, type(None)), "title": (str, type(None)),
    "department": (str, type(None)), "userAccountControl": int, "enabled": bool, "locked": bool,
    "memberOf": list,
}
TEXT_OR_NULL = (str, type(None))
USER_TYPES = {
    **LISTED_USER_TYPES,
    **dict.fromkeys((
        "displayName", "initials", "mobile", "homePhone", "ipPhone", "facsimileTelephoneNumber",
        "pager", "company", "employeeID", "employeeNumber", "employeeType",
        "physicalDeliveryOfficeName", "streetAddress", "postOfficeBox", "l", "st", "postalCode",
        "c", "wWWHomePage", "info", "homeDirectory", "homeDrive", "profilePath", "scriptPath",
        "accountExpires", "passwordLastSet", "passwordExpires", "lastLogon", "lockedAt"),
        TEXT_OR_NULL),
    "manager": (dict, type(None)), "directReports": list, "userWorkstations": list,
    "passwordNeverExpires": bool, "smartcardRequired": bool,
    "badPasswordCount": (int, type(None)),
}
MANAGER_TYPES = {"dn": str, "objectGUID": TEXT_OR_NULL, "name": TEXT_OR_NULL}
USER_TIMES = ("accountExpires", "passwordLastSet", "passwordExpires", "lastLogon", "lockedAt")
GROUP_TYPES = {**ENTRY_TYPES, "cn": str, "sAMAccountName": str, "groupType": int, "scope": str,
               "security": bool, "member": list}
OU_TYPES = {**ENTRY_TYPES, "ou": str}
CONTAINER_TYPES = {**ENTRY_TYPES, "cn": str}
COMPUTER_TYPES = {
    **ENTRY_TYPES, "cn": str, "sAMAccountName": str, "dNSHostName": (str, type(None)),
    "operatingSystem": (str, type(None)), "operatingSystemVersion": (str, type(None)),
    "lastLogon": (str, type(None)), "enabled": bool, "managedBy": (str, type(None)),
    "memberOf": list,
}
GROUP_MEMBER_TYPES = {"dn": str, "objectGUID": str, "name": str, "kind": str,
                      "enabled": (bool, type(None))}
MEMBER_KINDS = {"user", "group", "computer", "contact", "service_account", "foreign", "other"}
TREE_TYPES = {"dn": str, "name": str, "kind": str, "children": list}
CHILD_TYPES = {"dn": str, "objectGUID": str, "name": str, "kind": str, "counts": dict,
               "has_children": bool}
COUNT_TYPES = {"ous": int, "users": int, "groups": int, "computers": int}
SCOPES = {"global": 2, "domain_local": 4, "universal": 8}  # bits of groupType: MS-ADTS 2.2.12
ACCOUNT_TYPES = {"id": int, "username": str, "email": (str, type(None))}
NAMED_ACCOUNT_TYPES = {**ACCOUNT_TYPES, "email": str, "name": str}
MEMBER_TYPES = {"account_id": int, "username": str, "email": (str, type(None)), "name": str,
                "role": str, "created_at": str}
INVITED_TYPES = {"id": int, "email": str, "role": str, "state": str}
INVITATION_TYPES = {**INVITED_TYPES, "invited_by": int, "created_at": str, "expires_at": str}
OWN_INVITATION_TYPES = {"id": int, "organization_id": int, "organization_name": str, "role": str,
                        "invited_by": str, "created_at": str, "expires_at": str}
LINK_TYPES = {"id": int, "email": str, "created_at": str, "expires_at": str}
ISSUED_LINK_TYPES = {"id": int, "email": str, "token": str, "expires_at": str}
KEY_TYPES = {"id": int, "name": str, "scopes": list, "prefix": str, "created_by": str,
             "organization_id": (int, type(None)), "created_at": str, "issued_at": str,
             "expires_at": (str, type(None)), "last_used_at": (str, type(None)),
             "last_used_from": (str, type(None))}
ISSUED_KEY_TYPES = {"id": int, "name": str, "scopes": list, "expires_at": (str, type(None)),
                    "secret": str}
MEMBERSHIP_TYPES = {"id": int, "name": str, "currency": str, "role": str}
ORGANIZATION_TYPES = {**MEMBERSHIP_TYPES, "created_at": str, "updated_at": str, "version": int}
TOKENS_TYPES = {"access_token": str, "refresh_token": str, "token_type": str, "expires_in": int}
ME_TYPES = {"id": str, "username": str, "email": (str, type(None)), "name": str, "kind": str,
            "account_id": (int, type(None)), "organizations": list,
            "default_organization_id": (int, type(None)), "email_verified": bool,
            "permissions": list, "delegations": (list, type(None))}
DELEGATION_TYPES = {"id": int, "principal": (str, type(None)), "principal_name": str,
                    "scope": (str, type(None)), "rights": list, "fields": (list, type(None)),
                    "created_at": str, "created_by": str}
OWN_RIGHTS_TYPES = {"id": (int, type(None)), "scope": str, "rights": list,
                    "fields": (list, type(None))}
RIGHTS = ["read", "unlock", "reset_password", "enable", "update", "create", "delete", "move",
          "members"]
LIST_KEYS = {"items", "total", "skip", "limit", "pages"}

# Members that errors of some codes have in addition to the common ones.
MEMBERS = {"FILE_TYPE_NOT_ALLOWED": ["allowed_extensions"], "FILE_TOO_LARGE": ["max_size_mb"]}

# Status of each error code: each code must always have the same status. Filled during the session.
_status_of_code = {}


def check_caching(response):
    """A response with an entity tag may be stored only by the client, which revalidates it
    before each use; other responses are not stored. Shared caches may store the documentation."""
    path, tagged = urlsplit(response.url).path, "ETag" in response.headers
    public = response.ok and (PUBLIC.match(path) or (path == "/" and tagged))
    expected = "no-cache" if public else "private, no-cache" if tagged else "no-store"
    assert response.headers.get("Cache-Control") == expected, (response.request.method, path,
                                                               response.status_code)


def check_challenge(response):
    """RFC 6750 3.1: a challenge names an error only if the request carried an access token. A
    request whose body has a refresh token counts as one without: its access token is ignored."""
    request, status = response.request, response.status_code
    if request.method == "HEAD" or status not in (401, 403):
        assert (status == 401 or request.method == "HEAD"
                or "WWW-Authenticate" not in response.headers)
        return
    code = response.json()["code"]
    field = request.headers.get("Authorization", "")
    field = field.decode("latin-1") if isinstance(field, bytes) else field
    sent = (re.match(r"bearer +\S", field, re.IGNORECASE)
            and "refresh_token" not in str(request.body))
    named = ("invalid_token" if code in ("INVALID_TOKEN", "TOKEN_EXPIRED")
             else "insufficient_scope" if code == "FORBIDDEN" else None)
    expected = f'Bearer error="{named}"' if sent and named else "Bearer" if status == 401 else None
    assert response.headers.get("WWW-Authenticate") == expected, (request.method, response.url,
                                                                  code)


def check_answer(response):
    """Checks the rules that hold for every response, whatever its status."""
    identifier = response.headers.get("X-Request-ID", "")
    assert REQUEST_ID.fullmatch(identifier), f"X-Request-ID {identifier!r}"
    path = urlsplit(response.url).path
    check_caching(response)
    check_challenge(response)
    if response.request.method == "HEAD":
        return
    if response.status_code == 503 and path == "/health/ready":
        check_readiness(response)
    elif path == "/health/storage" and response.status_code in (200, 503):
        check_storage(response)
    elif response.status_code >= 400:
        check_problem(response.status_code, response.headers, response.json())


def check_readiness(response):
    """Checks the body of /health/ready and returns the dependencies by name. It reveals no host
    and no cause of a failure."""
    body = response.json()
    assert set(body) == {"status", "service", "dependencies"}, body
    for each in body["dependencies"]:
        assert set(each) == {"name", "state", "needed", "latency_ms", "checked_at"}, body
        assert each["state"] in ("up", "down", "unknown", "off"), body
        assert each["needed"] == (each["state"] != "off"), body
        assert each["latency_ms"] is None or each["latency_ms"] > 0, body
        assert each["checked_at"] is None or TIME.fullmatch(each["checked_at"]), body
    down = any(each["state"] == "down" for each in body["dependencies"])
    assert body["status"] == ("unavailable" if down else "ready"), body
    assert response.status_code == (503 if down else 200), body
    assert not down or int(response.headers["Retry-After"]) > 0, response.headers
    return {each["name"]: each for each in body["dependencies"]}


def check_storage(response):
    """Checks the body of /health/storage against its status."""
    body = response.json()
    assert set(body) == {"status", "message", "timestamp"}, body
    assert body["status"] == ("healthy" if response.ok else "unhealthy"), body
    assert TIME.fullmatch(body["timestamp"]), body


def check_problem(status, headers, body):
    """Checks the error format, which workers and nginx share."""
    assert headers["Content-Type"].startswith("application/json"), headers["Content-Type"]
    assert {"error", "code", "request_id"} <= set(body) <= {
        "error", "code", "details", "request_id", *MEMBERS.get(body["code"], ())}, body
    assert isinstance(body["error"], str) and body["error"], body
    assert CODE.fullmatch(body["code"]), body
    assert body["request_id"] == headers["X-Request-ID"], body
    assert _status_of_code.setdefault(body["code"], status) == status, body
    if status == 401:
        assert headers["WWW-Authenticate"].startswith("Bearer"), headers
    if status == 405:
        assert headers["Allow"], headers
    if status == 429 or body["code"] == "DIRECTORY_UNAVAILABLE":
        assert int(headers["Retry-After"]) > 0, headers
    if body["code"] == "VALIDATION_ERROR":
        assert body["details"], body
        for detail in body["details"]:
            assert set(detail) == {"field", "message"} and detail["message"], body


def check_entry(entry, types):
    """Checks that an entry has exactly these fields of these types; returns the entry."""
    assert set(entry) == set(types), set(entry) ^ set(types)
    for name, kind in types.items():
        assert isinstance(entry[name], kind), (name, entry[name])
    assert GUID.fullmatch(entry["objectGUID"]), entry["objectGUID"]
    assert TIME.fullmatch(entry["whenCreated"]), entry["whenCreated"]
    assert TIME.fullmatch(entry["whenChanged"]), entry["whenChanged"]
    return entry


def check_listed_user(user, types=None):
    """Checks the fields of a user in a list; returns the user."""
    check_entry(user, types or LISTED_USER_TYPES)
    assert all(isinstance(group, str) for group in user["memberOf"])
    assert user["enabled"] == (not user["userAccountControl"] & 2)
    return user


def check_user(user):
    """Checks the fields of a user; returns the user."""
    check_listed_user(user, USER_TYPES)
    for name in ("directReports", "userWorkstations"):
        assert all(isinstance(each, str) for each in user[name]), user[name]
    for name in USER_TIMES:
        assert user[name] is None or TIME.fullmatch(user[name]), (name, user[name])
    assert user["passwordNeverExpires"] == bool(user["userAccountControl"] & 0x10000)
    if user["manager"]:
        check_record(user["manager"], MANAGER_TYPES)
    return user


def check_group(group):
    """Checks the fields of a group; returns the group."""
    check_entry(group, GROUP_TYPES)
    assert all(isinstance(member, str) for member in group["member"])
    assert len(group["member"]) == len(set(group["member"]))
    assert -2 ** 31 <= group["groupType"] < 2 ** 31
    assert group["groupType"] & SCOPES[group["scope"]]
    assert group["security"] == (group["groupType"] < 0)
    return group


def check_ou(unit):
    """Checks the fields of an organizational unit; returns the unit."""
    return check_entry(unit, OU_TYPES)


def check_container(container):
    """Checks the fields of a container; returns the container."""
    return check_entry(container, CONTAINER_TYPES)


def check_tree(tree):
    """Checks the fields of a level of the tree; returns the level."""
    check_record(tree, TREE_TYPES)
    assert tree["kind"] in ("domain", "ou", "container"), tree
    for child in tree["children"]:
        check_record(child, CHILD_TYPES)
        check_record(child["counts"], COUNT_TYPES)
        assert GUID.fullmatch(child["objectGUID"]), child
        assert child["kind"] in ("ou", "container"), child
    return tree


def check_computer(computer):
    """Checks the fields of a computer; returns the computer."""
    check_entry(computer, COMPUTER_TYPES)
    assert computer["sAMAccountName"].endswith("$"), computer
    assert all(isinstance(group, str) for group in computer["memberOf"])
    return computer


def check_group_member(member):
    """Checks a member in a page of members; returns the member."""
    check_record(member, GROUP_MEMBER_TYPES)
    assert member["kind"] in MEMBER_KINDS, member
    assert GUID.fullmatch(member["objectGUID"]), member
    return member


def check_record(record, types):
    """Checks that a record has exactly these fields, and that times are well-formed; returns the
    record."""
    assert set(record) == set(types), set(record) ^ set(types)
    for name, kind in types.items():
        assert isinstance(record[name], kind), (name, record[name])
        if name.endswith("_at") and record[name] is not None:
            assert TIME.fullmatch(record[name]), (name, record[name])
    return record


def check_account(account):
    """Checks the fields of an account; returns the account."""
    return check_record(account, ACCOUNT_TYPES)


def check_organization(organization):
    """Checks the fields of an organization; returns the organization."""
    return check_record(organization, ORGANIZATION_TYPES)


def check_member(member):
    """Checks the fields of a member; returns the member."""
    return check_record(member, MEMBER_TYPES)


def check_invited(invited):
    """Checks the response to an invitation; returns it."""
    assert check_record(invited, INVITED_TYPES)["state"] == "invited"
    return invited


def check_invitation(invitation):
    """Checks an invitation as listed for the inviting organization; returns the invitation."""
    return check_record(invitation, INVITATION_TYPES)


def check_own_invitation(invitation):
    """Checks an invitation as listed for the invited person; returns the invitation."""
    return check_record(invitation, OWN_INVITATION_TYPES)


def check_key(key):
    """Checks an API key as listed; returns the key."""
    check_record(key, KEY_TYPES)
    assert key["prefix"].startswith("kontora_") and len(key["prefix"]) == 12, key
    return key


def check_issued_key(key):
    """Checks the reply that has the secret of an API key; returns it."""
    return check_record(key, ISSUED_KEY_TYPES)


def check_me(me):
    """Checks the body of /auth/me; returns it."""
    for delegation in me["delegations"] or []:
        check_record(delegation, OWN_RIGHTS_TYPES)
    for membership in check_record(me, ME_TYPES)["organizations"]:
        check_record(membership, MEMBERSHIP_TYPES)
    return me


def check_delegation(delegation):
    """Checks a delegation; returns it."""
    check_record(delegation, DELEGATION_TYPES)
    rights = delegation["rights"]
    assert rights and rights == [right for right in RIGHTS if right in rights], rights
    return delegation


def check_registered(made):
    """Checks the body of /auth/register; returns it."""
    check_record(made, {"user": dict, "organization": dict, **TOKENS_TYPES})
    check_record(made["user"], NAMED_ACCOUNT_TYPES)
    check_record(made["organization"], MEMBERSHIP_TYPES)
    return made


def check_list(body):
    """Checks the envelope of a list; returns its items."""
    assert set(body) == LIST_KEYS, body.keys()
    assert body["pages"] == -(-body["total"] // body["limit"]), body
    assert len(body["items"]) <= body["limit"]
    return body["items"]


def read_list(client, path, **parameters):
    """Returns all items of a list, which may have more of them than a page."""
    items, total = [], 1
    while len(items) < total:
        response = client.get(path, params={"limit": 1000, "skip": len(items), **parameters})
        assert response.status_code == 200, response.text
        page = check_list(response.json())
        total = response.json()["total"]
        assert page or total == len(items)
        items += page
    assert total == len(items)
    return items


def check_page(body):
    """Checks the envelope of a page of database rows; returns its items. A page requested with
    `after` has no total."""
    keys = LIST_KEYS if "total" in body else {"items", "limit"}
    assert set(body) - {"total_is_minimum"} == keys | {"next"}, body.keys()
    assert "total" in body or "total_is_minimum" not in body, body
    assert body["next"] is None or isinstance(body["next"], str), body
    if "total" in body:
        assert body["pages"] == -(-body["total"] // body["limit"]), body
    assert len(body["items"]) <= body["limit"]
    return body["items"]


def check_error(response, status, code):
    """Asserts an error response; returns the field names in its details."""
    assert response.status_code == status, (response.status_code, response.text)
    body = response.json()
    assert body["code"] == code, body
    return [detail["field"] for detail in body.get("details", []) if isinstance(detail, dict)]
