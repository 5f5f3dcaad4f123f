"""The landing page, Swagger UI and ReDoc: what nginx serves, and what a visitor's browser makes of it."""

import json
import os
import subprocess

import pytest
from stack import TOP

from support import contract

PLAYWRIGHT = TOP / "build/tests/npm/node_modules/playwright-core"
BROWSE = TOP / "tests/npm/browse.mjs"
PATIENCE_S = 120

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture(scope="module")
def visitor(site):
    return site.as_nobody()


@pytest.mark.parametrize("language, word", [("ru", "Состояние"), ("en", "State"), ("de", "Состояние")])
def test_a_browser_is_welcomed_in_its_language(visitor, language, word):
    page = visitor.get("/", headers={"Accept": BROWSER, "Accept-Language": language})
    assert page.status_code == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert {"Accept", "Accept-Language"} <= set(page.headers["Vary"].split(", "))
    assert word in page.text and 'href="/docs"' in page.text and 'href="/redoc"' in page.text


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
def test_a_program_gets_the_greeting(visitor, accept):
    greeting = visitor.get("/", headers={"Accept": accept})
    assert greeting.json() == {"message": "Hello World!"}
    assert "Accept" in greeting.headers["Vary"]


def test_only_pages_are_negotiated(visitor):
    response = visitor.get("/health", headers={"Accept": BROWSER})
    assert response.json()["status"] == "ok"
    assert visitor.post("/", headers={"Accept": BROWSER}).status_code == 405


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_pages_run_nothing_that_stands_in_them(visitor, path):
    page = visitor.get(path)
    policy = dict(part.strip().split(" ", 1)
                  for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "http" not in page.text.replace("/static/", "")
    assert visitor.head(path).headers["Content-Length"] == str(len(page.content))


def test_scripts_are_compressed_and_asked_for_again(visitor):
    plain = visitor.get("/static/swagger-ui-bundle.js", headers={"Accept-Encoding": "identity"})
    small = visitor.get("/static/swagger-ui-bundle.js", headers={"Accept-Encoding": "gzip"})
    assert small.headers["Content-Encoding"] == "gzip" and small.content == plain.content
    assert int(small.headers["Content-Length"]) < len(plain.content) / 3
    assert small.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert small.headers["Cache-Control"] == "no-cache"
    again = visitor.get("/static/swagger-ui-bundle.js", headers={
        "Accept-Encoding": "gzip", "If-None-Match": small.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/docs", "/static/docs.js", "/openapi.json"])
def test_conditions_that_fail_are_told_as_errors_and_ranges_are_not_heeded(visitor, path):
    refused = visitor.get(path, headers={"If-Match": '"other"'})
    contract.refused(refused, 412, "PRECONDITION_FAILED")
    assert refused.headers["Content-Security-Policy"].startswith("default-src 'none'; frame-anc")
    assert refused.headers["Connection"] == "close"  # it does
    whole = visitor.get(path, headers={"Range": "bytes=1-2"})
    assert (whole.status_code, whole.content) == (200, visitor.get(path).content)


@pytest.mark.parametrize("path", ["/static/nothing.js", "/static/package.json", "/docs/x"])
def test_nothing_else_is_there(visitor, path):
    assert visitor.get(path).status_code == 404


# --- a browser ----------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def visit(stack, tmp_path_factory):
    """What a visitor saw who went through all pages; screenshots stay with the session's state."""
    name, password = stack.administrator
    folder = tmp_path_factory.mktemp("screenshots")
    done = subprocess.run(
        ["node", BROWSE, PLAYWRIGHT, stack.http_url, folder], timeout=PATIENCE_S, check=False,
        input=json.dumps({"username": name, "password": password}), capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)})
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert "failure" not in seen, seen
    assert len(list(folder.glob("*.png"))) == 7
    return seen


def test_no_page_complains(visit):
    assert visit["console"] == [] and visit["violations"] == [] and visit["failed"] == []


def test_no_page_asks_anybody_else(visit):
    assert visit["elsewhere"] == []


def test_the_landing_page_shows_the_state(visit):
    russian, english = visit["pages"]["/ ru-RU"], visit["pages"]["/ en-US"]
    assert (russian["language"], russian["state"]) == ("ru", "Сервис работает")
    assert (english["language"], english["state"]) == ("en", "The service is running")
    assert russian["links"] == english["links"] == ["/docs", "/redoc", "/openapi.json"]


def test_swagger_ui_logs_in_and_executes(visit, stack):
    docs = visit["pages"]["/docs"]
    assert docs["title"].startswith("Kontora")
    assert (docs["login"], docs["status"]) == ("200", "200")
    assert docs["me"]["username"] == stack.administrator[0]


def test_redoc_shows_all_and_searches(visit):
    redoc = visit["pages"]["/redoc"]
    assert redoc["operations"] == visit["pages"]["/docs"]["operations"] >= 60
    assert redoc["found"] > 0
    assert redoc["styled"] == "sticky"  # its style sheet is in force


def test_pages_fit_a_telephone_and_the_dark(visit):
    assert {path: shown["excess"] for path, shown in visit["telephone"].items()} == {
        "/": 0, "/docs": 0}
    assert "dark" in visit["telephone"]["/"]["scheme"]
    assert visit["telephone"]["/docs"]["scheme"] == "dark"
