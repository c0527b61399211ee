"""Applications that speak HTTP/1.1: what they are told, and what becomes of their answers and connections."""

import json
import socket
import threading

import pytest

from support.admin import status
from support.client import Cut
from support.http import good
from support.http2 import Peer
from support.load import Load
from support.processes import eventually
from support.uwsgi import answer
from test_malformed_answers import BEYOND, CUT, EVIL, TWO, UNUSABLE, ok

MIB = 1 << 20


def http(*servers, **settings):
    return {"protocol": "http", "nodes": [server.address for server in servers], **settings}


def serve(raw):
    """Answers `raw`, and well at /good; the connection stays open."""
    def script(connection, request):
        connection.sendall(answer(b"good") if request.target == "/good" else raw)
        return True
    return script


# What applications are told


def test_the_request_arrives_as_the_client_made_it(edge, web):
    server = web()
    running = edge({"app1": http(server)})
    fields = [("Accept", "text/html"), ("X-Twice", "1"), ("X-Twice", "2"), ("Cookie", "a=1"), ("Cookie", "b=2")]
    assert running.request("GET", "/a%2fb/../c;d?q=%20&r", headers=fields).body == b"good"
    [seen] = server.requests
    assert (seen.method, seen.target) == ("GET", "/a%2fb/../c;d?q=%20&r")
    assert seen.get_all("Host") == ["app1.example.test"]
    assert seen.get_all("X-Twice") == ["1", "2"]
    assert seen.get_all("Cookie") == ["a=1; b=2"]
    assert seen.get("Content-Length") is None and seen.get("Connection") is None


def test_what_belongs_to_one_hop_stays_there(edge, web):
    server = web()
    running = edge({"app1": http(server)})
    fields = [("Connection", "keep-alive, X-Mine, X-Forwarded-For, Host"), ("X-Mine", "1"), ("Keep-Alive", "timeout=9"),
              ("TE", "trailers"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAA"), ("Proxy-Connection", "close"),
              ("Proxy-Authorization", "secret"), ("Proxy", "http://evil/"), ("Trailer", "X"), ("X_Underscore", "1"),
              ("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "ftp"), ("Forwarded", "for=6.6.6.6"),
              ("X-Real-IP", "6.6.6.6"), ("X-Request-ID", "mine"), ("X-Forwarded-Host", "evil")]
    assert running.request(headers=fields).status == 200
    seen = {name.lower(): value for name, value in server.requests[0].headers}
    assert seen.pop("x-request-id") not in ("", "mine")
    assert seen == {"host": "app1.example.test", "http2-settings": "AAA", "x-forwarded-for": "127.0.0.1",
                    "x-forwarded-proto": "https", "x-forwarded-host": "app1.example.test"}


def test_an_absolute_target_becomes_a_path_and_its_host(edge, web):
    server = web()
    running = edge({"app1": http(server)})
    assert running.request("GET", "https://app1.example.test?x").status == 200
    assert (server.requests[0].target, server.requests[0].get("Host")) == ("/?x", "app1.example.test")


@pytest.mark.parametrize("size", [0, 1, 5000, 300_000, 3 * MIB])
def test_a_body_arrives_whole_with_its_length(edge, web, size):
    server = web()
    running = edge({"app1": http(server)})
    body = bytes(range(256)) * (size // 256 + 1)
    assert running.request("POST", "/", body=body[:size]).status == 200
    assert server.requests[0].body == body[:size]
    assert server.requests[0].get_all("Content-Length") == [str(size)]


def test_a_chunked_body_is_sent_on_with_its_length(edge, web):
    server = web()
    running = edge({"app1": http(server)})
    with running.client() as client:
        client.send("POST / HTTP/1.1\r\nHost: app1.example.test\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n")
        assert client.read_response().status == 200
    assert server.requests[0].body == b"hello world"
    assert server.requests[0].get("X-Trailer") is None


def test_a_client_that_speaks_http2_is_asked_for_in_http1(edge, web, authority):
    server = web()
    running = edge({"app1": http(server)}, workers=1)
    with Peer(running.port, authority) as client:
        got = client.request(path="/x?y", extra=[("cookie", "a=1"), ("cookie", "b=2"), ("te", "trailers")])
        assert (got.status, got.body) == (200, b"good")
        assert client.upload("/up", b"z" * 100_000).status == 200
    first, second = server.requests
    assert (first.method, first.target, first.get("Host")) == ("GET", "/x?y", "app1.example.test")
    assert first.get_all("Cookie") == ["a=1; b=2"] and first.get("TE") is None
    assert second.body == b"z" * 100_000 and server.connections == 1


# Answers


def test_answers_of_every_framing_arrive_whole(edge, web):
    long = b"x" * 200_000
    framings = {
        "/length": ok(b"Content-Length: 200000\r\n", long),
        "/chunked": ok(b"Transfer-Encoding: chunked\r\n",
                       b"5\r\nhello\r\n30d40;a=b\r\n" + long + b"\r\n0\r\nX-Trailer: 1\r\n\r\n"),
        "/close": ok(b"", long),
    }

    def script(connection, request):
        connection.sendall(framings[request.target])
        return request.target != "/close"

    running = edge({"app1": http(web(script))}, workers=1)
    with running.client() as client:
        for _ in range(3):
            assert client.request(path="/length").body == long
            assert client.request(path="/chunked").body == b"hello" + long
            assert client.request(path="/close").body == long


def test_interim_answers_go_by_and_the_connection_is_kept(edge, web):
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    server = web(serve(hints + answer(b"ok")))
    running = edge({"app1": http(server)}, workers=1)
    with running.client() as client:
        for _ in range(3):
            assert client.request().body == b"ok"
    assert server.connections == 1


@pytest.mark.parametrize("vector", UNUSABLE)
def test_an_unusable_answer_is_a_502_and_its_connection_is_not_used_again(edge, web, vector):
    server = web(serve(UNUSABLE[vector]))
    waits = vector in ("half a head", "only interim answers", "garbage")  # for the end of a line
    running = edge({"app1": http(server, timeouts={"response": "300ms"})}, workers=1)
    with running.client() as client:
        response = client.request("POST", body=b"x")
        assert response.status == (504 if waits else 502)
        assert "evil" not in repr(response.headers) and b"evil" not in response.body
        assert client.request(path="/good").body == b"good"
    # A node that failed is looked at, so other connections may come in between.
    first, second = (request.connection for request in server.requests)
    assert first != second, "used again"


@pytest.mark.parametrize("vector", [name for name in CUT if name not in ("a chunk that never ends", "no last chunk",
                                                                         "half a last chunk")])
def test_broken_chunks_are_a_502_or_cut_and_their_connection_is_not_used_again(edge, web, vector):
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CUT[vector]
    server = web(serve(raw))
    running = edge({"app1": http(server)}, workers=1)
    with running.client() as client:
        try:
            assert client.request("POST", body=b"x").status == 502
        except Cut:
            pass
    assert running.request(path="/good").body == b"good"
    first, second = (request.connection for request in server.requests)
    assert first != second, "used again"


@pytest.mark.parametrize("vector", BEYOND)
def test_bytes_behind_an_answer_never_become_the_next_one(edge, web, vector):
    method, raw = BEYOND[vector]
    running = edge({"app1": http(web(serve(raw)))}, workers=1)
    for _ in range(3):
        with running.client() as client:
            response = client.request(method)
            assert response.status in (200, 204, 304)
            assert response.body in (b"", b"ok")
        assert running.request(path="/good").body == b"good"


def test_bytes_that_come_between_two_requests_end_the_connection(edge, web):
    first = []

    def script(connection, request):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        first.append(connection)
        return good(connection, request)

    server = web(script)
    running = edge({"app1": http(server)}, workers=1)
    with running.client() as client:
        assert client.request().body == b"good"
        first[0].sendall(EVIL)
        for _ in range(5):
            assert client.request().body == b"good"


# Connections


def test_bytes_that_the_kernel_holds_back_never_become_the_next_answer(edge, web):
    """A body longer than its length, in two writes: Nagle's algorithm keeps the second one until we acknowledge
    the first, and it must not be our next request that does so."""
    stolen = answer(b"another client's")
    written = threading.Semaphore(0)

    def script(connection, request):
        if request.target == "/good":
            connection.sendall(answer(b"good"))
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine")
            connection.sendall(stolen)
            written.release()
        return True

    running = edge({"app1": http(web(script), keep_alive={"connections": 8})}, workers=1)
    bodies = []
    with running.client() as one, running.client() as other:
        for _ in range(12):
            assert one.request("GET", "/").body == b"mine"
            assert written.acquire(timeout=5)
            bodies.append(other.request("GET", "/good").body)
    assert bodies == [b"good"] * 12


def test_connections_are_kept_and_used_again(edge, web):
    server = web()
    running = edge({"app1": http(server)}, workers=1)
    for _ in range(3):
        with running.client() as client:
            for method in ("GET", "POST", "HEAD"):
                assert client.request(method, body=b"x" if method == "POST" else None).status == 200
    assert server.connections == 1 and len(server.requests) == 9


def test_a_unix_socket_is_kept_too(edge, web, directory):
    server = web(directory=directory)
    running = edge({"app1": http(server)}, workers=1)
    for _ in range(5):
        assert running.request("POST", body=b"y" * 100_000).body == b"good"
    assert server.connections == 1


@pytest.mark.parametrize("raw", [ok(TWO + b"Connection: close\r\n"), ok(TWO + b"Connection: x, CLOSE\r\n"),
                                 ok(TWO, status=b"HTTP/1.0 200 OK"),
                                 ok(TWO + b"Connection: keep-alive\r\n", status=b"HTTP/1.0 200 OK")],
                         ids=["close", "a list with close", "HTTP/1.0", "HTTP/1.0 with keep-alive"])
def test_a_connection_that_the_server_gives_up_is_not_used_again(edge, web, raw):
    server = web(serve(raw))
    running = edge({"app1": http(server)}, workers=1)
    for _ in range(3):
        assert running.request().body == b"ok"
    assert server.connections == 3


def test_without_keep_alive_the_server_is_told_to_close(edge, web):
    server = web()
    running = edge({"app1": http(server, keep_alive={"connections": 0})}, workers=1)
    for _ in range(3):
        assert running.request().body == b"good"
    assert server.connections == 3
    assert {request.get("Connection") for request in server.requests} == {"close"}


def test_no_more_connections_are_kept_than_configured(edge, web):
    both = threading.Barrier(2)

    def script(connection, request):
        if request.place == 0 and request.connection < 2:
            both.wait(5)
        return good(connection, request)

    server = web(script)
    running = edge({"app1": http(server, keep_alive={"connections": 1})}, workers=1)
    threads = [threading.Thread(target=running.request) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert running.request().body == running.request().body == b"good"
    assert [request.connection for request in server.requests[2:]] in ([0, 0], [1, 1])


def test_an_idle_connection_is_closed_in_time(edge, web):
    ended = threading.Event()

    def script(connection, request):
        good(connection, request)
        connection.settimeout(10)
        if connection.recv(1) == b"":
            ended.set()

    running = edge({"app1": http(web(script), keep_alive={"idle": "50ms"})}, workers=1)
    assert running.request().body == b"good"
    assert ended.wait(10)


def closing(at):
    """Answers requests well and closes without an answer to the one at place `at` of a connection."""
    def script(connection, request):
        if request.place == at:
            return False
        return good(connection, request)
    return script


def test_a_get_is_sent_again_when_a_kept_connection_ends_under_it(edge, web):
    server = web(closing(at=1))
    running = edge({"app1": http(server)}, workers=1)
    for _ in range(6):
        assert running.request().body == b"good"
    entries = eventually(lambda: len(running.access_entries()) == 6 and running.access_entries(), "six lines in the log")
    assert [tried["outcome"] for tried in entries[1]["tries"]] == ["stale", "ok"]


def test_a_post_is_not_sent_again_when_a_kept_connection_ends_under_it(edge, web):
    server = web(closing(at=1))
    running = edge({"app1": http(server)}, workers=1)
    with running.client() as client:
        assert client.request("POST", body=b"1").body == b"good"
        assert client.request("POST", body=b"2").status == 502
        assert client.request("POST", body=b"3").body == b"good"
    assert [request.body for request in server.requests] == [b"1", b"2", b"3"]


def test_a_server_that_restarts_between_requests_costs_nothing(edge, web):
    holders = []

    def script(connection, request):
        holders.append(connection)
        return good(connection, request)

    server = web(script)
    running = edge({"app1": http(server)}, workers=1)
    for _ in range(3):
        for method in ("POST", "GET", "POST"):
            assert running.request(method, body=b"x" if method == "POST" else None).body == b"good"
        server.stop()
        for holder in set(holders):
            holder.shutdown(socket.SHUT_RDWR)
        holders.clear()
        server.start()


def test_kept_connections_are_closed_when_their_node_leaves_the_configuration(edge, web):
    ended = threading.Event()

    def script(connection, request):
        good(connection, request)
        connection.settimeout(10)
        if connection.recv(1) == b"":
            ended.set()

    old, new = web(script), web()
    running = edge({"app1": http(old)}, workers=1)
    assert running.request().body == b"good"
    configuration = dict(running.configuration)
    configuration["upstreams"] = {"app1": http(new)}
    running.reload(configuration)
    assert ended.wait(10)
    assert running.request().body == b"good"
    assert len(old.requests) == 1


def test_an_answer_before_the_whole_request_ends_the_connection(edge, web):
    """A server that answers 413 and reads no further must not have the rest taken for a request."""
    refused = answer(b"no", status="413 Content Too Large")
    server = web()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    seen = []

    def early():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                seen.append(connection.recv(1000))
                connection.sendall(refused)
                connection.settimeout(5)
                try:
                    while connection.recv(65536):
                        pass
                except OSError:
                    pass

    threading.Thread(target=early, daemon=True).start()
    running = edge({"app1": {"protocol": "http", "nodes": ["127.0.0.1:%d" % listener.getsockname()[1]]}}, workers=1)
    for _ in range(3):
        assert running.request("PUT", body=b"z" * 30 * MIB).status == 413
    listener.close()
    assert len(seen) == 3 and server.connections == 0


# Failures are handled as for uwsgi


def test_another_node_is_asked_when_one_is_down(edge, web):
    dead, alive = web(), web()
    dead.stop()
    running = edge({"app1": http(dead, alive)}, workers=1)
    for _ in range(10):
        assert running.request("POST", body=b"x").body == b"good"


def test_a_status_worth_another_node_is_asked_for_again(edge, web):
    bad, fine = web(serve(answer(b"bad", status="503 Busy"))), web()
    running = edge({"app1": http(bad, fine)}, workers=1)
    for _ in range(10):
        assert running.request().body == b"good"


def test_a_request_waits_for_a_node_to_come_back(edge, web):
    server = web()
    server.stop()
    running = edge({"app1": http(server)}, workers=1)
    with running.client() as client:
        client.send_request("POST", body=b"x")
        eventually(lambda: status(running)["workers"][0]["held"] == 1, "the request is held")
        server.start()
        assert client.read_response().body == b"good"


def test_servers_that_close_when_they_like_cost_nothing_and_nothing_is_done_twice(edge, web):
    def script(connection, request):
        good(connection, request)
        return request.place < request.connection % 4

    def ask(client, number):
        if number % 3:
            return client.request()
        response = client.request("POST", body=b"%d" % number)
        # What the server ended while it was on its way can only be told, as it may have been done.
        response.status = 200 if response.status == 502 else response.status
        return response

    servers = [web(script), web(script)]
    running = edge({"app1": http(*servers)})
    with Load(running, ask) as load:
        load.wait_for(200)
        running.reload()
        load.wait_for(200)
    posted = [request.body for server in servers for request in server.requests if request.method == "POST"]
    assert len(posted) == len(set(posted)) > 50
    assert not load.failures


# Real applications


@pytest.fixture(params=["http-socket", "http11-socket"])
def real(request, edge, uwsgi):
    """uWSGI that speaks HTTP itself, closing after each answer or not."""
    node = uwsgi(listen_as=request.param, tcp=True)
    running = edge({"app1": {"protocol": "http", "nodes": [node.address]}}, workers=1)
    running.node = node
    return running


def test_an_application_behind_an_http_socket_of_uwsgi_is_served(real):
    with real.client() as client:
        for number in range(30):
            seen = json.loads(client.request(path=f"/echo/a%20b?n={number}").body)
            assert (seen["environ"]["PATH_INFO"], seen["query"]) == ("/echo/a b", f"n={number}")
            assert seen["scheme"] == "https" and seen["environ"]["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"


def test_an_application_that_is_killed_and_comes_back_is_asked_again(real):
    assert real.request().status == 200
    real.node.kill()
    with real.client() as client:
        # A worker that is just dying may still take the connection, so nothing that is sent only once.
        client.send_request("PUT", "/echo", body=b"x")
        real.node.start()
        assert client.read_response().status == 200
