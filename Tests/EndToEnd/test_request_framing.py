"""Unusual requests with one meaning reach the application once, and the next one begins where it should."""

import pytest

HOST = "Host: app1.example.test\r\n"
NEXT = f"GET /next HTTP/1.1\r\n{HOST}\r\n"


def message(method="GET", target="/", fields="", body="", host=HOST):
    return f"{method} {target} HTTP/1.1\r\n{host}{fields}\r\n{body}"


def chunks(body):
    return message("POST", fields="Transfer-Encoding: chunked\r\n", body=body)


ACCEPTED = {  # the request, the path and the body that the application is given
    "body on GET": (message(fields=f"Content-Length: {len(NEXT)}\r\n", body=NEXT), "/", NEXT),
    "body on OPTIONS": (message("OPTIONS", fields=f"Content-Length: {len(NEXT)}\r\n", body=NEXT), "/", NEXT),
    "chunks on DELETE": (message("DELETE", fields="Transfer-Encoding: CHUNKED\r\n", body="1\r\nx\r\n0\r\n\r\n"),
                         "/", "x"),
    "a request within a chunk": (chunks(f"{len(NEXT):x}\r\n{NEXT}\r\n0\r\n\r\n"), "/", NEXT),
    "chunk sizes in both cases and with zeros": (chunks("00a\r\nxxxxxxxxxx\r\nA\r\nyyyyyyyyyy\r\n0\r\n\r\n"),
                                                 "/", "x" * 10 + "y" * 10),
    "chunk extension": (chunks('1;a="b"\r\nx\r\n0;c\r\n\r\n'), "/", "x"),
    "trailers": (chunks("1\r\nx\r\n0\r\nX-Trailer: evil\r\nContent-Length: 9\r\n\r\n"), "/", "x"),
    "length zero": (message("POST", fields="Content-Length: 0\r\n"), "/", ""),
    "length with zeros": (message("POST", fields="Content-Length: 0003\r\n", body="abc"), "/", "abc"),
    "an empty line before": ("\r\n" + message(), "/", ""),
    "absolute target": (message(target="http://app1.example.test/absolute?q"), "/absolute", ""),
    "absolute target against Host": (message(target="https://app1.example.test/absolute",
                                             host="Host: other.test:8443\r\n"), "/absolute", ""),
    "absolute target without a path": (message(target="https://app1.example.test"), "/", ""),
    "Host in capitals with a dot and a port": (message(host="Host: APP1.Example.TEST.:443\r\n"), "/", ""),
    "dot segments": (message(target="/a/./b/../c"), "/a/c", ""),
    "encoded dot segments": (message(target="/a/%2e%2E/c"), "/c", ""),
    "slashes": (message(target="//a%2F/b"), "/a/b", ""),
    "encoded line ends": (message(target="/a%0d%0aX:%20y"), "/a\r\nX: y", ""),
    "an upgrade to another protocol": (message(fields="Connection: Upgrade\r\nUpgrade: h2c\r\n"), "/", ""),
    "100 fields": (message(fields="".join(f"X-{n}: y\r\n" for n in range(99))), "/", ""),
}


@pytest.mark.parametrize("vector", ACCEPTED)
def test_an_unusual_request_arrives_once_and_so_does_the_next(edge, scripted, vector):
    raw, path, body = ACCEPTED[vector]
    peer = scripted()
    running = edge({"app1": [peer.address]}, workers=1)
    with running.client() as client:
        client.send(raw, NEXT)
        assert [client.read_response().status for _ in range(2)] == [200, 200]
        client.send_request(path="/last", headers=[("Connection", "close")])
        assert client.read_response().status == 200
        assert client.at_end()
    assert [each.environ["PATH_INFO"] for each in peer.requests] == [path, "/next", "/last"]
    first = peer.requests[0]
    assert first.body == body.encode()
    assert not {"HTTP_X_TRAILER", "HTTP_TRANSFER_ENCODING", "HTTP_UPGRADE", "HTTP_CONNECTION"} & set(first.environ)


@pytest.mark.parametrize("host", ["nowhere.example.test", "other.test"])
@pytest.mark.parametrize("fields", [
    "Content-Length: {length}\r\n", "Content-Length: {length}\r\nExpect: 100-continue\r\n",
    "Transfer-Encoding: chunked\r\n"])
def test_the_body_of_a_request_that_was_refused_early_is_not_a_request(edge, scripted, host, fields):
    peer = scripted()
    running = edge({"app1": [peer.address]})
    body = NEXT if "Length" in fields else f"{len(NEXT):x}\r\n{NEXT}\r\n0\r\n\r\n"
    with running.client() as client:
        client.send(message("POST", fields=fields.format(length=len(NEXT)), host=f"Host: {host}\r\n"))
        client.send(body)
        assert client.read_response().status in (404, 421)
        assert client.at_end(), "the body was taken for a request"
    assert running.request().status == 200
    assert len(peer.requests) == 1


def test_the_body_of_a_health_request_is_not_a_request(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]})
    with running.client() as client:
        client.send(message("GET", "/healthz", f"Content-Length: {len(NEXT)}\r\n", NEXT))
        assert client.read_response().status in (200, 405)
        assert client.at_end()
    assert peer.requests == []


def test_a_client_that_asks_is_told_to_continue_and_answered_once(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]})
    with running.client() as client:
        client.send(message("POST", fields="Expect: 100-Continue\r\nContent-Length: 1\r\n"))
        assert client.read_head().status == 100
        client.send("x", NEXT)
        assert [client.read_response().status for _ in range(2)] == [200, 200]
    assert [each.body for each in peer.requests] == [b"x", b""]
    assert "HTTP_EXPECT" not in peer.requests[0].environ


def test_a_client_whose_body_would_be_too_large_is_not_told_to_continue(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]},
                   routes=[{"host": "app1.example.test", "upstream": "app1", "body_max": "1KiB"}])
    with running.client() as client:
        client.send(message("POST", fields="Expect: 100-continue\r\nContent-Length: 2000\r\n"))
        assert client.read_head().status == 413
    for framing, body in (("Content-Length: 2000\r\n", "x" * 2000),
                          ("Transfer-Encoding: chunked\r\n", "7d0\r\n" + "x" * 2000 + "\r\n0\r\n\r\n")):
        with running.client() as client:
            client.send(message("POST", fields=framing, body=body), NEXT)
            assert client.read_response().status == 413
            assert client.at_end()
    assert peer.requests == []


def test_a_hundred_pipelined_requests_are_answered_in_order(edge, scripted):
    peer = scripted(lambda connection, request: connection.sendall(
        b"HTTP/1.1 200 OK\r\n\r\n" + request.environ["PATH_INFO"].encode()))
    running = edge({"app1": [peer.address]})
    with running.client() as client:
        client.send(*(message(target=f"/{number}") for number in range(100)))
        assert [client.read_response().body for _ in range(100)] == [b"/%d" % number for number in range(100)]
    assert len(peer.requests) == 100


def test_a_request_behind_an_upgrade_is_never_part_of_a_tunnel(edge, scripted):
    peer = scripted(lambda connection, request: connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello"))
    running = edge({"app1": [peer.address]})
    with running.client() as client:
        client.send(message("POST", fields="Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n"))
        assert client.read_response().status == 502
    assert len(peer.requests) == 1


def test_a_request_without_a_host_is_refused_and_the_next_is_served(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]})
    with running.client() as client:
        client.send(message(host=""), NEXT)
        assert [client.read_response().status for _ in range(2)] == [400, 200]
    assert [each.environ["PATH_INFO"] for each in peer.requests] == ["/next"]


def test_the_host_of_an_absolute_target_takes_the_place_of_the_field(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]})
    with running.client() as client:
        client.send(message(target="https://app1.example.test:8443/", host="Host: other.test\r\n"))
        assert client.read_response().status == 200
    environ = peer.requests[0].environ
    assert environ["HTTP_HOST"] == environ["HTTP_X_FORWARDED_HOST"] == "app1.example.test:8443"


@pytest.mark.parametrize("host", ["a,b.example.test", "app1'.example.test", "*.example.test", "app1;x=y.example.test"])
def test_a_host_that_is_no_name_is_nobodys(edge, scripted, host):
    peer = scripted()
    running = edge({"app1": [peer.address]})
    with running.client() as client:
        client.send(message(host=f"Host: {host}\r\n"))
        assert client.read_response().status == 421
        client.send(message())
        assert client.read_response().status == 200
    with running.plain_client() as client:
        client.send(message(host=f"Host: {host}\r\n"))
        assert client.read_response().status == 404
    assert len(peer.requests) == 1


@pytest.mark.parametrize("sent, arrives", [
    ("0", None), ("00", None), ("1", "0"), ("10", "9"), ("18446744073709551615", "18446744073709551614"),
    ("99999999999999999999999", "18446744073709551614"), ("x", "x"), ("-1", "-1"), ("1, 2", "1, 2")])
def test_max_forwards_of_options_counts_down_and_ends_here(edge, scripted, sent, arrives):
    peer = scripted()
    running = edge({"app1": [peer.address]})
    response = running.request("OPTIONS", "/x", headers=[("Max-Forwards", sent)])
    if arrives is None:
        assert (response.status, peer.requests) == (204, [])
        assert "OPTIONS" in response.get("Allow") and "TRACE" not in response.get("Allow")
    else:
        assert response.status == 200
        assert peer.requests[0].environ["HTTP_MAX_FORWARDS"] == arrives


def test_max_forwards_of_other_methods_is_an_ordinary_field(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]})
    for method in ("GET", "POST"):
        assert running.request(method, headers=[("Max-Forwards", "0")]).status == 200
    assert [each.environ["HTTP_MAX_FORWARDS"] for each in peer.requests] == ["0", "0"]


@pytest.mark.parametrize("headers", [[], [("Max-Forwards", "0")], [("Max-Forwards", "5")]])
def test_trace_never_reaches_an_application(edge, scripted, headers):
    peer = scripted()
    running = edge({"app1": [peer.address]})
    response = running.request("TRACE", headers=[*headers, ("Cookie", "secret=1")])
    assert response.status == 405 and b"secret" not in response.body
    assert "GET" in response.get("Allow") and "TRACE" not in response.get("Allow")
    assert not peer.requests
