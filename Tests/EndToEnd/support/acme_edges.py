"""Edges that order their certificates from an authority of a test."""

import json
import ssl
from dataclasses import dataclass

from .admin import ask
from .client import Client
from .processes import Timeout, eventually

NAME = "app1.example.test"


@dataclass
class Shown:
    """What a server shows to a client that trusts `pem` only."""
    serial: str
    names: set
    key: str


def settings(authority, *names, **more):
    """The section `acme` with one certificate for `names`; without names only what is in `more`."""
    wanted = {"certificates": [{"names": list(names)}]} if names else {}
    return {"terms_accepted": True, "ca": str(authority.ca), "issuers": [authority.url], **wanted, **more}


def shown(edge, authority, name=NAME, rsa=False):
    """What the server shows for a name; None where it is closed, or shows nothing of the authority's."""
    context = ssl.create_default_context(cafile=authority.root)
    context.set_alpn_protocols(["http/1.1"])
    if rsa:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("aRSA")
    try:
        with Client(edge.port, name, context=context) as client:
            found = client.socket.getpeercert()
            return Shown(found["serialNumber"], client.certificate, client.socket.cipher()[0])
    except OSError:
        return None


def served(edge, authority, name=NAME, other_than=None, seconds=20, **options):
    """Waits until the authority's certificate for a name is shown, or one with another serial number."""
    def found():
        one = shown(edge, authority, name, **options)
        return one if one and one.serial != other_than else None

    try:
        return eventually(found, f"{name} is served with a certificate of the authority", seconds)
    except Timeout as timeout:
        raise Timeout(f"{timeout}; the output:\n{edge.child.text}") from None


def report(edge):
    """What the server says about its orders."""
    answer = ask(edge.admin, "/acme")
    assert answer.status == 200, answer
    return json.loads(answer.body)


def row(edge, name=NAME):
    """What it says about one certificate."""
    return next(each for each in report(edge)["certificates"] if each["name"] == name)


def killed(edge):
    """Kills the server, and starts it again, ready."""
    edge.child.kill()
    edge.notifications.drain()
    edge.start()


def metric(edge, name):
    """The values of a metric by what is between its braces."""
    text = ask(edge.admin, "/metrics").body.decode()
    found = [line.rpartition(" ") for line in text.splitlines() if line.startswith(f"edgeproxy_{name}")]
    return {line.partition("{")[2].rstrip("}"): float(value) for line, _, value in found}
