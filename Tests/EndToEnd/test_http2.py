"""HTTP/2 as its clients see it: programs of others, large bodies, many streams, drain."""

import subprocess

from support import http2
from support.http2 import Peer
from support.processes import PATIENCE
from support.uwsgi import answer


def curl(edge, *words, name="app1.example.test", path="/"):
    done = subprocess.run(
        ["curl", "-sS", "--http2", "--cacert", edge.authority.pem, "--resolve", f"{name}:{edge.port}:127.0.0.1",
         "-w", "\n%{http_version} %{http_code}", *words, f"https://{name}:{edge.port}{path}"],
        capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    body, _, last = done.stdout.rpartition(b"\n")
    return body, last.decode()


def test_curl_gets_an_answer(edge, scripted):
    running = edge({"app1": [scripted().address]})
    assert curl(running) == (b"scripted\n", "2 200")
    entry = running.access_entries()[-1]
    assert entry["protocol"] == "HTTP/2.0"
    assert (entry["method"], entry["target"], entry["status"]) == ("GET", "/", 200)
