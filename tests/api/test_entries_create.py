"""Creation of groups, units and containers: rules that all of them share."""

import threading
from urllib.parse import urlsplit

import pytest

from support import contract
from support.entries import CONTAINERS, GROUPS, tag
from support.ldap_admin import guid_text, same_dn

DESCRIPTION = "a,b;c\\d\"e' #f=g <h> Ж😀\nsecond line"


def test_created_entry_is_in_directory_with_all_fields(api, entries, ldap_admin):
    kind, name = entries.kind, f"Отдел {tag()}"
    response = api.post(kind.path, json=entries.body(**{kind.name: name,
                                                        "description": DESCRIPTION}))
    assert response.status_code == 201, response.text
    made = kind.check(response.json())
    assert (made[kind.name], made["description"]) == (name, DESCRIPTION)
    assert same_dn(made["dn"], entries.dn(name))

    [seen] = ldap_admin.ldapsearch("(objectClass=*)", "*", base=made["dn"])
    assert seen[kind.name] == [name.encode()]
    assert seen["description"] == [DESCRIPTION.encode()]
    assert seen["objectClass"] == [b"top", kind.object_class.encode()]
    assert made["objectGUID"] == guid_text(seen["objectGUID"][0])
    for stamp in ("whenCreated", "whenChanged"):
        digits = "".join(c for c in made[stamp] if c.isdigit())
        assert digits == seen[stamp][0].decode()[:14] + "000"
    assert entries.get(name) == made


@pytest.mark.parametrize("description", [..., None])
def test_omitted_entry_description_is_null(entries, ldap_admin, description):
    made = entries.create(description=description)
    assert made["description"] is None
    assert "description" not in ldap_admin.entry(made["dn"])


def test_location_header_leads_to_created_entry(api, entries, site):
    response = api.post(entries.kind.path,
                        json=entries.body(**{entries.kind.name: f"Ä/b ?c=%41 #d, {tag()}"}))
    location = urlsplit(response.headers["Location"])
    assert location.path.startswith(f"/api/v1{entries.kind.path}/")
    assert not location.query and not location.fragment
    followed = site.get(location.path)
    assert (followed.status_code, followed.json()) == (200, response.json())


# --- parents --------------------------------------------------------------------------------------

def test_entry_creation_below_missing_parent_is_rejected(api, entries, ldap_admin):
    body = entries.body(**{entries.kind.parent: f"OU=nowhere-{tag()},{entries.parent}"})
    contract.check_error(api.post(entries.kind.path, json=body), 400, "PARENT_NOT_FOUND")
    assert entries.search(body[entries.kind.name]) == []


@pytest.mark.parametrize("parent", ["DC=example,DC=com", "OU=Staff", "DC=test",
                                    "OU=a,OU=b,DC=evil", "DC=kontora", "CN=x,DC=akontora,DC=test"])
def test_entry_creation_outside_base_dn_is_rejected(api, entries, parent):
    body = entries.body(**{entries.kind.parent: parent})
    response = api.post(entries.kind.path, json=body)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == [entries.kind.parent]
    assert entries.search(body[entries.kind.name]) == []


@pytest.mark.parametrize("parent", ["CN=Configuration,{base}", "CN=Sites,CN=Configuration,{base}",
                                    "CN=Schema,CN=Configuration,{base}"])
def test_entry_creation_in_other_naming_context_is_rejected(api, entries, ldap_admin, parent):
    """The DN is below the base DN textually, but belongs to another naming context (MS-ADTS
    3.1.1.1.5)."""
    parent = parent.format(base=ldap_admin.base_dn)
    body = entries.body(**{entries.kind.parent: parent})
    response = api.post(entries.kind.path, json=body)
    assert response.status_code == 400, response.text
    name = body[entries.kind.name]
    assert ldap_admin.search(f"({entries.kind.name}={name})", ["cn"], base=parent) == []


@pytest.mark.parametrize("parent", ["", "nonsense", "OU=x,,DC=y", "OU=\\zz,DC=y", "=", "OU", "(*)",
                                    "OU=a" + ",OU=b" * 2000, "<GUID=0>", "OU=x\nDC=y"])
def test_entry_creation_with_malformed_parent_dn_is_rejected(api, entries, parent):
    response = api.post(entries.kind.path, json=entries.body(**{entries.kind.parent: parent}))
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == [entries.kind.parent]


def test_parent_dn_of_new_entry_may_differ_in_case_and_spaces(entries):
    spelled = ", ".join(part.upper() if part.lower().startswith("dc") else part.replace("OU", "ou")
                        for part in entries.parent.split(","))
    made = entries.create(**{entries.kind.parent: spelled})
    assert same_dn(made["dn"].split(",", 1)[1], entries.parent)


def test_parent_dn_of_new_entry_may_have_special_characters(entries, ldap_admin):
    parent = ldap_admin.add_ou(f"Müller, Söhne + \"Co\" <#1> \\ / {tag()}", entries.parent)
    made = entries.create(**{entries.kind.parent: parent})
    assert same_dn(made["dn"], entries.dn(made[entries.kind.name], parent))


def test_entry_can_be_created_directly_below_base_dn(entries, ldap_admin):
    made = entries.create(**{entries.kind.parent: ldap_admin.base_dn})
    assert same_dn(made["dn"], entries.dn(made[entries.kind.name], ldap_admin.base_dn))


def test_organizational_unit_cannot_be_created_below_container(api, units, containers, ldap_admin):
    container = containers.create()
    body = units.body(parent_dn=container["dn"])
    response = api.post("/ous", json=body)
    assert response.status_code == 400, response.text
    assert response.json()["code"] in ("DIRECTORY_INVALID", "DIRECTORY_REFUSED",
                                       "VALIDATION_ERROR")
    assert len(ldap_admin.tree(container["dn"])) == 1


@pytest.mark.parametrize("kind", [CONTAINERS, GROUPS], ids=lambda kind: kind.resource)
def test_containers_and_groups_can_be_created_below_container(containers, groups, kind):
    entries = containers if kind is CONTAINERS else groups
    parent = containers.create()
    made = entries.create(**{kind.parent: parent["dn"]})
    assert same_dn(made["dn"], entries.dn(made["cn"], parent["dn"]))


# --- existing names -------------------------------------------------------------------------------

@pytest.mark.parametrize("change", [str.upper, str.lower, lambda name: name])
def test_entry_creation_with_existing_name_in_any_case_is_rejected(api, entries, ldap_admin,
                                                                   change):
    taken = entries.named("Ж Taken " + tag())
    before = ldap_admin.tree(entries.parent)
    body = entries.body(**{entries.kind.name: change(taken[entries.kind.name])})
    contract.check_error(api.post(entries.kind.path, json=body), 409, "ALREADY_EXISTS")
    assert ldap_admin.tree(entries.parent) == before


def test_entry_with_same_name_below_other_parent_is_accepted(entries, ldap_admin):
    taken = entries.create()
    other = ldap_admin.add_ou(tag(), entries.parent)
    again = entries.named(taken[entries.kind.name], other)
    assert again["objectGUID"] != taken["objectGUID"]


def test_common_name_of_existing_user_is_rejected_for_group_and_container(api, groups, containers,
                                                                          people):
    """The RDN of all three kinds is "CN="."""
    name = people.create()["cn"]
    contract.check_error(api.post("/groups", json=groups.body(cn=name)), 409, "ALREADY_EXISTS")
    contract.check_error(api.post("/containers", json=containers.body(cn=name)), 409,
                         "ALREADY_EXISTS")


def test_concurrent_creations_with_one_name_create_one_entry(api, entries):
    """One of several concurrent creations succeeds."""
    name, statuses = tag(), []
    bodies = [entries.body(**{entries.kind.name: name}) for _ in range(4)]

    def create(body):
        statuses.append(api.at(api.base_url).post(entries.kind.path, json=body).status_code)

    creators = [threading.Thread(target=create, args=[body]) for body in bodies]
    for creator in creators:
        creator.start()
    for creator in creators:
        creator.join()
    assert sorted(statuses) == [201, 409, 409, 409]


# --- descriptions ---------------------------------------------------------------------------------

@pytest.mark.parametrize("text", ["*", "(x)", "\\", "a\\2ab", " x", "x ", "{}", "\u2028", "😀",
                                  "a\nb", "a\tb", "::", "<file:///etc/passwd", "ж" * 1024])
def test_entry_description_is_stored_unchanged(entries, ldap_admin, text):
    made = entries.create(description=text)
    assert made["description"] == text
    assert ldap_admin.entry(made["dn"])["description"] == [text.encode()]


@pytest.mark.parametrize("text", ["", "a\0b", "x" * 1025])
def test_invalid_entry_description_is_rejected(api, entries, text):
    body = entries.body(description=text)
    response = api.post(entries.kind.path, json=body)
    assert contract.check_error(response, 400, "VALIDATION_ERROR") == ["description"]
    assert entries.search(body[entries.kind.name]) == []


def test_group_and_organizational_unit_may_have_same_name(groups, units):
    """Units have the RDN attribute OU and groups CN, so one parent may hold OU=x and CN=x."""
    name = tag()
    made = [units.named(name), groups.named(name)]
    assert units.get(name) == made[0] and groups.get(name) == made[1]
    units.delete(name)
    assert groups.get(name) == made[1]


def test_field_of_other_entry_kind_is_rejected(api, units, containers):
    for entries, field in ((units, "cn"), (units, "sAMAccountName"), (containers, "ou")):
        response = api.post(entries.kind.path, json=entries.body(**{field: "x"}))
        assert contract.check_error(response, 400, "VALIDATION_ERROR") == [field]
