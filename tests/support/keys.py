"""Creates API keys through the API, and computes the checksums of their secrets."""

import string
import zlib

from support import contract
from support.document import of_program

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
MARK, RANDOM, CHECKSUM = "kontora_", 34, 6

DOCUMENT = of_program()
# The calls that need an access token or an API key: method, path, and the scopes each of which
# permits the call to a key.
CALLS = [(method, path, operation["x-api-key-scopes"])
         for method, path, operation in DOCUMENT.operations()
         if "x-api-key-scopes" in operation]
SCOPES = sorted({scope for _, _, scopes in CALLS for scope in scopes})


def checksum(characters):
    """Returns the checksum of the random characters of a secret."""
    rest, digits = zlib.crc32(characters.encode()), ""
    for _ in range(CHECKSUM):
        rest, digit = divmod(rest, len(DIGITS))
        digits = DIGITS[digit] + digits
    return digits


def forged(characters="A" * RANDOM):
    """Returns a well-formed secret that no key has."""
    return MARK + characters + checksum(characters)


def in_organization(organization):
    return {"X-Organization-ID": str(organization)} if organization else {}


def send(client, scopes, organization=None, **body):
    """Sends the creation of a key; returns the response."""
    return client.post("/api-keys", json={"name": "k", "scopes": scopes, **body},
                       headers=in_organization(organization))


def create(client, scopes, organization=None, **body):
    """Creates a key; returns the reply with the secret."""
    response = send(client, scopes, organization, **body)
    assert response.status_code == 201, response.text
    return contract.check_issued_key(response.json())


def client_of(client, scopes, organization=None, **body):
    """Creates a key; returns the client that uses it."""
    return client.bearing(create(client, scopes, organization, **body)["secret"])


def listed(client, organization=None):
    """Returns the keys that the client sees, by id."""
    page = client.get("/api-keys?limit=1000", headers=in_organization(organization)).json()
    return {key["id"]: contract.check_key(key) for key in page["items"]}
