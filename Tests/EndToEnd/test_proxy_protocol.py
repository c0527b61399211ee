"""Load balancers that say whose connection they pass on, and others who would like to."""

import ssl

import pytest

from support.client import Client, Cut
from support.proxyprotocol import LOCAL, Announced, binary, line

LISTED, UNLISTED = ["127.0.0.0/8"], ["192.0.2.0/24"]


@pytest.fixture
def listening(edge, scripted):
    """listening(listed, **configuration): a proxy and the application behind it."""

    def make(listed=LISTED, **configuration):
        peer = scripted()
        listen = {"proxy_protocol": listed, **configuration.pop("listen", {})}
        return edge({"app1": [peer.address]}, listen=listen, workers=1, **configuration), peer

    return make


@pytest.mark.parametrize("header, client", [
    (line("192.0.2.7"), "192.0.2.7"), (line("2001:db8::7"), "2001:db8::7"),
    (binary("192.0.2.7"), "192.0.2.7"), (binary("2001:db8::7"), "2001:db8::7"),
    (binary("192.0.2.7", vectors=b"\x02\x00\x04host" + b"\xea\x00\x64" + b"v" * 100), "192.0.2.7"),
], ids=["line", "line with IPv6", "binary", "binary with IPv6", "binary with more"])
def test_the_announced_client_is_the_client(listening, header, client):
    running, peer = listening()
    with Announced(running.port, header, authority=running.authority) as announced:
        assert announced.request().status == 200
        assert announced.request().status == 200
    for request in peer.requests:
        told = request.environ
        assert (told["REMOTE_ADDR"], told["REMOTE_PORT"]) == (client, "4711")
        assert told["HTTP_X_FORWARDED_FOR"] == client
        assert (told["SERVER_ADDR"], told["SERVER_PORT"]) == ("127.0.0.1", str(running.port))
    running.drain()
    running.child.wait()
    assert [entry["client"] for entry in running.access_entries()] == [client, client]


def test_the_header_may_come_in_pieces(listening):
    running, peer = listening()
    for header in (line("192.0.2.7"), binary("192.0.2.7", vectors=b"\x04\x00\x02ab")):
        pieces = [header[at : at + 1] for at in range(len(header))]
        with Announced(running.port, *pieces, authority=running.authority) as announced:
            assert announced.request().status == 200
    assert {request.environ["REMOTE_ADDR"] for request in peer.requests} == {"192.0.2.7"}


@pytest.mark.parametrize("header", [LOCAL, b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN a b c d\r\n"])
def test_a_balancer_that_asks_for_itself_keeps_its_address(listening, header):
    running, peer = listening()
    with Announced(running.port, header, authority=running.authority) as announced:
        assert announced.request(path="/healthz").body == b"ok\n"
        assert announced.request().status == 200
    assert peer.requests[0].environ["REMOTE_ADDR"] == "127.0.0.1"


def test_plain_http_is_announced_too(listening):
    running, _ = listening()
    with Announced(running.http_port, line("192.0.2.7") + b"GET /healthz HTTP/1.1\r\n\r\n") as announced:
        assert announced.read_response().body == b"ok\n"


def test_a_listed_source_without_a_header_is_refused(listening):
    running, peer = listening()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Client(running.port, authority=running.authority)
    with Client(running.http_port) as client:
        client.send("GET /healthz HTTP/1.1\r\n\r\n")
        assert client.at_end()
    running.child.wait_for_line("no usable PROXY header")
    assert not peer.requests


@pytest.mark.parametrize("header", [
    b"PROXY TCP4 192.0.2.7 127.0.0.1 1 2\n" + b"x" * 100, b"PROXY TCP9 a b 1 2\r\n",
    b"PROXY UNKNOWN " + b"x" * 200, binary("192.0.2.7", vectors=b"\x04\x00\x05abcd"),
    binary("192.0.2.7", vectors=b"\x04\x0f"), LOCAL[:12] + b"\x21\x31\x00\xd8" + b"/" * 216,
    LOCAL[:12] + b"\x21\x11\xff\xff", LOCAL[:12] + b"\x31\x11\x00\x00",
])
def test_a_broken_header_ends_the_connection(listening, header):
    running, peer = listening()
    with Announced(running.http_port, header) as announced:
        assert announced.at_end()
    assert not peer.requests


def test_an_unlisted_source_cannot_announce_anybody(listening):
    running, peer = listening(UNLISTED)
    for header in (line("192.0.2.7"), binary("192.0.2.7")):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            Announced(running.port, header, authority=running.authority)
        with Announced(running.http_port, header + b"GET /healthz HTTP/1.1\r\n\r\n") as announced:
            assert announced.read_response().status == 400
    assert running.request().status == 200
    assert peer.requests[0].environ["REMOTE_ADDR"] == "127.0.0.1"


def test_a_header_that_does_not_come_is_waited_for_as_long_as_a_handshake(listening):
    running, _ = listening(timeouts={"handshake": "200ms"})
    for start in (b"", b"PROXY TCP4 192"):
        with Announced(running.port, start) as announced:
            assert announced.at_end()


def test_connections_are_counted_by_the_announced_client(listening):
    running, _ = listening(limits={"connections_per_address": 2})

    def announce(client):
        return Announced(running.port, line(client), authority=running.authority)

    with announce("2001:db8::1"), announce("2001:db8::2") as second, announce("192.0.2.1"), announce("192.0.2.2"):
        # One /64 is one client.
        with pytest.raises((ssl.SSLError, ConnectionError, Cut)):
            announce("2001:db8::3").request()
        with announce("2001:db8:0:1::1") as other:
            assert other.request(path="/healthz").status == 200
        assert second.request(path="/healthz").status == 200
    with announce("2001:db8::3") as again:
        assert again.request(path="/healthz").status == 200
