"""One of three discovered instances dies, stops or vanishes from the network under load: no client notices."""

import signal
import socket
import time

import pytest
from support.admin import status
from support.network import HOLE, dig_hole
from support.processes import eventually
from support.steady_load import SteadyLoad
from support.vassal import Vassal
from test_subscriptions import datagram

KEY = "app1.example.test"


def nodes(running):
    """State of each address as the balancing has it."""
    return {each["address"]: each["state"] for upstream in status(running)["upstreams"] if upstream["key"] == KEY
            for each in upstream["nodes"]}


@pytest.fixture
def three(edge, directory, ending):
    """three(count): an edge and so many instances, by their addresses."""

    def make(count=3, **subscriptions):
        running = edge({"apps": {"discover": "subscriptions"}},
                       routes=[{"host": "*.example.test", "upstream": "apps"}],
                       subscriptions={"listen": "127.0.0.1:0", **subscriptions})
        port = int(status(running)["subscriptions"]["listening"][0].rpartition(":")[2])
        found = {}
        for name in "abc"[:count]:
            vassal = Vassal(directory / "apps", port, name, directory / "journal", processes=4)
            ending.append(vassal)
            vassal.start()
            (address,) = eventually(lambda: nodes(running).keys() - found.keys(), "the instance")
            found[address] = vassal
        return running, port, found

    return make


def check(load, what, directory):
    load.report(what)
    load.check_journal(directory / "journal")
    assert not load.failed["GET"], load.failed
    assert load.percentile(0.99) <= 0.5


def out_within(running, address, seconds):
    began = time.monotonic()
    eventually(lambda: nodes(running).get(address, "gone") != "up", f"{address} left, {nodes(running)}", seconds)
    print(f"out after {time.monotonic() - began:.2f} s")


def test_an_instance_that_is_killed_is_not_noticed(three, directory):
    running, _, found = three()
    address, victim = next(iter(found.items()))
    with SteadyLoad(running, rate=200, posts_every=50) as load:
        load.wait_seconds(1)
        victim.child.kill()
        out_within(running, address, 3)
        load.wait_seconds(1)
    check(load, "killed", directory)


def test_an_instance_that_is_stopped_leaves_within_three_seconds_and_comes_back(three, directory):
    running, _, found = three()
    address, victim = next(iter(found.items()))
    with SteadyLoad(running, rate=200, posts_every=50) as load:
        load.wait_seconds(1)
        victim.to_all(signal.SIGSTOP)
        out_within(running, address, 3)
        load.wait_seconds(1)
        victim.to_all(signal.SIGCONT)
        eventually(lambda: nodes(running).get(address) == "up", "it is back")
        load.wait_seconds(0.5)
    check(load, "stopped", directory)


def test_an_instance_whose_network_swallows_everything_is_not_noticed(network, three, directory):
    dig_hole()
    running, port, _ = three(2, allow=[
        {"from": "127.0.0.0/8", "keys": ["*.example.test"], "addresses": ["10.99.0.0/24"]}])
    with SteadyLoad(running, rate=200, posts_every=50) as load:
        load.wait_seconds(0.5)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaker:
            speaker.sendto(datagram({"key": KEY, "address": f"{HOLE}:80", "cores": 4}), ("127.0.0.1", port))
        eventually(lambda: f"{HOLE}:80" in nodes(running), "the one that is not there")
        # It is asked whenever those of this machine, which come first, have no free core.
        load.wait_seconds(1)
    check(load, "swallowed", directory)


def test_an_edge_that_is_restarted_answers_at_once_from_what_it_knew(three, directory):
    running, _, _ = three(2)
    with SteadyLoad(running, posts_every=50) as load:
        load.wait_seconds(1)
        running.drain()
        assert running.child.wait() == 0
        running.start()
        before = load.answered
        eventually(lambda: load.answered >= before + 150, "answers of the new process")
    load.report("restarted")
    load.check_journal(directory / "journal")
    # Where nobody listened clients go to another server; whoever was answered was answered well.
    assert not [each for each in load.failures if "status" in each], load.failures
