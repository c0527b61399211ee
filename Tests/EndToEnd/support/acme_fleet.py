"""A fleet that orders its certificates, and whoever orders for it at the moment."""

import json
import re
import subprocess
from base64 import b64decode

from .admin import ask, command
from .edge import binary
from .processes import PATIENCE, eventually

ACME = "/edgeproxy/acme/"
NAME = "app1.example.test"


def new_keys(file, name="first"):
    """Writes a file with one encryption key."""
    made = subprocess.run([binary(), "cert", "new-key", name], check=True, capture_output=True)
    file.write_bytes(made.stdout)
    file.chmod(0o600)
    return file


def section(ca, *certificates, **more):
    """The `acme` of a configuration: each certificate is its names, or all that is said of it."""
    wanted = [each if isinstance(each, dict) else {"names": [each] if isinstance(each, str) else each}
              for each in certificates]
    return {"terms_accepted": True, "contact": "ops@example.test", "ca": str(ca.ca),
            "issuers": [{"directory": ca.url}], "certificates": wanted, **more}


class Ordering:
    """`edges` that order from `ca`, and their etcd. What `ca` issues descends from the tests' own authority."""

    def __init__(self, cluster, ca, edges):
        self.cluster, self.ca, self.edges = cluster, ca, edges
        self.relay = ca.relay

    # What etcd says

    @property
    def holder(self):
        """The edge that issues; None while there is none."""
        node = self.cluster.get(ACME + "holder").decode()
        return next((edge for edge in self.edges if edge.configuration["node"] == node), None)

    def wait_for_holder(self, *but, seconds=PATIENCE):
        """The edge that issues, once it is none of these."""
        return eventually(lambda: self.holder not in (None, *but) and self.holder, "another edge issues", seconds)

    @property
    def others(self):
        holder = self.wait_for_holder()
        return [edge for edge in self.edges if edge is not holder]

    def records(self, below=""):
        """How often each record that lies in etcd was written, by its name."""
        found = self.cluster.control_json("get", ACME + below, "--prefix", "--keys-only").get("kvs", [])
        return {b64decode(each["key"]).decode().removeprefix(ACME): each["version"] for each in found}

    # What is served

    def issued(self, name=NAME, edges=None, but=None, seconds=PATIENCE):
        """The serial that all of the edges serve for the name, once it is another than `but`."""
        edges = edges or self.edges

        def same():
            serials = {shown(edge, name) for edge in edges}
            return len(serials) == 1 and not serials & {None, but} and serials.pop()

        return eventually(
            same, f"all serve a new {name}; the logs:\n" + "\n---\n".join(edge.child.text for edge in edges), seconds)

    def put(self, issued, name=NAME):
        """What an operator does."""
        done = subprocess.run(
            [binary(), "cert", "put", name, "--chain", issued.chain, "--key", issued.key, "--config",
             self.edges[0].file], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    # What is said

    def want(self, *certificates, edges=None, **more):
        """Reloads the edges with other certificates."""
        for edge in edges or self.edges:
            edge.reload({
                **edge.configuration, "acme": section(self.ca, *certificates, **more),
                "certificates": {"directory": None, **edge.configuration["certificates"]}})


def shown(edge, name):
    """The serial of the certificate that a client is shown; None where it is none for that name."""
    try:
        with edge.client(name) as client:
            if client.certificate & {name, "*." + name.partition(".")[2]}:
                return int(client.socket.getpeercert()["serialNumber"], 16)
    except OSError:
        pass  # the port is closed until there is a certificate
    return None


def report(edge):
    """What `edgeproxy acme status` tells programs, and its exit status."""
    code, text, problem = command(edge, "acme", "status", "--json")
    assert code in (0, 1), problem
    return code, json.loads(text)


def row(edge, name=NAME):
    """What is said of one certificate."""
    return next(each for each in report(edge)[1]["certificates"] if each["name"] == name)


def answered(edge):
    """How many questions of CAs it has answered."""
    text = ask(edge.admin, "/metrics").body.decode()
    return sum(int(number) for number in re.findall(r"^edgeproxy_acme_challenges_answered_total\S* (\d+)", text, re.M))
