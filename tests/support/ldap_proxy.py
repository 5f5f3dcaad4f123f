"""A TLS proxy in front of the directory that simulates failures: it stops answering or closes the
connection in the middle of a change, is stopped, frozen or slow, or presents another certificate.
The service sees a controller of its own, so several proxies simulate several controllers of one
domain.

The proxy terminates TLS on both sides and relays LDAP (RFC 4511). It parses only the kind of
each request, counts the occurrences of one text in the responses, can refuse deletions and
searches, can delay the responses to requests that contain a text, and can let a test change the
directory between two requests.
"""

import collections
import contextlib
import select
import socket
import ssl
import threading
import time

BIND, SEARCH, MODIFY, ADD, DELETE, RENAME = 0x60, 0x63, 0x66, 0x68, 0x4A, 0x6C
RESULTS = {DELETE: 0x6B, SEARCH: 0x65}  # tags of the responses that contain the result

PIECE = 65536

# ExtendedResponse: success, to the first message (RFC 4511 4.12).
START_TLS_ANSWER = bytes.fromhex("300c02010178070a010004000400")

# LDAPResult: success, and sizeLimitExceeded (RFC 4511 4.1.9).
DONE, DONE_AT_LIMIT = bytes.fromhex("0a010004000400"), bytes.fromhex("0a010404000400")


def message_length(data):
    """Returns the length of the LDAP message that `data` starts with; None if `data` is too
    short."""
    if len(data) < 2:
        return None
    if data[1] < 0x80:
        return 2 + data[1]
    size = data[1] & 0x7F
    if len(data) < 2 + size:
        return None
    return 2 + size + int.from_bytes(data[2:2 + size], "big")


def request_kind(message):
    """Returns the tag that follows the message id."""
    header = 2 if message[1] < 0x80 else 2 + (message[1] & 0x7F)
    return message[header + 2 + message[header + 1]]


def refusal(message, code):
    """Returns the response to a request with this result code (RFC 4511 4.5.2, 4.8)."""
    header = 2 if message[1] < 0x80 else 2 + (message[1] & 0x7F)
    message_id = message[header:header + 2 + message[header + 1]]
    tag = RESULTS[request_kind(message)]
    body = message_id + bytes([tag, 7, 0x0A, 1, code, 4, 0, 4, 0])
    return bytes([0x30, len(body)]) + body


def next_readable(*sockets):
    """Returns the first socket that has readable data, in its TLS buffer or in the kernel."""
    for each in sockets:
        if each.pending():
            return each
    return select.select(sockets, [], [])[0][0]


class LdapProxy:
    """Relays everything until the last requests of a connection have the kinds in `until`. The
    last of them is relayed, but its response is dropped; with `hang_up` the connection is
    closed."""

    def __init__(self, certificate, address, ca_file, port=636, start_tls=False):
        """`certificate` is the proxy's own, for 127.0.0.1; `ca_file` signed the directory's
        certificate. With `start_tls` clients connect in plain text first."""
        self._target = (address, port)
        self._start_tls = start_tls
        self._client_context = ssl.create_default_context(cafile=ca_file)
        self.show(certificate)
        self._open = []
        self._awake = threading.Event()
        self._awake.set()
        self.until, self.then, self.hang_up, self.cuts = [], [], False, 0
        self.delay_s = 0  # before each response
        self.slow_text, self.slow_s = b"", 0  # delay of responses to requests with this text
        self._refusals = []
        self._limited = None  # text of the searches that exceed the size limit
        self._interludes = []
        self.connections, self.requests = 0, collections.Counter()
        self.text, self.seen = b"", 0  # text to count in the responses, and its count
        self.port = 0
        self.start()

    def show(self, certificate):
        """Sets the certificate for new connections."""
        self._server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server_context.load_cert_chain(certificate.file, certificate.key)

    def cut(self, *kinds, hang_up=False, then=()):
        """Breaks one connection; later ones work. With `then`, the proxy also stops answering on
        the next connection whose last requests have these kinds."""
        self.hang_up, self.until, self.then = hang_up, list(kinds), list(then)

    def interlude(self, kinds, work):
        """Calls `work` once, before it relays the last of requests of these kinds that follow each
        other from now on."""
        self._interludes.append((list(kinds), work, []))

    def _play_interlude(self, kind):
        for each in self._interludes:
            kinds, work, seen = each
            seen.append(kind)
            if seen[-len(kinds):] == kinds:
                self._interludes.remove(each)
                work()
                return

    def refuse_deletions(self, code, text=b"", after=0, unless=None):
        """Answers the deletions whose requests contain the text, and not the text `unless`, with
        this result code, after it has relayed some of them."""
        self._refusals.append([DELETE, code, text, after, unless])

    def refuse_searches(self, code, text):
        """Answers the searches whose requests contain the text with this result code."""
        self._refusals.append([SEARCH, code, text, 0, None])

    def relay_all(self):
        """Ends refusals and delays."""
        self._refusals.clear()
        self.slow_text = b""

    def exceed_size_limit(self, text):
        """Ends the answers to the searches that contain the text with the result code 4, as if
        entries were missing."""
        self._limited = text

    def _refusal_code(self, message):
        """Returns the result code of the refusal; None if the request is to be relayed."""
        for each in self._refusals:
            kind, code, text, after, unless = each
            matches = kind == request_kind(message) and text in message
            if matches and not (unless and unless in message):
                if not after:
                    return code
                each[3] -= 1
        return None

    def start(self):
        """Starts listening; after stop() on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self):
        """Closes all connections and refuses new ones, like a crashed controller."""
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                each.close()
        self._open.clear()

    def freeze(self):
        """Accepts connections but answers nothing, like a controller that hangs."""
        self._awake.clear()

    def thaw(self):
        self._awake.set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.thaw()

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                self.connections += 1
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError, ValueError):  # ValueError: stop() closed the socket
            self._awake.wait()
            if self._start_tls:
                client.recv(PIECE)
                client.sendall(START_TLS_ANSWER)
            client = self._server_context.wrap_socket(client, server_side=True)
            self._open.append(client)
            server = self._client_context.wrap_socket(socket.create_connection(self._target),
                                                      server_hostname=self._target[0])
            self._open.append(server)
            self._relay(client, server)

    def _relay(self, client, server):
        """Relays both directions in one thread, because OpenSSL connections are not thread-safe."""
        data, kinds, silent, answered, hang_up, limited = b"", [], False, b"", False, False
        wait_s = 0
        while True:
            source = next_readable(client, server)
            piece = source.recv(PIECE)
            self._awake.wait()
            if source is server:
                if self.text:
                    answered += piece
                    self.seen += answered.count(self.text)
                    answered = answered[len(answered) - len(self.text) + 1:]
                time.sleep(self.delay_s + wait_s)
                wait_s = 0
                if limited:
                    piece = piece.replace(DONE, DONE_AT_LIMIT)
                if not silent:
                    client.sendall(piece)
                if not piece or (silent and hang_up):
                    break
                continue
            if not piece:
                break
            data += piece
            while (length := message_length(data)) and len(data) >= length:
                message, data = data[:length], data[length:]
                kinds.append(request_kind(message))
                self.requests[kinds[-1]] += 1
                if self.slow_text and self.slow_text in message:
                    wait_s = self.slow_s
                self._play_interlude(kinds[-1])
                if self.until and kinds[-len(self.until):] == self.until:
                    silent, hang_up = True, self.hang_up
                    self.until, self.then, self.hang_up = self.then, [], False
                    self.cuts += 1
                code = self._refusal_code(message)
                limited = self._limited is not None and self._limited in message
                if code is None:
                    server.sendall(message)
                else:
                    client.sendall(refusal(message, code))
        for each in (client, server):
            each.shutdown(socket.SHUT_RDWR)
