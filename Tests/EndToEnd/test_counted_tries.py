"""A request that instances reset is sent `tries` times, whatever it waits for in between, and no more."""

import socket
import struct
import threading
import time

import pytest

from support.http import good
from support.processes import eventually
from support.uwsgi import answer


def reset(connection):
    """What a server does that dies, or that closes a connection with bytes unread."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def path_of(request):
    return request.environ["REQUEST_URI"]


@pytest.fixture
def instances(scripted):
    """instances(count, script): so many nodes, each of which notes what arrives and when."""

    def make(count, script):
        arrived = []

        def noting(connection, request):
            arrived.append((path_of(request), time.monotonic()))
            script(connection, request)

        return [scripted(noting).address for _ in range(count)], arrived

    return make


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_request_that_every_instance_resets_is_sent_as_often_as_tries_says(edge, instances, method, count):
    nodes, arrived = instances(count, lambda connection, request: reset(connection))
    running = edge({"app1": {"nodes": nodes, "retry": {"tries": 3}, "hold": "5s"}})
    began = time.monotonic()
    assert running.request(method, "/page").status == 502
    assert len(arrived) == 3
    assert time.monotonic() - began < 4, "it waited until the end of `hold`"
    entry = eventually(running.access_entries, "its line")[0]
    assert entry["cause"] == "reset"


def test_a_post_that_is_reset_is_sent_once(edge, instances):
    nodes, arrived = instances(2, lambda connection, request: reset(connection))
    running = edge({"app1": nodes})
    for body in (b"", b"x"):
        arrived.clear()
        assert running.request("POST", f"/order{len(body)}", body=body).status == 502
        assert len(arrived) == 1


def test_a_get_that_is_reset_again_and_again_gets_one_try_for_a_while(edge, instances):
    nodes, arrived = instances(2, lambda connection, request: reset(connection))
    running = edge({"app1": nodes})
    assert [running.request(path="/page").status for _ in range(5)] == [502] * 5
    assert len(arrived) == 3 + 4
    entries = eventually(lambda: (found := running.access_entries())[4:] and found, "five lines")
    assert [entry["cause"] for entry in entries].count("query-of-death") == 4


def test_requests_that_are_reset_leave_the_others_their_second_tries(edge, instances):
    known, lock = set(), threading.Lock()

    def script(connection, request):
        path = path_of(request)
        with lock:
            is_first = path not in known
            known.add(path)
        # Everybody but the deadly needs one second try.
        if path.startswith("/deadly") or is_first:
            reset(connection)
        else:
            connection.sendall(answer())

    nodes, arrived = instances(2, script)
    running = edge({"app1": nodes})
    threads = [threading.Thread(target=running.request, kwargs={"path": f"/deadly{number}"}) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deadly = len(arrived)
    assert [running.request(path=f"/page{number}").status for number in range(40)] == [200] * 40
    assert deadly == 4 * 3


def test_a_lone_instance_that_resets_a_request_has_a_moment_before_it_is_asked_again(edge, instances):
    """It is being reloaded, perhaps, and what it still answers says nothing of its listen queue."""
    failures = [2]

    def script(connection, request):
        if path_of(request) == "/page" and failures[0]:
            failures[0] -= 1
            reset(connection)
        else:
            connection.sendall(answer())

    nodes, arrived = instances(1, script)
    running = edge({"app1": nodes})
    over = threading.Event()

    def others():
        with running.client() as client:
            while not over.is_set():
                assert client.request(path="/other").status == 200

    busy = threading.Thread(target=others)
    busy.start()
    try:
        assert running.request(path="/page").status == 200
    finally:
        over.set()
        busy.join()
    times = [when for path, when in arrived if path == "/page"]
    pauses = [later - earlier for earlier, later in zip(times, times[1:])]
    assert len(pauses) == 2 and pauses[0] >= 0.25 and pauses[1] >= 1, pauses


def test_what_a_kept_connection_may_have_carried_counts_as_a_try(edge, web):
    """A server that ends a connection that was idle may have read the request all the same."""
    asked = []

    def script(connection, request):
        if request.target == "/good":
            return good(connection, request)
        asked.append(request.place)
        return reset(connection)

    running = edge({"app1": {"protocol": "http", "nodes": [web(script).address]}}, workers=1)
    assert running.request(path="/good").status == 200
    assert running.request(path="/page").status == 502
    assert asked == [1, 0, 0]


def test_a_request_that_may_have_been_read_is_not_sent_later_than_within(edge, scripted):
    def script(connection, request):
        peer.stop()
        reset(connection)

    peer = scripted(script)
    running = edge({"app1": {"nodes": [peer.address], "retry": {"within": "700ms"}, "hold": "8s"}})
    began = time.monotonic()
    assert running.request().status == 503
    assert 0.6 < time.monotonic() - began < 4
    assert len(peer.requests) == 1
