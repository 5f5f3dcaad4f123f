"""Clients that connect from their own loopback address, as if from different hosts."""

from requests.adapters import HTTPAdapter

from support.client import Client


class _From(HTTPAdapter):
    """Connects from one source address."""

    def __init__(self, source):
        self._source = source
        super().__init__()

    def init_poolmanager(self, *arguments, **more):
        super().init_poolmanager(*arguments, **more, source_address=(self._source, 0))


def sent_from(rig, source):
    """Returns a client without a token at that address, for /api/v1."""
    client = Client(f"{rig.stack.https_url}/api/v1", rig.stack.ca_file)
    client.session.mount("https://", _From(source))
    return client
