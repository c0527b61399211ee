"""Clients that are slow, catch up, and are slow again, with a disk and without one."""

import threading

import pytest

SIZE = 6 * 2**20


@pytest.mark.parametrize("head", [b"Content-Length: %d\r\n" % (3 * SIZE), b""], ids=["length", "chunks"])
def test_a_client_that_stops_and_goes_gets_all_of_a_large_answer(edge, scripted, head):
    sent, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def script(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        for part in (b"a", b"b", b"c"):
            connection.sendall(part * SIZE)
            sent.release()
            assert go_on.acquire(timeout=20)

    running = edge({"app1": [scripted(script).address]}, workers=1)
    with running.client() as client:
        client.send_request()
        response = client.read_head()
        for part in (b"a", b"b", b"c"):
            # The instance is rid of its part although nothing of it was read: the rest is on the disk.
            assert sent.acquire(timeout=10)
            if response.get("Content-Length"):
                assert client.take(SIZE) == part * SIZE
            else:
                count = 0
                while count < SIZE:
                    got = client.read_chunk()
                    assert set(got) == set(part)
                    count += len(got)
            go_on.release()


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
