"""The windows of WebSocket tunnels within HTTP/2: who does not read is not written to without end."""

import struct
import threading

from support.http2 import CANCEL, FLOW_CONTROL_ERROR, RST_STREAM, WINDOW_UPDATE, frame
from support.tunnels import asking, connect, data, is_over, open_peer
from support.uwsgi import answer

MIB = 1 << 20


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
