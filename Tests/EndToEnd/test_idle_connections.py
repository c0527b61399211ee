"""What a connection costs that does nothing, as most of those that a busy server has."""

import resource

import pytest

from support.edge import binary
from support.http2 import Peer
from support.remains import resident, rest

COUNT = 2000
KIB_MAX = 40


@pytest.fixture
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < COUNT + 500:
        pytest.skip(f"only {hard} descriptors are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, COUNT + 500), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def talked(running):
    """An HTTP/2 connection that has brought an answer."""
    peer = Peer(running.port, running.authority)
    assert peer.request().status == 200
    return peer


@pytest.mark.skipif("build-" in str(binary()), reason="a sanitizer's memory is another matter")
def test_idle_connections_over_http_2_are_cheap_and_leave_nothing(edge, scripted, many_descriptors):
    running = edge({"app1": [scripted().address]}, workers=1)
    for peer in [talked(running) for _ in range(100)]:
        peer.close()
    before = rest(running)
    memory, peers = resident(running), []
    try:
        peers = [talked(running) for _ in range(COUNT)]
        each = (resident(running) - memory) / COUNT
        print(f"{each:.1f} KiB for each idle connection over HTTP/2")
        assert each < KIB_MAX
        assert peers[0].request().status == 200
    finally:
        for peer in peers:
            peer.close()
    rest(running, before)
