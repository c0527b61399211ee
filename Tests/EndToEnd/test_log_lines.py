"""One request is one line of the log, whatever bytes it is made of."""

import json
import subprocess

import pytest

from support.admin import ask, status
from support.processes import eventually

ODD = "".join(map(chr, (*range(1, 10), 11, 12, *range(14, 32), 34, 92, 127, *range(128, 256))))


def request(target="/", agent="x", host="app1.example.test", method="GET"):
    return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nConnection: close\r\n\r\n"


REQUESTS = {
    "agent of odd bytes": request(agent=ODD),
    "agent of quotes and backslashes": request(agent='"\\" "evil" \\'),
    "agent of bytes above ASCII": request(agent="".join(map(chr, range(128, 256)))),
    "target of quotes and backslashes": request(target='/"\\"evil"'),
    "target of bytes above ASCII": request(target="/" + "".join(map(chr, range(128, 256)))),
    "encoded line ends": request(target="/a%0d%0a%1b[31m%00evil"),
    "encoded line ends, forwarded": request(target="/a%0d%0a%1b%5b31m%22evil"),
    "host of odd bytes": request(host='a"\\' + ODD),
    "method of odd bytes": request(method='G"\\' + ODD),
    "long": request(target="/" + "x" * 15_000, agent="y" * 10_000),
    "nothing but bytes": ODD * 20 + "\r\n\r\n",
}


@pytest.mark.parametrize("form", ["json", "combined"])
def test_odd_bytes_never_end_a_line_or_reach_a_terminal(edge, scripted, form):
    running = edge({"app1": {"nodes": [scripted().address], "buffer_size": "64KiB"}},
                   log={"format": form})
    for name, raw in REQUESTS.items():
        with running.client() as client:
            client.send(raw.encode("latin-1"))
            assert client.read_response().status in (200, 400, 404, 421, 501), name
    eventually(lambda: running.access_text().count("\n") >= len(REQUESTS), "all lines are written")
    text = running.access_log.read_bytes()
    assert text.count(b"\n") == len(REQUESTS)
    assert not set(text) & {*range(10), *range(11, 32), 127}, "control bytes"
    lines = text.decode("ascii" if form == "combined" else "utf-8").splitlines()
    assert len(lines) == len(REQUESTS)
    if form == "json":
        for line in lines:
            json.loads(line)


@pytest.mark.parametrize("name", [
    "a\nb.example.test", "a\x1b[31m.test", "\x80\xff", "x" * 255, ".", "a..b", "*.example.test"])
def test_an_odd_server_name_never_ends_a_line(edge, scripted, name):
    running = edge({"app1": [scripted().address]})
    subprocess.run(
        ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{running.port}",
         "-servername", name.encode("latin-1")],
        input=request().encode(), capture_output=True, timeout=20)
    assert running.request().status == 200
    running.drain()
    assert running.child.wait() == 0
    text = running.access_log.read_bytes()
    assert not set(text) & {*range(10), *range(11, 32), 127}, "control bytes"
    assert text.count(b"\n") in (1, 2)
    assert all("\x1b" not in line for line in running.child.lines)


def of_nodes(running):
    """What the error log tells of nodes and upstreams, without times."""
    words = ("node is down", "node is up again", "upstream has")
    return [line.split(" ", 1)[1] for line in running.child.lines if any(word in line for word in words)]


def test_an_application_that_dies_and_comes_back_is_told_once(edge, scripted):
    peer = scripted()
    running = edge({"app1": {"nodes": [peer.address], "hold": "0s"}}, workers=2)
    assert running.request().status == 200
    assert of_nodes(running) == []
    peer.stop()
    for _ in range(10):
        assert running.request().status == 503
    running.child.wait_for_line("upstream has no node left")
    assert of_nodes(running) == [
        f'warning node is down cause=refused error="connection refused" node={peer.address} upstream=app1',
        "error upstream has no node left: requests are answered 502 or 503 upstream=app1"]
    (told,) = status(running)["upstreams"]
    assert (told["nodes"][0]["state"], told["nodes"][0]["trouble"]) == ("down", "connection refused")
    assert ("edgeproxy_node_up{" f'upstream="app1",node="{peer.address}"' "} 0\n").encode() in ask(
        running.admin, "/metrics").body
    lines = eventually(lambda: [*running.access_entries()][10:] and running.access_entries(), "all lines are written")
    # Each worker writes its lines once a second.
    assert sorted(each["outcome"] for entry in lines for each in entry["tries"]) == ["ok"] + ["refused"] * 10
    peer.start()
    running.child.wait_for_line("upstream has a node again")
    assert running.request().status == 200
    assert of_nodes(running)[2:] == [
        f"notice node is up again node={peer.address} upstream=app1", "notice upstream has a node again upstream=app1"]


def test_http_behind_uwsgi_and_the_reverse_are_told_as_what_they_are(edge, web, uwsgi):
    server, instance = web(), uwsgi()
    patience = {"hold": "0s", "timeouts": {"response": "1s"}}
    running = edge({"app1": {"nodes": [server.address], **patience},
                    "app2": {"protocol": "http", "nodes": [instance.address], **patience}})
    for name, advice in (("app1", "set protocol: http"), ("app2", "set protocol: uwsgi")):
        assert running.request(name=f"{name}.example.test").status in (502, 503, 504)
        line = running.child.wait_for_line(f"node is down.* upstream={name}")
        assert "cause=wrong-protocol" in line and advice in line
