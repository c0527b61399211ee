"""Keep-alive clients that ask until told to stop, and count what went wrong."""

import threading
from collections import Counter


class Load:
    """`threads` connections repeat `ask(client, number)`; any exception or status other than 2xx is a failure."""

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

    def _run(self):
        client = None
        while not self.stopping:
            failure = None
            try:
                client = client or self.edge.client(self.name)
                response = self.ask(client, self._take_number())
                if response.status // 100 != 2:
                    failure = f"status {response.status}"
                closes = response.get("Connection") == "close"
            except Exception as error:  # every kind of failure is told apart by its text
                failure, closes = f"{type(error).__name__}: {error}", True
            if closes and client:
                client.close()
                client = None
            with self.changed:
                self.answered += failure is None
                if failure:
                    self.failures[failure] += 1
                self.changed.notify_all()
        if client:
            client.close()

    def wait_for(self, more, seconds=30):
        """Blocks until so many more requests were answered, or plenty failed."""
        with self.changed:
            goal = self.answered + more
            done = lambda: self.answered >= goal or sum(self.failures.values()) > 500
            assert self.changed.wait_for(done, seconds), f"{goal - self.answered} answers were missing"


def get(path="/up"):
    return lambda client, _: client.request("GET", path)
