"""A disk that is full costs log lines and very large uploads, with a word about it, and nothing else."""

import json

import pytest

from support.processes import eventually

MIB = 1 << 20


def entries(running):
    """The whole lines of the access log, each of which has to be an entry."""
    text = running.access_log.read_text() if running.access_log.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1] if line.strip()]


def test_requests_are_served_while_the_log_cannot_be_written_and_the_loss_is_told(edge, scripted):
    running = edge({"app1": [scripted().address]}, log={"access": "/dev/full"})
    assert [running.request().status for _ in range(20)] == [200] * 20
    line = running.child.wait_for_line("access log")
    assert "No space left" in line
    assert running.request().status == 200
    running.drain()
    assert running.child.wait() == 0


def test_the_log_goes_on_with_whole_lines_when_there_is_room_again(edge, scripted, small_disk):
    log = small_disk.place / "access.log"
    running = edge({"app1": [scripted().address]}, workers=1, log={"access": str(log)})
    running.access_log = log
    assert running.request(path="/before").status == 200
    eventually(lambda: log.stat().st_size, "the first line is written")
    small_disk.fill()
    lines = len(running.child.lines)
    with running.client() as client:
        for number in range(100):
            assert client.request(path=f"/full/{number}").status == 200
    running.child.wait_for_line("access log.*No space left", since=lines)
    small_disk.free()

    def written():
        assert running.request(path="/after").status == 200
        text = log.read_text()
        return "/after" in text and text.endswith("\n")

    eventually(written, "lines are written again")
    torn = []
    for line in log.read_text().splitlines():
        try:
            json.loads(line)
        except ValueError:
            torn.append(line)
    assert len(torn) <= 1, "more than the line at which the disk became full is torn"
    running.child.wait_for_line("dropped", since=lines)


@pytest.fixture
def uploads(edge, scripted, small_disk):
    """uploads(**configuration): an edge with its state on a small disk, and the instance that takes what it is sent."""

    def make(**configuration):
        peer = scripted()
        return edge({"app1": [peer.address]}, workers=1, state=str(small_disk.place / "state"), **configuration), peer

    return make


def pattern(size):
    return bytes(number * 31 % 251 for number in range(1024)) * (size // 1024)


@pytest.mark.parametrize("size", [100 * 1024, 5 * MIB])
def test_uploads_arrive_whole_while_the_disk_is_full_and_one_line_says_so(uploads, small_disk, size):
    (running, peer), sent = uploads(), pattern(size)
    small_disk.fill()
    for number in range(3):
        assert running.request("POST", "/", body=sent).status == 200
        assert peer.requests[number].body == sent
    assert running.child.text.count("kept in memory") == 1
    small_disk.free()


def test_a_disk_that_fills_while_an_upload_comes_loses_nothing_of_it(uploads):
    # It has room for 256 KiB, so the first part of the body is there.
    (running, peer), sent = uploads(), pattern(2 * MIB)
    assert running.request("POST", "/", body=sent).status == 200
    assert peer.requests[0].body == sent
    running.child.wait_for_line("kept in memory.*No space left")


def test_an_upload_for_which_there_is_no_room_at_all_is_answered_503_and_the_next_one_is_served(uploads, small_disk):
    running, peer = uploads(limits={"memory": "16MiB"})
    small_disk.fill()
    sent = pattern(17 * MIB)
    for fields, body in (([], sent), ([("Transfer-Encoding", "chunked")], None)):
        with running.client() as client:
            client.send_request("POST", headers=fields, body=body)
            if body is None:
                client.send(b"%x\r\n" % len(sent), sent, b"\r\n0\r\n\r\n")
            response = client.read_response()
            assert (response.status, response.get("Connection")) == (503, "close")
    assert running.request("POST", body=pattern(MIB)).status == 200
    assert len(peer.requests) == 1
    small_disk.free()
    lines = len(running.child.lines)
    assert running.request("POST", body=b"x" * 100_000).status == 200
    assert len(peer.requests[1].body) == 100_000
    assert not [line for line in running.child.lines[lines:] if "kept in memory" in line]


def test_a_slow_client_of_a_large_answer_is_served_or_cut_when_there_is_no_room(edge, scripted, small_disk):
    size = 16 * 2**20
    peer = scripted(lambda connection, request: connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size))
    running = edge({"app1": [peer.address]}, state=str(small_disk.place / "state"), timeouts={"send": "2s"})
    small_disk.fill()
    with running.client() as client:
        client.send_request()
        head = client.read_head()
        assert head.status == 200
        while client.more():
            if len(client.buffer) >= size:
                break
        assert set(client.buffer) == {ord("x")}
    assert running.request("POST", body=b"x").status == 200
