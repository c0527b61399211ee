"""Applications that are deployed anew under load, by every way that uWSGI knows, and what clients notice: nothing."""

import os
import signal

import pytest
from support.admin import status
from support.processes import eventually
from support.steady_load import SteadyLoad
from support.vassal import Emperor, Vassal

KEY = "app1.example.test"
CORES = 2  # of each instance
DEPLOYS = int(os.environ.get("DEPLOYS", "1"))  # of each instance


def port(running):
    return int(status(running)["subscriptions"]["listening"][0].rpartition(":")[2])


def addresses(running):
    """Those of KEY that are not in doubt."""
    keys = {key["key"]: key["instances"] for key in status(running)["subscriptions"]["keys"]}
    return {each["address"] for each in keys.get(KEY, []) if each["state"] == "fresh"}


@pytest.fixture
def deployed(edge, directory, ending):
    """deployed(count): an edge and so many instances, which it has heard of."""

    def make(count, start=True, place="apps", sockets=("127.0.0.1:0",) * 3):
        running = edge({"apps": {"discover": "subscriptions"}},
                       routes=[{"host": "*.example.test", "upstream": "apps"}],
                       subscriptions={"listen": "127.0.0.1:0"})
        vassals = [Vassal(directory / place, port(running), name, directory / "journal", CORES, socket=socket)
                   for name, socket in zip("abc"[:count], sockets)]
        if start:
            for each in vassals:
                ending.append(each)
                each.start()
            eventually(lambda: len(addresses(running)) == count, f"{count} instances")
        return running, vassals

    return make


def renewed(running, vassals, deploy):
    """Each in turn is deployed, and has an address that was not there before."""
    for vassal in vassals:
        before = addresses(running)
        deploy(vassal)
        eventually(lambda: addresses(running) - before, "a new address")


def failed_entries(running):
    """What the access log says of requests that were not answered well."""
    return "\n".join(str(each) for each in running.access_entries() if each["status"] >= 300)


def ended(load, what, directory):
    load.report(what)
    return load.check_journal(directory / "journal")


@pytest.mark.parametrize("count, way", [(1, "signal"), (2, "signal"), (2, "touch")])
def test_a_graceful_reload_to_another_port_costs_no_get_and_does_nothing_twice(deployed, directory, count, way):
    """uWSGI closes its listen queue with the old port; what had waited in there was not read, but whether
    it was nobody but uWSGI can know. A request that may not be repeated is sent only where a core is free, so
    that a reload costs as many as there are cores at most."""
    running, vassals = deployed(count)

    def deploy(vassal):
        vassal.after(lambda: vassal.signal(signal.SIGHUP) if way == "signal" else os.utime(vassal.touched))

    with SteadyLoad(running) as load:
        load.wait_seconds(0.5)
        for _ in range(DEPLOYS):
            renewed(running, vassals, deploy)
            load.wait_seconds(0.5)
    ended(load, f"{way}, {count}", directory)
    assert not load.failed["GET"], failed_entries(running)
    assert len(load.failed["POST"]) <= CORES * count * DEPLOYS, failed_entries(running)


@pytest.mark.parametrize("way", [signal.SIGHUP, signal.SIGTERM])
def test_all_instances_reloaded_at_the_same_moment_cost_no_get(deployed, directory, way):
    """A request can be reset by both, one after the other, and then waits for the first that is back."""
    running, vassals = deployed(2)
    with SteadyLoad(running) as load:
        load.wait_seconds(0.5)
        for _ in range(DEPLOYS):
            before = addresses(running)
            since = [len(vassal.child.lines) for vassal in vassals]
            for vassal in vassals:
                vassal.signal(way)
            for vassal, lines in zip(vassals, since):
                vassal.child.wait_for_line(r"spawned uWSGI worker 1\b", lines)
            eventually(lambda: len(addresses(running) - before) == 2, "two new addresses")
            load.wait_seconds(0.5)
    ended(load, f"all at once, {way}", directory)
    assert not load.failed["GET"], failed_entries(running)
    assert len(load.failed["POST"]) <= CORES * 2 * DEPLOYS, failed_entries(running)


@pytest.mark.parametrize("count", [1, 2])
def test_a_graceful_reload_of_a_fixed_socket_costs_no_request_at_all(deployed, directory, count):
    """uWSGI keeps the socket, and with it the requests that wait there."""
    running, vassals = deployed(count, sockets=[str(directory / f"{name}.sock") for name in "ab"])
    with SteadyLoad(running) as load:
        load.wait_seconds(0.5)
        for _ in range(DEPLOYS):
            for vassal in vassals:
                vassal.after(lambda: vassal.signal(signal.SIGHUP))
                load.wait_seconds(0.5)
    ended(load, f"fixed socket, {count}", directory)
    assert not load.failures, failed_entries(running)


@pytest.mark.parametrize("count", [1, 2])
def test_a_brutal_reload_costs_no_get_and_does_nothing_twice(deployed, directory, count):
    running, vassals = deployed(count)
    with SteadyLoad(running) as load:
        load.wait_seconds(0.5)
        for _ in range(DEPLOYS):
            renewed(running, vassals, lambda vassal: vassal.after(lambda: vassal.signal(signal.SIGTERM)))
            load.wait_seconds(0.5)
    ended(load, f"brutal, {count}", directory)
    assert not load.failed["GET"], failed_entries(running)
    # What was under way on a core is lost.
    assert len(load.failed["POST"]) <= CORES * count * DEPLOYS, load.failed


def test_a_lone_instance_that_is_stopped_and_started_costs_no_get(deployed, directory):
    running, (vassal,) = deployed(1)

    def deploy(vassal):
        vassal.stop()
        vassal.start()

    with SteadyLoad(running) as load:
        load.wait_seconds(0.5)
        renewed(running, [vassal], deploy)
        load.wait_seconds(0.5)
    ended(load, "stopped and started", directory)
    assert not load.failed["GET"], failed_entries(running)
    # What was under way on a core is lost.
    assert len(load.failed["POST"]) <= CORES, failed_entries(running)


def test_a_vassal_whose_file_is_removed_and_put_back_costs_no_get(deployed, directory, ending):
    emperor = Emperor(directory / "apps")
    ending.append(emperor)
    running, (vassal,) = deployed(1, start=False)
    eventually(lambda: addresses(running), "the vassal")
    with SteadyLoad(running) as load:
        load.wait_seconds(0.5)
        before = addresses(running)
        since = len(emperor.child.lines)
        vassal.file.unlink()
        emperor.child.wait_for_line("removed uwsgi instance|curse", since)
        vassal.file.write_text("\n".join(vassal.lines) + "\n")
        eventually(lambda: addresses(running) - before, "the new one")
        load.wait_seconds(0.5)
    ended(load, "removed and put back", directory)
    assert not load.failed["GET"], failed_entries(running)
    assert len(load.failed["POST"]) <= CORES, failed_entries(running)
