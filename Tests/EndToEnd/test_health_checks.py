"""Nodes that are asked whether they are well leave before a client notices, and come back."""

import signal

import pytest

from support.admin import status
from support.http import server_context
from support.processes import eventually
from support.uwsgi import answer

TIMES = {"interval": "200ms", "timeout": "200ms"}


def node(running, address):
    nodes = status(running)["upstreams"][0]["nodes"]
    return next(each for each in nodes if each["address"] == address)


def wait_for_state(running, address, state):
    eventually(lambda: node(running, address)["state"] == state, f"{address} is {state}")


@pytest.mark.parametrize("health", [{"type": "ping"}, {"path": "/up"}], ids=["ping", "request"])
def test_a_frozen_instance_leaves_without_a_request_and_comes_back(edge, uwsgi, health):
    frozen, other = uwsgi(node="a"), uwsgi(node="b")
    running = edge({"app1": {"nodes": [frozen.address, other.address], "health": {**health, **TIMES}}})
    wait_for_state(running, frozen.address, "up")
    frozen.signal(signal.SIGSTOP)
    wait_for_state(running, frozen.address, "out")
    assert node(running, frozen.address)["check"]["result"] == "silent"
    assert [running.request().status for _ in range(20)] == [200] * 20
    frozen.signal(signal.SIGCONT)
    wait_for_state(running, frozen.address, "up")


def test_an_instance_that_says_503_about_itself_gets_no_requests(edge, scripted):
    well = [True]

    def script(connection, request):
        ill = request.environ["PATH_INFO"] == "/up" and not well[0]
        connection.sendall(answer(status="503 Starting" if ill else "200 OK"))

    leaving, other = scripted(script), scripted()
    health = {"path": "/up", "host": "app1.example.test", **TIMES}
    running = edge({"app1": {"nodes": [leaving.address, other.address], "health": health}})
    leaving.wait_for(1)
    assert leaving.requests[0].environ["HTTP_HOST"] == "app1.example.test"
    well[0] = False
    wait_for_state(running, leaving.address, "out")
    assert node(running, leaving.address)["check"]["result"] == "503"
    assert [running.request(path="/page").status for _ in range(10)] == [200] * 10
    assert all(request.environ["PATH_INFO"] == "/up" for request in leaving.requests)
    well[0] = True
    wait_for_state(running, leaving.address, "up")
    eventually(
        lambda: running.request(path="/page").status == 200
        and any(request.environ["PATH_INFO"] == "/page" for request in leaving.requests),
        "the node is asked again")


def test_the_health_endpoint_follows_the_checks_of_the_only_node(edge, scripted):
    well = [False]
    lone = scripted(lambda connection, request: connection.sendall(
        answer(status="200 OK" if well[0] else "503 Starting")))
    running = edge({"app1": {"nodes": [lone.address], "health": {"path": "/up", **TIMES}}})
    eventually(lambda: running.request(path="/healthz").status == 503, "nothing can be served")
    wait_for_state(running, lone.address, "down")
    assert "its check was answered 503" in running.child.wait_for_line("node is down")
    well[0] = True
    eventually(lambda: running.request(path="/healthz").status == 200, "it can be served again")
    assert lone.address in running.child.wait_for_line("node is up again")
    assert [running.child.text.count(f"node is {state}") for state in ("down", "up again")] == [1, 1]


def test_a_node_over_https_is_checked_with_its_certificate(edge, web, authority):
    issued = authority.issue("app.internal", "127.0.0.1")
    node_server = web(context=server_context(issued))
    tls = {"ca": str(authority.pem)}
    upstream = {
        "protocol": "https", "nodes": [node_server.address], "health": {"path": "/up", **TIMES}}
    for name, result in (("app.internal", "200"), ("other.internal", "tls")):
        upstream["tls"] = {**tls, "name": name}
        running = edge({"app1": upstream})
        eventually(
            lambda: (node(running, node_server.address)["check"] or {}).get("result") == result, f"{result} from {name}")
