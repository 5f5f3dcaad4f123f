"""The OpenAPI document: valid, complete, in both languages, and served as a file.

The client of all other tests checks every response against this document.
"""

import json
import os
import re
import subprocess

import pytest
from stack import TOP

from support import contract, document
from support.document import Document

REDOCLY = TOP / "build/tests/npm/node_modules/@redocly/cli/bin/cli.js"
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


@pytest.fixture(scope="module")
def printed_texts(binary, tmp_path_factory):
    """Returns the output of `kontora openapi` in each language."""
    def print_in(language):
        done = subprocess.run([binary, "openapi", "--language", language], check=True,
                              capture_output=True, text=True, env={"PATH": os.environ["PATH"]},
                              cwd=tmp_path_factory.mktemp("empty"))
        return done.stdout
    return {language: print_in(language) for language in ("ru", "en")}


@pytest.fixture(scope="module", params=["ru", "en"])
def language(request):
    return request.param


@pytest.fixture(scope="module")
def printed_document(printed_texts, language):
    return Document(printed_texts[language])


# --- content --------------------------------------------------------------------------------------

def test_openapi_document_passes_validator(printed_texts, tmp_path):
    """Warnings of the validator also fail the test."""
    files = []
    for language, text in printed_texts.items():
        files.append(tmp_path / f"openapi.{language}.json")
        files[-1].write_text(text)
    done = subprocess.run(
        ["node", REDOCLY, "lint", "--extends=recommended", "--max-problems=20", *files],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "REDOCLY_TELEMETRY": "off",
             "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"})
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "warning" not in said, said


def test_every_documented_call_has_summary_tag_and_id(printed_document):
    tags = {tag["name"] for tag in printed_document.raw["tags"]}
    identifiers = set()
    for method, path, operation in printed_document.operations():
        call = f"{method} {path}"
        assert operation["summary"] and operation["description"], call
        assert len(operation["tags"]) == 1 and set(operation["tags"]) <= tags, call
        assert operation["operationId"] not in identifiers, call
        identifiers.add(operation["operationId"])
    assert len(identifiers) >= 60


def test_every_documented_response_has_example_and_every_call_has_errors(printed_document):
    for method, path, operation in printed_document.operations():
        call = f"{method} {path}"
        errors = [status for status in operation["responses"] if status >= "400"]
        assert len(errors) >= 5, call
        for status, answer in printed_document.resolve(operation["responses"]).items():
            for content in answer.get("content", {}).values():
                assert content.get("example", content.get("examples")), f"{call}: {status}"
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            assert media_type == "multipart/form-data" or content["example"], call


def test_response_examples_match_their_schemas(printed_document):
    """Also checks examples of errors. A field that the schema does not name fails the test."""
    class Shown:
        headers = {"Content-Type": "application/json"}

    for method, path, operation in printed_document.operations():
        for status in operation["responses"]:
            answer = printed_document.answer(path, method, status)
            if "application/json" not in answer.validators:
                continue
            content = printed_document.resolve(operation["responses"][status])["content"]
            content = content["application/json"]
            for value in [content.get("example"),
                          *(each["value"] for each in content.get("examples", {}).values())]:
                if value is not None:
                    Shown.content = json.dumps(value, default=float)
                    assert answer.body_faults(Shown) == [], f"{method} {path}: {status}"


def test_documented_sort_examples_use_only_sortable_fields(printed_document):
    sorts = [each["description"] for _, _, operation in printed_document.operations()
             for each in operation["parameters"] if each.get("name") == "sort"]
    assert len(sorts) >= 6
    for said in sorts:
        *names, example = re.findall("`([^`]*)`", said)
        assert example.removeprefix("-") in names, said


def human_texts(node, key=""):
    """Yields all texts written for people."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name not in ("example", "examples", "value"):
                yield from human_texts(value, name)
    elif isinstance(node, list):
        for each in node:
            yield from human_texts(each, key)
    elif key in ("summary", "description", "x-displayName"):
        yield node


def test_descriptions_are_in_language_of_openapi_document(printed_texts):
    words = {language: list(human_texts(json.loads(text)))
             for language, text in printed_texts.items()}
    examples = re.compile("например.*|such as.*")
    for text in words["en"]:
        assert not CYRILLIC.search(examples.sub("", text)), text
    for text in words["ru"]:
        assert CYRILLIC.search(text), text
    assert len(words["ru"]) == len(words["en"])


def test_documented_token_requirement_matches_responses(printed_document, anonymous):
    """Calls without a token get 401 exactly if the document requires a token."""
    for method, path, operation in printed_document.operations():
        if method != "get" or "{" in path:
            continue
        status = anonymous.at(anonymous.base_url.removesuffix("/api/v1")).get(path).status_code
        assert (status == 401) == bool(operation["security"]), path


@pytest.mark.parametrize("arguments, said", [
    (["--language", "de"], "--language"), (["--language"], "--language"), (["yaml"], "'yaml'"),
    (["--yaml"], "--yaml")])
def test_openapi_command_names_invalid_argument(binary, tmp_path, arguments, said):
    done = subprocess.run([binary, "openapi", *arguments], capture_output=True, text=True,
                          check=False, env={"PATH": os.environ["PATH"]}, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_openapi_command_fails_on_write_error(binary, tmp_path):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([binary, "openapi"], stdout=full, stderr=subprocess.PIPE, text=True,
                              check=False, env={"PATH": os.environ["PATH"]}, cwd=tmp_path)
    assert done.returncode == 1 and "No space left" in done.stderr


# --- serving --------------------------------------------------------------------------------------

@pytest.mark.parametrize("accept, language", [("ru", "ru"), ("en", "en"), ("en-US,en;q=0.9", "en"),
                                              ("", "ru")])
def test_openapi_document_is_in_requested_language(site, stack, accept, language):
    response = site.as_anonymous().get("/openapi.json", headers={"Accept-Language": accept})
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert "Accept-Language" in response.headers["Vary"]
    file = stack.state_dir / f"static/openapi.{language}.json"
    assert response.content == file.read_bytes()


def test_served_openapi_document_equals_command_output(stack, printed_texts):
    served = json.loads((stack.state_dir / "static/openapi.en.json").read_text())
    assert served == json.loads(printed_texts["en"])


def test_request_for_cached_openapi_document_gets_not_modified(site):
    first = site.get("/openapi.json")
    assert first.headers["Cache-Control"] == "no-cache"
    again = site.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_openapi_document_path_accepts_only_read_requests(site, method):
    response = site.request(method, "/openapi.json")
    contract.check_error(response, 405, "METHOD_NOT_ALLOWED")
    assert response.headers["Allow"] == "GET, HEAD"


def test_openapi_document_files_are_not_reachable_by_path(site):
    for path in ("/openapi.ru.json", "/static/../openapi.ru.json", "/static/%2e%2e/kontora"):
        assert site.get(path).status_code in (400, 404), path


# --- the response checker itself ------------------------------------------------------------------

class FakeResponse:
    """A made-up response for tests of document.check_answer()."""

    def __init__(self, method="GET", path="/health", status=200, body=None, sent=None, **headers):
        self.request = type("Request", (), {
            "method": method, "url": f"https://host{path}", "body": sent and json.dumps(sent),
            "headers": {"Content-Type": "application/json"}})
        self.status_code, self.ok = status, status < 400
        self.headers = {"X-Request-ID": "x", "Content-Type": "application/json", **headers}
        self.text = json.dumps({"status": "ok", "service": "x"} if body is None else body)
        self.content = self.text.encode()


VALID = {"status_code": 200, "status": True}


def test_contract_checker_of_tests_accepts_documented_responses():
    document.check_answer(FakeResponse())
    document.check_answer(FakeResponse("POST", "/app/valid", body=VALID, sent={"token": "x"}))
    document.check_answer(FakeResponse("POST", "/health", status=405, sent=[1], Allow="GET, HEAD"))
    document.check_answer(FakeResponse(path="/users/x", status=404, body={
        "error": "x", "code": "NOT_FOUND", "request_id": "x"}))


@pytest.mark.parametrize("answer", [
    FakeResponse(status=418), FakeResponse(status=201),
    FakeResponse(body={"status": "ok"}), FakeResponse(body={"status": "ok", "service": 1}),
    FakeResponse(body={"status": "ok", "service": "x", "more": 1}),
    FakeResponse(**{"X-Other": "1"}), FakeResponse(**{"Content-Type": "text/plain"}),
    FakeResponse(path="/users/x", status=404,
                 body={"error": "x", "code": "NONE", "request_id": "x"}),
    FakeResponse(path="/users/x", status=404, body={"error": "x", "code": "NOT_FOUND"}),
    FakeResponse(status=301, **{"Content-Type": "text/html"}),
    FakeResponse(path="/files/x/content", status=206),
    FakeResponse(path="/files/x/content", status=403),
    FakeResponse("POST", "/app/valid", body=VALID, sent={"token": 1}),
    FakeResponse("POST", "/app/valid", body=VALID, sent={"other": "x"}),
    FakeResponse(method="PUT", status=200), FakeResponse(path="/nowhere", status=200),
    FakeResponse(method="PUT", status=405, Allow="GET, HEAD, PUT")])
def test_contract_checker_of_tests_rejects_undocumented_responses(answer):
    with pytest.raises(AssertionError):
        document.check_answer(answer)
