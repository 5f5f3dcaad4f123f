"""Health, the greeting, and rules that hold on every path: HEAD, 404, 405, request ids."""

import re

import pytest

from support import contract, wire
from support.client import user_path
from support.waiting import wait_until

GET_PATHS = ["/", "/health", "/health/storage", "/api/v1/users", "/api/v1/auth/me"]


def test_health_names_the_service(site):
    response = site.get("/health")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "service": "kontora"}
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"


def test_health_needs_no_token(site):
    assert site.as_anonymous().get("/health").status_code == 200


def test_readiness_reports_directory_state(site):
    response = site.as_anonymous().get("/health/ready")
    directory = contract.check_readiness(response)["directory"]
    assert response.status_code == 200
    assert response.json()["service"] == "kontora"
    assert directory["state"] == "up"
    assert directory["latency_ms"] > 0
    assert directory["checked_at"]


def test_readiness_reveals_no_host(site, directory):
    text = site.get("/health/ready").text
    assert directory.address not in text
    assert directory.base_dn not in text


def test_directory_is_checked_periodically(site):
    def checked_at():
        return contract.check_readiness(site.get("/health/ready"))["directory"]["checked_at"]
    before = checked_at()
    wait_until(lambda: checked_at() > before, what="the next check of the directory")


def test_root_path_returns_greeting(site):
    assert site.as_anonymous().get("/").json() == {"message": "Hello World!"}


@pytest.mark.parametrize("surface", ["https_url", "http_url", "files_url"])
def test_root_path_is_served_on_both_ports(site, stack, surface):
    assert site.at(getattr(stack, surface)).get("/").status_code == 200


@pytest.mark.parametrize("path", GET_PATHS)
def test_head_response_equals_get_response_without_body(site, path):
    got, headed = site.get(path), site.head(path)
    assert headed.status_code == got.status_code == 200
    assert headed.content == b""
    assert headed.headers["Content-Type"] == got.headers["Content-Type"]
    assert headed.headers["Content-Length"] == str(len(got.content))


def test_head_request_reports_whether_user_exists(api, people):
    user = people.create()
    headed = api.head(user_path(user["sAMAccountName"]))
    assert (headed.status_code, headed.content) == (200, b"")
    assert api.head("/users/nobody-is-called-so").status_code == 404


@pytest.mark.parametrize("surface", ["https_url", "http_url"])
@pytest.mark.parametrize("path", ["/users?limit=1", "/auth/me", "/users/Administrator"])
def test_path_without_api_prefix_serves_same_resource(site, stack, surface, path):
    short = site.at(getattr(stack, surface)).get(path)
    long = site.get("/api/v1" + path)
    assert short.status_code == long.status_code == 200
    assert short.json() == long.json()


def test_login_works_on_path_without_api_prefix(site, stack):
    tokens = site.as_anonymous().login(*stack.administrator)
    assert site.bearing(tokens["access_token"]).get("/auth/me").status_code == 200


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/nothing", "/api/v2/users", "/users/a/b/c/d",
                                  "/api/v1/users/", "/users//", "/api", "/healthy",
                                  "/api/v1/auth/login/x", "/.git/config", "/users/../auth/me/x",
                                  "/" + "/".join("abcdefghijklmnopqrstuvwxyz")])
def test_unknown_path_is_not_found(site, path):
    contract.check_error(site.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize("method, path, allowed", [
    ("DELETE", "/health", {"GET", "HEAD"}),
    ("POST", "/", {"GET", "HEAD"}),
    ("PUT", "/api/v1/users", {"GET", "HEAD", "POST"}),
    ("DELETE", "/users", {"GET", "HEAD", "POST"}),
    ("PUT", "/users/somebody", {"GET", "HEAD", "PATCH", "DELETE"}),
    ("POST", "/users/somebody", {"GET", "HEAD", "PATCH", "DELETE"}),
    ("GET", "/auth/login", {"POST"}),
    ("HEAD", "/auth/login", {"POST"}),
    ("PATCH", "/auth/refresh", {"POST"}),
    ("POST", "/auth/me", {"GET", "HEAD", "PATCH"}),
])
def test_unsupported_method_is_refused_with_allow_header(site, method, path, allowed):
    response = site.request(method, path)
    assert response.status_code == 405
    assert set(re.split(r",\s*", response.headers["Allow"])) == allowed
    if method != "HEAD":
        assert response.json()["code"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize("path", ["/users", "/auth/login"])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/json",
                                  "multipart/form-data; boundary=x", "application/jsonp",
                                  "application/json; charset=koi8-r"])
def test_body_of_other_content_type_is_refused(api, path, kind):
    response = api.post(path, data='{"password":"x"}', headers={"Content-Type": kind})
    contract.check_error(response, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8",
                                  "Application/JSON;charset=\"UTF-8\""])
def test_json_content_type_may_have_case_and_charset(site, kind):
    response = site.post("/auth/login", data="{}", headers={"Content-Type": kind})
    contract.check_error(response, 400, "VALIDATION_ERROR")


# --- X-Request-ID -------------------------------------------------------------------------------

# Calls that workers answer, and one that nginx answers itself.
CALLS = pytest.mark.parametrize("method, path", [("GET", "/health"), ("GET", "/users"),
                                                 ("GET", "/users/%ff"), ("TRACE", "/health")])


@CALLS
@pytest.mark.parametrize("identifier", ["a", "abc-DEF_1.2", "x" * 64, "."])
def test_valid_request_id_is_returned(site, method, path, identifier):
    response = site.request(method, path, headers={"X-Request-ID": identifier})
    assert response.headers["X-Request-ID"] == identifier


@CALLS
@pytest.mark.parametrize("identifier", ["", "x" * 65, "x" * 2000, "two words", "a/b", "a\"b", "a,b",
                                        "<script>", "{}", "a%0d%0aSet-Cookie:x", "$request_id"])
def test_invalid_request_id_is_replaced(site, method, path, identifier):
    response = site.request(method, path, headers={"X-Request-ID": identifier})
    assert response.headers["X-Request-ID"] != identifier
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("path", ["/health", "/nowhere"])
@pytest.mark.parametrize("identifier", [b"\xff\xfe", "кириллица".encode(), b"a\tb", b"a\x01b"])
def test_request_id_with_raw_bytes_is_not_returned(stack, path, identifier):
    octets = (b"GET " + path.encode() + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
              b"X-Request-ID: " + identifier + b"\r\n\r\n")
    answer = wire.exchange(stack.https_url, stack.ca_file, octets)
    assert contract.REQUEST_ID.fullmatch(answer.headers["X-Request-ID"])
    assert identifier not in answer.octets


def test_generated_request_ids_are_unique(site):
    seen = {site.get("/health", headers={"X-Request-ID": ""}).headers["X-Request-ID"]
            for _ in range(20)}
    assert len(seen) == 20
