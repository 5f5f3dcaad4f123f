"""Reads /metrics with Prometheus' own parser."""

from prometheus_client.parser import text_string_to_metric_families

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def families(client):
    """Returns all metric families by name."""
    response = client.get("/metrics")
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == CONTENT_TYPE
    found = list(text_string_to_metric_families(response.text))
    by_name = {family.name: family for family in found}
    assert len(by_name) == len(found), "a metric family occurs twice"
    return by_name


def values(client):
    """Returns every sample by its name and its label values, ordered by label name."""
    samples = [sample for family in families(client).values() for sample in family.samples]
    found = {(sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
             for sample in samples}
    assert len(found) == len(samples), "a series occurs twice"
    return found
