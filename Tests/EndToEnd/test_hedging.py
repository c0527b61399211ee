"""A node that stays silent costs a GET a quarter of a second, however it came to be silent."""

import signal
import statistics
import threading
import time

from support.admin import status
from support.processes import eventually


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
