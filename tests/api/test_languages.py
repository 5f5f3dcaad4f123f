"""Languages: messages of the service and of nginx are in the client's preferred language."""

import random

import pytest
from stack import Stack

from support import contract
from support.client import Client

# Errors of a worker with a known path, of a worker with an unknown path, and of nginx.
ERRORS = [("GET", "/users/nobody-is-called-so", "NOT_FOUND"),
          ("GET", "/no/such/place", "NOT_FOUND"),
          ("TRACE", "/health", "METHOD_NOT_ALLOWED")]

# Accept-Language and the expected language; the default is Russian.
CHOICES = [
    (None, "ru"), ("", "ru"), ("ru", "ru"), ("ru-RU", "ru"), ("de", "ru"), ("*", "ru"),
    ("en", "en"),
    ("EN", "en"), ("en-GB", "en"), ("en-Latn-US", "en"), ("en-US,en;q=0.9", "en"), ("de,en", "en"),
    ("ru, en;q=0.9", "ru"), ("en, ru;q=0.9", "en"), ("fr;q=0.9, en;q=0.5", "en"), ("english", "ru"),
    ("en_US", "ru"), ("ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", "ru"), ("de;q=0.9,*", "ru"),
    # weights
    ("en;q=0.2,ru;q=0.8", "ru"), ("ru;q=0.2,en;q=0.8", "en"), ("ru;q=0.5, en", "en"),
    ("ru;q=0.8,en;q=0.801", "en"), ("en;q=0.8,ru;q=0.801", "ru"), ("ru;q=0.09,en;q=0.1", "en"),
    ("ru;q=0.7,en;q=0.70", "ru"), ("en;q=0.7,ru;q=0.700", "en"), ("en;q=1.000,ru;q=0.999", "en"),
    ("ru ; q=0.1 , en ; Q=0.2", "en"), ("de, ru, en", "ru"), ("de,  en, ru", "en"),
    # unsupported languages, wildcards, and a weight of 0
    ("en;q=0", "ru"), ("ru;q=0", "ru"), ("ru;q=0,en", "en"), ("ru;q=0, *", "en"), ("*;q=0", "ru"),
    ("*;q=0.1, en", "en"), ("*, en", "en"), ("en;q=0.5, *", "ru"), ("ru;q=0.1, *;q=0.2", "en"),
    # malformed ranges, which are ignored
    ("en;q=x, ru;q=0.1", "ru"), ("ru;q=0.1, en;q=1.5", "ru"), ("ru;q=0.1, en;q=0.1234", "ru"),
    ("ru;q=0.1, en;q=", "ru"), ("ru;q=0.1, en;q=-1", "ru"), ("ru;q=0.1, en;level=1", "ru"),
    ("ru;q=0.1, en;q=0.5;q=0.9", "ru"), ("ru;q=0.1, en de", "ru"), ("ru;q=0.1, en;q=1e0", "ru"),
    (",,, en ,,", "en"), (";q=1, en;q=0.1", "en"), ("ru;q=0.1,-en", "ru"),
]


def request_in(site, method, path, language):
    headers = {} if language is None else {"Accept-Language": language}
    return site.request(method, path, headers=headers)


def language_of(response):
    """Returns the language of a response; its text and its header must agree."""
    russian = bool(contract.CYRILLIC.search(response.json()["error"]))
    assert response.headers["Content-Language"] == ("ru" if russian else "en"), response.text
    return response.headers["Content-Language"]


@pytest.mark.parametrize("method, path, code", ERRORS)
@pytest.mark.parametrize("field, language", CHOICES)
def test_error_message_is_in_preferred_language(site, method, path, code, field, language):
    response = request_in(site, method, path, field)
    assert response.json()["code"] == code
    assert language_of(response) == language, response.text


def page_languages(site, field):
    """Returns the set of the languages of the HTML page and of the OpenAPI document. Checks that
    the text of each is in the language of its Content-Language header."""
    headers = {} if field is None else {"Accept-Language": field}
    page = site.get("/", headers={**headers, "Accept": "text/html"})
    document = site.get("/openapi.json", headers=headers)
    words = {page: page.text, document: document.json()["info"]["description"]}
    for answer, text in words.items():
        assert "Accept-Language" in answer.headers["Vary"].split(", ")
        russian = bool(contract.CYRILLIC.search(text))
        assert answer.headers["Content-Language"] == ("ru" if russian else "en"), field
    return {answer.headers["Content-Language"] for answer in words}


@pytest.mark.parametrize("field, language", CHOICES + [
    ("en;q=0.3, ru;q=0.8", "ru"), ("fr", "ru"), ("en-GB;q=0.5,en;q=0.9", "en"), ("en;q=", "ru"),
    (";;q=,=", "ru"), ("en;q=0.5;", "ru"), ("en\tru", "ru")])
def test_pages_and_openapi_document_are_in_preferred_language(site, field, language):
    assert page_languages(site.as_anonymous(), field) == {language}
    chosen = {language_of(request_in(site, method, path, field)) for method, path, _ in ERRORS[1:]}
    assert chosen == {language}


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/static/icon.svg"])
@pytest.mark.parametrize("origin", [{}, {"Origin": "http://localhost:3000"}])
def test_pages_do_not_support_ranges(site, path, origin):
    """The response is complete and has each header once."""
    sent = {"Range": "bytes=99999999-", "Accept-Language": "en", **origin}
    answer = site.as_anonymous().get(path, headers=sent)
    assert (answer.status_code, "Accept-Ranges" in answer.headers) == (200, False)
    varies = answer.headers.get("Vary", "").split(", ")
    assert len(varies) == len(set(varies)) and set(origin) <= set(varies)
    assert all("," not in answer.headers[name] for name in ("X-Request-ID", "Cache-Control"))


def random_header(chance):
    """Returns a random header as clients send it, sometimes malformed."""
    ranges = ["en", "ru", "*", "de", "en-GB", "ru-RU", "EN", "enx", "ru_RU"]
    weights = ["", "", "", ";q=1", ";q=0", ";q=1.0", ";q=0.", ";q=x", "; q=0.5", " ;Q=0.5", ";q=2"]
    drawn = chance.sample(ranges, chance.randint(1, 4))
    weighted = {}
    for each in drawn:
        weight = chance.choice([*weights, f";q=0.{chance.randint(0, 999):03}",
                                f";q=0.{chance.randint(0, 9)}"])
        # one range for each language, because nginx uses only the first
        weighted.setdefault(each[:2].lower(), each + weight)
    return chance.choice([",", ", ", " ,\t"]).join(weighted.values())


def test_nginx_and_service_choose_same_language(site):
    chance = random.Random(9110)
    for _ in range(400):
        field = random_header(chance)
        chosen = {language_of(request_in(site, method, path, field))
                  for method, path, _ in ERRORS[1:]}
        assert len(chosen) == 1, field


def test_nginx_uses_first_weight_of_language_listed_repeatedly(site):
    """The only difference between nginx and the service: nginx's configuration cannot compare
    weights of one language."""
    field = "en-GB;q=0.1, ru;q=0.5, en;q=0.9"
    chosen = [language_of(request_in(site, method, path, field)) for method, path, _ in ERRORS]
    assert chosen == ["en", "en", "ru"]


def test_error_details_are_in_requested_language(api):
    russian = api.post("/users", json={}).json()["details"]
    english = api.post("/users", json={}, headers={"Accept-Language": "en"}).json()["details"]
    assert [d["field"] for d in russian] == [d["field"] for d in english]
    assert all(contract.CYRILLIC.search(d["message"]) for d in russian)
    assert not any(contract.CYRILLIC.search(d["message"]) for d in english)


@pytest.mark.parametrize("method, path", [("GET", "/nowhere"), ("TRACE", "/health"),
                                          ("GET", "/api/v1/contacts"), ("POST", "/auth/login")])
@pytest.mark.parametrize("origin", [{}, {"Origin": "http://localhost:3000"}])
def test_vary_header_of_error_contains_language_and_origin(site, method, path, origin):
    response = site.as_anonymous().request(method, path, headers=origin)
    assert response.status_code >= 400
    varies = response.headers["Vary"].split(", ")
    assert sorted(varies) == sorted(["Accept-Language", *origin])


def test_response_without_text_has_no_content_language_header(site):
    headers = site.get("/health", headers={"Accept-Language": "en"}).headers
    assert "Content-Language" not in headers and "Vary" not in headers


@pytest.mark.parametrize("language", ["ru", "en"])
def test_success_message_is_in_requested_language(site, language):
    response = site.get("/health/storage", headers={"Accept-Language": language})
    assert bool(contract.CYRILLIC.search(response.json()["message"])) == (language == "ru")
    assert response.headers["Content-Language"] == language
    assert "Accept-Language" in response.headers["Vary"]


def test_accept_language_header_with_many_ranges_is_accepted(site):
    for method, path, _ in ERRORS:
        response = request_in(site, method, path, ",".join(["xx;q=0.1"] * 400))
        assert response.status_code in (404, 405, 400)


@pytest.fixture(scope="module")
def english_site(tmp_path_factory, binary):
    """Runs a stack whose default language is English."""
    with Stack(tmp_path_factory.mktemp("english"), own_directory=False, binary=binary,
               env={"DEFAULT_LANGUAGE": "en"}) as running:
        yield Client(running.https_url, running.ca_file)


@pytest.mark.parametrize("method, path", [("GET", "/nowhere"), ("TRACE", "/health")])
@pytest.mark.parametrize("field, language", [
    (None, "en"), ("", "en"), ("de", "en"), ("*", "en"), ("ru", "ru"), ("en;q=0", "en"),
    ("de;q=0.9, *;q=0.1", "en"), ("*, ru", "ru"), ("ru, en", "ru"), ("en;q=0.5,ru;q=0.6", "ru")])
def test_default_language_is_configurable_in_nginx_and_service(english_site, method, path, field,
                                                               language):
    assert language_of(request_in(english_site, method, path, field)) == language
