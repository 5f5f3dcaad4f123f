"""Adds the sample company and the service account to a new directory before its first start. Runs
as a separate program, because it loads Samba's libraries into its process.

Reads its parameters from standard input, because all users can read command lines:

    {"smb_conf", "sam_ldb", "base_dn", "administrator_password", "bind_name", "bind_password",
     "sample_password", "lockout_threshold"}
"""

import dataclasses
import json
import sys

import ldb
from samba.samdb import SamDB

from samba_database import open_database

NORMAL_ACCOUNT = 0x200
ACCOUNT_DISABLED = 0x2
PASSWORD_NEVER_EXPIRES = 0x10000
GLOBAL_SECURITY_GROUP = -2147483646

# Organizational units; each comes after its parent.
UNITS = {
    "OU=Staff": "Everyone who works here",
    "OU=Sales,OU=Staff": "Sales department",
    "OU=Development,OU=Staff": "Development department",
    "OU=Groups": "Groups of the company",
    "OU=Disabled": "People who have left",
}
GROUPS = {
    "all-staff": "Everyone who works here",
    "sales": "Sales department",
    "developers": "Development department",
    "kontora-admins": "Who may change the directory by way of Kontora",
}


@dataclasses.dataclass(frozen=True)
class Person:
    account: str
    given_name: str
    surname: str
    unit: str
    title: str
    telephone: str
    groups: tuple[str, ...] = ()
    common_name: str = ""  # if it is not "given name surname"
    left: bool = False


PEOPLE = (
    Person("i.petrov", "Иван", "Петров", "OU=Sales,OU=Staff", "Менеджер по продажам",
           "+7 495 000-00-01", ("all-staff", "sales")),
    Person("m.sidorova", "Мария", "Сидорова", "OU=Sales,OU=Staff", "Руководитель отдела продаж",
           "+7 495 000-00-02", ("all-staff", "sales", "kontora-admins")),
    Person("a.sokolov", "Алексей", "Соколов", "OU=Development,OU=Staff", "Разработчик",
           "+7 495 000-00-03", ("all-staff", "developers"), common_name="Соколов, Алексей"),
    Person("j.mueller", "Jörg", "Müller", "OU=Development,OU=Staff", "Developer",
           "+49 30 000-0004", ("all-staff", "developers")),
    Person("k.obrien", "Kevin", "O'Brien", "OU=Staff", "Accountant",
           "+353 1 000-0005", ("all-staff",)),
    Person("e.volkova", "Елена", "Волкова", "OU=Disabled", "Бухгалтер",
           "+7 495 000-00-06", left=True),
)


def quoted(password: str) -> bytes:
    """Returns a password as a value of unicodePwd (MS-ADTS 3.1.1.3.1.5)."""
    return f'"{password}"'.encode("utf-16-le")


def named(samdb: SamDB, parent: str, name: str) -> ldb.Dn:
    """Returns the DN of CN=name below the parent, with the name escaped."""
    dn = ldb.Dn(samdb, f"CN=x,{parent}")
    dn.set_component(0, "CN", name)
    return dn


def add_person(samdb: SamDB, base_dn: str, person: Person, password: str) -> ldb.Dn:
    dn = named(samdb, f"{person.unit},{base_dn}",
               person.common_name or f"{person.given_name} {person.surname}")
    domain = base_dn.removeprefix("DC=").replace(",DC=", ".")
    control = NORMAL_ACCOUNT | (ACCOUNT_DISABLED if person.left else 0)
    samdb.add({
        "dn": dn, "objectClass": "user", "sAMAccountName": person.account,
        "userPrincipalName": f"{person.account}@{domain}", "mail": f"{person.account}@{domain}",
        "givenName": person.given_name, "sn": person.surname,
        "displayName": f"{person.given_name} {person.surname}",
        "title": person.title, "telephoneNumber": person.telephone,
        "userAccountControl": str(control), "unicodePwd": quoted(password),
    })
    return dn


def add_members(samdb: SamDB, group: ldb.Dn, members: list[ldb.Dn]) -> None:
    message = ldb.Message(group)
    message["member"] = ldb.MessageElement([str(dn) for dn in members], ldb.FLAG_MOD_ADD, "member")
    samdb.modify(message)


def add_company(samdb: SamDB, base_dn: str, password: str) -> None:
    for unit, description in UNITS.items():
        samdb.add({"dn": f"{unit},{base_dn}", "objectClass": "organizationalUnit",
                   "description": description})
    groups = {name: named(samdb, f"OU=Groups,{base_dn}", name) for name in GROUPS}
    for name, dn in groups.items():
        samdb.add({"dn": dn, "objectClass": "group", "sAMAccountName": name,
                   "groupType": str(GLOBAL_SECURITY_GROUP), "description": GROUPS[name]})
    dns = {person: add_person(samdb, base_dn, person, password) for person in PEOPLE}
    for name, dn in groups.items():
        add_members(samdb, dn, [dns[person] for person in PEOPLE if name in person.groups])


def add_service_account(samdb: SamDB, base_dn: str, name: str, password: str) -> None:
    """Adds the service account. Its rights are granted later by systemd/delegate.sh."""
    users = f"CN=Users,{base_dn}"
    dn = named(samdb, users, name)
    samdb.add({
        "dn": dn, "objectClass": "user", "sAMAccountName": name,
        "description": "Kontora binds as this account",
        "userAccountControl": str(NORMAL_ACCOUNT | PASSWORD_NEVER_EXPIRES),
        "unicodePwd": quoted(password),
    })


def set_value(samdb: SamDB, dn: str, attribute: str, value: bytes | str) -> None:
    message = ldb.Message(ldb.Dn(samdb, dn))
    message[attribute] = ldb.MessageElement(value, ldb.FLAG_MOD_REPLACE, attribute)
    samdb.modify(message)


def main() -> None:
    parameters = json.load(sys.stdin)
    base_dn = parameters["base_dn"]
    samdb = open_database(parameters)
    samdb.transaction_start()
    set_value(samdb, base_dn, "lockoutThreshold", str(parameters["lockout_threshold"]))
    set_value(samdb, f"CN=Administrator,CN=Users,{base_dn}", "unicodePwd",
              quoted(parameters["administrator_password"]))
    add_service_account(samdb, base_dn, parameters["bind_name"], parameters["bind_password"])
    add_company(samdb, base_dn, parameters["sample_password"])
    samdb.transaction_commit()


if __name__ == "__main__":
    main()
