"""Nodes that are written by name: looked up while the server runs, by its own /etc/hosts in these tests."""

import os
import subprocess
import time

import pytest

from support.admin import status
from support.edge import binary
from support.http import server_context
from support.processes import eventually
from support.uwsgi import answer

NAME = "app.internal"
# Files are bound, so what is written into them later counts too.
WITH_OWN_FILES = ["unshare", "--mount", "sh", "-ec", 'mount --bind "$0/hosts" /etc/hosts;'
                  ' mount --bind "$0/nsswitch.conf" /etc/nsswitch.conf; exec "$@"']


class Hosts:
    """What names mean to a program that is started with `words`."""

    def __init__(self, directory):
        self.file = directory / "hosts"
        (directory / "nsswitch.conf").write_text("hosts: files\n")
        self.words = [*WITH_OWN_FILES, str(directory)]
        self.set()

    def set(self, *addresses):
        self.file.write_text("".join(f"{address} {NAME}\n" for address in addresses))


@pytest.fixture
def hosts(directory):
    if os.geteuid() != 0:
        pytest.skip("binding files needs root")
    return Hosts(directory)


def named(peer):
    return peer.address.replace(peer.address.rpartition(":")[0], NAME)


def says(word):
    return lambda connection, request: connection.sendall(answer(word))


def hosts_of(running):
    return status(running)["hosts"]


def test_a_node_of_the_local_host_by_its_name(edge, scripted):
    running = edge({"app1": [scripted().address.replace("127.0.0.1", "localhost")]})
    assert [running.request().status for _ in range(10)] == [200] * 10


def test_each_address_of_a_name_is_a_node(edge, scripted, hosts):
    first = scripted(says(b"first"), address="127.0.0.2")
    second = scripted(says(b"second"), address="127.0.0.3", port=int(first.address.split(":")[1]))
    hosts.set("127.0.0.2", "127.0.0.3")
    running = edge({"app1": {"nodes": [named(first)], "balance": "round-robin"}}, words=hosts.words, workers=1)
    assert {running.request().body for _ in range(4)} == {b"first", b"second"}
    assert [node["address"] for node in status(running)["upstreams"][0]["nodes"]] == [first.address, second.address]
    assert hosts_of(running) == [
        {"name": named(first), "addresses": [first.address, second.address], "failure": None}]
    first.stop()
    assert [running.request().body for _ in range(10)] == [b"second"] * 10


def test_requests_wait_for_a_name_that_is_not_known_yet(edge, scripted, hosts):
    peer = scripted(address="127.0.0.2")
    running = edge({"app1": [named(peer)]}, words=hosts.words)
    eventually(lambda: hosts_of(running)[0]["failure"], "a lookup has failed")
    assert hosts_of(running)[0]["addresses"] == []
    eventually(lambda: "a host name is not resolved" in running.child.text, "the log tells it")
    with running.client() as client:
        client.send_request("POST", "/order", body=b"1")
        eventually(lambda: sum(worker["held"] for worker in status(running)["workers"]) == 1, "the request waits")
        hosts.set("127.0.0.2")
        assert client.read_response().status == 200
    assert len(peer.requests) == 1


def test_a_name_that_leads_elsewhere_is_followed_and_nothing_fails(edge, scripted, hosts):
    old = scripted(says(b"old"), address="127.0.0.2")
    scripted(says(b"new"), address="127.0.0.3", port=int(old.address.split(":")[1]))
    hosts.set("127.0.0.2")
    running = edge({"app1": [named(old)]}, words=hosts.words)
    assert running.request().body == b"old"
    hosts.set("127.0.0.3")
    bodies = []

    def is_new():
        bodies.append(running.request().body)
        return bodies[-1] == b"new"

    eventually(is_new, "the new address")
    assert set(bodies) == {b"old", b"new"}
    # A name that is gone keeps what it meant.
    hosts.set()
    eventually(lambda: hosts_of(running)[0]["failure"], "the name is gone")
    assert running.request().body == b"new"


def test_the_port_opens_once_a_named_node_answers(edge, scripted, hosts):
    peer = scripted(address="127.0.0.2")
    running = edge({"app1": [named(peer)]}, words=hosts.words, listen={"close_when_unable": "always"})
    assert not status(running)["serving"]
    hosts.set("127.0.0.2")
    begun = time.monotonic()
    eventually(lambda: status(running)["serving"], "the port is open")
    assert time.monotonic() - begun < 5
    assert running.request().status == 200


def test_a_reload_brings_names_and_takes_them_away(edge, scripted, hosts):
    plain, peer = scripted(says(b"plain")), scripted(says(b"named"), address="127.0.0.2")
    hosts.set("127.0.0.2")
    running = edge({"app1": [plain.address]}, words=hosts.words)
    configuration = running.configuration
    running.reload({**configuration, "upstreams": {"app1": {"nodes": [named(peer)]}}})
    assert running.request().body == b"named"
    running.reload({**configuration, "upstreams": {"app1": {"nodes": [plain.address]}}})
    assert running.request().body == b"plain"
    assert hosts_of(running) == []


def test_a_certificate_must_bear_the_name_that_the_node_is_written_by(edge, web, authority, hosts):
    hosts.set("127.0.0.2")
    right = web(context=server_context(authority.issue(NAME)), address="127.0.0.2")
    wrong = web(context=server_context(authority.issue("other.internal")), address="127.0.0.2")
    running = edge(
        {label: {"protocol": "https", "nodes": [named(server)], "tls": {"ca": str(authority.pem)}, "hold": "0s"}
         for label, server in (("app1", right), ("app2", wrong))}, words=hosts.words)
    assert running.request().status == 200
    assert running.request(name="app2.example.test").status in (502, 503)
    assert "cause=tls" in running.child.wait_for_line("node is down")


def test_live_checks_name_what_is_not_resolved(edge, scripted, hosts):
    peer = scripted(address="127.0.0.2")
    port = peer.address.split(":")[1]
    hosts.set("127.0.0.2")
    running = edge({"app1": [named(peer)], "app2": [f"nowhere.internal:{port}"], "app3": [f"{NAME}:1"]},
                   words=hosts.words)
    done = subprocess.run(
        [*map(str, [*hosts.words, binary(), "--check-config", "--live", "--config", running.file])],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert f"'nowhere.internal:{port}' is not resolved: " in said
    assert "nothing answers at '127.0.0.2:1' of upstream 'app3'" in said
    assert f"'127.0.0.2:{port}'" not in said


def test_live_checks_tell_nodes_that_refuse_at_once(edge, scripted):
    running = edge({"app1": {"nodes": ["127.0.0.1:1"], "hold": "0s"}})
    said = subprocess.run([binary(), "--check-config", "--live", "--config", running.file], capture_output=True, text=True)
    assert "warning: nothing answers at '127.0.0.1:1' of upstream 'app1'" in said.stdout + said.stderr
