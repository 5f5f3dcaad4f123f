"""Idle connections to the pools' sockets: a local process that connects and sends no request, or
only a part of one, must not block the pools."""

import contextlib
import socket
import threading
import time

import pytest

from support import files, wire

REQUEST_TIMEOUT_S = 60
IDLE = 12  # more connections than any pool has workers
BEGIN = bytes([1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])  # FCGI_BEGIN_REQUEST of a responder
PARAMS = bytes([1, 4, 0, 1, 0, 100, 0, 0])  # header of a parameters record of 100 bytes
PARTS = {"nothing": b"", "half a header": BEGIN[:4], "no parameters": BEGIN,
         "a part of them": BEGIN + PARAMS + b"x" * 50}


def assert_status(response, expected):
    """Asserts the status and that the pool has answered, not nginx."""
    assert response.status_code == expected, response.text


# For each pool, a call that it must answer.
CALLS = {
    "core": lambda rig: assert_status(rig.anonymous("").get("/health"), 200),
    "auth": lambda rig: rig.anonymous().login(*rig.stack.administrator),
    "directory": lambda rig: assert_status(rig.anonymous().get("/users"), 401),
    "filters": lambda rig: assert_status(rig.anonymous().get("/users?filter=cn+pr"), 401),
    "files": lambda rig: assert_status(rig.anonymous("").get("/health/storage"), 200),
    "uploads": lambda rig: files.upload(rig.api),
}


def connect_to_pool(rig, pool, octets=b""):
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(10)
    peer.connect(str(rig.stack.socket_dir / f"{pool}.sock"))
    peer.sendall(octets)
    return peer


def is_closed(peer):
    """Waits for data; returns True if the service closed the connection."""
    try:
        return peer.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.fixture
def rig(make_rig):
    """Starts a stack without a directory, with a long timeout for reading a request."""
    return make_rig(REQUEST_TIMEOUT=REQUEST_TIMEOUT_S)


@pytest.mark.parametrize("part", PARTS)
def test_idle_connections_do_not_block_worker_pools(rig, part):
    assert rig.api  # logs in now, before the connections exist
    for pool, call in CALLS.items():
        with contextlib.ExitStack() as idle:
            peers = [idle.enter_context(connect_to_pool(rig, pool, PARTS[part]))
                     for _ in range(IDLE)]
            call(rig)
            assert all(map(is_closed, peers)), f"{pool}: must close each connection at its deadline"


@contextlib.contextmanager
def send_slowly(peer):
    """Sends a byte at intervals, until the peer closes."""
    over = threading.Event()

    def trickle():
        with contextlib.suppress(OSError):
            while not over.wait(0.2):
                peer.sendall(b"x")

    sender = threading.Thread(target=trickle)
    sender.start()
    try:
        yield
    finally:
        over.set()
        sender.join()


def test_slowly_sent_fastcgi_parameters_are_cut_off_at_deadline(rig):
    """Further bytes do not extend the deadline."""
    assert rig.api
    for pool, call in CALLS.items():
        with connect_to_pool(rig, pool, BEGIN + PARAMS) as peer, send_slowly(peer):
            call(rig)
            assert is_closed(peer), pool


def test_invalid_fastcgi_record_closes_connection(rig):
    for pool in CALLS:
        with connect_to_pool(rig, pool, b"GET / HTTP/1.1\r\n\r\n") as peer:
            assert is_closed(peer), pool


# --- bodies -------------------------------------------------------------------------------------

def encode_pair(name, value):
    return bytes([len(name), len(value)]) + name.encode() + value.encode()


def encode_record(kind, content):
    return bytes([1, kind, 0, 1]) + len(content).to_bytes(2, "big") + bytes(2) + content


def begin_post(path):
    """Returns a request whose body has begun; nginx would send a complete body at once."""
    params = (encode_pair("REQUEST_METHOD", "POST") + encode_pair("REQUEST_URI", path)
              + encode_pair("CONTENT_TYPE", "application/json")
              + encode_pair("CONTENT_LENGTH", "60000"))
    return BEGIN + encode_record(4, params) + encode_record(4, b"") + bytes([1, 5, 0, 1]) + (
        60000).to_bytes(2, "big") + bytes(2)


def wait_until_closed(peer):
    """Reads until the connection ends."""
    with contextlib.suppress(ConnectionResetError):
        while peer.recv(4096):
            pass


@pytest.mark.parametrize("pool, path", [
    ("core", "/api/v1/contacts"), ("core", "/api/v1/auth/login"),
    ("directory", "/api/v1/auth/login"),
    ("files", "/api/v1/files/upload")])
def test_slow_bodies_sent_without_nginx_are_cut_off(rig, pool, path):
    """The workers refuse such bodies before or while reading them, on as many connections as
    there are workers."""
    began = time.monotonic()
    with contextlib.ExitStack() as slow:
        peers = [slow.enter_context(connect_to_pool(rig, pool, begin_post(path))) for _ in range(4)]
        for peer in peers:
            slow.enter_context(send_slowly(peer))
        CALLS[pool](rig)
        for peer in peers:
            wait_until_closed(peer)
    assert time.monotonic() - began < REQUEST_TIMEOUT_S / 2, "the deadline of the body must apply"


def test_slow_json_bodies_do_not_occupy_workers(rig):
    """nginx buffers request bodies until they are complete, and closes connections that stall."""
    rig.edit_nginx("limits.conf", ("client_body_timeout 10s", "client_body_timeout 1s"))
    begun = wire.request("POST", "/auth/login", [("Content-Type", "application/json"),
                                                 ("Content-Length", "100")]) + b"{"
    with contextlib.ExitStack() as slow:
        peers = [slow.enter_context(wire.connect(rig.stack.https_url, rig.stack.ca_file))
                 for _ in range(IDLE)]
        for peer in peers:
            peer.sendall(begun)
        assert CALLS["auth"](rig)
        assert all(map(is_closed, peers))
