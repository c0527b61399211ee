"""An HTTP/2 client that can be wrong on purpose: every frame is the test's."""

import ssl
import struct

import hpack
from hyperframe import frame as frames

from .client import client_context, open_socket, receive

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR = 5, 6, 7, 8, 9
ENHANCE_YOUR_CALM = 11

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 1
END_HEADERS, PADDED, PRIORITY_FLAG = 4, 8, 32


def frame(kind, flags, stream, payload=b"", length=None):
    """Any frame, well-formed or not; `length` says another length than the payload has."""
    length = len(payload) if length is None else length
    return struct.pack(">I", length)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def request_fields(method="GET", path="/", authority="app1.example.test", scheme="https", extra=()):
    return [(":method", method), (":scheme", scheme), (":path", path), (":authority", authority), *extra]


class Answer:
    """What came on one stream."""

    def __init__(self):
        self.heads, self.body, self.ended, self.reset = [], bytearray(), False, None

    @property
    def over(self):
        return self.ended or self.reset is not None

    @property
    def headers(self):
        return self.heads[-1] if self.heads else []

    @property
    def status(self):
        return int(dict(self.headers)[":status"]) if self.heads else None

    def get(self, name):
        return dict(self.headers).get(name)

    def __repr__(self):
        return f"<{self.headers} {bytes(self.body[:200])!r} ended={self.ended} reset={self.reset}>"


class Peer:
    """One connection. Frames are sent as given; what comes is sorted by stream until a condition holds.

    Windows are given back as bytes come, unless `gives_window` is false.
    """

    def __init__(self, port, authority, name="app1.example.test", settings=None, greets=True, gives_window=True,
                 version=None, context=None):
        self.name = name
        context = context or client_context(authority, version, protocols=("h2", "http/1.1"))
        self.socket = context.wrap_socket(open_socket(port), server_hostname=name)
        assert self.socket.selected_alpn_protocol() == "h2"
        # A large table of ours lets a head of any size through.
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder(max_header_list_size=1 << 20)
        self.buffer = bytearray()
        self.block = b""
        self.answers, self.frames, self.settings = {}, [], {}
        self.goaways, self.pings, self.closed = [], [], False
        self.gives_window = gives_window
        self.next_id = 1
        if greets:
            self.send(PREFACE, self.settings_frame(settings or {}))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # What goes out

    def send(self, *parts):
        try:
            self.socket.sendall(b"".join(parts))
        except (ConnectionError, ssl.SSLError):
            self.closed = True

    @staticmethod
    def settings_frame(settings):
        return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in settings.items()))

    def headers(self, fields, stream=None, end_stream=True, end_headers=True):
        """A HEADERS frame, and CONTINUATIONs as it needs; a new stream unless one is given."""
        if stream is None:
            stream, self.next_id = self.next_id, self.next_id + 2
        block = self.encoder.encode(fields)
        parts = [block[at : at + 16384] for at in range(0, len(block), 16384)]
        flags = [0] * (len(parts) - 1) + [END_HEADERS if end_headers else 0]
        flags[0] |= END_STREAM if end_stream else 0
        kinds = [HEADERS] + [CONTINUATION] * (len(parts) - 1)
        return b"".join(frame(kind, flag, stream, part) for kind, flag, part in zip(kinds, flags, parts))

    def start(self, method="GET", path="/", authority=None, extra=(), end_stream=True, fields=None):
        """Sends a request's head and returns its stream."""
        stream = self.next_id
        fields = fields or request_fields(method, path, authority or self.name, extra=extra)
        self.send(self.headers(fields, end_stream=end_stream))
        return stream

    def send_body(self, stream, body, end_stream=True):
        """In pieces that the server's windows have room for."""
        at = 0
        while (at < len(body) or not body) and not self.answers.get(stream, Answer()).over:
            room = min(self.window.get(stream, 0), self.window[0]) if body else 1
            if room <= 0:
                self.read_frame()
                continue
            piece = body[at : at + min(16384, room)]
            at += len(piece)
            self.window[0] -= len(piece)
            self.window[stream] -= len(piece)
            self.send(frame(DATA, END_STREAM if end_stream and at >= len(body) else 0, stream, piece))
            if not body:
                return

    def upload(self, path, body, method="POST", extra=(), length=True):
        extra = [*extra, *([("content-length", str(len(body)))] if length else [])]
        self.greet()
        stream = self.start(method, path, extra=extra, end_stream=False)
        self.window[stream] = self.settings.get(4, 65535)
        self.send_body(stream, body)
        return self.answer(stream)

    # What comes in

    def greet(self):
        """The server's settings have come, and its window."""
        self.wait_for(lambda: self.settings)
        if not hasattr(self, "window"):
            self.window = {0: 65535 + sum(f.window_increment for f in self.frames
                                          if isinstance(f, frames.WindowUpdateFrame) and f.stream_id == 0)}

    def take(self, count):
        while len(self.buffer) < count:
            part = receive(self.socket)
            if not part:
                self.closed = True
                return None
            self.buffer += part
        part = bytes(self.buffer[:count])
        del self.buffer[:count]
        return part

    def read_frame(self):
        """The next frame, sorted; None at the connection's end."""
        head = self.take(9)
        if head is None:
            return None
        got, length = frames.Frame.parse_frame_header(memoryview(head))
        payload = self.take(length)
        if payload is None:
            return None
        got.parse_body(memoryview(payload))
        self.frames.append(got)
        self._sort(got)
        return got

    def _sort(self, got):
        answer = self.answers.setdefault(got.stream_id, Answer())
        if isinstance(got, (frames.HeadersFrame, frames.ContinuationFrame)):
            self.block += got.data
            if "END_STREAM" in got.flags:
                answer.ended = True
            if "END_HEADERS" in got.flags:
                answer.heads.append(self.decoder.decode(self.block))
                self.block = b""
        elif isinstance(got, frames.DataFrame):
            answer.body += got.data
            answer.ended = "END_STREAM" in got.flags
            if self.gives_window and got.flow_controlled_length:
                increment = struct.pack(">I", got.flow_controlled_length)
                self.send(frame(WINDOW_UPDATE, 0, 0, increment))
                if not answer.ended:
                    self.send(frame(WINDOW_UPDATE, 0, got.stream_id, increment))
        elif isinstance(got, frames.RstStreamFrame):
            answer.reset = got.error_code
        elif isinstance(got, frames.SettingsFrame) and "ACK" not in got.flags:
            self.settings.update(got.settings)
            self.settings.setdefault(0, 0)
            self.send(frame(SETTINGS, ACK, 0))
        elif isinstance(got, frames.PingFrame):
            self.pings.append(got)
        elif isinstance(got, frames.GoAwayFrame):
            self.goaways.append(got)
        elif isinstance(got, frames.WindowUpdateFrame) and hasattr(self, "window"):
            self.window[got.stream_id] = self.window.get(got.stream_id, 0) + got.window_increment

    def wait_for(self, condition):
        """Reads until the condition holds; False where the connection ended before."""
        while not condition():
            if self.read_frame() is None:
                return bool(condition())
        return True

    def answer(self, stream):
        """The whole answer on a stream, or how it broke off."""
        self.wait_for(lambda: self.answers.get(stream, Answer()).over)
        return self.answers.get(stream, Answer())

    def request(self, *arguments, **options):
        return self.answer(self.start(*arguments, **options))

    def read_to_end(self):
        while self.read_frame() is not None:
            pass

    @property
    def goaway(self):
        """The code of the last GOAWAY; None where none came."""
        return self.goaways[-1].error_code if self.goaways else None

    def ping(self):
        """Whether the server still answers."""
        count = len(self.pings)
        self.send(frame(PING, 0, 0, b"alive?!?"))
        return self.wait_for(lambda: len(self.pings) > count)
