"""Certificates by dns-01 through the zone that the fleet answers itself: no provider has to be told anything."""

from types import SimpleNamespace

import pytest

from support.acme_edges import report
from support.acme_fleet import new_keys
from support.admin import command
from support.client import client_context
from support.names import PARENT, RESOLVER_PORT, ZONE, resolve
from support.processes import eventually

BASE = f"wild.{PARENT}"
WILDCARD, CHALLENGE = f"*.{BASE}", f"_acme-challenge.{BASE}"
OURS = f"{CHALLENGE}.{ZONE}"


@pytest.fixture
def ordering_names(named, acme, directory):
    """ordering_names(count=3): a fleet that orders a wildcard, and the CA, which asks the resolver."""

    def make(count=3, hold=None):
        ca = acme(dns=RESOLVER_PORT)
        start = ca.relay.hold("directory")
        held = ca.relay.hold(hold) if hold else None
        fleet = named(count, delegated=False, acme={
            "terms_accepted": True, "ca": str(ca.ca), "issuers": [{"directory": ca.url}], "dns": "fleet",
            "certificates": [{"names": [WILDCARD]}]}, certificates={"etcd": {}}, etcd_more={
                "encryption_keys": str(new_keys(directory / "encryption.keys"))})
        # It keeps nothing, so that what it was told of one order is not what it tells of the next.
        fleet.delegate(f"{CHALLENGE}. CNAME {OURS}.", options=["cache-max-ttl: 0", "cache-max-negative-ttl: 0"])
        start.release()
        return fleet, ca, held

    return make


def shown(server, ca):
    """The serial of the CA's certificate that a client is shown; None while it is another."""
    try:
        with server.client(f"any.{BASE}", context=client_context(SimpleNamespace(pem=ca.root))) as client:
            return client.socket.getpeercert()["serialNumber"]
    except OSError:
        return None


def issued(fleet, ca, but=None, seconds=30):
    """The serial that all servers that are there show, once it is another."""
    def same():
        serials = {shown(server, ca) for server in fleet.others()}
        return len(serials) == 1 and not serials & {None, but} and serials.pop()

    return eventually(same, "all show a new certificate; the logs:\n" + "\n---\n".join(
        server.edge.child.text for server in fleet), seconds)


def texts(server):
    answer = server.ask(OURS, "TXT")
    return answer and (answer.status, sorted(answer.of("TXT")))


def test_a_wildcard_is_ordered_with_nobodys_key_and_its_values_are_gone_afterwards(ordering_names):
    fleet, ca, _ = ordering_names()
    first = issued(fleet, ca)
    for server in fleet:
        # The name is there, with nothing in it: a resolver that has asked too early asks soon again.
        eventually(lambda server=server: texts(server) == ("NOERROR", []), "no value is left")
    code, text, problem = command(fleet[0].edge, "acme", "renew", WILDCARD)
    assert code == 0, text + problem
    issued(fleet, ca, but=first)
    # Values that nobody takes away would be sixteen one day, and no CA reads so many.
    for server in fleet:
        eventually(lambda server=server: texts(server) == ("NOERROR", []), "no value is left")
    assert ca.relay.count("newOrder") == 2


def test_every_server_answers_with_the_value_before_the_ca_is_told_to_ask(ordering_names):
    fleet, ca, held = ordering_names(hold="challenge")
    held.wait()
    told = [texts(server) for server in fleet]
    assert len({str(each) for each in told}) == 1, told
    status, values = told[0]
    assert status == "NOERROR" and len(values) == 1
    # A resolver that asks now finds it too, wherever it asks.
    assert resolve(CHALLENGE, "TXT").of("TXT") == values
    held.release()
    issued(fleet, ca)


def test_names_between_the_zone_and_a_challenge_are_there_and_empty(ordering_names):
    """A resolver that asks name by name would otherwise hear that there is nothing below."""
    fleet, ca, _ = ordering_names()
    for name in (OURS, f"{BASE}.{ZONE}", f"{PARENT}.{ZONE}", f"test.{ZONE}"):
        for server in fleet:
            answer = server.ask(name, "A")
            assert (answer.status, answer.answers) == ("NOERROR", []), answer.text
    assert fleet[0].ask(f"_acme-challenge.other.test.{ZONE}", "TXT").status == "NXDOMAIN"
    issued(fleet, ca)


def test_a_wildcard_is_ordered_while_one_of_the_servers_is_a_black_hole(ordering_names):
    fleet, ca, _ = ordering_names()
    first = issued(fleet, ca)
    fleet[2].hang()
    code, text, problem = command(fleet[0].edge, "acme", "renew", WILDCARD)
    assert code == 0, text + problem
    issued(fleet, ca, but=first, seconds=60)
    fleet[2].go_on()
    issued(fleet, ca, but=first)
    assert report(fleet[2].edge)["certificates"][0]["state"] == "served"


def test_the_resolver_follows_the_name_of_a_challenge_to_the_fleet(ordering_names):
    fleet, ca, _ = ordering_names()
    answer = resolve(CHALLENGE, "TXT")
    assert (answer.status, answer.of("CNAME")) == ("NOERROR", [f"{OURS}."])
    issued(fleet, ca)
