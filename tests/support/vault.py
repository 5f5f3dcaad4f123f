"""Records every secret that the tests use, so that the logs can be searched for them."""

import uuid
from itertools import pairwise

MARK = "Geheim"  # part of every generated password, and of nothing else

_secrets = set()


def remember(*secrets):
    _secrets.update(secrets)


def password():
    """Returns a new password that satisfies any policy. Avoids passwords with many alphabetic
    sequences such as "abc", which cracklib rejects as systematic."""
    drawn = uuid.uuid4().hex[:12]
    while sum(abs(ord(one) - ord(other)) <= 1 for one, other in pairwise(drawn)) > 1:
        drawn = uuid.uuid4().hex[:12]
    secret = f"{MARK}-{drawn}-7A"
    remember(secret)
    return secret


def all_secrets():
    return sorted(_secrets)
