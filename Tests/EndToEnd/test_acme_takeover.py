"""Whatever befalls the server that orders, another one goes on, and the CA is not asked twice."""

import signal

from support.acme_fleet import NAME, report
from support.processes import eventually

# The lease of the server that orders, and some for the order.
TAKEOVER = 15 + 15


def test_whenever_the_server_that_orders_dies_another_goes_on_with_its_order(ordering):
    # All at once, since each has to wait until the lease of the dead is over.
    steps = {"authorization": 1, "challenge": 1, "finalize": 1, "certificate": 1, "newOrder": 2}
    fleets = {kind: ordering(NAME, prepare=lambda relay, _: relay.hold(kind)) for kind in steps}
    for made in fleets.values():
        made.prepared.wait(30)
        made.dead = made.wait_for_holder()
    for made in fleets.values():
        made.dead.child.kill()
        made.ca.lead_to(*(edge for edge in made.edges if edge is not made.dead))
        # The dead are not heard any more, nor asked.
        made.relay.heal()
    for kind, made in fleets.items():
        (left,) = [edge for edge in made.edges if edge is not made.dead]
        made.issued(edges=[left], seconds=TAKEOVER)
        assert made.holder is left
        # Before the order's URL was stored nobody could know of it.
        assert made.relay.count("newOrder") == steps[kind], kind
        assert len({each.protected["kid"] for each in made.relay.of("newOrder")}) == 1
        eventually(lambda: not made.records("challenges/"), "what the CA was shown is taken away")


def test_a_server_that_was_frozen_past_its_lease_writes_nothing_when_it_awakes(ordering):
    made = ordering(NAME, prepare=lambda relay, _: relay.hold("certificate", after=True))
    made.prepared.wait()
    frozen = made.wait_for_holder()
    frozen.child.signal(signal.SIGSTOP)
    try:
        other = made.wait_for_holder(frozen, seconds=TAKEOVER)
        made.ca.lead_to(other)
        made.relay.heal()
        serial = made.issued(edges=[other])
        stored = made.records("orders/")
    finally:
        frozen.child.signal(signal.SIGCONT)
    assert made.issued() == serial
    eventually(lambda: report(frozen)[1]["holder"] == other.configuration["node"], "it knows who orders")
    # What it heard from the CA while it was still is of no use any more.
    assert made.records("orders/") == stored and made.relay.count("newOrder") == 1
    assert report(frozen)[0] == 0
    assert made.cluster.control_json("get", "/edgeproxy/certificates/" + NAME)["kvs"][0]["version"] == 1
