"""Whatever an instance sends, the client sees one well-formed answer, a 502, or a cut; never somebody else's bytes."""

import threading

import pytest

from support.client import Cut
from support.uwsgi import answer

OK = b"HTTP/1.1 200 OK\r\n"
TWO = b"Content-Length: 2\r\n"
EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"


def ok(fields, body=b"ok", status=b"HTTP/1.1 200 OK"):
    return status + b"\r\n" + fields + b"\r\n" + body


UNUSABLE = {
    "NUL in a value": ok(TWO + b"X: a\0b\r\n"),
    "NUL in a name": ok(TWO + b"X\0: b\r\n"),
    "CR in a value": ok(TWO + b"X: a\rSet-Cookie: evil\r\n"),
    "LF in a value": ok(TWO + b"X: a\nSet-Cookie: evil\r\n"),
    "bare LF everywhere": ok(TWO).replace(b"\r\n", b"\n"),
    "no colon": ok(TWO + b"evil\r\n"),
    "no name": ok(TWO + b": evil\r\n"),
    "space before the colon": ok(TWO + b"X : evil\r\n"),
    "space in a name": ok(TWO + b"X Y: evil\r\n"),
    "folded": ok(TWO + b"X: a\r\n evil\r\n"),
    "two lengths": ok(TWO + b"Content-Length: 3\r\n"),
    "the same length twice": ok(TWO + TWO),
    "length list": ok(b"Content-Length: 2, 2\r\n"),
    "length empty": ok(b"Content-Length:\r\n"),
    "length with a sign": ok(b"Content-Length: +2\r\n"),
    "length 2^64": ok(b"Content-Length: 18446744073709551616\r\n"),
    "length and chunks": ok(TWO + b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n" + EVIL),
    "chunks twice": ok(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "another coding": ok(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "garbage": b"\x16\x03\x01\x00\xff" * 50,
    "garbage without an end": b"x" * 300_000,
    "an empty line": b"\r\n\r\n",
    "a status of two digits": ok(TWO, status=b"HTTP/1.1 99 Low"),
    "a status below 100": ok(TWO, status=b"HTTP/1.1 099 Low"),
    "a status of four digits": ok(TWO, status=b"HTTP/1.1 1000 High"),
    "a negative status": ok(TWO, status=b"HTTP/1.1 -20 Low"),
    "NUL in the reason": ok(TWO, status=b"HTTP/1.1 200 O\0K"),
    "CR in the reason": ok(TWO, status=b"HTTP/1.1 200 OK\rX: evil"),
    "CGI": ok(TWO, status=b"Status: 200 OK"),
    "an upgrade that nobody wanted": ok(TWO, status=b"HTTP/1.1 101 Switching Protocols"),
    "a flood of interim answers": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5000 + answer(),
    "only interim answers": b"HTTP/1.1 100 Continue\r\n\r\n",
    "a head of 70 KiB": ok(TWO + b"X: " + b"x" * 70 * 1024 + b"\r\n"),
    "a head of 4 MiB": ok(b"".join(b"X-%d: y\r\n" % number for number in range(400_000))),
    "half a head": OK + b"Content-Le",
}


def serve(raw):
    """Answers `raw`, and well at /good."""
    def script(connection, request):
        connection.sendall(answer(b"good") if request.environ["PATH_INFO"] == "/good" else raw)
    return script


@pytest.mark.parametrize("vector", [vector for vector in UNUSABLE if vector != "length and chunks"])
def test_an_unusable_answer_is_a_502_and_nothing_of_it_is_seen(edge, scripted, vector):
    peer = scripted(serve(UNUSABLE[vector]))
    running = edge({"app1": [peer.address]}, workers=1)
    with running.client() as client:
        response = client.request("POST", body=b"x")
        assert response.status == 502
        assert "evil" not in repr(response.headers) and b"evil" not in response.body
        assert response.get("X") is None
        assert client.request(path="/good").body == b"good"
    assert len(peer.requests) == 2, "a POST was executed twice"


CUT = {
    "a chunk size that is none": b"zz\r\nhello",
    "a chunk size with a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": b"10000000000000005\r\nhello",
    "a chunk longer than its size": b"5\r\nhello!\r\n0\r\n\r\n",
    "a chunk that never ends": b"fffffff\r\nhello",
    "no last chunk": b"5\r\nhello\r\n",
    "half a last chunk": b"5\r\nhello\r\n0\r\n",
    "a trailer without colon": b"5\r\nhello\r\n0\r\nevil\r\n\r\n",
}


# Over uwsgi an application that says chunked need not mean it.
NO_CHUNKS = ["a chunk size that is none", "a chunk size with a sign", "a chunk size beyond 64 bits"]


@pytest.mark.parametrize("vector", NO_CHUNKS)
def test_a_body_that_is_said_to_have_chunks_and_has_none_arrives(edge, scripted, vector):
    raw = OK + b"Transfer-Encoding: chunked\r\n\r\n" + CUT[vector]
    running = edge({"app1": [scripted(serve(raw)).address]}, workers=1)
    assert running.request("POST", body=b"x").body == CUT[vector]


def test_over_uwsgi_a_length_beside_the_word_of_chunks_counts(edge, scripted):
    raw = ok(TWO + b"Transfer-Encoding: chunked\r\n", b"ok" + EVIL)
    running = edge({"app1": [scripted(serve(raw)).address]}, workers=1)
    with running.client() as client:
        for _ in range(2):
            response = client.request()
            assert (response.status, response.body, response.get("Content-Length")) == (200, b"ok", "2")


@pytest.mark.parametrize("vector", [vector for vector in CUT if vector not in NO_CHUNKS])
def test_broken_chunks_are_a_502_or_cut_and_never_a_complete_answer(edge, scripted, vector):
    raw = OK + b"Transfer-Encoding: chunked\r\n\r\n" + CUT[vector]
    running = edge({"app1": [scripted(serve(raw)).address]}, workers=1)
    with running.client() as client:
        try:
            assert client.request("POST", body=b"x").status == 502
        except Cut:
            assert client.at_end() or not client.more()
    assert running.request(path="/good").body == b"good"


@pytest.mark.parametrize("length", [2**31, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_length_that_is_a_lie_is_cut_and_takes_no_memory(edge, scripted, length):
    running = edge({"app1": [scripted(serve(ok(b"Content-Length: %d\r\n" % length, b"hello"))).address]})
    with running.client() as client:
        client.send_request("POST", body=b"x")
        head = client.read_head()
        if head.status == 200:
            assert client.take(5) == b"hello"
            assert client.at_end()
        else:
            assert head.status == 502
    assert running.request(path="/good").body == b"good"
    with open(f"/proc/{running.child.pid}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    assert peak < 300 * 1024, f"{peak} KiB"


BEYOND = {
    "HEAD with a length": ("HEAD", ok(b"Content-Length: 40\r\n", EVIL)),
    "HEAD with chunks": ("HEAD", ok(b"Transfer-Encoding: chunked\r\n", b"4\r\nevil\r\n0\r\n\r\n")),
    "204": ("GET", ok(b"Content-Length: 4\r\n", b"evil", b"HTTP/1.1 204 No Content")),
    "304": ("GET", ok(b"", EVIL, b"HTTP/1.1 304 Not Modified")),
    "304 with chunks": ("GET", ok(b"Transfer-Encoding: chunked\r\n", b"4\r\nevil\r\n0\r\n\r\n",
                                  b"HTTP/1.1 304 Not Modified")),
    "length zero": ("GET", ok(b"Content-Length: 0\r\n", EVIL)),
    "much more than the length": ("GET", ok(TWO, b"ok" + EVIL * 20_000)),
    "more than the chunks": ("GET", ok(b"Transfer-Encoding: chunked\r\n", b"2\r\nok\r\n0\r\n\r\n" + EVIL)),
    "an interim answer with a length": ("GET", b"HTTP/1.1 103 Early Hints\r\nContent-Length: 45\r\n\r\n" + ok(TWO)
                                        + EVIL),
}


@pytest.mark.parametrize("vector", BEYOND)
def test_a_body_where_none_belongs_never_becomes_the_next_answer(edge, scripted, vector):
    method, raw = BEYOND[vector]
    running = edge({"app1": [scripted(serve(raw)).address]}, workers=1)
    with running.client() as client:
        for _ in range(3):
            response = client.request(method)
            assert response.status in (200, 204, 304)
            assert response.body in (b"", b"ok")
            if response.get("Connection") == "close":
                assert client.at_end()
                return
            assert client.request(path="/good").body == b"good"


def test_a_head_that_trickles_is_given_up_in_time(edge, scripted):
    over = threading.Event()

    def script(connection, request):
        connection.sendall(OK)
        while not over.wait(0.02):
            connection.sendall(b"X: y\r\n")

    peer = scripted(script)
    running = edge({"app1": {"nodes": [peer.address], "timeouts": {"response": "300ms"}}})
    assert running.request("POST", body=b"x").status in (502, 504)
    over.set()
    assert len(peer.requests) == 1


def test_an_instance_cannot_name_fields_for_the_client_connection(edge, scripted):
    raw = ok(TWO + b"Connection: X-Secret\r\nKeep-Alive: timeout=1\r\nX-Secret: evil\r\nUpgrade: h2c\r\n")
    running = edge({"app1": [scripted(serve(raw)).address]})
    with running.client() as client:
        response = client.request()
        assert response.body == b"ok"
        for name in ("Keep-Alive", "X-Secret", "Upgrade", "Transfer-Encoding"):
            assert response.get(name) is None, name
        assert client.request().body == b"ok"
