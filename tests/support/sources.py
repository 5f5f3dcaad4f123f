"""Sources: clients that send from loopback addresses of their own, as if from other hosts."""

from requests.adapters import HTTPAdapter

from support.client import Client


class _From(HTTPAdapter):
    """Sends from one address."""

    def __init__(self, source):
        self._source = source
        super().__init__()

    def init_poolmanager(self, *arguments, **more):
        super().init_poolmanager(*arguments, **more, source_address=(self._source, 0))


def sent_from(rig, source):
    """Somebody without a token at that address, below /api/v1."""
    client = Client(f"{rig.stack.https_url}/api/v1", rig.stack.ca_file)
    client.session.mount("https://", _From(source))
    return client
