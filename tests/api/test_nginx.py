"""nginx: headers of every response, CORS, the access log, and the shipped configuration."""

import math
import os
import re
import signal
import subprocess

import pytest
from stack import TOP
from stack.nginx import speak_http2

from support import contract, vault, wire
from support.logs import only_line, service_line
from support.people import tag

# A response of a worker, an error of a worker, and an error of nginx.
RESPONSES = pytest.mark.parametrize("method, path", [("GET", "/health"), ("GET", "/nowhere"),
                                                     ("TRACE", "/health")])
# Log times have milliseconds, like those of the service, and the time zone of the host.
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d")
ALLOWED_ORIGIN = "http://localhost:3000"
OTHER_ORIGIN = "https://evil.example"


@RESPONSES
def test_every_response_has_security_headers(site, method, path):
    headers = site.request(method, path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/app", "/app/", "/app/valid/", "/static", "/_objects", "/docs/",
                                  "/metrics/", "/api", "/files/"])
def test_nginx_does_not_redirect_to_path_with_trailing_slash(site, path):
    """nginx would redirect to a location that ends in a slash, on the host that the client sent."""
    contract.check_error(site.get(path), 404, "NOT_FOUND")


def seconds_of_rate(rate):
    number, unit = re.fullmatch(r"(\d+)r/([sm])", rate).groups()
    return math.ceil({"s": 1, "m": 60}[unit] / int(number))


def test_retry_after_of_each_zone_is_time_of_its_rate():
    """nginx cannot compute the value from the rate."""
    text = (TOP / "nginx/limits.conf").read_text(encoding="utf-8")
    rates = dict(re.findall(r"^limit_req_zone .* zone=(\w+):\S+ +rate=(\S+);", text, re.MULTILINE))
    zones = re.search(r"\$rate_zone \{(.*?)\n\}", text, re.DOTALL)[1]
    waits = re.search(r"\$limit_retry_after \{(.*?)\n\}", text, re.DOTALL)[1]
    assert set(re.findall(r" (\w+);", zones)) == rates.keys() and len(rates) == 3
    assert {zone: int(seconds) for zone, seconds in
            re.findall(r'"REJECTED (\w+)" +(\d+);', waits)} == {
                zone: seconds_of_rate(rate) for zone, rate in rates.items()}


def test_nginx_logs_no_warnings(stack):
    assert "[warn]" not in (stack.logs_dir / "nginx.log").read_text()


# --- cross-origin requests ------------------------------------------------------------------------

@RESPONSES
def test_browser_page_of_allowed_origin_may_read_response(site, method, path):
    headers = site.request(method, path, headers={"Origin": ALLOWED_ORIGIN}).headers
    assert headers["Access-Control-Allow-Origin"] == ALLOWED_ORIGIN
    exposed = headers["Access-Control-Expose-Headers"].split(", ")
    assert {"X-Request-ID", "ETag", "Content-Range"} <= set(exposed)
    assert "Origin" in headers["Vary"].split(", ")


@RESPONSES
@pytest.mark.parametrize("origin", [OTHER_ORIGIN, "null", ALLOWED_ORIGIN + ".evil.example",
                                    "http://localhosts"])
def test_browser_page_of_other_origin_may_not_read_response(site, method, path, origin):
    headers = site.request(method, path, headers={"Origin": origin}).headers
    assert not [name for name in headers if name.startswith("Access-Control-")]


def send_preflight(site, origin):
    return site.as_anonymous().request("OPTIONS", "/users", headers={
        "Origin": origin, "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,content-type"})


def test_preflight_of_allowed_origin_lists_methods(site):
    response = send_preflight(site, ALLOWED_ORIGIN)
    assert response.status_code == 204
    assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in response.headers["Access-Control-Allow-Headers"]


def test_preflight_of_other_origin_is_refused(site):
    assert "Access-Control-Allow-Methods" not in send_preflight(site, OTHER_ORIGIN).headers


# --- access log -----------------------------------------------------------------------------------

def line_id(response):
    return response.headers["X-Request-ID"]


def access_log_line(stack, response):
    """Returns the access log line of a response."""
    return line_with_id(stack, line_id(response))


def line_with_id(stack, identifier):
    os.kill(stack.nginx.pid, signal.SIGUSR1)  # flushes the buffered lines
    return only_line(stack.logs_dir / "nginx-access.log", identifier.encode())


def test_access_log_line_describes_request(site, stack):
    line = access_log_line(stack, site.get("/users/nobody-is-called-so?x=y"))
    assert (line["method"], line["path"], line["status"]) == ("GET", "/users/nobody-is-called-so",
                                                              400)
    assert line["address"].startswith("127.")
    assert line["pool"] == "directory"


@pytest.mark.parametrize("query, pool", [
    ("", "core"), ("?", "core"), ("?limit=5", "core"), ("?sort=-id&limit=5&after=!i5", "core"),
    ("?search=x", "directory"), ("?skip=100000", "directory"), ("?limit=5&skip=1", "directory"),
    ("?status=NEW&limit=5", "directory"), ("?from=2026-01-01", "directory"),
    ("?limit=5&xsort=1", "directory"), ("?sort=id;skip=5", "filters"),
    ("?sort=due_date,-id", "directory"), ("?sort=due_date%2Cid", "directory"),
    ("?sort=-version", "filters"), ("?sort=id&fields=id,version", "core")])
@pytest.mark.parametrize("path", ["contacts", "deals", "tasks", "activities", "analytics/summary"])
def test_expensive_directory_queries_use_directory_pool(site, stack, path, query, pool):
    line = access_log_line(stack, site.get(f"/api/v1/{path}{query}"))
    assert line["pool"] == pool


@pytest.mark.parametrize("query", ["filter=id+pr", "limit=5&filter=id%20pr", "%66ilter=id+pr",
                                   "skip=1&filt%65r=id+pr&limit=1", "sort=id&filter="])
@pytest.mark.parametrize("path", [
    "users", "groups", "groups/x/members", "computers", "ous", "containers", "contacts", "deals",
    "tasks", "activities", "files", "tokens", "accounts", "organizations/1/members",
    "auth/invitations"])
def test_lists_with_filter_use_filters_pool(site, stack, path, query):
    line = access_log_line(stack, site.get(f"/api/v1/{path}?{query}"))
    assert line["pool"] == "filters"


@pytest.mark.parametrize("query", ["%66ilter=id+pr", "skip=1&filt%65r=id+pr", "s%6Frt=version",
                                   "filter%5B%5D=id+pr"])
@pytest.mark.parametrize("path", ["users", "activities", "files", "accounts"])
def test_encoded_names_of_parameters_use_filters_pool(stack, path, query):
    """HTTP libraries decode such names before they send them."""
    identifier = tag()
    wire.exchange(stack.https_url, stack.ca_file, wire.request(
        "GET", f"/api/v1/{path}?{query}", [("X-Request-ID", identifier)]))
    assert line_with_id(stack, identifier)["pool"] == "filters"


@pytest.mark.parametrize("path, query, pool", [
    ("activities", "sort=created_at", "filters"),
    ("activities/", "limit=1&sort=-created_at", "filters"),
    ("activities", "sort=-occurred_at", "core"), ("contacts", "sort=created_at", "core"),
    ("contacts", "limit=1&sort=notes", "filters"), ("deals", "sort=title", "filters"),
    ("tasks", "sort=due_date,title", "filters"), ("accounts", "sort=email", "filters"),
    ("organizations/1/members", "sort=email", "filters"),
    ("organizations/1/members", "sort=role,-created_at", "core"),
    ("files", "sort=size", "filters"), ("files", "sort=-name", "directory")])
def test_orders_without_index_use_filters_pool(site, stack, path, query, pool):
    line = access_log_line(stack, site.get(f"/api/v1/{path}?{query}"))
    assert line["pool"] == pool


@pytest.mark.parametrize("path, query, pool", [
    ("users", "search=filter%3D1", "directory"), ("users", "xfilter=1", "directory"),
    ("contacts", "search=filter=1&limit=1", "directory"), ("contacts", "limit=1", "core"),
    ("files", "prefix=filter=", "core"), ("files", "search=a%20b", "directory")])
def test_lists_without_filter_do_not_use_filters_pool(site, stack, path, query, pool):
    line = access_log_line(stack, site.get(f"/api/v1/{path}?{query}"))
    assert line["pool"] == pool


@pytest.mark.parametrize("method, path", [
    ("POST", "contacts"), ("GET", "deals/1"), ("PATCH", "tasks/1"), ("DELETE", "activities/1"),
    ("POST", "deals/1/status"), ("POST", "contacts/1/restore")])
def test_calls_without_directory_use_core_pool(site, stack, method, path):
    assert access_log_line(stack, site.request(method, f"/api/v1/{path}"))["pool"] == "core"


@pytest.mark.parametrize("query, pool", [
    ("expires=1&signature=a", "core"), ("expires=1&signature=a&utm_source=x", "core"),
    ("fbclid=x&signature=a&expires=1", "core"), ("", "core"), ("search=x", "directory"),
    ("xsignature=a", "directory")])
def test_signed_urls_use_core_pool(site, stack, query, pool):
    assert access_log_line(stack, site.get(f"/files/a.txt/content?{query}"))["pool"] == pool


@pytest.mark.parametrize("method, path, pool, pattern", [
    ("GET", "/health", "core", "/health"), ("POST", "/auth/login", "auth", "/api/v1/auth/login"),
    ("GET", "/users/nobody-is-called-so?x=y", "directory", "/api/v1/users/{username}"),
    ("DELETE", "/nowhere/at/all", "core", None)])
def test_nginx_and_service_log_lines_have_same_request_id(site, stack, method, path, pool, pattern):
    response = site.request(method, path)
    outside, inside = access_log_line(stack, response), service_line(stack, line_id(response))
    for name in ("method", "status", "address", "pool", "level", "message", "request_id"):
        assert outside[name] == inside[name], name
    assert (inside["pool"], inside["route"]) == (pool, pattern)
    assert inside["path"].endswith(outside["path"]), "the service must log the full path"
    assert inside["path"].startswith("/") and "?" not in inside["path"]
    assert inside["body_out"] == len(response.content)
    assert inside.get("code") == response.json().get("code")
    assert inside["duration_us"] >= inside.get("auth_us", 0) + inside.get("handler_us", 0)
    assert TIME.fullmatch(outside["time"]), outside["time"]


def test_request_log_line_has_duration_of_directory_and_database_calls(site, stack):
    """Most of the time of a directory lookup is spent in the directory."""
    line = service_line(stack, line_id(site.get("/users/nobody-is-called-so")))
    assert 0 < line["directory_us"] <= line["auth_us"] + line["handler_us"] <= line["duration_us"]
    line = service_line(stack, line_id(site.get("/api/v1/accounts")))
    assert 0 < line["database_us"] <= line["duration_us"] and "directory_us" not in line


def test_error_page_of_nginx_is_logged_with_original_request(site, stack):
    line = access_log_line(stack, site.request("TRACE", "/health"))
    assert (line["method"], line["path"], line["status"]) == ("TRACE", "/health", 405)


@pytest.mark.parametrize("path", ["/app/valid/123456:{}", "/app//valid/123456:{}",
                                  "/app/%76alid/123456:{}", "/nowhere/123456:{}",
                                  "/nowhere/%31%3234%356:{}", "/nowhere/12345%36%3a{}",
                                  "/files/a.txt/content%3Fexpires=1&signature={}",
                                  "/files/a.txt/content%3fexpires%3d1%26signature%3d{}",
                                  "/health?token={}", "/users?search={}"])
def test_secret_parts_of_path_are_not_logged(stack, path):
    """test_sweep.py also searches all logs for these secrets at the end of the test run. The path
    is sent as raw bytes, because HTTP clients would normalize its percent-encoding."""
    secret, identifier = vault.password(), tag()
    wire.exchange(stack.https_url, stack.ca_file, (
        f"GET {path.format(secret)} HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: {identifier}\r\n"
        "Connection: close\r\n\r\n").encode())
    assert secret not in str(line_with_id(stack, identifier))
    assert secret not in str(service_line(stack, identifier))


@pytest.mark.parametrize("octets", ["/%ff%fe", "/a%0ab", "/%22%5c", "/\"}", "/ж"])
def test_access_log_line_is_json_for_unusual_paths(site, stack, octets):
    assert access_log_line(stack, site.get(octets))["status"] in (400, 404)


@pytest.mark.parametrize("octets", [
    b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nUser-Agent: \xff\xfe\r\n",
    b"GET /health HTTP/1.1\r\nHost: \xff\xfe\r\n"])
def test_invalid_utf8_in_request_does_not_break_log_lines(stack, octets):
    identifier = tag()
    octets += b"X-Request-ID: " + identifier.encode() + b"\r\nConnection: close\r\n\r\n"
    answer = wire.exchange(stack.https_url, stack.ca_file, octets)
    assert answer.status in (200, 400, 404, 421)
    assert line_with_id(stack, identifier)["status"] == answer.status


# --- configuration --------------------------------------------------------------------------------

@pytest.fixture
def shipped_configuration(tmp_path, stack):
    """Returns the shipped nginx files, with only the paths and names replaced that differ on
    this host."""
    certificate = stack.nginx.site.certificate
    # the packaged account does not exist here
    here = {"user kontora-web kontora-web;": "user nobody nogroup;",
            "/run/nginx.pid": tmp_path / "nginx.pid", "/var/log/nginx/": f"{tmp_path}/",
            "/etc/kontora/tls/certificate.pem": certificate.file,
            "/etc/kontora/tls/key.pem": certificate.key}
    for source in (TOP / "nginx").glob("*.conf"):
        text = source.read_text(encoding="utf-8")
        if source.name.startswith("site"):
            for old, new in here.items():
                text = text.replace(old, str(new))
        (tmp_path / source.name).write_text(text, encoding="utf-8")
    speak_http2(tmp_path / "site.conf")
    return tmp_path


def test_shipped_nginx_configuration_has_no_warnings(shipped_configuration):
    """Covers warnings about duplicate, deprecated and ineffective directives."""
    conf = shipped_configuration / "nginx.conf"
    done = subprocess.run(["nginx", "-p", shipped_configuration, "-c", conf, "-t"],
                          capture_output=True,
                          text=True,
                          check=False)
    assert done.stderr.splitlines() == [
        f"nginx: the configuration file {conf} syntax is ok",
        f"nginx: configuration file {conf} test is successful"]
    assert (done.returncode, done.stdout) == (0, "")


def http_version(stack, url, *options):
    """Returns the HTTP version that curl and nginx negotiate."""
    done = subprocess.run(["curl", "--silent", "--cacert", stack.ca_file, "--output", os.devnull,
                           "--write-out", "%{http_version}", *options, f"{url}/health"],
                          capture_output=True, text=True, check=False)
    return done.stdout


def test_http2_is_negotiated_only_over_tls(stack):
    assert http_version(stack, stack.https_url, "--http2") == "2"
    assert http_version(stack, stack.https_url, "--http1.1") == "1.1"
    assert http_version(stack, stack.http_url, "--http2") == "1.1"
    assert http_version(stack, stack.http_url, "--http2-prior-knowledge") != "2"


HTTP2_DIRECTIVE = """\
server {
    listen 80;
    listen 443 ssl default_server backlog=4096;
    listen [::]:443 ssl;
    http2 on;
    server_name _;
}
"""
HTTP2_PARAMETER = """\
server {
    listen 80;
    listen 443 ssl http2 default_server backlog=4096;
    listen [::]:443 ssl http2;
    server_name _;
}
"""


@pytest.mark.parametrize("version, expected", [
    ("1.22.1", HTTP2_PARAMETER), ("1.25.0", HTTP2_PARAMETER), ("1.25.1", HTTP2_DIRECTIVE),
    ("1.26.3", HTTP2_DIRECTIVE),
    ("1.100.0", HTTP2_DIRECTIVE)])
@pytest.mark.parametrize("text", [HTTP2_DIRECTIVE, HTTP2_PARAMETER], ids=["directive", "parameter"])
def test_http2_setting_matches_nginx_version(tmp_path, version, text, expected):
    nginx, site = tmp_path / "nginx", tmp_path / "site.conf"
    nginx.write_text(f"#!/bin/sh\necho 'nginx version: nginx/{version}' >&2\n")
    nginx.chmod(0o755)
    site.write_text(text)
    subprocess.run(["sh", TOP / "nginx/http2.sh", site], check=True,
                   env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert site.read_text() == expected
