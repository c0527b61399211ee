"""HTTP/2 as its clients see it: programs of others, large bodies, many streams, drain."""

import ssl
import subprocess
import threading

from support import http2
from support.http2 import Peer
from support.load import HTTP2Load
from support.processes import PATIENCE, eventually
from support.uwsgi import answer


def curl(edge, *words, name="app1.example.test", path="/"):
    done = subprocess.run(
        ["curl", "-sS", "--http2", "--cacert", edge.authority.pem, "--resolve", f"{name}:{edge.port}:127.0.0.1",
         "-w", "\n%{http_version} %{http_code}", *words, f"https://{name}:{edge.port}{path}"],
        capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    body, _, last = done.stdout.rpartition(b"\n")
    return body, last.decode()


def peer(edge, **options):
    return Peer(edge.port, edge.authority, **options)


def entries(edge, count=1):
    return eventually(lambda: len(found := edge.access_entries()) >= count and found, "the access log")


def test_curl_gets_an_answer_and_the_log_says_how(edge, scripted):
    running = edge({"app1": [scripted().address]})
    assert curl(running, path="/a?b=c") == (b"scripted\n", "2 200")
    entry = entries(running)[0]
    assert entry["protocol"] == "HTTP/2.0"
    assert (entry["method"], entry["target"], entry["status"]) == ("GET", "/a?b=c", 200)


def test_the_application_sees_what_it_sees_over_http_1(edge, scripted):
    backend = scripted()
    running = edge({"app1": [backend.address]})
    assert running.request("GET", "/a%20b/../c?d=e", headers=[("Accept", "x/y"), ("Cookie", "a=1; b=2")]).status == 200
    with peer(running) as client:
        got = client.request("GET", "/a%20b/../c?d=e", extra=[("accept", "x/y"), ("cookie", "a=1"), ("cookie", "b=2")])
        assert got.status == 200
    first, second = (dict(each.environ) for each in backend.requests)
    for name in ("REMOTE_PORT", "HTTP_X_REQUEST_ID"):
        assert first.pop(name) != second.pop(name)
    assert first == second
    assert second["HTTP_COOKIE"] == "a=1; b=2"


def test_ten_mebibytes_up_and_down(edge, scripted):
    large = bytes(range(256)) * 40960
    backend = scripted(lambda connection, request: connection.sendall(answer(request.body)))
    running = edge({"app1": [backend.address]})
    with peer(running) as client:
        got = client.upload("/", large)
        assert got.status == 200 and bytes(got.body) == large
        got = client.upload("/", large, length=False)
        assert got.status == 200 and bytes(got.body) == large
    assert backend.requests[0].environ["CONTENT_LENGTH"] == str(len(large))
    body, last = curl(running, "--data-binary", "@/usr/bin/python3")
    with open("/usr/bin/python3", "rb") as file:
        assert (body, last) == (file.read(), "2 200")


def test_a_hundred_requests_at_once(edge, scripted):
    gate = threading.Barrier(100, timeout=PATIENCE)

    def script(connection, request):
        gate.wait()
        connection.sendall(answer(request.environ["PATH_INFO"].encode()))

    running = edge({"app1": [scripted(script).address]})
    with peer(running) as client:
        streams = {client.start("GET", f"/{number}"): number for number in range(100)}
        for stream, number in streams.items():
            got = client.answer(stream)
            assert (got.status, got.body) == (200, b"/%d" % number)


def test_nghttp_and_h2load_get_their_answers(edge, uwsgi):
    running = edge({"app1": [uwsgi().address]})
    address = f"https://app1.example.test:{running.port}/up"
    connect = f"--connect-to=127.0.0.1:{running.port}"
    done = subprocess.run(["nghttp", "-nsv", "--no-verify-peer", f"https://127.0.0.1:{running.port}/up",
                           "-H:authority: app1.example.test"], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    done = subprocess.run(["h2load", "-n2000", "-c8", "-m10", connect, address], capture_output=True, text=True,
                          timeout=60)
    assert "2000 succeeded, 0 failed, 0 errored" in done.stdout, done.stdout


def test_tls_1_2_will_do(edge, scripted):
    running = edge({"app1": [scripted().address]})
    with peer(running, version=ssl.TLSVersion.TLSv1_2) as client:
        assert client.request().status == 200


def test_it_can_be_turned_off(edge, scripted):
    address = scripted().address
    running = edge({"app1": [address]}, listen={"http2": False})
    assert curl(running)[1] == "1.1 200"
    running.reload({**running.configuration, "listen": {**running.configuration["listen"], "http2": True}})
    assert curl(running)[1] == "2 200"


def test_the_number_of_streams_is_the_operators(edge, scripted):
    running = edge({"app1": [scripted().address]}, limits={"streams": 7})
    with peer(running) as client:
        client.greet()
        assert client.settings[3] == 7


def test_health_and_errors_are_answered_here(edge):
    running = edge({"app1": ["127.0.0.1:1"]}, timeouts={"drain": "1s"})
    with peer(running) as client:
        got = client.request("GET", "/healthz")
        assert (got.status, got.body) == (200, b"ok\n")
        got = client.request("GET", "/nowhere", authority="nobody.example.test")
        assert got.status == 404 and b"<h1>" in got.body


def test_a_body_above_the_limit(edge, scripted):
    backend = scripted()
    running = edge({"app1": [backend.address]}, routes=[
        {"host": "app1.example.test", "upstream": "app1", "body_max": "100KiB"}])
    with peer(running) as client:
        got = client.upload("/", bytes(200_000))
        assert (got.status, got.reset) == (413, None)
        got = client.upload("/", bytes(2_000_000), length=False)
        assert got.status == 413
        client.wait_for(lambda: got.reset is not None)
        assert got.reset == http2.NO_ERROR
        assert client.upload("/", bytes(50_000)).status == 200
    assert len(backend.requests) == 1


def test_a_hundred_uploads_at_once(edge, scripted):
    body = bytes(range(256)) * 1200
    backend = scripted(lambda connection, request: connection.sendall(answer(b"%d" % len(request.body))))
    running = edge({"app1": [backend.address]}, workers=1)
    with peer(running) as client:
        client.greet()
        streams = [client.start("POST", end_stream=False) for _ in range(100)]
        for at in range(0, len(body), 16384):
            for stream in streams:
                piece = body[at : at + 16384]
                while client.window[0] < len(piece):
                    client.read_frame()
                client.window[0] -= len(piece)
                client.send(http2.frame(http2.DATA, http2.END_STREAM if at + 16384 >= len(body) else 0, stream, piece))
        for stream in streams:
            assert client.answer(stream).body == b"%d" % len(body)
    assert {request.body for request in backend.requests} == {body}


def test_downloads_share_a_connection(edge, scripted):
    """A short answer does not wait for the end of a long one that is read slowly."""
    def script(connection, request):
        connection.sendall(answer(bytes(30_000_000) if request.environ["PATH_INFO"] == "/long" else b"short"))

    running = edge({"app1": [scripted(script).address]}, workers=1)
    with peer(running, settings={4: 1 << 20}) as client:
        long = client.start("GET", "/long")
        client.wait_for(lambda: len(client.answers.get(long, http2.Answer()).body) > 500_000)
        assert client.request("GET", "/short").body == b"short"
        assert not client.answers[long].ended
        assert len(client.answer(long).body) == 30_000_000


def test_a_window_that_opens_late(edge, scripted):
    large = bytes(range(256)) * 8000
    running = edge({"app1": [scripted(lambda c, r: c.sendall(answer(large))).address]})
    with peer(running, settings={4: 0}, gives_window=False) as client:
        streams = [client.start() for _ in range(5)]
        for stream in streams:
            client.wait_for(lambda: client.answers.get(stream, http2.Answer()).heads)
        client.gives_window = True
        for stream in streams:
            client.send(http2.frame(http2.WINDOW_UPDATE, 0, stream, (100_000).to_bytes(4, "big")))
        for stream in streams:
            assert client.answer(stream).body == large


def test_a_stream_event_does_not_wait_for_the_next(edge, scripted):
    goes_on = threading.Event()

    def script(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        assert goes_on.wait(PATIENCE)
        connection.sendall(b"data: 2\n\n")

    running = edge({"app1": [scripted(script).address]})
    with peer(running) as client:
        stream = client.start()
        client.wait_for(lambda: client.answers.get(stream, http2.Answer()).body == b"data: 1\n\n")
        goes_on.set()
        assert client.answer(stream).body == b"data: 1\n\ndata: 2\n\n"


def test_a_client_that_cancels_frees_the_application(edge, scripted):
    ended = threading.Event()

    def script(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while connection.recv(1):
            pass
        ended.set()

    running = edge({"app1": [scripted(script).address]})
    with peer(running) as client:
        stream = client.start()
        client.wait_for(lambda: client.answers.get(stream, http2.Answer()).heads)
        client.send(http2.frame(http2.RST_STREAM, 0, stream, http2.CANCEL.to_bytes(4, "big")))
        assert ended.wait(PATIENCE)
        assert client.ping()
    assert entries(running)[0]["cause"] == "client-gone"


# Drain


def test_an_idle_connection_is_told_when_the_port_closes(edge, scripted):
    backend = scripted()
    running = edge({"app1": [backend.address]}, listen={"close_when_unable": "always", "close_after": "100ms",
                                                        "open_after": "100ms"})
    with peer(running) as client, peer(running) as busy:
        assert client.request().status == 200
        backend.stop()
        stream = busy.start()
        client.read_to_end()
        assert (client.goaway, client.goaways[0].last_stream_id) == (http2.NO_ERROR, 0x7FFF_FFFF)
        busy.wait_for(lambda: busy.goaways)
        backend.start()
        assert busy.answer(stream).status == 200


def test_no_request_fails_in_a_drain(edge, uwsgi):
    running = edge({"app1": [uwsgi().address]})
    with HTTP2Load(running) as load:
        load.wait_for(200)
        running.drain()
        assert running.child.wait() == 0
        load.stopping = True
    # Another server would take over where the port is closed.
    assert all("ConnectionRefusedError" in failure for failure in load.failures), load.failures


def test_no_request_fails_when_a_backend_dies(edge, uwsgi):
    instances = [uwsgi(node=node) for node in "ab"]
    running = edge({"app1": [each.address for each in instances]})
    with HTTP2Load(running) as load:
        for instance in instances * 2:
            load.wait_for(200)
            instance.kill()
            load.wait_for(200)
            instance.start()
    assert not load.failures


def test_no_request_fails_in_a_reload(edge, uwsgi):
    running = edge({"app1": [uwsgi().address]})
    with HTTP2Load(running) as load:
        for _ in range(3):
            load.wait_for(100)
            running.reload()
        load.wait_for(100)
    assert not load.failures


def test_an_application_that_speaks_http_1_gets_http_1(edge, web):
    server = web()
    running = edge({"app1": {"protocol": "http", "nodes": [server.address]}})
    with peer(running) as client:
        got = client.request("GET", "/a?b", extra=[("cookie", "a=1"), ("x-test", "y"), ("cookie", "b=2"), ("te", "trailers")])
        assert (got.status, got.body) == (200, b"good")
        assert client.upload("/", b"x" * 100_000, length=False).status == 200
        assert client.request("HEAD").ended
    first, second, _ = server.requests
    assert (first.method, first.target) == ("GET", "/a?b")
    assert first.get_all("Host") == ["app1.example.test"]
    assert first.get_all("Cookie") == ["a=1; b=2"]
    assert first.get("X-Test") == "y" and first.get("TE") is None
    assert second.body == b"x" * 100_000
