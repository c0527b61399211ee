"""A door in front of a TCP server: open, shut, or swallowing all that goes through."""

import socket
import threading


class Gate:
    """`shut` resets what is open and what comes; `swallow` keeps connections and passes nothing on, as a
    network that lost its way does; `open` passes everything on, but nothing of what was swallowed."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.state = "open"
        self.lock = threading.Lock()
        self.pairs = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                if self.state == "shut":
                    client.close()
                    continue
                try:
                    server = socket.create_connection(("127.0.0.1", self.target), 5)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                self.pairs.append((client, server))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source, sink):
        try:
            while part := source.recv(65536):
                if self.state == "open":
                    sink.sendall(part)
        except OSError:
            pass
        self._close((source, sink))

    @staticmethod
    def _close(pair):
        for end in pair:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other end was first

    def open(self):
        """Connections that have lost bytes are reset."""
        with self.lock:
            if self.state == "swallow":
                self._close_all()
            self.state = "open"

    def shut(self):
        with self.lock:
            self.state = "shut"
            self._close_all()

    def swallow(self):
        with self.lock:
            self.state = "swallow"

    def _close_all(self):
        for pair in self.pairs:
            self._close(pair)
        self.pairs = []

    def end(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.shut()
