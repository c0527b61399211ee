"""A door in front of TCP servers: open, shut, or swallowing all that goes through."""

import itertools
import socket
import threading


class Gate:
    """`shut` resets what is open and what comes; `swallow` keeps connections and passes nothing on, as a
    network that lost its way does; `open` passes everything on, but nothing of what was swallowed. Of several
    servers, each connection gets the next one; without any it is closed."""

    def __init__(self, *ports):
        self.lead_to(*ports)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.state = "open"
        self.lock = threading.Lock()
        self.pairs = []
        self.answered, self.held_at = 0, None
        self.held, self.released = threading.Event(), threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def lead_to(self, *ports):
        """Connects those who come from now on with other servers."""
        self.targets = itertools.cycle(ports)

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
                    server = socket.create_connection(("127.0.0.1", next(self.targets)), 5)
                except (OSError, StopIteration):
                    client.close()
                    continue
                server.settimeout(None)
                self.pairs.append((client, server))
            for source, sink, answers in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pass, args=(source, sink, answers), daemon=True).start()

    def _pass(self, source, sink, answers):
        try:
            while part := source.recv(65536):
                if self.state == "open":
                    sink.sendall(part)
                self.answered += len(part) if answers else 0
                if answers and self.held_at and self.answered > self.held_at:
                    self.held.set()
                    self.released.wait()
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

    def hold_after(self, count):
        """Stops in the midst of answers, after so many bytes of them, until `release`."""
        self.held_at = self.answered + count

    def release(self):
        self.held_at = None
        self.released.set()

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
        self.release()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.shut()
