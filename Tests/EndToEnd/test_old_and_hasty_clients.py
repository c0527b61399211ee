"""HTTP/1.0, requests in single bytes, and clients that ask faster than they read."""

import pytest

from support.processes import eventually
from support.uwsgi import answer
from test_malformed_requests import REFUSED

OLD = "GET / HTTP/1.0\r\nHost: app1.example.test\r\n"


def test_a_verdict_does_not_depend_on_how_the_bytes_arrive(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]}, workers=1)
    for name, (status, raw) in REFUSED.items():
        if len(raw) > 400:
            continue
        with running.client() as client:
            try:
                for byte in raw.encode("latin-1"):
                    client.send(bytes([byte]))
            except OSError:
                pass  # refused before its end
            assert client.read_response().status == status, name
            assert client.at_end(), name
    assert peer.requests == []


def test_a_client_of_http_1_0_gets_neither_chunks_nor_a_kept_connection(edge, scripted):
    peer = scripted(lambda connection, request: connection.sendall(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))
    running = edge({"app1": [peer.address]})
    for fields in ("", "Connection: keep-alive\r\n"):
        with running.client() as client:
            client.send(OLD + fields + "\r\n")
            response = client.read_response()
            assert (response.status, response.body) == (200, b"hello")
            assert response.get("Transfer-Encoding") is None
            assert client.at_end()


def test_a_client_of_http_1_0_that_asks_keeps_its_connection(edge, scripted):
    running = edge({"app1": [scripted().address]})
    with running.client() as client:
        for _ in range(3):
            client.send(OLD + "Connection: keep-alive\r\n\r\n")
            response = client.read_response()
            assert (response.status, response.get("Connection")) == (200, "keep-alive")


@pytest.mark.parametrize("whole", [True, False])
def test_a_client_that_reads_to_the_end_can_tell_a_whole_answer_from_a_broken_one(edge, scripted, whole):
    peer = scripted(lambda connection, request: connection.sendall(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" + b"0\r\n\r\n" * whole))
    running = edge({"app1": [peer.address]})
    with running.client() as client:
        client.socket.suppress_ragged_eofs = False
        client.send(OLD + "\r\n")
        client.take_through(b"hello")
        if whole:
            assert client.socket.recv(100) == b"", "an end with the farewell of TLS"
        else:
            with pytest.raises(OSError):
                client.socket.recv(100)


def test_a_client_that_asks_without_reading_is_held_back_and_cut(edge, scripted):
    peer = scripted(lambda connection, request: connection.sendall(answer(b"x" * 100_000)))
    running = edge({"app1": [peer.address]}, workers=1, timeouts={"send": "500ms"})
    asked = b"GET / HTTP/1.1\r\nHost: app1.example.test\r\n\r\n" * 1000
    with running.client() as client:
        client.socket.settimeout(5)
        try:
            for _ in range(2000):
                client.send(asked)
            raise AssertionError("120 MB of requests were taken without an answer being read")
        except OSError:
            pass
        eventually(lambda: "client-stalled" in running.access_text(), "the log tells of the cut")
    assert len(peer.requests) < 1000
    assert running.request().status == 200
    with open(f"/proc/{running.child.pid}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak < 300 * 1024, f"{peak} KiB"
