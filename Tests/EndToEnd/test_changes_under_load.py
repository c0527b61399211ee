"""Reload, certificate change and drain while clients ask."""

import errno
import socket
import threading

import pytest

from support.edge import configure, install
from support.load import Load, get
from support.processes import eventually
from support.uwsgi import answer


def test_a_reload_under_load_costs_no_request_and_moves_the_routes(edge, scripted):
    first, second = scripted(), scripted()
    running = edge({"app1": [first.address]})
    with Load(running, get("/")) as load:
        load.wait_for(200)
        running.reload(configure({"app1": [second.address]}))
        load.wait_for(200)
    assert not load.failures
    before = len(first.requests)
    assert running.request().status == 200
    assert len(first.requests) == before


def test_a_broken_configuration_is_refused_and_the_old_one_goes_on(edge, scripted):
    running = edge({"app1": [scripted().address]})
    lines = len(running.child.lines)
    running.file.write_text("upstraems: {}\n")
    running.child.signal(1)
    running.child.wait_for_line("upstraems", since=lines)
    assert running.request().status == 200


def test_a_new_certificate_is_served_without_a_reload_or_a_dropped_connection(edge, scripted, authority):
    running = edge({"app1": [scripted().address]},
                   issued={"app1": authority.issue("app1.example.test", "old.example.test")})
    with Load(running, get("/")) as load, running.client() as old:
        load.wait_for(100)
        install(authority.issue("app1.example.test", "new.example.test"), running.certificates / "app1")

        def served():
            with running.client() as client:
                return "new.example.test" in client.certificate

        eventually(served, "the new certificate is served")
        load.wait_for(100)
        assert old.request().status == 200
    assert not load.failures


@pytest.mark.parametrize("fault", ["expired", "foreign key", "torn"])
def test_a_bad_pair_is_refused_and_the_old_one_goes_on(edge, scripted, authority, fault):
    running = edge({"app1": [scripted().address]},
                   issued={"app1": authority.issue("app1.example.test", "old.example.test")})
    lines = len(running.child.lines)
    bad = authority.issue("app1.example.test", "bad.example.test", begins=-3, ends=-1 if fault == "expired" else 3)
    if fault == "foreign key":
        bad.key = authority.issue("app1.example.test").key
    if fault == "torn":
        bad.chain.write_bytes(bad.chain.read_bytes()[:300])
    install(bad, running.certificates / "app1")
    running.child.wait_for_line("app1", since=lines)
    with running.client() as client:
        assert "old.example.test" in client.certificate
        assert client.request().status == 200


def test_a_drain_closes_the_port_first_and_finishes_what_is_under_way(edge, scripted):
    go_on = threading.Event()

    def script(connection, _):
        assert go_on.wait(20)
        connection.sendall(answer())

    peer = scripted(script)
    running = edge({"app1": [peer.address]})
    with running.client() as client, running.plain_client() as monitor:
        assert monitor.request(path="/healthz").status == 200
        client.send_request()
        peer.wait_for(1)
        running.drain()
        running.notifications.wait_for("STOPPING=1", running.child)
        eventually(lambda: refused(running.port), "the port is closed")
        go_on.set()
        response = client.read_response()
        assert (response.status, response.get("Connection")) == (200, "close")
    assert running.child.wait() == 0


def refused(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def test_a_drain_under_load_cuts_no_request(edge, scripted):
    running = edge({"app1": [scripted().address]})
    with Load(running, get("/")) as load:
        load.wait_for(200)
        running.drain()
        assert running.child.wait() == 0
        load.stopping = True
    # After the port is closed, new connections are refused: that is what sends clients elsewhere.
    assert all("ConnectionRefusedError" in failure for failure in load.failures), load.failures
