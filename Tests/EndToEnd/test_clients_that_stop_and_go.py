"""Clients that are slow while the disk is full."""

import threading


def test_a_client_that_stops_gets_all_of_a_large_answer_also_when_the_disk_is_full(edge, scripted, small_disk):
    sent, size = threading.Event(), 64 * 2**20

    def script(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
        sent.set()

    running = edge({"app1": [scripted(script).address]}, workers=1, state=str(small_disk.place / "state"))
    with running.client() as client:
        client.send_request()
        assert client.read_head().status == 200
        assert not sent.wait(0.5), "there was room for all of it"
        assert client.take(size) == b"x" * size
