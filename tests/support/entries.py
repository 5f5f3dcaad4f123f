"""Entries: makes entries of any kind through the API, and knows how the kinds differ."""

import dataclasses
import uuid
from collections.abc import Callable

from support import contract
from support.client import path_of
from support.truth import rdn


def tag():
    """A word that stands nowhere else in the directory."""
    return f"t{uuid.uuid4().hex[:10]}"


@dataclasses.dataclass(frozen=True)
class Kind:
    """One resource that serves entries of the directory."""

    path: str  # of the collection, below /api/v1
    key: str  # the field that paths name an entry by
    name: str  # the field that holds the first part of the DN
    parent: str  # the field of a new one that says where it shall be
    rdn: str  # the attribute of the first part of the DN
    object_class: str
    resource: str  # what the audit log calls it
    check: Callable  # an answer held against the contract
    searched: tuple  # the attributes that ?search= looks in


GROUPS = Kind(path="/groups", key="cn", name="cn", parent="ou", rdn="CN", object_class="group",
              resource="group", check=contract.check_group,
              searched=("cn", "sAMAccountName", "description"))
OUS = Kind(path="/ous", key="ou", name="ou", parent="parent_dn", rdn="OU",
           object_class="organizationalUnit", resource="ou", check=contract.check_ou,
           searched=("ou", "description"))
CONTAINERS = Kind(path="/containers", key="cn", name="cn", parent="parent_dn", rdn="CN",
                  object_class="container", resource="container", check=contract.check_container,
                  searched=("cn", "description"))
KINDS = (GROUPS, OUS, CONTAINERS)
PLACES = (OUS, CONTAINERS)


class Entries:
    """Creates entries of one kind in one place, each with a name of its own."""

    def __init__(self, api, truth, kind, parent):
        self.api, self.truth, self.kind, self.parent = api, truth, kind, parent

    def path(self, name, *more):
        return path_of(self.kind.path, name, *more)

    def dn(self, name, parent=None):
        """Where an entry of that name stands."""
        return f"{rdn(name, self.kind.rdn)},{parent or self.parent}"

    def body(self, **fields):
        """What creates an entry; `fields` replace or add, those that are ... are left out."""
        account = {"sAMAccountName": tag()} if self.kind is GROUPS else {}
        body = {self.kind.name: tag(), self.kind.parent: self.parent, **account, **fields}
        return {key: value for key, value in body.items() if value is not ...}

    def create(self, **fields):
        """A new entry as the service answers it."""
        return self.send(self.body(**fields))

    def send(self, body):
        """What comes of a body that must be taken."""
        response = self.api.post(self.kind.path, json=body)
        assert response.status_code == 201, response.text
        return self.kind.check(response.json())

    def named(self, name, parent=None, **fields):
        """The same, by its name and its place, whatever the kind calls them."""
        return self.create(**{self.kind.name: name, self.kind.parent: parent or self.parent,
                              **fields})

    def plant(self, name, parent=None, **attributes):
        """A new one made past the API; its DN."""
        return self.truth.add(self.dn(name, parent), objectClass=self.kind.object_class,
                              **attributes)

    def get(self, name, at=None):
        """The entry; `at` is the parent that chooses among several."""
        response = self.api.get(self.path(name), params={"parent_dn": at})
        assert response.status_code == 200, response.text
        return self.kind.check(response.json())

    def change(self, name, at=None, **fields):
        """The entry as it is after a change that must succeed."""
        response = self.api.patch(self.path(name), params={"parent_dn": at}, json=fields)
        assert response.status_code == 200, response.text
        return self.kind.check(response.json())

    def delete(self, name, at=None):
        response = self.api.delete(self.path(name), params={"parent_dn": at})
        assert (response.status_code, response.content) == (204, b""), response.text

    def search(self, text, **parameters):
        """The keys of what a search finds."""
        response = self.api.get(self.kind.path,
                                params={"search": text, "limit": 1000, **parameters})
        assert response.status_code == 200, response.text
        return sorted(item[self.kind.key] for item in contract.check_list(response.json()))
