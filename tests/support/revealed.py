"""Compares responses about entries that the caller does not see with those about absent entries, by
their content and by the number of searches that they took."""

import re

REPEATED = 3
SEARCHES = re.compile(
    r'^kontora_directory_operation_duration_seconds_count{operation="search"} (\d+)', re.M)


def comparable(response, *names):
    """Returns what a response reveals, without what it repeats of the request."""
    headers = {name: value for name, value in response.headers.items()
               if name.lower() not in ("date", "x-request-id", "content-length")}
    body = response.content.decode()
    assert int(response.headers["Content-Length"]) == len(response.content)
    for name in (response.headers.get("X-Request-ID", "-"), *names):
        body = body.replace(name, "?")
    return response.status_code, headers, body


def searches(client):
    """Returns the number of searches so far. Parsing all metrics would take longer than a call."""
    response = client.session.get(client.base_url.removesuffix("/api/v1") + "/metrics")
    return int(SEARCHES.search(response.text)[1])


def counted_call(administrator, send):
    """Sends a request with a function. Returns the response and the number of searches that it
    took: the least of several times, because the service searches in the background, too."""
    costs = []
    for _ in range(REPEATED):
        before = searches(administrator)
        response = send()
        costs.append(searches(administrator) - before)
    return response, min(costs)


def counted(client, administrator, path, **parameters):
    """Like counted_call(), for a GET request."""
    return counted_call(administrator, lambda: client.get(path, params=parameters))
