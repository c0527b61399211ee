"""One request is one line of the log, whatever bytes it is made of."""

import json
import subprocess

import pytest

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
