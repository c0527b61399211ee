"""Which servers are named: those that live, soon after they have gone, and never so few that clients find nobody."""

import time

import pytest

from support.admin import command
from support.names import GONE_SECONDS, PARENT, ZONE, resolve
from support.processes import eventually

LEASE_SECONDS = 16
FALLS = {"its power is lost": ("power_off", "power_on"), "it stands still": ("hang", "go_on")}


@pytest.fixture(params=list(FALLS))
def fall(request):
    """What befalls a server, and the end of it."""
    begin, end = FALLS[request.param]
    return lambda server: getattr(server, begin)(), lambda server: getattr(server, end)()


def test_a_server_that_vanishes_is_named_no_longer_within_three_seconds_and_again_when_it_is_well(named, fall):
    begin, end = fall
    fleet = named(4, dns={"return_after": "3s"})
    gone, *others = fleet
    began = time.monotonic()
    begin(gone)
    fleet.wait_until_named(*others)
    assert time.monotonic() - began < GONE_SECONDS
    # What clients are told by their resolver follows a lifetime later.
    eventually(lambda: set(resolve(f"www.{PARENT}").of("A")) == {server.address for server in others},
               "the resolver tells of the others alone")
    assert time.monotonic() - began < GONE_SECONDS + 2
    end(gone)
    well = time.monotonic()
    fleet.wait_until_named(by=others)
    assert time.monotonic() - well > 2.5


def test_a_server_that_vanishes_without_any_etcd_is_left_out_by_probes_alone(named, fall):
    begin, end = fall
    fleet = named(3, alone=True, dns={"servers": ["192.0.2.1", "192.0.2.2", "192.0.2.3"]})
    gone, *others = fleet
    began = time.monotonic()
    begin(gone)
    fleet.wait_until_named(*others)
    assert time.monotonic() - began < GONE_SECONDS
    end(gone)
    fleet.wait_until_named(by=others)


def test_the_loss_of_etcd_removes_nobody_and_hides_no_death(named):
    fleet = named(4)
    seen = []

    def named_by_all():
        found = [server.named for server in fleet.others()]
        seen.extend(found)
        return found

    fleet.cluster.kill()
    # Nobody tells when a lease is over that no etcd keeps; it lasts for 15 s.
    over = time.monotonic() + LEASE_SECONDS
    eventually(lambda: named_by_all() and time.monotonic() > over, "leases are over", 2 * LEASE_SECONDS)
    assert all(each == fleet.addresses for each in seen)
    gone, *others = fleet
    began = time.monotonic()
    gone.power_off()
    fleet.wait_until_named(*others)
    assert time.monotonic() - began < GONE_SECONDS
    fleet.cluster.start()
    gone.power_on()
    fleet.wait_until_named(seconds=40)


def test_with_fewer_than_half_left_all_that_are_known_are_named(named):
    fleet = named(4)
    first, second, third, last = fleet
    first.power_off()
    fleet.wait_until_named(second, third, last)
    second.power_off()
    fleet.wait_until_named(third, last)
    # One alone would get all the load, and may be the one that is cut off.
    third.power_off()
    fleet.wait_until_named(by=[last])
    for server in (first, second, third):
        server.power_on()
    fleet.wait_until_named()


def test_of_two_servers_none_is_left_out(named):
    fleet = named(2)
    gone, stays = fleet
    gone.power_off()
    stays.edge.child.wait_for_line("fewer than two")
    assert stays.named == fleet.addresses
    gone.power_on()
    stays.edge.child.wait_for_line("enough addresses")


def test_names_are_found_while_the_dns_of_most_servers_is_silent(named):
    fleet = named(3)
    for server in fleet[1:]:
        server.hang()
    for number in range(5):
        answer = resolve(f"b{number}.{PARENT}", "A", "+time=10")
        assert answer is not None and answer.of("A"), number
    for server in fleet[1:]:
        server.go_on()


def test_a_server_that_is_new_is_named_once_it_is_well_and_one_that_is_forgotten_is_not(named):
    fleet = named(3, spare=1)
    new = fleet.start(4)
    fleet.append(new)
    fleet.wait_until_named()
    names = fleet.name_servers()
    assert names[f"ns4.{ZONE}"] == [new.address]
    new.power_off()
    fleet.wait_until_named(*fleet[:3])
    # As long as its lease is there it may be running.
    assert "is running" in command(fleet[0].edge, "dns", "forget", "s4")[2]
    eventually(lambda: command(fleet[0].edge, "dns", "forget", "s4")[0] == 0, "it can be forgotten", 2 * LEASE_SECONDS)
    for server in fleet[:3]:
        eventually(lambda server=server: f"ns4.{ZONE}" not in fleet.name_servers(server), "it is no name server")
    fleet.remove(new)
    # Two more go: all that are known are named, and it is not among them.
    fleet[0].power_off()
    fleet[1].power_off()
    fleet.wait_until_named()
