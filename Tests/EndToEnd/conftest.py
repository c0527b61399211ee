"""Fixtures: everything they make is ended with the test, and nothing else is."""

import os
import pathlib
import subprocess
import tempfile

import pytest

from support.acme import ACME
from support.acme_edges import settings
from support.acme_fleet import Ordering, new_keys, section
from support.authority import Authority
from support.disk import SmallDisk
from support.edge import Edge, binary, configure, install
from support.etcd_cluster import Cluster
from support.gate import Gate
from support.http import ScriptedHTTP
from support.installed import build_package
from support.names import NamedFleet, Server, make_network, settings as names_settings
from support.network import dig_hole, namespace
from support.processes import eventually
from support.tunnels import upper
from support.uwsgi import FullQueue, Instance, ScriptedUWSGI


@pytest.fixture
def directory():
    """Short, because the path of a unix socket holds 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="edge.", dir="/tmp") as path:
        yield pathlib.Path(path)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def wildcard(authority):
    """The certificate that most tests are served with."""
    return authority.issue("*.example.test", "example.test")


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The Debian package of the binary under test."""
    return build_package(tmp_path_factory.mktemp("package"))


@pytest.fixture
def ending():
    """Things with an `end`, ended in reverse order; the first failure is raised after all were."""
    things, problems = [], []
    yield things
    for thing in reversed(things):
        try:
            thing.end()
        except (AssertionError, OSError) as problem:
            problems.append(problem)
    if problems:
        raise problems[0]


@pytest.fixture
def uwsgi(directory, ending):
    """uwsgi(app="app1", node="a", processes=2, buffer_size=None, tcp=False): a real instance, ready."""

    def make(app="app1", node="a", **options):
        instance = Instance(directory / f"{app}-{node}", app, node, **options)
        ending.append(instance)
        return instance

    return make


@pytest.fixture
def scripted(ending):
    """scripted(script): a uwsgi peer that does what the test says with each request."""

    def make(script=None, **options):
        peer = ScriptedUWSGI(script, **options)
        ending.append(peer)
        return peer

    return make


@pytest.fixture
def web(ending):
    """web(script): an HTTP/1.1 server that does what the test says with each request."""

    def make(script=None, **options):
        server = ScriptedHTTP(script, **options)
        ending.append(server)
        return server

    return make


@pytest.fixture(params=["uwsgi", "http"])
def tunnel_node(request, scripted, web):
    """tunnel_node(script): a scripted node of WebSocket in either protocol, and its upstream."""

    def make(script=upper, **settings):
        server = (scripted if request.param == "uwsgi" else web)(script)
        return server, {"protocol": request.param, "nodes": [server.address], **settings}

    return make


@pytest.fixture
def full_queue(ending):
    queue = FullQueue()
    ending.append(queue)
    return queue


@pytest.fixture
def small_disk(directory, ending):
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    disk = SmallDisk(directory / "small")
    ending.append(disk)
    return disk


@pytest.fixture
def edge(directory, authority, wildcard, ending):
    """edge(upstreams, ...): a running proxy.

    `upstreams` maps app1 to a list of nodes or to a whole upstream mapping; each gets a route
    for APP.example.test. `issued` maps labels to certificates to install; the wildcard unless given.
    """
    count = 0

    def make(upstreams, issued=None, routes=None, workers=2, environment=None, wait=True, home=None,
             words=(), **configuration):
        nonlocal count
        count += 1
        place = directory / f"edge{count}"
        for label, each in (issued or {"wildcard": wildcard}).items():
            install(each, place / "certificates" / label)
        configuration.update(configure(upstreams, routes))
        running = Edge(place, authority, configuration, workers, environment, wait, home, words)
        ending.append(running)
        return running

    return make


@pytest.fixture
def etcd(directory, ending):
    """etcd(count=1, ...): a cluster, ready."""
    count = 0

    def make(*words, **options):
        nonlocal count
        count += 1
        cluster = Cluster(directory / f"etcd{count}", *words, **options)
        ending.append(cluster)
        cluster.start()
        return cluster

    return make


@pytest.fixture
def acme(directory, authority, ending):
    """acme(...): an authority that speaks ACME, ready, with nobody behind its doors yet."""
    count = 0

    def make(**options):
        nonlocal count
        count += 1
        made = ACME(directory / f"acme{count}", authority, **options)
        ending.append(made)
        return made

    return make


@pytest.fixture
def ordering_edge(edge, scripted):
    """ordering_edge(authority, "app1.example.test", ...): an edge that orders a certificate for these names.

    It has no other, unless `certificates` is given; {} is the wildcard. `acme` is more of that section.
    """

    def make(authority, *names, acme=None, certificates=None, **configuration):
        running = edge(
            {"app1": [scripted().address]}, wait=False, workers=1,
            certificates={"directory": None} if certificates is None else certificates,
            acme=settings(authority, *names, **(acme or {})), **configuration)
        authority.lead_to(running)
        eventually(lambda: running.admin.exists() or not running.child.running, "it answers administrators")
        return running

    return make


@pytest.fixture
def gates(ending):
    """gates(cluster): a gate in front of each member."""

    def make(cluster):
        made = [Gate(member.port) for member in cluster.members]
        ending.extend(made)
        return made

    return make


class Fleet(list):
    """Edges, and the instances behind them."""

    def __init__(self, edges, backends):
        super().__init__(edges)
        self.backends = backends


@pytest.fixture
def fleet(edge, scripted):
    """fleet(cluster, count=3, ...): edges that have their certificates from etcd and from nowhere else.

    One instance is behind them all, or with `own_backends` one behind each.
    """

    def make(cluster, count=3, identity=None, etcd_more=None, etcd_certificates=None, wait_for_ready=True,
             environment=None, own_backends=False, **configuration):
        backends = [scripted() for _ in range(count if own_backends else 1)]
        first = make.started
        make.started += count
        edges = [
            edge({"app1": {"nodes": [backends[number % len(backends)].address], "hold": "100ms"}},
                 wait=wait_for_ready, environment=environment, **{
                "node": f"edge{first + number + 1}",
                "certificates": {"directory": None, "etcd": etcd_certificates or {}},
                "etcd": cluster.settings(identity, **(etcd_more or {})), **configuration})
            for number in range(count)
        ]
        return Fleet(edges, backends)

    make.started = 0
    return make


@pytest.fixture
def ordering(fleet, etcd, acme, directory):
    """ordering("app1.example.test", ..., count=2): a fleet that orders these certificates; `more` is of its `acme`.

    `prepare` is given the relay and the etcd before the fleet starts. The keys that it seals with are in the file
    `keys`.
    """

    def make(*certificates, count=2, prepare=None, identity=None, environment=None, **more):
        cluster, ca = etcd(), acme()
        ca.relay.lifetime = 90
        keys = directory / "encryption.keys"
        if not keys.exists():
            new_keys(keys)
        prepared = prepare(ca.relay, cluster) if prepare else None
        # Nobody is answered before the authority finds its answers.
        start = ca.relay.hold("directory")
        edges = fleet(
            cluster, count, identity, wait_for_ready=False, etcd_more={"encryption_keys": str(keys)},
            environment=environment, acme=section(ca, *certificates, **more))
        ca.lead_to(*edges)
        start.release()
        made = Ordering(cluster, ca, edges)
        made.keys, made.prepared = keys, prepared
        return made

    return make


@pytest.fixture(scope="session")
def shifted_clock(tmp_path_factory):
    """shifted_clock(seconds): the environment of a program whose clock is ahead."""
    library = tmp_path_factory.mktemp("clock") / "shifted_clock.so"
    source = pathlib.Path(__file__).parent / "support" / "shifted_clock.c"
    subprocess.run(["gcc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library, source], check=True)
    return lambda seconds: {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(seconds)}


@pytest.fixture
def commands():
    """commands(edge)("put", ...): `edgeproxy cert` with the edge's configuration, or with none."""

    def bind(running):
        def run(*words):
            configuration = ["--config", running.file] if running else []
            done = subprocess.run(
                [str(word) for word in (binary(), "cert", *words, *configuration)], capture_output=True,
                text=True, timeout=60, env=running.environment if running else None)
            return done.returncode, done.stdout, done.stderr

        return run

    return bind


@pytest.fixture
def network():
    """A network namespace of the test's own, for it and for what it starts."""
    if os.geteuid() != 0:
        pytest.skip("a network namespace needs root")
    with namespace():
        yield


@pytest.fixture
def black_hole(network):
    """The address of a machine that was switched off."""
    return dig_hole()


@pytest.fixture
def named(network, edge, scripted, etcd, directory, ending):
    """named(count=3, ...): servers that answer for a zone of their own and name one another; all live.

    They share an etcd unless `alone`. `dns` is more of that section, False for none. `start(number)` starts one of `spare` others.
    """

    def make(count=3, alone=False, dns=None, families=(4,), delegated=True, spare=0, wait=True,
             etcd_more=None, **configuration):
        make_network(count + spare)
        cluster = None if alone else etcd()
        shared = {} if alone else {"etcd": cluster.settings(**(etcd_more or {}))}
        backend = scripted()

        def start(number):
            return Server(number, edge({"app1": [backend.address]}, workers=1, **{
                **names_settings(number, dns, families), **shared, **configuration}))

        fleet = NamedFleet(map(start, range(1, count + 1)), directory, cluster)
        fleet.start = start
        ending.append(fleet)
        if wait and dns is not False:
            fleet.wait_until_well()
        if delegated:
            fleet.delegate()
        return fleet

    return make
