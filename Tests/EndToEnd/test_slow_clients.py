"""Slow, silent and vanished clients: each costs little, and none for long."""

import socket
import struct
import threading

import pytest

from support.uwsgi import answer

HEAD = b"POST / HTTP/1.1\r\nHost: app1.example.test\r\n"


def leave_rudely(client):
    """With a reset, as a client that crashed."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def test_a_client_that_says_nothing_is_closed_without_a_word(edge, scripted):
    running = edge({"app1": [scripted().address]}, timeouts={"head": "200ms", "keep_alive": "200ms"})
    with running.client() as silent, running.client() as asked:
        assert asked.request().status == 200
        assert silent.at_end() and asked.at_end()


def test_empty_lines_do_not_keep_a_connection_open(edge, scripted):
    running = edge({"app1": [scripted().address]}, timeouts={"head": "200ms", "keep_alive": "200ms"})
    with running.client() as client:
        client.send(b"\r\n")
        assert client.at_end() or client.read_response().status == 408


def test_a_stalled_client_holds_nobody_else_up(edge, scripted):
    peer = scripted(lambda connection, request: connection.sendall(
        answer(b"x" * (8 * 2**20 if request.environ["PATH_INFO"] == "/large" else 1))))
    running = edge({"app1": [peer.address]}, workers=1)
    clients = [running.client() for _ in range(10)]
    for client in clients:
        client.send_request(path="/large")
    peer.wait_for(10)
    assert [running.request().status for _ in range(20)] == [200] * 20
    for client in clients:
        assert len(client.read_response().body) == 8 * 2**20
        client.close()


@pytest.mark.parametrize("leave", [lambda client: client.close(), leave_rudely], ids=["politely", "rudely"])
def test_a_client_that_vanishes_while_it_waits_frees_the_instance(edge, scripted, leave):
    freed = threading.Event()

    def script(connection, request):
        connection.settimeout(10)
        try:
            connection.recv(1)
        except ConnectionResetError:
            pass
        freed.set()

    peer = scripted(script)
    running = edge({"app1": [peer.address]})
    client = running.client()
    client.send_request()
    peer.wait_for(1)
    leave(client)
    assert freed.wait(5), "the instance goes on for nobody"


def test_a_client_that_vanishes_within_an_answer_frees_the_instance(edge, scripted):
    freed = threading.Event()

    def script(connection, request):
        connection.settimeout(10)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                connection.sendall(b"x" * 65536)
        except (ConnectionError, TimeoutError):
            freed.set()

    running = edge({"app1": [scripted(script).address]})
    client = running.client()
    client.send_request()
    assert client.read_head().status == 200
    leave_rudely(client)
    assert freed.wait(8), "the instance goes on for nobody"


def test_a_client_that_vanishes_within_its_upload_is_never_heard_of(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]})
    for leave in (lambda client: client.close(), leave_rudely) * 3:
        client = running.client()
        client.send(HEAD + b"Content-Length: 1000000\r\n\r\n" + b"x" * 500_000)
        leave(client)
    assert running.request(path="/after").status == 200
    assert [each.environ["PATH_INFO"] for each in peer.requests] == ["/after"]
