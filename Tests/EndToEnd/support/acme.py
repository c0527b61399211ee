"""An authority that speaks ACME: pebble, the DNS that it asks, and a relay in front of it that can do what it cannot."""

import json
import os
import ssl
import urllib.request

from .acme_relay import Relay
from .etcd_cluster import free_port
from .gate import Gate
from .processes import PATIENCE, Child, eventually


class Names:
    """pebble-challtestsrv as the DNS that pebble asks: every name is 127.0.0.1 until the test says something else."""

    def __init__(self):
        self.port, self.management = free_port(), free_port()
        self.child = Child([
            "pebble-challtestsrv", "-management", f"127.0.0.1:{self.management}", "-dns01", f"127.0.0.1:{self.port}",
            "-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""])
        try:
            # It says nothing once it answers.
            eventually(lambda: self._answers(), "the DNS of the authority")
        except AssertionError:
            self.end()
            raise

    def _answers(self):
        try:
            return self._post("clear-txt", host="nobody.test.")
        except OSError:
            assert self.child.running, self.child.text
            return False

    def _post(self, what, **values):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.management}/{what}", json.dumps(values).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            text = answer.read()
            return json.loads(text) if text else True

    def set_txt(self, name, value):
        """Adds a value to the TXT record of a name."""
        self._post("set-txt", host=f"{name}.", value=value)

    def clear_txt(self, name):
        """Takes all its values away."""
        self._post("clear-txt", host=f"{name}.")

    def set_addresses(self, name, *addresses):
        self._post("clear-a", host=f"{name}.")
        self._post("add-a", host=f"{name}.", addresses=addresses)

    def set_alias(self, name, target):
        """A CNAME."""
        self._post("set-cname", host=f"{name}.", target=f"{target}.")

    def fail(self, name):
        """Answers SERVFAIL for a name."""
        self._post("set-servfail", host=f"{name}.")

    def questions(self, name):
        """What was asked about a name so far."""
        return self._post("dns-request-history", host=name)

    def end(self):
        self.child.end()


class ACME:
    """`url` is the directory as clients are given it, `ca` what they trust over HTTPS, and `root` what the
    certificates descend from.

    pebble looks for answers to http-01 and tls-alpn-01 at the ports of two doors, which `lead_to` opens: each of its
    questions then goes to the next of the servers. `nonce_reject` is how many of a hundred good nonces it refuses,
    `authz_reuse` how many of a hundred authorizations it takes again, `external_accounts` the MAC keys by their
    identifiers, which are then required, and `alternate_roots` how many chains more it offers. `dns` is the port of a
    server of DNS that it asks instead of `names`.
    """

    def __init__(self, directory, authority, nonce_reject=0, authz_reuse=0, external_accounts=None,
                 alternate_roots=0, environment=None, dns=None):
        self.dns = dns
        self.directory, self.authority, self.ca = directory, authority, authority.pem
        directory.mkdir()
        self.things = []
        try:
            self.http, self.tls = self._keep(Gate()), self._keep(Gate())
            self.names = self._keep(Names())
            self._start({
                "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": str(nonce_reject),
                "PEBBLE_AUTHZREUSE": str(authz_reuse), "PEBBLE_ALTERNATE_ROOTS": str(alternate_roots),
                **(environment or {})}, external_accounts)
            self.relay = self._keep(Relay(authority, self.port))
        except BaseException:
            self.end()
            raise
        self.url = f"{self.relay.url}/dir"

    def _keep(self, thing):
        self.things.append(thing)
        return thing

    def _start(self, environment, external_accounts):
        issued = self.authority.issue("localhost", "127.0.0.1")
        self.port, self.management = free_port(), free_port()
        configuration = {
            "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(issued.chain), "privateKey": str(issued.key), "httpPort": self.http.port,
            "tlsPort": self.tls.port, "ocspResponderURL": "",
            "externalAccountBindingRequired": external_accounts is not None,
            "externalAccountMACKeys": external_accounts or {}}
        file = self.directory / "pebble.json"
        file.write_text(json.dumps({"pebble": configuration}))
        self.pebble = self._keep(Child(
            ["pebble", "-config", file, "-dnsserver", f"127.0.0.1:{self.dns or self.names.port}"],
            {**os.environ, **environment}))
        self.root = self.directory / "root.pem"
        eventually(self._take_root, "the root of pebble")

    def _take_root(self):
        """It is another at each start."""
        context = ssl.create_default_context(cafile=self.ca)
        try:
            with urllib.request.urlopen(
                    f"https://127.0.0.1:{self.management}/roots/0", timeout=PATIENCE, context=context) as answer:
                self.root.write_bytes(answer.read())
                return True
        except OSError:
            assert self.pebble.running, self.pebble.text
            return False

    def lead_to(self, *edges):
        """Has the authority find its answers at these edges, one after the other."""
        self.http.lead_to(*(edge.http_port for edge in edges))
        self.tls.lead_to(*(edge.port for edge in edges))

    def end(self):
        while self.things:
            self.things.pop().end()
