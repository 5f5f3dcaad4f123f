"""A proxy before the directory that falls silent, or hangs up, in the middle of a change.

It ends TLS on both sides, passes LDAP on (RFC 4511) and reads no more of it than the kind of each
request.
"""

import contextlib
import socket
import ssl
import threading

BIND, SEARCH, MODIFY, ADD, DELETE, RENAME = 0x60, 0x63, 0x66, 0x68, 0x4A, 0x6C

PIECE = 65536


def message_length(data):
    """The length of the LDAP message that `data` begins with; None while it is too short to tell."""
    if len(data) < 2:
        return None
    if data[1] < 0x80:
        return 2 + data[1]
    size = data[1] & 0x7F
    if len(data) < 2 + size:
        return None
    return 2 + size + int.from_bytes(data[2:2 + size], "big")


def request_kind(message):
    """The tag behind the message's number."""
    header = 2 if message[1] < 0x80 else 2 + (message[1] & 0x7F)
    return message[header + 2 + message[header + 1]]


class LdapProxy:
    """Passes everything on until the requests of one connection end in the kinds of `until`; that
    request is still passed on, its answer is not. With `hang_up` the connection ends instead."""

    def __init__(self, certificate, address, ca_file, port=636):
        """`certificate` is the proxy's own, for 127.0.0.1; `ca_file` signed the directory's."""
        self._target = (address, port)
        self._server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._server_context.load_cert_chain(certificate.file, certificate.key)
        self._client_context = ssl.create_default_context(cafile=ca_file)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open = []
        self.port = self._listener.getsockname()[1]
        self.until, self.hang_up, self.cuts = [], False, 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, *kinds, hang_up=False):
        """Once; connections that are made afterwards work."""
        self.hang_up, self.until = hang_up, list(kinds)

    def close(self):
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError):
            client = self._server_context.wrap_socket(client, server_side=True)
            server = self._client_context.wrap_socket(socket.create_connection(self._target),
                                                      server_hostname=self._target[0])
            self._open += [client, server]
            state = {"silent": False}
            for work in (self._requests, self._answers):
                threading.Thread(target=work, args=(client, server, state), daemon=True).start()

    def _requests(self, client, server, state):
        data, kinds = b"", []
        with contextlib.suppress(OSError):
            while piece := client.recv(PIECE):
                data += piece
                while (length := message_length(data)) and len(data) >= length:
                    message, data = data[:length], data[length:]
                    kinds.append(request_kind(message))
                    if self.until and kinds[-len(self.until):] == self.until:
                        self.until = []
                        self.cuts += 1
                        state["silent"] = True
                    server.sendall(message)
            server.shutdown(socket.SHUT_WR)

    def _answers(self, client, server, state):
        with contextlib.suppress(OSError):
            while piece := server.recv(PIECE):
                if not state["silent"]:
                    client.sendall(piece)
                elif self.hang_up:
                    break
            if not state["silent"] or self.hang_up:
                client.shutdown(socket.SHUT_RDWR)
