"""Malformed HTTP that no browser sends. Each request gets a 4xx in the common error format, and
no worker exits."""

import json
import socket

import pytest

from support import contract, wire
from support.client import user_path

SURFACES = pytest.mark.parametrize("surface", ["https_url", "http_url"])


@pytest.fixture(autouse=True, scope="module")
def assert_workers_survive(stack, site):
    before = set(stack.service.workers())
    yield
    assert site.get("/health").status_code == 200
    assert set(stack.service.workers()) == before


@pytest.fixture
def send(stack):
    """Returns a function that sends bytes to a port of nginx and returns the response; an error
    must have the common format."""
    def call(octets, surface="https_url", half_close=False):
        answer = wire.exchange(getattr(stack, surface), stack.ca_file, octets, half_close)
        if answer.status and answer.status >= 400 and b" " in octets[:10]:
            headers = {"-".join(part.capitalize() for part in name.split("-")): value
                       for name, value in answer.headers.items()}
            headers["X-Request-ID"] = next((value for name, value in answer.headers.items()
                                            if name.lower() == "x-request-id"), "")
            headers["WWW-Authenticate"] = headers.get("Www-Authenticate")
            if not octets.startswith(b"HEAD"):
                contract.check_problem(answer.status, headers, answer.json())
        return answer
    return call


# --- methods ------------------------------------------------------------------------------------

@SURFACES
@pytest.mark.parametrize("path", ["/users", "/health", "/", "/auth/login", "/api/v1/users/x"])
@pytest.mark.parametrize("method", ["FOO", "TRACE", "CONNECT", "PROPFIND", "OPTIONS", "LINK",
                                    "MKCOL", "GETT", "G", "X" * 300, "A-B", "A_B"])
def test_unknown_http_method_is_client_error(send, surface, method, path):
    answer = send(wire.request(method, path), surface)
    assert 400 <= answer.status < 500, answer.status_line


@SURFACES
@pytest.mark.parametrize("method", ["get", "Get", "pOST", "G E T", "GE\tT", "G\x00T", "ГET", "{}",
                                    "\"GET\"", "1", ""])
def test_malformed_http_method_is_bad_request(send, surface, method):
    assert send(wire.request(method, "/users"), surface).status == 400


@pytest.mark.parametrize("path, allowed", [("/health", "GET"), ("/users", "POST")])
def test_response_to_unknown_http_method_has_allow_header(send, path, allowed):
    answer = send(wire.request("FOO", path))
    assert answer.status == 405
    assert allowed in answer.headers["Allow"]


# --- request lines ------------------------------------------------------------------------------

@SURFACES
@pytest.mark.parametrize("line", [
    b"GET /users HTTP/1.1 extra", b"GET /users HTTP/9.9", b"GET /users HTTP/x",
    b"GET /users FTP/1.1", b"GET users HTTP/1.1", b"GET  HTTP/1.1", b"GET /a\0b HTTP/1.1",
    b"GET /../../etc HTTP/1.1",
    b"GET /%00 HTTP/1.1", b"GET /users/%zz HTTP/1.1", b"GET /users?limit=%zz HTTP/1.1",
    b"GET \\users HTTP/1.1", b"GET /" + b"x" * 12_000 + b" HTTP/1.1",
    b"GET /users?search=" + b"x" * 12_000 + b" HTTP/1.1", b"GET /\xff\xfe HTTP/1.1",
    b"GET /users/\xff\xfe HTTP/1.1", b"GET /users?search=\xff HTTP/1.1", b"GET * HTTP/1.1",
    b"GET http://[::1 HTTP/1.1", b"POST /users/" + b"%41" * 3000 + b" HTTP/1.1",
])
def test_malformed_request_line_is_client_error(send, surface, line, stack, admin_token):
    octets = (line + b"\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer "
              + admin_token.encode() + b"\r\n\r\n")
    answer = send(octets, surface)
    assert answer.status is None or 400 <= answer.status < 600, answer.octets
    if answer.status is not None and b"HTTP/9.9" not in line:
        assert answer.status < 500, answer.octets


@SURFACES
@pytest.mark.parametrize("octets", [
    b"\0" * 100, b"\xff" * 100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
    b"SSH-2.0-OpenSSH_9.2\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00", b"{" * 1000,
    b"EHLO mail\r\nQUIT\r\n", b"*3\r\n$3\r\nSET\r\n",
], ids=repr)
def test_connection_that_sends_other_protocol_than_http_is_refused(send, surface, octets):
    answer = send(octets, surface)
    assert answer.status in (None, 400, 405)


@pytest.mark.parametrize("octets", [b"", b"\r\n\r\n", b"G", b"GET / HTTP/1.1",
                                    b"GET / HTTP/1.1\r\nHost: localhost\r\n"])
def test_incomplete_http_request_is_refused(send, octets):
    assert send(octets, "http_url", half_close=True).status in (None, 400)


def test_plain_http_on_tls_port_is_refused(stack):
    base = "http" + stack.https_url.removeprefix("https")
    answer = wire.exchange(base, stack.ca_file, wire.request("GET", "/users"))
    assert answer.status in (301, 308, 400, 426)
    if answer.status >= 400:
        assert answer.json()["code"]


def test_http_1_0_request_is_served_and_http_0_9_request_is_harmless(send):
    assert send(wire.request("GET", "/health", version="HTTP/1.0")).status == 200
    answer = send(b"GET /health\r\n")
    assert answer.status in (None, 200, 400)


# --- headers ------------------------------------------------------------------------------------

HEADERS = {
    "no host": b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n",
    "two hosts": b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
    "a huge field": wire.request("GET", "/health", [("X-Big", "x" * 20_000)]),
    "many large fields": wire.request("GET", "/health",
                                      [(f"X-{n}", "x" * 4000) for n in range(40)]),
    "a huge cookie": wire.request("GET", "/health", [("Cookie", "x" * 20_000)]),
    "a huge token": wire.request("GET", "/users", [("Authorization", "Bearer " + "x" * 20_000)]),
    "a bad length": wire.request("POST", "/auth/login", [("Content-Length", "abc")]),
    "a negative length": wire.request("POST", "/auth/login", [("Content-Length", "-1")]),
    "a huge length": wire.request("POST", "/auth/login", [("Content-Length", "9" * 40)]),
    "two lengths": wire.request("POST", "/auth/login", [("Content-Length", "2"),
                                                        ("Content-Length", "3")], b"{}x"),
    "length and chunks": wire.request("POST", "/auth/login",
                                      [("Content-Length", "5"), ("Transfer-Encoding", "chunked"),
                                       ("Content-Type", "application/json")], b"0\r\n\r\n"),
    "another coding": wire.request("POST", "/auth/login", [("Transfer-Encoding", "gzip, chunked")],
                                   b"0\r\n\r\n"),
    "a bad chunk": wire.request("POST", "/auth/login", [("Transfer-Encoding", "chunked"),
                                                        ("Content-Type", "application/json")],
                                b"zz\r\n{}\r\n0\r\n\r\n"),
    "a field without a name": (b"GET /health HTTP/1.1\r\nHost: a\r\n: x\r\n"
                               b"Connection: close\r\n\r\n"),
    "a NUL in a field": b"GET /health HTTP/1.1\r\nHost: a\r\nX: a\0b\r\nConnection: close\r\n\r\n",
    "a bad host": b"GET /health HTTP/1.1\r\nHost: a b/c\r\nConnection: close\r\n\r\n",
}
# Requests that nginx may accept by ignoring the defect, as RFC 9110 permits.
HARMLESS = {"a field without a name"}


@SURFACES
@pytest.mark.parametrize("name", HEADERS)
def test_malformed_headers_are_client_errors(send, surface, name):
    answer = send(HEADERS[name], surface)
    if name in HARMLESS:
        assert answer.status == 200 or 400 <= answer.status < 500
    else:
        assert 400 <= answer.status < 500 or answer.status == 501, answer.status_line


def test_oversized_headers_are_refused(send):
    answer = send(HEADERS["a huge field"])
    assert answer.status in (400, 431)


def test_client_header_cannot_override_fastcgi_parameter(api, send, admin_token):
    """A header that maps to the same FastCGI parameter must not replace the real one."""
    answer = send(wire.request("GET", "/auth/me", [("Authorization_", f"Bearer {admin_token}"),
                                                   ("HTTP-AUTHORIZATION", f"Bearer {admin_token}"),
                                                   ("X_Request_ID", "forged")]))
    assert answer.status == 401
    assert b"forged" not in answer.octets


def test_client_address_cannot_be_forged(api, audit):
    response = api.patch("/users/nobody-is-called-so", json={},
                         headers={"X-Forwarded-For": "203.0.113.7", "X-Real-IP": "203.0.113.7",
                                  "Forwarded": "for=203.0.113.7"})
    assert audit.one_of(response)["address"].startswith("127.")


# --- bodies -------------------------------------------------------------------------------------

def json_headers(token, *more):
    return [("Authorization", f"Bearer {token}"), ("Content-Type", "application/json"), *more]


@pytest.mark.parametrize("size", [257 * 1024, 1024 * 1024 + 1, 5 * 1024 * 1024])
def test_too_large_body_is_refused(api, size):
    body = json.dumps({"title": "x" * size})
    response = api.post("/users", data=body, headers={"Content-Type": "application/json"})
    contract.check_error(response, 413, "PAYLOAD_TOO_LARGE")


def test_largest_allowed_body_is_accepted(api, people):
    user = people.create()
    body = ('{"title":"x"' + " " * (256 * 1024 - 13) + "}").encode()
    assert len(body) == 256 * 1024
    headers = {"Content-Type": "application/json"}
    path = user_path(user["sAMAccountName"])
    assert api.patch(path, data=body, headers=headers).json()["title"] == "x"
    contract.check_error(api.patch(path, data=body + b" ", headers=headers), 413,
                         "PAYLOAD_TOO_LARGE")


@SURFACES
def test_request_with_too_large_content_length_is_refused(send, surface, admin_token):
    headers = json_headers(admin_token, ("Content-Length", str(10 ** 12)))
    answer = send(wire.request("POST", "/users", headers), surface)
    assert answer.status == 413


def test_chunked_body_is_accepted(send, admin_token, people):
    body = json.dumps(people.body(title="in chunks")).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece)
                      for piece in (body[i:i + 7] for i in range(0, len(body), 7)))
    answer = send(wire.request("POST", "/users",
                               json_headers(admin_token, ("Transfer-Encoding", "chunked")),
                               chunks + b"0\r\n\r\n"))
    assert answer.status == 201, answer.octets


def test_too_large_chunked_body_is_refused(send, admin_token):
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = send(wire.request("POST", "/users",
                               json_headers(admin_token, ("Transfer-Encoding", "chunked")),
                               chunk * 24 + b"0\r\n\r\n"))
    assert answer.status == 413


def test_request_with_truncated_body_changes_nothing(stack, admin_token, people, ldap_admin):
    body = people.body()
    octets = json.dumps(body).encode()
    with wire.connect(stack.http_url, stack.ca_file) as peer:
        peer.sendall(wire.request("POST", "/users", json_headers(
            admin_token, ("Content-Length", str(len(octets) + 10))), octets))
        peer.shutdown(socket.SHUT_WR)
        peer.recv(65536)
    assert ldap_admin.find(body["sAMAccountName"]) is None


def test_pipelined_requests_are_both_answered(stack):
    octets = (wire.request("GET", "/health", [("Connection", "keep-alive")])
              + wire.request("GET", "/nowhere"))
    with wire.connect(stack.http_url, stack.ca_file) as peer:
        peer.sendall(octets)
        received = b""
        while piece := peer.recv(65536):
            received += piece
    assert received.count(b"HTTP/1.1 200 ") == received.count(b"HTTP/1.1 404 ") == 1


def test_disconnected_clients_do_not_affect_other_requests(stack, site):
    for _ in range(50):
        with wire.connect(stack.http_url, stack.ca_file) as peer:
            peer.sendall(wire.request("GET", "/users?limit=1000"))
    assert site.get("/health").status_code == 200


def test_server_header_reveals_no_version(stack):
    for path in ("/health", "/nowhere", "/users"):
        answer = wire.exchange(stack.https_url, stack.ca_file, wire.request("GET", path))
        assert not any(c.isdigit() for c in answer.headers.get("Server", ""))
