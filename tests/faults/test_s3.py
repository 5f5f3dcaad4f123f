"""A real S3 server: objects, signed URLs, and failures (refusing, stopped, hanging, losing
responses); without the service, and at the end with it."""

import contextlib
import hashlib
import re
import socket
import subprocess
import time
import urllib.parse

import pytest
import requests
from stack import Authority

from support.objects import Objects, new_key
from support.storage_proxy import StorageProxy
from support.waiting import wait_until

TIMEOUT_MS = 2000
BOUND_S = TIMEOUT_MS / 1000
SLACK_S = 1.5  # slack for a busy machine
REFUSAL_S = 1.0

MIB = 1024 * 1024
LARGE = 16 * MIB
LARGE_GROWTH_KIB = 2048  # allowed growth of the process with an object of 16 MiB

SLOW_DOWN = (b"HTTP/1.1 503 Slow Down\r\nContent-Length: 41\r\n\r\n"
             b"<Error><Code>SlowDown</Code></Error>     ")
NO_LIST = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>"


@pytest.fixture
def bucket(gateway):
    return gateway.create()


@pytest.fixture
def open_objects(tmp_path_factory, gateway, bucket):
    """Returns a function that opens the bucket, with additional parameters of STORAGE_URL."""
    with contextlib.ExitStack() as all_of_them:
        def make(settings=None, path="", **options):
            values = {**gateway.settings(f"{bucket}{path}", **options),
                      "STORAGE_TIMEOUT_MS": str(TIMEOUT_MS), **(settings or {})}
            opened = Objects(tmp_path_factory.mktemp("objects"), values)
            all_of_them.callback(opened.close)
            return opened
        yield make


@pytest.fixture
def objects(open_objects):
    return open_objects()


@pytest.fixture
def proxy(gateway):
    with StorageProxy(gateway.port) as proxy:
        yield proxy


@pytest.fixture
def stopped_gateway(gateway):
    gateway.stop_gateway()
    yield
    if not gateway.alive:
        gateway.start_gateway()


def fetch(url, *arguments):
    """Returns the status, the headers and the body that a client gets."""
    done = subprocess.run(["curl", "--silent", "--include", "--noproxy", "*", *arguments, url],
                          check=True, capture_output=True)
    head, _, octets = done.stdout.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, octets


def assert_unavailable(answer, *, within_s=BOUND_S):
    assert answer.error == "STORAGE_UNAVAILABLE", answer
    assert answer.took_s < within_s + SLACK_S, answer


# --- operations -----------------------------------------------------------------------------------


def test_object_in_s3_storage_can_be_found_listed_and_deleted(objects, gateway, bucket):
    key = objects.put("Привет".encode())
    size, modified_ms = objects.must("find", key)
    answer = gateway.curl("GET", f"/{bucket}/{key}", "--include")
    assert int(size) == len("Привет".encode())
    assert re.search(r"content-type: text/plain; charset=utf-8", answer, re.IGNORECASE)
    assert answer.endswith("\nПривет")
    assert abs(int(modified_ms) / 1000 - objects.log.stat().st_mtime) < 60
    assert objects.list() == [key]
    objects.must("check")
    objects.must("delete", key)
    assert objects.must("find", key) == ["none"]
    assert objects.list() == []
    objects.must("delete", key)
    assert objects.staged() == []


def test_empty_object_is_stored(objects):
    key = objects.put(b"")
    assert objects.must("find", key)[0] == "0"
    assert fetch(objects.url(key))[2] == b""


def test_large_object_is_stored_with_little_memory(objects):
    octets = bytes(range(256)) * (LARGE // 256)
    objects.put(b"small")
    before = objects.peak_kib()
    key = objects.put(octets)
    assert objects.peak_kib() - before < LARGE_GROWTH_KIB
    assert hashlib.sha256(fetch(objects.url(key))[2]).digest() == hashlib.sha256(octets).digest()


def test_upload_corrupted_on_way_to_s3_storage_is_refused(objects):
    key = new_key()
    answer = objects.do("spoil", key, objects.file(b"octets"))
    assert_unavailable(answer)
    assert "BadDigest" in answer.cause
    assert objects.must("find", key) == ["none"]


def test_object_list_spans_pages_and_skips_foreign_objects(objects, gateway, bucket):
    """The server returns fewer keys than requested, and other objects are in between."""
    keys = sorted(objects.put(b"x") for _ in range(45))
    for name in ("README", "0", f"{keys[3]}.bak", f"a/{keys[4]}", "ffffffff"):
        gateway.curl("PUT", f"/{bucket}/{name}", "--data", "x")
    assert objects.list() == keys
    assert objects.list(limit=45) == keys
    walked = []
    while page := objects.list(walked[-1] if walked else "-", 7):
        assert len(page) == min(7, len(keys) - len(walked))
        walked += page
    assert walked == keys
    assert objects.list(keys[20], 1) == [keys[21]]


def test_two_key_prefixes_in_one_bucket_are_separate_storages(open_objects, gateway, bucket):
    one, other, top = open_objects(path="/a/one"), open_objects(path="/a/other/"), open_objects()
    key, second = one.put(b"one"), other.put(b"other")
    assert (one.list(), other.list(), top.list()) == ([key], [second], [])
    assert other.must("find", key) == ["none"]
    assert fetch(one.url(key))[2] == b"one"
    assert gateway.curl("GET", f"/{bucket}/a/one/{key}") == "one"


def test_s3_bucket_can_be_part_of_host_name(open_objects, gateway, bucket):
    objects = open_objects(endpoint=f"http://localhost:{gateway.port}", path_style="false")
    key = objects.put(b"octets")
    url = objects.url(key)
    assert url.startswith(f"http://{bucket}.localhost:{gateway.port}/{key}?")
    assert fetch(url)[2] == b"octets"
    assert objects.list() == [key]


def test_storage_connection_is_reused(open_objects, proxy):
    objects = open_objects(endpoint=proxy.endpoint)
    key = objects.put(b"octets")
    for _ in range(5):
        objects.must("find", key)
        objects.must("check")
    assert proxy.connections == 1


def test_storage_certificate_is_verified(open_objects, gateway, tmp_path):
    objects = open_objects(endpoint=gateway.tls_endpoint)
    key = objects.put(b"octets")
    assert objects.must("find", key)[0] == "6"
    stranger = {"AWS_CA_BUNDLE": str(Authority(tmp_path).file)}
    answer = open_objects(stranger, endpoint=gateway.tls_endpoint).do("find", key)
    assert_unavailable(answer, within_s=0)
    assert "certificate" in answer.cause


# --- signed URLs ----------------------------------------------------------------------------------


def test_signed_url_returns_object_with_headers(objects):
    key = objects.put(b"0123456789")
    status, headers, octets = fetch(objects.url(key))
    assert (status, octets) == (200, b"0123456789")
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["content-disposition"] == ("attachment; filename=\"a; b.txt\"; "
                                              "filename*=utf-8''%d0%b4%20%2b.txt")
    status, headers, octets = fetch(objects.url(key), "--range", "2-4")
    assert (status, octets) == (206, b"234")
    assert fetch(objects.url(key), "--header", f"If-None-Match: {headers['etag']}")[0] == 304


def test_signed_url_uses_public_endpoint(open_objects, proxy):
    objects = open_objects(public_endpoint=proxy.endpoint)
    key = objects.put(b"octets")
    assert proxy.connections == 0
    url = objects.url(key)
    assert url.startswith(proxy.endpoint)
    assert fetch(url)[2] == b"octets"
    assert proxy.connections == 1


def change_parameter(url, name, value):
    parts = urllib.parse.urlsplit(url)
    query = dict(urllib.parse.parse_qsl(parts.query))
    assert name in query
    query[name] = value
    encoded = urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
    return parts._replace(query=encoded).geturl()


@pytest.mark.parametrize(("name", "value"), [
    ("X-Amz-Signature", "0" * 64), ("X-Amz-Expires", "604800"), ("X-Amz-Date", "20991120T120000Z"),
    ("response-content-type", "text/html"), ("response-content-disposition", "inline"),
])
def test_altered_signed_url_is_refused(objects, name, value):
    key = objects.put(b"octets")
    assert fetch(change_parameter(objects.url(key), name, value))[0] == 403


def test_signed_url_is_valid_for_reading_one_object(objects):
    key, other = objects.put(b"octets"), objects.put(b"other")
    url = objects.url(key)
    assert fetch(url.replace(key, other))[0] == 403
    assert fetch(url, "--request", "DELETE")[0] == 403
    assert fetch(url, "--request", "PUT", "--data", "x")[0] == 403
    assert fetch(url)[2] == b"octets"


def test_signed_url_expires(objects):
    key = objects.put(b"octets")
    assert fetch(objects.url(key, seconds=-1))[0] == 403


# --- a storage that refuses -----------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_s3_credentials_are_reported_and_not_retried(open_objects, gateway, setting):
    objects = open_objects({setting: "wrong"})
    for answer in (objects.do("check"), objects.do("put", new_key(), objects.file(b"octets")),
                   objects.do("delete", new_key())):
        assert_unavailable(answer)
        assert "check the keys" in answer.cause
        assert gateway.keys.secret not in answer.cause
    assert objects.repetitions() == []  # a retry would not help
    assert gateway.keys.secret not in objects.log.read_text()


def test_missing_s3_bucket_is_an_error(tmp_path, gateway):
    objects = Objects(tmp_path, gateway.settings("kontora-nowhere"))
    for answer in (objects.do("check"), objects.do("find", new_key()),
                   objects.do("delete", new_key()), objects.do("list", "-", "10"),
                   objects.do("put", new_key(), objects.file(b"x"))):
        assert_unavailable(answer)
        assert "NoSuchBucket" in answer.cause
    objects.close()


# --- a storage that fails -------------------------------------------------------------------------


def test_stopped_storage_is_unavailable_until_restarted(objects, gateway, stopped_gateway):
    key = new_key()
    assert_unavailable(objects.do("put", key, objects.file(b"octets")), within_s=REFUSAL_S)
    assert len(objects.repetitions()) == 2
    assert objects.do("find", key).took_s < 0.1  # no attempt is made during the backoff
    assert_unavailable(objects.do("check"), within_s=REFUSAL_S)
    gateway.start_gateway()
    wait_until(lambda: objects.do("check").ok, 2 * REFUSAL_S, "the storage to recover")
    objects.put(b"octets", key)
    assert objects.list() == [key]
    assert objects.staged() == []


def test_service_reconnects_to_restarted_storage(objects, gateway):
    key = objects.put(b"octets")
    gateway.stop_gateway()
    gateway.start_gateway()
    assert objects.must("find", key)[0] == "6"


def test_request_to_silent_storage_times_out(open_objects):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        objects = open_objects(endpoint=endpoint)
        answer = objects.do("find", new_key())
        assert_unavailable(answer)
        assert answer.took_s > BOUND_S / 2
        assert len(objects.repetitions()) == 1
        wait_until(lambda: objects.do("check").took_s > BOUND_S / 2, 2 * REFUSAL_S,
                   "a check after the backoff")


def test_stalled_transfer_to_storage_times_out(open_objects):
    """A steady transfer may take one second per MiB; one without progress is aborted sooner."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        objects = open_objects(endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}")
        answer = objects.do("put", new_key(), objects.file(bytes(LARGE)))
        assert_unavailable(answer, within_s=3 * BOUND_S)
        assert "stalled" in answer.cause


def test_request_to_suspended_storage_times_out(objects, gateway):
    key = objects.put(b"octets")
    gateway.freeze()
    try:
        assert_unavailable(objects.do("find", key))
    finally:
        gateway.thaw()
    wait_until(lambda: objects.do("find", key).ok, 2 * REFUSAL_S, "the storage to recover")


def test_query_to_silent_name_server_times_out(tmp_path, gateway):
    """The service limits the query itself, because the system resolver would wait much longer."""
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.9.9\noptions timeout:30\n")
    mount = f'mount --bind {tmp_path}/resolv.conf /etc/resolv.conf && exec "$@"'
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        silent.bind(("127.0.9.9", 53))
        settings = {**gateway.settings("files", endpoint="http://gateway.example.com"),
                    "STORAGE_TIMEOUT_MS": str(TIMEOUT_MS)}
        objects = Objects(tmp_path, settings, ("unshare", "--mount", "sh", "-c", mount, "sh"))
        answer = objects.do("find", new_key())
        assert_unavailable(answer)
        assert "Resolving timed out" in answer.cause
        objects.close()


def test_interrupted_upload_to_storage_is_restarted(open_objects, proxy):
    objects = open_objects(endpoint=proxy.endpoint)
    octets = bytes(range(256)) * (4 * MIB // 256)
    proxy.cut(2 * MIB)
    key = objects.put(octets)
    assert len(objects.repetitions()) <= 1  # none if libcurl itself has retried
    assert proxy.connections == 2
    assert fetch(objects.url(key))[2] == octets


@pytest.mark.parametrize("command", ["put", "find", "list", "delete"])
def test_storage_request_with_lost_response_is_retried(objects, open_objects, proxy, command):
    """Uses a new connection, because libcurl itself retries on a reused one."""
    key = objects.put(b"octets")
    unlucky = open_objects(endpoint=proxy.endpoint)
    proxy.lose_answer()
    unlucky.must(*{"put": ("put", key, objects.file(b"octets")), "find": ("find", key),
                   "list": ("list", "-", "10"), "delete": ("delete", key)}[command])
    assert len(unlucky.repetitions()) == 1
    assert objects.list() == ([] if command == "delete" else [key])


def test_storage_request_with_lost_response_on_reused_connection_is_retried(open_objects, proxy):
    objects = open_objects(endpoint=proxy.endpoint)
    key = objects.put(b"octets")
    proxy.lose_answer()
    objects.must("find", key)
    assert proxy.connections == 2


def test_request_to_busy_storage_is_retried(open_objects, proxy):
    objects = open_objects(endpoint=proxy.endpoint)
    for _ in range(2):
        proxy.answer(SLOW_DOWN)
    key = objects.put(b"octets")
    assert ["SlowDown" in line for line in objects.repetitions()] == [True, True]
    for _ in range(3):
        proxy.answer(SLOW_DOWN)
    assert_unavailable(objects.do("find", key))
    objects.must("find", key)  # a busy storage was reached, so there is no backoff


def test_invalid_object_list_from_storage_is_an_error(open_objects, proxy):
    objects = open_objects(endpoint=proxy.endpoint)
    objects.put(b"octets")
    proxy.answer(NO_LIST)
    assert_unavailable(objects.do("list", "-", "10"))


# --- the service on S3 ----------------------------------------------------------------------------


@pytest.fixture
def rig(make_rig, gateway, bucket):
    """Starts a stack without a directory, on the bucket."""
    return make_rig(**gateway.settings(bucket), STORAGE_TIMEOUT_MS=str(TIMEOUT_MS))


class FilesSurface:
    """A client of the port for files, which needs no token in development."""

    def __init__(self, stack):
        self._url = stack.files_url

    def upload(self, octets, name="notes.txt"):
        return requests.post(f"{self._url}/files/upload", files={"file": (name, octets)},
                             timeout=30)

    def get(self, path):
        return requests.get(self._url + path, timeout=30)

    def delete(self, name):
        return requests.delete(f"{self._url}/files/{name}", timeout=30)

    def names(self):
        return [each["name"] for each in self.get("/files").json()["files"]]


def test_files_are_stored_only_in_s3_bucket(rig, gateway, bucket):
    surface = FilesSurface(rig.stack)
    uploaded = surface.upload("Заметки".encode(), "Заметки.txt")
    assert uploaded.status_code == 201, uploaded.text
    name = uploaded.json()["filename"]
    url = surface.get(f"/files/{name}/download").json()["download_url"]
    assert url.startswith(f"{gateway.endpoint}/{bucket}/")
    assert name not in urllib.parse.urlsplit(url).path
    status, headers, octets = fetch(url)
    assert (status, octets.decode()) == (200, "Заметки")
    assert urllib.parse.quote("Заметки.txt").lower() in headers["content-disposition"]
    assert list((rig.folder / "incoming").iterdir()) == []
    assert not (rig.folder / "objects").exists()
    assert surface.delete(name).status_code == 200
    assert fetch(url)[0] == 404
    assert gateway.curl("GET", f"/{bucket}").count("<Key>") == 0


def test_storage_outage_is_reported_until_storage_recovers(rig, gateway, bucket, stopped_gateway):
    surface = FilesSurface(rig.stack)
    wait_until(lambda: surface.get("/health/storage").status_code == 503,
               what="the outage to be reported")
    began = time.monotonic()
    refused = surface.upload(b"octets")
    assert time.monotonic() - began < BOUND_S + SLACK_S
    assert (refused.status_code, refused.json()["code"]) == (503, "STORAGE_UNAVAILABLE")
    assert "Retry-After" in refused.headers
    assert surface.names() == []
    assert rig.anonymous("").get("/health").status_code == 200
    assert list((rig.folder / "incoming").iterdir()) == []
    gateway.start_gateway()
    wait_until(lambda: surface.get("/health/storage").status_code == 200,
               what="the recovery to be reported")
    uploaded = wait_until(lambda: (answer := surface.upload(b"octets")).ok and answer,
                          what="an upload to succeed")
    assert surface.names() == [uploaded.json()["filename"]]
    assert gateway.curl("GET", f"/{bucket}").count("<Key>") == 1


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("settings", "fault"), [
    ({"STORAGE_URL": "s3://files?endpont=https://example.com"}, "endpont"),
    ({"AWS_SECRET_ACCESS_KEY": ""}, "AWS_SECRET_ACCESS_KEY"),
    ({"AWS_CA_BUNDLE": "/no/such/file"}, "AWS_CA_BUNDLE"),
])
def test_error_names_invalid_storage_settings(binary, tmp_path, gateway, settings, fault):
    done = subprocess.run(
        [binary, "config", "--check"], check=False, capture_output=True, text=True, cwd=tmp_path,
        env={**gateway.settings("files"), "STATE_DIR": str(tmp_path), **settings})
    assert done.returncode == 78
    assert fault in done.stdout + done.stderr
    assert gateway.keys.secret not in done.stdout + done.stderr
