"""A node that stays silent costs a GET a quarter of a second, and a POST is never sent twice."""

import signal
import statistics
import threading
import time

import pytest

from support.admin import status
from support.processes import eventually
from support.uwsgi import answer


class Switched:
    """What a scripted node does: answers at once, or holds its requests while it is silent."""

    def __init__(self, body=b"good"):
        self.body, self.loud, self.held, self.ends = body, threading.Event(), [], []
        self.loud.set()

    def __call__(self, connection, request):
        if not self.loud.is_set():
            self.held.append(request)
            connection.settimeout(10)
            # The end of the connection is all that can come here.
            try:
                self.ends.append(connection.recv(1) == b"")
            except ConnectionError:
                self.ends.append(True)
            return
        connection.sendall(answer(self.body))


def tries(running):
    return [[each["outcome"] for each in entry["tries"]] for entry in running.access_entries()]


@pytest.fixture
def pair(edge, scripted):
    """pair(**settings): an edge that knows how fast its two nodes are, and what they do."""
    def make(**settings):
        scripts = [Switched(b"first"), Switched(b"second")]
        nodes = [scripted(script) for script in scripts]
        upstream = {"nodes": [node.address for node in nodes], "balance": "round-robin", **settings}
        running = edge({"app1": upstream}, workers=1)
        with running.client() as client:
            for _ in range(40):
                assert client.request().status == 200
        assert 250 <= status(running)["upstreams"][0]["hedge_delay_ms"] < 500  # a slow machine has slow answers
        return running, scripts, nodes
    return make


def test_a_get_is_answered_by_another_node_when_one_is_silent(pair):
    running, (silent, _), _ = pair()
    silent.loud.clear()
    with running.client() as client:
        for _ in range(2):  # by turns, so one of them meets the silent node
            begun = time.monotonic()
            response = client.request()
            assert (response.status, response.body) == (200, b"second")
            assert time.monotonic() - begun < 2
    assert len(silent.held) == 1
    eventually(lambda: silent.ends == [True], "the silent try is dropped")
    eventually(lambda: ["lost", "hedged"] in tries(running), "the log names both tries")
    told = status(running)["upstreams"][0]
    assert (told["hedges"], told["hedges_won"]) == (1, 1)
    assert all(sum(node["failures"].values()) == 0 for node in told["nodes"])


@pytest.mark.parametrize("method, body", [("POST", b"x"), ("PUT", b"x"), ("GET", b"x"), ("DELETE", None)])
def test_what_is_no_plain_get_is_never_hedged(pair, method, body):
    running, scripts, nodes = pair(timeouts={"response": "700ms"}, retry={"tries": 1})
    for script in scripts:
        script.loud.clear()
    before = sum(len(node.requests) for node in nodes)
    assert running.request(method, body=body).status == 504
    assert sum(len(node.requests) for node in nodes) == before + 1
    assert status(running)["upstreams"][0]["hedges"] == 0


@pytest.mark.parametrize("retry", [{"hedge": "off", "tries": 1}, {"tries": 1}], ids=["off", "one try"])
def test_hedging_can_be_turned_off_and_counts_as_a_try(pair, retry):
    running, scripts, nodes = pair(timeouts={"response": "700ms"}, retry=retry)
    for script in scripts:
        script.loud.clear()
    assert running.request().status == 504
    assert status(running)["upstreams"][0]["hedges"] == 0


def test_the_answer_of_the_one_that_lost_is_never_seen(edge, scripted):
    slow = threading.Event()

    def late(connection, request):
        if slow.is_set():
            threading.Event().wait(0.27)  # about when the other is asked, before or after its answer
        connection.sendall(answer(request.environ["PATH_INFO"].encode() * 50))

    nodes = [scripted(late) for _ in range(3)]
    running = edge({"app1": [node.address for node in nodes]}, workers=1)
    with running.client() as client:
        for _ in range(40):
            client.request(path="/warm")
        slow.set()
        for number in range(20):
            path = f"/page-{number}"
            response = client.request(path=path)
            assert (response.status, response.body) == (200, path.encode() * 50)
    assert status(running)["upstreams"][0]["hedges"] >= 10


def test_half_of_the_budget_is_left_to_requests_whose_instance_died(pair):
    running, (silent, _), _ = pair(timeouts={"response": "2s"}, retry={"tries": 2})
    clients = [running.client() for _ in range(240)]
    silent.loud.clear()
    for client in clients:
        client.send_request()
    assert [client.read_response().status for client in clients] == [200] * len(clients)
    for client in clients:
        client.close()
    told = status(running)["upstreams"][0]
    assert 100 <= told["hedges"] <= 110, told
    assert len(silent.held) > 110


def test_a_node_that_drops_syns_costs_a_get_no_second(edge, scripted, full_queue):
    good = scripted()
    running = edge({"app1": {"nodes": [full_queue.address, good.address], "timeouts": {"connect": "5s"}}}, workers=1)
    with running.client() as client:
        for _ in range(64):
            begun = time.monotonic()
            assert client.request().status == 200
            assert time.monotonic() - begun < 3
    told = status(running)["upstreams"][0]
    assert told["hedges"] >= 1 and 250 <= told["hedge_delay_ms"] < 500


def test_when_the_silent_one_fails_at_last_the_other_goes_on(edge, scripted):
    slow = threading.Event()

    def closing(connection, request):
        if slow.is_set():
            threading.Event().wait(0.4)
            return
        connection.sendall(answer())

    def patient(connection, request):
        if slow.is_set():
            threading.Event().wait(0.5)
        connection.sendall(answer(b"patient"))

    nodes = [scripted(closing), scripted(patient)]
    running = edge({"app1": {"nodes": [node.address for node in nodes], "balance": "round-robin"}}, workers=1)
    with running.client() as client:
        for _ in range(40):
            client.request()
        slow.set()
        assert [client.request().status for _ in range(2)] == [200, 200]


def test_a_frozen_instance_costs_no_request_and_leaves_within_three_seconds(edge, uwsgi):
    instances = [uwsgi(node=name) for name in "abc"]
    frozen = instances[0]
    running = edge({"app1": [instance.address for instance in instances]})
    spans, failures, stopping = [], [], threading.Event()

    def ask():
        with running.client() as client:
            due = time.monotonic()
            while not stopping.is_set():
                begun = time.monotonic()
                response = client.request(path="/up")
                spans.append(time.monotonic() - begun)
                if response.status != 200:
                    failures.append(response.status)
                due = max(due + 0.04, begun)
                stopping.wait(max(0, due - time.monotonic()))

    threads = [threading.Thread(target=ask) for _ in range(8)]  # 200 each second

    def state():
        nodes = status(running)["upstreams"][0]["nodes"]
        return next(node["state"] for node in nodes if node["address"] == frozen.address)

    for thread in threads:
        thread.start()
    try:
        eventually(lambda: len(spans) > 200, "the load runs")
        spans.clear()
        frozen.signal(signal.SIGSTOP)
        begun = time.monotonic()
        eventually(lambda: state() == "out", "the frozen node is out")
        left = time.monotonic() - begun
        stopping.wait(max(0, 6 - left))
        assert state() == "out"
        frozen.signal(signal.SIGCONT)
        eventually(lambda: state() == "up", "the node is back")
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    slowest = statistics.quantiles(spans, n=100)[98]
    print(f"{len(spans)} requests, p99 {slowest:.3f} s, max {max(spans):.3f} s, left after {left:.2f} s")
    assert not failures
    assert slowest <= 0.5
    assert left <= 3
