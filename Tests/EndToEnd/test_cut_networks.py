"""A server that cannot reach an instance, and another one that can: networks that are cut for some only."""

import contextlib
import os
import socket
import subprocess
import threading

import pytest

from support.admin import status
from support.edge import binary
from support.network import ip, namespace
from support.processes import eventually
from support.uwsgi import answer

INSTANCE, FIRST, SECOND = "10.99.1.1", "10.99.3.1", "10.99.3.2"
PEERS = 7443


@pytest.fixture(autouse=True)
def network():
    """The network of the first server, with a link that is to lead to the second one's."""
    if os.geteuid() != 0:
        pytest.skip("networks of one's own need root")
    with namespace():
        ip("link", "add", "link1", "type", "veth", "peer", "name", "link2")
        ip("address", "add", f"{FIRST}/24", "dev", "link1")
        ip("link", "set", "link1", "up")
        yield


@contextlib.contextmanager
def second_network():
    """The calling thread is at the other end of the link; instances are reached from there alone."""
    outside = subprocess.Popen(["sleep", "infinity"])
    with namespace():
        inside = subprocess.Popen(["sleep", "infinity"])
        try:
            subprocess.run(["nsenter", "-t", str(outside.pid), "-n", "ip", "link", "set", "link2", "netns",
                            str(inside.pid)], check=True)
            ip("address", "add", f"{SECOND}/24", "dev", "link2")
            ip("link", "set", "link2", "up")
            ip("address", "add", f"{INSTANCE}/32", "dev", "lo")
            yield
        finally:
            for process in (outside, inside):
                process.kill()
                process.wait()


class Bridge:
    """127.0.0.1:`port` in the present network leads to the same where `sockets` were made."""

    def __init__(self, port, sockets):
        self.port, self.sockets = port, sockets
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                one, _ = self.listener.accept()
                other = self.sockets.pop()
                other.connect(("127.0.0.1", self.port))
                for pair in ((one, other), (other, one)):
                    threading.Thread(target=self._copy, args=pair, daemon=True).start()

    @staticmethod
    def _copy(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def end(self):
        self.listener.close()


def node(running, *words):
    subprocess.run([binary(), "node", *words, "--config", running.file], check=True, capture_output=True)


@pytest.fixture
def servers(edge, etcd, directory, scripted, ending):
    """Two servers of a fleet, and an instance that the second one alone can reach."""
    cluster = etcd()
    keys = directory / "encryption-keys"
    keys.write_text(subprocess.run(
        [binary(), "cert", "new-key", "k"], capture_output=True, text=True, check=True).stdout)
    keys.chmod(0o600)
    # Sockets belong to the network of the thread that makes them.
    sockets = [socket.socket() for _ in range(64)]

    def start(name, address, instance):
        upstream = {"nodes": [instance.address], "hold": "1s", "timeouts": {"connect": "500ms"}}
        return edge({"app1": upstream}, node=name, etcd=cluster.settings(encryption_keys=str(keys)),
                    listen={"peers": [f"{address}:{PEERS}"], "close_when_unable": "never"})

    with second_network():
        ending.append(Bridge(cluster.members[0].port, sockets))
        instance = scripted(lambda connection, request: connection.sendall(answer(b"far")), address=INSTANCE)
        second = start("edge2", SECOND, instance)
        node(second, "init")
        node(second, "join")
        # The network lives on with the processes in it.
    first = start("edge1", FIRST, instance)
    node(first, "join")
    for running in (first, second):
        eventually(lambda: status(running)["peers"]["joined"] and len(status(running)["peers"]["servers"]) == 1,
                   "they know each other")
    return first, instance


def test_another_server_connects_where_this_one_cannot(servers):
    first, instance = servers
    for _ in range(5):
        assert first.request().body == b"far"
    assert first.request("POST", "/", body=b"x").body == b"far"

    def lines():
        found = [line for line in first.access_entries() if line.get("status") == 200]
        return found if len(found) == 6 else None
    # The way round is remembered: only the first request of each worker had to find it.
    tries = [len(line["tries"]) for line in eventually(lines, "the lines")]
    assert tries[0] == 2 and tries.count(2) <= 2 and max(tries) == 2
    assert len(instance.requests) == 6


def test_a_node_that_nobody_reaches_is_waited_for_and_no_longer(servers):
    first, instance = servers
    assert first.request().status == 200
    instance.stop()
    assert first.request().status == 503
