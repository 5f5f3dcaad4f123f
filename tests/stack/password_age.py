"""Sets the time of an account's last password change, which the directory lets nobody set over
LDAP. Runs as a separate program, because it loads Samba's libraries into its process.

Reads its parameters from standard input:

    {"smb_conf", "sam_ldb", "dn", "days"}
"""

import json
import sys
import time

import ldb
from samba import unix2nttime

from samba_database import open_database

# DSDB_CONTROL_PASSWORD_BYPASS_LAST_SET_OID of Samba: accept any value of pwdLastSet.
CONTROL = "local_oid:1.3.6.1.4.1.7165.4.3.20:0"
S_PER_DAY = 86400


def main() -> None:
    parameters = json.load(sys.stdin)
    samdb = open_database(parameters)
    message = ldb.Message(ldb.Dn(samdb, parameters["dn"]))
    when = unix2nttime(int(time.time()) - parameters["days"] * S_PER_DAY)
    message["pwdLastSet"] = ldb.MessageElement(str(when), ldb.FLAG_MOD_REPLACE, "pwdLastSet")
    samdb.modify(message, controls=[CONTROL])


if __name__ == "__main__":
    main()
