"""RFC 9113 sections 3.4 to 7 and RFC 7541, frame by frame: what is wrong ends as the RFC says, and the rest goes on.

The list follows the suite that others test their servers with (h2spec: http2/3.5 to 7, hpack/2.3.3 to 6.3).
"""

import pathlib
import struct
import tempfile

import hpack
import pytest

from support import http2
from support.edge import Edge, configure, install
from support.http2 import (
    ACK, CANCEL, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM, FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR, GOAWAY, HEADERS, PADDED, PING, PREFACE, PRIORITY, PRIORITY_FLAG, PROTOCOL_ERROR, PUSH_PROMISE,
    REFUSED_STREAM, RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, Peer, frame, request_fields)
from support.uwsgi import ScriptedUWSGI, answer


@pytest.fixture(scope="module")
def backend():
    peer = ScriptedUWSGI(lambda connection, request: connection.sendall(answer(request.body or b"scripted\n")))
    yield peer
    peer.end()


@pytest.fixture(scope="module")
def running(authority, wildcard, backend):
    with tempfile.TemporaryDirectory(prefix="edge.", dir="/tmp") as path:
        place = pathlib.Path(path)
        install(wildcard, place / "certificates" / "wildcard")
        one = Edge(place, authority, configure({"app1": [backend.address]}), workers=1)
        yield one
        one.end()


@pytest.fixture
def peer(running):
    with Peer(running.port, running.authority) as one:
        one.greet()
        yield one


def number(value, count=4):
    return value.to_bytes(count, "big")


def dependency(stream, weight=15):
    return number(stream) + bytes([weight])


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def block(peer, **options):
    return peer.encoder.encode(request_fields(**options))


def open_stream(peer):
    """A stream whose request is still coming."""
    return peer.start("POST", end_stream=False)


def half_closed(peer):
    """A stream whose answer is still to come: its window is closed."""
    peer.send(settings((4, 0)))
    stream = peer.start()
    peer.wait_for(lambda: peer.answers.get(stream, http2.Answer()).heads)
    return stream


def closed(peer):
    stream = peer.start()
    assert peer.answer(stream).status == 200
    return stream


def was_reset(peer):
    stream = open_stream(peer)
    peer.send(frame(RST_STREAM, 0, stream, number(CANCEL)))
    return stream


def ends_connection(peer, *codes):
    """GOAWAY with one of the codes, then the end."""
    peer.read_to_end()
    assert peer.goaway in codes, (peer.goaway, peer.frames)


def ends_stream(peer, stream, *codes):
    """RST_STREAM with one of the codes, or what a server may do as well: the same for the connection."""
    peer.wait_for(lambda: peer.answers.get(stream, http2.Answer()).reset is not None or peer.goaways)
    got = peer.goaway if peer.goaways else peer.answers[stream].reset
    assert got in codes, (got, peer.frames)


def goes_on(peer):
    assert peer.ping(), peer.frames
    assert not peer.goaways


# 3.4 The preface


def test_settings_come_first(peer):
    assert peer.frames[0].type == SETTINGS and "ACK" not in peer.frames[0].flags
    assert peer.settings[3] == 100
    goes_on(peer)


def test_another_preface_is_refused(running):
    with Peer(running.port, running.authority, greets=False) as peer:
        peer.send(b"INVALID CONNECTION PREFACE\r\n\r\n")
        ends_connection(peer, PROTOCOL_ERROR)


def test_a_frame_before_the_settings_is_refused(running):
    with Peer(running.port, running.authority, greets=False) as peer:
        peer.send(PREFACE, frame(PING, 0, 0, b"12345678"))
        ends_connection(peer, PROTOCOL_ERROR)


# 4.1 to 5.5: what is passed over


IGNORED = {
    "a type that nobody knows": lambda peer: frame(0x16, 0, 0, bytes(8)),
    "flags that nobody knows": lambda peer: frame(PING, 0x16, 0, b"flagged!"),
    "the reserved bit": lambda peer: frame(PING, 0, 0x8000_0000, b"reserved"),
    "an unknown setting": lambda peer: settings((0xff, 1)),
    "an acknowledged ping": lambda peer: frame(PING, ACK, 0, b"nobodys!"),
    "a priority for an idle stream": lambda peer: frame(PRIORITY, 0, 5, dependency(0)),
    "an unknown error code of a stream": lambda peer: (
        frame(RST_STREAM, 0, open_stream(peer), number(0xff))),
    "a priority for a stream half closed": lambda peer: frame(PRIORITY, 0, half_closed(peer), dependency(0)),
    "a window update for a stream half closed": lambda peer: (
        frame(WINDOW_UPDATE, 0, half_closed(peer), number(1))),
    "a priority for a closed stream": lambda peer: frame(PRIORITY, 0, closed(peer), dependency(0)),
    "a window update for a closed stream": lambda peer: frame(WINDOW_UPDATE, 0, closed(peer), number(1)),
    "a reset of a closed stream": lambda peer: frame(RST_STREAM, 0, closed(peer), number(CANCEL)),
    "several initial windows in one": lambda peer: settings((4, 100), (4, 1)),
    "more window": lambda peer: frame(WINDOW_UPDATE, 0, 0, number(100)),
}


@pytest.mark.parametrize("what", IGNORED)
def test_it_goes_on(peer, what):
    peer.send(IGNORED[what](peer))
    goes_on(peer)


def test_a_goaway_with_an_unknown_code_lets_streams_finish(peer):
    stream = open_stream(peer)
    peer.send(frame(GOAWAY, 0, 0, number(0) + number(0xff)), frame(DATA, END_STREAM, stream, b"x"))
    assert peer.answer(stream).status == 200


# Errors of the connection


def while_a_head_is_sent(peer, *then):
    stream, peer.next_id = peer.next_id, peer.next_id + 2
    return frame(HEADERS, END_STREAM, stream, block(peer)) + b"".join(then)


def answered_head(peer, path="/", flags=END_HEADERS):
    stream, peer.next_id = peer.next_id, peer.next_id + 2
    return frame(HEADERS, END_STREAM | flags, stream, block(peer, path=path))


CONNECTION = {
    "a head above the frame size": (
        [FRAME_SIZE_ERROR], lambda peer: frame(HEADERS, END_STREAM | END_HEADERS, 1, bytes(16385))),
    "a frame above the frame size": ([FRAME_SIZE_ERROR], lambda peer: frame(0x16, 0, 0, bytes(16385))),
    "a block that is no HPACK": (
        [COMPRESSION_ERROR], lambda peer: frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\xff" * 10)),
    "a priority within a head": (
        [PROTOCOL_ERROR], lambda peer: while_a_head_is_sent(peer, frame(PRIORITY, 0, 1, dependency(0)))),
    "another head within a head": (
        [PROTOCOL_ERROR], lambda peer: while_a_head_is_sent(peer) + frame(HEADERS, 5, 3, block(peer))),
    "an unknown frame within a head": (
        [PROTOCOL_ERROR], lambda peer: while_a_head_is_sent(peer, frame(0x16, 0, 0, bytes(8)))),
    "a continuation of another stream": (
        [PROTOCOL_ERROR], lambda peer: while_a_head_is_sent(peer, frame(CONTINUATION, END_HEADERS, 3, b""))),
    "data within a head": ([PROTOCOL_ERROR], lambda peer: while_a_head_is_sent(peer, frame(DATA, 1, 1, b"x"))),
    "data for an idle stream": ([PROTOCOL_ERROR], lambda peer: frame(DATA, END_STREAM, 1, b"test")),
    "a reset of an idle stream": ([PROTOCOL_ERROR], lambda peer: frame(RST_STREAM, 0, 1, number(CANCEL))),
    "a window update for an idle stream": ([PROTOCOL_ERROR], lambda peer: frame(WINDOW_UPDATE, 0, 1, number(100))),
    "a continuation of an idle stream": ([PROTOCOL_ERROR], lambda peer: frame(CONTINUATION, END_HEADERS, 1, b"")),
    "data on a stream half closed": ([STREAM_CLOSED], lambda peer: frame(DATA, END_STREAM, half_closed(peer), b"x")),
    "a head on a stream half closed": (
        [STREAM_CLOSED], lambda peer: frame(HEADERS, 5, half_closed(peer), block(peer))),
    "a continuation on a stream half closed": (
        [STREAM_CLOSED, PROTOCOL_ERROR], lambda peer: frame(CONTINUATION, 4, half_closed(peer), b"")),
    "data after a reset": ([STREAM_CLOSED], lambda peer: frame(DATA, END_STREAM, was_reset(peer), b"x")),
    "a head after a reset": ([STREAM_CLOSED], lambda peer: frame(HEADERS, 5, was_reset(peer), block(peer))),
    "a continuation after a reset": (
        [STREAM_CLOSED, PROTOCOL_ERROR], lambda peer: frame(CONTINUATION, 4, was_reset(peer), b"")),
    "data on a closed stream": ([STREAM_CLOSED], lambda peer: frame(DATA, END_STREAM, closed(peer), b"x")),
    "a head on a closed stream": ([STREAM_CLOSED], lambda peer: frame(HEADERS, 5, closed(peer), block(peer))),
    "a continuation on a closed stream": (
        [STREAM_CLOSED, PROTOCOL_ERROR], lambda peer: frame(CONTINUATION, 4, closed(peer), b"")),
    "an even stream": ([PROTOCOL_ERROR], lambda peer: frame(HEADERS, 5, 2, block(peer))),
    "a stream below the last": (
        [PROTOCOL_ERROR, STREAM_CLOSED],
        lambda peer: frame(HEADERS, 5, 5, block(peer)) + frame(HEADERS, 5, 2, block(peer))),
    "data of the connection": ([PROTOCOL_ERROR], lambda peer: frame(DATA, END_STREAM, 0, b"x")),
    "padding as long as the data": (
        [PROTOCOL_ERROR], lambda peer: frame(DATA, END_STREAM | PADDED, open_stream(peer), b"\x06" + b"x" * 5)),
    "a head of the connection": ([PROTOCOL_ERROR], lambda peer: frame(HEADERS, 5, 0, block(peer))),
    "padding as long as the head": ([PROTOCOL_ERROR], lambda peer: frame(HEADERS, 5 | PADDED, 1, b"\x09" + bytes(8))),
    "a priority of the connection": ([PROTOCOL_ERROR], lambda peer: frame(PRIORITY, 0, 0, dependency(1))),
    "a reset of the connection": ([PROTOCOL_ERROR], lambda peer: frame(RST_STREAM, 0, 0, number(CANCEL))),
    "a reset of another length": (
        [FRAME_SIZE_ERROR], lambda peer: frame(RST_STREAM, 0, open_stream(peer), bytes(3))),
    "acknowledged settings with settings": ([FRAME_SIZE_ERROR], lambda peer: frame(SETTINGS, ACK, 0, bytes(6))),
    "settings of a stream": ([PROTOCOL_ERROR], lambda peer: frame(SETTINGS, 0, 1, b"")),
    "settings of another length": ([FRAME_SIZE_ERROR], lambda peer: frame(SETTINGS, 0, 0, bytes(3))),
    "a push that is neither on nor off": ([PROTOCOL_ERROR], lambda peer: settings((2, 2))),
    "an initial window above the most": ([FLOW_CONTROL_ERROR], lambda peer: settings((4, 0x8000_0000))),
    "a frame size below the least": ([PROTOCOL_ERROR], lambda peer: settings((5, 16383))),
    "a frame size above the most": ([PROTOCOL_ERROR], lambda peer: settings((5, 1 << 24))),
    "a ping of a stream": ([PROTOCOL_ERROR], lambda peer: frame(PING, 0, 1, bytes(8))),
    "a ping of another length": ([FRAME_SIZE_ERROR], lambda peer: frame(PING, 0, 0, bytes(6))),
    "a goaway of a stream": ([PROTOCOL_ERROR], lambda peer: frame(GOAWAY, 0, 1, bytes(8))),
    "a window update of nothing": ([PROTOCOL_ERROR], lambda peer: frame(WINDOW_UPDATE, 0, 0, bytes(4))),
    "a window update of another length": ([FRAME_SIZE_ERROR], lambda peer: frame(WINDOW_UPDATE, 0, 0, bytes(3))),
    "a window above the most": (
        [FLOW_CONTROL_ERROR], lambda peer: frame(WINDOW_UPDATE, 0, 0, number(0x7fff_ffff)) * 2),
    "a continuation of the connection": (
        [PROTOCOL_ERROR], lambda peer: while_a_head_is_sent(peer, frame(CONTINUATION, END_HEADERS, 0, b""))),
    "a continuation of a complete head": (
        [PROTOCOL_ERROR, STREAM_CLOSED],
        lambda peer: answered_head(peer) + frame(CONTINUATION, END_HEADERS, 1, b"")),
    "a continuation of a complete continuation": (
        [PROTOCOL_ERROR, STREAM_CLOSED],
        lambda peer: while_a_head_is_sent(
            peer, frame(CONTINUATION, END_HEADERS, 1, b""), frame(CONTINUATION, END_HEADERS, 1, b""))),
    "a continuation of data": (
        [PROTOCOL_ERROR],
        lambda peer: peer.headers(request_fields("POST"), end_stream=False) + frame(DATA, END_STREAM, 1, b"x")
        + frame(CONTINUATION, END_HEADERS, 1, b"")),
    "a promised push": ([PROTOCOL_ERROR], lambda peer: frame(PUSH_PROMISE, END_HEADERS, 1, number(2) + block(peer))),
    "an index above all": ([COMPRESSION_ERROR], lambda peer: frame(HEADERS, 5, 1, block(peer) + b"\xc6")),
    "a name's index above all": (
        [COMPRESSION_ERROR], lambda peer: frame(HEADERS, 5, 1, block(peer) + b"\x7f\x0b\x05value")),
    "a table size at the end of a block": ([COMPRESSION_ERROR], lambda peer: frame(HEADERS, 5, 1, block(peer) + b"\x3f\x01")),
    "a padding longer than seven bits": (
        [COMPRESSION_ERROR], lambda peer: frame(HEADERS, 5, 1, block(peer) + b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff")),
    "a padding of zeros": (
        [COMPRESSION_ERROR], lambda peer: frame(HEADERS, 5, 1, block(peer) + b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90")),
    "a string with its end": (
        [COMPRESSION_ERROR],
        lambda peer: frame(HEADERS, 5, 1, block(peer) + b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f")),
    "an index of zero": ([COMPRESSION_ERROR], lambda peer: frame(HEADERS, 5, 1, block(peer) + b"\x80")),
    "a table size above the most": (
        [COMPRESSION_ERROR], lambda peer: frame(HEADERS, 5, 1, b"\x3f\xe2\x1f" + block(peer))),
}


@pytest.mark.parametrize("what", CONNECTION)
def test_the_connection_ends(peer, what):
    codes, frames = CONNECTION[what]
    peer.send(frames(peer))
    ends_connection(peer, *codes)


# Errors of a stream


def test_data_above_the_frame_size(peer):
    stream = open_stream(peer)
    peer.send(frame(DATA, END_STREAM, stream, bytes(16385)))
    ends_stream(peer, stream, FRAME_SIZE_ERROR)


def test_more_streams_than_were_granted(peer):
    peer.send(settings((4, 0)))
    for _ in range(101):
        peer.start()
    ends_stream(peer, 201, PROTOCOL_ERROR, REFUSED_STREAM)


def test_a_head_that_depends_on_itself(peer):
    peer.send(frame(HEADERS, 5 | PRIORITY_FLAG, 1, dependency(1) + block(peer)))
    ends_stream(peer, 1, PROTOCOL_ERROR)


def test_a_priority_that_depends_on_itself(peer):
    peer.send(frame(PRIORITY, 0, 1, dependency(1)))
    ends_stream(peer, 1, PROTOCOL_ERROR)


def test_a_priority_of_another_length(peer):
    stream = open_stream(peer)
    peer.send(frame(PRIORITY, 0, stream, bytes(4)))
    ends_stream(peer, stream, FRAME_SIZE_ERROR)


def test_a_stream_window_update_of_nothing(peer):
    stream = open_stream(peer)
    peer.send(frame(WINDOW_UPDATE, 0, stream, bytes(4)))
    ends_stream(peer, stream, PROTOCOL_ERROR)


def test_a_stream_window_above_the_most(peer):
    stream = open_stream(peer)
    peer.send(frame(WINDOW_UPDATE, 0, stream, number(0x7fff_ffff)) * 2)
    ends_stream(peer, stream, FLOW_CONTROL_ERROR)


def test_initial_windows_that_lift_one_above_the_most(peer):
    peer.send(settings((4, 0)))
    stream = open_stream(peer)
    peer.send(frame(WINDOW_UPDATE, 0, stream, number(0x7fff_ffff)), settings((4, 1)))
    ends_stream(peer, stream, FLOW_CONTROL_ERROR)


def test_a_body_may_be_sent_without_reading_as_long_as_it_is_taken(peer):
    stream = open_stream(peer)
    for _ in range((4 << 20) // 16384):
        peer.send(frame(DATA, 0, stream, bytes(16384)))
    goes_on(peer)


# What is right


def test_a_frame_of_the_greatest_size(peer):
    stream = open_stream(peer)
    peer.send(frame(DATA, END_STREAM, stream, bytes(16384)))
    got = peer.answer(stream)
    assert got.status == 200 and got.body == bytes(16384)


def test_data_with_padding_in_several_frames(peer):
    stream = open_stream(peer)
    peer.send(frame(DATA, PADDED, stream, b"\x05one " + bytes(5)), frame(DATA, 0, stream, b"two"),
              frame(DATA, END_STREAM | PADDED, stream, b"\x00" + b" three"))
    assert peer.answer(stream).body == b"one two three"


def test_a_head_with_padding_and_priority(peer):
    peer.send(frame(HEADERS, 5 | PADDED, 1, b"\x04" + block(peer) + bytes(4)))
    peer.send(frame(HEADERS, 5 | PRIORITY_FLAG, 3, dependency(0, 255) + block(peer)))
    peer.send(frame(HEADERS, 5 | PRIORITY_FLAG, 5, dependency(0x8000_0003) + block(peer)))
    peer.send(frame(HEADERS, 5 | PADDED | PRIORITY_FLAG, 7, b"\x01" + dependency(1) + block(peer) + b"\0"))
    assert [peer.answer(stream).status for stream in (1, 3, 5, 7)] == [200] * 4


def test_priorities_before_their_streams(peer):
    for stream in (1, 3, 5, 7):
        peer.send(frame(PRIORITY, 0, stream, dependency(stream + 2)))
    assert peer.request().status == 200


@pytest.mark.parametrize("pieces", [2, 4])
def test_a_head_in_several_frames(peer, pieces):
    whole = block(peer)
    size = len(whole) // pieces
    parts = [whole[at * size : (at + 1) * size] for at in range(pieces - 1)] + [whole[(pieces - 1) * size :]]
    peer.send(frame(HEADERS, END_STREAM, 1, parts[0]))
    for part in parts[1:-1]:
        peer.send(frame(CONTINUATION, 0, 1, part))
    peer.send(frame(CONTINUATION, END_HEADERS, 1, parts[-1]))
    assert peer.answer(1).status == 200


def test_every_byte_alone(peer):
    whole = peer.headers(request_fields("POST", extra=[("content-length", "5")]), end_stream=False)
    whole += frame(DATA, 0, 1, b"one") + frame(DATA, END_STREAM, 1, b"by")
    for at in range(len(whole)):
        peer.send(whole[at : at + 1])
    assert peer.answer(1).body == b"oneby"


@pytest.mark.parametrize("form", ["indexed", "not indexed", "never indexed"])
@pytest.mark.parametrize("huffman", [False, True])
def test_every_form_of_a_field(peer, backend, form, huffman):
    first, mask = {"indexed": (0x40, 6), "not indexed": (0, 4), "never indexed": (0x10, 4)}[form]
    def text(word):
        if not huffman:
            return bytes([len(word)]) + word
        packed = hpack.huffman.HuffmanEncoder(
            hpack.huffman_constants.REQUEST_CODES, hpack.huffman_constants.REQUEST_CODES_LENGTH).encode(word)
        return bytes([0x80 | len(packed)]) + packed

    field = bytes([first]) + text(b"x-form") + text(b"a value")
    peer.send(frame(HEADERS, 5, 1, b"\x20" + block(peer) + field))
    assert peer.answer(1).status == 200
    assert backend.requests[-1].environ["HTTP_X_FORM"] == "a value"


def test_settings_and_pings_are_acknowledged(peer):
    before = len([each for each in peer.frames if each.type == SETTINGS and "ACK" in each.flags])
    peer.send(settings((1, 4096), (4, 1000)))
    peer.wait_for(lambda: len([e for e in peer.frames if e.type == SETTINGS and "ACK" in e.flags]) > before)
    peer.send(frame(PING, 0, 0, b"opaquely"))
    peer.wait_for(lambda: peer.pings)
    assert peer.pings[0].opaque_data == b"opaquely" and "ACK" in peer.pings[0].flags


# 6.9 Windows of the client


def data_lengths(peer, stream):
    return [len(each.data) for each in peer.frames if each.type == DATA and each.stream_id == stream]


def test_a_window_of_one_byte(running):
    with Peer(running.port, running.authority, settings={4: 1}, gives_window=False) as peer:
        stream = peer.start()
        peer.wait_for(lambda: data_lengths(peer, stream))
        goes_on(peer)
        assert data_lengths(peer, stream) == [1]


def test_a_window_that_opens_after_the_head(running):
    with Peer(running.port, running.authority, settings={4: 0}, gives_window=False) as peer:
        stream = peer.start()
        peer.wait_for(lambda: peer.answers.get(stream, http2.Answer()).heads)
        assert not data_lengths(peer, stream)
        peer.send(settings((4, 1)))
        peer.wait_for(lambda: data_lengths(peer, stream))
        assert data_lengths(peer, stream) == [1]


def test_a_window_below_zero(running):
    with Peer(running.port, running.authority, settings={4: 3}, gives_window=False) as peer:
        stream = peer.start()
        peer.wait_for(lambda: data_lengths(peer, stream) == [3])
        peer.send(settings((4, 2)), frame(WINDOW_UPDATE, 0, stream, number(2)))
        peer.wait_for(lambda: data_lengths(peer, stream) == [3, 1])
        goes_on(peer)
        assert data_lengths(peer, stream) == [3, 1]
