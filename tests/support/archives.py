"""Writes ZIP archives record by record (APPNOTE 6.3), so that their records can contradict each
other."""

import dataclasses
import io
import struct
import zipfile
import zlib

from support import files

ALL_ONES = 0xFFFFFFFF
STREAMED = 8  # general-purpose flag: a data descriptor follows the part
PROJECT = "word/vbaProject.bin"


@dataclasses.dataclass
class Part:
    """One archive member. A field that is None gets its correct value."""

    name: str
    content: bytes
    method: int = zipfile.ZIP_DEFLATED
    flags: int = 0
    crc: int | None = None
    packed: bytes | None = None
    extra: bytes = b""  # extra field of the central directory entry
    wide: bool = False  # the central directory entry stores its sizes in a zip64 field
    local_name: str | None = None
    local_method: int | None = None
    local_extra: bytes = b""
    local_packed: int | None = None
    local_crc: int | None = None
    descriptor: str | None = None  # struct format of the data descriptor

    def __post_init__(self):
        if self.packed is None:
            deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            deflated = deflate.compress(self.content) + deflate.flush()
            self.packed = self.content if self.method == zipfile.ZIP_STORED else deflated
        if self.crc is None:
            self.crc = zlib.crc32(self.content)
        if self.descriptor is not None:
            self.flags |= STREAMED

    def local(self):
        """Returns the local header, the compressed bytes, and the data descriptor."""
        name = (self.name if self.local_name is None else self.local_name).encode()
        method = self.method if self.local_method is None else self.local_method
        packed = len(self.packed) if self.local_packed is None else self.local_packed
        crc = self.crc if self.local_crc is None else self.local_crc
        numbers = (crc, packed, len(self.content))
        if self.descriptor is not None:
            numbers = (0, 0, 0)
        header = struct.pack("<4s5H3I2H", b"PK\3\4", 20, self.flags, method, 0, 0x21, *numbers,
                             len(name), len(self.local_extra))
        return header + name + self.local_extra + self.packed + self.descriptor_bytes()

    def descriptor_bytes(self):
        if self.descriptor is None:
            return b""
        numbers = (self.crc, len(self.packed), len(self.content))
        mark = (b"PK\7\10",) if "s" in self.descriptor else ()
        return struct.pack(self.descriptor, *mark, *numbers)

    def entry(self, offset):
        """Returns the central directory entry."""
        name, extra = self.name.encode(), self.extra
        numbers = (len(self.packed), len(self.content))
        if self.wide:
            extra += field(1, struct.pack("<QQQ", *reversed(numbers), offset))
            numbers, offset = (ALL_ONES, ALL_ONES), ALL_ONES
        return struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, self.flags, self.method, 0, 0x21,
                           self.crc, *numbers, len(name), len(extra), 0, 0, 0, 0, offset
                           ) + name + extra


def field(kind, content):
    """Returns one extra field."""
    return struct.pack("<HH", kind, len(content)) + content


def end(count, size, offset, comment=b""):
    """Returns the end-of-central-directory record."""
    return struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, size, offset,
                       len(comment)) + comment


def wide_end(count, size, offset, place):
    """Returns the zip64 end record, which starts at offset `place`, followed by its locator."""
    return struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset
                       ) + struct.pack("<4sIQI", b"PK\6\7", 0, place, 1)


def document(*more, types=None):
    """Returns the parts of a minimal Word document, followed by `more`."""
    return [types or Part("[Content_Types].xml", files.word_types()),
            Part("word/document.xml", b"<document/>"), *more]


def lay_out(parts):
    """Returns the concatenated parts and the central directory entry of each."""
    body, entries = b"", []
    for part in parts:
        entries.append(part.entry(len(body)))
        body += part.local()
    return body, entries


def write(parts, comment=b"", wide=False):
    """Returns an archive, with zip64 end records if `wide`."""
    body, entries = lay_out(parts)
    numbers = (len(entries), len(b"".join(entries)), len(body))
    body += b"".join(entries)
    return body + (wide_end(*numbers, len(body)) if wide else b"") + end(*numbers, comment)


# --- a macro project that only some readers find --------------------------------------------------

def behind_zip64():
    """The end record points to a directory without the project, the zip64 record to one with it."""
    body, entries = lay_out(document(Part(PROJECT, b"x")))
    shown, whole = b"".join(entries[:2]), b"".join(entries)
    place = len(body + shown)
    return body + shown + whole + wide_end(3, len(whole), place, len(body + shown + whole)) + end(
        2, len(shown), len(body))


def behind_short_size():
    """The directory size in the end record excludes the project's entry."""
    body, entries = lay_out(document(Part(PROJECT, b"x")))
    return body + b"".join(entries) + end(3, len(b"".join(entries[:2])), len(body))


def behind_comment(fake_comment=1, padding=0):
    """The comment of the end record holds a second directory, without the project, and an end
    record."""
    body, entries = lay_out(document(Part(PROJECT, b"x")))
    shown, whole = b"".join(entries[:2]), b"".join(entries)
    fake = end(2, len(shown), len(body + whole) + 22)[:-2] + struct.pack("<H", fake_comment)
    return body + whole + end(3, len(whole), len(body), shown + fake + bytes(padding))


def behind_earlier_end():
    """The comment of an earlier end record holds a second directory and a second end record."""
    body, entries = lay_out(document(Part(PROJECT, b"x")))
    shown, whole = b"".join(entries[:2]), b"".join(entries)
    later = shown + end(2, len(shown), len(body + whole) + 22)
    return body + whole + end(3, len(whole), len(body), later)


def behind_locator():
    """The locator points to a distant zip64 end record that lists the project; the adjacent
    zip64 end record does not list it."""
    body, entries = lay_out(document(Part(PROJECT, b"x")))
    shown, whole = b"".join(entries[:2]), b"".join(entries)
    far = len(body + whole)
    body += whole + wide_end(3, len(whole), len(body), 0)[:56]
    place = len(body + shown)
    record, locator = (wide_end(2, len(shown), len(body), place)[:56],
                       wide_end(0, 0, 0, far)[56:])
    return body + shown + record + locator + end(2, len(shown), len(body))


def with_project_entry():
    """Returns the parts, their directory, and an entry that names the first part as the project."""
    body, entries = lay_out(document())
    return body, b"".join(entries), Part(PROJECT, b"x").entry(0)


def behind_directory():
    """Places an entry behind the end of the directory that the end record states."""
    body, shown, project = with_project_entry()
    return body + shown + project + end(2, len(shown), len(body))


def not_counted():
    """Adds one harmless entry that the end record does not count."""
    body, shown, _ = with_project_entry()
    more = Part("word/image.bin", b"x").entry(0)
    return body + shown + more + end(2, len(shown + more), len(body))


def behind_locator_in_comment():
    """The locator points to a zip64 end record inside the comment, which lists the project."""
    body, shown, project = with_project_entry()
    place = len(body + shown)
    comment_at = place + 56 + 20 + 22
    whole = shown + project
    record = wide_end(2, len(shown), len(body), place)[:56]
    locator = wide_end(0, 0, 0, comment_at + len(whole))[56:]
    comment = whole + wide_end(3, len(whole), comment_at, 0)[:56]
    return body + shown + record + locator + end(2, len(shown), len(body), comment)


def inside_part(padding=0):
    """A stored part contains a directory that lists the project, and an end record whose comment
    reaches the end of the file."""
    body, shown, project = with_project_entry()
    whole = shown + project
    image = Part("word/image.bin", b"", zipfile.ZIP_STORED)
    inner_at = len(body + image.local())
    later = len(shown + image.entry(0)) + 22 + padding
    inner = whole + end(3, len(whole), inner_at)[:-2] + struct.pack("<H", later)
    return write(document(Part(image.name, inner, zipfile.ZIP_STORED))) + bytes(padding)


def without_entry():
    """Stores the project's part without a directory entry."""
    body, entries = lay_out(document(Part(PROJECT, b"x")))
    return body + b"".join(entries[:2]) + end(2, len(b"".join(entries[:2])), len(body))


def before_first_part():
    """Stores the project's part, without a directory entry, before the first listed part."""
    body, entries = lay_out([Part(PROJECT, b"x"), *document()])
    return body + b"".join(entries[1:]) + end(2, len(b"".join(entries[1:])), len(body))


def unicode_name(name, other):
    """Returns the extra field that gives a part another name in Unicode."""
    return field(0x7075, struct.pack("<BI", 1, zlib.crc32(name.encode())) + other.encode())


# --- archives in the layout of common writers -----------------------------------------------------

class Pipe(io.RawIOBase):
    """A stream that cannot seek, so zipfile writes data descriptors to it."""

    def __init__(self):
        super().__init__()
        self.bytes = bytearray()

    def writable(self):
        return True

    def write(self, piece):
        self.bytes += piece
        return len(piece)


def by_zipfile(method=zipfile.ZIP_DEFLATED, *, streamed=False, zip64=False, comment=b"", more=()):
    """Returns a document written by zipfile, with empty parts named by `more`."""
    file = Pipe() if streamed else io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as packed:
        for part in document():
            with packed.open(part.name, "w", force_zip64=zip64) as opened:
                opened.write(part.content)
        for name in more:
            packed.writestr(name, b"", zipfile.ZIP_STORED)
        packed.comment = comment
    return bytes(file.bytes) if streamed else file.getvalue()


def by_word():
    """Returns Word's layout: growth hints in local headers, and the flags of the fastest
    deflate."""
    hint = field(0xA220, struct.pack("<HH", 0xA028, 0) + bytes(500))
    return write([dataclasses.replace(part, flags=6, local_extra=hint) for part in document()])


def streamed(descriptor):
    """Returns a document whose sizes are only in the directory and in data descriptors of this
    format."""
    return write([dataclasses.replace(part, flags=0x0808, descriptor=descriptor)
                  for part in document()])


def by_libreoffice():
    """Returns LibreOffice's layout: one stored part with sizes, followed by streamed parts."""
    return write([Part("docProps/thumbnail.png", files.PNG, zipfile.ZIP_STORED), *(
        dataclasses.replace(part, flags=0x0808, descriptor="<4sIII") for part in document())])
