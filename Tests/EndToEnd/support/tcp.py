"""Scripted TCP servers, and clients of what passes connections on."""

import socket
import threading

from .edge import reserve_port
from .processes import PATIENCE


class ScriptedTCP:
    """Hands each connection to `script(connection)` in a thread of its own."""

    def __init__(self, script, listening=True):
        self.script, self.accepted, self.changed = script, 0, threading.Condition()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.open, self.ended = [], False
        if listening:
            self.listen()

    def listen(self):
        self.listener.listen(4096)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.ended:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.changed:
                self.accepted += 1
                self.open.append(connection)
                self.changed.notify_all()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self.script(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def wait_for_connections(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: self.accepted >= count, PATIENCE), self.accepted

    def end(self):
        self.ended = True
        # What waits in `accept` is woken by it.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for connection in self.open:
            connection.close()


def echo(connection):
    """Everything back, then the end."""
    while data := connection.recv(65536):
        connection.sendall(data)


def named(name):
    """Says its name, then echoes."""
    def script(connection):
        connection.sendall(name)
        echo(connection)
    return script


def connect(port, size=None):
    connection = socket.socket()
    connection.settimeout(PATIENCE)
    if size:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    connection.connect(("127.0.0.1", port))
    return connection


def ask(port, data=b"hello"):
    """One exchange with a node that echoes."""
    with connect(port) as connection:
        connection.sendall(data)
        return read(connection, len(data))


def read(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(min(count - len(data), 1 << 20))
        assert piece, f"the end after {data[:100]!r}"
        data += piece
    return data


def read_to_end(connection):
    data = b""
    while piece := connection.recv(1 << 16):
        data += piece
    return data


__all__ = ["ScriptedTCP", "ask", "connect", "echo", "named", "read", "read_to_end", "reserve_port"]
