"""Attacks with uploads: Mallory uploads documents with macros, with UPLOAD_MACROS=refuse and
with the default."""

import io
import zipfile

import pytest

from support import archives, contract, files

MACROS = [("Macros", 1), ("VBA", 1), ("_VBA_PROJECT", 2)]
MACRO_DOCUMENT = "application/vnd.ms-word.document.macroEnabled.main+xml"

WITH_MACROS = {
    "the usual part": ("a.docx", files.word(**{"word/vbaProject.bin": b"x"})),
    "a part name in other case": ("a.docx", files.word(**{"WORD/VBAPROJECT.BIN": b"x"})),
    "a part by another name": ("a.docx", files.word(
        files.word_types("word/image.bin", files.MACROS_TYPE), **{"word/image.bin": b"x"})),
    "a type in other case": ("a.docx", files.word(
        files.word_types("word/image.bin", files.MACROS_TYPE.upper()))),
    "a macro-enabled document": ("a.docx", files.word(
        files.word_types("word/document.xml", MACRO_DOCUMENT))),
    "a type in character references": ("a.docx", files.word(
        files.word_types("word/image.bin", files.MACROS_TYPE.replace("b", "&#98;")))),
    "types in UTF-16": ("a.docx", files.word(
        files.word_types("word/image.bin", files.MACROS_TYPE, "utf-16"))),
    "types that are no XML": ("a.docx", files.word(b"<Types")),
    "types without an end": ("a.docx", files.word(files.word_types() + b" " * 2**20)),
    "types with a document type": ("a.docx", files.word(
        b'<!DOCTYPE Types SYSTEM "a.dtd">' + files.word_types()[38:])),
    "types in pieces": ("a.docx", files.word(**{"[Content_Types].xml/[0].piece": b"x"})),
    "a project": ("a.doc", files.compound_file(*MACROS)),
    "a project name in other case": ("a.doc",
                                     files.compound_file(("MACROS", 1), ("_vba_project", 2))),
    "the project of an embedded object": ("a.doc", files.compound_file(
        *[(f"part {number}", 2) for number in range(9)], ("_VBA_PROJECT_CUR", 1))),
}

TYPES = files.word_types()
IMAGE = "word/image.bin"

# Documents whose project one ZIP reader finds and another does not.
AMBIGUOUS = {
    "another directory in the zip64 end record": archives.behind_zip64(),
    "a directory cut short": archives.behind_short_size(),
    "an end record in the comment": archives.behind_comment(),
    "an end record in the comment that ends before it": archives.behind_comment(0, 7),
    "an end record in the comment that ends with it": archives.behind_earlier_end(),
    "two zip64 end records": archives.behind_locator(),
    "a zip64 end record in the comment": archives.behind_locator_in_comment(),
    "a zip64 end record of another length": archives.write(
        archives.document(), wide=True).replace(b"PK\6\6\x2c", b"PK\6\6\x2d"),
    "another count in the zip64 end record": archives.write(
        archives.document(), wide=True).replace(b"PK\5\6\0\0\0\0\2\0\2", b"PK\5\6\0\0\0\0\1\0\1"),
    "an entry behind the directory": archives.behind_directory(),
    "an entry that is not counted": archives.not_counted(),
    "an end record in a part": archives.inside_part(),
    "an end record in a part, and bytes behind the last": archives.inside_part(padding=5),
    "a part without an entry": archives.without_entry(),
    "a part before the first entry's": archives.before_first_part(),
    "another name in the local header": archives.write(archives.document(
        archives.Part(IMAGE, b"x", local_name=archives.PROJECT))),
    "another name of the same length in the local header": archives.write(archives.document(
        archives.Part("word/media/img1.png", b"x", local_name=archives.PROJECT))),
    "another checksum in the local header": archives.write(archives.document(
        types=archives.Part("[Content_Types].xml", TYPES, local_crc=1))),
    "another name in an extra field": archives.write(archives.document(
        archives.Part(IMAGE, b"x", extra=archives.unicode_name(IMAGE, archives.PROJECT)))),
    "another method in the local header": archives.write(archives.document(
        types=archives.Part("[Content_Types].xml", TYPES, local_method=0))),
    "another size in the local header": archives.write(archives.document(
        types=archives.Part("[Content_Types].xml", TYPES, local_packed=5))),
    "zip64 sizes beside others": archives.write(archives.document(
        archives.Part(IMAGE, b"x", extra=archives.field(1, bytes(24))))),
    "two parts of one name": archives.write(archives.document(
        archives.Part(IMAGE, b"x"), archives.Part(IMAGE, b"y"))),
    "two part names that differ in case only": archives.write(archives.document(
        archives.Part(IMAGE, b"x"), archives.Part(IMAGE.upper(), b"y"))),
    "a name with a NUL": archives.write(archives.document(archives.Part(IMAGE + "\0.png", b"x"))),
    "a name with backslashes": archives.write(archives.document(
        archives.Part("word\\image.bin", b"x"))),
    "types of another checksum": archives.write(archives.document(
        types=archives.Part("[Content_Types].xml", TYPES, crc=1))),
    "bytes behind the types": archives.write(archives.document(
        types=archives.Part("[Content_Types].xml", TYPES, packed=archives.Part(
            "", TYPES).packed + b"x"))),
    "a data descriptor with other sizes": archives.streamed(">4sIII"),
}

# Layouts of common programs; those of Word and LibreOffice are written by support.archives.
UNAMBIGUOUS = {
    "Word's layout": archives.by_word(),
    "LibreOffice's layout": archives.by_libreoffice(),
    "zipfile's": archives.by_zipfile(),
    "zipfile's, stored": archives.by_zipfile(zipfile.ZIP_STORED),
    "zipfile's, with zip64 sizes": archives.by_zipfile(zip64=True),
    "zipfile's, streamed": archives.by_zipfile(streamed=True),
    "zipfile's, streamed with zip64 sizes": archives.by_zipfile(streamed=True, zip64=True),
    "zipfile's, with a comment": archives.by_zipfile(comment=b"by Vera"),
    "zipfile's, with so many parts that the end record is zip64": archives.by_zipfile(
        more=[f"w/{number}" for number in range(0x10000)]),
    "descriptors without signatures": archives.streamed("<III"),
    "long descriptors": archives.streamed("<4sIQQ"),
    "long descriptors without signatures": archives.streamed("<IQQ"),
    "a zip64 end record that says the same": archives.write(archives.document(), wide=True),
    "entries that leave their numbers to zip64": archives.write(archives.document(
        archives.Part(IMAGE, b"x", wide=True)), wide=True),
    "an embedded document at its end": archives.write(archives.document(
        archives.Part("word/embeddings/a.docx", files.word(), zipfile.ZIP_STORED))),
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
def refusing_rig(new_rig):
    with new_rig(UPLOAD_MACROS="refuse") as rig:
        yield rig


@pytest.mark.parametrize("name, content", WITH_MACROS.values(), ids=WITH_MACROS)
def test_file_with_macros_is_refused(refusing_rig, name, content):
    answer = files.send(refusing_rig.api, content, name)
    contract.check_error(answer, 400, "FILE_MACROS")
    for language, word in (("ru", "макрос"), ("en", "macros")):
        answer = files.send(refusing_rig.api, content, name, headers={"Accept-Language": language})
        assert word in answer.json()["error"]


@pytest.mark.parametrize("name, content", WITHOUT_MACROS.values(), ids=WITHOUT_MACROS)
def test_file_without_macros_is_accepted(refusing_rig, name, content):
    assert files.send(refusing_rig.api, content, name).status_code == 201


@pytest.mark.parametrize("content", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_ambiguous_archive_cannot_hide_macros(refusing_rig, content):
    contract.check_error(files.send(refusing_rig.api, content, "a.docx"), 400, "FILE_MACROS")


def test_zipfile_module_finds_macro_project_through_zip64_record():
    archive = zipfile.ZipFile(io.BytesIO(AMBIGUOUS["another directory in the zip64 end record"]))
    assert archive.read(archives.PROJECT) == b"x"


@pytest.mark.parametrize("content", UNAMBIGUOUS.values(), ids=UNAMBIGUOUS)
def test_archive_layouts_of_common_programs_are_accepted(refusing_rig, content):
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    assert files.send(refusing_rig.api, content, "a.docx").status_code == 201


def test_ambiguous_archives_are_accepted_by_default(make_rig):
    rig = make_rig()
    for name, content in AMBIGUOUS.items():
        assert files.send(rig.api, content, "a.docx").status_code == 201, name


def test_macros_are_accepted_by_default(make_rig):
    rig = make_rig()
    for name, content in WITH_MACROS.values():
        assert files.send(rig.api, content, name).status_code == 201, name


def test_refused_upload_with_macros_leaves_no_rows_or_objects(make_rig):
    rig = make_rig(UPLOAD_MACROS="refuse")
    name, content = WITH_MACROS["the usual part"]
    contract.check_error(files.send(rig.api, content, name), 400, "FILE_MACROS")
    assert files.names(rig.api) == []
    assert not list((rig.stack.state_dir / "objects").glob("??/*"))
    assert not list((rig.stack.state_dir / "objects/incoming").iterdir())
