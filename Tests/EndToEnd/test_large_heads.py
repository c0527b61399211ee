"""Heads of answers at the edge of their room arrive whole, or are refused with a page that says why."""

import subprocess

import pytest

from support.uwsgi import answer

NAME = "app1.example.test"
VERSIONS = ["--http1.1", "--http2"]


@pytest.fixture
def curl(directory):
    def run(running, *words):
        done = subprocess.run(
            ["curl", "-sS", "--cacert", running.authority.pem, "--resolve", f"{NAME}:{running.port}:127.0.0.1",
             "--max-time", "10", "-D", directory / "head", *words, f"https://{NAME}:{running.port}/"],
            capture_output=True, timeout=20)
        assert done.returncode == 0, done.stderr
        lines = (directory / "head").read_text().splitlines()
        return int(lines[0].split()[1]), lines[1:], done.stdout

    return run


def fields(count, length):
    """So many fields whose lines have `length` bytes, in letters that HPACK makes longer."""
    return [f"X-{1000 + number}: ".ljust(length - 2, "{") for number in range(count)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("count", [20, 200])
def test_a_head_of_64000_bytes_arrives_whole(edge, scripted, curl, version, count):
    lines = fields(count, 64_000 // count)
    peer = scripted(lambda connection, request: connection.sendall(answer(b"body", headers=lines)))
    running = edge({"app1": [peer.address]}, workers=1)
    status, head, body = curl(running, version)
    assert (status, body) == (200, b"body")
    assert sorted(line.lower() for line in head if line.lower().startswith("x-1")) == [each.lower() for each in lines]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_head_that_grows_out_of_its_room_is_refused(edge, scripted, curl, version):
    # Each of the tags grows by a space and by the mark of a weak one when the body is compressed.
    body = b"word " * 2000
    heads = {}

    def script(connection, request):
        size = int(request.environ["HTTP_X_SIZE"])
        lines = ["Content-Type: text/html", *['ETag:""'] * 250]
        left = size - len(answer(headers=[*lines, "X: "], body=body)) + len(body)
        heads[size] = lines + ["X: " + "x" * left]
        connection.sendall(answer(body, headers=heads[size]))

    peer = scripted(script)
    running = edge({"app1": [peer.address]}, workers=1, compress={"default": "on"})
    statuses = []
    for size in range(64_300, 65_500, 50):
        status, head, got = curl(running, version, "-H", f"X-Size: {size}", "-H", "Accept-Encoding: gzip")
        statuses.append(status)
        if status == 200:
            assert len([line for line in head if line.lower().startswith('etag: w/""')]) == 250
        else:
            assert b"response-head-too-large" in got
    assert statuses == sorted(statuses) and set(statuses) == {200, 502}
