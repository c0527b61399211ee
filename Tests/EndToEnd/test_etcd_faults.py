"""Whatever befalls etcd, edges serve what they have, and have what is put next."""

import time

import pytest

from support.admin import status
from support.etcd_cluster import PREFIX
from support.etcd_edges import BothLoads, refused, serial, served
from support.processes import PATIENCE, Timeout, eventually

# After etcd has answered a put, an edge may still have to find out that its member is gone.
ARRIVES_WITHIN = 15


@pytest.fixture
def some(authority):
    return [authority.issue("*.example.test") for _ in range(6)]


def is_synced(edge):
    return status(edge)["etcd"]["synced"]


def member_of(edge, cluster):
    """The member that an edge talks to."""
    endpoint = status(edge)["etcd"]["endpoint"]
    return next(member for member in cluster.members if member.endpoint == endpoint)


def tell(what, edges, issued, since):
    print(f"{what}: served by all after {served(edges, issued, since, ARRIVES_WITHIN):.2f} s")


def test_a_put_arrives_after_one_two_and_all_members_were_killed(fleet, etcd, some):
    cluster = etcd(count=3)
    cluster.publish("main", some[0])
    edges = fleet(cluster)
    served(edges, some[0])
    with BothLoads(edges):
        for number, dead in enumerate(([0], [1, 2], [0, 1, 2]), 1):
            for index in dead:
                cluster.members[index].kill()
            alive = [member for index, member in enumerate(cluster.members) if index not in dead]
            if len(alive) == 2:
                since = cluster.publish("main", some[4], endpoints=[alive[0].endpoint])
                tell("a member is dead", edges, some[4], since)
            for index in dead:
                cluster.members[index].start()
            cluster.wait()
            since = cluster.publish("main", some[number])
            tell(f"{len(dead)} were killed and are back", edges, some[number], since)


def test_a_put_arrives_although_the_member_an_edge_talks_to_is_frozen(fleet, etcd, some):
    cluster = etcd(count=3)
    cluster.publish("main", some[0])
    (running,) = fleet(cluster, 1)
    served([running], some[0])
    eventually(lambda: is_synced(running), "it is in step")
    for number in range(1, 4):
        frozen = member_of(running, cluster)
        others = [member.endpoint for member in cluster.members if member is not frozen]
        frozen.freeze()
        try:
            eventually(lambda: cluster.run("put", "x", "y", endpoints=others, timeout="2s").returncode == 0,
                       "the others have a leader")
            since = cluster.publish("main", some[number], endpoints=others)
            tell("its member is frozen", [running], some[number], since)
            assert member_of(running, cluster) is not frozen
        finally:
            frozen.thaw()
        cluster.wait()
        eventually(lambda: is_synced(running), "it is in step")


def test_an_edge_without_etcd_says_so_and_when_it_is_back(fleet, etcd, some):
    cluster = etcd()
    cluster.publish("main", some[0])
    (running,) = fleet(cluster, 1)
    eventually(lambda: is_synced(running), "it is in step")
    since = len(running.child.lines)
    cluster.kill()
    running.child.wait_for_line("etcd does not tell of changes.*reason=", since)
    assert not is_synced(running) and status(running)["etcd"]["failure"]
    assert running.request().status == 200
    cluster.start()
    running.child.wait_for_line("etcd tells of changes again", since)
    assert is_synced(running)


def test_edges_outlive_calls_that_nobody_answers(fleet, etcd, some):
    cluster = etcd(count=3)
    cluster.publish("main", some[0])
    edges = fleet(cluster, tls={"tickets": "etcd"})
    served(edges, some[0])
    for edge in edges:
        edge.child.wait_for_line("ticket keys of the fleet")
    # The member that is left takes calls and has no majority to answer them with.
    for member in cluster.members[:2]:
        member.kill()
    with pytest.raises(Timeout):
        edges[0].child.wait(8)
    assert all(edge.child.running for edge in edges)


def test_what_changed_and_was_compacted_meanwhile_is_found(fleet, etcd, gates, some, authority):
    cluster = etcd(count=3)
    doors = gates(cluster)
    special = authority.issue("app1.example.test")
    cluster.publish("main", some[0])
    cluster.publish("special", special)
    edges = fleet(cluster, etcd_more={"gates": doors})
    served(edges, special)
    with BothLoads(edges):
        for door in doors:
            door.shut()
        cluster.publish("main", some[1])
        cluster.delete(PREFIX + "special")
        for number in range(20):
            cluster.put("noise", str(number).encode())
        cluster.compact()
        assert [serial(edge) for edge in edges] == [special.serial] * 3
        for door in doors:
            door.open()
        since = time.monotonic()
        tell("changed and compacted while nobody watched", edges, some[1], since)


def test_a_put_arrives_although_the_network_swallows_what_goes_to_one_member(fleet, etcd, gates, some):
    cluster = etcd(count=3)
    doors = gates(cluster)
    cluster.publish("main", some[0])
    (running,) = fleet(cluster, 1, etcd_more={"gates": doors})
    served([running], some[0])
    eventually(lambda: is_synced(running), "it is in step")
    port = int(status(running)["etcd"]["endpoint"].rsplit(":", 1)[1])
    next(door for door in doors if door.port == port).swallow()
    since = cluster.publish("main", some[1])
    tell("the way to its member is lost", [running], some[1], since)


def test_a_put_in_the_midst_of_a_long_listing_is_not_missed(fleet, etcd, gates, some):
    cluster = etcd()
    (door,) = gates(cluster)
    cluster.publish("aaa", some[0])
    cluster.put_many({f"{PREFIX}noise{number:03}": b"nonsense " * 220 for number in range(600)})
    # A listing goes in pages of 400 KB: the first one is through, the last one not asked for yet.
    door.hold_after(600_000)
    (running,) = fleet(cluster, 1, etcd_more={"gates": [door]}, wait_for_ready=False)
    assert door.held.wait(PATIENCE)
    cluster.publish("aaa", some[1])
    door.release()
    served([running], some[1])


def test_heaps_of_large_values_keep_no_certificate_away(fleet, etcd, gates, some, commands):
    """More than one message may measure, as a listing and as what changed while an edge was cut off."""
    cluster = etcd()
    (door,) = gates(cluster)
    cluster.publish("main", some[0])
    for number in range(24):
        cluster.put(f"{PREFIX}large{number}", b"x" * 2**20)
    (running,) = fleet(cluster, 1, etcd_more={"gates": [door]})
    served([running], some[0])
    assert commands(running)("list")[0] == 0
    door.shut()
    for number in range(80):
        cluster.put(f"{PREFIX}large{number % 24}", b"y" * 2**20)
    cluster.publish("main", some[1])
    door.open()
    served([running], some[1], seconds=30)


def test_a_restored_backup_is_what_is_served(fleet, etcd, some, directory):
    cluster = etcd(count=3)
    cluster.publish("main", some[0])
    edges = fleet(cluster)
    served(edges, some[0])
    cluster.save(directory / "snapshot")
    for number in (1, 2, 3):
        cluster.publish("main", some[number])
    served(edges, some[3])
    with BothLoads(edges):
        since = time.monotonic()
        cluster.restore(directory / "snapshot")
        tell("the backup", edges, some[0], since)
        since = cluster.publish("main", some[4])
        tell("a put after it", edges, some[4], since)


def test_a_start_without_etcd_serves_the_copy(fleet, etcd, some):
    cluster = etcd()
    cluster.publish("main", some[0])
    (running,) = fleet(cluster, 1)
    served([running], some[0])
    running.drain()
    assert running.child.wait() == 0
    cluster.kill()
    running.start()
    assert serial(running) == some[0].serial
    assert running.request().status == 200
    cluster.start()
    cluster.publish("main", some[1])
    served([running], some[1])


def test_a_copy_that_was_damaged_is_refused_by_name(fleet, etcd, some, authority):
    cluster = etcd()
    special = authority.issue("app1.example.test")
    cluster.publish("main", some[0])
    cluster.publish("special", special)
    (running,) = fleet(cluster, 1)
    served([running], special)
    running.drain()
    assert running.child.wait() == 0
    copies = (running.directory / "state" / "certificates").iterdir()
    (damaged,) = [file for file in copies if special.key.read_bytes() in file.read_bytes()]
    cluster.kill()
    damaged.write_bytes(damaged.read_bytes()[:-200])
    running.start()
    refused(running, str(damaged), "damaged")
    assert serial(running) == some[0].serial
    cluster.start()
    served([running], special, seconds=30)


def test_a_start_with_nothing_keeps_the_port_closed_and_tells_why_until_etcd_comes(fleet, etcd, some):
    cluster = etcd()
    cluster.publish("main", some[0])
    cluster.kill()
    (running,) = fleet(cluster, 1, wait_for_ready=False)
    eventually(lambda: running.admin.exists(), "the admin socket is there")
    running.child.wait_for_line("etcd does not tell of changes.*refused")
    assert serial(running) is None
    told = status(running)
    assert told["health"] == "no-certificate" and told["port"]["https"] == "closed"
    assert "refused" in told["etcd"]["failure"]
    cluster.start()
    served([running], some[0])
    assert running.request().status == 200


def test_a_certificate_removed_while_an_edge_was_off_goes_when_it_is_back(fleet, etcd, some, authority):
    cluster = etcd()
    special = authority.issue("app1.example.test")
    cluster.publish("main", some[0])
    cluster.publish("special", special)
    (running,) = fleet(cluster, 1)
    served([running], special)
    running.drain()
    assert running.child.wait() == 0
    cluster.delete(PREFIX + "special")
    running.start()
    served([running], some[0])


def copy_holds(directory, issued):
    """Files that are being written begin with a dot and may be gone by the time they are read."""
    return any(issued.key.read_bytes() in file.read_bytes() for file in directory.glob("[!.]*"))


def test_a_full_disk_is_told_and_what_etcd_has_is_served(fleet, etcd, some, small_disk):
    cluster = etcd()
    cluster.publish("main", some[0])
    (running,) = fleet(cluster, 1, state=str(small_disk.place / "state"))
    served([running], some[0])
    copies = small_disk.place / "state" / "certificates"
    eventually(lambda: copy_holds(copies, some[0]), "the copy is there")
    small_disk.fill()
    cluster.publish("main", some[1])
    served([running], some[1])
    running.child.wait_for_line("copy of the certificates was not written.*No space left")
    assert running.request().status == 200
    # The old copy is whole: a start without etcd serves it.
    assert copy_holds(copies, some[0])
    small_disk.free()
    cluster.publish("main", some[2])
    served([running], some[2])
    running.child.wait_for_line("copy of the certificates is whole again")
    assert copy_holds(copies, some[2])


def rss(pid):
    """MiB."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


def handshake_times(edge, names):
    times = []
    for name in names:
        since = time.perf_counter()
        with edge.client(name):
            times.append(time.perf_counter() - since)
    return sorted(times)


def test_a_thousand_certificates_are_served(fleet, etcd, authority):
    cluster = etcd()
    few = [f"few{number}.example.test" for number in range(10)]
    names = [f"site{number}.example.test" for number in range(990)]
    issued = authority.issue_many(few + names)
    cluster.put_many({PREFIX + name: value for name, value in zip(few, issued)})
    (running,) = fleet(cluster, 1)
    eventually(lambda: all(serial(running, name) for name in few), "ten are served")
    before, small = rss(running.child.pid), handshake_times(running, few * 5)
    since = time.monotonic()
    cluster.put_many({PREFIX + name: value for name, value in zip(names, issued[10:])})
    eventually(lambda: serial(running, names[-1]), "the last one is served", 60)
    eventually(lambda: status(running)["certificates"]["served"][999:], "a thousand are served", 60)
    print(f"990 certificates put and served in {time.monotonic() - since:.1f} s")
    spread = names[::20]
    large = handshake_times(running, spread)
    print(f"handshake p50 with 10 certificates {small[len(small) // 2] * 1000:.2f} ms,"
          f" with 1000 {large[len(large) // 2] * 1000:.2f} ms;"
          f" memory {before:.0f} MiB and {rss(running.child.pid):.0f} MiB")
    assert status(running)["certificates"]["refused"] == []
    # A put among a thousand is as quick, and a restart from the copy has them all.
    new = authority.issue(names[0])
    since = cluster.publish(names[0], new)
    print(f"a put among a thousand: {served([running], new, since, name=names[0]) * 1000:.0f} ms")
    running.drain()
    assert running.child.wait() == 0
    cluster.kill()
    since = time.monotonic()
    running.start()
    print(f"start with a copy of a thousand: {time.monotonic() - since:.2f} s")
    assert serial(running, names[-1]) and serial(running, names[0]) == new.serial
    assert len(status(running)["certificates"]["served"]) == 1000
