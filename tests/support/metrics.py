"""Reads /metrics with Prometheus' own parser."""

from prometheus_client.parser import text_string_to_metric_families

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def families(client):
    """Returns all metric families by name."""
    return families_of(client.get("/metrics"))


def families_of(response):
    """Returns all metric families of a response by name."""
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == CONTENT_TYPE
    found = list(text_string_to_metric_families(response.text))
    by_name = {family.name: family for family in found}
    assert len(by_name) == len(found), "a metric family occurs twice"
    return by_name


def values(client):
    """Returns every sample by its name and its label values, ordered by label name."""
    return values_of(client.get("/metrics"))


def values_unless(client, status):
    """Returns the same as values(), or None if the response has `status`."""
    response = client.get("/metrics")
    return None if response.status_code == status else values_of(response)


def values_of(response):
    """Returns the samples of a response as values() does."""
    samples = [sample for family in families_of(response).values() for sample in family.samples]
    found = {(sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
             for sample in samples}
    assert len(found) == len(samples), "a series occurs twice"
    return found
