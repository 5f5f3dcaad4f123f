"""Creates users through the API."""

from support import contract, vault
from support.entries import Entries, Kind, tag

USERS = Kind(path="/users", key="sAMAccountName", name="cn", parent="ou", rdn="CN",
             object_class="user", resource="user", check=contract.check_user,
             searched=("cn", "sAMAccountName", "mail", "givenName", "sn"))


class People(Entries):
    """Creates users in one organizational unit, each with unique names."""

    def __init__(self, api, ldap_admin, ou):
        super().__init__(api, ldap_admin, USERS, ou)

    @property
    def ou(self):
        return self.parent

    def body(self, **fields):
        """Returns a request body for a new user. `fields` override or extend it; a value of ...
        omits a field."""
        name = tag()
        return super().body(**{"cn": name, "sAMAccountName": name, "password": vault.password(),
                               **fields})

    def create(self, **fields):
        """Creates a user; returns the response body and the password under "password"."""
        body = self.body(**fields)
        return {**self.send(body), "password": body["password"]}
