"""Fills a directory with many users and one group of them. Through LDAP it would take a minute, here
it takes seconds: one transaction, in the mode of Samba's own mass imports. Runs as a program of its
own, since it loads Samba into the process.

Reads its parameters from its input:

    {"smb_conf", "sam_ldb", "base_dn", "unit", "account", "users", "group", "members"}

`account` is a format of the account name, by number; the first `members` users are in the group.
"""

import json
import sys
from typing import Any

from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

# They have no passwords: deriving the keys would take most of the time, and nobody logs in.
NORMAL_ACCOUNT = 0x200
PASSWORD_NOT_REQUIRED = 0x20
GLOBAL_SECURITY_GROUP = -2147483646

# Without batch_mode every operation copies the changed indices, and the whole takes a minute. It
# gives up the whole transaction if one operation fails, which is what we want.
OPTIONS = ["batch_mode:1", "transaction_index_cache_size:200000"]


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
    dns = [add_user(samdb, unit_dn, wanted["account"] % number, domain)
           for number in range(wanted["users"])]
    samdb.add({
        "dn": f"CN={wanted['group']},{unit_dn}", "objectClass": "group",
        "sAMAccountName": wanted["group"], "groupType": str(GLOBAL_SECURITY_GROUP),
        "member": dns[:wanted["members"]],
    })


def main() -> None:
    parameters = json.load(sys.stdin)
    settings = LoadParm()
    settings.load(parameters["smb_conf"])
    samdb = SamDB(url=parameters["sam_ldb"], session_info=system_session(), lp=settings,
                  options=OPTIONS)
    samdb.transaction_start()
    fill(samdb, parameters)
    samdb.transaction_commit()


if __name__ == "__main__":
    main()
