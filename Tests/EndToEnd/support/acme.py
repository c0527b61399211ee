"""A real CA on the loopback: pebble, and the DNS in which it looks names up."""

import base64
import json
import pathlib
import socket
import ssl
import urllib.request

from .etcd_cluster import free_port
from .processes import Child, eventually

PEBBLE, NAMES = "pebble", "pebble-challtestsrv"
EXTERNAL_KEY = base64.urlsafe_b64encode(b"k" * 32).decode().rstrip("=")


class Names:
    """The DNS of the CA: every name leads to `address` until a test says otherwise."""

    def __init__(self, address="127.0.0.1"):
        self.dns_port, self.management_port = free_port(), free_port()
        self.child = Child([
            NAMES, "-management", f"127.0.0.1:{self.management_port}", "-dns01", f"127.0.0.1:{self.dns_port}",
            "-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv4", address, "-defaultIPv6", ""])
        eventually(lambda: self._listens(), f"the DNS of the CA answers:\n{self.child.text}")

    def _listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.management_port), 1).close()
            return True
        except OSError:
            return False

    @property
    def management(self):
        return f"http://127.0.0.1:{self.management_port}"

    def tell(self, what, **values):
        request = urllib.request.Request(f"{self.management}/{what}", json.dumps(values).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.read()

    def lead(self, name, *addresses):
        """The name leads to these addresses from now on."""
        self.tell("add-a", host=f"{name}.", addresses=list(addresses))

    def end(self):
        self.child.end()


class Pebble:
    """pebble with a certificate of `authority`, which `ca` names. It looks at `http_port` and `tls_port` of names.

    `rejected` is how many of a hundred nonces it refuses, `reused` how many authorizations it takes again."""

    def __init__(self, directory, authority, names, http_port=None, tls_port=None, rejected=0, reused=0,
                 external=False, validity=None, **settings):
        directory.mkdir(parents=True, exist_ok=True)
        self.names, self.ca = names, authority.pem
        self.port, self.management_port = free_port(), free_port()
        self.http_port, self.tls_port = http_port or free_port(), tls_port or free_port()
        issued = authority.issue("localhost", "127.0.0.1")
        values = {
            "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management_port}",
            "certificate": str(issued.chain), "privateKey": str(issued.key), "httpPort": self.http_port,
            "tlsPort": self.tls_port, "ocspResponderURL": "", "externalAccountBindingRequired": external,
            "externalAccountMACKeys": {"kid-1": EXTERNAL_KEY} if external else {}, **settings}
        if validity:
            values["certificateValidityPeriod"] = validity
        self.file = directory / "pebble.json"
        self.file.write_text(json.dumps({"pebble": values}))
        self.environment = {"PATH": "/usr/bin:/bin", "PEBBLE_VA_NOSLEEP": "1",
                            "PEBBLE_WFE_NONCEREJECT": str(rejected), "PEBBLE_AUTHZREUSE": str(reused)}
        self.context = ssl.create_default_context(cafile=authority.pem)
        self.child = None
        self.start()

    def start(self):
        self.child = Child([PEBBLE, "-config", self.file, "-dnsserver", f"127.0.0.1:{self.names.dns_port}"],
                           self.environment)
        eventually(self._answers, f"the CA answers:\n{self.child.text}")

    def _answers(self):
        try:
            return self.get(self.directory)
        except OSError:
            return None

    @property
    def directory(self):
        return f"https://127.0.0.1:{self.port}/dir"

    def get(self, url):
        with urllib.request.urlopen(url, timeout=5, context=self.context) as answer:
            return answer.read()

    @property
    def root(self):
        """What a client trusts that is shown a certificate of this CA: another one at each start."""
        return self.get(f"https://127.0.0.1:{self.management_port}/roots/0").decode()

    def trusted(self, place):
        """The root as a file."""
        file = pathlib.Path(place) / "issuer-root.pem"
        file.write_text(self.root)
        return file

    def issuer(self, **more):
        """For `acme.issuers`."""
        return {"directory": self.directory, **more}

    def count(self, words):
        return sum(words in line for line in self.child.lines)

    @property
    def orders(self):
        """How many orders it took."""
        return self.count("order to the db")

    @property
    def issued(self):
        """How many certificates it issued."""
        return self.count("Issued certificate serial")

    def end(self):
        self.child.end()


def hook(place, names):
    """A program that puts values into the CA's DNS, as lego calls one."""
    file = place / "dns-hook"
    file.write_text(f"""#!/bin/sh
case "$1" in
  present) exec curl --silent --fail --data "{{\\"host\\": \\"$2\\", \\"value\\": \\"$3\\"}}" {names.management}/set-txt ;;
  cleanup) exec curl --silent --fail --data "{{\\"host\\": \\"$2\\"}}" {names.management}/clear-txt ;;
esac
exit 2
""")
    file.chmod(0o755)
    return file
