"""/metrics: content, format and access."""

import math
import re
import subprocess
import time

import pytest

from support import contract, metrics
from support.client import FilesClient
from support.people import tag
from support.waiting import wait_until

REQUESTS = "kontora_http_requests_total"
RESPONSES = "kontora_http_responses_total"
RESPONSE_TIME = "kontora_http_response_duration_seconds"
HTTP_ERRORS = "kontora_http_errors_total"
QUERIES = "kontora_database_operation_duration_seconds_count"
DURATION = "kontora_directory_operation_duration_seconds"
ERRORS = "kontora_directory_errors_total"


@pytest.fixture
def anonymous_site(site):
    return site.as_anonymous()


def operation_count(client, operation):
    return metrics.values(client)[(f"{DURATION}_count", operation)]


def test_metrics_need_no_token(anonymous_site):
    assert metrics.families(anonymous_site)


def test_every_metric_has_help_and_type(anonymous_site):
    for family in metrics.families(anonymous_site).values():
        assert family.name.startswith("kontora_")
        assert family.documentation.endswith(".")
        assert family.type in ("counter", "gauge", "histogram")
        assert family.samples


def test_metric_histograms_are_consistent(anonymous_site):
    """Buckets are cumulative; sums and counts match them."""
    for family in metrics.families(anonymous_site).values():
        if family.type != "histogram":
            continue
        buckets, counts = {}, {}
        for sample in family.samples:
            key = tuple(value for name, value in sample.labels.items() if name != "le")
            if sample.name.endswith("_bucket"):
                buckets.setdefault(key, []).append((float(sample.labels["le"]), sample.value))
            elif sample.name.endswith("_count"):
                counts[key] = sample.value
        assert buckets.keys() == counts.keys()
        for key, series in buckets.items():
            assert series == sorted(series), "bounds or counts decrease"
            assert series[-1] == (math.inf, counts[key])


def test_metrics_pass_promtool(anonymous_site):
    """promtool checks names, types, help texts and the format."""
    text = anonymous_site.get("/metrics").content
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True,
                          check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


# --- requests -------------------------------------------------------------------------------------

def assert_grows(client, key, by=1):
    """Returns a context manager that asserts that a series grows."""
    return Growth(client, key, by)


class Growth:
    def __init__(self, client, key, by):
        self._client, self._key, self._by = client, key, by

    def _value(self):
        return metrics.values(self._client).get(self._key, 0)

    def __enter__(self):
        self._before = self._value()

    def __exit__(self, *failed):
        if not failed[0]:  # a response is counted after it was handed to nginx, so wait
            wait_until(lambda: self._value() == self._before + self._by, 3,
                       f"{self._key} to grow by {self._by}")


@pytest.mark.parametrize("method, path, route, status", [
    ("GET", "/health", "/health", 200), ("HEAD", "/health", "/health", 200),
    ("GET", "/users/nobody-is-called-so", "/api/v1/users/{username}", 404),
    ("GET", "/api/v1/users/nobody%20at%20all", "/api/v1/users/{username}", 404),
    ("POST", "/api/v1/accounts", "/api/v1/accounts", 415),
    ("PATCH", "/ous/none", "/api/v1/ous/{name}", 415)])
def test_requests_are_counted_by_route(site, method, path, route, status):
    labels = ("GET" if method == "HEAD" else method, route)
    with assert_grows(site, (REQUESTS, *labels)), assert_grows(site,
                                                               (RESPONSES, *labels, str(status))), \
            assert_grows(site, (f"{RESPONSE_TIME}_count", *labels)):
        assert site.request(method, path).status_code == status


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/nowhere", 404), ("GET", "/nowhere/{}", 404), ("POST", "/api/v1/nowhere/{}", 404),
    ("DELETE", "/health", 405), ("GET", "/users/%ff", 400)])
def test_request_for_unknown_path_creates_no_metric_series(site, method, path, status):
    with assert_grows(site, (RESPONSES, method, "none", str(status))):
        assert site.request(method, path.format(tag())).status_code == status


def test_client_input_creates_no_metric_series(site):
    """No series or label contains client input: routes are the program's patterns."""
    name = tag()
    for path in (f"/{name}", f"/users/{name}", f"/health?{name}=1", f"/groups/{name}"):
        site.get(path, headers={"User-Agent": name, "X-Request-ID": name, "Accept-Language": name})
    site.request(name.upper(), "/health")
    response = site.as_anonymous().get("/metrics")
    assert name.casefold() not in response.text.casefold()
    assert len(response.content) < 400_000


def test_error_responses_are_counted_by_error_code(anonymous, site):
    with assert_grows(site, (HTTP_ERRORS, "UNAUTHORIZED")):
        contract.check_error(anonymous.get("/contacts"), 401, "UNAUTHORIZED")
    with assert_grows(site, (HTTP_ERRORS, "INVALID_JSON")):
        contract.check_error(anonymous.post("/auth/login", data=b"{", headers={
            "Content-Type": "application/json"}), 400, "INVALID_JSON")


def test_counter_of_every_error_code_starts_at_zero(anonymous_site):
    """If a counter first appeared with the value 1, a Prometheus rate would miss that increase."""
    codes = {key[1] for key in metrics.values(anonymous_site) if key[0] == HTTP_ERRORS}
    assert {"INTERNAL_ERROR", "DATABASE_UNAVAILABLE", "DIRECTORY_UNAVAILABLE"} <= codes


# --- database -------------------------------------------------------------------------------------

def test_metrics_count_queries_and_transactions(sql_stack, sql_api):
    site = sql_api.at(sql_stack.https_url)
    before = metrics.values(site)
    name = tag()
    assert sql_api.post("/accounts", json={"username": name, "email": f"{name}@example.com"}).ok
    assert sql_api.get("/accounts").ok
    after = metrics.values(site)
    assert after[(QUERIES, "write")] > before[(QUERIES, "write")]
    assert after[(QUERIES, "read")] > before[(QUERIES, "read")]
    on_sqlite = "DATABASE_URL" not in sql_stack.env
    assert (after[(QUERIES, "commit")] > before[(QUERIES, "commit")]) == on_sqlite
    assert after[("kontora_database_up",)] == 1


# --- processes ------------------------------------------------------------------------------------

def test_metrics_report_size_and_load_of_worker_pools(anonymous_site):
    values = metrics.values(anonymous_site)
    for pool, size in {"core": 2, "auth": 2, "overflow": 2, "directory": 4, "files": 4}.items():
        assert values[("kontora_pool_size", pool)] == size
        assert sum(values[("kontora_pool_workers", pool, state)]
                   for state in ("busy", "idle")) == size
        assert values[("kontora_worker_starts_total", pool)] >= size
    assert values[("kontora_pool_workers", "core", "busy")] >= 1, (
        "the worker that serves this request")
    assert values[("kontora_pool_connections", "core")] >= 1
    assert values[("kontora_pool_connections", "files")] == 0
    assert values[("kontora_pool_busy_seconds_total", "core")] > 0


def test_metrics_count_queued_requests(anonymous_site, anonymous):
    counted_before = metrics.values(anonymous_site)[("kontora_http_queue_duration_seconds_count",
                                                     "auth")]
    anonymous.post("/auth/login", json={})
    after = metrics.values(anonymous_site)
    assert after[("kontora_http_queue_duration_seconds_count", "auth")] == counted_before + 1


def test_build_version_and_start_time_are_reported(anonymous_site, binary):
    values = metrics.values(anonymous_site)
    version = subprocess.run([binary, "version"], capture_output=True, text=True, check=True)
    assert values[("kontora_build_info", version.stdout.split()[1])] == 1
    assert 0 < time.time() - values[("kontora_start_time_seconds",)] < 3600


# --- directory ------------------------------------------------------------------------------------

@pytest.mark.parametrize("operation, call", [
    ("search", lambda api, people: api.get("/users?limit=1")),
    ("add", lambda api, people: people.create()),
    ("modify", lambda api, people: people.change(people.create()["sAMAccountName"], title="x")),
    ("rename", lambda api, people: people.change(people.create()["sAMAccountName"],
                                                 parent_dn=people.ou, cn=people.body()["cn"])),
    ("delete", lambda api, people: api.delete("/users/" + people.create()["sAMAccountName"])),
])
def test_directory_operations_are_counted(api, anonymous_site, people, operation, call):
    before = operation_count(anonymous_site, operation)
    call(api, people)
    assert operation_count(anonymous_site, operation) > before


def test_directory_operations_of_housekeeper_are_counted(anonymous_site):
    values = metrics.values(anonymous_site)
    for operation in ("probe", "connect", "bind"):
        assert values[(f"{DURATION}_count", operation)] > 0
        assert values[(f"{DURATION}_sum", operation)] > 0
    assert values[("kontora_directory_circuit_open",)] == 0
    assert values[("kontora_directory_controllers", "up")] == 1


def test_directory_errors_are_counted(api, anonymous_site, people):
    before = metrics.values(anonymous_site)[(ERRORS, "add", "result")]
    user = people.create()
    contract.check_error(api.post("/users", json=people.body(cn=user["cn"])), 409, "ALREADY_EXISTS")
    assert metrics.values(anonymous_site)[(ERRORS, "add", "result")] > before


def test_metrics_reveal_no_names_or_addresses(anonymous_site, directory, api, people):
    user = people.create()
    text = anonymous_site.get("/metrics").text
    for secret in (directory.address, directory.bind_dn, directory.base_dn,
                   user["sAMAccountName"]):
        assert secret not in text
    assert not re.search(r"\d+\.\d+\.\d+\.\d+", text)


def test_metrics_and_readiness_are_served_on_main_port_only(site, stack):
    for path in ("/metrics", "/health/ready"):
        files = FilesClient(stack.files_url, stack.ca_file)
        contract.check_error(files.get(path), 404, "NOT_FOUND")
        assert site.at(stack.http_url).get(path).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_metrics_path_accepts_only_read_requests(anonymous_site, method):
    contract.check_error(anonymous_site.request(method, "/metrics"), 405, "METHOD_NOT_ALLOWED")
