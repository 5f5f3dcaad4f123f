"""A baseline of `make bench`: reads a user with FastAPI and ldap3. Opens and binds a connection
for each request and reads all attributes.

    LDAP_…=… uvicorn bench.fastapi_users:app --workers 2

The variables LDAP_… are the settings of the service.
"""

import os
import ssl
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.encoders import jsonable_encoder
from ldap3 import ALL_ATTRIBUTES, NONE, SUBTREE, Connection, Server, Tls
from ldap3.utils.conv import escape_filter_chars

app = FastAPI()

# Without get_info=NONE ldap3 would read the schema, several megabytes, on each connection.
server = Server(
    os.environ["LDAP_SERVER"], port=int(os.environ["LDAP_PORT"]), use_ssl=True, get_info=NONE,
    tls=Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=os.environ["LDAP_TLS_CA_FILE"]))


def encoded(entry: dict[str, Any]) -> dict[str, Any]:
    attributes = {name: values[0] if len(values) == 1 else values
                  for name, values in entry["attributes"].items()}
    binary = {bytes: lambda value: value.decode("utf-8", "replace")}
    return jsonable_encoder({"dn": entry["dn"], **attributes}, custom_encoder=binary)


@app.get("/users/{username}")
def get_user(username: str) -> dict[str, Any]:
    with Connection(server, os.environ["LDAP_BIND_DN"], os.environ["LDAP_BIND_PASSWORD"],
                    auto_bind=True, read_only=True, auto_referrals=False) as connection:
        connection.search(os.environ["LDAP_BASE_DN"],
                          f"(sAMAccountName={escape_filter_chars(username)})",
                          search_scope=SUBTREE, attributes=ALL_ATTRIBUTES)
        found = [entry for entry in connection.response if entry["type"] == "searchResEntry"]
    if not found:
        raise HTTPException(status_code=404, detail="User not found")
    return encoded(found[0])
