"""The documents of the repository, and the parts of them that tests read."""

import re

from stack import TOP

START = TOP / "README.md"
GUIDE = TOP / "app/resources/README.md"  # the guide to the API
OPERATE = TOP / "systemd/README.md"

# The documents whose example sessions are executed.
WITH_SESSIONS = (START, GUIDE)

SESSION = re.compile(r"^```sh\n(# ([^\n]*)\n.*?)^```$", re.MULTILINE | re.DOTALL)


def text(document):
    return document.read_text(encoding="utf-8")


def chapter(document, heading):
    """Returns the text below a heading, up to the next heading of the same or a higher level."""
    level = heading.index(" ")
    found = re.search(rf"^{re.escape(heading)}$(.*?)(?=^#{{2,{level}}} |\Z)", text(document),
                      re.MULTILINE | re.DOTALL)
    assert found, f"{document}: no heading {heading}"
    return found[1]


def sessions(document):
    """Returns the example sessions of a document by their first comment."""
    return {comment: session for session, comment in SESSION.findall(text(document))}


def session(document, beginning):
    """Returns the example session whose first comment starts with `beginning`."""
    [found] = [body for comment, body in sessions(document).items()
               if comment.startswith(beginning)]
    return found
