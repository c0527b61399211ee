"""WebSocket over HTTP/2, RFC 8441: an extended CONNECT, and everything that is none."""

import base64
import socket

import h2.config
import h2.connection
import h2.events
import pytest
from websockets import frames

from support.client import client_context
from support.http2 import NO_ERROR, PROTOCOL_ERROR
from support.tunnels import asking, connect, data, key_of, line_of_tunnel, open_peer, take
from support.uwsgi import answer
from support.websocket import ECHO, EchoServer

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


def test_the_node_is_asked_as_over_http1(edge, tunnel_node):
    server, upstream = tunnel_node()
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


def test_each_handshake_has_its_own_key(edge, tunnel_node):
    server, upstream = tunnel_node()
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
def test_what_is_understood_is_refused_with_an_answer(edge, tunnel_node, vector):
    server, upstream = tunnel_node()
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
def test_what_is_malformed_is_reset(edge, tunnel_node, vector):
    server, upstream = tunnel_node()
    running = edge({"app1": upstream}, workers=1)
    with open_peer(running) as peer:
        stream = peer.next_id
        peer.send(peer.headers(MALFORMED[vector], end_stream=False))
        assert peer.answer(stream).reset == PROTOCOL_ERROR
        assert peer.ping()
    assert not server.requests


def test_routes_that_have_no_websocket(edge, tunnel_node):
    server, upstream = tunnel_node()
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
def test_any_other_answer_is_an_answer(edge, tunnel_node, status):
    running = edge({"app1": tunnel_node(lambda connection, request: connection.sendall(
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
def test_success_without_agreement_is_none(edge, tunnel_node, status):
    """A client that has sent CONNECT would take every 2xx for a tunnel."""
    running = edge({"app1": tunnel_node(lambda connection, request: connection.sendall(
        answer(b"", status=status)))[1]}, workers=1)
    with open_peer(running) as peer:
        assert peer.answer(connect(peer)).status == 502


def test_a_wrong_accept_is_no_agreement(edge, tunnel_node):
    def script(connection, request):
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")

    running = edge({"app1": tunnel_node(script)[1]}, workers=1)
    with open_peer(running) as peer:
        assert peer.answer(connect(peer)).status == 502


def test_a_missing_accept_is_no_agreement(edge, tunnel_node):
    running = edge({"app1": tunnel_node(lambda connection, request: connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"))[1]}, workers=1)
    with open_peer(running) as peer:
        assert peer.answer(connect(peer)).status == 502
