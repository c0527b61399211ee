"""Clients that ask until told to stop, and count what went wrong."""

import threading
from collections import Counter

from .http2 import Peer


class Load:
    """`threads` connections repeat `ask(client, number)`; any exception or status other than 2xx is a failure.

    `ask` answers with a response, which tells as well whether the connection is finished.
    """

    def __init__(self, edge, ask, threads=8, name="app1.example.test"):
        self.edge, self.ask, self.name = edge, ask, name
        self.changed = threading.Condition()
        self.answered, self.number = 0, 0
        self.failures = Counter()
        self.stopping = False
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join(30)

    def _take_number(self):
        with self.changed:
            self.number += 1
            return self.number

    def _connect(self):
        return self.edge.client(self.name)

    def _ask(self, client):
        """What failed, how many were answered, and whether the connection is finished."""
        response = self.ask(client, self._take_number())
        good = response.status // 100 == 2
        return [] if good else [f"status {response.status}"], int(good), response.get("Connection") == "close"

    def _run(self):
        client = None
        while not self.stopping:
            try:
                client = client or self._connect()
                failures, answered, closes = self._ask(client)
            except Exception as error:  # every kind of failure is told apart by its text
                failures, answered, closes = [f"{type(error).__name__}: {error}"], 0, True
            if closes and client:
                client.close()
                client = None
            with self.changed:
                self.answered += answered
                self.failures.update(failures)
                self.changed.notify_all()
        if client:
            client.close()

    def wait_for(self, more, seconds=30):
        """Blocks until so many more requests were answered, or plenty failed."""
        with self.changed:
            goal = self.answered + more
            done = lambda: self.answered >= goal or sum(self.failures.values()) > 500
            assert self.changed.wait_for(done, seconds), f"{goal - self.answered} answers were missing"


class HTTP2Load(Load):
    """The same over HTTP/2: `streams` requests for `path` at a time on each of `threads` connections, which go
    elsewhere when they are told to."""

    def __init__(self, edge, path="/up", threads=4, streams=8, name="app1.example.test"):
        super().__init__(edge, None, threads, name)
        self.path, self.streams = path, streams

    def _connect(self):
        return Peer(self.edge.port, self.edge.authority, self.name)

    def _ask(self, client):
        answers = [client.answer(stream) for stream in [client.start("GET", self.path) for _ in range(self.streams)]]
        failures = [f"{each} {client.goaways} {client.frames[-3:]}" for each in answers
                    if each.status != 200 or not each.ended]
        return failures, len(answers) - len(failures), bool(client.goaways or client.closed)


def get(path="/up"):
    return lambda client, _: client.request("GET", path)
