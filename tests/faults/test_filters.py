"""Costly filters and orders of directory lists: they end with an error of their own, and delay no
other requests."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import contract

COSTLY = "costly-filter"  # a word of the filters that the proxy delays
SLOW_S = 4
TIMEOUT_MS = 1500
QUICK_S = 1.2  # less than SLOW_S and the timeout; a busy machine takes 0.3 s
COSTLY_AT_ONCE = 6
QUICK_CALLS = 20
USERS = "/users"


@pytest.fixture
def rig(make_rig, directory, proxy):
    made = make_rig(directory, LDAP_SERVER=f"127.0.0.1:{proxy.port}",
                    LDAP_TLS_CA_FILE=str(proxy.ca_file), DIRECTORY_WORKERS="1",
                    FILTERS_WORKERS="2", FILTER_TIMEOUT_MS=str(TIMEOUT_MS))
    made.wait_for_directory("up")
    return made


def costly(rig, number=0):
    return rig.api.at(rig.api.base_url).get(USERS, params={
        "filter": f'description co "{COSTLY}" or description co "{number}"'})


def timed(call):
    began = time.monotonic()
    return call(), time.monotonic() - began


def test_filter_ends_at_its_timeout_and_directory_stays_available(rig, proxy):
    proxy.slow_text, proxy.slow_s = COSTLY.encode(), SLOW_S
    response, took = timed(lambda: costly(rig))
    contract.check_error(response, 400, "FILTER_TOO_COSTLY")
    assert TIMEOUT_MS / 1000 <= took < SLOW_S
    for language, word in (("en", "narrow"), ("ru", "сузьте")):
        refused = rig.api.get(USERS, params={"filter": f'cn co "{COSTLY}"'},
                              headers={"Accept-Language": language})
        assert word in refused.json()["error"]
    assert rig.api.get(USERS, params={"filter": 'cn eq "Administrator"'}).json()["total"] == 1
    assert rig.directory_state() == "up"


def test_costly_filters_delay_no_other_requests_of_the_directory(rig, proxy):
    assert rig.api.get(USERS).ok
    proxy.slow_text, proxy.slow_s = COSTLY.encode(), SLOW_S
    with ThreadPoolExecutor(COSTLY_AT_ONCE) as pool:
        running = [pool.submit(costly, rig, number) for number in range(COSTLY_AT_ONCE)]
        times = []
        while not all(each.done() for each in running) and len(times) < QUICK_CALLS:
            response, took = timed(lambda: rig.api.get(f"{USERS}/Administrator"))
            assert response.ok
            times.append(took)
        assert len(times) == QUICK_CALLS, "the filters ended too early"
        for each in running:
            contract.check_error(each.result(), 400, "FILTER_TOO_COSTLY")
    assert max(times) < QUICK_S


@pytest.mark.parametrize("code", [3, 4, 11])
def test_limits_of_the_controller_never_truncate_a_filtered_list(rig, proxy, code):
    proxy.refuse_searches(code, b"telephoneNumber")
    filtered = {"filter": 'cn pr', "fields": "telephoneNumber"}
    contract.check_error(rig.api.get(USERS, params=filtered), 400, "FILTER_TOO_COSTLY")
    contract.check_error(rig.api.get(USERS, params={"fields": "telephoneNumber"}), 503,
                         "DIRECTORY_LIMIT")


@pytest.mark.parametrize("code", [3, 4, 11])
def test_limits_of_the_search_below_system_are_those_of_the_filter(rig, proxy, code):
    """A list of containers omits those below CN=System, which a search of its own finds."""
    filtered = {"filter": 'description co "limited"'}
    proxy.refuse_searches(code, b"CN=System")
    contract.check_error(rig.api.get("/containers", params=filtered), 400, "FILTER_TOO_COSTLY")
    contract.check_error(rig.api.get("/containers"), 503, "DIRECTORY_LIMIT")
    proxy.relay_all()
    assert rig.api.get("/containers", params=filtered).ok


@pytest.mark.parametrize("code", [11, 12, 18, 53, 76])
def test_refusal_to_sort_is_reported(rig, proxy, code):
    proxy.refuse_searches(code, b"telephoneNumber")
    response = rig.api.get(USERS, params={"sort": "-telephoneNumber"})
    contract.check_error(response, 400, "SORT_TOO_COSTLY")
    proxy.relay_all()
    assert rig.api.get(USERS, params={"sort": "-telephoneNumber"}).ok


def test_attributes_of_other_fields_are_not_read(rig, proxy):
    proxy.text = b"userPrincipalName"
    assert rig.api.get(USERS, params={"fields": "cn,title", "limit": 1000}).ok
    assert proxy.seen == 0
    assert rig.api.get(USERS, params={"fields": "userPrincipalName", "limit": 1000}).ok
    assert proxy.seen > 0


def test_order_of_members_by_kind_ends_at_its_timeout(rig, proxy):
    """This order reads attributes of all members, other orders only those of a page."""
    path = "/groups/all-staff/members"
    everybody = rig.api.get(path, params={"limit": 1000}).json()["items"]
    proxy.slow_text, proxy.slow_s = b"sAMAccountType", SLOW_S
    for sort in ("kind", "-enabled"):
        response, took = timed(lambda sort=sort: rig.api.get(path, params={"sort": sort}))
        contract.check_error(response, 400, "SORT_TOO_COSTLY")
        assert TIMEOUT_MS / 1000 <= took < SLOW_S
    proxy.slow_s = 0
    ordered = rig.api.get(path, params={"sort": "kind", "limit": 1000}).json()["items"]
    assert sorted(ordered, key=str) == sorted(everybody, key=str)
