"""The exception that this package raises."""


class StackError(Exception):
    """A part of a stack cannot be started or does not become ready. The message is readable."""
