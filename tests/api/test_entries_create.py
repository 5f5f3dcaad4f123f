"""Creating groups, units and containers: what all of them have in common."""

import threading
from urllib.parse import urlsplit

import pytest

from support import contract
from support.entries import CONTAINERS, GROUPS, tag
from support.truth import guid_text, same_dn

DESCRIPTION = "a,b;c\\d\"e' #f=g <h> Ж😀\nsecond line"


def test_what_is_created_is_there(api, entries, truth):
    kind, name = entries.kind, f"Отдел {tag()}"
    response = api.post(kind.path, json=entries.body(**{kind.name: name,
                                                        "description": DESCRIPTION}))
    assert response.status_code == 201, response.text
    made = kind.check(response.json())
    assert (made[kind.name], made["description"]) == (name, DESCRIPTION)
    assert same_dn(made["dn"], entries.dn(name))

    [seen] = truth.ldapsearch("(objectClass=*)", "*", base=made["dn"])
    assert seen[kind.name] == [name.encode()]
    assert seen["description"] == [DESCRIPTION.encode()]
    assert seen["objectClass"] == [b"top", kind.object_class.encode()]
    assert made["objectGUID"] == guid_text(seen["objectGUID"][0])
    for stamp in ("whenCreated", "whenChanged"):
        digits = "".join(c for c in made[stamp] if c.isdigit())
        assert digits == seen[stamp][0].decode()[:14] + "000"
    assert entries.get(name) == made


@pytest.mark.parametrize("description", [..., None])
def test_what_is_not_set_is_null(entries, truth, description):
    made = entries.create(description=description)
    assert made["description"] is None
    assert "description" not in truth.entry(made["dn"])


def test_location_leads_to_it(api, entries, site):
    response = api.post(entries.kind.path,
                        json=entries.body(**{entries.kind.name: f"Ä/b ?c=%41 #d, {tag()}"}))
    location = urlsplit(response.headers["Location"])
    assert location.path.startswith(f"/api/v1{entries.kind.path}/")
    assert not location.query and not location.fragment
    followed = site.get(location.path)
    assert (followed.status_code, followed.json()) == (200, response.json())


# --- parents ------------------------------------------------------------------------------------

def test_missing_parent(api, entries, truth):
    body = entries.body(**{entries.kind.parent: f"OU=nowhere-{tag()},{entries.parent}"})
    contract.refused(api.post(entries.kind.path, json=body), 400, "PARENT_NOT_FOUND")
    assert entries.search(body[entries.kind.name]) == []


@pytest.mark.parametrize("parent", ["DC=example,DC=com", "OU=Staff", "DC=test",
                                    "OU=a,OU=b,DC=evil", "DC=kontora", "CN=x,DC=akontora,DC=test"])
def test_parent_outside_of_the_tree(api, entries, parent):
    body = entries.body(**{entries.kind.parent: parent})
    response = api.post(entries.kind.path, json=body)
    assert contract.refused(response, 400, "VALIDATION_ERROR") == [entries.kind.parent]
    assert entries.search(body[entries.kind.name]) == []


@pytest.mark.parametrize("parent", ["CN=Configuration,{base}", "CN=Sites,CN=Configuration,{base}",
                                    "CN=Schema,CN=Configuration,{base}"])
def test_parent_in_another_naming_context(api, entries, truth, parent):
    """It looks as if it were below the base, and is a tree of its own (MS-ADTS 3.1.1.1.5)."""
    parent = parent.format(base=truth.base_dn)
    body = entries.body(**{entries.kind.parent: parent})
    response = api.post(entries.kind.path, json=body)
    assert response.status_code == 400, response.text
    name = body[entries.kind.name]
    assert truth.search(f"({entries.kind.name}={name})", ["cn"], base=parent) == []


@pytest.mark.parametrize("parent", ["", "nonsense", "OU=x,,DC=y", "OU=\\zz,DC=y", "=", "OU", "(*)",
                                    "OU=a" + ",OU=b" * 2000, "<GUID=0>", "OU=x\nDC=y"])
def test_parent_that_is_no_name(api, entries, parent):
    response = api.post(entries.kind.path, json=entries.body(**{entries.kind.parent: parent}))
    assert contract.refused(response, 400, "VALIDATION_ERROR") == [entries.kind.parent]


def test_parent_in_another_spelling(entries):
    spelled = ", ".join(part.upper() if part.lower().startswith("dc") else part.replace("OU", "ou")
                        for part in entries.parent.split(","))
    made = entries.create(**{entries.kind.parent: spelled})
    assert same_dn(made["dn"].split(",", 1)[1], entries.parent)


def test_parent_with_special_characters(entries, truth):
    parent = truth.add_ou(f"Müller, Söhne + \"Co\" <#1> \\ / {tag()}", entries.parent)
    made = entries.create(**{entries.kind.parent: parent})
    assert same_dn(made["dn"], entries.dn(made[entries.kind.name], parent))


def test_below_the_base(entries, truth):
    made = entries.create(**{entries.kind.parent: truth.base_dn})
    assert same_dn(made["dn"], entries.dn(made[entries.kind.name], truth.base_dn))


def test_a_unit_below_a_container_is_no_name(api, units, containers, truth):
    container = containers.create()
    body = units.body(parent_dn=container["dn"])
    response = api.post("/ous", json=body)
    assert response.status_code == 400, response.text
    assert response.json()["code"] in ("DIRECTORY_INVALID", "DIRECTORY_REFUSED",
                                       "VALIDATION_ERROR")
    assert len(truth.tree(container["dn"])) == 1


@pytest.mark.parametrize("kind", [CONTAINERS, GROUPS], ids=lambda kind: kind.resource)
def test_what_may_be_below_a_container(containers, groups, kind):
    entries = containers if kind is CONTAINERS else groups
    parent = containers.create()
    made = entries.create(**{kind.parent: parent["dn"]})
    assert same_dn(made["dn"], entries.dn(made["cn"], parent["dn"]))


# --- names that are taken -----------------------------------------------------------------------

@pytest.mark.parametrize("change", [str.upper, str.lower, lambda name: name])
def test_taken_name(api, entries, truth, change):
    taken = entries.named("Ж Taken " + tag())
    before = truth.tree(entries.parent)
    body = entries.body(**{entries.kind.name: change(taken[entries.kind.name])})
    contract.refused(api.post(entries.kind.path, json=body), 409, "ALREADY_EXISTS")
    assert truth.tree(entries.parent) == before


def test_taken_name_in_another_place_is_free(entries, truth):
    taken = entries.create()
    other = truth.add_ou(tag(), entries.parent)
    again = entries.named(taken[entries.kind.name], other)
    assert again["objectGUID"] != taken["objectGUID"]


def test_name_of_another_kind_is_taken(api, groups, containers, people):
    """The first part of the DN is "CN=" for all three."""
    name = people.create()["cn"]
    contract.refused(api.post("/groups", json=groups.body(cn=name)), 409, "ALREADY_EXISTS")
    contract.refused(api.post("/containers", json=containers.body(cn=name)), 409, "ALREADY_EXISTS")


def test_two_creators_of_one_name(api, entries):
    """Of several that create one at the same time, one does."""
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


# --- texts --------------------------------------------------------------------------------------

@pytest.mark.parametrize("text", ["*", "(x)", "\\", "a\\2ab", " x", "x ", "{}", "\u2028", "😀",
                                  "a\nb", "a\tb", "::", "<file:///etc/passwd", "ж" * 1024])
def test_descriptions_are_kept_as_they_are(entries, truth, text):
    made = entries.create(description=text)
    assert made["description"] == text
    assert truth.entry(made["dn"])["description"] == [text.encode()]


@pytest.mark.parametrize("text", ["", "a\0b", "x" * 1025])
def test_descriptions_that_the_directory_does_not_take(api, entries, text):
    body = entries.body(description=text)
    response = api.post(entries.kind.path, json=body)
    assert contract.refused(response, 400, "VALIDATION_ERROR") == ["description"]
    assert entries.search(body[entries.kind.name]) == []


def test_a_group_called_as_a_unit(groups, units):
    """Kinds have names of their own: one place may hold OU=x and CN=x."""
    name = tag()
    made = [units.named(name), groups.named(name)]
    assert units.get(name) == made[0] and groups.get(name) == made[1]
    units.delete(name)
    assert groups.get(name) == made[1]


def test_what_is_not_a_field_of_a_kind(api, units, containers):
    for entries, field in ((units, "cn"), (units, "sAMAccountName"), (containers, "ou")):
        response = api.post(entries.kind.path, json=entries.body(**{field: "x"}))
        assert contract.refused(response, 400, "VALIDATION_ERROR") == [field]
