"""The port is open exactly while this server can serve."""

import errno
import socket
import time

from support.admin import status
from support.processes import eventually


def is_open(port):
    with socket.socket() as probe:
        code = probe.connect_ex(("127.0.0.1", port))
        assert code in (0, errno.ECONNREFUSED), errno.errorcode[code]
        return code == 0


def test_the_port_closes_while_nothing_can_be_served_and_opens_again(edge, scripted):
    peer = scripted()
    running = edge(
        {"app1": {"nodes": [peer.address], "hold": "100ms"}},
        listen={"close_when_unable": "always", "close_after": "200ms", "open_after": "200ms"})
    eventually(lambda: is_open(running.port), "the port opens")
    assert running.request().status == 200
    peer.stop()
    assert running.request().status == 503
    eventually(lambda: not is_open(running.port), "the port closes")
    with running.plain_client() as monitor:
        response = monitor.request(path="/healthz")
        assert (response.status, response.body.strip()) == (503, b"no-backend")
    peer.start()
    eventually(lambda: is_open(running.port), "the port opens again")
    assert running.request().status == 200


def test_a_lone_server_keeps_its_port_open_and_answers_503(edge, scripted):
    peer = scripted()
    peer.stop()
    running = edge({"app1": {"nodes": [peer.address], "hold": "50ms"}},
                   listen={"close_after": "50ms"})
    for _ in range(5):
        assert running.request().status == 503


def test_the_port_stays_closed_until_there_is_a_certificate(edge, scripted, authority):
    expired = authority.issue("*.example.test", begins=-3, ends=-1)
    running = edge({"app1": [scripted().address]}, issued={"expired": expired}, wait=False)
    eventually(lambda: is_open(running.http_port), "the plain port opens")
    with running.plain_client() as monitor:
        response = monitor.request(path="/healthz")
        assert (response.status, response.body.strip()) == (503, b"no-certificate")
    assert not is_open(running.port)


def closed_ports(edges):
    return [each for each in edges if not is_open(each.port)]


def test_at_most_half_of_a_fleet_closes_when_no_server_can_serve(etcd, fleet, wildcard):
    cluster = etcd()
    cluster.publish("site", wildcard)
    edges = fleet(cluster, 4, listen={"close_after": "300ms", "open_after": "200ms"})
    eventually(lambda: not closed_ports(edges), "all ports open")
    backends = edges.backends
    for backend in backends:
        backend.stop()
    eventually(lambda: len(closed_ports(edges)) == 2, "two of four ports close")
    for each in edges:
        if is_open(each.port):
            assert each.request().status == 503
    closed = closed_ports(edges)
    # A server that serves no more makes the half smaller, and one of the closed is needed.
    next(each for each in edges if each not in closed).drain()
    eventually(lambda: len(closed_ports(closed)) == 1, "one of the closed opens again")
    for backend in backends:
        backend.start()
    eventually(lambda: not closed_ports([each for each in edges if each.child.running]), "all open again")


def test_one_server_that_cannot_serve_closes_and_the_others_stay(etcd, fleet, wildcard):
    cluster = etcd()
    cluster.publish("site", wildcard)
    edges = fleet(cluster, 3, own_backends=True, listen={"close_after": "300ms", "open_after": "200ms"})
    eventually(lambda: not closed_ports(edges), "all ports open")
    edges.backends[1].stop()
    eventually(lambda: closed_ports(edges) == [edges[1]], "its port closes")
    edges.backends[1].start()
    eventually(lambda: not closed_ports(edges), "its port opens again")


def test_without_etcd_a_server_goes_by_what_it_knew(etcd, fleet, wildcard):
    cluster = etcd()
    cluster.publish("site", wildcard)
    edges = fleet(cluster, 3, own_backends=True, listen={"close_after": "300ms", "open_after": "200ms"})
    eventually(lambda: not closed_ports(edges), "all ports open")
    edges.backends[0].stop()
    eventually(lambda: closed_ports(edges) == [edges[0]], "its port closes")
    cluster.kill()
    edges.backends[1].stop()
    assert edges[1].request().status == 503
    with edges[1].plain_client() as monitor:
        eventually(lambda: monitor.request(path="/healthz").body.strip() == b"no-backend", "it knows")
    assert closed_ports(edges) == [edges[0]]


def test_a_server_that_cannot_serve_and_cannot_ask_etcd_closes_too(etcd, fleet, wildcard):
    cluster = etcd()
    cluster.publish("site", wildcard)
    edges = fleet(cluster, 2, own_backends=True, listen={"close_after": "300ms", "open_after": "200ms"})
    eventually(lambda: not closed_ports(edges), "all ports open")
    eventually(lambda: all(status(each)["port"]["fleet_servers"] == 2 for each in edges), "they know each other")
    cluster.kill()
    edges.backends[0].stop()
    eventually(lambda: closed_ports(edges) == [edges[0]], "its port closes")
    edges.backends[0].start()
    eventually(lambda: not closed_ports(edges), "its port opens again")


def test_a_member_of_etcd_that_is_cut_off_from_the_others_holds_no_port_open(etcd, fleet, wildcard):
    cluster = etcd(3)
    cluster.publish("site", wildcard)
    edges = fleet(cluster, 2, own_backends=True, etcd_more={"endpoints": cluster.endpoints[:1]},
                  listen={"close_after": "300ms"})
    eventually(lambda: not closed_ports(edges), "all ports open")
    eventually(lambda: all(status(each)["port"]["fleet_servers"] == 2 for each in edges), "they know each other")
    # The first keeps its watches for three election timeouts, of a second each.
    for member in cluster.members[1:]:
        member.kill()
    began = time.monotonic()
    edges.backends[0].stop()
    eventually(lambda: closed_ports(edges) == [edges[0]], "its port closes")
    assert time.monotonic() - began < 3


def test_a_server_that_knows_of_no_other_stays_open(etcd, fleet, wildcard):
    cluster = etcd()
    cluster.publish("site", wildcard)
    edges = fleet(cluster, 1, listen={"close_after": "100ms", "open_after": "100ms"})
    eventually(lambda: not closed_ports(edges), "the port opens")
    cluster.kill()
    edges.backends[0].stop()
    assert [edges[0].request().status for _ in range(5)] == [503] * 5
    assert not closed_ports(edges)
