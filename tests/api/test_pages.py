"""The landing page, Swagger UI and ReDoc: headers that nginx sends, and behaviour in a browser."""

import json
import os
import subprocess

import pytest
from stack import TOP

from support import contract, document

PLAYWRIGHT = TOP / "build/tests/npm/node_modules/playwright-core"
BROWSE = TOP / "tests/npm/browse.mjs"
PATIENCE_S = 300

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture(scope="module")
def anonymous_site(site):
    return site.as_anonymous()


@pytest.mark.parametrize("language, word",
                         [("ru", "Состояние"), ("en", "Status"), ("de", "Состояние")])
def test_landing_page_is_in_language_of_browser(anonymous_site, language, word):
    page = anonymous_site.get("/", headers={"Accept": BROWSER, "Accept-Language": language})
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert {"Accept", "Accept-Language"} <= set(page.headers["Vary"].split(", "))
    assert word in page.text and 'href="/docs"' in page.text and 'href="/redoc"' in page.text


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
def test_root_path_returns_json_to_programs(anonymous_site, accept):
    greeting = anonymous_site.get("/", headers={"Accept": accept})
    assert greeting.json() == {"message": "Hello World!"}
    assert "Accept" in greeting.headers["Vary"]


def test_accept_header_selects_html_only_on_paths_of_pages(anonymous_site):
    response = anonymous_site.get("/health", headers={"Accept": BROWSER})
    assert response.json()["status"] == "ok"
    assert anonymous_site.post("/", headers={"Accept": BROWSER}).status_code == 405


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/confirm"])
def test_content_security_policy_of_pages_forbids_inline_scripts(anonymous_site, path):
    page = anonymous_site.get(path)
    policy = dict(part.strip().split(" ", 1)
                  for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "http" not in page.text.replace("/static/", "")
    assert anonymous_site.head(path).headers["Content-Length"] == str(len(page.content))


def test_scripts_of_pages_are_compressed_and_revalidated(anonymous_site):
    plain = anonymous_site.get("/static/swagger-ui-bundle.js",
                               headers={"Accept-Encoding": "identity"})
    small = anonymous_site.get("/static/swagger-ui-bundle.js", headers={"Accept-Encoding": "gzip"})
    assert small.headers["Content-Encoding"] == "gzip" and small.content == plain.content
    assert int(small.headers["Content-Length"]) < len(plain.content) / 3
    assert small.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert small.headers["Cache-Control"] == "no-cache"
    again = anonymous_site.get("/static/swagger-ui-bundle.js", headers={
        "Accept-Encoding": "gzip", "If-None-Match": small.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/docs", "/static/docs.js", "/openapi.json"])
def test_page_request_with_failed_condition_is_error_and_range_is_ignored(anonymous_site, path):
    refused = anonymous_site.get(path, headers={"If-Match": '"other"'})
    contract.check_error(refused, 412, "PRECONDITION_FAILED")
    assert refused.headers["Content-Security-Policy"].startswith("default-src 'none'; frame-anc")
    assert refused.headers["Connection"] == "close"  # nginx closes the connection after this error
    whole = anonymous_site.get(path, headers={"Range": "bytes=1-2"})
    assert (whole.status_code, whole.content) == (200, anonymous_site.get(path).content)


@pytest.mark.parametrize("path", ["/static/nothing.js", "/static/package.json", "/docs/x"])
def test_unknown_paths_of_static_files_are_not_found(anonymous_site, path):
    assert anonymous_site.get(path).status_code == 404


@pytest.mark.parametrize("language, word", [("ru", "Подтвердить"), ("en", "Confirm"),
                                            ("de", "Подтвердить")])
def test_confirmation_page_is_in_language_of_browser(anonymous_site, language, word):
    page = anonymous_site.get("/confirm?utm_source=x", headers={"Accept-Language": language})
    assert page.status_code == 200 and f"<button>{word}</button>" in page.text
    assert page.headers["Content-Language"] == ("en" if language == "en" else "ru")
    assert "Accept-Language" in page.headers["Vary"].split(", ")
    refused = anonymous_site.post("/confirm")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")


# --- in a headless browser ------------------------------------------------------------------------

@pytest.fixture(scope="module")
def browser_report(stack, tmp_path_factory):
    """Visits all pages in a browser and returns what it recorded; keeps screenshots with the
    state of the session."""
    name, password = stack.administrator
    folder = tmp_path_factory.mktemp("screenshots")
    done = subprocess.run(
        ["node", BROWSE, PLAYWRIGHT, stack.http_url, folder], timeout=PATIENCE_S, check=False,
        input=json.dumps({"username": name, "password": password}), capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)})
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert "failure" not in seen, seen
    assert len(list(folder.glob("*.png"))) == 9
    return seen


def test_pages_cause_no_console_errors(browser_report):
    for kind in ("console", "violations", "failed"):
        assert browser_report[kind] == [], kind


def test_pages_load_nothing_from_other_hosts(browser_report):
    assert browser_report["elsewhere"] == []


@pytest.mark.parametrize("locale, used, again", [
    ("ru-RU", "Подтверждено.", "Ссылка больше не действует"),
    ("en-US", "Confirmed.", "The link is no longer valid")])
def test_confirmation_page_uses_token_when_button_is_pressed(browser_report, locale, used, again):
    page = browser_report["pages"][f"/confirm {locale}"]
    assert page["language"] == locale[:2]
    assert page["before"] == []
    assert page["requests"] == ["POST /app/valid", "GET /confirm", "POST /app/valid"]
    assert page["used"].startswith(used) and page["again"].startswith(again)
    assert not page["button"]


def test_landing_page_shows_service_state(browser_report):
    russian, english = browser_report["pages"]["/ ru-RU"], browser_report["pages"]["/ en-US"]
    assert (russian["language"], russian["state"]) == ("ru", "Сервис работает")
    assert (english["language"], english["state"]) == ("en", "The service is running")
    assert russian["links"] == english["links"] == ["/docs", "/redoc", "/openapi.json"]


def test_swagger_ui_can_log_in_and_execute_calls(browser_report, stack):
    docs = browser_report["pages"]["/docs"]
    assert docs["title"].startswith("Kontora")
    assert docs["groups"] == len(document.of_program().raw["tags"])
    assert (docs["login"], docs["status"]) == ("200", "200")
    assert docs["me"]["username"] == stack.administrator[0]


def test_redoc_shows_and_searches_all_calls(browser_report):
    redoc = browser_report["pages"]["/redoc"]
    assert redoc["operations"] == len(document.of_program().operations()) >= 60
    assert redoc["found"] > 0
    assert redoc["styled"] == "sticky"  # its style sheet was loaded


def test_pages_support_small_screens_and_dark_mode(browser_report):
    assert {path: shown["excess"] for path, shown in browser_report["telephone"].items()} == {
        "/": 0, "/docs": 0}
    assert "dark" in browser_report["telephone"]["/"]["scheme"]
    assert browser_report["telephone"]["/docs"]["scheme"] == "dark"
