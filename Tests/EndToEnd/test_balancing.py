"""Which node is asked: shares, rooms, queues, and what binds a client to a node."""

import json
import subprocess
import threading
from collections import Counter

from support.edge import binary
from support.uwsgi import answer


class Held:
    """A peer's script that answers when it is told to, and knows how many wait."""

    def __init__(self, name):
        self.name, self.waiting, self.most = name.encode(), 0, 0
        self.changed, self.open = threading.Condition(), False

    def __call__(self, connection, request):
        with self.changed:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: self.open, 20)
            self.waiting -= 1
        connection.sendall(answer(self.name))

    def wait_for(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: self.waiting >= count, 10), f"{self.waiting} came, not {count}"

    def let_go(self):
        with self.changed:
            self.open = True
            self.changed.notify_all()


class Requests:
    """So many requests at once, each from a client of its own."""

    def __init__(self, running, count, **options):
        self.answers = []
        self.threads = [threading.Thread(target=self._ask, args=(running, options)) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def _ask(self, running, options):
        self.answers.append(running.request(**options))

    def finish(self):
        for thread in self.threads:
            thread.join(30)
        return self.answers


def status_of(running):
    done = subprocess.run([binary(), "status", "--json", "--config", running.file], capture_output=True, text=True)
    return json.loads(done.stdout)


def test_idle_nodes_are_asked_as_their_weights_say(edge, scripted):
    heavy, light = scripted(), scripted()
    running = edge({"app1": {"nodes": [{"address": heavy.address, "weight": 3}, light.address]}})
    with running.client() as client:
        for _ in range(40):
            assert client.request().status == 200
    assert 28 <= len(heavy.requests) <= 32
    assert len(heavy.requests) + len(light.requests) == 40


def test_more_than_a_node_and_its_queue_take_waits_at_the_edge(edge, scripted):
    held = Held("a")
    peer = scripted(held)
    running = edge({"app1": {"nodes": [{"address": peer.address, "cores": 2}]}}, workers=1)
    requests = Requests(running, 10)
    held.wait_for(4)
    # Two are worked on and two wait in the instance's own queue; the other six are here.
    with running.plain_client() as plain:
        assert plain.request("GET", "/healthz").status == 200
    assert len(peer.requests) == 4
    held.let_go()
    assert [each.status for each in requests.finish()] == [200] * 10
    assert held.most == 4


def test_a_queue_that_is_full_or_too_slow_answers_503(edge, scripted):
    held = Held("a")
    peer = scripted(held)
    running = edge(
        {"app1": {"nodes": [{"address": peer.address, "cores": 1}], "queue": "200ms"}}, workers=1,
        limits={"queued": 1})
    first = Requests(running, 2)
    held.wait_for(2)
    later = Requests(running, 2).finish()
    assert [each.status for each in later] == [503, 503]
    assert all(each.get("Retry-After") for each in later)
    held.let_go()
    assert [each.status for each in first.finish()] == [200, 200]
    running.drain()
    assert running.child.wait() == 0
    causes = Counter(entry.get("cause") for entry in running.access_entries())
    assert causes["queue-full"] == 1 and causes["queue-timeout"] == 1


def test_an_answer_worth_another_try_is_delivered_when_the_others_are_full(edge, scripted):
    held = Held("full")
    full = scripted(held)
    refusing = scripted(lambda connection, request: connection.sendall(answer(b"own words", "503 Busy")))
    nodes = [{"address": peer.address, "cores": 1} for peer in (full, refusing)]
    running = edge({"app1": {"nodes": nodes}}, workers=1)
    # Whoever is asked first, these two end at the node that keeps them.
    first = Requests(running, 1)
    held.wait_for(1)
    second = Requests(running, 1)
    held.wait_for(2)
    third = running.request()
    assert (third.status, third.body) == (503, b"own words")
    held.let_go()
    assert [each.status for each in first.finish() + second.finish()] == [200, 200]


def test_a_request_that_waited_is_not_sent_when_its_client_left(edge, scripted):
    held = Held("a")
    peer = scripted(held)
    running = edge({"app1": {"nodes": [{"address": peer.address, "cores": 1}]}}, workers=1)
    first = Requests(running, 2)
    held.wait_for(2)
    with running.client() as gone:
        gone.send_request(path="/gone")
    held.let_go()
    first.finish()
    assert running.request(path="/after").status == 200
    assert "/gone" not in [each.environ["PATH_INFO"] for each in peer.requests]


def test_the_cookie_binds_a_browser_to_the_node_that_answered_first(edge, scripted):
    peers = [scripted(lambda connection, request, name=name: connection.sendall(answer(name))) for name in (b"a", b"b")]
    running = edge({"app1": {"nodes": [peer.address for peer in peers], "sticky": "edge_node"}})
    for _ in range(4):
        first = running.request()
        cookie = first.get("Set-Cookie")
        assert cookie.startswith("edge_node=") and cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
        bound = [("Cookie", "other=1; " + cookie.split(";")[0])]
        again = [running.request(headers=bound) for _ in range(6)]
        assert {each.body for each in again} == {first.body}
        assert not any(each.get("Set-Cookie") for each in again)


def test_a_cookie_of_a_node_that_is_gone_gives_another_and_its_cookie(edge, scripted):
    peers = [scripted(lambda connection, request, name=name: connection.sendall(answer(name))) for name in (b"a", b"b")]
    running = edge({"app1": {"nodes": [peer.address for peer in peers], "sticky": "edge_node"}})
    first = running.request()
    bound = [("Cookie", first.get("Set-Cookie").split(";")[0])]
    peers[0 if first.body == b"a" else 1].stop()
    second = running.request(headers=bound)
    assert second.status == 200 and second.body != first.body
    assert second.get("Set-Cookie").split(";")[0] != bound[0][1]


def test_a_cookie_that_names_nothing_is_no_cookie(edge, scripted):
    running = edge({"app1": {"nodes": [scripted().address], "sticky": "edge_node"}})
    for value in ("", "x", "0" * 16, "zzzzzzzzzzzzzzzz", "1" * 17):
        response = running.request(headers=[("Cookie", f"edge_node={value}")])
        assert response.status == 200 and response.get("Set-Cookie").startswith("edge_node=")


def test_requests_are_bound_by_what_is_hashed(edge, scripted):
    peers = [scripted(lambda connection, request, name=name: connection.sendall(answer(name))) for name in (b"a", b"b", b"c")]
    running = edge({"app1": {
        "nodes": [peer.address for peer in peers], "balance": "hash", "hash_on": "header:X-User"}})
    answered = {}
    for user in range(30):
        headers = [("x-user", f"user-{user}")]
        answered[user] = {running.request(headers=headers).body for _ in range(3)}
    assert all(len(each) == 1 for each in answered.values())
    assert len(set().union(*answered.values())) == 3


def test_status_tells_weights_and_cores(edge, scripted):
    peer = scripted()
    running = edge({"app1": {"nodes": [{"address": peer.address, "weight": 3, "cores": 4}]}})
    (node,) = status_of(running)["upstreams"][0]["nodes"]
    assert (node["weight"], node["cores"], node["state"]) == (3, 4, "up")
