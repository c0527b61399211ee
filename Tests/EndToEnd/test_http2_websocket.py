"""WebSocket over HTTP/2, RFC 8441: an extended CONNECT, and everything that is none."""

import base64
import hashlib
import socket
import struct
import threading

import h2.config
import h2.connection
import h2.events
import pytest
from websockets import frames

from support import http2
from support.client import client_context
from support.http2 import (
    CANCEL, DATA, END_STREAM, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, NO_ERROR, PROTOCOL_ERROR, RST_STREAM,
    STREAM_CLOSED, WINDOW_UPDATE, Peer, frame)
from support.processes import eventually
from support.uwsgi import answer
from support.websocket import ECHO, EchoServer

MIB = 1 << 20
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def asking(path="/chat?room=1", protocol="websocket", extra=(("sec-websocket-version", "13"),)):
    return [(":method", "CONNECT"), (":protocol", protocol), (":scheme", "https"), (":path", path),
            (":authority", "app1.example.test"), *extra]


def accept(key):
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


def key_of(request):
    return request.environ["HTTP_SEC_WEBSOCKET_KEY"] if hasattr(request, "environ") else \
        request.get("Sec-WebSocket-Key")


def agree(connection, request, behind=b"", headers=()):
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    connection.sendall(
        f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept(key_of(request))}\r\n{lines}\r\n".encode() + behind)


def upper(connection, request):
    """Agrees, then echoes raw bytes in upper case until the end."""
    agree(connection, request, b"first", [("Sec-WebSocket-Protocol", "chat"), ("X-Mine", "1")])
    while part := connection.recv(65536):
        connection.sendall(part.upper())


@pytest.fixture(params=["uwsgi", "http"])
def backend(request, scripted, web):
    """backend(script): a scripted application in either protocol, and its upstream."""
    def make(script=upper, **settings):
        server = (scripted if request.param == "uwsgi" else web)(script)
        return server, {"protocol": request.param, "nodes": [server.address], **settings}
    return make


def open_peer(running, **options):
    peer = Peer(running.port, running.authority, **options)
    peer.greet()
    return peer


def connect(peer, **options):
    stream = peer.next_id
    peer.send(peer.headers(asking(**options), end_stream=False))
    peer.wait_for(lambda: peer.answers.get(stream, http2.Answer()).heads or is_over(peer, stream))
    return stream


def is_over(peer, stream):
    return stream in peer.answers and peer.answers[stream].over


def data(stream, payload=b"", end=False):
    return frame(DATA, END_STREAM if end else 0, stream, payload)


def take(peer, stream, count):
    peer.wait_for(lambda: len(peer.answers[stream].body) >= count or is_over(peer, stream))
    return bytes(peer.answers[stream].body)


def tunnels(running):
    return [entry for entry in running.access_entries() if entry["status"] == 101]


def line_of_tunnel(running):
    [entry] = eventually(lambda: tunnels(running), "the line of the tunnel")
    return entry


# Whole conversations


@pytest.fixture(params=["uwsgi", "http"])
def echoing(request, edge, uwsgi, ending):
    if request.param == "uwsgi":
        node = uwsgi(options=["--wsgi-file", ECHO, "--processes", "4"])
    else:
        node = EchoServer()
        ending.append(node)
    return edge({"app1": {"protocol": request.param, "nodes": [node.address]}}, workers=1)


class Conversation:
    """A client of the library h2 on one stream, with the frames of the library websockets."""

    def __init__(self, running):
        context = client_context(running.authority, protocols=("h2",))
        self.socket = context.wrap_socket(
            socket.create_connection(("127.0.0.1", running.port), 20), server_hostname="app1.example.test")
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.received, self.head, self.ended = bytearray(), None, False
        self.until(lambda: self.h2.remote_settings.enable_connect_protocol)
        self.stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(self.stream, asking())
        self.until(lambda: self.head)

    def until(self, condition):
        while not condition():
            self.flush()
            part = self.socket.recv(65536)
            assert part, "the connection ended"
            for event in self.h2.receive_data(part):
                self._sort(event)
        self.flush()

    def _sort(self, event):
        if isinstance(event, h2.events.ResponseReceived):
            self.head = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            self.received += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.ended = True
        elif isinstance(event, h2.events.StreamReset):
            raise AssertionError(f"reset: {event.error_code}")

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def send(self, message):
        opcode = frames.OP_TEXT if isinstance(message, str) else frames.OP_BINARY
        rest = frames.Frame(opcode, message.encode() if isinstance(message, str) else message).serialize(mask=True)
        while rest:
            self.until(lambda: self.h2.local_flow_control_window(self.stream))
            count = min(len(rest), self.h2.local_flow_control_window(self.stream), 16384)
            self.h2.send_data(self.stream, rest[:count])
            rest = rest[count:]
        self.flush()

    def receive(self):
        """The next message, whose frames the echoing servers do not split."""
        self.until(lambda: self._size() and len(self.received) >= sum(self._size()))
        head, length = self._size()
        message = bytes(self.received[head : head + length])
        del self.received[: head + length]
        return message

    def _size(self):
        if len(self.received) < 10 and (len(self.received) < 2 or self.received[1] > 125):
            return None
        length = self.received[1]
        return (2, length) if length < 126 else (4, int.from_bytes(self.received[2:4], "big")) if length == 126 \
            else (10, int.from_bytes(self.received[2:10], "big"))


def test_messages_come_back(echoing):
    talk = Conversation(echoing)
    assert talk.head[":status"] == "200" and "sec-websocket-accept" not in talk.head
    assert "upgrade" not in talk.head and "connection" not in talk.head
    for message in ("hello", "", "ä" * 70_000, b"\0\1\2" * 1000, b"x" * 900_000):
        talk.send(message)
        assert talk.receive() == (message if isinstance(message, bytes) else message.encode())
    talk.socket.close()
    entry = line_of_tunnel(echoing)
    assert entry["upstream"] == "app1" and entry["bytes_in"] > 900_000 and entry["bytes_out"] > 900_000


def test_requests_go_on_beside_a_tunnel(echoing):
    with open_peer(echoing) as peer:
        stream = connect(peer)
        assert peer.answers[stream].status == 200
        for _ in range(3):
            assert peer.request().over
        peer.send(data(stream, frames.Frame(frames.OP_BINARY, b"still here").serialize(mask=True)))
        assert take(peer, stream, 12)[2:] == b"still here"


# The request


def test_the_node_is_asked_as_over_http1(edge, backend):
    server, upstream = backend()
    running = edge({"app1": upstream}, workers=1)
    extra = [("sec-websocket-protocol", "chat, talk"), ("origin", "https://example.test"),
             ("sec-websocket-key", "bm90IGEga2V5IG9mIG91cnM=")]
    with open_peer(running) as peer:
        assert peer.settings[8] == 1
        stream = connect(peer, extra=extra)
        answered = peer.answers[stream]
        assert answered.status == 200 and not answered.ended
        assert answered.get("sec-websocket-protocol") == "chat" and answered.get("x-mine") == "1"
        assert {"upgrade", "connection", "sec-websocket-accept"}.isdisjoint(dict(answered.headers))
    request = server.requests[0]
    if upstream["protocol"] == "uwsgi":
        seen = request.environ
        assert (seen["REQUEST_METHOD"], seen["REQUEST_URI"]) == ("GET", "/chat?room=1")
        assert (seen["HTTP_UPGRADE"], seen["HTTP_CONNECTION"]) == ("websocket", "Upgrade")
        assert seen["HTTP_SEC_WEBSOCKET_VERSION"] == "13"
        assert seen["HTTP_SEC_WEBSOCKET_PROTOCOL"] == "chat, talk" and "CONTENT_LENGTH" not in seen
    else:
        assert (request.method, request.target) == ("GET", "/chat?room=1")
        assert request.get_all("Upgrade") == ["websocket"] and request.get_all("Connection") == ["Upgrade"]
        assert request.get_all("Sec-WebSocket-Version") == ["13"]
        assert request.get("Sec-WebSocket-Protocol") == "chat, talk" and request.get("Content-Length") is None
        assert len(request.get_all("Sec-WebSocket-Key")) == 1
    assert len(base64.b64decode(key_of(request))) == 16 and key_of(request) != extra[2][1]


def test_each_handshake_has_its_own_key(edge, backend):
    server, upstream = backend()
    running = edge({"app1": upstream}, workers=1)
    with open_peer(running) as peer:
        assert all(peer.answers[connect(peer)].status == 200 for _ in range(3))
    assert len({key_of(request) for request in server.requests}) == 3


REFUSED = {
    "plain CONNECT": ([(":method", "CONNECT"), (":authority", "app1.example.test:443")], 501),
    "another protocol": (asking(protocol="connect-udp"), 501),
    "a body with a length": (asking(extra=[("content-length", "5")]), 400),
    "another host": ([*asking()[:4], (":authority", "other.test")], 421),
}


@pytest.mark.parametrize("vector", REFUSED)
def test_what_is_understood_is_refused_with_an_answer(edge, backend, vector):
    server, upstream = backend()
    running = edge({"app1": upstream}, workers=1)
    fields, status = REFUSED[vector]
    with open_peer(running) as peer:
        stream = peer.next_id
        peer.send(peer.headers(fields, end_stream=False))
        assert peer.answer(stream).status == status
        assert peer.ping()
    assert not server.requests


MALFORMED = {
    ":protocol without CONNECT": [(":method", "GET"), *asking()[1:]],
    "no path": [pair for pair in asking() if pair[0] != ":path"],
    "no scheme": [pair for pair in asking() if pair[0] != ":scheme"],
    "no authority": [pair for pair in asking() if pair[0] != ":authority"],
    ":protocol twice": [asking()[1], *asking()],
    ":protocol behind a field": [*asking()[:1], *asking()[2:], (":protocol", "websocket")],
    "the fields of an upgrade": asking(extra=[("connection", "upgrade"), ("upgrade", "websocket")]),
    "a path without CONNECT's protocol": [pair for pair in asking() if pair[0] != ":protocol"],
}


@pytest.mark.parametrize("vector", MALFORMED)
def test_what_is_malformed_is_reset(edge, backend, vector):
    server, upstream = backend()
    running = edge({"app1": upstream}, workers=1)
    with open_peer(running) as peer:
        stream = peer.next_id
        peer.send(peer.headers(MALFORMED[vector], end_stream=False))
        assert peer.answer(stream).reset == PROTOCOL_ERROR
        assert peer.ping()
    assert not server.requests


def test_routes_that_have_no_websocket(edge, backend):
    server, upstream = backend()
    routes = [{"host": "app1.example.test", "upstream": "app1", "websocket": False},
              {"host": "app1.example.test", "path": "/word", "respond": {"status": 200, "body": "word"}},
              {"host": "app1.example.test", "path": "/moved", "redirect": {"to": "https://example.test/"}}]
    running = edge({"app1": upstream}, routes=routes, workers=1)
    with open_peer(running) as peer:
        assert peer.answer(connect(peer)).status == 501
        assert peer.answer(connect(peer, path="/word")).status == 501
        assert peer.answer(connect(peer, path="/moved")).status in (301, 302, 308)
    assert not server.requests


# The agreement


@pytest.mark.parametrize("status", ["403 Forbidden", "426 Upgrade Required", "302 Found"])
def test_any_other_answer_is_an_answer(edge, backend, status):
    running = edge({"app1": backend(lambda connection, request: connection.sendall(
        answer(b"no", status=status)))[1]}, workers=1)
    with open_peer(running) as peer:
        stream = peer.next_id
        peer.send(peer.headers(asking(), end_stream=False), data(stream, b"too early"))
        answered = peer.answer(stream)
        assert (answered.status, bytes(answered.body)) == (int(status[:3]), b"no")
        peer.wait_for(lambda: peer.answers[stream].reset is not None)
        assert peer.answers[stream].reset == NO_ERROR
        assert peer.ping()


@pytest.mark.parametrize("status", ["200 OK", "204 No Content"])
def test_success_without_agreement_is_none(edge, backend, status):
    """A client that has sent CONNECT would take every 2xx for a tunnel."""
    running = edge({"app1": backend(lambda connection, request: connection.sendall(
        answer(b"", status=status)))[1]}, workers=1)
    with open_peer(running) as peer:
        assert peer.answer(connect(peer)).status == 502


def test_a_wrong_accept_is_no_agreement(edge, backend):
    def script(connection, request):
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")

    running = edge({"app1": backend(script)[1]}, workers=1)
    with open_peer(running) as peer:
        assert peer.answer(connect(peer)).status == 502


def test_a_missing_accept_is_no_agreement(edge, backend):
    running = edge({"app1": backend(lambda connection, request: connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"))[1]}, workers=1)
    with open_peer(running) as peer:
        assert peer.answer(connect(peer)).status == 502


# Bytes


def test_bytes_before_the_agreement_are_kept(edge, backend):
    running = edge({"app1": backend()[1]}, workers=1)
    with open_peer(running) as peer:
        stream = peer.next_id
        peer.send(peer.headers(asking(), end_stream=False), data(stream, b"early"))
        peer.wait_for(lambda: stream in peer.answers and peer.answers[stream].heads)
        assert take(peer, stream, 10) == b"firstEARLY"


def test_the_client_ends_its_side_and_still_hears_the_rest(edge, backend):
    def script(connection, request):
        agree(connection, request)
        heard = b""
        while part := connection.recv(1000):
            heard += part
        connection.sendall(b"heard " + heard)

    running = edge({"app1": backend(script)[1]}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        peer.send(data(stream, b"goodbye", end=True))
        answered = peer.answer(stream)
        assert bytes(answered.body) == b"heard goodbye" and answered.ended and answered.reset is None
        assert peer.ping()
    assert line_of_tunnel(running).get("cause") is None


def test_the_node_ends_its_side_and_still_hears_the_rest(edge, backend):
    heard, over = [], threading.Event()

    def script(connection, request):
        agree(connection, request, b"goodbye")
        connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(1000):
            heard.append(part)
        over.set()

    running = edge({"app1": backend(script)[1]}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        assert bytes(peer.answer(stream).body) == b"goodbye"
        peer.send(data(stream, b"and thanks", end=True))
        assert over.wait(10) and b"".join(heard) == b"and thanks"
        assert peer.ping()


def test_a_node_that_resets_is_no_end_in_order(edge, backend):
    def script(connection, request):
        agree(connection, request, b"first")
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    running = edge({"app1": backend(script)[1]}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        assert take(peer, stream, 5) == b"first"
        peer.send(data(stream, b"x"))
        answered = peer.answer(stream)
        assert answered.reset == CANCEL and not answered.ended
    assert line_of_tunnel(running)["cause"] == "node-reset"


def test_a_reset_ends_the_tunnel_at_the_node(edge, backend):
    over = threading.Event()

    def script(connection, request):
        agree(connection, request)
        try:
            while connection.recv(1000):
                pass
        except OSError:
            pass
        over.set()

    running = edge({"app1": backend(script)[1]}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        peer.send(data(stream, b"x"), frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))
        assert over.wait(10)
        assert peer.ping()
        assert line_of_tunnel(running)["cause"] == "client-gone"


def test_a_client_that_vanishes_ends_all_its_tunnels(edge, backend):
    running = edge({"app1": backend()[1]}, workers=1)
    with open_peer(running) as peer:
        assert all(peer.answers[connect(peer)].status == 200 for _ in range(3))
    entries = eventually(lambda: len(tunnels(running)) == 3 and tunnels(running), "the lines of the tunnels")
    assert {entry["cause"] for entry in entries} == {"client-gone"}


# What may not come on a connected stream


def test_data_behind_the_end(edge, backend):
    running = edge({"app1": backend()[1]}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        peer.send(data(stream, b"x", end=True), data(stream, b"y"))
        peer.read_to_end()
        assert peer.answers[stream].reset == STREAM_CLOSED or peer.goaway == STREAM_CLOSED
    assert eventually(lambda: tunnels(running), "the line of the tunnel")


@pytest.mark.parametrize("end", [True, False])
def test_a_head_behind_the_first(edge, backend, end):
    running = edge({"app1": backend()[1]}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        peer.send(peer.headers([("x-more", "1")], stream=stream, end_stream=end))
        assert peer.answer(stream).reset == PROTOCOL_ERROR
        assert peer.ping()
    assert eventually(lambda: tunnels(running), "the line of the tunnel")


def test_a_flood_of_empty_data_ends_the_connection(edge, backend):
    running = edge({"app1": backend()[1]}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        peer.send(*[data(stream) for _ in range(2000)])
        peer.read_to_end()
        assert peer.goaway == ENHANCE_YOUR_CALM
    assert eventually(lambda: tunnels(running), "the line of the tunnel")


def test_tunnels_that_are_reset_draw_on_the_budget(edge, backend):
    running = edge({"app1": backend()[1]}, workers=1)
    with open_peer(running) as peer:
        for _ in range(400):
            stream = peer.next_id
            peer.send(peer.headers(asking(), end_stream=False),
                      frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))
        peer.read_to_end()
        assert peer.goaway == ENHANCE_YOUR_CALM


# Windows


def test_the_window_opens_only_as_the_node_reads(edge, backend):
    reads, counted = threading.Event(), []

    def script(connection, request):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        agree(connection, request)
        reads.wait(30)
        while part := connection.recv(65536):
            counted.append(len(part))

    running = edge({"app1": backend(script)[1]}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        peer.window[stream] = peer.settings[4]
        peer.socket.settimeout(1)
        sent = 0
        try:
            while sent < 64 * MIB:
                room = min(16384, peer.window[stream], peer.window[0])
                if room <= 0:
                    peer.read_frame()
                    continue
                peer.send(data(stream, bytes(room)))
                sent += room
                peer.window[stream] -= room
                peer.window[0] -= room
        except TimeoutError:
            pass
        assert peer.window[stream] == 0 and sent < 16 * MIB
        peer.socket.settimeout(15)
        assert peer.window[0] > 0, "others still have room"
        assert peer.ping()
        reads.set()
        peer.wait_for(lambda: peer.window[stream] > MIB // 2)
        peer.send(data(stream, b"", end=True))
        eventually(lambda: sum(counted) == sent, "every byte")


def test_more_than_the_window_is_an_error(edge, backend):
    hold = threading.Event()

    def script(connection, request):
        hold.wait(20)

    running = edge({"app1": backend(script)[1]}, workers=1)
    with open_peer(running) as peer:
        stream = peer.next_id
        peer.send(peer.headers(asking(), end_stream=False))
        peer.send(*[data(stream, bytes(16384)) for _ in range(MIB // 16384 + 1)])
        peer.wait_for(lambda: is_over(peer, stream) or peer.goaways)
        hold.set()
        assert FLOW_CONTROL_ERROR in (peer.goaway, peer.answers[stream].reset)


def test_tunnels_that_keep_much_give_the_connection_back_what_they_kept(edge, backend):
    """Bytes that no node ever read must not stay missing from the connection's window."""
    hold = threading.Event()

    def script(connection, request):
        target = request.environ["REQUEST_URI"] if hasattr(request, "environ") else request.target
        if target == "/other":
            return connection.sendall(answer(b"%d" % len(request.body)))
        hold.wait(20)

    running = edge({"app1": backend(script)[1]}, workers=1)
    with open_peer(running) as peer:
        for _ in range(4):
            streams = []
            for _ in range(2):
                stream = peer.next_id
                streams.append(stream)
                peer.send(peer.headers(asking(), end_stream=False))
                peer.window[stream] = peer.settings[4]
                peer.send_body(stream, bytes(900_000), end_stream=False)
            for stream in streams:
                peer.send(frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))
        answered = peer.upload("/other", bytes(3 * MIB))
        assert (answered.status, bytes(answered.body)) == (200, b"%d" % (3 * MIB))
        hold.set()


def test_a_client_that_opens_no_window_is_cut_off(edge, backend):
    def script(connection, request):
        agree(connection, request)
        try:
            while True:
                connection.sendall(b"y" * 65536)
        except OSError:
            pass

    running = edge({"app1": backend(script)[1]}, workers=1, timeouts={"send": "500ms"})
    with open_peer(running, settings={4: 0}, gives_window=False) as peer:
        stream = connect(peer)
        answered = peer.answer(stream)
        assert answered.status == 200 and answered.reset == CANCEL and not answered.body
        assert peer.ping()
    assert line_of_tunnel(running)["cause"] == "client-stalled"


def test_large_streams_in_both_directions(edge, backend):
    running = edge({"app1": backend()[1]}, workers=1)
    count = 8 * MIB
    with open_peer(running, settings={4: MIB}) as peer:
        peer.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 4 * MIB)))
        stream = connect(peer)
        peer.window[stream] = peer.settings[4]
        peer.send_body(stream, b"x" * count, end_stream=True)
        answered = peer.answer(stream)
        assert bytes(answered.body) == b"first" + b"X" * count and answered.ended


# Ends


def test_a_silent_tunnel_ends_in_time(edge, backend):
    running = edge({"app1": backend(timeouts={"tunnel": "300ms"})[1]}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        answered = peer.answer(stream)
        assert bytes(answered.body) == b"first" and answered.reset == CANCEL
        assert peer.ping()
    entry = line_of_tunnel(running)
    assert entry["cause"] == "tunnel-idle" and entry["bytes_out"] == 5


def test_a_tunnel_outlives_reload(edge, backend):
    server, upstream = backend()
    running = edge({"app1": upstream}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        gone = {"app1": {"protocol": "uwsgi", "nodes": ["127.0.0.1:1"]}}
        running.reload({**running.configuration, "upstreams": gone})
        peer.send(data(stream, b"after"))
        assert take(peer, stream, 10) == b"firstAFTER"


def test_drain_keeps_tunnels_until_its_deadline(edge, backend):
    running = edge({"app1": backend()[1]}, workers=1, timeouts={"drain": "3s"})
    with open_peer(running) as peer:
        stream = connect(peer)
        running.drain()
        peer.wait_for(lambda: peer.goaways)
        peer.send(data(stream, b"still here"))
        assert take(peer, stream, 15) == b"firstSTILL HERE"
        peer.read_to_end()
    assert running.child.wait() == 0
    [entry] = tunnels(running)
    assert entry["cause"] == "drain" and entry["bytes_in"] == 10 and entry["bytes_out"] == 15


def test_drain_ends_when_the_last_tunnel_has(edge, backend):
    running = edge({"app1": backend()[1]}, workers=1, timeouts={"drain": "60s"})
    with open_peer(running) as peer:
        stream = connect(peer)
        running.drain()
        peer.wait_for(lambda: peer.goaways)
        peer.send(data(stream, end=True))
        assert peer.answer(stream).ended
        peer.read_to_end()
    assert running.child.wait() == 0
