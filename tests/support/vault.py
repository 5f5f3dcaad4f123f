"""Vault: every secret that the tests use, so that the logs can be searched for them at the end."""

import uuid

MARK = "Geheim"  # stands in every password that tests make up, and in nothing else

_secrets = set()


def remember(*secrets):
    _secrets.update(secrets)


def password():
    """A fresh password that any policy takes."""
    secret = f"{MARK}-{uuid.uuid4().hex[:12]}-7A"
    remember(secret)
    return secret


def all_secrets():
    return sorted(_secrets)
