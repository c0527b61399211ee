"""How clients find the servers: by a server of DNS with a monitor, or by the answers of the fleet itself."""

import json
import subprocess
import time

import network
from support import nameservers

PARENT = "example.test"
ZONE = f"fleet.{PARENT}"
PROVIDER = "10.77.0.3"  # of the clients' side too
KNOWN_SECONDS = 20


class Monitor:
    """One server of DNS for the clients, which asks port 443 of each server now and then."""

    # Names whose certificates the fleet orders because of this way.
    ordered = {}

    def __init__(self, fleet, options):
        self.fleet, self.ttl, self.period = fleet, options.ttl, options.period

    def settings(self, server):
        """Of a server's configuration."""
        return {}

    def start(self):
        self.fleet.run_program(
            "dns_server.py", "--ttl", self.ttl, "--period", self.period, "--servers", self.fleet.count)

    def wait(self):
        """Nothing has to settle."""

    def watch(self):
        self.fleet.run_program("answers.py", "--name", f"app1.{PARENT}", "--ask", f"dns={network.CLIENT}")


class FleetNames:
    """Each server answers for the zone that the provider, nsd, delegates to them. Clients ask unbound."""

    ordered = {f"*.wild.{PARENT}": "dns"}

    def __init__(self, fleet, options):
        self.fleet, self.ttl, self.return_after = fleet, options.ttl, options.return_after

    def settings(self, server):
        return {"public": [server.address],
                "dns": {"zone": ZONE, "ttl": f"{self.ttl}s", "return_after": f"{self.return_after:g}s",
                        "names": [f"*.{PARENT}"]}}

    def start(self):
        directory = self.fleet.directory / "names"
        network.run("ip", "-n", self.fleet.network.name(0), "address", "add", f"{PROVIDER}/32", "dev", "lo")
        records = [f"ns A {PROVIDER}", *nameservers.delegation(ZONE, self._name_servers()),
                   f"*.{PARENT}. CNAME all.{ZONE}.",
                   f"_acme-challenge.wild.{PARENT}. CNAME _acme-challenge.wild.{PARENT}.{ZONE}."]
        self.fleet.run_command("nsd", *nameservers.provider(directory, PARENT, [PROVIDER], records))
        self.fleet.run_command("unbound", *nameservers.resolver(
            directory, network.CLIENT, 53, PARENT, PROVIDER, f"outgoing-interface: {network.CLIENT}"))

    def wait(self):
        """A server that is new is named for want of others; a fleet that stands for long has none of these."""
        deadline = time.monotonic() + self.return_after + KNOWN_SECONDS
        for server in self.fleet.servers:
            words = self.fleet.network.inside(
                server.number, server.binary, "dns", "status", "--config", server.configuration_file)
            while (said := network.run(*words, check=False)).returncode:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{server.name} does not hold all servers for well: {said.stdout}{said.stderr}")
                time.sleep(0.2)

    def _name_servers(self):
        """The addresses of the zone's servers by their names, as each of them says once it knows all the others."""
        deadline = time.monotonic() + KNOWN_SECONDS
        while True:
            said = [self._said_by(server) for server in self.fleet.servers]
            if len(said[0]) == self.fleet.count and all(each == said[0] for each in said):
                return said[0]
            if time.monotonic() > deadline:
                raise RuntimeError(f"the servers do not agree on who answers for {ZONE}: {json.dumps(said)}")
            time.sleep(0.1)

    def _said_by(self, server):
        names = self._dig(server, ZONE, "NS")
        return {name: self._dig(server, name, "A") for name in names}

    def _dig(self, server, name, kind):
        done = subprocess.run(
            list(map(str, self.fleet.network.inside(
                0, "dig", f"@{server.address}", "+norecurse", "+short", "+tries=1", "+time=1", name, kind))),
            capture_output=True, text=True)
        return sorted(line.rstrip(".") for line in done.stdout.splitlines() if not line.startswith(";"))

    def watch(self):
        self.fleet.run_program("answers.py", "--name", f"all.{ZONE}", "--ask", *(
            f"{server.name}={server.address}" for server in self.fleet.servers))


KINDS = {"monitor": Monitor, "fleet": FleetNames}
