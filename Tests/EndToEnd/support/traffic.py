"""Clients of every kind at once, polite and not: what a public port sees in a day, in seconds."""

import base64
import gzip
import hashlib
import json
import random
import socket
import ssl
import struct
import threading
from collections import Counter

from . import http2
from .client import Cut, open_socket
from .http2 import Peer, frame

PATTERN = bytes(range(256)) * 256  # what /big of the demo applications repeats
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # the first bytes of a ClientHello
ENDINGS = (OSError, Cut, ssl.SSLError)  # what may happen to who shares a server with a dying instance


def reset(client):
    """Ends a connection without a goodbye."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def pattern(count):
    return (PATTERN * (count // len(PATTERN) + 1))[:count]


class Visitor:
    """One thread that does one kind of thing over and over, `random` deciding the details."""

    def __init__(self, edge, number):
        self.edge, self.random = edge, random.Random(number)

    def connect(self, name="app1.example.test"):
        return self.edge.client(name)

    def leave(self, client):
        self.random.choice([reset, lambda one: one.close()])(client)

    def ask_again_and_again(self):
        with self.connect() as client:
            for _ in range(self.random.randrange(1, 20)):
                response = client.request("GET", "/up")
                assert (response.status, response.body) == (200, b"ok\n"), response
                if response.get("Connection") == "close":
                    break

    def read_compressed_pages(self):
        with self.connect() as client:
            response = client.request("GET", "/echo", [("Accept-Encoding", "gzip"), ("X-Long", "y" * 3000)])
            assert response.get("Content-Encoding") == "gzip", response
            assert json.loads(gzip.decompress(response.body))["method"] == "GET"

    def upload_whole_bodies(self):
        body = self.random.randbytes(self.random.choice([10, 50_000, 300_000]))
        with self.connect() as client:
            response = client.request("POST", "/upload", body=body)
            assert response.status == 200, response
            assert json.loads(response.body)["sha256"] == hashlib.sha256(body).hexdigest()

    def break_uploads_off(self):
        client = self.connect()
        client.send_request("POST", "/upload", [("Content-Length", "1000000")])
        client.send(bytes(self.random.randrange(400_000)))
        self.leave(client)

    def break_chunked_uploads_off(self):
        client = self.connect()
        client.send_request("POST", "/upload", [("Transfer-Encoding", "chunked")])
        for _ in range(self.random.randrange(20)):
            client.send("4000\r\n", bytes(0x4000), "\r\n")
        self.leave(client)

    def break_downloads_off(self):
        client = self.connect()
        client.send_request("GET", "/big?bytes=4000000" + self.random.choice(["", "&unsized=1"]))
        assert client.read_head().status == 200
        client.take(self.random.randrange(200_000))
        self.leave(client)

    def read_slowly(self):
        """Until the spool is on the disk; then to the end, or not."""
        with self.connect() as client:
            client.send_request("GET", "/big?bytes=2000000")
            assert client.read_head().status == 200
            assert client.take(1000) == pattern(1000)
            threading.Event().wait(0.1)  # which is what this client is about
            if self.random.random() < 0.5:
                assert client.take(1_999_000) == pattern(2_000_000)[1000:]

    def break_handshakes_off(self):
        for _ in range(5):
            with open_socket(self.edge.port) as one:
                one.sendall(self.random.choice([HELLO[: self.random.randrange(12)], b"GET / HTTP/1.1\r\n\r\n", b""]))

    def break_heads_off(self):
        client = self.connect()
        head = b"GET /up HTTP/1.1\r\nHost: app1.example.test\r\nCookie: a=b\r\n\r\n"
        client.send(head[: self.random.randrange(len(head))])
        self.leave(client)

    def talk_over_websockets(self):
        client = self.connect("socket.example.test")
        client.send_request("GET", "/", [
            ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", base64.b64encode(self.random.randbytes(16)).decode())])
        assert client.read_head().status == 101
        for _ in range(self.random.randrange(5)):
            message = self.random.randbytes(100)
            client.send(b"\x82", bytes([0x80 | 100]), bytes(4), message)  # a binary message, masked with zeros
            assert client.take(102)[2:] == message
        if self.random.random() < 0.5:
            client.send(b"\x88\x80", bytes(4))
        self.leave(client)

    def read_files(self):
        with self.connect("files.example.test") as client:
            whole = self.edge.file_bytes
            tag = client.request("HEAD", "/file").get("ETag")
            assert client.request("GET", "/file", [("If-None-Match", tag)]).status == 304
            first = self.random.randrange(len(whole))
            last = self.random.randrange(first, len(whole))
            response = client.request("GET", "/file", [("Range", f"bytes={first}-{last}")])
            assert (response.status, response.body) == (206, whole[first : last + 1])
            client.send_request("GET", "/file")
            client.read_head()

    def ask_over_http_2(self):
        with Peer(self.edge.port, self.edge.authority) as client:
            for stream in [client.start("GET", "/up") for _ in range(self.random.randrange(1, 20))]:
                answer = client.answer(stream)
                assert (answer.status, bytes(answer.body)) == (200, b"ok\n"), answer

    def upload_over_http_2(self):
        body = self.random.randbytes(200_000)
        with Peer(self.edge.port, self.edge.authority) as client:
            answer = client.upload("/upload", body, length=self.random.random() < 0.5)
            assert json.loads(bytes(answer.body))["sha256"] == hashlib.sha256(body).hexdigest()

    def cancel_over_http_2(self):
        with Peer(self.edge.port, self.edge.authority, gives_window=False) as client:
            streams = [client.start("GET", "/big?bytes=1000000") for _ in range(4)]
            streams += [client.start("POST", "/upload", end_stream=False) for _ in range(4)]
            client.send(frame(http2.DATA, 0, streams[-1], bytes(10_000)))
            client.wait_for(lambda: any(answer.body for answer in client.answers.values()))
            for stream in streams[:: self.random.randrange(1, 3)]:
                client.send(frame(http2.RST_STREAM, 0, stream, http2.CANCEL.to_bytes(4, "big")))
            assert self.random.random() < 0.5 or client.ping()

    def post_to_who_dies(self):
        with self.connect("dying.example.test") as client:
            response = client.request("POST", "/upload", body=b"x" * 5000)
            assert response.status in (200, 502, 503), response

    def ask_who_speaks_http(self):
        with self.connect("web.example.test") as client:
            for _ in range(5):
                assert client.request("POST", "/", body=b"x" * self.random.randrange(5000)).status == 200


KINDS = [name for name, value in vars(Visitor).items()
         if callable(value) and name not in ("__init__", "connect", "leave")]
UNCERTAIN = {"post_to_who_dies"}


class Traffic:
    """One visitor of each kind, and `changes`, which are called in turn, until the block ends.

    `done` counts what went as it should by kind, `failures` tells what did not.
    """

    def __init__(self, edge, changes, seed):
        self.edge, self.stopping, self.lock = edge, threading.Event(), threading.Lock()
        self.done, self.failures = Counter(), []
        self.threads = [threading.Thread(target=self._repeat, args=(kind, getattr(Visitor(edge, f"{kind} {seed}"), kind)))
                        for kind in KINDS]
        self.threads += [threading.Thread(target=self._repeat, args=(change.__name__, change)) for change in changes]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self.threads)

    def _repeat(self, kind, act):
        while not self.stopping.wait(0.01):
            try:
                act()
            except ENDINGS as error:
                if kind not in UNCERTAIN:
                    self._fail(kind, error)
            except Exception as error:
                self._fail(kind, error)
            else:
                with self.lock:
                    self.done[kind] += 1

    def _fail(self, kind, error):
        with self.lock:
            self.failures.append(f"{kind}: {type(error).__name__}: {error}")
