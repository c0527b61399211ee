"""Which nodes are behind which server of a fleet, and when they are asked."""

import collections
import time

import pytest

from support.admin import status
from support.joined import NODE, join, last_tries
from support.network import AS_CUT_OFF, cut, heal, ip
from support.processes import eventually
from support.steady_load import SteadyLoad
from support.uwsgi import ScriptedUWSGI, answer
from test_shared_instances import KEY, Announcing, known

FAR = "10.99.1.3"


def says(name):
    return lambda connection, request: connection.sendall(answer(name))


@pytest.fixture
def everywhere(edge, etcd, directory):
    """everywhere(upstream, count=2, ...): edges of one fleet with app1 everywhere."""

    def make(upstream=None, count=2, **configuration):
        return join(edge, etcd(), directory, {"app1": {"nodes": [NODE], "everywhere": True, **(upstream or {})}},
                    count, **configuration)

    return make


@pytest.fixture
def unix(directory, ending, everywhere):
    """unix(edges, name): a scripted instance on a unix socket of each edge, which says NAME and its number."""

    def make(edges, name="node"):
        made = []
        for number in range(len(edges)):
            place = directory / f"{name}{number}"
            place.mkdir()
            made.append(ScriptedUWSGI(says(b"%d" % (number + 1)), directory=place))
            ending.append(made[-1])
            edges.place(number, made[-1].address)
        return made

    return make


# Instances that announce themselves.


def test_an_instance_on_loopback_that_announces_itself_is_reached_through_its_server(edge, etcd, directory, scripted):
    edges = join(
        edge, etcd(), directory, {"apps": {"discover": "subscriptions", "hold": "500ms"}},
        routes=[{"host": "*.example.test", "upstream": "apps"}],
        subscriptions={"listen": "127.0.0.1:0", "share": "etcd"})
    instance = Announcing(scripted, "127.0.0.1", edges[1], b"behind")
    eventually(lambda: known(edges[0]), "the instance at the other edge")
    assert edges[0].request(path="/through", name=KEY).body == b"behind"
    assert last_tries(edges[0], "/through") == [(f"edge2/{instance.address}", "ok")]
    assert edges[1].request(path="/direct", name=KEY).body == b"behind"
    assert last_tries(edges[1], "/direct") == [(instance.address, "ok")]
    # The same address on another server is another instance.
    instance.to = int(status(edges[0])["subscriptions"]["listening"][0].rpartition(":")[2])
    instance.announce()
    eventually(lambda: edges[0].request(path="/own", name=KEY).status == 200
               and last_tries(edges[0], "/own") == [(instance.address, "ok")], "its own comes first")


# Upstreams that are everywhere.


def test_own_instances_are_asked_first_and_when_they_die_the_others_answer(everywhere, uwsgi):
    edges = everywhere()
    instances = [uwsgi(node=name, processes=4) for name in ("a", "b")]
    for number, instance in enumerate(instances):
        edges.place(number, instance.address)
    for number in range(10):
        assert edges[0].request(path=f"/up?{number}").status == 200
    assert all(line["tries"][-1]["node"] == NODE for line in edges[0].access_entries() if line.get("tries"))
    with SteadyLoad(edges[0], rate=100, threads=16) as load:
        load.wait_seconds(1)
        instances[0].kill()
        load.wait_seconds(2)
    assert not load.failed["GET"], load.failed
    written = [line for instance in instances for line in instance.journal_lines()]
    assert len(written) == len(set(written)), "a request was executed twice"
    assert set(load.posted) <= set(written)
    # Those that the dying instance had begun must not be done again; no other may be lost.
    assert len(load.failed["POST"]) <= 4, load.failed
    assert edges[0].request(path="/up?late").status == 200
    assert last_tries(edges[0], "/up?late")[-1] == (f"edge2/{NODE}", "ok")


def test_a_cookie_of_one_server_binds_to_the_same_instance_on_the_other(everywhere, unix):
    edges = everywhere({"sticky": "edge_node"})
    unix(edges)
    for here, there in (edges, reversed(edges)):
        first = here.request()
        cookie = first.get("Set-Cookie").split(";")[0]
        again = [there.request(headers=[("Cookie", cookie)]) for _ in range(4)]
        assert {each.body for each in again} == {first.body}
        assert not any(each.get("Set-Cookie") for each in again)


def test_hashing_leads_to_the_same_instance_from_every_server(everywhere, unix):
    edges = everywhere({"balance": "hash", "hash_on": "header:X-User"}, count=3)
    unix(edges)
    users = [f"user{number}" for number in range(30)]
    chosen = [[running.request(headers=[("X-User", user)]).body for user in users] for running in edges]
    assert chosen[0] == chosen[1] == chosen[2]
    assert set(chosen[0]) == {b"1", b"2", b"3"}


def test_a_server_is_able_through_the_instances_of_others_and_only_through_living_ones(everywhere, unix):
    edges = everywhere({"hold": "100ms"}, listen={"close_when_unable": "always"})
    own, other = unix(edges)
    own.stop()
    first = edges[0]

    def is_closed():
        try:
            first.request()
        except ConnectionRefusedError:
            return True
        return False

    eventually(lambda: not is_closed(), "the port open")
    # Longer than it takes to close a port.
    ends = time.monotonic() + 5
    while time.monotonic() < ends:
        assert first.request().body == b"2"
    other.stop()
    eventually(is_closed, "the port closed, since nobody is left", seconds=20)
    other.start()
    eventually(lambda: not is_closed(), "the port open again", seconds=30)
    assert first.request().body == b"2"


# Nodes with addresses of the network, when the network is cut.


@pytest.fixture
def divided(network, edge, etcd, directory, scripted):
    """divided(upstream): two edges and an instance on the network to which the way of the first is cut."""
    ip("address", "add", f"{FAR}/32", "dev", "lo")
    cut(FAR)

    def make(script=None, count=2, **upstream):
        instance = scripted(script, address=FAR)
        edges = join(
            edge, etcd(), directory,
            {"app1": {"nodes": [instance.address], "timeouts": {"connect": "300ms"}, "hold": "500ms", **upstream}},
            count)
        first = edges[0]
        first.drain()
        first.child.wait()
        first.notifications.drain()
        first.words = AS_CUT_OFF
        first.start()
        eventually(first.admin.exists, "its administration")
        edges.wait()
        return edges, instance

    return make


def test_what_one_server_cannot_reach_another_connects_to(divided):
    edges, instance = divided()
    assert edges[0].request(path="/first").status == 200
    assert last_tries(edges[0], "/first") == [
        (instance.address, "connect-timeout"), (f"edge2/{instance.address}", "ok")]
    # One of the other's lines would be a second exchange.
    assert not [line for line in edges[1].access_entries() if line.get("target") == "/first"]


def test_a_post_goes_through_another_server_and_is_done_once(divided):
    edges, instance = divided(retry={"tries": 1})
    assert edges[0].request("POST", "/post", body=b"x" * 200_000).status == 200
    assert [each.environ["PATH_INFO"] for each in instance.requests] == ["/post"]
    assert len(instance.requests[0].body) == 200_000


def test_not_each_request_waits_for_the_way_that_is_cut(divided):
    edges, instance = divided()
    began, asked = time.monotonic(), 0
    with edges[0].client() as client:
        while time.monotonic() < began + 3.5:
            assert client.request(path="/often").status == 200
            asked += 1
    took = time.monotonic() - began
    outcomes = eventually(lambda: outcomes_of(edges[0], "/often", asked), "all lines")
    print(f"{outcomes} in {took:.1f} s")
    # The direct way is tried again, but by one connection a second.
    assert 3 <= outcomes["connect-timeout"] <= took + 2


def outcomes_of(running, path, count):
    """How the tries of so many requests for a path ended, once all are written down."""
    lines = [line for line in running.access_entries() if line.get("target") == path]
    return len(lines) == count and collections.Counter(one["outcome"] for line in lines for one in line["tries"])


def test_when_the_way_is_whole_again_it_is_taken(divided):
    edges, instance = divided()
    assert edges[0].request().status == 200
    heal(FAR)

    def is_direct():
        assert edges[0].request(path="/healed").status == 200
        return last_tries(edges[0], "/healed") == [(instance.address, "ok")]

    eventually(is_direct, "the direct way")
    # Each worker remembers a detour for a second, in which it is asked all the time.
    until = time.monotonic() + 1.1
    while time.monotonic() < until:
        assert edges[0].request(path="/meanwhile").status == 200
    assert all(is_direct() for _ in range(5))


def refused(running):
    return status(running)["peers"]["refused"]


def test_another_server_is_asked_once_for_a_request_however_long_it_waits(divided):
    edges, instance = divided(hold="2500ms", timeouts={"connect": "50ms"})
    instance.stop()
    assert edges[0].request().status == 503
    assert refused(edges[1]) == 1


def test_the_others_are_not_asked_by_each_request_for_a_node_that_is_dead(divided):
    edges, instance = divided(hold="1ms", timeouts={"connect": "50ms"})
    instance.stop()
    began = time.monotonic()
    assert {edges[0].request().status for _ in range(20)} == {503}
    took = time.monotonic() - began
    # Each of the two workers remembers for a second.
    assert 1 <= refused(edges[1]) <= 2 * (took + 1)
    assert 2 * (took + 1) < 20, "too slow to tell"
