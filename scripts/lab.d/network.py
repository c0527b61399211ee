"""The laboratory's network: namespaces on a bridge that lives in a namespace of its own.

The host's network is never touched. Every name begins with PREFIX and the owner's process id, so that what a
crash leaves behind can be told from what is in use. Neighbours are entered by hand: a server that is away is
a black hole, as it is for clients on the other side of the world, and no "host unreachable" gives it away.
"""

import os
import shutil
import subprocess

PREFIX = "edgelab-"
CLIENT = "10.77.0.2"
CA_PORT = 14_000  # of the CA, which is on the clients' side


def server_address(number):
    return f"10.77.0.{10 + number}"


def run(*words, check=True, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.strip()}")
    return done


class Network:
    """`owner` is a process id. A host is 0 for the clients or the number of a server."""

    def __init__(self, owner, servers):
        self.owner, self.hosts = owner, range(servers + 1)
        self.switch = f"{PREFIX}{owner}-switch"
        self.cuts = {}

    def name(self, host):
        return f"{PREFIX}{self.owner}-{f's{host}' if host else 'client'}"

    @staticmethod
    def address(host):
        return server_address(host) if host else CLIENT

    @staticmethod
    def hardware(host):
        return f"02:77:00:00:00:{host + 1:02x}"

    def make(self):
        run("ip", "netns", "add", self.switch)
        run("ip", "-n", self.switch, "link", "add", "bridge", "type", "bridge")
        run("ip", "-n", self.switch, "link", "set", "bridge", "up")
        self._nft("add table bridge lab; add chain bridge lab forward { type filter hook forward priority 0; }")
        for host in self.hosts:
            self.connect(host)
        resolver = f"/etc/netns/{self.name(0)}"  # which `ip netns exec` shows in the place of /etc
        os.makedirs(resolver)
        with open(f"{resolver}/resolv.conf", "w") as file:
            file.write(f"nameserver {CLIENT}\n")

    def connect(self, host):
        """A fresh namespace for the host, with nothing in it that remembers a connection."""
        name, port = self.name(host), f"p{host}"
        run("ip", "netns", "add", name)
        run("ip", "-n", self.switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "-n", self.switch, "link", "set", port, "master", "bridge", "up")
        commands = ["link set lo up", f"link set eth0 address {self.hardware(host)}",
                    f"address add {self.address(host)}/24 dev eth0", "link set eth0 up"]
        commands += [f"neighbour replace {self.address(other)} lladdr {self.hardware(other)} nud permanent dev eth0"
                     for other in self.hosts if other != host]
        run("ip", "-n", name, "-batch", "-", input="\n".join(commands) + "\n")

    def disconnect(self, host):
        """The host's namespace goes, and its sockets with it, without a last word."""
        run("ip", "-n", self.switch, "link", "delete", f"p{host}")
        run("ip", "netns", "delete", self.name(host))

    def inside(self, host, *words):
        """The command that runs `words` on the host; its process id is that of `words`."""
        return ["ip", "netns", "exec", self.name(host), *map(str, words)]

    # Packets that are lost. The bridge's own rules do it, so that neither end is told.

    def cut(self, key, *conditions):
        """Drops what meets one of the conditions (of nft's bridge family) until `heal(key)`."""
        self.cuts[key] = conditions
        self._apply()

    def heal(self, key):
        self.cuts.pop(key, None)
        self._apply()

    def _apply(self):
        rules = [f"add rule bridge lab forward {condition} drop"
                 for conditions in self.cuts.values() for condition in conditions]
        self._nft("\n".join(["flush chain bridge lab forward", *rules]))

    def _nft(self, script):
        run("ip", "netns", "exec", self.switch, "nft", "-f", "-", input=script + "\n")

    def remove(self):
        remove(self.owner)


def owners():
    """The process ids that namespaces are named after."""
    names = [line.split()[0] for line in run("ip", "netns", "list").stdout.splitlines() if line]
    return sorted({int(name[len(PREFIX):].split("-")[0]) for name in names if name.startswith(PREFIX)})


def remove(owner):
    """Everything that carries the owner's id: the processes inside, then the namespaces."""
    for line in run("ip", "netns", "list").stdout.splitlines():
        name = line.split()[0] if line else ""
        if not name.startswith(f"{PREFIX}{owner}-"):
            continue
        for pid in run("ip", "netns", "pids", name, check=False).stdout.split():
            try:
                os.kill(int(pid), 9)
            except ProcessLookupError:
                pass
        run("ip", "netns", "delete", name, check=False)
    shutil.rmtree(f"/etc/netns/{PREFIX}{owner}-client", ignore_errors=True)
    try:
        os.rmdir("/etc/netns")
    except OSError:
        pass  # somebody else's are there
