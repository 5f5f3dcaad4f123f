"""Media types, charsets, byte order marks and content codings of request bodies, as clients and
their libraries send them. A refusal names what is accepted and changes nothing."""

import gzip
import json

import pytest
from support import contract, files, wire
from support.entries import tag
from support.files import TEXT

MERGE_PATCH = "application/merge-patch+json"
PATCHES = f"application/json, {MERGE_PATCH}"
MARK = b"\xef\xbb\xbf"


@pytest.fixture(scope="module")
def owner(accounts):
    return accounts.register()


def read(owner):
    response = owner.client.get(owner.path)
    assert response.status_code == 200, response.text
    return response.json()


def rename(owner, name, kind="application/json", before=b"", **headers):
    """Sends a PATCH of the organization's name."""
    body = before + json.dumps({"name": name}, ensure_ascii=False).encode()
    return owner.client.patch(owner.path, data=body, headers={"Content-Type": kind, **headers})


# --- media types ----------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", [
    "application/json; charset=utf8", "application/json;charset=UTF8",
    "application/json; charset=us-ascii", "application/json; charset=\"US-ASCII\"",
    MERGE_PATCH, f"{MERGE_PATCH}; charset=utf-8", "Application/Merge-Patch+JSON;charset=utf8"])
def test_patch_body_in_utf8_is_accepted(owner, sql_database, kind):
    name = f"Ромашка {tag()}"
    response = rename(owner, name, kind)
    assert response.status_code == 200, response.text
    assert response.json()["name"] == name
    stored = sql_database.run(f"SELECT name FROM organizations WHERE id = {owner.organization}")
    assert name in str(stored)


def test_merge_patch_removes_attribute_of_directory_user(api, people, ldap_admin):
    user = people.create(title="Бухгалтер", mail="a@example.com")
    response = api.patch(f"/users/{user['sAMAccountName']}", data=b'{"title":null}',
                         headers={"Content-Type": MERGE_PATCH})
    assert response.status_code == 200, response.text
    assert response.json()["title"] is None
    found = ldap_admin.ldapsearch(f"(sAMAccountName={user['sAMAccountName']})", "title", "mail")
    assert "a@example.com" in str(found) and "Бухгалтер" not in str(found)


@pytest.mark.parametrize("kind", ["text/plain", "application/json-patch+json", "",
                                  f"{MERGE_PATCH}; charset=koi8-r", "application/merge-patch"])
def test_refused_patch_names_accepted_types(owner, kind):
    before = read(owner)
    response = rename(owner, "x", kind)
    contract.check_error(response, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert response.headers["Accept-Patch"] == response.headers["Accept"] == PATCHES
    assert read(owner) == before


@pytest.mark.parametrize("method, path, accepted", [
    ("POST", "/auth/login", "application/json"),
    ("POST", "/tokens/revoke", "application/json, application/x-www-form-urlencoded"),
    ("PUT", "/files/a.txt/tags", "application/json"),
    ("POST", "/files/upload", "multipart/form-data")])
def test_refused_body_names_accepted_types(owner, method, path, accepted):
    for kind in ("text/plain", MERGE_PATCH):
        response = owner.client.request(method, path, data=b"{}", headers={"Content-Type": kind})
        contract.check_error(response, 415, "UNSUPPORTED_MEDIA_TYPE")
        assert response.headers["Accept"] == accepted
        assert "Accept-Patch" not in response.headers


@pytest.mark.parametrize("path, accepted", [
    ("/api/v1/users/somebody", PATCHES), ("/api/v1/organizations/1", PATCHES),
    ("/api/v1/contacts/1", PATCHES), ("/api/v1/auth/me", PATCHES), ("/api/v1/users", None),
    ("/health", None)])
def test_options_names_types_of_patch(site, path, accepted):
    """RFC 5789 3.1: a resource that supports PATCH says so beside Allow."""
    response = site.request("OPTIONS", path)
    assert response.status_code == 405
    assert response.headers.get("Accept-Patch") == accepted
    assert ("PATCH" in response.headers["Allow"]) == bool(accepted)


# --- byte order marks -----------------------------------------------------------------------------

def test_byte_order_mark_is_not_part_of_json(owner):
    name = f"Ромашка {tag()}"
    assert rename(owner, name, before=MARK).json()["name"] == name
    contract.check_error(rename(owner, "x", before=MARK + MARK), 400, "INVALID_JSON")
    assert read(owner)["name"] == name


def test_byte_order_mark_precedes_bare_and_optional_bodies(owner, sql_anonymous):
    made = files.upload(owner.client)
    response = owner.client.put(f"/files/{made['filename']}/tags", data=MARK + b'["a"]',
                                headers={"Content-Type": "application/json"})
    assert response.json()["tags"] == ["a"]
    root = sql_anonymous.at(sql_anonymous.base_url.removesuffix("/api/v1"))
    assert root.post("/app/token", data=MARK + b'{"ttl_minutes":5}',
                     headers={"Content-Type": "application/json"}).status_code == 200


# --- content codings ------------------------------------------------------------------------------

CODINGS = ["gzip", "GZIP", "x-gzip", "br", "deflate", "zstd", "identity, gzip", "aws-chunked"]


@pytest.mark.parametrize("coding", CODINGS)
def test_coded_json_is_refused(owner, coding):
    """The header is not ignored, whether the body is compressed or not."""
    before = read(owner)
    body = b'{"name":"x"}'
    for sent in (body, gzip.compress(body)):
        response = owner.client.patch(owner.path, data=sent, headers={
            "Content-Type": "application/json", "Content-Encoding": coding})
        contract.check_error(response, 415, "UNSUPPORTED_CONTENT_ENCODING")
        assert response.headers["Accept-Encoding"] == "identity"
        assert "Accept" not in response.headers
    assert read(owner) == before


def test_put_of_part_of_content_is_refused(owner):
    made = files.upload(owner.client)
    path = f"/files/{made['filename']}"
    contract.check_error(owner.client.put(f"{path}/tags", json=["a"],
                                          headers={"Content-Range": "bytes 0-4/10"}),
                         400, "BAD_REQUEST")
    assert owner.client.get(f"{path}/info").json()["tags"] == []


@pytest.mark.parametrize("coding", ["identity", "Identity", "", "identity , identity"])
def test_identity_coding_is_accepted(owner, coding):
    name = tag()
    assert rename(owner, name, **{"Content-Encoding": coding}).json()["name"] == name


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_coded_upload_is_refused(owner, coding):
    response = files.send(owner.client, TEXT, headers={"Content-Encoding": coding})
    contract.check_error(response, 415, "UNSUPPORTED_CONTENT_ENCODING")
    assert response.headers["Accept-Encoding"] == "identity"
    assert TEXT not in [owner.client.get(f"/files/{name}/info").content
                        for name in files.names(owner.client)]


def test_coded_upload_is_refused_before_its_body_arrives(owner):
    with files.begin(owner.client, headers=[("Content-Encoding", "gzip")]) as peer:
        answer = wire.read_answer(peer)
    assert (answer.status, answer.headers["Accept-Encoding"]) == (415, "identity")


def test_coded_login_and_optional_body_are_refused(sql_anonymous):
    response = sql_anonymous.post("/auth/login", json={"username": "a", "password": "b"},
                                  headers={"Content-Encoding": "gzip"})
    contract.check_error(response, 415, "UNSUPPORTED_CONTENT_ENCODING")
    root = sql_anonymous.at(sql_anonymous.base_url.removesuffix("/api/v1"))
    contract.check_error(root.post("/app/token", headers={"Content-Encoding": "gzip"}), 415,
                         "UNSUPPORTED_CONTENT_ENCODING")
