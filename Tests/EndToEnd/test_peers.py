"""Requests to instances that only another server can reach, through that server's edge."""

import asyncio
import concurrent.futures
import hashlib
import json
import os
import signal
import socket
import threading
import time

import pytest
import websockets

from support.admin import status
from support.client import client_context
from support.joined import NODE, command, join, last_tries
from support.processes import eventually
from support.steady_load import SteadyLoad
from support.tcp import connect, read_to_end, reserve_port
from support.websocket import EchoServer

MIB = 1 << 20


@pytest.fixture
def joined(edge, etcd, directory):
    """joined(upstream, count=2, ...): edges of one fleet with app1 everywhere."""

    def make(upstream=None, count=2, **configuration):
        return join(edge, etcd(), directory, {"app1": {"nodes": [NODE], "everywhere": True, **(upstream or {})}},
                    count, **configuration)

    return make


class UnixServer:
    """Serves each connection on a unix socket with `script(connection)`."""

    def __init__(self, path, script):
        self.address = f"unix:{path}"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(100)
        self.script = script
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            self.script(connection)

    def end(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def test_requests_reach_an_instance_behind_another_server(joined, uwsgi):
    edges = joined()
    instance = uwsgi()
    edges.place(1, instance.address)
    first = edges[0]
    response = first.request(path="/up")
    assert response.status == 200
    body = os.urandom(5 * MIB)
    response = first.request("POST", "/upload", body=body)
    assert json.loads(response.body) == {"length": 5 * MIB, "sha256": hashlib.sha256(body).hexdigest()}
    assert len(first.request(path=f"/big?bytes={50 * MIB}").body) == 50 * MIB
    entries = eventually(
        lambda: [line for line in first.access_entries() if line.get("status") == 200], "the lines")
    entry = entries[-1]
    assert entry["tries"][-1]["node"].startswith("edge2/unix:")
    # The second writes no line: it has only passed bytes on.
    assert not [line for line in edges[1].access_entries() if line.get("status") == 200]


def test_a_stream_arrives_as_it_is_said(joined, uwsgi):
    edges = joined()
    instance = uwsgi()
    edges.place(1, instance.address)
    with edges[0].client() as client:
        client.send_request(path="/stream")
        began = time.monotonic()
        seen = b""
        while b"data:" not in seen:
            seen += client.socket.recv(65536)
        assert time.monotonic() - began < 0.9


def test_a_websocket_goes_through(joined, ending, directory):
    edges = joined({"protocol": "http"})
    server = EchoServer(directory / "websocket.sock")
    ending.append(server)
    edges.place(1, server.address)
    context = client_context(edges[0].authority)
    context.set_alpn_protocols(["http/1.1"])

    async def talk():
        async with websockets.connect(
                "wss://app1.example.test/chat", ssl=context, server_hostname="app1.example.test", host="127.0.0.1",
                port=edges[0].port, max_size=None, ping_interval=None) as client:
            for message in ("hello", "x" * (2 * MIB)):
                await client.send(message)
                assert await client.recv() == message

    asyncio.run(talk())
    eventually(lambda: not server.server.websockets, "the end at the application")


def test_a_tcp_session_goes_through_and_ends_are_passed_on(edge, etcd, directory, scripted, ending):
    holder = reserve_port()
    port = holder.getsockname()[1]
    edges = join(
        edge, etcd(), directory,
        {"app1": [scripted().address], "db": {"protocol": "tcp", "nodes": [NODE], "everywhere": True}},
        routes=[{"host": "app1.example.test", "upstream": "app1"}])
    first = edges[0]
    first.reload({**first.configuration, "listen": {
        **first.configuration["listen"], "tcp": [{"address": f"127.0.0.1:{port}", "upstream": "db"}]}})
    server = UnixServer(directory / "db.sock", lambda connection: connection.sendall(read_to_end(connection)[::-1]))
    ending.append(server)
    edges.place(1, server.address)
    with connect(port) as client:
        client.sendall(b"ab" * 500_000)
        client.shutdown(socket.SHUT_WR)
        assert read_to_end(client) == b"ba" * 500_000
    holder.close()


def test_a_killed_edge_costs_no_request(joined, uwsgi):
    edges = joined(count=3)
    instances = [uwsgi(node=name, processes=4) for name in ("b", "c")]
    edges.place(1, instances[0].address)
    edges.place(2, instances[1].address)
    eventually(lambda: edges[0].request(path="/up").status == 200, "an answer")
    with SteadyLoad(edges[0], rate=100, threads=16) as load:
        load.wait_seconds(1)
        edges[1].child.signal(signal.SIGKILL)
        load.wait_seconds(3)
    assert not load.failed["GET"], load.failed
    written = [line for instance in instances for line in instance.journal_lines()]
    assert len(written) == len(set(written)), "a request was executed twice"
    assert set(load.posted) <= set(written)


def test_a_frozen_edge_costs_two_seconds_and_no_request(joined, uwsgi):
    edges = joined(count=3)
    instances = [uwsgi(node=name, processes=4) for name in ("b", "c")]
    edges.place(1, instances[0].address)
    edges.place(2, instances[1].address)
    eventually(lambda: edges[0].request(path="/up").status == 200, "an answer")
    with SteadyLoad(edges[0], rate=100, threads=32, posts_every=10**9) as load:
        load.wait_seconds(1)
        edges[1].child.signal(signal.SIGSTOP)
        load.wait_seconds(5)
        slowest = load.percentile(1)
    edges[1].child.signal(signal.SIGCONT)
    print(f"the slowest answer came after {slowest:.2f} s")
    assert not load.failed["GET"], load.failed
    assert slowest < 3


def test_a_request_whose_only_server_freezes_waits_for_another(joined, directory, ending):
    edges = joined({"retry": {"tries": 2, "hedge": "off"}}, count=3)
    asked, over = threading.Event(), threading.Event()

    def never(connection):
        connection.recv(4096)
        asked.set()
        over.wait(60)

    def at_once(connection):
        # Checks connect as well, and say nothing.
        if connection.recv(4096):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere")

    silent, answering = UnixServer(directory / "silent", never), UnixServer(directory / "answering", at_once)
    ending.extend([silent, answering])
    edges.place(1, silent.address)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(edges[0].request, path="/waits")
        assert asked.wait(10)
        edges[1].child.signal(signal.SIGSTOP)
        edges.place(2, answering.address)
        try:
            assert answer.result(20).body == b"here"
        finally:
            over.set()
            edges[1].child.signal(signal.SIGCONT)
    assert ("edge2/" + NODE, "server-lost") in last_tries(edges[0], "/waits")


def test_a_request_whose_servers_all_freeze_waits_for_one_to_be_back(joined, uwsgi):
    # Both fall silent at once, and the request may be sent twice: after the first was lost the second is
    # asked for a sign of life, and only then for the answer.
    edges = joined({"retry": {"tries": 2, "hedge": "off"}}, count=3, workers=1)
    for number, node in ((1, "b"), (2, "c")):
        edges.place(number, uwsgi(node=node, processes=4).address)

    def has_asked_both():
        return edges[0].request(path="/up").status == 200 and status(edges[0])["peers"]["sessions"] == 2

    eventually(has_asked_both, "sessions with both")
    for edge in edges[1:]:
        edge.child.signal(signal.SIGSTOP)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(edges[0].request, path="/up?waits")
        try:
            # In this time both would have been lost, one after the other.
            with pytest.raises(concurrent.futures.TimeoutError):
                answer.result(6)
        finally:
            for edge in edges[1:]:
                edge.child.signal(signal.SIGCONT)
        assert answer.result(20).status == 200
    assert [outcome for _, outcome in last_tries(edges[0], "/up?waits")].count("server-lost") == 1


def test_a_drained_edge_costs_no_request(joined, uwsgi):
    edges = joined(count=3)
    instances = [uwsgi(node=name, processes=4) for name in ("b", "c")]
    edges.place(1, instances[0].address)
    edges.place(2, instances[1].address)
    eventually(lambda: edges[0].request(path="/up").status == 200, "an answer")
    with SteadyLoad(edges[0], rate=100, threads=16) as load:
        load.wait_seconds(1)
        edges[1].drain()
        load.wait_seconds(4)
    assert not load.failed["GET"] and not load.failed["POST"], load.failed


def test_a_post_goes_elsewhere_when_the_instance_behind_an_edge_is_not_there(joined, uwsgi):
    # Neither the first nor the second has an instance; the first hears of the second's by a refusal.
    edges = joined({"retry": {"tries": 1}}, count=3)
    instance = uwsgi(processes=4)
    edges.place(2, instance.address)
    for number in range(30):
        assert edges[0].request("POST", f"/journal?id={number}", body=b"").status // 100 == 2
    assert sorted(instance.journal_lines(), key=int) == [str(number) for number in range(30)]
    assert status(edges[1])["peers"]["refused"] > 0


def test_a_server_that_is_removed_is_no_longer_let_in(joined, uwsgi):
    edges = joined()
    instance = uwsgi()
    edges.place(1, instance.address)
    assert edges[0].request(path="/up").status == 200
    command(edges[1], "remove", "edge1")
    eventually(lambda: not status(edges[1])["peers"]["servers"], "the removal")
    # Whether a byte of the request went out before the refusal came is chance: 502 where tries were used up by that.
    assert edges[0].request(path="/up").status in (502, 503)
