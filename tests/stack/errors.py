"""The one exception of this package."""


class StackError(Exception):
    """A part cannot be started or does not become ready. The message is for a person."""
