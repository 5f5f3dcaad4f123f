"""The contract's conventions, held against every answer that a test sees."""

import re
from urllib.parse import urlsplit

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
CODE = re.compile(r"[A-Z][A-Z_]+")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PUBLIC = re.compile(r"/(?:docs|redoc|openapi\.json|static/.*)$")
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)

# Whatever the service says of an entry, it says all of this, and nothing else.
ENTRY_TYPES = {"dn": str, "description": (str, type(None)), "objectGUID": str, "whenCreated": str,
               "whenChanged": str}
USER_TYPES = {
    **ENTRY_TYPES, "cn": str, "sAMAccountName": str, "userPrincipalName": (str, type(None)),
    "givenName": (str, type(None)), "sn": (str, type(None)), "mail": (str, type(None)),
    "telephoneNumber": (str, type(None)), "title": (str, type(None)),
    "department": (str, type(None)), "userAccountControl": int, "enabled": bool, "locked": bool,
    "memberOf": list,
}
GROUP_TYPES = {**ENTRY_TYPES, "cn": str, "sAMAccountName": str, "groupType": int, "scope": str,
               "security": bool, "member": list}
OU_TYPES = {**ENTRY_TYPES, "ou": str}
CONTAINER_TYPES = {**ENTRY_TYPES, "cn": str}
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
MEMBERSHIP_TYPES = {"id": int, "name": str, "currency": str, "role": str}
ORGANIZATION_TYPES = {**MEMBERSHIP_TYPES, "created_at": str, "updated_at": str, "version": int}
TOKENS_TYPES = {"access_token": str, "refresh_token": str, "token_type": str, "expires_in": int}
ME_TYPES = {"id": str, "username": str, "email": (str, type(None)), "name": str, "kind": str,
            "account_id": (int, type(None)), "organizations": list,
            "default_organization_id": (int, type(None)), "email_verified": bool,
            "permissions": list}
LIST_KEYS = {"items", "total", "skip", "limit", "pages"}

# What errors of some codes have beside what all have.
MEMBERS = {"FILE_TYPE_NOT_ALLOWED": ["allowed_extensions"], "FILE_TOO_LARGE": ["max_size_mb"]}

# One status a code, whoever answers: filled while the session goes on.
_status_of_code = {}


def check_caching(response):
    """An answer with an entity tag may be stored by the client only, and is revalidated on each
    use; others are not stored. The documentation may be stored by shared caches too."""
    path, tagged = urlsplit(response.url).path, "ETag" in response.headers
    public = response.ok and (PUBLIC.match(path) or (path == "/" and tagged))
    expected = "no-cache" if public else "private, no-cache" if tagged else "no-store"
    assert response.headers.get("Cache-Control") == expected, (response.request.method, path,
                                                               response.status_code)


def check_challenge(response):
    """RFC 6750 3.1: a challenge names an error only if a token was sent. With a refresh token in
    the body, the access token is ignored."""
    request, status = response.request, response.status_code
    if request.method == "HEAD" or status not in (401, 403):
        assert status == 401 or "WWW-Authenticate" not in response.headers or request.method == "HEAD"
        return
    code = response.json()["code"]
    field = request.headers.get("Authorization", "")
    field = field.decode("latin-1") if isinstance(field, bytes) else field
    sent = re.match(r"bearer +\S", field, re.IGNORECASE) and "refresh_token" not in str(request.body)
    named = ("invalid_token" if code in ("INVALID_TOKEN", "TOKEN_EXPIRED")
             else "insufficient_scope" if code == "FORBIDDEN" else None)
    expected = f'Bearer error="{named}"' if sent and named else "Bearer" if status == 401 else None
    assert response.headers.get("WWW-Authenticate") == expected, (request.method, response.url, code)


def check_answer(response):
    """What every answer of the service keeps, whatever its status."""
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
    """What depends on what; returns the dependencies by name. No host and no cause is told."""
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
    """Whether the storage serves, as it says itself."""
    body = response.json()
    assert set(body) == {"status", "message", "timestamp"}, body
    assert body["status"] == ("healthy" if response.ok else "unhealthy"), body
    assert TIME.fullmatch(body["timestamp"]), body


def check_problem(status, headers, body):
    """The one format of errors, of the workers and of nginx alike."""
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
    """What all entries have in common, and that its fields are these; returns it."""
    assert set(entry) == set(types), set(entry) ^ set(types)
    for name, kind in types.items():
        assert isinstance(entry[name], kind), (name, entry[name])
    assert GUID.fullmatch(entry["objectGUID"]), entry["objectGUID"]
    assert TIME.fullmatch(entry["whenCreated"]), entry["whenCreated"]
    assert TIME.fullmatch(entry["whenChanged"]), entry["whenChanged"]
    return entry


def check_user(user):
    """A user as the contract describes it; returns it."""
    check_entry(user, USER_TYPES)
    assert all(isinstance(group, str) for group in user["memberOf"])
    assert user["enabled"] == (not user["userAccountControl"] & 2)
    return user


def check_group(group):
    """A group as the contract describes it; returns it."""
    check_entry(group, GROUP_TYPES)
    assert all(isinstance(member, str) for member in group["member"])
    assert len(group["member"]) == len(set(group["member"]))
    assert -2 ** 31 <= group["groupType"] < 2 ** 31
    assert group["groupType"] & SCOPES[group["scope"]]
    assert group["security"] == (group["groupType"] < 0)
    return group


def check_ou(unit):
    """An organizational unit as the contract describes it; returns it."""
    return check_entry(unit, OU_TYPES)


def check_container(container):
    """A container as the contract describes it; returns it."""
    return check_entry(container, CONTAINER_TYPES)


def check_record(record, types):
    """That its fields are these, and times are times; returns it."""
    assert set(record) == set(types), set(record) ^ set(types)
    for name, kind in types.items():
        assert isinstance(record[name], kind), (name, record[name])
        if name.endswith("_at") and record[name] is not None:
            assert TIME.fullmatch(record[name]), (name, record[name])
    return record


def check_account(account):
    """An account as the contract describes it; returns it."""
    return check_record(account, ACCOUNT_TYPES)


def check_organization(organization):
    """An organization as the contract describes it; returns it."""
    return check_record(organization, ORGANIZATION_TYPES)


def check_member(member):
    """A member as the contract describes it; returns it."""
    return check_record(member, MEMBER_TYPES)


def check_invited(invited):
    """What inviting somebody answers; returns it."""
    assert check_record(invited, INVITED_TYPES)["state"] == "invited"
    return invited


def check_invitation(invitation):
    """An invitation as its organization sees it; returns it."""
    return check_record(invitation, INVITATION_TYPES)


def check_own_invitation(invitation):
    """An invitation as the holder of its address sees it; returns it."""
    return check_record(invitation, OWN_INVITATION_TYPES)


def check_me(me):
    """What /auth/me answers; returns it."""
    for membership in check_record(me, ME_TYPES)["organizations"]:
        check_record(membership, MEMBERSHIP_TYPES)
    return me


def check_registered(made):
    """What /auth/register answers; returns it."""
    check_record(made, {"user": dict, "organization": dict, **TOKENS_TYPES})
    check_record(made["user"], NAMED_ACCOUNT_TYPES)
    check_record(made["organization"], MEMBERSHIP_TYPES)
    return made


def check_list(body):
    """A list as the contract describes it; returns its items."""
    assert set(body) == LIST_KEYS, body.keys()
    assert body["pages"] == -(-body["total"] // body["limit"]), body
    assert len(body["items"]) <= body["limit"]
    return body["items"]


def check_page(body):
    """A page of rows of the database; returns its items. Those reached by `after` carry no total."""
    keys = LIST_KEYS if "total" in body else {"items", "limit"}
    assert set(body) - {"total_is_minimum"} == keys | {"next"}, body.keys()
    assert "total" in body or "total_is_minimum" not in body, body
    assert body["next"] is None or isinstance(body["next"], str), body
    if "total" in body:
        assert body["pages"] == -(-body["total"] // body["limit"]), body
    assert len(body["items"]) <= body["limit"]
    return body["items"]


def refused(response, status, code):
    """Asserts a refusal and returns the fields that it names."""
    assert response.status_code == status, (response.status_code, response.text)
    body = response.json()
    assert body["code"] == code, body
    return [detail["field"] for detail in body.get("details", []) if isinstance(detail, dict)]
