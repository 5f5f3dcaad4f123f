"""/metrics: what Prometheus reads of it, and what nobody may."""

import math
import re

import pytest

from support import contract, metrics
from support.client import FilesClient

DURATION = "kontora_directory_operation_duration_seconds"
ERRORS = "kontora_directory_errors_total"


@pytest.fixture
def anybody(site):
    return site.as_nobody()


def counted(client, operation):
    return metrics.values(client)[(f"{DURATION}_count", operation)]


def test_it_needs_nobody(anybody):
    assert metrics.families(anybody)


def test_every_metric_says_what_it_is(anybody):
    for family in metrics.families(anybody).values():
        assert family.name.startswith("kontora_")
        assert family.documentation.endswith(".")
        assert family.type in ("counter", "gauge", "histogram")
        assert family.samples


def test_histograms_are_whole(anybody):
    """Buckets grow to all, sums and counts belong to them."""
    for family in metrics.families(anybody).values():
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
            assert series == sorted(series), "bounds and counts both grow"
            assert series[-1] == (math.inf, counts[key])


@pytest.mark.parametrize("operation, call", [
    ("search", lambda api, people: api.get("/users?limit=1")),
    ("add", lambda api, people: people.create()),
    ("modify", lambda api, people: people.change(people.create()["sAMAccountName"], title="x")),
    ("rename", lambda api, people: people.change(people.create()["sAMAccountName"],
                                                 parent_dn=people.ou, cn=people.body()["cn"])),
    ("delete", lambda api, people: api.delete("/users/" + people.create()["sAMAccountName"])),
])
def test_operations_are_counted(api, anybody, people, operation, call):
    before = counted(anybody, operation)
    call(api, people)
    assert counted(anybody, operation) > before


def test_what_the_housekeeper_does_is_counted(anybody):
    values = metrics.values(anybody)
    for operation in ("probe", "connect", "bind"):
        assert values[(f"{DURATION}_count", operation)] > 0
        assert values[(f"{DURATION}_sum", operation)] > 0
    assert values[("kontora_directory_circuit_open",)] == 0
    assert values[("kontora_directory_controllers", "up")] == 1


def test_results_that_are_errors_are_counted(api, anybody, people):
    before = metrics.values(anybody)[(ERRORS, "add", "result")]
    user = people.create()
    contract.refused(api.post("/users", json=people.body(cn=user["cn"])), 409, "ALREADY_EXISTS")
    assert metrics.values(anybody)[(ERRORS, "add", "result")] > before


def test_it_names_nobody(anybody, directory, api, people):
    user = people.create()
    text = anybody.get("/metrics").text
    for secret in (directory.address, directory.bind_dn, directory.base_dn,
                   user["sAMAccountName"]):
        assert secret not in text
    assert not re.search(r"\d+\.\d+\.\d+\.\d+", text)


def test_it_is_of_the_main_surface_alone(site, stack):
    for path in ("/metrics", "/health/ready"):
        files = FilesClient(stack.files_url, stack.ca_file)
        contract.refused(files.get(path), 404, "NOT_FOUND")
        assert site.at(stack.http_url).get(path).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_is_read_only(anybody, method):
    contract.refused(anybody.request(method, "/metrics"), 405, "METHOD_NOT_ALLOWED")
