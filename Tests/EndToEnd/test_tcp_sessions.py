"""Connections passed on as they are: `listen.tcp`."""

import pathlib
import socket
import threading
import time

import pytest

from support.admin import ask as ask_admin, command, status
from support.edge import check
from support.processes import PATIENCE, eventually
from support.tcp import ScriptedTCP, ask, connect, echo, named, read, read_to_end, reserve_port, reset, silent

GREETING = bytes([4, 0, 0, 0, 10]) + b"5.7"
REFUSAL = bytes([9, 0, 0, 0, 0xFF, 0x10, 0x04]) + b"Too many"


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


def test_a_node_that_refuses_is_passed_over(passing, server):
    dead, living = server(listening=False), server()
    edge = passing([dead.address, living.address])
    for _ in range(20):
        assert ask(edge.tcp_port) == b"hello"
    assert all(line["tries"][-1]["outcome"] == "ok" for line in sessions(edge, 20))


def test_a_backup_is_used_only_without_the_others(passing, server):
    first, backup = server(named(b"1")), server(named(b"2"))
    edge = passing([first.address, {"address": backup.address, "backup": True}])
    for _ in range(5):
        with connect(edge.tcp_port) as client:
            assert read(client, 1) == b"1"
    first.end()
    with connect(edge.tcp_port) as client:
        assert read(client, 1) == b"2"


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


def test_a_session_waits_for_a_node_to_come_back(passing, server):
    node = server(listening=False)
    edge = passing([node.address])
    with connect(edge.tcp_port) as client:
        client.sendall(b"early")
        eventually(lambda: status(edge)["upstreams"][1]["nodes"][0]["failures"]["connect"] > 0, "a try failed")
        node.listen()
        assert read(client, 5) == b"early"
    tries = sessions(edge)[0]["tries"]
    assert tries[0]["outcome"] == "connect" and tries[-1]["outcome"] == "ok"


def test_without_a_node_the_client_is_reset_after_the_wait(passing, server):
    edge = passing([server(listening=False).address], hold="300ms")
    with connect(edge.tcp_port) as client, pytest.raises(ConnectionResetError):
        client.recv(1)
    assert sessions(edge)[0]["cause"] == "no-instance"


@pytest.mark.parametrize("greeting, said", [("any", b"hello"), ("mysql", GREETING)])
def test_a_silent_node_costs_the_connect_timeout_and_gets_nothing(passing, server, greeting, said):
    heard = []

    def mute(connection):
        try:
            heard.append(connection.recv(100))
        except ConnectionResetError:
            heard.append("reset")
    frozen, living = server(mute), server(named(said))
    edge = passing([frozen.address, {"address": living.address, "backup": True}], greeting=greeting)
    begun = time.monotonic()
    with connect(edge.tcp_port) as client:
        client.sendall(b"word")
        assert read(client, len(said)) == said
        spent = time.monotonic() - begun
        assert read(client, 4) == b"word"
    assert spent < 3
    line = sessions(edge)[0]
    assert [each["outcome"] for each in line["tries"]] == ["timeout", "ok"]
    eventually(lambda: heard == ["reset"], "the silent node got no byte of the client's")


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


def test_a_late_greeting_within_the_timeout_is_waited_for(passing, server):
    reached, speak = threading.Event(), threading.Event()

    def late(connection):
        reached.set()
        assert speak.wait(PATIENCE)
        named(GREETING)(connection)
    edge = passing([server(late).address], greeting="mysql", timeouts={"connect": "10s"})
    with connect(edge.tcp_port) as client:
        assert reached.wait(PATIENCE)
        # It has not been given up.
        assert status(edge)["upstreams"][-1]["nodes"][0]["in_flight"] == 1
        speak.set()
        assert read(client, len(GREETING)) == GREETING


def test_a_server_that_takes_nobody_is_passed_over_and_heard_where_it_is_the_last(passing, server):
    full = server(lambda connection: connection.sendall(REFUSAL))
    backup = server(named(GREETING))
    edge = passing([full.address, {"address": backup.address, "backup": True}], greeting="mysql")
    with connect(edge.tcp_port) as client:
        assert read(client, len(GREETING)) == GREETING
    backup.end()
    with connect(edge.tcp_port) as client:
        assert read_to_end(client) == REFUSAL
    outcomes = [[each["outcome"] for each in line["tries"]] for line in sessions(edge, 2)]
    # Lines are written when sessions are over, and the first client's may be seen to leave after the second's.
    assert sorted(outcomes) == [["refused", "connect"], ["refused", "ok"]]


def test_what_is_no_mysql_is_passed_over(passing, server):
    wrong, right = server(named(b"SSH-2.0-x\r\n")), server(named(GREETING))
    edge = passing([wrong.address, {"address": right.address, "backup": True}], greeting="mysql")
    with connect(edge.tcp_port) as client:
        assert read(client, len(GREETING)) == GREETING
    assert [each["outcome"] for each in sessions(edge)[0]["tries"]] == ["malformed", "ok"]


def test_a_reset_of_the_node_reaches_the_client(passing, server):
    def script(connection):
        connection.recv(1)
        reset(connection)
    edge = passing([server(script).address])
    with connect(edge.tcp_port) as client:
        client.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert sessions(edge)[0]["cause"] == "node-reset"


def test_a_reset_of_the_client_reaches_the_node(passing, server):
    seen = []

    def script(connection):
        connection.sendall(b"x")
        try:
            seen.append(connection.recv(1))
        except ConnectionResetError:
            seen.append("reset")
    edge = passing([server(script).address])
    client = connect(edge.tcp_port)
    assert read(client, 1) == b"x"
    reset(client)
    eventually(lambda: seen == ["reset"], "the node saw the reset")
    assert sessions(edge)[0]["cause"] == "client-gone"


def resident(pid):
    """Bytes of memory that the process has."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_a_slow_reader_slows_the_node_and_costs_no_memory(passing, server):
    total, sent, blocked = 64 << 20, 0, threading.Event()

    def script(connection):
        nonlocal sent
        while sent < total:
            connection.settimeout(0.2)
            try:
                sent += connection.send(b"y" * min(1 << 16, total - sent))
            except TimeoutError:
                blocked.set()
        connection.settimeout(PATIENCE)
        connection.recv(1)
    edge = passing([server(script).address])
    before = resident(edge.child.pid)
    with connect(edge.tcp_port, size=4096) as client:
        assert client.recv(1) == b"y"

        assert blocked.wait(PATIENCE), "the node never had to wait"
        assert sent < total and resident(edge.child.pid) - before < 8 << 20
        count = 1
        while count < total:
            count += len(client.recv(1 << 20))
    assert sessions(edge)[0]["bytes_out"] == total


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


def test_a_silent_session_ends_after_its_time(passing, server):
    edge = passing([server(silent).address], timeouts={"tunnel": "200ms"})
    with connect(edge.tcp_port) as client, pytest.raises(ConnectionResetError):
        client.recv(1)
    assert sessions(edge)[0]["cause"] == "tunnel-idle"


def test_sessions_are_counted_as_connections(edge, scripted, passing, server):
    running = passing([server(named(b"x")).address])
    running.reload({**running.configuration, "limits": {"connections": 2}})
    with connect(running.tcp_port) as one, connect(running.tcp_port) as two:
        assert read(one, 1) + read(two, 1) == b"xx"
        # The reset may come before the connect is seen to be done.
        with pytest.raises(ConnectionResetError), connect(running.tcp_port) as three:
            three.recv(1)


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


@pytest.mark.parametrize("manner", ["keep", "cut"])
def test_sessions_of_a_node_that_is_taken_out(passing, server, manner):
    one, two = server(named(b"1")), server(named(b"2"))
    edge = passing([one.address, {"address": two.address, "backup": True}], on_node_down=manner)
    with connect(edge.tcp_port) as client:
        assert read(client, 1) == b"1"
        # New connections are refused, the old one goes on.
        one.listener.shutdown(socket.SHUT_RDWR)
        one.listener.close()
        for _ in range(4):
            with connect(edge.tcp_port) as other:
                assert read(other, 1) == b"2"
        assert status(edge)["upstreams"][1]["nodes"][0]["state"] in ("out", "trial")
        if manner == "cut":
            with pytest.raises(ConnectionResetError):
                client.recv(1)
            assert "node-down" in [line.get("cause") for line in sessions(edge, 5)]
        else:
            client.sendall(b"still")
            assert read(client, 5) == b"still"


def test_a_client_that_gives_up_waiting_is_forgotten(passing, server):
    edge = passing([server(listening=False).address], hold="1m")
    client = connect(edge.tcp_port)
    eventually(lambda: status(edge)["tcp"]["sessions"] == 1, "the session waits")
    reset(client)
    eventually(lambda: status(edge)["tcp"]["sessions"] == 0, "the session is forgotten")
    assert sessions(edge)[0]["cause"] == "client-gone"


def test_a_node_takes_as_many_sessions_as_it_has_cores(passing, server):
    node = server(named(b"x"))
    edge = passing([{"address": node.address, "cores": 1}])
    first = connect(edge.tcp_port)
    assert read(first, 1) == b"x"
    with connect(edge.tcp_port) as second:
        eventually(lambda: status(edge)["tcp"]["sessions"] == 2, "both are there")
        assert node.accepted == 1
        first.close()
        assert read(second, 1) == b"x"


def test_a_listener_that_others_can_reach_is_warned_of(passing, server):
    edge = passing([server().address])
    edge.write({**edge.configuration, "listen": {**edge.configuration["listen"], "tcp": [
        {"address": "0.0.0.0:4000", "upstream": "db"}]}})
    code, output = check(edge.file)
    assert code == 0 and "warning: '0.0.0.0:4000' can be reached from other machines" in output, output
