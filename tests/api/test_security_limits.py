"""Attacks by Mallory, who has no account, on nginx: forged hosts, plain HTTP, secrets in logs,
and too many connections."""

import os
import re
import signal
import subprocess

import pytest
from stack import TOP, addresses
from stack.guard import wait_until as wait_ready
from stack.nginx import speak_http2

from support import vault, wire
from support.logs import every_log_file, only_line
from support.people import tag

EVIL_HOST = "evil.example"
TOO_LARGE = 2 * 1024 * 1024


def send_request(stack, method="GET", path="/health", headers=(), body=b"", url=None):
    """Sends a request; returns the response and the request id."""
    identifier = tag()
    octets = wire.request(method, path, [("X-Request-ID", identifier), *headers], body)
    return wire.exchange(url or stack.https_url, stack.ca_file, octets), identifier


# --- hosts ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("host", [EVIL_HOST, f"{EVIL_HOST}:443", "localhost.evil.example", "x",
                                  'evil.com"<script>', "[::1]"])
@pytest.mark.parametrize("path", ["/health", "/auth/login", "/files/a.txt/content", "/static/x.js"])
def test_request_for_unknown_host_is_refused(stack, host, path):
    for url in (stack.https_url, stack.http_url, stack.files_url):
        answer, identifier = send_request(stack, path=path, headers=[("Host", host)], url=url)
        assert answer.status in (400, 421), answer.status_line
        assert EVIL_HOST.encode() not in answer.octets and b"<script>" not in answer.octets
        if answer.status == 421:
            assert answer.json()["code"] == "MISDIRECTED_REQUEST"
            assert answer.json()["request_id"] == identifier
            assert answer.headers["Connection"] == "close"


def test_request_without_host_header_is_refused(stack):
    answer = wire.exchange(stack.https_url, stack.ca_file, b"GET /health HTTP/1.0\r\n\r\n")
    assert answer.status == 421


@pytest.mark.parametrize("host", ["localhost:x@evil.example", "localhost:1@evil.example/",
                                  'localhost:1"><script>', "localhost:evil.example"])
def test_foreign_host_that_begins_with_allowed_name_is_not_in_generated_urls(site, stack, host):
    """URLs of files start with the host of the request, unless PUBLIC_URL is set."""
    made = site.post("/files/upload", files={"file": ("a.txt", b"vera's")}).json()
    answer, _ = send_request(stack, path=f"/files/{made['filename']}/info",
                             headers=[("Host", host), ("Authorization", f"Bearer {site.token}")])
    assert answer.status in (200, 400)
    assert b"evil" not in answer.octets and b"<script>" not in answer.octets


# --- plain HTTP -----------------------------------------------------------------------------------

class ShippedNginx:
    """nginx with the shipped site.conf, on ports of this test, without a service behind it."""

    def __init__(self, folder, stack):
        self.ca_file = stack.ca_file
        (self.http, self.https), self.claims = addresses.claim_ports(2)
        certificate = stack.nginx.site.certificate
        here = {"listen          80": f"listen 127.0.0.1:{self.http}",
                "listen         443": f"listen 127.0.0.1:{self.https}",
                "listen      80": f"listen 127.0.0.1:{self.http}",
                "listen      443": f"listen 127.0.0.1:{self.https}",
                "/run/nginx.pid": folder / "nginx.pid", "/var/log/nginx/": f"{folder}/",
                "user kontora-web kontora-web": "user root",
                "worker_rlimit_nofile 65536": "worker_rlimit_nofile 20000",
                "/etc/kontora/tls/certificate.pem": certificate.file,
                "/etc/kontora/tls/key.pem": certificate.key}
        for source in (TOP / "nginx").glob("*.conf"):
            text = source.read_text(encoding="utf-8")
            if source.name.startswith("site"):
                text = re.sub(r"(?m)^ *listen +\[::\].*\n", "", text)
                for old, new in here.items():
                    text = text.replace(old, str(new))
            (folder / source.name).write_text(text, encoding="utf-8")
        speak_http2(folder / "site.conf")
        self.process = subprocess.Popen(
            ["nginx", "-p", folder, "-c", folder / "nginx.conf", "-g", "daemon off;"],
            stderr=subprocess.DEVNULL)
        assert wait_ready(lambda: addresses.accepts("127.0.0.1", self.https), 10)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        for claim in self.claims:
            claim.release()

    def send_request(self, octets):
        return wire.exchange(f"http://127.0.0.1:{self.http}", self.ca_file, octets)


@pytest.fixture(scope="module")
def shipped_nginx(tmp_path_factory, stack):
    made = ShippedNginx(tmp_path_factory.mktemp("shipped"), stack)
    yield made
    made.stop()


CONFIGURED_HOST = ("Host", "kontora.example.com")


@pytest.mark.parametrize("host", ["kontora.example.com", "localhost", "127.0.0.1"])
def test_plain_http_request_is_redirected_to_configured_host_name(shipped_nginx, host):
    answer = shipped_nginx.send_request(wire.request("GET", "/docs?x=1", [("Host", host)]))
    assert answer.status == 308
    assert answer.headers["Location"] == "https://kontora.example.com/docs?x=1"


@pytest.mark.parametrize("method, headers", [
    ("POST", []), ("PUT", []), ("PATCH", []), ("DELETE", []),
    ("GET", [("Authorization", "Bearer x")]), ("HEAD", [("Authorization", "Bearer x")])])
def test_plain_http_request_with_secret_is_refused_without_redirect(shipped_nginx, method, headers):
    """A redirect would hide that the secret was sent unencrypted, and the client would never
    notice."""
    body = b'{"username":"vera","password":"Summer26!"}' if method[0] == "P" else b""
    octets = wire.request(method, "/auth/login",
                          [CONFIGURED_HOST, ("Accept-Language", "en"), *headers], body)
    answer = shipped_nginx.send_request(octets.replace(b"Connection: close\r\n", b""))
    assert answer.status == 400
    assert "Location" not in answer.headers and answer.headers["Connection"] == "close"
    if method != "HEAD":
        assert answer.json()["code"] == "HTTPS_REQUIRED"
        assert "https://" in answer.json()["error"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_plain_http_request_for_other_host_is_not_redirected(shipped_nginx, method):
    answer = shipped_nginx.send_request(wire.request(method, "/docs", [("Host", EVIL_HOST)]))
    assert answer.status == 421
    assert "Location" not in answer.headers and EVIL_HOST.encode() not in answer.octets


def test_tls_connection_for_other_host_name_is_refused(shipped_nginx):
    answer = wire.exchange(f"https://127.0.0.1:{shipped_nginx.https}", shipped_nginx.ca_file,
                           wire.request("GET", "/docs", [("Host", EVIL_HOST)]))
    assert answer.status == 421


# --- logs -----------------------------------------------------------------------------------------

def assert_unlogged(stack, secret, identifier):
    """Asserts that the request was logged, and that no log of nginx or the service contains the
    secret."""
    os.kill(stack.nginx.pid, signal.SIGUSR1)
    only_line(stack.logs_dir / "nginx-access.log", identifier.encode())
    for path in every_log_file(stack.state_dir):
        assert secret.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("path", [
    "/users?token={}", "/auth/login?password={}", "/api/v1/contacts?ticket={}", "/nowhere?x={}",
    "/files/a.txt/content?expires=1&signature={}", "/files/{}?x", "/app/valid/123456:{}",
    "/users/{}", "/static/{}", "/openapi.json?token={}", "/metrics?token={}", "/{}", "/auth/{}",
    "/api/v1/auth/reset/{}", "/health/storage?token={}", "/api/v1/tokens?x={}", "/docs?token={}"])
def test_refusal_of_too_large_request_logs_no_secret(stack, path):
    secret = vault.password()
    for url in (stack.https_url, stack.files_url):
        answer, identifier = send_request(stack, "POST", path.format(secret), url=url,
                                          headers=[("Content-Length", str(20 * TOO_LARGE))])
        assert answer.status in (403, 404, 405, 413), answer.status_line
        assert_unlogged(stack, secret, identifier)


SECRET_FORMS = {"token": "123456:{}", "JWT": "eyJhbGciOiJIUzI1NiJ9.{}", "API key": "kontora_{}",
                "password": "{}", "encoded": "%{}"}


@pytest.mark.parametrize("path", ["/app/vaild/{}", "/app/valid{}", "/app/{}", "/{}", "/auth/{}",
                                  "/auth/login/{}", "/auth/reset/{}", "/api/v1/auth/refresh/{}",
                                  "/api/v1/{}", "/users/vera/passwd/{}", "/files/a.txt/contents/{}",
                                  "/nowhere/{}/else"])
@pytest.mark.parametrize("look", SECRET_FORMS)
def test_secret_in_mistyped_path_is_not_logged(stack, path, look):
    word = vault.password()
    secret = SECRET_FORMS[look].format(word)
    if look == "encoded":
        word = secret = "".join(f"%{ord(letter):02x}" for letter in word)
    for method in ("GET", "DELETE"):
        answer, identifier = send_request(stack, method, path.format(secret))
        assert answer.status in (401, 404, 405), answer.status_line
        assert_unlogged(stack, word, identifier)


RANDOM_NAMES = {"refresh token": "q3Zx9Lw2Tn7Vb5Kc8Rm4Yp6Hd1Gs0Jf", "digest": "0f" * 32,
                "letters": "QwErTyUiOpAsDfGhJkLzXcVbNm",
                "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.x",
                "encoded": "q3Zx9Lw2Tn7Vb5%4bc8Rm4Yp6Hd1Gs0Jf"}


@pytest.mark.parametrize("path", ["/users/{}", "/groups/{}/members/vera", "/api/v1/contacts/{}",
                                  "/files/{}/info"])
@pytest.mark.parametrize("look", RANDOM_NAMES)
def test_random_looking_name_is_masked_in_logged_path(stack, path, look):
    _, identifier = send_request(stack, path=path.format(RANDOM_NAMES[look]))
    assert_unlogged(stack, RANDOM_NAMES[look], identifier)
    line = only_line(stack.logs_dir / "nginx-access.log", identifier.encode())
    assert line["path"].endswith(path[:path.index("{}")] + "***")


@pytest.mark.parametrize("path", [
    "/users/petrova", "/groups/Sales/members/petrova",
    "/users/5f0c9c1e-6c1a-4f0e-8a7b-2d3c4e5f6071",
    "/files/20261129_120000_0123456789abcdef0123456789abcdef.docx/info"])
def test_ordinary_name_in_path_is_logged_unmasked(stack, path):
    _, identifier = send_request(stack, path=path)
    os.kill(stack.nginx.pid, signal.SIGUSR1)
    assert only_line(stack.logs_dir / "nginx-access.log", identifier.encode())["path"] == path


def test_internal_response_header_for_nginx_log_is_not_sent_to_client(stack):
    answer, _ = send_request(stack, path="/nowhere/at/all")
    assert b"x-kontora-path" not in answer.octets.lower()


# --- nftables example -----------------------------------------------------------------------------

RULES = TOP / "nginx/nftables.conf.example"

# Runs in its own network namespace, where the ports 80 and 443 and all addresses are available.
PROBE = """
import socket, subprocess, sys
rules = open(sys.argv[1]).read().replace("over 500", "over 5").replace("iif lo accept", "")
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
for address in ("192.0.2.1/32", "192.0.2.2/32"):
    subprocess.run(["ip", "addr", "add", address, "dev", "lo"], check=True)
for address in ("2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:2::1"):
    subprocess.run(["ip", "addr", "add", address + "/128", "dev", "lo", "nodad"], check=True)
for _ in range(2):
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
here = {}
for family, anywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    here[family] = socket.socket(family)
    if family == socket.AF_INET6:
        here[family].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    here[family].bind((anywhere, 443))
    here[family].listen(100)
held = []
def opened(source, target, count):
    reached = 0
    for _ in range(count):
        try:
            held.append(socket.create_connection((target, 443), 5, (source, 0)))
            reached += 1
        except ConnectionRefusedError:
            pass
    return reached
print(opened("192.0.2.1", "127.0.0.1", 9), opened("192.0.2.2", "127.0.0.1", 3),
      opened("2001:db8:0:1::1", "::1", 3), opened("2001:db8:0:1::2", "::1", 9),
      opened("2001:db8:0:2::1", "::1", 3))
"""


def test_firewall_example_limits_connections_of_each_client_network():
    """Mallory uses one IPv4 address and then one IPv6 network of 64 bits; Vera uses others."""
    done = subprocess.run(["unshare", "-n", "python3", "-c", PROBE, RULES], text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["5", "3", "3", "2", "3"]
