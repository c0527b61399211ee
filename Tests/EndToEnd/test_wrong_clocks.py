"""Clocks that are set to any time. The clock is shifted by a library that sanitizers do not bear."""

import pytest

from support.admin import status
from support.processes import eventually
from test_the_port import is_open


@pytest.mark.parametrize("years", [-60, 240, 300_000])
def test_a_clock_that_is_wrong_by_any_number_of_years_ends_no_server(edge, scripted, shifted_clock, years):
    running = edge({"app1": [scripted().address]}, environment=shifted_clock(years * 31_557_600), wait=False)
    eventually(lambda: is_open(running.http_port), "the plain port opens")
    with running.plain_client() as monitor:
        for _ in range(3):
            response = monitor.request(path="/healthz")
            # A certificate is valid at none of these times.
            assert (response.status, response.body.strip()) == (503, b"no-certificate")
    assert not status(running)["certificates"]["served"]
    running.drain()
    assert running.child.wait() == 0
