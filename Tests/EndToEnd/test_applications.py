"""Requests and bodies through the proxy to real uWSGI and Flask, and back."""

import hashlib
import json
import os
import subprocess
import threading

import pytest

MIB = 1 << 20


@pytest.fixture
def running(edge, uwsgi):
    return edge({"app1": [uwsgi().address], "app2": [uwsgi("app2", tcp=True).address]})


def test_each_name_reaches_its_own_application(running):
    for app in ("app1", "app2"):
        response = running.request(name=f"{app}.example.test")
        assert (response.status, json.loads(response.body)["app"]) == (200, app)


def test_curl_gets_the_page_with_the_authority_that_was_given(running, authority):
    done = subprocess.run(
        ["curl", "-sS", "--fail", "--cacert", authority.pem, "--resolve",
         f"app1.example.test:{running.port}:127.0.0.1", f"https://app1.example.test:{running.port}/"],
        capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["app"] == "app1"


def test_one_connection_carries_many_requests(running):
    with running.client() as client:
        for number in range(50):
            response = client.request(path=f"/echo?n={number}")
            assert json.loads(response.body)["query"] == f"n={number}"


def test_pipelined_requests_are_answered_in_order(running):
    with running.client() as client:
        for number in range(10):
            client.send_request(path=f"/echo?n={number}")
        for number in range(10):
            assert json.loads(client.read_response().body)["query"] == f"n={number}"


def test_a_client_that_asks_to_close_is_answered_and_closed(running):
    with running.client() as client:
        response = client.request(headers=[("Connection", "close")])
        assert (response.status, response.get("Connection")) == (200, "close")
        assert client.at_end()


def test_the_application_sees_https_and_who_asks(running):
    headers = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "ftp"), ("X-Real-IP", "6.6.6.6"),
               ("Forwarded", "for=6.6.6.6"), ("X_Forwarded_Proto", "ftp"), ("Proxy", "http://evil/")]
    seen = json.loads(running.request(path="/echo/a%20b?q=%20", headers=headers).body)
    environ = seen["environ"]
    assert seen["scheme"] == "https"
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
    assert environ["HTTP_X_FORWARDED_PROTO"] == "https"
    assert environ["HTTP_HOST"] == "app1.example.test"
    assert environ["PATH_INFO"] == "/echo/a b"
    assert environ["REQUEST_URI"] == "/echo/a%20b?q=%20"
    assert environ["QUERY_STRING"] == "q=%20"
    assert "HTTP_PROXY" not in environ
    assert "6.6.6.6" not in environ.values()
    assert environ["HTTP_X_REQUEST_ID"]


def test_cookies_on_several_lines_arrive_as_one(running):
    headers = [("Cookie", "a=1"), ("Cookie", "b=2")]
    response = running.request(path="/cookies", headers=headers)
    assert json.loads(response.body) == {"a": "1", "b": "2"}
    assert len(response.get_all("Set-Cookie")) == 2


@pytest.mark.parametrize("status", [201, 204, 304, 400, 404, 418, 500, 503])
def test_the_statuses_of_the_application_are_its_own(running, status):
    response = running.request("GET", f"/status/{status}")
    assert response.status == status
    assert response.body == (b"" if status in (204, 304) else f"status {status}\n".encode())


def test_head_has_the_length_and_no_body(running):
    with running.client() as client:
        response = client.request("HEAD", "/big?bytes=1000")
        assert (response.status, response.get("Content-Length"), response.body) == (200, "1000", b"")
        assert client.request(path="/up").body == b"ok\n"


@pytest.mark.parametrize("size", [0, 1, 65_536, MIB, 10 * MIB])
def test_an_upload_arrives_whole(running, size):
    body = os.urandom(size)
    response = running.request("POST", "/upload", body=body)
    assert json.loads(response.body) == {"length": size, "sha256": hashlib.sha256(body).hexdigest()}


def test_a_chunked_upload_arrives_with_its_length(running):
    parts = [os.urandom(size) for size in (1, 17, 4096, 70_000, 300_000)]
    with running.client() as client:
        client.send("POST /upload HTTP/1.1\r\nHost: app1.example.test\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in parts:
            client.send(f"{len(part):x}\r\n", part, "\r\n")
        client.send("0\r\nX-Trailer: dropped\r\n\r\n")
        answer = json.loads(client.read_response().body)
    whole = b"".join(parts)
    assert answer == {"length": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}


def test_a_client_that_expects_continue_is_told_to(running):
    with running.client() as client:
        client.send("POST /upload HTTP/1.1\r\nHost: app1.example.test\r\nContent-Length: 5\r\n"
                    "Expect: 100-continue\r\n\r\n")
        assert client.read_response(interim=True).status == 100
        client.send("hello")
        assert json.loads(client.read_response().body)["length"] == 5


@pytest.mark.parametrize("query", ["", "&unsized"])
def test_ten_mebibytes_come_down_whole(running, query):
    response = running.request(path=f"/big?bytes={10 * MIB}{query}")
    assert len(response.body) == 10 * MIB
    assert response.body[:65_536] * 160 == response.body


def test_a_body_above_the_routes_limit_is_refused_before_the_application_is_asked(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]},
                   routes=[{"host": "app1.example.test", "upstream": "app1", "body_max": "1KiB"}])
    with running.client() as client:
        client.send_request("POST", "/", headers=[("Content-Length", "2000")])
        assert client.read_response().status == 413
    assert peer.requests == []


def test_an_event_reaches_the_client_before_the_next_is_made(edge, scripted):
    seen = threading.Event()

    def script(connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        assert seen.wait(10)
        connection.sendall(b"data: 2\n\n")

    running = edge({"app1": [scripted(script).address]})
    with running.client() as client:
        client.send_request()
        assert client.read_head().get("Transfer-Encoding") == "chunked"
        assert client.read_chunk() == b"data: 1\n\n"
        seen.set()
        assert client.read_chunk() == b"data: 2\n\n"
        assert client.read_chunk() == b""


def test_a_slow_writer_does_not_hold_the_only_worker(edge, uwsgi):
    running = edge({"app1": [uwsgi(processes=1).address]})
    with running.client() as slow:
        slow.send("POST /upload HTTP/1.1\r\nHost: app1.example.test\r\nContent-Length: 10\r\n\r\nhello")
        assert running.request(path="/up").status == 200
        slow.send("world")
        assert json.loads(slow.read_response().body)["length"] == 10


def test_a_slow_reader_does_not_hold_the_only_worker(edge, uwsgi):
    size = 20 * MIB
    running = edge({"app1": [uwsgi(processes=1).address]})
    with running.client() as slow:
        slow.send_request(path=f"/big?bytes={size}")
        slow.read_head()
        assert running.request(path="/up").status == 200
        assert len(slow.take(size)) == size
