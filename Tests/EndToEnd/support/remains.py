"""What a proxy still has when its clients have gone."""

import os
import re
from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from .admin import ask
from .processes import Timeout, eventually

GAUGES = ("connections", "held", "memory_bytes", "temporary_file_bytes", "node_in_flight")


def gauges(running):
    """The metrics that are nothing at rest, summed over workers and nodes."""
    families = text_string_to_metric_families(ask(running.admin, "/metrics").body.decode())
    sums = {}
    for sample in (each for family in families for each in family.samples):
        name = sample.name.removeprefix("edgeproxy_")
        if name in GAUGES:
            sums[name] = sums.get(name, 0) + sample.value
    assert set(sums) == set(GAUGES)
    return sums


def resident(running):
    """KiB of memory that the proxy has."""
    with open(f"/proc/{running.child.pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])


def descriptors(running):
    """How many descriptors of each kind are open, as soon as two looks agree."""
    def look():
        place, found = f"/proc/{running.child.pid}/fd", []
        for name in running.child.descriptors:
            try:
                found.append(re.sub(r"socket:.*", "socket", os.readlink(f"{place}/{name}")))
            except FileNotFoundError:
                pass
        return Counter(found)

    looks = [look()]
    eventually(lambda: looks.append(look()) or looks[-1] == looks[-2], "nothing is opened or closed")
    return looks[-1]


def rest(running, known=None):
    """What there is when everybody has gone; with `known`, as soon as that is all there is again."""
    _becomes_empty(lambda: {name: value for name, value in gauges(running).items() if value})
    if known:
        _becomes_empty(lambda: descriptors(running) - known)
    return descriptors(running)


def _becomes_empty(ask, seconds=40):
    try:
        eventually(lambda: not ask(), "everybody has gone", seconds)
    except Timeout:
        assert not ask(), ask()
