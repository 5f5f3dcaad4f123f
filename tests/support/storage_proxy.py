"""A TCP proxy in front of the storage that simulates failures: it cuts a connection, drops a
response, or sends another response. It relays bytes and does not parse HTTP."""

import contextlib
import selectors
import socket
import threading

PIECE = 65536


class StorageProxy:
    """Relays everything, except for the failures that it is told to simulate once."""

    def __init__(self, port):
        """`port` is the storage's port on this host."""
        self._target = ("127.0.0.1", port)
        self._cut_after = None
        self._answers = []
        self._open = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def cut(self, after):
        """Closes the next connection on which a client has sent `after` bytes."""
        self._cut_after = after

    def lose_answer(self):
        """Relays the next request, but closes the connection instead of relaying the response."""
        self._answers.append(None)

    def answer(self, octets):
        """Sends these octets instead of the storage's next response."""
        self._answers.append(octets)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), contextlib.closing(client), \
                socket.create_connection(self._target) as server, \
                selectors.DefaultSelector() as both:
            both.register(client, selectors.EVENT_READ, server)
            both.register(server, selectors.EVENT_READ, client)
            sent = 0
            while True:
                for key, _ in both.select():
                    piece = key.fileobj.recv(PIECE)
                    if not piece:
                        return
                    if key.fileobj is client:
                        sent += len(piece)
                        if self._cut_after is not None and sent >= self._cut_after:
                            self._cut_after = None
                            return
                    elif self._answers:
                        piece = self._answers.pop(0)
                        if piece is None:
                            return
                    key.data.sendall(piece)
