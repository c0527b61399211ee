"""Requests at a steady rate, whatever becomes of the ones before: a part of them must not be done twice."""

import threading
import time
import uuid

from .load import Load

POSTS_EVERY = 5


class SteadyLoad(Load):
    """`rate` requests a second; every fifth is a POST whose id the application writes to a journal.

    `took` has for each answer when it was due, and how long after that it came.
    """

    def __init__(self, edge, rate=150, threads=24, name="app1.example.test", posts_every=POSTS_EVERY, slow=0):
        super().__init__(edge, None, threads, name)
        self.rate, self.posts_every, self.slow = rate, posts_every, slow
        self.began = None
        self.took, self.posted = [], []
        self.failed = {"GET": [], "POST": []}
        self.over = threading.Event()

    def __enter__(self):
        self.began = time.monotonic()
        return super().__enter__()

    def __exit__(self, *_):
        self.over.set()
        super().__exit__()

    def _connect(self):
        try:
            return super()._connect()
        except ConnectionRefusedError:
            self.over.wait(0.02)
            raise

    def _ask(self, client):
        number = self._take_number()
        due = self.began + number / self.rate
        self.over.wait(max(0, due - time.monotonic()))
        name, method = uuid.uuid4().hex, "POST" if number % self.posts_every == 0 else "GET"
        try:
            if method == "POST":
                response = client.request("POST", f"/journal?id={name}&seconds={self.slow}", body=b"")
            else:
                response = client.request("GET", "/up")
            problem = None if response.status // 100 == 2 else f"status {response.status}"
        except Exception as error:
            response, problem = None, f"{type(error).__name__}: {error}"
        with self.changed:
            now = time.monotonic()
            self.took.append((due, now - due))
            if problem:
                self.failed[method].append(f"{method} {problem} at {now - self.began:.2f}")
            elif method == "POST":
                self.posted.append(name)
        failures = [f"{method} {problem}"] if problem else []
        return failures, int(not problem), response is None or response.get("Connection") == "close"

    def wait_seconds(self, seconds):
        """So much more of the same load."""
        self.wait_for(int(seconds * self.rate))

    def percentile(self, part, since=0.0):
        times = sorted(took for due, took in self.took if due >= since)
        return times[min(len(times) - 1, int(len(times) * part))]

    def check_journal(self, journal):
        """Nothing was done twice, and all that was answered was done."""
        written = journal.read_text().split() if journal.exists() else []
        twice = len(written) - len(set(written))
        assert twice == 0, f"{twice} requests were executed twice"
        missing = set(self.posted) - set(written)
        assert not missing, f"{len(missing)} requests were answered but not executed"
        return written

    def report(self, what):
        print(f"{what}: {self.answered} answered, failed {dict(self.failures)}, p50 {self.percentile(0.5) * 1e3:.0f} ms,"
              f" p99 {self.percentile(0.99) * 1e3:.0f} ms, longest {self.percentile(1) * 1e3:.0f} ms")
