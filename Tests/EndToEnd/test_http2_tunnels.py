"""What goes through a WebSocket tunnel within HTTP/2, what may not, and how it ends."""

import socket
import struct
import threading

import pytest

from support.http2 import CANCEL, ENHANCE_YOUR_CALM, PROTOCOL_ERROR, RST_STREAM, STREAM_CLOSED, frame
from support.processes import eventually
from support.tunnels import agree, asking, connect, data, line_of_tunnel, open_peer, take, tunnels

# Bytes


def test_bytes_before_the_agreement_are_kept(edge, tunnel_node):
    running = edge({"app1": tunnel_node()[1]}, workers=1)
    with open_peer(running) as peer:
        stream = peer.next_id
        peer.send(peer.headers(asking(), end_stream=False), data(stream, b"early"))
        peer.wait_for(lambda: stream in peer.answers and peer.answers[stream].heads)
        assert take(peer, stream, 10) == b"firstEARLY"


def test_the_client_ends_its_side_and_still_hears_the_rest(edge, tunnel_node):
    def script(connection, request):
        agree(connection, request)
        heard = b""
        while part := connection.recv(1000):
            heard += part
        connection.sendall(b"heard " + heard)

    running = edge({"app1": tunnel_node(script)[1]}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        peer.send(data(stream, b"goodbye", end=True))
        answered = peer.answer(stream)
        assert bytes(answered.body) == b"heard goodbye" and answered.ended and answered.reset is None
        assert peer.ping()
    assert line_of_tunnel(running).get("cause") is None


def test_the_node_ends_its_side_and_still_hears_the_rest(edge, tunnel_node):
    heard, over = [], threading.Event()

    def script(connection, request):
        agree(connection, request, b"goodbye")
        connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(1000):
            heard.append(part)
        over.set()

    running = edge({"app1": tunnel_node(script)[1]}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        assert bytes(peer.answer(stream).body) == b"goodbye"
        peer.send(data(stream, b"and thanks", end=True))
        assert over.wait(10) and b"".join(heard) == b"and thanks"
        assert peer.ping()


def test_a_node_that_resets_is_no_end_in_order(edge, tunnel_node):
    def script(connection, request):
        agree(connection, request, b"first")
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    running = edge({"app1": tunnel_node(script)[1]}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        assert take(peer, stream, 5) == b"first"
        peer.send(data(stream, b"x"))
        answered = peer.answer(stream)
        assert answered.reset == CANCEL and not answered.ended
    assert line_of_tunnel(running)["cause"] == "node-reset"


def test_a_reset_ends_the_tunnel_at_the_node(edge, tunnel_node):
    over = threading.Event()

    def script(connection, request):
        agree(connection, request)
        try:
            while connection.recv(1000):
                pass
        except OSError:
            pass
        over.set()

    running = edge({"app1": tunnel_node(script)[1]}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        peer.send(data(stream, b"x"), frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))
        assert over.wait(10)
        assert peer.ping()
        assert line_of_tunnel(running)["cause"] == "client-gone"


def test_a_client_that_vanishes_ends_all_its_tunnels(edge, tunnel_node):
    running = edge({"app1": tunnel_node()[1]}, workers=1)
    with open_peer(running) as peer:
        assert all(peer.answers[connect(peer)].status == 200 for _ in range(3))
    entries = eventually(lambda: len(tunnels(running)) == 3 and tunnels(running), "the lines of the tunnels")
    assert {entry["cause"] for entry in entries} == {"client-gone"}


# What may not come on a connected stream


def test_data_behind_the_end(edge, tunnel_node):
    running = edge({"app1": tunnel_node()[1]}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        peer.send(data(stream, b"x", end=True), data(stream, b"y"))
        peer.read_to_end()
        assert peer.answers[stream].reset == STREAM_CLOSED or peer.goaway == STREAM_CLOSED
    assert eventually(lambda: tunnels(running), "the line of the tunnel")


@pytest.mark.parametrize("end", [True, False])
def test_a_head_behind_the_first(edge, tunnel_node, end):
    running = edge({"app1": tunnel_node()[1]}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        peer.send(peer.headers([("x-more", "1")], stream=stream, end_stream=end))
        assert peer.answer(stream).reset == PROTOCOL_ERROR
        assert peer.ping()
    assert eventually(lambda: tunnels(running), "the line of the tunnel")


def test_a_flood_of_empty_data_ends_the_connection(edge, tunnel_node):
    running = edge({"app1": tunnel_node()[1]}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        peer.send(*[data(stream) for _ in range(2000)])
        peer.read_to_end()
        assert peer.goaway == ENHANCE_YOUR_CALM
    assert eventually(lambda: tunnels(running), "the line of the tunnel")


def test_tunnels_that_are_reset_draw_on_the_budget(edge, tunnel_node):
    running = edge({"app1": tunnel_node()[1]}, workers=1)
    with open_peer(running) as peer:
        for _ in range(800):
            stream = peer.next_id
            peer.send(peer.headers(asking(), end_stream=False),
                      frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))
        peer.read_to_end()
        assert peer.goaway == ENHANCE_YOUR_CALM


# Ends


def test_a_tunnel_outlives_reload(edge, tunnel_node):
    server, upstream = tunnel_node()
    running = edge({"app1": upstream}, workers=1)
    with open_peer(running) as peer:
        stream = connect(peer)
        gone = {"app1": {"protocol": "uwsgi", "nodes": ["127.0.0.1:1"]}}
        running.reload({**running.configuration, "upstreams": gone})
        peer.send(data(stream, b"after"))
        assert take(peer, stream, 10) == b"firstAFTER"


def test_drain_ends_when_the_last_tunnel_has(edge, tunnel_node):
    running = edge({"app1": tunnel_node()[1]}, workers=1, timeouts={"drain": "60s"})
    with open_peer(running) as peer:
        stream = connect(peer)
        running.drain()
        peer.wait_for(lambda: peer.goaways)
        peer.send(data(stream, end=True))
        assert peer.answer(stream).ended
        peer.read_to_end()
    assert running.child.wait() == 0
