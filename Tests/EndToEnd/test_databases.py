"""Applications connect to 127.0.0.1 and reach a MariaDB that lives."""

import threading
import time
from collections import Counter

import pytest

pytest.importorskip("pymysql")

from support.admin import status
from support.mariadb import NAME, MariaDB, ask, connect, prepare
from support.processes import eventually
from support.tcp import reserve_port


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("mariadb") / "data")


@pytest.fixture
def databases(directory, template, ending):
    """databases(2): so many servers, ready."""
    def make(count, *options):
        made = []
        for number in range(1, count + 1):
            made.append(MariaDB(directory / f"db{number}", template, number, *options))
            ending.append(made[-1])
        return made
    return make


@pytest.fixture
def passing(edge, scripted):
    """passing(databases, ...): an edge in front of them."""
    def make(databases, **upstream):
        holder = reserve_port()
        port = holder.getsockname()[1]
        running = edge(
            {"app1": [scripted().address],
             "db": {"protocol": "tcp", "greeting": "mysql", "nodes": [each.address for each in databases], **upstream}},
            routes=[{"host": "app1.example.test", "upstream": "app1"}],
            listen={"tcp": [{"address": f"127.0.0.1:{port}", "upstream": "db"}]})
        running.holders.append(holder)
        running.tcp_port = port
        return running
    return make


class Loop:
    """Threads that connect, ask and disconnect until told to stop; `longest` is what one of that took.

    `failures` have when what failed was begun.
    """

    def __init__(self, port, threads=4):
        self.port, self.stopping = port, False
        self.changed = threading.Condition()
        self.answers, self.failures, self.longest = Counter(), [], 0
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join(30)

    def _run(self):
        while not self.stopping:
            begun = time.monotonic()
            try:
                connection = connect(self.port)
                number = ask(connection)
                connection.close()
            except Exception as error:  # every kind of failure is told apart by its text
                number, failure = None, str(error)
            with self.changed:
                self.longest = max(self.longest, time.monotonic() - begun)
                if number:
                    self.answers[number] += 1
                else:
                    self.failures.append((begun, failure))
                self.changed.notify_all()

    def wait_for(self, more, number=None):
        """Blocks until so many more were answered, by one server or by any."""
        count = (lambda: self.answers[number]) if number else self.answers.total
        with self.changed:
            goal = count() + more
            assert self.changed.wait_for(lambda: count() >= goal, 30), (self.answers, self.failures)


def long_session(port, number):
    """A connection to this server, as a pool would have it."""
    while True:
        connection = connect(port)
        if ask(connection) == number:
            return connection
        connection.close()


def test_a_server_that_is_killed_costs_no_new_connection(databases, passing):
    first, second = databases(2)
    edge = passing([first, second])
    kept, lost = long_session(edge.tcp_port, 2), long_session(edge.tcp_port, 1)
    with Loop(edge.tcp_port) as loop:
        loop.wait_for(20, number=1)
        loop.wait_for(20, number=2)
        first.kill()
        # What was begun before may have been greeted by it, and is lost with it.
        killed = time.monotonic()
        loop.wait_for(200)
        assert ask(kept) == 2
        first.start()
        loop.wait_for(20, number=1)
    assert [each for each in loop.failures if each[0] > killed] == [], [line for line in edge.access_entries() if "cause" in line]
    with pytest.raises(Exception):
        ask(lost)
    assert ask(kept) == 2
    kept.close()


def test_a_server_that_is_frozen_costs_the_connect_timeout(databases, passing):
    first, second = databases(2)
    edge = passing([first, second], timeouts={"connect": "500ms"})
    kept = long_session(edge.tcp_port, 2)
    with Loop(edge.tcp_port) as loop:
        loop.wait_for(20, number=1)
        # Nothing is being asked there, so that what follows is about connecting.
        loop.stopping = True
    first.freeze()
    with Loop(edge.tcp_port) as frozen:
        frozen.wait_for(200)
        assert ask(kept) == 2
        first.thaw()
        frozen.wait_for(20, number=1)
    assert frozen.failures == [] and frozen.longest < 2, (frozen.failures, frozen.longest)
    kept.close()


def test_a_server_without_room_is_passed_over_and_its_word_heard_where_all_are_full(databases, passing):
    # MariaDB takes no fewer than ten.
    first, second = databases(2, "--max-connections=10")
    edge = passing([first, second])
    held = [connect(edge.tcp_port) for _ in range(20)]
    assert Counter(ask(each) for each in held) == {1: 10, 2: 10}
    with pytest.raises(Exception, match="Too many connections"):
        connect(edge.tcp_port)
    for each in held[:10]:
        each.close()
    eventually(lambda: ask_once(edge.tcp_port), "there is room again")
    for each in held[10:]:
        each.close()
    in_flight = lambda: [node["in_flight"] for node in status(edge)["upstreams"][1]["nodes"]]
    eventually(lambda: in_flight() == [0, 0], "all sessions ended")


def states(edge):
    return [node["state"] for node in status(edge)["upstreams"][1]["nodes"]]


def is_well(edge, number):
    node = status(edge)["upstreams"][1]["nodes"][number]
    return node["check"] is not None and node["check"]["result"] == "ok" and node["state"] == "up"


@pytest.mark.parametrize("user", ["nobody", NAME])
def test_mysql_checks_take_a_dead_server_out_and_put_it_back(databases, passing, user):
    first, second = databases(2)
    edge = passing([first, second], health={"type": "mysql", "user": user, "interval": "100ms"})
    eventually(lambda: is_well(edge, 0) and is_well(edge, 1), "both are well, though the name opens nothing")
    with Loop(edge.tcp_port) as loop:
        loop.wait_for(20, number=2)
        second.kill()
        killed = time.monotonic()
        eventually(lambda: states(edge)[1] != "up", "it is out")
        loop.wait_for(100, number=1)
        second.start()
        eventually(lambda: is_well(edge, 1), "it is back")
        loop.wait_for(20, number=2)
    assert [each for each in loop.failures if each[0] > killed] == []


def test_a_frozen_server_fails_its_mysql_checks(databases, passing):
    (first,) = databases(1)
    edge = passing([first], health={"type": "mysql", "interval": "100ms", "timeout": "200ms"})
    eventually(lambda: is_well(edge, 0), "it is well")
    first.freeze()
    eventually(lambda: status(edge)["upstreams"][1]["nodes"][0]["check"]["result"] == "silent", "it says nothing")
    first.thaw()
    eventually(lambda: is_well(edge, 0), "it is well again")


def test_a_status_port_takes_a_server_out_that_still_accepts(databases, passing, web):
    first, second = databases(2)
    state = {"status": 200}
    # Both are on one machine here, so there is one status port for the two.
    page = web(lambda connection, request: connection.sendall(
        b"HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % state["status"]))
    edge = passing([first, second], health={
        "type": "request", "path": "/status", "port": int(page.address.rpartition(":")[2]), "interval": "100ms", "status": "200"})
    eventually(lambda: page.requests and status(edge)["upstreams"][1]["nodes"][0]["check"], "it is asked")
    assert states(edge) == ["up", "up"]
    state["status"] = 503
    # At most half of an upstream is ever out.
    eventually(lambda: sorted(states(edge)) != ["up", "up"], "one is out")
    assert ask_once(edge.tcp_port)
    state["status"] = 200
    eventually(lambda: states(edge) == ["up", "up"], "both are back")


def ask_once(port):
    try:
        connection = connect(port)
    except Exception:
        return None
    with connection:
        return ask(connection)
