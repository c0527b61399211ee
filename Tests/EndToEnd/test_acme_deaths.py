"""A server that dies while it orders a certificate; the next process goes on with what it has left."""

import pytest

from support.acme_edges import NAME, row, served
from support.processes import eventually


# What the authority has done when the server dies, and how many orders there are then in the end: where the answer
# with the address of the order is lost, nobody can go on with it.
@pytest.mark.parametrize("kind, after, orders", [
    ("newAccount", True, 1), ("newOrder", True, 2), ("authorization", True, 1), ("challenge", False, 1),
    ("finalize", True, 1), ("order", True, 1), ("certificate", True, 1)])
def test_a_server_that_dies_in_the_midst_of_an_order_goes_on_with_it(acme, ordering_edge, kind, after, orders):
    authority = acme()
    relay = authority.relay
    held = relay.hold(kind, after)
    running = ordering_edge(authority, NAME)
    held.wait()
    running.child.kill()
    if after:
        relay.heal()
        running.start(wait=False)
    else:
        # What waits would be answered by nobody until the next process shows what it asks for.
        running.start(wait=False)
        eventually(lambda: relay.count(kind) == 2, f"the next process asks for {kind}")
        relay.heal()
    first = served(running, authority)
    assert relay.count("newOrder") == orders
    assert len({each.last for each in relay.of("certificate")}) == 1
    assert len({each.payload.get("onlyReturnExisting") for each in relay.of("newAccount")}) == 1
    running.child.wait_for_line("certificate issued")
    assert served(running, authority).serial == first.serial and row(running)["attempts"] == 0
