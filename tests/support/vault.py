"""Vault: every secret that the tests use, so that the logs can be searched for them at the end."""

import uuid
from itertools import pairwise

MARK = "Geheim"  # stands in every password that tests make up, and in nothing else

_secrets = set()


def remember(*secrets):
    _secrets.update(secrets)


def password():
    """A fresh password that any policy takes. cracklib refuses a few random ones as systematic: those with
    many characters that follow their neighbour in the alphabet."""
    drawn = uuid.uuid4().hex[:12]
    while sum(abs(ord(one) - ord(other)) <= 1 for one, other in pairwise(drawn)) > 1:
        drawn = uuid.uuid4().hex[:12]
    secret = f"{MARK}-{drawn}-7A"
    remember(secret)
    return secret


def all_secrets():
    return sorted(_secrets)
