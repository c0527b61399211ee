"""The windows of WebSocket tunnels within HTTP/2: who does not read is not written to without end."""

import socket
import struct
import threading

from support.http2 import CANCEL, FLOW_CONTROL_ERROR, RST_STREAM, WINDOW_UPDATE, frame
from support.processes import eventually
from support.tunnels import agree, asking, connect, data, is_over, line_of_tunnel, open_peer
from support.uwsgi import answer

MIB = 1 << 20

def test_the_window_opens_only_as_the_node_reads(edge, tunnel_node):
    reads, counted = threading.Event(), []

    def script(connection, request):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        agree(connection, request)
        reads.wait(30)
        while part := connection.recv(65536):
            counted.append(len(part))

    running = edge({"app1": tunnel_node(script)[1]}, workers=1)
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


def test_more_than_the_window_is_an_error(edge, tunnel_node):
    hold = threading.Event()

    def script(connection, request):
        hold.wait(20)

    running = edge({"app1": tunnel_node(script)[1]}, workers=1)
    with open_peer(running) as peer:
        stream = peer.next_id
        peer.send(peer.headers(asking(), end_stream=False))
        peer.send(*[data(stream, bytes(16384)) for _ in range(MIB // 16384 + 1)])
        peer.wait_for(lambda: is_over(peer, stream) or peer.goaways)
        hold.set()
        assert FLOW_CONTROL_ERROR in (peer.goaway, peer.answers[stream].reset)


def test_tunnels_that_keep_much_give_the_connection_back_what_they_kept(edge, tunnel_node):
    """Bytes that no node ever read must not stay missing from the connection's window."""
    hold = threading.Event()

    def script(connection, request):
        target = request.environ["REQUEST_URI"] if hasattr(request, "environ") else request.target
        if target == "/other":
            return connection.sendall(answer(b"%d" % len(request.body)))
        hold.wait(20)

    running = edge({"app1": tunnel_node(script)[1]}, workers=1)
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


def test_a_client_that_opens_no_window_is_cut_off(edge, tunnel_node):
    def script(connection, request):
        agree(connection, request)
        try:
            while True:
                connection.sendall(b"y" * 65536)
        except OSError:
            pass

    running = edge({"app1": tunnel_node(script)[1]}, workers=1, timeouts={"send": "500ms"})
    with open_peer(running, settings={4: 0}, gives_window=False) as peer:
        stream = connect(peer)
        answered = peer.answer(stream)
        assert answered.status == 200 and answered.reset == CANCEL and not answered.body
        assert peer.ping()
    assert line_of_tunnel(running)["cause"] == "client-stalled"


def test_large_streams_in_both_directions(edge, tunnel_node):
    running = edge({"app1": tunnel_node()[1]}, workers=1)
    count = 8 * MIB
    with open_peer(running, settings={4: MIB}) as peer:
        peer.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 4 * MIB)))
        stream = connect(peer)
        peer.window[stream] = peer.settings[4]
        peer.send_body(stream, b"x" * count, end_stream=True)
        answered = peer.answer(stream)
        assert bytes(answered.body) == b"first" + b"X" * count and answered.ended
