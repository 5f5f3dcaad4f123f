"""Uploads in the forms that real programs send, and messages about files whose content does not
match their name."""

import base64
import io
import quopri
import subprocess
import zipfile

import pytest

from support import archives, contract, files
from support.accounts import Accounts
from support.client import Client
from support.files import GIF, JPEG, PDF, PNG, TEXT

DISPOSITION = b"Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n"


@pytest.fixture(scope="module")
def owner(sqlite_stack):
    """Returns a client of an organization that all tests of this file share."""
    anonymous = Client(f"{sqlite_stack.https_url}/api/v1", sqlite_stack.ca_file)
    return Accounts(anonymous).register().client


def send_part(client, header, content, boundary="b", written=None):
    """Sends a form with one part; `header` ends with CR LF. `written` is the boundary as the
    Content-Type has it."""
    mark = boundary.encode()
    body = b"--" + mark + b"\r\n" + header + b"\r\n" + content + b"\r\n--" + mark + b"--\r\n"
    return client.post("/files/upload", data=body, headers={
        "Content-Type": f"multipart/form-data; boundary={written or boundary}"})


def download(client, made):
    answer = files.fetch(made["download_url"], client.ca_file)
    assert answer.status_code == 200
    return answer.content


# --- Content-Transfer-Encoding --------------------------------------------------------------------

TEXTS = [b"", b"x", TEXT, "Ёж = 100 %\t\r\nконец строки \n".encode(), TEXT * 10000]

ENCODERS = {
    "base64": base64.encodebytes, "BASE64 ": base64.b64encode,
    " Base64": lambda content: base64.encodebytes(content).replace(b"\n", b"\r\n"),
    "quoted-printable": lambda content: quopri.encodestring(
        content.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n"),
    "Quoted-Printable": lambda content: b"".join(b"=%02x" % byte for byte in content),
    "7bit": bytes, "8BIT": bytes, "binary": bytes, "": bytes,
}


@pytest.mark.parametrize("content", TEXTS, ids=range(len(TEXTS)))
@pytest.mark.parametrize("name", ENCODERS)
def test_encoded_part_is_stored_decoded(owner, name, content):
    if name == "quoted-printable":  # an encoder of text writes line breaks as CR LF
        content = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    header = DISPOSITION + f"Content-Transfer-Encoding: {name}\r\n".encode()
    answer = send_part(owner, header, ENCODERS[name](content))
    made = files.check_uploaded(answer, content)
    assert download(owner, made) == content


@pytest.mark.parametrize("encoder", ["base64", "quoted-printable", "8bit", "binary"])
def test_encoder_of_curl_is_understood(owner, tmp_path, encoder):
    """The header and the line breaks are those of curl itself."""
    path = tmp_path / "отчёт.txt"
    path.write_bytes(TEXTS[3] + TEXT * 100)
    done = subprocess.run(
        ["curl", "--silent", "--cacert", owner.ca_file, f"{owner.base_url}/files/upload", "-H",
         f"Authorization: Bearer {owner.token}", "-F", f"file=@{path};encoder={encoder}"],
        check=True, capture_output=True, text=True)
    assert '"filename":' in done.stdout, done.stdout
    name = done.stdout.split('"filename":"')[1].split('"')[0]
    made = owner.get(f"/files/{name}/info").json()
    files.check_info(made, path.read_bytes())
    assert download(owner, made) == path.read_bytes()


@pytest.mark.parametrize("name, content", [
    ("base64", b"0J/RgNC40LI*"), ("base64", b"QUJD="), ("base64", b"QQ==QQ=="), ("base64", b"QUI"),
    ("base64", b"Q"), ("base64", b"=QUJ"), ("base64", TEXT), ("base64", b"QUJD-_QUI="),
    ("quoted-printable", b"a=ZZ"), ("quoted-printable", b"a="), ("quoted-printable", b"a=4"),
    ("quoted-printable", b"a \r\nb"), ("quoted-printable", b"a "), ("quoted-printable", TEXT),
    ("quoted-printable", b"a\0"), ("x-uuencode", b"x"), ("gzip", b"x"), ("base64, base64", b""),
    ("base64\r\nContent-Transfer-Encoding: base64", b"QQ=="),
])
def test_undecodable_part_is_rejected(owner, name, content):
    before = files.names(owner)
    header = DISPOSITION + f"Content-Transfer-Encoding: {name}\r\n".encode()
    contract.check_error(send_part(owner, header, content), 400, "INVALID_MULTIPART")
    assert files.names(owner) == before


def test_rejection_of_encoding_is_explained_in_both_languages(owner):
    header = {"Accept-Language": "en", "Content-Type": "multipart/form-data; boundary=b"}
    body = (b"--b\r\n" + DISPOSITION + b"Content-Transfer-Encoding: base64\r\n\r\n***\r\n--b--")
    english = owner.post("/files/upload", data=body, headers=header)
    assert "Content-Transfer-Encoding" in english.json()["error"]
    russian = owner.post("/files/upload", data=body, headers={**header, "Accept-Language": "ru"})
    assert "Content-Transfer-Encoding" in russian.json()["error"]
    assert russian.json()["error"] != english.json()["error"]


# --- form syntax ----------------------------------------------------------------------------------

@pytest.mark.parametrize("boundary, written", [
    ("*****", None), ("{2F0E1C5B-6B6D-4F0B-9C57-0F6F4A0F3C11}", None),
    ("{2F0E1C5B}", '"{2F0E1C5B}"'), ("===============0123==", None), ("--a--", None),
    ("<<a@b>>", None), ("#$%&!~^|`[x]", None), ("a;b c,d", '"a;b c,d"'),
])
def test_boundary_of_other_characters_is_accepted(owner, boundary, written):
    files.check_uploaded(send_part(owner, DISPOSITION, TEXT, boundary, written), TEXT)


FOLDED = [
    b"Content-Disposition: form-data;\r\n name=\"file\";\r\n\tfilename=\"a b.txt\"\r\n",
    b"Content-Disposition:\r\n form-data; name=\"file\"; filename=\"a\r\n \t b.txt\"\r\n",
    b"X-Y: z\r\n Content-Disposition: attachment\r\n"
    b"Content-Disposition: form-data; name=file;\r\n \r\n filename=\"a b.txt\"\r\n",
    b"Content-Disposition: form-data; name=file; filename=\"=?utf-8?Q?a?=\r\n =?utf-8?Q?_b.txt?=\""
    b"\r\n",
]


@pytest.mark.parametrize("header", FOLDED, ids=range(len(FOLDED)))
def test_folded_part_header_is_joined(owner, header):
    made = files.check_uploaded(send_part(owner, header, b" " + TEXT), b" " + TEXT)
    assert made["original_name"] == "a b.txt"


@pytest.mark.parametrize("written, name", [
    ("=?UTF-8?B?0JTQvtCz0L7QstC+0YAudHh0?=", "Договор.txt"),
    ("=?utf-8?q?=D0=94=D0=BE=D0=B3_=E2=84=96_1.txt?=", "Дог № 1.txt"),
    ("=?UTF-8?Q?=D0=94=D0?= =?UTF-8?Q?=BE=D0=B3.txt?=", "Дог.txt"),
    ("=?windows-1251?B?xO7j7uLu8C50eHQ=?=", "Договор.txt"),
    ("=?KOI8-R?B?5M/Hz9fP0i50eHQ=?=", "Договор.txt"),
    ("=?iso-8859-1*fr?Q?=E9t=E9.txt?=", "été.txt"),
    ("=?UTF-8?B?0JTQvtCz?= 1.txt", "Дог 1.txt"),
    ("=?UTF-8?B?0JTQvtCz0L7QstC+0YA=?=.txt", "Договор.txt"),
    ("=?UTF-8?X?a?=.txt", "=?UTF-8?X?a?=.txt"), ("=?UTF-8?B?*?=.txt", "=?UTF-8?B?*?=.txt"),
    ("a=?b.txt", "a=?b.txt"), ("=?.txt", "=?.txt"), ("=?UTF-8?B?.txt", "=?UTF-8?B?.txt"),
    ("=?x-none?Q?a?=.txt", "=?x-none?Q?a?=.txt"),
])
def test_encoded_word_in_file_name_is_decoded(owner, written, name):
    made = files.check_uploaded(files.send_form(owner, TEXT, written), TEXT)
    assert made["original_name"] == name


def test_extended_name_is_preferred_to_encoded_word(owner):
    name = b"=?UTF-8?Q?x.png?=\"; filename*=UTF-8''%D0%B6.txt; x=\""
    made = files.check_uploaded(files.send_form(owner, TEXT, name), TEXT)
    assert made["original_name"] == "ж.txt"


# --- content --------------------------------------------------------------------------------------

def zip64_document(**hidden):
    """Returns a document whose end record leaves its numbers to the zip64 end record."""
    body, entries = archives.lay_out(archives.document())
    count, size, offset = len(entries), len(b"".join(entries)), len(body)
    body += b"".join(entries)
    shown = {"count": 0xFFFF, "size": archives.ALL_ONES, "offset": archives.ALL_ONES, **hidden}
    return body + archives.wide_end(count, size, offset, len(body)) + archives.end(
        shown["count"], shown["size"], shown["offset"])


CONTENTS = {
    "a PDF behind a mark": ("a.pdf", b"\xef\xbb\xbf" + PDF),
    "a PDF behind a line": ("a.pdf", b"\r\n" + PDF),
    "a PDF behind a printer's header": ("a.pdf", b"\x1b%-12345X@PJL JOB\r\n" + PDF),
    "a PDF at the last position": ("a.pdf", b"x" * (1024 - 5) + PDF),
    "a jfif": ("a.jfif", JPEG), "a JFIF": ("a.JFIF", JPEG), "a jpe": ("a.jpe", JPEG),
    "a docx with zip64 numbers": ("a.docx", zip64_document()),
    "a docx with a zip64 size": ("a.docx", zip64_document(count=2)),
    "a docx with part names in capitals": ("a.docx", files.docx(
        "[CONTENT_TYPES].XML", "_RELS/.RELS", "WORD/DOCUMENT.XML")),
    "a docx with part names in mixed case": ("a.docx", files.docx(
        "[content_types].xml", "_rels/.rels", "Word/Document.xml")),
    "a txt of DOS": ("a.txt", b"DIR\r\n\x1a"),
    "a txt of CP/M": ("a.txt", TEXT + b"\x1a" * 100),
    "an empty txt of DOS": ("a.txt", b"\x1a"),
    "UTF-16LE": ("a.txt", "Привет, мир\r\n".encode("utf-16-le")),
    "UTF-16BE": ("a.txt", "Привет, мир\r\n".encode("utf-16-be")),
    "UTF-16LE of one word": ("a.txt", "Привет".encode("utf-16-le")),
    "UTF-16LE in English": ("a.txt", ("Hello\r\n" * 50000).encode("utf-16-le")),
    "UTF-16BE with other characters": ("a.txt", "№ 5: Grüße 😀 — «Ёж»".encode("utf-16-be")),
    "UTF-16LE of DOS": ("a.txt", "Hello\x1a".encode("utf-16-le")),
}


@pytest.mark.parametrize("name, content", CONTENTS.values(), ids=CONTENTS)
def test_content_of_real_program_is_accepted(owner, name, content):
    made = files.upload(owner, content, name)
    assert made["filename"].endswith(name[1:].lower()) and download(owner, made) == content


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
HEIF = HEIC.replace(b"ftypheic", b"ftypmif1")
WEBP = b"RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0" + bytes(30)
HTML = b"<html><head></head><body>a</body></html>"
ODT = b"PK\3\4\x14" + bytes(13) + b"\x27\0\0\0\x27\0\0\0\x08\0\0\0mimetype" + (
    b"application/vnd.oasis.opendocument.text")

MISMATCHES = {
    "HEIC named jpg": ("a.jpg", HEIC, "HEIC"), "HEIF named jpeg": ("a.jpeg", HEIF, "HEIC"),
    "HEIC named png": ("a.PNG", HEIC, "HEIC"), "WebP named jpg": ("a.jpg", WEBP, "WebP"),
    "RTF named doc": ("a.doc", b"{\\rtf1\\ansi a}", "RTF"),
    "RTF named docx": ("a.docx", b"{\\rtf1\\ansi a}", "RTF"),
    "HTML named doc": ("a.doc", HTML, "HTML"), "DOCX named doc": ("a.doc", files.word(), "DOCX"),
    "DOC named docx": ("a.docx", files.compound_file(), "DOC"),
    "ODT named docx": ("a.docx", ODT, "ODT"), "PNG named jpg": ("a.jpg", PNG, "PNG"),
    "JPEG named png": ("a.png", JPEG, "JPEG"), "GIF named jfif": ("a.jfif", GIF, "GIF"),
    "PDF named jpg": ("a.jpg", b"\r\n" + PDF, "PDF"), "PNG named txt": ("a.txt", PNG, "PNG"),
    "ZIP named docx": ("a.docx", files.docx("a.txt"), "ZIP"),
    "text named pdf": ("a.pdf", TEXT, "TXT"),
}


@pytest.mark.parametrize("name, content, kind", MISMATCHES.values(), ids=MISMATCHES)
def test_message_names_content_that_differs_from_name(owner, name, content, kind):
    before = files.names(owner)
    for language, error in (("ru", "Содержимое файла не соответствует расширению его имени"),
                            ("en", "The content of the file does not match its extension")):
        answer = files.send(owner, content, name, headers={"Accept-Language": language})
        contract.check_error(answer, 400, "FILE_TYPE_NOT_ALLOWED")
        body = answer.json()
        assert (body["error"], body["allowed_extensions"]) == (error, files.EXTENSIONS)
        [detail] = body["details"]
        assert detail["field"] == "file" and f" {kind}" in detail["message"], detail
    assert files.names(owner) == before


@pytest.mark.parametrize("name, content", [
    ("a.pdf", b""), ("a.pdf", b"x" * 1020 + PDF), ("a.pdf", b"MZ" + PDF),
    ("a.pdf", b"PK\x03\x04" + PDF), ("a.pdf", b"<html>" + PDF), ("a.jpg", b"\xff\xd8"),
    ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)),
    ("a.txt", b"a\x1ab"), ("a.txt", TEXT + b"\x1a\n"), ("a.txt", b"a\0b"), ("a.txt", b"\0\0"),
    ("a.txt", "Привет".encode("utf-16-le") + b"x"), ("a.txt", "Привет\0".encode("utf-16-le")),
    ("a.txt", "a\x1ab".encode("utf-16-le")), ("a.txt", "П".encode("utf-16-le") + b"\x3d\xd8"),
    ("a.txt", bytes(range(256))), ("a.txt", TEXT * 20000 + b"\0"),
    ("a.docx", zip64_document(size=7)),
])
def test_unknown_content_is_refused(owner, name, content):
    answer = files.send(owner, content, name)
    contract.check_error(answer, 400, "FILE_TYPE_NOT_ALLOWED")
    assert answer.json()["error"] == "Содержимое файла не соответствует расширению его имени"
    [detail] = answer.json()["details"]
    assert detail["field"] == "file" and name[2:].upper() not in detail["message"], detail


ENCRYPTED = files.compound_file(("EncryptionInfo", 2), ("EncryptedPackage", 2))


@pytest.mark.parametrize("name", ["a.docx", "a.DOCX", "a.pdf"])
@pytest.mark.parametrize("content", [
    ENCRYPTED, ENCRYPTED.replace(b"W\0o\0r\0d\0", b"X\0o\0r\0d\0"),
], ids=["of Word", "of others"])
def test_message_says_that_document_has_password(owner, name, content):
    for language, error in (("ru", "Документ защищён паролем: сохраните его без пароля"),
                            ("en", "The document is protected by a password: save it without one")):
        answer = files.send(owner, content, name, headers={"Accept-Language": language})
        contract.check_error(answer, 400, "FILE_TYPE_NOT_ALLOWED")
        assert answer.json()["error"] == error
        assert answer.json()["allowed_extensions"] == files.EXTENSIONS


def test_zip64_document_with_many_parts_is_accepted(owner):
    """Python's zipfile leaves the count to the zip64 end record."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as file:
        for name in ("[Content_Types].xml", "word/document.xml", *map(str, range(0xFFFF))):
            file.writestr(name, b"")
    files.upload(owner, packed.getvalue(), "a.docx")
