"""Files: uploads, lists, download URLs, tags and deletion, on every storage and engine."""

import hashlib
import json
import re
import subprocess
import threading
import time
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
import requests

from support import contract, files, metrics, wire
from support.accounts import Accounts
from support.client import Client, FilesClient
from support.files import DOCX, GIF, JPEG, PDF, PNG, TEXT, Bucket, Disk
from support.logs import service_line
from support.waiting import wait_until

# Storages and the fixtures of their stacks.
STORAGES = {"disk": "sqlite_stack", "disk-postgres": "postgres_stack", "s3": "s3_stack"}


@pytest.fixture(scope="module", params=STORAGES)
def storage(request):
    stack = request.getfixturevalue(STORAGES[request.param])
    return Bucket(stack,
                  request.getfixturevalue("gateway")) if request.param == "s3" else Disk(stack)


@pytest.fixture(scope="module")
def anonymous(storage):
    return Client(f"{storage.stack.https_url}/api/v1", storage.stack.ca_file)


@pytest.fixture(scope="module")
def people(anonymous):
    return Accounts(anonymous)


@pytest.fixture(scope="module")
def administrator(storage, anonymous):
    return anonymous.bearing(anonymous.login(*storage.stack.administrator)["access_token"])


@pytest.fixture(scope="module")
def anonymous_files(storage):
    """Returns a client without a token on the port for files."""
    return FilesClient(storage.stack.files_url, storage.stack.ca_file)


@pytest.fixture
def owner(people):
    """Returns a client of a new organization without files."""
    return people.register().client


def fetch(client, url, **arguments):
    return files.fetch(url, client.ca_file, **arguments)


# Orders in which programs write the parts of a document.
WRITERS = [
    ("_rels/.rels", "docProps/core.xml", "docProps/app.xml", "docProps/custom.xml",
     "word/document.xml", "[Content_Types].xml"),  # LibreOffice, with document properties
    ("[Content_Types].xml", "_rels/.rels", "customXml/item1.xml", "customXml/itemProps1.xml",
     "word/document2.xml"),
    ("_rels/", "_rels/.rels", "docProps/", "word/", "word/document.xml", "[Content_Types].xml"),
]


# --- uploads --------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, content, content_type", [
    ("a.txt", TEXT, "text/plain"), ("a.TXT", b"", "text/plain"), ("a.txt", b"x", "text/plain"),
    ("a.txt", "Привет, мир".encode("cp1251"), "text/plain"),
    ("a.txt", "Привет, мир\n".encode("cp1251") * 20000, "text/plain"),
    ("a.txt", "Привет 😀".encode("utf-16"), "text/plain"),
    ("a.txt", b"\xfe\xff" + "Привет 😀".encode("utf-16-be"), "text/plain"),
    ("a.txt", b"#!/bin/sh\n", "text/plain"), ("a.pdf", PDF, "application/pdf"),
    ("a.png", PNG, "image/png"), ("a.jpg", JPEG, "image/jpeg"), ("a.JPEG", JPEG, "image/jpeg"),
    ("a.jfif", JPEG, "image/jpeg"), ("a.jpe", JPEG, "image/jpeg"),
    ("a.gif", GIF, "image/gif"), ("a.docx", DOCX, files.WORD),
    *(("a.docx", files.docx(*parts), files.WORD) for parts in WRITERS),
])
def test_uploaded_file_can_be_read_and_downloaded(storage, owner, name, content, content_type):
    made = files.upload(owner, content, name)
    assert (made["original_name"], made["content_type"]) == (name, content_type)
    assert made["message"] == "Файл успешно загружен"
    assert made["filename"].endswith(name[1:].lower())
    info = files.check_info(owner.get(f"/files/{made['filename']}/info").json(), content)
    assert info["tags"] == []
    for url in (made["download_url"], info["download_url"]):
        assert storage.owns(url, owner.base_url)
        answer = fetch(owner, url)
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["Content-Type"] == content_type
        assert int(answer.headers["Content-Length"]) == len(content)


def test_upload_refused_before_its_body_closes_connection(storage):
    """The response must announce the close, or the client would lose its next request on that
    connection."""
    head = (b"POST /files/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n")
    answer = wire.exchange(storage.stack.https_url, storage.stack.ca_file, head)
    assert (answer.status, answer.headers["Connection"]) == (401, "close")


def test_success_message_of_upload_is_in_requested_language(owner):
    answer = files.send(owner, headers={"Accept-Language": "en"})
    assert answer.json()["message"] == "The file was uploaded"


def refuse_type(storage, owner, name, content, error):
    before = storage.keys()
    answer = files.send_form(owner, content, name)
    contract.check_error(answer, 400, "FILE_TYPE_NOT_ALLOWED")
    assert answer.json()["error"] == error
    assert answer.json()["allowed_extensions"] == files.EXTENSIONS
    assert storage.keys() - before == set() and files.listed(owner) == []


@pytest.mark.parametrize("name, content", [
    ("a.png", b"<!DOCTYPE html><html><script>alert(1)</script></html>"),
    ("a.png", GIF), ("a.gif", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), ("a.txt", PNG),
    ("a.txt", b"a\0b"), ("a.txt", b"\0"), ("a.txt", TEXT * 20000 + b"\x7f"),
    ("a.txt", "Привет".encode("utf-16") + b"x"), ("a.txt", "a".encode("utf-16") + b"\x3d\xd8"),
    ("a.txt", TEXT * 20000 + GIF), ("a.pdf", TEXT), ("a.pdf", b""), ("a.jpg", b"\xff\xd8"),
    ("a.docx", files.docx("a.txt")), ("a.docx", DOCX[:-30]), ("a.docx", GIF + DOCX),
    ("a.docx", b""),
    ("a.docx", files.docx("[Content_Types].xml", "_rels/.rels", "word/a.exe")),
    ("a.docx", files.docx("[Content_Types].xml", "_rels/.rels", "xl/workbook.xml")),
    ("a.doc", b"{\\rtf1 a}"), ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)),
])
def test_content_that_does_not_match_name_is_refused(storage, owner, name, content):
    refuse_type(storage, owner, name, content,
                "Содержимое файла не соответствует расширению его имени")


@pytest.mark.parametrize("name, content", [
    ("a.html", b"<html>"), ("a.exe", b"MZ"), ("a", TEXT), ("txt", TEXT), (".txt.", TEXT),
    ("a.txt/", TEXT), ("a.txt ", TEXT), ("a.txt%00", TEXT), ("a.svg", b"<svg/>"),
    ("a.jpeg2", JPEG), ("a.jp", JPEG), ("a.rtf", b"{\\rtf1 a}"),
])
def test_file_of_disallowed_type_is_refused(storage, owner, name, content):
    refuse_type(storage, owner, name, content, "Недопустимый тип файла")


def test_upload_larger_than_16_mib_is_refused(storage, owner):
    largest = b"text" * (files.LARGEST // 4)
    made = files.upload(owner, largest)
    answer = fetch(owner, made["download_url"])
    assert hashlib.sha256(answer.content).hexdigest() == made["file_info"]["sha256"]
    answer = files.send(owner, largest + b"x")
    contract.check_error(answer, 400, "FILE_TOO_LARGE")
    assert (answer.json()["error"], answer.json()["max_size_mb"]) == ("Файл слишком большой", 16)
    contract.check_error(files.send(owner, largest + b"x" * files.MIB * 2), 413,
                         "PAYLOAD_TOO_LARGE")
    assert files.names(owner) == [made["filename"]]
    owner.delete(f"/files/{made['filename']}")


def test_upload_without_exactly_one_file_is_rejected(owner):
    contract.check_error(owner.post("/files/upload", json={}), 415, "UNSUPPORTED_MEDIA_TYPE")
    contract.check_error(owner.post("/files/upload"), 415, "UNSUPPORTED_MEDIA_TYPE")
    form = {"Content-Type": "multipart/form-data"}
    contract.check_error(owner.post("/files/upload", data=b"x", headers=form), 400,
                         "INVALID_MULTIPART")
    contract.check_error(owner.post("/files/upload", files={"other": ("a.txt", TEXT)}), 400,
                         "FILE_MISSING")
    contract.check_error(owner.post("/files/upload", files={"file": (None, "a.txt")}), 400,
                         "FILE_MISSING")
    contract.check_error(files.send_form(owner, TEXT, ""), 400, "FILE_MISSING")
    twice = [("file", ("a.txt", TEXT)), ("file", ("b.txt", TEXT))]
    assert contract.check_error(owner.post("/files/upload", files=twice), 400,
                                "VALIDATION_ERROR") == ["file"]
    assert files.listed(owner) == []
    both = {"comment": (None, "ignored"), "file": ("a.txt", TEXT), "more": (None, "x" * 100000)}
    files.check_uploaded(owner.post("/files/upload", files=both), TEXT)


@pytest.mark.parametrize("body", [
    b"", b"--b", b"--b--", b"--b\r\n", b"x" * 100000, b"--b\r\n\r\n\r\n--b--",
    b"--b\r\nContent-Disposition: form-data; name=file; filename=a.txt\r\n\r\nx",
    b"--b\r\nContent-Disposition: form-data; name=file; filename=a.txt\r\n\r\nx\r\n--b\r\n",
    b"--b\r\nContent-Disposition: form-data; name=file; filename=\"a.txt\r\n\r\nx\r\n--b--",
    b"--b\r\n" + b"X: y\r\n" * 5000 + b"\r\n\r\n--b--",
    b"--b\r\nContent-Disposition: form-data; name=" + b"a" * 20000 + b"\r\n\r\n\r\n--b--",
    b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" * 1000 + b"--b--",
])
def test_upload_with_malformed_form_is_rejected(storage, owner, body):
    before = storage.keys()
    answer = owner.post("/files/upload", data=body,
                        headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 400
    assert answer.json()["code"] in ("INVALID_MULTIPART", "FILE_MISSING")
    assert storage.keys() == before and storage.staged() == []


def test_chunked_upload_is_accepted(owner):
    body, content_type = files.form(TEXT, "a.txt")
    answer = owner.post("/files/upload", data=iter([body[:10], body[10:]]),
                        headers={"Content-Type": content_type})
    files.check_uploaded(answer, TEXT)


# --- file names -----------------------------------------------------------------------------------

NAMES = [  # the name, and its encoding in the form
    ("../../etc/passwd.txt", None), ("/etc/passwd.txt", None), ("..\\..\\a.txt", None),
    ("C:\\a.txt", None), ("Ж" * 251 + ".txt", None), ("a\"b'c.txt", "a%22b'c.txt"),
    ("a\r\nSet-Cookie: x=1\r\n.txt", "a%0D%0ASet-Cookie: x=1%0D%0A.txt"),
    ("a\0b.txt", "a%00b.txt"), ("100%.txt", None), ("a;b=c, d.txt", None), ("😀 名前.txt", None),
    (".txt", None), ("'; DROP TABLE files; --.txt", None), ("<script>.txt", None),
]


@pytest.mark.parametrize("name, written", NAMES)
def test_file_name_is_returned_unchanged(storage, owner, name, written):
    answer = files.send_form(owner, TEXT, written or name)
    made = files.check_uploaded(answer, TEXT)
    assert made["original_name"] == name
    [item] = files.listed(owner)
    assert item["original_name"] == name
    answer = fetch(owner, made["download_url"])
    assert answer.content == TEXT and "Set-Cookie" not in answer.headers
    disposition = answer.headers["Content-Disposition"]
    kind, plain, extended = re.fullmatch(
        r"(\w+); filename=\"([ !#-.0-\[\]-~]*)\"; filename\*=UTF-8''([\w.~%!#$&+^`|-]*)",
        disposition).groups()
    assert (kind, unquote(extended)) == ("attachment", name)
    assert len(plain) == len(name) and not re.search(r"[/\\\"%]", plain)
    assert all(re.fullmatch(r"[0-9a-f]{32}", key) for key in storage.keys())


def test_extended_file_name_parameter_takes_precedence(owner):
    body, content_type = files.form(TEXT, b"x.png\"; filename*=UTF-8''%D0%B6%22.txt; x=\"")
    answer = owner.post("/files/upload", data=body, headers={"Content-Type": content_type})
    assert files.check_uploaded(answer, TEXT)["original_name"] == 'ж".txt'


def test_upload_with_invalid_file_name_is_rejected(owner):
    for name in ("Ж" * 252 + ".txt", b"\xff\xfe.txt"):
        assert contract.check_error(files.send_form(owner, TEXT, name), 400,
                                    "VALIDATION_ERROR") == ["file"]


# --- download URLs --------------------------------------------------------------------------------

def test_download_url_supports_range_and_conditional_requests(storage, owner):
    made = files.upload(owner, TEXT, "Отчёт.txt")
    answer = owner.get(f"/files/{made['filename']}/download")
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["download_url", "file_info", "expires_in"]
    assert list(body["file_info"]) == ["name", "size", "last_modified", "content_type", "etag"]
    files.check_facts(body["file_info"], TEXT)
    assert body["expires_in"] == 300
    url = body["download_url"]
    whole = fetch(owner, url)
    if storage.kind == "disk":  # S3 does not send this header
        assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert whole.headers["ETag"]
    part = fetch(owner, url, Range="bytes=2-5")
    assert (part.status_code, part.content) == (206, TEXT[2:6])
    assert part.headers["Content-Range"] == f"bytes 2-5/{len(TEXT)}"
    beyond = fetch(owner, url, Range="bytes=1000-")
    assert beyond.status_code == 416
    if storage.kind == "disk":
        assert beyond.headers["X-Content-Type-Options"] == "nosniff"
        assert "," not in beyond.headers["X-Request-ID"]
        assert beyond.json()["code"] == "RANGE_NOT_SATISFIABLE"
        assert (beyond.headers["Content-Language"], beyond.headers["Vary"]) == ("ru",
                                                                                "Accept-Language")
    same = fetch(owner, url, **{"If-None-Match": whole.headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    both = fetch(owner, url, **{"If-None-Match": whole.headers["ETag"], "If-Match": '"other"'})
    assert both.status_code == 412
    other = fetch(owner, url, **{"If-Match": '"other"'})
    assert other.status_code == 412
    if storage.kind == "disk":
        assert other.json()["code"] == "PRECONDITION_FAILED"


def test_download_may_be_cached_by_client_only(storage, owner):
    """A download has an entity tag; refused downloads are not stored. S3 sets its own headers
    and is skipped."""
    if storage.kind != "disk":
        return
    url = files.upload(owner, TEXT)["download_url"]
    tag = fetch(owner, url).headers["ETag"]
    for fields, status in (({}, 200), ({"Range": "bytes=2-5"}, 206), ({"If-None-Match": tag}, 304),
                           ({"If-Match": '"other"'}, 412), ({"Range": "bytes=1000-"}, 416)):
        answer = fetch(owner, url, **fields)
        assert answer.status_code == status
        contract.check_caching(answer)
    refused = fetch(owner, change_parameter(url, "expires", lambda value: value + "1"))
    assert (refused.status_code, refused.headers["Cache-Control"]) == (403, "no-store")


def change_parameter(url, name, change):
    query = parse_qs(urlsplit(url).query)
    value = query[name][0]
    return url.replace(f"{name}={value}", f"{name}={change(value)}")


def invalid_local_urls(url, one, other):
    """Returns invalid URLs that the service must refuse, made from a valid one."""
    return [
        change_parameter(url, "signature",
                         lambda value: value[:-1] + ("0" if value[-1] != "0" else "1")),
        change_parameter(url, "signature", lambda value: value[:-1]),
        change_parameter(url, "signature", lambda value: ""),
        change_parameter(url, "signature", str.upper),
        change_parameter(url, "expires", lambda value: str(int(value) + 1)),
        change_parameter(url, "expires", lambda value: "0" + value),
        change_parameter(url, "expires", lambda value: "%2B" + value),
        url.replace(one["filename"], other["filename"]),
        url.replace(one["filename"], "a.txt"),
        url.split("&")[0], url.split("?")[0],
    ]


def invalid_s3_urls(url, one, other):
    """Returns invalid URLs that S3 must refuse, made from a valid one."""
    key = urlsplit(one["download_url"]).path
    return [
        change_parameter(url, "X-Amz-Signature", lambda value: value[::-1]),
        change_parameter(url, "X-Amz-Signature", lambda value: ""),
        change_parameter(url, "X-Amz-Expires", lambda value: "604800"),
        change_parameter(url, "X-Amz-Expires", lambda value: "0"),
        url.replace("response-content-type=text", "response-content-type=image"),
        url.replace("response-content-disposition=attachment",
                    "response-content-disposition=inline"),
        url.replace(key, urlsplit(other["download_url"]).path), url.replace(key, key[:-1]),
        url.split("?")[0],
    ]


def test_altered_download_url_is_refused(storage, owner):
    one, other = files.upload(owner), files.upload(owner, b"other\n")
    url = one["download_url"]
    bad = {"disk": invalid_local_urls, "s3": invalid_s3_urls}[storage.kind](url, one, other)
    assert url not in bad
    for each in bad:
        answer = fetch(owner, each)
        assert answer.status_code == 403 and TEXT not in answer.content, each
        if storage.kind == "disk":
            assert answer.json()["code"] == "LINK_INVALID", each
            contract.check_answer(answer)
    assert fetch(owner, url).content == TEXT
    owner.delete(f"/files/{one['filename']}")
    assert fetch(owner, url).status_code == 404


@pytest.mark.parametrize("added", [
    "&utm_source=newsletter&utm_medium=email", "&fbclid=IwAR0%2Bx_y&gclid=", "&_hsenc=%ff&%&=&x",
    "&mc_eid=%00", "&ref=a?b=c&"])
def test_download_url_works_with_added_parameters(storage, owner, stack, added):
    """Mail programs and web sites add such parameters to links. S3 signs the whole query, so its
    URLs do not work with them."""
    url = files.upload(owner)["download_url"]
    before = url.replace("?", f"?{added.strip('&')}&")
    for each in (url + added, before):
        answer = fetch(owner, each)
        if storage.kind == "s3":
            assert answer.status_code in (400, 403), each
            continue
        assert (answer.status_code, answer.content) == (200, TEXT), each
        assert fetch(owner, each, method="HEAD").status_code == 200
        assert fetch(owner, each, Range="bytes=0-1").status_code == 206


def test_added_parameters_do_not_extend_signature(storage, owner):
    if storage.kind == "s3":
        pytest.skip("S3 verifies its own URLs")
    url = files.upload(owner)["download_url"]
    for each in (change_parameter(url, "signature", lambda value: value[::-1]),
                 change_parameter(url, "expires", lambda value: str(int(value) + 1))):
        contract.check_error(fetch(owner, each + "&utm_source=x"), 403, "LINK_INVALID")
    contract.check_error(fetch(owner, url + "&expires=1"), 400, "VALIDATION_ERROR")
    contract.check_error(owner.get("/files?utm_source=x"), 400, "VALIDATION_ERROR")


def test_download_url_of_local_storage_supports_head_request(storage, owner):
    """URLs of S3 are signed for GET only."""
    made = files.upload(owner)
    head = fetch(owner, made["download_url"], method="HEAD")
    assert head.content == b""
    if storage.kind == "disk":
        assert (head.status_code, int(head.headers["Content-Length"])) == (200, len(TEXT))
    else:
        assert head.status_code == 403


def test_download_url_expires(storage, owner):
    made = files.upload(owner)
    url, now = made["download_url"], int(time.time())
    assert fetch(owner, storage.signed(url, now + 5)).content == TEXT
    for expires in (now - 1, *storage.past):
        answer = fetch(owner, storage.signed(url, expires))
        assert answer.status_code == 403, expires
        if storage.kind == "disk":
            assert answer.json()["code"] == "LINK_INVALID", expires


def test_stored_files_are_not_reachable_without_signed_url(storage, owner):
    files.upload(owner)
    top = owner.base_url.removesuffix("/api/v1")
    for key in list(storage.keys())[:1]:
        for path in (f"/_objects/{key[:2]}/{key}", f"/%5Fobjects/{key[:2]}/{key}",
                     "/_objects/../kontora.db", "/_objects/"):
            answer = wire.exchange(top, owner.ca_file, wire.request("GET", path))
            assert answer.status in (400, 404), path


def test_download_url_uses_only_allowed_hosts(storage, owner):
    """The host of a request is used in its own response only, and must be an allowed name."""
    contract.check_error(files.send(owner, headers={"Host": "evil.example.com"}), 421,
                         "MISDIRECTED_REQUEST")
    made = files.send(owner, headers={"Host": "localhost:1"}).json()
    if storage.kind == "disk":
        assert made["download_url"].startswith("https://localhost:1/")
    again = owner.get(f"/files/{made['filename']}/info").json()
    assert storage.owns(again["download_url"], owner.base_url)


# --- lists ----------------------------------------------------------------------------------------

def test_file_list_supports_pages_and_prefix(owner):
    made = [files.upload(owner, TEXT, f"{number}.txt")["filename"] for number in range(5)]
    assert files.names(owner) == sorted(made)
    first = owner.get("/files?limit=2").json()
    assert (first["count"], first["prefix"]) == (2, "")
    second = owner.get(f"/files?limit=2&after={first['next']}").json()
    third = owner.get(f"/files?limit=2&after={second['next']}").json()
    assert [item["name"] for page in (first, second, third)
            for item in page["files"]] == sorted(made)
    assert third["next"] is None
    exact = owner.get("/files?limit=5").json()
    assert exact["next"] is None and exact["count"] == 5
    assert files.names(owner, f"?prefix={made[0][:20]}") == [made[0]]
    assert files.names(owner, f"?prefix={made[0][:8]}") == sorted(made)
    for prefix in ("images/", "9", "%25", "_", "я", made[0] + "x"):
        assert files.names(owner, f"?prefix={prefix}") == []
    answer = owner.get("/files?prefix=images/").json()
    assert answer == {"files": [], "count": 0, "prefix": "images/", "next": None}
    for query, field in (("limit=0", "limit"), ("limit=1001", "limit"), ("limit=a", "limit"),
                         ("x=1", "x")):
        assert contract.check_error(owner.get(f"/files?{query}"), 400,
                                    "VALIDATION_ERROR") == [field]


def test_file_search_finds_words_of_file_names(owner):
    def found(query):
        return [item["original_name"] for item in files.listed(owner, f"?{query}")]
    for name in ("Договор аренды 2026.txt", "договор_поставки.txt", "Счёт 5.txt"):
        files.upload(owner, TEXT, name)
    assert found("search=ДОГОВОР") == ["Договор аренды 2026.txt", "договор_поставки.txt"]
    assert found("search=договор 2026") == ["Договор аренды 2026.txt"]
    assert found("search=поставки") == ["договор_поставки.txt"]
    assert found("search=сч") == ["Счёт 5.txt"]
    assert found("search=нет такого") == []
    page = owner.get("/files?search=договор&limit=1").json()
    rest = owner.get(f"/files?search=договор&limit=1&after={page['next']}").json()
    assert (page["count"], rest["count"], rest["next"]) == (1, 1, None)
    assert page["files"][0]["name"] != rest["files"][0]["name"]
    assert contract.check_error(owner.get("/files?search=договор&after=x"), 400,
                                "VALIDATION_ERROR") == ["after"]


FILE_SEARCHES = [
    ("И\u0306од.txt", ["йод.txt", "ЙОД", "и\u0306од"]), ("Йод.txt", ["И\u0306од.txt"]),
    ("Счёт\u00a0№5,Ёлкин.txt", ["счет ел", "№ 5", "5", "елкин.txt", "счёт;ёлкин"]),
    ("Акт 30.11.2026.txt", ["30.11.2026", "30-11-2026", "30.11", "акт 2026", "2026.txt"]),
    ("scan_2026-11-30.txt", ["2026-11-30", "scan"]),
    ("Анна\u2011Мария O\u2019Brien.txt", ["анна-мария", "o'brien", "Анна\u2013Мария O´Brien"]),
    ("Договор 125 от 2026.txt", ["125 2026", "договор 125 от 2026 и ещё много слов из письма"]),
    ("Иванов +7 916 123-45-67.txt", ["8 (916) 123-45-67", "иванов 89161234567", "123-45-67"]),
]


def test_file_search_finds_names_however_they_are_typed(owner):
    for name, searches in FILE_SEARCHES:
        file = files.upload(owner, TEXT, name)["filename"]
        for search in searches:
            assert file in files.names(owner, f"?search={quote(search)}"), (name, search)
        owner.delete(f"/files/{file}")


def test_file_search_without_letters_and_digits_is_rejected(owner):
    for search in ("...", "«»", "\u200b", "x" * 1001):
        assert contract.check_error(owner.get(f"/files?search={quote(search)}"), 400,
                                    "VALIDATION_ERROR") == ["search"]


def test_file_tags_can_be_set_filtered_by_and_cleared(owner):
    one, other = files.upload(owner)["filename"], files.upload(owner, TEXT, "Акт.txt")["filename"]
    answer = owner.put(f"/files/{one}/tags", json=["договор", "2026", "договор"])
    assert answer.status_code == 200
    assert files.check_info(answer.json(), TEXT)["tags"] == ["договор", "2026"]
    owner.put(f"/files/{other}/tags", json=["2026"])
    assert files.names(owner, "?tag=2026") == [one, other]
    assert files.names(owner, "?tag=договор") == [one]
    assert files.names(owner, "?tag=догов") == []
    assert files.names(owner, "?tag=2026&search=акт") == [other]
    page = owner.get("/files?tag=2026&limit=1").json()
    assert [item["tags"] for item in page["files"]] == [["договор", "2026"]]
    assert files.names(owner, f"?tag=2026&after={page['next']}") == [other]
    assert files.check_info(owner.put(f"/files/{one}/tags", json=[]).json())["tags"] == []
    assert files.names(owner, "?tag=2026") == [other]
    for bad in ({"tags": ["a"]}, ["a", 1], [""], ["a" * 65], ["a\nb"], [["a"]], ["a"] * 33, {}, 1):
        answer = owner.put(f"/files/{other}/tags", json=bad)
        assert contract.check_error(answer, 400, "VALIDATION_ERROR") == ["tags"], bad
    for text in (b'["a"', b"", b'["a"],"tags":["b"]'):
        answer = owner.put(f"/files/{other}/tags", data=text,
                           headers={"Content-Type": "application/json"})
        contract.check_error(answer, 400, "INVALID_JSON")
    contract.check_error(owner.put("/files/a.txt/tags", json=["a"]), 404, "NOT_FOUND")
    assert files.names(owner, "?tag=2026") == [other]


# --- deletion -------------------------------------------------------------------------------------

def test_deleted_file_is_not_found_and_its_stored_object_is_removed(storage, owner):
    before = storage.keys()
    name = files.upload(owner)["filename"]
    assert len(storage.keys() - before) == 1
    answer = owner.delete(f"/files/{name}")
    assert (answer.status_code, answer.json()) == (
        200, {"message": "Файл успешно удален", "filename": name})
    assert storage.keys() == before and files.listed(owner) == []
    for path in (f"/files/{name}/info", f"/files/{name}/download"):
        answer = owner.get(path)
        contract.check_error(answer, 404, "NOT_FOUND")
        assert answer.json()["error"] == "Файл не найден"
    contract.check_error(owner.delete(f"/files/{name}"), 404, "NOT_FOUND")


def test_bulk_delete_reports_result_for_each_file(storage, owner, people):
    before = storage.keys()
    stranger = people.register().client
    mine = [files.upload(owner)["filename"] for _ in range(3)]
    theirs = files.upload(stranger)["filename"]
    wanted = [mine[0], "a.txt", theirs, mine[1], mine[0]]
    answer = owner.post("/files/bulk-delete", json={"names": wanted})
    assert answer.status_code == 200
    body = answer.json()
    assert body["deleted"] == 2
    assert [(each["name"], each["deleted"], each["code"]) for each in body["results"]] == [
        (mine[0], True, None), ("a.txt", False, "NOT_FOUND"), (theirs, False, "NOT_FOUND"),
        (mine[1], True, None), (mine[0], False, "NOT_FOUND")]
    assert (files.names(owner), files.names(stranger)) == ([mine[2]], [theirs])
    assert len(storage.keys() - before) == 2
    lines = [json.loads(line) for line in
             storage.stack.audit_log.read_text(encoding="utf-8").splitlines()]
    ours = [line for line in lines if line["request_id"] == answer.headers["X-Request-ID"]]
    assert [(line["action"], line["resource_id"], line["status"]) for line in ours] == [
        ("delete_file", name, "success" if deleted else "failure")
        for name, deleted in zip(wanted, [True, False, False, True, False], strict=True)]
    assert contract.check_error(owner.post("/files/bulk-delete", json={"names": "a"}), 400,
                                "VALIDATION_ERROR") == ["names"]
    assert owner.post("/files/bulk-delete", json={"names": []}).json() == {"deleted": 0,
                                                                           "results": []}


def test_one_of_concurrent_file_deletions_succeeds(storage, owner):
    name = files.upload(owner)["filename"]
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(owner.delete(f"/files/{name}")))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]


# --- ownership ------------------------------------------------------------------------------------

def test_file_of_other_organization_is_not_found(owner, people, administrator):
    name = files.upload(owner)["filename"]
    stranger = people.register().client
    for call in (lambda who: who.get(f"/files/{name}/info"),
                 lambda who: who.get(f"/files/{name}/download"),
                 lambda who: who.put(f"/files/{name}/tags", json=["a"]),
                 lambda who: who.delete(f"/files/{name}")):
        contract.check_error(call(stranger), 404, "NOT_FOUND")
    assert files.names(stranger) == []
    assert files.check_info(administrator.get(f"/files/{name}/info").json(), TEXT)
    assert files.names(administrator, f"?prefix={name}") == [name]
    assert administrator.put(f"/files/{name}/tags", json=["a"]).status_code == 200
    assert name in files.names(administrator, "?tag=a")
    assert administrator.delete(f"/files/{name}").status_code == 200
    assert files.names(owner) == []


def test_role_permits_exactly_its_file_operations(people):
    owner = people.register()
    made = files.upload(owner.client)["filename"]
    may = {"ADMIN": (201, 200, 200), "MANAGER": (201, 200, 200), "SALES": (201, 200, 403),
           "VIEWER": (403, 403, 403)}
    for role, (create, update, delete) in may.items():
        member = people.member(owner, role).client
        theirs = Client(member.base_url, member.ca_file, member.token)
        organization = {"X-Organization-ID": str(owner.organization)}
        assert theirs.get(f"/files/{made}/info", headers=organization).status_code == 200
        assert theirs.get("/files", headers=organization).json()["count"] >= 1
        sent = files.send(theirs, headers=organization)
        assert sent.status_code == create, role
        assert theirs.put(f"/files/{made}/tags", json=["a"],
                          headers=organization).status_code == update, role
        name = sent.json().get("filename", made)
        assert theirs.delete(f"/files/{name}", headers=organization).status_code == delete, role
        # the member's own organization does not contain it
        contract.check_error(theirs.get(f"/files/{made}/info"), 404, "NOT_FOUND")


def test_files_of_administrator_are_separate_from_organizations(administrator, owner):
    name = files.upload(administrator)["filename"]
    assert name in files.names(administrator, f"?prefix={name}")
    contract.check_error(owner.get(f"/files/{name}/info"), 404, "NOT_FOUND")
    administrator.delete(f"/files/{name}")


def test_anonymous_client_sees_only_files_without_owner(anonymous_files, owner, anonymous):
    """In development the port for files needs no token, but files with an owner are not found
    there."""
    private = files.upload(owner)["filename"]
    made = files.upload(anonymous_files)["filename"]
    contract.check_error(anonymous_files.get(f"/files/{private}/info"), 404, "NOT_FOUND")
    assert private not in files.names(anonymous_files, f"?prefix={private}")
    assert files.names(anonymous_files, f"?prefix={made}") == [made]
    contract.check_error(owner.get(f"/files/{made}/info"), 404, "NOT_FOUND")
    contract.check_error(anonymous.get(f"/files/{made}/info"), 401, "UNAUTHORIZED")
    assert anonymous_files.delete(f"/files/{made}").status_code == 200


# --- idempotency keys -----------------------------------------------------------------------------

def test_repeated_upload_with_idempotency_key_is_stored_once(storage, owner):
    before = storage.keys()
    key = {"Idempotency-Key": "one"}
    first, second = files.send(owner, headers=key), files.send(owner, headers=key)
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert first.headers["Location"] == second.headers["Location"]
    assert len(files.names(owner)) == 1 and len(storage.keys() - before) == 1
    contract.check_error(files.send(owner, b"other\n", headers=key), 409, "IDEMPOTENCY_KEY_REUSED")
    contract.check_error(files.send(owner, TEXT, "b.txt", headers=key), 409,
                         "IDEMPOTENCY_KEY_REUSED")
    bad = {"Idempotency-Key": "two"}
    contract.check_error(files.send(owner, TEXT, "a.exe", headers=bad), 400,
                         "FILE_TYPE_NOT_ALLOWED")
    files.check_uploaded(files.send(owner, headers=bad), TEXT)


# --- health ---------------------------------------------------------------------------------------

def test_storage_health_is_reported(storage, anonymous_files, anonymous):
    top = anonymous.at(storage.stack.https_url)
    for client in (anonymous_files, top):
        answer = client.get("/health/storage")
        assert answer.status_code == 200
        assert answer.json()["message"] == "Object Storage доступен"
    readiness = contract.check_readiness(top.get("/health/ready"))
    assert readiness["storage"]["state"] == "up" and readiness["storage"]["needed"]


# --- duration of storage operations ---------------------------------------------------------------

STORAGE_TIME = "kontora_storage_operation_duration_seconds_count"


def request_line(storage, answer):
    """Returns the log line of a request, with durations in microseconds."""
    return service_line(storage.stack, answer.headers["X-Request-ID"])


def test_duration_of_storage_calls_is_logged_and_in_metrics(storage, owner):
    """The time is in the log line of a request and in a histogram, for exactly the operations
    used."""
    top = owner.as_anonymous().at(storage.stack.https_url)
    before = metrics.values(top)
    made = files.send(owner)
    name = made.json()["filename"]
    lines = [request_line(storage, answer) for answer in
             (made, owner.delete(f"/files/{name}"), top.get("/health/storage"))]
    after = metrics.values(top)
    for line in lines:
        assert 0 < line["storage_us"] <= line["handler_us"], line
        assert line["storage_us"] + line.get("database_us", 0) <= line["duration_us"], line
    for operation in ("stage", "place", "delete"):
        assert after[(STORAGE_TIME, operation)] - before[(STORAGE_TIME, operation)] == 1
    assert after[(STORAGE_TIME, "check")] > before[(STORAGE_TIME, "check")], (
        "the housekeeper checks the storage as well")
    assert "storage_us" not in request_line(storage, owner.get("/files"))


def test_slow_upload_does_not_occupy_worker(storage, owner):
    body, content_type = files.form(b"x" * 100_000, "a.txt")
    waited_s = 0.5

    def slowly():
        yield body[:50_000]
        wait_until(files.Spool(storage.stack).sizes, what="the first half to reach the spool")
        time.sleep(waited_s)  # the duration under test
        yield body[50_000:]

    answer = owner.post("/files/upload", data=slowly(), headers={"Content-Type": content_type})
    files.check_uploaded(answer, b"x" * 100_000)
    line = request_line(storage, answer)
    assert 0 < line["storage_us"] < line["handler_us"] < waited_s * 1e6, line
    assert line.get("queue_us", 0) < waited_s * 1e6, "the upload was queued before it was complete"


# --- examples of the source document --------------------------------------------------------------

def run_program(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def run_example(storage, tmp_path):
    """Returns a function that runs command lines of the specification against the port for
    files."""
    (tmp_path / "document.txt").write_bytes(TEXT)
    (tmp_path / "document.pdf").write_bytes(PDF)

    def call(line):
        line = line.replace("http://localhost:5000", storage.stack.files_url)
        return json.loads(run_program(["sh", "-c", line.replace("curl ", "curl -sS ")], tmp_path))
    return call


def test_curl_examples_of_api_specification_work(storage, run_example):
    assert run_example("curl http://localhost:5000/") == {"message": "Hello World!"}
    testuser = run_example("""curl -X POST http://localhost:5000/users \\
  -H "Content-Type: application/json" \\
  -d '{"username":"testuser","email":"test@example.com"}'""")
    assert without_id(testuser) == {"username": "testuser", "email": "test@example.com"}
    john = run_example("""curl -X POST http://localhost:5000/users \\
  -H "Content-Type: application/json" \\
  -d '{"username":"john","email":"john@example.com"}'""")
    assert without_id(john) == {"username": "john", "email": "john@example.com"}
    users = run_example("curl http://localhost:5000/users")
    assert is_listed(storage, testuser, users) and is_listed(storage, john, users)
    made = run_example(
        'curl -X POST http://localhost:5000/files/upload \\\n  -F "file=@document.txt"')
    assert (made["message"], made["original_name"]) == ("Файл успешно загружен", "document.txt")
    pdf = run_example(
        'curl -X POST http://localhost:5000/files/upload \\\n  -F "file=@document.pdf"')
    assert pdf["content_type"] == "application/pdf"
    name = made["filename"]
    every = run_example("curl http://localhost:5000/files")
    assert {name, pdf["filename"]} <= {item["name"] for item in every["files"]}
    assert run_example("curl http://localhost:5000/files?prefix=images/")["prefix"] == "images/"
    assert run_example("curl http://localhost:5000/files?limit=10")["count"] >= 2
    info = run_example(f"curl http://localhost:5000/files/{name}/info")
    assert info["metadata"]["original_name"] == "document.txt"
    assert run_example("curl http://localhost:5000/health/storage")["status"] == "healthy"
    for each in (name, pdf["filename"]):
        assert run_example(f"curl http://localhost:5000/files/{each}/download")["expires_in"] == 300
        assert run_example(f"curl -X DELETE http://localhost:5000/files/{each}") == {
            "message": "Файл успешно удален", "filename": each}


PYTHON = """
import requests

def get_users():
    response = requests.get('http://localhost:5000/users')
    return response.json()

def create_user(username, email):
    data = {'username': username, 'email': email}
    response = requests.post('http://localhost:5000/users', json=data)
    return response.json()

def upload_file(file_path):
    with open(file_path, 'rb') as f:
        files = {'file': f}
        response = requests.post('http://localhost:5000/files/upload', files=files)
    return response.json()

import json
print(json.dumps([create_user('requests', 'requests@example.com'), get_users(),
                  upload_file('document.txt')]))
"""

FETCH = """
async function getUsers() {
  const response = await fetch('http://localhost:5000/users');
  const users = await response.json();
  return users;
}

async function createUser(username, email) {
  const response = await fetch('http://localhost:5000/users', {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
    },
    body: JSON.stringify({ username, email }),
  });
  const user = await response.json();
  return user;
}

async function uploadFile(file) {
  const formData = new FormData();
  formData.append('file', file);

  const response = await fetch('http://localhost:5000/files/upload', {
    method: 'POST',
    body: formData,
  });
  const result = await response.json();
  return result;
}

const bytes = require('fs').readFileSync('document.txt');
const file = new (require('buffer').File)([bytes], 'Документ "1".txt');
(async () => {
  console.log(JSON.stringify([await createUser('fetch', 'fetch@example.com'), await getUsers(),
                              await uploadFile(file)]));
})();
"""


def is_listed(storage, user, first_page):
    """Returns True if the user is on the page that the example shows, or on the last page,
    because other tests may have created users before."""
    url = f"{storage.stack.files_url}/users"
    total = int(requests.head(url, timeout=10).headers["X-Total-Count"])
    last = requests.get(url, params={"skip": max(0, total - 20)}, timeout=10).json()
    return user in first_page or user in last


def without_id(user):
    return {name: value for name, value in user.items() if name != "id"}


@pytest.mark.parametrize("program, name, file_name", [
    (["/usr/bin/python3", "-c", PYTHON], "requests", "document.txt"),
    (["node", "-e", FETCH], "fetch", 'Документ "1".txt'),  # requires Node.js 18
], ids=["python", "fetch"])
def test_program_examples_of_api_specification_work(storage, anonymous_files, tmp_path, program,
                                                    name, file_name):
    (tmp_path / "document.txt").write_bytes(TEXT)
    program = [part.replace("http://localhost:5000", storage.stack.files_url) for part in program]
    user, users, made = json.loads(run_program(program, tmp_path))
    assert without_id(user) == {"username": name, "email": f"{name}@example.com"}
    assert is_listed(storage, user, users)
    assert made["original_name"] == file_name
    assert fetch(anonymous_files, made["download_url"]).content == TEXT
    anonymous_files.delete(f"/files/{made['filename']}")
