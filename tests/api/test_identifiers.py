"""Directory entries named in paths by objectGUID or DN instead of by name, and members of groups
that have no name in a path: contacts, computers, service accounts and foreign principals."""

import itertools
import unicodedata
import uuid

import pytest

from support import contract
from support.client import path_of, user_path
from support.entries import KINDS, Entries
from support.ldap_admin import guid_text, rdn, same_dn
from support.people import USERS, People, tag

COMPUTER = "4096"
DOMAIN_LOCAL_SECURITY_GROUP = -2147483644
FOREIGN_RIDS = itertools.count(uuid.uuid4().int % 10 ** 6 + 2000)

# Spellings of an entry in a path, made of its DN and its objectGUID.
SPELLINGS = {
    "dn": lambda dn, guid: dn,
    "dn in lower case": lambda dn, guid: dn.lower(),
    "dn with spaces": lambda dn, guid: dn.replace(",DC=", " , DC = "),
    "guid": lambda dn, guid: guid,
    "guid in upper case": lambda dn, guid: guid.upper(),
}
every_spelling = pytest.mark.parametrize("spelling", SPELLINGS)


def named(ldap_admin, dn, spelling):
    return SPELLINGS[spelling](dn, guid_text(ldap_admin.entry(dn, ["objectGUID"])["objectGUID"][0]))


def members_of(ldap_admin, group_dn):
    """Returns the members that ldapsearch shows."""
    [entry] = ldap_admin.ldapsearch("(objectClass=group)", "member", base=group_dn)
    return [dn.decode() for dn in entry.get("member", [])]


# --- normalization forms --------------------------------------------------------------------------

@pytest.mark.parametrize("stored, typed", itertools.permutations(("NFC", "NFD"), 2))
def test_dn_is_found_in_other_normalization_form(api, entries, ldap_admin, stored, typed):
    """Other systems type й as и and a mark; the directory compares code points."""
    kind = entries.kind
    unit = ldap_admin.add_ou(unicodedata.normalize(stored, f"Йод {tag()}"), entries.parent)
    inside = Entries(api, ldap_admin, kind, unit)
    other = unicodedata.normalize(typed, unit)
    assert other != unit
    made = inside.send(inside.body(**{kind.parent: other}))
    assert same_dn(made["dn"], inside.dn(made[kind.name]))
    assert same_dn(inside.get(made[kind.key], at=other)["dn"], made["dn"])
    renamed = ldap_admin.add(inside.dn(unicodedata.normalize(stored, f"Ё {tag()}")),
                             objectClass=kind.object_class)
    for dn in (renamed, unicodedata.normalize(typed, renamed)):
        assert same_dn(inside.get(dn)["dn"], renamed)
    inside.delete(made[kind.key], at=other)


# --- members of other kinds -----------------------------------------------------------------------

def account_of(object_class, **attributes):
    """Returns a function that creates an account of this class."""
    def add(ldap_admin, parent):
        name = tag()[:10]
        return ldap_admin.add(f"{rdn(name)},{parent}", objectClass=object_class,
                              sAMAccountName=f"{name}$", userAccountControl=COMPUTER, **attributes)
    return add


def add_contact(ldap_admin, parent):
    name = f'Ж, "контакт" + {tag()}'
    return ldap_admin.add(f"{rdn(name)},{parent}", objectClass="contact")


def add_foreign_principal(ldap_admin, parent):
    """Lets the directory create the object of a principal of another domain, as it does when such
    a principal becomes a member."""
    sid = f"S-1-5-21-1-2-3-{next(FOREIGN_RIDS)}"
    group = ldap_admin.add(f"{rdn(tag())},{parent}", objectClass="group", sAMAccountName=tag(),
                           groupType=str(DOMAIN_LOCAL_SECURITY_GROUP))
    ldap_admin.add_member(group, f"<SID={sid}>")
    ldap_admin.delete(group)
    return f"CN={sid},CN=ForeignSecurityPrincipals,{ldap_admin.base_dn}"


OTHER_KINDS = {
    "contact": add_contact,
    "computer": account_of("computer"),
    "managed service account": account_of("msDS-ManagedServiceAccount"),
    "group managed service account": account_of("msDS-GroupManagedServiceAccount",
                                                **{"msDS-ManagedPasswordInterval": "30"}),
    "foreign principal": add_foreign_principal,
}


@pytest.fixture(params=OTHER_KINDS)
def other_member(request, ldap_admin, ou):
    """Creates an object that may be a member of a group, but is neither a user nor a group. Returns
    its DN."""
    dn = OTHER_KINDS[request.param](ldap_admin, ou)
    yield dn
    ldap_admin.delete(dn)


@pytest.fixture
def group(groups):
    return groups.create(groupType=DOMAIN_LOCAL_SECURITY_GROUP)


def member_path(group, member):
    return path_of("/groups", group["cn"], "members", member)


@every_spelling
def test_member_of_any_kind_can_be_removed_and_added(api, groups, ldap_admin, audit, group,
                                                     other_member, spelling):
    ldap_admin.add_member(group["dn"], other_member)
    [shown] = groups.get(group["cn"])["member"]
    path = member_path(group, named(ldap_admin, shown, spelling))
    for _ in range(2):
        response = api.delete(path)
        assert (response.status_code, response.content) == (204, b""), response.text
        assert members_of(ldap_admin, group["dn"]) == []
    details = audit.one_of(response)["details"]
    assert (details["dn"], details["member_dn"]) == (group["dn"], shown)
    for _ in range(2):
        response = api.post(path)
        assert response.status_code == 200, response.text
        assert contract.check_group(response.json())["member"] == [shown]
        assert members_of(ldap_admin, group["dn"]) == [shown]


def test_every_member_that_is_shown_can_be_removed(api, groups, people, ldap_admin, group, ou):
    dns = [people.create()["dn"], groups.create()["dn"],
           *(add(ldap_admin, ou) for add in OTHER_KINDS.values())]
    ldap_admin.add_member(group["dn"], *dns)
    shown = groups.get(group["cn"])["member"]
    assert len(shown) == len(dns)
    for dn in shown:
        assert api.delete(member_path(group, dn)).status_code == 204
    assert members_of(ldap_admin, group["dn"]) == []


@every_spelling
def test_user_and_group_of_membership_can_be_named_by_identifier(api, people, ldap_admin, group,
                                                                 spelling):
    user = people.create()
    names = [named(ldap_admin, each["dn"], spelling) for each in (user, group)]
    for path in (path_of("/users", names[0], "groups", names[1]),
                 path_of("/groups", names[1], "members", names[0]),
                 path_of("/groups", names[1], "members", user["sAMAccountName"]),
                 path_of("/users", user["sAMAccountName"], "groups", names[1])):
        assert api.post(path).status_code == 200
        assert members_of(ldap_admin, group["dn"]) == [user["dn"]]
        assert api.delete(path).status_code == 204
        assert members_of(ldap_admin, group["dn"]) == []


@every_spelling
def test_member_other_than_user_is_not_found_on_path_of_users(api, ldap_admin, group, other_member,
                                                              spelling):
    ldap_admin.add_member(group["dn"], other_member)
    path = path_of("/users", named(ldap_admin, other_member, spelling), "groups", group["cn"])
    for method in ("POST", "DELETE"):
        contract.check_error(api.request(method, path), 404, "NOT_FOUND")
    assert members_of(ldap_admin, group["dn"]) == [other_member]


def test_deleted_member_is_not_found_by_identifier(api, ldap_admin, group, ou):
    dn = add_contact(ldap_admin, ou)
    path = member_path(group, named(ldap_admin, dn, "guid"))
    ldap_admin.delete(dn)
    for method in ("POST", "DELETE"):
        contract.check_error(api.request(method, path), 404, "NOT_FOUND")


# --- protected members ----------------------------------------------------------------------------

@pytest.mark.parametrize("spelling", ["dn", "guid"])
@pytest.mark.parametrize("name", ["CN=Administrator,CN=Users", "CN=Domain Admins,CN=Users",
                                  "CN=Guest,CN=Users", "CN=Users", "CN=Policies,CN=System", ""])
def test_protected_object_named_by_identifier_cannot_become_member(api, ldap_admin, group, name,
                                                                   spelling):
    dn = ",".join(filter(None, (name, ldap_admin.base_dn)))
    path = member_path(group, named(ldap_admin, dn, spelling))
    for method in ("POST", "DELETE"):
        contract.check_error(api.request(method, path), 403, "PROTECTED_OBJECT")
    assert members_of(ldap_admin, group["dn"]) == []


@pytest.mark.parametrize("spelling", ["dn", "guid"])
def test_protected_group_named_by_identifier_keeps_its_members(api, people, ldap_admin, spelling):
    admins = f"CN=Domain Admins,CN=Users,{ldap_admin.base_dn}"
    before, user = members_of(ldap_admin, admins), people.create()
    name = named(ldap_admin, admins, spelling)
    for path in (path_of("/groups", name, "members", user["sAMAccountName"]),
                 path_of("/users", user["sAMAccountName"], "groups", name)):
        contract.check_error(api.post(path), 403, "PROTECTED_OBJECT")
    contract.check_error(api.delete(path_of("/groups", name)), 403, "PROTECTED_OBJECT")
    assert members_of(ldap_admin, admins) == before


def test_foreign_principal_in_privileged_group_is_protected(api, ldap_admin, group, ou):
    """A foreign principal has no tokenGroups, so its memberOf must decide."""
    dn = add_foreign_principal(ldap_admin, ou)
    operators = f"CN=Backup Operators,CN=Builtin,{ldap_admin.base_dn}"
    inner = ldap_admin.add(f"{rdn(tag())},{ou}", objectClass="group", sAMAccountName=tag(),
                           groupType=str(DOMAIN_LOCAL_SECURITY_GROUP))
    ldap_admin.add_member(group["dn"], dn)
    ldap_admin.add_member(inner, dn)
    ldap_admin.add_member(operators, inner)
    try:
        response = api.delete(member_path(group, dn))
        contract.check_error(response, 403, "PROTECTED_OBJECT")
        assert response.json()["details"] == [f"memberOf={operators}"]
        assert members_of(ldap_admin, group["dn"]) == [dn]
    finally:
        ldap_admin.remove_member(operators, inner)
    assert api.delete(member_path(group, dn)).status_code == 204
    ldap_admin.delete(dn)


# --- entries of every kind ------------------------------------------------------------------------

@pytest.fixture(scope="module", params=[*KINDS, USERS], ids=lambda kind: kind.resource)
def every_kind(request, api, ldap_admin, ou):
    """The collections of groups, units, containers and users, one at a time."""
    return (People(api, ldap_admin, ou) if request.param is USERS
            else Entries(api, ldap_admin, request.param, ou))


@every_spelling
def test_entry_can_be_read_changed_moved_and_deleted_by_identifier(every_kind, ldap_admin,
                                                                   spelling):
    made = every_kind.create()
    made.pop("password", None)
    name = named(ldap_admin, made["dn"], spelling)
    assert every_kind.get(name) == made
    assert every_kind.get(name, at=every_kind.parent) == made
    assert every_kind.change(name, description="new")["description"] == "new"
    other = ldap_admin.add_ou(tag(), every_kind.parent)
    moved = every_kind.change(name, parent_dn=other)
    if spelling.startswith("dn"):
        contract.check_error(every_kind.api.get(every_kind.path(name)), 404, "NOT_FOUND")
        name = moved["dn"]
    response = every_kind.api.get(every_kind.path(name), params={"parent_dn": every_kind.parent})
    contract.check_error(response, 404, "NOT_FOUND")
    every_kind.delete(name)
    assert ldap_admin.find_guid(made["objectGUID"]) is None


def test_entry_of_other_kind_is_not_found_by_identifier(api, people, groups, units, containers):
    kinds = (people, groups, units, containers)
    for one, other in itertools.permutations(kinds, 2):
        made = one.create()
        for name in (made["dn"], made["objectGUID"]):
            contract.check_error(api.get(other.path(name)), 404, "NOT_FOUND")


def test_audit_names_entry_that_was_named_by_identifier(every_kind, audit):
    made = every_kind.create()
    line = audit.one_of(every_kind.api.delete(every_kind.path(made["objectGUID"])))
    assert line["resource_id"] == made[every_kind.kind.key]
    assert line["details"]["dn"] == made["dn"]


@pytest.mark.parametrize("name", [".", "..", "export", "a/b", "//", "?", "groups"])
def test_entry_whose_name_is_special_in_paths_can_be_named_by_identifier(places, ldap_admin, name):
    """nginx resolves dots in a path, as RFC 3986 5.2.4 demands, so no path has such a name."""
    parent = ldap_admin.add_ou(tag(), places.parent)
    dn = places.create_over_ldap(name, parent)
    guid = named(ldap_admin, dn, "guid")
    assert places.get(guid)[places.kind.name] == name
    assert same_dn(places.get(dn)["dn"], dn)
    places.delete(guid)
    assert ldap_admin.entry(dn) is None


def test_name_that_is_identifier_of_other_object_is_ambiguous(api, groups, ldap_admin):
    """A name is never silently taken for an identifier, nor an identifier for a name."""
    meant = groups.create()
    parent = ldap_admin.add_ou(tag(), groups.parent)
    decoy = groups.named(meant["objectGUID"], parent)
    for method, body in (("GET", None), ("PATCH", {"description": "x"}), ("DELETE", None)):
        response = api.request(method, groups.path(meant["objectGUID"]), json=body)
        contract.check_error(response, 409, "AMBIGUOUS")
        assert sorted(response.json()["details"]) == sorted([meant["dn"], decoy["dn"]])
    assert groups.get(meant["dn"]) == meant
    assert groups.get(meant["objectGUID"], at=groups.parent) == meant
    assert groups.get(decoy["dn"]) == decoy
    groups.delete(decoy["objectGUID"])
    assert groups.get(meant["objectGUID"]) == meant


def test_name_that_looks_like_identifier_is_still_a_name(groups, people):
    for name in (str(uuid.uuid4()), f"CN={tag()},{groups.parent}", f"cn={tag()}"):
        made = groups.named(name)
        assert groups.get(name) == made
        assert groups.get(made["dn"]) == made
        groups.delete(name)


def test_container_below_system_is_found_by_identifier_and_stays_protected(api, containers,
                                                                           ldap_admin):
    dn = f"CN=Policies,CN=System,{ldap_admin.base_dn}"
    for name in (dn, named(ldap_admin, dn, "guid")):
        assert containers.get(name)["dn"] == dn
        contract.check_error(api.delete(containers.path(name)), 403, "PROTECTED_OBJECT")


# --- unknown and hostile identifiers --------------------------------------------------------------

UNKNOWN = [
    str(uuid.UUID(int=0)), str(uuid.uuid4()), "CN=nothing,{base}", "CN=nothing,OU=nowhere,{base}",
    # outside of LDAP_BASE_DN, or of another naming context
    "DC=com", "CN=Administrator,CN=Users,DC=other,DC=test", "CN=Schema,CN=Configuration,{base}",
    "CN=Configuration,{base}", "{dn},DC=evil", "DC=test",
    # neither a DN nor a GUID
    "=", "=,", ",=", "CN=", "CN", "CN=,{base}", "CN=a,,{base}", "{dn},", ",{dn}", "{dn}\\",
    "CN=\"unclosed,{base}", "CN=#zz,{base}", "CN=#,{base}", "CN=\\0,{base}", "<GUID={guid}>",
    "<SID=S-1-5-32-544>", "{guid}0", "{guid}-", "({guid})", "{{{guid}}}", " {guid}", "0x{guid}",
    "{hex}", "{guid};{dn}", "<GUID={guid}>;{dn}", "{dn}\\00", "\\00{dn}", "CN=a\\00b,{base}",
    "CN=\\ff\\fe,{base}", "CN=#04024869,{base}", "1.2.3=x,{base}", "nosuchattribute=x,{base}",
    # parts of filters
    "*", "CN=*,{base}", "*)(objectClass=*", "{guid})(objectClass=*", "{dn})(objectClass=*",
    "CN=x)(objectClass=*,{base}", "\\2a", "CN=\\2a,{base}",
    # of unusual size
    "CN=" + "x" * 2000 + ",{base}", "CN=x," * 600 + "{base}", "A=b+" * 500 + "C=d,{base}",
    "CN=" + "\\2c" * 600 + ",{base}", "f" * 3000,
]


@pytest.mark.parametrize("pattern", UNKNOWN)
def test_unknown_or_hostile_identifier_is_not_found(api, people, ldap_admin, group, pattern):
    user = people.create()
    ldap_admin.add_member(group["dn"], user["dn"])
    before = ldap_admin.tree(group["dn"]), ldap_admin.tree(user["dn"])
    name = pattern.replace("{base}", ldap_admin.base_dn).replace("{dn}", user["dn"])
    name = name.replace("{guid}", user["objectGUID"]).replace(
        "{hex}", user["objectGUID"].replace("-", ""))
    unknown = api.delete(member_path(group, "nobody-at-all")).json()
    for method, path in (("POST", member_path(group, name)), ("DELETE", member_path(group, name)),
                         ("DELETE", path_of("/users", user["sAMAccountName"], "groups", name)),
                         ("POST", path_of("/users", name, "groups", group["cn"])),
                         ("GET", user_path(name)), ("DELETE", user_path(name)),
                         ("DELETE", path_of("/groups", name)), ("GET", path_of("/ous", name)),
                         ("DELETE", path_of("/containers", name))):
        response = api.request(method, path)
        contract.check_error(response, 404, "NOT_FOUND")
        assert {**response.json(), "request_id": ""} == {**unknown, "request_id": ""}
    assert (ldap_admin.tree(group["dn"]), ldap_admin.tree(user["dn"])) == before


@pytest.mark.parametrize("octets", ["%FF", "CN=%FF,DC=kontora,DC=test", "%00", "CN=a%00,DC=test",
                                    "%C3", "CN=%ED%A0%80,DC=kontora,DC=test"])
def test_identifier_that_is_not_valid_text_is_refused(api, group, octets):
    """Such a path belongs to no route, so the request is not audited."""
    path = path_of("/groups", group["cn"], "members", "") + octets
    for method in ("POST", "DELETE"):
        response = api.session.request(method, api.base_url + path,
                                       headers={"Authorization": f"Bearer {api.token}"})
        contract.check_answer(response)
        assert response.status_code == 400


def test_identifier_of_excessive_length_is_refused(api, ldap_admin, group):
    name = "CN=" + "x" * 20000 + f",{ldap_admin.base_dn}"
    assert api.delete(member_path(group, name)).status_code == 414


def test_login_by_identifier_is_refused(anonymous, people):
    """Identifiers are not login names."""
    user = people.create()
    for name in (user["dn"], user["objectGUID"]):
        response = anonymous.post("/auth/login", json={"username": name,
                                                       "password": user["password"]})
        contract.check_error(response, 401, "INVALID_CREDENTIALS")
