"""What clients ask for, in shares, and whether an answer is the one that was asked for."""

import hashlib
import random
from dataclasses import dataclass

HOSTS = ["app1.example.test", "app2.example.test"]
#        method  path      share
KINDS = [("GET", "/fast", 60), ("GET", "/slow", 10), ("GET", "/large", 4), ("GET", "/stream", 1),
         ("POST", "/order", 20), ("POST", "/hash", 5)]
HASHED_PARTS = 5000


@dataclass
class Request:
    """`identity` names it in the journals, which only an order enters."""
    method: str
    host: str
    path: str
    identity: str

    @property
    def text(self):
        """The body; the client in Chromium builds the same in JavaScript."""
        if self.path == "/order":
            return f"{self.identity} {'.' * 50}"
        if self.path == "/hash":
            return "".join(f"{self.identity}-{number} " for number in range(HASHED_PARTS))
        return ""

    @property
    def described(self):
        """What the record of it says."""
        values = {"method": self.method, "host": self.host, "path": self.path}
        return {**values, "id": self.identity} if self.path == "/order" else values

    def flaw(self, answer, checksum):
        """None, or what is wrong with the body of an answer that was passed off as whole.

        A stream carries its hash as the last line, everything else in X-Checksum (`checksum`)."""
        if self.path == "/stream":
            body, _, last = answer.rpartition(b"sha256 ")
            whole = hashlib.sha256(body).hexdigest() == last.decode("latin-1").strip()
            return None if whole else "ended early, unseen"
        right = hashlib.sha256(answer).hexdigest() == checksum
        if self.path == "/hash":
            right = right and answer.decode("latin-1") == hashlib.sha256(self.text.encode()).hexdigest()
        return None if right else "wrong bytes"


class Mix:
    """The requests of one kind of client, of which no two have one identity."""

    def __init__(self, client, seed, hosts=HOSTS):
        self.client, self.hosts, self.number = client, hosts, 0
        self.chance = random.Random(f"{client} {seed}")

    def next(self):
        self.number += 1
        method, path, _ = self.chance.choices(KINDS, [share for *_, share in KINDS])[0]
        return Request(method, self.chance.choice(self.hosts), path, f"{self.client}-{self.number}")
