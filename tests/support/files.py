"""Sample files, uploads, checks of responses about files, and direct access to the storage."""

import base64
import datetime
import hashlib
import hmac
import io
import os
import re
import struct
import zipfile
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

import requests

from support import contract, document, wire

NAME = re.compile(r"\d{8}_\d{6}_[0-9a-f]{32}\.(txt|pdf|png|jpg|jpeg|jpe|jfif|gif|doc|docx)")
SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
EXTENSIONS = ["txt", "pdf", "png", "jpg", "jpeg", "jpe", "jfif", "gif", "doc", "docx"]
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SIGNED_PATH = re.compile(r"(/api/v1)?/files/[^/]+/content")
TIMEOUT_S = 60
LIFETIME_S = 300  # of a signed URL

MIB = 1024 * 1024
LARGEST = 16 * MIB

ITEM_TYPES = {"name": str, "size": int, "last_modified": str, "etag": str, "download_url": str,
              "original_name": str, "content_type": str, "tags": list}
INFO_TYPES = {"name": str, "size": int, "last_modified": str, "content_type": str, "etag": str,
              "metadata": dict, "download_url": str, "sha256": str, "tags": list}
METADATA_KEYS = {"original_name", "upload_time", "file_size", "content_type"}


def docx(*names):
    """Returns a ZIP archive with files of these names."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.writestr(name, "<xml/>" * 50)
    return archive.getvalue()


PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAA"
                       "AElFTkSuQmCC")
GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
def archive(parts):
    """Returns a ZIP archive of parts, given by name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return packed.getvalue()


MACROS_TYPE = "application/vnd.ms-office.vbaProject"


def word_types(part="", content_type="", encoding="utf-8"):
    """Returns [Content_Types].xml of a document, with an override for one more part."""
    more = f'<Override PartName="/{part}" ContentType="{content_type}"/>' if part else ""
    return (f'<?xml version="1.0" encoding="{encoding}"?>'
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'{more}</Types>').encode(encoding)


def word(types=None, **parts):
    """Returns a Word document."""
    return archive({"[Content_Types].xml": word_types() if types is None else types,
                    "word/document.xml": "<document/>", **parts})


def compound_entry(name, kind):
    """Returns a directory entry of a compound file: kind 1 is a storage, 2 a stream, 5 the root."""
    text = name.encode("utf-16-le")
    return struct.pack("<64sHBBIII36xIQ", text, len(text) + 2 if name else 0, kind, 1,
                       *[0xFFFFFFFF] * 3, 0xFFFFFFFE, 0)


def compound_file(*entries):
    """Returns a compound file with one FAT sector and one directory sector, as much as libmagic
    reads: a Word document with further (name, kind) entries."""
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack(
        "<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    header += struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    fat = struct.pack("<128I", 0xFFFFFFFD, *range(2, 2 + len(entries) // 4 + 1), 0xFFFFFFFE,
                      *[0xFFFFFFFF] * (125 - len(entries) // 4))
    directory = [compound_entry("Root Entry", 5), compound_entry("WordDocument", 2),
                 *(compound_entry(*entry) for entry in entries)]
    directory += [compound_entry("", 0)] * (-len(directory) % 4)
    return header + fat + b"".join(directory) + bytes(4096)


DOCX = docx("[Content_Types].xml", "_rels/.rels", "word/document.xml")
TEXT = "Привет, мир\n".encode()


def form(content, name, field="file"):
    """Returns the body and the type of a form that contains the file name unescaped."""
    boundary = "----------------boundary"
    name = name if isinstance(name, bytes) else name.encode()
    disposition = f"Content-Disposition: form-data; name=\"{field}\"; filename=\""
    body = (f"--{boundary}\r\n{disposition}".encode()
            + name + b"\"\r\nContent-Type: application/octet-stream\r\n\r\n" + content
            + f"\r\n--{boundary}--\r\n".encode())
    return body, f"multipart/form-data; boundary={boundary}"


def send(client, content=TEXT, name="a.txt", **arguments):
    """Sends an upload; returns the response."""
    return client.post("/files/upload", files={"file": (name, content)}, **arguments)


def send_form(client, content, name):
    """Like send(), with the file name unescaped in the form."""
    body, content_type = form(content, name)
    return client.post("/files/upload", data=body, headers={"Content-Type": content_type})


def begin(client, content=b"a" * 100000, sent=50000, source="", headers=()):
    """Opens a connection and sends the first `sent` bytes of an upload's body."""
    body, content_type = form(content, "a.txt")
    place = urlsplit(client.base_url)
    token = [("Authorization", f"Bearer {client.token}")] if client.token else []
    request = wire.request("POST", f"{place.path}/files/upload",
                           [*token, ("Content-Type", content_type), *headers], body)
    peer = wire.connect(client.base_url, client.ca_file, source)
    peer.sendall(request[:len(request) - len(body) + sent])
    return peer


def finish(peer, content=b"a" * 100000, sent=50000):
    """Sends the rest of an upload that begin() started; returns the response."""
    body, _ = form(content, "a.txt")
    peer.sendall(body[sent:])
    return wire.read_answer(peer)


def upload(client, content=TEXT, name="a.txt"):
    """Uploads a file, which must succeed; returns the response body."""
    return check_uploaded(send(client, content, name), content)


def check_uploaded(response, content):
    """Checks the response to an upload; returns its body."""
    assert response.status_code == 201, response.text
    body = response.json()
    assert list(body) == ["message", "filename", "original_name", "size", "content_type",
                          "download_url", "file_info"], body
    assert NAME.fullmatch(body["filename"]), body
    assert response.headers["Location"] == f"/api/v1/files/{body['filename']}/info"
    info = body["file_info"]
    assert list(info) == ["name", "size", "last_modified", "content_type", "etag", "metadata",
                          "sha256"], info
    check_facts(info, content)
    assert (body["filename"], body["size"], body["content_type"]) == (
        info["name"], info["size"], info["content_type"])
    assert body["original_name"] == info["metadata"]["original_name"]
    return body


def check_facts(info, content):
    """Checks the facts about a file that all responses share."""
    assert SECONDS.fullmatch(info["last_modified"]), info
    assert (info["size"], info["etag"]) == (len(content), hashlib.md5(content).hexdigest())
    if "sha256" in info:
        assert info["sha256"] == hashlib.sha256(content).hexdigest()
    if "metadata" in info:
        metadata = info["metadata"]
        assert set(metadata) == METADATA_KEYS and all(isinstance(value, str)
                                                      for value in metadata.values()), metadata
        assert contract.TIME.fullmatch(metadata["upload_time"])
        assert metadata["upload_time"][:19] == info["last_modified"][:19]
        assert (metadata["file_size"], metadata["content_type"]) == (
            str(len(content)), info["content_type"])


def check_info(body, content=None):
    """Checks a response about one file; returns it."""
    contract.check_record(body, INFO_TYPES)
    if content is not None:
        check_facts(body, content)
    return body


def check_list(body):
    """Checks a page of files; returns the files."""
    assert list(body) == ["files", "count", "prefix", "next"], body
    assert body["count"] == len(body["files"])
    for item in body["files"]:
        contract.check_record(item, ITEM_TYPES)
    return body["files"]


def listed(client, query=""):
    """Lists files, which must succeed; returns the files of the page."""
    response = client.get(f"/files{query}")
    assert response.status_code == 200, response.text
    return check_list(response.json())


def names(client, query=""):
    return [item["name"] for item in listed(client, query)]


def fetch(url, ca_file=True, method="GET", **headers):
    """Requests a URL without a token."""
    answer = requests.request(method, url, timeout=TIMEOUT_S, verify=str(ca_file), headers=headers,
                              allow_redirects=False)
    if SIGNED_PATH.fullmatch(urlsplit(url).path):  # a URL of the service, not of S3
        contract.check_answer(answer)
        document.check_answer(answer)
    return answer


class Spool:
    """Bodies of uploads in progress, which the spool process stores in unlinked files."""

    def __init__(self, stack):
        self._stack = stack
        self._root = str(stack.state_dir / "spool")

    def sizes(self):
        """Returns the size of each body in bytes."""
        return [os.stat(fd).st_size for pid in self._stack.service.spools()
                for fd in self._files(pid)]

    def connections(self):
        """Returns the number of nginx's connections to uploads.sock."""
        path = str(self._stack.socket_dir / "uploads.sock")
        lines = Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()
        return sum(line.split()[-1] == path and line.split()[5] == "03" for line in lines)

    def _files(self, pid):
        try:
            return [fd for fd in Path(f"/proc/{pid}/fd").iterdir()
                    if os.readlink(fd).startswith(self._root)]
        except OSError:  # a file was closed in the meantime
            return self._files(pid) if Path(f"/proc/{pid}/fd").exists() else []


class Disk:
    """Direct access to the objects of a stack on the local disk."""

    kind = "disk"
    past = (0, -1, "", "9" * 30)  # expiry times that must be rejected

    def __init__(self, stack):
        self.stack = stack
        self.root = stack.state_dir / "objects"

    def keys(self):
        """Returns the keys of all objects."""
        return {path.name for path in self.root.glob("??/*")}

    def staged(self):
        return list((self.root / "incoming").glob("*"))

    def remove(self, key):
        (self.root / key[:2] / key).unlink()

    def put(self, key, content):
        (self.root / key[:2]).mkdir(exist_ok=True)
        (self.root / key[:2] / key).write_bytes(content)

    def signed(self, url, expires):
        """Signs the URL anew, with SECRET_KEY, for another expiry time."""
        place = url.split("?")[0]
        text = f"{place.split('/')[-2]}\n{expires}"
        key = hmac.digest(self.stack.env["SECRET_KEY"].encode(), b"kontora: addresses of files",
                          "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        return f"{place}?expires={expires}&signature={signature}"

    @staticmethod
    def owns(url, base_url):
        """Returns True if the storage issues URLs of this form."""
        return urlsplit(url)[:2] == urlsplit(base_url)[:2]


class Bucket:
    """Direct access to the objects of a stack in S3."""

    kind = "s3"
    past = (0,)

    def __init__(self, stack, gateway):
        self.stack = stack
        self._gateway = gateway
        place = urlsplit(stack.env["STORAGE_URL"])
        self._bucket, self._prefix = place.netloc, place.path.lstrip("/")

    def keys(self):
        """Returns the keys of all objects; S3 lists them page by page."""
        found = []
        while page := self._page(found[-1] if found else ""):
            found += page
        return {key.removeprefix(f"{self._prefix}/") for key in found}

    def staged(self):
        return list((self.stack.state_dir / "incoming").glob("*"))

    def remove(self, key):
        self._gateway.curl("DELETE", f"/{self._bucket}/{self._prefix}/{key}")

    def put(self, key, content):
        self._gateway.curl("PUT", f"/{self._bucket}/{self._prefix}/{key}", "--data-binary", content)

    def signed(self, url, expires):
        """Signs the URL anew, with the S3 keys, for another expiry time (SigV4)."""
        parts = urlsplit(url)
        moment = datetime.datetime.fromtimestamp(expires - LIFETIME_S, datetime.UTC)
        settings = parse_qs(urlsplit(self.stack.env["STORAGE_URL"]).query)
        scope = [f"{moment:%Y%m%d}", *settings["region"], "s3", "aws4_request"]
        query = {**dict(parse_qsl(parts.query)), "X-Amz-Date": f"{moment:%Y%m%dT%H%M%SZ}",
                 "X-Amz-Credential": "/".join([self._gateway.keys.access, *scope]),
                 "X-Amz-Expires": str(LIFETIME_S)}
        del query["X-Amz-Signature"]
        canonical = urlencode(sorted(query.items()), quote_via=quote, safe="~")
        request = f"GET\n{parts.path}\n{canonical}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
        text = "\n".join(["AWS4-HMAC-SHA256", query["X-Amz-Date"], "/".join(scope),
                          hashlib.sha256(request.encode()).hexdigest()])
        key = f"AWS4{self._gateway.keys.secret}".encode()
        for word in (*scope, text):
            key = hmac.digest(key, word.encode(), "sha256")
        return f"{url.split('?')[0]}?{canonical}&X-Amz-Signature={key.hex()}"

    def owns(self, url, _base_url):
        return url.startswith(f"{self._gateway.endpoint}/{self._bucket}/{self._prefix}/")

    def _page(self, after):
        answer = self._gateway.curl(
            "GET", f"/{self._bucket}?list-type=2&start-after={quote(after, safe='')}")
        return re.findall("<Key>([^<]*)</Key>", answer)
