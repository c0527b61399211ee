"""Address records that the fleet keeps at a provider by its API: a server that is gone loses its record, and gets it back."""

import signal

import pytest

from support.bind import KEY_NAME, Bind
from support.cloudns import Cloudns
from support.names import PARENT, ask
from support.processes import eventually

OTHERS = "203.0.113.7"  # a record of somebody else, at one of the names


def by_update(bind, **more):
    return {"provider": "rfc2136", "server": bind.address, "zone": PARENT, "key_name": KEY_NAME,
            "key_file": str(bind.key_file), "names": ["*"], "ttl": "60s", **more}


@pytest.fixture
def bind(network, directory, ending):
    """A name server that takes updates of addresses, with a record of somebody else at the name."""
    made = Bind(directory / "bind", {PARENT: f"* A {OTHERS}\nmail A {OTHERS}"}, types="A AAAA TXT")
    ending.append(made)
    return made


def addresses(bind, name=f"www.{PARENT}", kind="A"):
    answer = ask("127.0.0.1", name, kind, port=bind.port)
    return answer and set(answer.of(kind))


def test_bind_loses_the_record_of_a_server_that_is_gone_and_gets_it_back(named, bind):
    fleet = named(4, records=by_update(bind), delegated=False)
    everybody = fleet.addresses | {OTHERS}
    eventually(lambda: addresses(bind) == everybody, "all servers have a record")
    gone = fleet[1]
    gone.power_off()
    eventually(lambda: addresses(bind) == everybody - {gone.address}, "the dead one's record is gone", 30)
    gone.power_on()
    eventually(lambda: addresses(bind) == everybody, "it is back", 30)
    # What is no server's stays, and other names are not touched.
    assert addresses(bind, f"mail.{PARENT}") == {OTHERS}


def test_the_last_two_records_stay(named, bind):
    fleet = named(3, records=by_update(bind), delegated=False)
    everybody = fleet.addresses | {OTHERS}
    eventually(lambda: addresses(bind) == everybody, "all servers have a record")
    first, second, last = fleet
    seen = set()

    def look():
        found = addresses(bind)
        seen.add(len(found & fleet.addresses))
        return found

    first.power_off()
    eventually(lambda: look() == everybody - {first.address}, "the dead one's record is gone", 30)
    second.power_off()
    # Whoever had the lease may be dead: the next one does not remove more than is good.
    fleet.wait_until_named(by=[last])
    eventually(lambda: last.edge.child.running and look() == everybody, "with too few left all are there", 40)
    assert min(seen) >= 2


def test_another_server_keeps_the_records_when_the_one_that_did_is_gone(named, bind):
    fleet = named(4, records=by_update(bind), delegated=False)
    eventually(lambda: addresses(bind) == fleet.addresses | {OTHERS}, "all servers have a record")
    holder = fleet.cluster.get("/edgeproxy/records/holder").decode()
    (gone,) = [server for server in fleet if server.edge.configuration["node"] == holder]
    gone.power_off()
    # Its lease has to end first.
    eventually(lambda: addresses(bind) == (fleet.addresses | {OTHERS}) - {gone.address}, "its record is gone", 40)
    assert fleet.cluster.get("/edgeproxy/records/holder").decode() not in ("", holder)


def test_a_dry_run_tells_and_does_nothing(named, bind):
    fleet = named(3, records=by_update(bind, dry_run=True), delegated=False)
    eventually(lambda: sum("dry run: would add" in server.edge.child.text for server in fleet) == 1, "it is told")
    holder = next(server for server in fleet if "dry run: would add" in server.edge.child.text)
    for server in fleet:
        holder.edge.child.wait_for_line(rf"dry run: would add.*{server.address}")
    assert addresses(bind) == {OTHERS}


def test_a_name_server_that_is_away_gets_the_records_later(named, bind):
    bind.freeze()
    fleet = named(2, records=by_update(bind), delegated=False)
    eventually(lambda: any("does not tell its address records" in server.edge.child.text for server in fleet),
               "it is told", 40)
    bind.thaw()
    eventually(lambda: addresses(bind) == fleet.addresses | {OTHERS}, "all servers have a record", 40)


@pytest.fixture
def cloudns(network, authority, ending):
    made = Cloudns(authority)
    ending.append(made)
    return made


def test_cloudns_loses_the_record_of_a_server_that_is_gone_and_gets_it_back(named, cloudns, directory, authority):
    cloudns.put("A", "*", OTHERS)
    fleet = named(4, records=cloudns.section(directory, authority, ttl="60s"), delegated=False)
    everybody = fleet.addresses | {OTHERS}
    cloudns.wait_for(everybody)
    gone = fleet[2]
    gone.power_off()
    cloudns.wait_for(everybody - {gone.address}, seconds=30)
    gone.power_on()
    cloudns.wait_for(everybody, seconds=30)
    assert cloudns.most_in_a_second() <= 20
    for server in fleet:
        assert cloudns.password not in server.edge.child.text


def test_a_program_is_called_for_each_change(named, directory):
    log, hook = directory / "calls", directory / "hook"
    log.touch()
    hook.write_text(f'#!/bin/sh\necho "$@ $TOKEN" >> {log}\n')
    hook.chmod(0o755)
    environment = directory / "hook.env"
    environment.write_text("# what it needs\nTOKEN='a secret'\n")
    environment.chmod(0o600)
    fleet = named(3, delegated=False, records={
        "provider": "exec", "command": str(hook), "environment_file": str(environment), "zone": PARENT, "names": ["*"],
        "ttl": "60s"})

    def called(what, server):
        return f"{what} *.{PARENT} A {server.address} 60 a secret" in log.read_text().splitlines()

    eventually(lambda: all(called("add", server) for server in fleet), f"all are added: {log.read_text()}")
    gone = fleet[0]
    gone.power_off()
    eventually(lambda: called("remove", gone), "the dead one is removed", 40)
    before = log.read_text().splitlines().count(f"add *.{PARENT} A {gone.address} 60 a secret")
    gone.power_on()
    eventually(lambda: log.read_text().splitlines().count(
        f"add *.{PARENT} A {gone.address} 60 a secret") > before, "it is added again", 40)
    assert all("a secret" not in server.edge.child.text for server in fleet)


def test_records_are_kept_without_a_zone_of_the_fleets_own(named, bind):
    fleet = named(3, records=by_update(bind), dns=False, delegated=False)
    everybody = fleet.addresses | {OTHERS}
    eventually(lambda: addresses(bind) == everybody, "all servers have a record", 40)
    gone = fleet[1]
    gone.hang()
    eventually(lambda: addresses(bind) == everybody - {gone.address}, "the dead one's record is gone", 40)
    gone.edge.child.signal(signal.SIGCONT)
