"""Adds nested groups to a directory. Runs as a separate program, because it loads Samba's libraries
into its process.

Reads its parameters from standard input:

    {"smb_conf", "sam_ldb", "base_dn", "unit", "levels", "member"}

`levels` are lists of group names. `member` is the DN of the member of all groups of the first
level; the members of a further group are two groups of the level below. The last group is a member
of the first one, so the groups contain each other.
"""

import json
import sys
from typing import Any

import ldb
from samba.samdb import SamDB

from samba_database import BULK_IMPORT, open_database

UNIVERSAL_SECURITY_GROUP = -2147483640


def add_group(samdb: SamDB, unit_dn: str, name: str, members: set[str]) -> str:
    dn = f"CN={name},{unit_dn}"
    samdb.add({"dn": dn, "objectClass": "group", "sAMAccountName": name,
               "groupType": str(UNIVERSAL_SECURITY_GROUP), "member": sorted(members)})
    return dn


def fill(samdb: SamDB, wanted: dict[str, Any]) -> None:
    unit_dn = f"OU={wanted['unit']},{wanted['base_dn']}"
    samdb.add({"dn": unit_dn, "objectClass": "organizationalUnit"})
    below: list[str] = []
    first = ""
    for names in wanted["levels"]:
        below = [add_group(samdb, unit_dn, name,
                           {below[number % len(below)], below[(number + 1) % len(below)]}
                           if below else {wanted["member"]})
                 for number, name in enumerate(names)]
        first = first or below[0]
    message = ldb.Message(ldb.Dn(samdb, first))
    message["member"] = ldb.MessageElement(below[-1], ldb.FLAG_MOD_ADD, "member")
    samdb.modify(message)


def main() -> None:
    parameters = json.load(sys.stdin)
    samdb = open_database(parameters, BULK_IMPORT)
    samdb.transaction_start()
    fill(samdb, parameters)
    samdb.transaction_commit()


if __name__ == "__main__":
    main()
