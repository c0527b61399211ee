"""Which node is asked: shares, rooms, queues, and what binds a client to a node."""

import json
import subprocess

from support.edge import binary
from support.uwsgi import answer


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
