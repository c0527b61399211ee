"""Servers that cannot ask etcd go by what the other edges say of their https ports: never are too many closed."""

import time

import pytest

from support.admin import status
from support.joined import NODE, join
from support.processes import eventually
from support.uwsgi import ScriptedUWSGI
from test_the_port import closed_ports, is_open

LISTEN = {"close_when_unable": "fleet", "close_after": "1s", "open_after": "200ms"}


def fleet(edge, cluster, directory, ending, count):
    """Edges that know each other and serve, with an instance for each; and the instances."""
    edges = join(edge, cluster, directory, {"app1": {"nodes": [NODE], "hold": "100ms"}}, count, listen=LISTEN)
    instances = []
    for number in range(count):
        place = directory / f"node{number}"
        place.mkdir()
        instances.append(ScriptedUWSGI(directory=place))
        ending.append(instances[-1])
        edges.place(number, instances[-1].address)
    eventually(lambda: not closed_ports(edges), "all ports open")
    eventually(lambda: all(status(each)["port"]["fleet_servers"] == count for each in edges), "they know each other")
    return edges, instances


@pytest.fixture
def servers(edge, etcd, directory, ending):
    """servers(count): the same, and etcd is gone."""

    def make(count):
        cluster = etcd()
        made = fleet(edge, cluster, directory, ending, count)
        cluster.kill()
        return made

    return make


def settled(edges, count):
    """The edges whose ports are closed, once they have been so many, and the same, for a second."""
    since, last = time.monotonic(), None

    def have_settled():
        nonlocal since, last
        now = closed_ports(edges)
        if now != last or len(now) != count:
            since, last = time.monotonic(), now
        return time.monotonic() - since > 1

    eventually(have_settled, f"{count} closed ports")
    return last


@pytest.mark.parametrize("count", [2, 3, 5])
def test_when_no_server_can_serve_at_most_half_close(servers, count):
    edges, instances = servers(count)
    for instance in instances:
        instance.stop()
    closed = settled(edges, count // 2)
    for each in edges:
        if each not in closed:
            assert each.request().status == 503
    for instance in instances:
        instance.start()
    eventually(lambda: not closed_ports(edges), "all ports open again")


@pytest.mark.parametrize("number", [0, 2])
def test_one_that_cannot_serve_closes_whatever_its_name(servers, number):
    edges, instances = servers(3)
    begun = time.monotonic()
    instances[number].stop()
    eventually(lambda: closed_ports(edges) == [edges[number]], "its port closes")
    assert time.monotonic() - begun < 3
    instances[number].start()
    eventually(lambda: not closed_ports(edges), "it opens again")


def test_while_half_are_closed_the_next_stays_open(servers):
    edges, instances = servers(4)
    for number in (2, 3):
        instances[number].stop()
    assert settled(edges, 2) == edges[2:]
    instances[0].stop()
    assert edges[0].request().status == 503
    assert settled(edges, 2) == edges[2:]
    # One that can serve again makes room.
    instances[3].start()
    assert settled(edges, 2) == [edges[0], edges[2]]


def test_a_majority_that_is_lost_is_no_agreement_either(edge, etcd, directory, ending):
    cluster = etcd(3)
    edges, instances = fleet(edge, cluster, directory, ending, 4)
    for member in cluster.members[1:]:
        member.kill()
    for instance in instances:
        instance.stop()
    settled(edges, 2)


def test_what_etcd_said_last_of_a_server_counts_no_more_once_the_server_says_otherwise(edge, etcd, directory, ending):
    cluster = etcd()
    edges, instances = fleet(edge, cluster, directory, ending, 4)
    for instance in instances:
        instance.stop()
    settled(edges, 2)
    # In etcd all four want to close, and stay so.
    eventually(lambda: all(status(each)["port"]["fleet_servers_unable"] == 4 for each in edges), "all want to close")
    cluster.kill()
    for instance in instances:
        instance.start()
    eventually(lambda: not closed_ports(edges), "all ports open")
    instances[3].stop()
    assert settled(edges, 1) == edges[3:]
    for instance in instances[:3]:
        instance.stop()
    settled(edges, 2)


def test_one_that_was_restarted_knows_that_there_are_others_and_closes(servers):
    edges, instances = servers(2)
    first = edges[0]
    first.child.end()
    first.start()
    assert first.request().status == 200
    assert status(first)["port"]["fleet_servers"] == 0
    instances[0].stop()
    assert settled(edges, 1) == [first]


def test_one_that_starts_while_half_are_closed_opens(servers):
    edges, instances = servers(2)
    for instance in instances:
        instance.stop()
    # The one that noticed first has closed.
    closed = settled(edges, 1)
    (other,) = [each for each in edges if each not in closed]
    other.drain()
    other.child.wait()
    other.start()
    eventually(lambda: is_open(other.port), "its port opens")
    assert other.request().status == 503
