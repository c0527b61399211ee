"""Orders of operators: nodes and sites that are taken out, on one server and in a fleet."""

import re
import shlex
import socket
import time

import pytest

from support import REPOSITORY
from support.admin import ask, command, status
from support.joined import NODE, join
from support.load import Load
from support.network import ip
from support.pages import blocks
from support.processes import eventually
from support.uwsgi import ScriptedUWSGI, answer

A, B = "app1.example.test", "app2.example.test"
FAR = "10.99.1.7"


def says(name):
    return lambda connection, request: connection.sendall(answer(name))


def node_of(running, address):
    """What the status says of the node at an address."""
    return next(node for upstream in status(running)["upstreams"] for node in upstream["nodes"]
                if node["address"] == address)


def done(running, *words):
    code, output, error = command(running, *words)
    assert code == 0, output + error
    return output


def seen(edges, holds, what):
    """Waits until something holds on all servers, and returns in how many seconds it did."""
    since = time.monotonic()
    for running in edges:
        eventually(lambda: holds(running), f"{what} at {running.configuration['node']}")
    return time.monotonic() - since


@pytest.fixture
def fleet(edge, etcd, scripted):
    """Three servers of one fleet with the same two nodes."""
    cluster = etcd()
    nodes = [scripted(says(name)) for name in (b"first", b"second")]
    edges = [edge({"app1": {"nodes": [node.address for node in nodes], "hold": "20s"},
                   "app2": {"nodes": [nodes[0].address], "hold": "20s"}},
                  node=f"edge{number}", etcd=cluster.settings(), listen={"close_when_unable": "never"})
             for number in (1, 2, 3)]
    for running in edges:
        eventually(lambda: status(running)["etcd"]["synced"], "etcd is followed")
    return edges, cluster, nodes


def is_away(running, name=A):
    return running.request(name=name).status == 503


# A node.


def test_a_node_is_taken_out_and_put_back(edge, scripted):
    nodes = [scripted(says(name)) for name in (b"first", b"second")]
    running = edge({"app1": [node.address for node in nodes]})
    first = nodes[0].address
    assert done(running, "node", "disable", first, "--reason", "new disk").startswith(
        f"edge-test/{first} is disabled on this server\n")
    assert {running.request().body for _ in range(6)} == {b"second"}
    node = node_of(running, first)
    assert (node["state"], node["administration"]) == ("disabled", "disabled")
    assert re.fullmatch(r"disabled by \w+ on edge-test since [-0-9:TZ]+ \(new disk\)", node["why"]), node["why"]
    assert node_of(running, nodes[1].address)["latency_ms"]["answers"] >= 6
    order = status(running)["operations"][0]
    assert order["subject"] == f"edge-test/{first}" and order["this_server_only"] and order["reason"] == "new disk"
    assert "new disk" in done(running, "status")
    code, output, error = command(running, "node", "disable", first.replace("127.0.0.1", "127.0.0.2"))
    assert code == 1 and f"did you mean '{first}'?" in error, error
    last = done(running, "node", "disable", nodes[1].address)
    assert "warning: no other node of 'app1' can be asked" in last
    running.drain()
    running.child.wait()
    running.notifications.drain()
    running.start()
    assert [node_of(running, each.address)["state"] for each in nodes] == ["disabled"] * 2
    for node in nodes:
        done(running, "node", "enable", node.address)
    assert {running.request().body for _ in range(8)} == {b"first", b"second"}
    assert status(running)["operations"] == []


def test_commands_about_nodes_are_taken_on_the_unix_socket_alone(edge, scripted, directory):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
    node = scripted()
    running = edge({"app1": [node.address]},
                   listen={"admin": [f"unix:{directory}/own.sock", f"127.0.0.1:{port}"]})
    running.admin = directory / "own.sock"
    for place in (running.admin, ("127.0.0.1", port)):
        assert ask(place, "/health").status == 200
    assert ask(("127.0.0.1", port), f"/node/disable?address={node.address}", "POST").status == 405
    assert running.request().status == 200
    # Commands find the socket, wherever it stands in the list.
    running.write({**running.configuration, "listen": {"admin": [f"127.0.0.1:{port}", f"unix:{running.admin}"]}})
    assert "disabled" in done(running, "node", "disable", node.address)


# In a fleet.


def test_an_order_holds_on_every_server_within_a_second_and_over_restarts(fleet):
    edges, cluster, nodes = fleet
    done(edges[0], "maintenance", "on", A, "--reason", "migration")
    took = seen(edges, is_away, "maintenance")
    assert took < 1, took
    for running in edges:
        response = running.request()
        assert response.status == 503 and response.get("Retry-After") == "60"
        assert running.request(name=B).status == 200
        eventually(lambda: "maintenance" in [line.get("cause") for line in running.access_entries()], "its line")
        order = status(running)["operations"][0]
        assert (order["subject"], order["server"], order["reason"]) == (A, "edge1", "migration")
        running.drain()
    for running in edges:
        running.child.wait()
        running.notifications.drain()
    for running in edges:
        running.start()
        assert running.request().status == 503, "the first request after the start"
    done(edges[2], "maintenance", "off", A)
    assert seen(edges, lambda running: running.request().status == 200, "no maintenance") < 1


def test_a_node_that_all_servers_have_is_out_for_all_of_them(edge, etcd, network, scripted):
    ip("address", "add", f"{FAR}/32", "dev", "lo")
    cluster = etcd()
    nodes = [scripted(says(name), address=FAR) for name in (b"first", b"second")]
    edges = [edge({"app1": [node.address for node in nodes]}, node=f"edge{number}", etcd=cluster.settings(),
                  listen={"close_when_unable": "never"}) for number in (1, 2, 3)]
    for running in edges:
        eventually(lambda: status(running)["etcd"]["synced"], "etcd is followed")
    first = nodes[0].address
    assert f"{first} is disabled on every server" in done(edges[1], "node", "disable", first)
    took = seen(edges, lambda running: node_of(running, first)["state"] == "disabled", "the order")
    assert took < 1, took
    for running in edges:
        assert {running.request().body for _ in range(6)} == {b"second"}
    done(edges[2], "node", "enable", first)
    seen(edges, lambda running: {running.request().body for _ in range(8)} == {b"first", b"second"}, "both")


def test_a_node_behind_another_server_is_taken_out_and_comes_back_taken_out(edge, etcd, directory, ending):
    instances = []
    for name in (b"first", b"second"):
        (directory / name.decode()).mkdir()
        instances.append(ScriptedUWSGI(says(name), directory=directory / name.decode()))
        ending.append(instances[-1])
    edges = join(edge, etcd(), directory, {"app1": {"nodes": [NODE], "everywhere": True}})
    for number, instance in enumerate(instances):
        edges.place(number, instance.address)
    assert edges[0].request().body == b"first"
    # Given at the other one, of the node that it calls by the name of its server.
    assert "on every server" in done(edges[1], "node", "disable", f"edge1/{NODE}")
    seen(edges, lambda running: any(node["state"] == "disabled" for node in upstream_nodes(running)), "the order")
    assert {running.request().body for running in edges for _ in range(4)} == {b"second"}
    instances[0].stop()
    instances[0].start()
    assert {running.request().body for running in edges for _ in range(4)} == {b"second"}
    done(edges[0], "node", "enable", NODE)
    eventually(lambda: edges[0].request().body == b"first", "its own node")


def upstream_nodes(running):
    return [node for upstream in status(running)["upstreams"] for node in upstream["nodes"]]


def test_an_order_outlives_etcd_and_new_ones_are_refused_while_it_is_away(fleet):
    edges, cluster, nodes = fleet
    done(edges[0], "maintenance", "on", A)
    seen(edges, is_away, "maintenance")
    cluster.kill()
    for running in edges:
        eventually(lambda: not status(running)["etcd"]["synced"], "etcd is away")
        code, output, error = command(running, "maintenance", "off", A)
        assert code == 1 and "etcd is away" in error and "nothing was changed" in error, error
        assert running.request().status == 503
    last = edges[2]
    last.drain()
    last.child.wait()
    last.notifications.drain()
    last.start()
    assert last.request().status == 503
    # Of one server it is done all the same, and stays its own.
    assert "other servers do not know of it" in done(edges[1], "maintenance", "on", B, "--here")
    cluster.start()
    for running in edges:
        eventually(lambda: status(running)["etcd"]["synced"], "etcd is back", 30)
    assert [running.request(name=B).status for running in edges] == [200, 503, 200]
    done(edges[1], "maintenance", "off", A)
    seen(edges, lambda running: running.request().status == 200, "no maintenance")
    assert edges[1].request(name=B).status == 503
    done(edges[1], "maintenance", "off", B)
    assert edges[1].request(name=B).status == 200


def test_what_is_wrong_in_etcd_changes_nothing_and_is_told(fleet):
    edges, cluster, nodes = fleet
    done(edges[0], "maintenance", "on", A)
    seen(edges, is_away, "maintenance")
    prefix = edges[0].configuration["etcd"].get("prefix", "/edgeproxy/")
    cluster.put(f"{prefix}operations/hosts/{A}", b"no, off")
    cluster.put(f"{prefix}operations/hosts/{B}", b"1 state=disabled at=1 server=a by=b")
    for running in edges:
        eventually(lambda: sum("changes nothing" in each for each in status(running)["warnings"]) == 2, "both are told")
        assert running.request().status == 503 and running.request(name=B).status == 200
    done(edges[1], "maintenance", "off", A)
    cluster.delete(f"{prefix}operations/hosts/{B}")
    for running in edges:
        eventually(lambda: not any("changes nothing" in each for each in status(running)["warnings"]), "nothing is wrong")
        assert running.request().status == 200


def test_a_pause_under_load_loses_no_request_and_does_none_twice(edge, etcd, uwsgi):
    cluster, instance = etcd(), uwsgi(processes=4)
    edges = [edge({"app1": {"nodes": [instance.address], "hold": "30s"}}, node=f"edge{number}", etcd=cluster.settings(),
                  listen={"close_when_unable": "never"}) for number in (1, 2, 3)]
    for running in edges:
        eventually(lambda: status(running)["etcd"]["synced"], "etcd is followed")
    loads = [Load(running, posting(running.configuration["node"]), threads=6) for running in edges]
    for load in loads:
        load.__enter__()
    for load in loads:
        load.wait_for(20)
    for _ in range(3):
        done(edges[0], "maintenance", "pause", A)
        for running in edges:
            eventually(lambda: held(running) == 6, "all wait")
        before = instance.journal_lines()
        counts = [load.answered for load in loads]
        # Nothing is worked on while they wait.
        for running in edges:
            assert status(running)["upstreams"][0]["nodes"][0]["in_flight"] == 0
        assert instance.journal_lines() == before and [load.answered for load in loads] == counts
        done(edges[1], "maintenance", "off", A)
        for load in loads:
            load.wait_for(20)
        # The count is as of the last second: the next pause must not see what this one held.
        for running in edges:
            eventually(lambda: held(running) == 0, "none waits")
    for load in loads:
        load.__exit__()
        assert not load.failures, load.failures
    written = instance.journal_lines()
    assert len(written) == len(set(written)), "a request was executed twice"
    assert len(written) == sum(load.answered for load in loads), "a request was lost"


def held(running):
    return sum(each["held"] for each in status(running)["workers"])


def posting(name):
    """What `Load` asks: each request has an id of its own, which the application writes down."""
    return lambda client, number: client.request("POST", f"/journal?id={name}-{number}", body=b"")


# A site without its application.


def test_a_site_in_maintenance_keeps_the_port_open_when_its_application_is_stopped(edge, scripted):
    node = scripted()
    running = edge({"app1": [node.address]}, listen={"close_when_unable": "always", "close_after": "0s"})
    done(running, "maintenance", "on", A)
    node.stop()
    eventually(lambda: node_of(running, node.address)["state"] == "down", "the node is down")
    # Longer than it takes to close a port.
    until = time.monotonic() + 2
    while time.monotonic() < until:
        assert running.request().status == 503
        with running.plain_client() as client:
            assert client.request("GET", "/healthz").status == 200
    done(running, "maintenance", "off", A)

    def is_closed():
        try:
            running.request()
        except OSError:
            return True
        return False

    eventually(is_closed, "the port closed, since nobody is left", 20)


# The page.


def test_the_commands_of_the_page_work_as_they_stand(edge, scripted, network):
    text = (REPOSITORY / "docs/operating.md").read_text()
    ip("address", "add", f"{FAR}/32", "dev", "lo")
    nodes = [scripted(address=FAR) for _ in range(2)]
    running = edge({"app": [node.address for node in nodes]},
                   routes=[{"host": "app.example.org", "upstream": "app"}])
    lines = [line for block in blocks(text) if block.language is None for line in block.text.splitlines()]
    assert len(lines) >= 9
    for line in lines:
        program, *words = shlex.split(line.replace("10.0.0.5:3031", nodes[0].address))
        assert program == "edgeproxy", line
        code, output, error = command(running, *words)
        assert code == 0, f"{line}\n{output}{error}"
    assert status(running)["operations"] == []
