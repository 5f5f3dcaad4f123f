"""Metrics and logs stay exact while workers are killed or replaced and logs are rotated."""

import json
import os
import signal
from collections import Counter

import pytest

from support import metrics
from support.waiting import wait_until
from support.wrk import Counted

PATH = "/health"
REQUESTS = 40000
STEPS = 6
KILLS = 4

SERVED = ("kontora_http_responses_total", "GET", PATH, "200")
STARTED = ("kontora_http_requests_total", "GET", PATH)


@pytest.fixture
def rig(make_rig):
    made = make_rig()
    made.anonymous("").get(PATH)
    return made


def read_metrics(rig):
    """Returns the metrics. Repeats the request if nginx has passed it to a worker that was being
    killed."""
    client = rig.anonymous("")
    return wait_until(lambda: metrics.values_unless(client, 502), what="the metrics")


def read_counter(rig, key=SERVED):
    return read_metrics(rig)[key]


def run_load(rig, steps):
    """Runs the load; calls each of `steps` when a further part of it is done."""
    begun = read_counter(rig)
    with Counted(rig.stack.http_url, PATH, REQUESTS) as load:
        for number, step in enumerate(steps, 1):
            goal = begun + number * REQUESTS / (len(steps) + 1)
            wait_until(lambda goal=goal: read_counter(rig) >= goal, 20, "the load to proceed",
                       interval_s=0.005)
            step()
    return load


def signal_core(rig, number):
    for pid in rig.service.workers("core"):
        os.kill(pid, number)


def wait_for_count(rig, key, expected):
    """Waits until a counter has a value, because a response is counted after it was handed to
    nginx."""
    wait_until(lambda: read_counter(rig, key) == expected, 3, f"{key} to be {expected}")


def test_metric_counters_are_exact_after_workers_are_replaced(rig):
    before = metrics.values(rig.anonymous(""))
    load = run_load(rig, [rig.service.reload, lambda: signal_core(rig, signal.SIGTERM)] * 2)
    assert load.statuses == {200: REQUESTS}
    wait_for_count(rig, SERVED, before[SERVED] + REQUESTS)
    wait_for_count(rig, STARTED, before[STARTED] + REQUESTS)
    duration = "kontora_http_response_duration_seconds_count"
    wait_for_count(rig, (duration, "GET", PATH), before[(duration, "GET", PATH)] + REQUESTS)
    filler = read_counter(rig, ("kontora_http_responses_total", "GET", "/", "200"))
    # The service also counts responses that the load generator did not receive at its end.
    assert 0 <= REQUESTS + filler - load.answers <= load.connections


def test_killed_worker_loses_count_of_at_most_one_request(rig):
    before = metrics.values(rig.anonymous(""))
    kills, killed = iter(range(KILLS)), []

    def kill_one():
        next(kills)
        killed.append(rig.service.workers("core")[0])
        os.kill(killed[-1], signal.SIGKILL)

    load = run_load(rig, [kill_one] * KILLS)
    assert set(load.statuses) <= {200, 502}
    after = read_metrics(rig)
    served, begun = (after[key] - before[key] for key in (SERVED, STARTED))
    assert abs(served - load.statuses[200]) <= KILLS  # each worker was handling at most one request
    assert 0 <= begun - served <= KILLS
    restarts = ("kontora_worker_restarts_total", "core")
    wait_for_count(rig, restarts, before[restarts] + KILLS)


def test_metrics_no_longer_count_killed_workers_as_busy(rig):
    signal_core(rig, signal.SIGKILL)
    workers = "kontora_pool_workers"

    def pools():
        if rig.anonymous("").get("/health").status_code != 200:
            return None  # answered by a worker that was killed afterwards
        found = read_metrics(rig)
        return [found[(workers, "core", state)] for state in ("busy", "idle")]

    wait_until(lambda: pools() == [1, 1], what="one busy and one idle worker")


def test_metrics_report_pool_size_and_reloads(rig):
    taken, refused = (("kontora_configuration_reloads_total", result)
                      for result in ("taken", "refused"))
    rig.set(AUTH_WORKERS=3)
    rig.reload()
    wait_for_count(rig, ("kontora_pool_size", "auth"), 3)
    wait_for_count(rig, ("kontora_pool_workers", "auth", "idle"), 3)
    wait_for_count(rig, taken, 1)
    rig.set(AUTH_WORKERS="many")
    rig.service.reload()
    wait_for_count(rig, refused, 1)
    assert read_counter(rig, taken) == 1


def test_metrics_report_database_outage(rig):
    wait_for_count(rig, ("kontora_database_up",), 1)
    assert read_counter(rig, ("kontora_database_wal_bytes",)) >= 0
    rig.set(DATABASE_URL="sqlite:////proc/self/no/such.db")
    rig.reload()
    wait_for_count(rig, ("kontora_database_up",), 0)


@pytest.mark.parametrize("path", ["/metrics", "/%6detrics", "/metrics?x=1"])
def test_metrics_are_served_to_local_clients_only(rig, path):
    """A client behind a trusted proxy is not local, although the proxy is."""
    site = rig.stack.state_dir / "nginx/site.conf"
    site.write_text("set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;\n"
                    + site.read_text())
    assert rig.anonymous("").get(path,
                                 headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 200
    rig.nginx.reload()
    wait_until(lambda: rig.anonymous("").get(path, headers={"X-Forwarded-For": "203.0.113.7"})
               .status_code == 403, what="remote clients to be refused")
    assert rig.anonymous("").get(path).status_code == 200


# --- log rotation ---------------------------------------------------------------------------------

def rotate_logs(path, number):
    path.rename(path.with_name(f"{path.name}.{number}"))


def counted_lines(path):
    """Returns how often each counted request occurs in a log and its rotated files; every line
    must be JSON."""
    lines = [json.loads(line) for file in path.parent.glob(f"{path.name}*")
             for line in file.read_bytes().splitlines()]
    return Counter(line["request_id"] for line in lines
                   if line.get("request_id", "").startswith("counted-"))


def test_log_rotation_under_load_loses_no_line(make_rig):
    rig = make_rig(LOG_PATH="logs/service.log")
    rig.anonymous("").get(PATH)
    service, nginx = (rig.stack.logs_dir / name for name in ("service.log", "nginx-access.log"))
    numbers = iter(range(STEPS))

    def rotate_all():
        number = next(numbers)
        rotate_logs(service, number)
        rotate_logs(nginx, number)
        rig.service.reopen_logs()
        os.kill(rig.nginx.pid, signal.SIGUSR1)
        if number % 2:
            rig.service.reload()

    load = run_load(rig, [rotate_all] * STEPS)
    assert load.statuses == {200: REQUESTS}
    os.kill(rig.nginx.pid, signal.SIGUSR1)  # flushes the buffered lines
    for path in (service, nginx):
        wait_until(lambda path=path: counted_lines(path).total() == REQUESTS, 5,
                   "all lines to be written")
        found = counted_lines(path)
        assert found.keys() == load.identifiers and set(found.values()) == {1}
        assert len(list(path.parent.glob(f"{path.name}.*"))) == STEPS
