"""Creates directory entries of any kind through the API, and describes how the kinds differ."""

import dataclasses
import uuid
from collections.abc import Callable

from support import contract
from support.client import path_of
from support.ldap_admin import rdn


def tag():
    """Returns a word that occurs nowhere else in the directory."""
    return f"t{uuid.uuid4().hex[:10]}"


@dataclasses.dataclass(frozen=True)
class Kind:
    """A resource that serves directory entries."""

    path: str  # path of the collection, below /api/v1
    key: str  # field whose value identifies an entry in a path
    name: str  # field that holds the RDN
    parent: str  # request field that holds the DN of the parent
    rdn: str  # attribute of the RDN
    object_class: str
    resource: str  # resource type in the audit log
    check: Callable  # checks an entry in a response
    searched: tuple  # attributes that ?search= searches


GROUPS = Kind(path="/groups", key="cn", name="cn", parent="ou", rdn="CN", object_class="group",
              resource="group", check=contract.check_group,
              searched=("cn", "sAMAccountName", "description"))
OUS = Kind(path="/ous", key="ou", name="ou", parent="parent_dn", rdn="OU",
           object_class="organizationalUnit", resource="ou", check=contract.check_ou,
           searched=("ou", "description"))
CONTAINERS = Kind(path="/containers", key="cn", name="cn", parent="parent_dn", rdn="CN",
                  object_class="container", resource="container", check=contract.check_container,
                  searched=("cn", "description"))
COMPUTERS = Kind(path="/computers", key="sAMAccountName", name="cn", parent="ou", rdn="CN",
                 object_class="computer", resource="computer", check=contract.check_computer,
                 searched=("cn", "sAMAccountName", "dNSHostName", "description"))
KINDS = (GROUPS, OUS, CONTAINERS)
PLACES = (OUS, CONTAINERS)


class Entries:
    """Creates entries of one kind below one parent, each with a unique name."""

    def __init__(self, api, ldap_admin, kind, parent):
        self.api, self.ldap_admin, self.kind, self.parent = api, ldap_admin, kind, parent

    def path(self, name, *more):
        return path_of(self.kind.path, name, *more)

    def dn(self, name, parent=None):
        """Returns the DN of an entry with that name."""
        return f"{rdn(name, self.kind.rdn)},{parent or self.parent}"

    def body(self, **fields):
        """Returns a request body for a new entry. `fields` override or extend it; a value of ...
        omits a field."""
        account = {"sAMAccountName": tag()} if self.kind is GROUPS else {}
        body = {self.kind.name: tag(), self.kind.parent: self.parent, **account, **fields}
        return {key: value for key, value in body.items() if value is not ...}

    def create(self, **fields):
        """Creates an entry and returns the response body."""
        return self.send(self.body(**fields))

    def send(self, body):
        """Sends a body that must be accepted; returns the new entry."""
        response = self.api.post(self.kind.path, json=body)
        assert response.status_code == 201, response.text
        return self.kind.check(response.json())

    def named(self, name, parent=None, **fields):
        """Like create(), with the name and the parent given independently of the kind's field
        names."""
        return self.create(**{self.kind.name: name, self.kind.parent: parent or self.parent,
                              **fields})

    def create_over_ldap(self, name, parent=None, **attributes):
        """Creates an entry over LDAP, not through the API; returns its DN."""
        return self.ldap_admin.add(self.dn(name, parent), objectClass=self.kind.object_class,
                                   **attributes)

    def get(self, name, at=None):
        """Reads an entry; `at` is the parent DN that selects one of several."""
        response = self.api.get(self.path(name), params={"parent_dn": at})
        assert response.status_code == 200, response.text
        return self.kind.check(response.json())

    def change(self, name, at=None, **fields):
        """Changes an entry, which must succeed; returns the changed entry."""
        response = self.api.patch(self.path(name), params={"parent_dn": at}, json=fields)
        assert response.status_code == 200, response.text
        return self.kind.check(response.json())

    def delete(self, name, at=None):
        response = self.api.delete(self.path(name), params={"parent_dn": at})
        assert (response.status_code, response.content) == (204, b""), response.text

    def search(self, text, **parameters):
        """Returns the sorted keys of the entries that a search finds."""
        response = self.api.get(self.kind.path,
                                params={"search": text, "limit": 1000, **parameters})
        assert response.status_code == 200, response.text
        return sorted(item[self.kind.key] for item in contract.check_list(response.json()))
