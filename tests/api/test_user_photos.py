"""The photos of users: reading, setting and deleting them, their content, conditions and limits."""

import io
import threading

import pytest

from support import contract
from support.client import path_of
from support.entries import tag
from support.photos import LIMIT, PIXEL, PNG, jpeg


def photo_of(name):
    """Returns the path of the photo of a user that a name, a GUID or a DN identifies."""
    return path_of("/users", name, "photo")


def photo_path(user):
    return photo_of(user["sAMAccountName"])


def put(api, user, photo, content_type="image/jpeg", **headers):
    return api.put(photo_path(user), data=photo,
                   headers={"Content-Type": content_type, **headers})


def stored(ldap_admin, user):
    """Returns the photo as ldapsearch shows it; None if there is none."""
    [entry] = ldap_admin.ldapsearch(f"(sAMAccountName={user['sAMAccountName']})", "thumbnailPhoto")
    return entry.get("thumbnailPhoto", [None])[0]


def test_photo_is_set_read_replaced_and_deleted(api, people, ldap_admin):
    user = people.create()
    contract.check_error(api.get(photo_path(user)), 404, "NOT_FOUND")
    for photo in (PIXEL, jpeg(LIMIT)):
        response = put(api, user, photo)
        assert (response.status_code, response.content) == (204, b"")
        assert stored(ldap_admin, user) == photo
        shown = api.get(photo_path(user))
        assert (shown.status_code, shown.content) == (200, photo)
        assert shown.headers["Content-Type"] == "image/jpeg"
        assert shown.headers["Content-Length"] == str(len(photo))
        assert shown.headers["X-Content-Type-Options"] == "nosniff"
        assert shown.headers["Cache-Control"] == "private, no-cache"
    response = api.delete(photo_path(user))
    assert (response.status_code, response.content) == (204, b"")
    assert stored(ldap_admin, user) is None
    contract.check_error(api.get(photo_path(user)), 404, "NOT_FOUND")
    contract.check_error(api.delete(photo_path(user)), 404, "NOT_FOUND")


def test_photo_is_found_by_guid_and_dn(api, people):
    user = people.create()
    put(api, user, PIXEL)
    for name in (user["objectGUID"], user["dn"]):
        assert api.get(photo_of(name)).content == PIXEL


def test_photo_of_unknown_user_is_not_found(api, ldap_admin):
    for name in ("nobody-is-called-so", "Domain Users"):
        path = photo_of(name)
        contract.check_error(api.get(path), 404, "NOT_FOUND")
        contract.check_error(api.delete(path), 404, "NOT_FOUND")
        contract.check_error(api.put(path, data=PIXEL, headers={"Content-Type": "image/jpeg"}),
                             404, "NOT_FOUND")


def test_photo_is_no_field_of_the_user(api, people):
    user = people.create()
    put(api, user, PIXEL)
    assert "thumbnailPhoto" not in people.get(user["sAMAccountName"])
    assert contract.check_error(api.patch(path_of("/users", user["sAMAccountName"]),
                                          json={"thumbnailPhoto": "x"}), 400,
                                "VALIDATION_ERROR") == ["thumbnailPhoto"]


# --- content --------------------------------------------------------------------------------------

@pytest.mark.parametrize("content", [
    b"", b"\xff", PIXEL[:2], PIXEL[:-1], PIXEL[:-2], PIXEL[2:], PIXEL + b"<script>", PNG, b"GIF89a",
    b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", b"%PDF-1.7\xff\xd9",
    b"MZ" + PIXEL, b"\xff\xd8\xff" + b"<html>", b"{}", b"\xff\xd9", b"x" * LIMIT])
def test_content_that_is_no_jpeg_is_refused(api, people, ldap_admin, content):
    user = people.create()
    put(api, user, PIXEL)
    response = put(api, user, content)
    contract.check_error(response, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert response.headers["Accept"] == "image/jpeg"
    assert stored(ldap_admin, user) == PIXEL


@pytest.mark.parametrize("content_type", ["image/png", "application/json", "text/html",
                                          "multipart/form-data; boundary=x", "image/jpegx", ""])
def test_other_content_type_is_refused(api, people, ldap_admin, content_type):
    user = people.create()
    contract.check_error(put(api, user, PIXEL, content_type), 415, "UNSUPPORTED_MEDIA_TYPE")
    assert stored(ldap_admin, user) is None


def test_content_type_may_have_parameters_and_any_case(api, people, ldap_admin):
    user = people.create()
    assert put(api, user, PIXEL, "IMAGE/JPEG; q=1").status_code == 204
    assert stored(ldap_admin, user) == PIXEL


def test_compressed_photo_is_refused(api, people, ldap_admin):
    user = people.create()
    response = put(api, user, PIXEL, **{"Content-Encoding": "gzip"})
    contract.check_error(response, 415, "UNSUPPORTED_CONTENT_ENCODING")
    assert stored(ldap_admin, user) is None


def test_photo_is_at_most_one_hundred_kibibytes(api, people, ldap_admin):
    """Also if the client does not declare the length."""
    user = people.create()
    assert put(api, user, jpeg(LIMIT)).status_code == 204
    contract.check_error(put(api, user, jpeg(LIMIT + 1)), 413, "PAYLOAD_TOO_LARGE")
    contract.check_error(put(api, user, io.BytesIO(jpeg(LIMIT + 1))), 413, "PAYLOAD_TOO_LARGE")
    contract.check_error(put(api, user, jpeg(300_000)), 413, "PAYLOAD_TOO_LARGE")
    assert stored(ldap_admin, user) == jpeg(LIMIT)


def test_photo_of_another_tool_is_shown_with_its_own_type(api, people, ldap_admin):
    user = people.create()
    ldap_admin.set(user["dn"], "thumbnailPhoto", PNG)
    shown = api.get(photo_path(user))
    assert (shown.content, shown.headers["Content-Type"]) == (PNG, "image/png")


def test_stored_value_that_is_no_image_is_not_shown(api, people, ldap_admin):
    user = people.create()
    ldap_admin.set(user["dn"], "thumbnailPhoto", b"<html><script>alert(1)</script></html>")
    contract.check_error(api.get(photo_path(user)), 404, "NOT_FOUND")
    assert put(api, user, PIXEL).status_code == 204


# --- conditions -----------------------------------------------------------------------------------

def test_unchanged_photo_is_not_sent_again(api, people):
    user = people.create()
    put(api, user, PIXEL)
    tagged = api.get(photo_path(user)).headers["ETag"]
    again = api.get(photo_path(user), headers={"If-None-Match": tagged})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tagged)
    head = api.head(photo_path(user))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(PIXEL))
    put(api, user, jpeg(500))
    assert api.get(photo_path(user), headers={"If-None-Match": tagged}).content == jpeg(500)
    contract.check_error(api.get(photo_path(user), headers={"If-Match": tagged}), 412,
                         "PRECONDITION_FAILED")


def test_photo_is_replaced_only_if_it_is_unchanged(api, people, ldap_admin):
    user = people.create()
    none = put(api, user, PIXEL, **{"If-Match": "*"})
    contract.check_error(none, 412, "PRECONDITION_FAILED")
    assert put(api, user, PIXEL, **{"If-None-Match": "*"}).status_code == 204
    contract.check_error(put(api, user, jpeg(500), **{"If-None-Match": "*"}), 412,
                         "PRECONDITION_FAILED")
    tagged = api.get(photo_path(user)).headers["ETag"]
    assert put(api, user, jpeg(500), **{"If-Match": tagged}).status_code == 204
    contract.check_error(put(api, user, PIXEL, **{"If-Match": tagged}), 412, "PRECONDITION_FAILED")
    stale = api.delete(photo_path(user), headers={"If-Match": tagged})
    contract.check_error(stale, 412, "PRECONDITION_FAILED")
    assert stored(ldap_admin, user) == jpeg(500)
    tagged = api.get(photo_path(user)).headers["ETag"]
    assert api.delete(photo_path(user), headers={"If-Match": tagged}).status_code == 204


def test_only_one_of_two_conditional_replacements_succeeds(api, people, ldap_admin):
    user = people.create()
    for number in range(10):
        put(api, user, jpeg(1000))
        tagged = api.get(photo_path(user)).headers["ETag"]
        photos = [jpeg(2000, f"{number} {side}".encode()) for side in "ab"]
        results = {}
        start = threading.Barrier(2)

        def replace(photo):
            start.wait()
            results[photo] = put(api, user, photo, **{"If-Match": tagged}).status_code

        threads = [threading.Thread(target=replace, args=(photo,)) for photo in photos]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results.values()) == [204, 412]
        assert results[stored(ldap_admin, user)] == 204


# --- permissions ----------------------------------------------------------------------------------

def test_photo_of_protected_user_is_shown_and_cannot_be_changed(api, ldap_admin):
    path = photo_of("Administrator")
    dn, before = ldap_admin.find("Administrator")
    response = api.put(path, data=PIXEL, headers={"Content-Type": "image/jpeg"})
    contract.check_error(response, 403, "PROTECTED_OBJECT")
    assert "thumbnailPhoto" not in ldap_admin.find("Administrator")[1]
    ldap_admin.set(dn, "thumbnailPhoto", PIXEL)
    try:
        assert api.get(path).content == PIXEL
        contract.check_error(api.delete(path), 403, "PROTECTED_OBJECT")
        assert ldap_admin.find("Administrator")[1]["thumbnailPhoto"] == [PIXEL]
    finally:
        ldap_admin.set(dn, "thumbnailPhoto")


def test_ordinary_user_may_read_photos_only(anonymous, site, api, people, ldap_admin):
    user = people.create()
    put(api, user, PIXEL)
    tokens = anonymous.login(user["sAMAccountName"], user["password"])
    reader = site.bearing(tokens["access_token"])
    path = "/api/v1" + photo_path(user)
    assert reader.get(path).content == PIXEL
    contract.check_error(reader.put(path, data=jpeg(500), headers={"Content-Type": "image/jpeg"}),
                         403, "FORBIDDEN")
    contract.check_error(reader.delete(path), 403, "FORBIDDEN")
    contract.check_error(site.as_anonymous().get(path), 401, "UNAUTHORIZED")
    assert stored(ldap_admin, user) == PIXEL


def test_changes_of_photos_are_audited(api, people, audit):
    user = people.create()
    for send, action, status in (
            (lambda: put(api, user, PIXEL), "set_user_photo", "success"),
            (lambda: put(api, user, PNG), "set_user_photo", "failure"),
            (lambda: api.delete(photo_path(user)), "delete_user_photo", "success"),
            (lambda: api.delete(photo_path(user)), "delete_user_photo", "failure")):
        [line] = audit.of(send().headers["X-Request-ID"])
        assert (line["action"], line["status"]) == (action, status)
        assert (line["resource_type"], line["resource_id"]) == ("user", user["sAMAccountName"])


def test_errors_about_photos_are_in_both_languages(api, people):
    user = people.create()
    told = {language: put(api, user, PNG, **{"Accept-Language": language}).json()["error"]
            for language in ("ru", "en")}
    assert told["ru"] != told["en"] and contract.CYRILLIC.search(told["ru"])


def test_name_in_path_is_not_interpreted(api):
    for name in ("*", "a)(objectClass=*", "..%2f", tag()):
        assert api.get(photo_of(name)).status_code == 404
