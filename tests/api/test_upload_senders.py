"""Uploads in the forms that real programs send."""

import base64
import quopri
import subprocess

import pytest

from support import contract, files
from support.accounts import Accounts
from support.client import Client
from support.files import TEXT

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
