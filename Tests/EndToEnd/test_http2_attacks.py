"""HTTP/2 clients that ask for much and bring nothing: their connection ends, and nobody else notices."""

import pytest

from support import http2
from support.edge import binary
from support.http2 import (
    CANCEL, CONTINUATION, DATA, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, PING, PRIORITY, RST_STREAM,
    SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, Peer, frame, request_fields)
from support.processes import eventually
from support.remains import resident
from support.uwsgi import answer

# A sanitizer keeps what was given back for a while.
GROWTH = 10 * 1024 if "build-" not in str(binary()) else 64 * 1024
RESETS = 500  # what a connection may do at once, and 50 more each second


@pytest.fixture
def running(edge, scripted):
    backend = scripted()
    one = edge({"app1": [backend.address]}, workers=1)
    one.backend = backend
    return one


def peer(running, **options):
    one = Peer(running.port, running.authority, **options)
    one.greet()
    return one


def number(value):
    return value.to_bytes(4, "big")


def is_calmed(one):
    one.read_to_end()
    return one.goaway == ENHANCE_YOUR_CALM


def others_are_served(running):
    with Peer(running.port, running.authority) as other:
        assert other.request().status == 200


# Resets


def test_rapid_reset(running):
    with peer(running) as one:
        for _ in range(4000):
            stream = one.next_id
            one.send(one.headers(request_fields()), frame(RST_STREAM, 0, stream, number(CANCEL)))
        assert is_calmed(one)
    others_are_served(running)
    assert len(running.backend.requests) <= RESETS + 100


PROVOKED = {
    "a window above the most": lambda stream: frame(WINDOW_UPDATE, 0, stream, number(0x7fff_ffff)),
    "a head that is malformed": None,
    "a body of another length": lambda stream: frame(DATA, END_STREAM, stream, b"too long"),
    "trailers that are none": lambda stream: frame(HEADERS, 5, stream, b"\x82"),
}


@pytest.mark.parametrize("what", PROVOKED)
def test_resets_that_we_are_made_to_send(running, what):
    """MadeYouReset, CVE-2025-8671."""
    with peer(running) as one:
        for _ in range(4000):
            stream = one.next_id
            if PROVOKED[what]:
                fields = request_fields("POST", extra=[("content-length", "3")])
                one.send(one.headers(fields, end_stream=False), PROVOKED[what](stream))
            else:
                one.send(one.headers([*request_fields(), ("connection", "close")]))
            one.answer(stream)
            if one.closed:
                break
        assert is_calmed(one)
    others_are_served(running)
    assert len(running.backend.requests) <= RESETS + 100


@pytest.mark.parametrize("then", [
    frame(WINDOW_UPDATE, 0, 1, number(0)), frame(PRIORITY, 0, 1, number(1) + b"\0"), frame(DATA, END_STREAM, 1, b"x"), frame(HEADERS, 5, 1, b"\x82")],
    ids=["a window update of nothing", "a priority on itself", "data after the end", "a head after the end"])
def test_what_ends_the_connection_cannot_be_repeated(running, then):
    with peer(running, settings={4: 0}) as one:
        one.start()
        one.send(then)
        one.read_to_end()
        assert one.goaway in (http2.PROTOCOL_ERROR, STREAM_CLOSED)
    others_are_served(running)


def test_data_right_behind_a_reset(running):
    with peer(running) as one:
        stream = one.start("POST", end_stream=False)
        one.send(frame(DATA, 0, stream, b"one"), frame(RST_STREAM, 0, stream, number(CANCEL)),
                 frame(DATA, END_STREAM, stream, b"two"))
        one.read_to_end()
        assert one.goaway == STREAM_CLOSED
    others_are_served(running)


# Heads without an end


@pytest.mark.parametrize("size", [0, 1, 16384])
def test_continuations_without_an_end(running, size):
    before = resident(running)
    with peer(running) as one:
        piece = (b"\x00\x01a" + b"\x7f\x81\x7e" + b"v" * 16384)[:size] if size > 1 else b"\x82"[:size]
        one.send(frame(HEADERS, END_STREAM, 1, one.encoder.encode(request_fields())))
        for _ in range(5000):
            one.send(frame(CONTINUATION, 0, 1, piece))
            if one.closed:
                break
        one.read_to_end()
        assert one.goaway in (ENHANCE_YOUR_CALM, None)
    assert resident(running) - before < GROWTH
    others_are_served(running)
    assert len(running.backend.requests) == 1


def test_a_continuation_too_many_says_so(running):
    with peer(running) as one:
        one.send(frame(HEADERS, END_STREAM, 1, b""), *[frame(CONTINUATION, 0, 1, b"")] * 9)
        assert is_calmed(one)


def test_fields_by_reference(running):
    """The HTTP/2 bomb: a byte stands for a field of four kilobytes."""
    before = resident(running)
    with peer(running) as one:
        large = b"\x40\x01a\x7f\xa1\x1e" + b"v" * 4000  # enters the table
        for _ in range(20):
            stream, one.next_id = one.next_id, one.next_id + 2
            one.send(frame(HEADERS, 5, stream, one.encoder.encode(request_fields()) + large + b"\xbe" * 10000))
            if one.closed:
                break
        assert is_calmed(one)
    assert resident(running) - before < GROWTH
    others_are_served(running)


def test_cookies_in_crumbs(running):
    before = resident(running)
    with peer(running) as one:
        one.send(one.headers([*request_fields(), *[("cookie", "a=1")] * 40000]))
        assert is_calmed(one)
    assert resident(running) - before < GROWTH
    others_are_served(running)
    assert len(running.backend.requests) == 1


# Frames that only have to be answered


FLOODS = {
    "pings": lambda stream: frame(PING, 0, 0, bytes(8)),
    "settings": lambda stream: frame(SETTINGS, 0, 0, b""),
    "empty data": lambda stream: frame(DATA, 0, stream, b""),
    "data of padding": lambda stream: frame(DATA, 8, stream, b"\x07" + bytes(7)),
    "window updates": lambda stream: frame(WINDOW_UPDATE, 0, 0, number(1)),
    "window updates of a stream": lambda stream: frame(WINDOW_UPDATE, 0, stream, number(1)),
    "priorities": lambda stream: frame(PRIORITY, 0, stream, number(0) + b"\0"),
    "frames that nobody knows": lambda stream: frame(0x42, 0, 0, b""),
}


@pytest.mark.parametrize("what", FLOODS)
def test_a_flood(running, what):
    before = resident(running)
    with peer(running) as one:
        stream = one.start("POST", end_stream=False)
        for _ in range(100):
            one.send(FLOODS[what](stream) * 1000)
            if one.closed:
                break
        one.read_to_end()
        # A reset can overtake the reason.
        assert one.goaway in (ENHANCE_YOUR_CALM, None) and one.closed
    assert resident(running) - before < GROWTH
    entry = eventually(lambda: next(iter(running.access_entries()), None), "the request that was cut")
    assert (entry["status"], entry["cause"]) == (429, "client-flood")
    others_are_served(running)


@pytest.mark.parametrize("what", FLOODS)
def test_a_flood_is_told_why_it_ends(running, what):
    with peer(running) as one:
        stream = one.start("POST", end_stream=False)
        one.send(FLOODS[what](stream) * 6000)
        assert is_calmed(one)


def test_windows_of_one_byte_each(edge, scripted):
    """Data dribble, CVE-2019-9517: each byte costs a frame."""
    running = edge({"app1": [scripted(lambda c, r: c.sendall(answer(bytes(100_000)))).address]}, workers=1)
    with Peer(running.port, running.authority, settings={4: 0}, gives_window=False) as one:
        stream = one.start()
        for _ in range(7000):
            one.send(frame(WINDOW_UPDATE, 0, stream, number(1)))
        assert is_calmed(one)


# Clients that stand still


def test_answers_that_nobody_takes(edge, scripted):
    """A hundred streams whose windows stay closed: they are reset, and their memory is bounded."""
    running = edge({"app1": [scripted(lambda c, r: c.sendall(answer(bytes(2_000_000)))).address]}, workers=1,
                   timeouts={"send": "1s"})
    before = resident(running)
    with Peer(running.port, running.authority, settings={4: 0}, gives_window=False) as one:
        streams = [one.start() for _ in range(100)]
        most = before

        def all_reset():
            nonlocal most
            most = max(most, resident(running))
            return all(one.answers.get(stream, http2.Answer()).reset is not None for stream in streams)

        assert one.wait_for(all_reset)
        assert {one.answers[stream].reset for stream in streams} == {CANCEL}
        assert one.ping()
    entries = eventually(lambda: len(found := running.access_entries()) >= 100 and found, "the log")
    assert {entry["cause"] for entry in entries} == {"client-stalled"}
    assert most - before < GROWTH, most - before
