"""Rates: whoever asks too often is told so in the format of all errors, and when to come back."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support import contract, files
from support.waiting import wait_until

BURST = 20  # wait their turn, beside the first
CROWD = 60
LOGINS = 6


@pytest.fixture
def limited(make_rig):
    return make_rig(rate_limits=True)


def crowd(client, number, path="/health"):
    """The answers to so many requests at one moment."""
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(lambda _: client.at(client.base_url).get(path), range(number)))


def test_a_crowd_of_one_address(limited):
    answers = crowd(limited.nobody(""), CROWD)
    served = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(served) + len(refused) == CROWD
    assert BURST <= len(served) <= BURST + 15
    for answer in refused:
        contract.refused(answer, 429, "TOO_MANY_REQUESTS")
        assert int(answer.headers["Retry-After"]) >= 1
    site = limited.nobody("")
    wait_until(lambda: site.get("/health").status_code == 200, what="the next turn")


def test_the_message_is_in_the_client_s_language(limited):
    answers = crowd(limited.nobody(""), CROWD)
    russian = next(answer for answer in answers if answer.status_code == 429)
    assert contract.CYRILLIC.search(russian.json()["error"])


def test_a_few_requests_are_not_held_up(limited):
    for answer in crowd(limited.nobody(""), 10):
        assert answer.status_code == 200


def login(client, path="/auth/login"):
    return client.post(path, json={"username": "nobody", "password": "wrong"})


@pytest.mark.parametrize("path", ["/auth/login", "/api/v1/auth/login"])
def test_logins(limited, path):
    client = limited.nobody("")
    for _ in range(LOGINS):
        contract.refused(login(client, path), 401, "INVALID_CREDENTIALS")
    answer = login(client, path)
    contract.refused(answer, 429, "TOO_MANY_REQUESTS")
    assert 1 < int(answer.headers["Retry-After"]) <= 60
    assert client.get("/health").status_code == 200, "the rest is not limited with them"


def test_no_other_spelling_of_the_path_escapes(limited):
    client = limited.nobody("")
    answers = [login(client, path) for path in
               ("/auth/login", "/api/v1/auth/login", "/auth/%6cogin", "/%61uth/login") * 4]
    tried = [answer for answer in answers if answer.status_code == 401]
    assert len(tried) <= LOGINS, [answer.status_code for answer in answers]


def test_refused_logins_are_no_logins(limited):
    client = limited.nobody("")
    for _ in range(LOGINS):
        login(client)
    answer = client.post("/auth/login", json=dict(zip(("username", "password"),
                                                      limited.stack.administrator)))
    assert answer.status_code == 429
    limited.audit().none_of(answer)


@pytest.mark.parametrize("path", ["register", "change-password"])
def test_whatever_hashes_a_password_is_a_login(limited, path):
    client = limited.nobody("")
    for _ in range(LOGINS):
        assert client.post(f"/auth/{path}", json={}).status_code in (400, 401)
    contract.refused(login(client), 429, "TOO_MANY_REQUESTS")


# --- uploads ------------------------------------------------------------------------------------

UPLOADS = 5
UNDER_WAY = 2


def test_uploads(limited):
    client, content = limited.api, b"a"
    for _ in range(UPLOADS):
        files.upload(client, content)
    answer = files.send(client, content)
    contract.refused(answer, 429, "TOO_MANY_REQUESTS")
    assert 1 < int(answer.headers["Retry-After"]) <= 60
    assert client.get("/files").status_code == 200, "the rest is not limited with them"


def test_uploads_at_one_time(limited):
    """One address cannot have all workers with slow ones."""
    limited.edit_nginx("files.conf", ("limit_conn uploading 10;", f"limit_conn uploading {UNDER_WAY};"),
                       ("zone=uploads burst=4", "zone=uploads burst=100"))
    client = limited.api
    slow = [files.begin(client) for _ in range(UNDER_WAY)]
    answer = files.send(client)
    contract.refused(answer, 429, "TOO_MANY_REQUESTS")
    assert int(answer.headers["Retry-After"]) >= 1
    assert client.get("/files").status_code == 200, "the rest is not limited with them"
    for peer in slow:
        peer.close()
    wait_until(lambda: files.send(client).status_code == 201, what="the end of one")


def test_without_rates_nobody_is_refused(make_rig):
    free = make_rig()
    assert all(answer.status_code == 200 for answer in crowd(free.nobody(""), CROWD))
