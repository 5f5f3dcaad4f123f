"""Languages: messages in the one that the client prefers, of the service and of nginx alike."""

import random

import pytest
from stack import Stack

from support import contract
from support.client import Client

# An error of a worker that knows the path, of one that does not, and of nginx.
ERRORS = [("GET", "/users/nobody-is-called-so", "NOT_FOUND"), ("GET", "/no/such/place", "NOT_FOUND"),
          ("TRACE", "/health", "METHOD_NOT_ALLOWED")]

# Fields, and what they choose: the default is Russian.
CHOICES = [
    (None, "ru"), ("", "ru"), ("ru", "ru"), ("ru-RU", "ru"), ("de", "ru"), ("*", "ru"), ("en", "en"),
    ("EN", "en"), ("en-GB", "en"), ("en-Latn-US", "en"), ("en-US,en;q=0.9", "en"), ("de,en", "en"),
    ("ru, en;q=0.9", "ru"), ("en, ru;q=0.9", "en"), ("fr;q=0.9, en;q=0.5", "en"), ("english", "ru"),
    ("en_US", "ru"), ("ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7", "ru"), ("de;q=0.9,*", "ru"),
    # weights
    ("en;q=0.2,ru;q=0.8", "ru"), ("ru;q=0.2,en;q=0.8", "en"), ("ru;q=0.5, en", "en"),
    ("ru;q=0.8,en;q=0.801", "en"), ("en;q=0.8,ru;q=0.801", "ru"), ("ru;q=0.09,en;q=0.1", "en"),
    ("ru;q=0.7,en;q=0.70", "ru"), ("en;q=0.7,ru;q=0.700", "en"), ("en;q=1.000,ru;q=0.999", "en"),
    ("ru ; q=0.1 , en ; Q=0.2", "en"), ("de, ru, en", "ru"), ("de,  en, ru", "en"),
    # nothing of ours, and what stands for it
    ("en;q=0", "ru"), ("ru;q=0", "ru"), ("ru;q=0,en", "en"), ("ru;q=0, *", "en"), ("*;q=0", "ru"),
    ("*;q=0.1, en", "en"), ("*, en", "en"), ("en;q=0.5, *", "ru"), ("ru;q=0.1, *;q=0.2", "en"),
    # malformed: counts for nothing
    ("en;q=x, ru;q=0.1", "ru"), ("ru;q=0.1, en;q=1.5", "ru"), ("ru;q=0.1, en;q=0.1234", "ru"),
    ("ru;q=0.1, en;q=", "ru"), ("ru;q=0.1, en;q=-1", "ru"), ("ru;q=0.1, en;level=1", "ru"),
    ("ru;q=0.1, en;q=0.5;q=0.9", "ru"), ("ru;q=0.1, en de", "ru"), ("ru;q=0.1, en;q=1e0", "ru"),
    (",,, en ,,", "en"), (";q=1, en;q=0.1", "en"), ("ru;q=0.1,-en", "ru"),
]


def speak(site, method, path, language):
    headers = {} if language is None else {"Accept-Language": language}
    return site.request(method, path, headers=headers)


def language_of(response):
    """What the answer is in: its words and its header say the same."""
    russian = bool(contract.CYRILLIC.search(response.json()["error"]))
    assert response.headers["Content-Language"] == ("ru" if russian else "en"), response.text
    return response.headers["Content-Language"]


@pytest.mark.parametrize("method, path, code", ERRORS)
@pytest.mark.parametrize("field, language", CHOICES)
def test_the_client_chooses_the_language(site, method, path, code, field, language):
    response = speak(site, method, path, field)
    assert response.json()["code"] == code
    assert language_of(response) == language, response.text


def shown_in(site, field):
    """The languages of the page for browsers and of the OpenAPI document: words and header say the same."""
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
def test_pages_and_the_document_are_in_it_too(site, field, language):
    assert shown_in(site.as_nobody(), field) == {language}
    chosen = {language_of(speak(site, method, path, field)) for method, path, _ in ERRORS[1:]}
    assert chosen == {language}


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/static/icon.svg"])
@pytest.mark.parametrize("origin", [{}, {"Origin": "http://localhost:3000"}])
def test_pages_are_not_had_in_parts(site, path, origin):
    """The whole of it, each header once."""
    sent = {"Range": "bytes=99999999-", "Accept-Language": "en", **origin}
    answer = site.as_nobody().get(path, headers=sent)
    assert (answer.status_code, "Accept-Ranges" in answer.headers) == (200, False)
    varies = answer.headers.get("Vary", "").split(", ")
    assert len(varies) == len(set(varies)) and set(origin) <= set(varies)
    assert all("," not in answer.headers[name] for name in ("X-Request-ID", "Cache-Control"))


def any_field(chance):
    """A field such as clients send, and some that they should not."""
    ranges = ["en", "ru", "*", "de", "en-GB", "ru-RU", "EN", "enx", "ru_RU"]
    weights = ["", "", "", ";q=1", ";q=0", ";q=1.0", ";q=0.", ";q=x", "; q=0.5", " ;Q=0.5", ";q=2"]
    drawn = chance.sample(ranges, chance.randint(1, 4))
    weighted = {}
    for each in drawn:
        weight = chance.choice([*weights, f";q=0.{chance.randint(0, 999):03}",
                                f";q=0.{chance.randint(0, 9)}"])
        weighted.setdefault(each[:2].lower(), each + weight)  # of each language one, for nginx
    return chance.choice([",", ", ", " ,\t"]).join(weighted.values())


def test_nginx_and_the_service_choose_alike(site):
    chance = random.Random(9110)
    for _ in range(400):
        field = any_field(chance)
        chosen = {language_of(speak(site, method, path, field)) for method, path, _ in ERRORS[1:]}
        assert len(chosen) == 1, field


def test_of_several_weights_of_one_language_nginx_takes_the_first(site):
    """The one difference that there is: its configuration knows no greatest."""
    field = "en-GB;q=0.1, ru;q=0.5, en;q=0.9"
    chosen = [language_of(speak(site, method, path, field)) for method, path, _ in ERRORS]
    assert chosen == ["en", "en", "ru"]


def test_details_are_in_the_language_too(api):
    russian = api.post("/users", json={}).json()["details"]
    english = api.post("/users", json={}, headers={"Accept-Language": "en"}).json()["details"]
    assert [d["field"] for d in russian] == [d["field"] for d in english]
    assert all(contract.CYRILLIC.search(d["message"]) for d in russian)
    assert not any(contract.CYRILLIC.search(d["message"]) for d in english)


@pytest.mark.parametrize("method, path", [("GET", "/nowhere"), ("TRACE", "/health"),
                                          ("GET", "/api/v1/contacts"), ("POST", "/auth/login")])
@pytest.mark.parametrize("origin", [{}, {"Origin": "http://localhost:3000"}])
def test_caches_are_told_what_a_message_depends_on(site, method, path, origin):
    response = site.as_nobody().request(method, path, headers=origin)
    assert response.status_code >= 400
    varies = response.headers["Vary"].split(", ")
    assert sorted(varies) == sorted(["Accept-Language", *origin])


def test_what_has_no_words_has_no_language(site):
    headers = site.get("/health", headers={"Accept-Language": "en"}).headers
    assert "Content-Language" not in headers and "Vary" not in headers


@pytest.mark.parametrize("language", ["ru", "en"])
def test_good_news_say_their_language_too(site, language):
    response = site.get("/health/storage", headers={"Accept-Language": language})
    assert bool(contract.CYRILLIC.search(response.json()["message"])) == (language == "ru")
    assert response.headers["Content-Language"] == language
    assert "Accept-Language" in response.headers["Vary"]


def test_a_thousand_language_ranges_harm_nobody(site):
    for method, path, _ in ERRORS:
        response = speak(site, method, path, ",".join(["xx;q=0.1"] * 400))
        assert response.status_code in (404, 405, 400)


@pytest.fixture(scope="module")
def english_site(tmp_path_factory, binary):
    """Where the default is English."""
    with Stack(tmp_path_factory.mktemp("english"), own_directory=False, binary=binary,
               env={"DEFAULT_LANGUAGE": "en"}) as running:
        yield Client(running.https_url, running.ca_file)


@pytest.mark.parametrize("method, path", [("GET", "/nowhere"), ("TRACE", "/health")])
@pytest.mark.parametrize("field, language", [
    (None, "en"), ("", "en"), ("de", "en"), ("*", "en"), ("ru", "ru"), ("en;q=0", "en"),
    ("de;q=0.9, *;q=0.1", "en"), ("*, ru", "ru"), ("ru, en", "ru"), ("en;q=0.5,ru;q=0.6", "ru")])
def test_the_default_is_a_setting(english_site, method, path, field, language):
    assert language_of(speak(english_site, method, path, field)) == language
