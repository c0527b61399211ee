"""Clients that have much kept for them, and others who are served all the same."""

import contextlib
import time

from support.http2 import HEADERS, Peer, frame, request_fields
from support.processes import eventually
from support.remains import gauges, resident
from support.uwsgi import answer

MIB = 1 << 20
NAME = "app1.example.test"
SETTINGS_INITIAL_WINDOW_SIZE = 4


def make(edge, backend, directory, **limits):
    routes = [{"host": NAME, "upstream": "app1"},
              {"host": NAME, "path": "/files/", "files": {"directory": str(directory), "listing": True}}]
    return edge({"app1": [backend.address]}, routes=routes, workers=1,
                limits={"memory": "16MiB", "connections_per_address": 20000, **limits})


def refused(running, most=60):
    """How many of so many polite requests are not answered 200."""
    return sum(running.request(path="/files/small").status != 200 for _ in range(most))


def test_closed_windows_on_a_large_file_refuse_nobody(edge, scripted, directory):
    (directory / "large").write_bytes(b"0" * 40 * MIB)
    (directory / "small").write_bytes(b"small")
    running = make(edge, scripted(), directory)
    with contextlib.ExitStack() as stack:
        for _ in range(12):
            peer = stack.enter_context(
                Peer(running.port, running.authority, settings={SETTINGS_INITIAL_WINDOW_SIZE: 0}))
            peer.send(b"".join(
                frame(HEADERS, 5, 1 + 2 * number, peer.encoder.encode(request_fields(path="/files/large")))
                for number in range(100)))
        assert refused(running) == 0


def test_clients_that_read_nothing_of_an_answer_refuse_nobody(edge, scripted, directory):
    (directory / "small").write_bytes(b"small")
    body = b"0" * 6 * MIB
    backend = scripted(lambda connection, request: connection.sendall(answer(body)))
    running = make(edge, backend, directory)
    with contextlib.ExitStack() as stack:
        for _ in range(80):
            client = stack.enter_context(running.client())
            client.send(b"GET / HTTP/1.1\r\nHost: app1.example.test\r\n\r\n")
        # Much is kept in memory now, or was and is on the disk.
        eventually(lambda: len(backend.requests) == 80, "not all were asked for")
        eventually(lambda: gauges(running)["memory_bytes"] > 8 * MIB, "nothing was kept")
        for _ in range(4):
            assert refused(running) == 0


def test_a_listing_that_many_ask_for_leaves_nothing_behind(edge, scripted, directory):
    for number in range(3000):
        (directory / f"a-name-that-is-as-long-as-names-often-are-{number}").touch()
    (directory / "small").write_bytes(b"small")
    running = make(edge, scripted(), directory)
    assert running.request(path="/files/").status == 200
    before = resident(running)
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            peer = stack.enter_context(
                Peer(running.port, running.authority, settings={SETTINGS_INITIAL_WINDOW_SIZE: 0}))
            peer.send(b"".join(
                frame(HEADERS, 5, 1 + 2 * number, peer.encoder.encode(request_fields(path="/files/")))
                for number in range(100)))
        begun = time.monotonic()
        assert refused(running, 1) == 0
        assert time.monotonic() - begun < 2, "the worker made listings and did nothing else"
    # 400 pages of 400 KB would be 160 MB.
    eventually(lambda: resident(running) - before < 40 * 1024, "memory was not given back")
