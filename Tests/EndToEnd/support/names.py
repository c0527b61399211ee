"""A fleet that answers for its own zone: servers at addresses of a network of the test's own, behind a real provider and
a real resolver."""

import re
import signal
import socket
import struct
import subprocess
from dataclasses import dataclass, field

from . import nameservers
from .acme_edges import killed
from .admin import status
from .client import Client, client_context
from .processes import PATIENCE, Child, eventually

PARENT = "example.test"
ZONE = f"fleet.{PARENT}"
ALL = f"all.{ZONE}"
PROVIDER = "192.0.2.251"
RESOLVER_PORT = 53  # of 127.0.0.1
ELSEWHERE = "198.51.100.1"  # a client of another network
GONE_SECONDS = 3.0

# What the power's loss does to a network: nothing comes from there, and nobody is told.
DEAD = """table inet names {
  set dead { type ipv4_addr; }
  chain input {
    type filter hook input priority 0;
    ip daddr @dead drop
    ip saddr @dead drop
  }
}
"""


@dataclass
class Answer:
    """What dig understood; records are (name, seconds, type, value)."""
    status: str
    flags: set
    answers: list = field(default_factory=list)
    authority: list = field(default_factory=list)
    text: str = ""

    @property
    def values(self):
        return [value for _, _, _, value in self.answers]

    def of(self, kind):
        return [value for _, _, each, value in self.answers if each == kind]


def ask(address, name, kind="A", *options, port=53):
    """One question by dig, over UDP unless `options` say otherwise; None where nothing comes back."""
    done = subprocess.run(
        ["dig", f"@{address}", "-p", str(port), "+tries=1", "+time=2", "+norecurse", *options, name, kind],
        capture_output=True, text=True, timeout=PATIENCE)
    head = re.search(r"opcode: \S+ status: (\S+) id: .*\n.*flags: ([a-z ]*);", done.stdout.replace(",", ""))
    if not head:
        return None
    found = Answer(head[1], set(head[2].split()), text=done.stdout)
    sections = {"ANSWER": found.answers, "AUTHORITY": found.authority}
    for part in done.stdout.split("\n\n"):
        title = re.search(r"^;; (ANSWER|AUTHORITY) SECTION:$", part, re.M)
        for line in part.splitlines() if title else []:
            if line and not line.startswith(";"):
                name, seconds, _, kind, value = line.split(None, 4)
                sections[title[1]].append((name.rstrip("."), int(seconds), kind, value))
    return found


def resolve(name, kind="A", *options):
    """As clients ask, through their resolver."""
    return ask("127.0.0.1", name, kind, "+recurse", *options, port=RESOLVER_PORT)


def question(name, kind=1, number=1):
    """A question in bytes, RFC 1035 §4.1; its letters stay as they are."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", number, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def exchange(address, data, source="", count=1):
    """Sends datagrams at once and returns what comes back until nothing more does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        one.bind((source, 0))
        one.connect((address, 53))
        for _ in range(count):
            one.send(data)
        one.settimeout(0.5)
        answers = []
        try:
            while True:
                answers.append(one.recv(4096))
        except TimeoutError:
            return answers


def make_network(count):
    """The addresses of the servers, in the namespace that the caller lives in."""
    commands = [f"address add {address}/32 dev lo" for address in (
        *(server_address(number) for number in range(1, count + 1)), PROVIDER, ELSEWHERE)]
    commands += [f"address add {server_address(number, 6)}/128 dev lo nodad" for number in range(1, count + 1)]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(commands) + "\n", text=True, check=True)
    subprocess.run(["nft", "-f", "-"], input=DEAD, text=True, check=True)


def server_address(number, family=4):
    return f"192.0.2.{number}" if family == 4 else f"2001:db8::{number:x}"


class Server:
    """One edge at its address, which others reach at ports 443 and 53."""

    def __init__(self, number, edge):
        self.number, self.edge, self.address = number, edge, server_address(number)
        self.is_powered = True

    def ask(self, name=ALL, kind="A", *options):
        return ask(self.address, name, kind, *options)

    @property
    def named(self):
        """The addresses that it leads clients to; None when it says nothing."""
        answer = self.ask()
        return answer and set(answer.of("A"))

    def client(self, name, authority=None, context=None):
        return Client(443, name, context=context or client_context(authority), address=self.address)

    # What befalls it.

    def _sink(self, verb):
        subprocess.run(["nft", verb, "element", "inet", "names", "dead", f"{{ {self.address} }}"], check=True)

    def power_off(self):
        """No process says a last word, and no packet comes back."""
        self._sink("add")
        self.is_powered = False
        self.edge.child.kill()

    def power_on(self):
        self._sink("delete")
        self.is_powered = True
        killed(self.edge)

    def hang(self):
        """The machine stands still, its network with it."""
        self._sink("add")
        self.is_powered = False
        self.edge.child.signal(signal.SIGSTOP)

    def go_on(self):
        self.edge.child.signal(signal.SIGCONT)
        self._sink("delete")
        self.is_powered = True


class NamedFleet(list):
    """Servers that answer for ZONE, and what leads clients to them."""

    def __init__(self, servers, directory, cluster=None):
        super().__init__(servers)
        self.directory, self.cluster = directory, cluster
        self.things = []

    @property
    def addresses(self):
        return {server.address for server in self}

    def others(self, *servers):
        return [server for server in self if server not in servers and server.is_powered]

    def wait_until_named(self, *servers, by=None, seconds=PATIENCE):
        """Until each of `by`, or each that is there, leads clients to these servers and to no other."""
        wanted = {server.address for server in servers or self}
        by = by or self.others()
        eventually(lambda: all(server.named == wanted for server in by),
                   f"{sorted(wanted)} are answered, not {[server.named for server in by]}", seconds)

    def wait_until_well(self):
        """Until every server has seen every other for long enough, so that none is left out because it is new."""
        eventually(lambda: all(
            len(found := status(server.edge)["addresses"]["addresses"]) >= len(self)
            and all(each["state"] == "living" and each["answered"] for each in found)
            for server in self), "all live")
        self.wait_until_named()

    def name_servers(self, server=None):
        """Those of the zone, by their names, as a server tells them."""
        server = server or self[0]
        answer = server.ask(ZONE, "NS")
        names = [value.rstrip(".") for value in answer.of("NS")] if answer else []
        return {name: [*server.ask(name).of("A"), *server.ask(name, "AAAA").of("AAAA")] for name in names}

    def delegate(self, *records, options=(), servers=None):
        """A provider that leads to the servers with `records` more in its zone, and a resolver with `options` more."""
        if servers is None:
            eventually(lambda: all(self.name_servers(server) == self.name_servers(self[-1]) for server in self) and len(
                self.name_servers()) == len(self), "all servers know one another")
            servers = self.name_servers()
        place = self.directory / "names"
        words = nameservers.provider(place, PARENT, [PROVIDER], [
            f"ns A {PROVIDER}", *nameservers.delegation(ZONE, servers), f"*.{PARENT}. CNAME {ALL}.", *records])
        self._keep(words, nameservers.NSD_READY)
        words = nameservers.resolver(place, "127.0.0.1", RESOLVER_PORT, PARENT, PROVIDER, *options)
        self._keep(words, nameservers.UNBOUND_READY)

    def _keep(self, words, ready):
        child = Child(words)
        self.things.append(child)
        child.wait_for_line(ready)

    def end(self):
        while self.things:
            child = self.things.pop()
            child.kill()
            child.end()


def settings(number, dns=None, families=(4,)):
    """Of one server's configuration: where it listens, and what it says in DNS; nothing there when `dns` is False."""
    public = [server_address(number, family) for family in families]
    listen = [f"[{address}]" if ":" in address else address for address in public]
    return {"node": f"s{number}", "public": public,
            "listen": {"https": [f"{address}:443" for address in listen],
                       "http": [f"{address}:80" for address in listen]},
            **({} if dns is False else {
                "dns": {"zone": ZONE, "ttl": "1s", "return_after": "1s", "rate_limit": "off", **(dns or {})}})}
