"""Photos for tests: JPEG files of any size, and a PNG."""

import base64

LIMIT = 100 * 1024
# A JPEG of one pixel.
PIXEL = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////"
    "////////////////////////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAA"
    "AAAAAAAAAAD/2gAIAQEAAD8AVN//2Q==")
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
                       "awAAAABJRU5ErkJggg==")


def jpeg(size, mark=b""):
    """Returns a JPEG of exactly `size` bytes: the pixel with comment segments (ITU-T T.81 B.2.4.5)
    behind its first marker."""
    start, rest, comments = PIXEL[:2], PIXEL[2:], b""
    left = size - len(PIXEL)
    while left:
        length = left if left <= 60_000 else min(60_000, left - 4)
        comments += b"\xff\xfe" + (length - 2).to_bytes(2, "big") + mark.ljust(length - 4, b"x")
        left -= length
    return start + comments + rest
