"""Adds many users and a group to a directory. Takes seconds instead of a minute over LDAP, because
it uses one transaction in the mode of Samba's bulk imports. Runs as a separate program, because it
loads Samba's libraries into its process.

Reads its parameters from standard input:

    {"smb_conf", "sam_ldb", "base_dn", "unit", "account", "users", "group", "members", "units"}

`account` is the format of the account names ("u%05d"); the first `members` users are in the group.
With `units`, the users are in that number of units below the unit, in turn.
"""

import json
import sys
from typing import Any

from samba.samdb import SamDB

from samba_database import BULK_IMPORT, open_database

# The users have no passwords: deriving their keys would take most of the time, and none logs in.
NORMAL_ACCOUNT = 0x200
PASSWORD_NOT_REQUIRED = 0x20
GLOBAL_SECURITY_GROUP = -2147483646


def add_user(samdb: SamDB, unit_dn: str, account: str, domain: str) -> str:
    dn = f"CN={account},{unit_dn}"
    samdb.add({
        "dn": dn, "objectClass": "user", "sAMAccountName": account,
        "userPrincipalName": f"{account}@{domain}", "mail": f"{account}@{domain}",
        "givenName": "Иван", "sn": "Иванов", "displayName": "Иван Иванов",
        "title": "Менеджер", "department": "Продажи", "telephoneNumber": "+7 495 000-00-00",
        "userAccountControl": str(NORMAL_ACCOUNT | PASSWORD_NOT_REQUIRED),
    })
    return dn


def fill(samdb: SamDB, wanted: dict[str, Any]) -> None:
    base_dn = wanted["base_dn"]
    domain = base_dn.removeprefix("DC=").replace(",DC=", ".")
    unit_dn = f"OU={wanted['unit']},{base_dn}"
    samdb.add({"dn": unit_dn, "objectClass": "organizationalUnit"})
    places = [f"OU={number:04},{unit_dn}" for number in range(wanted.get("units", 0))]
    for place in places:
        samdb.add({"dn": place, "objectClass": "organizationalUnit"})
    places = places or [unit_dn]
    dns = [add_user(samdb, places[number % len(places)], wanted["account"] % number, domain)
           for number in range(wanted["users"])]
    samdb.add({
        "dn": f"CN={wanted['group']},{unit_dn}", "objectClass": "group",
        "sAMAccountName": wanted["group"], "groupType": str(GLOBAL_SECURITY_GROUP),
        "member": dns[:wanted["members"]],
    })


def main() -> None:
    parameters = json.load(sys.stdin)
    samdb = open_database(parameters, BULK_IMPORT)
    samdb.transaction_start()
    fill(samdb, parameters)
    samdb.transaction_commit()


if __name__ == "__main__":
    main()
