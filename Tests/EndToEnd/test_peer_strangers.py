"""Who comes to `listen.peers` without belonging to the fleet, and what those who do may not ask for."""

import os
import select
import socket
import ssl

import pytest

from support.admin import status
from support.client import open_socket, receive
from support.http2 import Peer
from support.joined import NODE, command, join
from support.processes import eventually

PEERS_MAX = 20
PIPE = "edgeproxy-node"


@pytest.fixture
def fleet(edge, etcd, directory, uwsgi):
    """Two joined servers; the instance of app1 is at the second, and workers of the first have sessions with it."""
    upstreams = {"app1": {"nodes": [NODE], "everywhere": True}}
    edges = join(edge, etcd(), directory, upstreams, limits={"connections_per_address": PEERS_MAX})
    edges.place(1, uwsgi(processes=2).address)
    for _ in range(20):
        assert edges[0].request(path="/up").status == 200
    return edges


def port(running):
    return int(running.configuration["listen"]["peers"][0].rpartition(":")[2])


def of_member(running, protocols=("h2",), version=ssl.TLSVersion.TLSv1_3):
    """The context of a client that has this server's certificate and key."""
    place = running.directory / "state" / "peers"
    context = ssl.create_default_context(cafile=place / "authority.pem")
    context.check_hostname = False
    context.maximum_version = version
    context.load_cert_chain(place / "certificate.pem", place / "key.pem")
    context.set_alpn_protocols(list(protocols))
    return context


def heard_over_tls(running, context, said=b""):
    """What comes over TLS until the server ends the connection."""
    with open_socket(port(running)) as bare:
        try:
            with context.wrap_socket(bare, server_hostname="edge2") as secure:
                secure.sendall(said)
                heard = b""
                while part := receive(secure):
                    heard += part
                return heard
        except (ssl.SSLError, ConnectionError):
            return b""


def heard_in_clear(running, said):
    with open_socket(port(running)) as one:
        heard = b""
        try:
            one.sendall(said)
            one.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        while part := receive(one):
            heard += part
        return heard


def without_certificate(_, __):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


def with_a_certificate_of_another_authority(_, wildcard):
    context = without_certificate(None, None)
    context.load_cert_chain(wildcard.chain, wildcard.key)
    return context


def in_tls_1_2(member, _):
    return of_member(member, version=ssl.TLSVersion.TLSv1_2)


def in_http_1(member, _):
    return of_member(member, protocols=("http/1.1",))


@pytest.mark.parametrize("context", [
    without_certificate, with_a_certificate_of_another_authority, in_tls_1_2, in_http_1])
def test_who_does_not_prove_to_belong_to_the_fleet_hears_nothing(fleet, wildcard, context):
    said = b"GET /up HTTP/1.1\r\nHost: app1.example.test\r\n\r\n"
    assert heard_over_tls(fleet[1], context(fleet[0], wildcard), said) == b""
    assert fleet[0].request(path="/up").status == 200


@pytest.mark.parametrize("said", [
    b"GET /up HTTP/1.1\r\nHost: app1.example.test\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    b"\x16\x03\x01\xff\xff" + os.urandom(4000),
    os.urandom(4000),
], ids=["http", "http2", "broken-hello", "noise"])
def test_who_speaks_no_tls_is_not_served(fleet, said):
    # An alert may come, in TLS's own framing, and nothing else.
    assert heard_in_clear(fleet[1], said)[:1] in (b"", b"\x15")
    assert fleet[0].request(path="/up").status == 200


def test_silent_strangers_are_bounded_and_servers_of_the_fleet_are_not(fleet):
    crowd = [open_socket(port(fleet[1])) for _ in range(2 * PEERS_MAX)]
    try:
        # Long before the time for a handshake is over.
        eventually(lambda: len(select.select(crowd, [], [], 0)[0]) >= PEERS_MAX, "the others are refused", seconds=5)
        # The servers have the strangers' address here: what was open goes on.
        assert fleet[0].request(path="/up").status == 200
    finally:
        for one in crowd:
            one.close()


def test_a_server_of_the_fleet_may_have_more_connections_than_a_client(fleet):
    context = of_member(fleet[0])
    members = []
    try:
        for _ in range(2 * PEERS_MAX):
            # The context of the test's own authority is not used where another is given.
            members.append(Peer(port(fleet[1]), None, context=context))
            members[-1].greet()
    finally:
        for one in members:
            one.close()


def pipe(address):
    return [(":method", "CONNECT"), (":protocol", PIPE), (":scheme", "https"), (":path", "/"),
            (":authority", "edge2"), ("node", address)]


def questions(fleet):
    """What a member asks for that is no pipe to a node of the second server's own."""
    admin, https = fleet[1].configuration["listen"]["admin"], fleet[1].configuration["listen"]["https"][0]
    yield "a page", [(":method", "GET"), (":scheme", "https"), (":path", "/up"), (":authority", "app1.example.test")]
    yield "the health", [(":method", "GET"), (":scheme", "https"), (":path", "/healthz"), (":authority", "edge2")]
    yield "a websocket", [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/"),
                          (":authority", "app1.example.test")]
    yield "the administration", pipe(admin)
    yield "the port of https", pipe(https)
    yield "the first server's instance", pipe(f"edge1/{NODE}")
    yield "another file", pipe("unix:/etc/passwd")
    yield "another way to write it", pipe(NODE.replace("/cwd/", "/cwd/./"))
    yield "a name", pipe("localhost:22")
    yield "nothing", pipe("")
    yield "much", pipe("x" * 8000)
    yield "no node", pipe(NODE)[:-1]
    yield "bytes that are no text", pipe(b"unix:\xff\xfe")


def test_a_server_of_the_fleet_gets_pipes_to_nodes_and_nothing_else(fleet):
    with Peer(port(fleet[1]), None, context=of_member(fleet[0])) as member:
        member.greet()
        for what, fields in questions(fleet):
            answer = member.answer(member.start(fields=fields))
            assert answer.status in (403, 404, 501) or answer.reset, f"{what}: {answer}"
            assert not answer.body, what
        allowed = member.start(fields=pipe(NODE), end_stream=False)
        member.wait_for(lambda: member.answers.get(allowed) and member.answers[allowed].heads)
        assert member.answers[allowed].status == 200
        assert not member.closed and not member.goaways
    assert fleet[0].request(path="/up").status == 200


def test_a_server_that_was_removed_is_told_of_once_however_often_it_comes(fleet):
    context = of_member(fleet[0])
    command(fleet[1], "remove", "edge1")
    eventually(lambda: not status(fleet[1])["peers"]["servers"], "the removal")
    for _ in range(30):
        assert heard_over_tls(fleet[1], context, b"PRI * HTTP/2.0") == b""
    text = "whose certificate no server of the fleet has"
    fleet[1].child.wait_for_line(text)
    # Each worker tells once in a minute.
    assert 1 <= fleet[1].child.text.count(text) <= 2
    assert "source=127.0.0.1" in fleet[1].child.text
