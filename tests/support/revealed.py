"""Compares responses about entries that the caller does not see with those about absent entries, by
their content and by the number of searches that they took."""

import functools
import itertools
import math
import re

from support.waiting import wait_until

REPEATED = 2
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


def send_at_same_cost(administrator, *sends):
    """Returns the responses to requests, each sent by a function, which must take the same number
    of searches: the fewest of several times, because the service searches in the background, too.
    The requests are repeated until these numbers are the same; one that always needs more searches
    never gets there."""
    fewest = [math.inf] * len(sends)
    responses = [None] * len(sends)
    rounds = itertools.count(1)

    def are_equal():
        for index, send in enumerate(sends):
            before = searches(administrator)
            responses[index] = send()
            fewest[index] = min(fewest[index], searches(administrator) - before)
        return next(rounds) >= REPEATED and len(set(fewest)) == 1
    wait_until(are_equal, 60, f"equal numbers of searches: {fewest}")
    return responses


def read_at_same_cost(client, administrator, *calls):
    """Like send_at_same_cost(), for GET requests of pairs (path, parameters)."""
    return send_at_same_cost(administrator,
                             *(functools.partial(client.get, path, params=parameters)
                               for path, parameters in calls))
