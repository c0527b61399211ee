"""Fixtures: everything they make is ended with the test, and nothing else is."""

import os
import pathlib
import tempfile

import pytest

from support.authority import Authority
from support.disk import SmallDisk
from support.edge import Edge, configure, install
from support.http import ScriptedHTTP
from support.network import dig_hole, namespace
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

    def make(upstreams, issued=None, routes=None, workers=2, environment=None, wait=True, **configuration):
        nonlocal count
        count += 1
        place = directory / f"edge{count}"
        for label, each in (issued or {"wildcard": wildcard}).items():
            install(each, place / "certificates" / label)
        configuration.update(configure(upstreams, routes))
        running = Edge(place, authority, configuration, workers, environment, wait)
        ending.append(running)
        return running

    return make


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
