"""An application announces itself to the edge on its own server, and all edges know."""

import os
import socket
import struct
import time

import pytest

from support.admin import status
from support.network import ip, namespace
from support.processes import eventually
from support.steady_load import SteadyLoad
from support.uwsgi import answer

KEY = "app1.example.test"
SERVERS = ["10.99.1.1", "10.99.1.2", "10.99.1.3"]


@pytest.fixture(autouse=True)
def servers():
    """Addresses that are not of one machine alone, in a network of the test's own."""
    if os.geteuid() != 0:
        pytest.skip("a network of one's own needs root")
    with namespace():
        for address in SERVERS:
            ip("address", "add", f"{address}/32", "dev", "lo")
        yield


@pytest.fixture
def sharing(edge, wildcard):
    """sharing(cluster, count): edges that tell each other of instances."""

    def make(cluster, count=3, **more):
        return [
            edge({"apps": {"discover": "subscriptions", "hold": "500ms", **more}},
                 routes=[{"host": "*.example.test", "upstream": "apps"}],
                 node=f"edge{number}", etcd=cluster.settings(), listen={"close_when_unable": "never"},
                 subscriptions={"listen": "127.0.0.1:0", "share": "etcd"})
            for number in range(1, count + 1)]

    return make


class Announcing:
    """A scripted instance at a server's address that announces itself by hand."""

    def __init__(self, scripted, server, edge, name=b"scripted\n", key=KEY):
        self.peer = scripted(lambda connection, request: connection.sendall(answer(name)), address=server)
        self.key, self.to = key, int(status(edge)["subscriptions"]["listening"][0].rpartition(":")[2])
        self.announce()

    @property
    def address(self):
        return self.peer.address

    def announce(self, command=0, **more):
        pairs = {"key": self.key, "address": self.address, "modifier1": 0, "modifier2": 0, "cores": 4, **more}
        block = b""
        for name, value in pairs.items():
            value = str(value).encode()
            block += struct.pack("<H", len(name)) + name.encode() + struct.pack("<H", len(value)) + value
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaker:
            speaker.sendto(struct.pack("<BHB", 224, len(block), command) + block, ("127.0.0.1", self.to))


def known(running, key=KEY):
    """State and reason of each address."""
    for each in status(running)["subscriptions"]["keys"]:
        if each["key"] == key:
            return {one["address"]: (one["state"], one["why"], one["source"]) for one in each["instances"]}
    return {}


def test_what_is_announced_to_one_edge_is_served_by_all_within_a_second(etcd, sharing, scripted):
    edges = sharing(etcd())
    began = time.monotonic()
    instance = Announcing(scripted, SERVERS[0], edges[0])
    for running in edges:
        eventually(lambda: instance.address in known(running), "the instance", seconds=1)
    print(f"known everywhere after {time.monotonic() - began:.3f} s")
    assert [running.request(name=KEY).status for running in edges] == [200] * 3
    assert known(edges[1])[instance.address] == ("fresh", None, "shared by edge1")


def test_a_server_is_added_without_a_change_on_the_others(etcd, sharing, scripted):
    cluster = etcd()
    edges = sharing(cluster, 2)
    first = Announcing(scripted, SERVERS[0], edges[0], b"first")
    second = Announcing(scripted, SERVERS[1], edges[1], b"second")
    for running in edges:
        eventually(lambda: len(known(running)) == 2, "both instances")
    # Each asks its own server's instance first: all addresses are of this machine here.
    first.peer.stop()
    assert {running.request(name=KEY).body for running in edges for _ in range(5)} == {b"second"}
    second.peer.stop()
    assert edges[0].request(name=KEY).status == 503


def test_an_instance_that_says_goodbye_to_its_edge_is_left_by_all(etcd, sharing, scripted):
    edges = sharing(etcd())
    first = Announcing(scripted, SERVERS[0], edges[0], b"first")
    Announcing(scripted, SERVERS[1], edges[1], b"second")
    for running in edges:
        eventually(lambda: len(known(running)) == 2, "both instances")
    first.peer.stop()
    first.announce(command=1)
    eventually(lambda: first.address not in known(edges[0]), "its end where it said so")
    for running in edges[1:]:
        eventually(lambda: known(running)[first.address][:2] == ("doubtful", "lapsed"), "doubt elsewhere")
        assert running.request(name=KEY).body == b"second"


def test_everything_goes_on_while_etcd_is_away(etcd, sharing, scripted):
    cluster = etcd()
    edges = sharing(cluster)
    instance = Announcing(scripted, SERVERS[0], edges[0])
    for running in edges:
        eventually(lambda: instance.address in known(running), "the instance")
    cluster.kill()
    assert [running.request(name=KEY).status for running in edges] == [200] * 3
    # Also for an edge that is restarted meanwhile: it has its table.
    eventually(lambda: (edges[2].directory / "state" / "instances" / "table").exists(), "the copy")
    edges[2].drain()
    edges[2].child.wait()
    edges[2].start()
    assert edges[2].request(name=KEY).status == 200
    cluster.start()
    other = Announcing(scripted, SERVERS[1], edges[1])
    eventually(lambda: other.address in known(edges[0]), "news after etcd came back", seconds=20)


def test_what_somebody_else_wrote_is_judged_and_disturbs_nothing(etcd, sharing, scripted):
    cluster = etcd()
    edges = sharing(cluster, 1)
    prefix = "/edgeproxy/instances/"
    for key, value in (
            (f"{prefix}x/{KEY}/10.99.1.2:0", "1 0 0 1 4 0"), (f"{prefix}x/{KEY}/nowhere", "1 0 0 1 4 0"),
            (f"{prefix}x/{KEY}/10.99.1.2:80", "nonsense"), (f"{prefix}x", "1 0 0 1 4 0"),
            (f"{prefix}x/UPPER/10.99.1.2:80", "1 0 0 1 4 0")):
        cluster.put(key, value.encode())
    instance = Announcing(scripted, SERVERS[0], edges[0])
    cluster.put(f"{prefix}y/{KEY}/10.99.1.3:81", b"1 0 0 1 4 0 later words")
    eventually(lambda: "10.99.1.3:81" in known(edges[0]), "the good one")
    assert set(known(edges[0])) == {instance.address, "10.99.1.3:81"}
    assert edges[0].request(name=KEY).status == 200


def test_an_instance_is_known_as_long_as_any_server_vouches_for_it(etcd, sharing, scripted):
    cluster = etcd()
    edges = sharing(cluster, 1)
    one, other = (f"/edgeproxy/instances/{node}/{KEY}/10.99.1.3:81" for node in "xy")
    cluster.put(one, b"1 0 0 1 4 0")
    cluster.put(other, b"1 0 0 1 4 0")
    eventually(lambda: known(edges[0]).get("10.99.1.3:81", ("",))[0] == "fresh", "the instance")
    cluster.delete(one)
    cluster.put(f"/edgeproxy/instances/x/{KEY}/10.99.1.3:82", b"1 0 0 1 4 0")
    eventually(lambda: "10.99.1.3:82" in known(edges[0]), "what came after")
    assert known(edges[0])["10.99.1.3:81"] == ("fresh", None, "shared by y")
    cluster.delete(other)
    eventually(lambda: known(edges[0])["10.99.1.3:81"][:2] == ("doubtful", "lapsed"), "doubt")


def test_members_of_etcd_die_one_by_one_under_load_and_no_request_fails(etcd, sharing, scripted):
    cluster = etcd(3)
    edges = sharing(cluster)
    instance = Announcing(scripted, SERVERS[0], edges[0])
    for running in edges:
        eventually(lambda: instance.address in known(running), "the instance")
    leader = cluster.leader()
    follower, other = [member for member in cluster.members if member is not leader]
    loads = [SteadyLoad(running, rate=40, threads=4, posts_every=1000) for running in edges]

    def told(server, seconds):
        began = time.monotonic()
        news = Announcing(scripted, server, edges[0])
        for running in edges:
            eventually(lambda: news.address in known(running), "the news", seconds)
        print(f"told after {time.monotonic() - began:.3f} s")

    with loads[0], loads[1], loads[2]:
        told(SERVERS[1], 1)
        follower.kill()
        told(SERVERS[2], 15)
        told(SERVERS[1], 1)
        leader.kill()  # and with it the quorum
        for load in loads:
            load.wait_seconds(2)
    for load in loads:
        load.report("without a quorum")
        assert not load.failures
