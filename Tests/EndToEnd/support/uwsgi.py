"""Real uWSGI with the demo applications, and a scripted peer that speaks the same protocol."""

import os
import pathlib
import shutil
import socket
import struct
import threading

from . import REPOSITORY
from .processes import Child

PLUGIN_COMMAND = shutil.which("uwsgi_python3")


class Instance:
    """One uWSGI server of a demo application: `kill` pulls its plug, `start` brings it back."""

    def __init__(self, directory, app="app1", node="a", processes=2, buffer_size=None, tcp=False, options=(),
                 listen_as="socket"):
        """`listen_as` http11-socket and http-socket speak HTTP/1.1, with and without keep-alive."""
        directory.mkdir(parents=True, exist_ok=True)
        self.app, self.node, self.journal = app, node, directory / "journal"
        self.port_holder = None
        if tcp:
            self.port_holder = socket.socket()
            self.port_holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self.port_holder.bind(("127.0.0.1", 0))
            listen = self.address = "127.0.0.1:%d" % self.port_holder.getsockname()[1]
        else:
            listen, self.address = directory / "socket", f"unix:{directory / 'socket'}"
        self.command = [
            PLUGIN_COMMAND or "uwsgi", "--ini", REPOSITORY / f"conf/apps/{app}.ini", "--reuse-port",
            f"--{listen_as}", listen, "--chmod-socket=666", f"--processes={processes}",
            *([f"--buffer-size={buffer_size}"] if buffer_size else []), *options]
        self.environment = {**os.environ, "EDGE_NODE": node, "JOURNAL": str(self.journal)}
        self.child = None
        self.start()

    def start(self):
        self.child = Child(self.command, self.environment)
        self.child.wait_for_line(r"spawned uWSGI worker 1\b")
        return self

    def kill(self):
        self.child.kill()

    def signal(self, number):
        """To the master and all workers."""
        os.killpg(self.child.pid, number)

    def end(self):
        self.child.kill()  # a polite uWSGI takes a second
        self.child.end()
        if self.port_holder:
            self.port_holder.close()

    def journal_lines(self):
        return self.journal.read_text().split() if self.journal.exists() else []


class Request:
    """A uwsgi request as it came: its packet's variables in order, and its body."""

    def __init__(self, modifiers, variables, body):
        self.modifiers, self.variables, self.body = modifiers, variables, body
        self.environ = dict(variables)


def read_exactly(connection, count):
    parts = bytearray()
    while len(parts) < count:
        part = connection.recv(count - len(parts))
        if not part:
            raise ConnectionError(f"{len(parts)} of {count} bytes came")
        parts += part
    return bytes(parts)


def read_request(connection):
    modifier1, size, modifier2 = struct.unpack("<BHB", read_exactly(connection, 4))
    block, at, words = read_exactly(connection, size), 0, []
    while at < size:
        (length,) = struct.unpack_from("<H", block, at)
        words.append(block[at + 2 : at + 2 + length].decode("latin-1"))
        at += 2 + length
    variables = list(zip(words[::2], words[1::2]))
    body = read_exactly(connection, int(dict(variables).get("CONTENT_LENGTH") or 0))
    return Request((modifier1, modifier2), variables, body)


def answer(body=b"scripted\n", status="200 OK", headers=()):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class ScriptedUWSGI:
    """Accepts, reads a whole request, hands both to `script(connection, request)`, then closes.

    `requests` are those that arrived; `wait_for` blocks until so many did. `stop` closes the port and
    `start` opens the same one again.
    """

    def __init__(self, script=None, directory=None, address="127.0.0.1", port=0):
        self.script = script or (lambda connection, request: connection.sendall(answer()))
        self.path = directory and pathlib.Path(directory) / "scripted.sock"
        self.requests = []
        self.arrived = threading.Condition()
        self.listener = None
        self.port_holder = socket.socket()
        self.port_holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.port_holder.bind((address, port))
        self.start()

    @property
    def address(self):
        return f"unix:{self.path}" if self.path else "%s:%d" % self.port_holder.getsockname()

    def start(self):
        if self.path:
            self.path.unlink(missing_ok=True)
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(self.path))
        else:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self.listener.bind(self.port_holder.getsockname())
        self.listener.listen(128)
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()
        return self

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                request = read_request(connection)
                with self.arrived:
                    self.requests.append(request)
                    self.arrived.notify_all()
                self.script(connection, request)
            except OSError:
                pass

    def wait_for(self, count, seconds=10):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.requests) >= count, seconds), (
                f"{len(self.requests)} of {count} requests arrived")

    def stop(self):
        if self.listener:
            try:
                self.listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.listener.close()
            self.listener = None

    def end(self):
        self.stop()
        self.port_holder.close()


class FullQueue:
    """A port whose listen queue is full, so that the kernel drops every further SYN."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self.listener.getsockname())
            self.fillers.append(filler)

    @property
    def address(self):
        return "127.0.0.1:%d" % self.listener.getsockname()[1]

    def end(self):
        for each in (*self.fillers, self.listener):
            each.close()
