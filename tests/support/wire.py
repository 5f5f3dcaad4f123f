"""Raw HTTP over sockets, for requests that an HTTP library would not send."""

import json
import socket
import ssl
from urllib.parse import urlsplit

TIMEOUT_S = 60  # longer than any of nginx's client timeouts


class Answer:
    """A parsed response: status, headers (names in lower case), body."""

    def __init__(self, octets):
        head, _, self.body = octets.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status_line = lines[0]
        self.status = int(lines[0].split()[1]) if lines[0].startswith("HTTP/") else None
        self.headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        self.octets = octets

    def json(self):
        return json.loads(self.body)


def connect(base_url, ca_file, source=""):
    """Returns a connected socket, with TLS if the URL is https; `source` is the client's
    address."""
    url = urlsplit(base_url)
    plain = socket.create_connection((url.hostname, url.port), TIMEOUT_S, (source, 0))
    if url.scheme == "http":
        return plain
    context = ssl.create_default_context(cafile=str(ca_file))
    return context.wrap_socket(plain, server_hostname=url.hostname)


def exchange(base_url, ca_file, octets, half_close=False):
    """Sends bytes and reads until the peer closes or one response is complete."""
    with connect(base_url, ca_file) as peer:
        try:
            peer.sendall(octets)
            if half_close:
                peer.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the service may refuse and close before it has read everything
        return read_answer(peer)


def read_answer(peer):
    """Reads until the peer closes or one response is complete."""
    return Answer(_read_octets(peer))


def poll_answer(peer, received):
    """Appends available bytes to `received` without blocking; returns the response once it is
    complete, otherwise None."""
    timeout = peer.gettimeout()
    peer.settimeout(0)
    try:
        while piece := peer.recv(65536):
            received += piece
    except (BlockingIOError, ssl.SSLWantReadError):
        pass
    finally:
        peer.settimeout(timeout)
    return Answer(bytes(received)) if _is_whole(bytes(received)) else None


def _read_octets(peer):
    received = b""
    while not _is_whole(received):
        try:
            piece = peer.recv(65536)
        except OSError:
            break
        if not piece:
            break
        received += piece
    return received


def _is_whole(octets):
    head, end, body = octets.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.split(b":")[1])
    return head.split(b" ")[1:2] == [b"204"]


def request(method, path, headers=(), body=b"", version="HTTP/1.1"):
    """Returns the bytes of a request; adds Host and Connection unless given."""
    fields = [(name, value) for name, value in headers]
    names = {name.lower() for name, _ in fields}
    if "host" not in names:
        fields.append(("Host", "localhost"))
    if "connection" not in names:
        fields.append(("Connection", "close"))
    if body and not names & {"content-length", "transfer-encoding"}:
        fields.append(("Content-Length", str(len(body))))
    head = f"{method} {path} {version}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields)
    return head.encode("utf-8", "surrogateescape") + b"\r\n" + body
