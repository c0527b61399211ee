"""Connections passed on as they are: `listen.tcp`."""

import socket
import time

import pytest

from support.admin import ask as ask_admin, command, status
from support.edge import check
from support.processes import eventually
from support.tcp import ScriptedTCP, ask, connect, echo, named, read, read_to_end, reserve_port

GREETING = bytes([4, 0, 0, 0, 10]) + b"5.7"


@pytest.fixture
def server(ending):
    """server(script): a TCP server that does with each connection what the test says."""
    def make(script=echo, **options):
        made = ScriptedTCP(script, **options)
        ending.append(made)
        return made
    return make


@pytest.fixture
def passing(edge, scripted, ending):
    """passing(nodes, ...): an edge with a tcp listener at `tcp_port`; more keys go to the upstream."""
    def make(nodes, workers=1, listen=None, drain="30s", **upstream):
        holder = reserve_port()
        port = holder.getsockname()[1]
        tcp = {"protocol": "tcp", "nodes": nodes, **upstream}
        running = edge(
            {"app1": [scripted().address], "db": tcp}, routes=[{"host": "app1.example.test", "upstream": "app1"}],
            workers=workers, timeouts={"drain": drain},
            listen={"tcp": [{"address": f"127.0.0.1:{port}", "upstream": "db"}], **(listen or {})})
        running.holders.append(holder)
        running.tcp_port = port
        return running
    return make


def sessions(edge, count=1):
    """The lines of the access log that are about sessions, once there are so many."""
    def found():
        lines = [line for line in edge.access_entries() if line.get("protocol") == "TCP"]
        return lines if len(lines) >= count else None
    return eventually(found, f"{count} lines about sessions")


def test_bytes_go_both_ways_and_an_end_is_passed_on(passing, server):
    def script(connection):
        asked = read_to_end(connection)
        connection.sendall(asked[::-1])
    edge = passing([server(script).address])
    with connect(edge.tcp_port) as client:
        client.sendall(b"ab" * 100_000)
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b"ba" * 100_000
    line = sessions(edge)[0]
    assert (line["bytes_in"], line["bytes_out"]) == (200_000, 200_000)
    assert line["listener"] == f"127.0.0.1:{edge.tcp_port}" and line["upstream"] == "db"
    assert [each["outcome"] for each in line["tries"]] == ["ok"]
    assert "cause" not in line and "status" not in line


def test_sessions_go_where_there_are_fewest(passing, server):
    one, two = server(), server()
    edge = passing([one.address, two.address])
    open_ones = []
    for _ in range(20):
        open_ones.append(connect(edge.tcp_port))
        open_ones[-1].sendall(b"x")
        assert read(open_ones[-1], 1) == b"x"
    assert (one.accepted, two.accepted) == (10, 10)
    in_flight = [node["in_flight"] for upstream in status(edge)["upstreams"] if upstream["name"] == "db"
                 for node in upstream["nodes"]]
    assert in_flight == [10, 10]
    assert status(edge)["tcp"]["sessions"] == 20
    for each in open_ones:
        each.close()
    eventually(lambda: status(edge)["tcp"]["sessions"] == 0, "all sessions ended")
    metrics = ask_admin(edge.admin, "/metrics").body.decode()
    assert "edgeproxy_tcp_sessions_total 20\n" in metrics
    assert 'edgeproxy_requests_total{code="none"} 0\n' in metrics


def test_a_node_that_speaks_first_is_heard_at_once(passing, server):
    edge = passing([server(named(GREETING)).address], greeting="mysql")
    times = []
    for _ in range(5):
        begun = time.monotonic()
        with connect(edge.tcp_port) as client:
            read(client, len(GREETING))
        times.append(time.monotonic() - begun)
    # A handshake whose last packet is held back takes 40 ms at least.
    assert min(times) < 0.03, times


def test_a_thousand_sessions_at_a_time(passing, server):
    node = server()
    edge = passing([node.address], workers=2)
    clients = [connect(edge.tcp_port) for _ in range(1000)]
    for number, client in enumerate(clients):
        client.sendall(b"%04d" % number)
    for number, client in enumerate(clients):
        assert read(client, 4) == b"%04d" % number
    report = status(edge)
    assert report["tcp"]["sessions"] == 1000
    for client in clients:
        client.close()
    eventually(lambda: status(edge)["tcp"]["sessions"] == 0, "all sessions ended")
    assert report["upstreams"][1]["nodes"][0]["in_flight"] == 1000
    # Idle sessions hold no buffers.
    eventually(lambda: all(worker["memory_bytes"] == 0 for worker in status(edge)["workers"]), "no memory is lent")


def test_the_port_is_open_while_https_is_closed(edge, scripted, server, passing):
    node = server()
    running = passing([node.address], listen={"close_when_unable": "always", "close_after": "0s"})
    app = running.configuration["upstreams"]["app1"]
    running.reload({**running.configuration, "upstreams": {
        **running.configuration["upstreams"], "app1": {**app, "nodes": ["unix:/nowhere/at/all.sock"]}}})
    eventually(lambda: status(running)["port"]["https"] == "closed", "https is closed")
    assert ask(running.tcp_port) == b"hello"


def test_drain_closes_the_port_at_once_and_cuts_sessions_at_its_end(passing, server):
    edge = passing([server(named(b"x")).address], drain="1s")
    with connect(edge.tcp_port) as client:
        assert read(client, 1) == b"x"
        edge.drain()

        def refused():
            try:
                connect(edge.tcp_port).close()
            except ConnectionRefusedError:
                return True
        eventually(refused, "the port is closed")
        client.sendall(b"still")
        assert read(client, 5) == b"still"
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert edge.child.wait() == 0
    assert "drain" in [line.get("cause") for line in sessions(edge)]


def test_a_drained_server_passes_sessions_on_again_when_it_is_put_back(passing, server):
    edge = passing([server().address], drain="200ms")
    assert ask(edge.tcp_port) == b"hello"
    assert command(edge, "drain")[0] == 0
    with pytest.raises(ConnectionRefusedError):
        connect(edge.tcp_port)
    assert command(edge, "undrain")[0] == 0
    eventually(lambda: ask(edge.tcp_port) == b"hello", "the port is open")


def test_drain_ends_with_the_last_session(passing, server):
    edge = passing([server(named(b"x")).address], workers=2)
    with connect(edge.tcp_port) as client:
        assert read(client, 1) == b"x"
        edge.drain()
        edge.child.wait_for_line("draining")
    assert edge.child.wait() == 0


def test_reload_moves_listeners_and_leaves_sessions_alone(passing, server):
    one, two = server(named(b"1")), server(named(b"2"))
    edge = passing([one.address])
    holder = reserve_port()
    edge.holders.append(holder)
    other = holder.getsockname()[1]
    with connect(edge.tcp_port) as client:
        assert read(client, 1) == b"1"
        upstreams = edge.configuration["upstreams"]
        edge.reload({**edge.configuration, "upstreams": {**upstreams, "db": {"protocol": "tcp", "nodes": [two.address]}},
                     "listen": {**edge.configuration["listen"], "tcp": [
                         {"address": f"127.0.0.1:{other}", "upstream": "db"}]}})
        with connect(other) as second:
            assert read(second, 1) == b"2"

        def refused():
            try:
                connect(edge.tcp_port).close()
            except ConnectionRefusedError:
                return True
        eventually(refused, "the old port is closed")
        client.sendall(b"still")
        assert read(client, 5) == b"still"


def test_a_reload_with_a_port_that_is_taken_changes_nothing(passing, server):
    edge = passing([server().address])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        edge.reload({**edge.configuration, "listen": {**edge.configuration["listen"], "tcp": [
            {"address": f"127.0.0.1:{taken.getsockname()[1]}", "upstream": "db"}]}})
        edge.child.wait_for_line("reload refused")
    assert ask(edge.tcp_port) == b"hello"


def test_a_listener_that_others_can_reach_is_warned_of(passing, server):
    edge = passing([server().address])
    edge.write({**edge.configuration, "listen": {**edge.configuration["listen"], "tcp": [
        {"address": "0.0.0.0:4000", "upstream": "db"}]}})
    code, output = check(edge.file)
    assert code == 0 and "warning: '0.0.0.0:4000' can be reached from other machines" in output, output
