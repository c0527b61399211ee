"""Tunnels of WebSocket within HTTP/2, RFC 8441, and scripted nodes at their other ends."""

import base64
import hashlib

from . import http2
from .http2 import DATA, END_STREAM, Peer, frame
from .processes import eventually

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
