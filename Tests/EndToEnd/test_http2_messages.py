"""RFC 9113 section 8: a request that is malformed or says two things reaches no application."""

import pytest

from support import http2
from support.http2 import (
    DATA, END_STREAM, HEADERS, PROTOCOL_ERROR, Peer, frame)
from support.uwsgi import answer


class Recorded:
    def __init__(self, running, backend):
        self.running, self.backend = running, backend

    def peer(self, **options):
        return Peer(self.running.port, self.running.authority, **options)


@pytest.fixture
def recorded(edge, scripted):
    backend = scripted(lambda connection, request: connection.sendall(answer(request.body or b"scripted\n")))
    return Recorded(edge({"app1": [backend.address]}, workers=1), backend)


NAME = "app1.example.test"


def pseudo(*leave_out, **other):
    fields = {":method": "GET", ":scheme": "https", ":path": "/", ":authority": NAME}
    fields.update({":" + key: value for key, value in other.items()})
    return [(name, value) for name, value in fields.items() if name not in leave_out]


RESET = {
    "an upper-case name": pseudo() + [("X-Test", "ok")],
    "an empty name": pseudo() + [("", "x")],
    "an unknown pseudo-header": pseudo() + [(":test", "ok")],
    "a response's pseudo-header": pseudo() + [(":status", "200")],
    "a protocol without CONNECT": pseudo(protocol="websocket"),
    "a pseudo-header behind a field": pseudo(":path") + [("x-test", "ok"), (":path", "/")],
    "connection": pseudo() + [("connection", "keep-alive")],
    "keep-alive": pseudo() + [("keep-alive", "5")],
    "proxy-connection": pseudo() + [("proxy-connection", "keep-alive")],
    "transfer-encoding": pseudo() + [("transfer-encoding", "chunked")],
    "upgrade": pseudo() + [("upgrade", "websocket")],
    "te with a coding": pseudo() + [("te", "trailers, deflate;q=0.5")],
    "an empty path": pseudo(path=""),
    "no method": pseudo(":method"),
    "no scheme": pseudo(":scheme"),
    "no path": pseudo(":path"),
    "no host": pseudo(":authority"),
    "two methods": pseudo() + [(":method", "GET")],
    "two schemes": pseudo() + [(":scheme", "https")],
    "two paths": pseudo() + [(":path", "/")],
    "two authorities": pseudo() + [(":authority", NAME)],
    "two hosts": pseudo() + [("host", NAME), ("host", NAME)],
    "a path without its slash": pseudo(path="index.html"),
    "an absolute path": pseudo(path=f"https://{NAME}/"),
    "an asterisk outside OPTIONS": pseudo(path="*"),
    "a path with a space": pseudo(path="/a b"),
    "a path with another version": pseudo(path="/ HTTP/1.1\r\nx: y"),
    "a path with a fragment": pseudo(path="/a#b"),
    "a path with NUL": pseudo(path="/a\0b"),
    "a path beyond ASCII": pseudo(path="/\xe4"),
    "a method with a space": pseudo(method="GET /x"),
    "a method with a line end": pseudo(method="GET\r\n"),
    "an authority with a line end": pseudo(authority=NAME + "\r\nx: y"),
    "a value with CR": pseudo() + [("x-test", "a\rb")],
    "a value with LF": pseudo() + [("x-test", "a\nb")],
    "a value with NUL": pseudo() + [("x-test", "a\0b")],
    "a value with a control byte": pseudo() + [("x-test", "a\x01b")],
    "a value behind white space": pseudo() + [("x-test", " a")],
    "a value before white space": pseudo() + [("x-test", "a\t")],
    "a name with a space": pseudo() + [("x test", "a")],
    "a name with a colon": pseudo() + [("x:test", "a")],
    "a name with a line end": pseudo() + [("x\r\ntest", "a")],
    "a name with NUL": pseudo() + [("x\0", "a")],
    "a name beyond ASCII": pseudo() + [("x-\xe4", "a")],
    "a length without a body": pseudo(method="POST") + [("content-length", "5")],
    "a length that is none": pseudo(method="POST") + [("content-length", "5x")],
    "a length with a sign": pseudo(method="POST") + [("content-length", "+5")],
    "an empty length": pseudo(method="POST") + [("content-length", "")],
    "a length above all": pseudo(method="POST") + [("content-length", "99999999999999999999")],
    "two lengths": pseudo(method="POST") + [("content-length", "0"), ("content-length", "0")],
    "CONNECT with a path": pseudo(method="CONNECT"),
}


def encode(fields):
    """Literals without a table, because the encoder's library lower-cases names."""
    block = bytearray()
    for name, value in fields:
        name, value = name.encode("latin-1"), value.encode("latin-1")
        block += b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value
    return bytes(block)


@pytest.mark.parametrize("what", RESET)
def test_it_is_reset(recorded, what):
    with recorded.peer() as peer:
        peer.send(frame(HEADERS, 5, 1, encode(RESET[what])))
        got = peer.answer(1)
        assert (got.reset, got.heads) == (PROTOCOL_ERROR, [])
        peer.next_id = 3
        assert peer.request("GET", "/after").status == 200
    assert [each.environ["PATH_INFO"] for each in recorded.backend.requests] == ["/after"]


# The order in which an index that was kept led out of the fields, and ended every worker.
WEBSOCKET = [
    (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/"), (":authority", NAME),
    ("sec-websocket-version", "13"), ("sec-websocket-key", "x"), ("host", NAME)]


@pytest.mark.parametrize("websocket", [True, False])
def test_a_host_behind_a_key_is_an_ordinary_host(edge, scripted, websocket):
    backend = scripted()
    routes = [{"host": NAME, "upstream": "app1", **({} if websocket else {"websocket": False})}]
    running = edge({"app1": [backend.address]}, routes=routes, workers=1)
    for _ in range(3):
        with Peer(running.port, running.authority) as peer:
            peer.send(frame(HEADERS, 4, 1, encode(WEBSOCKET)))
            assert peer.answer(1).status in (501, 502)
            peer.next_id = 3
            assert peer.request("GET", "/after").status == 200


ANSWERED = {
    "a host that is no name": (421, pseudo(authority="app1'x.example.test")),
    "a method of 33 letters": (501, pseudo(method="M" * 33)),
    "a broken escape": (400, pseudo(path="/%zz")),
    "an escaped NUL": (400, pseudo(path="/%00")),
    "a path above its root": (400, pseudo(path="/../x")),
    "an authority with a user": (400, pseudo(authority="user@" + NAME)),
    "an authority that is no host": (400, pseudo(authority="app1..test")),
    "a host that contradicts the authority": (400, pseudo() + [("host", "app2.example.test")]),
    "a port that contradicts the authority": (400, pseudo() + [("host", NAME + ":444")]),
    "a host that the certificate does not cover": (421, pseudo(authority="app1.other.test")),
    "a host without a route": (404, pseudo(authority="nobody.example.test")),
    "another scheme": (400, pseudo(scheme="ftp")),
    "CONNECT": (501, pseudo(":path", ":scheme", method="CONNECT")),
    "an expectation that nobody knows": (417, pseudo() + [("expect", "200-ok")]),
}


@pytest.mark.parametrize("what", ANSWERED)
def test_it_is_refused(recorded, what):
    status, fields = ANSWERED[what]
    with recorded.peer() as peer:
        peer.send(frame(HEADERS, 5, 1, encode(fields)))
        got = peer.answer(1)
        assert (got.status, got.reset) == (status, None)
        assert got.get("connection") is None and got.get("transfer-encoding") is None
        assert int(got.get("content-length")) == len(got.body)
    assert not recorded.backend.requests


ACCEPTED = {
    "te trailers": pseudo() + [("te", "trailers")],
    "a host beside the authority": pseudo() + [("host", NAME.upper())],
    "a host instead of the authority": pseudo(":authority") + [("host", NAME)],
    "an authority in upper case": pseudo(authority=NAME.upper()),
    "OPTIONS for everything": pseudo(method="OPTIONS", path="*"),
    "a value beyond ASCII": pseudo() + [("x-test", "\xe4")],
    "an empty value": pseudo() + [("x-test", "")],
    "a scheme that TLS has overtaken": pseudo(scheme="http"),
}


@pytest.mark.parametrize("what", ACCEPTED)
def test_it_is_served(recorded, what):
    with recorded.peer() as peer:
        peer.send(frame(HEADERS, 5, 1, encode(ACCEPTED[what])))
        assert peer.answer(1).status == 200
    variables = recorded.backend.requests[0].variables
    assert [value.lower() for name, value in variables if name == "HTTP_HOST"] == [NAME]
    assert not [name for name, _ in variables if name == "HTTP_TE"]


def test_a_body_longer_than_its_length(recorded):
    with recorded.peer() as peer:
        stream = peer.start("POST", extra=[("content-length", "1")], end_stream=False)
        peer.send(frame(DATA, END_STREAM, stream, b"test"))
        assert peer.answer(stream).reset == PROTOCOL_ERROR
    assert not recorded.backend.requests


def test_a_body_shorter_than_its_length(recorded):
    with recorded.peer() as peer:
        stream = peer.start("POST", extra=[("content-length", "5")], end_stream=False)
        peer.send(frame(DATA, 0, stream, b"te"), frame(DATA, END_STREAM, stream, b"st"))
        assert peer.answer(stream).reset == PROTOCOL_ERROR
    assert not recorded.backend.requests


def test_trailers_end_a_body_and_go_nowhere(recorded):
    with recorded.peer() as peer:
        stream = peer.start("POST", extra=[("trailer", "x-test")], end_stream=False)
        peer.send(frame(DATA, 0, stream, b"test"), peer.headers([("x-test", "ok")], stream))
        assert peer.answer(stream).body == b"test"
    (request,) = recorded.backend.requests
    assert request.environ["CONTENT_LENGTH"] == "4"
    assert not [name for name in request.environ if name in ("HTTP_X_TEST", "HTTP_TRAILER")]


@pytest.mark.parametrize("trailers,end_stream", [
    ([(":method", "GET")], True), ([("connection", "close")], True), ([("x-test", "a\nb")], True),
    ([("x-test", "ok")], False)])
def test_trailers_that_are_none(recorded, trailers, end_stream):
    with recorded.peer() as peer:
        stream = peer.start("POST", end_stream=False)
        peer.send(frame(DATA, 0, stream, b"test"))
        peer.send(frame(HEADERS, 5 if end_stream else 4, stream, encode(trailers)))
        assert peer.answer(stream).reset == PROTOCOL_ERROR
    assert not recorded.backend.requests


def test_a_head_with_too_many_fields_is_answered(recorded):
    with recorded.peer() as peer:
        got = peer.request(extra=[(f"x-{number}", "y") for number in range(101)])
        assert got.status == 431 and b"fields" in got.body
        got = peer.request(extra=[("cookie", f"c{number}=" + "y" * 400) for number in range(101)])
        assert got.status == 431
        got = peer.request(extra=[("x-long", "y" * 40000)])
        assert got.status == 431
        got = peer.request(path="/" + "a" * 17000)
        assert got.status == 414
        assert peer.request().status == 200
    assert len(recorded.backend.requests) == 1


def test_an_interim_answer_is_asked_for_and_given(recorded):
    with recorded.peer() as peer:
        stream = peer.start("POST", extra=[("expect", "100-continue")], end_stream=False)
        peer.wait_for(lambda: peer.answers.get(stream, http2.Answer()).heads)
        assert peer.answers[stream].status == 100
        peer.send(frame(DATA, END_STREAM, stream, b"x"))
        assert peer.answer(stream).status == 200


def test_an_answer_in_the_form_of_http_2(edge, scripted):
    lines = ["X-Mixed: Case", "Connection: X-Private", "X-Private: no", "Keep-Alive: 5", "Upgrade: h2c",
             "Set-Cookie: a=1", "Set-Cookie: b=2", "X-Accel-Redirect: /x"]
    running = edge({"app1": [scripted(lambda c, r: c.sendall(answer(b"body", headers=lines))).address]})
    with Peer(running.port, running.authority) as peer:
        got = peer.request()
        assert got.headers[0] == (":status", "200")
        names = [name for name, _ in got.headers]
        assert names == [name.lower() for name in names]
        assert sorted(names) == [":status", "content-length", "date", "set-cookie", "set-cookie", "x-mixed"]
        assert got.get("content-length") == "4" and got.body == b"body"
        got = peer.request("HEAD")
        assert (got.status, got.body, got.ended, got.get("content-length")) == (200, b"", True, "4")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_an_answer_without_a_body(edge, scripted, status):
    script = lambda connection, _: connection.sendall(f"HTTP/1.1 {status}\r\nX-Test: y\r\n\r\n".encode())
    running = edge({"app1": [scripted(script).address]})
    with Peer(running.port, running.authority) as peer:
        got = peer.request()
        assert (str(got.status), got.body, got.ended) == (status[:3], b"", True)
        assert not [each for each in peer.frames if each.type == DATA]


def test_early_hints_come_first(edge, scripted):
    script = lambda connection, _: connection.sendall(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n" + answer())
    running = edge({"app1": [scripted(script).address]})
    with Peer(running.port, running.authority) as peer:
        got = peer.request()
        assert [dict(head)[":status"] for head in got.heads] == ["103", "200"]
        assert dict(got.heads[0])["link"] == "</a>; rel=preload"


def test_an_answer_of_unknown_length(edge, scripted):
    def script(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        connection.sendall(b"6\r\nsecond\r\n0\r\n\r\n")

    running = edge({"app1": [scripted(script).address]})
    with Peer(running.port, running.authority) as peer:
        got = peer.request()
        assert (got.status, got.body, got.ended) == (200, b"firstsecond", True)
        assert got.get("transfer-encoding") is None


@pytest.mark.parametrize("head", [b"Content-Length: 100\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_an_answer_that_is_cut(edge, scripted, head):
    script = lambda connection, _: connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n5\r\nfirst\r\n")
    running = edge({"app1": [scripted(script).address]})
    with Peer(running.port, running.authority) as peer:
        got = peer.request()
        assert (got.status, got.ended, got.reset) == (200, False, http2.INTERNAL_ERROR)
        assert peer.ping()
