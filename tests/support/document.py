"""Checks every response that a test receives against the OpenAPI document of the program under test
(`kontora openapi`).

A response must have exactly a status, header fields and a body that the document describes for
its call. If the request succeeded, its body must match the document as well.
"""

import functools
import json
import os
import re
import subprocess
import tempfile
from decimal import Decimal
from urllib.parse import unquote, urlsplit

import jsonschema
from stack import TOP

# Headers that any response may have.
GENERAL_HEADERS = {"server", "date", "connection", "keep-alive", "content-type", "content-length",
                   "transfer-encoding", "cache-control", "vary", "content-security-policy",
                   "x-content-type-options", "x-frame-options", "referrer-policy",
                   "strict-transport-security", "x-request-id", "content-language"}
CORS_HEADER = "access-control-"

# Path mapping of nginx, as in nginx/requests.conf.
SHORT_PATH = re.compile(
    r"/(?:users|groups|ous|containers|computers|tree|delegations|password-policy|auth|files)(?:/|$)")
PAGES = re.compile(r"/(?:docs|redoc|confirm|openapi\.json|static/.*)$")

# Statuses of requests that match no documented call: nginx and the router may answer before the
# call is known.
UNKNOWN_CALL = {400, 404, 405, 413, 414, 429, 431, 500, 501, 502, 503, 504, 505}
METHODS = ("get", "post", "put", "patch", "delete")

# the times of files have seconds only
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
taken_formats = jsonschema.FormatChecker(formats=("date", "email", "uuid"))
formats = jsonschema.FormatChecker(formats=("date", "email", "uuid"))
formats.checks("date-time")(lambda text: not isinstance(text, str) or bool(TIME.fullmatch(text)))


def main_path(path):
    """Returns the service path of a path on nginx's main port."""
    return f"/api/v1{path}" if SHORT_PATH.match(path) else path


def files_path(path):
    """Returns the service path of a path on nginx's port for files; None if it has no such path."""
    if re.match(r"/users(?:/|$)", path):
        return "/api/v1/accounts" + path.removeprefix("/users")
    if re.match(r"/files(?:/|$)", path):
        return f"/api/v1{path}"
    return path if path in ("/", "/health/storage") else None


def is_integer(_, value):
    """Returns whether a value is an integer, however it is written: 1.0 is one."""
    return (isinstance(value, int) and not isinstance(value, bool)
            or isinstance(value, Decimal) and value == value.to_integral_value())


Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer))


class Document:
    """An OpenAPI document with resolved references."""

    def __init__(self, text):
        # Decimal, because 0.07 is a multiple of 0.01 only in decimal arithmetic.
        self.raw = json.loads(text, parse_float=Decimal)
        self._resolved = {}
        self.paths = self.raw["paths"]
        self._templates = {}
        for template in sorted(self.paths, key=lambda path: path.count("{")):
            segments = template.split("/")
            self._templates.setdefault(len(segments), []).append((segments, template))
        self._answers = {}
        self._bodies = {}

    def operations(self):
        """Returns every call: method, path, operation."""
        return [(method, path, operation) for path, item in self.paths.items()
                for method, operation in item.items() if method in METHODS]

    def resolve(self, node):
        """Returns a part of the document with its references resolved."""
        if isinstance(node, list):
            return [self.resolve(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return self._target(node["$ref"])
        return {key: self.resolve(value) for key, value in node.items()}

    def _target(self, reference):
        if reference not in self._resolved:
            node = self.raw
            for part in reference.removeprefix("#/").split("/"):
                node = node[part]
            self._resolved[reference] = self.resolve(node)
        return self._resolved[reference]

    def find(self, path):
        """Returns the path pattern that matches a request path; None if there is none."""
        segments = path.split("/")
        for pattern, template in self._templates.get(len(segments), []):
            if all(segment if part.startswith("{") else unquote(segment) == part
                   for part, segment in zip(pattern, segments, strict=True)):
                return template
        return None

    def answer(self, template, method, status):
        """Returns the documented response; None if the status is not documented."""
        key = (template, method, status)
        if key not in self._answers:
            answers = self.paths[template][method]["responses"]
            self._answers[key] = (Answer(self.resolve(answers[status])) if status in answers
                                  else None)
        return self._answers[key]


    def body(self, template, method):
        """Returns a validator for each media type of the request body; None if the call takes no
        body."""
        key = (template, method)
        if key not in self._bodies:
            documented = self.resolve(self.paths[template][method].get("requestBody", {}))
            self._bodies[key] = documented and {
                media_type: Validator(content["schema"], format_checker=taken_formats)
                for media_type, content in documented["content"].items()}
        return self._bodies[key]


class Answer:
    """One documented response."""

    def __init__(self, documented):
        fields = {name.lower(): field for name, field in documented.get("headers", {}).items()}
        self.headers = set(fields)
        self.required = {name for name, field in fields.items() if field.get("required")}
        self.validators = {
            media_type: jsonschema.Draft202012Validator(closed(content["schema"]),
                                                        format_checker=formats)
            for media_type, content in documented.get("content", {}).items()}

    def header_faults(self, headers):
        sent = {name.lower() for name in headers}
        return ([f"{name} is not documented" for name in sent - self.headers - GENERAL_HEADERS
                 if not name.startswith(CORS_HEADER)]
                + [f"{name} is missing" for name in self.required - sent])

    def body_faults(self, response):
        if not self.validators:
            return ["a body is not documented"] if response.content else []
        media_type = response.headers["Content-Type"].split(";")[0]
        media_range = media_type.split("/")[0] + "/*"
        if not {media_type, media_range, "*/*"} & self.validators.keys():
            return [f"{media_type} is not documented"]
        if media_type not in self.validators or media_type != "application/json":
            return []
        body = json.loads(response.content, parse_float=Decimal)
        return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
                for error in self.validators[media_type].iter_errors(body)]


def closed(schema):
    """Returns a response schema that rejects members it does not name."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: closed(value) for key, value in schema.items()}
    if schema.get("type") == "object" and "required" in schema:
        schema["additionalProperties"] = False
    return schema


@functools.cache
def of_program():
    """Returns the document of the program under test."""
    program = os.environ.get("KONTORA_BINARY", TOP / "build/kontora")
    with tempfile.TemporaryDirectory() as folder:  # a folder without .env
        done = subprocess.run([os.path.abspath(program), "openapi"], check=True, cwd=folder,
                              capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    return Document(done.stdout)


def check_unknown(document, what, template, response):
    """Checks the response to a request that matches no documented call."""
    assert response.status_code in UNKNOWN_CALL, what
    if response.status_code == 405 and response.request.method not in ("TRACE", "CONNECT"):
        allowed = {name.strip() for name in response.headers["Allow"].split(",")} - {"HEAD"}
        assert allowed == {name.upper() for name in document.paths[template]}, what


def request_faults(document, template, key, request):
    """Returns how the body of a successful request deviates from the document."""
    validators = document.body(template, key)
    if not validators or not isinstance(request.body, (bytes, str)):
        return []
    media_type = request.headers["Content-Type"].split(";")[0].strip().lower()
    if media_type not in validators:
        return [f"{media_type} was accepted, but is not documented"]
    if media_type not in ("application/json", "application/merge-patch+json"):
        return []
    body = json.loads(request.body, parse_float=Decimal)
    return [f"was accepted: {'/'.join(map(str, error.absolute_path))}: {error.message}"
            for error in validators[media_type].iter_errors(body)]


def check_answer(response, path_of=main_path):
    """Checks a response. `path_of` maps a path of nginx's port to the path of the service."""
    document = of_program()
    method, sent = response.request.method, urlsplit(response.request.url).path
    status = str(response.status_code)
    what = f"{method} {sent}: {status}"
    path = path_of(sent)
    is_page = path == "/" and response.headers.get("Content-Type", "").startswith("text/html")
    if method == "OPTIONS" or is_page or (path and PAGES.match(path)):
        return
    template = document.find(path) if path else None
    key = "get" if method == "HEAD" else method.lower()
    if key not in document.paths.get(template, {}):
        check_unknown(document, what, template, response)
        return
    answer = document.answer(template, key, status)
    assert answer, f"{what} is not documented: {response.text[:200]}"
    faults = answer.header_faults(response.headers)
    if method != "HEAD":
        faults += answer.body_faults(response)
    if response.ok:
        faults += request_faults(document, template, key, response.request)
    assert not faults, f"{what}: {faults}"
