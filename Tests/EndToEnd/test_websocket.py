"""WebSocket through the proxy: real clients and servers, and everything that is no agreement to one."""

import asyncio
import os
import socket
import ssl
import threading

import pytest
import websockets

from support.client import client_context
from support.edge import install
from support.processes import eventually
from support.uwsgi import answer
from support.websocket import ECHO, EchoServer

MIB = 1 << 20
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ASKING = [("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
          ("Sec-WebSocket-Key", KEY)]
AGREED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\nX-Mine: 1\r\n\r\n"


@pytest.fixture(params=["uwsgi", "http"])
def echoing(request, edge, uwsgi, ending):
    """A proxy in front of an application that echoes, asked in either protocol."""
    if request.param == "uwsgi":
        node = uwsgi(options=["--wsgi-file", ECHO, "--processes", "4"])
    else:
        node = EchoServer()
        ending.append(node)
    running = edge({"app1": {"protocol": request.param, "nodes": [node.address]}}, workers=1)
    running.node = node
    return running


def connect(running, **options):
    options = {"ssl": h1_context(running.authority), "server_hostname": "app1.example.test", "host": "127.0.0.1",
               "port": running.port, "max_size": None, "ping_interval": None, **options}
    return websockets.connect("wss://app1.example.test/chat?room=1", **options)


def h1_context(authority):
    context = client_context(authority)
    context.set_alpn_protocols(["http/1.1"])
    return context


def text(message):
    """What uWSGI echoes is always binary."""
    return message if isinstance(message, str) else message.decode()


def tunnels(running):
    return [entry for entry in running.access_entries() if entry["status"] == 101]


# Whole conversations


def test_messages_come_back(echoing):
    async def talk():
        async with connect(echoing) as connection:
            for message in ("hello", "", "ä" * 70_000, b"\0\1\2", os.urandom(3 * MIB)[:900_000]):
                await connection.send(message)
                echoed = await connection.recv()
                assert (echoed if isinstance(message, bytes) else text(echoed)) == message

    asyncio.run(talk())
    [entry] = eventually(lambda: tunnels(echoing), "the line of the tunnel")
    assert entry["upstream"] == "app1" and entry["bytes_in"] > 900_000 and entry["bytes_out"] > 900_000


def test_many_conversations_at_once(echoing):
    count = 4

    async def talk(number):
        async with connect(echoing) as connection:
            for turn in range(50):
                await connection.send(f"{number} {turn} " + "x" * (turn * 100))
                echoed = await connection.recv()
                assert text(echoed).startswith(f"{number} {turn} ")

    async def all_of_them():
        await asyncio.gather(*(talk(number) for number in range(count)))

    asyncio.run(all_of_them())
    assert len(eventually(lambda: len(tunnels(echoing)) == count and tunnels(echoing), "all lines")) == count


def test_applications_over_uwsgi_see_what_they_need(edge, uwsgi):
    node = uwsgi(options=["--wsgi-file", ECHO])
    running = edge({"app1": [node.address]}, workers=1)

    async def talk():
        async with connect(running) as connection:
            await connection.send("environ")
            return await connection.recv()

    assert asyncio.run(talk()) == b"HTTP_UPGRADE=websocket HTTP_CONNECTION=Upgrade"
    assert running.request().body == b"no websocket\n"


def test_a_tunnel_survives_reload_and_new_certificates(echoing, authority):
    async def talk():
        async with connect(echoing) as connection:
            await connection.send("before")
            await connection.recv()
            await asyncio.to_thread(change)
            await connection.send("after")
            assert text(await connection.recv()) == "after"

    def change():
        configuration = dict(echoing.configuration)
        configuration["upstreams"] = {"app1": {"protocol": "uwsgi", "nodes": ["127.0.0.1:1"]}}
        echoing.reload(configuration)
        certificate = authority.issue("*.example.test", "example.test")
        install(certificate, echoing.certificates / "wildcard")
        serial = certificate_serial(certificate)
        eventually(lambda: served_serial(echoing) == serial, "the new certificate")

    asyncio.run(talk())


def certificate_serial(issued):
    return ssl._ssl._test_decode_cert(str(issued.chain))["serialNumber"]


def served_serial(running):
    with running.client() as client:
        return client.socket.getpeercert()["serialNumber"]


def test_a_tunnel_ends_when_its_backend_is_killed(edge, uwsgi):
    node = uwsgi(options=["--wsgi-file", ECHO])
    running = edge({"app1": [node.address]}, workers=1)

    async def talk():
        async with connect(running) as connection:
            await connection.send("hello")
            await connection.recv()
            await asyncio.to_thread(node.kill)
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(connection.recv(), 10)

    asyncio.run(talk())


# The agreement, byte by byte


def upgrading(connection, request):
    """Agrees, then echoes raw bytes in upper case until the end."""
    connection.sendall(AGREED + b"first")
    while part := connection.recv(65536):
        connection.sendall(part.upper())


@pytest.fixture(params=["uwsgi", "http"])
def peer(request, scripted, web):
    """peer(script): a scripted application in either protocol, and its upstream."""
    def make(script=upgrading, **settings):
        server = (scripted if request.param == "uwsgi" else web)(script)
        return server, {"protocol": request.param, "nodes": [server.address], **settings}
    return make


def ask(client, headers=ASKING, **options):
    client.send_request(headers=headers, **options)
    return client.read_head()


def test_bytes_right_behind_either_head_are_not_lost(edge, peer):
    server, upstream = peer()
    running = edge({"app1": upstream}, workers=1)
    with running.client() as client:
        lines = "".join(f"{name}: {value}\r\n" for name, value in ASKING)
        client.send(f"GET / HTTP/1.1\r\nHost: app1.example.test\r\n{lines}\r\n", "early")
        head = client.read_head()
        assert (head.status, head.get("Upgrade"), head.get("Connection")) == (101, "websocket", "Upgrade")
        assert head.get("X-Mine") == "1" and head.get("Content-Length") is None
        assert client.take(10) == b"firstEARLY"
        client.send(b"x" * 300_000)
        assert client.take(300_000) == b"X" * 300_000


def test_the_node_is_told_what_the_client_asked_for(edge, peer):
    server, upstream = peer()
    running = edge({"app1": upstream}, workers=1)
    with running.client() as client:
        headers = [("Connection", "Upgrade, X-Mine"), ("Upgrade", "h2c, WebSocket"), ("X-Mine", "1"), *ASKING[2:]]
        assert ask(client, headers).status == 101
    request = server.requests[0]
    if upstream["protocol"] == "uwsgi":
        assert request.environ["HTTP_UPGRADE"] == "websocket" and request.environ["HTTP_CONNECTION"] == "Upgrade"
        assert request.environ["HTTP_SEC_WEBSOCKET_KEY"] == KEY and "HTTP_X_MINE" not in request.environ
        assert "CONTENT_LENGTH" not in request.environ
    else:
        assert request.get_all("Upgrade") == ["websocket"] and request.get_all("Connection") == ["Upgrade"]
        assert request.get("Sec-WebSocket-Key") == KEY and request.get("X-Mine") is None
        assert request.get("Content-Length") is None


HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: app1.example.test\r\n\r\n"


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "426 Upgrade Required"])
def test_without_agreement_what_follows_is_requests_of_its_own(edge, peer, status):
    """Else a client could put past every check of ours what the node then takes for a request."""
    received = []

    def script(connection, request):
        target = request.target if hasattr(request, "target") else request.environ["REQUEST_URI"]
        received.append(target)
        connection.sendall(answer(target.encode(), status=status if target == "/" else "200 OK"))
        connection.settimeout(0.3)
        try:
            received.append(connection.recv(1000))
        except OSError:
            pass

    server, upstream = peer(script)
    running = edge({"app1": upstream}, workers=1)
    with running.client() as client:
        lines = "".join(f"{name}: {value}\r\n" for name, value in ASKING)
        client.send(f"GET / HTTP/1.1\r\nHost: app1.example.test\r\n{lines}\r\n", HIDDEN.replace(b"app1", b"app9"),
                    HIDDEN)
        assert client.read_response().status == int(status[:3])
        assert client.read_response().status == 404, "routed by its own Host"
        assert client.read_response().body == b"/hidden"
    assert received[0] == "/" and HIDDEN not in received and b"app9" not in repr(received).encode()


NOT_AGREED = {
    "another protocol": b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    "two protocols": b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    "no protocol": b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\n\r\n",
    "no connection": b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n",
}


@pytest.mark.parametrize("vector", NOT_AGREED)
def test_a_101_that_agrees_to_something_else_is_a_502(edge, peer, vector):
    def script(connection, request):
        connection.sendall(NOT_AGREED[vector])

    running = edge({"app1": peer(script)[1]}, workers=1)
    with running.client() as client:
        assert ask(client).status == 502


NOT_ASKED = {
    "POST": ("POST", ASKING, b"x"),
    "GET with a body": ("GET", ASKING, b"x"),
    "no Connection": ("GET", ASKING[1:], None),
    "no Upgrade": ("GET", ASKING[:1] + ASKING[2:], None),
    "h2c": ("GET", [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAA")], None),
}


@pytest.mark.parametrize("vector", NOT_ASKED)
def test_what_does_not_ask_for_a_websocket_gets_none(edge, peer, vector):
    method, headers, body = NOT_ASKED[vector]
    server, upstream = peer()
    running = edge({"app1": upstream}, workers=1)
    with running.client() as client:
        assert client.request(method, headers=headers, body=body).status == 502
    seen = repr(vars(server.requests[0]))
    assert "h2c" not in seen and "'Upgrade'" not in seen and "HTTP_UPGRADE" not in seen


def test_a_route_may_refuse_websockets(edge, peer):
    server, upstream = peer(lambda connection, request: connection.sendall(answer(repr(vars(request)).encode())))
    routes = [{"host": "app1.example.test", "upstream": "app1", "websocket": False}]
    running = edge({"app1": upstream}, routes=routes, workers=1)
    response = running.request(headers=ASKING)
    assert response.status == 200 and b"pgrade" not in response.body and b"HTTP_UPGRADE" not in response.body


# Ends


class HalfClosingClient:
    """TLS that can say its last and go on listening, which Python's sockets cannot."""

    def __init__(self, running):
        self.socket = socket.create_connection(("127.0.0.1", running.port), 20)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = h1_context(running.authority).wrap_bio(
            self.incoming, self.outgoing, server_hostname="app1.example.test")
        self._until_done(self.tls.do_handshake)

    def _until_done(self, step):
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._flush()
                part = self.socket.recv(65536)
                self.incoming.write(part) if part else self.incoming.write_eof()

    def _flush(self):
        if self.outgoing.pending:
            self.socket.sendall(self.outgoing.read())

    def send(self, data):
        self.tls.write(data)
        self._flush()

    def read(self):
        try:
            return self._until_done(lambda: self.tls.read(65536))
        except ssl.SSLZeroReturnError:
            return b""

    def end_sending(self):
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.unwrap()
        self._flush()
        self.socket.shutdown(socket.SHUT_WR)


def test_the_client_ends_its_side_and_still_hears_the_rest(edge, peer):
    def script(connection, request):
        connection.sendall(AGREED)
        heard = b""
        while part := connection.recv(1000):
            heard += part
        connection.sendall(b"heard " + heard)

    running = edge({"app1": peer(script)[1]}, workers=1)
    lines = "".join(f"{name}: {value}\r\n" for name, value in ASKING)
    client = HalfClosingClient(running)
    client.send(f"GET / HTTP/1.1\r\nHost: app1.example.test\r\n{lines}\r\n".encode() + b"goodbye")
    assert client.read().startswith(b"HTTP/1.1 101 ")
    client.end_sending()
    assert client.read() == b"heard goodbye"
    assert client.read() == b""


def test_the_node_ends_its_side_and_still_hears_the_rest(edge, peer):
    heard, over = [], threading.Event()

    def script(connection, request):
        connection.sendall(AGREED + b"goodbye")
        connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(1000):
            heard.append(part)
        over.set()

    running = edge({"app1": peer(script)[1]}, workers=1)
    with running.client() as client:
        assert ask(client).status == 101
        assert client.take(7) == b"goodbye"
        assert client.at_end()
        client.send(b"and thanks")
    assert over.wait(10) and b"".join(heard) == b"and thanks"


def test_drain_ends_when_the_last_tunnel_has(edge, peer):
    running = edge({"app1": peer()[1]}, workers=1, timeouts={"drain": "60s"})
    with running.client() as client:
        assert ask(client).status == 101
        running.drain()
        running.child.wait_for_line("draining")
    assert running.child.wait() == 0
