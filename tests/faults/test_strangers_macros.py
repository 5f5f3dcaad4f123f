"""Strangers who upload: Mallory hands in documents with macros, where UPLOAD_MACROS=refuse and where not."""

import pytest

from support import contract, files
from support.rig import Rig

MACROS = [("Macros", 1), ("VBA", 1), ("_VBA_PROJECT", 2)]
MACRO_DOCUMENT = "application/vnd.ms-word.document.macroEnabled.main+xml"

WITH_MACROS = {
    "the usual part": ("a.docx", files.word(**{"word/vbaProject.bin": b"x"})),
    "a part in other letters": ("a.docx", files.word(**{"WORD/VBAPROJECT.BIN": b"x"})),
    "a part by another name": ("a.docx", files.word(
        files.word_types("word/image.bin", files.MACROS_TYPE), **{"word/image.bin": b"x"})),
    "a type in other letters": ("a.docx", files.word(
        files.word_types("word/image.bin", files.MACROS_TYPE.upper()))),
    "a macro-enabled document": ("a.docx", files.word(
        files.word_types("word/document.xml", MACRO_DOCUMENT))),
    "a type in character references": ("a.docx", files.word(
        files.word_types("word/image.bin", files.MACROS_TYPE.replace("b", "&#98;")))),
    "types in UTF-16": ("a.docx", files.word(
        files.word_types("word/image.bin", files.MACROS_TYPE, "utf-16"))),
    "types that are no XML": ("a.docx", files.word(b"<Types")),
    "types without an end": ("a.docx", files.word(files.word_types() + b" " * 2**20)),
    "types in pieces": ("a.docx", files.word(**{"[Content_Types].xml/[0].piece": b"x"})),
    "a project": ("a.doc", files.compound_file(*MACROS)),
    "a project in other letters": ("a.doc", files.compound_file(("MACROS", 1), ("_vba_project", 2))),
    "the project of an embedded object": ("a.doc", files.compound_file(
        *[(f"part {number}", 2) for number in range(9)], ("_VBA_PROJECT_CUR", 1))),
}

WITHOUT_MACROS = {
    "a docx": ("a.docx", files.word()),
    "a docx of others": ("a.docx", files.word(**{"word/media/image1.png": files.PNG,
                                                "docProps/app.xml": "<x/>"})),
    "a doc": ("a.doc", files.compound_file()),
    "a doc with names that are alike": ("a.doc", files.compound_file(
        ("Macros", 2), ("VBA_", 1), ("_VBA_PROJECTS", 2), ("1Table", 2))),
    "a txt about macros": ("a.txt", b"word/vbaProject.bin _VBA_PROJECT"),
    "a pdf": ("a.pdf", files.PDF),
}


@pytest.fixture(scope="module")
def refusing(tmp_path_factory, binary):
    with Rig(tmp_path_factory.mktemp("macros"), binary, UPLOAD_MACROS="refuse") as rig:
        yield rig


@pytest.mark.parametrize("name, content", WITH_MACROS.values(), ids=WITH_MACROS)
def test_macros_are_refused(refusing, name, content):
    answer = files.send(refusing.api, content, name)
    contract.refused(answer, 400, "FILE_MACROS")
    for language, word in (("ru", "макрос"), ("en", "macros")):
        answer = files.send(refusing.api, content, name, headers={"Accept-Language": language})
        assert word in answer.json()["error"]


@pytest.mark.parametrize("name, content", WITHOUT_MACROS.values(), ids=WITHOUT_MACROS)
def test_files_without_macros_are_accepted(refusing, name, content):
    assert files.send(refusing.api, content, name).status_code == 201


def test_macros_are_accepted_by_default(make_rig):
    rig = make_rig()
    for name, content in WITH_MACROS.values():
        assert files.send(rig.api, content, name).status_code == 201, name


def test_what_was_refused_leaves_nothing(make_rig):
    rig = make_rig(UPLOAD_MACROS="refuse")
    name, content = WITH_MACROS["the usual part"]
    contract.refused(files.send(rig.api, content, name), 400, "FILE_MACROS")
    assert files.names(rig.api) == []
    assert not list((rig.stack.state_dir / "objects").glob("??/*"))
    assert not list((rig.stack.state_dir / "objects/incoming").iterdir())
