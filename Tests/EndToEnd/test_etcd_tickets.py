"""A session that one edge began is taken up by the others, under its own name only."""

import subprocess

from support.admin import status
from support.etcd_edges import serial
from support.processes import eventually

NAME, SIBLING = "app1.example.test", "app2.example.test"
PERIOD = 12 * 3600  # seconds between two rotations


def handshake(edge, *words, name=NAME):
    """What `openssl s_client` says of a handshake and one request."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{edge.port}", "-servername", name, "-CAfile",
         edge.authority.pem, "-verify_return_error", *map(str, words)],
        input=f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode(), capture_output=True, timeout=60)
    text = done.stdout.decode(errors="replace")
    assert "HTTP/1.1 " in text, text + done.stderr.decode()
    return text


def begin(edge, file, *words, name=NAME):
    """Leaves a ticket in a file. The input stays open until the server closes, so that one comes."""
    text = handshake(edge, "-ign_eof", "-sess_out", file, *words, name=name)
    assert "Reused" not in text
    assert file.exists(), "no ticket came"


def is_resumed(edge, file, *words, name=NAME):
    text = handshake(edge, "-ign_eof", "-sess_in", file, *words, name=name)
    assert ("New, TLS" in text) != ("Reused, TLS" in text), text
    return "Reused, TLS" in text


def keys(edge):
    return status(edge)["tickets"]


def same_keys(edges):
    """Waits until all have the fleet's keys."""
    for edge in edges:
        edge.child.wait_for_line("ticket keys of the fleet")


def test_a_ticket_of_one_edge_is_good_at_the_others(fleet, etcd, wildcard, directory):
    cluster = etcd(count=3)
    cluster.publish("main", wildcard)
    edges = fleet(cluster, tls={"tickets": "etcd"})
    same_keys(edges)
    for version in ("-tls1_2", "-tls1_3"):
        for first in edges:
            ticket = directory / f"ticket{version}{first.port}"
            begin(first, ticket, version)
            for other in edges:
                assert is_resumed(other, ticket, version), (version, first.port, other.port)
                # And under no other name of the same certificate.
                assert not is_resumed(other, ticket, version, name=SIBLING)


def test_servers_that_share_nothing_do_not_know_each_others_tickets(fleet, etcd, wildcard, directory):
    cluster = etcd()
    cluster.publish("main", wildcard)
    edges = fleet(cluster, 2)
    begin(edges[0], directory / "ticket")
    assert is_resumed(edges[0], directory / "ticket")
    assert not is_resumed(edges[1], directory / "ticket")


def test_tickets_outlive_etcd_and_a_restart_of_an_edge(fleet, etcd, wildcard, directory):
    cluster = etcd()
    cluster.publish("main", wildcard)
    edges = fleet(cluster, 2, tls={"tickets": "etcd"})
    same_keys(edges)
    begin(edges[0], directory / "ticket")
    cluster.kill()
    assert is_resumed(edges[1], directory / "ticket")
    edges[1].drain()
    assert edges[1].child.wait() == 0
    edges[1].start()
    assert is_resumed(edges[1], directory / "ticket")


def test_tickets_go_on_after_a_rotation(fleet, etcd, wildcard, directory, shifted_clock):
    """The fleet's keys are rotated by an edge whose clock is ahead; the old tickets are good everywhere."""
    cluster = etcd()
    cluster.publish("main", wildcard)
    (first,) = fleet(cluster, 1, tls={"tickets": "etcd"})
    same_keys([first])
    begin(first, directory / "ticket")
    before = keys(first)["generation"]
    first.drain()
    assert first.child.wait() == 0
    # It gave the holder's key up, so the next one may rotate.
    (ahead,) = fleet(cluster, 1, tls={"tickets": "etcd"}, environment=shifted_clock(PERIOD))
    eventually(lambda: keys(ahead)["generation"] > before, "the keys are rotated")
    (second,) = fleet(cluster, 1, tls={"tickets": "etcd"})
    first.start()
    for each in (first, second):
        eventually(lambda: keys(each)["generation"] == before + 1, "it has them")
        assert is_resumed(each, directory / "ticket")
    begin(first, directory / "new")
    assert is_resumed(second, directory / "new")


def test_ticket_keys_lie_encrypted_in_etcd(fleet, etcd, wildcard, directory, commands):
    cluster = etcd()
    cluster.publish("main", wildcard)
    file = directory / "encryption.keys"
    file.touch(0o600)
    file.write_text(commands(None)("new-key", "first")[1])
    (plain,) = fleet(cluster, 1, tls={"tickets": "etcd"})
    same_keys([plain])
    stored = cluster.get("/edgeproxy/tickets/keys")
    plain.drain()
    assert plain.child.wait() == 0
    edges = fleet(cluster, 2, tls={"tickets": "etcd"}, wait_for_ready=False, etcd_more={"encryption_keys": str(file)})
    code, _, problem = commands(edges[0])("put", "main", "--chain", wildcard.chain, "--key", wildcard.key)
    assert code == 0, problem
    same_keys(edges)
    sealed = cluster.get("/edgeproxy/tickets/keys")
    assert sealed != stored and b"first" in sealed
    begin(edges[0], directory / "ticket")
    assert is_resumed(edges[1], directory / "ticket")
    assert serial(edges[0])


def test_another_edge_rotates_when_the_holder_dies(fleet, etcd, wildcard):
    cluster = etcd(count=3)
    cluster.publish("main", wildcard)
    edges = fleet(cluster, tls={"tickets": "etcd"})
    same_keys(edges)
    holder = cluster.get("/edgeproxy/tickets/holder").decode()
    names = [edge.configuration["node"] for edge in edges]
    dead = edges[names.index(holder)]
    dead.child.kill()
    eventually(lambda: cluster.get("/edgeproxy/tickets/holder").decode() in set(names) - {holder},
               "another holds it", 40)
