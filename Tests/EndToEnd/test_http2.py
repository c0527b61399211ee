"""HTTP/2 as its clients see it: programs of others, large bodies, many streams, drain."""

import subprocess
import threading

from support import http2
from support.http2 import Peer
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
