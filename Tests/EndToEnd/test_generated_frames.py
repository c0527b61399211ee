"""Sequences of HTTP/2 frames nobody would send: the connection goes on or ends with a word, and nobody else notices."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from support.generated import examples
from support.http2 import (
    CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PRIORITY, PUSH_PROMISE, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, Peer, frame, request_fields)
from support.remains import rest
from support.uwsgi import answer

HEADS = {
    "get": request_fields(), "post": request_fields("POST"), "head": request_fields("HEAD"),
    "five": request_fields("POST", extra=[("content-length", "5")]), "big": request_fields(path="/big"),
    "nowhere": request_fields(authority="nowhere.test"), "long": request_fields(extra=[("x-long", "y" * 5000)]),
    "cookies": request_fields(extra=[("cookie", "a=1"), ("cookie", "b=2")]),
    # Malformed, RFC 9113 §8.2 and §8.3.
    "no path": request_fields(path=""), "connection": request_fields(extra=[("connection", "close")]),
    "upper": request_fields(extra=[("X-Upper", "y")]), "half": request_fields()[:2], "connect": request_fields("CONNECT"),
    "no request": [("x-trailer", "y")], "line end": request_fields(extra=[("x-bad", "a\r\nb")]), "nothing": [],
}


class Talk:
    """What has been said on a connection so far, so that most of what follows can be right."""

    def __init__(self, peer):
        self.peer, self.open, self.used = peer, [], [0]

    def say(self, step):
        kind, *details = step
        return getattr(self, kind)(*details)

    # What may be said, about streams that there are.

    def ask(self, head, ends):
        stream = self.peer.next_id
        self.used.append(stream)
        if not ends:
            self.open.append(stream)
        return self.peer.headers(HEADS[head], end_stream=ends)

    def send(self, which, size, ends):
        return self._further(which, ends, lambda stream: frame(DATA, END_STREAM if ends else 0, stream, bytes(size)))

    def trailers(self, which):
        return self._further(which, True, lambda stream: self.peer.headers([("x-trailer", "y")], stream))

    def cancel(self, which):
        return self._further(which, True, lambda stream: frame(RST_STREAM, 0, stream, number(CANCEL)))

    def _further(self, which, ends, make):
        if not self.open:
            return b""
        stream = self.open[which % len(self.open)]
        if ends:
            self.open.remove(stream)
        return make(stream)

    def window(self, which, step):
        return frame(WINDOW_UPDATE, 0, self.used[which % len(self.used)], number(step))

    def settings(self, pairs):
        return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))

    # What may be wrong at any point.

    def raw(self, kind, flags, stream, payload):
        return frame(kind, flags, stream, payload)

    def head(self, head, stream, ends, whole):
        return self.peer.headers(HEADS[head], stream, ends, whole)


def number(value):
    return struct.pack(">I", value)


def step(name, *details):
    return st.tuples(st.just(name), *details)


def raw(kind, flags, payload, stream=None):
    return step("raw", st.just(kind), flags, STREAMS if stream is None else st.just(stream), payload)


STREAMS = st.sampled_from([1, 1, 1, 3, 3, 5, 7, 0, 2, 0x7FFF_FFFF])
NUMBERS = st.sampled_from([0, 1, 2, 100, 65_535, 1 << 24, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
WHICH, NO_FLAGS = st.integers(0, 9), st.just(0)
RIGHT = st.one_of(
    step("ask", st.sampled_from(sorted(HEADS)), st.booleans()),
    step("send", WHICH, st.sampled_from([0, 1, 5, 100, 16_384]), st.booleans()),
    step("trailers", WHICH),
    step("cancel", WHICH),
    step("window", WHICH, st.integers(1, 1 << 24)),
    step("settings", st.lists(st.one_of(
        st.tuples(st.just(1), NUMBERS), st.tuples(st.just(3), NUMBERS), st.tuples(st.just(4), st.integers(0, 1 << 24)),
        st.tuples(st.just(5), st.integers(1 << 14, (1 << 24) - 1))), max_size=3)),
    raw(PING, NO_FLAGS, st.just(b"12345678"), stream=0),
)
ANY = st.one_of(
    step("head", st.sampled_from(sorted(HEADS)), STREAMS, st.booleans(), st.booleans()),
    step("settings", st.lists(st.tuples(st.integers(0, 9), NUMBERS), max_size=3)),
    raw(DATA, st.integers(0, 9), st.sampled_from([b"", b"12345", bytes(16_384), bytes(16_385)])),
    raw(RST_STREAM, NO_FLAGS, st.sampled_from([number(CANCEL), number(0), number(99), b""])),
    raw(WINDOW_UPDATE, NO_FLAGS, NUMBERS.map(number)),
    raw(CONTINUATION, st.sampled_from([0, END_HEADERS]), st.just(b"\x82")),
    raw(PRIORITY, NO_FLAGS, STREAMS.map(lambda stream: number(stream) + b"\x10")),
    raw(PUSH_PROMISE, st.just(END_HEADERS), st.just(number(2) + b"\x82")),
    raw(HEADERS, st.integers(0, 255), st.binary(max_size=20)),
    raw(GOAWAY, NO_FLAGS, st.just(bytes(8)), stream=0),
    step("raw", st.integers(0, 12), st.integers(0, 255), STREAMS, st.binary(max_size=20)),
)
STEPS = st.integers(1, 12).flatmap(lambda turn: ANY if turn == 5 else RIGHT)
QUESTION = b"is it u?"


def test_a_connection_goes_on_or_ends_with_a_word(edge, scripted):
    def script(connection, request):
        connection.sendall(answer(bytes(300_000 if request.environ["PATH_INFO"] == "/big" else 100)))

    running = edge({"app1": [scripted(script).address]}, workers=1, timeouts={"send": "1s", "body": "1s"})
    told = {"ended": 0, "answered": 0}
    witness = Peer(running.port, running.authority)

    @examples(400)
    @given(st.lists(STEPS, min_size=1, max_size=20), st.booleans(), st.booleans())
    def check(steps, gives_window, stays):
        with Peer(running.port, running.authority, gives_window=gives_window) as peer:
            peer.decoder.max_allowed_table_size = 1 << 32  # some ask for that
            talk = Talk(peer)
            parts = [talk.say(step) for step in steps]
            peer.send(*parts, frame(PING, 0, 0, QUESTION))
            if stays:
                peer.wait_for(lambda: any("ACK" in each.flags and each.opaque_data == QUESTION for each in peer.pings))
                peer.next_id = max(peer.next_id, highest(parts) + 2)
                # Where the numbers are used up nothing more can be asked.
                asks = not peer.closed and peer.next_id < 1 << 31
                last = peer.start() if asks else None
                # The head is enough: there may be no window for a body.
                peer.wait_for(lambda: not asks or last in peer.answers and (
                    peer.answers[last].heads or peer.answers[last].reset is not None))
                # A client's GOAWAY is an end as well, after what was under way.
                assert not peer.closed or peer.goaways or asks_for_the_end(parts), peer.frames
                told["ended" if peer.closed else "answered"] += 1
        assert witness.request("GET", "/").status == 200

    check()
    print(told)
    assert min(told.values()) > 30, f"the examples are one-sided: {told}"
    witness.close()
    rest(running)


def highest(parts):
    """The last stream that was opened, by whatever HEADERS: an id below it is passed over."""
    ids = (int.from_bytes(part[5:9], "big") & 0x7FFF_FFFF for part in parts if part[3:4] == bytes([HEADERS]))
    return max((stream for stream in ids if stream % 2), default=-1)


def asks_for_the_end(parts):
    return any(part[3:4] == bytes([GOAWAY]) for part in parts)
