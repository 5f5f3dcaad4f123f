"""Conditional requests (RFC 9110 13) and their results."""

# (If-Match, If-None-Match, status of a read, True if a change succeeds); {} is the entity tag.
CONDITIONS = [
    ("{}", None, 200, True), ("*", None, 200, True), ('"0", {}', None, 200, True),
    ('"0"', None, 412, False), ("W/{}", None, 412, False), ('"0", *', None, 412, False),
    (None, "{}", 304, False), (None, "W/{}", 304, False), (None, '"0", W/{}', 304, False),
    (None, "*", 304, False), (None, '"0"', 200, True),
    ('"0"', "{}", 412, False), ("{}", "{}", 304, False), ("{}", '"0"', 200, True),
    ("*", "*", 304, False),
]


def condition_headers(tag, if_match, if_none_match):
    fields = {"If-Match": if_match, "If-None-Match": if_none_match}
    return {name: value.format(tag) for name, value in fields.items() if value}
