"""The documents of the repository, and the parts of them that tests read."""

import re

from stack import TOP

START = TOP / "README.md"
GUIDE = TOP / "app/resources/README.md"  # the guide to the API
OPERATE = TOP / "systemd/README.md"

# The documents whose command blocks are executed by tests.
WITH_COMMAND_BLOCKS = (START, GUIDE)

COMMAND_BLOCK = re.compile(r"^```sh\n(# ([^\n]*)\n.*?)^```$", re.MULTILINE | re.DOTALL)


def text(document):
    return document.read_text(encoding="utf-8")


def chapter(document, heading):
    """Returns the text below a heading, up to the next heading of the same or a higher level."""
    level = heading.index(" ")
    found = re.search(rf"^{re.escape(heading)}$(.*?)(?=^#{{2,{level}}} |\Z)", text(document),
                      re.MULTILINE | re.DOTALL)
    assert found, f"{document}: no heading {heading}"
    return found[1]


def command_blocks(document):
    """Returns the blocks of shell commands of a document by their first comment."""
    return {comment: block for block, comment in COMMAND_BLOCK.findall(text(document))}


def command_block(document, beginning):
    """Returns the command block whose first comment starts with `beginning`."""
    [found] = [block for comment, block in command_blocks(document).items()
               if comment.startswith(beginning)]
    return found
