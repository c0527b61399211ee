"""What a client notices when instances fail: nothing, unless asking again could do harm."""

import json
import threading
import uuid

import pytest

from support.load import Load, get
from support.uwsgi import answer


def test_an_instance_killed_under_load_costs_no_request(edge, uwsgi):
    first, second = uwsgi(node="a"), uwsgi(node="b")
    running = edge({"app1": [first.address, second.address]})
    with Load(running, get()) as load:
        load.wait_for(300)
        second.kill()
        load.wait_for(300)
        second.start()
        load.wait_for(300)
        first.kill()
        load.wait_for(300)
    assert not load.failures


def test_no_post_is_executed_twice_while_instances_are_killed(edge, uwsgi):
    first, second = uwsgi(node="a"), uwsgi(node="b")
    running = edge({"app1": [first.address, second.address]})
    answered, lock = [], threading.Lock()

    def post(client, _):
        name = uuid.uuid4().hex
        response = client.request("POST", f"/journal?id={name}", body=b"")
        if response.status == 201:
            with lock:
                answered.append(name)
        return response

    with Load(running, post) as load:
        load.wait_for(200)
        second.kill()
        load.wait_for(200)
    written = first.journal_lines() + second.journal_lines()
    assert len(written) == len(set(written)), "a request was executed twice"
    assert set(answered) <= set(written)
    # What was under way on the killed instance may be lost, with 502; no more than its clients.
    assert set(load.failures) <= {"status 502"}
    assert sum(load.failures.values()) <= len(load.threads)


def test_a_response_that_ended_early_at_once_is_a_502_or_is_cut_after_its_head(edge, scripted):
    def script(connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")

    running = edge({"app1": [scripted(script).address]})
    with running.client() as client:
        client.send_request()
        assert client.read_head().status in (200, 502)


def test_a_node_whose_queue_is_full_is_passed_over(edge, scripted, full_queue):
    alive = scripted()
    nodes = [full_queue.address, alive.address]
    running = edge({"app1": {"nodes": nodes, "timeouts": {"connect": "200ms"}}})
    assert [running.request("POST", body=b"x").status for _ in range(6)] == [200] * 6


def test_a_switched_off_machine_is_passed_over(black_hole, edge, scripted):
    alive = scripted()
    nodes = [f"{black_hole}:3031", alive.address]
    running = edge({"app1": {"nodes": nodes, "timeouts": {"connect": "200ms"}}})
    assert [running.request().status for _ in range(6)] == [200] * 6


def test_a_block_above_the_instances_buffer_gives_431_with_both_sizes(edge, uwsgi):
    running = edge({"app1": [uwsgi().address]})
    with running.client() as client:
        response = client.request(headers=[("Cookie", "c=" + "x" * 5120)])
        assert response.status == 431
        digits = [int(word) for word in response.body.decode().replace(",", " ").split() if word.isdigit()]
        assert 4096 in digits and any(5120 < number < 8192 for number in digits), response.body


def test_a_raised_exception_of_the_application_is_a_502_and_runs_at_most_twice(edge, scripted):
    failing = scripted(lambda connection, request: None)
    running = edge({"app1": [failing.address]})
    response = running.request()
    assert response.status == 502
    assert len(failing.requests) <= 2


@pytest.mark.parametrize(("name", "raw"), [
    ("not HTTP at all", b"hello\r\n\r\n"),
    ("no status line", b"Content-Length: 2\r\n\r\nok"),
    ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"),
    ("a field without colon", b"HTTP/1.1 200 OK\r\nNo colon\r\nContent-Length: 2\r\n\r\nok"),
])
def test_a_malformed_response_is_a_502(edge, scripted, name, raw):
    running = edge({"app1": [scripted(lambda connection, request: connection.sendall(raw)).address]})
    assert running.request("POST", body=b"x").status == 502, name


def test_bytes_beyond_the_content_length_never_reach_the_next_response(edge, scripted):
    def script(connection, request):
        connection.sendall(answer(b"ok!") + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    running = edge({"app1": [scripted(script).address]})
    with running.client() as client:
        for _ in range(5):
            assert client.request().body == b"ok!"


def test_the_access_log_names_every_try_and_its_cause(edge, scripted):
    dead, alive = scripted(), scripted()
    dead.stop()
    running = edge({"app1": {"nodes": [dead.address, alive.address], "balance": "round-robin"}})
    for _ in range(2):
        assert running.request().status == 200
    running.drain()
    assert running.child.wait() == 0
    entries = running.access_entries()
    assert len(entries) == 2
    texts = [json.dumps(entry) for entry in entries]
    assert any(dead.address in text and alive.address in text for text in texts), texts
