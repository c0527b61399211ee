"""Thousands of applications with several instances each, and what they cost."""

import os
import socket

from support.admin import command, connect, status
from support.processes import eventually
from test_subscriptions import datagram

KEYS = int(os.environ.get("APPLICATIONS", "200"))  # 2000 is the long form
EACH = 5
PER_ROUND = KEYS * EACH
AT_ONCE = 250  # what a socket's buffer holds before the reader has had a turn


def announcements(port):
    return [datagram({"key": f"k{key}.example.test", "address": f"127.{1 + key // 250}.{1 + key % 250}.{each + 1}:{port}",
                      "modifier1": 0, "modifier2": 0, "cores": 4, "load": 0, "weight": 1})
            for key in range(KEYS) for each in range(EACH)]


def cpu(running):
    """Seconds of processor time that the program has used."""
    fields = open(f"/proc/{running.child.pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(running):
    """Megabytes that are resident."""
    return int(open(f"/proc/{running.child.pid}/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_thousands_of_instances_are_known_served_and_told_of(edge, scripted):
    peer = scripted(address="0.0.0.0")
    running = edge({"apps": {"discover": "subscriptions"}}, routes=[{"host": "*.example.test", "upstream": "apps"}],
                   subscriptions={"listen": "127.0.0.1:0"})
    to = ("127.0.0.1", int(status(running)["subscriptions"]["listening"][0].rpartition(":")[2]))
    sent = announcements(int(peer.address.rpartition(":")[2]))
    accepted = lambda: status(running)["subscriptions"]["accepted"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaker:
        for number in (1, 2):
            began = cpu(running)
            for start in range(0, PER_ROUND, AT_ONCE):
                for each in sent[start:start + AT_ONCE]:
                    speaker.sendto(each, to)
                # Others are served meanwhile.
                assert running.request(name=f"k{start // EACH}.example.test").status == 200
            eventually(lambda: accepted() == PER_ROUND * number, "all of the round")
            spent = cpu(running) - began
            print(f"round {number}: {spent / PER_ROUND * 1e6:.0f} µs a datagram with all else, {memory(running):.0f} MB")
    assert running.request(name=f"k{KEYS - 1}.example.test").status == 200
    code, text, error = command(running, "status", "--json")
    assert code == 0, error
    print(f"status: {len(text) / 1e6:.1f} MB")


def test_a_slow_reader_has_a_long_status_whole_and_keeps_nobody_waiting(edge, scripted):
    running = edge({"apps": {"discover": "subscriptions"}}, routes=[{"host": "*.example.test", "upstream": "apps"}],
                   subscriptions={"listen": "127.0.0.1:0"})
    to = ("127.0.0.1", int(status(running)["subscriptions"]["listening"][0].rpartition(":")[2]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaker:
        for each in announcements(80)[:1000]:
            speaker.sendto(each, to)
    eventually(lambda: status(running)["subscriptions"]["accepted"] == 1000, "all")
    with connect(running.admin) as slow:
        slow.sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert slow.recv(1) == b"H"
        whole = bytearray(b"H")
        # Others are answered between any two of its pieces.
        for _ in range(5):
            assert status(running)["subscriptions"]["accepted"] == 1000
            whole += slow.recv(4096)
        while piece := slow.recv(65536):
            whole += piece
    head, _, body = bytes(whole).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode().lower() in head.lower()
