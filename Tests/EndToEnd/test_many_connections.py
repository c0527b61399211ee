"""More connections than there is room for, and peers that do not speak TLS."""

import os
import resource
import socket
import time

from support.processes import eventually

HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"  # the first bytes of a ClientHello


def connect(port):
    return socket.create_connection(("127.0.0.1", port), 20)


def ended(connection):
    """Whether the server ends a connection, having sent an alert at most, or a word to who speaks no TLS."""
    said = b""
    try:
        while part := connection.recv(4096):
            said += part
        assert not said or said[0] == 0x15 or said.startswith(b"HTTP/1.1 400 "), said
        return True
    except ConnectionResetError:
        return True


def descriptors(running):
    return [int(name) for name in running.child.descriptors]


def limit_descriptors(running, count):
    resource.prlimit(running.child.pid, resource.RLIMIT_NOFILE, (count, 4096))


def processor_seconds(running):
    with open(f"/proc/{running.child.pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_handshake_that_never_ends_is_closed_in_time(edge, scripted):
    running = edge({"app1": [scripted().address]}, timeouts={"handshake": "200ms"})
    with connect(running.port) as silent, connect(running.port) as begun:
        begun.sendall(HELLO)
        assert ended(silent) and ended(begun)


def test_garbage_instead_of_a_handshake_is_refused_at_once(edge, scripted):
    peer = scripted()
    running = edge({"app1": [peer.address]})
    for garbage in (b"GET / HTTP/1.1\r\nHost: app1.example.test\r\n\r\n", b"\0" * 100, b"\xff" * 20_000,
                    b"SSH-2.0-x\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 70_000, b"\x80\x2e\x01\0\x02",
                    b"PROXY TCP4 6.6.6.6 127.0.0.1 1 443\r\n", b"\x15\x03\x01\0\x02\x02\x28"):
        with connect(running.port) as connection:
            try:
                connection.sendall(garbage)
                connection.shutdown(socket.SHUT_WR)
            except (ConnectionError, OSError):
                pass
            assert ended(connection), garbage[:20]
    assert running.request().status == 200
    assert len(peer.requests) == 1


def test_five_hundred_half_handshakes_hold_nobody_up_and_are_closed(edge, scripted):
    running = edge({"app1": [scripted().address]}, timeouts={"handshake": "2s"})
    before = len(descriptors(running))
    halves = [connect(running.port) for _ in range(500)]
    try:
        for number, half in enumerate(halves):
            half.sendall(HELLO[: number % 12])
        assert [running.request().status for _ in range(20)] == [200] * 20
        assert all(ended(half) for half in halves)
    finally:
        for half in halves:
            half.close()
    eventually(lambda: len(descriptors(running)) <= before + 2, "the descriptors are back")
    assert running.request().status == 200


def test_one_address_gets_so_many_connections_and_others_go_on(edge, scripted):
    running = edge({"app1": [scripted().address]}, workers=1, limits={"connections_per_address": 5})
    clients = [running.client() for _ in range(5)]
    with connect(running.port) as sixth:
        assert ended(sixth)
    with socket.socket() as other:
        other.bind(("127.0.0.2", 0))
        other.connect(("127.0.0.1", running.port))
        other.settimeout(0.2)
        try:
            assert other.recv(1), "another address was refused as well"
        except TimeoutError:
            pass
    assert [client.request().status for client in clients] == [200] * 5
    clients.pop().close()

    def welcome():
        try:
            return running.request().status == 200
        except OSError:
            return False

    eventually(welcome, "the place is free again")
    for client in clients:
        client.close()


def test_one_address_gets_so_many_connections_of_all_workers_together(edge, scripted):
    running = edge({"app1": [scripted().address]}, workers=4, limits={"connections_per_address": 5})
    clients, refused = [], 0
    for _ in range(40):
        try:
            clients.append(running.client())
        except OSError:
            refused += 1
    assert (len(clients), refused) == (5, 35)
    assert [client.request().status for client in clients] == [200] * 5
    for client in clients:
        client.close()


def test_a_full_house_turns_away_and_serves_those_inside(edge, scripted):
    running = edge({"app1": [scripted().address]}, workers=1, limits={"connections": 8})
    clients = [running.client() for _ in range(8)]
    for _ in range(20):
        with connect(running.port) as another:
            assert ended(another)
    assert [client.request().status for client in clients] == [200] * 8
    for client in clients:
        client.close()


def test_out_of_descriptors_accepting_pauses_and_comes_back(edge, scripted):
    running = edge({"app1": {"nodes": [scripted().address], "hold": "200ms"}}, workers=1)
    inside = running.client()
    assert inside.request().status == 200
    room = 10
    limit_descriptors(running, max(descriptors(running)) + 1 + room)
    lines = len(running.child.lines)
    waiting = [connect(running.port) for _ in range(room + 20)]
    try:
        running.child.wait_for_line("accepting", since=lines)
        used, began = processor_seconds(running), time.monotonic()
        # With none left the application cannot be reached; the client is told, and may ask again.
        assert inside.request(path="/healthz").status == 200
        for _ in range(3):
            assert inside.request().status in (200, 503)
        assert processor_seconds(running) - used < 0.5 + (time.monotonic() - began) / 2, "it spins"
        for connection in waiting:
            connection.close()
        eventually(lambda: inside.request().status == 200, "the application is reached again")
        assert [running.request().status for _ in range(20)] == [200] * 20
    finally:
        for connection in waiting:
            connection.close()
        inside.close()
