"""People: makes users through the API for tests that need one."""

from support import contract, vault
from support.entries import Entries, Kind, tag

USERS = Kind(path="/users", key="sAMAccountName", name="cn", parent="ou", rdn="CN",
             object_class="user", resource="user", check=contract.check_user,
             searched=("cn", "sAMAccountName", "mail"))


class People(Entries):
    """Creates users in one organizational unit, each with names of its own."""

    def __init__(self, api, truth, ou):
        super().__init__(api, truth, USERS, ou)

    @property
    def ou(self):
        return self.parent

    def body(self, **fields):
        """What creates a user; `fields` replace or add, those that are ... are left out."""
        name = tag()
        return super().body(**{"cn": name, "sAMAccountName": name, "password": vault.password(),
                               **fields})

    def create(self, **fields):
        """A new user as the service answers it, with its password under "password"."""
        body = self.body(**fields)
        return {**self.send(body), "password": body["password"]}
