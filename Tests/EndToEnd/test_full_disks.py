"""A disk that is full costs log lines and uploads, with a word about it, and nothing else."""

import json

from support.processes import eventually


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


def test_an_upload_that_finds_no_room_is_answered_503_and_the_next_one_is_served(edge, scripted, small_disk):
    peer = scripted()
    running = edge({"app1": [peer.address]}, state=str(small_disk.place / "state"))
    small_disk.fill()
    for fields, body in (([], b"x" * 2**20),
                         ([("Transfer-Encoding", "chunked")], None)):
        with running.client() as client:
            client.send_request("POST", headers=fields, body=body)
            if body is None:
                client.send(b"100000\r\n", b"x" * 2**20, b"\r\n0\r\n\r\n")
            response = client.read_response()
            assert (response.status, response.get("Connection")) == (503, "close")
    assert running.request("POST", body=b"x" * 1000).status == 200
    assert len(peer.requests) == 1
    small_disk.free()
    assert running.request("POST", body=b"x" * 100_000).status == 200
    assert len(peer.requests[1].body) == 100_000


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
